/* Bytes of a record; the form is explained in record.h.  The one bounded reader of the journal
 * (R1). */
#include "journal/record.h"

#include "base/crc32c.h"
#include <assert.h>
#include <endian.h>
#include <string.h>

#define FORMAT_VERSION 1u
#define FLAGS (RECORD_FIRST | RECORD_LAST)

static void put16(uint8_t *p, uint16_t v)
{
    v = htole16(v);
    memcpy(p, &v, sizeof v);
}

static void put32(uint8_t *p, uint32_t v)
{
    v = htole32(v);
    memcpy(p, &v, sizeof v);
}

static void put64(uint8_t *p, uint64_t v)
{
    v = htole64(v);
    memcpy(p, &v, sizeof v);
}

static uint16_t get16(const uint8_t *p)
{
    uint16_t v;

    memcpy(&v, p, sizeof v);
    return le16toh(v);
}

static uint32_t get32(const uint8_t *p)
{
    uint32_t v;

    memcpy(&v, p, sizeof v);
    return le32toh(v);
}

static uint64_t get64(const uint8_t *p)
{
    uint64_t v;

    memcpy(&v, p, sizeof v);
    return le64toh(v);
}

size_t record_begin(struct buf *b, uint16_t kind, uint64_t number)
{
    size_t at = b->len;

    buf_reserve(b, RECORD_HEAD);
    b->len += RECORD_HEAD;
    put16(b->data + at + 4, kind);
    put64(b->data + at + 8, number);
    return at;
}

void record_end(struct buf *b, size_t at, uint16_t flags)
{
    size_t len = b->len - at - RECORD_HEAD;
    uint8_t tail[RECORD_TAIL];

    assert(len <= RECORD_BODY_MAX);
    put32(b->data + at, (uint32_t)len);
    put16(b->data + at + 6, FORMAT_VERSION);
    record_flag(b->data + at, flags);
    put32(tail, crc32c(0, b->data + at + RECORD_HEAD, len));
    buf_put(b, tail, sizeof tail);
}

void record_flag(uint8_t *record, uint16_t flags)
{
    assert((flags & ~FLAGS) == 0);
    put16(record + 6, get16(record + 6) | flags);
    put32(record + 16, crc32c(0, record, 16));
}

bool record_read_head(const uint8_t *p, size_t left, struct record *ret)
{
    if (left < RECORD_HEAD)
        return false;
    uint16_t version = get16(p + 6);
    uint32_t len = get32(p);
    /* The cheap tests come first: after damage every offset is tried. */
    if ((version & ~FLAGS) != FORMAT_VERSION || len > RECORD_BODY_MAX ||
        get32(p + 16) != crc32c(0, p, 16))
        return false;
    *ret = (struct record){
        .kind = get16(p + 4),
        .flags = version & FLAGS,
        .number = get64(p + 8),
        .len = len,
        .size = (size_t)len + RECORD_HEAD + RECORD_TAIL,
    };
    return true;
}

bool record_read(const uint8_t *p, size_t left, struct record *ret)
{
    struct record r;

    if (!record_read_head(p, left, &r) || r.size > left)
        return false;
    r.body = p + RECORD_HEAD;
    if (get32(r.body + r.len) != crc32c(0, r.body, r.len))
        return false;
    *ret = r;
    return true;
}

size_t record_find(const uint8_t *p, size_t len, size_t from)
{
    const size_t version = 6; /* its low byte is the format, which is never 0 */

    if (len < RECORD_HEAD || from > len - RECORD_HEAD)
        return len;
    const uint8_t *hit = memchr(p + from + version, FORMAT_VERSION, len - from - version);
    size_t at = hit ? (size_t)(hit - p) - version : len;
    return at > len - RECORD_HEAD ? len : at;
}

void record_put_numbers(struct buf *b, uint16_t kind, uint64_t number, struct record_numbers n)
{
    size_t at = record_begin(b, kind, number);
    uint8_t body[sizeof n.v];

    for (unsigned i = 0; i < 3; i++)
        put64(body + 8 * i, n.v[i]);
    buf_put(b, body, sizeof body);
    record_end(b, at, RECORD_FIRST | RECORD_LAST);
}

bool record_get_numbers(const struct record *r, struct record_numbers *ret)
{
    if (r->len != sizeof ret->v)
        return false;
    for (unsigned i = 0; i < 3; i++)
        ret->v[i] = get64(r->body + 8 * i);
    return true;
}
