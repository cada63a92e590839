/* Message rows as table columns; the idea is in rows.h. */
#include "slurmdbd/rows.h"

#include "base/xalloc.h"

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

        assert(f->kind != KIND_LIST && f->kind != KIND_STRS && f->kind != KIND_U32S &&
               f->kind != KIND_BYTES);
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
    return c->field->kind == KIND_STR ? "TEXT" : c->field->kind == KIND_F64 ? "REAL" : "INTEGER";
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

static void bind_optional(sqlite3_stmt *s, int at, bool set, int64_t v)
{
    if (set)
        sqlite3_bind_int64(s, at, v);
    else
        sqlite3_bind_null(s, at);
}

static void bind_value(sqlite3_stmt *s, int at, const struct field *f, const void *p)
{
    const char *text;

    switch ((enum kind)f->kind) {
    case KIND_STR:
        text = *(const char *const *)p;
        sqlite3_bind_text(s, at, text ? text : "", -1, SQLITE_TRANSIENT);
        break;
    case KIND_BOOL:
        sqlite3_bind_int64(s, at, *(const bool *)p);
        break;
    case KIND_U32:
        sqlite3_bind_int64(s, at, *(const uint32_t *)p);
        break;
    case KIND_I32:
        sqlite3_bind_int64(s, at, *(const int32_t *)p);
        break;
    case KIND_U64:
    case KIND_I64:
        sqlite3_bind_int64(s, at, *(const int64_t *)p);
        break;
    case KIND_OPT_BOOL:
        bind_optional(s, at, ((const struct opt_bool *)p)->set, ((const struct opt_bool *)p)->v);
        break;
    case KIND_OPT_U32:
        bind_optional(s, at, ((const struct opt_u32 *)p)->set, ((const struct opt_u32 *)p)->v);
        break;
    case KIND_OPT_U64:
        bind_optional(s, at, ((const struct opt_u64 *)p)->set,
                      (int64_t)((const struct opt_u64 *)p)->v);
        break;
    case KIND_OPT_I64:
        bind_optional(s, at, ((const struct opt_i64 *)p)->set, ((const struct opt_i64 *)p)->v);
        break;
    default:
        assert(false && "not a column");
    }
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
    int64_t v = sqlite3_column_int64(s, at);

    switch ((enum kind)f->kind) {
    case KIND_STR:
        *(const char **)p = arena_strdup(a, (const char *)sqlite3_column_text(s, at));
        break;
    case KIND_BOOL:
        *(bool *)p = v != 0;
        break;
    case KIND_U32:
    case KIND_I32:
        *(uint32_t *)p = (uint32_t)v;
        break;
    case KIND_U64:
    case KIND_I64:
        *(int64_t *)p = v;
        break;
    case KIND_OPT_BOOL:
        *(struct opt_bool *)p = (struct opt_bool){ true, v != 0 };
        break;
    case KIND_OPT_U32:
        *(struct opt_u32 *)p = (struct opt_u32){ true, (uint32_t)v };
        break;
    case KIND_OPT_U64:
        *(struct opt_u64 *)p = (struct opt_u64){ true, (uint64_t)v };
        break;
    case KIND_OPT_I64:
        *(struct opt_i64 *)p = (struct opt_i64){ true, v };
        break;
    default:
        assert(false && "not a column");
    }
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
