/* Prolog, Epilog and their kin: programs of the site, run as root for a job. */
#ifndef NODE_HOOK_H
#define NODE_HOOK_H

#include "base/buf.h"
#include "base/err.h"
#include "schema/messages.h"
#include <glob.h>
#include <sys/types.h>

enum hook_kind {
    HOOK_NONE,
    HOOK_PROLOG,
    HOOK_EPILOG,
};

struct hook {
    const char *path;     /* one program */
    const char *context;  /* SLURM_SCRIPT_CONTEXT: prolog_slurmd, epilog_slurmd */
    uint32_t job_id, uid; /* job_id 0: it is not about a job */
    const char *node, *cluster, *conf_path;
    const struct buf *words; /* of hook_words: more about the job; may be NULL */
};

/* What hooks are told of a job beyond its number: NAME=value, each with its NUL.  Made where the
 * launch was unpacked; hook_start believes only names of its own table and drops what could harm a
 * shell script that prints it. */
void hook_words(const struct launch *l, struct buf *ret);

/* Starts it in a session of its own with an environment built from nothing (R8).  The caller waits,
 * and bounds it. */
int hook_start(const struct hook *h, pid_t *ret, struct err *e);

/* The programs of a key that may be a glob pattern, in Slurm's order: z to a. */
struct hook_run {
    glob_t found;
    size_t left;
};

void hook_run_init(struct hook_run *r, const char *pattern);
const char *hook_run_next(struct hook_run *r); /* NULL: that was the last */
void hook_run_fini(struct hook_run *r);

#endif
