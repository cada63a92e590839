/* What jobs ask for by name: generic resources, licenses, reservations.  A name that the
 * configuration does not know, or more than there is of it, can never be given, so it is refused
 * at once.  Both sides are lists of the same form, so one reader serves both. */
#include "core/known.h"

#include "core/gres.h"
#include "core/state.h"

#include <stdlib.h>
#include <string.h>

/* How much of it a configured list has; 0 also when the name is missing. */
static uint64_t count_in(const char *list, const struct gres_piece *want)
{
    struct gres_piece have;
    uint64_t sum = 0;

    while (list && gres_next(&list, &have))
        if (gres_same(have.name, want->name) &&
            (!want->type.len || gres_same(have.type, want->type)))
            sum += have.count;
    return sum;
}

int known_gres(const struct core *c, const char *list, const char *option, struct err *e)
{
    const char *types = c->conf->gres_types && *c->conf->gres_types ? c->conf->gres_types : "none";
    struct gres_piece want;

    for (const char *at = list; at && gres_next(&at, &want);) {
        struct gres_piece bare = { .name = want.name };
        bool is_there = false;
        for (uint32_t i = 0; i < c->node_count && !is_there; i++)
            is_there = !c->nodes[i]->is_gone && count_in(c->nodes[i]->conf->gres, &want) > 0;
        if (!count_in(types, &bare))
            return err_set(e, ESLURM_INVALID_GRES,
                           "asked: %s=%.80s\nresources of this cluster (GresTypes): %.80s", option,
                           list, types);
        if (!is_there)
            return err_set(e, ESLURM_INVALID_GRES, "asked: %s=%.100s\nno node has such a resource",
                           option, list);
    }
    return 0;
}

int known_check(const struct core *c, const struct job_wish *w, struct err *e)
{
    const struct {
        const char *list, *option;
    } gres[] = {
        { w->tres_per_node, "--gres" },
        { w->tres_per_job, "--gpus" },
        { w->tres_per_task, "--gpus-per-task" },
        { w->tres_per_socket, "--gpus-per-socket" },
    };
    int r = license_check(c, w->licenses, e);

    for (size_t i = 0; r == 0 && i < sizeof gres / sizeof gres[0]; i++)
        r = known_gres(c, gres[i].list, gres[i].option, e);
    if (r == 0 && w->reservation && *w->reservation)
        r = err_set(e, ESLURM_RESERVATION_INVALID, "asked: --reservation=%.100s\nthere are none",
                    w->reservation);
    return r;
}
