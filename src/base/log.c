/* The log.  A line is built on the stack and written with one write(2) to a file opened for append,
 * so lines of several processes never mix and nothing is lost when the process dies. */
#include "base/log.h"
#include "base/clock.h"
#include "base/log_syslog.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>
#include <unistd.h>

#define LINE_MAX_BYTES 8192 /* longer texts are cut */

static struct {
    const char *program;
    enum log_level stderr_level, file_level;
    enum log_level syslog_level; /* LOG_QUIET: not used */
    int fd; /* of the file; valid while has_file */
    bool has_file;
} sink = { .program = "sluice", .stderr_level = LOG_INFO };

static const struct {
    const char *name, *prefix;
} levels[] = {
    [LOG_QUIET] = { "quiet", "" },           [LOG_FATAL] = { "fatal", "fatal: " },
    [LOG_ERROR] = { "error", "error: " },    [LOG_INFO] = { "info", "" },
    [LOG_VERBOSE] = { "verbose", "" },       [LOG_DEBUG] = { "debug", "debug:  " },
    [LOG_DEBUG2] = { "debug2", "debug2: " }, [LOG_DEBUG3] = { "debug3", "debug3: " },
};

static void write_text(enum log_level level, const char *text);
static void write_line(int fd, const char *head, const char *prefix, const char *text);
static size_t escape(char *out, size_t room, const char *text);

/* `program` is kept, not copied. */
void log_init(const char *program, enum log_level stderr_level)
{
    sink.program = program;
    sink.stderr_level = stderr_level;
}

/* The old file stays open when the new one cannot be: a log that fails must not go silent. */
int log_to_file(const char *path, enum log_level level)
{
    int fd = -1;

    if (path) {
        fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0640);
        if (fd < 0)
            return -errno;
    }
    if (sink.has_file)
        close(sink.fd);
    sink.fd = fd;
    sink.has_file = fd >= 0;
    sink.file_level = level;
    return 0;
}

void log_to_fd(int fd)
{
    if (sink.has_file)
        close(sink.fd);
    sink.fd = fd;
    sink.has_file = true;
}

void log_to_syslog(enum log_level level)
{
    log_syslog_open(sink.program);
    sink.syslog_level = level;
}

void log_set_stderr(enum log_level level)
{
    sink.stderr_level = level;
}

/* Slurm counts to debug5 and 9; what we do not tell apart is debug3. */
enum log_level log_parse_level(const char *s)
{
    if (s[0] >= '0' && s[0] <= '9' && s[1] == '\0')
        return s[0] - '0' < LOG_DEBUG3 ? (enum log_level)(s[0] - '0') : LOG_DEBUG3;
    for (size_t i = 0; i < sizeof levels / sizeof *levels; i++)
        if (strcasecmp(s, levels[i].name) == 0)
            return (enum log_level)i;
    if (strcasecmp(s, "debug4") == 0 || strcasecmp(s, "debug5") == 0)
        return LOG_DEBUG3;
    return (enum log_level) - 1;
}

void log_at(enum log_level level, const char *fmt, ...)
{
    char text[LINE_MAX_BYTES];
    va_list ap;

    if (level > sink.stderr_level && !(sink.has_file && level <= sink.file_level) &&
        level > sink.syslog_level)
        return;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    write_text(level, text);
}

void die(const char *fmt, ...)
{
    char text[LINE_MAX_BYTES];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    write_text(LOG_FATAL, text);
    exit(EXIT_FAILURE);
}

void log_limited(struct log_limit *lim, int every_s, enum log_level level, const char *fmt, ...)
{
    char text[LINE_MAX_BYTES];
    int64_t now = clock_mono_ns();
    va_list ap;

    if (now < lim->next_ns) {
        lim->dropped++;
        return;
    }
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    if (lim->dropped > 0)
        log_at(level, "%s (%u like it left out)", text, lim->dropped);
    else
        log_at(level, "%s", text);
    lim->dropped = 0;
    lim->next_ns = now + every_s * 1000000000LL;
}

static void write_text(enum log_level level, const char *text)
{
    char head[64], stamp[32];
    int saved_errno = errno;

    if (level <= sink.stderr_level) {
        snprintf(head, sizeof head, "%s: ", sink.program);
        write_line(STDERR_FILENO, head, levels[level].prefix, text);
    }
    if (sink.has_file && level <= sink.file_level) {
        int64_t now = clock_wall_ns();
        time_t s = (time_t)(now / 1000000000);
        struct tm tm;
        localtime_r(&s, &tm);
        strftime(stamp, sizeof stamp, "%Y-%m-%dT%H:%M:%S", &tm);
        snprintf(head, sizeof head, "[%s.%03d] ", stamp, (int)(now / 1000000 % 1000));
        write_line(sink.fd, head, levels[level].prefix, text);
    }
    if (level <= sink.syslog_level) {
        char clean[LINE_MAX_BYTES];
        clean[escape(clean, sizeof clean - 1, text)] = '\0';
        log_syslog_write(level <= LOG_ERROR ? 3 : level <= LOG_VERBOSE ? 6 : 7, clean);
    }
    errno = saved_errno; /* so that logging can stand anywhere */
}

static void write_line(int fd, const char *head, const char *prefix, const char *text)
{
    char line[LINE_MAX_BYTES];
    int len = snprintf(line, sizeof line, "%s%s", head, prefix);

    size_t end = (size_t)len + escape(line + len, sizeof line - (size_t)len - 1, text);
    line[end++] = '\n';
    (void)!write(fd, line, end); /* a full disk is no reason to stop */
}

/* Text may come from anybody: a newline must not forge a line, nor an escape move the cursor. */
static size_t escape(char *out, size_t room, const char *text)
{
    static const char hex[] = "0123456789abcdef";
    size_t len = 0;

    for (; *text && len + 4 <= room; text++) {
        unsigned char c = (unsigned char)*text;
        if (c >= 0x20 && c != 0x7f) {
            out[len++] = (char)c;
            continue;
        }
        memcpy(out + len, (char[]){ '\\', 'x', hex[c >> 4], hex[c & 15] }, 4);
        len += 4;
    }
    return len;
}
