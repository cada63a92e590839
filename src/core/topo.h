/* Topology: switches or blocks, and which nodes are under them. */
#ifndef CORE_TOPO_H
#define CORE_TOPO_H

#include "base/bits.h"
#include <stdbool.h>
#include <stdint.h>

#define TOPO_NONE UINT32_MAX

struct core;
struct search;

struct topo_group {
    const char *name; /* of core.names */
    uint32_t level;   /* 0: a leaf switch, or a block */
    struct bits nodes;
};

struct topo {
    struct topo_group *v; /* by level */
    uint32_t n;
    uint32_t *leaf; /* of each node's index, its leaf; TOPO_NONE: none */
    bool is_block, is_optional;
};

void topo_configure(struct core *c); /* after the nodes */
void topo_fini(struct topo *t);

/* Chooses among the spots under the lowest, then the fullest group that will do, with nodes of as
 * few leaves as can be; `take` is asked with the spots of one group at a time. */
bool topo_choose(struct search *s, uint32_t most, bool (*take)(struct search *s, uint32_t most));
bool topo_matters(const struct search *s);

#endif
