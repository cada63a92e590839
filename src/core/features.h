/* Constraints: node features joined by & and |, with ( ), counts, and [ ].
 *
 *   a&(b|c)       a filter on each node
 *   [a|b|c]       one of them, the same for all nodes: a choice
 *   a*2&b*1       so many nodes with each; the others may be any, but in [a*2&b*1] they have a or b
 */
#ifndef CORE_FEATURES_H
#define CORE_FEATURES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FEATURE_COUNTS_MAX 4u

struct features {
    uint32_t choices; /* 1: there is nothing to choose */
    uint32_t counts_n;
    uint32_t counts[FEATURE_COUNTS_MAX];
};

/* False: malformed.  NULL and "" are constraints that every node meets. */
bool features_read(const char *want, struct features *ret);
/* Whether a node of these features (a comma list) will do, with that choice; ret_kinds, which may
 * be NULL, says as bits which of the counts it adds to. */
bool features_match(const char *want, const char *have, uint32_t choice, uint32_t *ret_kinds);
/* The next name in the constraint; NULL at its end. */
const char *features_next(const char *at, size_t *ret_len);

#endif
