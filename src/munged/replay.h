/* Which credentials were decoded here: a set of (first 16 bytes of the tag, expiry).
 * An entry past its expiry counts as free space, so nothing has to be swept in time. */
#ifndef MUNGED_REPLAY_H
#define MUNGED_REPLAY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define REPLAY_TAG 16
#define REPLAY_MAX (1u << 24) /* entries; when all are alive, decodes are refused */

struct replay_entry {
    uint8_t tag[REPLAY_TAG];
    uint32_t expiry; /* seconds; 0 and 1 are not times but "never used" and "taken out" */
};

struct replay {
    struct replay_entry *slots; /* open addressing, power of two */
    size_t cap, used;           /* used: slots that ever held something */
};

enum replay_answer { REPLAY_NEW, REPLAY_KNOWN, REPLAY_FULL };

/* A zeroed struct replay is valid and empty. */
void replay_fini(struct replay *r);
/* The question and the answer to the next one in a single step.  REPLAY_FULL: refuse, because what
 * is not remembered could be decoded twice. */
enum replay_answer replay_insert(struct replay *r, const uint8_t tag[REPLAY_TAG], uint32_t expiry,
                                 uint32_t now);
/* For a decode whose answer did not get out; an entry that is not there is no matter. */
void replay_remove(struct replay *r, const uint8_t tag[REPLAY_TAG], uint32_t expiry);
/* Gives memory back; the number of entries alive. */
size_t replay_purge(struct replay *r, uint32_t now);
/* Entries alive, in table order: *at starts at 0. */
const struct replay_entry *replay_next(const struct replay *r, size_t *at, uint32_t now);

#endif
