/* The plan: lanes of what is free when, kept in step with running jobs and promises.
 *
 * Memory of the scheduler, not state: plan_build makes it from the state, and whatever starts, ends
 * or is promised afterwards changes it through the hooks below. */
#ifndef CORE_PLAN_H
#define CORE_PLAN_H

#include "core/grown.h"
#include "core/place.h"
#include "core/promise.h"
#include "core/timeline.h"

#define PLAN_NO_LIMIT_S (366 * 86400) /* what a job without a limit is planned with */

struct core;
struct job;
struct part;
struct plan;
struct err;

void plan_free(struct plan *p);
/* The lanes as of now; what was overdue is planned to end a little later. */
const struct timeline *plan_lanes(struct core *c, int64_t now);
/* Jobs that run, or end, beyond the time they were planned with.  Promises in their way are lifted.
 */
void plan_overdue(struct core *c, int64_t now);

/* For tests: the lanes are what jobs and promises say. */
int plan_check(const struct core *c, int64_t now, struct err *e);

/* Hooks of those who change the state. */
void plan_forget(struct core *c);                    /* nodes are not what they were: build anew */
void plan_occupied(struct core *c, struct job *job); /* it holds what its allocation says */
void plan_gave_back(struct core *c, const struct job *job, const struct alloc_node *part);
void plan_moved(struct core *c, struct job *job); /* its end is another now */
void plan_promised(struct core *c, const struct promise *p);
void plan_unpromised(struct core *c, const struct promise *p);

/* Takes a promise out of the lanes, and puts it back, while somebody looks for room. */
void plan_lift(struct core *c, struct promise *p);
void plan_lower(struct core *c, struct promise *p);
bool plan_still_fits(struct core *c, const struct promise *p, int64_t now);

/* How long the job is planned to run there: its limit, or what is expected of its user. */
int64_t plan_length(const struct core *c, const struct job *job, const struct part *p);

/* A run that is looked for, and found. */
struct slot {
    int64_t start, length;
    struct placement at; /* counts in at.cpus, no CPU ids */
};

struct when {
    int64_t from, before;
};

/* The earliest slot with a start in that time that leaves everything planned as it is; in the
 * core's scratch memory.  False: none. */
bool plan_earliest(struct core *c, const struct job *job, const struct part *p, struct when when,
                   struct slot *ret);

#endif
