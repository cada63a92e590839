/* What a wish needs of nodes at the least: bounds for those who look for a time, not a place. */
#include "core/search.h"
#include "core/state.h"

static bool could_serve(struct search *s, const struct node *n, struct spot *ret)
{
    for (s->choice = 0; s->choice < s->counts.choices; s->choice++)
        if (spot_look(s, n, ret))
            return true;
    return false;
}

struct reach place_reach(const struct place *p)
{
    struct place_why unused = { 0 };
    struct reach r = { 0 };
    struct search s;
    struct spot spot;

    if (!search_begin(&s, p, &unused))
        return r;
    s.constraint = p->wish->features;
    bool is_readable = features_read(s.constraint, &s.counts);
    r.nodes = arena_calloc(p->a, p->part->order_n + 1, sizeof *r.nodes);
    r.tasks = arena_calloc(p->a, p->part->order_n + 1, sizeof *r.tasks);
    for (uint32_t i = 0; is_readable && i < p->part->order_n; i++) {
        if (!could_serve(&s, p->c->nodes[p->part->order[i]], &spot))
            continue;
        r.nodes[r.n] = spot.node->index;
        r.tasks[r.n++] = spot.tasks;
        r.most_tasks = spot.tasks > r.most_tasks ? spot.tasks : r.most_tasks;
    }
    search_end(&s);
    return r;
}

static uint64_t share_of_memory(const struct mem_need *mem, const struct node *n, uint32_t cpus)
{
    if (!mem->is_counted || mem->is_per_gpu)
        return 0;
    if (mem->is_whole)
        return node_memory(n);
    return mem->is_per_cpu ? mem->mb * cpus : mem->mb;
}

static uint64_t share_of_ask(const struct gres_ask *ask, uint32_t tasks, uint32_t nodes)
{
    switch (ask->per) {
    case GRES_PER_NODE:
        return ask->count;
    case GRES_PER_TASK:
        return gres_for_tasks(ask, tasks);
    default:
        return (ask->count + nodes - 1) / nodes;
    }
}

/* Only where one line of the node serves the ask: else any of them may. */
static void add_gres(const struct node *n, const struct gres_ask *ask, uint64_t need,
                     struct room *share)
{
    uint32_t line = 0, serving = 0;

    for (uint32_t k = 0; k < n->gres.n; k++)
        if (gres_serves(ask, &n->gres.v[k])) {
            line = k;
            serving++;
        }
    if (serving == 1 && line < ROOM_GRES && need <= n->gres.v[line].count)
        share->gres[line] += (uint32_t)need;
}

struct room place_share(const struct place *p, const struct node *n, uint32_t nodes)
{
    const struct job_wish *w = p->wish;
    struct mem_need mem = place_memory(p->c, p->part, w);
    struct room all = place_room_all(n);
    struct gres_asks asks = { 0 };
    uint32_t each = w->cpus_per_task.set && w->cpus_per_task.v ? w->cpus_per_task.v : 1;
    uint32_t tasks = (w->ntasks + nodes - 1) / nodes;
    uint32_t cpus = w->overcommit ? 1 : tasks * each;

    if (place_is_whole(p->c, p->part, w))
        return all;
    cpus = cpus < all.cpus ? cpus : all.cpus;
    struct room share = { .cpus = cpus, .mem_mb = share_of_memory(&mem, n, cpus) };
    if (gres_asks_read(p->c, w, &asks, NULL) < 0)
        return share;
    for (uint32_t i = 0; i < asks.n; i++)
        add_gres(n, &asks.v[i], share_of_ask(&asks.v[i], tasks, nodes), &share);
    return share;
}
