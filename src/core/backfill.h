/* Backfill: jobs behind a blocked one start in the holes that it leaves.
 *
 * The first blocked job of every partition holds a reservation: the earliest time at which it fits
 * when running jobs end at their limits, and what it takes there, node by node.  Others start, in
 * order, where they end before it or use only what it leaves: no backfilled job ever delays it. */
#ifndef CORE_BACKFILL_H
#define CORE_BACKFILL_H

#include "base/arena.h"
#include "core/job.h"
#include "core/part.h"
#include "core/place.h"
#include "core/sched.h"

struct backfill; /* the reservations of a pass; memory of the scheduler, not state */

struct plan {
    int64_t start;
    struct placement at; /* counts in at.cpus, no CPU ids */
    struct room *left;   /* by node: what is free at that time beside it */
};

void backfill_free(struct backfill *b);
bool backfill_is_on(const struct core *c); /* SchedulerType=sched/backfill */
/* The main pass is through: every partition with a blocked job is to be filled. */
void backfill_begin(struct core *c);
/* Something behind the blocked job of the partition may be able to start, from this key on. */
void backfill_touch(struct core *c, struct part *p, struct queue_key key);
/* The end of a running job moved, so all reservations on its nodes did. */
void backfill_touch_nodes(struct core *c, const struct job *job);
/* Considers at most max_jobs; false: done. */
bool backfill_slice(struct pass *s, unsigned max_jobs);

/* When and where the job will start in the partition if it is the first that waits there, by the
 * limits of those running.  False: never. */
bool backfill_plan_in(const struct core *c, const struct part *p, const struct job *job,
                      int64_t now, struct arena *a, struct plan *ret);
/* The same for the first blocked job of some partition; false for every other. */
bool backfill_plan(const struct core *c, const struct job *job, int64_t now, struct arena *a,
                   struct plan *ret);

#endif
