/* What a job takes, as amounts of trackable resources: as it asks for it, and as it has it. */
#ifndef CORE_CLAIM_H
#define CORE_CLAIM_H

#include "core/tres.h"

struct core;
struct job;
struct part;

struct claim {
    struct amounts all;
    struct amounts node; /* the most on any one node */
    double billing;      /* before it is cut to a whole number */
    uint32_t tasks;      /* of an array, together; 1 otherwise */
    uint32_t limit_min;
};

/* One task's share of the wish, in the partition.  Without a partition memory is not known. */
void claim_asked(const struct core *c, const struct part *p, const struct job_wish *w,
                 struct claim *ret);
void claim_placed(const struct core *c, const struct part *p, const struct job_wish *w,
                  const struct alloc_node *v, uint32_t n, struct claim *ret);
char *claim_alloc_text(const struct core *c, const struct job *job, struct arena *a);
uint32_t claim_cpus(const struct job_wish *w); /* asked in all */

#endif
