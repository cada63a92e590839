/* Associations in the order sacctmgr shows them (change.h). */
#include "slurmdbd/change.h"

#include <stdlib.h>
#include <string.h>

/* Siblings: users before accounts, by name; a user's partitions before his plain row. */
static int by_place(const void *x, const void *y)
{
    const struct rule_assoc *a = *(const struct rule_assoc *const *)x;
    const struct rule_assoc *b = *(const struct rule_assoc *const *)y;
    int r;

    if (a->parent != b->parent)
        return a->parent < b->parent ? -1 : 1;
    r = strcmp(a->cluster, b->cluster);
    if (r == 0)
        r = !*a->user - !*b->user;
    if (r == 0)
        r = strcmp(*a->user ? a->user : a->account, *b->user ? b->user : b->account);
    if (r == 0)
        r = !*a->partition - !*b->partition;
    return r ? r : strcmp(a->partition, b->partition);
}

/* The first row of v whose parent is this one, by halving. */
static uint32_t first_child(const struct assoc_tree *t, uint32_t parent)
{
    uint32_t low = 0, high = t->n;

    while (low < high) {
        uint32_t middle = (low + high) / 2;

        if (t->v[middle]->parent < parent)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* A walk over sorted siblings: where it stands at each depth.  A tree as deep as it has rows cannot
 * be, yet is bounded. */
static void walk(const struct assoc_tree *sorted, struct arena *a, struct assoc_tree *ret)
{
    uint32_t *at = arena_calloc(a, sorted->n + 2, sizeof *at);
    uint32_t *parent = arena_calloc(a, sorted->n + 2, sizeof *parent);
    uint32_t depth = 0;

    at[0] = first_child(sorted, 0);
    parent[0] = 0;
    while (ret->n < sorted->n) {
        const struct rule_assoc *row;

        if (at[depth] >= sorted->n || sorted->v[at[depth]]->parent != parent[depth]) {
            if (depth == 0)
                return;
            depth--;
            continue;
        }
        row = sorted->v[at[depth]++];
        ret->v[ret->n++] = row;
        if (*row->user)
            continue;
        depth++;
        parent[depth] = row->id;
        at[depth] = first_child(sorted, row->id);
    }
}

struct assoc_tree tree_order(const struct plan *p)
{
    uint32_t most = p->book->of[RULE_ASSOC].n + p->n + 1, at = 0;
    struct assoc_tree sorted = { arena_calloc(p->arena, most, sizeof *sorted.v), 0 };
    struct assoc_tree ret = { arena_calloc(p->arena, most, sizeof *ret.v), 0 };
    const struct rule_assoc *row;

    while ((row = plan_next(p, RULE_ASSOC, &at)))
        sorted.v[sorted.n++] = row;
    if (sorted.n)
        qsort(sorted.v, sorted.n, sizeof *sorted.v, by_place);
    walk(&sorted, p->arena, &ret);
    return ret;
}
