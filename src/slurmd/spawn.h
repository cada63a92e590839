/* Starting slurmstepd. */
#ifndef SLURMD_SPAWN_H
#define SLURMD_SPAWN_H

#include "base/err.h"
#include "node/spool.h"
#include "slurmd/launcher.h"

/* launch_fd: the packed message.  The child keeps the lock of files->lock for as long as it lives.
 */
int spawn_stepd(const struct launcher_conf *c, const struct step_record *r,
                const struct step_files *files, int launch_fd, pid_t *ret, struct err *e);

#endif
