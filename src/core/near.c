/* Which devices of a node: those whose sockets have the CPUs that the job needs with them. */
#include "core/search.h"

#include "core/cores.h"
#include "core/state.h"

#include <string.h>

/* Free devices of a name on a node, by the sockets that they are near to. */
struct shelf {
    uint64_t units[GRES_LINES_MAX], sockets[GRES_LINES_MAX];
    uint32_t n;
};

static struct shelf shelf_of(const struct search *s, const struct node *n,
                             const struct gres_ask *ask)
{
    struct shelf all = { .n = 0 };

    for (uint32_t i = 0; i < n->gres.n; i++) {
        const struct gres_line *line = &n->gres.v[i];
        uint64_t units = s->p->when == PLACE_NOW ? gres_free_units(n, line) : line->units;
        if (!gres_serves(ask, line) || !units || line->cut)
            continue;
        all.units[all.n] = units;
        all.sockets[all.n++] = line->sockets;
    }
    return all;
}

static uint32_t count(uint64_t v)
{
    return (uint32_t)__builtin_popcountll(v);
}

/* All from one place, when it has enough devices and CPUs. */
static bool from_one(const struct shelf *all, uint64_t want, uint32_t cpus,
                     const uint32_t *by_socket, uint32_t sockets, struct near *ret)
{
    for (uint32_t i = 0; i < all->n; i++)
        if (count(all->units[i]) >= want &&
            cores_near(by_socket, sockets, all->sockets[i]) >= cpus) {
            *ret = (struct near){ all->units[i], all->sockets[i] };
            return true;
        }
    return false;
}

/* Place by place, each time the one that adds most CPUs; a place without sockets is near to all. */
static struct near from_many(const struct shelf *from, uint64_t want, const uint32_t *by_socket,
                             uint32_t sockets)
{
    struct shelf all = *from;
    struct near got = { 0 };
    uint64_t covered = 0;

    while (want > 0) {
        uint32_t best = all.n, most = 0;
        for (uint32_t i = 0; i < all.n; i++) {
            uint64_t more = (all.sockets[i] ? all.sockets[i] : UINT64_MAX) & ~covered;
            uint32_t adds = 1 + (more ? cores_near(by_socket, sockets, more) : 0);
            if (all.units[i] && adds > most) {
                most = adds;
                best = i;
            }
        }
        if (best == all.n)
            return got;
        uint64_t unit = all.units[best] & -all.units[best];
        got.units |= unit;
        covered |= all.sockets[best] ? all.sockets[best] : UINT64_MAX;
        all.units[best] &= ~unit;
        want--;
    }
    got.sockets = covered == UINT64_MAX ? 0 : covered;
    return got;
}

struct near near_pick(const struct search *s, const struct node *n, const struct gres_ask *ask,
                      uint64_t want, uint32_t cpus)
{
    uint32_t by_socket[SOCKETS_MAX], sockets = cores_sockets(n);
    struct shelf all = shelf_of(s, n, ask);
    struct near got = { 0 };

    cores_by_socket(n, s->p->when != PLACE_NOW, by_socket);
    if (!from_one(&all, want, cpus, by_socket, sockets, &got))
        return from_many(&all, want, by_socket, sockets);
    uint64_t units = got.units;
    for (got.units = 0; want > 0 && units; want--, units &= units - 1)
        got.units |= units & -units;
    return got;
}

uint32_t near_cpus(const struct search *s, const struct spot *spot)
{
    const struct node *n = spot->node;
    uint32_t by_socket[SOCKETS_MAX], sockets = cores_sockets(n), most = UINT32_MAX;

    cores_by_socket(n, s->p->when != PLACE_NOW, by_socket);
    for (uint32_t i = 0; i < s->asks.n; i++) {
        const struct gres_ask *ask = &s->asks.v[i];
        struct shelf all = shelf_of(s, n, ask);
        uint64_t want =
            ask->per == GRES_PER_NODE ? ask->count : gres_for_tasks(ask, spot->tasks);
        if (!all.n || ask->per == GRES_PER_JOB)
            continue;
        uint64_t near = from_many(&all, want, by_socket, sockets).sockets;
        uint32_t cpus = cores_near(by_socket, sockets, near);
        most = cpus < most ? cpus : most;
    }
    return most;
}
