/* Frames over a connection: 16-byte header, body; plain over unix sockets, TLS 1.3 over TCP.
 *
 * Header, big-endian: magic u32 0x534C5531 ("SLU1"), opcode u16, flags u16, request id u32, body
 * length u32. Either side may send requests; a reply repeats opcode and request id with FRAME_REPLY
 * (and FRAME_ERROR when its body is an error_info).  Lengths are checked against limits.h before
 * any allocation.  The whole protocol: docs/wire.md.
 *
 * Who is who (HOUSE section 3): on TCP the first frame is OP_HELLO in plain; its body is a
 * `hello` message with a MUNGE credential restricted to the server's uid, whose payload is 32
 * random bytes.  Those bytes are the external PSK of the TLS 1.3 handshake that follows at once.
 * On a unix socket SO_PEERCRED serves and hello carries no credential. conn knows nothing of
 * MUNGE: the decoding is done by whoever accepts (auth/server.h) through conn_ops. */
#ifndef NET_CONN_H
#define NET_CONN_H

#include "base/buf.h"
#include "base/err.h"
#include "net/frame.h"
#include "net/loop.h"
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct peer {
    uid_t uid; /* from the kernel or the credential, never from the message */
    gid_t gid;
    bool known;       /* false until authenticated */
    bool is_local;    /* unix socket */
    char address[64]; /* numeric, for the log */
};

struct conn; /* owned by the loop side; everyone else keeps the id */

struct conn_ops {
    /* Server side, TCP: hello arrived.  Start decoding its credential; later call
     * conn_authenticated or conn_refuse. */
    void (*hello)(void *ctx, struct conn *c, const struct frame *f);
    /* A frame from a known peer. */
    void (*frame)(void *ctx, struct conn *c, const struct frame *f);
    /* The connection is usable (client: handshake done; server: peer known). */
    void (*ready)(void *ctx, struct conn *c);
    /* Gone.  why is NULL after an orderly close.  c is invalid afterwards. */
    void (*closed)(void *ctx, struct conn *c, const char *why);
    /* May be NULL: whether a frame of this peer is welcome in this batch of events.  If not it
     * stays where it is and the question comes again after the next turn. */
    bool (*takes)(void *ctx, const struct conn *c);
    /* May be NULL: all that was queued is written, after it had once not fitted into the socket. */
    void (*drained)(void *ctx, struct conn *c);
    /* May be NULL: the TLS_PSK_LEN bytes that both ends know beforehand.  Who comes over TCP then
     * says no hello, the handshake begins at once, and he counts as our own user (steps). */
    const uint8_t *(*key)(void *ctx);
};

struct tcp_address {
    const char *host; /* a number, or a name that is looked up at once; NULL to listen everywhere */
    uint16_t port;
};

/* Listening: accepts until freed.  Peers get `ops`.  Over CONN_UNAUTH_MAX the oldest unknown
 * peer is dropped.  A unix path starting with '@' is an abstract name; a real one gets mode
 * 0777, and a stale socket in its place is replaced. */
struct listener;
int listener_tcp(struct loop *l, const struct tcp_address *at, const struct conn_ops *ops,
                 void *ctx, struct listener **ret, struct err *e);
int listener_unix(struct loop *l, const char *path, const struct conn_ops *ops, void *ctx,
                  struct listener **ret, struct err *e);
uint16_t listener_port(const struct listener *s); /* the real one when 0 was asked for */
void listener_free(struct listener *s);           /* accepts NULL; connections live on */

/* What dialling over TCP takes: a packed `hello` and the 32 secret bytes of its credential.  No
 * hello (NULL) where the other end has conn_ops.key. */
struct tcp_dial {
    struct tcp_address to;
    const void *hello;
    uint32_t hello_len;
    const uint8_t *psk;
};

/* Dialling never blocks, save for looking up a name.  ready() or closed() follows from the loop. */
int conn_dial_tcp(struct loop *l, const struct tcp_dial *d, const struct conn_ops *ops, void *ctx,
                  struct conn **ret, struct err *e);
int conn_dial_unix(struct loop *l, const char *path, const struct conn_ops *ops, void *ctx,
                   struct conn **ret, struct err *e);
/* One end of a socketpair, which is then the connection's. */
int conn_adopt(struct loop *l, int fd, const struct conn_ops *ops, void *ctx, struct conn **ret);

/* The answers to hello().  The reason of a refusal goes to the log, and to the peer as an error. */
void conn_authenticated(struct conn *c, uid_t uid, gid_t gid, const uint8_t psk[32]);
void conn_refuse(struct conn *c, const char *why);

/* Queues a frame, written when the loop gets there.  A peer that lets CONN_OUT_MAX pile up is
 * closed, and so is one for whom a body over FRAME_BODY_MAX was made. */
void conn_send(struct conn *c, uint16_t opcode, uint16_t flags, uint32_t request, const void *body,
               size_t len);
void conn_flush(struct conn *c);          /* tries to write now */
size_t conn_unsent(const struct conn *c); /* bytes queued; whoever sends streams stops at a bound */
/* After what is queued was written; closed() comes from the loop. */
void conn_close(struct conn *c);
/* The same for one that the other end may still be writing to: what comes is dropped until that end
 * closes, for a kernel that has bytes to throw away may throw away our last words with them. */
void conn_finish(struct conn *c);
void conn_disown(struct conn *c); /* closes too, and its owner hears nothing more of it */

uint64_t conn_id(const struct conn *c);              /* unique for the life of the process */
struct conn *conn_find(struct loop *l, uint64_t id); /* NULL when gone */
const struct peer *conn_peer(const struct conn *c);
void *conn_user(const struct conn *c); /* a pointer the owner hangs on it */
void conn_set_user(struct conn *c, void *user);
/* A second secret of the peer's credential, for what its own network half must not forge
 * (auth/seal.h); NULL when it sent none. */
void conn_set_secret(struct conn *c, const uint8_t secret[32]);
const uint8_t *conn_secret(const struct conn *c);

#endif
