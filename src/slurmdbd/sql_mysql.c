/* MariaDB and MySQL behind sql.h, through MariaDB Connector/C.
 *
 * Text is bytes to the database (VARBINARY, BLOB): it comes back as it went in, and compares the
 * same in both engines, whatever character set a server likes.  A result is fetched whole, so that
 * a second statement may run while rows of the first are read. */
#include "slurmdbd/sql.h"

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/xalloc.h"

#include <errno.h>
#include <mysql.h>
#include <errmsg.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define CONNECT_S 5u
#define ANSWER_S 60u

struct maria {
    struct sql sql;
    MYSQL *db;
};

/* A value on its way, or one that was read. */
struct cell {
    int64_t number;
    double real;
    char *text;
    unsigned long len, cap;
    my_bool is_null, is_cut;
};

struct maria_stmt {
    struct sql_stmt stmt;
    MYSQL_STMT *s;
    MYSQL_BIND *in, *out;
    struct cell *in_cells, *out_cells;
    unsigned in_count, out_count;
    bool is_running;
};

static struct maria_stmt *of(struct sql_stmt *st)
{
    return (struct maria_stmt *)st;
}

static int failed(struct sql *s, struct err *e, const char *doing, const char *why, unsigned code)
{
    if (code == CR_SERVER_GONE_ERROR || code == CR_SERVER_LOST || code == CR_CONNECTION_ERROR ||
        code == CR_CONN_HOST_ERROR || code == 1053 || code == 1290 || code == 1836)
        s->is_lost = true; /* the last three: shutting down, read-only after a failover */
    return err_set(e, s->is_lost ? ECONNRESET : EIO, "%s: %s: %s", s->where, doing, why);
}

static int db_failed(struct sql *s, struct err *e, const char *doing)
{
    MYSQL *db = ((struct maria *)s)->db;

    return failed(s, e, doing, mysql_error(db), mysql_errno(db));
}

static void maria_close(struct sql *s)
{
    mysql_close(((struct maria *)s)->db);
    free(s->where);
    free(s);
}

static int maria_exec(struct sql *s, const char *text, struct err *e)
{
    return mysql_query(((struct maria *)s)->db, text) ? db_failed(s, e, "writing") : 0;
}

/* ---- statements */

static void describe_results(struct maria_stmt *st)
{
    MYSQL_RES *meta = mysql_stmt_result_metadata(st->s);

    if (!meta)
        return;
    st->out_count = mysql_num_fields(meta);
    st->out = xcalloc(st->out_count, sizeof *st->out);
    st->out_cells = xcalloc(st->out_count, sizeof *st->out_cells);
    for (unsigned i = 0; i < st->out_count; i++) {
        const MYSQL_FIELD *f = mysql_fetch_field_direct(meta, i);
        struct cell *c = &st->out_cells[i];
        MYSQL_BIND *b = &st->out[i];

        b->is_null = &c->is_null;
        b->length = &c->len;
        b->error = &c->is_cut;
        if (f->type == MYSQL_TYPE_DOUBLE || f->type == MYSQL_TYPE_NEWDECIMAL) {
            b->buffer_type = MYSQL_TYPE_DOUBLE;
            b->buffer = &c->real;
        } else if (IS_NUM(f->type)) {
            b->buffer_type = MYSQL_TYPE_LONGLONG;
            b->buffer = &c->number;
        } else {
            b->buffer_type = MYSQL_TYPE_STRING; /* fetched by itself once the length is known */
        }
    }
    mysql_free_result(meta);
}

static int maria_prepare(struct sql *s, const char *text, struct sql_stmt **ret, struct err *e)
{
    MYSQL_STMT *made = mysql_stmt_init(((struct maria *)s)->db);
    struct maria_stmt *st;

    if (!made || mysql_stmt_prepare(made, text, strlen(text))) {
        int r = made ? failed(s, e, "preparing a statement", mysql_stmt_error(made),
                              mysql_stmt_errno(made))
                     : db_failed(s, e, "preparing a statement");
        if (made)
            mysql_stmt_close(made);
        return r;
    }
    st = xcalloc(1, sizeof *st);
    *st = (struct maria_stmt){ .stmt.sql = s, .s = made };
    st->in_count = (unsigned)mysql_stmt_param_count(made);
    st->in = xcalloc(st->in_count + 1, sizeof *st->in);
    st->in_cells = xcalloc(st->in_count + 1, sizeof *st->in_cells);
    describe_results(st);
    *ret = &st->stmt;
    return 0;
}

static void maria_finish(struct sql_stmt *base)
{
    struct maria_stmt *st = of(base);

    mysql_stmt_close(st->s);
    for (unsigned i = 0; i < st->out_count; i++)
        free(st->out_cells[i].text);
    free(st->in);
    free(st->out);
    free(st->in_cells);
    free(st->out_cells);
    free(st);
}

static void maria_bind_number(struct sql_stmt *base, unsigned at, int64_t v)
{
    struct maria_stmt *st = of(base);

    st->in_cells[at].number = v;
    st->in[at] =
        (MYSQL_BIND){ .buffer_type = MYSQL_TYPE_LONGLONG, .buffer = &st->in_cells[at].number };
}

static void maria_bind_real(struct sql_stmt *base, unsigned at, double v)
{
    struct maria_stmt *st = of(base);

    st->in_cells[at].real = v;
    st->in[at] = (MYSQL_BIND){ .buffer_type = MYSQL_TYPE_DOUBLE, .buffer = &st->in_cells[at].real };
}

static void maria_bind_text(struct sql_stmt *base, unsigned at, const char *v)
{
    struct maria_stmt *st = of(base);

    st->in_cells[at].len = v ? strlen(v) : 0;
    st->in[at] = (MYSQL_BIND){ .buffer_type = v ? MYSQL_TYPE_BLOB : MYSQL_TYPE_NULL,
                               .buffer = (void *)(uintptr_t)v,
                               .buffer_length = st->in_cells[at].len,
                               .length = &st->in_cells[at].len };
}

/* ---- running */

static int start(struct maria_stmt *st, struct err *e)
{
    bool fine = st->in_count == 0 || !mysql_stmt_bind_param(st->s, st->in);

    fine = fine && !mysql_stmt_execute(st->s);
    if (fine && st->out_count)
        fine = !mysql_stmt_bind_result(st->s, st->out) && !mysql_stmt_store_result(st->s);
    if (!fine)
        return failed(st->stmt.sql, e, "running a statement", mysql_stmt_error(st->s),
                      mysql_stmt_errno(st->s));
    st->is_running = true;
    return 0;
}

static void fetch_text(struct maria_stmt *st, unsigned at)
{
    struct cell *c = &st->out_cells[at];
    MYSQL_BIND b = { .buffer_type = MYSQL_TYPE_STRING };

    if (c->len + 1 > c->cap) {
        c->cap = c->len + 64;
        c->text = xrealloc(c->text, c->cap, 1);
    }
    c->text[0] = 0;
    if (!c->is_null && c->len) {
        b.buffer = c->text;
        b.buffer_length = c->cap;
        mysql_stmt_fetch_column(st->s, &b, at, 0);
    }
    c->text[c->is_null ? 0 : c->len] = 0;
}

static void maria_reset(struct sql_stmt *base)
{
    struct maria_stmt *st = of(base);

    if (st->is_running && st->out_count)
        mysql_stmt_free_result(st->s);
    st->is_running = false;
}

static int maria_step(struct sql_stmt *base, struct err *e)
{
    struct maria_stmt *st = of(base);
    int r = st->is_running ? 0 : start(st, e);

    if (r < 0)
        return r;
    r = st->out_count ? mysql_stmt_fetch(st->s) : MYSQL_NO_DATA;
    if (r == MYSQL_NO_DATA)
        return maria_reset(base), 0;
    if (r != 0 && r != MYSQL_DATA_TRUNCATED) {
        r = failed(base->sql, e, "reading", mysql_stmt_error(st->s), mysql_stmt_errno(st->s));
        maria_reset(base);
        return r;
    }
    for (unsigned i = 0; i < st->out_count; i++)
        if (st->out[i].buffer_type == MYSQL_TYPE_STRING)
            fetch_text(st, i);
    return 1;
}

static bool maria_is_null(struct sql_stmt *base, unsigned at)
{
    return of(base)->out_cells[at].is_null;
}

static int64_t maria_number(struct sql_stmt *base, unsigned at)
{
    const struct cell *c = &of(base)->out_cells[at];

    if (c->is_null)
        return 0;
    return of(base)->out[at].buffer_type == MYSQL_TYPE_DOUBLE ? (int64_t)c->real : c->number;
}

static double maria_real(struct sql_stmt *base, unsigned at)
{
    const struct cell *c = &of(base)->out_cells[at];

    if (c->is_null)
        return 0;
    return of(base)->out[at].buffer_type == MYSQL_TYPE_DOUBLE ? c->real : (double)c->number;
}

static const char *maria_text(struct sql_stmt *base, unsigned at)
{
    const struct cell *c = &of(base)->out_cells[at];

    return c->is_null || !c->text ? "" : c->text;
}

static bool maria_has_column(struct sql *s, const char *table, const char *column)
{
    struct sql_stmt *st = NULL;
    bool found = false;

    if (maria_prepare(s,
                      "SELECT 1 FROM information_schema.columns WHERE table_schema=DATABASE()"
                      " AND table_name=? AND column_name=?",
                      &st, NULL) < 0)
        return false;
    maria_bind_text(st, 0, table);
    maria_bind_text(st, 1, column);
    found = maria_step(st, NULL) == 1;
    maria_reset(st);
    maria_finish(st);
    return found;
}

static const struct sql_engine engine = {
    .types = { [SQL_NUMBER] = "BIGINT",
               [SQL_REAL] = "DOUBLE",
               [SQL_TEXT] = "MEDIUMBLOB",
               [SQL_KEY] = "VARBINARY(255)" },
    .add_seconds = " ON DUPLICATE KEY UPDATE seconds=seconds+VALUES(seconds)",
    .close = maria_close,
    .exec = maria_exec,
    .prepare = maria_prepare,
    .has_column = maria_has_column,
    .finish = maria_finish,
    .bind_number = maria_bind_number,
    .bind_real = maria_bind_real,
    .bind_text = maria_bind_text,
    .step = maria_step,
    .reset = maria_reset,
    .is_null = maria_is_null,
    .number = maria_number,
    .real = maria_real,
    .text = maria_text,
};

/* ---- opening */

/* StorageParameters, as Slurm spells them: which option of the library each is. */
static const struct {
    const char *name;
    enum mysql_option option;
} tls_options[] = {
    { "SSL_CERT", MYSQL_OPT_SSL_CERT },     { "SSL_CA", MYSQL_OPT_SSL_CA },
    { "SSL_CAPATH", MYSQL_OPT_SSL_CAPATH }, { "SSL_KEY", MYSQL_OPT_SSL_KEY },
    { "SSL_CIPHER", MYSQL_OPT_SSL_CIPHER },
};

static void set_tls(MYSQL *db, const char *text)
{
    my_bool on = 1;

    if (text && *text)
        mysql_optionsv(db, MYSQL_OPT_SSL_ENFORCE, &on);
    if (text && strstr(text, "SSL_CA="))
        mysql_optionsv(db, MYSQL_OPT_SSL_VERIFY_SERVER_CERT, &on);
    while (text && *text) {
        size_t len = strcspn(text, ","), name = strcspn(text, "=");

        for (unsigned i = 0; i < sizeof tls_options / sizeof *tls_options && name < len; i++)
            if (strlen(tls_options[i].name) == name &&
                strncasecmp(tls_options[i].name, text, name) == 0) {
                char *value = xstrndup(text + name + 1, len - name - 1);

                mysql_optionsv(db, tls_options[i].option, value);
                free(value);
            }
        text += len + (text[len] == ',');
    }
}

static bool connect_to(MYSQL *db, const struct sql_place *at, const char *host)
{
    bool is_socket = *host == '/';

    return mysql_real_connect(db, is_socket ? NULL : host, at->user, at->password, NULL,
                              is_socket ? 0 : at->port, is_socket ? host : NULL, 0) != NULL;
}

/* The database's name goes into a statement once, when it is made: letters, digits, '_' (R5). */
static int use_database(struct sql *s, const char *name, struct err *e)
{
    MYSQL *db = ((struct maria *)s)->db;
    CLEANUP(buf_fini) struct buf text = { 0 };

    if (!*name || strlen(name) > 64 ||
        name[strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_")])
        return err_set(e, EINVAL,
                       "StorageLoc=%.64s: a database's name has letters, digits and "
                       "'_' only",
                       name);
    if (mysql_select_db(db, name) == 0)
        return 0;
    buf_puts(&text, "CREATE DATABASE IF NOT EXISTS `");
    buf_puts(&text, name); /* checked above */
    buf_putc(&text, '`');
    if (mysql_query(db, buf_str(&text)) || mysql_select_db(db, name))
        return db_failed(s, e, "opening the database");
    return 0;
}

static void closesqlp(struct sql **s)
{
    sql_close(*s);
}

int sql_mysql_open(const struct sql_place *at, struct sql **ret, struct err *e)
{
    struct maria *made = xcalloc(1, sizeof *made);
    CLEANUP(closesqlp) struct sql *s = &made->sql;
    unsigned patience = CONNECT_S, answer = ANSWER_S;
    int r;

    *s = (struct sql){ .engine = &engine,
                       .where = xasprintf("mysql %s@%s/%s", at->user, at->host, at->name) };
    made->db = mysql_init(NULL);
    mysql_optionsv(made->db, MYSQL_OPT_CONNECT_TIMEOUT, &patience);
    mysql_optionsv(made->db, MYSQL_OPT_READ_TIMEOUT, &answer);
    mysql_optionsv(made->db, MYSQL_OPT_WRITE_TIMEOUT, &answer);
    set_tls(made->db, at->tls);
    if (!connect_to(made->db, at, at->host) &&
        (!at->backup_host || !*at->backup_host || !connect_to(made->db, at, at->backup_host)))
        return db_failed(s, e, "connecting");
    r = use_database(s, at->name, e);
    /* What the statements count on, whatever the server's defaults are. */
    if (r == 0)
        r = maria_exec(s,
                       "SET SESSION sql_mode='NO_AUTO_VALUE_ON_ZERO',"
                       " SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED",
                       NULL) < 0
                ? maria_exec(s, "SET SESSION sql_mode='NO_AUTO_VALUE_ON_ZERO'", e)
                : 0;
    if (r == 0)
        *ret = TAKE(s);
    return r;
}
