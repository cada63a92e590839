/* EASY backfill on nodes; the idea is explained in backfill.h.
 *
 * A pass costs little although it looks at the whole queue: it ends when no CPU is left, and what
 * failed once fails for every job of the same wish with the same limit or a longer one, since
 * within a pass rooms only shrink. */
#include "core/backfill.h"

#include "base/xalloc.h"
#include "core/state.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define NO_LIMIT_S (366 * 86400) /* what a job without a limit is planned with */
#define FILL_MARK 0x80000000u    /* in wish.tried_part: the verdict is ours */

/* Jobs are named by their place in the queue: they may leave it between two slices. */
struct turn_of {
    struct part *part;
    struct queue_key key;
    uint32_t limit_min;
};

struct backfill {
    struct arena a; /* of the reservations */
    struct arena scratch;
    struct horizon *spare; /* by node: until when it is free for all, and what is after that */
    bool is_built;
    bool is_wanted;        /* some partition is */
    uint32_t tested, most; /* jobs in this pass; 0: no limit (bf_max_job_test) */

    /* With bf_shortest_first: the jobs of the pass in the order in which they are tried. */
    struct arena turns_arena;
    struct turn_of *turns;
    uint32_t turns_n, turns_at;
};

bool backfill_is_on(const struct core *c)
{
    return c->conf && c->conf->scheduler_type &&
           strcasecmp(c->conf->scheduler_type, "backfill") == 0;
}

void backfill_free(struct backfill *b)
{
    if (!b)
        return;
    arena_fini(&b->a);
    arena_fini(&b->scratch);
    arena_fini(&b->turns_arena);
    free(b);
}

/* By its limit; one that outlived it, or is being cleaned up, may end any moment. */
static int64_t planned_end(const struct core *c, const struct job *job, int64_t now)
{
    int64_t due = job->phase == PHASE_RUNNING ? job_end_due(c, job) : now;

    if (due == INT64_MAX)
        due = job->start + NO_LIMIT_S;
    return due > now ? due : now + 1;
}

static void fill_timeline(const struct core *c, const struct part *p, int64_t now,
                          struct timeline *ret)
{
    for (uint32_t i = 0; i < p->order_n; i++) {
        const struct node *n = c->nodes[p->order[i]];
        ret->now[n->index] = place_room_free(n);
        for (uint32_t k = 0; k < n->jobs.n; k++) {
            const struct job *job = job_find(c, n->jobs.v[k]);
            struct room room = place_room_held(n, alloc_find(job, n->index));
            timeline_add(ret, (struct release){ planned_end(c, job, now), n->index, room });
        }
    }
    timeline_sort(ret);
}

struct fit {
    struct place place;
    struct placement at;
};

static bool fits(void *ctx, const struct room *rooms)
{
    struct fit *f = ctx;

    f->place.rooms = rooms;
    return place_job(&f->place, &f->at, NULL);
}

/* What the job would hold there is no longer free. */
static void take(const struct core *c, struct room *room, const struct placement *at, uint32_t i)
{
    struct room held = place_room_of(c, at, i);

    room_take(room, &held);
}

bool backfill_plan_in(const struct core *c, const struct part *p, const struct job *job,
                      int64_t now, struct arena *a, struct plan *ret)
{
    struct timeline t;
    struct fit fit = {
        .place = { .c = c, .part = p, .wish = job->wish->ask, .when = PLACE_THEN, .a = a }
    };

    timeline_init(&t, a, c->node_count);
    fill_timeline(c, p, now, &t);
    ret->left = arena_calloc(a, c->node_count + 1, sizeof *ret->left);
    if (!timeline_earliest(&t, fits, &fit, ret->left, &ret->start) || !fits(&fit, ret->left))
        return false;
    ret->at = fit.at;
    for (uint32_t i = 0; i < ret->at.n; i++)
        take(c, &ret->left[ret->at.v[i].node], &ret->at, i);
    return true;
}

bool backfill_plan(const struct core *c, const struct job *job, int64_t now, struct arena *a,
                   struct plan *ret)
{
    const char *list = job->wish->ask->partitions;

    if (!backfill_is_on(c) || !job->is_queued)
        return false;
    for (const struct part *p; (p = part_next(c, &list));)
        if (p->blocked.id == job->id)
            return backfill_plan_in(c, p, job, now, a, ret);
    return false;
}

static struct backfill *memory_of(struct core *c)
{
    if (!c->backfill)
        c->backfill = xcalloc(1, sizeof *c->backfill);
    return c->backfill;
}

static bool is_fillable(const struct part *p)
{
    return p->blocked.id != 0 && !p->is_gone;
}

void backfill_touch(struct core *c, struct part *p, struct queue_key key)
{
    if (!backfill_is_on(c) || !is_fillable(p))
        return;
    if (!p->is_filling || queue_compare(key, p->fill) < 0)
        p->fill = key;
    p->is_filling = true;
    memory_of(c)->is_wanted = true;
}

void backfill_touch_nodes(struct core *c, const struct job *job)
{
    for (uint32_t i = 0; job->alloc && i < job->alloc->nodes.n; i++) {
        const struct node *n = c->nodes[job->alloc->nodes.v[i].node];
        for (uint32_t k = 0; k < n->parts.n; k++)
            backfill_touch(c, c->parts[n->parts.v[k]], c->parts[n->parts.v[k]]->blocked);
        if (c->backfill)
            c->backfill->is_built = false;
    }
}

static bool is_full(const struct core *c, const struct part *p)
{
    for (uint32_t i = 0; i < p->order_n; i++)
        if (node_is_usable(c->nodes[p->order[i]]))
            return false;
    return true;
}

/* What follows the word in SchedulerParameters; NULL: it is not there. */
static const char *parameter(const struct core *c, const char *word)
{
    const char *at = c->conf->sched_params ? strcasestr(c->conf->sched_params, word) : NULL;

    return at ? at + strlen(word) : NULL;
}

static int by_limit(const void *a, const void *b)
{
    const struct turn_of *x = a, *y = b;

    if (x->limit_min != y->limit_min)
        return x->limit_min < y->limit_min ? -1 : 1;
    int order = queue_compare(x->key, y->key);
    return order ? order : x->part->index < y->part->index ? -1 : x->part->index > y->part->index;
}

static void add_turns(struct backfill *b, struct part *p)
{
    struct queue_key from = { p->blocked.rank, p->blocked.id + 1 };

    for (const struct queue_entry *it; (it = queue_from(&p->queue, from));) {
        b->turns[b->turns_n++] = (struct turn_of){ p, it->key, sched_limit(it->job, p) };
        from = (struct queue_key){ it->key.rank, it->key.id + 1 };
    }
}

/* The shortest limit first; a job that comes later is tried after them. */
static void line_up(struct core *c)
{
    struct backfill *b = c->backfill;
    size_t most = 1;

    for (uint32_t i = 0; i < c->part_count; i++)
        most += c->parts[i]->queue.count;
    arena_reset(&b->turns_arena);
    b->turns = arena_calloc(&b->turns_arena, most, sizeof *b->turns);
    for (uint32_t i = 0; i < c->part_count; i++) {
        struct part *p = c->parts[i];
        if (p->is_filling && !is_full(c, p))
            add_turns(b, p);
        p->is_filling = false;
    }
    qsort(b->turns, b->turns_n, sizeof *b->turns, by_limit);
}

void backfill_begin(struct core *c)
{
    struct backfill *b = memory_of(c);
    const char *most = parameter(c, "bf_max_job_test=");

    b->is_built = false;
    b->tested = b->turns_n = b->turns_at = 0;
    b->most = most ? (uint32_t)strtoul(most, NULL, 10) : 0;
    for (uint32_t i = 0; i < c->part_count; i++) {
        c->parts[i]->is_filling = false;
        backfill_touch(c, c->parts[i], c->parts[i]->blocked);
    }
    if (b->is_wanted && parameter(c, "bf_shortest_first"))
        line_up(c);
}

/* Where reservations of several partitions meet, what is left is what each of them leaves. */
static void reserve(struct backfill *b, const struct part *p, const struct plan *plan)
{
    for (uint32_t i = 0; i < p->order_n; i++) {
        struct horizon *h = &b->spare[p->order[i]];
        const struct room *left = &plan->left[p->order[i]];
        if (h->until == INT64_MAX) {
            *h = (struct horizon){ plan->start, *left };
            continue;
        }
        h->until = plan->start < h->until ? plan->start : h->until;
        room_least(&h->room, left);
    }
}

static void build(struct core *c, int64_t now)
{
    struct backfill *b = c->backfill;

    arena_reset(&b->a);
    b->spare = arena_calloc(&b->a, c->node_count + 1, sizeof *b->spare);
    for (uint32_t i = 0; i < c->node_count; i++)
        b->spare[i].until = INT64_MAX;
    for (uint32_t i = 0; i < c->part_count; i++) {
        const struct part *p = c->parts[i];
        const struct job *head = is_fillable(p) ? job_find(c, p->blocked.id) : NULL;
        struct plan plan;
        if (head && backfill_plan_in(c, p, head, now, &b->scratch, &plan))
            reserve(b, p, &plan);
        arena_reset(&b->scratch);
    }
    b->is_built = true;
    c->shape_gen++;
}

/* What outlives a reservation takes from what it leaves. */
static void consume(const struct core *c, const struct placement *at, int64_t end)
{
    for (uint32_t i = 0; i < at->n; i++) {
        struct horizon *h = &c->backfill->spare[at->v[i].node];
        if (end > h->until)
            take(c, &h->room, at, i);
    }
}

static bool failed_before(const struct core *c, const struct part *p, const struct wish *w,
                          uint32_t limit_min)
{
    return w->tried_gen == c->shape_gen && w->tried_part == (FILL_MARK | (p->index + 1)) &&
           limit_min >= w->verdict;
}

/* True: a job started. */
static bool try_job(struct pass *s, const struct job *job, const struct part *p)
{
    struct core *c = s->c;
    struct wish *shape = job->wish;
    uint32_t limit = sched_limit(job, p);
    struct place place = { .c = c,
                           .part = p,
                           .wish = shape->ask,
                           .when = PLACE_NOW,
                           .a = &c->scratch,
                           .spare = c->backfill->spare,
                           .end = limit == NO_LIMIT ? INT64_MAX : s->now + 60 * (int64_t)limit };
    struct placement at;

    c->considered++;
    if (limit != NO_LIMIT && c->conf->over_time_limit_min)
        place.end += 60 * (int64_t)c->conf->over_time_limit_min;
    if (failed_before(c, p, shape, limit) || sched_part_reason(job, p) != REASON_None)
        return false;
    if (!place_job(&place, &at, NULL)) {
        shape->tried_gen = c->shape_gen;
        shape->tried_part = FILL_MARK | (p->index + 1);
        shape->verdict = limit;
        return false;
    }
    if (!sched_start(s, job, p, &at))
        return false;
    consume(c, &at, place.end);
    return true;
}

/* The best job that is still to be looked at, and its partition. */
static const struct queue_entry *next_job(struct core *c, struct part **ret)
{
    const struct queue_entry *best = NULL;

    for (uint32_t i = 0; i < c->part_count; i++) {
        struct part *p = c->parts[i];
        const struct queue_entry *it =
            p->is_filling && is_fillable(p) ? queue_from(&p->queue, p->fill) : NULL;
        if (!it)
            p->is_filling = false;
        if (it && (!best || queue_compare(it->key, best->key) < 0)) {
            best = it;
            *ret = p;
        }
    }
    return best;
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

static bool is_all_full(const struct core *c)
{
    for (uint32_t i = 0; i < c->part_count; i++)
        if (is_fillable(c->parts[i]) && !is_full(c, c->parts[i]))
            return false;
    return true;
}

/* It was tried and does not start: on to the next. */
static void pass_over(struct backfill *b, struct part *p, struct queue_key key)
{
    if (b->turns_at < b->turns_n)
        b->turns_at++;
    else
        p->fill = (struct queue_key){ key.rank, key.id + 1 };
}

bool backfill_slice(struct pass *s, unsigned max_jobs)
{
    struct core *c = s->c;
    struct backfill *b = c->backfill;
    const struct part *roomy = NULL; /* has a free CPU, and nothing started since that was seen */

    for (unsigned n = 0; b && b->is_wanted && n < max_jobs; n++) {
        struct part *p = NULL;
        const struct queue_entry *it = next_turn(b, &p);
        it = it ? it : next_job(c, &p);
        if (!it || (b->most && b->tested >= b->most)) {
            b->is_wanted = false;
            break;
        }
        struct queue_entry job = *it;
        bool is_hopeless = p != roomy && is_full(c, p);
        if (is_hopeless)
            p->is_filling = false;
        if (is_hopeless && is_all_full(c))
            b->turns_at = b->turns_n;
        if (!is_hopeless && !b->is_built)
            build(c, s->now);
        b->tested++;
        bool is_tried = !is_hopeless && job.key.id != p->blocked.id;
        bool is_started = is_tried && try_job(s, job.job, p);
        roomy = is_started || is_hopeless ? NULL : p;
        if (!is_started) /* else: the rest of an array stays, its next task is tried again */
            pass_over(b, p, job.key);
        arena_reset(&c->scratch);
    }
    return b && b->is_wanted;
}
