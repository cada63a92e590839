/* Partitions: their limits, their nodes, and the queue of jobs that may run in them. */
#ifndef CORE_PART_H
#define CORE_PART_H

#include "base/bits.h"
#include "core/prio.h"
#include "core/queue.h"
#include "schema/messages.h"
#include <stdbool.h>
#include <stdint.h>

struct core;
struct node;

struct part {
    uint32_t index;
    struct part_info *info; /* one block */
    struct bits nodes;      /* of the size core.node_count */
    uint32_t *order;        /* indices of its nodes, by weight, then index */
    uint32_t order_n;
    uint32_t most_cpus; /* of the largest node */
    uint64_t most_mem_mb;
    uint32_t *place;  /* of each node index in that order; only those of its nodes mean something */
    struct bits open; /* places whose node could give something now */
    struct queue queue;       /* ready jobs, best first */
    bool is_gone;             /* no longer configured */
    uint32_t promised;        /* jobs that were promised a start here */
    struct tres_list tres;    /* what its nodes have in all */
    struct tres_list billing; /* its TRESBillingWeights */

    /* The scheduler's memory of the last pass; not part of the state. */
    bool is_dirty;            /* something changed that could let a job start */
    struct queue_key blocked; /* the first job that had to wait; id 0: none */
    bool is_filling;          /* backfill has jobs to look at, from this key on: */
    struct queue_key fill_from;
    bool is_again;   /* ... and once more: promises on its nodes moved */
    bool is_walking; /* ... and this stage of it is there: */
    struct queue_walk fill;
    uint32_t most_free; /* CPUs on one node; no node has more */
};

bool part_is(const struct part *p, const char *state); /* UP, DOWN, DRAIN, INACTIVE */
bool part_starts_jobs(const struct part *p);           /* UP or DRAIN */
struct part *part_find(const struct core *c, const char *name);
struct part *part_ensure(struct core *c, const char *name);
void part_set(struct core *c, struct part *p, const struct part_info *info);
void part_free(struct part *p);
/* The partitions of a wish, in its order: calls of part_next walk the comma list. */
struct part *part_next(const struct core *c, const char **list);
void part_open(struct core *c, const struct node *n);    /* what it could give changed */
void part_reorder(struct core *c, const struct node *n); /* its weight changed */
/* Something from this key on may be able to start. */
void part_touch(struct core *c, struct part *p, struct queue_key key);
void part_mark_dirty(struct core *c, const struct node *n); /* every partition of the node */
void part_freed(struct core *c, const struct node *n); /* the same: a job gave something back */

#endif
