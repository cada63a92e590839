/* Whether sacct's question makes sense, before anybody is asked it: unknown users, groups and
 * states are errors in Slurm's words, not empty answers. */
#ifndef CLI_ACCT_CHECK_H
#define CLI_ACCT_CHECK_H

#include "base/arena.h"
#include "base/err.h"
#include "schema/messages.h"

/* 0, or -EINVAL with text for say_error.  Job lists such as 12_[3-5] are expanded in place. */
int acct_check(struct acct_query *q, struct arena *a, struct err *e);

#endif
