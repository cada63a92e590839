/* How jobs end: results from wait statuses, requeue or not, and which facts say so. */
#include "core/state.h"

#include "core/finish.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define ERRNO_MAX 1000 /* numbers below are the node's own trouble, not the user's mistake */

static bool can_requeue(const struct core *c, const struct job *job)
{
    return job->flags & JOB_CAN_REQUEUE && job->flags & JOB_BATCH;
}

static uint32_t most_requeues(const struct core *c)
{
    return c->conf->max_batch_requeue ? c->conf->max_batch_requeue : 5;
}

/* Whether the exit code is in a list such as "1-5,17". */
static bool code_listed(const char *list, int code)
{
    while (list && *list) {
        char *end;
        long first = strtol(list, &end, 10), last = first;
        if (*end == '-')
            last = strtol(end + 1, &end, 10);
        if (code >= first && code <= last)
            return true;
        list = *end == ',' ? end + 1 : "";
    }
    return false;
}

/* The code of a process that exited, or -1 for one that a signal ended: the layout of waitpid's
 * status on Linux. */
static int exit_code(int32_t wait_status)
{
    return (wait_status & 0x7f) == 0 ? wait_status >> 8 & 0xff : -1;
}

/* A job whose Prolog failed did nothing wrong, but what failed once would fail again: it goes back
 * to the queue and waits there until somebody has looked (and releases it). */
static void prolog_failed(const struct core *c, const struct job *job, struct fact_job_end *end)
{
    const char *params = c->conf->sched_params ? c->conf->sched_params : "";

    end_requeue(c, job, end);
    if (!strcasestr(params, "nohold_on_prolog_fail"))
        end->flags |= JOB_HOLD_AFTER;
}

/* A script that ended: what its wait status, the kernel's memory killer or a failed launch make of
 * the job. */
struct fact_job_end end_from_step(const struct core *c, const struct job *job,
                                  const struct step_done *done)
{
    struct fact_job_end end = { .exit_code = done->wait_status,
                                .step = (struct step_done *)(uintptr_t)done };
    int code = exit_code(done->wait_status);

    if (done->error && *done->error) {
        end.result = RESULT_FAILED;
        end.reason = REASON_JobLaunchFailure;
        end.exit_code = done->wait_status ? done->wait_status : 1 << 8;
        if (done->error_code == ESLURMD_PROLOG_FAILED && can_requeue(c, job))
            prolog_failed(c, job, &end);
        else if (done->error_code > 0 && done->error_code < ERRNO_MAX && can_requeue(c, job))
            end_requeue(c, job, &end);
    } else if (done->oom) {
        end.result = RESULT_OUT_OF_MEMORY;
        end.reason = REASON_OutOfMemory;
    } else if (done->wait_status == 0) {
        end.result = RESULT_COMPLETED;
    } else {
        end.result = RESULT_FAILED;
        end.reason = code >= 0 ? REASON_NonZeroExitCode : REASON_RaisedSignal;
    }
    if (code > 0 && code_listed(c->conf->requeue_exit, code)) {
        end_requeue(c, job, &end);
    } else if (code > 0 && code_listed(c->conf->requeue_exit_hold, code)) {
        end_requeue(c, job, &end);
        end.flags |= JOB_HOLD_AFTER | JOB_SPECIAL_EXIT;
    }
    return end;
}

/* Requeued once too often it is held, so that a broken node or script does not go round for ever.
 */
void end_requeue(const struct core *c, const struct job *job, struct fact_job_end *end)
{
    end->requeue = true;
    if (job->restarts + 1u > most_requeues(c)) {
        end->reason = REASON_JobHoldMaxRequeue;
        end->flags |= JOB_HOLD_AFTER;
    }
}

void end_pending(struct turn *t, const struct job *job, struct fact_job_end end)
{
    assert(job->phase == PHASE_PENDING);
    end.job_id = job->id;
    end.now = t->in->now;
    turn_fact(t, FACT_job_cancel, &end);
}

/* Nothing of the job would be left anywhere once these nodes gave back their parts. */
static bool is_last_part(const struct job *job, struct parts_of of)
{
    for (uint32_t i = 0; i < job->alloc->nodes.n; i++)
        if (!job->alloc->nodes.v[i].is_clean && !parts_has(of, job->alloc->nodes.v[i].node))
            return false;
    return true;
}

static void put_clean(struct turn *t, const struct job *job, struct parts_of of)
{
    for (uint32_t i = 0; i < job->alloc->nodes.n; i++) {
        const struct alloc_node *part = &job->alloc->nodes.v[i];
        if (!part->is_clean && parts_has(of, part->node))
            turn_fact(t, FACT_job_clean,
                      &(struct fact_job_clean){
                          .job_id = job->id, .now = t->in->now, .node = part->node });
    }
}

void end_running(struct turn *t, const struct job *job, struct fact_job_end end)
{
    assert(job->phase == PHASE_RUNNING);
    end.job_id = job->id;
    end.now = t->in->now;
    turn_fact(t, FACT_job_finish, &end);
}

/* Nothing is left of it anywhere: one fact says it all, unless the job goes back to the queue. */
static void end_at_once(struct turn *t, const struct job *job, struct fact_job_end end,
                        struct parts_of of)
{
    end.job_id = job->id;
    end.now = t->in->now;
    if (!end.requeue) {
        turn_fact(t, FACT_job_end, &end);
        return;
    }
    put_clean(t, job, of);
    turn_fact(t, FACT_job_finish, &end);
    turn_fact(t, FACT_job_requeue, &(struct fact_job){ .job_id = job->id, .now = t->in->now });
}

/* The job ends now, and these nodes have nothing left of it. */
void end_with_clean(struct turn *t, const struct job *job, struct fact_job_end end,
                    struct parts_of of)
{
    assert(job->phase == PHASE_RUNNING);
    if (is_last_part(job, of)) {
        end_at_once(t, job, end, of);
        return;
    }
    put_clean(t, job, of);
    end_running(t, job, end);
}

/* Nodes of an ending job have nothing left; the last one ends the job or sends it back to the
 * queue. */
void clean_parts(struct turn *t, const struct job *job, struct parts_of of)
{
    assert(job->phase == PHASE_ENDING);
    put_clean(t, job, of);
    if (is_last_part(job, of))
        turn_fact(t, job->flags & JOB_WILL_REQUEUE ? FACT_job_requeue : FACT_job_done,
                  &(struct fact_job){ .job_id = job->id, .now = t->in->now });
}

/* Nodes are lost to the job: nothing of it can be expected from there any more. */
static void lose_parts(struct turn *t, const struct job *job, struct parts_of of,
                       const struct node *failed)
{
    struct fact_job_end end = { .result = RESULT_NODE_FAIL,
                                .reason = REASON_NodeDown,
                                .failed_node = failed->conf->name,
                                .why = "CANCELLED AT %s DUE TO NODE FAILURE",
                                .kill_wait_s = t->c->conf->kill_wait_s };

    if (job->phase == PHASE_ENDING) {
        clean_parts(t, job, of);
        return;
    }
    if (can_requeue(t->c, job))
        end_requeue(t->c, job, &end);
    end_with_clean(t, job, end, of);
}

void end_for_node(struct turn *t, const struct job *job, const struct node *n)
{
    lose_parts(t, job, (struct parts_of){ .node = n->index }, n);
}

/* A node that still answers is told to kill what it runs, though nobody waits for its word. */
static void kill_there(struct turn *t, const struct node *n, const struct job *job)
{
    if (n->lost_at == 0)
        effect_terminate(job, n->index, 0, "CANCELLED AT %s DUE TO NODE FAILURE", t->effects);
}

/* Several nodes go down at once.  A job that uses more than one of them ends once. */
void end_for_nodes(struct turn *t, const struct bits *nodes)
{
    struct map seen = { 0 };

    BITS_FOREACH(i, nodes) {
        const struct node *n = t->c->nodes[i];
        for (uint32_t k = 0; k < n->jobs.n; k++) {
            const struct job *job = job_find(t->c, n->jobs.v[k]);
            kill_there(t, n, job);
            if (map_get(&seen, job->id))
                continue;
            map_put(&seen, job->id, (void *)(uintptr_t)job);
            lose_parts(t, job, (struct parts_of){ .node = n->index, .set = nodes }, n);
        }
    }
    map_fini(&seen);
}
