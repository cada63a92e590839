/* Which part of its job a step gets: nodes, tasks on each, CPUs, memory, generic resources.
 *
 * Each node has room for so many tasks, counted twice: now, and were no other step in the way.  A
 * step that fits only then waits; one that never fits is refused with the numbers. */
#include "core/step.h"

#include "base/hostlist.h"
#include "base/limits.h"
#include "core/list.h"
#include "core/step_gres.h"
#include "core/step_layout.h"

#include <stdlib.h>
#include <string.h>

/* A node of the job that the step may use. */
struct spot {
    const struct alloc_node *of;
    const struct node *node;
    uint8_t *free; /* CPUs that no other step holds */
    uint32_t cpus, cpus_free;
    uint64_t mem, mem_free;
    uint32_t room_ever, room_now; /* in tasks */
    bool is_required, is_chosen;
};

struct search {
    const struct step_ask *ask;
    const struct step_spec *spec;
    struct spot *v; /* in order of the job's nodes */
    uint32_t n;
    uint32_t cpus_per_task, ntasks, min_nodes, max_nodes;
    bool is_exact;
    struct err *e;
};

static bool has(const struct strs *names, const char *name)
{
    for (uint32_t i = 0; i < names->n; i++)
        if (strcmp(names->v[i], name) == 0)
            return true;
    return false;
}

static int expand(const struct search *s, const char *list, struct hostlist *ret)
{
    *ret = (struct hostlist){ 0 };
    if (!list || !*list)
        return 0;
    return hostlist_expand(s->ask->a, list, ret, s->e) < 0
               ? err_set(s->e, ESLURM_INVALID_NODE_NAME, "asked: %.100s", list)
               : 0;
}

/* What other steps leave of a node. */
static void measure(const struct search *s, struct spot *spot)
{
    const struct bytes *all = &spot->of->cpus;

    spot->free = arena_memdup(s->ask->a, all->p, all->len);
    spot->cpus = alloc_cpus(spot->of);
    spot->mem = spot->mem_free = spot->of->mem_mb;
    STEP_FOREACH(other, s->ask->job)
    {
        const struct step_node *part = step_part_on(other, spot->of->node);
        if (!part || !step_holds(other, part))
            continue;
        for (uint32_t i = 0; i < part->cpus.len && i < all->len; i++)
            spot->free[i] &= (uint8_t)~part->cpus.p[i];
        spot->mem_free -= part->mem_mb < spot->mem_free ? part->mem_mb : spot->mem_free;
    }
    spot->cpus_free = bits_count_bytes(spot->free, all->len);
}

static uint32_t smaller(uint32_t a, uint32_t b)
{
    return a < b ? a : b;
}

/* Tasks that so many CPUs and so much memory take.  A node that gives no memory counts none. */
static uint32_t room(const struct search *s, const struct spot *spot, uint32_t cpus, uint64_t mem)
{
    const struct step_spec *spec = s->spec;
    uint32_t n = spec->overcommit ? (cpus ? LAYOUT_ANY : 0) : cpus / s->cpus_per_task;

    if (spec->ntasks_per_node.set && spec->ntasks_per_node.v)
        n = smaller(n, spec->ntasks_per_node.v);
    if (spot->mem == 0)
        return n;
    if (spec->mem_per_node_mb.set && spec->mem_per_node_mb.v > mem)
        return 0;
    if (spec->mem_per_cpu_mb.set && spec->mem_per_cpu_mb.v) {
        uint64_t fit = mem / spec->mem_per_cpu_mb.v / s->cpus_per_task;
        n = fit < n ? (uint32_t)fit : n;
    }
    return n;
}

static void set_rooms(const struct search *s, struct spot *spot)
{
    bool is_overlap = s->spec->overlap;
    bool wants_whole = !s->is_exact && !is_overlap;
    uint32_t cpus = is_overlap ? spot->cpus : spot->cpus_free;

    if (wants_whole && spot->cpus_free < spot->cpus)
        cpus = 0;
    spot->room_ever = room(s, spot, spot->cpus, spot->mem);
    spot->room_now = room(s, spot, cpus, is_overlap ? spot->mem : spot->mem_free);
    spot->room_ever = smaller(spot->room_ever, step_gres_room(s->ask, spot->of, false));
    spot->room_now = smaller(spot->room_now, step_gres_room(s->ask, spot->of, true));
}

static int put_names_right(struct search *s, struct hostlist *want, struct hostlist *not_want)
{
    int r = expand(s, s->spec->req_nodes, want);

    if (r == 0)
        r = expand(s, s->spec->exc_nodes, not_want);
    for (uint32_t i = 0; i < want->n && r == 0; i++) {
        const struct node *n = node_find(s->ask->c, want->v[i]);
        if (!n || !alloc_find(s->ask->job, n->index))
            r = err_set(s->e, ESLURM_REQUESTED_NODE_CONFIG_UNAVAILABLE,
                        "asked: -w %.60s\njob %u does not have %s: it has %.100s",
                        s->spec->req_nodes, s->ask->job->id, want->v[i],
                        nodes_text(s->ask->c, s->ask->job->alloc->nodes.v,
                                   s->ask->job->alloc->nodes.n, s->ask->a));
    }
    return r;
}

/* The nodes of the job that may be used, from the one that -r names. */
static int find_spots(struct search *s)
{
    const struct job *job = s->ask->job;
    uint32_t from = s->spec->relative.set ? s->spec->relative.v : 0;
    struct hostlist want, not_want;

    int r = put_names_right(s, &want, &not_want);
    if (r < 0)
        return r;
    if (from >= job->alloc->nodes.n)
        return err_set(s->e, ESLURM_INVALID_NODE_COUNT, "asked: -r %u\njob %u has %u nodes", from,
                       job->id, job->alloc->nodes.n);
    s->v = arena_calloc(s->ask->a, job->alloc->nodes.n, sizeof *s->v);
    for (uint32_t i = from; i < job->alloc->nodes.n; i++) {
        const struct alloc_node *of = &job->alloc->nodes.v[i];
        const struct node *node = node_at(s->ask->c, of->node);
        struct strs names = { want.v, want.n }, out = { not_want.v, not_want.n };
        if (of->is_clean || has(&out, node->conf->name))
            continue;
        struct spot *spot = &s->v[s->n++];
        *spot = (struct spot){ .of = of, .node = node };
        spot->is_required = has(&names, node->conf->name);
        measure(s, spot);
        set_rooms(s, spot);
    }
    return 0;
}

/* ---- which of them */

struct choice {
    uint64_t room;
    uint32_t nodes;
};

static uint32_t room_of(const struct spot *spot, bool is_now)
{
    return is_now ? spot->room_now : spot->room_ever;
}

static bool is_enough(const struct search *s, const struct choice *got)
{
    uint64_t tasks = s->ntasks ? s->ntasks : 1;

    return got->nodes >= s->min_nodes && got->room >= tasks;
}

static void take(struct spot *spot, bool is_now, struct choice *got)
{
    spot->is_chosen = true;
    got->nodes++;
    got->room += room_of(spot, is_now);
}

/* Required nodes first, then in order, until it is enough. */
static bool choose_in_order(struct search *s, bool is_now)
{
    struct choice got = { 0 };

    for (uint32_t i = 0; i < s->n; i++)
        s->v[i].is_chosen = false;
    for (uint32_t i = 0; i < s->n; i++) {
        if (s->v[i].is_required && room_of(&s->v[i], is_now) == 0)
            return false;
        if (s->v[i].is_required)
            take(&s->v[i], is_now, &got);
    }
    for (uint32_t i = 0; i < s->n && !is_enough(s, &got) && got.nodes < s->max_nodes; i++)
        if (!s->v[i].is_chosen && room_of(&s->v[i], is_now) > 0)
            take(&s->v[i], is_now, &got);
    return is_enough(s, &got) && got.nodes <= s->max_nodes;
}

/* With few nodes allowed: those with most room. */
static bool choose_largest(struct search *s, bool is_now)
{
    struct choice got = { 0 };

    for (uint32_t i = 0; i < s->n; i++) {
        s->v[i].is_chosen = false;
        if (s->v[i].is_required)
            take(&s->v[i], is_now, &got);
    }
    while (!is_enough(s, &got) && got.nodes < s->max_nodes) {
        struct spot *best = NULL;
        for (uint32_t i = 0; i < s->n; i++)
            if (!s->v[i].is_chosen && room_of(&s->v[i], is_now) > 0 &&
                (!best || room_of(&s->v[i], is_now) > room_of(best, is_now)))
                best = &s->v[i];
        if (!best)
            return false;
        take(best, is_now, &got);
    }
    return is_enough(s, &got) && got.nodes <= s->max_nodes;
}

static bool choose(struct search *s, bool is_now)
{
    return choose_in_order(s, is_now) || choose_largest(s, is_now);
}

/* ---- words */

/* The first step in the way, on the first node that has too little. */
static int busy(struct search *s)
{
    for (uint32_t i = 0; i < s->n; i++) {
        const struct spot *spot = &s->v[i];
        if (spot->room_now >= spot->room_ever)
            continue;
        STEP_FOREACH(other, s->ask->job)
        {
            const struct step_node *part = step_part_on(other, spot->of->node);
            if (!part || !step_holds(other, part))
                continue;
            bool is_mem = spot->cpus_free >= s->cpus_per_task && s->is_exact;
            const char *what = is_mem ? "MB of memory" : "CPUs";
            unsigned long long held =
                is_mem ? part->mem_mb : bits_count_bytes(part->cpus.p, part->cpus.len);
            unsigned long long all = is_mem ? spot->mem : spot->cpus;
            return err_set(s->e, ESLURM_NODES_BUSY,
                           "step %u.%u (%.40s) holds %llu of %llu %s of %s\n%s", s->ask->job->id,
                           other->rec->step_id, other->rec->name, held, all, what,
                           spot->node->conf->name,
                           is_mem ? "give each step its part with --mem, or add --overlap"
                                  : "give each step its part with --exact (-c does too), or add "
                                    "--overlap");
        }
    }
    return err_set(s->e, ESLURM_NODES_BUSY, "other steps of job %u are in the way",
                   s->ask->job->id);
}

static int never(struct search *s)
{
    const struct step_spec *spec = s->spec;
    uint64_t cpus = 0, tasks = 0, mem = 0;
    uint32_t nodes = 0;

    for (uint32_t i = 0; i < s->n; i++) {
        cpus += s->v[i].cpus;
        tasks += s->v[i].cpus / s->cpus_per_task;
        mem = s->v[i].mem > mem ? s->v[i].mem : mem;
        nodes += s->v[i].cpus > 0;
    }
    if (nodes < s->min_nodes)
        return err_set(s->e, ESLURM_REQUESTED_NODE_CONFIG_UNAVAILABLE,
                       "asked: -N %u\nthe step may use %u nodes of job %u", s->min_nodes, nodes,
                       s->ask->job->id);
    if (spec->mem_per_node_mb.set && mem && spec->mem_per_node_mb.v > mem)
        return err_set(s->e, ESLURM_INVALID_TASK_MEMORY,
                       "asked: --mem=%lluM\njob %u has %lluM on its largest node",
                       (unsigned long long)spec->mem_per_node_mb.v, s->ask->job->id,
                       (unsigned long long)mem);
    if (tasks < s->ntasks && !spec->overcommit)
        return err_set(s->e, ESLURM_TOO_MANY_REQUESTED_CPUS,
                       "asked: %u tasks of %u CPUs\njob %u has %llu CPUs for %llu of them: use -n "
                       "%llu, or --overcommit",
                       s->ntasks, s->cpus_per_task, s->ask->job->id, (unsigned long long)cpus,
                       (unsigned long long)tasks, (unsigned long long)tasks);
    return err_set(s->e, ESLURM_REQUESTED_NODE_CONFIG_UNAVAILABLE,
                   "no %u nodes of job %u have what each task asks for", s->min_nodes,
                   s->ask->job->id);
}

/* ---- the parts */

/* So many CPUs, free ones first. */
static struct bytes pick_cpus(const struct search *s, const struct spot *spot, uint32_t want)
{
    uint32_t len = spot->of->cpus.len;
    uint8_t *out = arena_calloc(s->ask->a, len + 1, 1);

    for (unsigned pass = 0; pass < 2; pass++)
        for (uint32_t i = 0; i < len * 8 && want > 0; i++) {
            bool is_free = spot->free[i / 8] >> i % 8 & 1;
            bool is_ours = spot->of->cpus.p[i / 8] >> i % 8 & 1;
            if (!is_ours || is_free != (pass == 0))
                continue;
            out[i / 8] = (uint8_t)(out[i / 8] | 1u << i % 8);
            want--;
        }
    return (struct bytes){ out, len };
}

static struct step_node make_part(const struct search *s, const struct spot *spot,
                                  struct u32s tasks)
{
    const struct step_spec *spec = s->spec;
    uint32_t cpus = spot->cpus;

    if (s->is_exact && tasks.n < spot->cpus / s->cpus_per_task)
        cpus = tasks.n * s->cpus_per_task;
    if (s->is_exact && !spec->overlap)
        cpus = smaller(cpus, spot->cpus_free);
    struct step_node part = {
        .node = spot->of->node,
        .tasks = tasks,
        .cpus = pick_cpus(s, spot, cpus),
        .name = spot->node->conf->name,
        .address = spot->node->conf->address && *spot->node->conf->address
                       ? spot->node->conf->address
                       : spot->node->conf->name,
    };
    if (spot->mem && spec->mem_per_node_mb.set)
        part.mem_mb = spec->mem_per_node_mb.v;
    else if (spot->mem && spec->mem_per_cpu_mb.set)
        part.mem_mb = spec->mem_per_cpu_mb.v * cpus;
    if (part.mem_mb > spot->mem_free && !spec->overlap)
        part.mem_mb = spot->mem_free;
    step_gres_give(s->ask, spot->of, tasks.n, &part);
    return part;
}

/* --distribution=arbitrary: the list names the node of each task. */
static const uint32_t *read_order(struct search *s, uint32_t nodes,
                                  const struct spot *const *chosen)
{
    struct hostlist list;
    uint32_t *order;

    if (!layout_is_arbitrary(s->spec->distribution) || expand(s, s->spec->req_nodes, &list) < 0 ||
        list.n == 0)
        return NULL;
    order = arena_calloc(s->ask->a, s->ntasks + 1, sizeof *order);
    for (uint32_t t = 0; t < s->ntasks; t++)
        for (uint32_t i = 0; i < nodes; i++)
            if (strcmp(list.v[t % list.n], chosen[i]->node->conf->name) == 0)
                order[t] = i;
    return order;
}

static void lay_out(struct search *s, struct step_fit *ret)
{
    const struct spot **chosen = arena_calloc(s->ask->a, s->n + 1, sizeof *chosen);
    uint32_t *rooms = arena_calloc(s->ask->a, s->n + 1, sizeof *rooms), n = 0;

    for (uint32_t i = 0; i < s->n; i++)
        if (s->v[i].is_chosen) {
            rooms[n] = s->spec->overcommit ? s->v[i].cpus : s->v[i].room_now;
            chosen[n++] = &s->v[i];
        }
    if (s->ntasks == 0)
        s->ntasks = n * (s->spec->ntasks_per_node.set && s->spec->ntasks_per_node.v
                             ? s->spec->ntasks_per_node.v
                             : 1);
    const struct layout l = { .room = rooms,
                              .nodes = n,
                              .ntasks = s->ntasks,
                              .distribution = s->spec->distribution,
                              .order = read_order(s, n, chosen) };
    struct u32s *tasks = layout_tasks(&l, s->ask->a);
    ret->v = arena_calloc(s->ask->a, n, sizeof *ret->v);
    ret->ntasks = s->ntasks;
    for (uint32_t i = 0; i < n; i++)
        if (tasks[i].n > 0)
            ret->v[ret->n++] = make_part(s, chosen[i], tasks[i]);
}

/* Numbers as asked, or as they follow from each other. */
static int read_numbers(struct search *s)
{
    const struct step_spec *spec = s->spec;
    uint32_t unit;

    s->cpus_per_task = spec->cpus_per_task.set && spec->cpus_per_task.v ? spec->cpus_per_task.v : 1;
    s->ntasks = spec->ntasks.set ? spec->ntasks.v : 0;
    s->min_nodes = spec->min_nodes.set && spec->min_nodes.v ? spec->min_nodes.v : 1;
    s->max_nodes = spec->max_nodes.set && spec->max_nodes.v ? spec->max_nodes.v : UINT32_MAX;
    s->is_exact = spec->exact;
    if (s->ntasks && s->ntasks < s->min_nodes)
        s->min_nodes = s->ntasks;
    if (s->max_nodes < s->min_nodes)
        s->max_nodes = s->min_nodes;
    unit = node_at(s->ask->c, s->ask->job->alloc->nodes.v[0].node)->unit;
    if (spec->ntasks_per_core.set && spec->ntasks_per_core.v && unit > spec->ntasks_per_core.v &&
        s->cpus_per_task < unit / spec->ntasks_per_core.v)
        s->cpus_per_task = unit / spec->ntasks_per_core.v;
    if (s->ntasks > STEP_TASKS_MAX)
        return err_set(s->e, ESLURM_TOO_MANY_REQUESTED_CPUS, "asked: %u tasks\nat most %u",
                       s->ntasks, STEP_TASKS_MAX);
    return 0;
}

int step_place(const struct step_ask *ask, struct step_fit *ret, struct err *e)
{
    struct search s = { .ask = ask, .spec = ask->spec, .e = e };

    int r = read_numbers(&s);
    if (r == 0)
        r = find_spots(&s);
    if (r < 0)
        return r;
    if (!choose(&s, true))
        return choose(&s, false) ? busy(&s) : never(&s);
    *ret = (struct step_fit){ 0 };
    lay_out(&s, ret);
    return 0;
}
