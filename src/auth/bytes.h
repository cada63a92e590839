/* Big-endian bytes of MUNGE's formats: one bounded reader (security R1) and the matching writer.
 * A read past the end marks the reader bad and gives zeros; look at `bad` once, after the last
 * read. */
#ifndef AUTH_BYTES_H
#define AUTH_BYTES_H

#include "base/buf.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct bytes {
    const uint8_t *at, *end;
    bool bad;
};

/* A view of the next n bytes, or NULL. */
static inline const uint8_t *bytes_take(struct bytes *b, size_t n)
{
    if (b->bad || (size_t)(b->end - b->at) < n) {
        b->bad = true;
        return NULL;
    }
    b->at += n;
    return b->at - n;
}

static inline uint8_t bytes_u8(struct bytes *b)
{
    const uint8_t *p = bytes_take(b, 1);

    return p ? *p : 0;
}

static inline uint32_t bytes_u32(struct bytes *b)
{
    const uint8_t *p = bytes_take(b, 4);

    return p ? (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3] : 0;
}

static inline size_t bytes_left(const struct bytes *b)
{
    return b->bad ? 0 : (size_t)(b->end - b->at);
}

static inline uint8_t *bytes_put_u32(uint8_t *at, uint32_t v)
{
    at[0] = (uint8_t)(v >> 24);
    at[1] = (uint8_t)(v >> 16);
    at[2] = (uint8_t)(v >> 8);
    at[3] = (uint8_t)v;
    return at + 4;
}

static inline void buf_put_u32(struct buf *b, uint32_t v)
{
    uint8_t be[4];

    bytes_put_u32(be, v);
    buf_put(b, be, sizeof be);
}

#endif
