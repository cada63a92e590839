/* Hours, days and months (period.h). */
#include "slurmdbd/period.h"

#include <assert.h>
#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

static int64_t made(struct tm *tm)
{
    tm->tm_isdst = -1;
    return (int64_t)mktime(tm);
}

/* An hour begins at a multiple of seconds, whatever the clocks do; days and months by the
 * calendar. */
int64_t period_start(enum period p, int64_t t)
{
    time_t at = (time_t)t;
    struct tm tm;

    localtime_r(&at, &tm);
    if (p == PERIOD_HOUR)
        return t - tm.tm_min * 60 - tm.tm_sec;
    tm.tm_hour = tm.tm_min = tm.tm_sec = 0;
    if (p == PERIOD_MONTH)
        tm.tm_mday = 1;
    return made(&tm);
}

int64_t period_next(enum period p, int64_t start)
{
    time_t at = (time_t)start;
    struct tm tm;

    if (p == PERIOD_HOUR)
        return start + 3600;
    localtime_r(&at, &tm);
    tm.tm_mday += p == PERIOD_DAY;
    tm.tm_mon += p == PERIOD_MONTH;
    return made(&tm);
}

int64_t period_back(enum period p, int64_t t, unsigned n)
{
    time_t at = (time_t)period_start(p, t);
    struct tm tm;

    if (p == PERIOD_HOUR)
        return (int64_t)at - 3600ll * n;
    localtime_r(&at, &tm);
    tm.tm_mday -= p == PERIOD_DAY ? (int)n : 0;
    tm.tm_mon -= p == PERIOD_MONTH ? (int)n : 0;
    return made(&tm);
}

bool period_parse(const char *text, enum period *ret, unsigned *ret_n)
{
    static const char *const units[] = { "hours", "days", "months" };
    char *end;
    unsigned long n = strtoul(text, &end, 10);

    if (!isdigit((unsigned char)*text) || n == 0 || n > 24000)
        return false;
    *ret_n = (unsigned)n;
    *ret = PERIOD_MONTH;
    for (enum period p = PERIOD_HOUR; *end && p < PERIOD_COUNT; p++)
        if (strncasecmp(units[p], end, strlen(end)) == 0)
            return *ret = p, true;
    return *end == 0;
}

/* The largest period that begins at t and ends by `to`. */
static enum period largest(int64_t t, int64_t to)
{
    for (enum period p = PERIOD_MONTH; p > PERIOD_HOUR; p--)
        if (period_start(p, t) == t && period_next(p, t) <= to)
            return p;
    return PERIOD_HOUR;
}

unsigned period_cover(int64_t from, int64_t to, struct span *ret)
{
    unsigned n = 0;

    while (from < to) {
        enum period p = largest(from, to);
        int64_t next = period_next(p, from);

        if (n && ret[n - 1].period == p) {
            ret[n - 1].to = next;
        } else {
            assert(n < SPANS_MAX); /* kinds grow, then shrink: five at most */
            ret[n++] = (struct span){ p, from, next };
        }
        from = next;
    }
    return n;
}
