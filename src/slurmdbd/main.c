/* slurmdbd: events in, one transaction a turn, answers after the commit. */
#include "auth/roles.h"
#include "auth/server.h"
#include "base/cleanup.h"
#include "base/log.h"
#include "base/xalloc.h"
#include "conf/conf.h"
#include "net/conn.h"
#include "net/daemon.h"
#include "net/rpc.h"
#include "slurmdbd/store.h"

#include <errno.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#define STATE_DIR "/var/lib/slurm/slurmdbd"
#define PAGE_RECORDS 5000u

/* A reply that waits for the commit: nobody may see what a crash could undo. */
struct held {
    uint64_t conn;
    uint32_t request;
    uint16_t opcode, flags;
    const struct desc *desc;
    void *msg; /* in the arena of the turn */
};

struct dbd {
    struct conf *conf;
    struct loop *loop;
    struct store *store;
    struct munge_async *munge;
    struct auth_server *auth;
    struct listener *tcp, *local;
    uid_t slurm_uid;
    struct arena arena; /* of the turn */
    struct held *held;
    unsigned held_count, held_cap;
};

/* ---- requests */

typedef int dbd_fn(struct dbd *d, const void *request, void **ret, struct err *e);

static int on_ping(struct dbd *d, const void *request, void **ret, struct err *e)
{
    struct ping_info *info = arena_alloc(&d->arena, sizeof *info);

    *info = (struct ping_info){ .host = conf_str(d->conf, "DbdHost"),
                                .mode = "primary",
                                .pid = (uint32_t)getpid(),
                                .version = SLURM_COMPAT_VERSION };
    *ret = info;
    return 0;
}

static int on_hello(struct dbd *d, const void *request, void **ret, struct err *e)
{
    const struct acct_register *reg = request;
    struct acct_ack *ack = arena_alloc(&d->arena, sizeof *ack);

    if (!*reg->cluster || !reg->instance)
        return err_set(e, EINVAL, "a controller must name its cluster and instance");
    log_info("cluster %s registered from %s:%u", reg->cluster, reg->host, reg->port);
    *ret = ack;
    return store_register(d->store, reg, &ack->seq, e);
}

static int on_events(struct dbd *d, const void *request, void **ret, struct err *e)
{
    struct acct_ack *ack = arena_alloc(&d->arena, sizeof *ack);

    *ret = ack;
    return store_apply(d->store, request, &ack->seq, e);
}

static int on_query(struct dbd *d, const void *request, void **ret, struct err *e)
{
    struct acct_records *records = arena_alloc(&d->arena, sizeof *records);

    *ret = records;
    return store_query(d->store, request, PAGE_RECORDS, &d->arena, records, e);
}

static int on_status(struct dbd *d, const void *request, void **ret, struct err *e)
{
    struct acct_stats *stats = arena_alloc(&d->arena, sizeof *stats);

    *ret = stats;
    store_stats(d->store, &d->arena, stats);
    return 0;
}

static const struct {
    uint16_t opcode;
    dbd_fn *fn;
} handlers[] = {
    { OP_ping, on_ping },       { OP_acct_hello, on_hello },   { OP_acct_send, on_events },
    { OP_acct_list, on_query }, { OP_acct_status, on_status },
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

static void on_frame(void *ctx, struct conn *c, const struct frame *f)
{
    struct dbd *d = ctx;
    enum role have = role_of(conn_peer(c)->uid, d->slurm_uid, ROLE_ANY);
    struct held h = { conn_id(c), f->request, f->opcode, FRAME_REPLY, NULL, NULL };
    struct rpc_call call;
    struct err e = { 0 };
    dbd_fn *fn;
    int r = rpc_decode(c, f, have, &d->arena, &call, &e);

    if (r < 0) {
        log_verbose("uid %u at %s: %s", conn_peer(c)->uid, conn_peer(c)->address, e.text);
        return;
    }
    fn = handler_of(f->opcode);
    r = fn ? fn(d, call.msg, &h.msg, &e)
           : err_set(&e, ENOSYS, "slurmdbd does not answer %s", call.rpc->name);
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

static const struct conn_ops ops = { .hello = on_hello_frame,
                                     .frame = on_frame,
                                     .closed = on_closed };

/* One commit for all that came in this turn; then the answers.  A store that cannot commit is an
 * archive that cannot keep its promise: stop, controllers send everything again. */
static void dbd_turn(void *ctx)
{
    struct dbd *d = ctx;
    struct err e = { 0 };

    if (store_commit(d->store, &e) < 0)
        die("%s", e.text);
    for (unsigned i = 0; i < d->held_count; i++) {
        struct held *h = &d->held[i];
        struct conn *c = conn_find(d->loop, h->conn);

        if (c)
            rpc_send(c, h->opcode, h->flags, h->request, h->desc, h->msg);
    }
    d->held_count = 0;
    arena_reset(&d->arena);
}

/* ---- start and stop */

/* slurmdbd.conf lies beside slurm.conf. */
static char *conf_path_beside(const char *slurm_conf, struct arena *a)
{
    const char *slash = strrchr(slurm_conf, '/');

    return arena_printf(a, "%.*sslurmdbd.conf", slash ? (int)(slash - slurm_conf + 1) : 0,
                        slurm_conf);
}

static int refuse_other_engines(const struct conf *conf, struct err *e)
{
    const char *type = conf_str(conf, "StorageType");

    if (!conf_is_set(conf, "StorageType") || strcasecmp(type, "accounting_storage/sqlite") == 0)
        return 0;
    return err_set(
        e, EINVAL,
        "%s: StorageType=%s is not supported yet: slurmdbd keeps its archive in SQLite.  "
        "Remove the line (StorageLoc may name the file)",
        conf_path(conf), type);
}

static int dbd_configure(void *ctx, const struct daemon_args *args, struct daemon_place *ret,
                         struct err *e)
{
    struct dbd *d = ctx;
    int r =
        conf_load_dbd(conf_path_beside(conf_default_path(args->conf_path), &d->arena), &d->conf, e);

    if (r == 0)
        r = refuse_other_engines(d->conf, e);
    if (r == 0)
        r = conf_slurm_uid(d->conf, &d->slurm_uid, e);
    if (r < 0)
        return r;
    *ret = (struct daemon_place){
        .log_path = *conf_str(d->conf, "LogFile") ? conf_str(d->conf, "LogFile") : NULL,
        .pid_path = conf_str(d->conf, "PidFile"),
        .user = conf_str(d->conf, "SlurmUser"),
        .log_level = (int)log_parse_level(conf_str(d->conf, "DebugLevel")),
    };
    return 0;
}

/* An absolute StorageLoc is the file, or the folder of it; another one is a name in the state
 * folder. */
static const char *store_path(struct dbd *d)
{
    const char *loc = conf_str(d->conf, "StorageLoc");
    struct stat st;

    if (*loc != '/')
        return arena_printf(&d->arena, STATE_DIR "/%s.db", loc);
    if (stat(loc, &st) == 0 && S_ISDIR(st.st_mode))
        return arena_printf(&d->arena, "%s/slurm_acct.db", loc);
    return loc;
}

static int dbd_open(void *ctx, struct loop *loop, struct err *e)
{
    struct dbd *d = ctx;
    const char *addr = conf_str(d->conf, "DbdAddr");
    uint16_t port = (uint16_t)conf_u32(d->conf, "DbdPort");
    struct tcp_address at = { *addr ? addr : conf_str(d->conf, "DbdHost"), port };
    const char *local = arena_printf(&d->arena, "@sluice/slurmdbd/%u", port);
    struct err local_error = { 0 };
    int r = store_open(store_path(d), &d->store, e);

    if (r < 0)
        return r;
    d->loop = loop;
    d->munge = munge_async_new(loop, conf_munge_socket(d->conf));
    d->auth = auth_server_new(loop, d->munge, geteuid());
    r = listener_tcp(loop, &at, &ops, d, &d->tcp, e);
    if (r < 0)
        return r;
    if (listener_unix(loop, local, &ops, d, &d->local, &local_error) < 0)
        log_error("%s: local commands will use TCP", local_error.text);
    log_info("slurmdbd started: archive %s, port %u", store_path(d), port);
    return 0;
}

static void dbd_close(void *ctx)
{
    struct dbd *d = ctx;

    listener_free(d->tcp);
    listener_free(d->local);
    if (d->store)
        dbd_turn(d);
    store_close(d->store);
    auth_server_free(d->auth);
    munge_async_free(d->munge);
    conf_free(d->conf);
    free(d->held);
    arena_fini(&d->arena);
}

int main(int argc, char **argv)
{
    return daemon_run(argc, argv,
                      &(struct daemon){
                          .name = "slurmdbd",
                          .usage = "Usage: slurmdbd [-D] [-v] [-V] [-h]\n"
                                   "  -D   stay in the foreground\n"
                                   "  -v   more output, may be repeated\n"
                                   "  -V   print the version\n"
                                   "slurmdbd.conf is read from the folder of slurm.conf.\n",
                          .ctx_size = sizeof(struct dbd),
                          .configure = dbd_configure,
                          .open = dbd_open,
                          .turn = dbd_turn,
                          .close = dbd_close,
                      });
}
