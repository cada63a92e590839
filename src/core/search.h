/* The parts of placement among themselves: place.c asks every node what it could give, choose.c
 * takes nodes from those, give.c deals what the job gets there. */
#ifndef CORE_SEARCH_H
#define CORE_SEARCH_H

#include "base/bits.h"
#include "core/gres_ask.h"
#include "core/place.h"

/* What a node could give. */
struct spot {
    const struct node *node;
    uint32_t tasks; /* that fit */
    uint32_t cpus;  /* that may be used */
    uint32_t gres[GRES_ASKS_MAX]; /* of asks for the whole job */
    bool is_required;
};

struct search {
    const struct place *p;
    const struct job_wish *w;
    struct place_why *why;
    struct mem_need mem;
    struct gres_asks asks;
    uint32_t cpus_per_gpu;
    bool takes_many_cuts; /* shares of several GPUs of a node */
    struct bits required, excluded;
    uint32_t required_n;
    uint32_t task_cpus;
    uint32_t min_nodes, max_nodes;
    bool is_whole;
    struct spot *spots;
    uint32_t n, cap;
};

/* Whether this spot alone is all that the job needs. */
bool choose_is_enough(const struct search *s, const struct spot *spot);
/* Of the spots, those to be taken: they come first, s->n says how many.  False: they do not do. */
bool choose(struct search *s);

/* Deals tasks, CPUs, memory and generic resources on the chosen spots. */
void give(const struct search *s, struct placement *ret);

/* How many the node could give of an ask, with the rooms in question. */
uint64_t look_at_gres(const struct search *s, const struct node *n, const struct room *room,
                      const struct gres_ask *ask);
/* CPUs that a task takes on the node. */
uint32_t cpus_each(const struct search *s, const struct node *n);

#endif
