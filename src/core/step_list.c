/* Answers about steps, and what their nodes are told. */
#include "core/step.h"

#include "core/list.h"
#include "core/pick.h"
#include "schema/states.h"

#include <string.h>
#include <strings.h>

static struct step_info describe(const struct core *c, const struct job *job, const struct step *s,
                                 struct arena *a)
{
    const struct step_memo *rec = s->rec;

    return (struct step_info){
        .job_id = job->id,
        .step_id = rec->step_id,
        .name = rec->name,
        .user_id = job->uid,
        .user_name = job->user,
        .partition = job->alloc->partition,
        .nodes = step_nodes(rec, a),
        .num_nodes = rec->parts.n,
        .num_tasks = rec->ntasks,
        .num_cpus = step_cpus(s),
        .tres = rec->tres,
        .start_time = rec->start,
        .time_limit_min = rec->limit_min,
        .state = state_long(STATE_RUNNING, 0),
        .distribution = rec->distribution,
        .client_host = rec->client,
        .array_job_id = job->array_id,
        .array_task_id = { job->task != NO_TASK, job->task },
    };
}

/* The script of a job is a step of its own, which no record is kept of. */
static struct step_info describe_batch(const struct core *c, const struct job *job, struct arena *a)
{
    const struct alloc_node *first = &job->alloc->nodes.v[0];

    return (struct step_info){
        .job_id = job->id,
        .step_id = STEP_BATCH,
        .name = "batch",
        .user_id = job->uid,
        .user_name = job->user,
        .partition = job->alloc->partition,
        .nodes = core_node_name(c, first->node),
        .num_nodes = 1,
        .num_tasks = 1,
        .num_cpus = alloc_cpus(first),
        .tres = arena_printf(a, "cpu=%u,node=1", alloc_cpus(first)),
        .start_time = job->start,
        .time_limit_min = NO_LIMIT,
        .state = state_long(STATE_RUNNING, 0),
        .distribution = "",
        .array_job_id = job->array_id,
        .array_task_id = { job->task != NO_TASK, job->task },
    };
}

static bool has_word(const struct strs *words, const char *word)
{
    for (uint32_t i = 0; i < words->n; i++)
        if (strcasecmp(words->v[i], word) == 0)
            return true;
    return words->n == 0;
}

static void add(struct step_infos *ret, struct arena *a, struct step_info info)
{
    if ((ret->steps.n & (ret->steps.n - 1)) == 0) { /* full: the room doubles */
        uint32_t cap = ret->steps.n ? ret->steps.n * 2 : 1;
        struct step_info *bigger = arena_calloc(a, cap, sizeof *bigger);
        if (ret->steps.n)
            memcpy(bigger, ret->steps.v, ret->steps.n * sizeof *bigger);
        ret->steps.v = bigger;
    }
    ret->steps.v[ret->steps.n++] = info;
}

static void add_job(const struct core *c, const struct job *job, uint32_t only, struct arena *a,
                    struct step_infos *ret)
{
    if (!job->alloc || job->phase != PHASE_RUNNING)
        return;
    STEP_FOREACH(s, job)
    if (only == STEP_ALL || only == s->rec->step_id)
        add(ret, a, describe(c, job, s, a));
    if (job->flags & JOB_BATCH && (only == STEP_ALL || only == STEP_BATCH))
        add(ret, a, describe_batch(c, job, a));
}

void core_list_steps(const struct core *c, const struct step_query *q, const struct who *who,
                     struct arena *a, struct step_infos *ret)
{
    struct picks picks = { .a = a };

    *ret = (struct step_infos){ 0 };
    for (uint32_t i = 0; i < q->steps.n; i++)
        picks_add_name(c, q->steps.v[i], &picks);
    if (q->steps.n == 0)
        QUEUE_FOREACH(it, &c->jobs)
    picks_add(&picks, (struct pick){ .job = it->job, .task = NO_TASK, .step = STEP_ALL });
    for (uint32_t i = 0; i < picks.n; i++) {
        const struct job *job = picks.v[i].job;
        char *uid = arena_printf(a, "%u", job->uid);
        if (has_word(&q->users, job->user) || has_word(&q->users, uid))
            add_job(c, job, picks.v[i].step, a, ret);
    }
}

int core_step_launch(const struct core *c, uint32_t job_id, uint32_t step_id, struct arena *a,
                     struct step_launch *ret)
{
    const struct job *job = job_find(c, job_id);
    const struct step *s = job ? step_find(job, step_id) : NULL;

    if (!s || job->phase != PHASE_RUNNING)
        return -ESLURM_JOB_NOT_RUNNING;
    *ret = (struct step_launch){ .step_id = step_id };
    ret->parts.n = s->rec->parts.n;
    ret->parts.v = arena_memdup(a, s->rec->parts.v, ret->parts.n * sizeof *ret->parts.v);
    return 0;
}

/* Whether there is something to tell already; *ret is filled either way. */
static bool is_answered(const struct job *job, const struct alloc_wait *want)
{
    bool is_over = job->phase == PHASE_DONE || job->phase == PHASE_ENDING;

    if (want->now || is_over)
        return true;
    if (want->step_id.set)
        return !step_find(job, want->step_id.v);
    return !want->end && job->phase == PHASE_RUNNING;
}

int core_alloc(const struct core *c, const struct alloc_wait *want, const struct who *who,
               struct arena *a, struct alloc_info *ret, struct err *e)
{
    const struct job *job = job_find(c, want->job_id);
    uint32_t flags;

    if (!job)
        return err_set(e, ESLURM_INVALID_JOB_ID, "%s", errors_text(ESLURM_INVALID_JOB_ID));
    if (who->uid != job->uid && who->uid != 0 && who->role < ROLE_OPERATOR)
        return err_set(e, ESLURM_ACCESS_DENIED, "%s\njob %u is %s's",
                       errors_text(ESLURM_ACCESS_DENIED), job->id, job->user);
    *ret = (struct alloc_info){ .job_id = job->id,
                                .reason = reason_name(job->reason),
                                .nodes = "",
                                .partition = "",
                                .exit_code = job->exit_code };
    job_view(job, &ret->state, &flags);
    if (job->alloc) {
        ret->nodes = nodes_text(c, job->alloc->nodes.v, job->alloc->nodes.n, a);
        ret->partition = job->alloc->partition;
    }
    return is_answered(job, want) ? 0 : 1;
}

bool core_has_part(const struct core *c, uint32_t job_id, uint32_t node)
{
    const struct job *job = job_find(c, job_id);

    return job && alloc_find(job, node);
}

/* The node whose view of the job an allocation's owner gets. */
uint32_t core_first_node(const struct core *c, uint32_t job_id)
{
    const struct job *job = job_find(c, job_id);

    return job && job->alloc ? job->alloc->nodes.v[0].node : UINT32_MAX;
}
