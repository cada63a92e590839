/* A connection that a daemon keeps to another one: slurmd to slurmctld, slurmctld to slurmdbd.  It
 * is dialled, introduced through munged, and dialled again whenever it ends. */
#ifndef AUTH_UPLINK_H
#define AUTH_UPLINK_H

#include "auth/munge_client.h"
#include "auth/target.h"
#include "net/conn.h"

struct uplink;

/* Begins at once.  ready(), frame() and closed() of ops are called as for any connection; hello()
 * never, and closed() only after ready().  The target and munge must outlive it. */
struct uplink *uplink_new(struct loop *l, struct munge_async *munge, const struct target *t,
                          const struct conn_ops *ops, void *ctx);
void uplink_free(struct uplink *u); /* accepts NULL; hangs up, no callback comes afterwards */

struct conn *uplink_conn(const struct uplink *u); /* NULL while it is down */
const char *
uplink_trouble(const struct uplink *u); /* why the last attempt failed; "" when it did not */

#endif
