/* What conn.c, dial.c and listener.c share: the connection itself and the table of all of them.
 * Nobody outside net/ includes this. */
#ifndef NET_CONN_IMPL_H
#define NET_CONN_IMPL_H

#include "base/buf.h"
#include "base/list.h"
#include "base/log.h"
#include "base/map.h"
#include "net/conn.h"
#include "net/tls.h"

/* From the first byte to a usable connection; also for the last words. */
#define DEADLINE_MS 10000

/* The life of a connection; never backwards.
 *
 *   TCP, dialled     CONNECTING -> SHAKING -> OPEN
 *   TCP, accepted    GREETING -> HELD -> SHAKING -> OPEN
 *   the same, with a key known beforehand        SHAKING -> OPEN
 *   unix             OPEN
 *   then, always     [LEAVING ->] GONE */
enum conn_state {
    CONN_CONNECTING, /* connect() is under way */
    CONN_GREETING,   /* reads exactly the hello: what follows is TLS's and stays in the kernel */
    CONN_HELD,       /* the owner is finding out who this is; nothing is read */
    CONN_SHAKING,    /* TLS handshake; a dialled one sends its hello first */
    CONN_OPEN,
    CONN_LEAVING, /* what is queued goes out, nothing is read */
    CONN_GONE,    /* the owner is told, and the memory freed, at the next flush */
};

struct conn {
    struct conns *all;
    uint64_t id;
    enum conn_state state;
    int fd;
    struct loop_fd *watch;
    struct loop_timer *deadline; /* NULL once open */
    struct peer peer;
    const struct conn_ops *ops;
    void *ctx;
    void *user;
    bool is_dialled;
    bool is_shown;   /* the owner has seen it: it must hear closed() */
    bool owes_ready; /* ready() is still to be called, from the flush */
    bool is_full;    /* the socket took only part of `out` */
    bool owes_drained;
    bool was_open;   /* what is in `out` may be written */
    bool is_paused;  /* stopped reading because the peer does not: see is_over() */
    bool is_refused; /* our last words are in `plain` */
    bool lingers;    /* the other end closes first: conn_finish */
    bool is_counted; /* in by_uid of the table */
    struct tls *tls;
    unsigned tls_wants; /* LOOP_READ or LOOP_WRITE, while shaking */
    bool has_secret;
    uint8_t secret[32];         /* conn_set_secret */
    uint8_t psk[TLS_PSK_LEN];   /* dialled: until the handshake begins */
    struct addrinfo *addresses; /* dialled: what the look-up found, and the next to try */
    const struct addrinfo *next_address;
    struct buf plain; /* before TLS: our hello, or a refusal */
    struct buf in;    /* bytes from in_at on are not yet delivered */
    struct buf out;   /* bytes from out_at on are not yet written */
    size_t in_at, out_at;
    struct list dirty, hungry, unknown; /* membership in the lists of the table; alone when not */
    char why[160];                      /* of the end; "" after an orderly one */
};

struct conns {
    struct loop *loop;
    struct map by_id;
    uid_t own_uid;     /* when the table was made */
    struct map by_uid; /* uid to the number of open connections that came from it */
    uint64_t last_id;
    struct list dirty;   /* have something to write, to tell or to free */
    struct list hungry;  /* stopped reading in the middle, so that others get their turn */
    struct list unknown; /* not open yet, the oldest first */
    uint32_t unknown_count;
    struct loop_timer *resume; /* armed for "now" while anybody is hungry */
    struct tls_ctx *tls;       /* made when TCP is first used */
    uint8_t *chunk;            /* one read */
    struct log_limit refusals;
};

struct conns *conns_of(struct loop *l); /* made at first use, freed with the loop */

/* A connection around fd, which it owns from now on, watched and in the table. */
struct conn *conn_new(struct conns *all, int fd, enum conn_state state, const struct conn_ops *ops,
                      void *ctx);
void conn_set_fd(struct conn *c, int fd); /* closes the one before */
void conn_set_state(struct conn *c, enum conn_state state);
void conn_fail(struct conn *c, const char *why);  /* GONE at once; `why` NULL when it is in order */
void conn_is_open(struct conn *c);                /* OPEN; ready() will be called from the flush */
void conn_watch(struct conn *c);                  /* asks the loop for what the state needs */
int conns_tls(struct conns *all, struct err *e);  /* makes the TLS context if there is none */
void conn_await(struct conn *c, bool is_unknown); /* starts the deadline, counts it as unknown */
void conn_shake(struct conn *c, int is_server, const uint8_t psk[TLS_PSK_LEN]); /* begins TLS */
void conn_peer_credentials(struct conn *c); /* unix: asks the kernel who is there */

/* dial.c: connect() finished, or failed: on to the next address. */
void dial_step(struct conn *c);

#endif
