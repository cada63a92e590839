/* Shared contents; the idea is explained in pool.h. */
#include "core/pool.h"

#include "base/xalloc.h"
#include "core/msgs.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

struct pool_item {
    struct pool_item *next; /* same hash */
    uint64_t hash;
    uint32_t users;
    uint32_t len;
    uint8_t data[];
};

void pool_fini(struct pool *p)
{
    uint32_t at = 0;
    uint64_t key;
    void *value;

    while (map_next(&p->items, &at, &key, &value))
        for (struct pool_item *it = value, *next; it; it = next) {
            next = it->next;
            free(it);
        }
    map_fini(&p->items);
}

static struct pool_item *take(struct pool *p, const void *data, uint32_t len)
{
    uint64_t hash = hash_bytes(data, len, 0);
    struct pool_item *first = map_get(&p->items, hash);

    for (struct pool_item *it = first; it; it = it->next)
        if (it->len == len && memcmp(it->data, data, len) == 0) {
            it->users++;
            return it;
        }
    struct pool_item *it = xmalloc(sizeof *it + len);
    *it = (struct pool_item){ .next = first, .hash = hash, .users = 1, .len = len };
    memcpy(it->data, data, len);
    map_put(&p->items, hash, it);
    p->count++;
    return it;
}

static void drop(struct pool *p, const void *data)
{
    struct pool_item *it =
        (struct pool_item *)((char *)(uintptr_t)data - offsetof(struct pool_item, data));

    assert(it->users > 0);
    if (--it->users > 0)
        return;
    struct pool_item *first = map_get(&p->items, it->hash);
    struct pool_item **link = &first;
    while (*link != it)
        link = &(*link)->next;
    *link = it->next;
    if (first)
        map_put(&p->items, it->hash, first);
    else
        map_del(&p->items, it->hash);
    p->count--;
    free(it);
}

const char *pool_text(struct pool *p, const char *s)
{
    return s && *s ? (const char *)take(p, s, (uint32_t)strlen(s) + 1)->data : "";
}

void pool_text_drop(struct pool *p, const char *s)
{
    if (s && *s)
        drop(p, s);
}

struct bytes pool_bytes(struct pool *p, struct bytes b)
{
    return b.len ? (struct bytes){ .p = take(p, b.p, b.len)->data, .len = b.len }
                 : (struct bytes){ 0 };
}

void pool_bytes_drop(struct pool *p, struct bytes b)
{
    if (b.len)
        drop(p, b.p);
}

struct wish *wish_take(struct wishes *w, const struct job_wish *ask)
{
    uint64_t hash = msg_hash(&desc_job_wish, ask, 0);
    struct wish *first = map_get(&w->items, hash);

    for (struct wish *it = first; it; it = it->next)
        if (msg_equal(&desc_job_wish, it->ask, ask)) {
            it->users++;
            return it;
        }
    struct wish *wish = xcalloc(1, sizeof *wish);
    *wish = (struct wish){
        .ask = msg_clone(&desc_job_wish, ask), .next = first, .hash = hash, .users = 1
    };
    map_put(&w->items, hash, wish);
    return wish;
}

static void wish_free(struct wish *wish)
{
    free(wish->ask);
    free(wish->reach);
    free(wish);
}

void wish_drop(struct wishes *w, struct wish *wish)
{
    assert(wish->users > 0);
    if (--wish->users > 0)
        return;
    struct wish *first = map_get(&w->items, wish->hash);
    struct wish **link = &first;
    while (*link != wish)
        link = &(*link)->next;
    *link = wish->next;
    if (first)
        map_put(&w->items, wish->hash, first);
    else
        map_del(&w->items, wish->hash);
    wish_free(wish);
}

void wishes_fini(struct wishes *w)
{
    uint32_t at = 0;
    uint64_t key;
    void *value;

    while (map_next(&w->items, &at, &key, &value))
        for (struct wish *it = value, *next; it; it = next) {
            next = it->next;
            wish_free(it);
        }
    map_fini(&w->items);
}
