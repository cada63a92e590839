/* munged, the guard: arguments, checks, start and stop.  What it knows is in guard.c, whom it talks
 * to in serve.c. */
#include "base/arena.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/xalloc.h"
#include "munged/options.h"
#include "munged/place.h"
#include "munged/serve.h"
#include "net/daemon.h"

#include <arpa/inet.h>
#include <errno.h>
#include <grp.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define NAME "munged"
#define TIDY_MS 60000
#define SYNC_MS 1000
/* When the replay file is lost, clocks further apart than this cost credentials. */
#define LOST_SKEW_S 5

enum {
    LONG_BENCHMARK = 256,
    LONG_GROUP_CHECK,
    LONG_GROUP_UPDATE,
    LONG_KEY_FILE,
    LONG_KEY_OVERLAP,
    LONG_LOG_FILE,
    LONG_MAX_TTL,
    LONG_THREADS,
    LONG_ORIGIN,
    LONG_PID_FILE,
    LONG_REPLAY_FILE,
    LONG_SEED_FILE,
    LONG_SYSLOG,
    LONG_TRUSTED,
};

static const struct option_row rows[] = {
    { OPTION_HELP },
    { OPTION_LICENSE },
    { OPTION_VERSION },
    { 0 },
    { "force", 'f', NULL, "Force daemon to run if possible" },
    { "foreground", 'F', NULL, "Run daemon in the foreground (do not fork)" },
    { "mlockall", 'M', NULL, "Lock all pages in memory" },
    { "stop", 's', NULL, "Stop daemon bound to socket" },
    { "socket", 'S', "PATH", "Specify local socket [/run/munge/munge.socket.2]" },
    { "verbose", 'v', NULL, "Be verbose" },
    { 0 },
    { "benchmark", LONG_BENCHMARK, NULL, "Disable timers to reduce noise while benchmarking" },
    { "group-check-mtime", LONG_GROUP_CHECK, "BOOL",
      "Specify whether to check \"/etc/group\" mtime [1]" },
    { "group-update-time", LONG_GROUP_UPDATE, "SECS",
      "Specify seconds between group info updates [3600]" },
    { "key-file", LONG_KEY_FILE, "PATH", "Specify key file [/etc/munge/munge.key]" },
    { "key-overlap", LONG_KEY_OVERLAP, "SECS",
      "Specify how long a replaced key still decodes [3600]" },
    { "log-file", LONG_LOG_FILE, "PATH", "Specify log file [/var/log/munge/munged.log]" },
    { "max-ttl", LONG_MAX_TTL, "SECS", "Specify maximum time-to-live (in seconds) [3600]" },
    { "num-threads", LONG_THREADS, "INT", "Accepted for compatibility: one thread serves all" },
    { "origin", LONG_ORIGIN, "ADDR", "Specify origin address via hostname/IPaddr/interface" },
    { "pid-file", LONG_PID_FILE, "PATH", "Specify PID file [/run/munge/munged.pid]" },
    { "replay-file", LONG_REPLAY_FILE, "PATH",
      "Specify file to keep replay state across restarts" },
    { "seed-file", LONG_SEED_FILE, "PATH",
      "Accepted for compatibility: the kernel seeds the PRNG" },
    { "syslog", LONG_SYSLOG, NULL, "Redirect log messages to syslog" },
    { "trusted-group", LONG_TRUSTED, "GID", "Specify trusted group/GID for directory checks" },
};

static const struct program program = {
    .name = NAME, .rows = rows, .n = sizeof rows / sizeof *rows, PROGRAM_WORDS
};

/* What the command line said, with the defaults of MUNGE where it was silent. */
struct settings {
    bool force, foreground, mlockall, stop, benchmark, syslog;
    bool group_check_mtime;
    unsigned verbose;
    int64_t group_update_s, key_overlap_s, max_ttl_s;
    gid_t trusted_group;
    struct arena text; /* of paths that were made absolute */
    const char *socket, *key_path, *log_path, *pid_path, *replay_path, *origin;
};

/* All of the daemon.  The socket is opened last, so nobody is answered before everything is
 * loaded. */
struct munged {
    struct settings set;
    struct loop *loop;
    struct loop_timer *tidy, *sync, *group_update;
    int lock, listen;
    struct guard guard;
    struct server server;
};

/* ---- arguments */

static void bad_value(const char *name, const char *value)
{
    fail(NAME, EXIT_FAILURE, "Invalid value \"%s\" for %s", value, name);
}

static int64_t number(const char *name, const char *value, int64_t min, int64_t max)
{
    int64_t n;

    if (number_parse(value, min, max, &n) < 0)
        bad_value(name, value);
    return n;
}

/* A group name wins over a number, so a group called "100" is that group. */
static gid_t trusted_group(const char *value)
{
    const struct group *gr = getgrnam(value);

    return gr ? gr->gr_gid : (gid_t)number("trusted-group", value, 0, UINT32_MAX - 1);
}

/* The daemon's directory changes when it goes to the background. */
static const char *absolute(struct settings *s, const char *path)
{
    char cwd[PATH_MAX];

    if (*path == '/' || !getcwd(cwd, sizeof cwd))
        return path;
    return arena_printf(&s->text, "%s/%s", cwd, path);
}

static void number_set(struct settings *s, int letter, const char *arg)
{
    switch (letter) {
    case LONG_GROUP_CHECK:
        s->group_check_mtime = number("group-check-mtime", arg, INT32_MIN, INT32_MAX) != 0;
        break;
    case LONG_GROUP_UPDATE:
        s->group_update_s = number("group-update-time", arg, -1, INT32_MAX);
        break;
    case LONG_KEY_OVERLAP:
        s->key_overlap_s = number("key-overlap", arg, 0, INT32_MAX);
        break;
    case LONG_MAX_TTL:
        s->max_ttl_s = number("max-ttl", arg, 1, MUNGE_TTL_MAX);
        break;
    case LONG_THREADS:
        number("num-threads", arg, 1, INT32_MAX);
        break;
    case LONG_TRUSTED:
        s->trusted_group = trusted_group(arg);
        break;
    default:
        break;
    }
}

static void path_set(struct settings *s, int letter, const char *arg)
{
    switch (letter) {
    case 'S':
        s->socket = absolute(s, arg);
        break;
    case LONG_KEY_FILE:
        s->key_path = absolute(s, arg);
        break;
    case LONG_LOG_FILE:
        s->log_path = absolute(s, arg);
        break;
    case LONG_PID_FILE:
        s->pid_path = absolute(s, arg);
        break;
    case LONG_REPLAY_FILE:
        s->replay_path = absolute(s, arg);
        break;
    case LONG_ORIGIN:
        s->origin = arg;
        break;
    default:
        number_set(s, letter, arg);
    }
}

static void option_set(void *ctx, int letter, const char *arg)
{
    struct settings *s = ctx;

    s->force |= letter == 'f';
    s->foreground |= letter == 'F';
    s->mlockall |= letter == 'M';
    s->stop |= letter == 's';
    s->verbose += letter == 'v';
    s->benchmark |= letter == LONG_BENCHMARK;
    s->syslog |= letter == LONG_SYSLOG;
    if (arg)
        path_set(s, letter, arg);
}

/* ---- checks before anything is done, while there is a terminal to complain to */

static void dir_check(const struct settings *s, const char *const names[2], const char *path,
                      bool open_to_all)
{
    const struct path_policy policy = { names[0], names[1], s->trusted_group, open_to_all };
    struct err e;

    int err = path_dir_check(path, &policy, &e);
    if (err == -EPERM && s->force)
        warn_about(NAME, "%s", e.text);
    else if (err < 0)
        fail(NAME, EXIT_FAILURE, "%s", e.text);
}

static struct key_source key_source(const struct munged *m)
{
    return (struct key_source){ m->set.key_path, m->set.trusted_group, m->set.force, clock_wall_s(),
                                m->set.key_overlap_s };
}

/* The address is information only: nothing decides by it.  So a machine whose own name is not to be
 * found goes on without one, as Debian's does; an --origin that is wrong is a mistake, unless
 * --force. */
static void origin_check(struct munged *m)
{
    struct err e;

    if (origin_find(m->set.origin, m->guard.origin, &e) == 0)
        return;
    if (m->set.origin && !m->set.force)
        fail(NAME, EXIT_FAILURE, "%s", e.text);
    warn_about(NAME, "%s", e.text);
    warn_about(NAME, "Continuing with origin set to null address");
}

static void checks(struct munged *m)
{
    static const char *const socket_names[] = { "Socket", "socket" };
    static const char *const pid_names[] = { "PIDfile", "PIDfile" };
    static const char *const log_names[] = { "Logfile", "logfile" };
    static const char *const replay_names[] = { "Replay file", "replay file" };
    const struct settings *s = &m->set;
    const struct key_source key = key_source(m);
    struct err e;

    origin_check(m);
    if (keyring_check(&key, &e) < 0)
        fail(NAME, EXIT_FAILURE, "%s", e.text);
    dir_check(s, socket_names, s->socket, true);
    dir_check(s, pid_names, s->pid_path, false);
    if (!s->foreground && !s->syslog)
        dir_check(s, log_names, s->log_path, false);
    if (s->replay_path)
        dir_check(s, replay_names, s->replay_path, false);
}

/* ---- the daemon */

/* Each -v is one level more than LOG_INFO. */
static int configure(void *ctx, const struct daemon_args *args, struct daemon_place *ret,
                     struct err *e)
{
    const struct munged *m = ctx;

    ret->pid_path = m->set.pid_path;
    if (m->set.syslog)
        log_to_syslog(LOG_INFO + m->set.verbose);
    else if (!m->set.foreground)
        ret->log_path = m->set.log_path;
    return 0;
}

/* Nothing here is needed for a right answer (entries and keys know their own end): it gives
 * memory back, and wipes a key that nobody has asked about since. */
static void on_tidy(void *ctx)
{
    struct munged *m = ctx;
    uint32_t now = (uint32_t)clock_wall_s();

    size_t alive = replay_purge(&m->guard.replay, now);
    replay_log_compact(&m->guard.journal, &m->guard.replay, now);
    keyring_expire(&m->guard.keys, now);
    server_tidy(&m->server);
    log_debug("%zu credentials in the replay memory", alive);
    loop_set_timer(m->tidy, TIDY_MS);
}

/* A crash of the machine, not of the daemon, may forget the last second of decodes: the price of
 * not waiting for the disk in each of them. */
static void on_sync(void *ctx)
{
    struct munged *m = ctx;

    replay_log_sync(&m->guard.journal);
    loop_set_timer(m->sync, SYNC_MS);
}

static void on_group_update(void *ctx)
{
    struct munged *m = ctx;

    groups_refresh(&m->guard.groups);
    loop_set_timer(m->group_update, m->set.group_update_s * 1000);
}

/* --group-update-time=0, and --benchmark, leave the groups to SIGHUP. */
static void timers_start(struct munged *m)
{
    m->sync = loop_add_timer(m->loop, m->set.replay_path ? SYNC_MS : -1, on_sync, m);
    m->tidy = loop_add_timer(m->loop, m->set.benchmark ? -1 : TIDY_MS, on_tidy, m);
    bool updates = m->set.group_update_s > 0 && !m->set.benchmark;
    m->group_update =
        loop_add_timer(m->loop, updates ? m->set.group_update_s * 1000 : -1, on_group_update, m);
}

/* When the file is lost nobody knows what was decoded before now: older credentials are refused. */
static int replay_open(struct munged *m, struct err *e)
{
    struct guard *g = &m->guard;
    bool lost = false;

    if (!m->set.replay_path)
        return 0;
    int err = replay_log_open(&g->journal, m->set.replay_path, &g->replay, g->started, &lost, e);
    if (err == 0 && lost) {
        g->refuse_before = g->started - LOST_SKEW_S;
        log_info("Replay file \"%s\" is new: credentials from before this start are refused",
                 m->set.replay_path);
    }
    return err;
}

/* The lock comes before anything else: a second daemon must fail without having touched the
 * socket or the replay file of the first. */
static int munged_open(void *ctx, struct loop *loop, struct err *e)
{
    struct munged *m = ctx;
    struct guard *g = &m->guard;
    char origin[INET_ADDRSTRLEN];

    log_info("Starting %s daemon (pid %d)", MUNGE_VERSION, (int)getpid());
    if (m->set.mlockall && mlockall(MCL_CURRENT | MCL_FUTURE) < 0)
        return err_errno(e, "Failed to lock all pages in memory");
    int err = place_lock(m->set.socket, &m->lock, e);
    if (err < 0)
        return err;

    m->loop = loop;
    guard_init(g);
    g->started = (uint32_t)clock_wall_s();
    g->max_ttl_s = (uint32_t)m->set.max_ttl_s;
    g->key_path = m->set.key_path;
    log_info("Set origin address to %s", inet_ntop(AF_INET, g->origin, origin, sizeof origin));
    const struct key_source from = key_source(m);
    if ((err = keyring_load(&g->keys, &from, e)) < 0 || (err = replay_open(m, e)) < 0)
        return err;
    log_info("Key fingerprint %s", g->keys.keys[0]->fingerprint);
    groups_init(&g->groups, loop, m->set.group_check_mtime);
    if (m->set.group_update_s >= 0)
        groups_build(&g->groups);
    if ((err = place_listen(m->set.socket, &m->listen, e)) < 0)
        return err;
    server_open(&m->server, loop, g, m->listen);
    timers_start(m);
    return 0;
}

static void munged_turn(void *ctx)
{
    struct munged *m = ctx;

    server_turn(&m->server);
}

/* A key file that cannot be read leaves the keys as they are: the guard goes on with what it has.
 */
static void munged_reload(void *ctx)
{
    struct munged *m = ctx;
    const struct keyring *keys = &m->guard.keys;
    const struct key_source from = key_source(m);
    struct err e;

    int got = keyring_load(&m->guard.keys, &from, &e);
    if (got < 0)
        log_error("%s; still using key fingerprint %s", e.text, keys->keys[0]->fingerprint);
    else if (got > 0)
        log_info("Key fingerprint %s signs from now on; %s decodes for %lld more seconds",
                 keys->keys[0]->fingerprint, keys->keys[1]->fingerprint,
                 (long long)m->set.key_overlap_s);
    if (m->set.group_update_s >= 0)
        groups_refresh(&m->guard.groups);
}

/* Waiting clients are hung up on; their library tries again, and meets the next daemon. */
static void munged_close(void *ctx)
{
    struct munged *m = ctx;

    server_close(&m->server);
    guard_fini(&m->guard);
    place_leave(m->set.socket, m->listen, m->lock);
    log_info("Stopping %s daemon (pid %d)", MUNGE_VERSION, (int)getpid());
}

static int stop_other(const struct settings *s)
{
    struct err e;
    pid_t pid;

    if (place_stop(s->socket, &pid, &e) < 0)
        fail(NAME, EXIT_FAILURE, "%s", e.text);
    fprintf(stderr, "%s: Notice: Terminated daemon bound to socket \"%s\" (pid %d)\n", NAME,
            s->socket, (int)pid);
    return EXIT_SUCCESS;
}

/* The frame's own command line has three letters in common with MUNGE's, meaning other things; so
 * it gets one made from what we understood. */
static int run(struct munged *m)
{
    char name[] = NAME, foreground[] = "-D", verbose[] = "-v";
    char *argv[] = { name, NULL, NULL, NULL, NULL, NULL };
    int argc = 1;

    if (m->set.foreground)
        argv[argc++] = foreground;
    for (unsigned i = 0; i < m->set.verbose && argc < 5; i++)
        argv[argc++] = verbose;
    return daemon_run(argc, argv,
                      &(struct daemon){
                          .name = NAME,
                          .ctx = m,
                          .holds_keys = true,
                          .configure = configure,
                          .open = munged_open,
                          .turn = munged_turn,
                          .reload = munged_reload,
                          .close = munged_close,
                      });
}

int main(int argc, char **argv)
{
    CLEANUP(freep) struct munged *m = xcalloc(1, sizeof *m);

    m->lock = m->listen = -1;
    m->set = (struct settings){
        .group_check_mtime = true,
        .group_update_s = 3600,
        .key_overlap_s = 3600,
        .max_ttl_s = MUNGE_TTL_MAX,
        .trusted_group = (gid_t)-1,
        .socket = MUNGE_SOCKET,
        .key_path = "/etc/munge/munge.key",
        .log_path = "/var/log/munge/munged.log",
        .pid_path = "/run/munge/munged.pid",
    };
    options_parse(&program, argc, argv, option_set, &m->set);
    if (m->set.stop)
        return stop_other(&m->set);
    checks(m);
    int status = run(m);
    arena_fini(&m->set.text);
    return status;
}
