/* Nodes: what is configured, what was reported, what is in use. */
#ifndef CORE_NODE_H
#define CORE_NODE_H

#include "base/bits.h"
#include "core/gres.h"
#include "core/ids.h"
#include "schema/messages.h"
#include <stdbool.h>
#include <stdint.h>

enum node_bit {
    NODE_DOWN = 1,
    NODE_DRAIN = 2,
    NODE_FUTURE = 4,
    NODE_UNKNOWN = 8, /* never registered */
    NODE_FAIL = 16,
    NODE_SILENT = 32, /* went down because it did not answer: ReturnToService=1 takes it back */
    NODE_MISFIT =
        64, /* drained by us because it has less than configured: a good registration lifts it */
};

struct core;

struct node {
    uint32_t index;
    struct conf_node *conf;  /* one block */
    struct node_record *rec; /* one block: the state that facts brought */
    int64_t lost_at;         /* when the connection went; 0: connected */
    uint32_t threads;        /* CPUs that are one core */
    uint32_t unit;           /* CPUs that are given together: of a core, or of a socket */
    uint32_t cpus_all;       /* that jobs may have: without those of the system */
    uint32_t cpus_used;
    uint64_t mem_used;
    struct bits used; /* abstract CPU ids */
    struct bits spec; /* reserved for the system; n 0: none */
    struct node_gres gres;
    struct ids jobs;   /* that hold something here */
    uint32_t owned;    /* of these, how many let nobody but their user in */
    uint32_t ending;   /* of these, how many are ending */
    struct ids parts;  /* indices of partitions */
    uint32_t timer_at; /* place in core.node_timers */
    bool is_gone;      /* no longer configured */
};

bool node_is_usable(const struct node *n); /* may be given to a job now */
bool node_is_up(
    const struct node *n); /* could be used once its jobs end: not down, drained or silent */
bool node_is_kept(const struct node *n);    /* the same, or silent for a while: promises stand */
uint64_t node_memory(const struct node *n); /* that jobs may use */
const char *node_features(const struct node *n);
uint32_t node_weight(const struct node *n);

struct node *node_find(const struct core *c, const char *name);
struct node *node_ensure(struct core *c, const char *name); /* made when it is new */
void node_configure(struct core *c, struct node *n, const struct conf_node *conf, int64_t now);
void node_set_record(struct core *c, struct node *n, const struct node_record *rec);
void node_set_lost(struct core *c, struct node *n, int64_t at);
void node_free(struct node *n);
void node_describe(const struct core *c, const struct node *n, struct arena *a,
                   struct node_info *ret);

#endif
