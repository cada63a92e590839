/* Spans of time and sizes, both directions, and how points in time are shown.  Points in time are
 * read in times_point.c, which is a small language of its own. */
#include "base/times.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#define MINUTE INT64_C(60)
#define HOUR (60 * MINUTE)
#define DAY (24 * HOUR)

/* What the numbers of a span mean: by whether days came first, and how many colons there are. */
static const int64_t units[2][3][3] = {
    { { MINUTE }, { MINUTE, 1 }, { HOUR, MINUTE, 1 } },
    { { HOUR }, { HOUR, MINUTE }, { HOUR, MINUTE, 1 } },
};

static bool number(const char **s, int64_t *ret);
static int span(const char *s, int64_t *ret);
static const char *relative_format(const struct tm *tm, const struct tm *today);

/* Exact seconds; a plain number means minutes here too. */
int times_parse_seconds(const char *s, uint32_t *ret_s, struct err *e)
{
    static const char *const endless[] = { "UNLIMITED", "INFINITE", "-1" };
    int64_t total = 0;

    for (size_t i = 0; i < sizeof endless / sizeof *endless; i++) {
        if (strcasecmp(s, endless[i]) != 0)
            continue;
        *ret_s = TIMES_INFINITE;
        return 0;
    }
    if (span(s, &total) < 0)
        return err_set(e, EINVAL,
                       "invalid time \"%.40s\": expected minutes, [hours:]minutes:seconds, "
                       "days-hours[:minutes[:seconds]] or UNLIMITED",
                       s);
    if (total >= TIMES_INFINITE)
        return err_set(e, ERANGE, "time \"%.40s\" is too long", s);
    *ret_s = (uint32_t)total;
    return 0;
}

int times_parse_minutes(const char *s, uint32_t *ret_min, struct err *e)
{
    uint32_t seconds = 0;
    int r = times_parse_seconds(s, &seconds, e);

    if (r < 0)
        return r;
    *ret_min = seconds == TIMES_INFINITE ? TIMES_INFINITE : seconds / 60 + (seconds % 60 != 0);
    return 0;
}

char *times_minutes(uint32_t min, char *buf)
{
    if (min == TIMES_INFINITE)
        return strcpy(buf, "UNLIMITED");
    return times_hms(min * MINUTE, buf);
}

char *times_elapsed(int64_t s, char *buf)
{
    int h = (int)(s % DAY / HOUR), m = (int)(s % HOUR / MINUTE), sec = (int)(s % MINUTE);

    if (s < 0)
        snprintf(buf, TIMES_TEXT, "INVALID");
    else if (s >= DAY)
        snprintf(buf, TIMES_TEXT, "%" PRId64 "-%02d:%02d:%02d", s / DAY, h, m, sec);
    else if (s >= HOUR)
        snprintf(buf, TIMES_TEXT, "%d:%02d:%02d", h, m, sec);
    else
        snprintf(buf, TIMES_TEXT, "%d:%02d", m, sec);
    return buf;
}

char *times_hms(int64_t s, char *buf)
{
    int h = (int)(s % DAY / HOUR), m = (int)(s % HOUR / MINUTE), sec = (int)(s % MINUTE);

    if (s < 0)
        snprintf(buf, TIMES_TEXT, "INVALID");
    else if (s >= DAY)
        snprintf(buf, TIMES_TEXT, "%" PRId64 "-%02d:%02d:%02d", s / DAY, h, m, sec);
    else
        snprintf(buf, TIMES_TEXT, "%02d:%02d:%02d", h, m, sec);
    return buf;
}

char *times_iso(int64_t t, char *buf)
{
    return times_point(t, 0, NULL, "Unknown", buf);
}

/* A format that makes no text, or too much of it, falls back to ISO rather than to nothing. */
char *times_point(int64_t t, int64_t now, const char *fmt, const char *zero, char *buf)
{
    static const char iso[] = "%Y-%m-%dT%H:%M:%S";
    time_t when = (time_t)t, current = (time_t)now;
    struct tm tm, today;

    if (t == 0) {
        snprintf(buf, TIMES_TEXT, "%s", zero);
        return buf;
    }
    if (!localtime_r(&when, &tm) || !localtime_r(&current, &today)) {
        snprintf(buf, TIMES_TEXT, "INVALID");
        return buf;
    }
    if (!fmt || !*fmt || strcasecmp(fmt, "standard") == 0)
        fmt = iso;
    else if (strcasecmp(fmt, "relative") == 0)
        fmt = relative_format(&tm, &today);
/* the format is the user's own; the buffer bounds what it can do */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
    if (strftime(buf, TIMES_TEXT, fmt, &tm) == 0 && strftime(buf, TIMES_TEXT, iso, &tm) == 0)
        snprintf(buf, TIMES_TEXT, "INVALID");
#pragma GCC diagnostic pop
    return buf;
}

/* The fraction is kept as an integer over a power of ten: sizes are exact, then rounded up once. */
int times_parse_size_mb(const char *s, char unit, uint64_t *ret_mb, struct err *e)
{
    static const char letters[] = "KMGTP";
    const char *p = s;
    int64_t value = 0, scale = 1;

    bool is_good = number(&p, &value);
    if (is_good && *p == '.') {
        is_good = isdigit((unsigned char)p[1]);
        for (p++; isdigit((unsigned char)*p) && scale < 100000; p++, scale *= 10)
            value = value * 10 + (*p - '0');
    }
    char suffix = *p ? *p : (unit ? unit : 'M');
    const char *letter = strchr(letters, toupper((unsigned char)suffix));
    if (!is_good || !letter || (*p && p[1] && strcasecmp(p + 1, "B") != 0))
        return err_set(e, EINVAL, "invalid size \"%.40s\": expected a number and K, M, G or T", s);

    /* below 2^57 * 2^40: 128 bits hold it whatever was typed */
    unsigned __int128 kib = (unsigned __int128)value << 10 * (letter - letters);
    unsigned __int128 mib = (kib + (unsigned __int128)scale * 1024 - 1) / (scale * 1024);
    if (mib > INT64_MAX >> 20)
        return err_set(e, ERANGE, "size \"%.40s\" is too large", s);
    *ret_mb = (uint64_t)mib;
    return 0;
}

/* Up to 12 digits, so that no sum of products below leaves an int64_t. */
static bool number(const char **s, int64_t *ret)
{
    const char *start = *s;

    for (*ret = 0; isdigit((unsigned char)**s) && *s - start < 12; (*s)++)
        *ret = *ret * 10 + (**s - '0');
    return *s > start;
}

static int span(const char *s, int64_t *ret)
{
    int64_t v[3], days = 0, total = 0;
    const char *after = s;
    int n = 0;

    bool has_days = number(&after, &days) && *after == '-';
    if (has_days) {
        total = days * DAY;
        s = after + 1;
    }
    if (!has_days || *s != '\0') { /* "1-" is a day */
        do {
            if (n == 3 || !number(&s, &v[n++]))
                return -EINVAL;
        } while (*s++ == ':');
        if (s[-1] != '\0')
            return -EINVAL;
    }
    for (int i = 0; i < n; i++)
        total += v[i] * units[has_days][n - 1][i];
    *ret = total;
    return 0;
}

/* SLURM_TIME_FORMAT=relative: less of a date the nearer it is. */
static const char *relative_format(const struct tm *tm, const struct tm *today)
{
    if (tm->tm_year != today->tm_year)
        return "%-d %b %Y";
    int days = tm->tm_yday - today->tm_yday;
    if (days == 0)
        return "%H:%M:%S";
    if (days == -1)
        return "Ystday %H:%M";
    if (days == 1)
        return "Tomorr %H:%M";
    return days > 1 && days < 7 ? "%a %H:%M" : "%-d %b %H:%M";
}
