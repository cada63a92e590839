/* What jobs ask for by name: generic resources, licenses, reservations. */
#ifndef CORE_KNOWN_H
#define CORE_KNOWN_H

#include "base/err.h"
#include "schema/messages.h"

struct core;

/* Refuses what the configuration does not know, or has less of than asked. */
int known_check(const struct core *c, const struct job_wish *w, struct err *e);
/* The same for one list of generic resources, such as "gpu:2,gpu:a100:1". */
int known_gres(const struct core *c, const char *list, const char *option, struct err *e);

#endif
