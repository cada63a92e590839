/* Placement: the rules of partition and cluster for a wish, and the search: every node says what it
 * could give (spot.c), the best are taken (choose.c) and dealt (give.c). */
#include "core/place.h"

#include "base/hostlist.h"
#include "core/cores.h"
#include "core/search.h"
#include "core/state.h"
#include "core/topo.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define FIT_LOOKS 32u /* nodes looked at for a better fit than the first */

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

bool place_owns(const struct part *p, const struct job_wish *w)
{
    return p->info->exclusive_user || (w->exclusive && strcasecmp(w->exclusive, "user") == 0);
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

struct room place_room_all(const struct node *n)
{
    struct room room = { .cpus = cores_all(n), .mem_mb = node_memory(n) };

    for (uint32_t i = 0; i < n->gres.n && i < ROOM_GRES; i++)
        room.gres[i] = (uint32_t)n->gres.v[i].count;
    return room;
}

struct room place_room_free(const struct node *n)
{
    uint64_t all = node_memory(n);
    struct room room = { .cpus = cores_free(n),
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

    if (from >= (s->p->among ? s->p->among_n : part->order_n))
        return -1;
    return s->p->when == PLACE_NOW && !s->p->among ? bits_next(&part->open, from) : from;
}

static const struct node *node_in(const struct search *s, uint32_t place)
{
    return s->p->c->nodes[s->p->among ? s->p->among[place] : s->p->part->order[place]];
}

/* The one node of a job that needs no more.  Of those that hold all of it, in order of weight, the
 * fullest among the first few: so large holes stay for large jobs, and yet a start costs the same
 * on any number of nodes. */
static bool is_better_fit(const struct search *s, const struct spot *spot, const struct spot *best)
{
    if (!best->node)
        return true;
    if (spot->is_required != best->is_required)
        return false;
    return s->w->ntasks_per_socket.set ? spot->tasks < best->tasks : spot->cpus < best->cpus;
}

/* What gathering has seen. */
struct seen {
    struct spot best; /* the one node; node NULL: none yet */
    uint32_t looks;   /* since then */
    uint32_t weight;  /* of the last spot */
    uint64_t tasks;   /* of all spots */
};

/* Heavier nodes are not looked at when there is enough without them. */
static bool is_done(const struct search *s, const struct seen *seen, const struct node *n)
{
    if (seen->best.node)
        return seen->looks > FIT_LOOKS || node_weight(n) != seen->weight;
    return s->n > 0 && node_weight(n) != seen->weight && s->asks.n == 0 &&
           s->counts.counts_n == 0 && s->required_n == 0 && s->max_nodes == UINT32_MAX &&
           !s->w->contiguous && !topo_matters(s) && s->n >= s->min_nodes &&
           seen->tasks >= s->w->ntasks;
}

/* True: one node is all, and it is the only spot.  False: these are the spots to choose from. */
static bool gather(struct search *s)
{
    const struct part *part = s->p->part;
    bool wants_one = s->min_nodes <= 1 && s->required_n <= 1 && !s->is_ranged &&
                     !s->is_least_loaded && s->counts.counts_n == 0;
    struct seen seen = { .looks = 0 };
    struct spot spot;

    s->n = 0;
    if (s->p->when == PLACE_NOW && !s->p->among && bits_count(&part->open) < s->min_nodes)
        return false;
    for (int64_t i = next_place(s, 0); i >= 0; i = next_place(s, (uint32_t)i + 1)) {
        const struct node *n = node_in(s, (uint32_t)i);
        if (is_done(s, &seen, n))
            break;
        seen.looks += seen.best.node != NULL;
        if (!spot_look(s, n, &spot))
            continue;
        seen.weight = node_weight(n);
        seen.tasks += spot.tasks;
        if (!seen.best.node)
            add_spot(s, spot);
        if (wants_one && choose_is_enough(s, &spot) && is_better_fit(s, &spot, &seen.best))
            seen.best = spot;
    }
    if (seen.best.node)
        s->spots[0] = seen.best;
    s->n = seen.best.node ? 1 : s->n;
    return seen.best.node != NULL;
}

/* Of [a|b|c] the first that will do, for all nodes. */
static bool try_choices(struct search *s, const char *constraint)
{
    uint32_t asked = s->min_nodes, counted = 0;
    bool fits = false;

    s->constraint = constraint;
    if (!features_read(constraint, &s->counts))
        return false;
    for (uint32_t i = 0; i < s->counts.counts_n; i++)
        counted += s->counts.counts[i];
    s->min_nodes = counted > asked ? counted : asked;
    for (s->choice = 0; s->choice < s->counts.choices && !fits; s->choice++)
        fits = s->min_nodes <= s->max_nodes && (gather(s) || choose(s));
    s->min_nodes = asked;
    return fits;
}

/* One thread of each core, when hints or options say so. */
static uint32_t threads_of(const struct job_wish *w)
{
    return has_word(w->hint, "nomultithread") ? 1 : w->threads;
}

static void set_rules(struct search *s)
{
    const struct core *c = s->p->c;
    const struct job_wish *w = s->w;
    const char *params = c->conf->select_params;
    const char *cores = w->distribution ? strchr(w->distribution, ':') : NULL;

    s->is_owner = place_owns(s->p->part, w);
    s->is_near = !has_word(w->gres_flags, "disable-binding");
    s->is_task_per_core = has_word(params, "CR_ONE_TASK_PER_CORE");
    s->is_least_loaded = s->p->part->info->lln || has_word(params, "CR_LLN");
    s->is_block = cores ? strncmp(cores, ":block", 6) == 0
                        : has_word(params, "CR_CORE_DEFAULT_DIST_BLOCK");
    s->takes_many_cuts = has_word(params, "MULTIPLE_SHARING_GRES_PJ");
    s->is_ranged = w->spread_job || (w->max_nodes != UINT32_MAX && w->max_nodes > w->min_nodes &&
                                     !w->use_min_nodes);
}

/* False: what it asks for cannot be read. */
static bool search_begin(struct search *s, const struct place *p, struct place_why *why)
{
    const struct job_wish *w = p->wish;
    uint32_t most = p->part->info->max_nodes ? p->part->info->max_nodes : UINT32_MAX;

    assert(w->ntasks > 0 && w->min_nodes > 0);
    *s = (struct search){
        .p = p,
        .w = w,
        .why = why,
        .mem = place_memory(p->c, p->part, w),
        .task_cpus = w->cpus_per_task.set && w->cpus_per_task.v ? w->cpus_per_task.v : 1,
        .threads = threads_of(w),
        .min_nodes = w->min_nodes,
        .max_nodes = w->max_nodes < most ? w->max_nodes : most,
        .is_whole = place_is_whole(p->c, p->part, w),
        .constraint = w->features,
    };
    if (gres_asks_read(p->c, w, &s->asks, NULL) < 0)
        return false;
    s->cpus_per_gpu = s->asks.n ? place_cpus_per_gpu(p->c, p->part, w) : 0;
    set_rules(s);
    name_set(p->c, w->req_nodes, &s->required, &s->required_n);
    name_set(p->c, w->exc_nodes, &s->excluded, NULL);
    return true;
}

static void search_end(struct search *s)
{
    bits_fini(&s->required);
    bits_fini(&s->excluded);
}

bool place_job(const struct place *p, struct placement *ret, struct place_why *why)
{
    struct place_why unused = { 0 };
    const char *prefer = p->wish->prefer ? p->wish->prefer : "";
    struct search s;

    if (!search_begin(&s, p, why ? why : &unused))
        return false;
    bool fits = (*prefer && try_choices(&s, prefer)) || try_choices(&s, p->wish->features);
    if (fits)
        give(&s, ret);
    search_end(&s);
    return fits;
}

/* With any of the choices. */
static bool could_serve(struct search *s, const struct node *n, struct spot *ret)
{
    for (s->choice = 0; s->choice < s->counts.choices; s->choice++)
        if (spot_look(s, n, ret))
            return true;
    return false;
}

bool place_any(const struct place *p)
{
    struct place_why unused = { 0 };
    struct search s;
    struct spot spot;
    bool is_one = p->wish->max_nodes == 1 || p->wish->ntasks == 1, is_found = false;

    if (!search_begin(&s, p, &unused))
        return false;
    s.constraint = p->wish->features;
    features_read(s.constraint, &s.counts);
    for (uint32_t i = 0; i < p->among_n && !is_found; i++)
        is_found = bits_test(&p->part->nodes, p->among[i]) &&
                   could_serve(&s, p->c->nodes[p->among[i]], &spot) &&
                   (!is_one || choose_is_enough(&s, &spot));
    search_end(&s);
    return is_found;
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
    features_read(s.constraint, &s.counts);
    r.nodes = arena_calloc(p->a, p->part->order_n + 1, sizeof *r.nodes);
    r.tasks = arena_calloc(p->a, p->part->order_n + 1, sizeof *r.tasks);
    for (uint32_t i = 0; i < p->part->order_n; i++) {
        if (!could_serve(&s, node_in(&s, i), &spot))
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

/* Only where one line of the node serves the ask: else any of them may. */
static void share_of_gres(const struct place *p, const struct node *n, uint32_t nodes,
                          struct room *share)
{
    struct gres_asks asks = { 0 };

    if (gres_asks_read(p->c, p->wish, &asks, NULL) < 0)
        return;
    for (uint32_t i = 0; i < asks.n; i++) {
        const struct gres_ask *ask = &asks.v[i];
        uint32_t tasks = (p->wish->ntasks + nodes - 1) / nodes, line = 0, serving = 0;
        uint64_t need = ask->per == GRES_PER_NODE   ? ask->count
                        : ask->per == GRES_PER_TASK ? gres_for_tasks(ask, tasks)
                                                    : (ask->count + nodes - 1) / nodes;
        for (uint32_t k = 0; k < n->gres.n; k++)
            if (gres_serves(ask, &n->gres.v[k])) {
                line = k;
                serving++;
            }
        if (serving == 1 && line < ROOM_GRES && need <= n->gres.v[line].count)
            share->gres[line] += (uint32_t)need;
    }
}

struct room place_share(const struct place *p, const struct node *n, uint32_t nodes)
{
    const struct job_wish *w = p->wish;
    struct mem_need mem = place_memory(p->c, p->part, w);
    struct room all = place_room_all(n);
    uint32_t each = w->cpus_per_task.set && w->cpus_per_task.v ? w->cpus_per_task.v : 1;
    uint32_t cpus = w->overcommit ? 1 : (w->ntasks + nodes - 1) / nodes * each;

    if (place_is_whole(p->c, p->part, w))
        return all;
    cpus = cpus < all.cpus ? cpus : all.cpus;
    struct room share = { .cpus = cpus, .mem_mb = share_of_memory(&mem, n, cpus) };
    share_of_gres(p, n, nodes, &share);
    return share;
}
