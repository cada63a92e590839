/* Binary min-heap.  Each move tells the owner where its entry is now, which is what makes removal
 * by handle cheap; the order of insertion breaks ties, which is what makes runs repeat exactly. */
#include "base/heap.h"
#include "base/xalloc.h"

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>

static bool before(const struct heap_entry *a, const struct heap_entry *b);
static void put(struct heap *h, uint32_t i, struct heap_entry entry);
static void sift(struct heap *h, uint32_t i, struct heap_entry entry);

/* Owners of entries that are still inside learn that they are out. */
void heap_fini(struct heap *h)
{
    for (uint32_t i = 0; i < h->n; i++)
        if (h->v[i].at)
            *h->v[i].at = 0;
    free(h->v);
    *h = (struct heap){ 0 };
}

void heap_push(struct heap *h, int64_t key, void *value, uint32_t *at)
{
    assert(!at || *at == 0);
    assert(h->n < UINT32_MAX / 2);
    if (h->n == h->cap) {
        h->cap = h->cap ? h->cap * 2 : 16;
        h->v = xrealloc(h->v, h->cap, sizeof *h->v);
    }
    h->n++;
    sift(h, h->n - 1,
         (struct heap_entry){ .key = key, .order = h->pushed++, .at = at, .value = value });
}

const struct heap_entry *heap_top(const struct heap *h)
{
    return h->n > 0 ? &h->v[0] : NULL;
}

void *heap_pop(struct heap *h)
{
    if (h->n == 0)
        return NULL;
    void *value = h->v[0].value;
    heap_remove(h, 1);
    return value;
}

void heap_remove(struct heap *h, uint32_t at)
{
    if (at == 0)
        return;
    assert(at <= h->n);
    struct heap_entry *gone = &h->v[at - 1];
    if (gone->at)
        *gone->at = 0;
    h->n--;
    if (at - 1 < h->n)
        sift(h, at - 1, h->v[h->n]);
}

static bool before(const struct heap_entry *a, const struct heap_entry *b)
{
    return a->key != b->key ? a->key < b->key : a->order < b->order;
}

static void put(struct heap *h, uint32_t i, struct heap_entry entry)
{
    h->v[i] = entry;
    if (entry.at)
        *entry.at = i + 1;
}

/* Finds the place of `entry`, starting from the free slot i: up as far as it goes, else down. */
static void sift(struct heap *h, uint32_t i, struct heap_entry entry)
{
    while (i > 0 && before(&entry, &h->v[(i - 1) / 2])) {
        put(h, i, h->v[(i - 1) / 2]);
        i = (i - 1) / 2;
    }
    for (;;) {
        uint32_t child = 2 * i + 1;
        if (child + 1 < h->n && before(&h->v[child + 1], &h->v[child]))
            child++;
        if (child >= h->n || !before(&h->v[child], &entry))
            break;
        put(h, i, h->v[child]);
        i = child;
    }
    put(h, i, entry);
}
