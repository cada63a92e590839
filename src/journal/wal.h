/* The journal of facts: segments, group commit, CRC on every record, torn tails cut (reliability
 * section 2).
 *
 * DIR/wal.N are segments, each written by one life of the daemon and never again; DIR/snap.N holds
 * the state before segment N's first record; DIR/CURRENT names N of the newest complete snapshot.
 * At least two snapshots, and every segment since the older one, are kept.  docs/journal.md has the
 * bytes. */
#ifndef JOURNAL_WAL_H
#define JOURNAL_WAL_H

#include "base/err.h"
#include "journal/disk.h"
#include "schema/fact.h"
#include <stdbool.h>
#include <stdint.h>

struct wal;

#define WAL_SEGMENT_BYTES (64u << 20)
#define WAL_BALLAST_BYTES (64u << 20)

struct wal_options {
    const char *dir;
    const struct disk *disk; /* NULL: the real one */
    uint32_t segment_bytes;  /* 0: WAL_SEGMENT_BYTES */
    uint32_t ballast_bytes;  /* 0: WAL_BALLAST_BYTES */
    uint64_t epoch_above;    /* the new epoch is larger than this too */
    /* NULL, or called with wal_open's ctx once the directory is ours, before replay: opens what
     * lies beside the journal. */
    int (*locked)(void *ctx, struct err *e);
};

struct wal_report {
    uint64_t facts;      /* replayed */
    uint64_t torn_bytes; /* cut from the tail: a commit that was never acknowledged */
    uint64_t damaged;    /* places inside the log or a snapshot that failed their CRC (bit rot) */
    bool used_older_snapshot;
    char text[256]; /* the first damage in words; empty when there is none */
};

/* What replay does with a fact.  Negative stops the start with that error. */
typedef int wal_fact_fn(void *ctx, const struct fact *f, struct err *e);

/* Opens the directory (0700, made if absent, locked against a second writer), replays snapshot and
 * segments through fn, and starts a new segment under a new epoch.  `report` may be NULL. */
int wal_open(const struct wal_options *o, wal_fact_fn *fn, void *ctx, struct wal **ret,
             struct wal_report *report, struct err *e);
void wal_close(struct wal *w); /* accepts NULL; what was not committed is lost */

void wal_append(struct wal *w, const struct fact *f); /* packs into the batch */
/* One write and one fdatasync for the batch.  0, or negative: nothing of the batch may be told to
 * anybody and the daemon must stop (a failed fsync is never retried). */
int wal_commit(struct wal *w, struct err *e);
/* False: refuse new work, the rest is for what must still be written.  Asks the file system once a
 * call. */
bool wal_has_space(struct wal *w, uint64_t bytes);
uint64_t wal_free_bytes(const struct wal *w); /* for the words of that refusal */

/* Snapshots: begin rotates; then the daemon forks; the child calls write with core_dump as source
 * and exits; when it ended well the parent calls done, which moves CURRENT and removes what is no
 * longer needed. */
typedef void wal_emit_fn(void *ctx, const struct fact *f);
typedef void wal_dump_fn(void *source, wal_emit_fn *emit, void *ctx);

bool wal_wants_snapshot(const struct wal *w); /* enough was written since the last one */
int wal_snapshot_begin(struct wal *w, uint64_t *ret_number, struct err *e);
int wal_snapshot_write(struct wal *w, uint64_t number, wal_dump_fn *dump, void *source,
                       struct err *e);
int wal_snapshot_done(struct wal *w, uint64_t number, struct err *e);

uint64_t wal_sequence(const struct wal *w); /* of the next fact */
uint64_t wal_epoch(const struct wal *w);    /* larger at every open, durable */
bool wal_is_volatile(const struct wal *w);  /* the directory does not survive a reboot: warn */

#endif
