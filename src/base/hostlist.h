/* Host lists: "n[001-128,130],login" to and from names.  Expansion is bounded by HOSTLIST_MAX
 * (limits.h). */
#ifndef BASE_HOSTLIST_H
#define BASE_HOSTLIST_H

#include "base/arena.h"
#include "base/err.h"
#include <stdbool.h>
#include <stdint.h>

struct hostlist {
    const char **v; /* in the order written; duplicates kept */
    uint32_t n;
};

/* Strings live in the arena.  "" gives an empty list. Up to two bracket groups per name
 * ("r[1-2]n[01-10]"). */
int hostlist_expand(struct arena *a, const char *text, struct hostlist *ret, struct err *e);
/* Compresses in the order given, joining runs: n[1-4,7],m[01-10].  Result in the arena. */
char *hostlist_compress(struct arena *a, const char *const *names, uint32_t n);
/* Sorts naturally (n2 before n10) and drops duplicates, in place. */
void hostlist_sort_unique(struct hostlist *h);
/* Does the text name a host of the list?  A text that cannot be read names none. */
bool hostlist_overlaps(struct arena *a, const struct hostlist *h, const char *text);

#endif
