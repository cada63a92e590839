/* Frames over a connection: 16-byte header, body; plain over unix sockets, TLS 1.3 over TCP.
 *
 * Header, big-endian: magic u32 0x534C5531 ("SLU1"), opcode u16, flags u16, request id u32, body
 * length u32. Either side may send requests; a reply repeats opcode and request id with FRAME_REPLY
 * (and FRAME_ERROR when its body is an error_info).  Lengths are checked against limits.h before
 * any allocation.
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
#include "net/loop.h"
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define FRAME_MAGIC 0x534C5531u
#define FRAME_REPLY 1u
#define FRAME_ERROR 2u

struct frame {
    uint16_t opcode, flags;
    uint32_t request;    /* id chosen by the asking side; the same id in a retry means the same request */
    const uint8_t *body; /* valid during the callback only */
    uint32_t len;
};

struct peer {
    uid_t uid;           /* from the kernel or the credential, never from the message */
    gid_t gid;
    bool known;          /* false until authenticated */
    bool is_local;       /* unix socket */
    char address[64];    /* numeric, for the log */
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
};

/* Listening: accepts until removed.  Peers get `ops`.  Over CONN_UNAUTH_MAX the oldest unknown
 * peer is dropped. */
struct listener;
int listener_tcp(struct loop *l, const char *host, uint16_t port, const struct conn_ops *ops, void *ctx,
                 struct listener **ret, struct err *e);
/* path starting with '@' is an abstract name.  Mode 0777 for real paths. */
int listener_unix(struct loop *l, const char *path, const struct conn_ops *ops, void *ctx,
                  struct listener **ret, struct err *e);
void listener_free(struct listener *s); /* accepts NULL; connections live on */

/* Dialling, never blocking.  For TCP: hello (packed `hello` message) and psk (32 bytes) as made
 * by auth/client. */
int conn_dial_tcp(struct loop *l, const char *host, uint16_t port, const struct conn_ops *ops, void *ctx,
                  const struct buf *hello, const uint8_t psk[32], struct conn **ret, struct err *e);
int conn_dial_unix(struct loop *l, const char *path, const struct conn_ops *ops, void *ctx,
                   struct conn **ret, struct err *e);
int conn_adopt(struct loop *l, int fd, const struct conn_ops *ops, void *ctx, struct conn **ret); /* socketpair */

void conn_authenticated(struct conn *c, uid_t uid, gid_t gid, const uint8_t psk[32]);
void conn_refuse(struct conn *c, const char *why); /* the reason goes to the log, and to the peer as an error frame */

/* Queues a frame; written when the loop gets there.  A peer that lets CONN_OUT_MAX pile up is
 * closed. */
void conn_send(struct conn *c, uint16_t opcode, uint16_t flags, uint32_t request, const void *body, size_t len);
void conn_flush(struct conn *c); /* tries to write now */
void conn_close(struct conn *c); /* after what is queued was written; closed() is called from the loop */

uint64_t conn_id(const struct conn *c);          /* unique for the life of the process */
struct conn *conn_find(struct loop *l, uint64_t id); /* NULL when gone */
const struct peer *conn_peer(const struct conn *c);
void *conn_user(const struct conn *c);           /* a pointer the owner hangs on it */
void conn_set_user(struct conn *c, void *user);

#endif
