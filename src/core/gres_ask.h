/* What a wish asks of generic resources, all its options brought together. */
#ifndef CORE_GRES_ASK_H
#define CORE_GRES_ASK_H

#include "base/err.h"
#include "core/gres.h"

#define GRES_ASKS_MAX 8u

enum gres_per {
    GRES_PER_NODE, /* count on each node */
    GRES_PER_TASK, /* count for every `tasks` tasks */
    GRES_PER_JOB,  /* count in all, one at least on each node */
};

struct gres_ask {
    const char *name, *type; /* of core.names, or NULL: no node has it; type "": any */
    enum gres_per per;
    uint64_t count;
    uint32_t tasks; /* 1, but with --ntasks-per-gpu */
    bool is_gpu;
};

struct gres_asks {
    struct gres_ask v[GRES_ASKS_MAX];
    uint32_t n;
};

/* -EINVAL with words when the options contradict each other. */
int gres_asks_read(const struct core *c, const struct job_wish *w, struct gres_asks *ret,
                   struct err *e);
/* What follows for the counts of nodes and tasks: --gpus=8 --gpus-per-node=4 means two nodes. */
int gres_shape(const struct core *c, struct job_wish *w, struct err *e);
/* How many the whole job asks for at least, by name and (unless empty) type. */
uint64_t gres_asked(const struct core *c, const struct job_wish *w, const char *name,
                    const char *type);
/* Of that ask the node could give so many now, or were it empty. */
bool gres_serves(const struct gres_ask *ask, const struct gres_line *line);
uint64_t gres_for_tasks(const struct gres_ask *ask, uint32_t tasks); /* per task only */

#endif
