/* Command lines by table. */
#include "munged/options.h"

#include "auth/munge.h"
#include "base/cleanup.h"

#include <ctype.h>
#include <errno.h>
#include <getopt.h>
#include <grp.h>
#include <pwd.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HELP_COLUMN 26

/* The order of the rows is the order on the page. */
static void usage_print(const struct program *p)
{
    char left[64];

    printf("Usage: %s [OPTIONS]\n\n", p->name);
    for (size_t i = 0; i < p->n; i++) {
        const struct option_row *o = &p->rows[i];
        if (!o->name) {
            putchar('\n');
            continue;
        }
        char letter[8] = "";
        if (o->letter <= UINT8_MAX)
            snprintf(letter, sizeof letter, "-%c, ", o->letter);
        snprintf(left, sizeof left, "%s--%s%s%s", letter, o->name, o->arg ? "=" : "",
                 o->arg ? o->arg : "");
        printf("  %-*s%s\n", HELP_COLUMN, left, o->help);
    }
    putchar('\n');
    if (p->footer)
        printf("%s\n\n", p->footer);
}

static void license_print(void)
{
    puts("This is a part of Sluice, which speaks MUNGE's protocols.\n\n"
         "Sluice is free software under the Apache License, Version 2.0.\n"
         "You may obtain a copy at https://www.apache.org/licenses/LICENSE-2.0\n");
}

/* The words are the program's (mungekey has its own), so they are filled in by hand rather than
 * used as a format. */
static void misuse(const struct program *p, const char *words, const char *what)
{
    fprintf(stderr, "%s: Error: ", p->name);
    for (const char *c = words; *c; c++) {
        if (c[0] == '%' && c[1] == 's') {
            fputs(what, stderr);
            c++;
        } else {
            fputc(*c, stderr);
        }
    }
    fputc('\n', stderr);
    exit(EXIT_FAILURE);
}

/* How the user wrote the option that getopt stopped at: -x as two letters, anything else as the
 * word. */
static const char *written(char **argv, char spelling[3])
{
    const char *word = argv[optind - 1];

    if (optopt == 0 || optopt > UINT8_MAX || strncmp(word, "--", 2) == 0)
        return word;
    memcpy(spelling, (char[]){ '-', (char)optopt, '\0' }, 3);
    return spelling;
}

/* A leading colon makes getopt tell a missing argument from an unknown option. */
static void rows_to_getopt(const struct program *p, struct option *longs, char *letters)
{
    size_t at = 0;

    letters[at++] = ':';
    for (size_t i = 0, n = 0; i < p->n; i++) {
        const struct option_row *o = &p->rows[i];
        if (!o->name)
            continue;
        longs[n++] =
            (struct option){ o->name, o->arg ? required_argument : no_argument, NULL, o->letter };
        if (o->letter > UINT8_MAX)
            continue;
        letters[at++] = (char)o->letter;
        if (o->arg)
            letters[at++] = ':';
    }
    letters[at] = '\0';
}

void options_parse(const struct program *p, int argc, char **argv, option_set_fn *set, void *ctx)
{
    struct option longs[OPTIONS_MAX + 1] = { 0 };
    char letters[2 * OPTIONS_MAX + 2], spelling[3];
    int letter;

    rows_to_getopt(p, longs, letters);
    opterr = 0;
    while ((letter = getopt_long(argc, argv, letters, longs, NULL)) != -1) {
        switch (letter) {
        case 'h':
            usage_print(p);
            exit(EXIT_SUCCESS);
        case 'L':
            license_print();
            exit(EXIT_SUCCESS);
        case 'V':
            puts(MUNGE_VERSION);
            exit(EXIT_SUCCESS);
        case '?':
            misuse(p, p->invalid, written(argv, spelling));
            break;
        case ':':
            misuse(p, p->missing, written(argv, spelling));
            break;
        default:
            set(ctx, letter, optarg);
        }
    }
    if (optind < argc)
        misuse(p, p->extra, argv[optind]);
}

void fail(const char *program, int status, const char *fmt, ...)
{
    va_list ap;

    fprintf(stderr, "%s: Error: ", program);
    va_start(ap, fmt);
    vfprintf(stderr, fmt, ap);
    va_end(ap);
    fputc('\n', stderr);
    exit(status);
}

void warn_about(const char *program, const char *fmt, ...)
{
    va_list ap;

    fprintf(stderr, "%s: Warning: ", program);
    va_start(ap, fmt);
    vfprintf(stderr, fmt, ap);
    va_end(ap);
    fputc('\n', stderr);
}

/* ---- values */

int number_parse(const char *s, int64_t min, int64_t max, int64_t *ret)
{
    char *end;

    errno = 0;
    long long v = strtoll(s, &end, 10);
    if (end == s || *end != '\0' || errno || v < min || v > max)
        return -EINVAL;
    *ret = v;
    return 0;
}

int count_parse(const char *s, int64_t min, int64_t max, int64_t *ret)
{
    static const char units[] = "kmgKMG";
    static const int64_t factors[] = { 1000, 1000000, 1000000000, 1 << 10, 1 << 20, 1 << 30 };
    char *end;

    errno = 0;
    long long v = strtoll(s, &end, 10);
    const char *unit = *end ? strchr(units, *end) : NULL;
    if (end == s || errno || (*end && (!unit || end[1])))
        return -EINVAL;
    int64_t factor = unit ? factors[unit - units] : 1;
    if (v < min || v > max / factor)
        return -EINVAL;
    *ret = v * factor;
    return 0;
}

/* A name first: there are users whose name is a number. */
uint32_t user_parse(const char *program, const char *s)
{
    const struct passwd *pw = getpwnam(s);
    int64_t id;

    if (pw)
        return pw->pw_uid;
    if (number_parse(s, 0, UINT32_MAX, &id) < 0)
        fail(program, EXIT_FAILURE, "Unrecognized user \"%s\"", s);
    return (uint32_t)id;
}

uint32_t group_parse(const char *program, const char *s)
{
    const struct group *gr = getgrnam(s);
    int64_t id;

    if (gr)
        return gr->gr_gid;
    if (number_parse(s, 0, UINT32_MAX, &id) < 0)
        fail(program, EXIT_FAILURE, "Unrecognized group \"%s\"", s);
    return (uint32_t)id;
}
