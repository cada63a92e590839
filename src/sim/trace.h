/* Job traces in the Standard Workload Format: which lines count as jobs, their size and their limit
 * (rules of contracts/scheduling.md). */
#ifndef SIM_TRACE_H
#define SIM_TRACE_H

#include "base/err.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct sim_job {
    int64_t submit; /* seconds, as in the trace */
    int64_t run_s;  /* what it will use; never more than the limit */
    int64_t limit_s;
    uint32_t cores;
    uint32_t user;

    /* What the player found out; seconds of the trace's clock. */
    int64_t arrival;    /* submit, shaken */
    int64_t start, end; /* -1: never */
    uint32_t job_id;
    uint32_t part; /* index in played.parts */
    uint32_t node; /* first of its nodes */
};

struct trace {
    struct sim_job *v; /* by submit time, then line */
    uint32_t n, cap;
    uint32_t cores;         /* of the machine, from the header (MaxProcs) */
    uint32_t left_out, cut; /* lines that are no jobs; jobs that outran their limit */
};

/* Plain or compressed by gzip.  The whole trace or nothing.  `cores` 0: what the header says. */
int trace_load(const char *path, uint32_t cores, struct trace *ret, struct err *e);
void trace_fini(struct trace *t);
/* Every run time and limit times this: more load from the same jobs. */
void trace_stretch(struct trace *t, double factor);
/* Sets every arrival: that of the trace, later by a random 0 to `seconds` (0: exactly then). */
void trace_shake(struct trace *t, uint32_t seconds, uint64_t seed);

#endif
