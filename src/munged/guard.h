/* What munged knows, and its judgement: a request and a caller in, a reply out.  No sockets here.
 */
#ifndef MUNGED_GUARD_H
#define MUNGED_GUARD_H

#include "auth/keyring.h"
#include "munged/groups.h"
#include "munged/replay.h"
#include "munged/replay_log.h"
#include "munged/request.h"

#define RANDOM_POOL 4096u

/* Zeroed, then guard_init; keys, groups and the replay memory are loaded by main, which owns the
 * options that say from where. */
struct guard {
    struct codec codec;
    struct keyring keys;
    struct groups groups;
    struct replay replay;
    struct replay_log journal; /* idle unless a replay file was asked for */
    uint32_t max_ttl_s;
    uint32_t started;       /* wall clock */
    uint32_t refuse_before; /* credentials encoded earlier count as replayed; 0: none do */
    uint8_t origin[4];
    const char *key_path;
    uint8_t pool[RANDOM_POOL]; /* random bytes not used yet: the last pool_left ones */
    size_t pool_left;
    struct buf cred; /* work space */
};

/* From the kernel, as of connect. */
struct caller {
    uint32_t uid, gid;
    int32_t pid;
};

/* The replay entry that a decode made: taken back when its reply cannot be delivered. */
struct memory {
    bool is_new; /* false: nothing was remembered */
    uint8_t tag[REPLAY_TAG];
    uint32_t expiry;
};

struct verdict {
    int code; /* enum munge_code */
    struct memory memory;
    struct err why; /* words of a failure */
};

void guard_init(struct guard *g);
void guard_fini(struct guard *g);
/* The whole judgement of one request.  *reply becomes the message to send; *ret says what to
 * log, and what to forget when the message cannot be delivered. */
void guard_answer(struct guard *g, const struct caller *who, const struct request *q, uint32_t now,
                  struct buf *reply, struct verdict *ret);
/* The reply did not get out: a second try must not count as a replay. */
void guard_forget(struct guard *g, const struct memory *m);

#endif
