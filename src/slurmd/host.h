/* What this node is, found out once before slurmd parts into its two halves. */
#ifndef SLURMD_HOST_H
#define SLURMD_HOST_H

#include "base/arena.h"
#include "base/err.h"
#include "conf/conf.h"
#include "schema/messages.h"
#include "slurmd/launcher.h"

/* Reads cgroup.conf, looks at the machine, makes our cgroup.  Strings live in the arena and in the
 * configuration. */
int host_find(const struct conf *c, const struct launcher_conf *l, const struct conf_node *node,
              struct arena *a, struct host *ret, struct err *e);

/* Its generic resources: fills host->devices; *ret_text is what the registration says. */
int host_gres(const struct conf *c, const struct conf_node *node, struct arena *a, struct host *h,
              const char **ret_text, struct err *e);

/* What AutoDetect=full finds here, as for a NodeName line. */
const char *host_gres_found(struct arena *a);

#endif
