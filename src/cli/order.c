/* Rows in the order that -S asks for. */
#include "cli/order.h"

#include "base/xalloc.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define KEYS_MAX 16

struct key {
    const struct text_column *column;
    bool descending;
};

struct order {
    struct key keys[KEYS_MAX];
    unsigned n;
};

/* What one key of one row is compared by: looked up once, not in each of n log n comparisons. */
union value {
    int64_t number;
    const char *text;
};

struct entry {
    const void *row;
    const union value *values; /* one for each key */
    uint32_t place;            /* where it was: qsort is not stable */
};

static int order_parse(const struct text_table *t, const char *spec, struct order *ret,
                       struct err *e)
{
    bool descending = false;

    for (; *spec; spec++) {
        if (*spec == '-' || *spec == '+' || *spec == '#' || *spec == ',' || *spec == ' ') {
            descending = *spec == '-' || (descending && *spec == '#');
            continue;
        }

        const struct text_column *c = text_find_letter(t, *spec);

        if (!c || ret->n == KEYS_MAX)
            return err_set(e, EINVAL, "Invalid sort specification: %c", *spec);
        ret->keys[ret->n++] = (struct key){ c, descending };
        descending = false;
    }
    return 0;
}

static const void *member(const struct text_column *c, const void *row)
{
    const char *base = row;

    if (c->through != TEXT_DIRECT)
        base = *(const char *const *)(const void *)(base + c->through);
    return base ? base + c->offset : NULL;
}

static union value value_of(const struct text_column *c, const void *row)
{
    const void *m = member(c, row);

    if (c->kind != KIND_STR)
        return (union value){ .number = text_number(c->kind, m) };
    const char *text = m ? *(const char *const *)m : NULL;
    return (union value){ .text = text ? text : "" };
}

static int compare(const void *a, const void *b, void *order_)
{
    const struct entry *x = a, *y = b;
    const struct order *order = order_;

    for (unsigned i = 0; i < order->n; i++) {
        const union value *v = &x->values[i], *w = &y->values[i];
        int r = order->keys[i].column->kind == KIND_STR
                    ? strcmp(v->text, w->text)
                    : (v->number > w->number) - (v->number < w->number);

        if (r)
            return order->keys[i].descending ? -r : r;
    }
    return x->place < y->place ? -1 : 1;
}

int order_rows(const struct text_table *t, const char *spec, const void **rows, uint32_t n,
               struct err *e)
{
    struct order order = { 0 };
    int r = order_parse(t, spec, &order, e);

    if (r < 0)
        return r;

    struct entry *v = xcalloc(n + 1u, sizeof *v);
    union value *values = xcalloc(n + 1u, order.n * sizeof *values);

    for (uint32_t i = 0; i < n; i++) {
        union value *own = values + (size_t)i * order.n;

        for (unsigned k = 0; k < order.n; k++)
            own[k] = value_of(order.keys[k].column, rows[i]);
        v[i] = (struct entry){ rows[i], own, i };
    }
    qsort_r(v, n, sizeof *v, compare, &order);
    for (uint32_t i = 0; i < n; i++)
        rows[i] = v[i].row;
    free(values);
    free(v);
    return 0;
}
