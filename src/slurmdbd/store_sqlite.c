/* The archive in SQLite: tables made from message rows, one transaction a turn. */
#include "slurmdbd/store_impl.h"

#include "base/cleanup.h"
#include "base/xalloc.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

/* What stands in each table: the message, and what makes a row unique beside the cluster. */
static const struct {
    const char *name;
    const struct desc *desc;
    const char *key;
} tables[TABLE_COUNT] = {
    [TABLE_JOB] = { "job", &desc_acct_job, "cluster,instance,db_id" },
    [TABLE_STEP] = { "step", &desc_acct_step, "cluster,instance,db_id,step_id" },
    [TABLE_EVENT] = { "node_event", &desc_acct_node_event, "cluster,instance,seq" },
};

/* Fixed statements at opening.  WAL with full sync: an acknowledged event survives power loss. */
static const char *const setup[] = {
    "PRAGMA journal_mode=WAL",
    "PRAGMA synchronous=FULL",
    "PRAGMA foreign_keys=OFF",
    "CREATE TABLE IF NOT EXISTS cluster (name TEXT NOT NULL, instance INTEGER NOT NULL, seq "
    "INTEGER NOT NULL DEFAULT 0,"
    " host TEXT, port INTEGER, tres TEXT, nodes TEXT, PRIMARY KEY (name, instance))",
    NULL,
};

static const char *const indexes[] = {
    "CREATE INDEX IF NOT EXISTS job_by_id ON job (job_id)",
    "CREATE INDEX IF NOT EXISTS job_by_array ON job (array_job_id)",
    "CREATE INDEX IF NOT EXISTS job_by_user ON job (uid, submit)",
    "CREATE INDEX IF NOT EXISTS job_by_name ON job (name)",
    "CREATE INDEX IF NOT EXISTS job_by_end ON job (`end`, submit)",
    NULL,
};

void finalizep(sqlite3_stmt **s)
{
    sqlite3_finalize(*s);
}

int sql_error(struct store *s, struct err *e, const char *doing)
{
    return err_set(e, EIO, "%s: %s: %s", s->path, doing, sqlite3_errmsg(s->db));
}

static int exec(struct store *s, const char *text, struct err *e)
{
    if (sqlite3_exec(s->db, text, NULL, NULL, NULL) != SQLITE_OK)
        return sql_error(s, e, "setting up");
    return 0;
}

static int exec_all(struct store *s, const char *const *list, struct err *e)
{
    int r = 0;

    for (unsigned i = 0; list[i] && r == 0; i++)
        r = exec(s, list[i], e);
    return r;
}

int sql_prepare(struct store *s, const char *text, sqlite3_stmt **ret, struct err *e)
{
    if (sqlite3_prepare_v2(s->db, text, -1, ret, NULL) != SQLITE_OK)
        return sql_error(s, e, "preparing a statement");
    return 0;
}

/* The key columns come first; the rest are the message's.  db_id and step_id are message columns
 * already. */
static int create_table(struct store *s, enum table t, struct err *e)
{
    CLEANUP(buf_fini) struct buf b = { 0 };
    const struct columns *c = &s->columns[t];

    buf_puts(&b, "CREATE TABLE IF NOT EXISTS ");
    buf_puts(&b, tables[t].name);
    buf_puts(&b, " (cluster TEXT NOT NULL,instance INTEGER NOT NULL,seq INTEGER NOT NULL");
    for (unsigned i = 0; i < c->n; i++) {
        buf_puts(&b, ",`");
        buf_puts(&b, c->v[i].name);
        buf_puts(&b, "` ");
        buf_puts(&b, column_type(&c->v[i]));
    }
    buf_puts(&b, ",PRIMARY KEY (");
    buf_puts(&b, tables[t].key);
    buf_puts(&b, "))");
    return exec(s, buf_str(&b), e);
}

static bool has_column(struct store *s, enum table t, const char *name)
{
    return sqlite3_table_column_metadata(s->db, NULL, tables[t].name, name, NULL, NULL, NULL, NULL,
                                         NULL) == SQLITE_OK;
}

/* A file of an older program lacks the newest rows' columns: they are added, NULL in old records.
 */
static int add_missing_columns(struct store *s, enum table t, struct err *e)
{
    const struct columns *c = &s->columns[t];
    int r = 0;

    for (unsigned i = 0; i < c->n && r == 0; i++) {
        CLEANUP(buf_fini) struct buf b = { 0 };

        if (has_column(s, t, c->v[i].name))
            continue;
        buf_puts(&b, "ALTER TABLE ");
        buf_puts(&b, tables[t].name);
        buf_puts(&b, " ADD COLUMN `");
        buf_puts(&b, c->v[i].name);
        buf_puts(&b, "` ");
        buf_puts(&b, column_type(&c->v[i]));
        r = exec(s, buf_str(&b), e);
    }
    return r;
}

/* INSERT OR REPLACE with every column bound: the event carries the whole row as it is now. */
static int prepare_put(struct store *s, enum table t, struct err *e)
{
    CLEANUP(buf_fini) struct buf b = { 0 };

    buf_puts(&b, "INSERT OR REPLACE INTO ");
    buf_puts(&b, tables[t].name);
    buf_puts(&b, " (cluster,instance,seq,");
    columns_list(&s->columns[t], "", &b);
    buf_puts(&b, ") VALUES (?,?,?");
    for (unsigned i = 0; i < s->columns[t].n; i++)
        buf_puts(&b, ",?");
    buf_puts(&b, ")");
    return sql_prepare(s, buf_str(&b), &s->put[t], e);
}

static int prepare_all(struct store *s, struct err *e)
{
    int r = exec_all(s, setup, e);

    for (enum table t = 0; t < TABLE_COUNT && r == 0; t++) {
        columns_init(&s->columns[t], tables[t].desc);
        r = create_table(s, t, e);
        if (r == 0)
            r = add_missing_columns(s, t, e);
        if (r == 0)
            r = prepare_put(s, t, e);
    }
    if (r == 0)
        r = exec_all(s, indexes, e);
    if (r == 0)
        r = sql_prepare(s, "SELECT seq FROM cluster WHERE name=? AND instance=?", &s->get_seq, e);
    if (r == 0)
        r = sql_prepare(s, "UPDATE cluster SET seq=?3 WHERE name=?1 AND instance=?2", &s->set_seq,
                        e);
    return r;
}

/* The file is private from its first byte: SQLite would make it with the umask's mode. */
static int create_file(const char *path, struct err *e)
{
    CLEANUP(closep) int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);

    return fd < 0 ? err_errno(e, "open %s", path) : 0;
}

static void closestorep(struct store **s)
{
    store_close(*s);
}

int store_open(const char *path, struct store **ret, struct err *e)
{
    CLEANUP(closestorep) struct store *s = xcalloc(1, sizeof *s);
    int r = create_file(path, e);

    s->path = xstrdup(path);
    if (r < 0)
        return r;
    if (sqlite3_open_v2(path, &s->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL) !=
        SQLITE_OK)
        return sql_error(s, e, "opening");
    sqlite3_busy_timeout(s->db, 5000);
    r = prepare_all(s, e);
    if (r < 0)
        return r;
    *ret = TAKE(s);
    return 0;
}

void store_close(struct store *s)
{
    if (!s)
        return;
    for (enum table t = 0; t < TABLE_COUNT; t++) {
        sqlite3_finalize(s->put[t]);
        columns_fini(&s->columns[t]);
    }
    sqlite3_finalize(s->get_seq);
    sqlite3_finalize(s->set_seq);
    sqlite3_close(s->db);
    free(s->path);
    free(s);
}

static int begin(struct store *s, struct err *e)
{
    int r = 0;

    if (!s->in_transaction)
        r = exec(s, "BEGIN IMMEDIATE", e);
    s->in_transaction = r == 0;
    return r;
}

int store_commit(struct store *s, struct err *e)
{
    int r;

    if (!s->in_transaction)
        return 0;
    r = exec(s, "COMMIT", e);
    if (r < 0)
        sqlite3_exec(s->db, "ROLLBACK", NULL, NULL, NULL);
    s->in_transaction = false;
    return r;
}

static int run(struct store *s, sqlite3_stmt *stmt, struct err *e)
{
    int rc = sqlite3_step(stmt);

    sqlite3_reset(stmt);
    return rc == SQLITE_DONE ? 0 : sql_error(s, e, "writing");
}

static uint64_t last_seq(struct store *s, const char *cluster, uint64_t instance)
{
    uint64_t seq = 0;

    sqlite3_bind_text(s->get_seq, 1, cluster, -1, SQLITE_TRANSIENT);
    sqlite3_bind_int64(s->get_seq, 2, (int64_t)instance);
    if (sqlite3_step(s->get_seq) == SQLITE_ROW)
        seq = (uint64_t)sqlite3_column_int64(s->get_seq, 0);
    sqlite3_reset(s->get_seq);
    return seq;
}

int store_register(struct store *s, const struct acct_register *reg, uint64_t *ret_seq,
                   struct err *e)
{
    CLEANUP(finalizep) sqlite3_stmt *stmt = NULL;
    int r = begin(s, e);

    if (r == 0)
        r = sql_prepare(
            s,
            "INSERT INTO cluster (name,instance,host,port,tres,nodes) VALUES (?1,?2,?3,?4,?5,?6)"
            " ON CONFLICT (name,instance) DO UPDATE SET host=?3,port=?4,tres=?5,nodes=?6",
            &stmt, e);
    if (r < 0)
        return r;
    sqlite3_bind_text(stmt, 1, reg->cluster, -1, SQLITE_TRANSIENT);
    sqlite3_bind_int64(stmt, 2, (int64_t)reg->instance);
    sqlite3_bind_text(stmt, 3, reg->host, -1, SQLITE_TRANSIENT);
    sqlite3_bind_int64(stmt, 4, reg->port);
    sqlite3_bind_text(stmt, 5, reg->tres, -1, SQLITE_TRANSIENT);
    sqlite3_bind_text(stmt, 6, reg->nodes, -1, SQLITE_TRANSIENT);
    r = run(s, stmt, e);
    if (r == 0)
        *ret_seq = last_seq(s, reg->cluster, reg->instance);
    return r;
}

static int put(struct store *s, enum table t, const struct acct_events *batch, uint64_t seq,
               const void *row, struct err *e)
{
    sqlite3_stmt *stmt = s->put[t];

    if (!row)
        return 0;
    sqlite3_bind_text(stmt, 1, batch->cluster, -1, SQLITE_TRANSIENT);
    sqlite3_bind_int64(stmt, 2, (int64_t)batch->instance);
    sqlite3_bind_int64(stmt, 3, (int64_t)seq);
    columns_bind(&s->columns[t], stmt, 4, row);
    return run(s, stmt, e);
}

static int apply_one(struct store *s, const struct acct_events *batch, const struct acct_event *ev,
                     struct err *e)
{
    int r = put(s, TABLE_JOB, batch, ev->seq, ev->job, e);

    if (r == 0)
        r = put(s, TABLE_STEP, batch, ev->seq, ev->step, e);
    if (r == 0)
        r = put(s, TABLE_EVENT, batch, ev->seq, ev->node, e);
    return r;
}

static int save_seq(struct store *s, const struct acct_events *batch, uint64_t seq, struct err *e)
{
    sqlite3_bind_text(s->set_seq, 1, batch->cluster, -1, SQLITE_TRANSIENT);
    sqlite3_bind_int64(s->set_seq, 2, (int64_t)batch->instance);
    sqlite3_bind_int64(s->set_seq, 3, (int64_t)seq);
    return run(s, s->set_seq, e);
}

int store_apply(struct store *s, const struct acct_events *batch, uint64_t *ret_seq, struct err *e)
{
    int r = begin(s, e);
    uint64_t seq = last_seq(s, batch->cluster, batch->instance), before = seq;

    for (uint32_t i = 0; i < batch->events.n && r == 0; i++) {
        const struct acct_event *ev = &batch->events.v[i];

        if (ev->seq <= seq) {
            s->repeats++;
            continue;
        }
        if (ev->seq != seq + 1)
            break;
        r = apply_one(s, batch, ev, e);
        seq = ev->seq;
        s->events++;
    }
    if (r == 0 && seq != before)
        r = save_seq(s, batch, seq, e);
    if (r == 0)
        *ret_seq = seq;
    return r;
}

void store_stats(struct store *s, struct arena *a, struct acct_stats *ret)
{
    CLEANUP(finalizep) sqlite3_stmt *stmt = NULL;

    *ret = (struct acct_stats){ .events = s->events,
                                .repeats = s->repeats,
                                .store = arena_printf(a, "sqlite %s", s->path) };
    if (sql_prepare(s, "SELECT count(*) FROM job", &stmt, NULL) == 0 &&
        sqlite3_step(stmt) == SQLITE_ROW)
        ret->jobs = (uint64_t)sqlite3_column_int64(stmt, 0);
}
