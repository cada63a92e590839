/* The journal of facts: segments, group commit, CRC on every record, torn tails cut (reliability section 2).
 *
 * DIR/wal.N segments (64 MiB, preallocated); DIR/snap.N holds the state before segment N's first record;
 * DIR/CURRENT names N of the newest complete snapshot.  At least two snapshots, and every segment since the older one, are kept.
 * Record: length u32, kind u16, version u16, sequence u64, CRC32C of header, body, CRC32C of body. */
#ifndef JOURNAL_WAL_H
#define JOURNAL_WAL_H

#include "base/err.h"
#include "schema/fact.h"
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct wal;

/* The seam for tests: every system call that touches the disk.  NULL anywhere means the real one. */
struct disk {
    int (*open)(void *ctx, const char *path, int flags, int mode);
    ssize_t (*pwrite)(void *ctx, int fd, const void *p, size_t len, int64_t at);
    int (*fdatasync)(void *ctx, int fd);
    int (*fallocate)(void *ctx, int fd, int64_t len);
    int (*ftruncate)(void *ctx, int fd, int64_t len);
    int (*rename)(void *ctx, const char *from, const char *to);
    int (*unlink)(void *ctx, const char *path);
    int (*fsync_dir)(void *ctx, const char *path);
    void *ctx;
};

struct wal_report {
    uint64_t facts;      /* replayed */
    uint64_t torn_bytes; /* cut from the tail */
    uint64_t damaged;    /* records that failed their CRC inside the log (bit rot): start goes on from the older snapshot when it can */
    bool used_older_snapshot;
    char text[256];
};

/* Opens the directory (0700, made if absent, locked against a second writer), replays snapshot and segments through fn,
 * positions at the end.  fn returning < 0 stops with that error. */
int wal_open(const char *dir, const struct disk *disk, int (*fn)(void *ctx, const struct fact *f, struct err *e),
             void *ctx, struct wal **ret, struct wal_report *report, struct err *e);
void wal_close(struct wal *w);

void wal_append(struct wal *w, const struct fact *f); /* packs into the batch */
/* One write and one fdatasync for the batch.  0, or negative: nothing of the batch may be told to anybody and the daemon must stop
 * (a failed fsync is never retried).  -ENOSPC is told apart by wal_has_space. */
int wal_commit(struct wal *w, struct err *e);
bool wal_has_space(struct wal *w, uint64_t bytes); /* keeps ballast: refuse new submits before it is too late */

/* Snapshots: the daemon forks; the child calls wal_snapshot_write with core_dump as source and exits; when it ended
 * well the parent calls wal_snapshot_done, which moves CURRENT and removes what is no longer needed. */
bool wal_wants_snapshot(const struct wal *w);
uint64_t wal_snapshot_begin(struct wal *w);  /* rotates to a new segment; the number of the snapshot */
int wal_snapshot_write(struct wal *w, uint64_t number, void (*dump)(void *ctx, void (*emit)(void *, const struct fact *), void *),
                       void *ctx, struct err *e);
int wal_snapshot_done(struct wal *w, uint64_t number, struct err *e);

uint64_t wal_sequence(const struct wal *w);
uint64_t wal_epoch(const struct wal *w); /* raised by one at every open, durable */

#endif
