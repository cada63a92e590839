/* A short memory of where more became free, so that a pass tries again only what could succeed. */
#ifndef CORE_GROWN_H
#define CORE_GROWN_H

#include <stdint.h>

struct core;
struct promise;

/* Where more is free than before.  Who failed at a point of this log fails still, unless one of the
 * nodes that were noted since could serve it. */
#define GROWN_MAX 256u
struct grown {
    uint64_t seq; /* notes in all */
    uint32_t nodes[GROWN_MAX];
};
struct failure {
    uint64_t seq, gen; /* gen: of everything that is not noted (core.void_gen) */
    uint32_t part;     /* index + 1; 0: it did not fail */
    int64_t length;
};
void plan_grew(struct core *c, uint32_t node);
void plan_grew_promise(struct core *c, const struct promise *p);

#endif
