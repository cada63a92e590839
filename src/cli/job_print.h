/* How a job and its steps look: the tables behind squeue and scontrol show job. */
#ifndef CLI_JOB_PRINT_H
#define CLI_JOB_PRINT_H

#include "wire/text.h"

/* What squeue --steps lists: a step beside its job. */
struct job_step {
    const struct job_info *job;
    const char *name, *nodes;
    uint32_t step_id; /* number, or the STEP_ constants of rpc.h */
    int64_t start_time;
    uint32_t time_limit_min, num_tasks, num_cpus;
};

extern const struct text_table job_columns;  /* rows are struct job_info */
extern const struct text_table step_columns; /* rows are struct job_step */
extern const struct text_table job_record;   /* scontrol show job; rows are struct job_info */

int64_t job_used_s(const struct job_info *job,
                   int64_t now); /* seconds it ran, without suspensions */
void job_id_put(const struct job_info *job, struct buf *out); /* 12, 12_3, 12_[4-9%2] */
void step_id_put(const struct job_step *step, struct buf *out); /* 12.0, 12_3.batch */
void job_reason_put(const struct job_info *job, struct buf *out);

#endif
