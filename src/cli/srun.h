/* What the files of srun share: one run of it. */
#ifndef CLI_SRUN_H
#define CLI_SRUN_H

#include "cli/alloc.h"
#include "cli/srun_spec.h"
#include "cli/step_io.h"
#include "cli/step_tasks.h"
#include "cli/tty.h"

#define SRUN "srun"

struct srun {
    struct opts opts;
    struct arena arena;
    struct connection conn; /* for calls */
    struct connection news; /* on which the end of the step is told */
    struct loop *loop;
    struct alloc alloc;
    struct alloc_info *info;
    bool is_own; /* the allocation is ours: it ends with us */
    struct srun_spec spec;
    struct step_io io;
    struct step_tasks tasks;
    struct tty tty;
    char step_name[24]; /* 12.0; empty until there is a step */

    struct loop_fd *watch;      /* of news */
    struct loop_timer *again;   /* ask for news once more */
    struct loop_timer *patient; /* -W: after the first task has ended */
    struct loop_timer *tell;    /* gathered ends, so that alike ones are one line */
    struct loop_timer *grace; /* for what is still on its way when the controller says it is over */
    int64_t interrupted_ns;   /* the last SIGINT; 0: none */
    bool is_killed, is_lost;  /* we ended it; the controller says that it is over */
    int in_fd;                /* -1: standard input */
};

/* srun_hook.c: programs around the step, and --bcast, which may change command[0]. */
void srun_hook(struct srun *s, const char *asked, const char *key);
int srun_bcast(struct srun *s, char **command);

/* srun_run.c: from a created step to the end of its last task. */
int srun_run(struct srun *s, const struct step_created *step);
void srun_signals(struct srun *s);
void srun_kill_step(struct srun *s);

#endif
