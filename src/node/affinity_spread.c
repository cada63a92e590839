/* Automatic masks.  Each task in turn takes its CPUs: a socket is chosen by the second word of
 * --distribution, a core in it by the third, and the threads of a core stay together unless the
 * words say "fcyclic".  When every CPU of the step is taken, the next task begins anew. */
#include "node/affinity.h"

struct spreading {
    const struct affinity_spread *s;
    struct bits free; /* CPUs of the step that nobody has taken in this round */
    uint32_t socket;  /* where the last CPU came from */
    int64_t core;     /* -1: none yet */
};

static uint32_t group_of(const struct host_topology *t, enum affinity_level level, uint32_t cpu)
{
    switch (level) {
    case LEVEL_CORE:
        return t->core.v[cpu];
    case LEVEL_SOCKET:
        return t->socket.v[cpu];
    case LEVEL_NUMA:
        return t->numa.v[cpu];
    default:
        return cpu;
    }
}

void affinity_widen(const struct affinity_spread *s, struct bits *set)
{
    struct bits wide;

    bits_init(&wide, set->n);
    BITS_FOREACH(taken, set)
        BITS_FOREACH(cpu, s->cpus)
            if (group_of(s->topology, s->level, (uint32_t)cpu) ==
                group_of(s->topology, s->level, (uint32_t)taken))
                bits_set(&wide, (uint32_t)cpu);
    bits_or(set, &wide);
    bits_fini(&wide);
}

/* A free CPU of a socket: the first one, or the first of the core that has most of them free.  The
 * threads of a core follow each other in the order of ids.  -1: none. */
static int64_t free_in(const struct spreading *w, uint32_t socket, bool of_emptiest)
{
    const struct host_topology *t = w->s->topology;
    int64_t best = -1, first = -1;
    uint32_t most = 0, run = 0;

    BITS_FOREACH(cpu, &w->free) {
        if (t->socket.v[cpu] != socket)
            continue;
        bool is_new_core = first < 0 || t->core.v[cpu] != t->core.v[first];
        first = is_new_core ? cpu : first;
        run = is_new_core ? 1 : run + 1;
        if (run > most) {
            most = run;
            best = first;
        }
        if (!of_emptiest)
            return cpu;
    }
    return best;
}

/* A free CPU of this core, or -1. */
static int64_t free_of_core(const struct spreading *w, int64_t core)
{
    BITS_FOREACH(cpu, &w->free)
        if (w->s->topology->core.v[cpu] == core)
            return cpu;
    return -1;
}

/* The nearest socket with a free CPU, from this one on. */
static uint32_t socket_from(const struct spreading *w, uint32_t socket)
{
    const struct host_topology *t = w->s->topology;
    uint32_t sockets = t->socket.v[t->os.n - 1] + 1;

    for (uint32_t i = 0; i < sockets; i++)
        if (free_in(w, (socket + i) % sockets, false) >= 0)
            return (socket + i) % sockets;
    return socket;
}

/* Where the first CPU of a task comes from. */
static int64_t first_cpu(struct spreading *w, bool is_first_task)
{
    bool moves = !is_first_task && w->s->sockets != ORDER_BLOCK;

    w->socket = socket_from(w, w->socket + moves);
    return free_in(w, w->socket, w->s->cores != ORDER_BLOCK);
}

/* Where the next one comes from: the same core as long as it has any, then the next core. */
static int64_t next_cpu(struct spreading *w)
{
    const struct affinity_spread *s = w->s;
    bool stays = s->sockets != ORDER_FCYCLIC && s->cores != ORDER_FCYCLIC;
    int64_t cpu = stays ? free_of_core(w, w->core) : -1;

    if (cpu >= 0)
        return cpu;
    w->socket = socket_from(w, w->socket + (s->sockets == ORDER_FCYCLIC));
    return free_in(w, w->socket, s->cores != ORDER_BLOCK);
}

static void take(struct spreading *w, int64_t cpu, struct bits *set)
{
    bits_clear(&w->free, (uint32_t)cpu);
    bits_set(set, (uint32_t)cpu);
    w->core = w->s->topology->core.v[cpu];
}

static void refill(struct spreading *w)
{
    bits_copy(&w->free, w->s->cpus);
    w->core = -1;
}

void affinity_spread(const struct affinity_spread *s, struct affinity_task *tasks, uint32_t n)
{
    struct spreading w = { .s = s, .core = -1 };
    uint32_t all = bits_count(s->cpus);

    bits_init(&w.free, s->cpus->n);
    refill(&w);
    for (uint32_t i = 0; i < n; i++) {
        if (bits_count(&w.free) < s->cpus_per_task)
            refill(&w);
        take(&w, first_cpu(&w, i == 0), &tasks[i].cpus);
        for (uint32_t c = 1; c < s->cpus_per_task && c < all; c++)
            take(&w, next_cpu(&w), &tasks[i].cpus);
        affinity_widen(s, &tasks[i].cpus);
    }
    bits_fini(&w.free);
}
