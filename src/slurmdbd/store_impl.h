/* Inside the store: shared by its files only. */
#ifndef SLURMDBD_STORE_IMPL_H
#define SLURMDBD_STORE_IMPL_H

#include "slurmdbd/rows.h"
#include "slurmdbd/store.h"
#include <stdbool.h>

/* The archive's tables, the journal of changes, then those of the rule book. */
enum table_id { TABLE_JOB, TABLE_STEP, TABLE_EVENT, TABLE_TXN, TABLE_RULES };
#define TABLE_COUNT (TABLE_RULES + RULE_KINDS)

struct store {
    struct sql *sql;
    struct columns columns[TABLE_COUNT];
    struct sql_stmt *put[TABLE_COUNT];
    struct sql_stmt *get_seq, *set_seq, *put_cluster;
    bool in_transaction;
    uint64_t events, repeats, last_txn;
    struct arena scratch; /* of one row */
};

const struct table *store_table(unsigned id);
int store_begin(struct store *s, struct err *e);
/* Opening, beyond the tables themselves. */
int store_prepare_rules(struct store *s, struct err *e);

#endif
