/* Accounting events on their way to slurmdbd.  The outbox is a pure function of the journal: events
 * are appended without a sync of their own; after a crash replay makes the missing tail again, with
 * the same sequence numbers. */
#ifndef JOURNAL_OUTBOX_H
#define JOURNAL_OUTBOX_H

#include "base/arena.h"
#include "base/err.h"
#include "journal/disk.h"
#include "schema/messages.h"
#include <stdint.h>

struct outbox;

int outbox_open(const char *dir, const struct disk *disk, struct outbox **ret, struct err *e);
void outbox_close(struct outbox *o);              /* accepts NULL; what is buffered is written */
uint64_t outbox_instance(const struct outbox *o); /* random, made with an empty directory */
uint64_t
outbox_last(const struct outbox *o); /* newest event held, buffered ones included; 0: none ever */
void outbox_append(struct outbox *o, const struct acct_event *ev); /* seq <= last: ignored */
/* Up to max events with seq >= from, for sending.  Writes what is buffered first. */
int outbox_read(struct outbox *o, uint64_t from, unsigned max, struct arena *a,
                struct acct_events *ret, struct err *e);
void outbox_acked(struct outbox *o,
                  uint64_t seq); /* files wholly before it are removed, the newest two kept (F15) */
int outbox_flush(struct outbox *o, struct err *e); /* a write when much is buffered, else nothing */
int outbox_sync(struct outbox *o, struct err *e);  /* before a snapshot moves CURRENT */

#endif
