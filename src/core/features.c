/* Node features: names joined by & and |, with parentheses.  & binds tighter. */
#include "core/place.h"

#include <ctype.h>
#include <string.h>

struct reader {
    const char *at;
    const char *have; /* comma list; NULL while only the grammar is checked */
    int depth;
    bool is_bad;
};

static bool any_of(struct reader *r);

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

static bool one(struct reader *r)
{
    bool is_met;

    if (*r->at == '(' && r->depth < 16) {
        r->at++;
        r->depth++;
        is_met = any_of(r);
        r->depth--;
        r->is_bad |= *r->at != ')';
        r->at += *r->at == ')';
        return is_met;
    }
    size_t len = strcspn(r->at, "&|()[]*, ");
    r->is_bad |= len == 0;
    is_met = in_list(r->have, r->at, len);
    r->at += len;
    return is_met;
}

static bool all_of(struct reader *r)
{
    bool is_met = one(r);

    while (!r->is_bad && (*r->at == '&' || *r->at == ',')) {
        r->at++;
        is_met = one(r) && is_met;
    }
    return is_met;
}

static bool any_of(struct reader *r)
{
    bool is_met = all_of(r);

    while (!r->is_bad && *r->at == '|') {
        r->at++;
        is_met = all_of(r) || is_met;
    }
    return is_met;
}

bool features_match(const char *want, const char *have)
{
    struct reader r = { .at = want, .have = have };

    return !want || !*want || (any_of(&r) && !r.is_bad);
}

bool features_valid(const char *want)
{
    struct reader r = { .at = want };

    if (!want || !*want)
        return true;
    any_of(&r);
    return !r.is_bad && *r.at == '\0';
}
