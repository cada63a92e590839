/* Where a job fits: nodes, tasks, CPUs and memory for one wish in one partition.  Reads the state,
 * changes nothing. */
#ifndef CORE_PLACE_H
#define CORE_PLACE_H

#include "base/arena.h"
#include "schema/messages.h"
#include <stdbool.h>
#include <stdint.h>

struct core;
struct part;
struct node;

enum place_when {
    PLACE_NOW,  /* with what is free now */
    PLACE_UP,   /* on the nodes that work, were they empty */
    PLACE_EVER, /* on every configured node, were it up and empty */
};

struct place {
    const struct core *c;
    const struct part *part;
    const struct job_wish *wish;
    enum place_when when;
    struct arena *a;
};

/* How many nodes of the partition fell out for which cause, and the most that any of them offers:
 * for hints. */
struct place_why {
    uint32_t nodes, unusable, excluded, features, hardware, memory, cpus;
    uint32_t most_cpus, sum_cpus;
    uint64_t most_mem_mb;
};

struct placement {
    struct alloc_node *v; /* in order of index; in the arena */
    uint32_t n;
};

/* False: it does not fit.  why may be NULL. */
bool place_job(const struct place *p, struct placement *ret, struct place_why *why);
bool features_match(const char *want, const char *have); /* a&b|c, parentheses */
bool features_valid(const char *want);

/* Memory that a job gets on a node, with the defaults of partition and configuration. */
struct mem_need {
    bool is_counted; /* memory is a consumable resource here */
    bool is_whole;   /* all of the node */
    bool is_per_cpu;
    uint64_t mb;
};
struct mem_need place_memory(const struct core *c, const struct part *p, const struct job_wish *w);
bool place_is_whole(const struct core *c, const struct part *p,
                    const struct job_wish *w); /* whole nodes only */

#endif
