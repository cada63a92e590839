/* Binary min-heap of (key, value) with removal by handle: timers and queues. */
#ifndef BASE_HEAP_H
#define BASE_HEAP_H

#include <stdint.h>

struct heap_entry {
    int64_t key;    /* smallest first; equal keys leave in order of insertion */
    uint64_t order; /* tie-break, set by heap_push */
    uint32_t *at;   /* where the owner keeps the position: from 1; 0: not inside.  May be NULL */
    void *value;
};

struct heap {
    struct heap_entry *v;
    uint32_t n, cap;
    uint64_t pushed;
};

/* A zeroed struct heap is a valid, empty heap. */
void heap_fini(struct heap *h);
void heap_push(struct heap *h, int64_t key, void *value, uint32_t *at);
const struct heap_entry *heap_top(const struct heap *h); /* NULL when empty */
void *heap_pop(struct heap *h);                          /* NULL when empty */
void heap_remove(struct heap *h, uint32_t at);           /* as kept through `at`; 0 is ignored */

#endif
