/* Which jobs a request names: 12, 12_3, 12_[1-3,7], 12.batch; and one loop over them for every kind
 * of request. */
#ifndef CORE_PICK_H
#define CORE_PICK_H

#include "core/state.h"

struct pick {
    const struct job *job;
    uint32_t task; /* of the rest `job`, to be split off; NO_TASK: the record itself */
    uint32_t step; /* STEP_ALL unless a step was named */
    bool has_step;
};

struct picks {
    struct pick *v;
    uint32_t n, cap;
    struct arena *a;
};

/* 0, or a negated number of errors.def with nothing added. */
int picks_add_name(const struct core *c, const char *name, struct picks *ret);
void picks_add(struct picks *p, struct pick pick);
/* Once each, in order; the picks of all tasks of a rest become one pick of the rest. */
void picks_tidy(struct picks *p);
/* The id that facts about the pick carry: its own, or that of the task, which is split off now. */
uint32_t pick_id(struct turn *t, const struct pick *p);
char *pick_text(const struct pick *p, struct arena *a);
bool pick_allowed(const struct turn *t, const struct job *job); /* owner, operator or root */

/* What to do with each; returns 0 or a number of errors.def (positive) for its result. */
typedef int (*pick_action)(struct turn *t, const struct pick *p, void *ctx, struct job_result *ret);
void picks_run(struct turn *t, const struct strs *names, pick_action action, void *ctx);
void picks_answer(struct turn *t, const struct picks *p, struct job_results *results,
                  pick_action action, void *ctx);

#endif
