/* Who a job runs as: its account, QOS and association, settled when it is submitted or changed. */
#ifndef CORE_STANDING_H
#define CORE_STANDING_H

#include "core/limits.h"

struct core;

/* What a submission says of it, and what it comes to. */
struct identity {
    const char *user;
    const char *account, *qos, *wckey; /* in: as asked; out: as they will be; "" none */
    const char *partitions;            /* the first counts for associations of a partition */
    const char *reservation;
};

/* Fills in the defaults; refuses what AccountingStorageEnforce does not let through, and says what
 * the user may use. */
int standing_identify(const struct core *c, struct identity *id, struct arena *a, struct err *e);
int standing_check_partition(const struct part_info *p, const struct identity *id, struct err *e);

/* Limits at submission: how many jobs may be there, and with DenyOnLimit whether it could ever run.
 */
int standing_check_limits(const struct core *c, const struct job_record *rec, uint32_t tasks,
                          struct arena *a, struct err *e);
struct standing standing_of(const struct core *c, const struct identity *id);

#endif
