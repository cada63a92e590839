/* The grammar of constraints, read anew for each node: texts are short.  & binds tighter than |. */
#include "core/features.h"

#include <stdlib.h>
#include <string.h>

#define DEPTH_MAX 16
#define SPECIAL "&|()[]*, "

struct reader {
    const char *at;
    const char *have; /* comma list; NULL while only the grammar is checked */
    uint32_t choice;
    int depth;
    bool is_bad, is_bracketed;
    uint32_t kinds; /* the counts that the node adds to */
    struct features found;
};

static bool any_of(struct reader *r);
static bool one(struct reader *r);

static bool in_list(const char *list, const char *word, size_t len)
{
    while (list && *list) {
        size_t n = strcspn(list, ",");
        if (n == len && strncmp(list, word, len) == 0)
            return true;
        list += n + (list[n] == ',');
    }
    return false;
}

static bool take(struct reader *r, char c)
{
    if (*r->at != c)
        return false;
    r->at++;
    return true;
}

/* "*2" after a name or a parenthesis: no filter, but a count. */
static bool counted(struct reader *r, bool is_met)
{
    char *end;

    if (!take(r, '*'))
        return is_met;
    unsigned long n = strtoul(r->at, &end, 10);
    bool is_full = r->found.counts_n == FEATURE_COUNTS_MAX;
    r->is_bad |= end == r->at || n == 0 || n > UINT16_MAX || is_full || r->depth > 0;
    r->at = end;
    if (r->is_bad)
        return false;
    r->kinds |= (uint32_t)is_met << r->found.counts_n;
    r->found.counts[r->found.counts_n++] = (uint32_t)n;
    return true;
}

static bool all_of(struct reader *r)
{
    bool is_met = one(r);

    while (!r->is_bad && (take(r, '&') || take(r, ',')))
        is_met = one(r) && is_met;
    return is_met;
}

/* Alternatives of which one is taken for all nodes, or counts of which each node adds to some. */
static bool bracket(struct reader *r)
{
    r->is_bad |= r->is_bracketed || r->depth > 0;
    r->is_bracketed = true;
    bool is_met = all_of(r), is_chosen = is_met && r->choice == 0;
    if (r->found.counts_n == 0 && *r->at == '|') {
        r->is_bad |= r->found.choices > 1;
        for (; !r->is_bad && take(r, '|'); r->found.choices++)
            is_chosen |= all_of(r) && r->choice == r->found.choices;
        r->is_bad |= r->found.counts_n > 0;
        is_met = is_chosen;
    }
    r->is_bad |= !take(r, ']');
    r->is_bracketed = false;
    return is_met && (r->found.counts_n == 0 || r->kinds != 0);
}

static bool one(struct reader *r)
{
    bool is_met;

    if (!r->is_bad && take(r, '['))
        return bracket(r);
    if (r->depth < DEPTH_MAX && take(r, '(')) {
        r->depth++;
        is_met = any_of(r);
        r->depth--;
        r->is_bad |= !take(r, ')');
        return counted(r, is_met);
    }
    size_t len = strcspn(r->at, SPECIAL);
    r->is_bad |= len == 0;
    is_met = in_list(r->have, r->at, len);
    r->at += len;
    return counted(r, is_met);
}

static bool any_of(struct reader *r)
{
    bool is_met = all_of(r);

    while (!r->is_bad && take(r, '|'))
        is_met = all_of(r) || is_met;
    return is_met;
}

bool features_match(const char *want, const char *have, uint32_t choice, uint32_t *ret_kinds)
{
    struct reader r = { .at = want, .have = have, .choice = choice, .found.choices = 1 };

    if (ret_kinds)
        *ret_kinds = 0;
    if (!want || !*want)
        return true;
    bool is_met = any_of(&r) && !r.is_bad;
    if (ret_kinds)
        *ret_kinds = r.kinds;
    return is_met;
}

bool features_read(const char *want, struct features *ret)
{
    struct reader r = { .at = want, .found.choices = 1 };

    if (want && *want)
        any_of(&r);
    *ret = r.found;
    return !r.is_bad && (!want || *r.at == '\0');
}

const char *features_next(const char *at, size_t *ret_len)
{
    char before = '&';

    for (; *at; before = *at, at += *ret_len ? *ret_len : 1) {
        *ret_len = strcspn(at, SPECIAL);
        if (*ret_len > 0 && before != '*')
            return at;
    }
    return NULL;
}
