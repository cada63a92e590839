/* "did you mean": the nearest of a list of names, by edit distance without letter case. */
#include "conf/internal.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>

#define NAME_MAX_LEN 48

/* Levenshtein's distance with one row; names longer than any of ours are far from everything. */
static unsigned distance(const char *a, const char *b)
{
    unsigned row[NAME_MAX_LEN + 1];
    size_t la = strlen(a), lb = strlen(b);

    if (la > NAME_MAX_LEN || lb > NAME_MAX_LEN)
        return UINT32_MAX;
    for (unsigned j = 0; j <= lb; j++)
        row[j] = j;
    for (unsigned i = 1; i <= la; i++) {
        unsigned diagonal = row[0];
        row[0] = i;
        for (unsigned j = 1; j <= lb; j++) {
            bool same = tolower((unsigned char)a[i - 1]) == tolower((unsigned char)b[j - 1]);
            unsigned best = diagonal + !same;
            diagonal = row[j];
            if (row[j] + 1 < best)
                best = row[j] + 1;
            if (row[j - 1] + 1 < best)
                best = row[j - 1] + 1;
            row[j] = best;
        }
    }
    return row[lb];
}

void conf_nearest_try(struct conf_nearest *n, const char *name)
{
    unsigned d = distance(n->wrong, name);

    if (d < n->distance) {
        n->distance = d;
        n->best = name;
    }
}

/* A guess that changes more than a third of the word helps nobody, so it is not made. */
int conf_unknown(const struct conf_nearest *n, const char *where, struct err *e)
{
    if (n->best && n->distance <= 1 + strlen(n->wrong) / 3)
        return err_set(e, EINVAL, "unknown %s \"%.60s\"; did you mean \"%s\"?", where, n->wrong,
                       n->best);
    return err_set(e, EINVAL, "unknown %s \"%.60s\"; remove the line, or put # before it", where,
                   n->wrong);
}
