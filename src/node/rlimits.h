/* Resource limits that travel with a job, by name. */
#ifndef NODE_RLIMITS_H
#define NODE_RLIMITS_H

#include "schema/messages.h"

/* Sets soft limits, bounded by the hard ones here (root may raise those).  Unknown names are
 * skipped. */
void rlimits_set(const struct rlimit_row *rows, uint32_t n);

#endif
