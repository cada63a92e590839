/* Processes: who they are beyond their pid, who descends from whom, and signals that cannot hit a
 * stranger (F19). */
#ifndef NODE_PROCS_H
#define NODE_PROCS_H

#include "base/buf.h"
#include "base/map.h"
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* A pid alone may be reused; with its start time it names one process of this boot. */
struct proc {
    pid_t pid;
    uint64_t start; /* field 22 of /proc/PID/stat, clock ticks since boot */
};

struct proc_stat {
    struct proc id;
    pid_t parent;
    char state; /* R S D Z ... */
};

int proc_stat(pid_t pid, struct proc_stat *ret); /* 0, or -ESRCH */
int proc_open(const struct proc *p);             /* a pidfd of exactly this process, or -ESRCH */

/* Signals every process that descends from `root` but for `root` itself and those in `spare` (ended
 * by 0; NULL: nobody).  Returns how many got it.  One sweep: whoever forks meanwhile is found by
 * the next one. */
int procs_signal_tree(pid_t root, const pid_t *spare, int signo);

/* Has the calling process a child that is not `spare`?  Dead ones that were not waited for count.
 */
bool procs_has_child_but(pid_t spare);

/* The same for processes of a user whose environment holds every one of the NAME=value texts (NULL
 * ends them): the last resort when the process that kept a step together is gone. */
int procs_signal_env(uid_t uid, const char *const *variables, int signo);

/* Kills and reaps children of the calling process whose pid is not a key of `ours`: to a subreaper
 * come the processes whose keeper died.  Returns how many were still alive: sweep until it is 0. */
int procs_kill_strays(const struct map *ours);

/* Calls each() for every living descendant of root. */
typedef void procs_fn(void *ctx, pid_t pid);
void procs_each(pid_t root, procs_fn *each, void *ctx);

/* Words about what descends from root and does not die: "pid 123 (D, nfs_wait)". */
void procs_describe_tree(pid_t root, struct buf *out);

#endif
