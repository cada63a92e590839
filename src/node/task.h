/* A task from fork to exec: the child becomes the user before it touches anything of the user's
 * (R6, R7). */
#ifndef NODE_TASK_H
#define NODE_TASK_H

#include "base/err.h"
#include "schema/messages.h"
#include <stdbool.h>
#include <sys/types.h>

struct cgroup;

struct task_start {
    const struct launch *launch;
    const char *script;         /* path to execute */
    char **env;                 /* of env_build */
    const char *in, *out, *err; /* absolute paths */
    const struct cgroup *group; /* of the step; NULL: none */
    uint32_t rank;              /* of the task on this node */
};

/* Forks.  The parent gets the pid and the read end of a pipe that stays empty when the task reached
 * its exec, and otherwise holds a struct task_failure. */
int task_start(const struct task_start *t, pid_t *ret_pid, int *ret_report, struct err *e);

struct task_failure {
    int code;        /* errno */
    int exit_status; /* what the task's wait status should have been: 53 as a signal where I/O
                        failed, as Slurm's */
    char text[256];
};

/* What the report pipe holds once the task is gone: true when it failed before its exec. */
bool task_failed(int report, struct task_failure *ret);

/* Appends one line to the task's stderr, as the user, in a process of its own: the file may hang.
 * Returns its pid. */
pid_t task_say(const struct task_start *t, const char *line);

#endif
