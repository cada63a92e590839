/* Scripts and environments, stored once by content (hash of 64 bits over the bytes, checked for equality), in append-only
 * files beside the journal.  blob_commit must come before wal_commit of the facts that name the blobs. */
#ifndef JOURNAL_BLOB_H
#define JOURNAL_BLOB_H

#include "base/arena.h"
#include "base/err.h"
#include "journal/wal.h"

struct blobs;

int blobs_open(const char *dir, const struct disk *disk, struct blobs **ret, struct err *e); /* index from headers */
void blobs_close(struct blobs *b);
int blobs_put(struct blobs *b, const void *p, size_t len, uint64_t *ret_hash, struct err *e); /* buffered; counts one use */
int blobs_get(struct blobs *b, uint64_t hash, struct arena *a, struct bytes *ret, struct err *e);
int blobs_commit(struct blobs *b, struct err *e);
void blobs_use(struct blobs *b, uint64_t hash);  /* replay: one more job needs it */
void blobs_drop(struct blobs *b, uint64_t hash); /* one job less; files whose blobs are all unused are removed */

#endif
