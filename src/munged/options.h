/* Command lines of munged and its commands: one table a program gives the getopt rows, the usage
 * text and, with the words of MUNGE, the messages of misuse. */
#ifndef MUNGED_OPTIONS_H
#define MUNGED_OPTIONS_H

#include <stddef.h>
#include <stdint.h>

#define OPTIONS_MAX 40

/* A row with name NULL is an empty line of the usage text. */
struct option_row {
    const char *name; /* the long form */
    int letter;       /* the short form; above 255: there is none */
    const char *arg;  /* its word in the usage text; NULL: takes none */
    const char *help;
};

#define OPTION_HELP "help", 'h', NULL, "Display this help message"
#define OPTION_LICENSE "license", 'L', NULL, "Display license information"
#define OPTION_VERSION "version", 'V', NULL, "Display version information"

struct program {
    const char *name;
    const struct option_row *rows;
    size_t n;
    const char *footer; /* below the options; NULL: nothing */
    /* Words of misuse, each with one %s. */
    const char *invalid, *missing, *extra;
};

/* The words that all but mungekey use. */
#define PROGRAM_WORDS                                                                    \
    .invalid = "Invalid option \"%s\"", .missing = "Missing argument for option \"%s\"", \
    .extra = "Unrecognized parameter \"%s\""

/* Calls `set` for each option; answers --help, --license and --version itself.  Ends the process on
 * those and on misuse (exit status 1, as MUNGE has it). */
typedef void option_set_fn(void *ctx, int letter, const char *arg);
void options_parse(const struct program *p, int argc, char **argv, option_set_fn *set, void *ctx);

/* "NAME: Error: text" on stderr, and the end. */
void fail(const char *program, int status, const char *fmt, ...)
    __attribute__((format(printf, 3, 4), noreturn));
void warn_about(const char *program, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* A number in [min, max]; false when s is not one. */
int number_parse(const char *s, int64_t min, int64_t max, int64_t *ret);
/* The same with a unit behind it: k, m, g count in thousands, K, M, G in 1024s. */
int count_parse(const char *s, int64_t min, int64_t max, int64_t *ret);

/* Name or number; end the process when it is neither. */
uint32_t user_parse(const char *program, const char *s);
uint32_t group_parse(const char *program, const char *s);

#endif
