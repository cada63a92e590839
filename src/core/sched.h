/* What the main pass shares with backfill, and what it tells others about waiting jobs. */
#ifndef CORE_SCHED_H
#define CORE_SCHED_H

#include "core/job.h"

struct part;
struct placement;
struct facts;
struct effects;

/* One call of core_schedule. */
struct pass {
    struct core *c;
    int64_t now;
    struct facts *facts;
    struct effects *effects;
};

/* Starts the job, or the next task of an array, there.  False: no job id is left. */
bool sched_start(struct pass *s, const struct job *job, const struct part *p,
                 const struct placement *at);
uint32_t sched_limit(const struct job *job, const struct part *p); /* minutes; NO_LIMIT */

enum reason sched_part_reason(const struct job *job,
                              const struct part *p); /* REASON_None: it may start there */
enum reason sched_reason(const struct core *c,
                         const struct job *job); /* why it waits, or how it ended */

#endif
