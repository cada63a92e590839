/* File name patterns of --input, --output, --error: %j and its kin (contracts/slurm.md section 1).
 */
#ifndef NODE_PATTERN_H
#define NODE_PATTERN_H

#include "base/buf.h"
#include "schema/messages.h"

/* The path of a stream of a task (its rank; 0 for the batch script), absolute, in *ret (which is
 * emptied first).  `text` is what the user wrote;
 * "" stands for the default of its stream, which the caller knows. */
void pattern_path(const char *text, const struct launch *l, uint32_t task, struct buf *ret);

#endif
