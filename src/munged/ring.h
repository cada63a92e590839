/* The quick way for a connection whose request is already there: accept, peer, receive, send and
 * close by io_uring, on descriptors that never enter the table of the process.  Whatever is not
 * that quick is handed over as an ordinary descriptor.
 *
 * A kernel without it, or a container that forbids it, is no error: there is no ring then. */
#ifndef MUNGED_RING_H
#define MUNGED_RING_H

#include "base/err.h"
#include "munged/guard.h"
#include <stdbool.h>

#define RING_BYTES 1024u /* of a request, or of a reply; longer ones take the ordinary way */

struct ring;

/* One connection on the ring. */
struct ring_conn {
    struct ring *ring;
    struct caller who;
    void *owner;          /* the server's; NULL until it has one */
    size_t len;           /* of what was received */
    struct memory memory; /* of the reply */
    unsigned slot;
    bool is_anonymous; /* the kernel did not say who it is */
    struct {
        uint32_t pid, uid, gid; /* struct ucred */
    } peer;
    uint8_t bytes[RING_BYTES];
};

struct ring_calls {
    void (*arrived)(void *ctx, struct ring_conn *c); /* len 0: it has said nothing yet */
    /* It has an ordinary descriptor now, or a negated errno, and is off the ring. */
    void (*left)(void *ctx, struct ring_conn *c, int fd);
    void (*unsent)(void *ctx, struct ring_conn *c); /* its reply was lost */
};

/* Negative, with words: not here. */
int ring_new(struct ring **ret, int listen_fd, const struct ring_calls *calls, void *ctx,
             struct err *e);
void ring_free(struct ring *r);           /* accepts NULL; hangs up on whoever is on it */
unsigned ring_room(const struct ring *r); /* for connections at a time */
void ring_accept(struct ring *r);         /* asks for all who wait at the listening socket */
/* Does what was asked and calls back with what came of it; true: which asked for more. */
bool ring_run(struct ring *r);

/* The end of a connection: with a reply of at most RING_BYTES, with none, as a descriptor. */
void ring_reply(struct ring_conn *c, const uint8_t *p, size_t len);
void ring_drop(struct ring_conn *c);
void ring_leave(struct ring_conn *c);

#endif
