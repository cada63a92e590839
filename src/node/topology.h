/* Which CPU of the kernel is which of the controller's: abstract ids count threads within cores
 * within sockets, whatever order the firmware chose. */
#ifndef NODE_TOPOLOGY_H
#define NODE_TOPOLOGY_H

#include "base/arena.h"
#include "base/buf.h"
#include "schema/messages.h"

/* One entry for each CPU that is online. */
void topology_read(struct arena *a, struct host_topology *ret);

/* "0-3,8": the kernel's numbers of abstract ids given in the same form.  Ids that this machine does
 * not have make the result empty: then nobody is bound. */
void topology_cpus(const struct host_topology *t, const char *ids, struct buf *ret);

#endif
