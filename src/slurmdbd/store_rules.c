/* The rule book on disk: every row of the book is a row of a table, and every change leaves a line
 * in the table of transactions. */
#include "slurmdbd/store_impl.h"

#include "base/cleanup.h"

#include <string.h>

static int load_kind(struct store *s, enum rule_kind kind, struct book *ret, struct err *e)
{
    CLEANUP(sql_finishp) struct sql_stmt *stmt = NULL;
    CLEANUP(buf_fini) struct buf b = { 0 };
    unsigned t = TABLE_RULES + kind;
    int r;

    buf_puts(&b, "SELECT version,");
    columns_list(&s->columns[t], "", &b);
    buf_puts(&b, " FROM ");
    buf_puts(&b, rule_tables[kind].name);
    buf_puts(&b, desc_field(rule_tables[kind].desc, "id") ? " ORDER BY id" : " ORDER BY name");
    r = sql_prepare(s->sql, buf_str(&b), &stmt, e);
    if (r < 0)
        return r;
    while ((r = sql_step(stmt, e)) == 1) {
        void *row;

        arena_reset(&s->scratch);
        row = arena_alloc(&s->scratch, rule_tables[kind].desc->size);
        columns_read(&s->columns[t], stmt, 1, &s->scratch, row);
        book_put(ret, kind, row, (uint64_t)sql_number(stmt, 0));
    }
    return r;
}

int store_load_book(struct store *s, struct book *ret, struct err *e)
{
    int r = 0;

    for (unsigned k = 0; k < RULE_KINDS && r == 0; k++)
        r = load_kind(s, k, ret, e);
    return r;
}

int store_prepare_rules(struct store *s, struct err *e)
{
    CLEANUP(sql_finishp) struct sql_stmt *stmt = NULL;
    int r = sql_prepare(s->sql, "SELECT MAX(id) FROM txn", &stmt, e);

    if (r == 0)
        r = sql_step(stmt, e);
    if (r == 1 && !sql_is_null(stmt, 0))
        s->last_txn = (uint64_t)sql_number(stmt, 0);
    return r < 0 ? r : 0;
}

static int save_edit(struct store *s, const struct edit *edit, uint64_t version, struct err *e)
{
    unsigned t = TABLE_RULES + edit->kind;

    sql_bind_number(s->put[t], 0, (int64_t)version);
    arena_reset(&s->scratch);
    columns_bind(&s->columns[t], s->put[t], 1, edit->msg, &s->scratch);
    return sql_run(s->put[t], e);
}

static int save_txn(struct store *s, const struct rule_txn *txn, struct err *e)
{
    struct rule_txn row = *txn;

    row.id = ++s->last_txn;
    arena_reset(&s->scratch);
    columns_bind(&s->columns[TABLE_TXN], s->put[TABLE_TXN], 0, &row, &s->scratch);
    return sql_run(s->put[TABLE_TXN], e);
}

int store_save_plan(struct store *s, const struct plan *p, uint64_t version, struct err *e)
{
    int r = store_begin(s, e);

    for (unsigned i = 0; i < p->n && r == 0; i++)
        r = save_edit(s, &p->v[i], version, e);
    for (unsigned i = 0; i < p->txn_count && r == 0; i++)
        r = save_txn(s, &p->txns[i], e);
    return store_spoil(s, r, e);
}

static bool is_wanted(const struct txn_query *q, const struct rule_txn *row)
{
    bool actor = q->actors->n == 0, action = q->actions->n == 0;

    for (uint32_t i = 0; i < q->actors->n; i++)
        actor |= strcmp(q->actors->v[i], row->actor) == 0;
    for (uint32_t i = 0; i < q->actions->n; i++)
        action |= strcasecmp(q->actions->v[i], row->action) == 0;
    return actor && action;
}

int store_txns(struct store *s, const struct txn_query *q, struct arena *a, struct rule_book *ret,
               struct err *e)
{
    CLEANUP(sql_finishp) struct sql_stmt *stmt = NULL;
    CLEANUP(buf_fini) struct buf b = { 0 };
    uint32_t cap = 0;
    int r;

    buf_puts(&b, "SELECT ");
    columns_list(&s->columns[TABLE_TXN], "", &b);
    buf_puts(&b, " FROM txn WHERE `time`>=? AND `time`<=? ORDER BY id LIMIT 100000");
    r = sql_prepare(s->sql, buf_str(&b), &stmt, e);
    if (r < 0)
        return r;
    sql_bind_number(stmt, 0, q->start);
    sql_bind_number(stmt, 1, q->end ? q->end : INT64_MAX);
    while ((r = sql_step(stmt, e)) == 1) {
        struct rule_txn row;

        columns_read(&s->columns[TABLE_TXN], stmt, 0, a, &row);
        if (!is_wanted(q, &row))
            continue;
        if (ret->txns.n == cap) {
            struct rule_txn *more = arena_calloc(a, cap ? cap * 2 : 32, sizeof *more);

            if (cap)
                memcpy(more, ret->txns.v, cap * sizeof *more);
            ret->txns.v = more;
            cap = cap ? cap * 2 : 32;
        }
        ret->txns.v[ret->txns.n++] = row;
    }
    return r;
}
