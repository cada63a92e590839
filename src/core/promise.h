/* Promises: when and where a waiting job starts at the latest.
 *
 * A promise is state: it is made by a fact, survives a restart, and goes when the job starts or
 * leaves the queue.  Another fact may move it, earlier for nothing, later only with the cause. */
#ifndef CORE_PROMISE_H
#define CORE_PROMISE_H

#include "base/arena.h"
#include "core/grown.h"
#include "core/queue.h"
#include "core/timeline.h"
#include "schema/fact.h"
#include "schema/messages.h"

struct core;
struct job;
struct part;
struct err;

struct promise_node {
    uint32_t node;
    struct room room; /* that it will hold there */
};

/* Why it is out of the plan: it cannot be kept, or has to wait until others had their turn. */
enum lifted { LIFTED_RULES, LIFTED_OVERDUE, LIFTED_NODE, LIFTED_RANK, LIFTED_LATE };

struct promise {
    struct job *job;
    struct part *part;
    struct queue_key key;    /* its place in core.promised */
    const struct wish *wish; /* what the job wanted then, and for how long: else it is void */
    uint32_t limit_min;
    int64_t start, end;
    int64_t first; /* the start that was promised first */
    char *cause;   /* of the last move to later; NULL: it never moved later */
    uint32_t n;

    /* The scheduler's memory, not state. */
    bool is_lifted;        /* not in the plan now */
    enum lifted lifted;    /* why */
    uint32_t lifted_by;    /* the job or node */
    struct failure failed; /* to start now, its own promise out of the way */

    struct promise_node v[];
};

int promise_apply(struct core *c, const struct fact_job_promise *f, struct err *e);
void promise_drop(struct core *c, struct job *job); /* none is fine; others may start instead */
void promise_kept(struct core *c, struct job *job); /* the same: it starts, or has another */
void promise_configured(struct core *c);            /* without backfill nothing is promised */
/* After anything happened to the job: a promise to a job that no longer waits for it is void, and
 * one whose rank changed takes another place. */
void promise_settle(struct core *c, struct job *job);
struct fact_job_promise promise_fact(const struct promise *p, int64_t now, struct arena *a);
struct promised_node promised_node_of(uint32_t node, const struct room *room, struct arena *a);
void promise_blame(struct promise *p, enum lifted why, uint32_t by);
bool promise_uses(const struct promise *p, uint32_t node);

#endif
