/* slurmstepd's side of slurmstepd-io: the process that carries the step's streams to and from its
 * client. */
#ifndef SLURMSTEPD_HELPER_H
#define SLURMSTEPD_HELPER_H

#include "base/err.h"
#include "base/list.h"
#include "slurmstepd/io_link.h"
#include <stdbool.h>
#include <sys/types.h>

struct step;

struct helper {
    pid_t pid;         /* 0: the step has no client, or it is gone */
    int link;          /* -1 when not */
    struct list queue; /* messages that the socket did not take */
    bool is_env_told;  /* every IO_ENV came */
    bool was_ended;    /* IO_END was sent */
    int64_t until_ns;  /* after an order to end: when it is killed; 0: it may take its time */
};

/* Starts it, as the user. */
int helper_start(struct step *s, struct err *e);
/* Queues when the socket is full; does nothing without a helper.  fd stays the caller's. */
void helper_send(struct helper *h, const struct io_msg *m, int fd);
void helper_note(struct helper *h, const char *text);
void helper_flush(struct helper *h);
void helper_told(struct step *s); /* its messages */
/* Waits for what the MPI server wants in the tasks' environment. */
int helper_env(struct step *s, struct err *e);
void helper_end(struct step *s);  /* all is over: IO_END once, SIGKILL when it is late */
void helper_gone(struct step *s); /* it was reaped */

#endif
