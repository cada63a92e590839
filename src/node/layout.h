/* What a step's launch says about its shape: which tasks run where, and what each of them runs.
 * Pure. */
#ifndef NODE_LAYOUT_H
#define NODE_LAYOUT_H

#include "base/arena.h"
#include "base/err.h"
#include "schema/messages.h"

uint32_t layout_ntasks(const struct step_launch *s);
const char *layout_nodes(const struct step_launch *s, struct arena *a);          /* n[1-2] */
const char *layout_tasks_per_node(const struct step_launch *s, struct arena *a); /* 2(x3),1 */

/* The command of task `rank`: spec.argv, or the line of --multi-prog that is its own, with %t and
 * %o replaced.  NULL behind the last. */
int layout_argv(const struct step_launch *s, uint32_t rank, struct arena *a, char ***ret,
                struct err *e);

#endif
