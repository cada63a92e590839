/* The spool of slurmd: one directory a step, all that a restarted slurmd knows (reliability.md
 * section 2).
 *
 *   SPOOL/job12.0.batch/step          who it is; second line: the process that runs it.  Locked
 * while that one lives slurm_script  the user's, mode 0700 end           how to end it: a packed
 * job_terminate told          more orders, one after the other (stepd.h) result        a packed
 * step_done; once it is there, it is whole SPOOL/seen the last launches, so that none happens twice
 *
 * Nothing is synced: the page cache survives the death of every process here, and a reboot ends the
 * steps anyway. The directories belong to root and users cannot write them; every name is opened
 * relative to a held directory and never through a link (R6). */
#ifndef NODE_SPOOL_H
#define NODE_SPOOL_H

#include "base/buf.h"
#include "base/err.h"
#include "node/procs.h"
#include <stdbool.h>
#include <stdint.h>

struct spool {
    int dir;
};

struct step_key {
    uint32_t job_id, step_id, restart;
};

/* What the file `step` says. */
struct step_record {
    struct step_key key;
    uint32_t uid;
    uint64_t epoch;
    bool is_single_node; /* of the launch: clean up at once when the step ends */
    char boot_id[40];
    struct proc keeper; /* the slurmstepd; pid 0 until it has signed in */
};

/* What is open of one step while it starts; -1 when not. */
struct step_files {
    int dir;
    int lock; /* the file `step`, locked; whoever inherits it keeps the lock */
};

int spool_open(const char *path, struct spool *ret,
               struct err *e); /* makes the last directory of the path */
void spool_close(struct spool *s);

/* Makes the directory of a new step and locks its record.  -EEXIST when there is one. */
int spool_step_new(const struct spool *s, const struct step_record *r, struct step_files *ret,
                   struct err *e);
int spool_step_sign(int lock); /* in slurmstepd: adds the line that says which process it is */
int spool_step_open(const struct spool *s, const struct step_key *key, int *ret_dir);
int spool_step_read(int dir, struct step_record *ret, bool *ret_is_locked);
void spool_step_remove(const struct spool *s, const struct step_key *key);

typedef void spool_fn(void *ctx, int dir, const struct step_record *r, bool is_locked);
/* Each step found.  Directories without a readable record are removed: their launch was never
 * answered. */
void spool_each(const struct spool *s, spool_fn *fn, void *ctx);

/* Whole files of a step.  put replaces at one instant (tmp, rename). */
int spool_put(int dir, const char *name, const struct buf *data);
int spool_append(int dir, const char *name, const struct buf *data);
int spool_get(int dir, const char *name, struct buf *ret);
int spool_script(int dir, const void *script, size_t len, uid_t uid, gid_t gid, struct err *e);

void spool_boot_id(char ret[40]);
void spool_step_name(const struct step_key *key, char ret[48]);

/* ---- the last launches, across restarts of slurmd */

#define SEEN_SLOTS 4096u

struct seen_slot {
    uint32_t job_id, step_id, restart, used;
};

struct seen {
    struct seen_slot
        slots[SEEN_SLOTS]; /* by hash of job and step; a newer one takes an older one's place */
    int file;
};

int seen_open(const struct spool *s, const char *name, struct seen *ret, struct err *e);
bool seen_has(const struct seen *s,
              const struct step_key *key); /* this restart or a later one was launched */
void seen_add(struct seen *s, const struct step_key *key);

#endif
