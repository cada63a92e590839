/* What jobs ask for by name: generic resources, licenses, reservations.  A name that the
 * configuration does not know, or more than there is of it, can never be given, so it is refused
 * at once.  Both sides are lists of the same form, so one reader serves both. */
#include "core/known.h"

#include "core/state.h"

#include <stdlib.h>
#include <string.h>

/* A word inside a list. */
struct word {
    const char *s;
    size_t len;
};

/* One piece of a list: "gpu", "gpu:2", "gpu:a100:2", "matlab=3". */
struct piece {
    struct word name, type; /* type.len 0: any */
    uint64_t count;
};

static bool is_same(struct word a, struct word b)
{
    return a.len == b.len && strncmp(a.s, b.s, a.len) == 0;
}

/* The next field of a piece; what follows '(' says where the resource sits, not how much of it. */
static struct word next_field(const char **at)
{
    struct word w = { *at, strcspn(*at, ":=,;|(") };

    *at += w.len;
    *at += **at == ':' || **at == '=';
    return w;
}

static uint64_t read_count(struct word w)
{
    static const char units[] = "kmgt";
    char *end;
    uint64_t n = strtoull(w.s, &end, 10);
    const char *unit = end < w.s + w.len ? strchr(units, *end | 0x20) : NULL;

    return unit ? n << 10 * (unit - units + 1) : n;
}

/* False at the end of the list. */
static bool next_piece(const char **list, struct piece *ret)
{
    const char *at = *list + strspn(*list, ",;|");

    if (!*at)
        return false;
    *list = at + strcspn(at, ",;|");
    if (strncmp(at, "gres:", 5) == 0 || strncmp(at, "gres/", 5) == 0)
        at += 5;
    *ret = (struct piece){ .name = next_field(&at), .count = 1 };
    for (struct word w; at < *list && (w = next_field(&at)).len > 0;) {
        if (*w.s >= '0' && *w.s <= '9')
            ret->count = read_count(w);
        else
            ret->type = w;
    }
    return true;
}

/* How much of it a configured list has; 0 also when the name is missing. */
static uint64_t count_in(const char *list, const struct piece *want)
{
    struct piece have;
    uint64_t sum = 0;

    while (list && next_piece(&list, &have))
        if (is_same(have.name, want->name) && (!want->type.len || is_same(have.type, want->type)))
            sum += have.count;
    return sum;
}

int known_gres(const struct core *c, const char *list, const char *option, struct err *e)
{
    const char *types = c->conf->gres_types && *c->conf->gres_types ? c->conf->gres_types : "none";
    struct piece want;

    for (const char *at = list; at && next_piece(&at, &want);) {
        struct piece bare = { .name = want.name };
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

static int check_licenses(const struct core *c, const char *list, struct err *e)
{
    const char *have = c->conf->licenses && *c->conf->licenses ? c->conf->licenses : "none";
    struct piece want;

    for (const char *at = list; at && next_piece(&at, &want);) {
        uint64_t count = count_in(c->conf->licenses, &want);
        if (count < want.count)
            return err_set(e, ESLURM_INVALID_LICENSES,
                           "asked: -L %.80s\nlicenses of this cluster: %.120s", list, have);
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
    };
    int r = check_licenses(c, w->licenses, e);

    for (size_t i = 0; r == 0 && i < sizeof gres / sizeof gres[0]; i++)
        r = known_gres(c, gres[i].list, gres[i].option, e);
    if (r == 0 && w->reservation && *w->reservation)
        r = err_set(e, ESLURM_RESERVATION_INVALID, "asked: --reservation=%.100s\nthere are none",
                    w->reservation);
    return r;
}
