/* Where a job fits: nodes, tasks, CPUs and memory for one wish in one partition.  Reads the state,
 * changes nothing. */
#ifndef CORE_PLACE_H
#define CORE_PLACE_H

#include "base/arena.h"
#include "core/timeline.h"
#include "schema/messages.h"
#include <stdbool.h>
#include <stdint.h>

struct core;
struct part;
struct node;

enum place_when {
    PLACE_NOW,  /* with what is free now */
    PLACE_THEN, /* on the nodes that work, with what the plan leaves then */
    PLACE_UP,   /* on the nodes that work, were they empty */
    PLACE_EVER, /* on every configured node, were it up and empty */
};

struct place {
    const struct core *c;
    const struct part *part;
    const struct job_wish *wish;
    enum place_when when;
    struct arena *a;
    const struct timeline *plan; /* with NOW and THEN: what is left beside all that is planned */
    int64_t from, until;         /* with plan: when the job would run */
    const uint32_t *among; /* look at these nodes only, in this order; NULL: the partition's */
    uint32_t among_n;
    uint32_t uid; /* whose job: for nodes that one user has for himself */
    bool is_late; /* it has waited for few switches long enough */
};

/* How many nodes of the partition fell out for which cause, and the most that any of them offers:
 * for hints. */
struct place_why {
    uint32_t nodes, unusable, excluded, features, hardware, memory, gres, cpus;
    uint32_t most_cpus, sum_cpus;
    uint64_t most_mem_mb;
};

struct placement {
    struct alloc_node *v; /* in order of index; in the arena; CPU ids with PLACE_NOW only */
    uint32_t *cpus;       /* how many, of each */
    uint32_t n;
};

struct room place_room_all(const struct node *n);       /* were it empty */
struct room place_room_free(const struct node *n);      /* what is free now */
/* What a job holds on a node; the same, were it started. */
struct room place_room_held(const struct node *n, const struct alloc_node *part);
struct room place_room_of(const struct core *c, const struct placement *at, uint32_t i);

/* The nodes, in the partition's order, that could give something to the wish were they empty, with
 * the tasks that fit on each. */
struct reach {
    uint32_t *nodes, *tasks;
    uint32_t n, most_tasks;
};
struct reach place_reach(const struct place *p); /* in the arena */
/* What a node must have left when so many nodes share the job evenly: less will hardly do. */
struct room place_share(const struct place *p, const struct node *n, uint32_t nodes);

/* Whether one of `among` could give anything: if none can, they add nothing to what is known. */
bool place_any(const struct place *p);

/* False: it does not fit.  why may be NULL. */
bool place_job(const struct place *p, struct placement *ret, struct place_why *why);

/* Memory that a job gets on a node, with the defaults of partition and configuration. */
struct mem_need {
    bool is_counted; /* memory is a consumable resource here */
    bool is_whole;   /* all of the node */
    bool is_per_cpu;
    bool is_per_gpu;
    uint64_t mb;
};
struct mem_need place_memory(const struct core *c, const struct part *p, const struct job_wish *w);
/* Its nodes are for one user: --exclusive=user, or the partition's ExclusiveUser. */
bool place_owns(const struct part *p, const struct job_wish *w);
uint32_t place_cpus_per_gpu(const struct core *c, const struct part *p, const struct job_wish *w);
bool place_is_whole(const struct core *c, const struct part *p,
                    const struct job_wish *w); /* whole nodes only */

#endif
