/* Message rows as table columns; the idea is in rows.h. */
#include "slurmdbd/rows.h"

#include "base/cleanup.h"
#include "base/xalloc.h"
#include "wire/number.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void add(struct columns *c, const struct field *outer, const struct field *f)
{
    struct column *col;

    c->v = xrealloc(c->v, c->n + 1, sizeof *c->v);
    col = &c->v[c->n++];
    *col = (struct column){ .outer = outer, .field = f };
    snprintf(col->name, sizeof col->name, "%s%s%s", outer ? outer->name : "", outer ? "_" : "",
             f->name);
}

void columns_init(struct columns *c, const struct desc *d)
{
    const struct field *fields = d->fields();

    *c = (struct columns){ .desc = d };
    for (unsigned i = 0; i < d->count; i++) {
        const struct field *f = &fields[i];

        assert(f->kind != KIND_LIST && f->kind != KIND_BYTES && f->kind != KIND_U32S);
        if (f->kind != KIND_ONE) {
            add(c, NULL, f);
            continue;
        }
        for (unsigned k = 0; k < f->sub->count; k++)
            add(c, f, &f->sub->fields()[k]);
    }
}

void columns_fini(struct columns *c)
{
    free(c->v);
    *c = (struct columns){ 0 };
}

static bool is_key(const struct table *t, const char *name)
{
    for (unsigned i = 0; t->key[i]; i++)
        if (strcmp(t->key[i], name) == 0)
            return true;
    return t->short_text && strcmp(t->short_text, name) == 0;
}

static enum sql_type type_of(const struct table *t, const struct column *c)
{
    switch ((enum kind)c->field->kind) {
    case KIND_STR:
        return is_key(t, c->name) ? SQL_KEY : SQL_TEXT;
    case KIND_STRS:
        return SQL_TEXT;
    case KIND_F64:
        return SQL_REAL;
    default:
        return SQL_NUMBER;
    }
}

static void put_name(struct buf *out, const char *name)
{
    buf_putc(out, '`'); /* some members are SQL keywords; both engines take backticks */
    buf_puts(out, name);
    buf_putc(out, '`');
}

void columns_list(const struct columns *c, const char *prefix, struct buf *out)
{
    for (unsigned i = 0; i < c->n; i++) {
        if (i)
            buf_putc(out, ',');
        buf_puts(out, prefix);
        put_name(out, c->v[i].name);
    }
}

static const char *joined(const struct strs *words, struct arena *a)
{
    CLEANUP(buf_fini) struct buf b = { 0 };

    for (uint32_t i = 0; i < words->n; i++) {
        buf_puts(&b, i ? "," : "");
        buf_puts(&b, words->v[i]);
    }
    return arena_strdup(a, buf_str(&b));
}

static void split(const char *text, struct arena *a, struct strs *ret)
{
    uint32_t n = 1;

    *ret = (struct strs){ 0 };
    if (!*text)
        return;
    for (const char *p = text; *p; p++)
        n += *p == ',';
    ret->v = arena_calloc(a, n, sizeof *ret->v);
    while (ret->n < n) {
        size_t len = strcspn(text, ",");

        ret->v[ret->n++] = arena_strndup(a, text, len);
        text += len + 1;
    }
}

static void bind_value(struct sql_stmt *s, unsigned at, const struct column *c, const void *p,
                       struct arena *a)
{
    const struct field *f = c->field;
    const char *text = f->kind == KIND_STR ? *(const char *const *)p : NULL;
    uint64_t v = 0;

    if (f->kind == KIND_STR)
        sql_bind_text(s, at, text ? text : "");
    else if (f->kind == KIND_STRS)
        sql_bind_text(s, at, joined(p, a));
    else if (f->kind == KIND_F64)
        sql_bind_real(s, at, *(const double *)p);
    else if (number_get(f, p, &v) || !number_is_optional(f))
        sql_bind_number(s, at, (int64_t)v);
    else
        sql_bind_text(s, at, NULL);
}

void columns_bind(const struct columns *c, struct sql_stmt *s, unsigned first, const void *msg,
                  struct arena *a)
{
    for (unsigned i = 0; i < c->n; i++) {
        const struct column *col = &c->v[i];
        const char *base = msg;

        if (col->outer)
            base = *(const char *const *)(base + col->outer->offset);
        if (base)
            bind_value(s, first + i, col, base + col->field->offset, a);
        else
            sql_bind_text(s, first + i, NULL);
    }
}

static void read_value(struct sql_stmt *s, unsigned at, const struct field *f, struct arena *a,
                       void *p)
{
    if (f->kind == KIND_STR)
        *(const char **)p = arena_strdup(a, sql_text(s, at));
    else if (f->kind == KIND_STRS)
        split(sql_text(s, at), a, p);
    else if (f->kind == KIND_F64)
        *(double *)p = sql_real(s, at);
    else
        number_set(f, p, (uint64_t)sql_number(s, at));
}

/* A NULL leaves the member as cleared: not set, or "" for text. */
void columns_read(const struct columns *c, struct sql_stmt *s, unsigned first, struct arena *a,
                  void *ret)
{
    memset(ret, 0, c->desc->size);
    for (unsigned i = 0; i < c->n; i++) {
        const struct column *col = &c->v[i];
        char *base = ret;

        if (sql_is_null(s, first + i) && (col->outer || col->field->kind != KIND_STR))
            continue;
        if (col->outer) {
            void **sub = (void **)(base + col->outer->offset);
            if (!*sub)
                *sub = arena_alloc(a, col->outer->sub->size);
            base = *sub;
        }
        read_value(s, first + i, col->field, a, base + col->field->offset);
    }
}

/* ---- tables */

static void put_before(const struct table *t, struct sql *s, struct buf *b)
{
    for (unsigned i = 0; i < sizeof t->before / sizeof *t->before && t->before[i]; i++) {
        const char *colon = strchr(t->before[i], ':');

        buf_printf(b, "`%.*s`", (int)(colon - t->before[i]), t->before[i]);
        if (s) {
            buf_putc(b, ' ');
            buf_puts(b, sql_type(s, colon[1] == 'k' ? SQL_KEY : SQL_NUMBER));
            buf_puts(b, " NOT NULL");
        }
        buf_putc(b, ',');
    }
}

static int create_table(struct sql *s, const struct table *t, const struct columns *c,
                        struct err *e)
{
    CLEANUP(buf_fini) struct buf b = { 0 };

    buf_puts(&b, "CREATE TABLE IF NOT EXISTS ");
    put_name(&b, t->name);
    buf_puts(&b, " (");
    put_before(t, s, &b);
    for (unsigned i = 0; i < c->n; i++) {
        put_name(&b, c->v[i].name);
        buf_putc(&b, ' ');
        buf_puts(&b, sql_type(s, type_of(t, &c->v[i])));
        buf_putc(&b, ',');
    }
    buf_puts(&b, "PRIMARY KEY (");
    for (unsigned i = 0; t->key[i]; i++) {
        buf_puts(&b, i ? "," : "");
        put_name(&b, t->key[i]);
    }
    buf_puts(&b, "))");
    return sql_exec(s, buf_str(&b), e);
}

int table_make(struct sql *s, const struct table *t, const struct columns *c, struct err *e)
{
    int r = create_table(s, t, c, e);

    for (unsigned i = 0; i < c->n && r == 0; i++) {
        CLEANUP(buf_fini) struct buf b = { 0 };

        if (sql_has_column(s, t->name, c->v[i].name))
            continue;
        buf_puts(&b, "ALTER TABLE ");
        put_name(&b, t->name);
        buf_puts(&b, " ADD COLUMN ");
        put_name(&b, c->v[i].name);
        buf_putc(&b, ' ');
        buf_puts(&b, sql_type(s, type_of(t, &c->v[i])));
        r = sql_exec(s, buf_str(&b), e);
    }
    return r;
}

int table_prepare_put(struct sql *s, const struct table *t, const struct columns *c,
                      struct sql_stmt **ret, struct err *e)
{
    CLEANUP(buf_fini) struct buf b = { 0 };
    unsigned before = 0;

    while (before < sizeof t->before / sizeof *t->before && t->before[before])
        before++;
    buf_puts(&b, "REPLACE INTO ");
    put_name(&b, t->name);
    buf_puts(&b, " (");
    put_before(t, NULL, &b);
    columns_list(c, "", &b);
    buf_puts(&b, ") VALUES (?");
    for (unsigned i = 1; i < before + c->n; i++)
        buf_puts(&b, ",?");
    buf_puts(&b, ")");
    return sql_prepare(s, buf_str(&b), ret, e);
}
