/* From options to the step that srun asks for. */
#ifndef CLI_SRUN_SPEC_H
#define CLI_SRUN_SPEC_H

#include "cli/opts.h"
#include "conf/conf.h"

/* Where a stream of the tasks goes, decided once: through us, or to files on the nodes. */
struct stream_choice {
    const char *on_nodes; /* pattern for slurmstepd; empty: it comes to us */
    const char *here;     /* file of ours to write or read; NULL: our own descriptor */
    uint32_t only;        /* the one task that it is about, or UINT32_MAX */
    bool is_none;
};

struct srun_spec {
    struct step_spec step;
    struct stream_choice in, out, err;
};

/* The place that a step is asked for. */
struct srun_place {
    const struct conf *conf;
    const struct alloc_info *info; /* the allocation */
    bool is_own;                   /* srun made it for this step, so the step gets all of it */
};

int srun_spec_make(struct opts *o, const struct srun_place *place, char **command,
                   struct srun_spec *ret, struct err *e);
/* A pattern of a file that srun itself opens, once the step's number is known. */
char *srun_path(struct arena *a, const char *pattern, const struct alloc_info *info,
                const struct step_created *step);

#endif
