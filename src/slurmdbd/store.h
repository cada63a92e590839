/* The archive: events in, records out.  SQLite behind it; MariaDB will stand behind the same
 * functions.
 *
 * Exactly once: the number of the last applied event of each (cluster, instance) is kept in the
 * same transaction as the rows, so an event that comes again changes nothing, and an acknowledged
 * one is on disk. */
#ifndef SLURMDBD_STORE_H
#define SLURMDBD_STORE_H

#include "base/arena.h"
#include "base/err.h"
#include "schema/messages.h"

struct store;

/* Creates the file (0600) and tables when absent, adds columns that a newer program knows. */
int store_open(const char *path, struct store **ret, struct err *e);
void store_close(struct store *s);

/* All changes between two commits are one transaction.  A failed commit rolls back: nothing was
 * applied. */
int store_commit(struct store *s, struct err *e);

/* A controller announces itself; *ret_seq is the last event applied for its instance. */
int store_register(struct store *s, const struct acct_register *reg, uint64_t *ret_seq,
                   struct err *e);

/* Applies the events whose number is the next one, skips those already applied; stops before a
 * hole. *ret_seq: how far it is once store_commit succeeded. */
int store_apply(struct store *s, const struct acct_events *events, uint64_t *ret_seq,
                struct err *e);

/* sacct's question; rows in order of submission, at most `max` (then ret->more). */
int store_query(struct store *s, const struct acct_query *q, unsigned max, struct arena *a,
                struct acct_records *ret, struct err *e);

void store_stats(struct store *s, struct arena *a, struct acct_stats *ret);

#endif
