/* Releases in order of time; the idea is explained in timeline.h. */
#include "core/timeline.h"

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

void timeline_init(struct timeline *t, struct arena *a, uint32_t node_count)
{
    *t = (struct timeline){ .a = a, .node_count = node_count };
    t->now = arena_calloc(a, node_count + 1, sizeof *t->now);
}

void timeline_add(struct timeline *t, struct release r)
{
    if (t->n == t->cap) {
        t->cap = t->cap ? t->cap * 2 : 64;
        struct release *bigger = arena_calloc(t->a, t->cap, sizeof *bigger);
        if (t->n)
            memcpy(bigger, t->v, t->n * sizeof *bigger);
        t->v = bigger;
    }
    t->v[t->n++] = r;
}

static int by_time(const void *a, const void *b)
{
    const struct release *x = a, *y = b;

    if (x->at != y->at)
        return x->at < y->at ? -1 : 1;
    return x->node < y->node ? -1 : x->node > y->node;
}

void timeline_sort(struct timeline *t)
{
    if (t->n > 1)
        qsort(t->v, t->n, sizeof *t->v, by_time);
}

void timeline_at(const struct timeline *t, int64_t when, struct room *ret)
{
    memcpy(ret, t->now, t->node_count * sizeof *ret);
    for (uint32_t i = 0; i < t->n && t->v[i].at <= when; i++)
        room_give(&ret[t->v[i].node], &t->v[i].room);
}

bool timeline_earliest(const struct timeline *t, bool (*fits)(void *ctx, const struct room *rooms),
                       void *ctx, struct room *ret_rooms, int64_t *ret)
{
    uint32_t lo = 0, hi = t->n;

    while (lo < hi) {
        uint32_t mid = lo + (hi - lo) / 2;
        timeline_at(t, t->v[mid].at, ret_rooms);
        if (fits(ctx, ret_rooms))
            hi = mid;
        else
            lo = mid + 1;
    }
    if (lo == t->n)
        return false;
    *ret = t->v[lo].at;
    timeline_at(t, *ret, ret_rooms);
    return true;
}
