/* What commands print on stderr: "sbatch: error: ..." as Slurm words it, then hints of ours. */
#ifndef CLI_SAY_H
#define CLI_SAY_H

#include <stdbool.h>

/* The first line is the error; further lines are hints, left out with SLURM_HINTS=0.
 * Text that begins with "fatal: " is said as that. */
void say_error(const char *tool, const char *text);
/* Every line is part of the error. */
void say_error_lines(const char *tool, const char *text);
void say_warning(const char *tool, const char *text);
bool say_hints(void); /* whether hints are wanted */
/* SLURM_EXIT_ERROR, or 1. */
int say_exit_code(void);

#endif
