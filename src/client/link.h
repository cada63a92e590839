/* One connection of a command to a daemon, in plain blocking code with a deadline: a command has
 * one thing to wait for, so it needs no loop.  The bytes are those of net/conn.h. */
#ifndef CLIENT_LINK_H
#define CLIENT_LINK_H

#include "base/buf.h"
#include "base/err.h"
#include "net/conn.h"
#include "net/tls.h"

/* Something else to look after while the link waits: whenever fd is readable.  Negative ends the
 * waiting with that code. */
struct link_aside {
    int fd;
    int (*look)(void *ctx);
    void *ctx;
};

struct link {
    int fd; /* -1 when there is none */
    const struct link_aside *aside; /* NULL: nothing */
    struct tls *tls;
    struct buf in; /* the first `used` bytes are of the frame last given out */
    size_t used;
};

#define LINK_NONE \
    {             \
        .fd = -1  \
    }

/* Deadlines are in the time of clock_mono_ns.  Failures: -ETIMEDOUT at the deadline, -EACCES when
 * the other side or its identity was refused, else what broke.  After a failure the link is only
 * good to close. */

/* *ret_peer: who listens there, to be judged by the caller. */
int link_open_unix(struct link *l, const char *path, uid_t *ret_peer, struct err *e);
int link_open_tcp(struct link *l, const struct tcp_address *to, int64_t deadline, struct err *e);
/* Says the packed hello, then TLS with the 32 bytes of the credential in it. */
int link_secure(struct link *l, struct tls_ctx *ctx, const struct tcp_dial *d, int64_t deadline,
                struct err *e);
void link_close(struct link *l); /* fine on a closed one */

int link_send(struct link *l, const struct frame *f, int64_t deadline, struct err *e);
/* *ret stays valid until the next call. */
int link_receive(struct link *l, int64_t deadline, struct frame *ret, struct err *e);

#endif
