/* How long a user's next job will take: as long as the last two did, on average.
 *
 * Used only to plan, and only when asked for (bf_predict): never more than the limit, and the limit
 * alone ends a job.  The run times are state. */
#ifndef CORE_PREDICT_H
#define CORE_PREDICT_H

#include "schema/fact.h"
#include <stdint.h>

struct core;
struct job;

void predict_note(struct core *c, const struct job *job); /* it has ended */
void predict_load(struct core *c, const struct fact_last_runs *f);
void predict_dump(const struct core *c, void (*emit)(void *ctx, const struct fact_last_runs *f),
                  void *ctx);
/* What to plan with for a job whose limit is so many seconds. */
int64_t predict_length(const struct core *c, const struct job *job, int64_t limit_s);
void predict_fini(struct core *c);

#endif
