/* The archive: tables made from message rows, one transaction a turn (store.h). */
#include "slurmdbd/store_impl.h"

#include "base/cleanup.h"
#include "base/xalloc.h"

#include <errno.h>
#include <string.h>

static const struct table tables[TABLE_RULES] = {
    [TABLE_JOB] = { "job",
                    { "cluster:k", "instance:n", "seq:n", "life:n" },
                    &desc_acct_job,
                    { "cluster", "instance", "db_id" },
                    "user" },
    [TABLE_STEP] = { "step",
                     { "cluster:k", "instance:n", "seq:n" },
                     &desc_acct_step,
                     { "cluster", "instance", "db_id", "step_id" } },
    [TABLE_EVENT] = { "node_event",
                      { "cluster:k", "instance:n", "seq:n" },
                      &desc_acct_node_event,
                      { "cluster", "instance", "seq" } },
    [TABLE_TXN] = { "txn", { NULL }, &desc_rule_txn, { "id" } },
};

const struct table *store_table(unsigned id)
{
    return id < TABLE_RULES ? &tables[id] : &rule_tables[id - TABLE_RULES];
}

static int make_cluster_table(struct store *s, struct err *e)
{
    CLEANUP(buf_fini) struct buf b = { 0 };
    const char *number = sql_type(s->sql, SQL_NUMBER), *text = sql_type(s->sql, SQL_TEXT);

    const char *const pieces[] = { "CREATE TABLE IF NOT EXISTS cluster (name ",
                                   sql_type(s->sql, SQL_KEY),
                                   " NOT NULL,instance ",
                                   number,
                                   " NOT NULL,seq ",
                                   number,
                                   " NOT NULL,host ",
                                   text,
                                   ",port ",
                                   number,
                                   ",tres ",
                                   text,
                                   ",nodes ",
                                   text,
                                   ",PRIMARY KEY (name,instance))" };

    for (unsigned i = 0; i < sizeof pieces / sizeof *pieces; i++)
        buf_puts(&b, pieces[i]);
    return sql_exec(s->sql, buf_str(&b), e);
}

/* Text columns of an index: at most that many bytes, where the engine wants to know. */
static const struct {
    const char *name, *on;
} indexes[] = {
    { "job_by_id", "job (job_id)" },
    { "job_by_array", "job (array_job_id)" },
    { "job_by_uid", "job (uid, life, submit)" },
    { "job_by_user", "job (`user`, life, submit)" },
    { "job_by_life", "job (life, submit)" },
    { "job_by_end", "job (`end`, submit)" },
};

/* Jobs that were there in a window: those of a short life were submitted shortly before it or in
 * it, so classes of life bound what must be looked at, however long the longest job was. */
#define LIFE_SHORTEST_S 64ll
#define LIFE_OPEN 15u

static unsigned life_of(const struct acct_job *job)
{
    int64_t life = job->end - job->submit;
    unsigned class = 0;

    if (!job->end)
        return LIFE_OPEN;
    while (class < LIFE_OPEN - 1 && life >= LIFE_SHORTEST_S << (2 * class))
        class ++;
    return class;
}

static int make_lives(struct store *s, struct err *e)
{
    CLEANUP(sql_finishp) struct sql_stmt *put = NULL;
    CLEANUP(buf_fini) struct buf b = { 0 };
    const char *number = sql_type(s->sql, SQL_NUMBER);
    const char *const pieces[] = { "CREATE TABLE IF NOT EXISTS life (class ", number,
                                   " NOT NULL,seconds ", number, " NOT NULL,PRIMARY KEY (class))" };
    int r;

    for (unsigned i = 0; i < sizeof pieces / sizeof *pieces; i++)
        buf_puts(&b, pieces[i]);
    r = sql_exec(s->sql, buf_str(&b), e);
    if (r == 0)
        r = sql_prepare(s->sql, "REPLACE INTO life (class,seconds) VALUES (?,?)", &put, e);
    for (unsigned class = 0; class <= LIFE_OPEN && r == 0; class ++) {
        sql_bind_number(put, 0, class);
        sql_bind_number(put, 1, class < LIFE_OPEN - 1 ? LIFE_SHORTEST_S << (2 * class) : 1ll << 60);
        r = sql_run(put, e);
    }
    return r;
}

static int make_indexes(struct store *s, struct err *e)
{
    int r = 0;

    for (unsigned i = 0; i < sizeof indexes / sizeof *indexes && r == 0; i++) {
        CLEANUP(buf_fini) struct buf b = { 0 };

        buf_puts(&b, "CREATE INDEX IF NOT EXISTS ");
        buf_puts(&b, indexes[i].name);
        buf_puts(&b, " ON ");
        buf_puts(&b, indexes[i].on);
        r = sql_exec(s->sql, buf_str(&b), e);
    }
    return r;
}

static int prepare_all(struct store *s, struct err *e)
{
    int r = make_cluster_table(s, e);

    for (unsigned t = 0; t < TABLE_COUNT && r == 0; t++) {
        columns_init(&s->columns[t], store_table(t)->desc);
        r = table_make(s->sql, store_table(t), &s->columns[t], e);
        if (r == 0)
            r = table_prepare_put(s->sql, store_table(t), &s->columns[t], &s->put[t], e);
    }
    if (r == 0)
        r = make_lives(s, e);
    if (r == 0)
        r = make_indexes(s, e);
    if (r == 0)
        r = sql_prepare(s->sql, "SELECT seq FROM cluster WHERE name=? AND instance=?", &s->get_seq,
                        e);
    if (r == 0)
        r = sql_prepare(s->sql, "UPDATE cluster SET seq=? WHERE name=? AND instance=?", &s->set_seq,
                        e);
    if (r == 0)
        r = sql_prepare(s->sql,
                        "REPLACE INTO cluster (name,instance,seq,host,port,tres,nodes)"
                        " VALUES (?,?,?,?,?,?,?)",
                        &s->put_cluster, e);
    if (r == 0)
        r = store_prepare_rules(s, e);
    return r == 0 ? store_prepare_usage(s, e) : r;
}

static void closestorep(struct store **s)
{
    store_close(*s);
}

int store_open(const struct sql_place *at, struct store **ret, struct err *e)
{
    CLEANUP(closestorep) struct store *s = xcalloc(1, sizeof *s);
    int r = sql_open(at, &s->sql, e);

    if (r == 0)
        r = prepare_all(s, e);
    if (r == 0)
        *ret = TAKE(s);
    return r;
}

void store_close(struct store *s)
{
    if (!s)
        return;
    for (unsigned t = 0; t < TABLE_COUNT; t++) {
        sql_finish(s->put[t]);
        columns_fini(&s->columns[t]);
    }
    sql_finish(s->get_seq);
    sql_finish(s->set_seq);
    sql_finish(s->put_cluster);
    sql_finish(s->add_usage);
    sql_finish(s->get_used);
    usage_fini(&s->usage);
    sql_close(s->sql);
    arena_fini(&s->scratch);
    free(s);
}

int store_begin(struct store *s, struct err *e)
{
    int r = 0;

    if (!s->in_transaction)
        r = sql_exec(s->sql, "BEGIN", e);
    s->in_transaction = r == 0;
    return r;
}

int store_commit(struct store *s, struct err *e)
{
    int r;

    if (!s->in_transaction && !s->sql->is_lost)
        return 0;
    if (!s->is_spoilt)
        store_spoil(s, store_flush_usage(s, e), e);
    usage_fini(&s->usage);
    r = s->is_spoilt || s->sql->is_lost ? err_set(e, EIO, "%s: %s", s->sql->where, s->why.text)
                                        : sql_exec(s->sql, "COMMIT", e);
    if (r < 0)
        sql_exec(s->sql, "ROLLBACK", NULL);
    s->in_transaction = s->is_spoilt = false;
    return r;
}

int store_spoil(struct store *s, int r, const struct err *e)
{
    if (r < 0 && !s->is_spoilt) {
        s->is_spoilt = true;
        s->why = e ? *e : (struct err){ .text = "a write failed" };
    }
    return r;
}

/* ---- events */

static int last_seq(struct store *s, const char *cluster, uint64_t instance, uint64_t *ret,
                    struct err *e)
{
    int r;

    sql_bind_text(s->get_seq, 0, cluster);
    sql_bind_number(s->get_seq, 1, (int64_t)instance);
    r = sql_step(s->get_seq, e);
    *ret = r == 1 ? (uint64_t)sql_number(s->get_seq, 0) : 0;
    sql_reset(s->get_seq);
    return r < 0 ? r : 0;
}

int store_register(struct store *s, const struct acct_register *reg, uint64_t *ret_seq,
                   struct err *e)
{
    int r = store_begin(s, e);

    if (r == 0)
        r = last_seq(s, reg->cluster, reg->instance, ret_seq, e);
    if (r < 0)
        return store_spoil(s, r, e);
    sql_bind_text(s->put_cluster, 0, reg->cluster);
    sql_bind_number(s->put_cluster, 1, (int64_t)reg->instance);
    sql_bind_number(s->put_cluster, 2, (int64_t)*ret_seq);
    sql_bind_text(s->put_cluster, 3, reg->host);
    sql_bind_number(s->put_cluster, 4, reg->port);
    sql_bind_text(s->put_cluster, 5, reg->tres);
    sql_bind_text(s->put_cluster, 6, reg->nodes);
    return store_spoil(s, sql_run(s->put_cluster, e), e);
}

static int put(struct store *s, enum table_id t, const struct acct_events *batch, uint64_t seq,
               const void *row, struct err *e)
{
    struct sql_stmt *stmt = s->put[t];

    if (!row)
        return 0;
    sql_bind_text(stmt, 0, batch->cluster);
    sql_bind_number(stmt, 1, (int64_t)batch->instance);
    sql_bind_number(stmt, 2, (int64_t)seq);
    if (t == TABLE_JOB)
        sql_bind_number(stmt, 3, life_of(row));
    arena_reset(&s->scratch);
    columns_bind(&s->columns[t], stmt, t == TABLE_JOB ? 4 : 3, row, &s->scratch);
    return sql_run(stmt, e);
}

static int apply_one(struct store *s, const struct acct_events *batch, const struct acct_event *ev,
                     struct err *e)
{
    int r = store_count_job(s, batch, ev->job, e);

    if (r == 0)
        r = put(s, TABLE_JOB, batch, ev->seq, ev->job, e);
    if (r == 0)
        r = put(s, TABLE_STEP, batch, ev->seq, ev->step, e);
    if (r == 0)
        r = put(s, TABLE_EVENT, batch, ev->seq, ev->node, e);
    return r;
}

static int save_seq(struct store *s, const struct acct_events *batch, uint64_t seq, struct err *e)
{
    sql_bind_number(s->set_seq, 0, (int64_t)seq);
    sql_bind_text(s->set_seq, 1, batch->cluster);
    sql_bind_number(s->set_seq, 2, (int64_t)batch->instance);
    return sql_run(s->set_seq, e);
}

int store_apply(struct store *s, const struct acct_events *batch, uint64_t *ret_seq, struct err *e)
{
    uint64_t seq = 0, before;
    int r = store_begin(s, e);

    if (r == 0)
        r = last_seq(s, batch->cluster, batch->instance, &seq, e);
    before = seq;
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
    return store_spoil(s, r, e);
}

void store_stats(struct store *s, struct arena *a, struct acct_stats *ret)
{
    CLEANUP(sql_finishp) struct sql_stmt *stmt = NULL;

    *ret = (struct acct_stats){ .events = s->events,
                                .repeats = s->repeats,
                                .store = arena_strdup(a, s->sql->where) };
    if (sql_prepare(s->sql, "SELECT count(*) FROM job", &stmt, NULL) == 0 &&
        sql_step(stmt, NULL) == 1)
        ret->jobs = (uint64_t)sql_number(stmt, 0);
}
