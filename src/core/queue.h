/* An ordered set of jobs in chunks: cheap to add at the end, to take from the front and to walk in
 * order, and O(square root) anywhere else.  The key is (rank, id), smallest first. */
#ifndef CORE_QUEUE_H
#define CORE_QUEUE_H

#include <stdbool.h>
#include <stdint.h>

struct job;
struct queue_chunk;

struct queue {
    struct queue_chunk **v;
    uint32_t n, cap;
    uint32_t count;   /* entries in all */
    uint64_t version; /* raised with every change */
};

struct queue_key {
    uint64_t rank;
    uint32_t id;
};

struct queue_entry {
    struct queue_key key;
    struct job *job;
};

/* A zeroed struct queue is a valid, empty queue. */
void queue_fini(struct queue *q);
void queue_add(struct queue *q, struct queue_key key,
               struct job *job);                          /* the key must not be there */
bool queue_remove(struct queue *q, struct queue_key key); /* false: it was not there */
/* The first entry with a key >= the given one, or NULL; valid until the next change. */
const struct queue_entry *queue_from(const struct queue *q, struct queue_key key);
/* A walk that goes on although entries come and go meanwhile, and is cheap while they do not. */
struct queue_walk {
    struct queue_key key; /* the next entry is the first from here on */
    uint32_t chunk, slot; /* where that is, if version is the queue's */
    uint64_t version;
};
void queue_walk_from(struct queue_walk *w, struct queue_key key);
const struct queue_entry *queue_walk_peek(const struct queue *q, struct queue_walk *w);
void queue_walk_on(const struct queue *q, struct queue_walk *w); /* past what was peeked at */
int queue_compare(struct queue_key a, struct queue_key b);

/* Walks in order; the body may not change the queue. */
#define QUEUE_FOREACH(it, q)                                                             \
    for (const struct queue_entry *it = queue_from((q), (struct queue_key){ 0, 0 }); it; \
         it = queue_from((q), (struct queue_key){ it->key.rank, it->key.id + 1 }))

#endif
