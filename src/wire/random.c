/* Random messages for tests: every field of any message, from one seed. */
#include "wire/wire.h"

#include "base/map.h"
#include "wire/number.h"

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

/* Optional ones are set half of the time. */
static void random_number(const struct field *f, void *p, uint64_t *seed)
{
    if (f->kind == KIND_F64)
        *(double *)p = (double)(int64_t)number(seed) / 7;
    else if (!number_is_optional(f) || next(seed) % 2)
        number_set(f, p, number(seed));
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
        } else if (f->kind == KIND_ONE) {
            *(void **)p = next(seed) % 2 ? arena_alloc(a, f->sub->size + 1) : NULL;
            if (*(void **)p)
                wire_random(f->sub, *(void **)p, a, seed);
        } else {
            random_number(f, p, seed);
        }
    }
}
