/* One random message of every type, as lines "name hex": what mkdoc_test.py gives to protoc.
 * Texts are made printable first, because a .proto string must be UTF-8 and ours may be any bytes.
 */
#include "base/arena.h"
#include "wire/wire.h"

#include <stdio.h>

static void printable(const struct desc *d, void *msg);

static void printable_text(const char *text)
{
    for (char *c = (char *)text; *c; c++)
        *c = (char)('a' + (unsigned char)*c % 26);
}

static void printable_field(const struct field *f, void *p)
{
    struct strs *strs = p;
    struct {
        char *v;
        uint32_t n;
    } *list = p;

    if (f->kind == KIND_STR)
        printable_text(*(const char **)p);
    if (f->kind == KIND_STRS)
        for (uint32_t i = 0; i < strs->n; i++)
            printable_text(strs->v[i]);
    if (f->kind == KIND_ONE && *(void **)p)
        printable(f->sub, *(void **)p);
    if (f->kind == KIND_LIST)
        for (uint32_t i = 0; i < list->n; i++)
            printable(f->sub, list->v + i * f->sub->size);
}

static void printable(const struct desc *d, void *msg)
{
    const struct field *fields = d->fields();

    for (uint16_t i = 0; i < d->count; i++)
        printable_field(&fields[i], (char *)msg + fields[i].offset);
}

int main(void)
{
    struct arena a = { 0 };
    uint64_t seed = 11;

    for (unsigned i = 0; i < all_descs_count; i++) {
        const struct desc *d = all_descs[i];
        void *msg = arena_alloc(&a, d->size + 1);
        struct buf b = { 0 };

        wire_random(d, msg, &a, &seed);
        printable(d, msg);
        wire_pack(d, msg, &b);
        printf("%s ", d->name);
        for (size_t k = 0; k < b.len; k++)
            printf("%02x", b.data[k]);
        putchar('\n');
        buf_fini(&b);
    }
    arena_fini(&a);
    return 0;
}
