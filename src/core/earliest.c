/* The earliest slot for a waiting job in the plan.
 *
 * First a bound that looks at each node alone: when could it hold its share of the job, for as long
 * as the job runs?  Then placement, with all its rules, at the time when enough nodes can.  What
 * nodes could ever serve a wish is remembered until the nodes change. */
#include "core/plan.h"

#include "base/heap.h"
#include "base/xalloc.h"
#include "core/bf.h"
#include "core/sched.h"
#include "core/state.h"

#include <stdlib.h>
#include <string.h>

#define TRIES 24u   /* times at which placement may refuse before we give up */
#define ROUNDS 256u /* of the bound */

/* Kept with the wish. */
struct wish_reach {
    uint64_t gen;
    uint32_t part, n, nodes; /* nodes: how many share the job */
    struct reach_node {
        uint32_t node;
        struct room share;
    } v[];
};

struct look {
    const struct timeline *lanes;
    const struct wish_reach *reach;
    struct place place;
    int64_t length, before;
    uint32_t *found; /* nodes that can at the time that was found */
    uint32_t found_n;
};

static uint32_t sharers(const struct job_wish *w, const struct part *p, const struct reach *r)
{
    uint32_t nodes = w->min_nodes;

    if (r->most_tasks && (w->ntasks + r->most_tasks - 1) / r->most_tasks > nodes)
        nodes = (w->ntasks + r->most_tasks - 1) / r->most_tasks;
    return nodes;
}

static const struct wish_reach *reach_of(struct core *c, const struct part *p, struct wish *w,
                                         struct arena *a)
{
    struct wish_reach *kept = w->reach;
    struct place place = { .c = c, .part = p, .wish = w->ask, .when = PLACE_UP, .a = a };

    if (kept && kept->gen == c->fleet_gen && kept->part == p->index)
        return kept;
    struct reach r = place_reach(&place);
    uint32_t nodes = sharers(w->ask, p, &r);
    free(kept);
    kept = xcalloc(1, sizeof *kept + r.n * sizeof kept->v[0]);
    kept->gen = c->fleet_gen;
    kept->part = p->index;
    kept->nodes = nodes;
    for (kept->n = 0; kept->n < r.n; kept->n++)
        kept->v[kept->n] =
            (struct reach_node){ r.nodes[kept->n],
                                 place_share(&place, c->nodes[r.nodes[kept->n]], nodes) };
    w->reach = kept;
    return kept;
}

static int64_t earliest_on(const struct look *l, uint32_t i, int64_t from, int64_t before)
{
    struct span want = { &l->reach->v[i].share, l->length };

    return timeline_earliest(l->lanes, l->reach->v[i].node, &want, from, before);
}

/* One node: the earliest of all, and those that can then. */
static int64_t first_of(struct look *l, int64_t from)
{
    int64_t best = l->before;

    l->found_n = 0;
    for (uint32_t i = 0; i < l->reach->n; i++) {
        int64_t at = earliest_on(l, i, from, best == l->before ? best : best + 1);
        if (at == TIMELINE_NEVER)
            continue;
        if (at < best)
            l->found_n = 0;
        best = at;
        l->found[l->found_n++] = l->reach->v[i].node;
    }
    return l->found_n ? best : TIMELINE_NEVER;
}

/* The time by which as many nodes as are needed could have been used, each for itself. */
static int64_t round_of(struct look *l, int64_t from, struct heap *latest)
{
    l->found_n = 0;
    while (heap_top(latest))
        heap_pop(latest);
    for (uint32_t i = 0; i < l->reach->n; i++) {
        int64_t at = earliest_on(l, i, from, l->before);
        if (at == from)
            l->found[l->found_n++] = l->reach->v[i].node;
        if (at == TIMELINE_NEVER)
            continue;
        heap_push(latest, -at, NULL, NULL);
        if (latest->n > l->reach->nodes)
            heap_pop(latest);
    }
    return latest->n < l->reach->nodes ? TIMELINE_NEVER : -heap_top(latest)->key;
}

static int64_t several_of(struct look *l, int64_t from)
{
    struct heap latest = { 0 };
    int64_t at = from;

    for (unsigned n = 0; n < ROUNDS; n++) {
        int64_t next = round_of(l, at, &latest);
        if (next == TIMELINE_NEVER || next == at) {
            at = next;
            break;
        }
        at = next;
    }
    heap_fini(&latest);
    return l->found_n >= l->reach->nodes ? at : TIMELINE_NEVER;
}

static int64_t next_change(const struct look *l, int64_t after)
{
    int64_t next = TIMELINE_NEVER;

    for (uint32_t i = 0; i < l->reach->n; i++) {
        int64_t at = timeline_next(l->lanes, l->reach->v[i].node, after);
        next = at < next ? at : next;
    }
    return next;
}

static bool place_then(struct look *l, int64_t at, struct placement *ret)
{
    l->place.from = at;
    l->place.until = at + l->length;
    l->place.among = l->found;
    l->place.among_n = l->found_n;
    return place_job(&l->place, ret, NULL);
}

bool plan_earliest(struct core *c, const struct job *job, const struct part *p, struct when when,
                   struct slot *ret)
{
    const struct bf *bf = bf_of(c);
    struct arena *a = &c->scratch;
    int64_t from = when.from;
    struct look l = { .lanes = plan_lanes(c, from),
                      .length = plan_length(c, job, p),
                      .before = when.before };

    if (bf->window_s && from + bf->window_s < l.before)
        l.before = from + bf->window_s;
    l.reach = reach_of(c, p, job->wish, a);
    l.place = (struct place){
        .c = c, .part = p, .wish = job->wish->ask, .when = PLACE_THEN, .a = a, .plan = l.lanes,
        .is_late = job->flags & JOB_LATE, .uid = job->uid
    };
    l.found = arena_calloc(a, l.reach->n + 1, sizeof *l.found);
    for (unsigned n = 0; n < TRIES && from < l.before && l.reach->n >= l.reach->nodes; n++) {
        int64_t at = l.reach->nodes == 1 ? first_of(&l, from) : several_of(&l, from);
        if (at == TIMELINE_NEVER || at >= l.before)
            return false;
        if (place_then(&l, at, &ret->at)) {
            ret->start = at;
            ret->length = l.length;
            return true;
        }
        from = next_change(&l, at);
    }
    return false;
}

bool plan_asked(const struct core *c, const struct job_record *rec, const struct part *p,
                int64_t now, struct slot *ret)
{
    struct core *mutable = (struct core *)(uintptr_t)c;
    struct wish wish = { .ask = rec->wish };
    struct job job = {
        .wish = &wish, .uid = rec->uid, .flags = (uint16_t)rec->flags, .limit_min = rec->limit_min
    };

    if (!bf_of(c)->is_on)
        return false;
    bool is_found = plan_earliest(mutable, &job, p, (struct when){ now, TIMELINE_NEVER }, ret);
    free(wish.reach);
    return is_found;
}
