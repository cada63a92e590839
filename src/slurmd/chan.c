/* The socketpair between listener and launcher.  SOCK_SEQPACKET keeps messages whole; big things
 * travel as sealed memory behind a descriptor. */
#include "slurmd/chan.h"

#include "base/cleanup.h"
#include "base/list.h"
#include "base/log.h"
#include "base/xalloc.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define READS_PER_EVENT 64 /* so that one busy half does not starve the other's timers */

struct queued {
    struct list link;
    struct chan_head head;
    int fd;
    size_t len;
    uint8_t body[];
};

struct chan {
    int fd;
    struct loop_fd *source;
    struct list queue;
    chan_fn *fn;
    chan_gone_fn *gone;
    void *ctx;
};

static void on_event(void *ctx, int fd, unsigned events);

struct chan *chan_new(struct loop *l, int fd, chan_fn *fn, chan_gone_fn *gone, void *ctx)
{
    struct chan *c = xcalloc(1, sizeof *c);

    *c = (struct chan){ .fd = fd, .fn = fn, .gone = gone, .ctx = ctx };
    list_init(&c->queue);
    fcntl(fd, F_SETFL, O_NONBLOCK);
    c->source = loop_add_fd(l, fd, LOOP_READ, on_event, c);
    return c;
}

static void queued_free(struct queued *q)
{
    list_remove(&q->link);
    if (q->fd >= 0)
        close(q->fd);
    free(q);
}

void chan_free(struct chan *c)
{
    if (!c)
        return;
    loop_remove_fd(c->source);
    close(c->fd);
    LIST_FOREACH(it, &c->queue)
        queued_free(list_entry(it, struct queued, link));
    free(c);
}

/* ---- sending */

static int send_now(int sock, const struct chan_head *h, const void *body, size_t len, int fd)
{
    struct iovec parts[2] = { { (void *)h, sizeof *h }, { (void *)body, len } };
    union {
        struct cmsghdr align;
        char room[CMSG_SPACE(sizeof(int))];
    } control = { 0 };
    struct msghdr m = { .msg_iov = parts, .msg_iovlen = 2 };

    if (fd >= 0) {
        m.msg_control = control.room;
        m.msg_controllen = sizeof control.room;
        struct cmsghdr *c = CMSG_FIRSTHDR(&m);
        *c = (struct cmsghdr){ .cmsg_level = SOL_SOCKET,
                               .cmsg_type = SCM_RIGHTS,
                               .cmsg_len = CMSG_LEN(sizeof fd) };
        memcpy(CMSG_DATA(c), &fd, sizeof fd);
    }
    return sendmsg(sock, &m, MSG_NOSIGNAL) < 0 ? -errno : 0;
}

int chan_fd(const struct chan *c)
{
    return c->fd;
}

int chan_send_on(int fd, const struct chan_head *h, const void *body, size_t len)
{
    return send_now(fd, h, body, len < CHAN_BODY_MAX ? len : CHAN_BODY_MAX, -1);
}

void chan_send(struct chan *c, const struct chan_head *h, const void *body, size_t len, int fd)
{
    if (len > CHAN_BODY_MAX)
        len = CHAN_BODY_MAX;
    if (list_empty(&c->queue) && send_now(c->fd, h, body, len, fd) == 0)
        return;

    struct queued *q = xcalloc(1, sizeof *q + len);
    *q = (struct queued){ .head = *h,
                          .len = len,
                          .fd = fd < 0 ? -1 : fcntl(fd, F_DUPFD_CLOEXEC, 0) };
    if (len)
        memcpy(q->body, body, len);
    list_add_tail(&c->queue, &q->link);
    loop_set_events(c->source, LOOP_READ | LOOP_WRITE);
}

static void flush(struct chan *c)
{
    LIST_FOREACH(it, &c->queue) {
        struct queued *q = list_entry(it, struct queued, link);
        if (send_now(c->fd, &q->head, q->body, q->len, q->fd) < 0)
            return; /* EAGAIN; anything else shows as a hang-up on reading */
        queued_free(q);
    }
    loop_set_events(c->source, LOOP_READ);
}

/* ---- receiving */

static int received_fd(struct msghdr *m)
{
    struct cmsghdr *c = CMSG_FIRSTHDR(m);
    int fd = -1;

    if (c && c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS &&
        c->cmsg_len == CMSG_LEN(sizeof fd))
        memcpy(&fd, CMSG_DATA(c), sizeof fd);
    return fd;
}

/* One message; false when there is none now.  gone() is last: it may free the channel. */
static bool receive(struct chan *c)
{
    struct chan_head h;
    uint8_t body[CHAN_BODY_MAX];
    struct iovec parts[2] = { { &h, sizeof h }, { body, sizeof body } };
    union {
        struct cmsghdr align;
        char room[CMSG_SPACE(sizeof(int))];
    } control;
    struct msghdr m = { .msg_iov = parts,
                        .msg_iovlen = 2,
                        .msg_control = control.room,
                        .msg_controllen = sizeof control.room };

    ssize_t n = recvmsg(c->fd, &m, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return false;
    if (n <= 0) {
        c->gone(c->ctx);
        return false;
    }
    CLEANUP(closep) int fd = received_fd(&m);
    if ((size_t)n < sizeof h || (m.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) || !h.type ||
        h.type >= CHAN_TYPES)
        log_error("slurmd's other half sent a broken message of %zd bytes", n);
    else
        c->fn(c->ctx, &h, body, (size_t)n - sizeof h, &fd);
    return true;
}

static void on_event(void *ctx, int fd, unsigned events)
{
    struct chan *c = ctx;

    if (events & LOOP_WRITE)
        flush(c);
    if (events & (LOOP_READ | LOOP_HUP))
        for (int i = 0; i < READS_PER_EVENT && receive(c); i++)
            ;
}
