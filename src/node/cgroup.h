/* Control groups: one interface over both versions of the kernel's.
 *
 *   v1  MOUNT/CONTROLLER/BASE/uid_U/job_J/step_S
 *   v2  MOUNT/BASE/job_J/step_S/user/task_T
 *
 * slurmd finds out once what there is (cgroup_find) and hands the plan to every slurmstepd; a plan
 * with version 0 makes every function here do nothing and succeed, so nobody asks twice. */
#ifndef NODE_CGROUP_H
#define NODE_CGROUP_H

#include "base/arena.h"
#include "base/err.h"
#include "schema/messages.h"
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define CGROUP_PATH_MAX 256

/* The groups of one step, by name; nothing is open. */
struct cgroup {
    const struct cgroup_plan *plan; /* NULL is a plan of version 0 */
    char job[CGROUP_PATH_MAX];      /* below the mount, or below each controller */
    char step[CGROUP_PATH_MAX];
};

struct cgroup_id {
    uint32_t uid, job_id, step_id;
};

/* A device that the step was not given. */
struct cgroup_device {
    bool is_block;
    uint32_t major, minor;
};

/* What the step was given.  What the plan does not confine is ignored. */
struct cgroup_limits {
    uint64_t job_mem_mb, step_mem_mb; /* 0: no limit */
    const char *cpus;                 /* the kernel's numbers, "0-3,8"; empty: all */
    const struct cgroup_device *denied;
    uint32_t denied_count;
};

/* What a group used so far, bytes and microseconds; 0 where the kernel does not say. */
struct cgroup_use {
    uint64_t user_us, system_us;
    uint64_t anon, shmem, file; /* now */
    uint64_t peak;              /* of all memory, page cache included */
    uint64_t limit;             /* UINT64_MAX: none */
    uint64_t oom_kills;
};

/* ---- slurmd */

/* Finds what the plan asks for on this machine, makes our group and fills version, base and
 * total_mb.  What cannot be had is taken out of the plan and named in plan->why (in the arena).
 * The suffix of its name tells the slurmds of one machine apart. */
void cgroup_find(struct cgroup_plan *plan, const char *suffix, struct arena *a);

/* Kills and removes what is left of a job (step_id STEP_ALL) or of one step.  Returns how many
 * processes were still there after the last try. */
int cgroup_clear(const struct cgroup_plan *plan, const struct cgroup_id *id);

/* The same for each job that has a group here and that keep() does not want kept. */
typedef bool cgroup_keep_fn(void *ctx, uint32_t job_id);
void cgroup_clear_others(const struct cgroup_plan *plan, cgroup_keep_fn *keep, void *ctx);

/* Removes our own group, when nothing is in it. */
void cgroup_close(const struct cgroup_plan *plan);

/* ---- slurmstepd */

void cgroup_name(struct cgroup *ret, const struct cgroup_plan *plan, const struct cgroup_id *id);

/* Makes the groups and sets their limits.  A limit that cannot be set is an error: nothing runs
 * outside of what it was given. */
int cgroup_make(const struct cgroup *g, const struct cgroup_limits *l, struct err *e);

/* In the child, as root, before it becomes the user: from here on it is inside. */
int cgroup_enter(const struct cgroup *g, uint32_t task, struct err *e);

/* SIGKILL to every process inside at one instant, forking ones too.  -ENOTSUP where nothing is
 * tracked. */
int cgroup_kill(const struct cgroup *g);

void cgroup_measure(const struct cgroup *g, struct cgroup_use *ret);

/* The step's groups, and the job's when this was its last step. */
void cgroup_remove(const struct cgroup *g);

/* ---- pure, for tests */

struct cgroup_memory {
    uint64_t ram, swap; /* bytes */
};
/* What cgroup.conf makes of an allocation; 0 MiB is the whole machine. */
struct cgroup_memory cgroup_memory(const struct cgroup_plan *plan, uint64_t mem_mb);

#endif
