/* The event loop: epoll, timers, signals, child exits by pidfd.  One thread, one loop a daemon.
 *
 * Sources are owned by the loop; the handle that loop_* returns stays valid until it is removed.
 * Callbacks may add and remove any source, themselves included. */
#ifndef NET_LOOP_H
#define NET_LOOP_H

#include "base/err.h"
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct loop;
struct loop_fd;
struct loop_timer;
struct loop_child;

#define LOOP_READ 1u
#define LOOP_WRITE 2u
#define LOOP_HUP 4u /* given to callbacks, never asked for: error or hang-up */

typedef void loop_fd_fn(void *ctx, int fd, unsigned events);
typedef void loop_timer_fn(void *ctx);
typedef void loop_child_fn(void *ctx, pid_t pid, int wait_status);
typedef void loop_signal_fn(void *ctx, int signo);

int loop_new(struct loop **ret, struct err *e);
void loop_free(struct loop *l); /* closes nothing that was watched */

/* A plain file or /dev/null, which epoll refuses, counts as always ready.  Remove before closing
 * the descriptor. */
struct loop_fd *loop_add_fd(struct loop *l, int fd, unsigned events, loop_fd_fn *fn, void *ctx);
void loop_set_events(struct loop_fd *s, unsigned events);
void loop_remove_fd(struct loop_fd *s); /* accepts NULL; does not close */

/* A timer fires once, `after_ms` from now (monotonic).  Re-arm with loop_set_timer, also from
 * its callback. */
struct loop_timer *loop_add_timer(struct loop *l, int64_t after_ms, loop_timer_fn *fn, void *ctx);
void loop_set_timer(struct loop_timer *t, int64_t after_ms); /* < 0 disarms, the handle stays */
void loop_remove_timer(struct loop_timer *t);                /* accepts NULL */

/* Watches a child of ours by pidfd, reaps it and calls fn once.  Signals to it through
 * loop_kill_child cannot hit a reused pid.  The handle is gone after fn. */
struct loop_child *loop_add_child(struct loop *l, pid_t pid, loop_child_fn *fn, void *ctx);
int loop_kill_child(struct loop_child *c, int signo);
void loop_remove_child(struct loop_child *c); /* accepts NULL; stops watching, does not reap */

void loop_add_signal(struct loop *l, int signo, loop_signal_fn *fn,
                     void *ctx); /* blocks it, signalfd */

/* Waits for events (at most until the next timer, or max_ms when >= 0), runs their callbacks,
 * returns. The caller's turn function follows each call: that is the commit point of the
 * controller. */
void loop_once(struct loop *l, int64_t max_ms);
/* Readable when loop_once(l, 0) would find events; for who waits in another poll. */
int loop_poll_fd(const struct loop *l);
void loop_stop(struct loop *l); /* makes loop_stopped true and wakes the loop */
bool loop_stopped(const struct loop *l);

/* Where conn.c hangs its table of connections: flush runs before each wait and after each batch. */
struct loop_ext {
    void *ctx;
    bool (*flush)(void *ctx); /* whether it called anybody: then there is a turn to take first */
    void (*free)(void *ctx);
};
struct loop_ext *loop_ext(struct loop *l);

#endif
