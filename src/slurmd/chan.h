/* The socketpair between the two halves of slurmd: the listener (network, no privileges) and the
 * launcher (root, no network).  Messages are fixed heads and opaque bodies: root parses nothing
 * that came from the network. */
#ifndef SLURMD_CHAN_H
#define SLURMD_CHAN_H

#include "base/err.h"
#include "net/loop.h"
#include "node/spool.h"
#include <stddef.h>
#include <stdint.h>

#define CHAN_BODY_MAX 32768u

enum chan_type {
    /* listener to launcher */
    CHAN_LAUNCH = 1, /* key, uid, epoch, value: is_single_node; fd: the packed message; body: a
                        packed step_ident of ident_len, then words for hooks */
    CHAN_PREPARE,    /* key, uid, body: words; only the Prolog */
    CHAN_SIGNAL,     /* key, value: STEPD_SIGNAL's; body: a record of `told`, or nothing */
    CHAN_END, /* key of job or step, uid, value: KillWait in seconds; body: packed job_terminate */
    CHAN_REBOOT, /* run RebootProgram */
    CHAN_ACK,    /* key: the controller has recorded the end of the step */
    CHAN_CRED,   /* make a hello for the controller */
    CHAN_LOG,    /* open the log again; the answer of the same type brings a descriptor of it */
    /* launcher to listener */
    CHAN_REPLY,  /* to the message with this token; code 0 or errno, body: words */
    CHAN_STEP,   /* key, epoch, body: its step_ident: a step that lives */
    CHAN_DONE,   /* key, value: is_clean; body: packed step_done, or with a code of errors.def words
                  */
    CHAN_CLEAN,  /* key of the job; body: words when the epilog failed */
    CHAN_READY,  /* the spool was read: every step of it has been told */
    CHAN_HELLO,  /* body: 32 secret bytes, then the packed hello; code: errno, body: words */
    CHAN_HEALTH, /* body: why the node should be drained, or empty */
    CHAN_TYPES,
};

struct chan_head {
    uint32_t type;
    int32_t code;
    uint64_t token; /* of the asker */
    struct step_key key;
    uint32_t uid;
    uint64_t epoch;
    uint32_t value;
    uint32_t ident_len; /* CHAN_LAUNCH: so much of the body comes back with CHAN_STEP */
};

struct chan;

/* fd is -1 or a descriptor that came along; take it with TAKE_FD or it is closed. */
typedef void chan_fn(void *ctx, const struct chan_head *h, const void *body, size_t len, int *fd);
typedef void chan_gone_fn(void *ctx); /* the other half is gone */

/* fd: a SOCK_SEQPACKET end, which is then the channel's. */
struct chan *chan_new(struct loop *l, int fd, chan_fn *fn, chan_gone_fn *gone, void *ctx);
void chan_free(struct chan *c);

/* Never blocks: what the socket does not take now is queued.  fd (or -1) is duplicated into the
 * queue. */
void chan_send(struct chan *c, const struct chan_head *h, const void *body, size_t len, int fd);

int chan_fd(const struct chan *c);

/* The same on a bare descriptor: for short-lived helpers of the launcher. */
int chan_send_on(int fd, const struct chan_head *h, const void *body, size_t len);

#endif
