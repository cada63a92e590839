/* sbcast on the node: standard input becomes a file of the user's. */
#ifndef NODE_BCAST_H
#define NODE_BCAST_H

#include "base/err.h"
#include "schema/messages.h"

/* Runs as the user.  The file appears under its name whole or not at all. 0, or an exit code. */
int bcast_receive(const struct step_spec *spec, struct err *e);

#endif
