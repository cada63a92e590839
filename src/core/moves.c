/* What each fact does to a job.  The table of job.c says whether it may and which effects follow;
 * here are the values. This is the only place that changes the phase of a job. */
#include "core/backfill.h"
#include "core/state.h"

#include "core/msgs.h"
#include "core/plan.h"
#include "core/predict.h"
#include "core/promise.h"
#include "core/step.h"
#include "core/update.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

typedef int (*checker)(const struct core *c, const struct job *job, const void *body,
                       struct err *e);
typedef void (*changer)(struct core *c, struct job *job, const void *body);

static int check_alloc(const struct core *c, const struct job *job, const void *body,
                       struct err *e);
static int check_clean(const struct core *c, const struct job *job, const void *body,
                       struct err *e);
static void change_eligible(struct core *c, struct job *job, const void *body);
static void change_hold(struct core *c, struct job *job, const void *body);
static void change_alloc(struct core *c, struct job *job, const void *body);
static void change_step(struct core *c, struct job *job, const void *body);
static void change_end(struct core *c, struct job *job, const void *body);
static void change_requeue(struct core *c, struct job *job, const void *body);

struct rule {
    checker check; /* NULL: the table of moves says it all */
    changer change;
    const struct desc *body;
};

static const struct rule rules[] = {
    [FACT_job_eligible] = { NULL, change_eligible, &desc_fact_job },
    [FACT_job_hold] = { NULL, change_hold, &desc_fact_job_hold },
    [FACT_job_update] = { NULL, update_apply, &desc_fact_job_update },
    [FACT_job_alloc] = { check_alloc, change_alloc, &desc_fact_job_alloc },
    [FACT_job_step] = { NULL, change_step, &desc_fact_job_step },
    [FACT_job_cancel] = { NULL, change_end, &desc_fact_job_end },
    [FACT_job_finish] = { NULL, change_end, &desc_fact_job_end },
    [FACT_job_end] = { NULL, change_end, &desc_fact_job_end },
    [FACT_job_clean] = { check_clean, NULL, &desc_fact_job_clean },
    [FACT_job_done] = { NULL, NULL, &desc_fact_job },
    [FACT_job_requeue] = { NULL, change_requeue, &desc_fact_job },
    [FACT_job_forget] = { NULL, NULL, &desc_fact_job },
};

/* The members that every fact about a job begins with. */
struct head {
    uint32_t job_id;
    int64_t now;
};

static bool is_active(unsigned phase)
{
    return phase == PHASE_RUNNING || phase == PHASE_ENDING;
}

/* Counts follow the phase: of the core, of the array's running tasks, of the nodes' ending jobs. */
static void set_phase(struct core *c, struct job *job, unsigned next)
{
    unsigned old = job->phase;

    c->phase_count[old]--;
    c->phase_count[next]++;
    if (old == PHASE_RUNNING && next != PHASE_RUNNING)
        license_give_back(c, job);
    job->phase = (uint8_t)next;
    if (old != PHASE_RUNNING && next == PHASE_RUNNING)
        license_hold(c, job);
    if (job->array_id)
        array_moved(c, job, old);
    if (old == PHASE_PENDING && next != PHASE_PENDING)
        deps_detach(c, job);
    if (old != PHASE_PENDING && next == PHASE_PENDING)
        deps_attach(c, job);
    for (uint32_t i = 0; job->alloc && i < job->alloc->nodes.n; i++)
        if (!job->alloc->nodes.v[i].is_clean)
            node_at(c, job->alloc->nodes.v[i].node)->ending +=
                (next == PHASE_ENDING) - (old == PHASE_ENDING);
}

static void terminate(const struct job *job, const struct fact_job_end *end,
                      struct effects *effects)
{
    for (uint32_t i = 0; i < job->alloc->nodes.n; i++)
        if (!job->alloc->nodes.v[i].is_clean)
            effect_terminate(job, job->alloc->nodes.v[i].node, end->kill_wait_s, end->why, effects);
}

void effect_terminate(const struct job *job, uint32_t node, uint32_t wait_s, const char *why,
                      struct effects *effects)
{
    struct job_terminate body = { .job_id = job->id,
                                  .restart = job->restarts,
                                  .kill_wait_s = wait_s,
                                  .why = why,
                                  .uid = job->uid };
    struct effect *ef = effects_add(effects, EFFECT_TERMINATE);

    ef->job_id = job->id;
    ef->restart = job->restarts;
    ef->node = node;
    ef->desc = &desc_job_terminate;
    ef->body = msg_copy(effects->arena, &desc_job_terminate, &body);
}

void effect_launch(const struct job *job, struct effects *effects)
{
    struct effect *ef = effects_add(effects, EFFECT_LAUNCH);

    ef->job_id = job->id;
    ef->restart = job->restarts;
    ef->node = job->alloc->nodes.v[0].node;
}

static void give_back_all(struct core *c, struct job *job)
{
    for (uint32_t i = 0; i < job->alloc->nodes.n; i++)
        if (!job->alloc->nodes.v[i].is_clean)
            job_give_back(c, job, &job->alloc->nodes.v[i]);
}

static void drop_blobs(const struct job *job, struct effects *effects)
{
    struct effect *ef = effects_add(effects, EFFECT_DROP_BLOBS);

    ef->job_id = job->id;
    ef->script = job->script;
    ef->environment = job->environment;
}

/* Others that look at this job: its dependents, and the rest of its array when room became free. */
static void tell_others(struct core *c, struct job *job, unsigned old)
{
    if (job->phase == PHASE_DONE && old != PHASE_DONE) {
        job->ended_at = c->now;
        single_leave(c, job);
        if (job->array_id)
            array_task_done(c, job);
    }
    if (old == PHASE_DONE && job->phase != PHASE_DONE) {
        job->ended_at = 0;
        single_enter(c, job);
        if (job->array_id)
            array_task_again(c, job);
    }
    if (job->phase != old)
        deps_wake(c, job);
    if (job->array_id && is_active(old) != is_active(job->phase))
        array_settle(c, job);
}

static void release(struct core *c, struct job *job, const struct move *m, const struct fact *f,
                    struct effects *effects)
{
    const struct fact_job_clean *clean = f->body;

    if (m->effects & ACCOUNT)
        account_job(c, job,
                    f->kind == FACT_job_end || f->kind == FACT_job_finish
                        ? ((const struct fact_job_end *)f->body)->step
                        : NULL,
                    effects);
    if (m->effects & ACCOUNT_STEP && ((const struct fact_job_step *)f->body)->step)
        account_step(c, job, ((const struct fact_job_step *)f->body)->step, effects);
    if (effects && m->effects & LAUNCH && job->flags & JOB_BATCH)
        effect_launch(job, effects);
    if (effects && m->effects & TERMINATE)
        terminate(job, f->body, effects);
    if (m->effects & FREE_NODE)
        job_give_back(c, job, alloc_find_mutable(job, clean->node));
    if (m->effects & FREE_ALL)
        give_back_all(c, job);
    if (effects && m->effects & DROP)
        drop_blobs(job, effects);
}

static int check(const struct core *c, const struct job *job, const struct fact *f, struct err *e)
{
    const struct rule *rule = &rules[f->kind];

    if (!job_move(job->phase, f->kind)->is_legal)
        return err_set(e, ESTATE, "job %u: %s is impossible in phase %u", job->id,
                       fact_name(f->kind), job->phase);
    return rule->check ? rule->check(c, job, f->body, e) : 0;
}

int apply_job_fact(struct core *c, const struct fact *f, struct effects *effects, struct err *e)
{
    const struct head *head = f->body;
    struct job *job = job_find(c, head->job_id);

    if (!job)
        return err_set(e, ESTATE, "%s: no job %u", fact_name(f->kind), head->job_id);
    int r = check(c, job, f, e);
    if (r < 0)
        return r;

    const struct move *move = job_move(job->phase, f->kind);
    unsigned old = job->phase;
    c->now = head->now;
    job_unqueue(c, job);
    if (f->kind == FACT_job_requeue)
        steps_end_with_job(c, job, effects); /* while they belong to this incarnation */
    if (f->kind == FACT_job_update) { /* its account or size may be others afterwards */
        limits_freed(c, job);
        limits_drop(c, job);
    }
    if (rules[f->kind].change)
        rules[f->kind].change(c, job, f->body);
    if (move->next == PHASE_GONE) {
        release(c, job, move, f, effects);
        job_free(c, job);
        return 0;
    }
    if (old == PHASE_RUNNING && move->next != PHASE_RUNNING) {
        prio_charge(c, job);
        limits_freed(c, job);
    }
    if (old != move->next)
        limits_drop(c, job);
    if (old == PHASE_RUNNING && move->next != PHASE_RUNNING)
        predict_note(c, job);
    set_phase(c, job, move->next);
    if (f->kind == FACT_job_alloc)
        plan_occupied(c, job);
    release(c, job, move, f, effects);
    if (f->kind == FACT_job_finish || f->kind == FACT_job_update)
        backfill_touch_nodes(c, job);
    if (job->alloc && !is_active(job->phase)) {
        steps_end_with_job(c, job, effects);
        job_keep_last(c, job);
    }
    tell_others(c, job, old);
    job_settle(c, job);
    return 0;
}

static int check_alloc(const struct core *c, const struct job *job, const void *body, struct err *e)
{
    const struct fact_job_alloc *alloc = body;

    if (alloc->nodes.n == 0 || job->rest)
        return err_set(e, ESTATE, "job %u: an allocation of nothing, or for a whole array",
                       job->id);
    for (uint32_t i = 0; i < alloc->nodes.n; i++) {
        const struct alloc_node *part = &alloc->nodes.v[i];
        const struct node *n = node_at(c, part->node);
        if (!n || alloc_cpus(part) == 0)
            return err_set(e, ESTATE, "job %u: node %u does not exist or gives nothing", job->id,
                           part->node);
        if (!bits_free_bytes(&n->used, part->cpus.p, part->cpus.len))
            return err_set(e, ESTATE, "job %u: CPUs of %s are not free", job->id, n->conf->name);
        if (!gres_is_free(n, part))
            return err_set(e, ESTATE, "job %u: generic resources of %s are not free", job->id,
                           n->conf->name);
    }
    return 0;
}

static int check_clean(const struct core *c, const struct job *job, const void *body, struct err *e)
{
    const struct fact_job_clean *clean = body;
    const struct alloc_node *part = alloc_find(job, clean->node);

    if (!part || part->is_clean)
        return err_set(e, ESTATE, "job %u holds nothing on node %u", job->id, clean->node);
    return 0;
}

static void change_eligible(struct core *c, struct job *job, const void *body)
{
    if (job_switches_due(c, job) <= c->now)
        job->flags |= JOB_LATE;
    job->flags |= JOB_BEGUN;
    deps_refresh(c, job, c->now);
}

static void change_hold(struct core *c, struct job *job, const void *body)
{
    const struct fact_job_hold *hold = body;

    job->hold = (uint8_t)hold->hold;
    if (hold->hold == HOLD_NONE) {
        job->flags &= (uint16_t) ~(JOB_SPECIAL_EXIT | JOB_REQUEUED_HOLD);
        job->reason = REASON_None;
    }
    if (hold->base) {
        if (hold->base == c->prio_next && c->prio_next > 1)
            c->prio_next--;
        job->base = hold->base;
    }
}

static void change_alloc(struct core *c, struct job *job, const void *body)
{
    const struct fact_job_alloc *alloc = body;

    job->start = alloc->now;
    job->limit_min = alloc->limit_min;
    job->limit_cut_s = 0;
    job->reason = REASON_None;
    job->alloc = msg_clone(&desc_fact_job_alloc, alloc);
    promise_kept(c, job);
    job_occupy(c, job);
    prio_know(c, job); /* its account may have changed since it was submitted */
}

static void change_step(struct core *c, struct job *job, const void *body)
{
    const struct fact_job_step *f = body;

    if (f->step && job->phase == PHASE_ENDING && job->exit_code == 0)
        job->exit_code = f->step->wait_status;
}

static void change_end(struct core *c, struct job *job, const void *body)
{
    const struct fact_job_end *end = body;

    job->result = (uint8_t)end->result;
    job->reason = (uint8_t)end->reason;
    job->exit_code = end->exit_code;
    job->killed_by = end->killed_by.set ? end->killed_by.v + 1 : 0;
    job->flags |= (uint16_t)(end->flags | (end->requeue ? JOB_WILL_REQUEUE : 0));
    job->end = end->now;
    pool_text_drop(&c->texts, job->failed_node);
    job->failed_node = pool_text(&c->texts, end->failed_node);
    if (job->phase == PHASE_PENDING)
        job->start = end->now;
    if (job->phase == PHASE_ENDING)
        job->flags &= (uint16_t)~JOB_WILL_REQUEUE;
}

/* The next incarnation: a new identity for accounting, everything of the last run forgotten but its
 * restart count. */
static void change_requeue(struct core *c, struct job *job, const void *body)
{
    if (job->flags & (JOB_HOLD_AFTER | JOB_ADMIN_HOLD_AFTER))
        job->hold = job->flags & JOB_ADMIN_HOLD_AFTER ? HOLD_ADMIN : HOLD_USER;
    if (job->reason == REASON_JobHoldMaxRequeue)
        job->hold = HOLD_MAX_REQUEUE;
    job->flags &= (uint16_t) ~(JOB_WILL_REQUEUE | JOB_HOLD_AFTER | JOB_ADMIN_HOLD_AFTER |
                               JOB_LATE);
    job->restarts++;
    job->next_step = 0;
    job->derived_exit = 0;
    job->db_id = ++c->db_next;
    job->result = RESULT_NONE;
    job->exit_code = 0;
    job->killed_by = 0;
    job->start = job->end = 0;
    job->eligible = 0;
}

struct alloc_node *alloc_find_mutable(struct job *job, uint32_t node)
{
    for (uint32_t i = 0; job->alloc && i < job->alloc->nodes.n; i++)
        if (job->alloc->nodes.v[i].node == node)
            return &job->alloc->nodes.v[i];
    return NULL;
}

const struct alloc_node *alloc_find(const struct job *job, uint32_t node)
{
    return alloc_find_mutable((struct job *)(uintptr_t)job, node);
}

struct node *node_at(const struct core *c, uint32_t index)
{
    return index < c->node_count ? c->nodes[index] : NULL;
}
