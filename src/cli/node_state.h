/* The words for node states: "idle*", "drng", "mixed+completing". */
#ifndef CLI_NODE_STATE_H
#define CLI_NODE_STATE_H

#include "base/buf.h"
#include "schema/messages.h"

bool node_has(const struct node_info *n, const char *flag);
bool node_is_busy(const struct node_info *n); /* runs something */
bool node_is_out(const struct node_info *n);  /* neither in use nor usable: down, drained, failed */

/* Lower case, with the mark (* ~ # ...) behind it. */
void node_state_put(const struct node_info *n, bool brief, struct buf *out);

/* The order of sinfo's -S t: base state and flags as one number. */
uint32_t node_state_number(const struct node_info *n);

/* Is word one of the states of the node?  Long and short words, and flags.  *ret_known: somebody
 * knows it. */
bool node_state_is(const struct node_info *n, const char *word);
bool node_state_known(const char *word);

#endif
