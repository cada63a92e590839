/* One step, as slurmstepd sees it. */
#ifndef SLURMSTEPD_STEP_H
#define SLURMSTEPD_STEP_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "node/task.h"
#include "schema/messages.h"
#include "slurmstepd/bind.h"
#include "slurmstepd/confine.h"
#include "slurmstepd/helper.h"
#include <stdbool.h>
#include <sys/types.h>

/* How far the end has come.  It only moves forward. */
enum ending {
    ENDING_NOT,
    ENDING_TERM, /* SIGTERM was sent; at kill_at_ns SIGKILL follows */
    ENDING_KILL, /* whatever is left is killed until nothing is */
};

struct step_task {
    uint32_t rank;
    bool has_begun;
    pid_t pid;    /* 0 before the start and once it is gone */
    pid_t epilog; /* TaskEpilog; 0: none */
    int report;   /* pipe: why it never reached its exec; -1 before the start */
    struct task_start start;
    struct usage used;
};

struct step {
    struct arena arena;
    struct launch *launch;     /* of the job; for a numbered step with what is the step's in it */
    struct step_launch *order; /* NULL: the batch step */
    struct step_task *tasks;
    uint32_t task_count;
    uint32_t alive; /* tasks and their epilogs */
    struct helper io;
    int signals; /* signalfd */
    enum ending ending;
    int64_t kill_at_ns;
    bool is_order;         /* the end was asked for: the last output has only so long to get out */
    int64_t stop_at_ns;    /* suspending: when SIGSTOP follows SIGTSTP; 0: not */
    size_t told_at;        /* how much of the file `told` was read */
    struct step_done done; /* what will be reported */
    struct usage used;
    struct confine confine;
    struct bind bind;
    int64_t start_ns; /* monotonic */
};

void step_init(struct step *s);
int step_load(struct step *s, struct err *e);  /* reads the launch message, signs the record */
int step_start(struct step *s, struct err *e); /* starts the tasks */
void step_attend(struct step *s);              /* until the tasks and all descendants are gone */
/* One line into the step's stderr, with a second to get there: its file system may hang. */
void step_say(struct step *s, const char *line);
void step_fail(struct step *s, const struct err *e); /* the step never started: say why */
int step_report(struct step *s);                     /* writes `result` */

/* tasks.c */
int tasks_prepare(struct step *s, struct err *e); /* who runs what, where its streams go */
int tasks_start(struct step *s, struct err *e);
void tasks_fail(struct step *s, const char *why); /* the client hears of those that never began */
/* The task is gone: its part of the report, and the client's. */
void task_over(struct step *s, struct step_task *t, int wait_status);
struct step_task *task_of(struct step *s, pid_t pid);

/* Begins the end: SIGTERM, `wait_s` later SIGKILL. */
void step_end(struct step *s, uint32_t wait_s);

/* signals.c */
void signals_read(struct step *s);                               /* what slurmd told by signal */
void step_signal_task(struct step *s, uint32_t rank, int signo); /* IO_ALL: every one */
void signals_suspend(struct step *s); /* the second half, when its time has come */

#endif
