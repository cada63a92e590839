/* What is asked of slurmdbd, and by whom.  Answers wait for the commit. */
#include "slurmdbd/dbd.h"

#include "auth/roles.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/xalloc.h"
#include "net/daemon.h"
#include "net/rpc.h"
#include "schema/errors.h"

#include <errno.h>
#include <pwd.h>
#include <string.h>
#include <unistd.h>

#define PAGE_RECORDS 5000u

/* ---- requests */

struct request {
    struct conn *conn;
    uint32_t id;
    const void *msg;
};

typedef int dbd_fn(struct dbd *d, const struct request *in, void **ret, struct err *e);

static int on_ping(struct dbd *d, const struct request *in, void **ret, struct err *e)
{
    struct ping_info *info = arena_alloc(&d->arena, sizeof *info);

    *info = (struct ping_info){ .host = conf_str(d->conf, "DbdHost"),
                                .mode = "primary",
                                .pid = (uint32_t)getpid(),
                                .version = SLURM_COMPAT_VERSION };
    *ret = info;
    return 0;
}

static int on_hello(struct dbd *d, const struct request *in, void **ret, struct err *e)
{
    const struct acct_register *reg = in->msg;
    struct acct_ack *ack = arena_alloc(&d->arena, sizeof *ack);

    if (!*reg->cluster || !reg->instance)
        return err_set(e, EINVAL, "a controller must name its cluster and instance");
    log_info("cluster %s registered from %s:%u", reg->cluster, reg->host, reg->port);
    *ret = ack;
    int r = store_register(d->store, reg, &ack->seq, e);

    database_note_controller(d, in->conn);
    return r == 0 ? rulebook_register(&d->rules, reg, e) : r;
}

static int on_events(struct dbd *d, const struct request *in, void **ret, struct err *e)
{
    struct acct_ack *ack = arena_alloc(&d->arena, sizeof *ack);

    *ret = ack;
    return store_apply(d->store, in->msg, &ack->seq, e);
}

/* The login name of whoever asks; a number when he has none. */
static struct caller caller_of(struct dbd *d, const struct conn *c)
{
    uid_t uid = conn_peer(c)->uid;
    const struct passwd *pw = getpwuid(uid);
    const char *name =
        pw ? arena_strdup(&d->arena, pw->pw_name) : arena_printf(&d->arena, "%u", (unsigned)uid);

    return (struct caller){ name, role_of(uid, d->slurm_uid, rulebook_role(&d->rules, name)) };
}

static int on_query(struct dbd *d, const struct request *in, void **ret, struct err *e)
{
    struct acct_records *records = arena_alloc(&d->arena, sizeof *records);
    struct acct_query q = *(const struct acct_query *)in->msg;
    const struct caller who = caller_of(d, in->conn);
    const char *own[] = { who.name };

    if (!rulebook_may_see_jobs(&d->rules, &who, &q.accounts))
        q.users = (struct strs){ own, 1 };
    *ret = records;
    return store_query(d->store, &q, PAGE_RECORDS, &d->arena, records, e);
}

/* PrivateData=usage: of others only sums without a name are left. */
static void hide_usage(struct dbd *d, const struct conn *c, struct usage_info *info)
{
    const struct caller who = caller_of(d, c);
    uint32_t n = 0;

    if (!d->rules.hide.usage || who.role >= ROLE_OPERATOR)
        return;
    for (uint32_t i = 0; i < info->rows.n; i++)
        if (!*info->rows.v[i].user || strcmp(info->rows.v[i].user, who.name) == 0)
            info->rows.v[n++] = info->rows.v[i];
    info->rows.n = n;
    info->sizes.n = 0;
}

static int on_usage(struct dbd *d, const struct request *in, void **ret, struct err *e)
{
    struct usage_info *info = arena_alloc(&d->arena, sizeof *info);
    struct usage_query q = *(const struct usage_query *)in->msg;

    if (!q.clusters.n)
        q.clusters = rulebook_clusters(&d->rules, &d->arena);
    *ret = info;
    int r = store_report(d->store, &q, clock_wall_s(), &d->arena, info, e);
    hide_usage(d, in->conn, info);
    return r;
}

static int on_status(struct dbd *d, const struct request *in, void **ret, struct err *e)
{
    struct acct_stats *stats = arena_alloc(&d->arena, sizeof *stats);

    *ret = stats;
    store_stats(d->store, &d->arena, stats);
    return 0;
}

static int on_rules_get(struct dbd *d, const struct request *in, void **ret, struct err *e)
{
    struct rules *rules = arena_alloc(&d->arena, sizeof *rules);

    *ret = rules;
    return rulebook_subscribe(&d->rules, conn_id(in->conn), in->msg, &d->arena, rules, e);
}

static int on_rule_change(struct dbd *d, const struct request *in, void **ret, struct err *e)
{
    struct rule_changed *changed = arena_alloc(&d->arena, sizeof *changed);
    struct caller who = caller_of(d, in->conn);

    *ret = changed;
    return rulebook_change(&d->rules, &who, in->msg, &d->arena, changed, e);
}

static int on_rule_list(struct dbd *d, const struct request *in, void **ret, struct err *e)
{
    struct rule_book *book = arena_alloc(&d->arena, sizeof *book);
    struct caller who = caller_of(d, in->conn);

    *ret = book;
    return rulebook_list(&d->rules, &who, in->msg, &d->arena, book, e);
}

static const struct {
    uint16_t opcode;
    dbd_fn *fn;
} handlers[] = {
    { OP_ping, on_ping },           { OP_acct_hello, on_hello },
    { OP_acct_send, on_events },    { OP_acct_list, on_query },
    { OP_acct_status, on_status },  { OP_usage_list, on_usage },
    { OP_rules_get, on_rules_get }, { OP_rule_change, on_rule_change },
    { OP_rule_list, on_rule_list },
};

static dbd_fn *handler_of(uint16_t opcode)
{
    for (unsigned i = 0; i < sizeof handlers / sizeof *handlers; i++)
        if (handlers[i].opcode == opcode)
            return handlers[i].fn;
    return NULL;
}

static void hold(struct dbd *d, struct held h)
{
    if (d->held_count == d->held_cap) {
        d->held_cap = d->held_cap ? d->held_cap * 2 : 64;
        d->held = xrealloc(d->held, d->held_cap, sizeof *d->held);
    }
    d->held[d->held_count++] = h;
}

static void hold_error(struct dbd *d, struct held h, const struct err *e)
{
    struct error_info *why = arena_alloc(&d->arena, sizeof *why);

    why->code = (uint32_t)e->code;
    why->text = arena_strdup(&d->arena, e->text);
    h.flags |= FRAME_ERROR;
    h.desc = &desc_error_info;
    h.msg = why;
    hold(d, h);
}

void serve_refuse_held(struct dbd *d, const struct err *e)
{
    struct error_info *why = arena_alloc(&d->arena, sizeof *why);

    *why = (struct error_info){ .code = ESLURM_DB_CONNECTION,
                                .text = arena_strdup(&d->arena, e->text) };
    for (unsigned i = 0; i < d->held_count; i++) {
        d->held[i].flags |= FRAME_ERROR;
        d->held[i].desc = &desc_error_info;
        d->held[i].msg = why;
    }
}

static void on_frame(void *ctx, struct conn *c, const struct frame *f)
{
    struct dbd *d = ctx;
    enum role have = role_of(conn_peer(c)->uid, d->slurm_uid, ROLE_ANY);
    struct held h = { conn_id(c), f->request, f->opcode, FRAME_REPLY, NULL, NULL };
    struct rpc_call call;
    struct err e = { 0 };
    dbd_fn *fn;
    int r;

    if (f->flags & FRAME_REPLY) /* a controller acknowledges what we pushed */
        return;
    r = rpc_decode(c, f, have, &d->arena, &call, &e);

    if (r < 0) {
        log_verbose("uid %u at %s: %s", conn_peer(c)->uid, conn_peer(c)->address, e.text);
        return;
    }
    fn = handler_of(f->opcode);
    if (!fn)
        r = err_set(&e, ENOSYS, "slurmdbd does not answer %s", call.rpc->name);
    else if (!d->store && fn != on_ping)
        r = err_set(&e, ESLURM_DB_CONNECTION, "slurmdbd has no connection to its database");
    else
        r = fn(d, &(struct request){ c, f->request, call.msg }, &h.msg, &e);
    h.desc = call.rpc->reply;
    if (r < 0)
        hold_error(d, h, &e);
    else
        hold(d, h);
}

static void on_hello_frame(void *ctx, struct conn *c, const struct frame *f)
{
    struct dbd *d = ctx;

    auth_server_hello(d->auth, c, f);
}

static void on_closed(void *ctx, struct conn *c, const char *why)
{
    if (why)
        log_debug("connection of %s: %s", conn_peer(c)->address, why);
}

const struct conn_ops dbd_conn_ops = { .hello = on_hello_frame,
                                       .frame = on_frame,
                                       .closed = on_closed };
