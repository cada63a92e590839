/* The log: levels as Slurm's, one line each, written to stderr and/or a file.
 * The only file-scope mutable state in the suite (HOUSE section 7).
 * Line: "[2026-11-23T05:47:00.123] error: text"; on stderr "NAME: error: text".
 * Control characters in the text are written as \xNN (security R13). */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include <stdarg.h>

enum log_level {
    LOG_QUIET,
    LOG_FATAL,
    LOG_ERROR,
    LOG_INFO,
    LOG_VERBOSE,
    LOG_DEBUG,
    LOG_DEBUG2,
    LOG_DEBUG3,
};

void log_init(const char *program, enum log_level stderr_level);
/* 0 or -errno; NULL closes; reopen by calling again. */
int log_to_file(const char *path, enum log_level level);
void log_to_fd(int fd); /* takes over a file that somebody opened again for us; the level stays */
void log_to_syslog(enum log_level level); /* LOG_QUIET: no more; facility daemon */
void log_set_stderr(enum log_level level);
enum log_level log_parse_level(const char *s); /* "info", "debug2", "3"; -1 cast when unknown */

void log_at(enum log_level level, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
#define log_error(...) log_at(LOG_ERROR, __VA_ARGS__)
#define log_info(...) log_at(LOG_INFO, __VA_ARGS__)
#define log_verbose(...) log_at(LOG_VERBOSE, __VA_ARGS__)
#define log_debug(...) log_at(LOG_DEBUG, __VA_ARGS__)

/* Logs as fatal and exits with status 1: a daemon that cannot keep a promise stops. */
void die(const char *fmt, ...) __attribute__((format(printf, 1, 2), noreturn));

/* At most one line per `every` seconds for each limiter; says how many were left out. */
struct log_limit {
    long long next_ns;
    unsigned dropped;
};
void log_limited(struct log_limit *lim, int every_s, enum log_level level, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

#endif
