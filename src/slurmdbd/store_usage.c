/* Usage on disk: sums in, with the events; sums out, for sreport. */
#include "slurmdbd/store_impl.h"

#include "base/cleanup.h"

#include <string.h>

static int make_tables(struct store *s, struct err *e)
{
    const char *number = sql_type(s->sql, SQL_NUMBER), *key = sql_type(s->sql, SQL_KEY);
    const char *const used[] = { "CREATE TABLE IF NOT EXISTS used (cluster ",
                                 key,
                                 " NOT NULL,period ",
                                 number,
                                 " NOT NULL,`start` ",
                                 number,
                                 " NOT NULL,account ",
                                 key,
                                 " NOT NULL,`user` ",
                                 key,
                                 " NOT NULL,wckey ",
                                 key,
                                 " NOT NULL,qos ",
                                 key,
                                 " NOT NULL,tres ",
                                 key,
                                 " NOT NULL,seconds ",
                                 number,
                                 " NOT NULL,PRIMARY KEY (cluster,period,`start`,account,`user`,"
                                 "wckey,qos,tres))",
                                 NULL };
    const char *const sizes[] = { "CREATE TABLE IF NOT EXISTS cluster_size (cluster ",
                                  key,
                                  " NOT NULL,`time` ",
                                  number,
                                  " NOT NULL,tres ",
                                  sql_type(s->sql, SQL_TEXT),
                                  ",PRIMARY KEY (cluster,`time`))",
                                  NULL };
    const char *const *const tables[] = { used, sizes };
    int r = 0;

    for (unsigned t = 0; t < 2 && r == 0; t++) {
        CLEANUP(buf_fini) struct buf b = { 0 };

        for (unsigned i = 0; tables[t][i]; i++)
            buf_puts(&b, tables[t][i]);
        r = sql_exec(s->sql, buf_str(&b), e);
    }
    return r;
}

int store_prepare_usage(struct store *s, struct err *e)
{
    CLEANUP(buf_fini) struct buf b = { 0 };
    int r = make_tables(s, e);

    if (r < 0)
        return r;
    buf_puts(&b, "INSERT INTO used (cluster,period,`start`,account,`user`,wckey,qos,tres,seconds)"
                 " VALUES (?,?,?,?,?,?,?,?,?)");
    buf_puts(&b, s->sql->engine->add_seconds);
    r = sql_prepare(s->sql, buf_str(&b), &s->add_usage, e);
    if (r == 0)
        r = sql_prepare(s->sql,
                        "SELECT `start`,`end`,eligible,suspended_s,req_cpus,tres_alloc,account,"
                        "`user`,wckey,qos FROM job WHERE cluster=? AND instance=? AND db_id=?",
                        &s->get_used, e);
    return r;
}

/* The ended job as it was counted before, if it was. */
static int take_back(struct store *s, const struct acct_events *batch, uint64_t db_id,
                     struct err *e)
{
    struct acct_job was = { .db_id = db_id };
    int r;

    sql_bind_text(s->get_used, 0, batch->cluster);
    sql_bind_number(s->get_used, 1, (int64_t)batch->instance);
    sql_bind_number(s->get_used, 2, (int64_t)db_id);
    r = sql_step(s->get_used, e);
    if (r == 1) {
        was.start = sql_number(s->get_used, 0);
        was.end = sql_number(s->get_used, 1);
        was.eligible = sql_number(s->get_used, 2);
        was.suspended_s = sql_number(s->get_used, 3);
        was.req_cpus = (uint32_t)sql_number(s->get_used, 4);
        was.tres_alloc = sql_text(s->get_used, 5);
        was.account = sql_text(s->get_used, 6);
        was.user = sql_text(s->get_used, 7);
        was.wckey = sql_text(s->get_used, 8);
        was.qos = sql_text(s->get_used, 9);
        usage_job(&s->usage, batch->cluster, &was, -1);
    }
    sql_reset(s->get_used);
    return r < 0 ? r : 0;
}

int store_count_job(struct store *s, const struct acct_events *batch, const struct acct_job *job,
                    struct err *e)
{
    int r;

    if (!job || !job->end)
        return 0;
    r = take_back(s, batch, job->db_id, e);
    usage_job(&s->usage, batch->cluster, job, 1);
    return r;
}

static int add_cell(struct store *s, const struct usage_cell *c, struct err *e)
{
    sql_bind_text(s->add_usage, 0, c->cluster);
    sql_bind_number(s->add_usage, 1, c->period);
    sql_bind_number(s->add_usage, 2, c->start);
    sql_bind_text(s->add_usage, 3, c->account);
    sql_bind_text(s->add_usage, 4, c->user);
    sql_bind_text(s->add_usage, 5, c->wckey);
    sql_bind_text(s->add_usage, 6, c->qos);
    sql_bind_text(s->add_usage, 7, c->tres);
    sql_bind_number(s->add_usage, 8, c->seconds);
    return sql_run(s->add_usage, e);
}

int store_flush_usage(struct store *s, struct err *e)
{
    const char *key;
    uint32_t at = 0;
    void *cell;
    int r = 0;

    while (r == 0 && smap_next(&s->usage.at, &at, &key, &cell))
        if (((struct usage_cell *)cell)->seconds)
            r = add_cell(s, cell, e);
    usage_fini(&s->usage);
    return r;
}

int store_note_size(struct store *s, const char *cluster, int64_t now, const char *tres,
                    struct err *e)
{
    CLEANUP(sql_finishp) struct sql_stmt *last = NULL;
    CLEANUP(sql_finishp) struct sql_stmt *put = NULL;
    int r = sql_prepare(s->sql,
                        "SELECT tres FROM cluster_size WHERE cluster=?"
                        " ORDER BY `time` DESC LIMIT 1",
                        &last, e);

    if (r < 0 || !strchr(tres, '='))
        return r;
    sql_bind_text(last, 0, cluster);
    r = sql_step(last, e);
    if (r < 0 || (r == 1 && strcmp(sql_text(last, 0), tres) == 0))
        return r < 0 ? r : 0;
    sql_reset(last);
    r = sql_prepare(s->sql, "REPLACE INTO cluster_size (cluster,`time`,tres) VALUES (?,?,?)", &put,
                    e);
    if (r < 0)
        return r;
    sql_bind_text(put, 0, cluster);
    sql_bind_number(put, 1, now);
    sql_bind_text(put, 2, tres);
    return sql_run(put, e);
}
