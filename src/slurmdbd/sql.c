/* The door itself: which engine, and one line for each call (sql.h). */
#include "slurmdbd/sql.h"

#include <stddef.h>

int sql_open(const struct sql_place *at, struct sql **ret, struct err *e)
{
    return at->host ? sql_mysql_open(at, ret, e) : sql_sqlite_open(at, ret, e);
}

void sql_close(struct sql *s)
{
    if (s)
        s->engine->close(s);
}

int sql_exec(struct sql *s, const char *text, struct err *e)
{
    return s->engine->exec(s, text, e);
}

int sql_prepare(struct sql *s, const char *text, struct sql_stmt **ret, struct err *e)
{
    return s->engine->prepare(s, text, ret, e);
}

bool sql_has_column(struct sql *s, const char *table, const char *column)
{
    return s->engine->has_column(s, table, column);
}

const char *sql_type(const struct sql *s, enum sql_type type)
{
    return s->engine->types[type];
}

void sql_bind_number(struct sql_stmt *st, unsigned at, int64_t v)
{
    st->sql->engine->bind_number(st, at, v);
}

void sql_bind_real(struct sql_stmt *st, unsigned at, double v)
{
    st->sql->engine->bind_real(st, at, v);
}

void sql_bind_text(struct sql_stmt *st, unsigned at, const char *v)
{
    st->sql->engine->bind_text(st, at, v);
}

int sql_step(struct sql_stmt *st, struct err *e)
{
    return st->sql->engine->step(st, e);
}

int sql_run(struct sql_stmt *st, struct err *e)
{
    int r = sql_step(st, e);

    sql_reset(st);
    return r < 0 ? r : 0;
}

void sql_reset(struct sql_stmt *st)
{
    st->sql->engine->reset(st);
}

void sql_finish(struct sql_stmt *st)
{
    if (st)
        st->sql->engine->finish(st);
}

void sql_finishp(struct sql_stmt **st)
{
    sql_finish(*st);
}

bool sql_is_null(struct sql_stmt *st, unsigned at)
{
    return st->sql->engine->is_null(st, at);
}

int64_t sql_number(struct sql_stmt *st, unsigned at)
{
    return st->sql->engine->number(st, at);
}

double sql_real(struct sql_stmt *st, unsigned at)
{
    return st->sql->engine->real(st, at);
}

const char *sql_text(struct sql_stmt *st, unsigned at)
{
    return st->sql->engine->text(st, at);
}
