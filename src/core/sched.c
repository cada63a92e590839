/* The main pass: the best ready job of every partition starts if it fits; the first that does not
 * holds back those behind it in its partition.  Backfill walks on from there.
 *
 * A pass costs what changed, not what waits: a partition is looked at only when something happened
 * that could let a job start, and only down to its first blocked job. */
#include "core/backfill.h"
#include "core/finish.h"
#include "core/place.h"
#include "core/sched.h"
#include "core/state.h"

#include "core/msgs.h"

#include <assert.h>

enum verdict { VERDICT_STARTED, VERDICT_BLOCKED, VERDICT_PASSED_OVER };

/* Why a ready job may not start in this partition whatever is free. */
enum reason sched_part_reason(const struct job *job, const struct part *p)
{
    const struct part_info *pi = p->info;
    uint32_t pass = job->standing.qos ? job->standing.qos->flags : 0;

    if (p->is_gone || p->order_n == 0)
        return REASON_PartitionConfig;
    if (part_is(p, "INACTIVE"))
        return REASON_PartitionInactive;
    if (!part_starts_jobs(p))
        return REASON_PartitionDown;
    if (pi->max_nodes && job->wish->ask->min_nodes > pi->max_nodes && !(pass & QOS_PART_MAX_NODES))
        return REASON_PartitionNodeLimit;
    if (pi->min_nodes > 1 && job->wish->ask->max_nodes < pi->min_nodes &&
        !(pass & QOS_PART_MIN_NODES))
        return REASON_PartitionNodeLimit;
    if (job->flags & JOB_LIMIT_ASKED && pi->max_time_min && job->limit_min > pi->max_time_min &&
        !(pass & QOS_PART_TIME))
        return REASON_PartitionTimeLimit;
    return REASON_None;
}

/* The limit that a job without one of its own gets. */
uint32_t sched_limit(const struct job *job, const struct part *p)
{
    uint32_t most = p->info->max_time_min ? p->info->max_time_min : NO_LIMIT;

    if (job->flags & JOB_LIMIT_ASKED)
        return job->limit_min;
    return p->info->default_time_min.set && p->info->default_time_min.v < most
               ? p->info->default_time_min.v
               : most;
}

static void commit(struct pass *s, struct turn *t, unsigned from)
{
    apply_facts(s->c, s->facts, from, s->effects);
    t->next_id = s->c->next_id;
}

/* The task of an array that starts becomes a job first. */
static const struct job *take_task(struct pass *s, const struct job *job)
{
    struct input in = { .now = s->now };
    struct turn t = turn_begin(s->c, &in, s->facts, s->effects);
    unsigned from = s->facts->n;
    uint32_t task = deps_ready_task(s->c, job);
    bool is_last = runs_count(job->rest) == 1;
    struct fact_job_split split = { .job_id = job->id, .now = s->now, .task = task };

    assert(task != NO_TASK);
    split.new_id = is_last ? job->id : turn_take_id(&t);
    if (split.new_id == 0)
        return NULL;
    turn_fact(&t, FACT_job_split, &split);
    commit(s, &t, from);
    return job_find(s->c, split.new_id);
}

static void start(struct pass *s, const struct job *job, const struct part *p,
                  const struct placement *at)
{
    struct input in = { .now = s->now };
    struct turn t = turn_begin(s->c, &in, s->facts, s->effects);
    unsigned from = s->facts->n;
    struct fact_job_alloc alloc = { .job_id = job->id,
                                    .now = s->now,
                                    .partition = p->info->name,
                                    .limit_min = sched_limit(job, p) };

    alloc.nodes.v = at->v;
    alloc.nodes.n = at->n;
    alloc.owns = place_owns(p, job->wish->ask);
    alloc.licenses = license_pick(s->c, job->wish->ask->licenses, t.a);
    turn_fact(&t, FACT_job_alloc, &alloc);
    commit(s, &t, from);
    s->c->started++;
}

/* Whether the nodes that are up would do, were they empty.  That changes only with the nodes. */
static bool fits_fleet(const struct place *now, struct wish *shape)
{
    struct place place = *now;
    struct placement at;

    if (shape->fleet_gen == now->c->fleet_gen && shape->fleet_part == now->part->index + 1)
        return shape->fits_fleet;
    place.when = PLACE_UP;
    shape->fits_fleet = place_job(&place, &at, NULL);
    shape->fleet_gen = now->c->fleet_gen;
    shape->fleet_part = now->part->index + 1;
    return shape->fits_fleet;
}

bool sched_start(struct pass *s, const struct job *job, const struct part *p,
                 const struct placement *at)
{
    if (limits_hold(s->c, job, p, at))
        return false;
    if (job->rest)
        job = take_task(s, job);
    if (job)
        start(s, job, p, at);
    return job != NULL;
}

/* Jobs that need nodes which are not there do not hold back the others.  Within a pass the free
 * resources only fall, so what failed once fails again for every job of the same wish. */
static enum verdict try_job(struct pass *s, const struct job *job, const struct part *p)
{
    struct place place = {
        .c = s->c, .part = p, .wish = job->wish->ask, .when = PLACE_NOW, .a = &s->c->scratch,
        .is_late = job->flags & JOB_LATE, .uid = job->uid
    };
    struct placement at;
    struct wish *shape = job->wish;
    bool is_planned = backfill_is_on(s->c);

    s->c->considered++;
    ((struct job *)(uintptr_t)job)->tried = s->now;
    if (sched_part_reason(job, p) != REASON_None || limits_hold(s->c, job, p, NULL))
        return VERDICT_PASSED_OVER;
    if (!license_is_free(s->c, shape->ask->licenses))
        return VERDICT_PASSED_OVER;
    if (!place.is_late && !place_owns(p, shape->ask) && shape->tried_gen == s->c->shape_gen &&
        shape->tried_part == p->index + 1)
        return (enum verdict)shape->verdict;
    bool fits = is_planned ? backfill_fits_now(s, job, p, &at) : place_job(&place, &at, NULL);
    if (!fits) {
        shape->tried_gen = s->c->shape_gen;
        shape->tried_part = p->index + 1;
        shape->verdict = fits_fleet(&place, shape) ? VERDICT_BLOCKED : VERDICT_PASSED_OVER;
        return (enum verdict)shape->verdict;
    }
    if (sched_start(s, job, p, &at))
        return VERDICT_STARTED;
    return job->parked_why ? VERDICT_PASSED_OVER : VERDICT_BLOCKED;
}

/* The best job at or after the cursor among the dirty partitions. */
static const struct queue_entry *next_job(struct core *c)
{
    const struct queue_entry *best = NULL;

    for (uint32_t i = 0; i < c->part_count; i++) {
        const struct part *p = c->parts[i];
        const struct queue_entry *it = p->is_dirty ? queue_from(&p->queue, c->cursor) : NULL;
        if (it && (!best || queue_compare(it->key, best->key) < 0))
            best = it;
    }
    return best;
}

/* Tries the job in each of its partitions that is open at this place of the order, in the order the
 * user named. */
static void consider(struct pass *s, struct queue_entry it)
{
    const char *list = it.job->wish->ask->partitions;

    for (struct part *p; (p = part_next(s->c, &list));) {
        const struct queue_entry *here = p->is_dirty ? queue_from(&p->queue, it.key) : NULL;
        if (!here || queue_compare(here->key, it.key) != 0)
            continue;
        enum verdict v = try_job(s, it.job, p);
        arena_reset(&s->c->scratch);
        if (v == VERDICT_STARTED)
            return;
        if (v == VERDICT_BLOCKED) {
            p->blocked = it.key;
            p->is_dirty = false;
        }
    }
    s->c->cursor = (struct queue_key){ it.key.rank, it.key.id + 1 };
}

/* The dirty partitions were walked to their end: nothing waits there for resources. */
static void pass_done(struct core *c)
{
    for (uint32_t i = 0; i < c->part_count; i++) {
        struct part *p = c->parts[i];
        if (p->is_dirty)
            p->blocked = (struct queue_key){ 0, 0 };
        p->is_dirty = false;
    }
    c->is_dirty = false;
    c->cursor = (struct queue_key){ 0, 0 };
    c->shape_gen++;
    c->passes++;
    if (backfill_is_on(c))
        backfill_begin(c);
}

/* Jobs whose dependencies failed and that are not to be kept. */
static void kill_doomed(struct pass *s)
{
    uint32_t id;

    while ((id = deps_next_doomed(s->c))) {
        struct input in = { .now = s->now };
        struct turn t = turn_begin(s->c, &in, s->facts, s->effects);
        unsigned from = s->facts->n;
        end_pending(&t, job_find(s->c, id),
                    (struct fact_job_end){ .result = RESULT_CANCELLED,
                                           .reason = REASON_DependencyNeverSatisfied });
        apply_facts(s->c, s->facts, from, s->effects);
    }
}

bool core_schedule(struct core *c, int64_t now, unsigned max_jobs, struct facts *facts,
                   struct effects *effects)
{
    struct pass s = { .c = c, .now = now, .facts = facts, .effects = effects };

    if (!c->conf)
        return false;
    if (c->doomed.n)
        kill_doomed(&s);
    limits_wake(c, now);
    unsigned n = 0;
    for (; c->is_dirty && n < max_jobs; n++) {
        const struct queue_entry *it = next_job(c);
        if (it)
            consider(&s, *it);
        else
            pass_done(c);
    }
    return c->is_dirty || backfill_slice(&s, max_jobs - n) || c->is_dirty;
}
