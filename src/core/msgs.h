/* Walkers of descriptors that the core needs: keep a message, compare two, hash one.
 * A clone is one block of memory: the struct, then everything it points to; free() releases it. */
#ifndef CORE_MSGS_H
#define CORE_MSGS_H

#include "base/arena.h"
#include "schema/desc.h"
#include <stdbool.h>
#include <stdint.h>

void *msg_clone(const struct desc *d, const void *m);
void *msg_copy(struct arena *a, const struct desc *d, const void *m); /* the same, in an arena */
uint64_t msg_hash(const struct desc *d, const void *m, uint64_t seed);
bool msg_equal(const struct desc *d, const void *a, const void *b);

#endif
