/* Names kept forever: equal names are the same pointer, so comparing them costs nothing. */
#include "base/intern.h"

#include <stddef.h>

const char *intern(struct intern *t, const char *s)
{
    const char *known = smap_get(&t->names, s ? s : "");

    if (known)
        return known;
    char *copy = arena_strdup(&t->text, s);
    smap_put(&t->names, copy, copy);
    return copy;
}

const char *intern_find(const struct intern *t, const char *s)
{
    return smap_get(&t->names, s ? s : "");
}

void intern_fini(struct intern *t)
{
    smap_fini(&t->names);
    arena_fini(&t->text);
}
