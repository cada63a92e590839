/* The keys of a munged: the newest signs, all decode.  A replaced key goes on decoding for an
 * overlap time, so that a cluster can change its key host by host without a restart anywhere. */
#ifndef AUTH_KEYRING_H
#define AUTH_KEYRING_H

#include "auth/cred.h"
#include "auth/secure_path.h"
#include <sys/stat.h>

#define KEYRING_MAX 8u      /* keys at once; the oldest goes first */
#define KEY_FILE_MIN 32u    /* bytes */
#define KEY_FILE_MAX 65536u /* bytes read; more is not a key file */

struct keyring {
    struct cred_key *keys[KEYRING_MAX]; /* newest first; in locked memory kept out of core dumps */
    int64_t until[KEYRING_MAX];         /* wall clock second of its end; the newest has none */
    unsigned n;
    struct timespec file_mtime; /* of the file that keys[0] came from */
};

/* How a key file is taken in. */
struct key_source {
    const char *path;
    gid_t trusted_group; /* (gid_t)-1: none */
    bool force;          /* an insecure file is a warning in the log, not an error */
    int64_t now, overlap_s;
};

/* Whether the file may be used, for a complaint while there is a terminal; takes nothing in. */
int keyring_check(const struct key_source *from, struct err *e);
/* Reads the file; a key that is new becomes the newest.  1: it did; 0: the file holds the newest
 * already; negative: no change, and e says why. */
int keyring_load(struct keyring *r, const struct key_source *from, struct err *e);
void keyring_expire(struct keyring *r, int64_t now); /* wipes the keys whose time is over */
bool keyring_file_changed(const struct keyring *r, const char *path); /* since it was loaded */
void keyring_fini(struct keyring *r);

#endif
