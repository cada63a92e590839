/* Points in time as people type them.  The text is read as a sequence of items: a word (tomorrow,
 * noon), a date, a time of day; at most one date and one time of day.  What was left out is filled
 * in afterwards, looking forward for begin times and back for reports. */
#include "base/times.h"

#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#define NUMBERS_MAX 3

/* What has been read so far; -1 is "not said". */
struct point {
    int year, month, day;
    int hour, minute, second;
    int day_offset; /* of today or tomorrow */
    bool has_date, has_time, has_day_word;
};

/* Up to three numbers with the characters between them: 2026-11-23, 11/23, 17:30:00. */
struct figures {
    int v[NUMBERS_MAX], digits[NUMBERS_MAX];
    int n;
    char separator;
};

static int item(const char **s, struct point *p);
static int word(const char **s, size_t len, struct point *p);
static int figures(const char **s, struct figures *ret);
static int date(const struct figures *f, struct point *p);
static int time_of_day(const char **s, const struct figures *f, struct point *p);
static int now_offset(const char *s, int64_t *at);
static int resolve(const struct point *p, int64_t now, bool past, int64_t *ret);

int times_parse_point(const char *s, int64_t now, int past, int64_t *ret, struct err *e)
{
    struct point p = { .year = -1 };
    const char *at = s + strspn(s, " ");
    int64_t found = now;
    int r;

    if (strncasecmp(at, "now", 3) == 0) {
        r = now_offset(at + 3, &found);
    } else {
        do {
            r = item(&at, &p);
            /* 2026-11-23T17:30, 11/23/26-17:30 and "tomorrow 17:30" alike */
            bool is_joined = r == 0 && (*at == 'T' || *at == 't' || *at == '-') &&
                             isdigit((unsigned char)at[1]) && !p.has_time;
            at += is_joined;
            at += strspn(at, " ");
        } while (r == 0 && *at);
        if (r == 0)
            r = resolve(&p, now, past, &found);
    }
    if (r < 0)
        return err_set(e, EINVAL,
                       "invalid time \"%.40s\": expected for example 17:30, "
                       "2026-11-23T17:30, tomorrow or now+2hours",
                       s);
    *ret = found;
    return 0;
}

static int item(const char **s, struct point *p)
{
    size_t letters = 0;
    struct figures f;

    while (isalpha((unsigned char)(*s)[letters]))
        letters++;
    if (letters > 0)
        return word(s, letters, p);
    if (figures(s, &f) < 0)
        return -EINVAL;
    return f.separator == ':' ? time_of_day(s, &f, p) : date(&f, p);
}

static int word(const char **s, size_t len, struct point *p)
{
    static const struct {
        const char *name;
        int day_offset, hour; /* -1: says nothing about it */
    } words[] = {
        { "today", 0, -1 }, { "tomorrow", 1, -1 }, { "midnight", -1, 0 }, { "elevenses", -1, 11 },
        { "noon", -1, 12 }, { "fika", -1, 15 },    { "teatime", -1, 16 },
    };

    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        if (strlen(words[i].name) != len || strncasecmp(*s, words[i].name, len) != 0)
            continue;
        if (words[i].hour >= 0 ? p->has_time : p->has_date)
            return -EINVAL;
        if (words[i].hour >= 0) {
            p->has_time = true;
            p->hour = words[i].hour;
        } else {
            p->has_date = p->has_day_word = true;
            p->day_offset = words[i].day_offset;
        }
        *s += len;
        return 0;
    }
    return -EINVAL;
}

/* Numbers joined by the same separator.  A '-' belongs to the figures only when two of them do: in
 * 0102-10:30 it stands between a date and a time. */
static int figures(const char **s, struct figures *ret)
{
    const char *p = *s;

    *ret = (struct figures){ 0 };
    for (;;) {
        int i = ret->n, digits = 0;
        for (; isdigit((unsigned char)*p) && digits < 9; p++, digits++)
            ret->v[i] = ret->v[i] * 10 + (*p - '0');
        if (digits == 0)
            return -EINVAL;
        ret->digits[i] = digits;
        ret->n++;
        if (i == 0 && *p && strchr("/.:", *p))
            ret->separator = *p;
        if (i == 0 && *p == '-' && p[1 + strspn(p + 1, "0123456789")] == '-')
            ret->separator = '-';
        if (ret->n == NUMBERS_MAX || !ret->separator || *p != ret->separator)
            break;
        p++;
    }
    *s = p;
    return 0;
}

static int date(const struct figures *f, struct point *p)
{
    int packed = f->v[0];

    if (p->has_date)
        return -EINVAL;
    p->has_date = true;
    if (f->separator == '-' && f->n == 3 && f->digits[0] == 4) {
        p->year = f->v[0];
        p->month = f->v[1];
        p->day = f->v[2];
        return 0;
    }
    if ((f->separator == '/' || f->separator == '.') && f->n >= 2) {
        p->month = f->v[0];
        p->day = f->v[1];
        p->year = f->n == 2 ? -1 : f->digits[2] == 4 ? f->v[2] : f->v[2] + 2000;
        return f->n == 2 || f->digits[2] == 2 || f->digits[2] == 4 ? 0 : -EINVAL;
    }
    if (f->n != 1 || (f->digits[0] != 4 && f->digits[0] != 6))
        return -EINVAL;
    if (f->digits[0] == 6) { /* MMDDYY */
        p->year = packed % 100 + 2000;
        packed /= 100;
    }
    p->month = packed / 100;
    p->day = packed % 100;
    return 0;
}

static int time_of_day(const char **s, const struct figures *f, struct point *p)
{
    const char *after = *s + strspn(*s, " ");

    if (p->has_time || f->n < 2)
        return -EINVAL;
    p->has_time = true;
    p->hour = f->v[0];
    p->minute = f->v[1];
    p->second = f->n == 3 ? f->v[2] : 0;
    bool is_am = strncasecmp(after, "am", 2) == 0, is_pm = strncasecmp(after, "pm", 2) == 0;
    if (is_am || is_pm) {
        if (p->hour > 12)
            return -EINVAL;
        p->hour = p->hour % 12 + (is_pm ? 12 : 0);
        *s = after + 2;
    }
    return p->hour < 24 && p->minute < 60 && p->second < 60 ? 0 : -EINVAL;
}

/* Moves *at by what follows "now": nothing, or a sign, a count and a unit, of which the first
 * letters are enough. */
static int now_offset(const char *s, int64_t *at)
{
    static const struct {
        const char *name;
        int64_t seconds;
    } units[] = {
        { "seconds", 1 },  { "minutes", 60 },   { "hours", 3600 },
        { "days", 86400 }, { "weeks", 604800 },
    };
    int64_t count = 0, seconds = 0;
    int digits = 0;

    s += strspn(s, " ");
    if (*s == '\0')
        return 0;
    if (*s != '+' && *s != '-')
        return -EINVAL;
    int sign = *s++ == '-' ? -1 : 1;
    for (s += strspn(s, " "); isdigit((unsigned char)*s) && digits < 10; s++, digits++)
        count = count * 10 + (*s - '0');
    s += strspn(s, " ");
    if (digits == 0)
        return -EINVAL;
    for (size_t i = 0; i < sizeof units / sizeof *units && seconds == 0; i++)
        if (strncasecmp(s, units[i].name, strlen(s)) == 0)
            seconds = units[i].seconds; /* an empty unit is a prefix of the first: seconds */
    if (seconds == 0)
        return -EINVAL;
    *at += sign * count * seconds;
    return 0;
}

/* The C library normalises a date that does not exist; we refuse it instead. */
static int make(struct tm tm, int64_t *ret)
{
    int day = tm.tm_mday, month = tm.tm_mon;

    tm.tm_isdst = -1;
    time_t t = mktime(&tm);
    *ret = t;
    return tm.tm_mday == day && tm.tm_mon == month ? 0 : -EINVAL;
}

static int resolve(const struct point *p, int64_t now, bool past, int64_t *ret)
{
    time_t current = (time_t)now;
    struct tm tm, today;

    if (!localtime_r(&current, &today))
        return -EINVAL;
    tm = today;
    tm.tm_hour = p->hour;
    tm.tm_min = p->minute;
    tm.tm_sec = p->second;
    tm.tm_isdst = -1;

    if (p->has_date && !p->has_day_word) {
        tm.tm_year = p->year >= 0 ? p->year - 1900 : today.tm_year;
        tm.tm_mon = p->month - 1;
        tm.tm_mday = p->day;
        if (p->year >= 0)
            return make(tm, ret);
        /* no year: the one that lies in the direction asked for (29 February may need a few) */
        for (int tries = 0; tries < 9; tries++, tm.tm_year += past ? -1 : 1)
            if (make(tm, ret) == 0 && (past ? *ret <= now : *ret >= now))
                return 0;
        return -EINVAL;
    }

    /* today, tomorrow, or a time of day alone: here normalising is what is wanted */
    struct tm first = tm;
    first.tm_mday += p->day_offset;
    *ret = mktime(&first);
    if (!p->has_date && past && *ret > now)
        tm.tm_mday--;
    else if (!p->has_date && !past && *ret < now)
        tm.tm_mday++;
    else
        return 0;
    *ret = mktime(&tm);
    return 0;
}
