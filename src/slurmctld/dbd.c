/* slurmdbd, as the archive and as the rule book.
 *
 * Out goes the outbox: registers, learns how far the archive is, sends from there, in order, some
 * batches ahead. slurmdbd may be away for as long as it likes; the only thing that grows is the
 * outbox.  In come the rules: asked for once after registering, told from then on.  Each change is
 * an input of the core, so it is in the journal before anybody is judged by it. */
#include "slurmctld/ctld.h"

#include "auth/uplink.h"
#include "base/log.h"
#include "base/xalloc.h"
#include "core/msgs.h"
#include "net/rpc.h"
#include "wire/wire.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define BATCH 500u
#define BATCHES_AHEAD 4u
#define DBD_PORT 6819u

struct dbd {
    struct ctld *c;
    struct munge_async *munge;
    struct uplink *uplink;
    struct target target;
    struct target_host host;
    uint64_t conn;      /* 0: not connected */
    bool is_known;      /* the answer to our registration came */
    uint64_t acked;     /* the archive has everything up to here */
    uint64_t sent;      /* and was sent everything up to here */
    unsigned in_flight; /* batches without an answer */
    uint32_t request;
    struct rules book; /* parts that came of a change whose last part has not */
    struct arena book_arena;
    struct arena arena;
    struct log_limit trouble;
};

static void on_ready(void *ctx, struct conn *conn);
static void on_frame(void *ctx, struct conn *conn, const struct frame *f);
static void on_closed(void *ctx, struct conn *conn, const char *why);
static void forget_parts(struct dbd *d);

static const struct conn_ops ops = { .ready = on_ready, .frame = on_frame, .closed = on_closed };

/* NULL when there is no slurmdbd in the configuration. */
struct dbd *dbd_new(struct ctld *c)
{
    if (strcasecmp(conf_str(c->conf, "AccountingStorageType"), "accounting_storage/slurmdbd") != 0)
        return NULL;

    struct dbd *d = xcalloc(1, sizeof *d);
    uint32_t port = conf_u32(c->conf, "AccountingStoragePort");
    d->c = c;
    d->host.name = xstrdup(conf_str(c->conf, "AccountingStorageHost"));
    d->target = (struct target){
        .service = "slurmdbd",
        .hosts = &d->host,
        .host_count = 1,
        .port = (uint16_t)(port ? port : DBD_PORT),
        .server_uid = c->slurm_uid,
        .role = "ctld",
        .cluster = xstrdup(conf_str(c->conf, "ClusterName")),
    };
    d->munge = munge_async_new(c->loop, conf_dbd_munge_socket(c->conf));
    d->uplink = uplink_new(c->loop, d->munge, &d->target, &ops, d);
    return d;
}

void dbd_free(struct dbd *d)
{
    if (!d)
        return;
    uplink_free(d->uplink);
    munge_async_free(d->munge);
    free((char *)d->host.name);
    free((char *)d->target.cluster);
    arena_fini(&d->book_arena);
    arena_fini(&d->arena);
    free(d);
}

/* What the cluster has, as configured, then the names of TRES that the site counts besides:
 * sreport's percentages are of this. */
static const char *cluster_tres(const struct ctld *c, struct arena *a)
{
    const char *more = conf_str(c->conf, "AccountingStorageTRES");
    unsigned long long cpus = 0, memory_mb = 0;
    struct core_conf conf;

    if (conf_to_core(c->conf, a, &conf, NULL) < 0)
        return more;
    for (uint32_t i = 0; i < conf.nodes.n; i++) {
        cpus += conf.nodes.v[i].cpus;
        memory_mb += conf.nodes.v[i].real_memory_mb;
    }
    return arena_printf(a, "cpu=%llu,mem=%llu,node=%u,billing=%llu%s%s", cpus, memory_mb,
                        conf.nodes.n, cpus, *more ? "," : "", more);
}

static void on_ready(void *ctx, struct conn *conn)
{
    struct dbd *d = ctx;
    struct ctld *c = d->c;
    const struct conf_host *hosts;
    uint32_t n = conf_controllers(c->conf, &hosts);
    struct acct_register reg = {
        .cluster = d->target.cluster,
        .instance = outbox_instance(c->outbox),
        .host = n > 0 ? hosts[0].name : "",
        .port = conf_u32(c->conf, "SlurmctldPort"),
        .tres = cluster_tres(c, &d->arena),
        .nodes = "",
    };

    d->conn = conn_id(conn);
    d->is_known = false;
    d->in_flight = 0;
    rpc_send(conn, OP_acct_hello, 0, ++d->request, &desc_acct_register, &reg);
}

static void on_closed(void *ctx, struct conn *conn, const char *why)
{
    struct dbd *d = ctx;

    d->conn = 0;
    d->is_known = false;
    forget_parts(d);
    log_limited(&d->trouble, 60, LOG_ERROR, "slurmdbd at %s:%u is away%s%s; events are kept",
                d->host.name, d->target.port, why ? ": " : "", why ? why : "");
}

/* ---- the rule book */

static void forget_parts(struct dbd *d)
{
    arena_reset(&d->book_arena);
    d->book = (struct rules){ 0 };
}

static void ask_rules(struct dbd *d, struct conn *conn)
{
    struct rules_have have = { .cluster = d->target.cluster,
                               .version = core_rules_version(d->c->core) };

    forget_parts(d);
    rpc_send(conn, OP_rules_get, 0, ++d->request, &desc_rules_have, &have);
}

/* Appends the rows of one list of a message to another of the same type. */
#define APPEND(to, from, list)                                                             \
    do {                                                                                   \
        __typeof__((to)->list.v) both =                                                    \
            arena_calloc(&d->book_arena, (to)->list.n + (from)->list.n + 1, sizeof *both); \
        memcpy(both, (to)->list.v, (to)->list.n * sizeof *both);                           \
        memcpy(both + (to)->list.n, (from)->list.v, (from)->list.n * sizeof *both);        \
        (to)->list.v = both;                                                               \
        (to)->list.n += (from)->list.n;                                                    \
    } while (0)

static void add_part(struct dbd *d, const struct rules *part)
{
    struct rules *book = &d->book;

    book->is_whole |= part->is_whole;
    book->version = part->version;
    APPEND(book, part, assocs);
    APPEND(book, part, qos);
    APPEND(book, part, users);
    APPEND(book, part, resources);
    APPEND(book, part, wckeys);
}

#undef APPEND

/* The last part makes it an input; the core takes what it says as one step. */
static int on_rules(struct dbd *d, const struct frame *f, struct err *e)
{
    struct rules part;
    struct pending p = { .in = { .kind = OP_rules_push, .who = { .role = ROLE_SLURM } } };

    int r = wire_unpack(&desc_rules, f->body, f->len, &d->book_arena, &part, e);
    if (r < 0)
        return r;
    add_part(d, &part);
    if (part.more)
        return 0;
    if (d->book.is_whole)
        log_info("rule book of slurmdbd: version %llu, %u associations, %u QOS",
                 (unsigned long long)d->book.version, d->book.assocs.n, d->book.qos.n);
    p.in.body = msg_copy(&d->c->queue_arena, &desc_rules, &d->book);
    ingest_push(d->c, &p);
    forget_parts(d);
    return 0;
}

/* ---- the archive */

static void on_ack(struct dbd *d, uint16_t opcode, uint64_t seq)
{
    uint64_t last = outbox_last(d->c->outbox);

    if (opcode == OP_acct_hello) {
        d->is_known = true;
        d->sent = seq;
        log_info("slurmdbd at %s has our events up to %llu of %llu", d->host.name,
                 (unsigned long long)seq, (unsigned long long)last);
        if (seq > last)
            log_error("slurmdbd has events that our journal does not know: was state lost?");
    } else if (d->in_flight > 0) {
        d->in_flight--;
    }
    d->acked = seq;
    outbox_acked(d->c->outbox, seq);
}

static int on_archive(struct dbd *d, struct conn *conn, const struct frame *f, struct err *e)
{
    struct acct_ack ack;

    int r = wire_unpack(&desc_acct_ack, f->body, f->len, &d->arena, &ack, e);
    if (r < 0)
        return r;
    on_ack(d, f->opcode, ack.seq);
    if (f->opcode == OP_acct_hello)
        ask_rules(d, conn);
    return 0;
}

/* Without a rule book it goes on by the one it has. */
static void on_refusal(struct dbd *d, struct conn *conn, const struct frame *f)
{
    struct error_info info = { .text = "" };
    struct err e = { 0 };
    bool has_words = wire_unpack(&desc_error_info, f->body, f->len, &d->arena, &info, &e) == 0;

    log_limited(&d->trouble, 60, LOG_ERROR, "slurmdbd refuses %s: %s",
                f->opcode == OP_rules_get ? "its rules" : "our events",
                has_words ? info.text : e.text);
    if (f->opcode != OP_rules_get)
        conn_close(conn);
}

/* What slurmdbd cannot take now it is offered again after a reconnect. */
static void on_frame(void *ctx, struct conn *conn, const struct frame *f)
{
    struct dbd *d = ctx;
    bool is_push = f->opcode == OP_rules_push && !(f->flags & FRAME_REPLY);
    bool is_answer =
        f->flags & FRAME_REPLY &&
        (f->opcode == OP_acct_hello || f->opcode == OP_acct_send || f->opcode == OP_rules_get);
    struct err e = { 0 };

    arena_reset(&d->arena);
    if (!is_push && !is_answer)
        return;
    if (f->flags & FRAME_ERROR) {
        on_refusal(d, conn, f);
    } else if ((is_push || f->opcode == OP_rules_get ? on_rules(d, f, &e)
                                                     : on_archive(d, conn, f, &e)) < 0) {
        log_error("slurmdbd: %s", e.text);
        conn_close(conn);
    } else if (is_push) {
        rpc_send(conn, OP_rules_push, FRAME_REPLY, f->request, &desc_empty, &(struct empty){});
    }
}

static bool send_batch(struct dbd *d, struct conn *conn)
{
    struct acct_events batch = { .cluster = d->target.cluster };
    struct err e = { 0 };

    arena_reset(&d->arena);
    if (outbox_read(d->c->outbox, d->sent + 1, BATCH, &d->arena, &batch, &e) < 0) {
        log_limited(&d->trouble, 60, LOG_ERROR, "accounting: %s", e.text);
        return false;
    }
    if (batch.events.n == 0)
        return false;
    d->sent = batch.events.v[batch.events.n - 1].seq;
    d->in_flight++;
    rpc_send(conn, OP_acct_send, 0, ++d->request, &desc_acct_events, &batch);
    return true;
}

void dbd_pump(struct dbd *d)
{
    struct conn *conn = d && d->is_known ? conn_find(d->c->loop, d->conn) : NULL;

    if (!conn || d->sent >= outbox_last(d->c->outbox))
        return;
    while (d->in_flight < BATCHES_AHEAD && send_batch(d, conn))
        ;
}

void dbd_stats(const struct dbd *d, struct arena *a, struct key_value ret[3])
{
    unsigned long long acked = d ? d->acked : 0;
    unsigned long long last = d ? outbox_last(d->c->outbox) : 0;

    ret[0] = (struct key_value){ "accounting_events", arena_printf(a, "%llu", last), "" };
    ret[1] = (struct key_value){ "accounting_backlog",
                                 arena_printf(a, "%llu", last > acked ? last - acked : 0), "" };
    ret[2] = (struct key_value){ "accounting_connected", d && d->is_known ? "yes" : "no", "" };
}
