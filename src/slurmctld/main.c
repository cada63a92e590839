/* slurmctld: start, reload and stop.  What it does all day is in turn.c. */
#include "slurmctld/ctld.h"

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/xalloc.h"

#include <stdio.h>
#include <string.h>

static int ctld_configure(void *ctx, const struct daemon_args *args, struct daemon_place *ret,
                          struct err *e)
{
    struct ctld *c = ctx;
    const char *path = conf_default_path(args->conf_path);

    int r = conf_load(path, &c->conf, e);
    if (r == 0)
        r = conf_slurm_uid(c->conf, &c->slurm_uid, e);
    if (r < 0)
        return r;
    c->conf_path = xstrdup(path);
    c->clean_start = args->clean_start;
    c->verbose = args->verbose;
    const char *log = conf_str(c->conf, "SlurmctldLogFile");
    const char *pid = conf_str(c->conf, "SlurmctldPidFile");
    const char *user = conf_str(c->conf, "SlurmUser");
    *ret = (struct daemon_place){
        .log_path = *log ? log : NULL,
        .pid_path = *pid ? pid : NULL,
        .user = *user ? user : "root",
        .log_level = (int)log_parse_level(conf_str(c->conf, "SlurmctldDebug")),
    };
    return 0;
}

static void on_timer(void *ctx)
{
    struct ctld *c = ctx;

    c->is_due = true;
}

static void on_lazy(void *ctx)
{
    struct ctld *c = ctx;

    c->is_late = true; /* the turn commits */
}

static void on_again(void *ctx)
{
    /* Waking the loop is all: the turn follows. */
}

static int listen_all(struct ctld *c, struct err *e)
{
    uint16_t port = (uint16_t)conf_u32(c->conf, "SlurmctldPort");
    struct tcp_address at = { NULL, port };
    CLEANUP(freep) char *local = xasprintf("@sluice/slurmctld/%u", port);
    struct err why;

    int r = listener_tcp(c->loop, &at, &ingest_ops, c, &c->tcp, e);
    if (r < 0)
        return r;
    if (listener_unix(c->loop, local, &ingest_ops, c, &c->local, &why) < 0)
        log_error("%s: local commands will use TCP", why.text);
    return 0;
}

static int ctld_open(void *ctx, struct loop *loop, struct err *e)
{
    struct ctld *c = ctx;
    const struct strs *warnings = conf_warnings(c->conf);

    for (uint32_t i = 0; i < warnings->n; i++)
        log_info("%s", warnings->v[i]);
    c->loop = loop;
    c->acct_twins = twins_find(&desc_acct_job, &desc_job_spec);
    c->launch_twins = twins_find(&desc_launch, &desc_job_spec);
    c->names = names_new(loop);
    c->fair = fair_new();
    fair_configure(c->fair, c->conf);
    c->boot_s = ctld_now(c);
    c->timer = loop_add_timer(loop, -1, on_timer, c);
    c->again = loop_add_timer(loop, -1, on_again, c);
    c->lazy = loop_add_timer(loop, -1, on_lazy, c);
    c->waits = waits_new();
    c->samples = samples_new();
    c->munge = munge_async_new(loop, conf_munge_socket(c->conf));
    c->auth = auth_server_new(loop, c->munge, geteuid());

    int r = state_open(c, e);
    if (r < 0)
        return r;
    c->nodes = nodes_new(c);
    auth_server_on_refused(c->auth, nodes_refused, c);
    r = turn_start(c, e);
    if (r < 0)
        return r;
    c->dbd = dbd_new(c);
    r = listen_all(c, e);
    if (r == 0)
        ctld_turn(c);
    return r;
}

/* SIGHUP: all of the new configuration or none of it. */
static void ctld_reload(void *ctx)
{
    struct ctld *c = ctx;
    struct pending p = { .route = route_find(OP_reconfigure), .in.kind = OP_reconfigure };

    ingest_push(c, &p);
    ctld_turn(c);
}

static void ctld_close(void *ctx)
{
    struct ctld *c = ctx;

    c->is_late = true;
    if (c->tcp)
        ctld_turn(c);
    waits_free(c->waits);
    samples_free(c->samples);
    dbd_free(c->dbd);
    nodes_free(c->nodes);
    listener_free(c->tcp);
    listener_free(c->local);
    auth_server_free(c->auth);
    munge_async_free(c->munge);
    state_close(c);
    names_free(c->names);
    fair_free(c->fair);
    conf_free(c->conf);
    free(c->conf_path);
    free(c->acct_twins.v);
    free(c->launch_twins.v);
    free(c->queue.v);
    free(c->calls);
    free(c->held);
    free(c->questions);
    arena_fini(&c->queue_arena);
    arena_fini(&c->arena);
}

int64_t ctld_now(struct ctld *c)
{
    return steady_now(&c->clock, clock_mono_ns(), clock_wall_ns()) / 1000000000;
}

int main(int argc, char **argv)
{
    return daemon_run(argc, argv,
                      &(struct daemon){
                          .name = "slurmctld",
                          .usage = "Usage: slurmctld [-D] [-c] [-f FILE] [-v] [-V] [-h]\n"
                                   "  -c       discard the state of jobs and nodes\n"
                                   "  -D       stay in the foreground\n"
                                   "  -f FILE  use this slurm.conf\n"
                                   "  -v       log more, repeatable\n"
                                   "  -V       print the version\n",
                          .ctx_size = sizeof(struct ctld),
                          .configure = ctld_configure,
                          .open = ctld_open,
                          .turn = ctld_turn,
                          .reload = ctld_reload,
                          .close = ctld_close,
                      });
}
