/* Multifactor priority: a job's number from its age, size, share and standing
 * (contracts/priority.md section 3).
 *
 * Three steps, each a plain function: factors (0 to 1 each, unless a NO_NORMAL flag says raw),
 * parts (factor times weight, what sprio shows), number (the sum, less nice, cut to an integer).
 *
 * What follows for a queue (section 4): of all factors only age moves by itself, and it gives every
 * accruing job the same amount each second.  So two sequences stay sorted without being touched:
 * jobs that accrue, by prio_key, and jobs whose age rests (not begun, or at the cap), by priority.
 * Only three events move a job: it begins to accrue, it reaches the cap (prio_capped_at), or what
 * else it is made of changes: its rank, or an update.
 *
 * Nothing here reads a clock or a configuration file: numbers come in as plain structs. */
#ifndef CORE_PRIO_H
#define CORE_PRIO_H

#include "base/arena.h"
#include "base/err.h"
#include <stdbool.h>
#include <stdint.h>

/* PriorityFlags. */
enum prio_flag {
    PRIO_ACCRUE_ALWAYS = 1,     /* age counts from submission, eligible or not */
    PRIO_CALCULATE_RUNNING = 2, /* running jobs are recomputed too */
    PRIO_DEPTH_OBLIVIOUS = 4,   /* read, and taken as classic fair share */
    PRIO_NO_FAIR_TREE = 8,      /* classic fair share */
    PRIO_INCR_ONLY = 16,        /* a number never falls */
    PRIO_MAX_TRES = 32,         /* billing: the largest term of a node instead of their sum */
    PRIO_MAX_TRES_GRES = 64,    /* ... but generic resources are added */
    PRIO_NO_NORMAL_ASSOC = 128,
    PRIO_NO_NORMAL_PART = 256,
    PRIO_NO_NORMAL_QOS = 512,
    PRIO_NO_NORMAL_TRES = 1024,
    PRIO_SMALL_RELATIVE_TO_TIME = 2048,
    PRIO_NO_NORMAL_ALL =
        PRIO_NO_NORMAL_ASSOC | PRIO_NO_NORMAL_PART | PRIO_NO_NORMAL_QOS | PRIO_NO_NORMAL_TRES,
};

#define PRIO_TRES_MAX 32 /* resources in one list of weights */

/* How much of a trackable resource: "cpu", "mem" (MB), "node", "gres/gpu", "license/matlab" ... */
struct tres {
    const char *name;
    double amount;
};

struct tres_list {
    struct tres v[PRIO_TRES_MAX];
    uint32_t n;
};

struct prio_conf {
    double age, assoc, fairshare, size, part, qos; /* PriorityWeight* */
    struct tres_list tres;                         /* PriorityWeightTRES */
    uint32_t max_age_s;
    bool favors_small;
    uint32_t flags; /* enum prio_flag */
};

/* What factors are measured against. */
struct prio_whole {
    uint32_t nodes, cpus;                     /* of the cluster */
    uint32_t part_most, qos_most, assoc_most; /* the largest value that any of them has */
};

struct prio_job {
    int64_t accrues_from; /* from when its age counts; 0: not yet */
    double fairshare;     /* its user's factor */
    uint32_t nodes, cpus; /* asked */
    uint32_t limit_min;
    uint32_t part, qos, assoc; /* PriorityJobFactor, and the priorities of QOS and association */
    struct tres_list asked;
    struct tres_list in_part; /* what the partition has of each */
    int64_t nice, site;
};

struct prio_factors {
    double age, assoc, fairshare, size, part, qos;
    double tres[PRIO_TRES_MAX]; /* in the order of prio_conf.tres */
};

/* The same, each multiplied by its weight. */
struct prio_parts {
    double age, assoc, fairshare, size, part, qos;
    double tres[PRIO_TRES_MAX];
    uint32_t tres_n;
    int64_t nice, site;
};

struct prio_factors prio_factors(const struct prio_conf *conf, const struct prio_whole *whole,
                                 const struct prio_job *job, int64_t now);
struct prio_parts prio_weigh(const struct prio_conf *conf, const struct prio_factors *f,
                             const struct prio_job *job);
double prio_sum(const struct prio_parts *parts);
/* The sum cut to an integer of at least 1, since 0 is a held job.  INCR_ONLY: and at least
 * `before`, the number it had. */
uint32_t prio_number(const struct prio_conf *conf, const struct prio_parts *parts, uint32_t before);
/* A column of sprio: to the nearest, halves to the even number. */
int64_t prio_column(double part);

/* From when its age counts: as soon as it is eligible (0: not yet), with ACCRUE_ALWAYS at once. */
int64_t prio_accrues_from(const struct prio_conf *conf, int64_t submit, int64_t eligible);
bool prio_is_accruing(const struct prio_conf *conf, int64_t accrues_from, int64_t now);
int64_t prio_capped_at(const struct prio_conf *conf, int64_t accrues_from); /* INT64_MAX: never */
/* sum - weight_age * now / max_age: the same at every moment while the job accrues. */
double prio_key(const struct prio_conf *conf, double sum, int64_t now);

/* Billing of an allocation by TRESBillingWeights; its CPUs when there are no weights. */
double prio_billing(const struct tres_list *weights, const struct tres_list *used, uint32_t flags);
double tres_amount(const struct tres_list *list, const char *name); /* 0 when it is not in it */

/* "ACCRUE_ALWAYS,MAX_TRES"; "" and "NONE" are no flags. */
int prio_parse_flags(const char *text, uint32_t *ret, struct err *e);
/* "CPU=1.0,Mem=0.25G,GRES/gpu=2": weights for one unit, memory's being the MB or what the suffix
 * says.  Names are lower case in the result and live in the arena. */
int prio_parse_weights(const char *text, struct arena *a, struct tres_list *ret, struct err *e);

#endif
