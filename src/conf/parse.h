/* The syntax of slurm.conf and its siblings: physical lines to Key=Value pairs.  Knows no key but
 * Include. */
#ifndef CONF_PARSE_H
#define CONF_PARSE_H

#include "base/arena.h"
#include "base/err.h"
#include <stdint.h>

struct conf_pair {
    const char *key, *value;
};

/* One logical line: continuation lines joined, comment gone. */
struct conf_line {
    const char *file;
    unsigned number; /* of its first physical line */
    struct conf_pair *pairs;
    uint32_t n;
};

typedef int (*conf_line_fn)(void *arg, const struct conf_line *line, struct err *e);

struct conf_parser {
    struct arena *arena; /* where keys and values live */
    conf_line_fn each;
    void *arg;
    const char **cluster; /* for %c in Include paths; *cluster may be NULL still */
    uint64_t hash[2];     /* of everything read */
    unsigned depth;       /* of Include */
};

/* Calls each() for every logical line that is not empty.  Stops at the first error, which names
 * file:line. */
int conf_parse_file(struct conf_parser *p, const char *path, struct err *e);

#endif
