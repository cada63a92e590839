/* Placement against a slow reference that is obviously right: every set of nodes, every number of
 * tasks and GPUs on each.  A small cluster is drawn by the seed and filled by jobs; between them
 * wishes are asked both ways, on what is free now and on the empty cluster.  Both must say yes, or
 * both no; and what placement gives must be free, enough, and allowed.
 *
 * place_ref [--cases N] [--first SEED]; a difference prints its seed. */
#include "base/map.h"
#include "core/core.h"
#include "core/cores.h"
#include "core/features.h"
#include "core/gres_ask.h"
#include "core/place.h"
#include "core/state.h"
#include "core/wish.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NODES_MOST 4u
#define TASKS_MOST 12u
#define GPUS_MOST 8u
#define PROBES 40u

struct world {
    uint64_t seed, random;
    struct core *core;
    struct arena a, out;
    int64_t now;
    uint32_t nodes;
    uint64_t *fits;
};

static uint32_t pick(struct world *w, uint32_t below)
{
    w->random += 0x9e3779b97f4a7c15u;
    return (uint32_t)(hash_u64(w->random) % below);
}

static bool chance(struct world *w, uint32_t percent)
{
    return pick(w, 100) < percent;
}

static void step(struct world *w, uint16_t kind, const void *body, uint32_t node)
{
    struct input in = { .kind = kind,
                        .now = ++w->now,
                        .body = body,
                        .node = node,
                        .reply_to = 1,
                        .script = 1,
                        .environment = 2,
                        .who = { .uid = 0, .role = ROLE_ADMIN, .user_name = "root" } };
    struct err e = { 0 };

    arena_reset(&w->out);
    struct facts facts = { .arena = &w->out };
    struct effects effects = { .arena = &w->out };
    core_step(w->core, &in, &facts, &effects);
    while (core_schedule(w->core, w->now, 100, &facts, &effects))
        ;
    if (core_check(w->core, &e) < 0) {
        printf("place_ref: seed %llu: %s\n", (unsigned long long)w->seed, e.text);
        exit(1);
    }
}

/* ---- the cluster */

static void open_world(struct world *w)
{
    static const char *const params[] = { "CR_CPU", "CR_Core_Memory", "CR_Socket_Memory",
                                          "CR_CPU_Memory", "CR_Core,CR_ONE_TASK_PER_CORE",
                                          "CR_Core_Memory,CR_LLN" };
    static const char *const features[] = { "a", "b", "a,b", "c", "b,c", "" };
    static const char *const gres[] = { "",
                                        "gpu:x:2(S:0),gpu:y:1(S:1),lic:100",
                                        "gpu:3,shard:7",
                                        "gpu:x:1(S:0),gpu:x:2(S:1)",
                                        "gpu:y:2,lic:50",
                                        "" };
    static const char *const names[] = { "n1", "n2", "n3", "n4" };
    struct conf_node nodes[NODES_MOST] = { 0 };
    struct part_info part = { .name = "p",
                              .state = "UP",
                              .nodes = "n[1-4]",
                              .is_default = true,
                              .max_time_min = UINT32_MAX,
                              .max_nodes = UINT32_MAX,
                              .min_nodes = 1 };
    struct core_conf conf = { .cluster = "c",
                              .select_type = "cons_tres",
                              .select_params = params[pick(w, 6)],
                              .gres_types = "gpu,shard,lic",
                              .max_job_count = 1000,
                              .min_job_age_s = 1,
                              .def_mem_per_cpu_mb = { chance(w, 30), 100 } };

    w->nodes = 1 + pick(w, NODES_MOST);
    for (uint32_t i = 0; i < w->nodes; i++) {
        struct conf_node *n = &nodes[i];
        *n = (struct conf_node){ .name = names[i],
                                 .state = "UNKNOWN",
                                 .sockets = 1 + pick(w, 2),
                                 .cores = 1 + pick(w, 3),
                                 .threads = 1 + pick(w, 2),
                                 .real_memory_mb = 500 + 500 * pick(w, 3),
                                 .features = features[pick(w, 6)],
                                 .gres = gres[pick(w, 6)],
                                 .weight = pick(w, 3),
                                 .core_spec = chance(w, 10) };
        n->cpus = n->sockets * n->cores * (chance(w, 20) ? 1 : n->threads);
    }
    part.max_cpus_per_node = (struct opt_u32){ chance(w, 15), 1 + pick(w, 6) };
    conf.nodes.v = nodes;
    conf.nodes.n = w->nodes;
    conf.parts.v = &part;
    conf.parts.n = 1;
    w->core = core_new();
    step(w, INPUT_CONFIGURE, &conf, 0);
    for (uint32_t i = 0; i < w->nodes; i++) {
        struct node_register reg = { .name = names[i],
                                     .boot_id = "b",
                                     .cpus = 99,
                                     .real_memory_mb = 9999,
                                     .gres = nodes[i].gres };
        step(w, OP_node_hello, &reg, i);
    }
}

/* ---- wishes */

static void draw_gres(struct world *w, struct job_spec *s)
{
    static const char *const node[] = { "gpu:1", "gpu:x:2", "gpu:2", "lic:60", "shard:2", "shard:3" };
    static const char *const job[] = { "gpu:1", "gpu:2", "gpu:3", "gpu:x:2", "gpu:5", "lic:120" };

    switch (pick(w, 4)) {
    case 0:
        s->tres_per_job = job[pick(w, 5)];
        break;
    case 1:
        s->tres_per_task = job[pick(w, 2)];
        break;
    default:
        s->tres_per_node = node[pick(w, 6)];
    }
    if (chance(w, 20))
        s->cpus_per_gpu = (struct opt_u32){ true, 1 + pick(w, 3) };
    if (chance(w, 15))
        s->mem_per_gpu_mb = (struct opt_u64){ true, 100 + 100 * pick(w, 4) };
    if (chance(w, 15))
        s->ntasks_per_gpu = (struct opt_u32){ true, 1 + pick(w, 2) };
    if (chance(w, 30))
        s->gres_flags = "disable-binding";
}

static void draw_counts(struct world *w, struct job_spec *s)
{
    if (chance(w, 60))
        s->ntasks = (struct opt_u32){ true, 1 + pick(w, 9) };
    if (chance(w, 35))
        s->min_nodes = (struct opt_u32){ true, 1 + pick(w, w->nodes) };
    if (s->min_nodes.set && chance(w, 50))
        s->max_nodes = (struct opt_u32){ true, s->min_nodes.v + pick(w, 3) };
    if (chance(w, 25))
        s->cpus_per_task = (struct opt_u32){ true, 1 + pick(w, 4) };
    if (chance(w, 15))
        s->ntasks_per_node = (struct opt_u32){ true, 1 + pick(w, 3) };
    if (chance(w, 10))
        s->ntasks_per_core = (struct opt_u32){ true, 1 + pick(w, 2) };
    if (chance(w, 10))
        s->threads_per_core = (struct opt_u32){ true, 1 + pick(w, 2) };
    if (chance(w, 8))
        s->min_cpus_per_node = (struct opt_u32){ true, 1 + pick(w, 6) };
    if (chance(w, 8))
        s->overcommit = true;
}

static struct job_spec draw(struct world *w)
{
    static const char *const features[] = { "a", "b", "a&b", "a|c", "[a|b]", "a*1", "[a*1&b*2]",
                                            "a*2&b*1", "(a|b)&c", "[a|c]&b" };
    static const char *const nodes[] = { "n1", "n2", "n[1-2]", "n3" };
    struct job_spec s = { .batch = true };

    draw_counts(w, &s);
    if (chance(w, 25))
        s.mem_per_node_mb = (struct opt_u64){ true, 100 * pick(w, 12) };
    else if (chance(w, 25))
        s.mem_per_cpu_mb = (struct opt_u64){ true, 50 + 50 * pick(w, 8) };
    if (chance(w, 30))
        s.features = features[pick(w, 10)];
    if (chance(w, 8))
        s.req_nodes = nodes[pick(w, w->nodes < 3 ? 1 : 4)];
    if (chance(w, 8))
        s.exc_nodes = nodes[pick(w, w->nodes < 3 ? 1 : 4)];
    if (chance(w, 8))
        s.exclusive = "exclusive";
    if (chance(w, 8))
        s.contiguous = true;
    if (chance(w, 35))
        draw_gres(w, &s);
    else if (chance(w, 15))
        s.ntasks_per_socket = (struct opt_u32){ true, 1 + pick(w, 2) };
    if (s.mem_per_gpu_mb.set)
        s.mem_per_node_mb.set = s.mem_per_cpu_mb.set = false;
    return s;
}

/* ---- the reference: one node, so many tasks, so many of each thing asked for the whole job */

struct question {
    const struct core *c;
    const struct part *p;
    const struct job_wish *w;
    struct gres_asks asks;
    struct mem_need mem;
    uint32_t cpus_per_gpu;
    bool is_empty; /* as if nothing ran */
};

static bool cpu_is_free(const struct question *q, const struct node *n, uint32_t cpu)
{
    bool is_spec = n->spec.n && bits_test(&n->spec, cpu);

    return !is_spec && (q->is_empty || !bits_test(&n->used, cpu));
}

static uint32_t free_in(const struct question *q, const struct node *n, uint64_t sockets)
{
    uint32_t each = n->conf->cpus / cores_sockets(n), count = 0;

    for (uint32_t i = 0; i + n->unit <= n->conf->cpus; i += n->unit) {
        bool is_free = sockets == 0 || sockets >> i / each & 1;
        for (uint32_t k = 0; k < n->unit; k++)
            is_free = is_free && cpu_is_free(q, n, i + k);
        count += is_free ? n->unit : 0;
    }
    return count;
}

/* Threads of a core that run tasks. */
static uint32_t width_of(const struct question *q, const struct node *n)
{
    return q->w->threads && q->w->threads < n->threads ? q->w->threads : n->threads;
}

static uint32_t each_of(const struct question *q, const struct node *n)
{
    uint32_t each = q->w->cpus_per_task.set ? q->w->cpus_per_task.v : 1, width = width_of(q, n);
    bool is_lone = strstr(q->c->conf->select_params, "ONE_TASK") != NULL;

    if (q->w->ntasks_per_core.set)
        is_lone = q->w->ntasks_per_core.v == 1;
    return is_lone && each < width ? width : each;
}

/* CPUs that are held for so many that work. */
static uint32_t held_for(const struct question *q, const struct node *n, uint32_t working)
{
    uint32_t width = width_of(q, n);
    uint32_t held = (working + width - 1) / width * n->threads;

    held = width == n->threads ? working : held;
    return (held + n->unit - 1) / n->unit * n->unit;
}

static uint64_t units_free(const struct question *q, const struct node *n,
                           const struct gres_line *line)
{
    return q->is_empty ? line->units : gres_free_units(n, line);
}

/* Some choice of so many devices has the CPUs beside it. */
static bool is_near(const struct question *q, const struct node *n, const struct gres_ask *ask,
                    uint64_t want, uint32_t cpus)
{
    uint64_t units = 0, sockets_of[64] = { 0 };

    for (uint32_t i = 0; i < n->gres.n; i++) {
        const struct gres_line *line = &n->gres.v[i];
        if (!gres_serves(ask, line) || line->cut)
            continue;
        for (uint32_t d = 0; d < 64; d++)
            if (units_free(q, n, line) >> d & 1) {
                units |= UINT64_C(1) << d;
                sockets_of[d] = line->sockets ? line->sockets : UINT64_MAX;
            }
    }
    if (!units)
        return true;
    for (uint64_t set = 1; set < 256; set++) {
        uint64_t sockets = 0;
        if ((set & ~units) || (uint64_t)__builtin_popcountll(set) != want)
            continue;
        for (uint32_t d = 0; d < 64; d++)
            sockets |= set >> d & 1 ? sockets_of[d] : 0;
        if (free_in(q, n, sockets) >= cpus)
            return true;
    }
    return false;
}

static uint64_t left_of(const struct question *q, const struct node *n, const struct gres_ask *ask)
{
    uint64_t sum = 0;

    for (uint32_t i = 0; i < n->gres.n; i++) {
        const struct gres_line *line = &n->gres.v[i];
        uint64_t most = 0;
        if (!gres_serves(ask, line))
            continue;
        for (uint32_t d = 0; line->cut && d < 64; d++) {
            uint64_t left = line->cut[d].size - (q->is_empty ? 0 : line->cut[d].used);
            most = units_free(q, n, line) >> d & 1 && left > most ? left : most;
        }
        sum += line->cut ? most : q->is_empty ? line->count : gres_free(n, line);
    }
    return sum;
}

/* Devices of the ask on a node with so many tasks; `dealt` where they are dealt out freely. */
static uint64_t want_of(const struct gres_ask *ask, uint32_t tasks, uint32_t dealt)
{
    return ask->per == GRES_PER_NODE   ? ask->count
           : ask->per == GRES_PER_TASK ? (tasks + ask->tasks - 1) / ask->tasks * ask->count
                                       : dealt;
}

static bool cap_is_kept(const struct question *q, const struct node *n, uint32_t cpus)
{
    struct opt_u32 cap = q->p->info->max_cpus_per_node;
    uint32_t used = q->is_empty ? 0 : n->cpus_used;

    if (!cap.set || cap.v >= n->conf->cpus)
        return true;
    return cpus + used <= cap.v && (cap.v > used);
}

static bool memory_is_there(const struct question *q, const struct node *n, uint32_t cpus,
                            uint32_t gpus)
{
    uint64_t all = node_memory(n), left = q->is_empty ? all : all - n->mem_used;
    uint32_t working = width_of(q, n) == n->threads ? cpus : cpus / n->threads * width_of(q, n);

    if (!q->mem.is_counted) /* a limit of the request, not of what is free */
        left = all;
    if (q->mem.is_whole)
        return left == all;
    if (q->mem.is_per_gpu)
        return !q->mem.is_counted || q->mem.mb * gpus <= left;
    return (q->mem.is_per_cpu ? q->mem.mb * working : q->mem.mb) <= left;
}

static bool sockets_hold(const struct question *q, const struct node *n, uint32_t tasks)
{
    uint32_t sum = 0, sockets = cores_sockets(n);

    if (!q->w->ntasks_per_socket.set || sockets != n->conf->sockets)
        return true;
    for (uint32_t i = 0; i < sockets; i++) {
        uint32_t cpus = free_in(q, n, UINT64_C(1) << i);
        uint32_t working = cpus / n->threads * width_of(q, n), fit = working / each_of(q, n);
        sum += fit < q->w->ntasks_per_socket.v ? fit : q->w->ntasks_per_socket.v;
    }
    return tasks <= sum;
}

static bool node_holds(const struct question *q, const struct node *n, uint32_t tasks,
                       uint32_t dealt)
{
    const struct job_wish *w = q->w;
    bool is_whole = w->is_exclusive;
    uint32_t gpus = 0, working = w->overcommit ? 1 : tasks * each_of(q, n);

    if (is_whole && !q->is_empty && n->jobs.n)
        return false;
    if (w->ntasks_per_node.set && tasks > w->ntasks_per_node.v)
        return false;
    for (uint32_t i = 0; i < q->asks.n; i++) {
        uint64_t want = want_of(&q->asks.v[i], tasks, dealt);
        if (want > left_of(q, n, &q->asks.v[i]))
            return false;
        gpus += q->asks.v[i].is_gpu ? (uint32_t)want : 0;
    }
    if (working < gpus * q->cpus_per_gpu)
        working = gpus * q->cpus_per_gpu;
    uint32_t cpus = held_for(q, n, working), near = cpus;
    while (w->min_cpus_node.set && cpus < w->min_cpus_node.v)
        cpus += n->unit - cpus % n->unit;
    if (cpus > free_in(q, n, 0) || !cap_is_kept(q, n, cpus) || !sockets_hold(q, n, tasks))
        return false;
    if (!memory_is_there(q, n, is_whole ? n->cpus_all : cpus, gpus))
        return false;
    for (uint32_t i = 0; i < q->asks.n && !strstr(w->gres_flags, "disable-binding"); i++) {
        const struct gres_ask *ask = &q->asks.v[i];
        if (ask->per != GRES_PER_JOB && !is_near(q, n, ask, want_of(ask, tasks, 0), near))
            return false;
    }
    return true;
}

/* A node that holds more tasks holds fewer too: with --ntasks-per-gpu the fewer may have fewer GPUs,
 * and then some of their CPUs are not near one. */
static bool node_could(const struct question *q, const struct node *n, uint32_t tasks,
                       uint32_t dealt)
{
    uint32_t most = q->w->ntasks_per_gpu.set ? TASKS_MOST * 3 : tasks;

    for (uint32_t t = tasks; t <= most; t++)
        if (node_holds(q, n, t, dealt))
            return true;
    return false;
}

/* ---- the reference: every set of nodes */

/* Whether each count can have its own nodes of the set: tried node by node. */
static bool counts_hold(const uint32_t *kinds, uint32_t n, const uint32_t *left, uint32_t counts)
{
    uint32_t next[FEATURE_COUNTS_MAX], open = 0;

    for (uint32_t i = 0; i < counts; i++)
        open += left[i];
    if (open == 0)
        return true;
    if (n == 0)
        return false;
    if (counts_hold(kinds + 1, n - 1, left, counts))
        return true;
    for (uint32_t i = 0; i < counts; i++) {
        if (!(kinds[0] >> i & 1) || left[i] == 0)
            continue;
        memcpy(next, left, sizeof next);
        next[i]--;
        if (counts_hold(kinds + 1, n - 1, next, counts))
            return true;
    }
    return false;
}

static bool in_list(const struct question *q, const char *list, const struct node *n)
{
    return list && strstr(list, "[") ? n->index < 2 && strstr(list, "1-2") != NULL
                                     : list && strcmp(list, n->conf->name) == 0;
}

/* All tasks, and all that is asked for the whole job, can be dealt on the set. */
static bool can_deal(const struct question *q, uint32_t set, uint32_t size)
{
    bool reach[TASKS_MOST * 3 + 1][GPUS_MOST + 1] = { { false } };
    uint32_t tasks = q->w->ntasks > size ? q->w->ntasks : size, dealt = 0;

    for (uint32_t i = 0; i < q->asks.n; i++)
        dealt = q->asks.v[i].per == GRES_PER_JOB ? (uint32_t)q->asks.v[i].count : dealt;
    if (tasks > TASKS_MOST * 3 || dealt > GPUS_MOST)
        return false;
    reach[0][0] = true;
    for (uint32_t i = 0; i < q->c->node_count; i++) {
        bool next[TASKS_MOST * 3 + 1][GPUS_MOST + 1] = { { false } };
        if (!(set >> i & 1))
            continue;
        for (uint32_t t = 1; t <= tasks; t++)
            for (uint32_t g = dealt > 0; g <= dealt; g++) {
                if (!node_could(q, q->c->nodes[i], t, g))
                    continue;
                for (uint32_t x = 0; x + t <= tasks; x++)
                    for (uint32_t y = 0; y + g <= dealt; y++)
                        next[x + t][y + g] |= reach[x][y];
            }
        memcpy(reach, next, sizeof reach);
    }
    return reach[tasks][dealt];
}

static bool set_is_allowed(const struct question *q, uint32_t set, uint32_t choice,
                           const struct features *f)
{
    uint32_t kinds[NODES_MOST], size = 0, first = UINT32_MAX, last = 0, counted = 0;
    uint32_t tasks = q->w->ntasks > q->w->min_nodes ? q->w->ntasks : q->w->min_nodes;

    for (uint32_t i = 0; i < q->c->node_count; i++) {
        const struct node *n = q->c->nodes[i];
        bool is_in = set >> i & 1;
        if (in_list(q, q->w->req_nodes, n) && !is_in)
            return false;
        if (!is_in)
            continue;
        if (in_list(q, q->w->exc_nodes, n) || q->w->threads > n->conf->threads ||
            !features_match(q->w->features, node_features(n), choice, &kinds[size]))
            return false;
        size++;
        first = first == UINT32_MAX ? i : first;
        last = i;
    }
    for (uint32_t i = 0; i < f->counts_n; i++)
        counted += f->counts[i];
    if (size < q->w->min_nodes || size > q->w->max_nodes || size < counted ||
        (q->w->has_ntasks && size > (tasks > counted ? tasks : counted)))
        return false;
    if (q->w->contiguous && last - first + 1 != size)
        return false;
    return counts_hold(kinds, size, f->counts, f->counts_n) && can_deal(q, set, size);
}

static bool ref_fits(const struct question *q)
{
    struct features f;

    features_read(q->w->features, &f);
    for (uint32_t choice = 0; choice < f.choices; choice++)
        for (uint32_t set = 1; set < 1u << q->c->node_count; set++)
            if (set_is_allowed(q, set, choice, &f))
                return true;
    return false;
}

/* ---- what was given */

static const char *fault_of(const struct question *q, const struct placement *at, bool is_now)
{
    uint32_t tasks = 0, set = 0;
    uint64_t gres[GRES_ASKS_MAX] = { 0 };

    for (uint32_t i = 0; i < at->n; i++) {
        const struct alloc_node *part = &at->v[i];
        const struct node *n = q->c->nodes[part->node];
        tasks += part->ntasks;
        if (set >> part->node & 1)
            return "a node twice";
        set |= 1u << part->node;
        if (part->ntasks == 0 || at->cpus[i] == 0)
            return "nothing on a node";
        if (is_now && alloc_cpus(part) != at->cpus[i])
            return "CPUs and their number differ";
        if (is_now && (!bits_free_bytes(&n->used, part->cpus.p, part->cpus.len) ||
                       !gres_is_free(n, part) || part->mem_mb > node_memory(n) - n->mem_used))
            return "what is not free";
        if (!q->w->overcommit && at->cpus[i] < held_for(q, n, part->ntasks * each_of(q, n)))
            return "too few CPUs";
        for (uint32_t k = 0; k < q->asks.n; k++) {
            const struct gres_ask *ask = &q->asks.v[k];
            uint64_t have = gres_held(part, ask->name, ask->type);
            gres[k] += have;
            if (have < want_of(ask, part->ntasks, 1))
                return "too few devices";
        }
    }
    for (uint32_t k = 0; k < q->asks.n; k++)
        if (q->asks.v[k].per == GRES_PER_JOB && gres[k] < q->asks.v[k].count)
            return "too few devices in all";
    return tasks < q->w->ntasks ? "too few tasks" : NULL;
}

static void tell(const struct world *w, const struct job_wish *k, const char *what, bool is_empty)
{
    printf("place_ref: seed %llu, %s cluster: %s\n"
           "asked: %u tasks%s of %u CPUs on %u-%u nodes, per node %u, socket %u, core %u; threads %u,"
           " CPUs %u; memory %lld/node %lld/CPU %lld/GPU\n"
           "features %s, nodes %s, not %s; gres %s/node %s/job %s/task, %u CPUs, %u tasks, %s\n"
           "exclusive %d overcommit %d contiguous %d; %s\n",
           (unsigned long long)w->seed, is_empty ? "empty" : "used", what, k->ntasks,
           k->has_ntasks ? "" : " (derived)", k->cpus_per_task.v, k->min_nodes, k->max_nodes,
           k->ntasks_per_node.v, k->ntasks_per_socket.v, k->ntasks_per_core.v, k->threads,
           k->min_cpus_node.v, k->mem_per_node_mb.set ? (long long)k->mem_per_node_mb.v : -1,
           k->mem_per_cpu_mb.set ? (long long)k->mem_per_cpu_mb.v : -1,
           k->mem_per_gpu_mb.set ? (long long)k->mem_per_gpu_mb.v : -1, k->features, k->req_nodes,
           k->exc_nodes, k->tres_per_node, k->tres_per_job, k->tres_per_task, k->cpus_per_gpu.v,
           k->ntasks_per_gpu.v, k->gres_flags, k->is_exclusive, k->overcommit, k->contiguous,
           w->core->conf->select_params);
    for (uint32_t i = 0; i < w->core->node_count; i++) {
        const struct node *n = w->core->nodes[i];
        printf("%s: %u sockets %u cores %u threads %u CPUs, %u used, %u reserved, memory %llu of %llu,"
               " features %s, gres %s, jobs %u, weight %u\n",
               n->conf->name, n->conf->sockets, n->conf->cores, n->conf->threads, n->conf->cpus,
               n->cpus_used, n->conf->core_spec, (unsigned long long)n->mem_used,
               (unsigned long long)node_memory(n), node_features(n), n->conf->gres, n->jobs.n,
               node_weight(n));
    }
    exit(1);
}

/* Asks both; true: it fits. */
static bool compare(struct world *w, const struct job_wish *wish, bool is_empty)
{
    const struct part *p = w->core->parts[0];
    struct question q = { .c = w->core,
                          .p = p,
                          .w = wish,
                          .mem = place_memory(w->core, p, wish),
                          .cpus_per_gpu = place_cpus_per_gpu(w->core, p, wish),
                          .is_empty = is_empty };
    struct place place = { .c = w->core,
                           .part = p,
                           .wish = wish,
                           .when = is_empty ? PLACE_EVER : PLACE_NOW,
                           .a = &w->a };
    struct placement at = { 0 };

    gres_asks_read(w->core, wish, &q.asks, NULL);
    bool fits = place_job(&place, &at, NULL), should = ref_fits(&q);
    if (fits != should)
        tell(w, wish, fits ? "placed, but it does not fit" : "not placed, but it fits", is_empty);
    const char *fault = fits ? fault_of(&q, &at, !is_empty) : NULL;
    if (fault)
        tell(w, wish, fault, is_empty);
    *w->fits += fits;
    return fits;
}

static void end_some_job(struct world *w)
{
    char id[16];
    const char *ids[] = { id };

    for (uint32_t i = 0; i < w->core->node_count; i++)
        if (w->core->nodes[i]->jobs.n) {
            const struct node *n = w->core->nodes[i];
            uint32_t job = n->jobs.v[pick(w, n->jobs.n)];
            snprintf(id, sizeof id, "%u", job);
            step(w, OP_job_cancel, &(struct job_kill){ .jobs = { ids, 1 } }, 0);
            for (uint32_t k = 0; k < w->core->node_count; k++)
                step(w, OP_job_cleaned,
                     &(struct job_clean){ .job_id = job, .node = w->core->nodes[k]->conf->name }, k);
            return;
        }
}

/* How many wishes were asked. */
static uint64_t run(struct world *w)
{
    uint64_t cases = 0;

    open_world(w);
    for (unsigned i = 0; i < PROBES; i++) {
        struct job_spec s = draw(w);
        struct job_wish wish;
        struct err e = { 0 };
        arena_reset(&w->a);
        if (wish_from_spec(w->core, &s, &w->a, &wish, &e) < 0)
            continue;
        bool fits = compare(w, &wish, true);
        cases += 2;
        fits = compare(w, &wish, false) && fits;
        if (fits && chance(w, 40))
            step(w, OP_job_submit, &s, 0);
        else if (chance(w, 25))
            end_some_job(w);
    }
    core_free(w->core);
    arena_fini(&w->a);
    arena_fini(&w->out);
    return cases;
}

int main(int argc, char **argv)
{
    uint64_t cases = 20000, first = 1, done = 0, seeds = 0, fits = 0;

    for (int i = 1; i + 1 < argc; i += 2) {
        if (strcmp(argv[i], "--cases") == 0)
            cases = strtoull(argv[i + 1], NULL, 10);
        if (strcmp(argv[i], "--first") == 0)
            first = strtoull(argv[i + 1], NULL, 10);
    }
    for (; done < cases; seeds++) {
        struct world w = {
            .seed = first + seeds, .random = first + seeds, .now = 1000, .fits = &fits
        };
        done += run(&w);
    }
    printf("place_ref: %llu cases, %llu of them fit, no difference\n", (unsigned long long)done,
           (unsigned long long)fits);
    return 0;
}
