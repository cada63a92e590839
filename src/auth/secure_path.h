/* Is a file or directory safe to trust?  Rules of munged (contracts/munge.md section 7, security
 * R12). */
#ifndef AUTH_SECURE_PATH_H
#define AUTH_SECURE_PATH_H

#include "base/err.h"
#include <stdbool.h>
#include <sys/types.h>

/* What we call the file in messages, and which group may write to directories. */
struct path_policy {
    const char *label;   /* at the start of a sentence: "Keyfile", "Socket" */
    const char *word;    /* within one: "keyfile", "socket" */
    gid_t trusted_group; /* (gid_t)-1: none */
    bool open_to_all;    /* every directory up to / must let everybody through */
};

/* The directory of `path` and all above it: owned by root or us, and written by nobody else unless
 * sticky. -EPERM: insecure, with the words of MUNGE; other negative errno: cannot be looked at. */
int path_dir_check(const char *path, const struct path_policy *policy, struct err *e);

/* Opens a secret: a regular file of ours, no link of either kind, out of reach of group and others,
 * in a secure directory.  -EPERM with *ret open: insecure (the caller may go on if its user
 * insists). */
int path_open_secret(const char *path, const struct path_policy *policy, int *ret, struct err *e);

#endif
