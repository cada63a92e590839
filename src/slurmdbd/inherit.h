/* What an association has once everything above it counts: Max limits, QOS, priority.  Grp limits
 * hold for a subtree where they are set, and are not handed down. */
#ifndef SLURMDBD_INHERIT_H
#define SLURMDBD_INHERIT_H

#include "slurmdbd/plan.h"

/* A copy with all that is inherited; limits is never NULL. */
struct rule_assoc *assoc_effective(const struct plan *p, const struct rule_assoc *a);

/* The QOS it may use; "+x" and "-x" on the way are worked in. */
struct strs assoc_qos(const struct plan *p, const struct rule_assoc *a);
bool qos_is_delta(const struct strs *list); /* does it change what is inherited? */

#endif
