/* Walkers of descriptors; the idea is explained in msgs.h.  Equality and hash look at what a
 * message says, never at padding: a NULL string and "" are the same, as they are on the wire. */
#include "core/msgs.h"

#include "base/map.h"
#include "base/xalloc.h"
#include "schema/messages.h"

#include <assert.h>
#include <string.h>

struct list_view {
    const void *v;
    uint32_t n;
};

static size_t extra(const struct desc *d, const void *m);
static void fill(const struct desc *d, void *dst, const void *src, char **at);

static size_t align8(size_t n)
{
    return (n + 7) & ~(size_t)7;
}

static const void *member(const void *m, const struct field *f)
{
    return (const char *)m + f->offset;
}

static const char *text_of(const void *p)
{
    const char *s = *(const char *const *)p;

    return s ? s : "";
}

static const void *item(const struct desc *d, const struct list_view *l, uint32_t i)
{
    return (const char *)l->v + d->size * i;
}

void *msg_clone(const struct desc *d, const void *m)
{
    size_t size = align8(d->size) + extra(d, m);
    char *block = xcalloc(1, size);
    char *at = block + align8(d->size);

    fill(d, block, m, &at);
    assert(at == block + size);
    return block;
}

void *msg_copy(struct arena *a, const struct desc *d, const void *m)
{
    char *block = arena_alloc(a, align8(d->size) + extra(d, m));
    char *at = block + align8(d->size);

    fill(d, block, m, &at);
    return block;
}

static size_t extra_strs(const struct strs *s)
{
    size_t n = align8(s->n * sizeof *s->v);

    for (uint32_t i = 0; i < s->n; i++)
        n += align8(strlen(s->v[i]) + 1);
    return n;
}

static size_t extra_list(const struct field *f, const struct list_view *l)
{
    size_t n = align8(f->sub->size * l->n);

    for (uint32_t i = 0; i < l->n; i++)
        n += extra(f->sub, item(f->sub, l, i));
    return n;
}

/* Bytes that one member points to. */
static size_t extra_field(const struct field *f, const void *p)
{
    switch (f->kind) {
    case KIND_STR:
        return align8(strlen(text_of(p)) + 1);
    case KIND_BYTES:
        return align8(((const struct bytes *)p)->len);
    case KIND_STRS:
        return extra_strs(p);
    case KIND_U32S:
        return align8(((const struct u32s *)p)->n * sizeof(uint32_t));
    case KIND_ONE:
        return *(void *const *)p ? align8(f->sub->size) + extra(f->sub, *(void *const *)p) : 0;
    case KIND_LIST:
        return extra_list(f, p);
    default:
        return 0;
    }
}

static size_t extra(const struct desc *d, const void *m)
{
    const struct field *fields = d->fields();
    size_t n = 0;

    for (unsigned i = 0; i < d->count; i++)
        n += extra_field(&fields[i], member(m, &fields[i]));
    return n;
}

static void *put(char **at, const void *p, size_t len)
{
    void *dst = *at;

    if (len)
        memcpy(dst, p, len);
    *at += align8(len);
    return dst;
}

static void fill_strs(struct strs *dst, const struct strs *src, char **at)
{
    dst->n = src->n;
    dst->v = put(at, src->v, src->n * sizeof *src->v);
    for (uint32_t i = 0; i < src->n; i++)
        dst->v[i] = put(at, src->v[i], strlen(src->v[i]) + 1);
}

static void fill_list(const struct field *f, struct list_view *dst, const struct list_view *src,
                      char **at)
{
    char *v = put(at, src->v, f->sub->size * src->n);

    *dst = (struct list_view){ .v = v, .n = src->n };
    for (uint32_t i = 0; i < src->n; i++)
        fill(f->sub, v + f->sub->size * i, item(f->sub, src, i), at);
}

static void fill_one(const struct field *f, void **dst, void *src, char **at)
{
    *dst = src ? put(at, src, f->sub->size) : NULL;
    if (src)
        fill(f->sub, *dst, src, at);
}

static void fill_field(const struct field *f, void *dst, const void *src, char **at)
{
    switch (f->kind) {
    case KIND_STR:
        *(const char **)dst = put(at, text_of(src), strlen(text_of(src)) + 1);
        break;
    case KIND_BYTES:
        ((struct bytes *)dst)->p =
            put(at, ((const struct bytes *)src)->p, ((const struct bytes *)src)->len);
        break;
    case KIND_STRS:
        fill_strs(dst, src, at);
        break;
    case KIND_U32S:
        ((struct u32s *)dst)->v =
            put(at, ((const struct u32s *)src)->v, ((const struct u32s *)src)->n * 4);
        break;
    case KIND_ONE:
        fill_one(f, dst, *(void *const *)src, at);
        break;
    case KIND_LIST:
        fill_list(f, dst, src, at);
        break;
    default:
        break;
    }
}

/* Copies the flat struct first, then replaces every pointer by one into the block. */
static void fill(const struct desc *d, void *dst, const void *src, char **at)
{
    const struct field *fields = d->fields();

    memmove(dst, src, d->size);
    for (unsigned i = 0; i < d->count; i++)
        fill_field(&fields[i], (char *)dst + fields[i].offset, member(src, &fields[i]), at);
}

/* The bytes of a member that has no pointers, or its payload; set flags count, padding does not. */
static uint64_t hash_field(const struct field *f, const void *p, uint64_t h)
{
    const struct list_view *l = p;

    switch (f->kind) {
    case KIND_BOOL:
        return hash_bytes(p, sizeof(bool), h);
    case KIND_U32:
    case KIND_I32:
        return hash_bytes(p, 4, h);
    case KIND_STR:
        return hash_bytes(text_of(p), strlen(text_of(p)), h);
    case KIND_BYTES:
    case KIND_U32S:
        return hash_bytes(l->v, f->kind == KIND_BYTES ? l->n : l->n * 4, h + l->n);
    case KIND_STRS:
        for (uint32_t i = 0; i < l->n; i++)
            h = hash_bytes(((const struct strs *)p)->v[i], strlen(((const struct strs *)p)->v[i]),
                           h + 1);
        return h;
    case KIND_OPT_BOOL:
        return hash_u64(h + ((const struct opt_bool *)p)->set +
                        2u * ((const struct opt_bool *)p)->v);
    case KIND_OPT_U32:
        return hash_u64(h + ((const struct opt_u32 *)p)->set *
                                (1 + ((uint64_t)((const struct opt_u32 *)p)->v << 1)));
    case KIND_OPT_U64:
    case KIND_OPT_I64:
        return ((const struct opt_u64 *)p)->set
                   ? hash_bytes(&((const struct opt_u64 *)p)->v, 8, h + 1)
                   : hash_u64(h);
    case KIND_ONE:
        return *(void *const *)p ? msg_hash(f->sub, *(void *const *)p, h + 1) : hash_u64(h);
    case KIND_LIST:
        for (uint32_t i = 0; i < l->n; i++)
            h = msg_hash(f->sub, item(f->sub, l, i), h + 1);
        return h;
    default:
        return hash_bytes(p, 8, h);
    }
}

uint64_t msg_hash(const struct desc *d, const void *m, uint64_t seed)
{
    const struct field *fields = d->fields();
    uint64_t h = seed;

    for (unsigned i = 0; i < d->count; i++)
        h = hash_field(&fields[i], member(m, &fields[i]), h + fields[i].tag);
    return h;
}

static bool equal_list(const struct field *f, const struct list_view *a, const struct list_view *b)
{
    for (uint32_t i = 0; i < a->n && a->n == b->n; i++)
        if (!msg_equal(f->sub, item(f->sub, a, i), item(f->sub, b, i)))
            return false;
    return a->n == b->n;
}

/* Members that need more than a comparison of hashes; the rest is flat and the hash is injective
 * enough only together with this for texts. */
static bool equal_field(const struct field *f, const void *a, const void *b)
{
    const struct list_view *x = a, *y = b;

    switch (f->kind) {
    case KIND_STR:
        return strcmp(text_of(a), text_of(b)) == 0;
    case KIND_BYTES:
        return x->n == y->n && (x->n == 0 || memcmp(x->v, y->v, x->n) == 0);
    case KIND_ONE:
        if (!*(void *const *)a || !*(void *const *)b)
            return *(void *const *)a == *(void *const *)b;
        return msg_equal(f->sub, *(void *const *)a, *(void *const *)b);
    case KIND_LIST:
        return equal_list(f, a, b);
    default:
        return hash_field(f, a, 1) == hash_field(f, b, 1);
    }
}

bool msg_equal(const struct desc *d, const void *a, const void *b)
{
    const struct field *fields = d->fields();

    for (unsigned i = 0; i < d->count; i++)
        if (!equal_field(&fields[i], member(a, &fields[i]), member(b, &fields[i])))
            return false;
    return true;
}
