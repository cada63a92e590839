/* Changes of the rule book; see book.h. */
#include "core/book.h"

#include "core/fairshare.h"
#include "core/state.h"
#include "core/usage.h"

#include "base/xalloc.h"

#include <stdlib.h>
#include <string.h>

#define FACT_ROWS 1000u /* associations in one fact */

/* ---- decide */

static void tell(struct turn *t, const struct rules *part)
{
    turn_fact(t, FACT_rules, part);
}

/* A whole book of many rows goes to the journal in parts; only the last one puts it in force. */
static void tell_whole(struct turn *t, const struct rules *book)
{
    struct rules part = *book;
    uint32_t done = 0;

    do {
        part.assocs.v = book->assocs.v + done;
        part.assocs.n = book->assocs.n - done < FACT_ROWS ? book->assocs.n - done : FACT_ROWS;
        done += part.assocs.n;
        part.more = done < book->assocs.n;
        tell(t, &part);
        part = (struct rules){ .version = book->version, .is_whole = true };
    } while (done < book->assocs.n);
}

static bool is_empty(const struct rules *r)
{
    return !r->is_whole && r->assocs.n + r->qos.n + r->users.n + r->resources.n + r->wckeys.n == 0;
}

void decide_rules(struct turn *t, const struct rules *change)
{
    if (change->is_whole)
        tell_whole(t, change);
    else if (!is_empty(change) || change->version != t->c->rules->version)
        tell(t, change);
    turn_reply(t, &desc_empty, &(struct empty){});
}

uint64_t core_rules_version(const struct core *c)
{
    return c->rules->version;
}

/* ---- apply */

void book_let_go(struct core *c)
{
    QUEUE_FOREACH(it, &c->jobs)
    {
        limits_unpark(c, it->job);
        limits_drop(c, it->job);
    }
    for (uint32_t i = 0; i < c->freed_n; i++)
        c->freed[i]->is_freed = false;
    c->freed_n = 0;
}

void book_configured(struct core *c)
{
    c->enforce = enforce_parse(c->conf->acct_enforce);
    if (tres_table_set(&c->tres, c->conf->acct_tres))
        rules_read_limits(c->rules, &c->tres);
    c->prio_whole.qos_most = c->rules->qos_most;
    c->prio_whole.assoc_most = c->rules->assoc_most;
}

struct parent {
    uint32_t id, up;
};

/* Who stood under whom, to find afterwards who has moved. */
static struct parent *note_parents(const struct rulebook *r)
{
    struct parent *all = xcalloc(r->assoc_n + 1, sizeof *all);

    for (uint32_t i = 0; i < r->assoc_n; i++)
        all[i] =
            (struct parent){ r->order[i]->row->id, r->order[i]->up ? r->order[i]->up->row->id : 0 };
    return all;
}

static void move_usage(struct rulebook *r, const struct parent *old, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        struct assoc *as = map_get(&r->assocs, old[i].id);
        struct assoc *from = map_get(&r->assocs, old[i].up);
        if (as && from && as->up && as->up != from)
            usage_move(as, from, as->up);
    }
}

static void apply_structure(struct core *c, const struct rules *change)
{
    uint32_t n = c->rules->assoc_n;
    struct parent *old = note_parents(c->rules);

    book_let_go(c);
    rules_put(c->rules, &c->tres, change);
    move_usage(c->rules, old, n);
    free(old);
    book_grow_tree(c);
    QUEUE_FOREACH(it, &c->jobs)
    {
        job_unqueue(c, it->job);
        job_settle(c, it->job);
    }
}

void book_apply(struct core *c, const struct rules *change)
{
    if (rules_is_structural(c->rules, change)) {
        apply_structure(c, change);
    } else {
        rules_put(c->rules, &c->tres, change);
        limits_wake_all(c);
    }
    book_configured(c);
}

/* ---- the fair-share tree */

static uint32_t depth_of(const struct assoc *as)
{
    uint32_t n = 0;

    for (; as->up && n < 64; as = as->up)
        n++;
    return n;
}

struct leaf {
    uint32_t depth, at;
};

static int by_depth(const void *a, const void *b)
{
    const struct leaf *x = a, *y = b;

    if (x->depth != y->depth)
        return x->depth < y->depth ? -1 : 1;
    return x->at < y->at ? -1 : 1;
}

static void plant(struct fairshare *fs, struct assoc *as)
{
    const struct rule_assoc *row = as->row;
    bool is_user = row->user && *row->user;
    bool is_part = is_user && row->partition && *row->partition;
    uint32_t up = as->up ? as->up->share : FAIRSHARE_ROOT;
    char *name = is_part ? xasprintf("%s/%s", row->user, row->partition)
                         : xstrdup(is_user ? row->user : row->account);

    if (!as->up && !is_user)
        as->share = FAIRSHARE_ROOT;
    else
        as->share = fairshare_add(fs, (struct share_row){ name, up, row->shares, is_user });
    free(name);
}

/* What was used stays with the same names; what nobody has the name for stays in the root. */
static void carry_over(struct fairshare *to, const struct fairshare *from)
{
    for (uint32_t i = 0; i < fairshare_count(from); i++) {
        const struct share *s = fairshare_at(from, i);
        const struct share *up = fairshare_at(from, s->parent);
        uint32_t at = s->is_user && s->parent == FAIRSHARE_ROOT
                          ? FAIRSHARE_ROOT
                          : fairshare_account(to, s->is_user ? up->name : s->name);
        if (s->own == 0)
            continue;
        if (at == FAIRSHARE_NONE)
            at = FAIRSHARE_ROOT;
        else if (s->is_user && fairshare_user(to, at, s->name) != FAIRSHARE_NONE)
            at = fairshare_user(to, at, s->name);
        fairshare_restore(to, at, s->own);
    }
}

void book_grow_tree(struct core *c)
{
    const struct rulebook *r = c->rules;
    struct fairshare *fs = fairshare_new();
    struct leaf *leaves = xcalloc(r->assoc_n + 1, sizeof *leaves);

    fairshare_set_scale(fs, fairshare_scale(c->shares));
    for (uint32_t i = 0; i < r->assoc_n; i++)
        leaves[i] = (struct leaf){ depth_of(r->order[i]), i };
    qsort(leaves, r->assoc_n, sizeof *leaves, by_depth);
    for (uint32_t i = 0; i < r->assoc_n; i++)
        plant(fs, r->order[leaves[i].at]);
    free(leaves);
    carry_over(fs, c->shares);
    fairshare_free(c->shares);
    c->shares = fs;
}
