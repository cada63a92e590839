/* Objects of one type in chunks that never move.  A slot's generation is odd while the object lives
 * and even while it is free, so a stale handle is told by one comparison. */
#include "base/slab.h"
#include "base/xalloc.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define CHUNK_ITEMS 256u

struct slot {
    uint32_t gen;
    uint32_t next_free; /* index + 1 of the next free slot; only while free */
    _Alignas(8) unsigned char item[];
};

static struct slot *slot_at(const struct slab *s, uint32_t at);
static struct slot *slot_take(struct slab *s, uint32_t *ret_at);

void slab_init(struct slab *s, size_t item_size)
{
    *s = (struct slab){ .item_size = (item_size + 7) & ~(size_t)7 };
}

void slab_fini(struct slab *s)
{
    for (uint32_t i = 0; i < s->chunk_count; i++)
        free(s->chunks[i]);
    free(s->chunks);
    *s = (struct slab){ .item_size = s->item_size };
}

void *slab_new(struct slab *s, struct slab_ref *ret)
{
    uint32_t at;
    struct slot *slot = slot_take(s, &at);

    slot->gen++;
    assert(slot->gen % 2 == 1);
    memset(slot->item, 0, s->item_size);
    s->count++;
    *ret = (struct slab_ref){ .at = at, .gen = slot->gen };
    return slot->item;
}

void slab_free(struct slab *s, struct slab_ref ref)
{
    assert(slab_get(s, ref));
    struct slot *slot = slot_at(s, ref.at);

    slot->gen++;
    slot->next_free = s->free_head;
    s->free_head = ref.at + 1;
    s->count--;
}

void *slab_get(const struct slab *s, struct slab_ref ref)
{
    if (ref.gen % 2 == 0 || ref.at >= s->end)
        return NULL;
    struct slot *slot = slot_at(s, ref.at);
    return slot->gen == ref.gen ? slot->item : NULL;
}

void *slab_at(const struct slab *s, uint32_t at)
{
    if (at >= s->end)
        return NULL;
    struct slot *slot = slot_at(s, at);
    return slot->gen % 2 == 1 ? slot->item : NULL;
}

static struct slot *slot_at(const struct slab *s, uint32_t at)
{
    char *chunk = s->chunks[at / CHUNK_ITEMS];

    return (struct slot *)(chunk + at % CHUNK_ITEMS * (sizeof(struct slot) + s->item_size));
}

/* The slot freed last, so that a busy slab stays small and warm; otherwise one never used. */
static struct slot *slot_take(struct slab *s, uint32_t *ret_at)
{
    if (s->free_head > 0) {
        struct slot *slot = slot_at(s, s->free_head - 1);
        *ret_at = s->free_head - 1;
        s->free_head = slot->next_free;
        return slot;
    }
    assert(s->end < UINT32_MAX - 1);
    if (s->end == s->chunk_count * CHUNK_ITEMS) {
        s->chunks = xrealloc(s->chunks, s->chunk_count + 1, sizeof *s->chunks);
        s->chunks[s->chunk_count++] = xcalloc(CHUNK_ITEMS, sizeof(struct slot) + s->item_size);
    }
    *ret_at = s->end++;
    return slot_at(s, *ret_at);
}
