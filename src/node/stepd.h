/* What slurmd's launcher and slurmstepd agree on. */
#ifndef NODE_STEPD_H
#define NODE_STEPD_H

#include <signal.h>

#define STEPD_NAME \
    "slurmstepd: [" /* argv[0] is "slurmstepd: [12.batch]", as ps shows it for Slurm */

/* Descriptors that slurmstepd starts with. */
#define STEPD_FD_LAUNCH 3
#define STEPD_FD_DIR 4
#define STEPD_FD_RECORD 5

/* Being told.  Both are blocked from before the exec, so that none comes too early or is lost.
 * SIGTERM: end the step; the file `end` says how (a packed job_terminate).
 * STEPD_SIGNAL: deliver the signal in the value; the flags say to whom. */
#define STEPD_SIGNAL SIGRTMIN
#define STEPD_SHELL_ONLY 0x100
#define STEPD_CHILDREN_ONLY 0x200

#endif
