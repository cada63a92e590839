/* Groups of nodes, and the choice of one; the idea is explained in topo.h. */
#include "core/topo.h"

#include "base/hostlist.h"
#include "base/xalloc.h"
#include "core/search.h"
#include "core/state.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

void topo_fini(struct topo *t)
{
    for (uint32_t i = 0; i < t->n; i++)
        bits_fini(&t->v[i].nodes);
    free(t->v);
    free(t->leaf);
    *t = (struct topo){ 0 };
}

static struct topo_group *find(const struct topo *t, const char *name)
{
    for (uint32_t i = 0; i < t->n; i++)
        if (strcmp(t->v[i].name, name) == 0)
            return &t->v[i];
    return NULL;
}

static void add_nodes(const struct core *c, struct topo_group *g, const char *list, struct arena *a)
{
    struct hostlist names = { 0 };

    if (hostlist_expand(a, list, &names, NULL) < 0)
        return;
    for (uint32_t i = 0; i < names.n; i++) {
        const struct node *n = node_find(c, names.v[i]);
        if (n)
            bits_set(&g->nodes, n->index);
    }
}

/* A switch above others, once all of them are known; false: some are not yet. */
static bool add_upper(const struct core *c, const struct topo_switch *s, struct topo_group *ret,
                      struct arena *a)
{
    struct hostlist names = { 0 };

    if (hostlist_expand(a, s->switches, &names, NULL) < 0)
        return false;
    for (uint32_t i = 0; i < names.n; i++) {
        const struct topo_group *below = find(&c->topo, names.v[i]);
        if (!below)
            return false;
        bits_or(&ret->nodes, &below->nodes);
        ret->level = below->level + 1 > ret->level ? below->level + 1 : ret->level;
    }
    return true;
}

/* Those that can be made now; false: none was. */
static bool add_round(struct core *c, struct arena *a)
{
    bool is_any = false;

    for (uint32_t i = 0; i < c->conf->switches.n; i++) {
        const struct topo_switch *s = &c->conf->switches.v[i];
        struct topo_group g = { .name = intern(&c->names, s->name) };
        if (find(&c->topo, s->name))
            continue;
        bits_init(&g.nodes, c->node_count);
        bool is_known = true;
        if (s->nodes && *s->nodes)
            add_nodes(c, &g, s->nodes, a);
        else
            is_known = add_upper(c, s, &g, a);
        if (is_known)
            c->topo.v[c->topo.n++] = g;
        else
            bits_fini(&g.nodes);
        is_any |= is_known;
    }
    return is_any;
}

/* Blocks side by side form larger ones, twice the size each time: a job spans neighbours. */
static void join_blocks(struct core *c)
{
    struct topo *t = &c->topo;
    uint32_t blocks = t->n;

    for (uint32_t width = 2, level = 1; width / 2 < blocks; width *= 2, level++)
        for (uint32_t i = 0; i < blocks; i += width) {
            struct topo_group g = { .name = "", .level = level };
            bits_init(&g.nodes, c->node_count);
            for (uint32_t k = i; k < i + width && k < blocks; k++)
                bits_or(&g.nodes, &t->v[k].nodes);
            t->v[t->n++] = g;
        }
}

static int by_level(const void *a, const void *b)
{
    const struct topo_group *x = a, *y = b;

    return x->level != y->level ? (x->level < y->level ? -1 : 1) : strcmp(x->name, y->name);
}

void topo_configure(struct core *c)
{
    struct topo *t = &c->topo;
    struct arena a = { 0 };
    const char *param = c->conf->topology_param;

    topo_fini(t);
    if (c->conf->switches.n == 0)
        return;
    t->v = xcalloc(3 * (size_t)c->conf->switches.n + 64, sizeof *t->v);
    t->is_block = strcasecmp(c->conf->topology, "block") == 0;
    t->is_optional = param && strcasestr(param, "TopoOptional");
    while (add_round(c, &a))
        ;
    if (t->is_block)
        join_blocks(c);
    else
        qsort(t->v, t->n, sizeof *t->v, by_level);
    t->leaf = xcalloc(c->node_count + 1, sizeof *t->leaf);
    for (uint32_t i = 0; i < c->node_count; i++)
        t->leaf[i] = TOPO_NONE;
    for (uint32_t i = 0; i < t->n; i++)
        BITS_FOREACH(k, &t->v[i].nodes)
            if (t->v[i].level == 0)
                t->leaf[k] = i;
    arena_fini(&a);
}

bool topo_matters(const struct search *s)
{
    const struct topo *t = &s->p->c->topo;

    return t->n > 0 && !s->w->contiguous && !(t->is_optional && !s->w->switches);
}

/* What the spots of a group add up to. */
struct offer {
    uint32_t group, spots;
    uint64_t tasks;
};

static int by_fit(const void *a, const void *b, void *ctx)
{
    const struct offer *x = a, *y = b;
    const struct topo *t = ctx;

    if (t->v[x->group].level != t->v[y->group].level)
        return t->v[x->group].level < t->v[y->group].level ? -1 : 1;
    if (x->spots != y->spots)
        return x->spots < y->spots ? -1 : 1;
    return x->group < y->group ? -1 : 1;
}

static void add_offer(struct offer *o, const struct spot *spot)
{
    o->spots++;
    o->tasks += spot->tasks;
}

/* Leaves are added up by their nodes; the few groups above them are asked node by node. */
static uint32_t list_offers(const struct search *s, const struct topo *t, struct offer *ret)
{
    uint32_t n = 0;

    for (uint32_t i = 0; i < t->n; i++)
        ret[i] = (struct offer){ .group = i };
    for (uint32_t k = 0; k < s->n; k++)
        if (t->leaf[s->spots[k].node->index] != TOPO_NONE)
            add_offer(&ret[t->leaf[s->spots[k].node->index]], &s->spots[k]);
    for (uint32_t i = 0; i < t->n; i++)
        for (uint32_t k = 0; k < s->n && t->v[i].level > 0; k++)
            if (bits_test(&t->v[i].nodes, s->spots[k].node->index))
                add_offer(&ret[i], &s->spots[k]);
    for (uint32_t i = 0; i < t->n; i++)
        if (ret[i].spots >= s->min_nodes && ret[i].tasks >= s->w->ntasks)
            ret[n++] = ret[i];
    return n;
}

static uint32_t leaf_of(const struct topo *t, const struct spot *spot)
{
    uint32_t leaf = t->leaf[spot->node->index];

    return leaf == TOPO_NONE ? t->n : leaf;
}

static int by_tasks(const void *a, const void *b)
{
    const struct offer *x = a, *y = b;

    return x->tasks != y->tasks ? (x->tasks > y->tasks ? -1 : 1) : x->group < y->group ? -1 : 1;
}

/* Leaves with most tasks come first, so few are needed; with segments only whole ones count. */
static void rank_leaves(struct search *s, const struct topo *t)
{
    struct offer *leaves = arena_calloc(s->p->a, t->n + 1, sizeof *leaves);
    uint32_t *rank = arena_calloc(s->p->a, t->n + 1, sizeof *rank);
    uint32_t *left = arena_calloc(s->p->a, t->n + 1, sizeof *left), kept = 0;

    for (uint32_t i = 0; i <= t->n; i++)
        leaves[i].group = i;
    for (uint32_t i = 0; i < s->n; i++)
        add_offer(&leaves[leaf_of(t, &s->spots[i])], &s->spots[i]);
    for (uint32_t i = 0; i <= t->n; i++)
        left[i] = leaves[i].spots - (s->w->segment ? leaves[i].spots % s->w->segment : 0);
    qsort(leaves, t->n + 1, sizeof *leaves, by_tasks);
    for (uint32_t i = 0; i <= t->n; i++)
        rank[leaves[i].group] = i;
    for (uint32_t i = 0; i < s->n; i++) {
        uint32_t leaf = leaf_of(t, &s->spots[i]);
        if (left[leaf] == 0)
            continue;
        left[leaf]--;
        s->spots[kept] = s->spots[i];
        s->spots[kept++].rank = rank[leaf];
    }
    s->n = kept;
}

/* What a choice must have besides: few leaves, whole segments. */
static bool is_allowed(const struct search *s, const struct topo *t)
{
    struct bits leaves;
    uint32_t n;

    if (s->w->segment && s->n % s->w->segment)
        return false;
    if (s->w->switches == 0 || s->p->is_late)
        return true;
    bits_init(&leaves, t->n + 1);
    for (uint32_t i = 0; i < s->n; i++)
        bits_set(&leaves, leaf_of(t, &s->spots[i]));
    n = bits_count(&leaves);
    bits_fini(&leaves);
    return n <= s->w->switches;
}

bool topo_choose(struct search *s, uint32_t most, bool (*take)(struct search *s, uint32_t most))
{
    const struct topo *t = &s->p->c->topo;
    struct offer *offers = arena_calloc(s->p->a, t->n + 1, sizeof *offers);
    struct spot *all = arena_memdup(s->p->a, s->spots, s->n * sizeof *all);
    uint32_t n = s->n, count = list_offers(s, t, offers);

    qsort_r(offers, count, sizeof *offers, by_fit, (void *)(uintptr_t)t);
    for (uint32_t i = 0; i < count; i++) {
        s->n = 0;
        for (uint32_t k = 0; k < n; k++)
            if (bits_test(&t->v[offers[i].group].nodes, all[k].node->index))
                s->spots[s->n++] = all[k];
        rank_leaves(s, t);
        if (s->n >= s->min_nodes && take(s, most) && is_allowed(s, t))
            return true;
    }
    return false;
}
