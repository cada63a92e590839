/* A disk that fails: the n-th call errors or tears, and a power cut loses what was not synced. */
#ifndef CRASH_BAD_DISK_H
#define CRASH_BAD_DISK_H

#include "base/buf.h"
#include "base/map.h"
#include "journal/disk.h"

struct image;

struct bad_disk {
    struct disk ops;  /* hand &ops to the journal */
    unsigned calls;   /* so far */
    unsigned fail_at; /* this call fails (1-based; 0: none) */
    int code;         /* with this errno */
    bool is_sticky;   /* and so does every later one of its kind: dead (EIO) or full (ENOSPC) */
    bool tears;       /* a failing write leaves half of its bytes */
    bool has_failed;
    uint64_t seed;        /* which unsynced blocks a power cut keeps */
    struct image *images; /* of every file written through it */
    unsigned n;
};

void bad_disk_init(struct bad_disk *b);
/* Every file falls back to its synced content plus a random subset of the 512-byte blocks written
 * since. */
void bad_disk_power_cut(struct bad_disk *b);
void bad_disk_fini(struct bad_disk *b);

#endif
