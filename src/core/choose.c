/* Which of the nodes that could be used are taken.
 *
 * First the fewest of the best in order of weight.  Where that takes more nodes than the job may
 * have, a search looks at every choice, within a budget of steps. */
#include "core/search.h"

#include "core/state.h"
#include "core/topo.h"

#include <stdlib.h>
#include <string.h>

#define CHOOSE_STEPS_MAX 20000u /* of the search; what takes longer does not fit */
#define CHOOSE_DEPTH_MAX 512u

/* What a choice of nodes adds up to. */
struct tally {
    uint32_t n, required;
    uint64_t tasks;
    uint64_t gres[GRES_ASKS_MAX];
    uint32_t kinds[1u << FEATURE_COUNTS_MAX]; /* nodes by the counts that they add to */
};

static void tally_add(const struct search *s, struct tally *t, const struct spot *spot)
{
    t->n++;
    t->required += spot->is_required;
    t->tasks += spot->tasks;
    t->kinds[spot->kinds]++;
    for (uint32_t i = 0; i < s->asks.n; i++)
        t->gres[i] += spot->gres[i];
}

static bool is_per_job(const struct search *s, uint32_t ask)
{
    return s->asks.v[ask].per == GRES_PER_JOB;
}

/* Every node adds to one count: so for any of the counts together there are enough nodes of any. */
static bool counts_met(const struct features *f, const struct tally *t)
{
    for (uint32_t set = 1; set < 1u << f->counts_n; set++) {
        uint32_t want = 0, have = 0;
        for (uint32_t i = 0; i < f->counts_n; i++)
            want += set >> i & 1 ? f->counts[i] : 0;
        for (uint32_t kinds = 1; kinds < 1u << f->counts_n; kinds++)
            have += kinds & set ? t->kinds[kinds] : 0;
        if (have < want)
            return false;
    }
    return true;
}

static bool is_met(const struct search *s, const struct tally *t)
{
    if (t->n < s->min_nodes || t->required < s->required_n || t->tasks < s->w->ntasks)
        return false;
    for (uint32_t i = 0; i < s->asks.n; i++)
        if (is_per_job(s, i) && t->gres[i] < s->asks.v[i].count)
            return false;
    return s->counts.counts_n == 0 || counts_met(&s->counts, t);
}

/* Each node gets one of everything that is dealt, so there are no more nodes than of the rarest. */
static uint32_t most_nodes(const struct search *s)
{
    uint64_t most = s->max_nodes;
    uint32_t tasks = s->w->ntasks > s->min_nodes ? s->w->ntasks : s->min_nodes;

    if ((s->w->has_ntasks || s->w->spread_job) && tasks < most)
        most = tasks;
    for (uint32_t i = 0; i < s->asks.n; i++)
        if (is_per_job(s, i) && s->asks.v[i].count < most)
            most = s->asks.v[i].count;
    return (uint32_t)most;
}

bool choose_is_enough(const struct search *s, const struct spot *spot)
{
    struct tally t = { 0 };

    if (spot->tasks < s->w->ntasks)
        return false;
    tally_add(s, &t, spot);
    return is_met(s, &t);
}

/* Required nodes first, then by rank, then by weight. */
static int by_standing(const struct spot *x, const struct spot *y)
{
    uint32_t wx = node_weight(x->node), wy = node_weight(y->node);

    if (x->is_required != y->is_required)
        return x->is_required ? -1 : 1;
    if (x->rank != y->rank)
        return x->rank < y->rank ? -1 : 1;
    return wx < wy ? -1 : wx > wy;
}

static int least_loaded(const void *a, const void *b)
{
    const struct spot *x = a, *y = b;
    int standing = by_standing(x, y);

    if (standing)
        return standing;
    if (x->cpus != y->cpus)
        return x->cpus > y->cpus ? -1 : 1;
    return x->node->index < y->node->index ? -1 : 1;
}

static int better(const void *a, const void *b)
{
    const struct spot *x = a, *y = b;
    int standing = by_standing(x, y);

    if (standing)
        return standing;
    if (x->tasks != y->tasks)
        return x->tasks > y->tasks ? -1 : 1;
    return x->node->index < y->node->index ? -1 : 1;
}

/* The search: what it has taken, and the most that each spot from here on offers. */
struct exact {
    const struct search *s;
    const struct spot *v;
    uint32_t n, most, steps;
    uint32_t taken[CHOOSE_DEPTH_MAX];
    struct tally *best_left; /* by place: per dimension the largest single offer from here on */
};

static void fill_best_left(struct exact *x)
{
    for (uint32_t i = x->n; i-- > 0;) {
        struct tally *here = &x->best_left[i], one = { 0 };
        *here = x->best_left[i + 1];
        tally_add(x->s, &one, &x->v[i]);
        here->tasks = one.tasks > here->tasks ? one.tasks : here->tasks;
        here->required += one.required;
        for (uint32_t k = 0; k < x->s->asks.n; k++)
            here->gres[k] = one.gres[k] > here->gres[k] ? one.gres[k] : here->gres[k];
    }
}

/* Could `more` spots from place i on make up for what is lacking, were each the best? */
static bool is_hopeful(const struct exact *x, const struct tally *t, uint32_t i)
{
    uint32_t more = x->most - t->n < x->n - i ? x->most - t->n : x->n - i;
    const struct tally *best = &x->best_left[i];
    struct tally sum = *t;

    sum.n += more;
    sum.tasks += best->tasks * more;
    sum.required += best->required;
    sum.kinds[(1u << x->s->counts.counts_n) - 1] += more;
    for (uint32_t k = 0; k < x->s->asks.n; k++)
        sum.gres[k] += best->gres[k] * more;
    return is_met(x->s, &sum);
}

static bool are_alike(const struct search *s, const struct spot *a, const struct spot *b)
{
    return a->tasks == b->tasks && a->is_required == b->is_required && a->kinds == b->kinds &&
           memcmp(a->gres, b->gres, s->asks.n * sizeof *a->gres) == 0;
}

/* Tries the spots from place i on, one after the other, with all that follow from each. */
static bool try_from(struct exact *x, const struct tally *t, uint32_t i)
{
    const struct spot *last = NULL;

    if (is_met(x->s, t))
        return true;
    if (t->n == x->most || t->n == CHOOSE_DEPTH_MAX)
        return false;
    for (; i < x->n && is_hopeful(x, t, i); i++) {
        struct tally with = *t;
        if (last && are_alike(x->s, last, &x->v[i]))
            continue;
        if (++x->steps > CHOOSE_STEPS_MAX)
            return false;
        last = &x->v[i];
        x->taken[t->n] = i;
        tally_add(x->s, &with, last);
        if (try_from(x, &with, i + 1))
            return true;
    }
    return false;
}

static int by_size(const void *a, const void *b)
{
    const struct spot *x = a, *y = b;

    if (x->is_required != y->is_required)
        return x->is_required ? -1 : 1;
    if (x->tasks != y->tasks)
        return x->tasks > y->tasks ? -1 : 1;
    if (x->kinds != y->kinds)
        return x->kinds > y->kinds ? -1 : 1;
    int order = memcmp(x->gres, y->gres, sizeof x->gres);
    return order ? order : x->node->index < y->node->index ? -1 : 1;
}

/* Every choice of at most so many nodes. */
static bool choose_exactly(struct search *s, uint32_t most)
{
    struct exact x = { .s = s, .v = s->spots, .n = s->n, .most = most };
    struct tally none = { 0 };

    qsort(s->spots, s->n, sizeof *s->spots, by_size);
    x.best_left = arena_calloc(s->p->a, s->n + 1, sizeof *x.best_left);
    fill_best_left(&x);
    if (!try_from(&x, &none, 0))
        return false;
    struct tally t = { 0 };
    while (!is_met(s, &t)) {
        tally_add(s, &t, &s->spots[x.taken[t.n]]);
        s->spots[t.n - 1] = s->spots[x.taken[t.n - 1]];
    }
    s->n = t.n;
    return true;
}

/* Moves the spot at `from` up to `to`; those between keep their order. */
static void move_up(struct spot *v, uint32_t to, uint32_t from)
{
    struct spot spot = v[from];

    memmove(&v[to + 1], &v[to], (from - to) * sizeof *v);
    v[to] = spot;
}

/* The nodes that counts need come first; of those, the ones that add to nothing else. */
static void counted_first(struct search *s)
{
    uint32_t at = 0;

    for (uint32_t k = 0; k < s->counts.counts_n; k++) {
        uint32_t left = s->counts.counts[k];
        for (int lone = 1; lone >= 0; lone--)
            for (uint32_t i = at; i < s->n && left > 0; i++) {
                bool is_lone = s->spots[i].kinds == 1u << k;
                if (!(s->spots[i].kinds >> k & 1) || is_lone != lone)
                    continue;
                move_up(s->spots, at++, i);
                left--;
            }
    }
}

static int by_index(const void *a, const void *b)
{
    const struct spot *x = a, *y = b;

    return x->node->index < y->node->index ? -1 : 1;
}

/* --contiguous: neighbours in the order of slurm.conf; the shortest run that will do. */
static bool choose_run(struct search *s, uint32_t most)
{
    uint32_t best = UINT32_MAX, at = 0;

    qsort(s->spots, s->n, sizeof *s->spots, by_index);
    for (uint32_t i = 0; i < s->n; i++) {
        struct tally t = { 0 };
        for (uint32_t k = i; k < s->n && t.n < most && !is_met(s, &t); k++) {
            if (k > i && s->spots[k].node->index != s->spots[k - 1].node->index + 1)
                break;
            tally_add(s, &t, &s->spots[k]);
        }
        if (is_met(s, &t) && t.n < best) {
            best = t.n;
            at = i;
        }
    }
    if (best == UINT32_MAX)
        return false;
    while (s->is_ranged && best < most && at + best < s->n &&
           s->spots[at + best].node->index == s->spots[at + best - 1].node->index + 1)
        best++;
    memmove(s->spots, s->spots + at, best * sizeof *s->spots);
    s->n = best;
    return true;
}

/* The fewest, or with a range of node counts the most, of the best. */
static bool choose_best(struct search *s, uint32_t most)
{
    struct tally t = { 0 };

    qsort(s->spots, s->n, sizeof *s->spots, s->is_least_loaded ? least_loaded : better);
    if (s->counts.counts_n)
        counted_first(s);
    while (t.n < s->n && !is_met(s, &t))
        tally_add(s, &t, &s->spots[t.n]);
    if (!is_met(s, &t))
        return false;
    if (t.n > most)
        return choose_exactly(s, most);
    s->n = s->is_ranged && most < s->n ? most : s->is_ranged ? s->n : t.n;
    return true;
}

bool choose(struct search *s)
{
    uint32_t most = most_nodes(s);

    if (s->n < s->min_nodes || most < s->min_nodes)
        return false;
    if (topo_matters(s))
        return topo_choose(s, most, choose_best);
    return s->w->contiguous ? choose_run(s, most) : choose_best(s, most);
}
