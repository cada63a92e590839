/* Bump allocation from a chain of blocks.  Only the newest block is bumped; what is left over in an
 * older one is given up, which costs little because blocks double. */
#include "base/arena.h"
#include "base/xalloc.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BLOCK_MIN 4096u
#define BLOCK_MAX (1u << 20) /* doubling ends here; larger requests get their own block */
#define ALIGN 16u

struct arena_block {
    struct arena_block *next; /* the older one */
    size_t cap;
    _Alignas(ALIGN) unsigned char data[];
};

static void grow(struct arena *a, size_t need);

/* Memory kept over a reset is only cleared again where it is handed out. */
void arena_reset(struct arena *a)
{
    struct arena_block *keep = a->first;

    if (keep) {
        a->first = keep->next;
        arena_fini(a);
        keep->next = NULL;
    }
    *a = (struct arena){ .first = keep };
}

void arena_fini(struct arena *a)
{
    for (struct arena_block *b = a->first, *next; b; b = next) {
        next = b->next;
        free(b);
    }
    *a = (struct arena){ 0 };
}

void *arena_alloc(struct arena *a, size_t size)
{
    size_t need;

    if (__builtin_add_overflow(size, ALIGN - 1, &need))
        return xcalloc(SIZE_MAX, size); /* ends the process with the usual words */
    need &= ~(size_t)(ALIGN - 1);
    if (!a->first || a->first->cap - a->used < need)
        grow(a, need);

    void *p = a->first->data + a->used;
    a->used += need;
    a->total += need;
    return memset(p, 0, need);
}

void *arena_calloc(struct arena *a, size_t n, size_t size)
{
    size_t bytes;

    if (__builtin_mul_overflow(n, size, &bytes))
        return xcalloc(n, size);
    return arena_alloc(a, bytes);
}

void *arena_memdup(struct arena *a, const void *p, size_t len)
{
    void *copy = arena_alloc(a, len);

    if (len > 0)
        memcpy(copy, p, len);
    return copy;
}

char *arena_strdup(struct arena *a, const char *s)
{
    return s ? arena_memdup(a, s, strlen(s) + 1) : arena_alloc(a, 1);
}

char *arena_strndup(struct arena *a, const char *s, size_t max)
{
    size_t len = s ? strnlen(s, max) : 0;
    char *copy = arena_alloc(a, len + 1);

    if (len > 0)
        memcpy(copy, s, len);
    return copy;
}

char *arena_printf(struct arena *a, const char *fmt, ...)
{
    va_list ap, again;

    va_start(ap, fmt);
    va_copy(again, ap);
    int len = vsnprintf(NULL, 0, fmt, ap);
    va_end(ap);
    if (len < 0)
        len = 0; /* an unprintable wide character: the caller gets what vsnprintf made of it */
    char *text = arena_alloc(a, (size_t)len + 1);
    vsnprintf(text, (size_t)len + 1, fmt, again);
    va_end(again);
    return text;
}

static void grow(struct arena *a, size_t need)
{
    size_t cap = a->first ? a->first->cap * 2 : BLOCK_MIN;

    if (cap > BLOCK_MAX)
        cap = BLOCK_MAX;
    if (cap < need)
        cap = need;
    struct arena_block *b = xmalloc(sizeof *b + cap);
    b->next = a->first;
    b->cap = cap;
    a->first = b;
    a->used = 0;
}
