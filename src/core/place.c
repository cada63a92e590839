/* Placement: every node says what it could give (a spot); choose.c takes the best, give.c deals. */
#include "core/place.h"

#include "base/hostlist.h"
#include "core/search.h"
#include "core/state.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static bool has_word(const char *text, const char *word)
{
    return text && strcasestr(text, word) != NULL;
}

/* DefCpuPerGPU and DefMemPerGPU of the partition, or of the cluster, for jobs with GPUs. */
static bool job_default(const struct core *c, const struct part *p, const struct job_wish *w,
                        const char *key, uint64_t *ret)
{
    const char *const from[] = { p->info->job_defaults, c->conf->job_defaults };

    if (!gres_asked(c, w, "gpu", NULL))
        return false;
    for (size_t i = 0; i < 2; i++) {
        const char *at = from[i] ? strcasestr(from[i], key) : NULL;
        if (at) {
            *ret = strtoull(at + strlen(key), NULL, 10);
            return true;
        }
    }
    return false;
}

struct mem_need place_memory(const struct core *c, const struct part *p, const struct job_wish *w)
{
    const struct part_info *pi = p->info;
    uint64_t gpu_mb;
    struct mem_need need = { .is_counted = has_word(c->conf->select_params, "memory") };

    if (w->mem_per_node_mb.set)
        need.mb = w->mem_per_node_mb.v;
    else if ((need.is_per_gpu = w->mem_per_gpu_mb.set))
        need.mb = w->mem_per_gpu_mb.v;
    else if ((need.is_per_cpu = w->mem_per_cpu_mb.set))
        need.mb = w->mem_per_cpu_mb.v;
    else if ((need.is_per_gpu = job_default(c, p, w, "DefMemPerGPU=", &gpu_mb)))
        need.mb = gpu_mb;
    else if (pi->def_mem_per_node_mb.set)
        need.mb = pi->def_mem_per_node_mb.v;
    else if ((need.is_per_cpu = pi->def_mem_per_cpu_mb.set))
        need.mb = pi->def_mem_per_cpu_mb.v;
    else if (c->conf->def_mem_per_node_mb.set)
        need.mb = c->conf->def_mem_per_node_mb.v;
    else if ((need.is_per_cpu = c->conf->def_mem_per_cpu_mb.set))
        need.mb = c->conf->def_mem_per_cpu_mb.v;
    need.is_whole = need.mb == 0 && need.is_counted;
    return need;
}

uint32_t place_cpus_per_gpu(const struct core *c, const struct part *p, const struct job_wish *w)
{
    uint64_t n = 0;

    if (w->cpus_per_gpu.set)
        return w->cpus_per_gpu.v;
    if (w->cpus_per_task.set || !job_default(c, p, w, "DefCpuPerGPU=", &n))
        return 0;
    return (uint32_t)n;
}

bool place_is_whole(const struct core *c, const struct part *p, const struct job_wish *w)
{
    return w->is_exclusive || has_word(c->conf->select_type, "linear") ||
           has_word(p->info->oversubscribe, "exclusive");
}

static void name_set(const struct core *c, const char *list, struct bits *ret, uint32_t *ret_n)
{
    struct arena a = { 0 };
    struct hostlist names = { 0 };

    bits_init(ret, c->node_count);
    if (list && *list && hostlist_expand(&a, list, &names, NULL) == 0)
        for (uint32_t i = 0; i < names.n; i++) {
            const struct node *n = node_find(c, names.v[i]);
            if (n)
                bits_set(ret, n->index);
        }
    arena_fini(&a);
    if (ret_n)
        *ret_n = bits_count(ret);
}

/* An empty node needs no counting. */
uint32_t place_free_cpus(const struct node *n)
{
    uint32_t cpus = n->conf->cpus, count = 0;

    if (n->cpus_used == 0)
        return cpus - cpus % n->unit;
    if (n->unit == 1)
        return cpus > n->cpus_used ? cpus - n->cpus_used : 0;
    for (uint32_t i = 0; i + n->unit <= cpus; i += n->unit) {
        bool is_free = true;
        for (uint32_t k = 0; k < n->unit; k++)
            is_free = is_free && !bits_test(&n->used, i + k);
        count += is_free ? n->unit : 0;
    }
    return count;
}

struct room place_room_all(const struct node *n)
{
    struct room room = { .cpus = n->conf->cpus - n->conf->cpus % n->unit,
                         .mem_mb = node_memory(n) };

    for (uint32_t i = 0; i < n->gres.n && i < ROOM_GRES; i++)
        room.gres[i] = (uint32_t)n->gres.v[i].count;
    return room;
}

struct room place_room_free(const struct node *n)
{
    uint64_t all = node_memory(n);
    struct room room = { .cpus = place_free_cpus(n),
                         .jobs = n->jobs.n,
                         .mem_mb = all > n->mem_used ? all - n->mem_used : 0 };

    gres_room(n, &room);
    return room;
}

struct room place_room_held(const struct node *n, const struct alloc_node *part)
{
    struct room room = { .cpus = alloc_cpus(part), .jobs = 1, .mem_mb = part->mem_mb };

    gres_room_of(n, part, &room);
    return room;
}

struct room place_room_of(const struct core *c, const struct placement *at, uint32_t i)
{
    struct room room = { .cpus = at->cpus[i], .jobs = 1, .mem_mb = at->v[i].mem_mb };

    gres_room_of(c->nodes[at->v[i].node], &at->v[i], &room);
    return room;
}

/* What of the node may be used. */
static struct room room_of(const struct search *s, const struct node *n)
{
    if (s->p->when == PLACE_THEN)
        return s->p->rooms[n->index];
    if (s->p->when != PLACE_NOW)
        return place_room_all(n);
    struct room room = place_room_free(n);
    const struct horizon *h = s->p->spare ? &s->p->spare[n->index] : NULL;
    if (h && s->p->end > h->until)
        room_least(&room, &h->room);
    return room;
}

static bool is_there(const struct search *s, const struct node *n)
{
    switch (s->p->when) {
    case PLACE_NOW:
        return node_is_usable(n);
    case PLACE_THEN:
    case PLACE_UP:
        return node_is_up(n);
    default:
        return !n->is_gone && !(n->rec->state & NODE_FUTURE);
    }
}

static bool hardware_fits(const struct job_wish *w, const struct conf_node *conf)
{
    return w->sockets <= conf->sockets && w->cores <= conf->cores && w->threads <= conf->threads &&
           w->tmp_disk_mb <= conf->tmp_disk_mb;
}

/* How many CPUs the memory that is left can feed; 0: none. */
static uint32_t fed_cpus(const struct search *s, const struct node *n, struct room room,
                         uint32_t cpus)
{
    uint64_t all = node_memory(n);
    uint64_t left = s->mem.is_counted ? room.mem_mb : all;

    if (s->mem.is_whole)
        return left < all ? 0 : cpus;
    if (s->mem.mb == 0)
        return cpus;
    if (!s->mem.is_per_cpu)
        return s->mem.is_per_gpu || left >= s->mem.mb ? cpus : 0;
    uint64_t fed = left / s->mem.mb;
    return fed < cpus ? (uint32_t)fed - (uint32_t)fed % n->unit : cpus;
}

uint32_t cpus_each(const struct search *s, const struct node *n)
{
    if (s->w->ntasks_per_core.set && s->w->ntasks_per_core.v == 1 && s->task_cpus < n->unit)
        return n->unit;
    return s->task_cpus;
}

static uint32_t tasks_in(const struct search *s, const struct node *n, uint32_t cpus)
{
    uint32_t tasks = s->w->overcommit ? s->w->ntasks : cpus / cpus_each(s, n);

    if (s->w->ntasks_per_node.set && s->w->ntasks_per_node.v && tasks > s->w->ntasks_per_node.v)
        tasks = s->w->ntasks_per_node.v;
    return tasks;
}

/* Of shares a job gets those of one GPU, unless the configuration says otherwise. */
static uint64_t shares_left(const struct search *s, const struct node *n,
                            const struct gres_line *line)
{
    uint64_t from = s->p->when == PLACE_NOW ? gres_free_units(n, line) : line->units, most = 0;

    for (uint32_t d = 0; d < GRES_DEVICES_MAX; d++) {
        uint32_t used = s->p->when == PLACE_NOW ? line->cut[d].used : 0;
        uint32_t left = from >> d & 1 ? line->cut[d].size - used : 0;
        most = left > most ? left : most;
    }
    return most;
}

uint64_t look_at_gres(const struct search *s, const struct node *n, const struct room *room,
                      const struct gres_ask *ask)
{
    uint64_t sum = 0;

    for (uint32_t i = 0; i < n->gres.n; i++) {
        const struct gres_line *line = &n->gres.v[i];
        if (!gres_serves(ask, line))
            continue;
        uint64_t have = s->p->when == PLACE_NOW ? gres_free(n, line) : line->count;
        have = i < ROOM_GRES && room->gres[i] < have ? room->gres[i] : have;
        uint64_t most = line->cut && !s->takes_many_cuts ? shares_left(s, n, line) : have;
        sum += most < have ? most : have;
    }
    return sum;
}

/* How many GPUs the CPUs and the memory allow, where each brings its own. */
static uint64_t fed_gpus(const struct search *s, const struct room *room, uint32_t cpus)
{
    uint64_t most = s->cpus_per_gpu ? cpus / s->cpus_per_gpu : UINT64_MAX;

    if (s->mem.is_per_gpu && s->mem.is_counted && s->mem.mb && room->mem_mb / s->mem.mb < most)
        most = room->mem_mb / s->mem.mb;
    return most;
}

/* Generic resources: enough for each node, or for so many tasks; what is asked for the whole job is
 * added up later. */
static bool gres_fit(const struct search *s, const struct room *room, struct spot *spot)
{
    uint64_t fed = fed_gpus(s, room, spot->cpus);

    for (uint32_t i = 0; i < s->asks.n; i++) {
        const struct gres_ask *ask = &s->asks.v[i];
        uint64_t have = look_at_gres(s, spot->node, room, ask);
        have = ask->is_gpu && fed < have ? fed : have;
        have = have < UINT32_MAX ? have : UINT32_MAX;
        uint64_t need = ask->per == GRES_PER_JOB ? 1 : ask->count;
        if (have < need)
            return false;
        if (ask->per == GRES_PER_TASK && have / ask->count * ask->tasks < spot->tasks)
            spot->tasks = (uint32_t)(have / ask->count * ask->tasks);
        if (ask->per == GRES_PER_NODE && ask->is_gpu)
            fed -= ask->count;
        spot->gres[i] = ask->per == GRES_PER_JOB ? (uint32_t)have : 0;
    }
    return true;
}

static void note(uint32_t *counter)
{
    ++*counter;
}

/* What the node could give; false when it is no use for this job. */
static bool look_at(struct search *s, const struct node *n, struct spot *ret)
{
    struct place_why *why = s->why;
    const struct part_info *pi = s->p->part->info;

    note(&why->nodes);
    if (!is_there(s, n))
        return note(&why->unusable), false;
    if (bits_test(&s->excluded, n->index))
        return note(&why->excluded), false;
    if (!features_match(s->w->features, node_features(n)))
        return note(&why->features), false;
    if (!hardware_fits(s->w, n->conf))
        return note(&why->hardware), false;
    struct room room = room_of(s, n);
    uint32_t cpus = s->is_whole && room.jobs > 0 ? 0 : room.cpus;
    if (pi->max_cpus_per_node.set && cpus > pi->max_cpus_per_node.v)
        cpus = pi->max_cpus_per_node.v;
    why->most_cpus = cpus > why->most_cpus ? cpus : why->most_cpus;
    why->most_mem_mb = node_memory(n) > why->most_mem_mb ? node_memory(n) : why->most_mem_mb;
    uint32_t fed = fed_cpus(s, n, room, cpus);
    if (fed == 0 && cpus > 0)
        return note(&why->memory), false;
    why->sum_cpus += fed;
    *ret = (struct spot){ .node = n,
                          .tasks = tasks_in(s, n, fed),
                          .cpus = fed,
                          .is_required = bits_test(&s->required, n->index) };
    if (s->asks.n && !gres_fit(s, &room, ret))
        return note(&why->gres), false;
    if (fed == 0 || ret->tasks == 0 || (s->w->min_cpus_node.set && fed < s->w->min_cpus_node.v))
        return note(&why->cpus), false;
    return true;
}

static void add_spot(struct search *s, struct spot spot)
{
    if (s->n == s->cap) {
        struct spot *old = s->spots;
        s->cap = s->cap ? s->cap * 2 : 8;
        s->spots = arena_calloc(s->p->a, s->cap, sizeof *s->spots);
        if (s->n)
            memcpy(s->spots, old, s->n * sizeof *old);
    }
    s->spots[s->n++] = spot;
}

/* The next place of the order that is worth a look; -1: none. */
static int64_t next_place(const struct search *s, uint32_t from)
{
    const struct part *part = s->p->part;

    if (from >= part->order_n)
        return -1;
    return s->p->when == PLACE_NOW ? bits_next(&part->open, from) : from;
}

/* One node is enough for most jobs: the first that holds all of it, in order of weight. */
static bool gather(struct search *s)
{
    const struct part *part = s->p->part;
    bool wants_one = s->min_nodes <= 1 && s->required_n <= 1;

    if (s->p->when == PLACE_NOW && bits_count(&part->open) < s->min_nodes)
        return false;
    for (int64_t i = next_place(s, 0); i >= 0; i = next_place(s, (uint32_t)i + 1)) {
        struct spot spot;
        if (!look_at(s, s->p->c->nodes[part->order[i]], &spot))
            continue;
        if (wants_one && choose_is_enough(s, &spot)) {
            s->n = 0;
            add_spot(s, spot);
            return true;
        }
        add_spot(s, spot);
    }
    return false;
}

bool place_job(const struct place *p, struct placement *ret, struct place_why *why)
{
    struct place_why unused = { 0 };
    struct search s = {
        .p = p,
        .w = p->wish,
        .why = why ? why : &unused,
        .mem = place_memory(p->c, p->part, p->wish),
        .task_cpus =
            p->wish->cpus_per_task.set && p->wish->cpus_per_task.v ? p->wish->cpus_per_task.v : 1,
        .min_nodes = p->wish->min_nodes,
        .is_whole = place_is_whole(p->c, p->part, p->wish),
        .takes_many_cuts = has_word(p->c->conf->select_params, "MULTIPLE_SHARING_GRES_PJ"),
    };
    uint32_t most = p->part->info->max_nodes ? p->part->info->max_nodes : UINT32_MAX;

    assert(p->wish->ntasks > 0 && p->wish->min_nodes > 0);
    s.max_nodes = p->wish->max_nodes < most ? p->wish->max_nodes : most;
    if (gres_asks_read(p->c, p->wish, &s.asks, NULL) < 0)
        return false;
    s.cpus_per_gpu = s.asks.n ? place_cpus_per_gpu(p->c, p->part, p->wish) : 0;
    name_set(p->c, p->wish->req_nodes, &s.required, &s.required_n);
    name_set(p->c, p->wish->exc_nodes, &s.excluded, NULL);
    bool fits = gather(&s) || choose(&s);
    if (fits)
        give(&s, ret);
    bits_fini(&s.required);
    bits_fini(&s.excluded);
    return fits;
}
