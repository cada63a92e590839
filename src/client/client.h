/* How commands reach daemons: one call, one answer, whatever is restarted meanwhile. */
#ifndef CLIENT_CLIENT_H
#define CLIENT_CLIENT_H

#include "auth/target.h"
#include "base/arena.h"
#include "base/err.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct client_target {
    struct target to;
    const char *munge_socket; /* NULL: the default */
    int timeout_ms;           /* MessageTimeout; 0: 10 s */
    const char *unreachable;  /* words when nobody is there; NULL: those for the controller */
};

struct client;

/* The strings and hosts of the target must outlive the client. */
void client_open(const struct client_target *t,
                 struct client **ret); /* connects at the first call */
void client_close(struct client *c);   /* accepts NULL */

/* Packs the request, sends it, waits for the answer and unpacks that into the arena (*ret_reply).
 * opcode and structs are a row of rpc.def.  When a connection cannot be had or breaks, it goes on
 * with the next host and the SAME request id until the timeout, so that a retried submit is still
 * one job.  Returns 0, or a negated code with the words that the command prints
 * (SLURMCTLD_COMMUNICATIONS_CONNECTION_ERROR, SLURM_PROTOCOL_SOCKET_IMPL_TIMEOUT, or what the
 * daemon said); hints follow in lines of their own unless SLURM_HINTS=0. */
int client_call(struct client *c, uint16_t opcode, const void *request, struct arena *a,
                void **ret_reply, struct err *e);

/* For commands that wait long.  `aside` is looked after during every wait (NULL: nothing any more);
 * when it ends one, the call returns -EINTR and the request is forgotten. */
struct link_aside;
void client_set_aside(struct client *c, const struct link_aside *aside);
/* As client_call, but the answer may take for ever, and a daemon that is away is waited for. */
int client_wait(struct client *c, uint16_t opcode, const void *request, struct arena *a,
                void **ret_reply, struct err *e);

/* A question whose answer may come at any time, for who has a loop.  client_ask sends it;
 * client_fd is then readable when something came; client_take returns 0 with the answer, 1 when it
 * is not there yet, or negative: ask again, later.  No other calls meanwhile. */
int client_ask(struct client *c, uint16_t opcode, const void *request, struct err *e);
int client_fd(const struct client *c); /* -1: not connected */
int client_take(struct client *c, struct arena *a, void **ret_reply, struct err *e);
/* Our numeric address on the way to the daemon; false when it is on this machine, or not reached.
 */
bool client_local_address(const struct client *c, char *ret, size_t size);

#endif
