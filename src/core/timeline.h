/* What will be free on which node, and when: running jobs end, promised jobs begin and end.  Pure
 * arithmetic: it knows no jobs.
 *
 * Each node has a lane: steps in order of time, each with the room from then until the next.  Lanes
 * are changed in place as jobs start, end and are promised, so that a plan survives from one pass
 * to the next and costs what changed. */
#ifndef CORE_TIMELINE_H
#define CORE_TIMELINE_H

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
void room_give(struct room *to, const struct room *back);        /* a holder is gone */
void room_take(struct room *from, const struct room *taken);     /* a holder comes; never below 0 */
void room_least(struct room *both, const struct room *other);    /* what there is at both times */
bool room_fits(const struct room *has, const struct room *need); /* holders are not compared */

struct lane_step {
    int64_t at;
    struct room room;
};

struct lane {
    struct lane_step *v; /* the first is in force now, the last for ever */
    uint32_t n, cap;
};

struct timeline {
    struct lane *lanes; /* by node */
    uint32_t n;
    bool is_overdrawn; /* more was taken than there was: the numbers are too high from here on */
};

#define TIMELINE_NEVER INT64_MAX

void timeline_fini(struct timeline *t);
/* Every lane anew, empty of jobs: the room of each node is set by timeline_open. */
void timeline_reset(struct timeline *t, uint32_t nodes);
void timeline_open(struct timeline *t, uint32_t node, int64_t now, const struct room *room);

/* In [from, until), cut off at the lane's beginning. */
void timeline_take(struct timeline *t, uint32_t node, int64_t from, int64_t until,
                   const struct room *room);
void timeline_give(struct timeline *t, uint32_t node, int64_t from, int64_t until,
                   const struct room *room);
void timeline_forget(struct timeline *t, uint32_t node, int64_t now); /* what was before now */

/* What is there through all of [from, until). */
struct room timeline_least(const struct timeline *t, uint32_t node, int64_t from, int64_t until);

/* A wish for one node's room, for so long. */
struct span {
    const struct room *need;
    int64_t length;
};

/* The first start in [from, before) after which the lane can hold it; TIMELINE_NEVER: none. */
int64_t timeline_earliest(const struct timeline *t, uint32_t node, const struct span *want,
                          int64_t from, int64_t before);
/* When the lane changes next after that time; TIMELINE_NEVER: it does not. */
int64_t timeline_next(const struct timeline *t, uint32_t node, int64_t after);

#endif
