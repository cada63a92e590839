/* slurmstepd: one process for one step.  It starts the task, outlives slurmd, leaves nothing alive
 * behind the task, writes down how it ended, and goes.
 *
 * Inherited: fd 3 the packed launch message, fd 4 the directory of the step, fd 5 its record,
 * locked. Being told: signals with a value (launcher.h), so that there is no socket to guard or to
 * lose. Telling: the file `result`; slurmd reads it when this process is gone.
 *
 * As a subreaper it inherits whatever the task's processes leave behind.  So the end has a proof:
 * when wait() says that there is no child, there is no descendant. */
#include "base/log.h"
#include "net/daemon.h"
#include "node/stepd.h"
#include "slurmstepd/step.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int main(int argc, char **argv)
{
    struct step s;
    struct err e = { 0 };

    if (argc == 2 && strcmp(argv[1], "-V") == 0) {
        puts(SLURM_COMPAT_VERSION);
        return EXIT_SUCCESS;
    }
    log_init("slurmstepd", LOG_ERROR);
    if (argc < 1 || strncmp(argv[0], STEPD_NAME, strlen(STEPD_NAME)) != 0) {
        log_error("slurmstepd is started by slurmd and by nobody else");
        return 2;
    }
    step_init(&s);
    int err = step_load(&s, &e);
    if (err == 0)
        err = step_start(&s, &e);
    if (err < 0)
        step_fail(&s, &e);
    step_attend(&s);
    confine_end(&s);
    _exit(step_report(&s) < 0 ? EXIT_FAILURE
                              : EXIT_SUCCESS); /* the kernel is the fastest to free */
}
