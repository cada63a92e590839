/* Bump allocator for one request: everything it gave is dropped at once.
 * A decoded message and all its strings live in one (HOUSE section 7). */
#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include <stddef.h>

struct arena_block;

struct arena {
    struct arena_block *first; /* the newest block; older ones behind it */
    size_t used;               /* bytes taken from the newest block */
    size_t total;              /* bytes handed out since the last reset */
};

/* A zeroed struct arena is a valid, empty arena. */
void arena_reset(struct arena *a); /* drops everything, keeps one block for reuse */
void arena_fini(struct arena *a);

/* Zeroed, aligned to 16 bytes. */
void *arena_alloc(struct arena *a, size_t size) __attribute__((malloc, returns_nonnull));
/* The same; n*size is checked. */
void *arena_calloc(struct arena *a, size_t n, size_t size) __attribute__((returns_nonnull));
void *arena_memdup(struct arena *a, const void *p, size_t len) __attribute__((returns_nonnull));
/* NULL gives "". */
char *arena_strdup(struct arena *a, const char *s) __attribute__((returns_nonnull));
char *arena_strndup(struct arena *a, const char *s, size_t max) __attribute__((returns_nonnull));
char *arena_printf(struct arena *a, const char *fmt, ...)
    __attribute__((format(printf, 2, 3), nonnull(2), returns_nonnull));

#endif
