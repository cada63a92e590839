/* Message rows as table columns: the store walks descriptors, so a new row of msg/acct.def or
 * msg/rules.def is a new column.
 *
 * Scalar members become columns of their name; members of a sub-message become OUTER_INNER; a list
 * of words is one text, joined by commas (names hold none).  Column names are constants of the
 * program, never user text; values are only ever bound (security R5). */
#ifndef SLURMDBD_ROWS_H
#define SLURMDBD_ROWS_H

#include "base/arena.h"
#include "base/buf.h"
#include "schema/messages.h"
#include "slurmdbd/sql.h"

struct column {
    char name[64];
    const struct field *outer; /* the sub-message it lies in, or NULL */
    const struct field *field;
};

struct columns {
    const struct desc *desc;
    struct column *v;
    unsigned n;
};

/* A table: what stands before the message's own columns, the message, and what makes a row
 * unique. */
struct table {
    const char *name;
    const char *before[4]; /* "cluster:k": name and kind of value (k key text, n number) */
    const struct desc *desc;
    const char *key[8];     /* columns; NULL ends */
    const char *short_text; /* a column beside the key that has an index */
};

void columns_init(struct columns *c, const struct desc *d);
void columns_fini(struct columns *c);

void columns_list(const struct columns *c, const char *prefix,
                  struct buf *out); /* "prefix.a,prefix.b" */
void columns_bind(const struct columns *c, struct sql_stmt *s, unsigned first, const void *msg,
                  struct arena *a);
void columns_read(const struct columns *c, struct sql_stmt *s, unsigned first, struct arena *a,
                  void *ret);

/* Creates the table, or adds the columns that an older program did not know. */
int table_make(struct sql *s, const struct table *t, const struct columns *c, struct err *e);
/* REPLACE with every column bound; t->before come first. */
int table_prepare_put(struct sql *s, const struct table *t, const struct columns *c,
                      struct sql_stmt **ret, struct err *e);

#endif
