/* Comma lists on command lines. */
#include "cli/words.h"

#include <string.h>

static void add_one(struct strs *list, const char *word, size_t len, struct arena *a)
{
    const char **more = arena_calloc(a, list->n + 1, sizeof *more);

    if (!len)
        return;
    if (list->n)
        memcpy(more, list->v, list->n * sizeof *more);
    more[list->n++] = arena_strndup(a, word, len);
    list->v = more;
}

void words_add(struct strs *list, const char *text, struct arena *a)
{
    const char *start = text;
    int depth = 0;

    for (const char *p = text;; p++) {
        depth += *p == '[' ? 1 : *p == ']' ? -1 : 0;
        if (*p && !(*p == ',' && depth <= 0))
            continue;
        add_one(list, start, (size_t)(p - start), a);
        start = p + 1;
        if (!*p)
            return;
    }
}
