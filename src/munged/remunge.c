/* remunge: how many credentials a second?  Threads ask munged until the time or the number is up.
 */
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/xalloc.h"
#include "munged/command.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define NAME "remunge"
#define THREADS_MAX 4096
#define ACCURATE_S 5 /* shorter runs get a warning */

static const struct option_row rows[] = {
    { OPTION_HELP },
    { OPTION_LICENSE },
    { OPTION_VERSION },
    { "quiet", 'q', NULL, "Display only the creds/sec numeric result" },
    { 0 },
    { ROW_CIPHER },
    { ROW_LIST_CIPHERS },
    { ROW_MAC },
    { ROW_LIST_MACS },
    { ROW_ZIP },
    { ROW_LIST_ZIPS },
    { 0 },
    { "encode", 'e', NULL, "Encode (but do not decode) each credential" },
    { "decode", 'd', NULL, "Encode and decode each credential" },
    { "length", 'l', "BYTES", "Specify payload length (in bytes)" },
    { ROW_AUTH_UID },
    { ROW_AUTH_GID },
    { ROW_TTL },
    { ROW_SOCKET },
    { 0 },
    { "duration", 'D', "SECS", "Specify test duration (in seconds; -1=max)" },
    { "num-creds", 'N', "INT", "Specify number of credentials to generate" },
    { "num-threads", 'T', "INT", "Specify number of threads to spawn" },
    { "warn-time", 'W', "SECS", "Specify max seconds for munge op before warning" },
};

static const struct program program = {
    .name = NAME, .rows = rows, .n = sizeof rows / sizeof *rows, PROGRAM_WORDS
};

/* The counters are the only thing that threads share; everything else is written before they
 * start. */
struct bench {
    struct munge_wish wish;
    const char *socket;
    bool quiet, decode;
    int64_t duration_s; /* -1: no end */
    int64_t creds;      /* 0: any number */
    int64_t length, threads, warn_s;
    int64_t end_ns;
    atomic_llong taken, done, encode_errors, decode_errors;
};

/* ---- options */

static int64_t number_or_fail(const char *what, const char *arg, int64_t min, int64_t max)
{
    int64_t n;

    if (count_parse(arg, min, max, &n) < 0)
        fail(NAME, EXIT_FAILURE, "Invalid %s '%s'", what, arg);
    return n;
}

/* A number of seconds, or with s, m, h, d behind it; -1 has no end. */
static int64_t duration_parse(const char *arg)
{
    static const char units[] = "smhd";
    static const int factors[] = { 1, 60, 3600, 86400 };
    size_t len = strlen(arg);
    const char *unit = len > 1 ? strchr(units, arg[len - 1]) : NULL;
    int64_t n;

    CLEANUP(freep) char *digits = xstrndup(arg, len - (unit != NULL));
    if (number_parse(digits, -1, INT32_MAX, &n) < 0)
        fail(NAME, EXIT_FAILURE, "Invalid duration '%s'", arg);
    return n < 0 ? -1 : n * (unit ? factors[unit - units] : 1);
}

static void option_set(void *ctx, int letter, const char *arg)
{
    struct bench *b = ctx;

    if (command_wish_set(NAME, &b->wish, letter, arg))
        return;
    switch (letter) {
    case 'q':
        b->quiet = true;
        break;
    case 'e':
    case 'd':
        b->decode = letter == 'd';
        break;
    case 'l':
        b->length = number_or_fail("number of bytes", arg, 0, INT32_MAX);
        break;
    case 'S':
        b->socket = arg;
        break;
    case 'D':
        b->duration_s = duration_parse(arg);
        break;
    case 'N':
        b->creds = number_or_fail("number of credentials", arg, 1, INT64_MAX);
        break;
    case 'T':
        b->threads = number_or_fail("number of threads", arg, 1, THREADS_MAX);
        break;
    case 'W':
        b->warn_s = number_or_fail("number of seconds", arg, 1, INT32_MAX);
        break;
    default:
        break;
    }
}

/* ---- the work */

static void __attribute__((format(printf, 2, 3))) say(const struct bench *b, const char *fmt, ...)
{
    time_t now = (time_t)clock_wall_s();
    char stamp[32], text[1024];
    struct tm tm;
    va_list ap;

    if (b->quiet)
        return;
    localtime_r(&now, &tm);
    strftime(stamp, sizeof stamp, "%Y-%m-%d %H:%M:%S", &tm);
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    printf("%s %s\n", stamp, text);
}

static void slow_check(const struct bench *b, long long n, const char *what, int64_t start_ns)
{
    double s = (double)(clock_mono_ns() - start_ns) / 1e9;

    if (s > (double)b->warn_s)
        say(b, "Credential #%lld %s took %.3f seconds", n, what, s);
}

/* A connection for each, as every client of MUNGE has it: that is the cost to be measured. */
static bool one(struct bench *b, long long n)
{
    CLEANUP(buf_fini) struct buf keep = { 0 };
    CLEANUP(freep) char *cred = NULL;
    struct munge_found found;
    struct err e = { 0 };

    int64_t start = clock_mono_ns();
    int err = munge_encode_as(b->socket, &b->wish, &cred, &e);
    slow_check(b, n, "encoding", start);
    if (err < 0) {
        say(b, "Credential #%lld encoding failed: %s (err=%d)", n, e.text, -err);
        atomic_fetch_add(&b->encode_errors, 1);
        return false;
    }
    if (!b->decode)
        return true;
    start = clock_mono_ns();
    err = munge_decode(b->socket, cred, strlen(cred), &keep, &found, &e);
    slow_check(b, n, "decoding", start);
    if (err < 0) {
        say(b, "Credential #%lld decoding failed: %s (err=%d)", n, e.text, -err);
        atomic_fetch_add(&b->decode_errors, 1);
    }
    return err == 0;
}

static void *worker(void *arg)
{
    struct bench *b = arg;

    while (clock_mono_ns() < b->end_ns) {
        long long n = atomic_fetch_add(&b->taken, 1) + 1;
        if (b->creds > 0 && n > b->creds)
            break;
        if (one(b, n))
            atomic_fetch_add(&b->done, 1);
    }
    return NULL;
}

/* Fewer threads than asked for still make a measurement; none do not. */
static double run(struct bench *b)
{
    CLEANUP(freep) pthread_t *threads = xcalloc((size_t)b->threads, sizeof *threads);
    int64_t start = clock_mono_ns(), n = 0;

    b->end_ns = b->duration_s < 0 ? INT64_MAX : start + b->duration_s * 1000000000LL;
    while (n < b->threads && pthread_create(&threads[n], NULL, worker, b) == 0)
        n++;
    if (n == 0)
        fail(NAME, EXIT_FAILURE, "Failed to create a thread");
    while (n-- > 0)
        pthread_join(threads[n], NULL);
    return (double)(clock_mono_ns() - start) / 1e9;
}

/* ---- the report */

static const char *plural(long long n)
{
    return n == 1 ? "" : "s";
}

static void announce(const struct bench *b)
{
    say(b, "Spawning %lld thread%s for %s", (long long)b->threads, plural(b->threads),
        b->decode ? "encoding/decoding" : "encoding");
    if (b->creds > 0 && b->duration_s > 0)
        say(b, "Processing %lld credential%s for up to %lld second%s", (long long)b->creds,
            plural(b->creds), (long long)b->duration_s, plural(b->duration_s));
    else if (b->creds > 0)
        say(b, "Processing %lld credential%s", (long long)b->creds, plural(b->creds));
    else
        say(b, "Processing credentials for %lld second%s", (long long)b->duration_s,
            plural(b->duration_s));
}

static void report(const struct bench *b, double seconds)
{
    long long done = b->done, rate = (long long)((double)done / seconds);

    if (b->encode_errors > 0)
        say(b, "Generated %lld encoding error%s", (long long)b->encode_errors,
            plural(b->encode_errors));
    if (b->decode_errors > 0)
        say(b, "Generated %lld decoding error%s", (long long)b->decode_errors,
            plural(b->decode_errors));
    say(b, "Processed %lld credential%s in %.3fs (%lld creds/sec)", done, plural(done), seconds,
        rate);
    if (b->quiet)
        printf("%lld\n", rate);
    if (seconds < ACCURATE_S && b->duration_s < 0)
        puts("\nWARNING: Results based on such a short time interval are of low accuracy\n");
}

int main(int argc, char **argv)
{
    struct bench b = { .wish = MUNGE_WISH, .socket = MUNGE_SOCKET, .threads = 1, .warn_s = 5 };

    options_parse(&program, argc, argv, option_set, &b);
    if (b.duration_s == 0)
        b.duration_s = b.creds > 0 ? -1 : 1;
    CLEANUP(freep) uint8_t *payload = xcalloc(1, (size_t)b.length + 1);
    b.wish.payload = payload;
    b.wish.len = (size_t)b.length;
    announce(&b);
    report(&b, run(&b));
    return EXIT_SUCCESS;
}
