/* Small sets of numbers. */
#include "core/ids.h"

#include "base/xalloc.h"

#include <stdlib.h>
#include <string.h>

void ids_add(struct ids *s, uint32_t id)
{
    if (s->n == s->cap) {
        s->cap = s->cap ? s->cap * 2 : 4;
        s->v = xrealloc(s->v, s->cap, sizeof *s->v);
    }
    s->v[s->n++] = id;
}

static uint32_t find(const struct ids *s, uint32_t id)
{
    uint32_t i = 0;

    while (i < s->n && s->v[i] != id)
        i++;
    return i;
}

bool ids_has(const struct ids *s, uint32_t id)
{
    return find(s, id) < s->n;
}

bool ids_remove(struct ids *s, uint32_t id)
{
    uint32_t i = find(s, id);

    if (i == s->n)
        return false;
    memmove(&s->v[i], &s->v[i + 1], (s->n - i - 1) * sizeof *s->v);
    s->n--;
    return true;
}

void ids_fini(struct ids *s)
{
    free(s->v);
    *s = (struct ids){ 0 };
}
