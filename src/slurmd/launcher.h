/* The root half of slurmd: starts slurmstepds, tells them to signal or end, notices their end,
 * keeps the spool. */
#ifndef SLURMD_LAUNCHER_H
#define SLURMD_LAUNCHER_H

#include "schema/messages.h"
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct launcher_conf {
    const char *spool_path, *stepd_path, *node, *cluster, *conf_path;
    const char *prolog, *epilog; /* "" for none; may be glob patterns */
    const char *task_prolog, *task_epilog, *unkillable, *reboot; /* "" for none */
    struct {
        const char *program, *states; /* HealthCheckProgram, "" for none; HealthCheckNodeState */
        uint32_t interval_s, timeout_s;
    } health;
    bool is_sealed; /* the controller is not on our own unix socket: launches carry its seal */
    bool is_serial; /* PrologFlags=Serial: one hook at a time */
    uint32_t hook_timeout_s;       /* PrologEpilogTimeout; UINT32_MAX: for ever */
    uint32_t unkillable_timeout_s; /* UnkillableStepTimeout */
    bool is_clean_start;           /* -c: what ended before this start is forgotten */
    bool is_foreground;
    bool no_root_jobs;    /* DisableRootJobs */
    const char *log_path; /* NULL: stderr only */
    int log_level;
    const char *munge_socket;
    const struct host *host; /* for SPOOL/host */
    uid_t controller_uid;    /* SlurmUser: who may read our credential */
};

/* Serves the other half until it is gone.  Steps live on. */
_Noreturn void launcher_main(const struct launcher_conf *conf, int chan_fd);

#endif
