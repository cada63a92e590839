/* Prolog and Epilog.  Nothing that a user said is in their environment: ids are numbers, the rest
 * is the site's. */
#include "node/hook.h"

#include "base/arena.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <unistd.h>

#define SAFE_PATH "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

static char **environment(const struct hook *h, struct arena *a)
{
    char *rows[] = {
        arena_strdup(a, SAFE_PATH),
        arena_printf(a, "SLURM_JOB_ID=%u", h->job_id),
        arena_printf(a, "SLURM_JOBID=%u", h->job_id),
        arena_printf(a, "SLURM_JOB_UID=%u", h->uid),
        arena_printf(a, "SLURM_UID=%u", h->uid),
        arena_printf(a, "SLURMD_NODENAME=%s", h->node),
        arena_printf(a, "SLURM_CLUSTER_NAME=%s", h->cluster),
        arena_printf(a, "SLURM_CONF=%s", h->conf_path),
        arena_printf(a, "SLURM_SCRIPT_CONTEXT=%s", h->context),
        NULL,
    };

    return arena_memdup(a, rows, sizeof rows);
}

int hook_start(const struct hook *h, pid_t *ret, struct err *e)
{
    struct arena a = { 0 };
    posix_spawn_file_actions_t files;
    posix_spawnattr_t how;
    sigset_t none, all;
    char *argv[] = { (char *)h->path, NULL };

    sigemptyset(&none);
    sigfillset(&all);
    posix_spawn_file_actions_init(&files);
    posix_spawn_file_actions_addopen(&files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_addopen(&files, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
    posix_spawnattr_init(&how);
    posix_spawnattr_setflags(&how,
                             POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    posix_spawnattr_setsigmask(&how, &none);
    posix_spawnattr_setsigdefault(&how, &all);
    int err = posix_spawn(ret, h->path, &files, &how, argv, environment(h, &a));
    posix_spawnattr_destroy(&how);
    posix_spawn_file_actions_destroy(&files);
    arena_fini(&a);
    return err == 0 ? 0 : err_set(e, err, "%s: %s", h->path, strerror(err));
}
