/* Accounting events: made while a fact is applied, from that fact and the state, so replay makes
 * the same ones. */
#include "core/state.h"

#include "base/hostlist.h"
#include "core/core.h"
#include "core/list.h"
#include "core/msgs.h"
#include "core/place.h"
#include "core/step.h"
#include "schema/states.h"

#include <string.h>

static void put(struct core *c, struct acct_event *ev, uint32_t job_id, uint32_t restart,
                struct effects *effects)
{
    if (!c->conf->acct_enabled)
        return;
    ev->seq = ++c->acct_seq;
    ev->time = c->now;
    if (!effects)
        return;
    struct effect *ef = effects_add(effects, EFFECT_ACCOUNT);
    ef->acct_seq = ev->seq;
    ef->job_id = job_id;
    ef->restart = restart;
    ef->desc = &desc_acct_event;
    ef->body = msg_copy(effects->arena, &desc_acct_event, ev);
}

/* A requeued incarnation ends as REQUEUED, which is a flag and no base state: it is told as flag
 * bit plus base. */
static uint32_t state_of(const struct job *job)
{
    uint32_t state, flags;

    if (job->result == RESULT_REQUEUED)
        return STATE_FLAG_REQUEUED;
    job_view(job, &state, &flags);
    return state;
}

static struct acct_job describe(const struct core *c, const struct job *job, struct arena *a)
{
    const struct job_wish *w = job->wish->ask;
    struct job_size size = job_size(c, job, a);

    return (struct acct_job){
        .db_id = job->db_id,
        .job_id = job->id,
        .array_job_id = job->array_id,
        .array_task_id = { job->task != NO_TASK, job->task },
        .array_tasks = job->rest ? runs_text(job->rest, a) : "",
        .name = job->name,
        .uid = job->uid,
        .gid = job->gid,
        .user = job->user,
        .account = job->account,
        .qos = job->qos,
        .wckey = job->wckey,
        .comment = job->comment,
        .admin_comment = job->admin_comment,
        .partition = size.partition,
        .state = state_of(job),
        .reason = reason_name(job->reason),
        .submit = job->submit,
        .eligible = job->eligible,
        .start = job->start,
        .end = job->end,
        .time_limit_min = job->limit_min,
        .nodes = size.nodes,
        .nnodes = size.node_count,
        .ncpus = size.cpus,
        .req_cpus = size.req_cpus,
        .req_mem_mb = size.req_mem_mb,
        .tres_alloc = size.tres_alloc,
        .tres_req = size.tres_req,
        .exit_code = job->exit_code,
        .constraints = w->features,
        .reservation = w->reservation,
        .priority = job_priority(job),
        .killed_by = { job->killed_by != 0, job->killed_by - 1 },
        .restarts = job->restarts,
        .licenses = w->licenses,
        .failed_node = job->failed_node,
        .req_nodes = w->min_nodes,
        .derived_exit_code = job->derived_exit,
        .flags = job->start ? "SchedMain" : "",
    };
}

/* The batch step's row: open when the job starts, closed when its end is known. */
static struct acct_step batch_step(const struct core *c, const struct job *job,
                                   const struct step_done *done, const struct acct_job *row)
{
    struct acct_step s = { .db_id = job->db_id,
                           .step_id = STEP_BATCH,
                           .name = "batch",
                           .start = job->start,
                           .nnodes = 1,
                           .ntasks = 1,
                           .state = row->state,
                           .end = job->end,
                           .exit_code = job->exit_code };

    if (job->alloc) {
        s.nodes = core_node_name(c, job->alloc->nodes.v[0].node);
        s.ncpus = alloc_cpus(&job->alloc->nodes.v[0]);
    }
    if (done) {
        s.used = done->used;
        s.start = done->start_time ? done->start_time : s.start;
        s.end = done->end_time ? done->end_time : s.end;
        s.exit_code = done->wait_status;
    }
    return s;
}

void account_job(struct core *c, const struct job *job, const struct step_done *step,
                 struct effects *effects)
{
    struct arena a = { 0 };
    struct acct_job row;
    struct acct_step batch;
    struct acct_event ev = { .job = &row };

    if (!c->conf->acct_enabled)
        return;
    if (effects) {
        row = describe(c, job, &a);
        batch = batch_step(c, job, step, &row);
        bool has_step = job->flags & JOB_BATCH && (job->phase == PHASE_RUNNING || step);
        ev.step = has_step ? &batch : NULL;
    }
    put(c, &ev, job->id, job->restarts, effects);
    arena_fini(&a);
}

static uint32_t step_state(const struct job *job, const struct step_done *done)
{
    uint32_t state, flags;

    job_view(job, &state, &flags);
    if (job->phase == PHASE_ENDING && job->result != RESULT_REQUEUED)
        return state == STATE_TIMEOUT || done->wait_status ? STATE_CANCELLED : STATE_COMPLETED;
    return done->wait_status ? STATE_FAILED : STATE_COMPLETED;
}

void account_step(struct core *c, const struct job *job, const struct step_done *step,
                  struct effects *effects)
{
    struct arena a = { 0 };
    struct acct_job row;
    struct acct_step s;
    struct acct_event ev = { .step = &s };

    if (effects) {
        row = describe(c, job, &a);
        s = batch_step(c, job, step, &row);
        s.step_id = step->step_id;
        s.name = step->step_id == STEP_BATCH    ? "batch"
                 : step->step_id == STEP_EXTERN ? "extern"
                                                : "";
        s.state = step_state(job, step);
    }
    put(c, &ev, job->id, job->restarts, effects);
    arena_fini(&a);
}

uint32_t step_result(const struct job *job, const struct step *s)
{
    static const uint32_t states[] = { [RESULT_CANCELLED] = STATE_CANCELLED,
                                       [RESULT_TIMEOUT] = STATE_TIMEOUT,
                                       [RESULT_NODE_FAIL] = STATE_NODE_FAIL,
                                       [RESULT_OUT_OF_MEMORY] = STATE_OUT_OF_MEMORY };
    const struct step_memo *rec = s->rec;
    uint32_t told = rec->result < sizeof states / sizeof states[0] ? states[rec->result] : 0;

    if (!step_is_over(s))
        return STATE_RUNNING;
    if (rec->oom)
        return STATE_OUT_OF_MEMORY;
    if (told)
        return told;
    if (job->phase != PHASE_RUNNING && rec->exit_code)
        return STATE_CANCELLED;
    return rec->exit_code ? STATE_FAILED : STATE_COMPLETED;
}

/* Slurm's words for the layouts. */
static const char *layout_name(const char *distribution)
{
    static const char *const names[] = { "Cyclic", "Plane", "Arbitrary" };

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (strncasecmp(distribution, names[i], strlen(names[i])) == 0)
            return names[i];
    return "Block";
}

void account_numbered_step(struct core *c, const struct job *job, const struct step *s,
                           struct effects *effects)
{
    const struct step_memo *rec = s->rec;
    struct arena a = { 0 };
    struct acct_step row = { .db_id = job->db_id,
                             .step_id = rec->step_id,
                             .name = rec->name,
                             .state = step_result(job, s),
                             .start = rec->start,
                             .end = step_is_over(s) ? c->now : 0,
                             .nnodes = rec->parts.n,
                             .ntasks = rec->ntasks,
                             .ncpus = step_cpus(s),
                             .tres = rec->tres,
                             .exit_code = rec->exit_code,
                             .used = rec->used,
                             .layout = layout_name(rec->distribution),
                             .submit_line = rec->submit_line,
                             .killed_by = { rec->killed_by != 0, rec->killed_by - 1 } };
    struct acct_event ev = { .step = &row };

    row.nodes = effects ? step_nodes(rec, &a) : "";
    put(c, &ev, job->id, job->restarts, effects);
    arena_fini(&a);
}

void account_node(struct core *c, const struct node *n, const struct fact_node *f,
                  struct effects *effects)
{
    struct acct_node_event row = { .node = n->conf->name,
                                   .state = strcmp(f->event, "UP") == 0 ? "" : f->event,
                                   .reason = n->rec->reason,
                                   .uid = n->rec->reason_uid,
                                   .time = f->now,
                                   .cpus = n->conf->cpus };
    struct acct_event ev = { .node = &row };

    put(c, &ev, 0, 0, effects);
}

/* The event was made when its fact was applied; here it is only handed out. */
void core_account(const struct core *c, const struct effect *ef, struct arena *a,
                  struct acct_event *ret)
{
    const struct acct_event *copy = msg_copy(a, &desc_acct_event, ef->body);

    *ret = *copy;
}
