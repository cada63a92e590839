/* Accounting events on their way to slurmdbd.  The outbox is a pure function of the journal: events are appended without
 * a sync of their own; after a crash replay makes the missing tail again, with the same sequence numbers. */
#ifndef JOURNAL_OUTBOX_H
#define JOURNAL_OUTBOX_H

#include "base/arena.h"
#include "base/err.h"
#include "journal/wal.h"

struct outbox;

int outbox_open(const char *dir, const struct disk *disk, struct outbox **ret, struct err *e);
void outbox_close(struct outbox *o);
uint64_t outbox_instance(const struct outbox *o);                     /* random, made with an empty directory */
uint64_t outbox_last(const struct outbox *o);                         /* newest event held */
int outbox_append(struct outbox *o, const struct acct_event *ev, struct err *e); /* seq <= last: ignored */
/* Up to max events from `from` on, for sending. */
int outbox_read(struct outbox *o, uint64_t from, unsigned max, struct arena *a, struct acct_events *ret, struct err *e);
void outbox_acked(struct outbox *o, uint64_t seq); /* files wholly before it are removed, the newest two kept (F15) */
int outbox_sync(struct outbox *o, struct err *e);  /* before a snapshot moves CURRENT */

#endif
