/* The environment of a task: the user's variables, then ours by table (contracts/slurm.md section
 * 4). */
#ifndef NODE_ENV_H
#define NODE_ENV_H

#include "base/arena.h"
#include "base/err.h"
#include "schema/messages.h"

/* What is known beside the launch message of the job. */
struct env_node {
    const char *conf_path;          /* SLURM_CONF; "" leaves it out */
    const struct step_launch *step; /* NULL: the batch script */
};

/* NAME=value strings, NULL behind the last: for execve. */
struct env {
    char **v;
    uint32_t n, cap;
};

/* A variable of ours replaces the user's of the same name; those of a single task (SLURM_PROCID,
 * SLURM_TASK_PID ...) are put by whoever knows them.  Fails on names without '=' or beyond the
 * kernel's 128 KiB for one variable, naming it (R9).  Strings live in the arena. */
int env_build(const struct launch *l, const struct env_node *node, struct arena *a, struct env *ret,
              struct err *e);

/* Sets or, with NULL, removes one variable. */
void env_put(struct env *env, struct arena *a, const char *name, const char *value);
void env_put_number(struct env *env, struct arena *a, const char *name, uint64_t value);
const char *env_get(const struct env *env, const char *name); /* NULL when it is not there */

#endif
