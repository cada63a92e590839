/* The error table as data; rows in errors.def are in ascending order, so looking up is a binary
 * search. */
#include "schema/errors.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

struct row {
    int number, http;
    const char *name, *text;
};

#define ERR(name, number, http, text) { number, http, #name, text },
static const struct row rows[] = {
#include "schema/errors.def"
};
#undef ERR

static int by_number(const void *key, const void *row)
{
    int want = *(const int *)key, have = ((const struct row *)row)->number;

    return (want > have) - (want < have);
}

static const struct row *find(int code)
{
    int number = abs(code);

    return bsearch(&number, rows, sizeof rows / sizeof rows[0], sizeof rows[0], by_number);
}

const char *errors_text(int code)
{
    const struct row *row = find(code);

    return row ? row->text : strerror(abs(code));
}

int errors_http(int code)
{
    const struct row *row = find(code);

    return row ? row->http : 500;
}

const char *errors_name(int code)
{
    const struct row *row = find(code);

    return row ? row->name : NULL;
}
