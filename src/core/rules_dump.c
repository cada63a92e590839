/* The whole rule book as changes that make it again, in an order that depends on it alone. */
#include "core/rules.h"

#include "base/xalloc.h"

#include <stdlib.h>
#include <string.h>

#define ROWS 1000u /* associations in one change */

static int by_user(const void *a, const void *b)
{
    return strcmp(((const struct rule_user *)a)->name, ((const struct rule_user *)b)->name);
}

static int by_resource(const void *a, const void *b)
{
    const struct rule_res *x = a, *y = b;
    int order = strcmp(x->name, y->name);

    return order ? order : strcmp(x->server ? x->server : "", y->server ? y->server : "");
}

static void *copy_rows(const struct smap *m, size_t size, int (*order)(const void *, const void *))
{
    char *rows = xcalloc(m->count + 1, size);
    uint32_t at = 0, n = 0;
    const char *key;
    void *value;

    while (smap_next(m, &at, &key, &value))
        memcpy(rows + size * n++, value, size);
    qsort(rows, n, size, order);
    return rows;
}

/* Everything but the associations. */
static void first_part(const struct rulebook *r, struct rules *ret)
{
    ret->users.v = copy_rows(&r->users, sizeof *ret->users.v, by_user);
    ret->users.n = r->users.count;
    ret->resources.v = copy_rows(&r->resources, sizeof *ret->resources.v, by_resource);
    ret->resources.n = r->resources.count;
    ret->qos.v = xcalloc(r->qos_n + 1, sizeof *ret->qos.v);
    ret->qos.n = r->qos_n;
    for (uint32_t i = 0; i < r->qos_n; i++)
        ret->qos.v[i] = *r->qos_order[i]->row;
    if (r->wckeys)
        ret->wckeys = r->wckeys->wckeys;
}

void rules_dump(const struct rulebook *r, void (*emit)(void *ctx, const struct rules *c), void *ctx)
{
    struct rules first = { 0 };
    uint32_t done = 0;

    if (r->version == 0)
        return;
    first_part(r, &first);
    struct rules part = first;
    struct rule_assoc *rows = xcalloc(ROWS, sizeof *rows);
    do {
        part.version = r->version;
        part.is_whole = true;
        part.assocs.v = rows;
        for (part.assocs.n = 0; done < r->assoc_n && part.assocs.n < ROWS; done++)
            rows[part.assocs.n++] = *r->order[done]->row;
        part.more = done < r->assoc_n;
        emit(ctx, &part);
        part = (struct rules){ 0 };
    } while (done < r->assoc_n);
    free(rows);
    free(first.users.v);
    free(first.resources.v);
    free(first.qos.v);
}
