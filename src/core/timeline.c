/* Lanes of steps; the idea is explained in timeline.h. */
#include "core/timeline.h"

#include "base/xalloc.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

void room_give(struct room *to, const struct room *back)
{
    to->cpus += back->cpus;
    to->mem_mb += back->mem_mb;
    to->jobs -= back->jobs < to->jobs ? back->jobs : to->jobs;
    for (uint32_t i = 0; i < ROOM_GRES; i++)
        to->gres[i] += back->gres[i];
}

void room_take(struct room *from, const struct room *taken)
{
    from->cpus -= taken->cpus < from->cpus ? taken->cpus : from->cpus;
    from->mem_mb -= taken->mem_mb < from->mem_mb ? taken->mem_mb : from->mem_mb;
    from->jobs += taken->jobs;
    for (uint32_t i = 0; i < ROOM_GRES; i++)
        from->gres[i] -= taken->gres[i] < from->gres[i] ? taken->gres[i] : from->gres[i];
}

void room_least(struct room *both, const struct room *other)
{
    both->cpus = other->cpus < both->cpus ? other->cpus : both->cpus;
    both->mem_mb = other->mem_mb < both->mem_mb ? other->mem_mb : both->mem_mb;
    both->jobs = other->jobs > both->jobs ? other->jobs : both->jobs;
    for (uint32_t i = 0; i < ROOM_GRES; i++)
        both->gres[i] = other->gres[i] < both->gres[i] ? other->gres[i] : both->gres[i];
}

bool room_fits(const struct room *has, const struct room *need)
{
    for (uint32_t i = 0; i < ROOM_GRES; i++)
        if (has->gres[i] < need->gres[i])
            return false;
    return has->cpus >= need->cpus && has->mem_mb >= need->mem_mb;
}

static bool room_equal(const struct room *a, const struct room *b)
{
    return room_fits(a, b) && room_fits(b, a) && a->jobs == b->jobs;
}

void timeline_fini(struct timeline *t)
{
    for (uint32_t i = 0; i < t->n; i++)
        free(t->lanes[i].v);
    free(t->lanes);
    *t = (struct timeline){ 0 };
}

void timeline_reset(struct timeline *t, uint32_t nodes)
{
    if (nodes > t->n) {
        t->lanes = xrealloc(t->lanes, nodes, sizeof *t->lanes);
        memset(t->lanes + t->n, 0, (nodes - t->n) * sizeof *t->lanes);
        t->n = nodes;
    }
    for (uint32_t i = 0; i < t->n; i++)
        t->lanes[i].n = 0;
    t->is_overdrawn = false;
}

static void insert(struct lane *l, uint32_t at, struct lane_step step)
{
    if (l->n == l->cap) {
        l->cap = l->cap ? l->cap * 2 : 4;
        l->v = xrealloc(l->v, l->cap, sizeof *l->v);
    }
    memmove(l->v + at + 1, l->v + at, (l->n - at) * sizeof *l->v);
    l->v[at] = step;
    l->n++;
}

void timeline_open(struct timeline *t, uint32_t node, int64_t now, const struct room *room)
{
    t->lanes[node].n = 0;
    insert(&t->lanes[node], 0, (struct lane_step){ now, *room });
}

/* The last step that begins at or before the time; the first when none does. */
static uint32_t step_at(const struct lane *l, int64_t time)
{
    uint32_t lo = 0, hi = l->n;

    while (hi - lo > 1) {
        uint32_t mid = lo + (hi - lo) / 2;
        if (l->v[mid].at <= time)
            lo = mid;
        else
            hi = mid;
    }
    return lo;
}

/* The step that begins exactly then, made if need be. */
static uint32_t cut(struct lane *l, int64_t time)
{
    uint32_t at = step_at(l, time);

    if (l->v[at].at >= time)
        return at;
    insert(l, at + 1, (struct lane_step){ time, l->v[at].room });
    return at + 1;
}

/* Neighbours that became equal are one step again: lanes stay as short as what they say. */
static void join(struct lane *l, uint32_t at)
{
    if (at == 0 || at >= l->n || !room_equal(&l->v[at - 1].room, &l->v[at].room))
        return;
    memmove(l->v + at, l->v + at + 1, (l->n - at - 1) * sizeof *l->v);
    l->n--;
}

void timeline_take(struct timeline *t, uint32_t node, int64_t from, int64_t until,
                   const struct room *room)
{
    struct lane *l = &t->lanes[node];

    assert(node < t->n && l->n > 0);
    if (until <= from || until <= l->v[0].at)
        return;
    uint32_t first = cut(l, from), end = cut(l, until);
    for (uint32_t i = first; i < end; i++) {
        t->is_overdrawn = t->is_overdrawn || !room_fits(&l->v[i].room, room);
        room_take(&l->v[i].room, room);
    }
    join(l, end);
    join(l, first);
}

void timeline_give(struct timeline *t, uint32_t node, int64_t from, int64_t until,
                   const struct room *room)
{
    struct lane *l = &t->lanes[node];

    assert(node < t->n && l->n > 0);
    if (until <= from || until <= l->v[0].at)
        return;
    uint32_t first = cut(l, from), end = cut(l, until);
    for (uint32_t i = first; i < end; i++)
        room_give(&l->v[i].room, room);
    join(l, end);
    join(l, first);
}

void timeline_forget(struct timeline *t, uint32_t node, int64_t now)
{
    struct lane *l = &t->lanes[node];
    uint32_t at = l->n ? step_at(l, now) : 0;

    if (at == 0)
        return;
    memmove(l->v, l->v + at, (l->n - at) * sizeof *l->v);
    l->n -= at;
    l->v[0].at = l->v[0].at < now ? now : l->v[0].at;
}

struct room timeline_least(const struct timeline *t, uint32_t node, int64_t from, int64_t until)
{
    const struct lane *l = &t->lanes[node];
    uint32_t i = step_at(l, from);
    struct room least = l->v[i].room;

    while (++i < l->n && l->v[i].at < until)
        room_least(&least, &l->v[i].room);
    return least;
}

int64_t timeline_earliest(const struct timeline *t, uint32_t node, const struct span *want,
                          int64_t from, int64_t before)
{
    const struct lane *l = &t->lanes[node];
    int64_t start = TIMELINE_NEVER;

    for (uint32_t i = step_at(l, from); i < l->n; i++) {
        int64_t end = i + 1 < l->n ? l->v[i + 1].at : TIMELINE_NEVER;
        if (!room_fits(&l->v[i].room, want->need)) {
            start = TIMELINE_NEVER;
            if (end >= before)
                return TIMELINE_NEVER;
            continue;
        }
        if (start == TIMELINE_NEVER)
            start = l->v[i].at > from ? l->v[i].at : from;
        if (start >= before)
            return TIMELINE_NEVER;
        if (end - start >= want->length)
            return start;
    }
    return TIMELINE_NEVER;
}

int64_t timeline_next(const struct timeline *t, uint32_t node, int64_t after)
{
    const struct lane *l = &t->lanes[node];
    uint32_t i = step_at(l, after);

    if (l->v[i].at > after)
        return l->v[i].at;
    return i + 1 < l->n ? l->v[i + 1].at : TIMELINE_NEVER;
}
