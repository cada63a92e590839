/* Pack and unpack: what wire.h promises, by loops over descriptors.
 *
 * Encoding is protobuf's: a varint key (tag << 3 | type), then a varint or a length and so many
 * bytes. Signed numbers are zigzag; F64 is fixed64.  All reading goes through struct cursor: base,
 * end, sticky error. */
#include "wire/wire.h"

#include "base/cleanup.h"
#include "base/limits.h"
#include "base/xalloc.h"
#include "wire/number.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#define VARINT_MAX 10 /* bytes of 64 bits, seven in each */

enum { WT_VARINT = 0, WT_FIXED64 = 1, WT_LEN = 2, WT_FIXED32 = 5 };

/* ---- packing */

static void put_varint(struct buf *b, uint64_t v)
{
    if (b->cap - b->len < VARINT_MAX)
        buf_reserve(b, VARINT_MAX);
    uint8_t *at = b->data + b->len;
    while (v >= 0x80) {
        *at++ = (uint8_t)(v | 0x80);
        v >>= 7;
    }
    *at++ = (uint8_t)v;
    b->len = (size_t)(at - b->data);
}

static uint64_t zigzag(int64_t v)
{
    return ((uint64_t)v << 1) ^ (uint64_t)(v >> 63);
}

static int64_t unzigzag(uint64_t v)
{
    return (int64_t)(v >> 1) ^ -(int64_t)(v & 1);
}

static void put_key(struct buf *b, const struct field *f, unsigned type)
{
    put_varint(b, (uint64_t)f->tag << 3 | type);
}

static void put_number(struct buf *b, const struct field *f, uint64_t v)
{
    put_key(b, f, WT_VARINT);
    put_varint(b, v);
}

static void put_blob(struct buf *b, const struct field *f, const void *p, size_t len)
{
    put_key(b, f, WT_LEN);
    put_varint(b, len);
    buf_put(b, p, len);
}

/* A nested body goes in behind a one-byte length, which is widened afterwards when that was too
 * small: nearly all are short, and the message is walked once. */
static size_t nested_begin(struct buf *b, const struct field *f)
{
    put_key(b, f, WT_LEN);
    buf_putc(b, 0);
    return b->len;
}

static void nested_end(struct buf *b, size_t start)
{
    size_t len = b->len - start, extra = 0;

    for (size_t v = len; v >= 0x80; v >>= 7)
        extra++;
    if (extra) {
        static const uint8_t room[10];

        buf_put(b, room, extra);
        memmove(b->data + start + extra, b->data + start, len);
    }
    uint8_t *at = b->data + start - 1;
    for (size_t v = len;; v >>= 7) {
        *at++ = (uint8_t)(v >= 0x80 ? (v & 0x7f) | 0x80 : v);
        if (v < 0x80)
            break;
    }
}

static void pack_strs(struct buf *b, const struct field *f, const struct strs *s)
{
    for (uint32_t i = 0; i < s->n; i++)
        put_blob(b, f, s->v[i], strlen(s->v[i]));
}

static void pack_u32s(struct buf *b, const struct field *f, const struct u32s *s)
{
    size_t start;

    if (!s->n)
        return;
    start = nested_begin(b, f);
    for (uint32_t i = 0; i < s->n; i++)
        put_varint(b, s->v[i]);
    nested_end(b, start);
}

static void pack_sub(struct buf *b, const struct field *f, const void *msg)
{
    size_t start = nested_begin(b, f);

    wire_pack(f->sub, msg, b);
    nested_end(b, start);
}

/* Any LIST member has this shape; the element type only matters for its size. */
struct any_list {
    void *v;
    uint32_t n;
};

static void pack_list(struct buf *b, const struct field *f, const struct any_list *l)
{
    for (uint32_t i = 0; i < l->n; i++)
        pack_sub(b, f, (const char *)l->v + i * f->sub->size);
}

static void pack_f64(struct buf *b, const struct field *f, double v)
{
    if (v == 0)
        return;
    put_key(b, f, WT_FIXED64);
    buf_put(b, &v, sizeof v);
}

static void pack_str(struct buf *b, const struct field *f, const char *s)
{
    if (s && *s)
        put_blob(b, f, s, strlen(s));
}

static void pack_bytes(struct buf *b, const struct field *f, const struct bytes *v)
{
    if (v->len)
        put_blob(b, f, v->p, v->len);
}

static void pack_field(struct buf *b, const struct field *f, const void *p)
{
    uint64_t number;

    switch ((enum kind)f->kind) {
    case KIND_STR:
        return pack_str(b, f, *(const char *const *)p);
    case KIND_BYTES:
        return pack_bytes(b, f, p);
    case KIND_STRS:
        return pack_strs(b, f, p);
    case KIND_U32S:
        return pack_u32s(b, f, p);
    case KIND_F64:
        return pack_f64(b, f, *(const double *)p);
    case KIND_ONE:
        if (*(void *const *)p)
            pack_sub(b, f, *(void *const *)p);
        return;
    case KIND_LIST:
        return pack_list(b, f, p);
    default:
        if (number_get(f, p, &number))
            put_number(b, f, number_is_signed(f) ? zigzag((int64_t)number) : number);
    }
}

void wire_pack(const struct desc *d, const void *msg, struct buf *out)
{
    const struct field *fields = d->fields();

    for (unsigned i = 0; i < d->count; i++)
        pack_field(out, &fields[i], (const char *)msg + fields[i].offset);
}

/* ---- unpacking */

struct cursor {
    const uint8_t *at, *end;
    bool bad; /* sticky */
};

/* Shared by all levels of one unpack. */
struct reader {
    struct arena *arena;
    size_t room; /* bytes of memory this message may still take (R1) */
    int depth;
    struct err *e;
};

static uint64_t get_varint(struct cursor *c)
{
    uint64_t v = 0;

    for (unsigned shift = 0; shift < 64 && c->at < c->end; shift += 7) {
        uint8_t byte = *c->at++;

        v |= (uint64_t)(byte & 0x7f) << shift;
        if (!(byte & 0x80))
            return v;
    }
    c->bad = true;
    return 0;
}

static struct cursor get_slice(struct cursor *c)
{
    uint64_t len = get_varint(c);
    struct cursor s = { c->at, c->at, true };

    if (c->bad || len > (uint64_t)(c->end - c->at)) {
        c->bad = true;
        return s;
    }
    s = (struct cursor){ c->at, c->at + len, false };
    c->at += len;
    return s;
}

/* Memory from the arena, within the message's allowance; NULL when that is used up. */
static void *take(struct reader *r, size_t n, size_t size)
{
    if (size && n > r->room / size)
        return NULL;
    r->room -= n * size;
    return arena_calloc(r->arena, n ? n : 1, size ? size : 1);
}

static int malformed(struct reader *r, const struct desc *d, const struct field *f,
                     const char *what)
{
    return err_set(r->e, EBADMSG, "message %s, field %s: %s", d->name, f ? f->name : "?", what);
}

static void skip(struct cursor *c, unsigned type)
{
    size_t fixed = type == WT_FIXED64 ? 8 : type == WT_FIXED32 ? 4 : 0;

    if (type == WT_VARINT)
        get_varint(c);
    else if (type == WT_LEN)
        get_slice(c);
    else if (fixed && (size_t)(c->end - c->at) >= fixed)
        c->at += fixed;
    else
        c->bad = true;
}

static unsigned wire_type(const struct field *f)
{
    return number_is(f) ? WT_VARINT : f->kind == KIND_F64 ? WT_FIXED64 : WT_LEN;
}

/* A C string from a slice; NULL when it holds a NUL (it could not be told from a shorter one) or
 * memory is out. */
static const char *slice_str(struct reader *r, const struct cursor *s)
{
    size_t len = (size_t)(s->end - s->at);

    if (memchr(s->at, 0, len) || len + 1 > r->room)
        return NULL;
    r->room -= len + 1;
    return arena_strndup(r->arena, (const char *)s->at, len);
}

/* Room for n more elements, exactly.  A list has no capacity: it grows by whole runs, and a second
 * run of one list (no packer makes that) copies the first. */
static bool list_reserve(struct reader *r, struct any_list *l, size_t n, size_t size)
{
    void *more = take(r, l->n + n, size);

    if (!more)
        return false;
    if (l->n)
        memcpy(more, l->v, l->n * size);
    l->v = more;
    return true;
}

static int unpack_body(struct reader *r, const struct desc *d, struct cursor c, void *ret);

static int unpack_sub(struct reader *r, const struct desc *d, struct cursor c, void *ret)
{
    int rc;

    if (++r->depth > WIRE_DEPTH_MAX)
        return malformed(r, d, NULL, "nested too deeply");
    rc = unpack_body(r, d, c, ret);
    r->depth--;
    return rc;
}

/* A varint ends with the byte whose top bit is clear. */
static size_t count_varints(struct cursor c)
{
    size_t n = 0;

    for (; c.at < c.end; c.at++)
        n += !(*c.at & 0x80);
    return n;
}

static int unpack_u32s(struct reader *r, const struct desc *d, const struct field *f,
                       struct cursor s, struct u32s *ret)
{
    if (!list_reserve(r, (struct any_list *)ret, count_varints(s), sizeof *ret->v))
        return malformed(r, d, f, "too large");
    while (s.at < s.end) {
        uint32_t v = (uint32_t)get_varint(&s);

        if (s.bad)
            return malformed(r, d, f, "truncated");
        ret->v[ret->n++] = v;
    }
    return 0;
}

static int unpack_slice(struct reader *r, const struct desc *d, const struct field *f,
                        struct cursor s, void *p)
{
    void *slot;
    const char *text;

    switch ((enum kind)f->kind) {
    case KIND_STR:
        text = slice_str(r, &s);
        if (!text)
            return malformed(r, d, f, "NUL inside, or too large");
        *(const char **)p = text;
        return 0;
    case KIND_BYTES: {
        size_t len = (size_t)(s.end - s.at);
        void *copy = take(r, len, 1);

        if (!copy)
            return malformed(r, d, f, "too large");
        memcpy(copy, s.at, len);
        *(struct bytes *)p = (struct bytes){ copy, (uint32_t)len };
        return 0;
    }
    case KIND_U32S:
        return unpack_u32s(r, d, f, s, p);
    case KIND_ONE:
        slot = take(r, 1, f->sub->size);
        if (!slot)
            return malformed(r, d, f, "too large");
        *(void **)p = slot;
        return unpack_sub(r, f->sub, s, slot);
    default: /* repeated ones come in runs */
        return 0;
    }
}

/* How many elements of this key stand in a row, from the one whose key was just read. */
static size_t run_length(struct cursor c, uint64_t key)
{
    size_t n = 0;

    do {
        get_slice(&c);
        n++;
    } while (!c.bad && c.at < c.end && get_varint(&c) == key);
    return n;
}

static int unpack_element(struct reader *r, const struct desc *d, const struct field *f,
                          struct cursor *c, void *slot)
{
    struct cursor s = get_slice(c);

    if (s.bad)
        return malformed(r, d, f, "truncated");
    if (f->kind == KIND_LIST)
        return unpack_sub(r, f->sub, s, slot);
    const char *text = slice_str(r, &s);
    if (!text)
        return malformed(r, d, f, "NUL inside, or too large");
    *(const char **)slot = text;
    return 0;
}

/* All elements that stand in a row: a list of 10,000 gets its memory in one piece. */
static int unpack_run(struct reader *r, const struct desc *d, const struct field *f,
                      struct cursor *c, struct any_list *l)
{
    size_t size = f->kind == KIND_LIST ? f->sub->size : sizeof(char *);
    size_t n = run_length(*c, (uint64_t)f->tag << 3 | WT_LEN);

    if (!list_reserve(r, l, n, size))
        return malformed(r, d, f, "too large");
    for (size_t i = 0; i < n; i++) {
        if (i > 0)
            get_varint(c); /* the same key */
        int rc = unpack_element(r, d, f, c, (char *)l->v + size * l->n);
        if (rc < 0)
            return rc;
        l->n++;
    }
    return 0;
}

static bool is_repeated(const struct field *f)
{
    return f->kind == KIND_LIST || f->kind == KIND_STRS;
}

/* The key has been read. */
static int unpack_field(struct reader *r, const struct desc *d, const struct field *f,
                        struct cursor *c, void *p)
{
    if (wire_type(f) == WT_VARINT) {
        uint64_t v = get_varint(c);

        number_set(f, p, number_is_signed(f) ? (uint64_t)unzigzag(v) : v);
    } else if (wire_type(f) == WT_FIXED64) {
        if (c->end - c->at < 8)
            return malformed(r, d, f, "truncated");
        memcpy(p, c->at, 8);
        c->at += 8;
    } else if (is_repeated(f)) {
        return unpack_run(r, d, f, c, p);
    } else {
        struct cursor s = get_slice(c);

        if (!s.bad)
            return unpack_slice(r, d, f, s, p);
    }
    return c->bad ? malformed(r, d, f, "truncated") : 0;
}

static void set_empty_strings(const struct desc *d, void *msg)
{
    const struct field *fields = d->fields();

    for (unsigned i = 0; i < d->count; i++)
        if (fields[i].kind == KIND_STR)
            *(const char **)((char *)msg + fields[i].offset) = "";
}

/* Fields come in ascending order from our own packer, so the search goes on from the last hit. */
static const struct field *find_tag(const struct desc *d, uint64_t tag, unsigned *hint)
{
    const struct field *fields = d->fields();

    for (unsigned n = 0; n < d->count; n++) {
        unsigned i = *hint + n < d->count ? *hint + n : *hint + n - d->count;

        if (fields[i].tag == tag) {
            *hint = i;
            return &fields[i];
        }
    }
    return NULL;
}

static int unpack_body(struct reader *r, const struct desc *d, struct cursor c, void *ret)
{
    unsigned hint = 0;

    memset(ret, 0, d->size);
    set_empty_strings(d, ret);
    while (c.at < c.end) {
        uint64_t key = get_varint(&c);
        const struct field *f = find_tag(d, key >> 3, &hint);
        int rc = 0;

        if (!f)
            skip(&c, key & 7);
        else if (wire_type(f) != (key & 7))
            return malformed(r, d, f, "has another wire type");
        else
            rc = unpack_field(r, d, f, &c, (char *)ret + f->offset);
        if (rc < 0)
            return rc;
        if (c.bad)
            return malformed(r, d, f, "truncated");
    }
    return 0;
}

/* An empty body may come as NULL, to which C lets nobody add. */
static struct cursor cursor_over(const void *data, size_t len)
{
    const uint8_t *at = len ? data : (const uint8_t *)"";

    return (struct cursor){ at, at + len, false };
}

int wire_unpack(const struct desc *d, const void *data, size_t len, struct arena *a, void *ret,
                struct err *e)
{
    struct reader r = { a, (size_t)WIRE_ALLOC_FACTOR * len + WIRE_ALLOC_SLACK, 0, e };

    return unpack_body(&r, d, cursor_over(data, len), ret);
}

int wire_unpack_new(const struct desc *d, const void *data, size_t len, struct arena *a, void **ret,
                    struct err *e)
{
    void *msg = arena_alloc(a, d->size ? d->size : 1);
    int rc = wire_unpack(d, data, len, a, msg, e);

    if (rc == 0)
        *ret = msg;
    return rc;
}

void *wire_dup(const struct desc *d, const void *msg, struct arena *a)
{
    CLEANUP(buf_fini) struct buf b = { 0 };
    void *copy = NULL;
    int rc;

    wire_pack(d, msg, &b);
    struct reader r = { a, SIZE_MAX, 0, NULL };
    copy = arena_alloc(a, d->size ? d->size : 1);
    rc = unpack_body(&r, d, cursor_over(b.data, b.len), copy);
    assert(rc == 0);
    return copy;
}

int wire_equal(const struct desc *d, const void *a, const void *b)
{
    CLEANUP(buf_fini) struct buf x = { 0 };
    CLEANUP(buf_fini) struct buf y = { 0 };

    wire_pack(d, a, &x);
    wire_pack(d, b, &y);
    return x.len == y.len && (x.len == 0 || memcmp(x.data, y.data, x.len) == 0);
}
