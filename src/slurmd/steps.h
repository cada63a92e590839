/* Steps as the launcher knows them: one slurmstepd each. */
#ifndef SLURMD_STEPS_H
#define SLURMD_STEPS_H

#include "slurmd/jobs.h"

/* A slurmstepd that lives. */
struct step {
    struct list link;
    struct launcher *l;
    struct step_record record;
    int pidfd;
    struct loop_fd *watch;
};

/* A launch that is allowed and has its place in the spool, but no slurmstepd yet. */
struct prepared {
    struct list link; /* of a job's `waiting` */
    struct step_record record;
    struct step_files files;
    int launch_fd;
};

bool same_job(const struct step_key *a, const struct step_key *b);
struct step_key whole_job(const struct step_key *key, uint32_t step_id);
struct step *step_find(struct launcher *l, const struct step_key *key);
bool steps_of_job(struct launcher *l, const struct step_key *key); /* is any alive */

/* The memory that a launch of this step is in: numbered steps come by the thousand and have one of
 * their own. */
struct seen *step_seen(struct launcher *l, const struct step_key *key);

/* Starts slurmstepd; what `p` holds is slurmstepd's, or given back, from here on. */
int step_spawn(struct launcher *l, struct prepared *p, struct err *e);
void step_drop(struct launcher *l, struct prepared *p); /* it will not start after all */
/* The step never got its slurmstepd: the controller hears why. */
void step_fail(struct launcher *l, const struct step_key *key, const struct err *e);

/* Sends what the step left in `result`; without one, slurmstepd was killed, and that is the report.
 */
void step_report(struct launcher *l, const struct step_key *key, bool is_clean);

int step_tell(struct step *s, int signo, int value);
void step_end(struct step *s, const struct buf *how);

void steps_adopt(struct launcher *l); /* after a restart: everything that the spool knows */

#endif
