/* SQLite behind sql.h: one private file, every commit synced. */
#include "slurmdbd/sql.h"

#include "base/cleanup.h"
#include "base/xalloc.h"

#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

struct lite {
    struct sql sql;
    sqlite3 *db;
};

struct lite_stmt {
    struct sql_stmt stmt;
    sqlite3_stmt *s;
};

static sqlite3_stmt *of(struct sql_stmt *st)
{
    return ((struct lite_stmt *)st)->s;
}

static int failed(struct sql *s, struct err *e, const char *doing)
{
    return err_set(e, EIO, "%s: %s: %s", s->where, doing, sqlite3_errmsg(((struct lite *)s)->db));
}

static void lite_close(struct sql *s)
{
    sqlite3_close(((struct lite *)s)->db);
    free(s->where);
    free(s);
}

static int lite_exec(struct sql *s, const char *text, struct err *e)
{
    if (sqlite3_exec(((struct lite *)s)->db, text, NULL, NULL, NULL) != SQLITE_OK)
        return failed(s, e, "writing");
    return 0;
}

static int lite_prepare(struct sql *s, const char *text, struct sql_stmt **ret, struct err *e)
{
    struct lite_stmt *st;
    sqlite3_stmt *made;

    if (sqlite3_prepare_v2(((struct lite *)s)->db, text, -1, &made, NULL) != SQLITE_OK)
        return failed(s, e, "preparing a statement");
    st = xcalloc(1, sizeof *st);
    *st = (struct lite_stmt){ .stmt.sql = s, .s = made };
    *ret = &st->stmt;
    return 0;
}

static bool lite_has_column(struct sql *s, const char *table, const char *column)
{
    return sqlite3_table_column_metadata(((struct lite *)s)->db, NULL, table, column, NULL, NULL,
                                         NULL, NULL, NULL) == SQLITE_OK;
}

static void lite_finish(struct sql_stmt *st)
{
    sqlite3_finalize(of(st));
    free(st);
}

static void lite_bind_number(struct sql_stmt *st, unsigned at, int64_t v)
{
    sqlite3_bind_int64(of(st), (int)at + 1, v);
}

static void lite_bind_real(struct sql_stmt *st, unsigned at, double v)
{
    sqlite3_bind_double(of(st), (int)at + 1, v);
}

static void lite_bind_text(struct sql_stmt *st, unsigned at, const char *v)
{
    sqlite3_bind_text(of(st), (int)at + 1, v, -1, SQLITE_STATIC);
}

static int lite_step(struct sql_stmt *st, struct err *e)
{
    int rc = sqlite3_step(of(st));

    if (rc == SQLITE_ROW)
        return 1;
    if (rc == SQLITE_DONE)
        return 0;
    failed(st->sql, e, "running a statement");
    sqlite3_reset(of(st));
    return -EIO;
}

static void lite_reset(struct sql_stmt *st)
{
    sqlite3_reset(of(st));
}

static bool lite_is_null(struct sql_stmt *st, unsigned at)
{
    return sqlite3_column_type(of(st), (int)at) == SQLITE_NULL;
}

static int64_t lite_number(struct sql_stmt *st, unsigned at)
{
    return sqlite3_column_int64(of(st), (int)at);
}

static double lite_real(struct sql_stmt *st, unsigned at)
{
    return sqlite3_column_double(of(st), (int)at);
}

static const char *lite_text(struct sql_stmt *st, unsigned at)
{
    const unsigned char *text = sqlite3_column_text(of(st), (int)at);

    return text ? (const char *)text : "";
}

static const struct sql_engine engine = {
    .types = { [SQL_NUMBER] = "INTEGER",
               [SQL_REAL] = "REAL",
               [SQL_TEXT] = "TEXT",
               [SQL_KEY] = "TEXT" },
    .add_seconds = " ON CONFLICT DO UPDATE SET seconds=seconds+excluded.seconds",
    .close = lite_close,
    .exec = lite_exec,
    .prepare = lite_prepare,
    .has_column = lite_has_column,
    .finish = lite_finish,
    .bind_number = lite_bind_number,
    .bind_real = lite_bind_real,
    .bind_text = lite_bind_text,
    .step = lite_step,
    .reset = lite_reset,
    .is_null = lite_is_null,
    .number = lite_number,
    .real = lite_real,
    .text = lite_text,
};

/* The file is private from its first byte: SQLite would make it with the umask's mode. */
static int create_file(const char *path, struct err *e)
{
    CLEANUP(closep) int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);

    return fd < 0 ? err_errno(e, "open %s", path) : 0;
}

static void closesqlp(struct sql **s)
{
    sql_close(*s);
}

/* WAL with full sync: an acknowledged event survives power loss. */
static const char *const setup[] = {
    "PRAGMA journal_mode=WAL",  "PRAGMA synchronous=FULL",  "PRAGMA foreign_keys=OFF",
    "PRAGMA temp_store=MEMORY", "PRAGMA cache_size=-65536", NULL,
};

int sql_sqlite_open(const struct sql_place *at, struct sql **ret, struct err *e)
{
    struct lite *made = xcalloc(1, sizeof *made);
    CLEANUP(closesqlp) struct sql *s = &made->sql;
    int r = create_file(at->name, e);

    *s = (struct sql){ .engine = &engine, .where = xstrdup(at->name) };
    if (r < 0)
        return r;
    if (sqlite3_open_v2(at->name, &made->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL) !=
        SQLITE_OK)
        return failed(s, e, "opening");
    sqlite3_busy_timeout(made->db, 5000);
    for (unsigned i = 0; setup[i] && r == 0; i++)
        r = lite_exec(s, setup[i], e);
    if (r == 0)
        *ret = TAKE(s);
    return r;
}
