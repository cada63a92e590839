/* scontrol update job: a table of keys, each with who may, how the text is checked, and what it
 * sets. */
#ifndef CORE_UPDATE_H
#define CORE_UPDATE_H

struct core;
struct job;

void update_apply(struct core *c, struct job *job, const void *body); /* of fact_job_update */

#endif
