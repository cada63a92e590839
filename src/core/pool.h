/* Texts, bytes and wishes that many jobs share: each content is kept once.
 *
 * A thousand jobs of one loop differ in nothing but their id, so a pending job costs little.  An
 * entry counts how many places name it (check.c adds them up again); the last one to let go frees
 * it. */
#ifndef CORE_POOL_H
#define CORE_POOL_H

#include "base/map.h"
#include "core/grown.h"
#include "schema/messages.h"
#include <stdint.h>

struct pool_item;

struct pool {
    struct map items; /* hash to a chain of struct pool_item */
    uint32_t count;
};

void pool_fini(struct pool *p);

const char *pool_text(struct pool *p, const char *s); /* NULL gives "", which is never counted */
void pool_text_drop(struct pool *p, const char *s);

struct bytes pool_bytes(struct pool *p, struct bytes b);
void pool_bytes_drop(struct pool *p, struct bytes b);

/* What a job asks for.  Pending jobs of equal wishes are equal to the scheduler. */
struct wish {
    struct job_wish *ask; /* one block */
    struct wish *next;    /* same hash */
    uint64_t hash;
    uint32_t users;

    /* The scheduler's memory of its last failure; not part of the state. */
    uint32_t tried_part; /* index + 1 */
    uint32_t verdict;
    uint64_t tried_gen;
    uint32_t fleet_part; /* index + 1: could it run there, were the nodes that are up empty? */
    bool fits_fleet;
    uint64_t fleet_gen;
    struct failure fill; /* to start behind a blocked job */
    struct wish_reach *reach; /* nodes that could ever serve it (earliest.c) */
};

struct wishes {
    struct map items;
};

struct wish *wish_take(struct wishes *w, const struct job_wish *ask);
void wish_drop(struct wishes *w, struct wish *wish);
void wishes_fini(struct wishes *w);

#endif
