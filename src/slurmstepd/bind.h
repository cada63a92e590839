/* Which CPUs, memory and GPUs each task of the step gets, and what its environment says of them. */
#ifndef SLURMSTEPD_BIND_H
#define SLURMSTEPD_BIND_H

#include "base/bits.h"
#include "base/err.h"
#include "node/affinity.h"

struct step;

struct bind {
    struct bits cpus; /* the step's, in abstract ids; none: the machine is not as configured */
    struct affinity plan;
};

/* Plans for every task, puts the variables and tells the tasks' starts. */
int bind_tasks(struct step *s, struct err *e);

/* The step's CPUs as the kernel counts them: "0-3" for its cpuset. */
void bind_cpus(struct step *s, struct buf *ret);

#endif
