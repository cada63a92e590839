/* A task from fork to exec: the child becomes the user before it touches anything of the user's
 * (R6, R7). */
#ifndef NODE_TASK_H
#define NODE_TASK_H

#include "base/err.h"
#include "node/env.h"
#include "schema/messages.h"
#include <stdbool.h>
#include <sys/types.h>

struct affinity;
struct cgroup;

/* Where a stream comes from or goes to: a file that the user opens, or a descriptor of ours. */
struct task_stream {
    const char *path; /* absolute; NULL: fd */
    int fd;
    bool is_shared; /* an earlier task empties the file */
};

/* The user's programs around a task; "" for none. */
struct task_hooks {
    const char *site;  /* TaskProlog, TaskEpilog */
    const char *users; /* --task-prolog, --task-epilog */
};

struct task_start {
    const struct launch *launch;
    char **argv;    /* argv[0]: a path, or a name to be found in the task's PATH */
    struct env env; /* SLURM_TASK_PID is put by the child */
    struct task_stream in, out, err;
    bool is_pty; /* `in` is a terminal, for all three streams */
    int turn;    /* -1, or: wait for its end before a shared file is opened */
    struct task_hooks prologs;
    const struct cgroup *group;  /* of the step; NULL: none */
    int pmi;                     /* a socket that the task inherits; -1: none */
    const struct affinity *bind; /* of the step; NULL: none */
    uint32_t local;              /* number of the task on this node */
    /* Instead of an exec: what to do as the user; returns the exit code. */
    int (*instead)(const void *ctx, struct err *e);
    const void *ctx;
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

/* Runs the site's and the user's epilog, as the user, in a process of its own; its pid, or 0 when
 * there is none to run. */
pid_t task_epilog(const struct task_start *t, const struct task_hooks *epilogs);

/* Appends one line to the task's stderr, as the user, in a process of its own: the file may hang.
 * Returns its pid; 0 when stderr is no file. */
pid_t task_say(const struct task_start *t, const char *line);

#endif
