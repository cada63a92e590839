/* What one node could give: the filters, then tasks within CPUs, memory, sockets and devices. */
#include "core/search.h"

#include "core/cores.h"
#include "core/features.h"
#include "core/state.h"

#include <string.h>

static bool is_empty(const struct search *s)
{
    return s->p->when != PLACE_NOW;
}

/* What of the node may be used. */
static struct room room_of(const struct search *s, const struct node *n)
{
    const struct place *p = s->p;

    if (p->when == PLACE_THEN)
        return timeline_least(p->plan, n->index, p->from, p->until);
    if (p->when != PLACE_NOW)
        return place_room_all(n);
    struct room room = place_room_free(n);
    if (p->plan) {
        struct room left = timeline_least(p->plan, n->index, p->from, p->until);
        room_least(&room, &left);
    }
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

/* With --threads-per-core=1 of two, half of the CPUs run tasks; the others are held idle. */
uint32_t spot_working(const struct search *s, const struct node *n, uint32_t cpus)
{
    return s->threads && s->threads < n->threads ? cpus / n->threads * s->threads : cpus;
}

uint32_t spot_held(const struct search *s, const struct node *n, uint32_t working)
{
    uint32_t width = s->threads && s->threads < n->threads ? s->threads : n->threads;
    uint32_t cpus = (working + width - 1) / width * n->threads;

    cpus = width == n->threads ? working : cpus;
    return (cpus + n->unit - 1) / n->unit * n->unit;
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
    if (s->is_whole)
        return fed >= spot_working(s, n, n->cpus_all) ? cpus : 0;
    if (fed >= spot_working(s, n, cpus))
        return cpus;
    uint32_t held = spot_held(s, n, (uint32_t)fed);
    return spot_working(s, n, held) > fed ? held - n->unit : held;
}

uint32_t spot_each(const struct search *s, const struct node *n)
{
    bool is_lone = s->w->ntasks_per_core.set ? s->w->ntasks_per_core.v == 1 : s->is_task_per_core;
    uint32_t width = s->threads && s->threads < n->threads ? s->threads : n->threads;

    return is_lone && s->task_cpus < width ? width : s->task_cpus;
}

static uint32_t tasks_in(const struct search *s, const struct node *n, uint32_t cpus)
{
    uint32_t each = spot_each(s, n);
    uint32_t tasks = s->w->overcommit ? s->w->ntasks : spot_working(s, n, cpus) / each;
    uint32_t per_socket = s->w->ntasks_per_socket.set ? s->w->ntasks_per_socket.v : 0;

    if (per_socket && cores_sockets(n) == n->conf->sockets) {
        uint32_t by_socket[SOCKETS_MAX], sum = 0;
        cores_by_socket(n, is_empty(s), by_socket);
        for (uint32_t i = 0; i < cores_sockets(n); i++) {
            uint32_t here = spot_working(s, n, by_socket[i]) / each;
            sum += here < per_socket ? here : per_socket;
        }
        tasks = sum < tasks ? sum : tasks;
    }
    if (s->w->ntasks_per_node.set && s->w->ntasks_per_node.v && tasks > s->w->ntasks_per_node.v)
        tasks = s->w->ntasks_per_node.v;
    return tasks;
}

/* What the partition's rules leave: MaxCPUsPerNode counts all jobs of the partition. */
static uint32_t capped_cpus(const struct search *s, const struct node *n, uint32_t cpus)
{
    const struct part *p = s->p->part;
    uint32_t most = p->info->max_cpus_per_node.set ? p->info->max_cpus_per_node.v : 0;
    uint32_t used = 0;

    if (!most || most >= n->conf->cpus)
        return cpus;
    for (uint32_t i = 0; i < n->jobs.n && s->p->when == PLACE_NOW; i++) {
        const struct job *job = job_find(s->p->c, n->jobs.v[i]);
        if (strcmp(job->alloc->partition, p->info->name) == 0)
            used += alloc_cpus(alloc_find(job, n->index));
    }
    uint32_t left = used < most ? most - used : 0;
    left -= left % n->unit;
    return left < cpus ? left : cpus;
}

/* Of shares a job gets those of one GPU, unless the configuration says otherwise. */
static uint64_t shares_left(const struct search *s, const struct node *n,
                            const struct gres_line *line)
{
    uint64_t from = is_empty(s) ? line->units : gres_free_units(n, line), most = 0;

    for (uint32_t d = 0; d < GRES_DEVICES_MAX; d++) {
        uint32_t used = is_empty(s) ? 0 : line->cut[d].used;
        uint32_t left = from >> d & 1 ? line->cut[d].size - used : 0;
        most = left > most ? left : most;
    }
    return most;
}

static uint64_t look_at_gres(const struct search *s, const struct node *n,
                             const struct room *room, const struct gres_ask *ask)
{
    uint64_t sum = 0;

    for (uint32_t i = 0; i < n->gres.n; i++) {
        const struct gres_line *line = &n->gres.v[i];
        if (!gres_serves(ask, line))
            continue;
        uint64_t have = is_empty(s) ? line->count : gres_free(n, line);
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

static uint32_t need_of(const struct search *s, const struct node *n, uint32_t tasks,
                        uint32_t gpus)
{
    uint32_t cpus = s->w->overcommit ? 1 : tasks * spot_each(s, n);

    if (cpus < gpus * s->cpus_per_gpu)
        cpus = gpus * s->cpus_per_gpu;
    return spot_held(s, n, cpus);
}

uint32_t spot_need(const struct search *s, const struct node *n, uint32_t tasks, uint32_t gpus)
{
    uint32_t cpus = need_of(s, n, tasks, gpus);

    if (s->w->min_cpus_node.set && cpus < s->w->min_cpus_node.v)
        cpus = (s->w->min_cpus_node.v + n->unit - 1) / n->unit * n->unit;
    return cpus;
}

static uint32_t gpus_for(const struct search *s, uint32_t tasks)
{
    uint64_t sum = 0;

    for (uint32_t i = 0; i < s->asks.n; i++) {
        const struct gres_ask *ask = &s->asks.v[i];
        if (ask->is_gpu && ask->per != GRES_PER_JOB)
            sum += ask->per == GRES_PER_NODE ? ask->count : gres_for_tasks(ask, tasks);
    }
    return (uint32_t)sum;
}

/* CPUs of tasks count only near the devices: so many tasks, or fewer, with the devices that they
 * need.  (What --mincpus adds may be anywhere.) */
static bool near_fit(const struct search *s, struct spot *spot)
{
    for (; spot->tasks > 0; spot->tasks--) {
        uint32_t need = need_of(s, spot->node, spot->tasks, gpus_for(s, spot->tasks));
        if (need <= near_cpus(s, spot))
            return true;
    }
    return false;
}

/* Generic resources: enough for each node, or for so many tasks; what is asked for the whole job is
 * added up later. */
static bool gres_fit(const struct search *s, const struct room *room, struct spot *spot)
{
    uint64_t fed = fed_gpus(s, room, spot_working(s, spot->node, spot->cpus));

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
    return !s->is_near || near_fit(s, spot);
}

static void note(uint32_t *counter)
{
    ++*counter;
}

/* Nobody else's jobs beside one that owns the node. */
static bool is_shareable(const struct search *s, const struct node *n)
{
    if ((!n->owned && !s->is_owner) || s->p->when != PLACE_NOW)
        return true;
    for (uint32_t i = 0; i < n->jobs.n; i++)
        if (job_find(s->p->c, n->jobs.v[i])->uid != s->p->uid)
            return false;
    return true;
}

/* What falls out whatever is free. */
static bool passes(struct search *s, const struct node *n, struct spot *ret)
{
    struct place_why *why = s->why;

    if (!is_there(s, n) || !is_shareable(s, n))
        return note(&why->unusable), false;
    if (bits_test(&s->excluded, n->index))
        return note(&why->excluded), false;
    if (!features_match(s->constraint, node_features(n), s->choice, &ret->kinds))
        return note(&why->features), false;
    if (!hardware_fits(s->w, n->conf))
        return note(&why->hardware), false;
    return true;
}

bool spot_look(struct search *s, const struct node *n, struct spot *ret)
{
    struct place_why *why = s->why;

    *ret = (struct spot){ .node = n, .is_required = bits_test(&s->required, n->index) };
    note(&why->nodes);
    if (!passes(s, n, ret))
        return false;
    struct room room = room_of(s, n);
    bool is_alone = s->is_whole || (s->is_owner && s->p->when == PLACE_THEN);
    uint32_t cpus = is_alone && room.jobs > 0 ? 0 : capped_cpus(s, n, room.cpus);
    why->most_cpus = cpus > why->most_cpus ? cpus : why->most_cpus;
    why->most_mem_mb = node_memory(n) > why->most_mem_mb ? node_memory(n) : why->most_mem_mb;
    uint32_t fed = fed_cpus(s, n, room, cpus);
    if (fed == 0 && cpus > 0)
        return note(&why->memory), false;
    why->sum_cpus += fed;
    ret->cpus = fed;
    ret->tasks = tasks_in(s, n, fed);
    if (s->asks.n && ret->tasks && !gres_fit(s, &room, ret))
        return note(&why->gres), false;
    if (fed == 0 || ret->tasks == 0 || (s->w->min_cpus_node.set && fed < s->w->min_cpus_node.v))
        return note(&why->cpus), false;
    return true;
}
