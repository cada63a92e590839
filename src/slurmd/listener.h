/* The unprivileged half of slurmd: keeps one connection to the controller, brings its orders to the
 * launcher and the launcher's news to it, until they are acknowledged. */
#ifndef SLURMD_LISTENER_H
#define SLURMD_LISTENER_H

#include "base/arena.h"
#include "base/list.h"
#include "net/conn.h"
#include "schema/messages.h"
#include "slurmd/chan.h"

#define CONTROLLERS_MAX 8u

struct listener_conf {
    const char *node;
    const char *controllers[CONTROLLERS_MAX]; /* addresses in order; one that begins with / or @ is
                                                 a unix socket */
    uint32_t controller_count;
    uint16_t port;
    struct node_register hardware; /* what to register; steps and clocks are filled in */
};

enum link_state {
    LINK_DOWN,  /* waiting for the back-off */
    LINK_CRED,  /* the launcher was asked for a credential */
    LINK_DIAL,  /* connecting */
    LINK_HELLO, /* node_hello sent */
    LINK_UP,
};

struct node_link {
    struct loop *loop;
    struct chan *chan;
    const struct listener_conf *conf;
    enum link_state state;
    struct conn *conn;   /* NULL unless LINK_DIAL or later */
    uint32_t generation; /* of the connection: answers to an older one are dropped */
    uint32_t next_request;
    uint32_t attempt; /* which controller */
    int64_t backoff_ms;
    uint64_t epoch; /* the highest that a controller showed; older orders are refused */
    uint32_t heartbeat_s;
    struct loop_timer
        *timer; /* back-off, answer time, or heartbeat: whatever the state waits for */
    struct loop_timer *foreign_timer;
    struct list steps;   /* alive, as the launcher told */
    struct list reports; /* news that the controller has not acknowledged */
    struct buf health;
    char last_error[256]; /* the same refusal is logged once */
};

void listener_open(struct node_link *k, struct loop *l, const struct listener_conf *conf,
                   int chan_fd);
bool listener_is_local(const char *address); /* a unix socket */
void listener_close(struct node_link *k);
void listener_reopen_log(struct node_link *k); /* by the launcher: only root reaches the file */

/* The launcher's messages (news.c). */
void news_from_launcher(void *ctx, const struct chan_head *h, const void *body, size_t len,
                        int *fd);
/* An answer of the controller to request: true when it was to a report of ours. */
bool news_answered(struct node_link *k, const struct frame *f);
void news_resend(struct node_link *k); /* the connection is new: everything once more */
/* The step ran, and its end waits for the controller: a launch of it is a late copy. */
bool news_has_end(struct node_link *k, const struct step_key *key);
/* The steps of a registration, alive or not yet acknowledged; in the arena. */
void news_steps(struct node_link *k, struct arena *a, struct node_register *ret);
void news_foreign(struct node_link *k, const struct node_welcome *w);
void news_drop(struct node_link *k);

/* The controller's orders (orders.c). */
void orders_frame(struct node_link *k, const struct frame *f);
void orders_reply(struct node_link *k, const struct chan_head *h, const char *words, size_t len);

/* Up again, or the launcher brought the hello that dialling waits for. */
void listener_hello(struct node_link *k, const struct chan_head *h, const void *body, size_t len);
void listener_ready(struct node_link *k);

#endif
