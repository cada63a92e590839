/* What the job gets on each chosen node: tasks, CPUs, memory, devices. */
#include "core/search.h"

#include "core/state.h"

#include <endian.h>
#include <stdlib.h>
#include <string.h>

/* A chosen node while it is dealt out. */
struct share {
    const struct spot *spot;
    uint32_t tasks, cpus, gpus;
    uint64_t gres[GRES_ASKS_MAX];
};

static int by_index(const void *a, const void *b)
{
    const struct spot *x = a, *y = b;

    return x->node->index < y->node->index ? -1 : 1;
}

/* Each node gets a task first.  The others go round when a number of nodes was asked, else they
 * fill node by node. */
static void deal_tasks(const struct search *s, struct share *v)
{
    uint32_t left = s->w->ntasks > s->n ? s->w->ntasks - s->n : 0;
    bool is_round = s->w->min_nodes > 1;

    for (uint32_t i = 0; i < s->n; i++)
        v[i].tasks = 1;
    while (left > 0)
        for (uint32_t i = 0; i < s->n && left > 0; i++) {
            uint32_t room = s->spots[i].tasks - v[i].tasks;
            uint32_t take = is_round && room > 1 ? 1 : room;
            take = take < left ? take : left;
            v[i].tasks += take;
            left -= take;
        }
}

/* Of what is asked for the whole job each node gets one first; the others fill node by node. */
static void deal_gres(const struct search *s, uint32_t k, struct share *v)
{
    const struct gres_ask *ask = &s->asks.v[k];
    uint64_t left = ask->count > s->n ? ask->count - s->n : 0;

    for (uint32_t i = 0; i < s->n; i++) {
        uint64_t more = v[i].spot->gres[k] - 1;
        if (ask->per == GRES_PER_NODE) {
            v[i].gres[k] = ask->count;
        } else if (ask->per == GRES_PER_TASK) {
            v[i].gres[k] = gres_for_tasks(ask, v[i].tasks);
        } else {
            more = more < left ? more : left;
            v[i].gres[k] = 1 + more;
            left -= more;
        }
        v[i].gpus += ask->is_gpu ? (uint32_t)v[i].gres[k] : 0;
    }
}

static uint32_t cpus_for(const struct search *s, const struct share *v)
{
    const struct node *n = v->spot->node;
    uint32_t unit = n->unit, cpus;

    if (s->is_whole)
        return n->conf->cpus;
    cpus = s->w->overcommit ? 1 : v->tasks * cpus_each(s, n);
    if (s->w->min_cpus_node.set && cpus < s->w->min_cpus_node.v)
        cpus = s->w->min_cpus_node.v;
    if (cpus < v->gpus * s->cpus_per_gpu)
        cpus = v->gpus * s->cpus_per_gpu;
    cpus = (cpus + unit - 1) / unit * unit;
    return cpus < v->spot->cpus ? cpus : v->spot->cpus;
}

/* The lowest free CPUs, where each is a unit: by words. */
static struct bytes pick_singles(const struct search *s, const struct node *n, uint32_t want)
{
    uint32_t words = (n->conf->cpus + 63) / 64, len = 1;
    uint64_t *bits = arena_calloc(s->p->a, words, sizeof *bits);

    for (uint32_t i = 0; i < words && want > 0; i++) {
        uint64_t left = ~n->used.words[i];
        left &= i == n->conf->cpus / 64 ? (UINT64_C(1) << n->conf->cpus % 64) - 1 : UINT64_MAX;
        for (; (uint32_t)__builtin_popcountll(left) > want;)
            left &= ~(UINT64_C(1) << (63 - __builtin_clzll(left)));
        want -= (uint32_t)__builtin_popcountll(left);
        bits[i] = htole64(left);
        len = left ? (i + 1) * 8 : len;
    }
    while (len > 1 && ((uint8_t *)bits)[len - 1] == 0)
        len--;
    return (struct bytes){ .p = (uint8_t *)bits, .len = len };
}

/* The lowest free units. */
static struct bytes pick_cpus(const struct search *s, const struct node *n, uint32_t want)
{
    uint32_t len = n->conf->cpus / 8 + 1;
    uint8_t *bits = arena_calloc(s->p->a, len, 1);
    uint32_t got = 0;

    if (n->unit == 1)
        return pick_singles(s, n, want);

    for (uint32_t i = 0; i + n->unit <= n->conf->cpus && got < want; i += n->unit) {
        bool is_free = true;
        for (uint32_t k = 0; k < n->unit; k++)
            is_free = is_free && !bits_test(&n->used, i + k);
        for (uint32_t k = 0; is_free && k < n->unit; k++)
            bits[(i + k) / 8] |= (uint8_t)(1u << (i + k) % 8);
        got += is_free ? n->unit : 0;
    }
    while (len > 1 && bits[len - 1] == 0)
        len--;
    return (struct bytes){ .p = bits, .len = len };
}

static uint64_t memory_for(const struct search *s, const struct share *v)
{
    if (!s->mem.is_counted)
        return 0;
    if (s->mem.is_whole)
        return node_memory(v->spot->node);
    if (s->mem.is_per_gpu)
        return s->mem.mb * v->gpus;
    return s->mem.is_per_cpu ? s->mem.mb * v->cpus : s->mem.mb;
}

static struct bytes units_bytes(struct arena *a, uint64_t units)
{
    uint32_t len = units ? (uint32_t)(64 - __builtin_clzll(units) + 7) / 8 : 0;
    uint8_t *p = arena_alloc(a, len + 1);

    for (uint32_t i = 0; i < len; i++)
        p[i] = (uint8_t)(units >> 8 * i);
    return (struct bytes){ p, len };
}

/* So many of the lowest free devices of a line. */
static uint64_t pick_units(uint64_t is_free, uint64_t want)
{
    uint64_t units = 0;

    for (; want > 0 && is_free; want--) {
        units |= is_free & -is_free;
        is_free &= is_free - 1;
    }
    return units;
}

/* Shares from the first device that has enough of them, or from as many as it takes. */
static struct gres_part pick_shares(const struct search *s, const struct node *n,
                                    const struct gres_line *line, uint64_t want)
{
    struct gres_part part = { .name = line->name, .type = line->type, .count = want };
    uint64_t from = gres_free_units(n, line), units = 0;

    part.shares.v = arena_calloc(s->p->a, GRES_DEVICES_MAX, sizeof *part.shares.v);
    for (uint32_t d = 0; d < GRES_DEVICES_MAX; d++)
        if (from >> d & 1 && line->cut[d].size - line->cut[d].used >= want)
            from = UINT64_C(1) << d;
    for (uint32_t d = 0; d < GRES_DEVICES_MAX && want > 0; d++) {
        uint32_t left = from >> d & 1 ? line->cut[d].size - line->cut[d].used : 0;
        left = left < want ? left : (uint32_t)want;
        if (left == 0)
            continue;
        part.shares.v[part.shares.n++] = left;
        units |= UINT64_C(1) << d;
        want -= left;
    }
    part.units = units_bytes(s->p->a, units);
    return part;
}

/* A plan names devices too, though not yet the very ones. */
static struct gres_part pick_gres(const struct search *s, const struct node *n,
                                  const struct gres_line *line, uint64_t want)
{
    struct gres_part part = { .name = line->name, .type = line->type, .count = want };
    bool is_now = s->p->when == PLACE_NOW;

    if (line->cut && is_now)
        return pick_shares(s, n, line, want);
    if (line->units && !line->cut)
        part.units = units_bytes(
            s->p->a, pick_units(is_now ? gres_free_units(n, line) : line->units, want));
    return part;
}

/* Every ask is served by as many lines as it takes. */
static void give_gres(const struct search *s, const struct share *v, struct alloc_node *ret)
{
    const struct node *n = v->spot->node;
    struct gres_part *parts = arena_calloc(s->p->a, GRES_LINES_MAX, sizeof *parts);

    ret->gres.v = parts;
    for (uint32_t k = 0; k < s->asks.n; k++) {
        uint64_t left = v->gres[k];
        for (uint32_t i = 0; i < n->gres.n && left > 0; i++) {
            const struct gres_line *line = &n->gres.v[i];
            uint64_t have = s->p->when == PLACE_NOW ? gres_free(n, line) : line->count;
            if (!gres_serves(&s->asks.v[k], line) || have == 0)
                continue;
            have = have < left ? have : left;
            parts[ret->gres.n++] = pick_gres(s, n, line, have);
            left -= have;
        }
    }
}

void give(const struct search *s, struct placement *ret)
{
    struct share *v = arena_calloc(s->p->a, s->n, sizeof *v);

    qsort(s->spots, s->n, sizeof *s->spots, by_index);
    for (uint32_t i = 0; i < s->n; i++)
        v[i].spot = &s->spots[i];
    deal_tasks(s, v);
    for (uint32_t k = 0; k < s->asks.n; k++)
        deal_gres(s, k, v);
    ret->n = s->n;
    ret->v = arena_calloc(s->p->a, s->n, sizeof *ret->v);
    ret->cpus = arena_calloc(s->p->a, s->n, sizeof *ret->cpus);
    for (uint32_t i = 0; i < s->n; i++) {
        const struct node *n = v[i].spot->node;
        ret->cpus[i] = v[i].cpus = cpus_for(s, &v[i]);
        ret->v[i] = (struct alloc_node){ .node = n->index,
                                         .ntasks = v[i].tasks,
                                         .mem_mb = memory_for(s, &v[i]) };
        if (s->p->when == PLACE_NOW)
            ret->v[i].cpus = pick_cpus(s, n, ret->cpus[i]);
        if (s->asks.n)
            give_gres(s, &v[i], &ret->v[i]);
    }
}
