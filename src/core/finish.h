/* How jobs end (finish.c); deciding functions share these. */
#ifndef CORE_FINISH_H
#define CORE_FINISH_H

#include "core/state.h"

struct fact_job_end end_from_step(const struct core *c, const struct job *job,
                                  const struct step_done *done);
void end_requeue(const struct core *c, const struct job *job, struct fact_job_end *end);

/* Some of a job's nodes: one, or a set. */
struct parts_of {
    uint32_t node;
    const struct bits *set; /* NULL: only the one */
};

static inline bool parts_has(struct parts_of of, uint32_t node)
{
    return of.set ? bits_test(of.set, node) : of.node == node;
}

void end_pending(struct turn *t, const struct job *job, struct fact_job_end end);
void end_running(struct turn *t, const struct job *job, struct fact_job_end end);
void end_with_clean(struct turn *t, const struct job *job, struct fact_job_end end,
                    struct parts_of of);
void clean_parts(struct turn *t, const struct job *job, struct parts_of of);
void end_for_node(struct turn *t, const struct job *job,
                  const struct node *n); /* NODE_FAIL, or requeued */
void end_for_nodes(struct turn *t, const struct bits *nodes);

#endif
