/* Message rows as table columns; the idea is in rows.h. */
#include "slurmdbd/rows.h"

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

        assert(number_is(f) || f->kind == KIND_STR || f->kind == KIND_ONE);
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

const char *column_type(const struct column *c)
{
    return c->field->kind == KIND_STR ? "TEXT" : "INTEGER";
}

void columns_list(const struct columns *c, const char *prefix, struct buf *out)
{
    for (unsigned i = 0; i < c->n; i++) {
        if (i)
            buf_putc(out, ',');
        buf_puts(out, prefix);
        buf_putc(out, '`'); /* some members are SQL keywords; both engines take backticks */
        buf_puts(out, c->v[i].name);
        buf_putc(out, '`');
    }
}

static void bind_value(sqlite3_stmt *s, int at, const struct field *f, const void *p)
{
    const char *text = f->kind == KIND_STR ? *(const char *const *)p : NULL;
    uint64_t v = 0;

    if (f->kind == KIND_STR)
        sqlite3_bind_text(s, at, text ? text : "", -1, SQLITE_TRANSIENT);
    else if (number_get(f, p, &v) || !number_is_optional(f))
        sqlite3_bind_int64(s, at, (int64_t)v);
    else
        sqlite3_bind_null(s, at);
}

void columns_bind(const struct columns *c, sqlite3_stmt *s, int first, const void *msg)
{
    for (unsigned i = 0; i < c->n; i++) {
        const struct column *col = &c->v[i];
        const char *base = msg;

        if (col->outer)
            base = *(const char *const *)(base + col->outer->offset);
        if (base)
            bind_value(s, first + (int)i, col->field, base + col->field->offset);
        else
            sqlite3_bind_null(s, first + (int)i);
    }
}

static void read_value(sqlite3_stmt *s, int at, const struct field *f, struct arena *a, void *p)
{
    if (f->kind == KIND_STR)
        *(const char **)p = arena_strdup(a, (const char *)sqlite3_column_text(s, at));
    else
        number_set(f, p, (uint64_t)sqlite3_column_int64(s, at));
}

/* A NULL leaves the member as cleared: not set, or "" for text. */
void columns_read(const struct columns *c, sqlite3_stmt *s, int first, struct arena *a, void *ret)
{
    memset(ret, 0, c->desc->size);
    for (unsigned i = 0; i < c->n; i++) {
        const struct column *col = &c->v[i];
        bool is_null = sqlite3_column_type(s, first + (int)i) == SQLITE_NULL;
        char *base = ret;

        if (is_null && (col->outer || col->field->kind != KIND_STR))
            continue;
        if (col->outer) {
            void **sub = (void **)(base + col->outer->offset);
            if (!*sub)
                *sub = arena_alloc(a, col->outer->sub->size);
            base = *sub;
        }
        read_value(s, first + (int)i, col->field, a, base + col->field->offset);
    }
}
