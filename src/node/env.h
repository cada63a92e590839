/* The environment of a task: the user's variables, then ours by table (contracts/slurm.md section
 * 4). */
#ifndef NODE_ENV_H
#define NODE_ENV_H

#include "base/arena.h"
#include "base/err.h"
#include "schema/messages.h"

/* What the node adds to what the launch message says. */
struct env_node {
    const char *conf_path; /* SLURM_CONF; "" leaves it out */
    struct strs more;      /* whole NAME=value, before the user's: GPUs, binding */
};

/* NULL-terminated NAME=value strings in the arena; a variable of ours replaces the user's of the
 * same name. SLURM_TASK_PID is left to env_task_pid: only the task knows it.  Fails on names
 * without '=' or beyond the kernel's 128 KiB for one variable, naming it (R9). */
int env_build(const struct launch *l, const struct env_node *node, struct arena *a, char ***ret,
              struct err *e);

/* Writes the pid of the calling process into the slot that env_build kept for it. */
void env_task_pid(char **env, long pid);

#endif
