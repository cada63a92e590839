/* The stages of a pass; the idea is explained in backfill.h.
 *
 * A pass costs little although it looks at the whole queue: it ends when no CPU is left, and what
 * failed once fails for every job of the same wish that is planned as long or longer, since within
 * a pass rooms only shrink. */
#include "core/backfill.h"

#include "base/xalloc.h"
#include "core/bf.h"
#include "core/cores.h"
#include "core/license.h"
#include "core/plan.h"
#include "core/state.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define FEW_NODES 64u   /* of a partition: cheap to look at all of them */
#define ROUNDS 8u       /* of TRY in a pass */
#define SEARCH_COST 64u /* jobs of a slice that one search counts for */

/* PROMISE: jobs without a promise, or with one that cannot be kept, get one.
 * TRY: every job, whether it may start now.  LATE: promises whose time came in vain.
 * COMPACT: promises move earlier. */
enum stage { COMPACT, PROMISE, TRY, LATE, REST };

/* Jobs are named by their place in the queue: they may leave it between two slices. */
struct turn_of {
    struct part *part;
    struct queue_key key;
    int64_t length;
};

struct backfill {
    enum stage stage;
    bool is_begun;            /* the stage PROMISE walks */
    uint32_t tested, started; /* in this pass */
    uint64_t fleet_gen;       /* when the nodes of the promises were last looked at */
    bool is_freed;            /* something was given back since promises were last compacted */
    bool is_compacting;
    int64_t compacted;        /* when the last compaction began */
    int64_t walked;           /* replan: when the last pass began */
    struct queue_key compact; /* where the compaction goes on */

    /* With bf_shortest_first: the jobs of TRY in the order in which they are tried. */
    struct arena turns_arena;
    struct turn_of *turns;
    uint32_t turns_n, turns_at;
    bool is_lined_up;

    uint32_t rounds;
    bool is_again; /* TRY has to look at all jobs once more */
};

bool backfill_is_on(const struct core *c)
{
    return c->bf && c->bf->is_on;
}

void backfill_free(struct backfill *b)
{
    if (!b)
        return;
    arena_fini(&b->turns_arena);
    free(b);
}

static struct backfill *memory_of(struct core *c)
{
    if (!c->backfill) {
        c->backfill = xcalloc(1, sizeof *c->backfill);
        c->backfill->stage = REST;
        c->backfill->walked = INT64_MIN / 2;
    }
    return c->backfill;
}

static bool is_fillable(const struct part *p)
{
    return p->blocked.id != 0 && !p->is_gone;
}

static void restart(struct backfill *b)
{
    b->stage = COMPACT;
    b->is_begun = false;
    b->is_lined_up = false;
    b->tested = b->started = b->rounds = 0;
}

void backfill_touch(struct core *c, struct part *p, struct queue_key key)
{
    if (!backfill_is_on(c) || !is_fillable(p))
        return;
    if (!p->is_filling || queue_compare(key, p->fill_from) < 0)
        p->fill_from = key;
    p->is_filling = true;
    restart(memory_of(c));
}

void backfill_begin(struct core *c)
{
    struct backfill *b = memory_of(c);

    restart(b);
    b->is_freed = true;
    for (uint32_t i = 0; i < c->part_count; i++) {
        c->parts[i]->is_filling = false;
        backfill_touch(c, c->parts[i], c->parts[i]->blocked);
    }
}

void backfill_again(struct core *c)
{
    if (!c->backfill)
        return;
    c->backfill->is_again = true;
    c->shape_gen++;
}

void backfill_freed(struct core *c)
{
    backfill_again(c);
    if (c->backfill)
        c->backfill->is_freed = true;
}

void backfill_touch_nodes(struct core *c, struct job *job)
{
    plan_moved(c, job);
    for (uint32_t i = 0; job->alloc && i < job->alloc->nodes.n; i++) {
        const struct node *n = c->nodes[job->alloc->nodes.v[i].node];
        for (uint32_t k = 0; k < n->parts.n; k++)
            backfill_touch(c, c->parts[n->parts.v[k]], c->parts[n->parts.v[k]]->blocked);
    }
    backfill_freed(c);
}

static bool is_full(const struct part *p)
{
    return bits_next(&p->open, 0) < 0;
}

/* ---- starting now */

static struct place place_now(const struct pass *s, const struct job *job, const struct part *p)
{
    return (struct place){ .c = s->c,
                           .part = p,
                           .wish = job->wish->ask,
                           .is_late = job->flags & JOB_LATE,
                           .uid = job->uid,
                           .when = PLACE_NOW,
                           .a = &s->c->scratch,
                           .plan = plan_lanes(s->c, s->now),
                           .from = s->now,
                           .until = s->now + plan_length(s->c, job, p) };
}

/* Its own promise is not in the way of a job, but of others. */
static bool stands_in_its_way(const struct job *job, const struct place *place)
{
    return job->promise && !job->promise->is_lifted && job->promise->start < place->until;
}

bool backfill_fits_now(struct pass *s, const struct job *job, const struct part *p,
                       struct placement *ret)
{
    struct place place = place_now(s, job, p);
    bool is_lifted = stands_in_its_way(job, &place);

    if (is_lifted)
        plan_lift(s->c, job->promise);
    bool fits = place_job(&place, ret, NULL);
    if (is_lifted)
        plan_lower(s->c, job->promise);
    return fits;
}

/* A job whose own promise stands in its way may fit where others of its wish do not. */
static struct failure *memory_for(const struct pass *s, const struct job *job, int64_t length)
{
    bool is_own = job->promise && job->promise->start < s->now + length;

    return is_own ? &job->promise->failed : &job->wish->fill;
}

/* Asked for the shortest run that failed, since the answer is kept for all of them. */
static bool could_anything_serve(struct pass *s, const struct job *job, const struct part *p,
                                 const struct failure *f)
{
    struct core *c = s->c;
    uint32_t nodes[GROWN_MAX];
    struct place place = place_now(s, job, p);

    place.until = s->now + f->length;
    bool is_lifted = stands_in_its_way(job, &place);
    for (uint64_t i = f->seq; i < c->grown.seq; i++)
        nodes[place.among_n++] = c->grown.nodes[i % GROWN_MAX];
    place.among = nodes;
    if (is_lifted)
        plan_lift(c, job->promise);
    bool is_any = place_any(&place);
    if (is_lifted)
        plan_lower(c, job->promise);
    return is_any;
}

static uint64_t everything_else(const struct core *c)
{
    return c->void_gen + c->fleet_gen;
}

/* Only what was given back since it failed can help a job; so a pass after one job's end costs
 * little, however many wait. */
static bool fails_still(struct pass *s, const struct job *job, const struct part *p, int64_t length)
{
    struct core *c = s->c;
    struct failure *f = memory_for(s, job, length);

    if (job->flags & JOB_LATE) /* others of its wish may still insist on few switches */
        return false;
    if (f->part != p->index + 1 || f->gen != everything_else(c) || length < f->length ||
        c->grown.seq - f->seq > GROWN_MAX)
        return false;
    if (f->seq < c->grown.seq && could_anything_serve(s, job, p, f))
        return false;
    f->seq = c->grown.seq;
    return true;
}

static bool may_start(const struct pass *s)
{
    const struct bf *bf = bf_of(s->c);

    return bf->max_start == 0 || s->c->backfill->started < bf->max_start;
}

static uint32_t most_free(const struct core *c, const struct part *p)
{
    uint32_t most = 0;

    BITS_FOREACH(i, &p->open) {
        uint32_t cpus = cores_free(c->nodes[p->order[i]]);
        most = cpus > most ? cpus : most;
    }
    return most;
}

/* It is known without a look: the biggest hole, as often as there may be nodes, is too small. */
static bool is_too_big(const struct part *p, const struct job_wish *w)
{
    uint32_t each = w->cpus_per_task.set && w->cpus_per_task.v ? w->cpus_per_task.v : 1;
    uint32_t nodes = p->order_n < w->max_nodes ? p->order_n : w->max_nodes;

    return !w->overcommit && (uint64_t)p->most_free * nodes < (uint64_t)w->ntasks * each;
}

/* What is free only falls within a stage, so the biggest hole may be looked up late. */
static bool start_now(struct pass *s, const struct job *job, struct part *p)
{
    struct placement at;

    if (!license_is_free(s->c, job->wish->ask->licenses) || !backfill_fits_now(s, job, p, &at) ||
        !sched_start(s, job, p, &at))
        return false;
    s->c->backfill->started++;
    if (p->order_n <= FEW_NODES)
        p->most_free = most_free(s->c, p);
    return true;
}

/* True: a job started. */
static bool try_now(struct pass *s, const struct job *job, struct part *p)
{
    struct core *c = s->c;
    int64_t length = plan_length(c, job, p);

    c->considered++;
    if (is_full(p) || !may_start(s) || fails_still(s, job, p, length) ||
        sched_part_reason(job, p) != REASON_None || !license_is_free(c, job->wish->ask->licenses))
        return false;
    if (limits_hold(c, job, p, NULL))
        return false;
    if (start_now(s, job, p))
        return true;
    if (job->parked_why != REASON_None) /* it fits, and only its rules are in the way */
        return false;
    *memory_for(s, job, length) =
        (struct failure){ c->grown.seq, everything_else(c), p->index + 1, length };
    return false;
}

/* ---- promises as facts */

static void tell(struct pass *s, const struct fact_job_promise *f)
{
    struct input in = { .now = s->now };
    struct turn t = turn_begin(s->c, &in, s->facts, s->effects);
    unsigned from = s->facts->n;

    turn_fact(&t, FACT_job_promise, f);
    apply_facts(s->c, s->facts, from, s->effects);
}

static const char *cause_of(const struct core *c, const struct promise *p, struct arena *a)
{
    switch (p->lifted) {
    case LIFTED_OVERDUE:
        return arena_printf(a, "job %u has not ended yet", p->lifted_by);
    case LIFTED_NODE:
        return arena_printf(a, "node %s is not available", core_node_name(c, p->lifted_by));
    case LIFTED_RANK:
        return arena_printf(a, "job %u ranks higher", p->lifted_by);
    case LIFTED_LATE:
        return "its nodes were not free in time";
    default:
        return "the resources or the rules changed";
    }
}

static void promise(struct pass *s, const struct job *job, const struct part *p,
                    const struct slot *slot)
{
    struct arena *a = s->facts->arena;
    const struct promise *old = job->promise;
    bool is_later = old && slot->start > old->start;
    struct fact_job_promise f = { .job_id = job->id,
                                  .now = s->now,
                                  .start = slot->start,
                                  .end = slot->start + slot->length,
                                  .first = old ? old->first : slot->start,
                                  .partition = p->info->name,
                                  .cause = old && old->cause ? old->cause : "" };

    if (is_later)
        f.cause = cause_of(s->c, old, a);
    f.nodes.v = arena_calloc(a, slot->at.n, sizeof *f.nodes.v);
    for (f.nodes.n = 0; f.nodes.n < slot->at.n; f.nodes.n++) {
        struct room held = place_room_of(s->c, &slot->at, f.nodes.n);
        f.nodes.v[f.nodes.n] = promised_node_of(slot->at.v[f.nodes.n].node, &held, a);
    }
    tell(s, &f);
}

/* It was only lifted, and found its place again. */
static bool is_the_same(const struct promise *old, const struct part *p, const struct slot *slot)
{
    bool is_same = old && old->is_lifted && old->part == p && old->start == slot->start &&
                   old->end == slot->start + slot->length && old->n == slot->at.n;

    for (uint32_t i = 0; is_same && i < old->n; i++)
        is_same = old->v[i].node == slot->at.v[i].node;
    return is_same;
}

static void withdraw(struct pass *s, const struct job *job)
{
    struct fact_job_promise f = {
        .job_id = job->id, .now = s->now, .partition = job->promise->part->info->name, .cause = ""
    };

    tell(s, &f);
}

/* The lowest that may lose its promise to one that ranks higher: no partition's only one. */
static const struct job *last_to_lose(const struct core *c)
{
    const struct job *last = NULL;

    QUEUE_FOREACH(it, &c->promised)
    if (it->job->promise->part->promised > 1)
        last = it->job;
    return last;
}

static bool give_up(struct pass *s, const struct job *job)
{
    if (job->promise)
        withdraw(s, job);
    return false;
}

/* The job starts at once, or gets the promise of the earliest start; with neither, an old promise
 * is withdrawn.  True: it started. */
static bool plan_job(struct pass *s, const struct job *job, struct part *p)
{
    struct core *c = s->c;
    struct slot slot;

    if (sched_part_reason(job, p) != REASON_None || limits_hold(c, job, p, NULL) ||
        !license_is_free(c, job->wish->ask->licenses))
        return give_up(s, job);
    if (plan_earliest(c, job, p, (struct when){ s->now, TIMELINE_NEVER }, &slot)) {
        if (slot.start <= s->now && may_start(s) && start_now(s, job, p))
            return true;
        if (is_the_same(job->promise, p, &slot))
            plan_lower(c, job->promise);
        else
            promise(s, job, p, &slot);
        const struct job *last = c->promised.count > bf_of(c)->promises ? last_to_lose(c) : NULL;
        if (last && last != job)
            withdraw(s, last);
        return false;
    }
    return give_up(s, job);
}

/* ---- the stage PROMISE */

/* The best job that is still to be looked at, and its partition. */
static const struct queue_entry *next_job(struct core *c, struct part **ret)
{
    const struct queue_entry *best = NULL;

    for (uint32_t i = 0; i < c->part_count; i++) {
        struct part *p = c->parts[i];
        const struct queue_entry *it =
            p->is_walking && is_fillable(p) ? queue_walk_peek(&p->queue, &p->fill) : NULL;
        if (!it)
            p->is_walking = false;
        if (it && (!best || queue_compare(it->key, best->key) < 0)) {
            best = it;
            *ret = p;
        }
    }
    return best;
}

static void walk_on(struct part *p, struct queue_key key)
{
    const struct queue_entry *it = queue_walk_peek(&p->queue, &p->fill);

    if (it && queue_compare(it->key, key) <= 0)
        queue_walk_on(&p->queue, &p->fill);
}

static void fill_everywhere(struct core *c)
{
    for (uint32_t i = 0; i < c->part_count; i++) {
        c->parts[i]->is_filling = is_fillable(c->parts[i]);
        c->parts[i]->fill_from = c->parts[i]->blocked;
    }
}

/* Where promises moved. */
static void fill_again(struct core *c)
{
    for (uint32_t i = 0; i < c->part_count; i++) {
        struct part *p = c->parts[i];
        if (p->is_again) {
            p->is_filling = is_fillable(p);
            p->fill_from = p->blocked;
        }
        p->is_again = false;
    }
}

static void walk_from_the_start(struct core *c)
{
    c->backfill->tested = 0;
    for (uint32_t i = 0; i < c->part_count; i++) {
        struct part *p = c->parts[i];
        p->is_walking = p->is_filling;
        queue_walk_from(&p->fill, p->fill_from);
        p->most_free = p->is_filling ? most_free(c, p) : 0;
    }
}

/* Each partition has at least one. */
static bool has_promises_left(const struct core *c, const struct part *p)
{
    return p->promised == 0 || c->promised.count < bf_of(c)->promises;
}

static bool may_be_promised(const struct pass *s, const struct job *job, const struct part *p)
{
    const struct bf *bf = bf_of(s->c);
    const struct job *last = has_promises_left(s->c, p) ? NULL : last_to_lose(s->c);

    return s->now - job->eligible >= bf->min_age_reserve_s &&
           job_priority(job) >= bf->min_prio_reserve &&
           (has_promises_left(s->c, p) ||
            (last && queue_compare(job_key_in(job, p), last->promise->key) < 0));
}

/* Whether a promise there could be in the way of a job here. */
static bool shares_nodes(const struct part *a, const struct part *b)
{
    return a == b || bits_any_and(&a->nodes, &b->nodes);
}

/* Promises to those that rank below the job are taken out of the plan until its turn is over. */
static void lift_below(struct core *c, const struct job *job, const struct part *p)
{
    struct queue_key key = job_key_in(job, p);
    const struct part *apart = NULL;
    const struct queue_entry *it;

    while ((it = queue_from(&c->promised, (struct queue_key){ key.rank, key.id + 1 }))) {
        struct promise *below = it->job->promise;
        key = it->key;
        if (below->is_lifted || below->part == apart)
            continue;
        if (!shares_nodes(below->part, p)) {
            apart = below->part;
            continue;
        }
        plan_lift(c, below);
        promise_blame(below, LIFTED_RANK, job->id);
    }
}

/* Each of those lifted goes back to where it was, or, in order, to the earliest start that is left;
 * with bf_replan those that are still lifted were beyond the jobs to be tested. */
static void put_back(struct pass *s)
{
    struct core *c = s->c;
    struct queue_key key = { 0, 0 };
    const struct queue_entry *it;

    while (c->lifted > 0 && (it = queue_from(&c->promised, key))) {
        struct job *job = it->job;
        key = (struct queue_key){ it->key.rank, it->key.id + 1 };
        if (!job->promise->is_lifted)
            continue;
        if (bf_of(c)->replan)
            withdraw(s, job);
        else if (plan_still_fits(c, job->promise, s->now))
            plan_lower(c, job->promise);
        else
            plan_job(s, job, job->promise->part);
        arena_reset(&c->scratch);
    }
}

/* One job.  Returns what it cost. */
static unsigned promise_step(struct pass *s)
{
    struct core *c = s->c;
    struct part *p = NULL;
    const struct queue_entry *it = next_job(c, &p);

    if (!it || (bf_of(c)->max_test && c->backfill->tested >= bf_of(c)->max_test)) {
        c->backfill->stage = TRY;
        return 0;
    }
    struct queue_entry at = *it;
    const struct job *job = at.job;
    c->backfill->tested++;
    walk_on(p, at.key);
    if (job->promise && (!job->promise->is_lifted || job->promise->part != p))
        return 1;
    if (!job->promise && !may_be_promised(s, job, p)) {
        p->is_walking = has_promises_left(c, p);
        return 1;
    }
    if (!job->promise)
        lift_below(c, job, p);
    if (plan_job(s, job, p))
        queue_walk_from(&p->fill, at.key); /* the rest of an array: its next task */
    arena_reset(&c->scratch);
    return SEARCH_COST;
}

/* When promises moved there may be room for others than those that gave cause for this pass. */
static void try_begin(struct core *c)
{
    if (c->backfill->is_again)
        fill_again(c);
    c->backfill->is_again = false;
    c->backfill->is_lined_up = false;
    walk_from_the_start(c);
}

/* Whatever was lifted stands again when the slice ends. */
static unsigned promise_slice(struct pass *s, unsigned max_cost)
{
    struct core *c = s->c;
    bool is_kept = !bf_of(c)->replan;
    unsigned cost = 0;

    while (c->backfill->stage == PROMISE && cost < max_cost)
        cost += promise_step(s);
    if (is_kept || c->backfill->stage != PROMISE)
        put_back(s);
    if (c->backfill->stage == TRY)
        try_begin(c);
    return cost;
}

/* ---- the stage TRY */

static int by_length(const void *a, const void *b)
{
    const struct turn_of *x = a, *y = b;

    if (x->length != y->length)
        return x->length < y->length ? -1 : 1;
    int order = queue_compare(x->key, y->key);
    return order ? order : x->part->index < y->part->index ? -1 : x->part->index > y->part->index;
}

static void add_turns(struct core *c, struct part *p)
{
    struct backfill *b = c->backfill;
    struct queue_key from = p->fill.key;

    for (const struct queue_entry *it; (it = queue_from(&p->queue, from));) {
        if (!is_too_big(p, it->job->wish->ask))
            b->turns[b->turns_n++] = (struct turn_of){ p, it->key, plan_length(c, it->job, p) };
        from = (struct queue_key){ it->key.rank, it->key.id + 1 };
    }
    p->is_walking = false;
}

/* The shortest first; a job that comes later is tried after them. */
static void line_up(struct core *c)
{
    struct backfill *b = c->backfill;
    size_t most = 1;

    b->turns_n = b->turns_at = 0;
    b->is_lined_up = true;
    for (uint32_t i = 0; i < c->part_count; i++)
        most += c->parts[i]->is_walking ? c->parts[i]->queue.count : 0;
    arena_reset(&b->turns_arena);
    b->turns = arena_calloc(&b->turns_arena, most, sizeof *b->turns);
    for (uint32_t i = 0; i < c->part_count; i++)
        if (c->parts[i]->is_walking && is_fillable(c->parts[i]) && !is_full(c->parts[i]))
            add_turns(c, c->parts[i]);
    qsort(b->turns, b->turns_n, sizeof *b->turns, by_length);
}

/* The next of the line; entries whose job has left the queue are passed over. */
static const struct queue_entry *next_turn(struct backfill *b, struct part **ret)
{
    for (; b->turns_at < b->turns_n; b->turns_at++) {
        const struct turn_of *t = &b->turns[b->turns_at];
        const struct queue_entry *it = queue_from(&t->part->queue, t->key);
        if (it && queue_compare(it->key, t->key) == 0 && is_fillable(t->part)) {
            *ret = t->part;
            return it;
        }
    }
    return NULL;
}

static unsigned try_done(struct core *c)
{
    c->backfill->stage = LATE;
    for (uint32_t i = 0; i < c->part_count; i++)
        c->parts[i]->is_filling = false;
    return 1;
}

static unsigned try_in_order(struct pass *s)
{
    struct core *c = s->c;
    struct part *p = NULL;
    const struct queue_entry *it = next_job(c, &p);

    if (!it || (bf_of(c)->max_test && c->backfill->tested++ >= bf_of(c)->max_test))
        return try_done(c);
    struct queue_entry at = *it;
    if (is_full(p))
        p->is_walking = false;
    else if (is_too_big(p, at.job->wish->ask) ||
             !try_now(s, at.job, p)) /* else: the rest of an array stays, its next task is next */
        walk_on(p, at.key);
    return 1;
}

static unsigned try_shortest(struct pass *s)
{
    struct core *c = s->c;
    struct part *p = NULL;

    if (!c->backfill->is_lined_up)
        line_up(c);
    const struct queue_entry *it = next_turn(c->backfill, &p);
    if (!it)
        return try_done(c);
    struct queue_entry at = *it;
    if (!try_now(s, at.job, p))
        c->backfill->turns_at++;
    return 1;
}

/* ---- the stages LATE and COMPACT */

/* Promises that are due and could not be kept move to the next time that is left. */
static unsigned late(struct pass *s)
{
    struct core *c = s->c;
    struct queue_key key = { 0, 0 };
    const struct queue_entry *it;
    struct slot slot;

    while ((it = queue_from(&c->promised, key))) {
        struct job *job = it->job;
        key = (struct queue_key){ it->key.rank, it->key.id + 1 };
        if (job->promise->start > s->now)
            continue;
        if (!job->promise->is_lifted)
            plan_lift(c, job->promise);
        promise_blame(job->promise, LIFTED_LATE, 0);
        struct when later = { s->now + 1, TIMELINE_NEVER };
        if (plan_earliest(c, job, job->promise->part, later, &slot))
            promise(s, job, job->promise->part, &slot);
        else
            withdraw(s, job);
        arena_reset(&c->scratch);
    }
    bool is_again = c->backfill->is_again && c->backfill->rounds++ < ROUNDS;
    c->backfill->stage = is_again ? TRY : REST;
    if (is_again)
        try_begin(c);
    return 1;
}

static bool is_due(const struct pass *s)
{
    const struct backfill *b = s->c->backfill;

    return !bf_of(s->c)->replan && b->is_freed && s->now - b->compacted >= bf_of(s->c)->interval_s;
}

static void compact(struct pass *s, const struct job *job)
{
    struct core *c = s->c;
    struct promise *p = job->promise;
    struct slot slot;

    plan_lift(c, p);
    bool is_better = plan_earliest(c, job, p->part, (struct when){ s->now, p->start }, &slot);
    plan_lower(c, p);
    if (!is_better)
        return;
    if (slot.start > s->now || !try_now(s, job, p->part))
        promise(s, job, p->part, &slot);
}

static unsigned compact_step(struct pass *s)
{
    struct core *c = s->c;
    struct backfill *b = c->backfill;

    if (!b->is_compacting && !is_due(s)) {
        b->stage = PROMISE;
        return 0;
    }
    if (!b->is_compacting) {
        b->compact = (struct queue_key){ 0, 0 };
        b->compacted = s->now;
        b->is_compacting = true;
        b->is_freed = false;
    }
    const struct queue_entry *it = queue_from(&c->promised, b->compact);
    b->is_compacting = it != NULL;
    if (!it)
        return 1;
    const struct job *job = it->job;
    b->compact = (struct queue_key){ it->key.rank, it->key.id + 1 };
    if (s->now - job->eligible < bf_of(c)->compact_age_s || job->promise->start <= s->now ||
        job->promise->is_lifted)
        return 1;
    compact(s, job);
    arena_reset(&c->scratch);
    return SEARCH_COST;
}

/* ---- the pass */

/* A node of a promise went: the promise cannot be kept. */
static void look_at_nodes(struct core *c)
{
    if (c->backfill->fleet_gen == c->fleet_gen)
        return;
    c->backfill->fleet_gen = c->fleet_gen;
    QUEUE_FOREACH(it, &c->promised)
    {
        struct promise *p = it->job->promise;
        for (uint32_t i = 0; i < p->n && !p->is_lifted; i++) {
            if (node_is_kept(c->nodes[p->v[i].node]))
                continue;
            plan_lift(c, p);
            promise_blame(p, LIFTED_NODE, p->v[i].node);
        }
    }
}

/* bf_replan: nothing is kept from one pass to the next. */
static void forget_promises(struct core *c)
{
    QUEUE_FOREACH(it, &c->promised)
    if (!it->job->promise->is_lifted) {
        plan_lift(c, it->job->promise);
        promise_blame(it->job->promise, LIFTED_RULES, 0);
    }
}

/* With prediction: once the first job has waited so long, nothing may pass it on a guess. */
static void set_guard(struct core *c, int64_t now)
{
    const struct bf *bf = bf_of(c);

    c->is_guarded = false;
    for (uint32_t i = 0; bf->predict && i < c->part_count; i++) {
        const struct job *head = job_find(c, c->parts[i]->blocked.id);
        c->is_guarded |= head && is_fillable(c->parts[i]) && now - head->eligible >= bf->guard_s;
    }
}

static void stage_begin(struct pass *s)
{
    struct core *c = s->c;

    plan_lanes(c, s->now);
    plan_overdue(c, s->now);
    look_at_nodes(c);
    set_guard(c, s->now);
    if (!bf_of(c)->replan)
        put_back(s);
}

static unsigned stage_step(struct pass *s, unsigned max_cost)
{
    switch (s->c->backfill->stage) {
    case PROMISE:
        return promise_slice(s, max_cost);
    case TRY:
        return bf_of(s->c)->shortest_first ? try_shortest(s) : try_in_order(s);
    case LATE:
        return late(s);
    case COMPACT:
        return compact_step(s);
    default:
        return 1;
    }
}

static void walk_begin(struct pass *s)
{
    struct core *c = s->c;

    c->backfill->is_begun = true;
    c->backfill->walked = s->now;
    if (bf_of(c)->replan) {
        forget_promises(c);
        fill_everywhere(c);
    }
    walk_from_the_start(c);
}

static bool waits_for_interval(const struct pass *s)
{
    const struct bf *bf = bf_of(s->c);

    return bf->replan && s->now - s->c->backfill->walked < bf->interval_s;
}

bool backfill_slice(struct pass *s, unsigned max_jobs)
{
    struct core *c = s->c;
    struct backfill *b = c->backfill;
    unsigned cost = 0;

    if (!b || !backfill_is_on(c))
        return false;
    if (b->stage == REST && c->promised.count > 0 && is_due(s))
        b->stage = COMPACT;
    if (b->stage == REST || (b->stage <= PROMISE && !b->is_begun && waits_for_interval(s)))
        return false;
    stage_begin(s);
    while (b->stage != REST && cost < max_jobs && !c->is_dirty) {
        if (b->stage == PROMISE && !b->is_begun)
            walk_begin(s);
        cost += stage_step(s, max_jobs - cost);
        arena_reset(&c->scratch);
    }
    return b->stage != REST;
}

int64_t backfill_due(const struct core *c)
{
    const struct backfill *b = c->backfill;

    if (!b || !backfill_is_on(c))
        return INT64_MAX;
    if (bf_of(c)->replan)
        return b->stage == REST ? INT64_MAX : b->walked + bf_of(c)->interval_s;
    return b->is_freed && c->promised.count > 0 ? b->compacted + bf_of(c)->interval_s : INT64_MAX;
}
