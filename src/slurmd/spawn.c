/* Starting slurmstepd: one vfork-like spawn, three descriptors, an environment of three variables.
 */
#include "slurmd/spawn.h"

#include "base/arena.h"
#include "base/cleanup.h"
#include "node/stepd.h"
#include "schema/rpc.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define HIGH \
    10 /* sources of dup2 lie above its targets, so that none is overwritten before its turn */

static int spawn_with(const char *path, char *const argv[], char *const env[], const int fds[3],
                      pid_t *ret)
{
    posix_spawn_file_actions_t files;
    posix_spawnattr_t how;
    sigset_t told;

    sigemptyset(&told);
    sigaddset(&told, SIGCHLD);
    sigaddset(&told, SIGTERM);
    sigaddset(&told, STEPD_SIGNAL);
    posix_spawn_file_actions_init(&files);
    for (int i = 0; i < 3; i++)
        posix_spawn_file_actions_adddup2(&files, fds[i], STEPD_FD_LAUNCH + i);
    posix_spawnattr_init(&how);
    posix_spawnattr_setflags(&how, POSIX_SPAWN_SETSIGMASK);
    posix_spawnattr_setsigmask(&how, &told);
    int err = posix_spawn(ret, path, &files, &how, argv, env);
    posix_spawnattr_destroy(&how);
    posix_spawn_file_actions_destroy(&files);
    return -err;
}

/* NAME=value, or NULL without a value; NULL also ends the array that it goes into. */
static char *variable(struct arena *a, const char *name, const char *value)
{
    return value && value[0] ? arena_printf(a, "%s=%s", name, value) : NULL;
}

static void environment(const struct launcher_conf *c, struct arena *a, char **ret)
{
    char *const rows[] = {
        variable(a, "SLURM_CONF", c->conf_path),
        variable(a, STEPD_ENV_SPOOL, c->spool_path),
        variable(a, STEPD_ENV_TASK_PROLOG, c->task_prolog),
        variable(a, STEPD_ENV_TASK_EPILOG, c->task_epilog),
        variable(a, "TZ", getenv("TZ")),
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (rows[i])
            *ret++ = rows[i];
    *ret = NULL;
}

int spawn_stepd(const struct launcher_conf *c, const struct step_record *r,
                const struct step_files *files, int launch_fd, pid_t *ret, struct err *e)
{
    struct arena a = { 0 };
    char name[64], *argv[] = { name, NULL }, *env[8];
    const struct step_key *key = &r->key;

    if (key->step_id == STEP_BATCH)
        snprintf(name, sizeof name, STEPD_NAME "%u.batch]", key->job_id);
    else
        snprintf(name, sizeof name, STEPD_NAME "%u.%u]", key->job_id, key->step_id);
    environment(c, &a, env);
    CLEANUP(closep) int launch = fcntl(launch_fd, F_DUPFD_CLOEXEC, HIGH);
    CLEANUP(closep) int dir = fcntl(files->dir, F_DUPFD_CLOEXEC, HIGH);
    CLEANUP(closep) int lock = fcntl(files->lock, F_DUPFD_CLOEXEC, HIGH);
    const int fds[3] = { launch, dir, lock };
    int err =
        launch < 0 || dir < 0 || lock < 0 ? -errno : spawn_with(c->stepd_path, argv, env, fds, ret);
    arena_fini(&a);
    return err < 0 ? err_set(e, -err, "start %s: %s", c->stepd_path, strerror(-err)) : 0;
}
