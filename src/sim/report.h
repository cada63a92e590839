/* What a played trace comes to: waits, slowdowns, utilisation. */
#ifndef SIM_REPORT_H
#define SIM_REPORT_H

#include "sim/play.h"
#include <stdio.h>

struct spread {
    double mean, p50, p95, max;
};

struct share { /* of the jobs: a user's, a partition's */
    uint32_t key, jobs;
    double core_s, wait_s, slowdown; /* sums */
};

struct summary {
    uint32_t jobs, left_out, cut, refused, cores;
    struct spread wait, slowdown;
    double utilisation;
    int64_t first, last, makespan; /* first arrival, last end */
    struct share *users;           /* most core seconds first */
    struct share *parts;
    uint32_t user_count, part_count;
};

/* max(1, (wait + run) / max(run, 10 s)) */
double bounded_slowdown(const struct sim_job *job);
void summarise(const struct trace *t, const struct played *p, struct summary *ret);
void summary_fini(struct summary *s);

void summary_print(const struct summary *s, const struct played *p, FILE *out);
void summary_json(const struct summary *s, const struct played *p, FILE *out);
/* One beside the other; b is the second. */
void summary_compare(const struct summary *a, const struct summary *b, FILE *out);

#endif
