/* Allocation that never fails.  The last words go straight to file descriptor 2: a process without
 * memory has none for formatting or logging either. */
#include "base/xalloc.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void out_of_memory(void) __attribute__((noreturn));

void *xmalloc(size_t size)
{
    void *p = malloc(size ? size : 1);

    if (!p)
        out_of_memory();
    return p;
}

void *xcalloc(size_t n, size_t size)
{
    void *p = calloc(n ? n : 1, size ? size : 1);

    if (!p)
        out_of_memory();
    return p;
}

void *xrealloc(void *p, size_t n, size_t size)
{
    size_t bytes;

    if (__builtin_mul_overflow(n, size, &bytes))
        out_of_memory();
    void *bigger = realloc(p, bytes ? bytes : 1);
    if (!bigger)
        out_of_memory();
    return bigger;
}

void *xmemdup(const void *p, size_t len)
{
    void *copy = xmalloc(len);

    if (len > 0)
        memcpy(copy, p, len);
    return copy;
}

char *xstrdup(const char *s)
{
    return s ? xmemdup(s, strlen(s) + 1) : xcalloc(1, 1);
}

char *xstrndup(const char *s, size_t max)
{
    size_t len = s ? strnlen(s, max) : 0;
    char *copy = xmalloc(len + 1);

    if (len > 0)
        memcpy(copy, s, len);
    copy[len] = '\0';
    return copy;
}

char *xasprintf(const char *fmt, ...)
{
    char *text;
    va_list ap;

    va_start(ap, fmt);
    int len = vasprintf(&text, fmt, ap);
    va_end(ap);
    if (len < 0)
        out_of_memory();
    return text;
}

static void out_of_memory(void)
{
    static const char text[] = "fatal: out of memory\n";

    (void)!write(STDERR_FILENO, text, sizeof text - 1);
    abort();
}
