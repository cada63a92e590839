/* Connections of munged: one request each, one reply, one deadline for each of the two; served in
 * turn among the users who ask, so that nobody's ten thousand connections keep another's single one
 * waiting. */
#ifndef MUNGED_SERVE_H
#define MUNGED_SERVE_H

#include "base/list.h"
#include "base/map.h"
#include "base/slab.h"
#include "munged/guard.h"
#include "munged/ring.h"
#include "net/loop.h"

#define SERVE_SCRATCH 65536u
#define SERVE_TURN_NS 2000000 /* work between two looks at the sockets */
#define SERVE_ACCEPTS 256     /* new connections at a time */
#define SERVE_RING_RUNS 8
/* Per user, of half-arrived requests and half-sent replies: 16 of the largest. */
#define SERVE_USER_BYTES (32u << 20)

struct server {
    struct guard *guard;
    struct loop *loop;
    int listen_fd; /* the caller's */
    struct loop_fd *listen;
    struct ring *ring;           /* NULL: not here */
    struct loop_timer *deadline; /* of the first in `waiting` */
    struct loop_timer *again;    /* runs at once when a turn left work */
    struct map users;            /* uid -> struct user */
    struct list busy;            /* users with connections to serve, in turn */
    struct list waiting;         /* connections that wait for bytes or room, by deadline */
    struct slab conns;
    unsigned conns_max;
    struct buf reply;
    uint8_t scratch[SERVE_SCRATCH];
};

/* Starts to listen.  Neither the guard nor listen_fd becomes the server's. */
void server_open(struct server *s, struct loop *loop, struct guard *guard, int listen_fd);
void server_turn(struct server *s);  /* after each batch of events */
void server_tidy(struct server *s);  /* now and then: forgets users who are gone */
void server_close(struct server *s); /* closes the connections, not listen_fd */

#endif
