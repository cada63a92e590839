/* Backfill: jobs behind a blocked one get a promise, or start in the holes that promises leave.
 *
 * Each partition's first jobs (bf_promises) are promised the earliest start that harms no job
 * before them, in order.  A promise is kept: when something ends early, jobs start where nothing
 * promised is in the way, and promises move earlier, in order; later only for a cause that is
 * recorded.  A pass walks the queue in stages, each in slices; the plan (plan.h) survives from pass
 * to pass. */
#ifndef CORE_BACKFILL_H
#define CORE_BACKFILL_H

#include "base/arena.h"
#include "core/job.h"
#include "core/part.h"
#include "core/place.h"
#include "core/sched.h"

struct backfill; /* where the pass is; memory of the scheduler, not state */

void backfill_free(struct backfill *b);
bool backfill_is_on(const struct core *c); /* SchedulerType=sched/backfill */
/* The main pass is through: every partition with a blocked job is to be filled. */
void backfill_begin(struct core *c);
/* Something behind the blocked job of the partition may be able to start, from this key on. */
void backfill_touch(struct core *c, struct part *p, struct queue_key key);
/* What was promised is free: jobs that failed may start now. */
void backfill_again(struct core *c);
void backfill_freed(struct core *c); /* ... and promises may move earlier */
/* The end of a running job moved. */
void backfill_touch_nodes(struct core *c, struct job *job);
/* Considers about max_jobs; false: done. */
bool backfill_slice(struct pass *s, unsigned max_jobs);
/* When it wants to go on although nothing happens; INT64_MAX: it does not. */
int64_t backfill_due(const struct core *c);

/* Whether the job may start now without harming a promise, and where. */
bool backfill_fits_now(struct pass *s, const struct job *job, const struct part *p,
                       struct placement *ret);

#endif
