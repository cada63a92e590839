/* Inside the SQLite store: shared by store_sqlite.c and query.c only. */
#ifndef SLURMDBD_STORE_IMPL_H
#define SLURMDBD_STORE_IMPL_H

#include "slurmdbd/rows.h"
#include "slurmdbd/store.h"
#include <stdbool.h>

enum table { TABLE_JOB, TABLE_STEP, TABLE_EVENT, TABLE_COUNT };

struct store {
    sqlite3 *db;
    char *path;
    struct columns columns[TABLE_COUNT];
    sqlite3_stmt *put[TABLE_COUNT];
    sqlite3_stmt *get_seq, *set_seq;
    bool in_transaction;
    uint64_t events, repeats;
};

void finalizep(sqlite3_stmt **s); /* for CLEANUP */
int sql_error(struct store *s, struct err *e, const char *doing);
int sql_prepare(struct store *s, const char *text, sqlite3_stmt **ret, struct err *e);

#endif
