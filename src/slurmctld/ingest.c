/* Frames to inputs: who asks is settled, the row of the table says whether they may, the body is
 * decoded; then the request waits in the queue for the turn that follows. */
#include "slurmctld/ctld.h"

#include "auth/roles.h"
#include "base/log.h"
#include "base/xalloc.h"
#include "net/rpc.h"
#include "schema/errors.h"

#include <errno.h>
#include <string.h>

static void on_hello(void *ctx, struct conn *conn, const struct frame *f);
static void on_frame(void *ctx, struct conn *conn, const struct frame *f);
static void on_closed(void *ctx, struct conn *conn, const char *why);
static bool on_takes(void *ctx, const struct conn *conn);

const struct conn_ops ingest_ops = {
    .hello = on_hello, .frame = on_frame, .closed = on_closed, .takes = on_takes
};

static void on_hello(void *ctx, struct conn *conn, const struct frame *f)
{
    struct ctld *c = ctx;

    auth_server_hello(c->auth, conn, f);
}

static void refuse(struct conn *conn, const struct frame *f, int code, const char *text)
{
    struct error_info why = { .code = (uint32_t)code, .text = text };

    rpc_refuse(conn, f->opcode, f->request, &why);
}

/* Nodes speak as root or SlurmUser; these two could also stop us. */
static bool is_exempt(const struct ctld *c, uid_t uid)
{
    return role_of(uid, c->slurm_uid, ROLE_ANY) >= ROLE_SLURM;
}

static bool on_takes(void *ctx, const struct conn *conn)
{
    struct ctld *c = ctx;
    uid_t uid = conn_peer(conn)->uid;

    return is_exempt(c, uid) || (names_ready(c->names, uid) && fair_takes(c->fair, uid));
}

static void on_frame(void *ctx, struct conn *conn, const struct frame *f)
{
    struct ctld *c = ctx;
    const struct peer *peer = conn_peer(conn);
    enum role have = role_of(peer->uid, c->slurm_uid, ROLE_ANY);
    const struct route *route = route_find(f->opcode);
    struct rpc_call got;
    struct err e = { 0 };

    nodes_heard(c, conn);
    if (f->flags & FRAME_REPLY) {
        nodes_answer(c, conn, f);
        return;
    }
    bool is_question = route && route->ask;
    if (!is_exempt(c, peer->uid) && fair_charge(c->fair, peer->uid, is_question, &e) < 0) {
        refuse(conn, f, e.code, e.text);
        return;
    }
    if (rpc_decode(conn, f, have, &c->queue_arena, &got, &e) < 0) {
        log_verbose("uid %u at %s: %s", peer->uid, peer->address, e.text);
        return;
    }
    if (!route) {
        refuse(conn, f, ESLURM_NOT_SUPPORTED, "slurmctld does not answer this request");
        return;
    }
    log_at(LOG_DEBUG2, "%s from uid %u at %s", got.rpc->name, peer->uid, peer->address);
    c->requests++;
    ingest_request(c, conn, &(struct call){ conn_id(conn), f->request, f->opcode }, got.msg);
}

void ingest_request(struct ctld *c, struct conn *conn, const struct call *call, const void *body)
{
    const struct peer *peer = conn_peer(conn);
    struct pending p = { .route = route_find(call->opcode), .call = *call };

    p.in = (struct input){ .kind = call->opcode, .body = body };
    p.in.who = (struct who){ .uid = peer->uid,
                             .gid = peer->gid,
                             .role = role_of(peer->uid, c->slurm_uid, ROLE_ANY) };
    ingest_push(c, &p);
}

static void on_closed(void *ctx, struct conn *conn, const char *why)
{
    struct ctld *c = ctx;

    if (why)
        log_debug("connection of %s: %s", conn_peer(conn)->address, why);
    nodes_closed(c, conn);
    waits_closed(c, conn);
}

void ingest_push(struct ctld *c, const struct pending *p)
{
    struct queue *q = &c->queue;

    if (q->n == q->cap) {
        q->cap = q->cap ? q->cap * 2 : 64;
        q->v = xrealloc(q->v, q->cap, sizeof *q->v);
    }
    q->v[q->n++] = *p;
}

void *ingest_body(struct ctld *c, size_t size)
{
    return arena_alloc(&c->queue_arena, size);
}
