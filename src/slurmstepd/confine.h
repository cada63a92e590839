/* Holding a step inside of what it was given, and measuring it.  Where cgroups cannot be had every
 * function still does what can be done without. */
#ifndef SLURMSTEPD_CONFINE_H
#define SLURMSTEPD_CONFINE_H

#include "base/err.h"
#include "node/cgroup.h"
#include "schema/messages.h"
#include <stdint.h>

struct step;

struct confine {
    const struct host *host; /* NULL: slurmd left none, nothing is known of the node */
    struct cgroup group;
    int64_t sample_at_ns, sample_every_ns; /* 0: never */
    uint64_t peak_kb;                      /* of the whole step, as far as seen */
};

void confine_load(struct step *s);                  /* SPOOL/host */
int confine_begin(struct step *s, struct err *e);   /* groups and limits, before the first task */
int confine_pause_ms(const struct step *s, int ms); /* ms (-1: for ever), or sooner for a sample */
void confine_tick(struct step *s);                  /* takes a sample when it is time */
/* Whether the kernel killed for memory; the first time it is said to the user. */
bool confine_note(struct step *s);
void confine_kill(struct step *s);                  /* SIGKILL to all that is inside */
void confine_end(struct step *s); /* nothing lives any more: usage, out of memory, groups away */

#endif
