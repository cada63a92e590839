/* What slurmd's launcher and slurmstepd agree on. */
#ifndef NODE_STEPD_H
#define NODE_STEPD_H

#include <signal.h>
#include <stdint.h>

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
#define STEPD_SUSPEND 0x400 /* SIGTSTP, STEPD_STOP_S later SIGSTOP, until a SIGCONT */
#define STEPD_TOLD 0x800    /* the file `told` has grown: records of a stepd_told and its body */
#define STEPD_STOP_S 2

struct stepd_told {
    uint32_t kind; /* enum stepd_word */
    uint32_t len;
};

enum stepd_word {
    TOLD_NOTE = 1, /* text for the user */
    TOLD_ATTACH,   /* a packed step_attach: one more client */
};

/* Environment variables that slurmstepd starts with, beside SLURM_CONF and TZ. */
#define STEPD_ENV_SPOOL "SLURMD_SPOOL"
#define STEPD_ENV_TASK_PROLOG "SLURMD_TASK_PROLOG"
#define STEPD_ENV_TASK_EPILOG "SLURMD_TASK_EPILOG"

#endif
