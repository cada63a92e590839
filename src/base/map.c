/* Hash maps by open addressing with linear probing.  A slot is empty while its value is NULL and
 * dead while its value is DEAD; that is why NULL cannot be stored.  Deleting never moves a slot, so
 * the entry just visited may be deleted during a walk. */
#include "base/map.h"
#include "base/xalloc.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define CAP_MIN 16u
#define AT_ONCE 4096u /* tables up to this many slots are moved in one go */
#define MOVE_MIN 16u
#define DEAD ((void *)&dead_slot)

struct map_slot {
    uint64_t key;
    void *value;
};

struct smap_slot {
    uint64_t hash; /* compared before the text is */
    const char *key;
    void *value;
};

static const char dead_slot;

static bool is_live(const void *value)
{
    return value && value != DEAD;
}

/* Three quarters full, dead slots included: a probe always meets an empty slot soon. */
static bool is_full(uint32_t cap, uint32_t used)
{
    return cap == 0 || used >= cap / 4 * 3;
}

/* At most half full after growing; the same size when it was mostly dead slots. */
static uint32_t cap_for(uint32_t count)
{
    uint32_t cap = CAP_MIN;

    assert(count < UINT32_C(1) << 30);
    while (cap / 2 <= count)
        cap *= 2;
    return cap;
}

/* The slot that holds the key, or the one where it would go; the table has room. */
static struct map_slot *probe(struct map_slot *slots, uint32_t cap, uint64_t key)
{
    struct map_slot *grave = NULL;

    for (uint32_t i = (uint32_t)hash_u64(key);; i++) {
        struct map_slot *slot = &slots[i & (cap - 1)];
        if (!slot->value)
            return grave ? grave : slot;
        if (slot->value == DEAD)
            grave = grave ? grave : slot;
        else if (slot->key == key)
            return slot;
    }
}

/* The live slot of the key, in either table; NULL: there is none. */
static struct map_slot *find(const struct map *m, uint64_t key)
{
    struct map_slot *slot = m->cap ? probe(m->slots, m->cap, key) : NULL;

    if (slot && is_live(slot->value))
        return slot;
    slot = m->old_count ? probe(m->old, m->old_cap, key) : NULL;
    return slot && is_live(slot->value) ? slot : NULL;
}

static bool is_old(const struct map *m, const struct map_slot *slot)
{
    return m->old && slot >= m->old && slot < m->old + m->old_cap;
}

static void drop_old(struct map *m)
{
    free(m->old);
    m->old = NULL;
    m->old_cap = m->old_count = m->moved = 0;
}

/* So many slots of the old table go over to the new one. */
static void move_slots(struct map *m, uint32_t n)
{
    for (; n > 0 && m->moved < m->old_cap; n--) {
        struct map_slot *from = &m->old[m->moved++];
        if (!is_live(from->value))
            continue;
        struct map_slot *to = probe(m->slots, m->cap, from->key);
        m->dead -= to->value == DEAD;
        *to = *from;
        from->value = DEAD;
        m->old_count--;
    }
    if (m->moved == m->old_cap)
        drop_old(m);
}

/* Enough with each put that the old table is empty before the new one is full. */
static uint32_t move_step(const struct map *m)
{
    return MOVE_MIN + 8 * (m->old_cap / m->cap);
}

static void rehash(struct map *m)
{
    if (m->old)
        move_slots(m, m->old_cap);
    m->old = m->slots;
    m->old_cap = m->cap;
    m->old_count = m->count;
    m->moved = 0;
    m->cap = cap_for(m->count);
    m->slots = xcalloc(m->cap, sizeof *m->slots);
    m->dead = 0;
    if (m->old_cap <= AT_ONCE)
        move_slots(m, m->old_cap);
}

void map_fini(struct map *m)
{
    free(m->slots);
    free(m->old);
    *m = (struct map){ 0 };
}

void map_put(struct map *m, uint64_t key, void *value)
{
    assert(is_live(value));
    if (m->old)
        move_slots(m, move_step(m));
    if (is_full(m->cap, m->count - m->old_count + m->dead))
        rehash(m);
    struct map_slot *slot = find(m, key);
    if (slot) {
        slot->value = value;
        return;
    }
    slot = probe(m->slots, m->cap, key);
    m->dead -= slot->value == DEAD;
    m->count++;
    *slot = (struct map_slot){ .key = key, .value = value };
}

void *map_get(const struct map *m, uint64_t key)
{
    struct map_slot *slot = m->count ? find(m, key) : NULL;

    return slot ? slot->value : NULL;
}

void *map_del(struct map *m, uint64_t key)
{
    struct map_slot *slot = m->count ? find(m, key) : NULL;

    if (!slot)
        return NULL;
    void *value = slot->value;
    slot->value = DEAD;
    m->count--;
    if (is_old(m, slot))
        m->old_count--;
    else
        m->dead++;
    return value;
}

/* The new table, then what is left of the old one. */
bool map_next(const struct map *m, uint32_t *at, uint64_t *ret_key, void **ret_value)
{
    while (*at < m->cap + m->old_cap) {
        const struct map_slot *slot = *at < m->cap ? &m->slots[*at] : &m->old[*at - m->cap];
        ++*at;
        if (!is_live(slot->value))
            continue;
        *ret_key = slot->key;
        *ret_value = slot->value;
        return true;
    }
    return false;
}

static struct smap_slot *sprobe(const struct smap *m, uint64_t hash, const char *key)
{
    struct smap_slot *grave = NULL;

    for (uint32_t i = (uint32_t)hash;; i++) {
        struct smap_slot *slot = &m->slots[i & (m->cap - 1)];
        if (!slot->value)
            return grave ? grave : slot;
        if (slot->value == DEAD)
            grave = grave ? grave : slot;
        else if (slot->hash == hash && strcmp(slot->key, key) == 0)
            return slot;
    }
}

static void srehash(struct smap *m)
{
    struct smap old = *m;

    m->cap = cap_for(old.count);
    m->slots = xcalloc(m->cap, sizeof *m->slots);
    m->dead = 0;
    for (uint32_t i = 0; i < old.cap; i++)
        if (is_live(old.slots[i].value))
            *sprobe(m, old.slots[i].hash, old.slots[i].key) = old.slots[i];
    free(old.slots);
}

void smap_fini(struct smap *m)
{
    free(m->slots);
    *m = (struct smap){ 0 };
}

/* Replacing an entry takes the new key's memory too: the old one may go away with the old value. */
void smap_put(struct smap *m, const char *key, void *value)
{
    uint64_t hash = hash_bytes(key, strlen(key), 0);

    assert(is_live(value));
    if (is_full(m->cap, m->count + m->dead))
        srehash(m);
    struct smap_slot *slot = sprobe(m, hash, key);
    m->dead -= slot->value == DEAD;
    m->count += !is_live(slot->value);
    *slot = (struct smap_slot){ .hash = hash, .key = key, .value = value };
}

void *smap_get(const struct smap *m, const char *key)
{
    if (m->count == 0)
        return NULL;
    struct smap_slot *slot = sprobe(m, hash_bytes(key, strlen(key), 0), key);
    return is_live(slot->value) ? slot->value : NULL;
}

void *smap_del(struct smap *m, const char *key)
{
    if (m->count == 0)
        return NULL;
    struct smap_slot *slot = sprobe(m, hash_bytes(key, strlen(key), 0), key);
    if (!is_live(slot->value))
        return NULL;
    void *value = slot->value;
    slot->value = DEAD;
    m->count--;
    m->dead++;
    return value;
}

bool smap_next(const struct smap *m, uint32_t *at, const char **ret_key, void **ret_value)
{
    while (*at < m->cap) {
        const struct smap_slot *slot = &m->slots[(*at)++];
        if (!is_live(slot->value))
            continue;
        *ret_key = slot->key;
        *ret_value = slot->value;
        return true;
    }
    return false;
}

/* Odd constants with about as many ones as zeros; nothing else is asked of them. */
#define MIX_A UINT64_C(0x9e3779b97f4a7c15)
#define MIX_B UINT64_C(0xd1b54a32d192ed03)

/* Both halves of a 128-bit product, folded: every input bit reaches every output bit. */
static uint64_t fold(uint64_t a, uint64_t b)
{
    unsigned __int128 product = (unsigned __int128)a * b;

    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

uint64_t hash_u64(uint64_t x)
{
    return fold(x ^ MIX_A, MIX_B) ^ x >> 32;
}

/* Sixteen bytes a round; the tail is padded with zeros, and the length tells it from real ones. */
uint64_t hash_bytes(const void *p, size_t len, uint64_t seed)
{
    const unsigned char *at = p;
    uint64_t h = seed ^ fold(len ^ MIX_A, MIX_B);

    for (size_t left = len; left > 0;) {
        uint64_t word[2] = { 0, 0 };
        size_t take = left < sizeof word ? left : sizeof word;
        memcpy(word, at, take);
        h = fold(word[0] ^ h, word[1] ^ MIX_B) ^ fold(h ^ MIX_A, MIX_B);
        at += take;
        left -= take;
    }
    return fold(h ^ MIX_A, MIX_B);
}
