/* The connections of munged.
 *
 * Where there is io_uring, a request that is there by the time we look is received, judged and
 * answered on the ring (ring.c).  All others, and all where there is none, are descriptors:
 *
 * A connection costs five system calls when its request is there by the time we look: accept, peer,
 * receive, send, close.  Only one that is not there yet, or whose reply does not fit the socket, is
 * put into the loop and the list of deadlines.  Connections to serve wait in a queue of their user;
 * the users are served in turn. */
#include "munged/serve.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/xalloc.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#define DEADLINE_NS (MUNGE_DEADLINE_MS * 1000000LL)

struct user {
    uint32_t uid;
    unsigned conns;
    size_t bytes;      /* in buffers of its connections */
    struct list link;  /* in server.busy while `queue` is not empty */
    struct list queue; /* connections to serve */
    struct log_limit log;
};

struct conn {
    struct server *server;
    struct slab_ref ref;
    struct user *user;
    struct caller who;
    int fd;                /* -1 on the ring */
    struct ring_conn *on;  /* the ring, as long as one look and one reply suffice */
    struct loop_fd *watch; /* NULL until it had to wait */
    struct list queued;    /* in user.queue, or alone */
    struct list waits;     /* in server.waiting, or alone */
    int64_t deadline_ns;
    struct buf bytes; /* the request so far; then what is left of the reply */
    size_t sent;
    bool is_sending;
    struct memory memory; /* of the reply being sent */
};

static void on_listen(void *ctx, int fd, unsigned events);
static void ring_arrived(void *ctx, struct ring_conn *on);
static void ring_left(void *ctx, struct ring_conn *on, int fd);
static void ring_unsent(void *ctx, struct ring_conn *on);
static void on_deadline(void *ctx);
static void on_again(void *ctx);
static void on_conn(void *ctx, int fd, unsigned events);
static void conn_queue(struct conn *c);
static void conn_wait(struct conn *c, unsigned events);
static void conn_serve(struct conn *c);
static void conn_quick(struct conn *c);
static void conn_read(struct conn *c);
static void conn_write(struct conn *c);
static void conn_free(struct conn *c);

/* Half of the descriptors at most would be a waste; a few are needed for files. */
static unsigned conns_limit(void)
{
    struct rlimit files;

    if (getrlimit(RLIMIT_NOFILE, &files) < 0 || files.rlim_cur < 256)
        return 128;
    return files.rlim_cur > 65536 ? 65536 - 64 : (unsigned)files.rlim_cur - 64;
}

void server_open(struct server *s, struct loop *loop, struct guard *guard, int listen_fd)
{
    static const struct ring_calls ring_calls = { ring_arrived, ring_left, ring_unsent };
    struct err e;

    s->guard = guard;
    s->loop = loop;
    s->listen_fd = listen_fd;
    s->conns_max = conns_limit();
    list_init(&s->busy);
    list_init(&s->waiting);
    slab_init(&s->conns, sizeof(struct conn));
    s->deadline = loop_add_timer(loop, -1, on_deadline, s);
    s->again = loop_add_timer(loop, -1, on_again, s);
    s->listen = loop_add_fd(loop, listen_fd, LOOP_READ, on_listen, s);
    if (ring_new(&s->ring, listen_fd, &ring_calls, s, &e) == 0) {
        s->conns_max = s->conns_max < ring_room(s->ring) ? s->conns_max : ring_room(s->ring);
        log_info("Serving by io_uring");
    } else {
        log_info("Serving by a system call for each step: %s", e.text);
    }
}

void server_close(struct server *s)
{
    uint32_t at = 0;
    uint64_t uid;
    void *user;

    for (uint32_t i = 0; i < s->conns.end; i++) {
        struct conn *c = slab_at(&s->conns, i);
        if (c)
            conn_free(c);
    }
    while (map_next(&s->users, &at, &uid, &user))
        free(user);
    map_fini(&s->users);
    slab_fini(&s->conns);
    loop_remove_timer(s->deadline);
    loop_remove_timer(s->again);
    loop_remove_fd(s->listen);
    ring_free(s->ring);
    buf_fini(&s->reply);
}

/* Users are kept between their connections for the rate limit of their log lines, hence not
 * freed with the last one. */
void server_tidy(struct server *s)
{
    uint32_t at = 0;
    uint64_t uid;
    void *value;

    while (map_next(&s->users, &at, &uid, &value)) {
        const struct user *u = value;
        if (u->conns == 0)
            free(map_del(&s->users, uid));
    }
}

/* Somebody to serve.  What the ring was asked is done first: replies go out, requests come in.  It
 * is run until it asks for nothing more, but not for as long as a flood would have it. */
static bool is_busy(struct server *s)
{
    bool asks = s->ring;

    for (int n = 0; n < SERVE_RING_RUNS && asks && list_empty(&s->busy); n++)
        asks = ring_run(s->ring);
    return !list_empty(&s->busy);
}

/* One connection of each user in turn, until all are served or the time is over. */
void server_turn(struct server *s)
{
    int64_t end = 0;

    while (is_busy(s)) {
        struct user *u = list_entry(s->busy.next, struct user, link);
        struct conn *c = list_entry(u->queue.next, struct conn, queued);
        list_remove(&c->queued);
        list_remove(&u->link);
        if (!list_empty(&u->queue))
            list_add_tail(&s->busy, &u->link);
        conn_serve(c);
        int64_t now = clock_mono_ns();
        if (end == 0)
            end = now + SERVE_TURN_NS;
        if (now > end)
            break;
    }
    /* When the time was over, the replies so far need not wait for the others. */
    bool asks = s->ring && ring_run(s->ring);
    if (asks || !list_empty(&s->busy))
        loop_set_timer(s->again, 0);
}

static void on_again(void *ctx)
{
    /* Its work is to have woken the loop: the turn comes next. */
}

/* ---- arrival */

static struct user *user_of(struct server *s, uint32_t uid)
{
    struct user *u = map_get(&s->users, uid);

    if (u)
        return u;
    u = xcalloc(1, sizeof *u);
    u->uid = uid;
    list_init(&u->link);
    list_init(&u->queue);
    map_put(&s->users, uid, u);
    return u;
}

/* Makes room: the oldest waiting connection of the user who has most, or the last in the queue. */
static void evict(struct server *s)
{
    struct user *heaviest = NULL;
    uint32_t at = 0;
    uint64_t uid;
    void *value;

    while (map_next(&s->users, &at, &uid, &value)) {
        struct user *u = value;
        if (!heaviest || u->conns > heaviest->conns)
            heaviest = u;
    }
    struct conn *out = NULL;
    LIST_FOREACH(it, &s->waiting) {
        out = list_entry(it, struct conn, waits);
        if (out->user == heaviest)
            break;
        out = NULL;
    }
    if (!out && heaviest && !list_empty(&heaviest->queue))
        out = list_entry(heaviest->queue.prev, struct conn, queued);
    if (!out)
        return;
    log_limited(&heaviest->log, 1, LOG_INFO, "Too many connections: closed one of UID=%u",
                heaviest->uid);
    conn_free(out);
}

/* No deadline is armed and nothing is watched yet: most requests have arrived before us. */
static struct conn *conn_new(struct server *s, const struct caller *who)
{
    struct slab_ref ref;
    struct conn *c = slab_new(&s->conns, &ref);

    c->server = s;
    c->ref = ref;
    c->fd = -1;
    c->who = *who;
    c->user = user_of(s, who->uid);
    c->user->conns++;
    list_init(&c->queued);
    list_init(&c->waits);
    return c;
}

/* The identity is the kernel's, as of connect; what the client says of itself is never asked. */
static void conn_accepted(struct server *s, int fd)
{
    struct ucred peer;
    socklen_t len = sizeof peer;

    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) < 0) {
        close(fd);
        return;
    }
    struct conn *c = conn_new(s, &(struct caller){ peer.uid, peer.gid, peer.pid });
    c->fd = fd;
    conn_queue(c);
}

/* Takes all that wait, so that the queue of the kernel does not fill: clients before 0.5.16 give
 * up at once when it is full.  At the limit somebody is put out for each newcomer, never the
 * newcomer. */
static void on_listen(void *ctx, int fd, unsigned events)
{
    struct server *s = ctx;

    if (s->ring)
        ring_accept(s->ring);
    for (int n = 0; n < SERVE_ACCEPTS && !s->ring; n++) {
        if (s->conns.count >= s->conns_max)
            evict(s);
        int peer = accept4(fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (peer < 0 && (errno == EMFILE || errno == ENFILE))
            evict(s);
        if (peer < 0)
            return;
        conn_accepted(s, peer);
    }
}

static void on_conn(void *ctx, int fd, unsigned events)
{
    conn_queue(ctx);
}

/* ---- the ring */

/* Who has said nothing yet has to wait, and waits as a descriptor. */
static void ring_arrived(void *ctx, struct ring_conn *on)
{
    struct server *s = ctx;

    if (s->conns.count >= s->conns_max)
        evict(s);
    struct conn *c = conn_new(s, &on->who);
    c->on = on;
    on->owner = c;
    if (on->len > 0)
        conn_queue(c);
    else
        ring_leave(on);
}

static void ring_left(void *ctx, struct ring_conn *on, int fd)
{
    struct conn *c = on->owner;

    c->on = NULL;
    c->fd = fd;
    if (fd >= 0)
        conn_queue(c);
    else
        conn_free(c);
}

static void ring_unsent(void *ctx, struct ring_conn *on)
{
    struct server *s = ctx;

    guard_forget(s->guard, &on->memory);
}

/* ---- waiting */

static void conn_queue(struct conn *c)
{
    struct user *u = c->user;

    if (!list_empty(&c->queued))
        return;
    if (list_empty(&u->queue))
        list_add_tail(&c->server->busy, &u->link);
    list_add_tail(&u->queue, &c->queued);
}

/* One timer for all: that of whoever has waited longest. */
static void deadline_arm(struct server *s)
{
    const struct conn *first = list_entry(s->waiting.next, struct conn, waits);

    if (list_empty(&s->waiting))
        return;
    int64_t left = first->deadline_ns - clock_mono_ns();
    loop_set_timer(s->deadline, left > 0 ? left / 1000000 + 1 : 0);
}

static void deadline_renew(struct conn *c, int64_t now)
{
    c->deadline_ns = now + DEADLINE_NS;
    list_remove(&c->waits);
    list_add_tail(&c->server->waiting, &c->waits);
}

/* The deadlines are equally long, so the list is in their order when entries join at its end.  A
 * clock is read only for those who must wait: until then what is late is us. */
static void conn_wait(struct conn *c, unsigned events)
{
    struct server *s = c->server;

    if (list_empty(&c->waits)) {
        bool is_first = list_empty(&s->waiting);
        c->deadline_ns = clock_mono_ns() + DEADLINE_NS;
        list_add_tail(&s->waiting, &c->waits);
        if (is_first)
            deadline_arm(s);
    }
    if (!c->watch)
        c->watch = loop_add_fd(s->loop, c->fd, events, on_conn, c);
    else
        loop_set_events(c->watch, events);
}

/* A connection that is queued has done its part: what is late then is us. */
static void on_deadline(void *ctx)
{
    struct server *s = ctx;
    int64_t now = clock_mono_ns();

    while (!list_empty(&s->waiting)) {
        struct conn *c = list_entry(s->waiting.next, struct conn, waits);
        if (c->deadline_ns > now)
            break;
        if (!list_empty(&c->queued)) {
            deadline_renew(c, now);
            continue;
        }
        log_limited(&c->user->log, 1, LOG_INFO, "Timed out %s client UID=%u PID=%d",
                    c->is_sending ? "sending to" : "waiting for", c->who.uid, c->who.pid);
        conn_free(c);
    }
    deadline_arm(s);
}

/* ---- one request */

static void conn_serve(struct conn *c)
{
    if (c->on)
        conn_quick(c);
    else if (c->is_sending)
        conn_write(c);
    else
        conn_read(c);
}

/* An invalid credential most often means another key, so the line has the fingerprint to
 * compare. */
static void failure_log(struct conn *c, const struct verdict *v)
{
    const struct keyring *keys = &c->server->guard->keys;

    if (v->code == MUNGE_INVALID)
        log_limited(
            &c->user->log, 1, LOG_INFO,
            "%s: made with another key, or altered; key fingerprint here %s (UID=%u PID=%d)",
            v->why.text, keys->keys[0]->fingerprint, c->who.uid, c->who.pid);
    else
        log_limited(&c->user->log, 1, LOG_INFO, "%s (UID=%u PID=%d)", v->why.text, c->who.uid,
                    c->who.pid);
}

/* Keeps what has arrived of a longer message, or what is left of a reply, as far as its user may
 * still have memory: a reply can be a thousand times as long as the request for it. */
static bool conn_keep(struct conn *c, const uint8_t *p, size_t len)
{
    if (c->user->bytes + len > SERVE_USER_BYTES) {
        log_limited(&c->user->log, 1, LOG_INFO, "Too many unfinished messages of UID=%u",
                    c->who.uid);
        return false;
    }
    c->user->bytes += len;
    buf_put(&c->bytes, p, len);
    return true;
}

/* The reply to a whole request, in s->reply. */
static void conn_judge(struct conn *c, const struct request *q, struct memory *ret)
{
    struct server *s = c->server;
    struct verdict v;

    guard_answer(s->guard, &c->who, q, (uint32_t)clock_wall_s(), &s->reply, &v);
    if (v.code)
        failure_log(c, &v);
    *ret = v.memory;
}

/* Keeps the reply from `sent` on, to be sent as the socket has room; false: the connection is
 * gone. */
static bool conn_keep_reply(struct conn *c, size_t sent, const struct memory *m)
{
    struct server *s = c->server;

    c->is_sending = true;
    c->memory = *m;
    c->user->bytes -= c->bytes.len;
    buf_reset(&c->bytes);
    if (conn_keep(c, s->reply.data + sent, s->reply.len - sent))
        return true;
    guard_forget(s->guard, m);
    conn_free(c);
    return false;
}

/* One send in nearly every case: a reply that does not fit the socket is kept and sent on by the
 * loop.  The decode counts as long as the client may still get the answer. */
static void conn_answer(struct conn *c, const struct request *q)
{
    struct server *s = c->server;
    struct memory memory;

    conn_judge(c, q, &memory);
    ssize_t n = send(c->fd, s->reply.data, s->reply.len, MSG_NOSIGNAL);
    if (n == (ssize_t)s->reply.len) {
        conn_free(c);
        return;
    }
    if (n < 0 && errno != EAGAIN) {
        guard_forget(s->guard, &memory);
        conn_free(c);
        return;
    }
    if (conn_keep_reply(c, n > 0 ? (size_t)n : 0, &memory)) {
        list_remove(&c->waits);
        conn_wait(c, LOOP_WRITE);
    }
}

/* A request that arrived on the ring: what is whole and has a short reply ends there. */
static void conn_quick(struct conn *c)
{
    struct server *s = c->server;
    struct ring_conn *on = c->on;
    struct request q;
    size_t need;

    enum request_state state = request_read(on->bytes, on->len, &q, &need);
    if (state == REQUEST_WHOLE) {
        conn_judge(c, &q, &on->memory);
        if (s->reply.len <= RING_BYTES) {
            ring_reply(on, s->reply.data, s->reply.len);
            c->on = NULL;
            conn_free(c);
        } else if (conn_keep_reply(c, 0, &on->memory)) {
            ring_leave(on);
        }
        return;
    }
    if (state == REQUEST_MORE && conn_keep(c, on->bytes, on->len))
        ring_leave(on);
    else
        conn_free(c);
}

/* Reads what is there and looks whether it is a whole request.  The usual one never leaves the
 * scratch space. */
static void conn_read(struct conn *c)
{
    struct server *s = c->server;
    struct request q;
    size_t need;

    for (;;) {
        ssize_t n = recv(c->fd, s->scratch, sizeof s->scratch, 0);
        if (n < 0 && errno == EAGAIN) {
            conn_wait(c, LOOP_READ);
            return;
        }
        if (n <= 0)
            break;
        bool is_alone = c->bytes.len == 0;
        if (!is_alone && !conn_keep(c, s->scratch, (size_t)n))
            break;
        const uint8_t *p = is_alone ? s->scratch : c->bytes.data;
        enum request_state state = request_read(p, is_alone ? (size_t)n : c->bytes.len, &q, &need);
        if (state == REQUEST_WHOLE) {
            conn_answer(c, &q);
            return;
        }
        if (state == REQUEST_BAD || (is_alone && !conn_keep(c, s->scratch, (size_t)n)))
            break;
    }
    conn_free(c);
}

static void conn_write(struct conn *c)
{
    ssize_t n = send(c->fd, c->bytes.data + c->sent, c->bytes.len - c->sent, MSG_NOSIGNAL);

    if (n < 0 && errno == EAGAIN) {
        conn_wait(c, LOOP_WRITE);
        return;
    }
    c->sent += n > 0 ? (size_t)n : 0;
    if (n > 0 && c->sent < c->bytes.len) {
        conn_wait(c, LOOP_WRITE);
        return;
    }
    conn_free(c);
}

/* A reply that was not sent whole undoes what the decode remembered: the caller will ask again. */
static void conn_free(struct conn *c)
{
    struct server *s = c->server;
    struct user *u = c->user;

    assert(u->conns > 0);
    if (c->is_sending && c->sent < c->bytes.len)
        guard_forget(s->guard, &c->memory);
    list_remove(&c->waits);
    list_remove(&c->queued);
    if (list_empty(&u->queue))
        list_remove(&u->link);
    u->conns--;
    u->bytes -= c->bytes.len;
    loop_remove_fd(c->watch);
    if (c->on)
        ring_drop(c->on);
    if (c->fd >= 0)
        close(c->fd);
    buf_fini(&c->bytes);
    slab_free(&s->conns, c->ref);
}
