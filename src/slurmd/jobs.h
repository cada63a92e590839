/* Jobs and steps as the launcher knows them. */
#ifndef SLURMD_JOBS_H
#define SLURMD_JOBS_H

#include "base/list.h"
#include "base/map.h"
#include "net/loop.h"
#include "node/spool.h"
#include "slurmd/chan.h"
#include "slurmd/launcher.h"

struct launcher {
    const struct launcher_conf *conf;
    struct loop *loop;
    struct chan *chan;
    struct spool spool;
    struct seen seen;
    char boot_id[40];
    struct map children; /* pids of ours; any other child is a stray of a killed slurmstepd */
    struct list steps;   /* alive */
    struct list jobs;    /* those that are being ended, or wait for their Prolog or Epilog */
};

/* Reads the spool: adopts what lives, reports what ended meanwhile, then says CHAN_READY. */
void jobs_open(struct launcher *l);

/* Starts slurmstepd for the message behind *fd.  A launch of a step that runs already is done.
 * ESLURMD_CREDENTIAL_REPLAYED: this restart, or a later one, was here before; _REVOKED: its job was
 * ended before it came; ESLURMD_SET_UID_OR_GID_ERROR: the user is not ours to become. */
int jobs_launch(struct launcher *l, const struct chan_head *h, int *fd, struct err *e);
int jobs_signal(struct launcher *l, const struct chan_head *h, struct err *e);
/* Ends what the job has here and says CHAN_CLEAN afterwards, however often it is told. */
void jobs_end(struct launcher *l, const struct chan_head *h, const struct buf *how);
void jobs_reap_later(struct launcher *l, pid_t pid);

#endif
