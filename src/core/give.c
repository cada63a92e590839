/* What the job gets on each chosen node: tasks, CPUs, memory, devices. */
#include "core/search.h"

#include "core/cores.h"
#include "core/state.h"

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
    const struct share *x = a, *y = b;

    return x->spot->node->index < y->spot->node->index ? -1 : 1;
}

/* Each node gets a task first; the others fill node by node, or go round to be spread.  Where a
 * number for each node was asked, every node gets it. */
static void deal_tasks(const struct search *s, struct share *v)
{
    uint32_t left = s->w->ntasks > s->n ? s->w->ntasks - s->n : 0;
    bool is_fixed = s->w->ntasks_per_node.set && s->w->ntasks_per_node.v;

    for (uint32_t i = 0; i < s->n; i++)
        v[i].tasks = is_fixed ? s->spots[i].tasks : 1;
    while (left > 0 && !is_fixed)
        for (uint32_t i = 0; i < s->n && left > 0; i++) {
            uint32_t room = s->spots[i].tasks - v[i].tasks;
            uint32_t take = s->w->spread_job && room > 1 ? 1 : room;
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
    uint32_t cpus = spot_need(s, v->spot->node, v->tasks, v->gpus);

    if (s->is_whole)
        return v->spot->node->cpus_all;
    return cpus < v->spot->cpus ? cpus : v->spot->cpus;
}

static uint64_t memory_for(const struct search *s, const struct share *v)
{
    if (!s->mem.is_counted)
        return 0;
    if (s->mem.is_whole)
        return node_memory(v->spot->node);
    if (s->mem.is_per_gpu)
        return s->mem.mb * v->gpus;
    return s->mem.is_per_cpu ? s->mem.mb * spot_working(s, v->spot->node, v->cpus) : s->mem.mb;
}

static struct bytes units_bytes(struct arena *a, uint64_t units)
{
    uint32_t len = units ? (uint32_t)(64 - __builtin_clzll(units) + 7) / 8 : 0;
    uint8_t *p = arena_alloc(a, len + 1);

    for (uint32_t i = 0; i < len; i++)
        p[i] = (uint8_t)(units >> 8 * i);
    return (struct bytes){ p, len };
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

static uint64_t all_units(const struct search *s, const struct node *n,
                          const struct gres_line *line)
{
    return s->p->when == PLACE_NOW ? gres_free_units(n, line) : line->units;
}

/* A plan names devices too, though not yet the very ones. */
static struct gres_part part_of(const struct search *s, const struct node *n,
                                const struct gres_line *line, uint64_t units, uint64_t count)
{
    struct gres_part part = { .name = line->name, .type = line->type, .count = count };

    if (line->cut && s->p->when == PLACE_NOW)
        return pick_shares(s, n, line, count);
    if (line->units && !line->cut)
        part.units = units_bytes(s->p->a, units);
    return part;
}

/* An ask is served by as many lines as it takes; returns the sockets that are near. */
static uint64_t give_ask(const struct search *s, const struct share *v, uint32_t k,
                         struct alloc_node *ret)
{
    const struct node *n = v->spot->node;
    const struct gres_ask *ask = &s->asks.v[k];
    struct near near = near_pick(s, n, ask, v->gres[k], v->cpus);
    uint64_t left = v->gres[k];

    for (uint32_t i = 0; i < n->gres.n && left > 0; i++) {
        const struct gres_line *line = &n->gres.v[i];
        if (!gres_serves(ask, line))
            continue;
        uint64_t units = line->cut ? 0 : line->units & near.units;
        uint64_t have = line->units && !line->cut ? (uint64_t)__builtin_popcountll(units)
                        : s->p->when == PLACE_NOW ? gres_free(n, line)
                                                  : line->count;
        have = have < left ? have : left;
        if (have == 0)
            continue;
        ret->gres.v[ret->gres.n++] = part_of(s, n, line, units, have);
        left -= have;
    }
    return near.sockets;
}

/* All that a whole node has, but shares: those are its GPUs. */
static void give_all(const struct search *s, const struct share *v, struct alloc_node *ret)
{
    const struct node *n = v->spot->node;

    for (uint32_t i = 0; i < n->gres.n; i++) {
        const struct gres_line *line = &n->gres.v[i];
        bool is_shares = line->cut != NULL || line->count == 0;
        if (!is_shares)
            ret->gres.v[ret->gres.n++] = part_of(s, n, line, all_units(s, n, line), line->count);
    }
}

/* The sockets that the CPUs should come from; 0: any. */
static uint64_t give_gres(const struct search *s, const struct share *v, struct alloc_node *ret)
{
    uint64_t sockets = 0;
    bool has_shares = false;

    ret->gres.v = arena_calloc(s->p->a, GRES_LINES_MAX, sizeof *ret->gres.v);
    for (uint32_t k = 0; k < s->asks.n; k++)
        has_shares |= s->asks.v[k].name && strcmp(s->asks.v[k].name, "gpu") != 0 &&
                      gres_is_shares(s->asks.v[k].name);
    if (s->is_whole && !has_shares) {
        give_all(s, v, ret);
        return 0;
    }
    for (uint32_t k = 0; k < s->asks.n; k++)
        sockets |= give_ask(s, v, k, ret);
    return sockets;
}

/* Tasks, CPUs, memory and devices of one node. */
static void give_node(const struct search *s, struct share *v, struct alloc_node *ret)
{
    const struct node *n = v->spot->node;
    struct cores_way way = { .is_block = s->is_block };

    v->cpus = cpus_for(s, v);
    *ret = (struct alloc_node){ .node = n->index,
                                .ntasks = v->tasks,
                                .mem_mb = memory_for(s, v) };
    if (s->w->ntasks_per_socket.set)
        way.most_on_socket = spot_held(s, n, s->w->ntasks_per_socket.v * spot_each(s, n));
    if (n->gres.n && (s->asks.n || s->is_whole))
        way.sockets = give_gres(s, v, ret);
    if (s->p->when == PLACE_NOW)
        ret->cpus = cores_pick(n, v->cpus, way, s->p->a);
}

void give(const struct search *s, struct placement *ret)
{
    struct share *v = arena_calloc(s->p->a, s->n, sizeof *v);

    for (uint32_t i = 0; i < s->n; i++)
        v[i].spot = &s->spots[i];
    deal_tasks(s, v);
    for (uint32_t k = 0; k < s->asks.n; k++)
        deal_gres(s, k, v);
    qsort(v, s->n, sizeof *v, by_index);
    ret->n = s->n;
    ret->v = arena_calloc(s->p->a, s->n, sizeof *ret->v);
    ret->cpus = arena_calloc(s->p->a, s->n, sizeof *ret->cpus);
    for (uint32_t i = 0; i < s->n; i++) {
        give_node(s, &v[i], &ret->v[i]);
        ret->cpus[i] = v[i].cpus;
    }
}
