/* Connections: one state machine (conn_impl.h) between the loop and the owner's callbacks.
 *
 * Nothing is freed and no closed() is called while an event is being worked on: a connection
 * that ends becomes GONE and goes to the dirty list, which the loop flushes before each wait.
 * The same list gathers writes, so a hundred small replies are one write.  Reading is rationed
 * per batch: whoever has more waits in the hungry list while the others get their turn. */
#include "net/conn_impl.h"

#include "base/cleanup.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/xalloc.h"
#include "schema/rpc.h"
#include "wire/wire.h"

#include <assert.h>
#include <errno.h>
#include <netdb.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define CHUNK (64u << 10) /* one read */
#define UNWELCOME_MS 1    /* before those that the owner did not take are offered again */
#define BATCH_FRAMES 128u /* frames and bytes of one connection in one batch */
#define BATCH_BYTES (1u << 20)
#define OUT_PAUSE (4u << 20) /* a peer that has so much unread may not ask for more */
#define KEEP_CAP (64u << 10) /* a bigger buffer is given back when it runs empty */
#define REFUSAL_MAX 1024u

#define IO_AGAIN (-1)
#define IO_BROKEN (-2)

static void on_event(void *ctx, int fd, unsigned events);
static void on_deadline(void *ctx);
static void on_resume(void *ctx);
static bool conns_flush(void *ctx);
static bool tell_ready(struct conn *c);
static bool tell_drained(struct conn *c);
static void leave(struct conn *c);
static bool is_over(const struct conn *c);
static void conns_free(void *ctx);
static void conn_free(struct conn *c);
static void uid_release(struct conn *c);
static void step_greeting(struct conn *c);
static void step_shaking(struct conn *c);
static void step_open(struct conn *c);
static void step_leaving(struct conn *c);
static void deliver(struct conn *c, unsigned *frames);
static bool refused_by_peer(struct conn *c);
static bool write_all(struct conn *c, struct buf *b, size_t *at);
static long io_read(struct conn *c, void *p, size_t len);
static long io_write(struct conn *c, const void *p, size_t len);
static void mark_dirty(struct conn *c);
static void mark_hungry(struct conn *c);
static bool is_welcome(const struct conn *c);

/* ---- the table */

struct conns *conns_of(struct loop *l)
{
    struct loop_ext *ext = loop_ext(l);

    if (ext->ctx)
        return ext->ctx;
    struct conns *all = xcalloc(1, sizeof *all);
    all->loop = l;
    all->own_uid = geteuid();
    list_init(&all->dirty);
    list_init(&all->hungry);
    list_init(&all->unknown);
    all->resume = loop_add_timer(l, -1, on_resume, all);
    all->chunk = xmalloc(CHUNK);
    *ext = (struct loop_ext){ .ctx = all, .flush = conns_flush, .free = conns_free };
    return all;
}

int conns_tls(struct conns *all, struct err *e)
{
    return all->tls ? 0 : tls_ctx_new(&all->tls, e);
}

/* Each pass frees or settles one; closed() and ready() may add others, which are in turn then. */
static bool conns_flush(void *ctx)
{
    struct conns *all = ctx;
    bool told = false;

    while (!list_empty(&all->dirty)) {
        struct conn *c = list_entry(all->dirty.next, struct conn, dirty);
        list_remove(&c->dirty);
        told |= tell_ready(c);
        conn_flush(c);
        told |= tell_drained(c);
        if (c->state != CONN_GONE)
            continue;
        map_del(&all->by_id, c->id);
        if (c->is_shown && c->ops->closed)
            c->ops->closed(c->ctx, c, *c->why ? c->why : NULL);
        conn_free(c);
        told = true;
    }
    return told;
}

/* Always before the first frame, never from within a call of the owner. */
static bool tell_ready(struct conn *c)
{
    if (!c->owes_ready || c->state != CONN_OPEN)
        return false;
    c->owes_ready = false;
    if (c->ops->ready)
        c->ops->ready(c->ctx, c);
    return true;
}

static bool tell_drained(struct conn *c)
{
    if (!c->owes_drained || c->state != CONN_OPEN)
        return false;
    c->owes_drained = false;
    if (c->ops->drained)
        c->ops->drained(c->ctx, c);
    return true;
}

static void conns_free(void *ctx)
{
    struct conns *all = ctx;
    uint32_t at = 0;
    uint64_t id;
    void *c;

    while (map_next(&all->by_id, &at, &id, &c))
        conn_free(c);
    map_fini(&all->by_id);
    map_fini(&all->by_uid);
    loop_remove_timer(all->resume);
    tls_ctx_free(all->tls);
    free(all->chunk);
    free(all);
}

/* ---- one connection */

struct conn *conn_new(struct conns *all, int fd, enum conn_state state, const struct conn_ops *ops,
                      void *ctx)
{
    struct conn *c = xcalloc(1, sizeof *c);

    c->all = all;
    c->id = ++all->last_id;
    c->state = state;
    c->fd = -1;
    c->ops = ops;
    c->ctx = ctx;
    list_init(&c->dirty);
    list_init(&c->hungry);
    list_init(&c->unknown);
    map_put(&all->by_id, c->id, c);
    if (fd >= 0)
        conn_set_fd(c, fd);
    return c;
}

void conn_set_fd(struct conn *c, int fd)
{
    loop_remove_fd(c->watch);
    if (c->fd >= 0)
        close(c->fd);
    c->fd = fd;
    c->watch = loop_add_fd(c->all->loop, fd, 0, on_event, c);
    conn_watch(c);
}

static void conn_settled(struct conn *c)
{
    loop_remove_timer(TAKE(c->deadline));
    if (list_empty(&c->unknown))
        return;
    list_remove(&c->unknown);
    c->all->unknown_count--;
}

static void conn_free(struct conn *c)
{
    conn_settled(c);
    uid_release(c);
    list_remove(&c->dirty);
    list_remove(&c->hungry);
    loop_remove_fd(c->watch);
    tls_free(c->tls);
    if (c->fd >= 0)
        close(c->fd);
    if (c->addresses)
        freeaddrinfo(c->addresses);
    explicit_bzero(c->psk, sizeof c->psk);
    explicit_bzero(c->secret, sizeof c->secret);
    buf_fini(&c->plain);
    buf_fini(&c->in);
    buf_fini(&c->out);
    free(c);
}

void conn_await(struct conn *c, bool is_unknown)
{
    c->deadline = loop_add_timer(c->all->loop, DEADLINE_MS, on_deadline, c);
    if (!is_unknown)
        return;
    if (c->all->unknown_count >= CONN_UNAUTH_MAX)
        conn_fail(list_entry(c->all->unknown.next, struct conn, unknown),
                  "dropped for newer connections before it said who it is");
    list_add_tail(&c->all->unknown, &c->unknown);
    c->all->unknown_count++;
}

void conn_set_state(struct conn *c, enum conn_state state)
{
    assert(state >= c->state);
    c->state = state;
    conn_watch(c);
}

void conn_fail(struct conn *c, const char *why)
{
    if (c->state == CONN_GONE)
        return;
    if (why && !*c->why)
        snprintf(c->why, sizeof c->why, "%s", why);
    conn_settled(c);
    conn_set_state(c, CONN_GONE);
    mark_dirty(c);
}

/* Connections are ours to give: one user cannot take them all, however many he opens. */
static bool may_have_another(struct conn *c)
{
    uid_t uid = c->peer.uid;
    uintptr_t has = (uintptr_t)map_get(&c->all->by_uid, uid);

    if (c->is_dialled || uid == 0 || uid == c->all->own_uid)
        return true;
    if (has >= CONN_UID_MAX)
        return false;
    map_put(&c->all->by_uid, uid, (void *)(has + 1));
    c->is_counted = true;
    return true;
}

static void uid_release(struct conn *c)
{
    uintptr_t has = (uintptr_t)map_get(&c->all->by_uid, c->peer.uid);

    if (c->is_counted && has > 1)
        map_put(&c->all->by_uid, c->peer.uid, (void *)(has - 1));
    else if (c->is_counted)
        map_del(&c->all->by_uid, c->peer.uid);
    c->is_counted = false;
}

void conn_is_open(struct conn *c)
{
    if (!may_have_another(c)) {
        log_limited(&c->all->refusals, 1, LOG_ERROR, "uid %u has too many connections",
                    (unsigned)c->peer.uid);
        conn_fail(c, "too many connections of this user");
        return;
    }
    conn_settled(c);
    c->peer.known = true;
    c->was_open = c->is_shown = c->owes_ready = true;
    conn_set_state(c, CONN_OPEN);
    mark_dirty(c);
    if (c->tls)
        mark_hungry(c); /* TLS may hold bytes that epoll does not know of */
}

void conn_peer_credentials(struct conn *c)
{
    struct ucred cred = { .uid = (uid_t)-1, .gid = (gid_t)-1 };
    socklen_t len = sizeof cred;

    if (getsockopt(c->fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) < 0)
        log_error("peer credentials: %s", strerror(errno));
    c->peer = (struct peer){ .uid = cred.uid, .gid = cred.gid, .is_local = true };
    snprintf(c->peer.address, sizeof c->peer.address, "unix:pid=%d", (int)cred.pid);
}

int conn_adopt(struct loop *l, int fd, const struct conn_ops *ops, void *ctx, struct conn **ret)
{
    struct conn *c = conn_new(conns_of(l), fd, CONN_OPEN, ops, ctx);

    conn_peer_credentials(c);
    conn_is_open(c);
    *ret = c;
    return 0;
}

uint64_t conn_id(const struct conn *c)
{
    return c->id;
}

struct conn *conn_find(struct loop *l, uint64_t id)
{
    struct conn *c = map_get(&conns_of(l)->by_id, id);

    return c && c->state != CONN_GONE ? c : NULL;
}

const struct peer *conn_peer(const struct conn *c)
{
    return &c->peer;
}

void *conn_user(const struct conn *c)
{
    return c->user;
}

void conn_set_user(struct conn *c, void *user)
{
    c->user = user;
}

void conn_set_secret(struct conn *c, const uint8_t secret[32])
{
    memcpy(c->secret, secret, sizeof c->secret);
    c->has_secret = true;
}

const uint8_t *conn_secret(const struct conn *c)
{
    return c->has_secret ? c->secret : NULL;
}

/* ---- who is who */

void conn_authenticated(struct conn *c, uid_t uid, gid_t gid, const uint8_t psk[TLS_PSK_LEN])
{
    if (c->state != CONN_HELD)
        return;
    c->peer.uid = uid;
    c->peer.gid = gid;
    c->peer.known = true;
    conn_shake(c, 1, psk);
}

void conn_shake(struct conn *c, int is_server, const uint8_t psk[TLS_PSK_LEN])
{
    struct err e;

    if (conns_tls(c->all, &e) < 0) {
        conn_fail(c, e.text);
        return;
    }
    c->tls = tls_new(c->all->tls, c->fd, is_server, psk);
    if (!c->tls) {
        conn_fail(c, "TLS is not available");
        return;
    }
    c->tls_wants = is_server ? LOOP_READ : LOOP_WRITE; /* the client speaks first */
    conn_set_state(c, CONN_SHAKING);
}

/* The words of a refusal, as the frame that the peer can read whatever it asked. */
static void refusal_put(struct buf *b, const char *why)
{
    const struct error_info info = { .code = EACCES, .text = why };
    struct frame f = { .opcode = OP_hello, .flags = FRAME_REPLY | FRAME_ERROR };
    uint8_t header[FRAME_HEADER];
    struct buf body = { 0 };

    wire_pack(&desc_error_info, &info, &body);
    f.len = (uint32_t)body.len;
    frame_header(&f, header);
    buf_put(b, header, sizeof header);
    buf_put(b, body.data, body.len);
    buf_fini(&body);
}

void conn_refuse(struct conn *c, const char *why)
{
    if (c->state >= CONN_LEAVING)
        return;
    log_limited(&c->all->refusals, 1, LOG_INFO, "refused %s: %s", c->peer.address, why);
    snprintf(c->why, sizeof c->why, "refused: %s", why);
    refusal_put(c->was_open ? &c->out : &c->plain, why);
    c->is_refused = !c->was_open;
    conn_close(c);
}

/* Whether the server said no, in plain, where its side of the handshake was due.  TLS begins
 * with 0x16, a frame with 'S', so the first byte decides. */
static bool refused_by_peer(struct conn *c)
{
    uint8_t data[REFUSAL_MAX];
    struct error_info info;
    struct frame f;

    ssize_t n = recv(c->fd, data, sizeof data, MSG_PEEK | MSG_DONTWAIT);
    if (n <= 0 || data[0] != (uint8_t)(FRAME_MAGIC >> 24))
        return false;
    int64_t size = frame_parse(data, (size_t)n, REFUSAL_MAX - FRAME_HEADER, &f);
    if (size == 0)
        return true; /* the rest is on its way; the deadline watches */

    struct arena a = { 0 };
    bool said = size > 0 && !wire_unpack(&desc_error_info, f.body, f.len, &a, &info, NULL);
    conn_fail(c, said ? info.text : "the server answered with garbage");
    arena_fini(&a);
    return true;
}

/* ---- events */

/* What each state wants to hear of. */
void conn_watch(struct conn *c)
{
    unsigned unsent = c->out.len > c->out_at || c->plain.len ? LOOP_WRITE : 0;
    const unsigned wants[] = {
        [CONN_CONNECTING] = LOOP_WRITE,
        [CONN_GREETING] = LOOP_READ,
        [CONN_HELD] = 0,
        [CONN_SHAKING] = c->plain.len ? LOOP_WRITE : c->tls_wants,
        [CONN_OPEN] = unsent | (is_over(c) ? 0 : LOOP_READ),
        [CONN_LEAVING] = unsent | (c->is_refused || c->lingers ? LOOP_READ : 0),
        [CONN_GONE] = 0,
    };

    if (c->watch)
        loop_set_events(c->watch, wants[c->state]);
}

static void on_event(void *ctx, int fd, unsigned events)
{
    struct conn *c = ctx;

    switch (c->state) {
    case CONN_CONNECTING:
        dial_step(c);
        break;
    case CONN_GREETING:
        step_greeting(c);
        break;
    case CONN_SHAKING:
        step_shaking(c);
        break;
    case CONN_OPEN:
        if (events & LOOP_WRITE)
            conn_flush(c);
        if (events & (LOOP_READ | LOOP_HUP))
            step_open(c);
        break;
    case CONN_LEAVING:
        step_leaving(c);
        break;
    case CONN_HELD:
    case CONN_GONE:
        break;
    }
    /* A hang-up is reported again and again: whoever did not notice by reading must end now. */
    bool is_deaf = c->state == CONN_HELD || c->state == CONN_LEAVING;
    if ((events & LOOP_HUP) && is_deaf)
        conn_fail(c, "connection lost");
}

static void on_deadline(void *ctx)
{
    struct conn *c = ctx;

    conn_fail(c, c->state == CONN_LEAVING ? "took too long to close" : "took too long to open");
}

static void on_resume(void *ctx)
{
    struct conns *all = ctx;
    struct list turn;

    list_init(&turn);
    while (!list_empty(&all->hungry)) {
        struct list *it = all->hungry.next;
        list_remove(it);
        list_add_tail(&turn, it);
    }
    bool was_served = false;
    LIST_FOREACH(it, &turn) {
        struct conn *c = list_entry(it, struct conn, hungry);
        if (!is_welcome(c))
            continue;
        was_served = true;
        list_remove(&c->hungry);
        step_open(c);
    }
    /* Who was not served is before who was. */
    struct list *served = all->hungry.next;
    while (!list_empty(&turn)) {
        struct list *it = turn.next;
        list_remove(it);
        list_add_tail(served, it);
        loop_set_timer(all->resume, was_served ? 0 : UNWELCOME_MS);
    }
}

static bool is_welcome(const struct conn *c)
{
    return c->state != CONN_OPEN || !c->ops->takes || c->ops->takes(c->ctx, c);
}

static void mark_dirty(struct conn *c)
{
    if (list_empty(&c->dirty))
        list_add_tail(&c->all->dirty, &c->dirty);
}

static void mark_hungry(struct conn *c)
{
    if (list_empty(&c->hungry))
        list_add_tail(&c->all->hungry, &c->hungry);
    loop_set_timer(c->all->resume, 0);
}

/* ---- reading */

/* Never reads a byte beyond the hello, so that TLS finds its own in the kernel. */
static void step_greeting(struct conn *c)
{
    struct frame f;
    int64_t size = 0;

    for (;;) {
        size_t missing = frame_missing(c->in.data, c->in.len);
        long n = io_read(c, c->all->chunk, missing < CHUNK ? missing : CHUNK);
        if (n == IO_AGAIN)
            return;
        if (n <= 0) {
            conn_fail(c, n ? c->why : "closed before its hello");
            return;
        }
        buf_put(&c->in, c->all->chunk, (size_t)n);
        size = frame_parse(c->in.data, c->in.len, FRAME_UNAUTH_MAX, &f);
        if (size != 0)
            break;
    }
    if (size < 0 || f.opcode != OP_hello || !c->ops->hello) {
        conn_fail(c, "its first frame is not a hello");
        return;
    }
    c->is_shown = true;
    conn_set_state(c, CONN_HELD);
    c->ops->hello(c->ctx, c, &f);
    buf_fini(&c->in);
}

static void step_shaking(struct conn *c)
{
    if (c->plain.len)
        conn_flush(c);
    if (c->plain.len || c->state != CONN_SHAKING)
        return;
    if (c->is_dialled && refused_by_peer(c))
        return;

    int r = tls_handshake(c->tls);
    if (r == 0) {
        conn_is_open(c);
        return;
    }
    if (r == TLS_BROKEN) {
        conn_fail(c, tls_why(c->tls));
        return;
    }
    c->tls_wants = r == TLS_WANT_WRITE ? LOOP_WRITE : LOOP_READ;
    conn_watch(c);
}

static void step_open(struct conn *c)
{
    unsigned frames = BATCH_FRAMES;
    size_t bytes = 0;
    long n = CHUNK;

    tell_ready(c);
    for (;;) {
        deliver(c, &frames);
        if (c->state != CONN_OPEN)
            return;
        if (is_over(c)) {
            c->is_paused = true; /* conn_flush takes it up again */
            return;
        }
        if (!frames || bytes >= BATCH_BYTES || !is_welcome(c)) {
            mark_hungry(c);
            return;
        }
        if (!c->tls && n < (long)CHUNK)
            return; /* a short read: the kernel has no more, epoll will tell */
        n = io_read(c, c->all->chunk, CHUNK);
        if (n == IO_AGAIN)
            return;
        if (n <= 0)
            break;
        bytes += (size_t)n;
        buf_put(&c->in, c->all->chunk, (size_t)n);
    }
    if (n < 0)
        conn_fail(c, c->why);
    else
        conn_fail(c, c->in.len ? "closed in the middle of a frame" : NULL);
}

/* After a refusal the peer's bytes are read and dropped until it closes: closing first, with
 * bytes unread, would make the kernel throw our last words away. */
static void step_leaving(struct conn *c)
{
    conn_flush(c);
    if (c->state == CONN_LEAVING && (c->is_refused || c->lingers)) {
        long n = io_read(c, c->all->chunk, CHUNK);
        if (n == 0 || n == IO_BROKEN)
            conn_fail(c, c->why);
    }
}

/* Hands whole frames to the owner, at most *frames of them; what is left moves to the front. */
static void deliver(struct conn *c, unsigned *frames)
{
    struct frame f;
    int64_t size = 0;

    while (*frames && c->state == CONN_OPEN && !is_over(c) && is_welcome(c)) {
        size = frame_parse(c->in.data + c->in_at, c->in.len - c->in_at, FRAME_BODY_MAX, &f);
        if (size <= 0)
            break;
        c->in_at += (size_t)size;
        --*frames;
        if (c->ops->frame)
            c->ops->frame(c->ctx, c, &f);
    }
    buf_drop(&c->in, c->in_at);
    c->in_at = 0;
    if (!c->in.len && c->in.cap > KEEP_CAP)
        buf_fini(&c->in);
    if (size < 0)
        conn_fail(c, size == -EMSGSIZE ? "a frame is too long" : "what it sent is not a frame");
}

/* ---- writing */

void conn_send(struct conn *c, uint16_t opcode, uint16_t flags, uint32_t request, const void *body,
               size_t len)
{
    struct frame f = { .opcode = opcode, .flags = flags, .request = request, .len = (uint32_t)len };
    uint8_t header[FRAME_HEADER];

    if (c->state >= CONN_LEAVING)
        return;
    if (len > FRAME_BODY_MAX || c->out.len - c->out_at + len > CONN_OUT_MAX) {
        conn_fail(c, len > FRAME_BODY_MAX ? "a message for it is too long" : "it does not read");
        return;
    }
    frame_header(&f, header);
    buf_put(&c->out, header, sizeof header);
    buf_put(&c->out, body, len);
    mark_dirty(c);
}

size_t conn_unsent(const struct conn *c)
{
    return c->out.len - c->out_at;
}

void conn_flush(struct conn *c)
{
    if (c->state == CONN_CONNECTING || c->state == CONN_GONE)
        return;
    size_t at = 0;
    bool done = write_all(c, &c->plain, &at);
    buf_drop(&c->plain, at);
    if (done && c->was_open)
        done = write_all(c, &c->out, &c->out_at);
    if (c->state == CONN_GONE)
        return;
    if (done && c->is_full) {
        c->owes_drained = true;
        mark_dirty(c);
    }
    c->is_full = !done;
    conn_watch(c);
    if (done && c->state == CONN_LEAVING)
        leave(c);
    if (c->is_paused && !is_over(c)) {
        c->is_paused = false;
        mark_hungry(c);
    }
}

/* All is said.  A refused peer, and one that we finish with, closes first (step_leaving). */
static void leave(struct conn *c)
{
    if (c->is_refused || c->lingers)
        shutdown(c->fd, SHUT_WR);
    else
        conn_fail(c, NULL);
}

/* A peer that asks faster than it reads the answers has to wait.  Only those that came to us:
 * were both ends to wait, neither would ever go on. */
static bool is_over(const struct conn *c)
{
    return !c->is_dialled && c->out.len - c->out_at > OUT_PAUSE;
}

void conn_close(struct conn *c)
{
    if (c->state >= CONN_LEAVING)
        return;
    if (!c->deadline)
        c->deadline = loop_add_timer(c->all->loop, DEADLINE_MS, on_deadline, c);
    if (!c->was_open)
        c->out.len = c->out_at = 0;
    if (!c->is_refused)
        c->plain.len = 0;
    conn_set_state(c, CONN_LEAVING);
    mark_dirty(c);
}

void conn_finish(struct conn *c)
{
    c->lingers = true;
    conn_close(c);
}

void conn_disown(struct conn *c)
{
    static const struct conn_ops nobody = { 0 };

    c->ops = &nobody;
    conn_close(c);
}

/* True when all of it is out.  The front of a half-written buffer stays: moving it for each
 * write would cost more than it saves. */
static bool write_all(struct conn *c, struct buf *b, size_t *at)
{
    while (*at < b->len) {
        long n = io_write(c, b->data + *at, b->len - *at);
        if (n < 0) {
            if (n == IO_BROKEN)
                conn_fail(c, c->why);
            return false;
        }
        *at += (size_t)n;
    }
    *at = 0;
    if (b->cap > KEEP_CAP)
        buf_fini(b);
    else
        buf_reset(b);
    return true;
}

/* ---- bytes, plain or TLS */

static long io_result(struct conn *c, ssize_t n)
{
    if (n >= 0)
        return (long)n;
    if (errno == EAGAIN || errno == EINTR)
        return IO_AGAIN;
    if (!*c->why)
        snprintf(c->why, sizeof c->why, "%s", strerror(errno));
    return IO_BROKEN;
}

static long tls_result(struct conn *c, long n)
{
    if (n >= 0)
        return n;
    if (n != TLS_BROKEN)
        return IO_AGAIN;
    if (!*c->why)
        snprintf(c->why, sizeof c->why, "%s", tls_why(c->tls));
    return IO_BROKEN;
}

static long io_read(struct conn *c, void *p, size_t len)
{
    if (c->tls)
        return tls_result(c, tls_read(c->tls, p, len));
    return io_result(c, recv(c->fd, p, len, MSG_DONTWAIT));
}

static long io_write(struct conn *c, const void *p, size_t len)
{
    if (c->tls && c->was_open)
        return tls_result(c, tls_write(c->tls, p, len));
    return io_result(c, send(c->fd, p, len, MSG_DONTWAIT | MSG_NOSIGNAL));
}
