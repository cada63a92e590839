/* Frame headers; the layout is explained in conn.h and docs/wire.md. */
#include "net/frame.h"

#include "base/limits.h"

#include <errno.h>

static void put16(uint8_t *p, uint16_t v)
{
    p[0] = (uint8_t)(v >> 8);
    p[1] = (uint8_t)v;
}

static void put32(uint8_t *p, uint32_t v)
{
    put16(p, (uint16_t)(v >> 16));
    put16(p + 2, (uint16_t)v);
}

static uint16_t get16(const uint8_t *p)
{
    return (uint16_t)(p[0] << 8 | p[1]);
}

static uint32_t get32(const uint8_t *p)
{
    return (uint32_t)get16(p) << 16 | get16(p + 2);
}

void frame_header(const struct frame *f, uint8_t *out)
{
    put32(out, FRAME_MAGIC);
    put16(out + 4, f->opcode);
    put16(out + 6, f->flags);
    put32(out + 8, f->request);
    put32(out + 12, f->len);
}

int64_t frame_parse(const uint8_t *data, size_t len, uint32_t body_max, struct frame *ret)
{
    if (len >= 4 && get32(data) != FRAME_MAGIC)
        return -EBADMSG;
    if (len < FRAME_HEADER)
        return 0;

    uint32_t body = get32(data + 12);
    if (body > body_max)
        return -EMSGSIZE;
    if (len - FRAME_HEADER < body)
        return 0;
    *ret = (struct frame){
        .opcode = get16(data + 4),
        .flags = get16(data + 6),
        .request = get32(data + 8),
        .body = data + FRAME_HEADER,
        .len = body,
    };
    return (int64_t)FRAME_HEADER + body;
}

size_t frame_missing(const uint8_t *data, size_t len)
{
    size_t want = len < FRAME_HEADER ? FRAME_HEADER : (size_t)FRAME_HEADER + get32(data + 12);

    return want > len ? want - len : 0;
}
