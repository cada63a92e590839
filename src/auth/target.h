/* Where a daemon is and what we say to it first: what a command (client/) and a daemon with a kept
 * connection (uplink.h) share.  Plain values, so that neither depends on slurm.conf. */
#ifndef AUTH_TARGET_H
#define AUTH_TARGET_H

#include "base/buf.h"
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct target_host {
    const char *name;    /* as the configuration has it: tells whether it is this machine */
    const char *address; /* what to connect to; NULL or "": name */
};

/* Strings must outlive whoever uses the target. */
struct target {
    const char *service;             /* "slurmctld" or "slurmdbd": in the name of the unix socket */
    const struct target_host *hosts; /* the best first; the others are backups */
    unsigned host_count;
    uint16_t port;
    uid_t server_uid;        /* SlurmUser: may answer, and alone can open our credential */
    const char *role;        /* what we are: "client" (also when NULL), "node", "ctld" or "dbd" */
    const char *node;        /* NodeName when we are a node, else NULL */
    const char *cluster;     /* ClusterName, may be NULL */
    const char *fingerprint; /* of our munged's key, to word a refusal with; may be NULL */
};

#define TARGET_PATH_MAX 64

/* The abstract unix name that the daemon listens on as well: "@sluice/SERVICE/PORT". */
void target_unix_path(const char *service, uint16_t port, char ret[TARGET_PATH_MAX]);
const char *target_address(const struct target_host *h);
bool target_is_here(const struct target_host *h); /* the host is this machine */
/* Anybody can bind an abstract name; the daemon, root and we ourselves are believed. */
bool target_trusts(const struct target *t, uid_t peer);
void target_hello(const struct target *t, const char *cred, struct buf *out); /* a packed `hello` */

#endif
