/* Arrays as state; the idea is explained in array.h. */
#include "core/array.h"

#include "base/xalloc.h"
#include "core/msgs.h"
#include "core/promise.h"
#include "core/state.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

static uint64_t task_key(uint32_t array_id, uint32_t task)
{
    return (uint64_t)array_id << 32 | task;
}

struct array *array_find(const struct core *c, uint32_t id)
{
    return map_get(&c->arrays, id);
}

struct job *array_task(const struct core *c, uint32_t array_id, uint32_t task)
{
    return map_get(&c->tasks, task_key(array_id, task));
}

struct job *array_rest(const struct core *c, uint32_t array_id)
{
    struct job *job = job_find(c, array_id);

    return job && job->rest && job->phase == PHASE_PENDING ? job : NULL;
}

static bool is_active(const struct job *job)
{
    return job->phase == PHASE_RUNNING || job->phase == PHASE_ENDING;
}

void array_join(struct core *c, struct job *job)
{
    struct array *a = array_find(c, job->array_id);

    if (!a) {
        a = xcalloc(1, sizeof *a);
        a->id = job->array_id;
        map_put(&c->arrays, a->id, a);
    }
    ids_add(&a->jobs, job->id);
    a->running += is_active(job);
    if (job->phase == PHASE_PENDING)
        ids_add(&a->pending, job->id);
    if (job->task != NO_TASK)
        map_put(&c->tasks, task_key(job->array_id, job->task), job);
}

void array_free(struct array *a)
{
    ids_fini(&a->jobs);
    ids_fini(&a->pending);
    free(a->ok);
    free(a->bad);
    free(a);
}

void array_leave(struct core *c, struct job *job)
{
    struct array *a = array_find(c, job->array_id);

    ids_remove(&a->jobs, job->id);
    ids_remove(&a->pending, job->id);
    a->running -= is_active(job);
    if (job->task != NO_TASK)
        map_del(&c->tasks, task_key(job->array_id, job->task));
    array_release(c, a->id);
}

/* What became of its tasks is remembered as long as somebody may ask. */
void array_release(struct core *c, uint32_t id)
{
    struct array *a = array_find(c, id);

    if (a && a->jobs.n == 0 && !map_get(&c->waiting, id))
        array_free(map_del(&c->arrays, id));
}

void array_begin(struct core *c, const struct job *rest, uint32_t limit)
{
    struct array *a = array_find(c, rest->array_id);
    const struct runs *r = rest->rest;

    a->limit = limit;
    a->count = runs_count(r);
    a->min = runs_first(r);
    a->step = r->n == 1 ? r->v[0].step : 1;
    for (uint32_t i = 0; i < r->n; i++)
        a->max = r->v[i].last > a->max ? r->v[i].last : a->max;
}

static uint8_t *load_bitmap(const struct array *a, struct bytes b)
{
    uint32_t len = a->max / 8 + 1;

    if (b.len == 0)
        return NULL;
    uint8_t *bits = xcalloc(len, 1);
    memcpy(bits, b.p, b.len < len ? b.len : len);
    return bits;
}

/* Snapshot: the array comes before its jobs, which then join it. */
void array_load(struct core *c, const struct fact_array *f)
{
    struct array *a = array_find(c, f->array_id);

    if (a)
        return;
    a = xcalloc(1, sizeof *a);
    *a = (struct array){ .id = f->array_id,
                         .min = f->min,
                         .max = f->max,
                         .step = f->step,
                         .count = f->count,
                         .limit = f->limit,
                         .done = f->done,
                         .failed = f->failed };
    a->ok = load_bitmap(a, f->ok);
    a->bad = load_bitmap(a, f->bad);
    map_put(&c->arrays, a->id, a);
}

void array_moved(struct core *c, const struct job *job, unsigned from)
{
    struct array *a = array_find(c, job->array_id);

    a->running += is_active(job);
    a->running -= from == PHASE_RUNNING || from == PHASE_ENDING;
    if (from == PHASE_PENDING && job->phase != PHASE_PENDING)
        ids_remove(&a->pending, job->id);
    if (from != PHASE_PENDING && job->phase == PHASE_PENDING)
        ids_add(&a->pending, job->id);
}

void array_settle(struct core *c, const struct job *job)
{
    const struct array *a = array_find(c, job->array_id);

    for (uint32_t i = 0; a->limit && i < a->pending.n; i++)
        if (a->pending.v[i] != job->id)
            job_settle(c, job_find(c, a->pending.v[i]));
}

bool array_has_room(const struct core *c, const struct job *job)
{
    const struct array *a = job->array_id ? array_find(c, job->array_id) : NULL;

    return !a || a->limit == 0 || a->running < a->limit;
}

static void mark(struct array *a, uint8_t **bits, uint32_t task)
{
    if (!*bits)
        *bits = xcalloc(a->max / 8 + 1, 1);
    if (task <= a->max)
        (*bits)[task / 8] |= (uint8_t)(1u << task % 8);
}

static bool is_marked(const uint8_t *bits, uint32_t task)
{
    return bits && bits[task / 8] >> task % 8 & 1;
}

static void count_done(struct array *a, uint32_t task, bool is_ok)
{
    mark(a, is_ok ? &a->ok : &a->bad, task);
    a->done++;
    a->failed += !is_ok;
}

/* A record that still stands for many tasks (a cancelled rest) ends all of them. */
void array_task_done(struct core *c, const struct job *job)
{
    struct array *a = array_find(c, job->array_id);
    bool is_ok = job->result == RESULT_COMPLETED;

    if (job->task != NO_TASK)
        count_done(a, job->task, is_ok);
    for (uint32_t t = job->rest ? runs_first(job->rest) : NO_TASK; t != NO_TASK;
         t = runs_next(job->rest, t))
        count_done(a, t, is_ok);
}

void array_task_again(struct core *c, const struct job *job)
{
    struct array *a = array_find(c, job->array_id);
    bool was_ok = array_outcome(a, job->task) == OUTCOME_OK;
    uint8_t *bits = was_ok ? a->ok : a->bad;

    bits[job->task / 8] &= (uint8_t) ~(1u << job->task % 8);
    a->done--;
    a->failed -= !was_ok;
}

enum array_outcome array_outcome(const struct array *a, uint32_t task)
{
    if (task > a->max)
        return OUTCOME_BAD;
    if (is_marked(a->bad, task))
        return OUTCOME_BAD;
    return is_marked(a->ok, task) ? OUTCOME_OK : OUTCOME_OPEN;
}

/* What held for some task of the rest need not hold for this one. */
static void reopen_corr(struct job_record *rec, struct arena *a)
{
    struct job_dep *deps = arena_calloc(a, rec->deps.n + 1, sizeof *deps);

    for (uint32_t i = 0; i < rec->deps.n; i++) {
        deps[i] = rec->deps.v[i];
        if ((deps[i].type & 0xff) == DEP_AFTERCORR)
            deps[i].state = DEP_OPEN;
    }
    rec->deps.v = deps;
}

/* The last task keeps the record: its id was printed by sbatch and should go on to mean something.
 */
static void become_task(struct core *c, struct job *rest, uint32_t task)
{
    job_unqueue(c, rest);
    runs_free(rest->rest);
    rest->rest = NULL;
    rest->task = task;
    map_put(&c->tasks, task_key(rest->array_id, task), rest);
    deps_refresh(c, rest, c->now);
    job_settle(c, rest);
}

void array_split(struct core *c, struct job *rest, const struct fact_job_split *f)
{
    struct arena a = { 0 };

    promise_kept(c, rest); /* it was for the task that goes */
    if (f->new_id == f->job_id) {
        become_task(c, rest, f->task);
        return;
    }
    struct job_record rec = job_to_record(rest, &a);
    rec.job_id = f->new_id;
    rec.task = (struct opt_u32){ true, f->task };
    rec.rest = "";
    rec.db_id = ++c->db_next;
    reopen_corr(&rec, &a);
    runs_remove(rest->rest, f->task);
    struct job *job = job_new(c, &rec);
    deps_refresh(c, job, c->now);
    deps_refresh(c, rest, c->now);
    job_settle(c, job);
    job_settle(c, rest);
    arena_fini(&a);
}
