/* What jobs used, summed as they end: a row for each hour, day and month, and account, user, wckey,
 * QOS and TRES.  Sums are collected in memory over a turn and added to the database with its
 * commit, so they count as exactly once as the events do. */
#ifndef SLURMDBD_USAGE_H
#define SLURMDBD_USAGE_H

#include "base/arena.h"
#include "base/map.h"
#include "schema/messages.h"
#include "slurmdbd/period.h"

/* Time that eligible jobs waited, times the CPUs they asked for: kept beside the TRES. */
#define USAGE_PLANNED "planned"

struct usage_cell {
    const char *cluster, *account, *user, *wckey, *qos, *tres;
    enum period period;
    int64_t start;
    int64_t seconds; /* negative: taken back */
};

struct usage_sums {
    struct arena arena;
    struct smap at; /* key text -> cell */
};

void usage_fini(struct usage_sums *u);

/* Adds (sign 1) or takes back (sign -1) what an ended job used; one that never ran used nothing but
 * its waiting. */
void usage_job(struct usage_sums *u, const char *cluster, const struct acct_job *job, int sign);

/* Seconds of a job inside a window; its suspended time is taken from its end. */
int64_t usage_overlap(const struct acct_job *job, int64_t from, int64_t to);

/* The next "name=count" of a TRES list; memory in MB.  NULL: the end. */
const char *usage_tres(const char *at, struct arena *a, const char **ret_name, uint64_t *ret_count);

#endif
