/* Requests over connections: frames to messages and back, by the rows of schema/rpc.def.
 * Every daemon answers through these three functions, so every one checks role and body in the same
 * order: row known, role high enough, body well-formed (security R3, R4). */
#ifndef NET_RPC_H
#define NET_RPC_H

#include "base/arena.h"
#include "net/conn.h"
#include "schema/rpc.h"

struct rpc_call {
    const struct rpc *rpc;
    void *msg; /* the request, in the arena */
};

/* Decodes a request of a peer whose role is known.  Negative: the peer was answered with the
 * reason, and e tells the log. */
int rpc_decode(struct conn *c, const struct frame *f, enum role have, struct arena *a,
               struct rpc_call *ret, struct err *e);

/* Sends a message: a reply to (opcode, request), or with flags 0 a request of our own. */
void rpc_send(struct conn *c, uint16_t opcode, uint16_t flags, uint32_t request,
              const struct desc *d, const void *msg);

/* Answers (opcode, request) with an error_info. */
void rpc_refuse(struct conn *c, uint16_t opcode, uint32_t request, const struct error_info *why);

#endif
