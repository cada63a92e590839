/* Placement: first every node says what it could give (a spot), then the best spots are taken. */
#include "core/place.h"

#include "base/hostlist.h"
#include "core/state.h"

#include <assert.h>
#include <endian.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

struct spot {
    const struct node *node;
    uint32_t tasks; /* that fit */
    uint32_t cpus;  /* that may be used */
    bool is_required;
};

struct search {
    const struct place *p;
    const struct job_wish *w;
    struct place_why *why;
    struct mem_need mem;
    struct bits required, excluded;
    uint32_t required_n;
    uint32_t task_cpus;
    uint32_t min_nodes, max_nodes;
    bool is_whole;
    struct spot *spots;
    uint32_t n, cap;
};

static bool has_word(const char *text, const char *word)
{
    return text && strcasestr(text, word) != NULL;
}

struct mem_need place_memory(const struct core *c, const struct part *p, const struct job_wish *w)
{
    const struct part_info *pi = p->info;
    struct mem_need need = { .is_counted = has_word(c->conf->select_params, "memory") };

    if (w->mem_per_node_mb.set)
        need.mb = w->mem_per_node_mb.v;
    else if ((need.is_per_cpu = w->mem_per_cpu_mb.set))
        need.mb = w->mem_per_cpu_mb.v;
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
    return (struct room){ .cpus = n->conf->cpus - n->conf->cpus % n->unit,
                          .mem_mb = node_memory(n) };
}

struct room place_room_free(const struct node *n)
{
    uint64_t all = node_memory(n);

    return (struct room){ .cpus = place_free_cpus(n),
                          .jobs = n->jobs.n,
                          .mem_mb = all > n->mem_used ? all - n->mem_used : 0 };
}

struct room place_room_held(const struct alloc_node *part)
{
    return (struct room){ .cpus = alloc_cpus(part), .jobs = 1, .mem_mb = part->mem_mb };
}

struct room place_room_of(const struct placement *at, uint32_t i)
{
    return (struct room){ .cpus = at->cpus[i], .jobs = 1, .mem_mb = at->v[i].mem_mb };
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
        return left >= s->mem.mb ? cpus : 0;
    uint64_t fed = left / s->mem.mb;
    return fed < cpus ? (uint32_t)fed - (uint32_t)fed % n->unit : cpus;
}

static uint32_t tasks_in(const struct search *s, const struct node *n, uint32_t cpus)
{
    uint32_t each = s->task_cpus;
    uint32_t tasks;

    if (s->w->ntasks_per_core.set && s->w->ntasks_per_core.v == 1 && each < n->unit)
        each = n->unit;
    tasks = s->w->overcommit ? s->w->ntasks : cpus / each;
    if (s->w->ntasks_per_node.set && s->w->ntasks_per_node.v && tasks > s->w->ntasks_per_node.v)
        tasks = s->w->ntasks_per_node.v;
    return tasks;
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
    if (fed == 0 || ret->tasks == 0 || (s->w->min_cpus_node.set && fed < s->w->min_cpus_node.v))
        return note(&why->cpus), false;
    return true;
}

static int better(const void *a, const void *b)
{
    const struct spot *x = a, *y = b;
    uint32_t wx = node_weight(x->node), wy = node_weight(y->node);

    if (x->is_required != y->is_required)
        return x->is_required ? -1 : 1;
    if (wx != wy)
        return wx < wy ? -1 : 1;
    if (x->tasks != y->tasks)
        return x->tasks > y->tasks ? -1 : 1;
    return x->node->index < y->node->index ? -1 : 1;
}

static int by_index(const void *a, const void *b)
{
    const struct spot *x = a, *y = b;

    return x->node->index < y->node->index ? -1 : 1;
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
        if (wants_one && spot.tasks >= s->w->ntasks && (s->required_n == 0 || spot.is_required)) {
            s->n = 0;
            add_spot(s, spot);
            return true;
        }
        add_spot(s, spot);
    }
    return false;
}

/* The fewest of the best spots that hold all tasks. */
static bool choose(struct search *s)
{
    uint32_t taken = 0, tasks = 0, required = 0;

    if (s->n < s->min_nodes)
        return false;
    qsort(s->spots, s->n, sizeof *s->spots, better);
    while (taken < s->n &&
           (taken < s->min_nodes || tasks < s->w->ntasks || taken < s->required_n)) {
        required += s->spots[taken].is_required;
        tasks += s->spots[taken++].tasks;
    }
    s->n = taken;
    return taken >= s->min_nodes && taken <= s->max_nodes && tasks >= s->w->ntasks &&
           required == s->required_n;
}

/* Each node gets a task first.  The others go round when a number of nodes was asked, else they
 * fill node by node. */
static void deal_tasks(const struct search *s, uint32_t *tasks)
{
    uint32_t left = s->w->ntasks > s->n ? s->w->ntasks - s->n : 0;
    bool is_round = s->w->min_nodes > 1;

    for (uint32_t i = 0; i < s->n; i++)
        tasks[i] = 1;
    while (left > 0)
        for (uint32_t i = 0; i < s->n && left > 0; i++) {
            uint32_t room = s->spots[i].tasks - tasks[i];
            uint32_t take = is_round && room > 1 ? 1 : room;
            take = take < left ? take : left;
            tasks[i] += take;
            left -= take;
        }
}

static uint32_t cpus_for(const struct search *s, const struct spot *spot, uint32_t tasks)
{
    uint32_t unit = spot->node->unit, each = s->task_cpus;
    uint32_t cpus;

    if (s->is_whole)
        return spot->node->conf->cpus;
    if (s->w->ntasks_per_core.set && s->w->ntasks_per_core.v == 1 && each < unit)
        each = unit;
    cpus = s->w->overcommit ? 1 : tasks * each;
    if (s->w->min_cpus_node.set && cpus < s->w->min_cpus_node.v)
        cpus = s->w->min_cpus_node.v;
    cpus = (cpus + unit - 1) / unit * unit;
    return cpus < spot->cpus ? cpus : spot->cpus;
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

static uint64_t memory_for(const struct search *s, const struct node *n, uint32_t cpus)
{
    if (!s->mem.is_counted)
        return 0;
    if (s->mem.is_whole)
        return node_memory(n);
    return s->mem.is_per_cpu ? s->mem.mb * cpus : s->mem.mb;
}

static void build(const struct search *s, struct placement *ret)
{
    uint32_t *tasks = arena_calloc(s->p->a, s->n, sizeof *tasks);

    qsort(s->spots, s->n, sizeof *s->spots, by_index);
    deal_tasks(s, tasks);
    ret->n = s->n;
    ret->v = arena_calloc(s->p->a, s->n, sizeof *ret->v);
    ret->cpus = arena_calloc(s->p->a, s->n, sizeof *ret->cpus);
    for (uint32_t i = 0; i < s->n; i++) {
        const struct node *n = s->spots[i].node;
        uint32_t cpus = cpus_for(s, &s->spots[i], tasks[i]);
        ret->v[i] = (struct alloc_node){ .node = n->index,
                                         .ntasks = tasks[i],
                                         .mem_mb = memory_for(s, n, cpus) };
        ret->cpus[i] = cpus;
        if (s->p->when == PLACE_NOW)
            ret->v[i].cpus = pick_cpus(s, n, cpus);
    }
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
    };
    uint32_t most = p->part->info->max_nodes ? p->part->info->max_nodes : UINT32_MAX;

    assert(p->wish->ntasks > 0 && p->wish->min_nodes > 0);
    s.max_nodes = p->wish->max_nodes < most ? p->wish->max_nodes : most;
    name_set(p->c, p->wish->req_nodes, &s.required, &s.required_n);
    name_set(p->c, p->wish->exc_nodes, &s.excluded, NULL);
    bool fits = gather(&s) || choose(&s);
    if (fits)
        build(&s, ret);
    bits_fini(&s.required);
    bits_fini(&s.excluded);
    return fits;
}
