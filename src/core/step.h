/* Steps: what the core remembers of each, and which part of its job one gets.
 *
 * A step holds CPUs, memory and generic resources out of its job's; two steps never hold the same,
 * but for one that said --overlap: it holds nothing and shares with all. */
#ifndef CORE_STEP_H
#define CORE_STEP_H

#include "core/state.h"

enum step_state { STEP_IS_RUNNING, STEP_IS_ENDING };

struct step {
    struct step *next;     /* of its job, in the order of their numbers */
    struct step_memo *rec; /* one block */
    uint32_t open;         /* parts that have not ended */
};

#define STEP_FOREACH(s, job) for (struct step *s = (job)->steps; s; s = s->next)

struct step *step_find(const struct job *job, uint32_t step_id);
struct step *step_find_key(const struct job *job, uint64_t key);
const struct step_node *step_part_on(const struct step *s, uint32_t node); /* NULL: none */
bool step_holds(const struct step *s, const struct step_node *part);       /* until it ends there */
int64_t step_due(const struct step *s);                                    /* INT64_MAX: no limit */
int64_t steps_due(const struct job *job);                                  /* the earliest */
void steps_free(struct core *c, struct job *job);

/* The only way that steps change. */
int apply_step_fact(struct core *c, const struct fact *f, struct effects *effects, struct err *e);
/* Its nodes are told to end it. */
void step_terminate(const struct job *job, const struct step *s, const char *why, uint32_t wait_s,
                    struct effects *effects);
/* A job is over: what nobody told the end of ends with it. */
void steps_end_with_job(struct core *c, struct job *job, struct effects *effects);

int steps_check(const struct core *c, const struct job *job, struct err *e); /* invariants */

/* ---- deciding */

void decide_step_create(struct turn *t, const struct step_spec *spec);
void decide_step_watch(struct turn *t, const struct step_attach *want);
void decide_step_done(struct turn *t, const struct job *job, const struct node *n,
                      const struct step_done *done);
/* The node came back: what it runs that we do not know, and what we think it runs that it does not.
 */
void decide_steps_of_node(struct turn *t, const struct node *n, const struct node_register *reg,
                          const struct job *job);
void decide_steps_due(struct turn *t, const struct job *job);
/* scancel JOB.STEP: 0 or a number of errors.def. */
int decide_step_signal(struct turn *t, const struct job *job, uint32_t step_id,
                       const struct job_kill *kill);
int decide_step_limit(struct turn *t, const struct job *job, uint32_t step_id, uint32_t limit_min);

/* ---- which part of the job (step_place.c) */

struct step_ask {
    const struct core *c;
    const struct job *job;
    const struct step_spec *spec;
    struct arena *a;
};

struct step_fit {
    struct step_node *v; /* in order of the job's nodes */
    uint32_t n, ntasks;
    bool is_busy; /* it would fit, were other steps not in the way: e says which */
};

/* 0, or a negated number of errors.def with words; -ESLURM_NODES_BUSY: not now. */
int step_place(const struct step_ask *ask, struct step_fit *ret, struct err *e);

/* ---- accounting (account.c) */
void account_numbered_step(struct core *c, const struct job *job, const struct step *s,
                           struct effects *effects);
bool step_is_over(const struct step *s);
uint32_t step_result(const struct job *job, const struct step *s); /* base state number */
uint32_t step_cpus(const struct step *s);
const char *step_nodes(const struct step_memo *rec, struct arena *a); /* compressed */

#endif
