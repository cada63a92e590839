/* What the scheduler tells others about waiting jobs. */
#ifndef CORE_SCHED_H
#define CORE_SCHED_H

#include "core/job.h"

struct part;

enum reason sched_part_reason(const struct job *job,
                              const struct part *p); /* REASON_None: it may start there */
enum reason sched_reason(const struct core *c,
                         const struct job *job); /* why it waits, or how it ended */

#endif
