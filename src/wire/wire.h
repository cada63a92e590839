/* Pack and unpack: one loop over descriptors, protobuf's wire format, one bounded reader (R1).
 * Nobody outside wire/ sees bytes. */
#ifndef WIRE_WIRE_H
#define WIRE_WIRE_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "schema/messages.h"

/* Appends the packed message.  Fields that are absent (see desc.h) are not written.  Never fails.
 */
void wire_pack(const struct desc *d, const void *msg, struct buf *out);

/* Fills *ret (d->size bytes, cleared first); strings, lists and sub-messages live in the arena.
 * STR members are never NULL afterwards.  Unknown tags are skipped; a known tag with another wire
 * type, a truncated or over-long body, nesting beyond WIRE_DEPTH_MAX, or more memory than
 * WIRE_ALLOC_FACTOR * len + WIRE_ALLOC_SLACK is an error naming message and field. */
int wire_unpack(const struct desc *d, const void *data, size_t len, struct arena *a, void *ret,
                struct err *e);

/* The same, with the struct allocated in the arena too. */
int wire_unpack_new(const struct desc *d, const void *data, size_t len, struct arena *a, void **ret,
                    struct err *e);

/* Deep copy into an arena; deep comparison. */
void *wire_dup(const struct desc *d, const void *msg, struct arena *a);
int wire_equal(const struct desc *d, const void *a, const void *b); /* 1 equal, 0 not */

/* Fills every field at random (for tests): seed advances.  Memory from the arena. */
void wire_random(const struct desc *d, void *msg, struct arena *a, uint64_t *seed);

#endif
