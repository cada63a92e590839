/* What this node is, found out once before slurmd parts into its two halves. */
#ifndef SLURMD_HOST_H
#define SLURMD_HOST_H

#include "base/arena.h"
#include "base/err.h"
#include "conf/conf.h"
#include "schema/messages.h"
#include "slurmd/launcher.h"

/* Reads cgroup.conf, looks at the machine, makes our cgroup.  Strings live in the arena and in
 * *ret_cgroup, which is the caller's. */
int host_find(const struct conf *c, const struct launcher_conf *l, const struct conf_node *node,
              struct arena *a, struct host *ret, struct err *e);

#endif
