/* slurmd: two processes.  The listener is this one, nobody once it is running; the launcher is its
 * child and stays root (HOUSE section 2).  Neither goes on without the other; steps go on without
 * both. */
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/xalloc.h"
#include "conf/conf.h"
#include "net/daemon.h"
#include "node/gres.h"
#include "node/hw.h"
#include "node/ids.h"
#include "slurmd/host.h"
#include "slurmd/launcher.h"
#include "slurmd/listener.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define NOBODY 65534 /* when the name is not in passwd */

static const char usage[] =
    "Usage: slurmd [OPTIONS]\n"
    "  -b            report the node as rebooted (accepted)\n"
    "  -c            forget what the spool says of earlier steps that ended\n"
    "  -C            print this machine as a NodeName line and exit\n"
    "  -d STEPD      the slurmstepd to start\n"
    "  -D            stay in the foreground\n"
    "  -f FILE       slurm.conf to read\n"
    "  -G            print the generic resources of this node and exit\n"
    "  -h            this text\n"
    "  -N NAME       NodeName to be, when it is not this machine's name\n"
    "  -v            more output, may be repeated\n"
    "  -V            print the version\n";

struct slurmd {
    const char *node_option, *stepd_option;
    bool is_query;      /* -C */
    bool is_gres_query; /* -G */
    struct conf *conf;
    const struct conf_node *node;
    struct arena arena; /* lives as long as the daemon */
    struct launcher_conf launcher;
    struct listener_conf listener;
    struct node_link link;
    struct host host;
};

static int choose_node(struct slurmd *d, const struct conf_node **ret, struct err *e);
static int plan_launcher(struct slurmd *d, const struct conf_node *node, struct err *e);
static int plan_listener(struct slurmd *d, const struct conf_node *node, struct err *e);
static int print_gres(struct slurmd *d, const struct conf_node *node, struct err *e);

static void slurmd_forget(struct slurmd *d)
{
    conf_free(d->conf);
    arena_fini(&d->arena);
}

static int slurmd_option(void *ctx, int letter, const char *arg, struct err *e)
{
    struct slurmd *d = ctx;

    switch (letter) {
    case 'N':
        d->node_option = arg;
        break;
    case 'd':
        d->stepd_option = arg;
        break;
    case 'C':
        d->is_query = true;
        break;
    case 'G':
        d->is_gres_query = true;
        break;
    default: /* -b, -M: nothing to do here, but start-up scripts say them */
        break;
    }
    return 0;
}

static int slurmd_configure(void *ctx, const struct daemon_args *args, struct daemon_place *ret,
                            struct err *e)
{
    struct slurmd *d = ctx;
    const struct conf_node *node;

    if (d->is_query) {
        hw_print(d->node_option ? d->node_option : "", host_gres_found(&d->arena));
        slurmd_forget(d);
        return 1;
    }
    int err = conf_load(conf_default_path(args->conf_path), &d->conf, e);
    if (err == 0)
        err = choose_node(d, &node, e);
    if (err == 0 && d->is_gres_query)
        return print_gres(d, node, e);
    if (err == 0)
        err = plan_launcher(d, node, e);
    if (err == 0)
        err = plan_listener(d, node, e);
    if (err == 0)
        d->node = node;
    if (err < 0)
        return err;

    const char *log = conf_node_path(d->conf, "SlurmdLogFile", node->name, &d->arena);
    const char *pid = conf_node_path(d->conf, "SlurmdPidFile", node->name, &d->arena);
    enum log_level level = log_parse_level(conf_str(d->conf, "SlurmdDebug"));
    ret->log_path = log[0] ? log : NULL;
    ret->pid_path = pid[0] ? pid : NULL;
    ret->log_level = level >= LOG_QUIET && level <= LOG_DEBUG3 ? level : LOG_INFO;
    d->launcher.log_path = ret->log_path;
    d->launcher.log_level = ret->log_level + args->verbose;
    d->launcher.is_foreground = args->foreground;
    d->launcher.is_clean_start = args->clean_start;
    return 0;
}

static int choose_node(struct slurmd *d, const struct conf_node **ret, struct err *e)
{
    char host[256] = "";

    gethostname(host, sizeof host - 1);
    *ret =
        d->node_option ? conf_find_node(d->conf, d->node_option) : conf_node_of_host(d->conf, host);
    if (!*ret)
        return err_set(e, ENOENT, "%s has no NodeName for %s \"%s\"", conf_path(d->conf),
                       d->node_option ? "-N" : "host", d->node_option ? d->node_option : host);
    return 0;
}

static int print_gres(struct slurmd *d, const struct conf_node *node, struct err *e)
{
    const char *text;

    int err = host_gres(d->conf, node, &d->arena, &d->host, &text, e);
    if (err < 0)
        return err;
    CLEANUP(buf_fini) struct buf out = { 0 };
    gres_print(&d->host, node->name, &out);
    fputs(buf_str(&out), stdout);
    slurmd_forget(d);
    return 1;
}

/* -d, or the slurmstepd beside this program. */
static const char *stepd_path(struct slurmd *d)
{
    char self[PATH_MAX];

    if (d->stepd_option)
        return d->stepd_option;
    ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
    self[n > 0 ? n : 0] = '\0';
    char *slash = strrchr(self, '/');
    return arena_printf(&d->arena, "%.*s/slurmstepd", slash ? (int)(slash - self) : 0, self);
}

static int plan_launcher(struct slurmd *d, const struct conf_node *node, struct err *e)
{
    const struct conf *c = d->conf;
    char path[PATH_MAX];

    d->launcher = (struct launcher_conf){
        .spool_path = conf_node_path(c, "SlurmdSpoolDir", node->name, &d->arena),
        .stepd_path = stepd_path(d),
        .node = node->name,
        .cluster = conf_str(c, "ClusterName"),
        .conf_path = realpath(conf_path(c), path) ? arena_strdup(&d->arena, path) : conf_path(c),
        .prolog = conf_str(c, "Prolog"),
        .epilog = conf_str(c, "Epilog"),
        .task_prolog = conf_str(c, "TaskProlog"),
        .task_epilog = conf_str(c, "TaskEpilog"),
        .unkillable = conf_str(c, "UnkillableStepProgram"),
        .reboot = conf_str(c, "RebootProgram"),
        .health = { conf_str(c, "HealthCheckProgram"), conf_str(c, "HealthCheckNodeState"),
                    conf_u32(c, "HealthCheckInterval"), conf_u32(c, "HealthCheckTimeout") },
        .is_serial = conf_flag(c, "PrologFlags", "Serial"),
        .hook_timeout_s = conf_u32(c, "PrologEpilogTimeout"),
        .unkillable_timeout_s = conf_u32(c, "UnkillableStepTimeout"),
        .munge_socket = conf_munge_socket(c),
        .no_root_jobs = conf_u32(c, "DisableRootJobs") == 1,
    };
    if (access(d->launcher.stepd_path, X_OK) < 0)
        return err_errno(e, "slurmstepd %s", d->launcher.stepd_path);
    if (mkdir(d->launcher.spool_path, 0755) < 0 && errno != EEXIST)
        return err_errno(e, "make SlurmdSpoolDir %s", d->launcher.spool_path);
    if (realpath(d->launcher.spool_path,
                 path)) /* scripts see it as $0, wherever slurmd was started */
        d->launcher.spool_path = arena_strdup(&d->arena, path);
    return conf_slurm_uid(c, &d->launcher.controller_uid, e);
}

/* With config_overrides the node is what slurm.conf says it is. */
static void register_as_configured(struct node_register *r, const struct conf_node *node)
{
    r->cpus = node->cpus;
    r->boards = node->boards;
    r->sockets = node->sockets;
    r->cores = node->cores;
    r->threads = node->threads;
    r->real_memory_mb = node->real_memory_mb;
    r->tmp_disk_mb = node->tmp_disk_mb;
}

static int plan_listener(struct slurmd *d, const struct conf_node *node, struct err *e)
{
    const struct conf_host *hosts;
    struct node_register *r = &d->listener.hardware;
    uint32_t n = conf_controllers(d->conf, &hosts);

    if (n == 0)
        return err_set(e, EINVAL, "%s names no SlurmctldHost", conf_path(d->conf));
    for (uint32_t i = 0; i < n && i < CONTROLLERS_MAX; i++) {
        const char *address =
            hosts[i].address && hosts[i].address[0] ? hosts[i].address : hosts[i].name;
        d->listener.controllers[d->listener.controller_count++] = address;
    }
    d->launcher.is_sealed = true;
    for (uint32_t i = 0; i < d->listener.controller_count; i++)
        d->launcher.is_sealed &= !listener_is_local(d->listener.controllers[i]);
    d->listener.node = node->name;
    d->listener.port = (uint16_t)conf_u32(d->conf, "SlurmctldPort");
    hw_probe(conf_str(d->conf, "TmpFS"), &d->arena, r);
    if (conf_flag(d->conf, "SlurmdParameters", "config_overrides"))
        register_as_configured(r, node);
    r->name = node->name;
    r->version = SLURM_COMPAT_RELEASE;
    r->gres = node->gres;
    r->address = node->address;
    r->conf_hash = conf_hash(d->conf);
    r->slurmd_start = clock_wall_s();
    return 0;
}

/* ---- the two processes */

/* The half that talks to the network has nothing to lose: no uid, no groups, no capabilities. */
static int become_nobody(struct err *e)
{
    const struct passwd *who = getpwnam("nobody");
    const struct ids nobody = { .uid = who ? who->pw_uid : NOBODY,
                                .gid = who ? who->pw_gid : NOBODY };

    return geteuid() == 0 ? ids_become(&nobody, e) : 0;
}

static int slurmd_open(void *ctx, struct loop *loop, struct err *e)
{
    struct slurmd *d = ctx;
    int ends[2];

    const struct strs *warnings = conf_warnings(d->conf);
    for (uint32_t i = 0; i < warnings->n; i++)
        log_verbose("%s", warnings->v[i]);
    int err = host_find(d->conf, &d->launcher, d->node, &d->arena, &d->host, e);
    if (err == 0)
        err = host_gres(d->conf, d->node, &d->arena, &d->host, &d->listener.hardware.gres, e);
    if (err < 0)
        return err;
    d->launcher.host = &d->host;
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
        return err_errno(e, "socketpair");
    pid_t pid = fork();
    if (pid < 0)
        return err_errno(e, "fork");
    if (pid == 0)
        launcher_main(&d->launcher, ends[1]);
    close(ends[1]);
    err = become_nobody(e);
    if (err < 0)
        return err;
    listener_open(&d->link, loop, &d->listener, ends[0]);
    return 0;
}

static void slurmd_reopen_log(void *ctx)
{
    struct slurmd *d = ctx;

    listener_reopen_log(&d->link);
}

static void slurmd_close(void *ctx)
{
    struct slurmd *d = ctx;

    listener_close(&d->link);
    slurmd_forget(d);
}

int main(int argc, char **argv)
{
    return daemon_run(argc, argv,
                      &(struct daemon){
                          .name = "slurmd",
                          .options = "N:d:CGbM",
                          .usage = usage,
                          .ctx_size = sizeof(struct slurmd),
                          .option = slurmd_option,
                          .configure = slurmd_configure,
                          .open = slurmd_open,
                          .reopen_log = slurmd_reopen_log,
                          .close = slurmd_close,
                      });
}
