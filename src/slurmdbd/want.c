/* Who is meant: the conditions of sacctmgr as lists of words (keys.h). */
#include "slurmdbd/keys.h"

#include <ctype.h>
#include <stddef.h>
#include <string.h>
#include <strings.h>

enum { A = WANT_ACCOUNT, U = WANT_USER, S = WANT_ASSOC, C = WANT_CLUSTER, O = WANT_COORD };
enum { Q = WANT_QOS, R = WANT_RESOURCE, W = WANT_WCKEY, T = WANT_TRES, X = WANT_TXN };
enum { P = WANT_PROBLEM, J = WANT_JOB, E = WANT_EVENT };

static const struct {
    unsigned entities;
    const char *name;
    unsigned least;
    size_t offset;
} wants[] = {
#define WANT(entities, name, least, list) { entities, #name, least, offsetof(struct want, list) },
#include "schema/rule_wants.def"
#undef WANT
};

/* An exact name wins; a plural's singular too, as a beginning. */
struct strs *want_list(struct want *w, unsigned entity, const char *key)
{
    size_t len = strlen(key);
    int found = -1;

    for (unsigned i = 0; i < sizeof wants / sizeof *wants; i++) {
        if (!(wants[i].entities & entity) || len < wants[i].least ||
            strncasecmp(wants[i].name, key, len) != 0)
            continue;
        if (found < 0 || wants[i].name[len] == 0)
            found = (int)i;
        if (wants[i].name[len] == 0)
            break;
    }
    return found < 0 ? NULL : (struct strs *)((char *)w + wants[found].offset);
}

static void append(struct strs *list, const char *word, struct arena *a)
{
    const char **more = arena_calloc(a, list->n + 1, sizeof *more);

    if (list->n)
        memcpy(more, list->v, list->n * sizeof *more);
    more[list->n++] = word;
    list->v = more;
}

void want_add(struct strs *list, const char *text, struct arena *a)
{
    while (*text) {
        size_t len = strcspn(text, ",");
        char *word = arena_strndup(a, text, len);

        for (char *p = word; *p; p++)
            *p = (char)tolower((unsigned char)*p);
        if (*word && !strs_have(list, word))
            append(list, word, a);
        text += len + (text[len] == ',');
    }
}

bool strs_have(const struct strs *list, const char *word)
{
    for (uint32_t i = 0; i < list->n; i++)
        if (strcmp(list->v[i], word) == 0)
            return true;
    return false;
}

bool want_has(const struct strs *list, const char *word)
{
    return list->n == 0 || strs_have(list, word);
}
