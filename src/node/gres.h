/* Generic resources of this node: which devices there are, which of them a step may open, and what
 * its environment says about them.  All of it is computed from messages; only device numbers are
 * asked of the file system. */
#ifndef NODE_GRES_H
#define NODE_GRES_H

#include "base/arena.h"
#include "base/buf.h"
#include "node/cgroup.h"
#include "schema/messages.h"
#include <stdbool.h>
#include <stdint.h>

/* What is said of the resources of a node: Gres= in slurm.conf, gres.conf, and what was found. */
struct gres_said {
    const char *configured;
    const struct gres_conf *written, *found;
};

/* Pure: brings the three together.  Fills host->devices and *ret_text, the Gres text for the
 * registration: counts that are really there, with sockets.  Words about what does not fit go to
 * `why`. */
void gres_merge(const struct gres_said *said, struct arena *a, struct host *host,
                const char **ret_text, struct buf *why);

/* The lines of slurmd -G. */
void gres_print(const struct host *host, const char *node, struct buf *out);

/* Pure: the devices of a name that the parts hold, by index. */
uint64_t gres_units(const struct gres_part *parts, uint32_t n, const char *name);

/* Devices with files that the parts do not hold, for cgroup_limits. */
void gres_denied(const struct host *host, const struct gres_part *parts, uint32_t n,
                 struct arena *a, struct cgroup_limits *ret);

struct gres_task {
    const struct gres_part *job, *step; /* step NULL: it has all of the job's */
    uint32_t job_n, step_n;
    bool is_confined; /* other devices cannot be opened: numbers begin with 0 */
    uint64_t only;    /* --gpu-bind: bits of the step's GPUs in their order; 0: all */
};

/* "CUDA_VISIBLE_DEVICES=0,1", SLURM_JOB_GPUS ...; strings in the arena. */
void gres_env(const struct host *host, const struct gres_task *t, struct arena *a,
              struct strs *ret);

/* ---- --gpu-bind */

struct gres_place {
    const struct host *host;
    const struct gres_part *parts; /* of the step */
    uint32_t part_n;
    uint32_t local_rank, local_tasks;
    const uint32_t *cpus; /* abstract ids that the task may use; none: unknown */
    uint32_t cpu_n;
};

/* Pure: the task's share of the step's GPUs as bits in their order; 0: all of them.  `bind` is
 * "[verbose,]closest", single:n, per_task:n, map_gpu:..., mask_gpu:... or none. */
int gres_bind(const char *bind, const struct gres_place *at, uint64_t *ret, struct err *e);

#endif
