/* The life of jobs: the table of moves, and what each fact does to one job. */
#include "core/backfill.h"
#include "core/state.h"

#include "base/xalloc.h"
#include "core/list.h"
#include "core/msgs.h"
#include "core/plan.h"
#include "core/promise.h"
#include "core/step.h"
#include "schema/states.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define FIRST FACT_job_eligible
#define LAST FACT_job_forget

static const struct move moves[PHASE_COUNT][LAST - FIRST + 1] = {
#define ON(from, fact, next, effects) \
    [PHASE_##from][FACT_job_##fact - FIRST] = { true, PHASE_##next, effects },
#define VIEW(phase, result, state, flags)
#include "schema/job_state.def"
#undef VIEW
#undef ON
};

struct view {
    uint8_t phase, result;
    uint32_t state, flags;
};

static const struct view views[] = {
#define ON(from, fact, next, effects)
#define VIEW(phase, result, state, flags) { PHASE_##phase, RESULT_##result, STATE_##state, flags },
#include "schema/job_state.def"
#undef VIEW
#undef ON
};

#define REASON(name, text) [REASON_##name] = { #name, text },
static const struct {
    const char *name, *text;
} reasons[] = {
#include "schema/reasons.def"
};
#undef REASON

const struct move *job_move(unsigned phase, unsigned fact)
{
    static const struct move none;

    return phase < PHASE_COUNT && fact >= FIRST && fact <= LAST ? &moves[phase][fact - FIRST]
                                                                : &none;
}

const char *reason_name(unsigned reason)
{
    return reason < REASON_COUNT ? reasons[reason].name : "None";
}

const char *reason_text(unsigned reason)
{
    return reason < REASON_COUNT ? reasons[reason].text : "";
}

static uint32_t hold_flags(const struct job *job)
{
    if (job->phase != PHASE_PENDING || !job->hold)
        return 0;
    if (job->flags & JOB_SPECIAL_EXIT)
        return STATE_FLAG_SPECIAL_EXIT;
    return job->flags & JOB_REQUEUED_HOLD ? STATE_FLAG_REQUEUE_HOLD : 0;
}

void job_view(const struct job *job, uint32_t *ret_state, uint32_t *ret_flags)
{
    *ret_state = STATE_PENDING;
    *ret_flags = hold_flags(job);
    for (size_t i = 0; i < sizeof views / sizeof views[0]; i++)
        if (views[i].phase == job->phase && views[i].result == job->result) {
            *ret_state = views[i].state;
            *ret_flags |= views[i].flags;
            return;
        }
}

struct job *job_find(const struct core *c, uint32_t id)
{
    return map_get(&c->job_ids, id);
}

const struct job *core_job(const struct core *c, uint32_t job_id)
{
    return job_find(c, job_id);
}

uint32_t job_priority(const struct job *job)
{
    int64_t p = (int64_t)job->base - job->nice;

    if (job->hold || job->base == 0)
        return 0;
    return p < 1 ? 1 : p > UINT32_MAX - 1 ? UINT32_MAX - 1 : (uint32_t)p;
}

/* Held, early and dependent jobs are in no queue, so nobody looks at them until a fact wakes them.
 */
static bool is_eligible(const struct core *c, const struct job *job)
{
    return job->phase == PHASE_PENDING && job_priority(job) > 0 && (job->flags & JOB_BEGUN) &&
           deps_are_met(c, job);
}

bool job_is_ready(const struct core *c, const struct job *job)
{
    return is_eligible(c, job) && array_has_room(c, job);
}

int64_t job_limit_end(const struct job *job)
{
    return job->limit_min == NO_LIMIT
               ? 0
               : job->start + 60 * (int64_t)job->limit_min - job->limit_cut_s;
}

/* A waiting job must still be able to run for all of its time, or for the least it asked for. */
int64_t job_deadline_due(const struct job *job)
{
    uint32_t need_min = job->min_limit_min             ? job->min_limit_min
                        : job->flags & JOB_LIMIT_ASKED ? job->limit_min
                                                       : NO_LIMIT;

    if (job->deadline == 0)
        return INT64_MAX;
    if (job->phase != PHASE_PENDING || need_min == NO_LIMIT)
        return job->deadline;
    return job->deadline - 60 * (int64_t)need_min + 1;
}

int64_t job_limit_due(const struct core *c, const struct job *job)
{
    if (job->limit_min == NO_LIMIT || c->conf->over_time_limit_min >= UINT16_MAX)
        return INT64_MAX;
    return job_limit_end(job) + 60 * (int64_t)c->conf->over_time_limit_min;
}

static int64_t earlier(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* --switches=count@time, at most max_switch_wait; without a time so long too. */
int64_t job_switches_due(const struct core *c, const struct job *job)
{
    const struct job_wish *w = job->wish->ask;
    const char *params = c->conf->sched_params ? c->conf->sched_params : "";
    const char *at = strcasestr(params, "max_switch_wait=");
    uint32_t most = at ? (uint32_t)strtoul(at + strlen("max_switch_wait="), NULL, 10) : 300;

    if (!w->switches || !job->eligible || job->flags & JOB_LATE)
        return INT64_MAX;
    return job->eligible +
           (w->switches_wait_s.set && w->switches_wait_s.v < most ? w->switches_wait_s.v : most);
}

int64_t job_end_due(const struct core *c, const struct job *job)
{
    return earlier(job_limit_due(c, job), job_deadline_due(job));
}

int64_t job_timer_due(const struct core *c, const struct job *job)
{
    switch (job->phase) {
    case PHASE_PENDING:
        return earlier(earlier(job->flags & JOB_BEGUN ? deps_due(job) : job->begin,
                               job_deadline_due(job)),
                       job_switches_due(c, job));
    case PHASE_RUNNING:
        return earlier(job_end_due(c, job), steps_due(job));
    case PHASE_DONE:
        return job->ended_at + c->conf->min_job_age_s;
    default:
        return INT64_MAX;
    }
}

struct queue_key job_key_in(const struct job *job, const struct part *p)
{
    return (struct queue_key){ .rank =
                                   ~((uint64_t)p->info->priority_tier << 32 | job_priority(job)),
                               .id = job->id };
}

void job_unqueue(struct core *c, struct job *job)
{
    const char *list = job->wish->ask->partitions;

    limits_unpark(c, job);
    if (!job->is_queued)
        return;
    for (struct part *p; (p = part_next(c, &list));) {
        queue_remove(&p->queue, job_key_in(job, p));
        if (p->blocked.id == job->id)
            part_touch(c, p, p->blocked);
    }
    job->is_queued = false;
}

/* A job behind the first blocked one of its partition changes nothing for the main pass. */
static void enqueue(struct core *c, struct job *job)
{
    const char *list = job->wish->ask->partitions;

    for (struct part *p; (p = part_next(c, &list));) {
        struct queue_key key = job_key_in(job, p);
        queue_add(&p->queue, key, job);
        if (p->blocked.id == 0 || queue_compare(key, p->blocked) < 0)
            part_touch(c, p, key);
        else
            backfill_touch(c, p, key);
    }
    job->is_queued = true;
}

void job_settle(struct core *c, struct job *job)
{
    bool is_ready = job_is_ready(c, job);

    limits_settle(c, job);
    if (job->eligible == 0 && is_eligible(c, job))
        job->eligible = c->now;
    int64_t due = job_timer_due(c, job);

    if (!is_ready)
        job_unqueue(c, job);
    else if (!job->is_queued && !job->parked)
        enqueue(c, job);
    promise_settle(c, job);
    heap_remove(&c->timers, job->timer_at);
    if (due != INT64_MAX)
        heap_push(&c->timers, due << 26 | job->id, job, &job->timer_at);
}

uint32_t alloc_cpus(const struct alloc_node *part)
{
    return bits_count_bytes(part->cpus.p, part->cpus.len);
}

/* Enters (or, in a snapshot, re-enters) what the job holds on a node. */
static void occupy_node(struct core *c, struct job *job, const struct alloc_node *part)
{
    struct node *n = node_at(c, part->node);

    bits_or_bytes(&n->used, part->cpus.p, part->cpus.len);
    n->cpus_used += alloc_cpus(part);
    n->mem_used += part->mem_mb;
    gres_hold(n, part);
    n->owned += job->alloc->owns;
    n->ending += job->phase == PHASE_ENDING;
    ids_add(&n->jobs, job->id);
    part_open(c, n);
}

void job_occupy(struct core *c, struct job *job)
{
    for (uint32_t i = 0; i < job->alloc->nodes.n; i++)
        if (!job->alloc->nodes.v[i].is_clean)
            occupy_node(c, job, &job->alloc->nodes.v[i]);
}

void job_give_back(struct core *c, struct job *job, struct alloc_node *part)
{
    struct node *n = node_at(c, part->node);

    assert(!part->is_clean);
    bits_and_not_bytes(&n->used, part->cpus.p, part->cpus.len);
    assert(n->cpus_used >= alloc_cpus(part) && n->mem_used >= part->mem_mb);
    n->cpus_used -= alloc_cpus(part);
    n->mem_used -= part->mem_mb;
    gres_give_back(n, part);
    n->owned -= job->alloc->owns;
    n->ending -= job->phase == PHASE_ENDING;
    n->rec->last_busy = c->now;
    ids_remove(&n->jobs, job->id);
    plan_gave_back(c, job, part);
    part->is_clean = true;
    part_open(c, n);
    part_freed(c, n);
}

static struct last_run *last_new(struct core *c, const char *text, const char *partition)
{
    struct last_run *last = xcalloc(1, sizeof *last + strlen(text) + 1);

    memcpy(last->text, text, strlen(text) + 1);
    last->partition = pool_text(&c->texts, partition);
    return last;
}

static void last_free(struct core *c, struct job *job)
{
    if (job->last) {
        pool_text_drop(&c->texts, job->last->partition);
        pool_text_drop(&c->texts, job->last->tres);
    }
    free(job->last);
    job->last = NULL;
}

void job_keep_last(struct core *c, struct job *job)
{
    struct arena a = { 0 };

    last_free(c, job);
    job->last = last_new(c, nodes_text(c, job->alloc->nodes.v, job->alloc->nodes.n, &a),
                         job->alloc->partition);
    job->last->nodes = job->alloc->nodes.n;
    for (uint32_t i = 0; i < job->alloc->nodes.n; i++) {
        job->last->cpus += alloc_cpus(&job->alloc->nodes.v[i]);
        job->last->mem_mb += job->alloc->nodes.v[i].mem_mb;
    }
    job->last->tres = pool_text(&c->texts, claim_alloc_text(c, job, &a));
    arena_fini(&a);
    free(job->alloc);
    job->alloc = NULL;
}

/* Jobs of one user and name that are not done form a ring, whose first is in the index: what
 * singleton asks for. */
static uint64_t single_key(const struct job *job)
{
    return hash_bytes(job->name, strlen(job->name), job->uid + 1);
}

struct job *single_first(const struct core *c, const struct job *job)
{
    return map_get(&c->singles, single_key(job));
}

void single_enter(struct core *c, struct job *job)
{
    struct job *first = single_first(c, job);

    job->same_next = job->same_prev = job;
    if (!first) {
        map_put(&c->singles, single_key(job), job);
        return;
    }
    job->same_next = first;
    job->same_prev = first->same_prev;
    first->same_prev->same_next = job;
    first->same_prev = job;
}

void single_leave(struct core *c, struct job *job)
{
    if (!job->same_next)
        return;
    if (job->same_next == job)
        map_del(&c->singles, single_key(job));
    else if (single_first(c, job) == job)
        map_put(&c->singles, single_key(job), job->same_next);
    job->same_next->same_prev = job->same_prev;
    job->same_prev->same_next = job->same_next;
    job->same_next = job->same_prev = NULL;
}

static void load_texts(struct core *c, struct job *job, const struct job_record *rec)
{
    job->name = pool_text(&c->texts, rec->name);
    job->user = pool_text(&c->texts, rec->user);
    job->account = pool_text(&c->texts, rec->account);
    job->qos = pool_text(&c->texts, rec->qos);
    job->wckey = pool_text(&c->texts, rec->wckey);
    job->comment = pool_text(&c->texts, rec->comment);
    job->admin_comment = pool_text(&c->texts, rec->admin_comment);
    job->failed_node = pool_text(&c->texts, rec->failed_node);
    job->cold = pool_bytes(&c->texts, rec->cold);
}

static void load_alloc(struct core *c, struct job *job, const struct job_record *rec)
{
    struct fact_job_alloc alloc = { .job_id = rec->job_id,
                                    .now = rec->start,
                                    .partition = rec->partition,
                                    .limit_min = rec->limit_min };

    if (rec->start_alloc && *rec->start_alloc) {
        job->last = last_new(c, rec->start_alloc, rec->partition);
        job->last->cpus = rec->alloc_cpus;
        job->last->nodes = rec->alloc_nodes;
        job->last->mem_mb = rec->alloc_mem_mb;
        job->last->tres = pool_text(&c->texts, rec->alloc_tres);
    }
    if (rec->alloc.n == 0)
        return;
    alloc.nodes.v = rec->alloc.v;
    alloc.nodes.n = rec->alloc.n;
    alloc.share = rec->share;
    alloc.licenses = rec->alloc_licenses;
    alloc.owns = rec->owns;
    job->alloc = msg_clone(&desc_fact_job_alloc, &alloc);
    job_occupy(c, job);
    if (job->phase == PHASE_RUNNING)
        license_hold(c, job);
}

struct job *job_new(struct core *c, const struct job_record *rec)
{
    struct slab_ref ref;
    struct job *job = slab_new(&c->job_slab, &ref);

    *job = (struct job){
        .id = rec->job_id,
        .array_id = rec->array_id,
        .task = rec->task.set ? rec->task.v : NO_TASK,
        .phase = (uint8_t)rec->phase,
        .result = (uint8_t)rec->result,
        .hold = (uint8_t)rec->hold,
        .reason = (uint8_t)rec->reason,
        .flags = (uint16_t)rec->flags,
        .restarts = (uint16_t)rec->restarts,
        .uid = rec->uid,
        .gid = rec->gid,
        .base = rec->base,
        .nice = (int32_t)rec->nice,
        .limit_min = rec->limit_min,
        .min_limit_min = rec->min_limit_min,
        .limit_cut_s = (uint8_t)rec->limit_cut_s,
        .exit_code = rec->exit_code,
        .killed_by = rec->killed_by,
        .submit = rec->submit,
        .begin = rec->begin,
        .eligible = rec->eligible,
        .start = rec->start,
        .end = rec->end,
        .ended_at = rec->ended_at,
        .deadline = rec->deadline,
        .db_id = rec->db_id,
        .script = rec->script,
        .environment = rec->environment,
        .next_step = rec->next_step,
        .derived_exit = rec->derived_exit,
        .self = ref,
    };
    load_texts(c, job, rec);
    job->wish = wish_take(&c->wishes, rec->wish);
    map_put(&c->job_ids, job->id, job);
    queue_add(&c->jobs, (struct queue_key){ 0, job->id }, job);
    c->phase_count[job->phase]++;
    load_alloc(c, job, rec);
    if (rec->rest && *rec->rest) {
        struct runs r = { 0 };
        uint32_t limit;
        int bad = runs_parse(rec->rest, NO_TASK, &r, &limit, NULL);
        assert(bad == 0);
        job->rest = runs_clone(&r);
        runs_fini(&r);
    }
    if (job->array_id)
        array_join(c, job);
    if (job->phase != PHASE_DONE)
        single_enter(c, job);
    job->dep_count = rec->deps.n;
    if (rec->deps.n)
        job->deps = xmemdup(rec->deps.v, rec->deps.n * sizeof *job->deps);
    deps_attach(c, job);
    return job;
}

static void drop_texts(struct core *c, struct job *job)
{
    const char *all[] = { job->name,  job->user,    job->account,       job->qos,
                          job->wckey, job->comment, job->admin_comment, job->failed_node };

    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        pool_text_drop(&c->texts, all[i]);
    pool_bytes_drop(&c->texts, job->cold);
}

void job_free(struct core *c, struct job *job)
{
    job_unqueue(c, job);
    promise_kept(c, job);
    limits_drop(c, job);
    heap_remove(&c->timers, job->timer_at);
    deps_detach(c, job);
    free(job->deps);
    single_leave(c, job);
    if (job->array_id)
        array_leave(c, job);
    runs_free(job->rest);
    last_free(c, job);
    steps_free(c, job);
    free(job->alloc);
    c->phase_count[job->phase]--;
    map_del(&c->job_ids, job->id);
    queue_remove(&c->jobs, (struct queue_key){ 0, job->id });
    wish_drop(&c->wishes, job->wish);
    drop_texts(c, job);
    slab_free(&c->job_slab, job->self);
}

struct job_record job_to_record(const struct job *job, struct arena *a)
{
    struct job_record rec = {
        .job_id = job->id,
        .array_id = job->array_id,
        .task = { job->task != NO_TASK, job->task },
        .phase = job->phase,
        .result = job->result,
        .hold = job->hold,
        .reason = job->reason,
        .flags = job->flags,
        .restarts = job->restarts,
        .uid = job->uid,
        .gid = job->gid,
        .base = job->base,
        .nice = job->nice,
        .limit_min = job->limit_min,
        .min_limit_min = job->min_limit_min,
        .limit_cut_s = job->limit_cut_s,
        .exit_code = job->exit_code,
        .killed_by = job->killed_by,
        .submit = job->submit,
        .begin = job->begin,
        .eligible = job->eligible,
        .start = job->start,
        .end = job->end,
        .ended_at = job->ended_at,
        .deadline = job->deadline,
        .db_id = job->db_id,
        .script = job->script,
        .environment = job->environment,
        .name = job->name,
        .user = job->user,
        .account = job->account,
        .qos = job->qos,
        .wckey = job->wckey,
        .comment = job->comment,
        .admin_comment = job->admin_comment,
        .failed_node = job->failed_node,
        .wish = job->wish->ask,
        .next_step = job->next_step,
        .derived_exit = job->derived_exit,
        .cold = job->cold,
        .rest = job->rest ? runs_text(job->rest, a) : "",
    };

    rec.deps.v = job->deps;
    rec.deps.n = job->dep_count;
    if (job->alloc) {
        rec.partition = job->alloc->partition;
        rec.alloc.v = job->alloc->nodes.v;
        rec.alloc.n = job->alloc->nodes.n;
        rec.share = job->alloc->share;
        rec.alloc_licenses = job->alloc->licenses;
        rec.owns = job->alloc->owns;
    }
    if (job->last) {
        rec.partition = job->alloc ? rec.partition : job->last->partition;
        rec.start_alloc = job->last->text;
        rec.alloc_cpus = job->last->cpus;
        rec.alloc_nodes = job->last->nodes;
        rec.alloc_mem_mb = job->last->mem_mb;
        rec.alloc_tres = job->last->tres;
    }
    return rec;
}
