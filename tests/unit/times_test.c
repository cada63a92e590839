/* Times and sizes.  The zone is one with summer time, so that days of 23 and 25 hours are met. */
#include "test.h"

#include "base/times.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static void spans_are_read_in_every_syntax(void **state)
{
    static const struct {
        const char *text;
        uint32_t seconds, minutes;
    } cases[] = {
        { "30", 1800, 30 },
        { "0", 0, 0 },
        { "30:15", 1815, 31 }, /* minutes round up */
        { "1:30:00", 5400, 90 },
        { "2-12", 216000, 3600 },
        { "2-12:30", 217800, 3630 },
        { "2-12:30:15", 217815, 3631 },
        { "0:86400", 86400, 1440 },
        { "0-0:0:1", 1, 1 },
        { "1-", 86400, 1440 },
        { "UNLIMITED", TIMES_INFINITE, TIMES_INFINITE },
        { "infinite", TIMES_INFINITE, TIMES_INFINITE },
        { "-1", TIMES_INFINITE, TIMES_INFINITE },
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint32_t seconds = 7, minutes = 7;
        assert_int_equal(times_parse_seconds(cases[i].text, &seconds, NULL), 0);
        assert_int_equal(times_parse_minutes(cases[i].text, &minutes, NULL), 0);
        assert_int_equal(seconds, cases[i].seconds);
        assert_int_equal(minutes, cases[i].minutes);
    }
}

static void what_is_no_span_is_refused(void **state)
{
    static const char *const bad[] = {
        "",          " ",
        "x",         "1x",
        "-2",        "1:",
        ":1",        "-",
        "1-2-3",     "1:2:3:4",
        "1-2:3:4:5", "1:2-3",
        "1.5",       "+1",
        "71582789",  "99999999999999999999",
        "50000-0",   "9999999999999-1",
    };

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        uint32_t minutes = 7;
        struct err e = { 0 };
        int r = times_parse_minutes(bad[i], &minutes, &e);
        assert_true(r == -EINVAL || r == -ERANGE);
        assert_int_equal(minutes, 7);
        assert_non_null(strstr(e.text, bad[i]));
    }
}

static int64_t at(const char *iso)
{
    struct tm tm = { .tm_isdst = -1 };

    assert_non_null(strptime(iso, "%Y-%m-%dT%H:%M:%S", &tm));
    return mktime(&tm);
}

static void points_in_time_are_read_in_every_syntax(void **state)
{
    static const struct {
        const char *text, *next, *last; /* looking forward, looking back */
    } cases[] = {
        { "2026-11-24", "2026-11-24T00:00:00", "2026-11-24T00:00:00" },
        { "2026-11-24T17:30", "2026-11-24T17:30:00", "2026-11-24T17:30:00" },
        { "2026-11-24T17:30:05", "2026-11-24T17:30:05", "2026-11-24T17:30:05" },
        { "2026-11-24 17:30", "2026-11-24T17:30:00", "2026-11-24T17:30:00" },
        { "17:30", "2026-11-23T17:30:00", "2026-11-22T17:30:00" },
        { "05:00:30", "2026-11-24T05:00:30", "2026-11-23T05:00:30" },
        { "5:30PM", "2026-11-23T17:30:00", "2026-11-22T17:30:00" },
        { "12:15 am", "2026-11-24T00:15:00", "2026-11-23T00:15:00" },
        { "0:30AM", "2026-11-24T00:30:00", "2026-11-23T00:30:00" },
        { "12:15PM", "2026-11-23T12:15:00", "2026-11-22T12:15:00" },
        { "112426", "2026-11-24T00:00:00", "2026-11-24T00:00:00" },
        { "11/24/26", "2026-11-24T00:00:00", "2026-11-24T00:00:00" },
        { "11/24/2026", "2026-11-24T00:00:00", "2026-11-24T00:00:00" },
        { "11.24.26-17:30", "2026-11-24T17:30:00", "2026-11-24T17:30:00" },
        { "11/24", "2026-11-24T00:00:00", "2025-11-24T00:00:00" },
        { "11/22", "2027-11-22T00:00:00", "2026-11-22T00:00:00" },
        { "0102-10:30", "2027-01-02T10:30:00", "2026-01-02T10:30:00" },
        { "02/29", "2028-02-29T00:00:00", "2024-02-29T00:00:00" },
        { "today", "2026-11-23T00:00:00", "2026-11-23T00:00:00" },
        { "tomorrow", "2026-11-24T00:00:00", "2026-11-24T00:00:00" },
        { "tomorrow 17:30", "2026-11-24T17:30:00", "2026-11-24T17:30:00" },
        { "noon tomorrow", "2026-11-24T12:00:00", "2026-11-24T12:00:00" },
        { "2026-12-24 noon", "2026-12-24T12:00:00", "2026-12-24T12:00:00" },
        { "midnight", "2026-11-24T00:00:00", "2026-11-23T00:00:00" },
        { "noon", "2026-11-23T12:00:00", "2026-11-22T12:00:00" },
        { "elevenses", "2026-11-23T11:00:00", "2026-11-22T11:00:00" },
        { "FIKA", "2026-11-23T15:00:00", "2026-11-22T15:00:00" },
        { "teatime", "2026-11-23T16:00:00", "2026-11-22T16:00:00" },
        { "now", "2026-11-23T10:00:00", "2026-11-23T10:00:00" },
        { "now+60", "2026-11-23T10:01:00", "2026-11-23T10:01:00" },
        { "now + 2 hours", "2026-11-23T12:00:00", "2026-11-23T12:00:00" },
        { "now+1hour", "2026-11-23T11:00:00", "2026-11-23T11:00:00" },
        { "now+10minutes", "2026-11-23T10:10:00", "2026-11-23T10:10:00" },
        { "now-7days", "2026-11-16T10:00:00", "2026-11-16T10:00:00" },
        { "now+1week", "2026-11-30T10:00:00", "2026-11-30T10:00:00" },
        { "2026-07-01T12:00", "2026-07-01T12:00:00", "2026-07-01T12:00:00" }, /* summer time */
    };
    int64_t now = at("2026-11-23T10:00:00");

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        int64_t next = 0, last = 0;
        char text[TIMES_TEXT];
        assert_int_equal(times_parse_point(cases[i].text, now, 0, &next, NULL), 0);
        assert_int_equal(times_parse_point(cases[i].text, now, 1, &last, NULL), 0);
        assert_string_equal(times_iso(next, text), cases[i].next);
        assert_string_equal(times_iso(last, text), cases[i].last);
    }
}

static void what_is_no_point_in_time_is_refused(void **state)
{
    static const char *const bad[] = {
        "",
        " ",
        "yesterday",
        "noonish",
        "25:00",
        "12:60",
        "12:30:60",
        "13:00PM",
        "12",
        "2026-13-01",
        "2026-02-30",
        "2026-11-24T",
        "2026-11-24X10:00",
        "26-11-24",
        "02/30",
        "11/24/26/1",
        "11/24/123",
        "12:30 13:30",
        "today tomorrow",
        "noon midnight",
        "now+",
        "now+x",
        "now+5fortnights",
        "now 5",
        "nowhere",
        "now+99999999999",
        "2026-11-24T10:00T11:00",
        "1130261",
        "999999999999",
        "17:30-2026-11-24-",
    };

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        int64_t t = 7;
        struct err e = { 0 };
        assert_int_equal(times_parse_point(bad[i], 1795424400, 0, &t, &e), -EINVAL);
        assert_int_equal(t, 7);
        assert_non_null(strstr(e.text, "invalid time"));
    }
}

/* The day after a change of clocks begins at midnight, not 24 hours later. */
static void tomorrow_is_a_day_and_not_24_hours(void **state)
{
    int64_t spring = at("2026-03-29T00:30:00"), t = 0;

    assert_int_equal(times_parse_point("tomorrow", spring, 0, &t, NULL), 0);
    assert_int_equal(t, at("2026-03-30T00:00:00"));
    assert_int_equal(t - spring, 22 * 3600 + 1800);
    assert_int_equal(times_parse_point("00:15", spring, 0, &t, NULL), 0);
    assert_int_equal(t, at("2026-03-30T00:15:00"));
}

static void spans_are_shown_as_slurm_shows_them(void **state)
{
    static const struct {
        int64_t s;
        const char *elapsed, *hms;
    } cases[] = {
        { 0, "0:00", "00:00:00" },
        { 59, "0:59", "00:00:59" },
        { 754, "12:34", "00:12:34" },
        { 3723, "1:02:03", "01:02:03" },
        { 86399, "23:59:59", "23:59:59" },
        { 86400, "1-00:00:00", "1-00:00:00" },
        { 93784, "1-02:03:04", "1-02:03:04" },
        { -1, "INVALID", "INVALID" },
        { INT64_MAX, "106751991167300-15:30:07", "106751991167300-15:30:07" },
    };
    char text[TIMES_TEXT];

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_string_equal(times_elapsed(cases[i].s, text), cases[i].elapsed);
        assert_string_equal(times_hms(cases[i].s, text), cases[i].hms);
    }
    assert_string_equal(times_minutes(90, text), "01:30:00");
    assert_string_equal(times_minutes(10080, text), "7-00:00:00");
    assert_string_equal(times_minutes(TIMES_INFINITE, text), "UNLIMITED");
}

static void points_are_shown_in_the_format_asked_for(void **state)
{
    int64_t now = at("2026-11-23T10:00:00");
    static const struct {
        const char *when, *format, *shown;
    } cases[] = {
        { "2026-11-23T08:01:02", NULL, "2026-11-23T08:01:02" },
        { "2026-11-23T08:01:02", "standard", "2026-11-23T08:01:02" },
        { "2026-11-23T08:01:02", "%a %T", "Mon 08:01:02" },
        { "2026-11-23T08:01:02", "relative", "08:01:02" },
        { "2026-11-22T08:01:02", "relative", "Ystday 08:01" },
        { "2026-11-24T08:01:02", "relative", "Tomorr 08:01" },
        { "2026-11-27T08:01:02", "relative", "Fri 08:01" },
        { "2026-04-05T08:01:02", "relative", "5 Apr 08:01" },
        { "2012-06-06T08:01:02", "relative", "6 Jun 2012" },
    };
    char text[TIMES_TEXT], wide[400];

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        times_point(at(cases[i].when), now, cases[i].format, "N/A", text);
        assert_string_equal(text, cases[i].shown);
    }
    assert_string_equal(times_point(0, now, "relative", "N/A", text), "N/A");
    assert_string_equal(times_iso(0, text), "Unknown");
    memset(wide, 'x', sizeof wide - 1);
    wide[sizeof wide - 1] = '\0';
    assert_string_equal(times_point(now, now, wide, "N/A", text), "2026-11-23T10:00:00");
    assert_string_equal(times_iso(INT64_MAX, text), "INVALID");
}

static void sizes_are_exact_and_round_up(void **state)
{
    static const struct {
        const char *text;
        char unit;
        uint64_t mb;
    } cases[] = {
        { "4000", 0, 4000 }, { "4G", 0, 4096 },     { "4g", 0, 4096 },    { "1.5T", 0, 1572864 },
        { "1K", 0, 1 },      { "1024K", 0, 1 },     { "1025K", 0, 2 },    { "0", 0, 0 },
        { "2", 'G', 2048 },  { "2048", 'K', 2 },    { "2M", 'G', 2 },     { "0.5", 0, 1 },
        { "0.1G", 0, 103 },  { "1P", 0, 1u << 30 }, { "1.25G", 0, 1280 }, { "1GB", 0, 1024 },
    };
    static const char *const bad[] = {
        "",   "G",   "1X", "1GiB", "1BB",           "-1",
        "1.", "1.G", ".5", "1 G",  "9999999999999", "999999999999T"
    };
    uint64_t mb = 7;

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_int_equal(times_parse_size_mb(cases[i].text, cases[i].unit, &mb, NULL), 0);
        assert_int_equal(mb, cases[i].mb);
    }
    mb = 7;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct err e = { 0 };
        assert_true(times_parse_size_mb(bad[i], 0, &mb, &e) < 0);
        assert_int_equal(mb, 7);
        assert_non_null(strstr(e.text, "size"));
    }
}

int main(void)
{
    setenv("TZ", "Europe/Berlin", 1);
    tzset();
    return RUN(T(spans_are_read_in_every_syntax), T(what_is_no_span_is_refused),
               T(points_in_time_are_read_in_every_syntax), T(what_is_no_point_in_time_is_refused),
               T(tomorrow_is_a_day_and_not_24_hours), T(spans_are_shown_as_slurm_shows_them),
               T(points_are_shown_in_the_format_asked_for), T(sizes_are_exact_and_round_up));
}
