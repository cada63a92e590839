/* Amounts of a wish and of an allocation; billing by the partition's TRESBillingWeights. */
#include "core/claim.h"

#include "core/gres_ask.h"
#include "core/place.h"
#include "core/state.h"

uint32_t claim_cpus(const struct job_wish *w)
{
    uint32_t each = w->cpus_per_task.set ? w->cpus_per_task.v : 1;
    bool is_open = !w->has_ntasks && w->max_nodes != w->min_nodes && w->min_nodes > 1 &&
                   !(w->ntasks_per_node.set && w->ntasks_per_node.v);

    return w->overcommit ? w->min_nodes : (is_open ? 1 : w->ntasks) * each;
}

static void bill(const struct core *c, const struct part *p, struct claim *claim)
{
    struct tres_list used = { 0 };

    for (uint32_t i = 0; i < c->tres.n && used.n < PRIO_TRES_MAX; i++)
        if (claim->all.v[i])
            used.v[used.n++] = (struct tres){ c->tres.names[i], (double)claim->all.v[i] };
    claim->billing =
        p ? prio_billing(&p->billing, &used, c->prio.flags) : (double)claim->all.v[TRES_CPU];
    claim->billing = claim->billing > 0 ? claim->billing : 0;
    claim->all.v[TRES_BILLING] = (uint64_t)claim->billing;
}

static uint64_t memory_asked(const struct core *c, const struct part *p, const struct job_wish *w,
                             uint32_t cpus)
{
    struct mem_need need = place_memory(c, p, w);

    if (need.is_whole)
        need.mb = p->most_mem_mb;
    return need.is_per_cpu ? need.mb * cpus : need.mb * w->min_nodes;
}

static void add_asked_gres(const struct core *c, const struct job_wish *w, struct claim *claim)
{
    struct gres_asks asks;

    if (gres_asks_read(c, w, &asks, NULL) < 0)
        return;
    for (uint32_t i = 0; i < asks.n; i++) {
        const struct gres_ask *ask = &asks.v[i];
        uint64_t times = ask->per == GRES_PER_NODE   ? w->min_nodes
                         : ask->per == GRES_PER_TASK ? w->ntasks
                                                     : 1;
        uint64_t all = ask->count * times / (ask->tasks ? ask->tasks : 1);
        if (!ask->name)
            continue;
        tres_add_gres(&c->tres, ask->name, ask->type, all, &claim->all);
        tres_add_gres(&c->tres, ask->name, ask->type,
                      w->min_nodes ? (all + w->min_nodes - 1) / w->min_nodes : all, &claim->node);
    }
}

void claim_asked(const struct core *c, const struct part *p, const struct job_wish *w,
                 struct claim *ret)
{
    struct amounts *all = &ret->all;
    uint32_t nodes = w->min_nodes ? w->min_nodes : 1;

    *ret = (struct claim){ .tasks = 1 };
    all->v[TRES_CPU] = claim_cpus(w);
    all->v[TRES_NODE] = w->min_nodes;
    if (p)
        all->v[TRES_MEM] = memory_asked(c, p, w, (uint32_t)all->v[TRES_CPU]);
    add_asked_gres(c, w, ret);
    tres_add_licenses(&c->tres, w->licenses, all);
    ret->node.v[TRES_CPU] = (all->v[TRES_CPU] + nodes - 1) / nodes;
    ret->node.v[TRES_MEM] = (all->v[TRES_MEM] + nodes - 1) / nodes;
    bill(c, p, ret);
}

void claim_placed(const struct core *c, const struct part *p, const struct job_wish *w,
                  const struct alloc_node *v, uint32_t n, struct claim *ret)
{
    *ret = (struct claim){ .tasks = 1 };
    ret->all.v[TRES_NODE] = n;
    for (uint32_t i = 0; i < n; i++) {
        struct amounts here = { 0 };
        here.v[TRES_CPU] = alloc_cpus(&v[i]);
        here.v[TRES_MEM] = v[i].mem_mb;
        for (uint32_t k = 0; k < v[i].gres.n; k++)
            tres_add_gres(&c->tres, v[i].gres.v[k].name, v[i].gres.v[k].type,
                          v[i].gres.v[k].count, &here);
        for (uint32_t t = 0; t < c->tres.n; t++) {
            ret->all.v[t] += here.v[t];
            ret->node.v[t] = here.v[t] > ret->node.v[t] ? here.v[t] : ret->node.v[t];
        }
    }
    tres_add_licenses(&c->tres, w->licenses, &ret->all);
    bill(c, p, ret);
}

char *claim_alloc_text(const struct core *c, const struct job *job, struct arena *a)
{
    struct claim claim;

    claim_placed(c, part_find(c, job->alloc->partition), job->wish->ask, job->alloc->nodes.v,
                 job->alloc->nodes.n, &claim);
    return tres_text(&c->tres, &claim.all, 0, a);
}
