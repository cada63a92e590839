/* slurmdbd: start and stop, one transaction a turn, answers after the commit. */
#include "slurmdbd/dbd.h"

#include "base/cleanup.h"
#include "base/log.h"
#include "net/daemon.h"
#include "net/rpc.h"

#include <errno.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#define STATE_DIR "/var/lib/slurm/slurmdbd"
#define MYSQL_PORT 3306u

/* One commit for all that came in this turn; then the answers.  A store that cannot commit is an
 * archive that cannot keep its promise: stop, controllers send everything again. */
static void dbd_turn(void *ctx)
{
    struct dbd *d = ctx;

    database_commit(d);
    rulebook_push(&d->rules, d->loop);
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

/* Which engine: SQLite unless the site says MySQL. */
static int check_engine(const struct conf *conf, struct err *e)
{
    const char *type = conf_str(conf, "StorageType");

    if (!conf_is_set(conf, "StorageType") || strcasecmp(type, "accounting_storage/sqlite") == 0 ||
        strcasecmp(type, "accounting_storage/mysql") == 0)
        return 0;
    return err_set(e, EINVAL,
                   "%s: StorageType=%s is not known.  accounting_storage/sqlite keeps the archive "
                   "in a file, accounting_storage/mysql in MariaDB or MySQL",
                   conf_path(conf), type);
}

static int dbd_configure(void *ctx, const struct daemon_args *args, struct daemon_place *ret,
                         struct err *e)
{
    struct dbd *d = ctx;
    int r = conf_load_dbd(conf_path_beside(conf_default_path(args->conf_path), &d->forever),
                          &d->conf, e);

    if (r == 0)
        r = check_engine(d->conf, e);
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
        return arena_printf(&d->forever, STATE_DIR "/%s.db", loc);
    if (stat(loc, &st) == 0 && S_ISDIR(st.st_mode))
        return arena_printf(&d->forever, "%s/slurm_acct.db", loc);
    return loc;
}

static struct sql_place store_place(struct dbd *d)
{
    const struct conf *c = d->conf;
    const char *type = conf_str(c, "StorageType");
    uint32_t port = conf_u32(c, "StoragePort");

    if (!conf_is_set(c, "StorageType") || strcasecmp(type, "accounting_storage/mysql") != 0)
        return (struct sql_place){ .name = store_path(d) };
    return (struct sql_place){ .host = conf_str(c, "StorageHost"),
                               .backup_host = conf_str(c, "StorageBackupHost"),
                               .user = conf_str(c, "StorageUser"),
                               .password = conf_str(c, "StoragePass"),
                               .name = conf_str(c, "StorageLoc"),
                               .tls = conf_str(c, "StorageParameters"),
                               .port = port ? port : MYSQL_PORT };
}

static int dbd_open(void *ctx, struct loop *loop, struct err *e)
{
    struct dbd *d = ctx;
    const char *addr = conf_str(d->conf, "DbdAddr");
    uint16_t port = (uint16_t)conf_u32(d->conf, "DbdPort");
    struct tcp_address at = { *addr ? addr : conf_str(d->conf, "DbdHost"), port };
    const char *local = arena_printf(&d->forever, "@sluice/slurmdbd/%u", port);
    struct err local_error = { 0 };
    int r;

    d->place = store_place(d);
    d->loop = loop;
    r = database_open(d, e);
    if (r < 0)
        return r;
    purge_start(d);
    d->munge = munge_async_new(loop, conf_munge_socket(d->conf));
    d->auth = auth_server_new(loop, d->munge, geteuid());
    r = listener_tcp(loop, &at, &dbd_conn_ops, d, &d->tcp, e);
    if (r < 0)
        return r;
    if (listener_unix(loop, local, &dbd_conn_ops, d, &d->local, &local_error) < 0)
        log_error("%s: local commands will use TCP", local_error.text);
    log_info("slurmdbd started: archive %s%s%s, port %u", d->place.host ? d->place.host : "",
             d->place.host ? "/" : "", d->place.name, port);
    return 0;
}

static void dbd_close(void *ctx)
{
    struct dbd *d = ctx;

    listener_free(d->tcp);
    listener_free(d->local);
    if (d->loop)
        dbd_turn(d);
    purge_stop(d);
    database_close(d);
    auth_server_free(d->auth);
    munge_async_free(d->munge);
    conf_free(d->conf);
    free(d->held);
    arena_fini(&d->arena);
    arena_fini(&d->forever);
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
