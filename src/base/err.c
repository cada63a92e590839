/* Errors as values; the idea is explained in err.h. */
#include "base/err.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

int err_set(struct err *e, int code, const char *fmt, ...)
{
    va_list ap;

    assert(code > 0);
    if (e) {
        e->code = code;
        va_start(ap, fmt);
        vsnprintf(e->text, sizeof e->text, fmt, ap);
        va_end(ap);
    }
    return -code;
}

int err_errno(struct err *e, const char *fmt, ...)
{
    int code = errno ? errno : EIO;
    char what[256];
    va_list ap;

    if (e) {
        va_start(ap, fmt);
        vsnprintf(what, sizeof what, fmt, ap);
        va_end(ap);
        err_set(e, code, "%s: %s", what, strerror(code));
    }
    return -code;
}

int err_at(struct err *e, int r, const char *fmt, ...)
{
    char place[256], text[sizeof e->text];
    va_list ap;

    if (e) {
        va_start(ap, fmt);
        vsnprintf(place, sizeof place, fmt, ap);
        va_end(ap);
        memcpy(text, e->text, sizeof text);
        snprintf(e->text, sizeof e->text, "%.200s: %.300s", place, text);
    }
    return r;
}
