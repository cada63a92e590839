/* Random messages for tests: every field of any message, from one seed. */
#include "wire/wire.h"

#include "base/map.h"

#include <string.h>

static uint64_t next(uint64_t *seed)
{
    *seed += 0x9e3779b97f4a7c15u;
    return hash_u64(*seed);
}

/* Small, large and extreme numbers alike. */
static uint64_t number(uint64_t *seed)
{
    uint64_t v = next(seed);

    return v >> (next(seed) % 64);
}

static const char *text(struct arena *a, uint64_t *seed)
{
    size_t len = next(seed) % 20;
    char *s = arena_alloc(a, len + 1);

    for (size_t i = 0; i < len; i++)
        s[i] = (char)(next(seed) % 255 + 1);
    return s;
}

static void random_numbers(const struct field *f, void *p, uint64_t *seed)
{
    bool set = next(seed) % 2;

    switch ((enum kind)f->kind) {
    case KIND_BOOL:
        *(bool *)p = set;
        break;
    case KIND_U32:
    case KIND_I32:
        *(uint32_t *)p = (uint32_t)number(seed);
        break;
    case KIND_U64:
    case KIND_I64:
        *(uint64_t *)p = number(seed);
        break;
    case KIND_F64:
        *(double *)p = (double)(int64_t)number(seed) / 7;
        break;
    case KIND_OPT_BOOL:
        *(struct opt_bool *)p = (struct opt_bool){ set, set && next(seed) % 2 };
        break;
    case KIND_OPT_U32:
        *(struct opt_u32 *)p = (struct opt_u32){ set, set ? (uint32_t)number(seed) : 0 };
        break;
    case KIND_OPT_U64:
        *(struct opt_u64 *)p = (struct opt_u64){ set, set ? number(seed) : 0 };
        break;
    case KIND_OPT_I64:
        *(struct opt_i64 *)p = (struct opt_i64){ set, set ? (int64_t)number(seed) : 0 };
        break;
    default:
        break;
    }
}

static void random_strs(struct strs *s, struct arena *a, uint64_t *seed)
{
    s->n = (uint32_t)(next(seed) % 4);
    s->v = arena_calloc(a, s->n + 1, sizeof *s->v);
    for (uint32_t i = 0; i < s->n; i++)
        s->v[i] = text(a, seed);
}

static void random_u32s(struct u32s *s, struct arena *a, uint64_t *seed)
{
    s->n = (uint32_t)(next(seed) % 4);
    s->v = arena_calloc(a, s->n + 1, sizeof *s->v);
    for (uint32_t i = 0; i < s->n; i++)
        s->v[i] = (uint32_t)number(seed);
}

static void random_list(const struct field *f, void *p, struct arena *a, uint64_t *seed)
{
    struct any {
        void *v;
        uint32_t n;
    } *list = p;

    list->n = (uint32_t)(next(seed) % 3);
    list->v = arena_calloc(a, list->n + 1, f->sub->size + 1);
    for (uint32_t i = 0; i < list->n; i++)
        wire_random(f->sub, (char *)list->v + i * f->sub->size, a, seed);
}

void wire_random(const struct desc *d, void *msg, struct arena *a, uint64_t *seed)
{
    const struct field *fields = d->fields();

    memset(msg, 0, d->size);
    for (unsigned i = 0; i < d->count; i++) {
        const struct field *f = &fields[i];
        void *p = (char *)msg + f->offset;

        if (f->kind == KIND_STR) {
            *(const char **)p = text(a, seed);
        } else if (f->kind == KIND_BYTES) {
            const char *s = text(a, seed);
            *(struct bytes *)p = (struct bytes){ (const uint8_t *)s, (uint32_t)strlen(s) };
        } else if (f->kind == KIND_STRS) {
            random_strs(p, a, seed);
        } else if (f->kind == KIND_U32S) {
            random_u32s(p, a, seed);
        } else if (f->kind == KIND_LIST) {
            random_list(f, p, a, seed);
        } else if (f->kind == KIND_ONE && next(seed) % 2) {
            *(void **)p = arena_alloc(a, f->sub->size + 1);
            wire_random(f->sub, *(void **)p, a, seed);
        } else {
            random_numbers(f, p, seed);
        }
    }
}
