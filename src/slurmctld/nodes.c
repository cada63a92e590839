/* One kept connection for each node: who is connected, who went silent, what was asked of whom. */
#include "slurmctld/ctld.h"

#include "auth/seal.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/map.h"
#include "base/xalloc.h"
#include "net/rpc.h"
#include "schema/errors.h"
#include "wire/wire.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct link {
    uint64_t conn; /* 0: not connected */
    int64_t heard_ns;
    bool is_owed; /* just came back: send what the state still owes it */
    struct trouble *trouble; /* NULL: none since it was last here */
};

/* Why the node's hello was refused.  In memory only: it proves nothing, it helps a human. */
struct trouble {
    char text[256];
    int64_t at; /* as told to the core */
};

#define TROUBLE_EVERY_S 1 /* more often only the first counts: anybody can make these */

/* A start that the node has not answered yet. */
struct start {
    uint32_t job_id, step_id, restart, node;
};

struct nodes {
    struct link *links; /* by index of the core */
    uint32_t n;
    struct map starts; /* request -> struct start */
    uint32_t last_request;
    bool has_owed;
    struct loop_timer *beat;
    int64_t checked_ns;
};

static void check_beats(void *ctx);

struct nodes *nodes_new(struct ctld *c)
{
    struct nodes *n = xcalloc(1, sizeof *n);

    n->beat = loop_add_timer(c->loop, nodes_heartbeat_s(c) * 1000, check_beats, c);
    n->checked_ns = clock_mono_ns();
    return n;
}

void nodes_free(struct nodes *n)
{
    uint64_t key;
    void *value;

    if (!n)
        return;
    for (uint32_t at = 0; map_next(&n->starts, &at, &key, &value);)
        free(value);
    for (uint32_t i = 0; i < n->n; i++)
        free(n->links[i].trouble);
    map_fini(&n->starts);
    loop_remove_timer(n->beat);
    free(n->links);
    free(n);
}

/* A third of SlurmdTimeout, so that a node that is slow to beat is not given up; often enough to be
 * news. */
uint32_t nodes_heartbeat_s(const struct ctld *c)
{
    uint32_t s = conf_u32(c->conf, "SlurmdTimeout") / 3;

    return s < 1 || s > HEARTBEAT_MAX_S ? (s < 1 ? 1 : HEARTBEAT_MAX_S) : s;
}

static struct link *link_of(struct ctld *c, uint32_t node)
{
    struct nodes *n = c->nodes;

    if (node >= n->n) {
        uint32_t wanted = core_node_count(c->core) > node ? core_node_count(c->core) : node + 1;
        n->links = xrealloc(n->links, wanted, sizeof *n->links);
        memset(n->links + n->n, 0, (wanted - n->n) * sizeof *n->links);
        n->n = wanted;
    }
    return &n->links[node];
}

/* ---- coming and going */

bool nodes_of(struct ctld *c, const struct conn *conn, uint32_t *ret)
{
    uintptr_t hung = (uintptr_t)conn_user(conn);

    if (hung == 0)
        return false;
    *ret = (uint32_t)(hung - 1);
    return true;
}

/* A node that comes again before its old connection was seen to break takes over from itself. */
void nodes_bind(struct ctld *c, uint32_t node, struct conn *conn)
{
    struct link *l = link_of(c, node);
    struct conn *old = l->conn && l->conn != conn_id(conn) ? conn_find(c->loop, l->conn) : NULL;

    if (old) {
        conn_set_user(old, NULL);
        conn_close(old);
    }
    conn_set_user(conn, (void *)((uintptr_t)node + 1));
    free(l->trouble);
    l->trouble = NULL;
    l->conn = conn_id(conn);
    l->heard_ns = clock_mono_ns();
}

void nodes_unbind(struct ctld *c, uint32_t node)
{
    struct link *l = link_of(c, node);
    struct conn *conn = conn_find(c->loop, l->conn);

    if (conn)
        conn_set_user(conn, NULL);
    free(l->trouble);
    *l = (struct link){ 0 };
}

static void tell_lost(struct ctld *c, uint32_t node)
{
    struct pending p = { .in.kind = INPUT_NODE_LOST, .in.node = node };

    p.in.who.role = ROLE_SLURM;
    ingest_push(c, &p);
}

void nodes_closed(struct ctld *c, struct conn *conn)
{
    uint32_t node;
    uint64_t key;
    void *value;

    if (!nodes_of(c, conn, &node))
        return;
    struct link *l = link_of(c, node);
    if (l->conn != conn_id(conn))
        return;
    l->conn = 0;
    for (uint32_t at = 0; map_next(&c->nodes->starts, &at, &key, &value);) {
        if (((struct start *)value)->node == node) {
            map_del(&c->nodes->starts, key);
            free(value);
        }
    }
    tell_lost(c, node);
}

void nodes_heard(struct ctld *c, struct conn *conn)
{
    uint32_t node;

    if (nodes_of(c, conn, &node))
        link_of(c, node)->heard_ns = clock_mono_ns();
}

/* ---- refused */

void nodes_refused(void *ctx, const char *name, const char *why)
{
    struct ctld *c = ctx;
    int node = core_node_index(c->core, name);
    int64_t now = ctld_now(c);

    if (node < 0)
        return;
    struct link *l = link_of(c, (uint32_t)node);
    bool is_soon = l->trouble && now < l->trouble->at + TROUBLE_EVERY_S;
    if (l->conn || is_soon)
        return;
    if (!l->trouble)
        l->trouble = xcalloc(1, sizeof *l->trouble);
    l->trouble->at = now;
    if (strncmp(l->trouble->text, why, sizeof l->trouble->text - 1) == 0)
        return;
    log_error("node %s cannot join: %s", name, why);
    snprintf(l->trouble->text, sizeof l->trouble->text, "%s", why);
    for (char *s = l->trouble->text; *s; s++)
        if ((unsigned char)*s < ' ' || *s == 0x7f)
            *s = '?';
}

/* "Not responding" is only what we say ourselves when we know no better. */
void nodes_explain(struct ctld *c, struct node_info *ret)
{
    int node = core_node_index(c->core, ret->name);
    const struct link *l = node < 0 ? NULL : link_of(c, (uint32_t)node);
    bool has_own = *ret->reason && strcmp(ret->reason, "Not responding") != 0;

    if (!l || l->conn || !l->trouble || has_own)
        return;
    ret->reason = l->trouble->text;
    ret->reason_time = l->trouble->at;
    ret->reason_uid = (uint32_t)c->slurm_uid;
}

/* If we slept ourselves (a stopped VM), silence proves nothing: everybody gets a new chance. */
static void check_beats(void *ctx)
{
    struct ctld *c = ctx;
    struct nodes *n = c->nodes;
    int64_t now = clock_mono_ns();
    int64_t beat_ns = nodes_heartbeat_s(c) * 1000000000ll;
    bool slept = now - n->checked_ns > 2 * beat_ns;

    n->checked_ns = now;
    loop_set_timer(n->beat, beat_ns / 1000000);
    for (uint32_t i = 0; i < n->n; i++) {
        struct link *l = &n->links[i];
        struct conn *conn = l->conn ? conn_find(c->loop, l->conn) : NULL;
        if (slept)
            l->heard_ns = now;
        if (!conn || now - l->heard_ns <= HEARTBEATS_MISSED * beat_ns)
            continue;
        log_error("node %s: %d heartbeats missed, connection closed", core_node_name(c->core, i),
                  HEARTBEATS_MISSED);
        nodes_closed(c, conn);
        conn_set_user(conn, NULL);
        conn_close(conn);
    }
}

/* ---- speaking */

static struct conn *conn_of(struct ctld *c, uint32_t node)
{
    struct link *l = link_of(c, node);

    return l->conn ? conn_find(c->loop, l->conn) : NULL;
}

/* A node that is away gets it when it is back: the state still owes it. */
void nodes_send(struct ctld *c, uint32_t node, uint16_t opcode, const struct desc *d,
                const void *msg)
{
    struct conn *conn = conn_of(c, node);

    if (conn)
        rpc_send(conn, opcode, 0, ++c->nodes->last_request, d, msg);
}

/* Written at once: there is no later turn of the loop. */
unsigned nodes_stop(struct ctld *c)
{
    const struct empty nothing = {};
    unsigned told = 0;

    for (uint32_t i = 0; i < c->nodes->n; i++) {
        struct conn *conn = conn_of(c, i);
        if (!conn)
            continue;
        rpc_send(conn, OP_node_stop, 0, ++c->nodes->last_request, &desc_empty, &nothing);
        conn_flush(conn);
        told++;
    }
    return told;
}

static void send_start(struct ctld *c, const struct start *what, const struct rpc *rpc,
                       const void *msg)
{
    struct conn *conn = conn_of(c, what->node);

    if (!conn)
        return;
    map_put(&c->nodes->starts, ++c->nodes->last_request, xmemdup(what, sizeof *what));
    CLEANUP(buf_fini) struct buf body = { 0 };
    wire_pack(rpc->request, msg, &body);
    if (conn_secret(conn))
        seal_put(&body, rpc->opcode, conn_secret(conn));
    conn_send(conn, rpc->opcode, 0, c->nodes->last_request, body.data, body.len);
}

void nodes_send_launch(struct ctld *c, uint32_t node, const struct launch *l)
{
    const struct start s = { l->job_id, l->step_id, l->restart, node };

    send_start(c, &s, rpc_find(OP_step_launch), l);
}

void nodes_send_step(struct ctld *c, uint32_t node, const struct step_launch *l)
{
    const struct start s = { l->job->job_id, l->step_id, l->job->restart, node };

    send_start(c, &s, rpc_find(OP_step_start), l);
}

void nodes_owe(struct ctld *c, uint32_t node)
{
    link_of(c, node)->is_owed = true;
    c->nodes->has_owed = true;
}

/* One walk over the state serves every node that came back in this round. */
void nodes_send_owed(struct ctld *c)
{
    struct effects owed = { .arena = &c->arena };

    if (!c->nodes || !c->nodes->has_owed)
        return;
    c->nodes->has_owed = false;
    core_owed(c->core, &owed);
    for (unsigned i = 0; i < owed.n; i++) {
        const struct effect *ef = &owed.v[i];
        if (!link_of(c, ef->node)->is_owed)
            continue;
        if (ef->kind == EFFECT_SIGNAL)
            nodes_send(c, ef->node, OP_step_kill, &desc_step_signal, ef->body);
        if (ef->kind == EFFECT_TERMINATE) {
            struct job_terminate body = *(const struct job_terminate *)ef->body;
            body.epoch = wal_epoch(c->wal);
            nodes_send(c, ef->node, OP_job_end, &desc_job_terminate, &body);
        }
    }
    for (uint32_t i = 0; i < c->nodes->n; i++)
        c->nodes->links[i].is_owed = false;
}

/* ---- their answers */

/* A start that failed is the end of the step, told by ourselves. */
void nodes_start_failed(struct ctld *c, const struct step_ident *job, uint32_t node,
                        const struct err *e)
{
    struct step_done *done = ingest_body(c, sizeof *done);
    struct pending p = { .in.kind = OP_step_ended, .in.body = done, .in.node = node };
    int64_t now = ctld_now(c);

    *done = (struct step_done){
        .job_id = job->job_id,
        .step_id = job->step_id,
        .restart = job->restart,
        .wait_status = 1 << 8,
        .start_time = now,
        .end_time = now,
        .error = arena_strdup(&c->queue_arena, e->text),
        .error_code = (uint32_t)e->code,
        .is_clean = job->step_id == STEP_BATCH,
        .node = arena_strdup(&c->queue_arena, core_node_name(c->core, node)),
    };
    p.in.who.role = ROLE_SLURM;
    log_error("JobId=%u could not be started on %s: %s", job->job_id, done->node, e->text);
    ingest_push(c, &p);
}

void nodes_answer(struct ctld *c, struct conn *conn, const struct frame *f)
{
    bool is_launch = f->opcode == OP_step_launch || f->opcode == OP_step_start;
    struct start *s = is_launch ? map_get(&c->nodes->starts, f->request) : NULL;
    struct error_info info = { 0 };
    struct err e = { .code = EIO };
    uint32_t node;

    /* Anybody can send a frame that looks like an answer; only the node that was asked is believed.
     */
    if (!s || !nodes_of(c, conn, &node) || node != s->node)
        return;
    map_del(&c->nodes->starts, f->request);
    if ((f->flags & FRAME_ERROR)) {
        if (wire_unpack(&desc_error_info, f->body, f->len, &c->queue_arena, &info, &e) == 0)
            err_set(&e, info.code ? (int)info.code : EIO, "%s", info.text);
        nodes_start_failed(c, &(struct step_ident){ s->job_id, s->step_id, s->restart, 0 }, s->node,
                           &e);
    }
    free(s);
}
