/* How commands reach daemons: one call, one answer, whatever is restarted meanwhile. */
#ifndef CLIENT_CLIENT_H
#define CLIENT_CLIENT_H

#include "base/arena.h"
#include "base/err.h"
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* Slurm's numbers and words for the two ways not to get an answer, and for not being let in. */
#define CLIENT_UNREACHABLE 1800
#define CLIENT_TIMED_OUT 5004
#define CLIENT_NOT_LET_IN 1007

struct client_host {
    const char *name;    /* as the configuration has it: tells whether it is this machine */
    const char *address; /* what to connect to; NULL: name */
};

/* Plain values, so that the client does not depend on slurm.conf.  Strings must outlive the client. */
struct client_target {
    const char *service;             /* "slurmctld" or "slurmdbd": in the name of the unix socket */
    const struct client_host *hosts; /* the best first; the others are backups */
    unsigned host_count;
    uint16_t port;
    uid_t server_uid;         /* SlurmUser: may answer, and alone can open our credential */
    const char *munge_socket; /* NULL: the default */
    const char *cluster;      /* may be NULL */
    int timeout_ms;           /* MessageTimeout; 0: 10 s */
    const char *unreachable;  /* words for CLIENT_UNREACHABLE; NULL: those for the controller */
};

struct client;

void client_open(const struct client_target *t, struct client **ret); /* connects at the first call */
void client_close(struct client *c);                                   /* accepts NULL */

/* Packs the request, sends it, waits for the answer and unpacks that into the arena (*ret_reply).  opcode and
 * structs are a row of rpc.def.  When a connection cannot be had or breaks, it goes on with the next host and
 * the SAME request id until the timeout, so that a retried submit is still one job.  Returns 0, or a negated
 * code with the words that the command prints; hints follow in lines of their own unless SLURM_HINTS=0. */
int client_call(struct client *c, uint16_t opcode, const void *request, struct arena *a,
                void **ret_reply, struct err *e);

#endif
