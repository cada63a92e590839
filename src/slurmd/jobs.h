/* Jobs as the launcher knows them, and all that it owns. */
#ifndef SLURMD_JOBS_H
#define SLURMD_JOBS_H

#include "auth/seal.h"
#include "base/list.h"
#include "base/map.h"
#include "net/loop.h"
#include "node/spool.h"
#include "slurmd/chan.h"
#include "slurmd/launcher.h"

#define SEAL_KEYS 4u

struct launcher {
    const struct launcher_conf *conf;
    struct loop *loop;
    struct chan *chan;
    struct spool spool;
    struct seen seen, seen_steps; /* of jobs and their batch steps; of numbered steps */
    char boot_id[40];
    uint8_t seal_keys[SEAL_KEYS]
                     [SEAL_KEY]; /* of the last hellos: one of them is the controller's */
    uint32_t seal_next;
    struct map children; /* pids of ours; any other child is a stray of a killed slurmstepd */
    struct list steps;   /* alive */
    struct list jobs;    /* those that are being ended, or wait for their Prolog or Epilog */
};

/* Reads the spool: adopts what lives, reports what ended meanwhile, then says CHAN_READY. */
void jobs_open(struct launcher *l);

/* What comes with a launch and is not read by root. */
struct jobs_words {
    struct buf ident; /* goes back to the listener with the step, also after a restart */
    struct buf hooks; /* for Prolog and Epilog (node/hook.h) */
};

/* Starts slurmstepd for the message behind *fd, after the Prolog when this is the job's first step
 * here.  A launch of a step that runs
 * already is done. ESLURMD_CREDENTIAL_REPLAYED: this restart, or a later one, was here before;
 * _REVOKED: its job was ended before it came; ESLURMD_SET_UID_OR_GID_ERROR: the user is not ours to
 * become. */
int jobs_launch(struct launcher *l, const struct chan_head *h, const struct jobs_words *words,
                int *fd, struct err *e);
/* Only the Prolog.  1: it runs, and the answer follows. */
int jobs_prepare(struct launcher *l, const struct chan_head *h, const struct buf *words,
                 struct err *e);
/* To steps: a signal, or with a body one record more for slurmstepd's file `told`. */
int jobs_signal(struct launcher *l, const struct chan_head *h, const struct buf *told,
                struct err *e);
/* Ends what the job has here and says CHAN_CLEAN afterwards, however often it is told; with the
 * number of a step only that. */
void jobs_end(struct launcher *l, const struct chan_head *h, const struct buf *how);
void jobs_reap_later(struct launcher *l, pid_t pid);

/* From steps.c: the process is gone and nothing of the step is alive. */
void jobs_step_over(struct launcher *l, const struct step_record *r);

#endif
