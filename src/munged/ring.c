/* io_uring for connections that are answered at once.
 *
 * Nothing here waits: every operation is over when io_uring_enter returns, and nothing is in the
 * kernel's hands between two calls.  So the ring needs no place in the event loop.  The ring may do
 * the six operations below and no others, whoever gets hold of it. */
#include "munged/ring.h"

#include "base/log.h"
#include "base/slab.h"
#include "base/xalloc.h"
#include "munged/place.h"

#include <errno.h>
#include <liburing.h>
#include <string.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#define ENTRIES 1024u
#define SLOTS_MAX 65536u
#define SLOTS_MIN (2 * PLACE_BACKLOG)
/* Newer than the headers of Debian 12. */
#define OP_FIXED_FD_INSTALL 54
#define OP_LISTEN 56
#define ACCEPT_DONTWAIT 2
#define CMD_GETSOCKOPT 2

/* In the low bits of user_data, below the address of the connection. */
enum { DONE_ACCEPT, DONE_PEER, DONE_RECV, DONE_SEND, DONE_INSTALL, DONE_CLOSE };
#define DONE_MASK 7u

struct place {
    struct slab_ref ref;
    struct ring_conn conn;
};

struct ring {
    struct io_uring uring;
    int listen_fd;
    const struct ring_calls *calls;
    void *ctx;
    struct slab places;
    unsigned slots;
};

/* ---- set-up */

static const uint8_t operations[] = {
    IORING_OP_ACCEPT, IORING_OP_URING_CMD, IORING_OP_RECV,
    IORING_OP_SEND,   IORING_OP_CLOSE,     OP_FIXED_FD_INSTALL,
};
#define OPERATIONS (sizeof operations / sizeof *operations)

/* Linux 6.11: one that knows this operation, which we do not need, has everything that we do. */
static int know_all(struct io_uring *u)
{
    struct io_uring_probe *probe = io_uring_get_probe_ring(u);
    int known = probe && probe->last_op >= OP_LISTEN;

    io_uring_free_probe(probe);
    return known ? 0 : -ENOSYS;
}

/* The library of Debian 12 forgot to export its functions for the two uses of this. */
static int reg(const struct io_uring *u, unsigned what, const void *arg, unsigned n)
{
    return syscall(SYS_io_uring_register, u->ring_fd, what, arg, n) < 0 ? -errno : 0;
}

/* From here on the ring does these operations, with these flags, and cannot be registered anything
 * more. */
static int restrict_to(struct io_uring *u)
{
    struct io_uring_restriction rules[OPERATIONS + 1] = { 0 };

    for (unsigned i = 0; i < OPERATIONS; i++) {
        rules[i].opcode = IORING_RESTRICTION_SQE_OP;
        rules[i].sqe_op = operations[i];
    }
    rules[OPERATIONS].opcode = IORING_RESTRICTION_SQE_FLAGS_ALLOWED;
    rules[OPERATIONS].sqe_flags = IOSQE_FIXED_FILE | IOSQE_CQE_SKIP_SUCCESS;
    return reg(u, IORING_REGISTER_RESTRICTIONS, rules, OPERATIONS + 1);
}

static unsigned slots_limit(void)
{
    struct rlimit files;

    getrlimit(RLIMIT_NOFILE, &files);
    return files.rlim_cur < SLOTS_MAX ? (unsigned)files.rlim_cur : SLOTS_MAX;
}

static int set_up(struct io_uring *u, unsigned slots)
{
    int err = know_all(u);

    if (err == 0 && slots < SLOTS_MIN)
        err = -EMFILE;
    if (err == 0)
        err = io_uring_register_files_sparse(u, slots);
    if (err == 0)
        err = io_uring_register_ring_fd(u) == 1 ? 0 : -EINVAL;
    if (err == 0)
        err = restrict_to(u);
    return err == 0 ? reg(u, IORING_REGISTER_ENABLE_RINGS, NULL, 0) : err;
}

int ring_new(struct ring **ret, int listen_fd, const struct ring_calls *calls, void *ctx,
             struct err *e)
{
    struct io_uring_params params = {
        .flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_R_DISABLED |
                 IORING_SETUP_SUBMIT_ALL | IORING_SETUP_CQSIZE,
        .cq_entries = 8 * ENTRIES,
    };
    struct ring *r = xcalloc(1, sizeof *r);

    r->slots = slots_limit();
    int err = io_uring_queue_init_params(ENTRIES, &r->uring, &params);
    if (err == 0 && (err = set_up(&r->uring, r->slots)) < 0)
        io_uring_queue_exit(&r->uring);
    if (err < 0) {
        free(r);
        return err_set(e, -err, "no io_uring: %s", strerror(-err));
    }
    r->listen_fd = listen_fd;
    r->calls = calls;
    r->ctx = ctx;
    slab_init(&r->places, sizeof(struct place));
    *ret = r;
    return 0;
}

void ring_free(struct ring *r)
{
    if (!r)
        return;
    io_uring_queue_exit(&r->uring);
    slab_fini(&r->places);
    free(r);
}

/* ---- asking */

/* A full queue is handed in to make room; that cannot fail for what is in it. */
static struct io_uring_sqe *sqe(struct ring *r)
{
    struct io_uring_sqe *s = io_uring_get_sqe(&r->uring);

    while (!s) {
        if (io_uring_submit(&r->uring) < 0)
            die("io_uring: %s", "the ring is broken");
        s = io_uring_get_sqe(&r->uring);
    }
    return s;
}

static void ask(struct io_uring_sqe *s, const struct ring_conn *c, unsigned done, unsigned flags)
{
    s->flags |= (uint8_t)flags;
    s->user_data = (uintptr_t)c | done;
}

/* The kernel hangs up on whom it finds no slot for, so half of them are kept for those who wait in
 * the listener's queue. */
unsigned ring_room(const struct ring *r)
{
    return r->slots / 2;
}

void ring_accept(struct ring *r)
{
    struct io_uring_sqe *s = sqe(r);

    io_uring_prep_multishot_accept_direct(s, r->listen_fd, NULL, NULL, SOCK_NONBLOCK);
    s->ioprio |= ACCEPT_DONTWAIT;
    ask(s, NULL, DONE_ACCEPT, 0);
}

/* getsockopt(SO_PEERCRED): the kernel's word, as of connect. */
static void peer_ask(struct ring_conn *c)
{
    struct io_uring_sqe *s = sqe(c->ring);
    const uint32_t what[2] = { SOL_SOCKET, SO_PEERCRED };

    io_uring_prep_rw(IORING_OP_URING_CMD, s, (int)c->slot, NULL, 0, 0);
    s->cmd_op = CMD_GETSOCKOPT;
    memcpy(&s->addr, what, sizeof what);
    s->file_index = sizeof c->peer; /* optlen */
    s->addr3 = (uintptr_t)&c->peer;
    ask(s, c, DONE_PEER, IOSQE_FIXED_FILE | IOSQE_CQE_SKIP_SUCCESS);
}

void ring_drop(struct ring_conn *c)
{
    struct io_uring_sqe *s = sqe(c->ring);

    io_uring_prep_close_direct(s, c->slot);
    ask(s, c, DONE_CLOSE, 0);
}

void ring_reply(struct ring_conn *c, const uint8_t *p, size_t len)
{
    struct io_uring_sqe *s = sqe(c->ring);

    memcpy(c->bytes, p, len);
    io_uring_prep_send(s, (int)c->slot, c->bytes, len, MSG_NOSIGNAL | MSG_DONTWAIT | MSG_WAITALL);
    ask(s, c, DONE_SEND, IOSQE_FIXED_FILE | IOSQE_CQE_SKIP_SUCCESS);
    ring_drop(c);
}

void ring_leave(struct ring_conn *c)
{
    struct io_uring_sqe *s = sqe(c->ring);

    io_uring_prep_rw(OP_FIXED_FD_INSTALL, s, (int)c->slot, NULL, 0, 0);
    ask(s, c, DONE_INSTALL, IOSQE_FIXED_FILE);
}

/* ---- hearing */

static void accepted(struct ring *r, int slot)
{
    struct slab_ref ref;

    if (slot < 0)
        return; /* nobody waits any more */
    struct place *p = slab_new(&r->places, &ref);
    struct ring_conn *c = &p->conn;
    p->ref = ref;
    c->ring = r;
    c->slot = (unsigned)slot;
    peer_ask(c);
    struct io_uring_sqe *s = sqe(r);
    io_uring_prep_recv(s, slot, c->bytes, sizeof c->bytes, MSG_DONTWAIT);
    ask(s, c, DONE_RECV, IOSQE_FIXED_FILE);
}

static void received(struct ring *r, struct ring_conn *c, int n)
{
    if (c->is_anonymous || (n <= 0 && n != -EAGAIN)) {
        ring_drop(c);
        return;
    }
    c->who = (struct caller){ c->peer.uid, c->peer.gid, (int32_t)c->peer.pid };
    c->len = n > 0 ? (size_t)n : 0;
    r->calls->arrived(r->ctx, c);
}

static void place_free(struct ring *r, struct ring_conn *c)
{
    struct place *p = (struct place *)(void *)((char *)c - offsetof(struct place, conn));

    slab_free(&r->places, p->ref);
}

static void completed(struct ring *r, const struct io_uring_cqe *q)
{
    struct ring_conn *c = io_uring_cqe_get_data(q);

    c = (struct ring_conn *)((uintptr_t)c & ~(uintptr_t)DONE_MASK);
    switch (q->user_data & DONE_MASK) {
    case DONE_ACCEPT:
        accepted(r, q->res);
        break;
    case DONE_PEER: /* heard of only when it failed */
        c->is_anonymous = true;
        break;
    case DONE_RECV:
        received(r, c, q->res);
        break;
    case DONE_SEND: /* likewise */
        r->calls->unsent(r->ctx, c);
        break;
    case DONE_INSTALL:
        r->calls->left(r->ctx, c, q->res);
        ring_drop(c);
        break;
    default:
        place_free(r, c);
    }
}

bool ring_run(struct ring *r)
{
    struct io_uring_cqe *q;
    unsigned head, n = 0;

    if (io_uring_sq_ready(&r->uring) == 0)
        return false;
    int err = io_uring_submit_and_get_events(&r->uring);
    if (err < 0 && err != -EINTR && err != -EBUSY && err != -EAGAIN)
        die("io_uring: %s", strerror(-err));
    io_uring_for_each_cqe(&r->uring, head, q)
    {
        completed(r, q);
        n++;
    }
    io_uring_cq_advance(&r->uring, n);
    return io_uring_sq_ready(&r->uring) > 0;
}
