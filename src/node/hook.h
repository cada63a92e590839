/* Prolog and Epilog: programs of the site, run as root for a job. */
#ifndef NODE_HOOK_H
#define NODE_HOOK_H

#include "base/err.h"
#include "schema/messages.h"
#include <sys/types.h>

struct hook {
    const char *path;    /* Prolog, Epilog */
    const char *context; /* SLURM_SCRIPT_CONTEXT: prolog_slurmd, epilog_slurmd */
    uint32_t job_id, uid;
    const char *node, *cluster, *conf_path;
};

/* Starts it in a session of its own with an environment built from nothing (R8).  The caller waits,
 * and bounds it. */
int hook_start(const struct hook *h, pid_t *ret, struct err *e);

#endif
