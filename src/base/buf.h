/* Growing bytes. */
#ifndef BASE_BUF_H
#define BASE_BUF_H

#include <stddef.h>
#include <stdint.h>

struct buf {
    uint8_t *data; /* len bytes are valid; always owned by the buf */
    size_t len, cap;
};

/* A zeroed struct buf is a valid, empty buf. */
void buf_fini(struct buf *b);  /* frees and zeroes; accepts an empty one */
void buf_reset(struct buf *b); /* len = 0, memory kept */
void buf_reserve(struct buf *b, size_t more);
void buf_put(struct buf *b, const void *p, size_t len);
void buf_putc(struct buf *b, char c);
void buf_puts(struct buf *b, const char *s);
void buf_printf(struct buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void buf_drop(struct buf *b, size_t n); /* removes n bytes from the front */
const char *buf_str(struct buf *b);     /* NUL-terminated view, valid until the next change */

#endif
