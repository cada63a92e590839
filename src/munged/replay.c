/* The replay set.  Tags are outputs of a MAC, so their own bytes serve as the hash. */
#include "munged/replay.h"

#include "base/xalloc.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define EMPTY 0u /* expiry of a slot that was never used */
#define GONE 1u  /* of one that was taken out: long past, so it is reused like any other */
#define CAP_MIN 1024u

static size_t home(const struct replay *r, const uint8_t *tag)
{
    uint64_t h;

    memcpy(&h, tag, sizeof h);
    return h & (r->cap - 1);
}

/* The entry, or NULL.  *ret_free: the best slot to put it, when it is not there. */
static struct replay_entry *find(const struct replay *r, const uint8_t *tag, uint32_t expiry,
                                 uint32_t now, struct replay_entry **ret_free)
{
    *ret_free = NULL;
    for (size_t i = home(r, tag);; i = (i + 1) & (r->cap - 1)) {
        struct replay_entry *s = &r->slots[i];
        if (s->expiry == expiry && memcmp(s->tag, tag, REPLAY_TAG) == 0)
            return s;
        if (s->expiry < now && !*ret_free)
            *ret_free = s;
        if (s->expiry == EMPTY)
            return NULL;
    }
}

/* Moves the entries that are alive into a table of their own size. */
static size_t rebuild(struct replay *r, uint32_t now)
{
    struct replay old = *r;
    struct replay_entry *free_slot;
    size_t alive = 0;

    for (size_t i = 0; i < old.cap; i++)
        alive += old.slots[i].expiry >= now && old.slots[i].expiry > GONE;
    r->cap = CAP_MIN;
    while (r->cap < alive * 3)
        r->cap *= 2;
    r->slots = xcalloc(r->cap, sizeof *r->slots);
    r->used = alive;
    for (size_t i = 0; i < old.cap; i++) {
        const struct replay_entry *s = &old.slots[i];
        if (s->expiry < now || s->expiry <= GONE)
            continue;
        find(r, s->tag, s->expiry, now, &free_slot);
        *free_slot = *s;
    }
    free(old.slots);
    return alive;
}

void replay_fini(struct replay *r)
{
    free(r->slots);
    *r = (struct replay){ 0 };
}

/* The table is rebuilt when three quarters of it were ever used; when most of that is dead the
 * new one is smaller, so a burst is forgotten again. */
enum replay_answer replay_insert(struct replay *r, const uint8_t tag[REPLAY_TAG], uint32_t expiry,
                                 uint32_t now)
{
    struct replay_entry *slot;

    if (expiry <= GONE || now == 0)
        return REPLAY_FULL; /* no clock, no memory of it */
    if ((r->used + 1) * 4 > r->cap * 3 && rebuild(r, now) >= REPLAY_MAX)
        return REPLAY_FULL;
    if (find(r, tag, expiry, now, &slot))
        return REPLAY_KNOWN;
    assert(slot);
    r->used += slot->expiry == EMPTY;
    memcpy(slot->tag, tag, REPLAY_TAG);
    slot->expiry = expiry;
    return REPLAY_NEW;
}

/* A mark and not an empty slot: later entries of the same chain must still be found. */
void replay_remove(struct replay *r, const uint8_t tag[REPLAY_TAG], uint32_t expiry)
{
    struct replay_entry *unused;

    struct replay_entry *s = r->cap > 0 ? find(r, tag, expiry, 0, &unused) : NULL;
    if (s)
        s->expiry = GONE;
}

size_t replay_purge(struct replay *r, uint32_t now)
{
    return r->cap > 0 ? rebuild(r, now) : 0;
}

const struct replay_entry *replay_next(const struct replay *r, size_t *at, uint32_t now)
{
    while (*at < r->cap) {
        const struct replay_entry *s = &r->slots[(*at)++];
        if (s->expiry > GONE && s->expiry >= now)
            return s;
    }
    return NULL;
}
