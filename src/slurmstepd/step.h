/* One step, as slurmstepd sees it. */
#ifndef SLURMSTEPD_STEP_H
#define SLURMSTEPD_STEP_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "node/task.h"
#include "schema/messages.h"
#include "slurmstepd/confine.h"
#include <stdbool.h>
#include <sys/types.h>

/* How far the end has come.  It only moves forward. */
enum ending {
    ENDING_NOT,
    ENDING_TERM, /* SIGTERM was sent; at kill_at_ns SIGKILL follows */
    ENDING_KILL, /* whatever is left is killed until nothing is */
};

struct step {
    struct arena arena;
    struct launch *launch;
    struct task_start start;
    struct buf in, out, err; /* the paths of `start` */
    int signals;             /* signalfd */
    int report; /* pipe of the task: why it never reached its exec; -1 before the start */
    pid_t task; /* 0 before the start and once it is gone */
    enum ending ending;
    int64_t kill_at_ns;
    struct step_done done; /* what will be reported */
    struct usage used;
    struct confine confine;
    int64_t start_ns; /* monotonic */
};

void step_init(struct step *s);
int step_load(struct step *s, struct err *e);  /* reads the launch message, signs the record */
int step_start(struct step *s, struct err *e); /* writes the script, starts the task */
void step_attend(struct step *s);              /* until the task and all its descendants are gone */
/* One line into the step's stderr, with a second to get there: its file system may hang. */
void step_say(struct step *s, const char *line);
void step_fail(struct step *s, const struct err *e); /* the step never started: say why */
int step_report(struct step *s);                     /* writes `result` */

#endif
