/* Ordered set in chunks; the idea is explained in queue.h. */
#include "core/queue.h"

#include "base/xalloc.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define CHUNK 256u

struct queue_chunk {
    uint32_t n;
    struct queue_entry v[CHUNK];
};

int queue_compare(struct queue_key a, struct queue_key b)
{
    if (a.rank != b.rank)
        return a.rank < b.rank ? -1 : 1;
    return a.id == b.id ? 0 : a.id < b.id ? -1 : 1;
}

void queue_fini(struct queue *q)
{
    for (uint32_t i = 0; i < q->n; i++)
        free(q->v[i]);
    free(q->v);
    *q = (struct queue){ 0 };
}

/* The first chunk whose last key is >= key; q->n when there is none. */
static uint32_t find_chunk(const struct queue *q, struct queue_key key)
{
    uint32_t lo = 0, hi = q->n;

    while (lo < hi) {
        uint32_t mid = lo + (hi - lo) / 2;
        if (queue_compare(q->v[mid]->v[q->v[mid]->n - 1].key, key) < 0)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

static uint32_t find_slot(const struct queue_chunk *c, struct queue_key key)
{
    uint32_t lo = 0, hi = c->n;

    while (lo < hi) {
        uint32_t mid = lo + (hi - lo) / 2;
        if (queue_compare(c->v[mid].key, key) < 0)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

static struct queue_chunk *insert_chunk(struct queue *q, uint32_t at)
{
    if (q->n == q->cap) {
        q->cap = q->cap ? q->cap * 2 : 4;
        q->v = xrealloc(q->v, q->cap, sizeof(struct queue_chunk *));
    }
    memmove(&q->v[at + 1], &q->v[at], (q->n - at) * sizeof(struct queue_chunk *));
    q->n++;
    q->v[at] = xmalloc(sizeof(struct queue_chunk));
    q->v[at]->n = 0;
    return q->v[at];
}

/* A full chunk gives its upper half to a new one; the last chunk gives nothing, since most jobs are
 * added at the end. */
static void split(struct queue *q, uint32_t at, struct queue_key key)
{
    struct queue_chunk *full = q->v[at];
    bool is_append = at + 1 == q->n && queue_compare(full->v[CHUNK - 1].key, key) < 0;
    uint32_t keep = is_append ? CHUNK : CHUNK / 2;
    struct queue_chunk *fresh = insert_chunk(q, at + 1);

    fresh->n = CHUNK - keep;
    memcpy(fresh->v, full->v + keep, fresh->n * sizeof fresh->v[0]);
    full->n = keep;
}

void queue_add(struct queue *q, struct queue_key key, struct job *job)
{
    uint32_t at = find_chunk(q, key);

    if (q->n == 0)
        insert_chunk(q, 0);
    if (at == q->n)
        at = q->n - 1;
    if (q->v[at]->n == CHUNK) {
        split(q, at, key);
        at += queue_compare(q->v[at]->v[q->v[at]->n - 1].key, key) < 0;
    }
    struct queue_chunk *c = q->v[at];
    uint32_t slot = find_slot(c, key);
    assert(slot == c->n || queue_compare(c->v[slot].key, key) != 0);
    memmove(&c->v[slot + 1], &c->v[slot], (c->n - slot) * sizeof c->v[0]);
    c->v[slot] = (struct queue_entry){ .key = key, .job = job };
    c->n++;
    q->count++;
    q->version++;
}

bool queue_remove(struct queue *q, struct queue_key key)
{
    uint32_t at = find_chunk(q, key);

    if (at == q->n)
        return false;
    struct queue_chunk *c = q->v[at];
    uint32_t slot = find_slot(c, key);
    if (slot == c->n || queue_compare(c->v[slot].key, key) != 0)
        return false;
    memmove(&c->v[slot], &c->v[slot + 1], (c->n - slot - 1) * sizeof c->v[0]);
    c->n--;
    q->count--;
    q->version++;
    if (c->n == 0) {
        free(c);
        memmove(&q->v[at], &q->v[at + 1], (q->n - at - 1) * sizeof(struct queue_chunk *));
        q->n--;
    }
    return true;
}

const struct queue_entry *queue_from(const struct queue *q, struct queue_key key)
{
    uint32_t at = find_chunk(q, key);

    return at < q->n ? &q->v[at]->v[find_slot(q->v[at], key)] : NULL;
}

void queue_walk_from(struct queue_walk *w, struct queue_key key)
{
    *w = (struct queue_walk){ .key = key, .version = UINT64_MAX };
}

const struct queue_entry *queue_walk_peek(const struct queue *q, struct queue_walk *w)
{
    if (w->version != q->version) {
        w->version = q->version;
        w->chunk = find_chunk(q, w->key);
        w->slot = w->chunk < q->n ? find_slot(q->v[w->chunk], w->key) : 0;
    }
    return w->chunk < q->n ? &q->v[w->chunk]->v[w->slot] : NULL;
}

void queue_walk_on(const struct queue *q, struct queue_walk *w)
{
    const struct queue_entry *it = queue_walk_peek(q, w);

    if (!it)
        return;
    w->key = (struct queue_key){ it->key.rank, it->key.id + 1 };
    if (++w->slot == q->v[w->chunk]->n) {
        w->slot = 0;
        w->chunk++;
    }
}
