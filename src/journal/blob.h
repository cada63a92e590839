/* Scripts and environments, stored once by content in append-only files beside the journal.
 * The key is a hash of 64 bits over the bytes; equality is checked, and another content that claims
 * the same key gets the next free one.  blobs_commit must come before wal_commit of the facts that
 * name the blobs. */
#ifndef JOURNAL_BLOB_H
#define JOURNAL_BLOB_H

#include "base/arena.h"
#include "base/err.h"
#include "journal/disk.h"
#include "schema/messages.h"
#include <stdint.h>

struct blobs;

int blobs_open(const char *dir, const struct disk *disk, struct blobs **ret,
               struct err *e);     /* index from headers */
void blobs_close(struct blobs *b); /* accepts NULL */
/* Buffered; counts one use.  Content that is there already costs no bytes. */
int blobs_put(struct blobs *b, const void *p, size_t len, uint64_t *ret_key, struct err *e);
int blobs_get(struct blobs *b, uint64_t key, struct arena *a, struct bytes *ret, struct err *e);
int blobs_commit(struct blobs *b, struct err *e); /* a failure is final, as that of wal_commit */
void blobs_use(struct blobs *b, uint64_t key);    /* replay: one more job needs it */
void blobs_drop(struct blobs *b, uint64_t key);   /* one job less */
void blobs_sweep(
    struct blobs *b); /* removes files whose blobs are all unused; call after a commit */

#endif
