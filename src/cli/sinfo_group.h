/* sinfo's lines: nodes of a partition that look the same in the columns asked for. */
#ifndef CLI_SINFO_GROUP_H
#define CLI_SINFO_GROUP_H

#include "base/map.h"
#include "wire/text.h"

struct range {
    uint64_t low, high; /* UINT64_MAX: not known */
};

struct sinfo_group {
    const struct part_info *part; /* NULL: a node without partition */
    const struct node_info *node; /* the first one; NULL: a partition without nodes */
    uint32_t part_place, name_rank, state_number;
    uint32_t total, alloc, idle, other;
    uint64_t cpus_total, cpus_alloc, cpus_idle, cpus_other;
    struct range cpus, mem_mb, disk_mb, weight, sockets, cores, threads, cpu_load, free_mem_mb,
        alloc_mem_mb;
    const char **names; /* `total` of them */
};

extern const struct text_table sinfo_columns; /* rows are struct sinfo_group */

struct sinfo_wish {
    const struct text_format *format;
    const struct text_env *env;
    bool exact;     /* -e: spans must be equal too */
    bool each_node; /* -N: a line for each node and partition */
};

struct sinfo_groups {
    struct sinfo_group *v;
    uint32_t n, cap;
    struct smap places;  /* what a group looks like -> its index + 1 */
    struct smap members; /* the same with a node's name behind it: a node counts once in a line */
};

/* Puts one (partition, node) pair into the group it looks like, or into a new one at the end.  v
 * grows in the arena. */
void sinfo_group_add(struct sinfo_groups *groups, const struct sinfo_wish *wish,
                     struct sinfo_group *one, struct arena *a);

void sinfo_groups_fini(struct sinfo_groups *groups); /* frees the maps; the rest is the arena's */

/* A pair as a group of its own. */
void sinfo_group_init(struct sinfo_group *g, const struct part_info *part,
                      const struct node_info *node, struct arena *a);

#endif
