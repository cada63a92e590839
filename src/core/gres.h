/* Generic resources: what a node has of them, and which jobs hold what.
 *
 * A line is a kind and type on a node.  GPUs, and what a node reports device files for, have
 * numbers, counted through all lines of the name; more than GRES_DEVICES_MAX, and all else, are a
 * bare counter.  Shares (shard, mps) are cut from the node's GPUs: a GPU is given whole or cut,
 * never both. */
#ifndef CORE_GRES_H
#define CORE_GRES_H

#include "base/arena.h"
#include "base/err.h"
#include "core/timeline.h"
#include "schema/messages.h"
#include <stdbool.h>
#include <stdint.h>

#define GRES_DEVICES_MAX 64u
#define GRES_LINES_MAX 16u /* on a node; what follows is not given to anybody */

struct core;
struct node;

/* Shares of one device. */
struct gres_cut {
    uint32_t size, used;
};

struct gres_line {
    const char *name, *type; /* of core.names; type "": none */
    uint64_t count, used;
    uint64_t units;       /* its devices, of those of the name; 0: only counted */
    uint64_t busy;        /* of these, given to jobs */
    uint64_t sockets;     /* which it is near to; 0: all */
    bool has_devices;     /* they have numbers, unless there are too many */
    struct gres_cut *cut; /* of each device of `units`, by number: the line is of shares */
};

struct node_gres {
    struct gres_line *v;
    uint32_t n;
};

/* A piece of a list: "gpu", "gpu:2", "gpu:a100:2(S:0-1)", "matlab=3". */
struct gres_piece {
    struct gres_word {
        const char *s;
        size_t len;
    } name, type; /* type.len 0: any */
    uint64_t count;
    bool has_count;
    bool has_files; /* "(F)": a node says that each has a device file */
    uint64_t sockets;
};
bool gres_next(const char **list, struct gres_piece *ret); /* false at the end */
bool gres_same(struct gres_word a, struct gres_word b);
bool gres_is_shares(const char *name); /* of GPUs */

/* The lines as configuration and registration have them, with what the node's jobs hold. */
void gres_configure(struct core *c, struct node *n);
void gres_fini(struct node_gres *g);
void gres_hold(struct node *n, const struct alloc_node *part);
void gres_give_back(struct node *n, const struct alloc_node *part);
bool gres_is_free(const struct node *n, const struct alloc_node *part);
/* Whether the lines say what the node's jobs hold, and no device is held twice. */
int gres_check(const struct core *c, const struct node *n, struct err *e);
/* What the node reports less of than is configured; NULL: nothing. */
const char *gres_misfit(const struct conf_node *conf, const char *reported, struct arena *a);

/* Devices of the line that a job could have whole, or shares that are left. */
uint64_t gres_free_units(const struct node *n, const struct gres_line *line);
uint64_t gres_free(const struct node *n, const struct gres_line *line);
void gres_room(const struct node *n, struct room *ret); /* what is free now */
void gres_room_of(const struct node *n, const struct alloc_node *part, struct room *ret);

/* Words. */
const char *gres_text(const struct node *n, struct arena *a);      /* Gres= */
const char *gres_used_text(const struct core *c, const struct node *n,
                           struct arena *a); /* GresUsed= */
const char *gres_held_text(const struct alloc_node *part, struct arena *a);
/* How many of the name (and type, when not empty) a part holds. */
uint64_t gres_held(const struct alloc_node *part, const char *name, const char *type);

#endif
