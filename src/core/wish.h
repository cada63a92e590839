/* From what a user wrote to what the core decides with. */
#ifndef CORE_WISH_H
#define CORE_WISH_H

#include "base/arena.h"
#include "base/err.h"
#include "schema/messages.h"

struct core;

/* The partitions as a list without repeats; the default one when none was named. */
int wish_partitions(const struct core *c, const char *asked, struct arena *a, const char **ret,
                    struct err *e);
int wish_from_spec(const struct core *c, const struct job_spec *spec, struct arena *a,
                   struct job_wish *ret, struct err *e);
/* The same checks for a wish that an update made. */
int wish_check(const struct core *c, struct job_wish *w, struct arena *a, struct err *e);
/* Refuses what could never run in any of the wish's partitions, with what would. */
int wish_can_run(const struct core *c, const struct job_wish *w, struct arena *a, struct err *e);

#endif
