/* Growing bytes: capacity doubles, so n appends cost O(n). */
#include "base/buf.h"
#include "base/xalloc.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BUF_MIN 64u

void buf_fini(struct buf *b)
{
    free(b->data);
    *b = (struct buf){ 0 };
}

void buf_reset(struct buf *b)
{
    b->len = 0;
}

/* Room for `more` bytes behind len.  Growing past the address space ends the process, like any
 * allocation that cannot be had. */
void buf_reserve(struct buf *b, size_t more)
{
    if (b->cap - b->len >= more)
        return;
    size_t cap = b->cap ? b->cap : BUF_MIN;
    while (cap - b->len < more && cap <= SIZE_MAX / 2)
        cap *= 2;
    if (cap - b->len < more)
        cap = SIZE_MAX;
    b->data = xrealloc(b->data, cap, 1);
    b->cap = cap;
}

void buf_put(struct buf *b, const void *p, size_t len)
{
    if (len == 0)
        return;
    buf_reserve(b, len);
    memcpy(b->data + b->len, p, len);
    b->len += len;
}

void buf_putc(struct buf *b, char c)
{
    buf_reserve(b, 1);
    b->data[b->len++] = (uint8_t)c;
}

void buf_puts(struct buf *b, const char *s)
{
    buf_put(b, s, strlen(s));
}

void buf_printf(struct buf *b, const char *fmt, ...)
{
    va_list ap, again;

    va_start(ap, fmt);
    va_copy(again, ap);
    buf_reserve(b, BUF_MIN); /* most texts fit here and are formatted once */
    size_t room = b->cap - b->len;
    int len = vsnprintf((char *)b->data + b->len, room, fmt, ap);
    va_end(ap);
    if (len > 0 && (size_t)len >= room) {
        buf_reserve(b, (size_t)len + 1);
        vsnprintf((char *)b->data + b->len, (size_t)len + 1, fmt, again);
    }
    va_end(again);
    if (len > 0)
        b->len += (size_t)len;
}

void buf_drop(struct buf *b, size_t n)
{
    assert(n <= b->len);
    b->len -= n;
    if (b->len > 0)
        memmove(b->data, b->data + n, b->len);
}

const char *buf_str(struct buf *b)
{
    buf_reserve(b, 1);
    b->data[b->len] = '\0';
    return (const char *)b->data;
}
