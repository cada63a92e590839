/* Objects of one type with stable handles.  A handle whose object was freed resolves to NULL. */
#ifndef BASE_SLAB_H
#define BASE_SLAB_H

#include <stddef.h>
#include <stdint.h>

struct slab_ref {
    uint32_t at, gen; /* gen 0 never exists: a zeroed ref is "nothing" */
};

struct slab {
    size_t item_size;
    uint32_t count; /* live objects */
    uint32_t end;   /* one past the highest index ever used */
    void **chunks;  /* objects never move */
    uint32_t chunk_count;
    uint32_t free_head;
};

void slab_init(struct slab *s, size_t item_size);
void slab_fini(struct slab *s);
void *slab_new(struct slab *s, struct slab_ref *ret);      /* zeroed object */
void slab_free(struct slab *s, struct slab_ref ref);       /* a stale ref is a bug: asserts */
void *slab_get(const struct slab *s, struct slab_ref ref); /* NULL when stale */
void *slab_at(const struct slab *s, uint32_t at); /* live object at an index, or NULL: for loops */

#endif
