/* How steps end: nodes report their parts, limits pass, users signal; and what a node that comes
 * back says of them. */
#include "core/step.h"

#include "core/msgs.h"

#include <stdlib.h>
#include <string.h>

#define SIGNAL_KILL 9u /* as Linux numbers it: the node delivers it */

static void put_part(struct turn *t, const struct job *job, const struct node *n,
                     const struct step_done *done)
{
    const struct step *s = step_find(job, done->step_id);
    const struct step_node *part = s ? step_part_on(s, n->index) : NULL;
    struct fact_step_part f = { .job_id = job->id,
                                .now = t->in->now,
                                .node = n->index,
                                .step = (struct step_done *)(uintptr_t)done };

    if (part && !part->is_done)
        turn_fact(t, FACT_step_part, &f);
}

void decide_step_done(struct turn *t, const struct job *job, const struct node *n,
                      const struct step_done *done)
{
    put_part(t, job, n, done);
}

static void put_end(struct turn *t, const struct job *job, const struct step *s,
                    struct fact_step_set f)
{
    f.job_id = job->id;
    f.now = t->in->now;
    f.step_id = s->rec->step_id;
    f.state = STEP_IS_ENDING;
    f.kill_wait_s = t->c->conf->kill_wait_s;
    turn_fact(t, FACT_step_set, &f);
}

void decide_steps_due(struct turn *t, const struct job *job)
{
    STEP_FOREACH(s, job)
    if (step_due(s) <= t->in->now)
        put_end(t, job, s,
                (struct fact_step_set){ .result = RESULT_TIMEOUT,
                                        .why = "CANCELLED AT %s DUE TO TIME LIMIT" });
}

static void signal_parts(struct turn *t, const struct job *job, const struct step *s,
                         uint32_t signal)
{
    struct step_signal body = { .job_id = job->id, .step_id = s->rec->step_id, .signal = signal };

    for (uint32_t i = 0; i < s->rec->parts.n; i++) {
        if (s->rec->parts.v[i].is_done)
            continue;
        struct effect *ef = effects_add(t->effects, EFFECT_SIGNAL);
        ef->job_id = job->id;
        ef->restart = job->restarts;
        ef->node = s->rec->parts.v[i].node;
        ef->desc = &desc_step_signal;
        ef->body = msg_copy(t->effects->arena, &desc_step_signal, &body);
    }
}

/* Without a signal, or with SIGKILL for one that runs: the way of every end, which begins gently.
 */
int decide_step_signal(struct turn *t, const struct job *job, uint32_t step_id,
                       const struct job_kill *kill)
{
    const struct step *s = step_find(job, step_id);
    bool is_end = !kill->signal.set || kill->signal.v == SIGNAL_KILL;

    if (!s)
        return step_id < job->next_step ? ESLURM_ALREADY_DONE : ESLURM_INVALID_JOB_ID;
    if (is_end && s->rec->state == STEP_IS_RUNNING)
        put_end(t, job, s,
                (struct fact_step_set){ .result = RESULT_CANCELLED,
                                        .killed_by = t->in->who.uid + 1,
                                        .why = "CANCELLED AT %s" });
    else
        signal_parts(t, job, s, kill->signal.set ? kill->signal.v : SIGNAL_KILL);
    return 0;
}

int decide_step_limit(struct turn *t, const struct job *job, uint32_t step_id, uint32_t limit_min)
{
    const struct step *s = step_find(job, step_id);
    struct fact_step_set f = {
        .job_id = job->id, .now = t->in->now, .step_id = step_id, .limit_min = { true, limit_min }
    };

    if (!s)
        return ESLURM_INVALID_JOB_ID;
    turn_fact(t, FACT_step_set, &f);
    return 0;
}

/* ---- a node came back */

static const struct step_ident *ident_of(const struct node_register *reg, const struct job *job,
                                         uint32_t step_id)
{
    for (uint32_t i = 0; i < reg->steps.n; i++) {
        const struct step_ident *s = &reg->steps.v[i];
        if (s->job_id == job->id && s->restart == job->restarts && s->step_id == step_id)
            return s;
    }
    return NULL;
}

/* Whether the node's word on what a step has fits with what we know: else it counts as sharing. */
static bool is_free(const struct job *job, const struct alloc_node *of, struct bytes cpus)
{
    for (uint32_t i = 0; i < cpus.len; i++) {
        if (cpus.p[i] & ~(i < of->cpus.len ? of->cpus.p[i] : 0))
            return false;
        STEP_FOREACH(s, job)
        {
            const struct step_node *part = step_part_on(s, of->node);
            if (part && step_holds(s, part) && i < part->cpus.len && part->cpus.p[i] & cpus.p[i])
                return false;
        }
    }
    return cpus.len > 0;
}

/* A step that was started and forgotten: its fact was not on disk yet when we died. */
static void adopt(struct turn *t, const struct job *job, const struct node *n,
                  const struct step_ident *ident)
{
    const struct alloc_node *of = alloc_find(job, n->index);
    bool fits = is_free(job, of, ident->cpus);
    struct step_node part = { .node = n->index,
                              .tasks = ident->tasks,
                              .mem_mb = ident->mem_mb,
                              .name = n->conf->name,
                              .address = n->conf->address };
    struct step_memo rec = { .job_id = job->id,
                             .now = t->in->now,
                             .step_id = ident->step_id,
                             .name = ident->name,
                             .start = t->in->now,
                             .ntasks = ident->tasks.n,
                             .limit_min = NO_LIMIT,
                             .is_overlap = ident->overlap || !fits };

    part.cpus = fits ? ident->cpus : (struct bytes){ 0 };
    rec.parts.v = &part;
    rec.parts.n = 1;
    turn_fact(t, step_find(job, ident->step_id) ? FACT_step_grown : FACT_step_created, &rec);
}

static void adopt_all(struct turn *t, const struct node *n, const struct node_register *reg,
                      const struct job *job)
{
    for (uint32_t i = 0; i < reg->steps.n; i++) {
        const struct step_ident *ident = &reg->steps.v[i];
        const struct step *known = step_find(job, ident->step_id);
        bool is_numbered = ident->step_id < STEP_BATCH;
        if (is_numbered && ident->job_id == job->id && ident->restart == job->restarts &&
            !(known && step_part_on(known, n->index)))
            adopt(t, job, n, ident);
    }
}

void decide_steps_of_node(struct turn *t, const struct node *n, const struct node_register *reg,
                          const struct job *job)
{
    STEP_FOREACH(s, job)
    {
        struct step_done lost = { .job_id = job->id,
                                  .step_id = s->rec->step_id,
                                  .restart = job->restarts,
                                  .wait_status = SIGNAL_KILL,
                                  .error = "the order to start it was lost",
                                  .node = n->conf->name };
        if (!ident_of(reg, job, s->rec->step_id))
            put_part(t, job, n, &lost);
    }
    adopt_all(t, n, reg, job);
}
