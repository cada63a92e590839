/* How jobs end (finish.c); deciding functions share these. */
#ifndef CORE_FINISH_H
#define CORE_FINISH_H

#include "core/state.h"

struct fact_job_end end_from_step(const struct core *c, const struct job *job, const struct step_done *done);
void end_requeue(const struct core *c, const struct job *job, struct fact_job_end *end);
void end_with_clean_node(struct turn *t, const struct job *job, struct fact_job_end end, uint32_t node);

#endif
