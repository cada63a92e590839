/* What is known of a step's tasks, and how their ends are told. */
#ifndef CLI_STEP_TASKS_H
#define CLI_STEP_TASKS_H

#include "base/arena.h"
#include "schema/messages.h"
#include <stdbool.h>
#include <stdint.h>

enum task_state { TASK_NEW, TASK_RUNNING, TASK_EXITED, TASK_FAILED };

/* Ends that are told in one line: those of one node that are alike. */
struct task_end {
    uint32_t node;
    int32_t status;
    bool oom;
    uint8_t *ranks; /* bitmap */
};

struct step_tasks {
    uint8_t *state; /* enum task_state */
    uint32_t n, ended;
    int exit_code;  /* highest; 128+n for signal n */
    int32_t status; /* the wait status that it is of */
    struct task_end *told;
    uint32_t told_n;
};

void tasks_init(struct step_tasks *t, uint32_t n);
void tasks_fini(struct step_tasks *t);
/* True: it is the first that ended. */
bool tasks_ended(struct step_tasks *t, uint32_t node, const struct io_exit *exit);
/* Says the ends that were gathered: `srun: error: n1: tasks 0-3: Exited with exit code 7`. */
void tasks_tell(struct step_tasks *t, const char *tool,
                const char *(*name)(void *ctx, uint32_t node), void *ctx);
/* `StepId=12.0 tasks 0-1: running` for each state that some are in. */
void tasks_status(const struct step_tasks *t, const char *tool, const char *step);

#endif
