/* The fair-share tree as sshare shows it: users before accounts, by name, each group below its
 * account. */
#include "core/fairshare.h"
#include "core/state.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

struct tree {
    const struct core *c;
    struct arena *a;
    const struct assoc **assoc_of; /* by place; NULL: no rule book, or nobody's */
    uint32_t *order;               /* places, by parent and name */
    uint32_t *first;               /* of each place: where its members begin in order */
    uint32_t n;
    struct share_infos *ret;
};

static int by_parent(const void *a, const void *b, void *fs)
{
    const struct share *x = fairshare_at(fs, *(const uint32_t *)a);
    const struct share *y = fairshare_at(fs, *(const uint32_t *)b);

    if (x->parent != y->parent)
        return x->parent < y->parent ? -1 : 1;
    if (x->is_user != y->is_user)
        return x->is_user ? -1 : 1;
    return strcmp(x->name, y->name);
}

/* What is still to run, or what was used, of everything that is tracked. */
static char *amounts(const struct tree *t, const struct assoc *as, bool is_used)
{
    struct amounts v = { 0 };
    const struct load *load = as->owner.now.sums;

    for (uint32_t i = 0; i < t->c->tres.n; i++) {
        __int128 s = load ? load->ends[i] - (__int128)load->tres.v[i] * t->c->now : 0;
        v.v[i] = is_used ? (as->owner.used ? (uint64_t)as->owner.used->tres_s[i] : 0)
                         : (s > 0 ? (uint64_t)(s / 60) : 0);
    }
    return tres_plain_text(&t->c->tres, &v, t->a);
}

static void describe(const struct tree *t, uint32_t at, uint32_t depth, struct share_info *ret)
{
    const struct fairshare *fs = t->c->shares;
    const struct share *s = fairshare_at(fs, at);
    const struct share *group = fairshare_at(fs, s->group);
    const struct assoc *as = t->assoc_of[at];
    double whole = fairshare_usage(fs, FAIRSHARE_ROOT);
    bool is_top = at == FAIRSHARE_ROOT;

    *ret = (struct share_info){
        .depth = depth,
        .account = s->is_user ? fairshare_at(fs, s->parent)->name : s->name,
        .user = s->is_user ? s->name : "",
        .partition = "",
        .shares = s->shares,
        .usage = fairshare_usage(fs, at),
        .factor = s->factor,
        .level = s->level,
        .grp_tres_mins = "",
        .tres_run_mins = "",
        .tres_used = "",
        .effective = is_top,
    };
    if (!is_top && s->shares != SHARES_PARENT && group->shares_below)
        ret->norm_shares = (double)s->shares / (double)group->shares_below;
    if (!is_top && group->usage_below)
        ret->effective = (double)s->usage / (double)group->usage_below;
    ret->norm_usage = whole > 0 ? ret->usage / whole : 0;
    if (!as)
        return;
    ret->id = as->row->id;
    ret->user = as->row->user ? as->row->user : "";
    ret->partition = as->row->partition ? as->row->partition : "";
    ret->grp_tres_mins =
        as->row->limits && as->row->limits->grp_tres_mins ? as->row->limits->grp_tres_mins : "";
    ret->tres_run_mins = amounts(t, as, false);
    ret->tres_used = amounts(t, as, true);
}

static void walk(struct tree *t, uint32_t at, uint32_t depth)
{
    describe(t, at, depth, &t->ret->shares.v[t->ret->shares.n++]);
    for (uint32_t i = t->first[at]; i < t->n; i++) {
        const struct share *s = fairshare_at(t->c->shares, t->order[i]);
        if (s->parent != at || t->order[i] == FAIRSHARE_ROOT)
            return;
        walk(t, t->order[i], depth + 1);
    }
}

void core_list_shares(const struct core *c, struct arena *a, struct share_infos *ret)
{
    struct tree t = { .c = c, .a = a, .n = fairshare_count(c->shares), .ret = ret };

    *ret = (struct share_infos){ .now = c->now };
    prio_share_factor(c, FAIRSHARE_ROOT); /* brings ranks and levels up to date */
    t.assoc_of = arena_calloc(a, t.n, sizeof *t.assoc_of);
    t.order = arena_calloc(a, t.n, sizeof *t.order);
    t.first = arena_calloc(a, t.n, sizeof *t.first);
    ret->shares.v = arena_calloc(a, t.n, sizeof *ret->shares.v);
    for (uint32_t i = 0; i < c->rules->assoc_n; i++)
        t.assoc_of[c->rules->order[i]->share] = c->rules->order[i];
    for (uint32_t i = 0; i < t.n; i++)
        t.order[i] = i;
    qsort_r(t.order + 1, t.n - 1, sizeof *t.order, by_parent, c->shares);
    for (uint32_t i = 0; i < t.n; i++)
        t.first[i] = t.n;
    for (uint32_t i = t.n; i-- > 1;)
        t.first[fairshare_at(c->shares, t.order[i])->parent] = i;
    walk(&t, FAIRSHARE_ROOT, 0);
}
