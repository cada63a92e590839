/* File name patterns of --input, --output, --error: %j and its kin (contracts/slurm.md section 1).
 */
#ifndef NODE_PATTERN_H
#define NODE_PATTERN_H

#include "base/buf.h"
#include "schema/messages.h"

/* The path of a stream of the step, absolute, in *ret (which is emptied first).  `text` is what the
 * user wrote;
 * "" stands for the default of its stream, which the caller knows. */
void pattern_path(const char *text, const struct launch *l, struct buf *ret);

#endif
