/* Names kept forever and compared by pointer.  The table is passed in: no global state. */
#ifndef BASE_INTERN_H
#define BASE_INTERN_H

#include "base/arena.h"
#include "base/map.h"

struct intern {
    struct smap names;
    struct arena text;
};

/* A zeroed struct intern is valid and empty. */
const char *intern(struct intern *t, const char *s);            /* NULL gives the interned "" */
const char *intern_find(const struct intern *t, const char *s); /* NULL when s was never interned */
void intern_fini(struct intern *t);

#endif
