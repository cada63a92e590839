/* An allocation without a script: salloc's, and srun's own. */
#ifndef CLI_ALLOC_H
#define CLI_ALLOC_H

#include "cli/connect.h"
#include "cli/opts.h"
#include "client/link.h"
#include "net/loop.h"

struct alloc {
    struct connection *conn;
    struct opts *opts;
    struct loop *loop;
    struct arena *arena;
    struct link_aside aside;
    uint32_t job_id; /* 0: none was made */
    bool is_late;    /* --immediate: there were no nodes in time */
    int stopped;     /* what ends the waiting: a signal's number, or -ETIME for --immediate */
};

/* The loop's events are looked after during calls; alloc_stop from one of them ends a wait. */
void alloc_init(struct alloc *a);
void alloc_stop(struct alloc *a, int why);

/* Submits and waits for nodes, with Slurm's words.  -1: it was told why not. */
int alloc_get(struct alloc *a, struct alloc_info **ret);
/* What to exit with then: SLURM_EXIT_IMMEDIATE says it for --immediate. */
int alloc_exit_code(const struct alloc *a);
/* How the job is now; waits for its nodes when it is pending. */
int alloc_look(struct alloc *a, uint32_t job_id, struct alloc_info **ret, struct err *e);
void alloc_end(struct alloc *a, int32_t wait_status);

/* The environment with the SLURM_* variables of the job, NULL-terminated. */
char **alloc_environment(struct alloc *a, const struct alloc_info *info, char **from);

#endif
