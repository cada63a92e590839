/* What SchedulerParameters says about backfill: one row a word (bf.c). */
#ifndef CORE_BF_H
#define CORE_BF_H

#include <stdbool.h>
#include <stdint.h>

struct core;

struct bf {
    bool is_on; /* SchedulerType=sched/backfill */
    bool shortest_first;
    bool replan;       /* every pass rebuilds the plan from nothing */
    bool predict;      /* plan with what the user's jobs use to take */
    uint32_t promises; /* jobs that hold one; each partition has at least one */
    uint32_t max_test; /* jobs looked at in a pass; 0: all */
    uint32_t max_start, max_user, max_part, max_assoc, max_user_part; /* 0: no limit */
    uint32_t min_prio_reserve;
    int64_t min_age_reserve_s;
    int64_t interval_s;    /* between compactions; with replan: between passes */
    int64_t resolution_s;  /* run times are planned in multiples of this */
    int64_t window_s;      /* no promise further ahead; 0: any */
    int64_t compact_age_s; /* promises of jobs that waited less are left where they are */
    uint32_t clock;        /* of a simulator: units of its clock in a second */
    int64_t guard_s;       /* predict: the first job waited this long: limits count again */
};

const struct bf *bf_of(const struct core *c);
void bf_configured(struct core *c);

#endif
