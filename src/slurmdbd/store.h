/* The archive and the rule book on disk: events in, records out; SQLite or MariaDB behind it.
 *
 * Exactly once: the number of the last applied event of each (cluster, instance) is kept in the
 * same transaction as the rows, so an event that comes again changes nothing, and an acknowledged
 * one is on disk. */
#ifndef SLURMDBD_STORE_H
#define SLURMDBD_STORE_H

#include "base/arena.h"
#include "base/err.h"
#include "schema/messages.h"
#include "slurmdbd/book.h"
#include "slurmdbd/plan.h"
#include "slurmdbd/sql.h"

struct store;

/* Creates file (0600) or database tables when absent, adds columns that a newer program knows. */
int store_open(const struct sql_place *at, struct store **ret, struct err *e);
void store_close(struct store *s);

/* All changes between two commits are one transaction.  A failed commit, or one after a failed
 * write, rolls back: nothing was applied. */
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

/* sreport's question; the clusters are named. */
int store_report(struct store *s, const struct usage_query *q, int64_t now, struct arena *a,
                 struct usage_info *ret, struct err *e);
/* A cluster says what it has: kept with the time when it differs from what was known. */
int store_note_size(struct store *s, const char *cluster, int64_t now, const char *tres,
                    struct err *e);

void store_stats(struct store *s, struct arena *a, struct acct_stats *ret);

/* ---- the rule book */

int store_load_book(struct store *s, struct book *ret, struct err *e);
int store_save_plan(struct store *s, const struct plan *p, uint64_t version, struct err *e);
/* Transactions in a window (0: no bound), oldest first. */
struct txn_query {
    int64_t start, end;
    const struct strs *actors, *actions;
};
int store_txns(struct store *s, const struct txn_query *q, struct arena *a, struct rule_book *ret,
               struct err *e);

/* Nodes that were away at some time of the window, by cluster, node and time. */
int store_events(struct store *s, int64_t start, int64_t end, struct arena *a,
                 struct rule_book *ret, struct err *e);

/* Sets one column of a job's newest record; *ret_count: how many jobs it was.  column is one of
 * store_job_columns. */
struct job_change {
    const char *cluster, *job, *user; /* user NULL: anybody's */
    unsigned column;
    const char *value;
};
extern const char *const store_job_columns[]; /* Comment, AdminComment ...; NULL ends */
int store_modify_job(struct store *s, const struct job_change *c, unsigned *ret_count,
                     struct err *e);

/* Forgets a slice of what ended before the cut; *ret_more: another call would forget more. */
enum purge { PURGE_JOB, PURGE_STEP, PURGE_TXN, PURGE_USAGE, PURGE_COUNT };
int store_purge(struct store *s, enum purge what, int64_t cut, bool *ret_more, struct err *e);

#endif
