/* Host lists.  A piece is first counted, which checks its syntax and its size by arithmetic alone,
 * and only then expanded: "n[1-4000000000]" is refused before the first name is made. */
#include "base/hostlist.h"
#include "base/buf.h"
#include "base/cleanup.h"
#include "base/limits.h"
#include "base/xalloc.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define GROUPS_MAX 2
#define DIGITS_MAX 18 /* fits an int64_t whatever the digits are */

struct range {
    uint64_t lo, hi;
    int width; /* of lo as written: zero padding */
};

/* Names on their way into the arena. */
struct names {
    struct arena *arena;
    const char **v;
    uint32_t n, cap;
    char name[HOSTNAME_LEN_MAX + 1]; /* the one being built */
};

struct numbered {
    size_t prefix_len; /* of the name, without its trailing digits */
    uint64_t number;
    int width; /* digits; 0: the name does not end in a number we can count with */
};

static size_t piece_len(const char *p);
static int piece_expand(struct names *out, const char *piece, size_t len, struct err *e);
static int piece_count(const char *piece, size_t len, uint64_t *ret, struct err *e);
static int group_count(const char *p, const char *end, uint64_t *ret, struct err *e);
static int range_parse(const char **p, const char *end, struct range *ret, struct err *e);
static int emit(struct names *out, size_t at, const char *p, const char *end);
static int name_add(struct names *out, size_t len);
static struct numbered number_of(const char *name);
static uint32_t bracket_put(struct buf *out, const char *const *names, uint32_t n);
static int natural_compare(const void *a, const void *b);

/* Pieces are separated by commas or blanks outside brackets; empty pieces are passed over. */
int hostlist_expand(struct arena *a, const char *text, struct hostlist *ret, struct err *e)
{
    struct names out = { .arena = a };
    CLEANUP(freep) const char **v = NULL;
    int r = 0;

    for (const char *p = text; *p && r == 0;) {
        size_t len = piece_len(p);
        if (len > 0)
            r = piece_expand(&out, p, len, e);
        p += len > 0 ? len : 1;
    }
    v = out.v;
    if (r < 0)
        return err_at(e, r, "host list");

    *ret = (struct hostlist){ .v = arena_memdup(a, v, out.n * sizeof *v), .n = out.n };
    return 0;
}

char *hostlist_compress(struct arena *a, const char *const *names, uint32_t n)
{
    struct buf out = { 0 };

    for (uint32_t i = 0; i < n;) {
        if (i > 0)
            buf_putc(&out, ',');
        i += bracket_put(&out, names + i, n - i);
    }
    char *text = arena_strndup(a, (const char *)out.data, out.len);
    buf_fini(&out);
    return text;
}

void hostlist_sort_unique(struct hostlist *h)
{
    uint32_t kept = 0;

    if (h->n < 2)
        return;
    qsort(h->v, h->n, sizeof *h->v, natural_compare);
    for (uint32_t i = 0; i < h->n; i++)
        if (kept == 0 || strcmp(h->v[kept - 1], h->v[i]) != 0)
            h->v[kept++] = h->v[i];
    h->n = kept;
}

static size_t piece_len(const char *p)
{
    const char *start = p;
    bool inside = false;

    for (; *p && (inside || !strchr(", \t\n", *p)); p++)
        inside = *p == '[' || (inside && *p != ']');
    return (size_t)(p - start);
}

static int piece_expand(struct names *out, const char *piece, size_t len, struct err *e)
{
    int shown = len > 80 ? 80 : (int)len;
    uint64_t count = 0;

    int r = piece_count(piece, len, &count, e);
    if (r < 0)
        return err_at(e, r, "\"%.*s\"", shown, piece);
    if (count > HOSTLIST_MAX - out->n)
        return err_set(e, E2BIG, "\"%.*s\" brings it to more than %u names", shown, piece,
                       HOSTLIST_MAX);
    if (emit(out, 0, piece, piece + len) < 0)
        return err_set(e, ENAMETOOLONG, "\"%.*s\" makes a name longer than %u bytes", shown, piece,
                       HOSTNAME_LEN_MAX);
    return 0;
}

/* How many names a piece stands for: the product of its groups. */
static int piece_count(const char *piece, size_t len, uint64_t *ret, struct err *e)
{
    const char *end = piece + len;
    unsigned groups = 0;
    uint64_t total = 1;

    for (const char *p = piece; p < end; p++) {
        if (*p == ']')
            return err_set(e, EINVAL, "\"]\" without \"[\"");
        if (iscntrl((unsigned char)*p))
            return err_set(e, EINVAL, "a control character in a name");
        if (*p != '[')
            continue;
        const char *close = memchr(p, ']', (size_t)(end - p));
        if (!close)
            return err_set(e, EINVAL, "\"[\" without \"]\"");
        if (++groups > GROUPS_MAX)
            return err_set(e, EINVAL, "more than %d bracket groups", GROUPS_MAX);
        uint64_t count = 0;
        int r = group_count(p + 1, close, &count, e);
        if (r < 0)
            return r;
        total *= count; /* two factors of at most HOSTLIST_MAX + 1 */
        p = close;
    }
    *ret = total;
    return 0;
}

/* Saturates at HOSTLIST_MAX + 1, so that products stay small. */
static int group_count(const char *p, const char *end, uint64_t *ret, struct err *e)
{
    uint64_t total = 0;

    for (;;) {
        struct range range;
        int r = range_parse(&p, end, &range, e);
        if (r < 0)
            return r;
        total += range.hi - range.lo + 1;
        if (total > HOSTLIST_MAX)
            total = HOSTLIST_MAX + 1;
        if (p == end)
            break;
        p++; /* the comma */
    }
    *ret = total;
    return 0;
}

static bool number_parse(const char **p, const char *end, uint64_t *ret)
{
    const char *start = *p;

    for (*ret = 0; *p < end && isdigit((unsigned char)**p) && *p - start < DIGITS_MAX; (*p)++)
        *ret = *ret * 10 + (uint64_t)(**p - '0');
    return *p > start;
}

/* "7" or "001-128", up to the next comma or the end of the group. */
static int range_parse(const char **p, const char *end, struct range *ret, struct err *e)
{
    const char *start = *p;
    const char *comma = memchr(start, ',', (size_t)(end - start));
    const char *stop = comma ? comma : end;
    int shown = stop - start > 40 ? 40 : (int)(stop - start);

    bool is_good = number_parse(p, stop, &ret->lo);
    ret->width = (int)(*p - start);
    ret->hi = ret->lo;
    if (is_good && *p < stop && **p == '-') {
        (*p)++;
        is_good = number_parse(p, stop, &ret->hi);
    }
    if (!is_good || *p != stop)
        return err_set(e, EINVAL, "expected a number or a range, found \"%.*s\"", shown, start);
    if (ret->hi < ret->lo)
        return err_set(e, EINVAL, "range \"%.*s\" runs backwards", shown, start);
    return 0;
}

/* Puts the text up to the next group behind the `at` bytes built so far, then goes through the
 * group. The piece was checked by piece_count: only the length of a name can still be wrong. */
static int emit(struct names *out, size_t at, const char *p, const char *end)
{
    const char *open = memchr(p, '[', (size_t)(end - p));
    size_t plain = (size_t)((open ? open : end) - p);

    if (at + plain > HOSTNAME_LEN_MAX)
        return -ENAMETOOLONG;
    memcpy(out->name + at, p, plain);
    at += plain;
    if (!open)
        return name_add(out, at);

    const char *close = memchr(open, ']', (size_t)(end - open));
    for (p = open; p < close;) {
        struct range range;
        p++; /* the bracket or a comma */
        if (range_parse(&p, close, &range, NULL) < 0)
            return -EINVAL;
        for (uint64_t i = range.lo; i <= range.hi; i++) {
            size_t room = sizeof out->name - at;
            size_t len = (size_t)snprintf(out->name + at, room, "%0*" PRIu64, range.width, i);
            int r = len < room ? emit(out, at + len, close + 1, end) : -ENAMETOOLONG;
            if (r < 0)
                return r;
        }
    }
    return 0;
}

static int name_add(struct names *out, size_t len)
{
    if (out->n == out->cap) {
        out->cap = out->cap ? out->cap * 2 : 64;
        out->v = xrealloc(out->v, out->cap, sizeof *out->v);
    }
    out->v[out->n++] = arena_strndup(out->arena, out->name, len);
    return 0;
}

static struct numbered number_of(const char *name)
{
    struct numbered ret = { .prefix_len = strlen(name) };

    while (ret.prefix_len > 0 && isdigit((unsigned char)name[ret.prefix_len - 1]))
        ret.prefix_len--;
    ret.width = (int)strlen(name + ret.prefix_len);
    if (ret.width > DIGITS_MAX || ret.width == 0)
        return (struct numbered){ .prefix_len = strlen(name) };
    ret.number = strtoull(name + ret.prefix_len, NULL, 10);
    return ret;
}

/* True when `next` is what follows a run that began with `first` and has come to `last`: the next
 * number, written with the width of the first (9 to 10 and 09 to 10 both go on). */
static bool continues(const struct numbered *first, uint64_t last, const struct numbered *next)
{
    char text[32];

    return next->number == last + 1 &&
           snprintf(text, sizeof text, "%0*" PRIu64, first->width, next->number) == next->width;
}

/* Writes one name, or as many as share a prefix in one bracket group; returns how many. */
static uint32_t bracket_put(struct buf *out, const char *const *names, uint32_t n)
{
    struct numbered first = number_of(names[0]);
    uint32_t taken = 0;
    size_t open_at;

    buf_put(out, names[0], first.prefix_len);
    open_at = out->len;
    if (first.width == 0)
        return 1;
    buf_putc(out, '[');
    while (taken < n) {
        struct numbered lo = number_of(names[taken]), next;
        if (lo.width == 0 || lo.prefix_len != first.prefix_len ||
            memcmp(names[taken], names[0], lo.prefix_len) != 0)
            break;
        uint64_t hi = lo.number;
        buf_printf(out, "%s%0*" PRIu64, taken > 0 ? "," : "", lo.width, lo.number);
        for (taken++; taken < n; taken++, hi++) {
            next = number_of(names[taken]);
            if (next.prefix_len != lo.prefix_len || !continues(&lo, hi, &next) ||
                memcmp(names[taken], names[0], lo.prefix_len) != 0)
                break;
        }
        if (hi > lo.number)
            buf_printf(out, "-%0*" PRIu64, lo.width, hi);
    }
    if (taken > 1)
        buf_putc(out, ']');
    else
        memmove(out->data + open_at, out->data + open_at + 1, --out->len - open_at);
    return taken;
}

/* Runs of digits compare by value, then by how they are written; all else byte by byte. */
static int natural_compare(const void *a, const void *b)
{
    const char *x = *(const char *const *)a, *y = *(const char *const *)b;
    const char *whole_x = x, *whole_y = y;

    while (*x && *y) {
        if (!isdigit((unsigned char)*x) || !isdigit((unsigned char)*y)) {
            if (*x != *y)
                return (unsigned char)*x - (unsigned char)*y;
            x++;
            y++;
            continue;
        }
        x += strspn(x, "0");
        y += strspn(y, "0");
        size_t len_x = strspn(x, "0123456789"), len_y = strspn(y, "0123456789");
        int order = len_x != len_y ? (len_x < len_y ? -1 : 1) : memcmp(x, y, len_x);
        if (order != 0)
            return order;
        x += len_x;
        y += len_y;
    }
    if (*x || *y)
        return *x ? 1 : -1;
    return strcmp(whole_x, whole_y);
}

bool hostlist_overlaps(struct arena *a, const struct hostlist *h, const char *text)
{
    struct hostlist other;

    if (hostlist_expand(a, text, &other, NULL) < 0)
        return false;
    for (uint32_t i = 0; i < other.n; i++)
        for (uint32_t k = 0; k < h->n; k++)
            if (strcmp(other.v[i], h->v[k]) == 0)
                return true;
    return false;
}
