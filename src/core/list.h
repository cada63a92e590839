/* Showing jobs: what an allocation, or the wish for one, amounts to. */
#ifndef CORE_LIST_H
#define CORE_LIST_H

#include "base/arena.h"
#include "schema/messages.h"
#include <stdint.h>

struct core;
struct job;

struct job_size {
    const char *partition; /* the chosen one, or the list */
    const char *nodes;     /* compressed; empty while pending */
    uint32_t node_count, cpus, req_cpus;
    uint64_t mem_mb, req_mem_mb;
    const char *tres_alloc; /* empty when there is no allocation */
    const char *tres_req;
};

/* The names of the nodes of an allocation, compressed. */
char *nodes_text(const struct core *c, const struct alloc_node *v, uint32_t n, struct arena *a);
struct job_size job_size(const struct core *c, const struct job *job, struct arena *a);
char *cpu_ids_text(struct bytes bits, struct arena *a);            /* "0-3,8" */
char *counts_text(const uint32_t *v, uint32_t n, struct arena *a); /* "4(x2),1" */

#endif
