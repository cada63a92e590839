/* Bitmaps of a fixed size: sets of nodes, of cores.  All binary operations demand equal sizes. */
#ifndef BASE_BITS_H
#define BASE_BITS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct bits {
    uint32_t n;      /* number of bits */
    uint64_t *words; /* (n + 63) / 64 of them; bits past n are always 0 */
};

void bits_init(struct bits *b, uint32_t n); /* all clear */
void bits_fini(struct bits *b);
void bits_copy(struct bits *dst, const struct bits *src); /* dst is valid; resized if needed */
void bits_set(struct bits *b, uint32_t i);
void bits_clear(struct bits *b, uint32_t i);
void bits_set_all(struct bits *b);
void bits_clear_all(struct bits *b);
bool bits_test(const struct bits *b, uint32_t i);
void bits_and(struct bits *dst, const struct bits *with);
void bits_or(struct bits *dst, const struct bits *with);
void bits_and_not(struct bits *dst, const struct bits *without);
uint32_t bits_count(const struct bits *b);
uint32_t bits_count_and(const struct bits *a, const struct bits *b);
bool bits_any_and(const struct bits *a, const struct bits *b);
bool bits_subset(const struct bits *inner, const struct bits *outer);
bool bits_equal(const struct bits *a, const struct bits *b);
/* The same from bytes, least bit first; what lies past the end of the bitmap is ignored. */
void bits_or_bytes(struct bits *dst, const void *bytes, uint32_t len);
void bits_and_not_bytes(struct bits *dst, const void *bytes, uint32_t len);
/* Every bit of the bytes is inside the bitmap and not set there. */
bool bits_free_bytes(const struct bits *b, const void *bytes, uint32_t len);
uint32_t bits_count_bytes(const void *bytes, uint32_t len);
int64_t bits_next(const struct bits *b, uint32_t from); /* first set bit >= from, or -1 */

#define BITS_FOREACH(i, b) \
    for (int64_t i = bits_next((b), 0); i >= 0; i = bits_next((b), (uint32_t)i + 1))

#endif
