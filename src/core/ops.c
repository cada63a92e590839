/* hold, uhold, release, requeue, requeuehold; suspend, resume and top have their place here and are
 * refused. */
#include "core/finish.h"
#include "core/pick.h"
#include "core/state.h"

#include <string.h>
#include <strings.h>

static bool is_operator(const struct turn *t)
{
    return t->in->who.role >= ROLE_OPERATOR || t->in->who.uid == 0;
}

static int put_hold(struct turn *t, const struct pick *p, enum hold hold, uint32_t base)
{
    struct fact_job_hold f = { .now = t->in->now, .hold = hold, .base = base };

    f.job_id = pick_id(t, p);
    if (f.job_id == 0)
        return ESLURM_ERROR_ON_DESC_TO_RECORD_COPY;
    turn_fact(t, FACT_job_hold, &f);
    return 0;
}

/* Tasks of an array that started already are passed over, since the array is what was named. */
static int not_pending(const struct job *job)
{
    return job->array_id ? 0 : ESLURM_JOB_NOT_PENDING;
}

static int hold_one(struct turn *t, const struct pick *p, void *ctx, struct job_result *ret)
{
    enum hold hold = t->in->kind == OP_job_hold && is_operator(t) ? HOLD_ADMIN : HOLD_USER;

    if (p->job->phase != PHASE_PENDING)
        return not_pending(p->job);
    if (p->job->hold == HOLD_ADMIN || p->job->hold == hold)
        return 0;
    return put_hold(t, p, hold, 0);
}

/* A job that never had a priority gets the next one. */
static int release_one(struct turn *t, const struct pick *p, void *ctx, struct job_result *ret)
{
    if (p->job->phase != PHASE_PENDING)
        return not_pending(p->job);
    if (p->job->hold == HOLD_ADMIN && !is_operator(t)) {
        ret->text = "Access/permission denied: it is held by an administrator";
        return ESLURM_ACCESS_DENIED;
    }
    if (!p->job->hold && p->job->base)
        return 0;
    return put_hold(t, p, HOLD_NONE, p->job->base ? 0 : t->prio_next > 1 ? t->prio_next-- : 1);
}

/* A job that ended and is still remembered begins anew.  The rest of an array that was cancelled
 * is many jobs in one record, and stays what it is. */
static int requeue_done(struct turn *t, const struct job *job)
{
    struct fact_job f = { .job_id = job->id, .now = t->in->now };
    struct fact_job_hold hold = { .job_id = job->id, .now = t->in->now, .hold = HOLD_USER };

    if (job->rest || !(job->flags & JOB_BATCH))
        return ESLURM_ALREADY_DONE;
    turn_fact(t, FACT_job_requeue, &f);
    if (t->in->kind != OP_job_requeuehold)
        return 0;
    hold.hold = is_operator(t) ? HOLD_ADMIN : HOLD_USER;
    turn_fact(t, FACT_job_hold, &hold);
    return 0;
}

static int requeue_one(struct turn *t, const struct pick *p, void *ctx, struct job_result *ret)
{
    const struct job_op *op = ctx;
    struct fact_job_end end = { .result = RESULT_REQUEUED,
                                .requeue = true,
                                .why = "CANCELLED AT %s DUE TO JOB REQUEUE",
                                .kill_wait_s = t->c->conf->kill_wait_s };
    bool is_special = op->state && strcasecmp(op->state, "SpecialExit") == 0;

    if (!(p->job->flags & JOB_CAN_REQUEUE)) {
        ret->text =
            "Requested operation is presently disabled: the job was submitted with --no-requeue";
        return ESLURM_DISABLED;
    }
    if (t->in->kind == OP_job_requeuehold)
        end.flags = (is_operator(t) ? JOB_ADMIN_HOLD_AFTER : JOB_HOLD_AFTER) |
                    (is_special ? JOB_SPECIAL_EXIT : JOB_REQUEUED_HOLD);
    switch (p->job->phase) {
    case PHASE_RUNNING:
        end_running(t, p->job, end);
        return 0;
    case PHASE_PENDING:
        return t->in->kind == OP_job_requeuehold ? hold_one(t, p, ctx, ret) : ESLURM_JOB_PENDING;
    case PHASE_DONE:
        return requeue_done(t, p->job);
    default:
        return ESLURM_ALREADY_DONE;
    }
}

static int refuse_one(struct turn *t, const struct pick *p, void *ctx, struct job_result *ret)
{
    ret->text = t->in->kind == OP_job_top
                    ? "Requested operation is presently disabled: use nice to reorder jobs"
                    : "Requested operation not supported on this system: jobs cannot be "
                      "suspended yet; hold or requeue them instead";
    return t->in->kind == OP_job_top ? ESLURM_DISABLED : ESLURM_NOT_SUPPORTED;
}

static pick_action action_for(uint16_t kind)
{
    static const struct {
        uint16_t kind;
        pick_action action;
    } rows[] = {
        { OP_job_hold, hold_one },           { OP_job_uhold, hold_one },
        { OP_job_release, release_one },     { OP_job_requeue, requeue_one },
        { OP_job_requeuehold, requeue_one },
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (rows[i].kind == kind)
            return rows[i].action;
    return refuse_one;
}

/* jobname=NAME means every job of that name that the asker may touch. */
static void run_by_name(struct turn *t, const struct job_op *op)
{
    struct picks picks = { .a = t->a };
    struct job_results results = { 0 };

    QUEUE_FOREACH(it, &t->c->jobs)
    if (it->job->phase != PHASE_DONE && strcmp(it->job->name, op->name) == 0 &&
        pick_allowed(t, it->job))
        picks_add(&picks, (struct pick){ .job = it->job, .task = NO_TASK });
    results.jobs.v = arena_calloc(t->a, picks.n + 1, sizeof *results.jobs.v);
    picks_answer(t, &picks, &results, action_for(t->in->kind), (void *)(uintptr_t)op);
}

void decide_op(struct turn *t, const struct job_op *op)
{
    if (op->jobs.n == 0 && op->name && *op->name)
        run_by_name(t, op);
    else
        picks_run(t, &op->jobs, action_for(t->in->kind), (void *)(uintptr_t)op);
}
