/* Hash map from a 64-bit key or a byte string to a pointer-sized value.
 * Strings are not copied: intern them or keep them alive as long as the entry.  Values are never
 * NULL. The entry just visited may be deleted during a walk; anything else ends the walk. */
#ifndef BASE_MAP_H
#define BASE_MAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct map_slot;

struct map {
    struct map_slot *slots; /* open addressing, power of two */
    uint32_t cap, count, dead;

    /* A big map that grew moves over a few slots with each put, so that no put takes long. */
    struct map_slot *old;
    uint32_t old_cap, old_count, moved; /* slots of old before `moved` are dead */
};

/* A zeroed struct map is a valid, empty map. */
void map_fini(struct map *m);
void map_put(struct map *m, uint64_t key, void *value); /* replaces */
void *map_get(const struct map *m, uint64_t key);       /* NULL when absent */
void *map_del(struct map *m, uint64_t key);             /* the value that was there, or NULL */
/* Iteration in table order (deterministic for the same sequence of operations): *at starts at 0. */
bool map_next(const struct map *m, uint32_t *at, uint64_t *ret_key, void **ret_value);

struct smap_slot;

struct smap {
    struct smap_slot *slots;
    uint32_t cap, count, dead;
};

void smap_fini(struct smap *m);
void smap_put(struct smap *m, const char *key, void *value);
void *smap_get(const struct smap *m, const char *key);
void *smap_del(struct smap *m, const char *key);
bool smap_next(const struct smap *m, uint32_t *at, const char **ret_key, void **ret_value);

/* Fast; not for adversaries who can measure. */
uint64_t hash_bytes(const void *p, size_t len, uint64_t seed);
uint64_t hash_u64(uint64_t x);

#endif
