/* Batch scripts: where they come from, what is refused, and the options inside them. */
#ifndef CLI_SCRIPT_H
#define CLI_SCRIPT_H

#include "cli/opts.h"

struct script {
    struct bytes text;
    const char *name; /* default name of the job */
    const char *path; /* absolute; "" for standard input and --wrap */
};

/* name NULL: standard input.  A name without a slash is looked for here, then in PATH. */
int script_read(const char *name, struct arena *a, struct script *ret, struct err *e);
void script_wrap(const char *command, struct arena *a, struct script *ret);
/* Empty, not a script, DOS line ends, NUL bytes.  Every line of the error is one of Slurm's. */
int script_check(const struct script *s, struct err *e);
/* The directive pass: #SBATCH, #PBS and #BSUB lines up to the first command. */
int script_directives(const struct script *s, struct opts *o, struct err *e);

#endif
