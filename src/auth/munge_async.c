/* The client for daemons: never blocks, keeps calls in order, and waits for a munged that is away.
 *
 * A call is in one of two lists: waiting, or flying with a connection of its own.  Two things can
 * go wrong with a connection.  Not getting one means that munged is away: everybody waits, longer
 * each time.  Losing one means that this call's answer is lost: it goes to the end of the queue
 * with its retry byte raised. */
#include "auth/munge_message.h"
#include "base/clock.h"
#include "base/list.h"
#include "base/xalloc.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define PAUSE_FIRST_MS 50
#define PAUSE_MAX_MS 10000
#define MS 1000000LL

struct call {
    struct list link; /* in waiting or flying */
    struct munge_async *client;
    uint8_t reply_type;
    void *ctx;
    munge_encoded_fn *encoded; /* the one that belongs to reply_type */
    munge_decoded_fn *decoded;
    munge_status_fn *status;
    int64_t give_up_ns;
    unsigned losses; /* connections lost so far */
    struct buf request, reply;
    size_t sent;
    int fd; /* -1 while waiting, as the next two are NULL */
    struct loop_fd *watch;
    struct loop_timer *deadline;
};

struct munge_async {
    struct loop *loop;
    char *path;
    struct list waiting, flying;
    unsigned waiting_n, flying_n;
    int pause_ms; /* before the next attempt to connect; 0: munged is there */
    struct loop_timer *wake;
};

static void on_wake(void *ctx);
static void on_ready(void *ctx, int fd, unsigned events);
static void on_late(void *ctx);
static void call_free(struct call *c);
static void call_fail(struct call *c, const char *text);

struct munge_async *munge_async_new(struct loop *loop, const char *socket)
{
    struct munge_async *m = xcalloc(1, sizeof *m);

    m->loop = loop;
    m->path = xstrdup(socket ? socket : MUNGE_SOCKET);
    list_init(&m->waiting);
    list_init(&m->flying);
    m->wake = loop_add_timer(loop, -1, on_wake, m);
    return m;
}

void munge_async_free(struct munge_async *m)
{
    if (!m)
        return;
    LIST_FOREACH(it, &m->waiting)
        call_free(list_entry(it, struct call, link));
    LIST_FOREACH(it, &m->flying)
        call_free(list_entry(it, struct call, link));
    loop_remove_timer(m->wake);
    free(m->path);
    free(m);
}

/* ---- calls */

static struct call *call_new(struct munge_async *m, uint8_t reply_type, void *ctx)
{
    struct call *c = xcalloc(1, sizeof *c);

    c->client = m;
    c->reply_type = reply_type;
    c->ctx = ctx;
    c->fd = -1;
    c->give_up_ns = clock_mono_ns() + MUNGE_ASYNC_PATIENCE_MS * MS;
    list_init(&c->link);
    return c;
}

static int call_queue(struct call *c)
{
    struct munge_async *m = c->client;

    if (m->waiting_n >= MUNGE_QUEUE_MAX) {
        call_free(c);
        return -MUNGE_NO_MEMORY;
    }
    list_add_tail(&m->waiting, &c->link);
    m->waiting_n++;
    if (m->pause_ms == 0)
        loop_set_timer(m->wake, 0);
    return 0;
}

int munge_async_encode(struct munge_async *m, uid_t restrict_uid, const void *payload, size_t len,
                       munge_encoded_fn *fn, void *ctx)
{
    struct call *c = call_new(m, MUNGE_ENCODE_REPLY, ctx);
    struct munge_wish wish = MUNGE_WISH;

    wish.auth_uid = restrict_uid;
    wish.payload = payload;
    wish.len = len;
    c->encoded = fn;
    int err = munge_put_encode(&c->request, &wish, NULL);
    if (err == 0)
        return call_queue(c);
    call_free(c);
    return err;
}

int munge_async_decode(struct munge_async *m, const char *cred, size_t len, munge_decoded_fn *fn,
                       void *ctx)
{
    struct call *c = call_new(m, MUNGE_DECODE_REPLY, ctx);

    c->decoded = fn;
    int err = munge_put_decode(&c->request, cred, len, NULL);
    if (err == 0)
        return call_queue(c);
    call_free(c);
    return err;
}

int munge_async_status(struct munge_async *m, munge_status_fn *fn, void *ctx)
{
    struct call *c = call_new(m, MUNGE_STATUS_REPLY, ctx);

    c->status = fn;
    munge_put_status(&c->request);
    return call_queue(c);
}

static void cancel_in(struct list *calls, const void *ctx)
{
    LIST_FOREACH(it, calls) {
        struct call *c = list_entry(it, struct call, link);
        if (c->ctx == ctx)
            call_free(c);
    }
}

void munge_async_cancel(struct munge_async *m, void *ctx)
{
    cancel_in(&m->waiting, ctx);
    cancel_in(&m->flying, ctx);
}

static void call_land(struct call *c)
{
    loop_remove_fd(c->watch);
    loop_remove_timer(c->deadline);
    if (c->fd >= 0)
        close(c->fd);
    c->watch = NULL;
    c->deadline = NULL;
    c->fd = -1;
}

/* Takes the call out of its list, which also makes room for another. */
static void call_unlink(struct call *c)
{
    struct munge_async *m = c->client;

    if (list_empty(&c->link))
        return;
    list_remove(&c->link);
    if (c->fd < 0) {
        m->waiting_n--;
        return;
    }
    m->flying_n--;
    if (m->waiting_n > 0 && m->pause_ms == 0)
        loop_set_timer(m->wake, 0);
}

static void call_free(struct call *c)
{
    call_unlink(c);
    call_land(c);
    buf_fini(&c->request);
    buf_fini(&c->reply);
    free(c);
}

/* ---- connecting */

static int dial(const struct munge_async *m)
{
    struct sockaddr_un to = { .sun_family = AF_UNIX };

    if ((size_t)snprintf(to.sun_path, sizeof to.sun_path, "%s", m->path) >= sizeof to.sun_path)
        return -ENAMETOOLONG;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -errno;
    if (connect(fd, (struct sockaddr *)&to, sizeof to) == 0)
        return fd;
    int err = -errno;
    close(fd);
    return err;
}

static void call_start(struct call *c, int fd)
{
    struct munge_async *m = c->client;

    list_remove(&c->link);
    m->waiting_n--;
    list_add_tail(&m->flying, &c->link);
    m->flying_n++;
    c->fd = fd;
    c->sent = 0;
    buf_reset(&c->reply);
    c->request.data[MUNGE_RETRY_AT] = (uint8_t)c->losses;
    c->watch = loop_add_fd(m->loop, fd, LOOP_WRITE, on_ready, c);
    c->deadline = loop_add_timer(m->loop, 2 * MUNGE_DEADLINE_MS, on_late, c);
}

/* Calls that waited too long; those at the head are the oldest, give or take a retry. */
static void fail_impatient(struct munge_async *m, const char *why)
{
    char text[256];
    int64_t now = clock_mono_ns();

    snprintf(text, sizeof text, "munged does not answer at \"%s\": %s (Did you start munged?)",
             m->path, why);
    while (!list_empty(&m->waiting)) {
        struct call *c = list_entry(m->waiting.next, struct call, link);
        if (c->give_up_ns > now)
            return;
        call_fail(c, text);
    }
}

static void pause_longer(struct munge_async *m)
{
    m->pause_ms = m->pause_ms == 0 ? PAUSE_FIRST_MS : m->pause_ms * 2;
    if (m->pause_ms > PAUSE_MAX_MS)
        m->pause_ms = PAUSE_MAX_MS;
    loop_set_timer(m->wake, m->pause_ms);
}

static void on_wake(void *ctx)
{
    struct munge_async *m = ctx;

    while (m->waiting_n > 0 && m->flying_n < MUNGE_IN_FLIGHT) {
        int fd = dial(m);
        if (fd < 0) {
            fail_impatient(m, strerror(-fd));
            pause_longer(m);
            return;
        }
        m->pause_ms = 0;
        call_start(list_entry(m->waiting.next, struct call, link), fd);
    }
}

/* ---- one exchange */

/* The callback may make new calls, so this one is out of all lists by then. */
static void call_fail(struct call *c, const char *text)
{
    const struct munge_found none = { .code = MUNGE_SOCKET_ERROR };

    call_unlink(c);
    call_land(c);
    if (c->encoded)
        c->encoded(c->ctx, MUNGE_SOCKET_ERROR, NULL, text);
    else if (c->decoded)
        c->decoded(c->ctx, &none, text);
    else
        c->status(c->ctx, MUNGE_SOCKET_ERROR, NULL);
    call_free(c);
}

static void call_lost(struct call *c, const char *why)
{
    struct munge_async *m = c->client;

    if (++c->losses >= MUNGE_RETRIES || c->give_up_ns < clock_mono_ns()) {
        call_fail(c, why);
        return;
    }
    call_unlink(c);
    call_land(c);
    list_add_tail(&m->waiting, &c->link);
    m->waiting_n++;
    if (m->pause_ms == 0 && m->waiting_n == 1)
        loop_set_timer(m->wake, 10 * c->losses);
}

static void on_late(void *ctx)
{
    call_lost(ctx, "munged does not answer in time");
}

static void encoded(struct call *c, struct err *e)
{
    const char *cred = NULL;

    int err = munge_get_encoded(c->reply.data, c->reply.len, &cred, e);
    c->encoded(c->ctx, -err, cred, e->text);
}

static void decoded(struct call *c, struct err *e)
{
    struct munge_found found;

    int err = munge_get_decoded(c->reply.data, c->reply.len, &found, e);
    found.code = -err;
    c->decoded(c->ctx, &found, e->text);
}

static void status_told(struct call *c, struct err *e)
{
    const char *text;
    size_t len = 0;

    int err = munge_get_status(c->reply.data, c->reply.len, &text, &len, e);
    char *copy = err == 0 ? xstrndup(text, len) : NULL;
    c->status(c->ctx, -err, copy);
    free(copy);
}

static void call_done(struct call *c)
{
    struct err e = { 0 };

    call_unlink(c);
    call_land(c);
    if (c->encoded)
        encoded(c, &e);
    else if (c->decoded)
        decoded(c, &e);
    else
        status_told(c, &e);
    call_free(c);
}

static void request_send(struct call *c)
{
    ssize_t n = send(c->fd, c->request.data + c->sent, c->request.len - c->sent, MSG_NOSIGNAL);

    if (n < 0 && errno == EAGAIN)
        return;
    if (n < 0) {
        call_lost(c, "munged closed the connection");
        return;
    }
    c->sent += (size_t)n;
    if (c->sent == c->request.len)
        loop_set_events(c->watch, LOOP_READ);
}

static void reply_receive(struct call *c)
{
    ssize_t need = munge_reply_length(c->reply.data, c->reply.len, c->reply_type);
    size_t room = need > 0 ? (size_t)need - c->reply.len : MUNGE_HEADER - c->reply.len;

    buf_reserve(&c->reply, room);
    ssize_t n = recv(c->fd, c->reply.data + c->reply.len, room, 0);
    if (n < 0 && errno == EAGAIN)
        return;
    if (n <= 0) {
        call_lost(c, "munged closed the connection");
        return;
    }
    c->reply.len += (size_t)n;
    need = munge_reply_length(c->reply.data, c->reply.len, c->reply_type);
    if (need < 0)
        call_fail(c, "Received an invalid reply from munged");
    else if (need > 0 && c->reply.len == (size_t)need)
        call_done(c);
}

static void on_ready(void *ctx, int fd, unsigned events)
{
    struct call *c = ctx;

    if (c->sent < c->request.len)
        request_send(c);
    else
        reply_receive(c);
}
