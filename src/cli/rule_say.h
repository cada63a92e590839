/* What sacctmgr says about a change, in Slurm's words. */
#ifndef CLI_RULE_SAY_H
#define CLI_RULE_SAY_H

#include "base/buf.h"
#include "schema/messages.h"

/* Appends the paragraph for what was (or would be) done. */
void rule_say(const struct rule_change *wish, const struct rule_changed *did, struct buf *out);

#endif
