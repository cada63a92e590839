/* Finds out who is at the other end of a TCP connection: the credential in its hello is decoded by
 * our munged, and what was in it becomes the key of TLS.  A daemon has one of these and calls it
 * from conn_ops.hello. */
#ifndef AUTH_SERVER_H
#define AUTH_SERVER_H

#include "auth/munge_client.h"
#include "net/conn.h"

struct auth_server;

/* munge is the daemon's, and outlives this.  own_uid: what credentials must be restricted to (our
 * euid). */
struct auth_server *auth_server_new(struct loop *l, struct munge_async *munge, uid_t own_uid);
void auth_server_free(
    struct auth_server *s); /* accepts NULL; peers in waiting run into their deadline */

/* A hello that claimed to be of a node was refused.  Both strings come from somebody we do not
 * know: good for showing a human, for nothing else.  They are valid during the call only. */
typedef void auth_refused_fn(void *ctx, const char *node, const char *why);
void auth_server_on_refused(struct auth_server *s, auth_refused_fn *fn, void *ctx);

/* Ends, later, in conn_authenticated or conn_refuse. */
void auth_server_hello(struct auth_server *s, struct conn *c, const struct frame *f);

#endif
