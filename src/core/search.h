/* The parts of placement among themselves: spot.c asks every node what it could give, choose.c
 * takes nodes from those, give.c deals what the job gets there, near.c picks devices. */
#ifndef CORE_SEARCH_H
#define CORE_SEARCH_H

#include "base/bits.h"
#include "core/features.h"
#include "core/gres_ask.h"
#include "core/place.h"

/* What a node could give. */
struct spot {
    const struct node *node;
    uint32_t tasks; /* that fit */
    uint32_t cpus;  /* that may be held */
    uint32_t gres[GRES_ASKS_MAX]; /* of asks for the whole job */
    uint32_t rank;  /* of its leaf switch: the lowest first */
    uint32_t kinds; /* counts of the constraint that it adds to, as bits */
    bool is_required;
};

struct search {
    const struct place *p;
    const struct job_wish *w;
    struct place_why *why;
    struct mem_need mem;
    struct gres_asks asks;
    const char *constraint; /* features, or what is preferred */
    struct features counts;
    uint32_t choice; /* of its alternatives */
    struct bits required, excluded;
    uint32_t required_n;
    uint32_t task_cpus, cpus_per_gpu;
    uint32_t threads; /* of a core that may run tasks; 0: all */
    uint32_t min_nodes, max_nodes;
    bool is_whole;
    bool is_owner;         /* no other user's jobs beside it */
    bool is_ranged;        /* as many nodes as max_nodes allows */
    bool is_near;          /* CPUs must be near the devices */
    bool is_task_per_core; /* CR_ONE_TASK_PER_CORE */
    bool is_least_loaded;  /* LLN: the nodes with most free CPUs first */
    bool is_block;         /* CPUs are filled socket after socket */
    bool takes_many_cuts;  /* shares of several GPUs of a node */
    struct spot *spots;
    uint32_t n, cap;
};

/* False when the node is no use for this job; s->why counts the causes. */
bool spot_look(struct search *s, const struct node *n, struct spot *ret);
uint32_t spot_each(const struct search *s, const struct node *n); /* CPUs that a task works on */
/* CPUs held by so many tasks with so many GPUs. */
uint32_t spot_need(const struct search *s, const struct node *n, uint32_t tasks, uint32_t gpus);
uint32_t spot_working(const struct search *s, const struct node *n, uint32_t held);
uint32_t spot_held(const struct search *s, const struct node *n, uint32_t working);

/* Whether this spot alone is all that the job needs. */
bool choose_is_enough(const struct search *s, const struct spot *spot);
/* Of the spots, those to be taken: they come first, s->n says how many.  False: they do not do. */
bool choose(struct search *s);

/* Deals tasks, CPUs, memory and generic resources on the chosen spots. */
void give(const struct search *s, struct placement *ret);

/* Devices, and the sockets near them; sockets 0: all. */
struct near {
    uint64_t units, sockets;
};
struct near near_pick(const struct search *s, const struct node *n, const struct gres_ask *ask,
                      uint64_t want, uint32_t cpus);
/* The most CPUs near the devices that so many tasks, or the node, need. */
uint32_t near_cpus(const struct search *s, const struct spot *spot);

#endif
