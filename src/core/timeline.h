/* What will be free on which node, and when: the present, and what running jobs give back at their
 * limits.  Pure arithmetic: it knows no jobs. */
#ifndef CORE_TIMELINE_H
#define CORE_TIMELINE_H

#include "base/arena.h"
#include <stdbool.h>
#include <stdint.h>

#define ROOM_GRES 4u /* lines of generic resources of a node that are planned */

/* What a node has left. */
struct room {
    uint32_t cpus;
    uint32_t jobs; /* that hold something */
    uint64_t mem_mb;
    uint32_t gres[ROOM_GRES]; /* of the node's first lines (core/gres.h) */
};

/* Whoever adds a member to struct room adds it to each of these (timeline.c) and nowhere else. */
void room_give(struct room *to, const struct room *back);     /* a holder is gone */
void room_take(struct room *from, const struct room *taken);  /* a holder comes; never below 0 */
void room_least(struct room *both, const struct room *other); /* what there is at both times */
bool room_fits(const struct room *has, const struct room *need); /* holders are not compared */

struct release {
    int64_t at;
    uint32_t node;
    struct room room; /* given back then; jobs is 1 */
};

struct timeline {
    struct arena *a;
    struct room *now; /* by node */
    uint32_t node_count;
    struct release *v;
    uint32_t n, cap;
};

void timeline_init(struct timeline *t, struct arena *a, uint32_t node_count);
void timeline_add(struct timeline *t, struct release r);
void timeline_sort(struct timeline *t); /* once, before the questions below */
/* The rooms when everything due by then was given back; ret has node_count entries. */
void timeline_at(const struct timeline *t, int64_t when, struct room *ret);
/* The earliest time of a release from which on `fits` says yes; fits must stay true once it is, as
 * rooms only grow.  False: never. */
bool timeline_earliest(const struct timeline *t, bool (*fits)(void *ctx, const struct room *rooms),
                       void *ctx, struct room *ret_rooms, int64_t *ret);

#endif
