/* What the files of conf/ share; nobody else includes this. */
#ifndef CONF_INTERNAL_H
#define CONF_INTERNAL_H

#include "base/map.h"
#include "conf/conf.h"
#include "conf/parse.h"

enum conf_kind {
    CONF_text,
    CONF_path,
    CONF_num,
    CONF_sec,
    CONF_sec_inf,
    CONF_min,
    CONF_usec,
    CONF_percent,
    CONF_ratio,
    CONF_rate,
    CONF_port,
    CONF_ports,
    CONF_bool,
    CONF_yesno,
    CONF_span,
    CONF_mem,
    CONF_level,
    CONF_user,
    CONF_choice,
    CONF_info,
};

/* The use column of the .def files. */
enum conf_use {
    ACTED = 0,
    QUIET = 1,
    LATER = 2,
    INFO = 4,         /* a line of show config, no key */
    HIDDEN = 8,       /* shown only when set */
    MULTIFACTOR = 16, /* shown only with priority/multifactor */
    SECRET = 32,      /* never shown */
};

struct conf_key {
    const char *name;
    enum conf_kind kind;
    const char *fallback; /* the value when unset */
    unsigned use;
    const char *help;
};

struct conf_value {
    const char *text;
    uint32_t num;
    bool set;
};

/* Where a record was written, for errors found after the whole file was read. */
struct conf_place {
    const char *file;
    unsigned number;
};

struct conf_set {
    const char *name, *nodes, *feature;
};

struct conf {
    struct arena *arena; /* everything below lives here */
    const char *path, *cluster;
    char hash[33];
    const struct conf_key *keys;
    uint32_t key_count;
    struct conf_value *values; /* one for each key */
    struct strs warnings;
    uint32_t warning_cap;

    struct conf_host *hosts;
    uint32_t host_count;

    bool keys_only; /* node and partition lines are passed over */
    struct conf_node *nodes, node_default;
    uint32_t node_count, node_cap;
    struct smap node_names;
    struct conf_set *sets;
    uint32_t set_count;
    struct part_info *parts, part_default;
    struct conf_place *part_places;
    uint32_t part_count;
    struct topo_switch *switches; /* of topology.conf */
    uint32_t switch_count;
    const char *block_sizes;
};

extern const struct conf_key conf_slurm_keys[], conf_dbd_keys[], conf_cgroup_keys[];
extern const uint32_t conf_slurm_key_count, conf_dbd_key_count, conf_cgroup_key_count;

/* keys.c */
int conf_key_index(const struct conf *c, const char *name); /* -1 when there is none */
int conf_keys_init(struct conf *c);                         /* every value to its default */
int conf_key_set(struct conf *c, const struct conf_line *line, struct err *e);
int conf_number(const char *text, uint32_t *ret); /* UNLIMITED and INFINITE are UINT32_MAX */
int conf_yes(const char *text, bool *ret);
void conf_warn(struct conf *c, const struct conf_line *at, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* topology.c */
const char *conf_topology_kind(const struct conf *c); /* tree, block, none ... */
int conf_topology_read(struct conf *c, struct err *e);

/* conf.c: for the loaders of slurm.conf's siblings. */
struct conf *conf_new(const struct conf_key *keys, uint32_t n);
void conf_freep(struct conf **c);
int conf_read(struct conf *c, const char *path, conf_line_fn each, struct err *e);

/* cgroup.c: the path of a file beside slurm.conf. */
void conf_beside(const char *slurm_path, const char *name, char *ret, size_t size);

/* suggest.c: err_set(unknown keyword ...) with the nearest of the names. */
struct conf_nearest {
    const char *wrong, *best;
    unsigned distance;
};
void conf_nearest_try(struct conf_nearest *n, const char *name);
int conf_unknown(const struct conf_nearest *n, const char *where, struct err *e);

/* nodes.c, parts.c */
int conf_node_line(struct conf *c, const struct conf_line *line, struct err *e);
int conf_node_set_line(struct conf *c, const struct conf_line *line, struct err *e);
int conf_down_line(struct conf *c, const struct conf_line *line, struct err *e);
void conf_nodes_finish(struct conf *c);
void conf_part_defaults(struct conf *c);
int conf_part_line(struct conf *c, const struct conf_line *line, struct err *e);
int conf_parts_finish(struct conf *c, struct err *e);

/* Room for one more element of an arena array that doubles; the old copy is dropped with the arena.
 */
void *conf_grow(struct arena *a, void *v, uint32_t n, size_t size);

#endif
