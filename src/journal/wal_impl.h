/* The inside of the journal, shared by wal.c (writing), replay.c (reading) and snapshot.c. */
#ifndef JOURNAL_WAL_IMPL_H
#define JOURNAL_WAL_IMPL_H

#include "base/arena.h"
#include "journal/record.h"
#include "journal/wal.h"

struct wal {
    struct place place;
    uint32_t segment_bytes, ballast_bytes;
    int lock_fd;
    int fd;          /* of the current segment; -1 before the first */
    uint64_t number; /* N of the current segment */
    uint64_t at;     /* where the next batch goes in it */
    uint64_t zeroed; /* up to here it was written before, see zero_ahead */
    bool is_allocated;
    uint64_t epoch;
    uint64_t next; /* sequence of the next fact */
    struct buf batch;
    size_t last_at; /* of the last record of the batch */
    bool has_ballast;
    bool is_dead;         /* see take_back */
    uint64_t snapshot;    /* number of the newest complete snapshot; 0: none */
    uint64_t since_bytes; /* written or replayed since it */
    uint32_t since_segments;
};

/* Reading everything back, in order.  Lives during wal_open only. */
struct replay {
    struct wal *wal;
    wal_fact_fn *fn;
    void *ctx;
    struct wal_report *report;
    struct arena arena; /* of one fact at a time */
};

int replay_all(struct replay *r, struct err *e);
/* The snapshot's facts go through fn; *ret_next is the sequence that follows.  -EBADMSG: damaged,
 * nothing was applied. */
int snapshot_read(struct replay *r, uint64_t number, uint64_t *ret_next, struct err *e);
int replay_record(struct replay *r, const struct record *rec, struct err *e);
void replay_damage(struct replay *r, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
int wal_rotate(struct wal *w, struct err *e);

#endif
