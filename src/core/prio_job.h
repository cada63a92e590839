/* Multifactor priority in this core: what a job's factors are taken from, the usage of those who
 * ran jobs, and the recomputation each PriorityCalcPeriod.
 *
 * job.base is the number as of the last period, before nice; squeue shows it less nice, and the
 * queues are sorted by that.  A period begins with a fact that ages usage; then slices follow, each
 * a fact with the numbers that changed, so replay sets them and computes none.  Usage is added up
 * as facts tell it: when a period begins, and when a job's run ends.
 *
 * Without associations from slurmdbd everybody has one share: accounts among each other, and users
 * in their account; users who name no account stand beside the accounts. */
#ifndef CORE_PRIO_JOB_H
#define CORE_PRIO_JOB_H

#include "base/err.h"
#include "core/prio.h"
#include "schema/messages.h"
#include <stdbool.h>
#include <stdint.h>

struct core;
struct job;
struct part;
struct turn;

bool prio_is_multifactor(const struct core *c);
/* Numbers and strings of the configuration, all zero without multifactor; -EINVAL with words.
 * Strings live in the arena. */
int prio_conf_read(const struct core_conf *conf, struct arena *a, struct prio_conf *ret,
                   struct err *e);

/* The best of the record's partitions; nice is left to job_priority. */
uint32_t prio_of_record(const struct core *c, const struct job_record *rec, int64_t now);

/* The same in pieces, to be shown: what it is made of, but for what depends on the partition. */
struct job_record prio_record(const struct job *job);
struct prio_job prio_describe(const struct core *c, const struct job_record *rec);
struct prio_factors prio_in_part(const struct core *c, const struct part *p,
                                 const struct job_wish *w, int64_t now, struct prio_job *job);

int64_t prio_due(const struct core *c); /* INT64_MAX: never */
void prio_decide(struct turn *t);       /* one slice of a period */
int prio_check(const struct core *c, const struct fact_priorities *f, struct err *e);
void prio_apply(struct core *c, const struct fact_priorities *f);

void prio_configured(struct core *c);                    /* nodes or partitions changed too */
void prio_know(struct core *c, const struct job *job);   /* its user is one of those who share */
void prio_charge(struct core *c, const struct job *job); /* its run ended: the rest of it */
double prio_share_factor(const struct core *c, uint32_t share); /* of a place in the tree */
void prio_load_share(struct core *c, const struct fact_share *f);

#endif
