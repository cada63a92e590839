/* Becoming a user: completely and provably (R7). */
#ifndef NODE_IDS_H
#define NODE_IDS_H

#include "base/err.h"
#include <stdint.h>
#include <sys/types.h>

struct ids {
    uid_t uid;
    gid_t gid;
    const uint32_t
        *groups; /* supplementary, as the controller resolved them; never looked up here */
    uint32_t group_count;
};

/* The calling process becomes the user for good: groups, gid, uid, capabilities; then the kernel is
 * asked, and root must be out of reach.  After an error the process is in between and must exit.
 * Without root only oneself can be "become". */
int ids_become(const struct ids *ids, struct err *e);

#endif
