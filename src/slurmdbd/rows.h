/* Message rows as table columns: the store walks descriptors, so a new row of msg/acct.def is a new
 * column.
 *
 * Scalar members become columns of their name; members of a sub-message become OUTER_INNER.  Names
 * are constants of the program, never user text; values are only ever bound (security R5). */
#ifndef SLURMDBD_ROWS_H
#define SLURMDBD_ROWS_H

#include "base/arena.h"
#include "base/buf.h"
#include "schema/messages.h"
#include <sqlite3.h>

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

void columns_init(struct columns *c, const struct desc *d);
void columns_fini(struct columns *c);
const char *column_type(const struct column *c); /* INTEGER or TEXT */

void columns_list(const struct columns *c, const char *prefix,
                  struct buf *out); /* "prefix.a,prefix.b" */
void columns_bind(const struct columns *c, sqlite3_stmt *s, int first, const void *msg);
void columns_read(const struct columns *c, sqlite3_stmt *s, int first, struct arena *a, void *ret);

#endif
