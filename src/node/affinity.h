/* Which CPUs and which memory each task of a step gets on this node.
 *
 * affinity_plan is pure: from the topology, the step's CPUs and the words of --cpu-bind,
 * --mem-bind,
 * --hint and --distribution to one set for each task.  affinity_apply makes the calling process
 * obey one of them. */
#ifndef NODE_AFFINITY_H
#define NODE_AFFINITY_H

#include "base/arena.h"
#include "base/bits.h"
#include "base/buf.h"
#include "base/err.h"
#include "schema/messages.h"
#include <stdbool.h>
#include <stdint.h>

struct affinity_ask {
    const struct host_topology *topology; /* empty: nobody is bound */
    const struct bits *cpus;              /* abstract ids of the step's; as many as the topology */
    uint32_t tasks;                       /* on this node */
    uint32_t cpus_per_task;               /* 0: one */
    const char *cpu_bind, *mem_bind, *hint, *distribution; /* as written; "" when not asked */
    const char *defaults;                                  /* TaskPluginParam */
};

enum affinity_memory { MEMORY_FREE, MEMORY_BIND, MEMORY_PREFER };

struct affinity_task {
    struct bits cpus; /* abstract ids; none: not bound */
    enum affinity_memory memory;
    uint64_t nodes; /* NUMA nodes, when memory is bound */
};

struct affinity {
    const struct host_topology *topology;
    struct affinity_task *tasks; /* by local rank; in xalloc'ed memory */
    uint32_t n;
    bool is_verbose, is_mem_verbose, is_mem_sorted;
    const char *type;     /* as in SLURM_CPU_BIND_TYPE: "mask_cpu:", "none" */
    const char *label;    /* of the verbose line: MASK, RANK ... */
    const char *mem_type; /* "" when not asked */
};

int affinity_plan(const struct affinity_ask *ask, struct arena *a, struct affinity *ret,
                  struct err *e);
void affinity_fini(struct affinity *p);

/* SLURM_CPU_BIND, SLURM_MEM_BIND and their parts, for one task. */
void affinity_env(const struct affinity *p, uint32_t rank, struct arena *a, struct strs *ret);

/* In the task's process: sets CPUs and memory policy.  0 or -errno; what the machine refuses is no
 * reason not to run. */
int affinity_apply(const struct affinity *p, uint32_t rank);

/* The lines that `verbose` asks for, of the calling process: "" when it does not. */
void affinity_say(const struct affinity *p, uint32_t rank, uint32_t global_rank, const char *node,
                  struct buf *out);

/* ---- affinity_spread.c: masks made from the distribution */

enum affinity_level { LEVEL_THREAD, LEVEL_CORE, LEVEL_SOCKET, LEVEL_NUMA };
enum affinity_order { ORDER_CYCLIC, ORDER_BLOCK, ORDER_FCYCLIC };

struct affinity_spread {
    const struct host_topology *topology;
    const struct bits *cpus;
    uint32_t cpus_per_task;
    enum affinity_level level;
    enum affinity_order sockets, cores;
};

/* Gives each task its CPUs and widens them to whole cores, sockets or memory nodes of the step. */
void affinity_spread(const struct affinity_spread *s, struct affinity_task *tasks, uint32_t n);
void affinity_widen(const struct affinity_spread *s, struct bits *set);

#endif
