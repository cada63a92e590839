/* Lanes in step with the state; the idea is explained in plan.h. */
#include "core/plan.h"

#include "base/heap.h"
#include "base/xalloc.h"
#include "core/bf.h"
#include "core/predict.h"
#include "core/sched.h"
#include "core/state.h"

#include <assert.h>
#include <stdlib.h>

struct plan {
    struct timeline lanes;
    bool is_built;
    int64_t built;    /* when */
    struct heap ends; /* planned ends of jobs that hold something: job id as value, perhaps stale */
};

static struct plan *built(const struct core *c)
{
    return c->plan && c->plan->is_built ? c->plan : NULL;
}

void plan_free(struct plan *p)
{
    if (!p)
        return;
    timeline_fini(&p->lanes);
    heap_fini(&p->ends);
    free(p);
}

void plan_forget(struct core *c)
{
    if (c->plan)
        c->plan->is_built = false;
}

void plan_grew(struct core *c, uint32_t node)
{
    c->grown.nodes[c->grown.seq++ % GROWN_MAX] = node;
}

void plan_grew_promise(struct core *c, const struct promise *p)
{
    for (uint32_t i = 0; i < p->n; i++) {
        const struct node *n = c->nodes[p->v[i].node];
        plan_grew(c, n->index);
        for (uint32_t k = 0; k < n->parts.n; k++)
            c->parts[n->parts.v[k]]->is_again = true;
    }
}

int64_t plan_length(const struct core *c, const struct job *job, const struct part *p)
{
    const struct bf *bf = bf_of(c);
    uint32_t limit = sched_limit(job, p);
    int64_t s =
        limit == NO_LIMIT ? PLAN_NO_LIMIT_S : 60 * ((int64_t)limit + c->conf->over_time_limit_min);

    s = predict_length(c, job, s);
    s = (s + bf->resolution_s - 1) / bf->resolution_s * bf->resolution_s;
    return s > 0 ? s : 1;
}

/* By its limit, or earlier when the user's jobs use to be shorter; one that outlived it, or is
 * being cleaned up, may end any moment. */
static int64_t planned_end(const struct core *c, const struct job *job, int64_t now)
{
    int64_t due = job->phase == PHASE_RUNNING ? job_end_due(c, job) : now;

    if (due == INT64_MAX)
        due = job->start + PLAN_NO_LIMIT_S;
    if (job->phase == PHASE_RUNNING) {
        int64_t expected = job->start + predict_length(c, job, due - job->start);
        due = expected > now ? expected : due;
    }
    if (due > now)
        return due;
    return now + (now - due > 1 ? now - due : 1);
}

static void remember_end(struct plan *p, struct job *job)
{
    heap_push(&p->ends, job->planned_end, (void *)(uintptr_t)job->id, NULL);
}

static void occupy(struct core *c, struct job *job, int64_t now)
{
    struct plan *p = c->plan;

    job->planned_end = planned_end(c, job, now);
    for (uint32_t i = 0; i < job->alloc->nodes.n; i++) {
        const struct alloc_node *part = &job->alloc->nodes.v[i];
        struct room held = place_room_held(c->nodes[part->node], part);
        if (!part->is_clean)
            timeline_take(&p->lanes, part->node, now, job->planned_end, &held);
    }
    remember_end(p, job);
}

void plan_occupied(struct core *c, struct job *job)
{
    if (built(c))
        occupy(c, job, c->now);
}

void plan_gave_back(struct core *c, const struct job *job, const struct alloc_node *part)
{
    struct plan *p = built(c);
    struct room held = place_room_held(c->nodes[part->node], part);

    plan_grew(c, part->node);
    if (!p)
        return;
    timeline_forget(&p->lanes, part->node, c->now);
    timeline_give(&p->lanes, part->node, c->now, job->planned_end, &held);
}

static void lift_for(struct core *c, struct promise *p, const struct job *job)
{
    plan_lift(c, p);
    promise_blame(p, LIFTED_OVERDUE, job->id);
}

/* Promises that stand in [from, until) of the node give way until the room is enough. */
static void make_way(struct core *c, const struct job *job, uint32_t node, const struct span *span,
                     int64_t from)
{
    int64_t until = from + span->length;

    QUEUE_FOREACH(it, &c->promised)
    {
        struct promise *p = it->job->promise;
        struct room least = timeline_least(&c->plan->lanes, node, from, until);
        if (room_fits(&least, span->need))
            return;
        if (!p->is_lifted && p->start < until && p->end > from && promise_uses(p, node))
            lift_for(c, p, job);
    }
}

static void move_end(struct core *c, struct job *job, int64_t now)
{
    struct plan *p = c->plan;
    int64_t was = job->planned_end, is = planned_end(c, job, now);

    job->planned_end = is;
    for (uint32_t i = 0; i < job->alloc->nodes.n; i++) {
        const struct alloc_node *part = &job->alloc->nodes.v[i];
        struct room held = place_room_held(c->nodes[part->node], part);
        struct span more = { &held, is - was };
        if (part->is_clean)
            continue;
        if (is < was)
            plan_grew(c, part->node);
        timeline_give(&p->lanes, part->node, is, was, &held);
        if (is > was)
            make_way(c, job, part->node, &more, was);
        timeline_take(&p->lanes, part->node, was, is, &held);
    }
    remember_end(p, job);
}

void plan_moved(struct core *c, struct job *job)
{
    if (built(c) && job->alloc)
        move_end(c, job, c->now);
}

static bool holds_something(const struct job *job)
{
    return job && job->alloc && (job->phase == PHASE_RUNNING || job->phase == PHASE_ENDING);
}

static void build(struct core *c, int64_t now)
{
    struct plan *p = c->plan;

    timeline_reset(&p->lanes, c->node_count);
    heap_fini(&p->ends);
    for (uint32_t i = 0; i < c->node_count; i++) {
        struct room all = place_room_all(c->nodes[i]);
        timeline_open(&p->lanes, i, now, &all);
    }
    p->is_built = true;
    p->built = now;
    QUEUE_FOREACH(it, &c->jobs)
    if (holds_something(it->job))
        occupy(c, it->job, now);
    QUEUE_FOREACH(it, &c->promised)
    {
        c->lifted += !it->job->promise->is_lifted;
        it->job->promise->is_lifted = true;
        promise_blame(it->job->promise, LIFTED_RULES, 0);
        if (plan_still_fits(c, it->job->promise, now))
            plan_lower(c, it->job->promise);
    }
    p->lanes.is_overdrawn = false;
}

void plan_overdue(struct core *c, int64_t now)
{
    struct plan *p = built(c);
    const struct heap_entry *top;

    if (p && p->lanes.is_overdrawn && p->built < now)
        build(c, now);

    while (p && (top = heap_top(&p->ends)) && top->key <= now) {
        int64_t end = top->key;
        struct job *job = job_find(c, (uint32_t)(uintptr_t)heap_pop(&p->ends));
        if (!holds_something(job) || job->planned_end != end)
            continue;
        move_end(c, job, now);
    }
}

const struct timeline *plan_lanes(struct core *c, int64_t now)
{
    if (!c->plan)
        c->plan = xcalloc(1, sizeof *c->plan);
    if (!c->plan->is_built)
        build(c, now);
    return &c->plan->lanes;
}

void plan_promised(struct core *c, const struct promise *p)
{
    struct plan *plan = built(c);

    for (uint32_t i = 0; plan && i < p->n; i++)
        timeline_take(&plan->lanes, p->v[i].node, p->start, p->end, &p->v[i].room);
}

void plan_unpromised(struct core *c, const struct promise *p)
{
    struct plan *plan = built(c);

    c->lifted -= p->is_lifted;
    for (uint32_t i = 0; plan && !p->is_lifted && i < p->n; i++)
        timeline_give(&plan->lanes, p->v[i].node, p->start, p->end, &p->v[i].room);
}

void plan_lift(struct core *c, struct promise *p)
{
    assert(!p->is_lifted);
    plan_unpromised(c, p);
    p->is_lifted = true;
    c->lifted++;
}

void plan_lower(struct core *c, struct promise *p)
{
    assert(p->is_lifted);
    plan_promised(c, p);
    p->is_lifted = false;
    c->lifted--;
}

bool plan_still_fits(struct core *c, const struct promise *p, int64_t now)
{
    const struct timeline *lanes = &c->plan->lanes;

    if (p->part->is_gone || p->start < now)
        return false;
    for (uint32_t i = 0; i < p->n; i++) {
        const struct node *n = node_at(c, p->v[i].node);
        struct room least = timeline_least(lanes, n->index, p->start, p->end);
        if (!node_is_kept(n) || !bits_test(&p->part->nodes, n->index) ||
            !room_fits(&least, &p->v[i].room))
            return false;
    }
    return true;
}

static struct room expected(const struct core *c, const struct node *n, int64_t at)
{
    struct room room = place_room_all(n);

    for (uint32_t i = 0; i < n->jobs.n; i++) {
        const struct job *job = job_find(c, n->jobs.v[i]);
        struct room held = place_room_held(n, alloc_find(job, n->index));
        if (job->planned_end > at)
            room_take(&room, &held);
    }
    QUEUE_FOREACH(it, &c->promised)
    {
        const struct promise *p = it->job->promise;
        for (uint32_t i = 0; i < p->n; i++)
            if (p->v[i].node == n->index && !p->is_lifted && p->start <= at && at < p->end)
                room_take(&room, &p->v[i].room);
    }
    return room;
}

int plan_check(const struct core *c, int64_t now, struct err *e)
{
    struct plan *plan = built(c);

    if (!plan || plan->lanes.is_overdrawn)
        return 0;
    for (uint32_t i = 0; i < c->node_count; i++)
        for (int64_t at = now; at != TIMELINE_NEVER; at = timeline_next(&plan->lanes, i, at)) {
            struct room is = timeline_least(&plan->lanes, i, at, at + 1);
            struct room should = expected(c, c->nodes[i], at);
            if (!room_fits(&is, &should) || !room_fits(&should, &is) || is.jobs != should.jobs)
                return err_set(e, ESTATE, "node %u at +%lld: %u CPUs of %u jobs, not %u of %u", i,
                               (long long)(at - now), is.cpus, is.jobs, should.cpus, should.jobs);
        }
    return 0;
}
