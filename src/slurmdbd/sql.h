/* The one door to a database: statements with bound values, and rows.  Two engines stand behind
 * it, SQLite and MariaDB; everything above is written once, in the SQL that both speak.
 *
 * Values are only ever bound (security R5): a statement's text is made of constants of the program
 * and of names from descriptors. */
#ifndef SLURMDBD_SQL_H
#define SLURMDBD_SQL_H

#include "base/err.h"

#include <stdbool.h>
#include <stdint.h>

struct sql;
struct sql_stmt;

/* Where the archive is.  host NULL: a SQLite file at `name`. */
struct sql_place {
    const char *host, *backup_host; /* a path is a unix socket */
    const char *user, *password, *name;
    const char *tls; /* StorageParameters: SSL_CA=..., comma separated */
    unsigned port;
};

/* What a column holds.  KEY is text that may be part of a key: at most 255 bytes. */
enum sql_type { SQL_NUMBER, SQL_REAL, SQL_TEXT, SQL_KEY };

/* An engine.  Each function as its sql_ namesake below. */
struct sql_engine {
    const char *types[SQL_KEY + 1];
    const char *add_seconds; /* behind an INSERT: a row that is there takes the new one's seconds */
    void (*close)(struct sql *s);
    int (*exec)(struct sql *s, const char *text, struct err *e);
    int (*prepare)(struct sql *s, const char *text, struct sql_stmt **ret, struct err *e);
    bool (*has_column)(struct sql *s, const char *table, const char *column);
    void (*finish)(struct sql_stmt *st);
    void (*bind_number)(struct sql_stmt *st, unsigned at, int64_t v);
    void (*bind_real)(struct sql_stmt *st, unsigned at, double v);
    void (*bind_text)(struct sql_stmt *st, unsigned at, const char *v); /* NULL: NULL */
    int (*step)(struct sql_stmt *st, struct err *e);
    void (*reset)(struct sql_stmt *st);
    bool (*is_null)(struct sql_stmt *st, unsigned at);
    int64_t (*number)(struct sql_stmt *st, unsigned at);
    double (*real)(struct sql_stmt *st, unsigned at);
    const char *(*text)(struct sql_stmt *st, unsigned at); /* "" for NULL; until the next step */
};

/* The beginnings of what the engines keep. */
struct sql {
    const struct sql_engine *engine;
    char *where;  /* for messages: the file, or user@host/name */
    bool is_lost; /* the connection broke: nothing more will succeed */
};

struct sql_stmt {
    struct sql *sql;
};

/* Opens or creates; a SQLite file is 0600 from its first byte. */
int sql_open(const struct sql_place *at, struct sql **ret, struct err *e);
void sql_close(struct sql *s); /* accepts NULL; every statement must be finished */

int sql_exec(struct sql *s, const char *text, struct err *e);
int sql_prepare(struct sql *s, const char *text, struct sql_stmt **ret, struct err *e);
bool sql_has_column(struct sql *s, const char *table, const char *column);
const char *sql_type(const struct sql *s, enum sql_type type);

/* Values and columns count from 0.  A text that is bound must live until the step. */
void sql_bind_number(struct sql_stmt *st, unsigned at, int64_t v);
void sql_bind_real(struct sql_stmt *st, unsigned at, double v);
void sql_bind_text(struct sql_stmt *st, unsigned at, const char *v);

/* 1: a row is there; 0: done, and ready to be bound again; negative: failed. */
int sql_step(struct sql_stmt *st, struct err *e);
int sql_run(struct sql_stmt *st, struct err *e); /* to the end; rows are dropped */
void sql_reset(struct sql_stmt *st);
void sql_finish(struct sql_stmt *st);   /* accepts NULL */
void sql_finishp(struct sql_stmt **st); /* for CLEANUP */

bool sql_is_null(struct sql_stmt *st, unsigned at);
int64_t sql_number(struct sql_stmt *st, unsigned at);
double sql_real(struct sql_stmt *st, unsigned at);
const char *sql_text(struct sql_stmt *st, unsigned at);

/* The engines, for sql.c. */
int sql_sqlite_open(const struct sql_place *at, struct sql **ret, struct err *e);
int sql_mysql_open(const struct sql_place *at, struct sql **ret, struct err *e);

#endif
