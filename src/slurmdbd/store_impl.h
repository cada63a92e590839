/* Inside the store: shared by its files only. */
#ifndef SLURMDBD_STORE_IMPL_H
#define SLURMDBD_STORE_IMPL_H

#include "slurmdbd/rows.h"
#include "slurmdbd/store.h"
#include "slurmdbd/usage.h"
#include <stdbool.h>

/* The archive's tables, the journal of changes, then those of the rule book. */
enum table_id { TABLE_JOB, TABLE_STEP, TABLE_EVENT, TABLE_TXN, TABLE_RULES };
#define TABLE_COUNT (TABLE_RULES + RULE_KINDS)

struct store {
    struct sql *sql;
    struct columns columns[TABLE_COUNT];
    struct sql_stmt *put[TABLE_COUNT];
    struct sql_stmt *get_seq, *set_seq, *put_cluster, *add_usage, *get_used;
    struct usage_sums usage; /* of this turn, not in the database yet */
    bool in_transaction;
    bool is_spoilt; /* a write failed: this transaction must not be committed */
    struct err why;
    uint64_t events, repeats, last_txn;
    struct arena scratch; /* of one row */
};

const struct table *store_table(unsigned id);
/* Notes that the transaction is spoilt when r is negative; returns r. */
int store_spoil(struct store *s, int r, const struct err *e);
int store_begin(struct store *s, struct err *e);
/* Opening, beyond the tables themselves. */
int store_prepare_rules(struct store *s, struct err *e);
int store_prepare_usage(struct store *s, struct err *e);

/* Before a job's row is replaced: what it used is counted, what it counted before is taken back. */
int store_count_job(struct store *s, const struct acct_events *batch, const struct acct_job *job,
                    struct err *e);
int store_flush_usage(struct store *s, struct err *e); /* before the commit */

#endif
