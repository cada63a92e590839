/* Output that may be slow (sink.h). */
#include "cli/sink.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#define CHUNK (64u << 10)
#define KEEP (256u << 10) /* a bigger buffer is given back when it runs empty */

static void on_writable(void *ctx, int fd, unsigned events);

void sink_init(struct sink *s, struct loop *l, int fd)
{
    char path[32];
    struct stat st;

    *s = (struct sink){ .fd = fd };
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    bool is_shared =
        fstat(fd, &st) == 0 && (S_ISFIFO(st.st_mode) || (S_ISCHR(st.st_mode) && isatty(fd)));
    int own = is_shared ? open(path, O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC) : -1;
    if (own >= 0) {
        s->fd = own;
        s->is_own = true;
    }
    s->watch = loop_add_fd(l, s->fd, 0, on_writable, s);
}

void sink_fini(struct sink *s)
{
    loop_remove_fd(s->watch);
    buf_fini(&s->out);
    if (s->is_own)
        close(s->fd);
    *s = (struct sink){ .fd = -1 };
}

size_t sink_waiting(const struct sink *s)
{
    return s->out.len - s->at;
}

/* Bytes written, 0 for not now, or -1. */
static ssize_t put_some(const struct sink *s)
{
    size_t len = sink_waiting(s);
    struct pollfd p = { .fd = s->fd, .events = POLLOUT };

    /* A description that others share blocks: then only what surely fits. */
    if (!s->is_own && (poll(&p, 1, 0) <= 0 || !p.revents))
        return 0;
    if (!s->is_own && len > CHUNK)
        len = CHUNK;
    ssize_t n = write(s->fd, s->out.data + s->at, len);
    return n < 0 && (errno == EAGAIN || errno == EINTR) ? 0 : n;
}

static void drain(struct sink *s)
{
    while (sink_waiting(s) > 0) {
        ssize_t n = put_some(s);
        if (n == 0)
            break;
        if (n < 0) {
            s->is_broken = true;
            s->at = s->out.len;
            break;
        }
        s->at += (size_t)n;
    }
    if (sink_waiting(s) == 0) {
        s->at = 0;
        if (s->out.cap > KEEP)
            buf_fini(&s->out);
        else
            buf_reset(&s->out);
    }
    loop_set_events(s->watch, sink_waiting(s) ? LOOP_WRITE : 0);
}

static void on_writable(void *ctx, int fd, unsigned events)
{
    drain(ctx);
}

void sink_put(struct sink *s, const void *data, size_t len)
{
    if (s->is_broken)
        return;
    buf_put(&s->out, data, len);
    drain(s);
}
