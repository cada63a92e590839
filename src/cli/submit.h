/* What a request carries of the place it was made: environment, limits, folder, names. */
#ifndef CLI_SUBMIT_H
#define CLI_SUBMIT_H

#include "cli/opts.h"
#include "conf/conf.h"

/* Fills job.environment as --export and --export-file say. */
int submit_environment(struct opts *o, char **from, struct err *e);
/* Working directory, host, session, umask, request key, command line. */
void submit_origin(struct opts *o, int argc, char **argv);
/* rlimits that travel: PropagateResourceLimits[Except] unless --propagate says otherwise. */
void submit_rlimits(struct opts *o, const struct conf *c);

/* --help, --usage and --version, answered on standard output: the status to exit with, or -1 when
 * none was asked. */
int submit_answer(const struct opts *o, enum opts_tool tool);
/* Says why nothing is submitted (nothing when the words are empty); the status to exit with. */
int submit_refuse(const char *name, const struct opts *o, const struct err *e);

#endif
