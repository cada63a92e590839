/* Errors as values.
 *
 * Fallible functions return 0 or a negative code: -errno, or a negated number of schema/errors.def
 * (1000 and up, so the two never collide).  Where a human will read the reason the last parameter
 * is a struct err, owned by the outermost caller.  Word it where it happens (err_set), locate it
 * where it passes (err_at), print it once at the top.  Every function here accepts e == NULL. */
#ifndef BASE_ERR_H
#define BASE_ERR_H

#include <stdarg.h>

struct err {
    int code;       /* positive: errno or a number of errors.def; 0 when nothing failed */
    char text[512]; /* one sentence, no trailing newline; may hold '\n' before hint lines */
};

/* Each returns the negative code to hand up. */
int err_set(struct err *e, int code, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
int err_errno(struct err *e, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Puts "place: " before the text that is already there; returns r unchanged. */
int err_at(struct err *e, int r, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

#endif
