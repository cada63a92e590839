/* The replay memory on disk, for sites that want a restart not to reopen the window: an append-only
 * file of (tag, expiry) records.  Written before the reply, synced once a second. */
#ifndef MUNGED_REPLAY_LOG_H
#define MUNGED_REPLAY_LOG_H

#include "base/err.h"
#include "munged/replay.h"

/* Starts zeroed: idle. */
struct replay_log {
    const char *path; /* NULL: idle; every call is then without effect */
    int fd;
    size_t records; /* in the file, the dead ones too */
    bool dirty;
};

/* Loads what the file holds into *into.  *ret_lost: there was no file, or not one of ours, so
 * nothing is known of what was decoded before. */
int replay_log_open(struct replay_log *l, const char *path, struct replay *into, uint32_t now,
                    bool *ret_lost, struct err *e);
/* Syncs first; calls on an idle log are allowed, here and below. */
void replay_log_close(struct replay_log *l);
/* A failed write ends the daemon: going on would break the promise that the option makes. */
void replay_log_add(struct replay_log *l, const uint8_t tag[REPLAY_TAG], uint32_t expiry);
void replay_log_drop(struct replay_log *l, const uint8_t tag[REPLAY_TAG], uint32_t expiry);
void replay_log_sync(struct replay_log *l);
/* Writes the file anew when most of it is dead. */
void replay_log_compact(struct replay_log *l, const struct replay *from, uint32_t now);

#endif
