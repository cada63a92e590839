/* Option rows to getopt_long, and what it finds into the caller's struct. */
#include "cli/args.h"

#include "cli/words.h"
#include "net/daemon.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_LONG 256 /* values of options without a letter, and of help and usage */

bool args_list_has(const struct strs *list, const char *word)
{
    for (uint32_t i = 0; i < list->n; i++)
        if (strcmp(list->v[i], word) == 0)
            return true;
    return false;
}

static bool takes_value(const struct arg *arg)
{
    return arg->kind != ARG_FLAG && arg->kind != ARG_COUNT;
}

static bool is_optional(const struct arg *arg)
{
    return arg->kind == ARG_OPTIONAL || arg->kind == ARG_OPTIONAL_LIST;
}

static void store(const struct arg *arg, const char *value, struct arena *a, void *into)
{
    void *at = (char *)into + arg->offset;

    switch (arg->kind) {
    case ARG_FLAG:
        *(bool *)at = true;
        break;
    case ARG_COUNT:
        ++*(int *)at;
        break;
    case ARG_NUMBER:
        *(int *)at = atoi(value);
        break;
    case ARG_TEXT:
    case ARG_OPTIONAL:
        *(const char **)at = arena_strdup(a, value);
        break;
    case ARG_LIST:
    case ARG_OPTIONAL_LIST:
        words_add(at, value, a);
        break;
    }
}

static void help_print(const struct args *spec)
{
    printf("Usage: %s [OPTIONS]%s%s\n%s\n\n", spec->command, *spec->operands ? " " : "",
           spec->operands, spec->about);
    for (unsigned i = 0; i < spec->n; i++) {
        const struct arg *arg = &spec->v[i];
        char left[64];

        snprintf(left, sizeof left, "%c%c%s --%s%s%s%s", arg->letter ? '-' : ' ',
                 arg->letter ? arg->letter : ' ', arg->letter ? "," : " ", arg->name,
                 arg->value ? is_optional(arg) ? "[=" : "=" : "", arg->value ? arg->value : "",
                 arg->value && is_optional(arg) ? "]" : "");
        printf("  %-32s %s%s%s%s\n", left, arg->help, arg->env ? " [" : "",
               arg->env ? arg->env : "", arg->env ? "]" : "");
    }
    printf("  -V, --version                    print the version and exit\n"
           "      --help                       print this and exit\n"
           "      --usage                      print the options in short and exit\n");
}

void args_usage(const struct args *spec, FILE *to)
{
    fprintf(to, "Usage: %s", spec->command);
    for (unsigned i = 0; i < spec->n; i++)
        fprintf(to, " [--%s%s%s]", spec->v[i].name, spec->v[i].value ? "=" : "",
                spec->v[i].value ? spec->v[i].value : "");
    fprintf(to, "%s%s\n", *spec->operands ? " " : "", spec->operands);
}

/* Fills getopt's two tables.  The last three long options are help, usage, version. */
static void tables_fill(const struct args *spec, struct option *longs, char *letters)
{
    for (unsigned i = 0; i < spec->n; i++) {
        const struct arg *arg = &spec->v[i];
        int value = !takes_value(arg)  ? no_argument
                    : is_optional(arg) ? optional_argument
                                       : required_argument;

        longs[i] = (struct option){ arg->name, value, NULL, FIRST_LONG + (int)i };
        if (!arg->letter)
            continue;
        *letters++ = arg->letter;
        for (int colons = value; colons > 0; colons--)
            *letters++ = ':';
    }
    *letters++ = 'V';
    *letters = '\0';
    longs[spec->n] = (struct option){ "help", no_argument, NULL, FIRST_LONG + (int)spec->n };
    longs[spec->n + 1] =
        (struct option){ "usage", no_argument, NULL, FIRST_LONG + (int)spec->n + 1 };
    longs[spec->n + 2] = (struct option){ "version", no_argument, NULL, 'V' };
}

static const struct arg *row_of(const struct args *spec, int found)
{
    if (found >= FIRST_LONG)
        return &spec->v[found - FIRST_LONG];
    for (unsigned i = 0; i < spec->n; i++)
        if (spec->v[i].letter == found)
            return &spec->v[i];
    return NULL;
}

static void env_apply(const struct args *spec, struct arena *a, void *into)
{
    for (unsigned i = 0; i < spec->n; i++) {
        const char *value = spec->v[i].env ? getenv(spec->v[i].env) : NULL;

        if (value)
            store(&spec->v[i], value, a, into);
    }
}

/* A list on the command line replaces the one from the environment. */
static void env_forget(const struct arg *arg, bool *seen, void *into)
{
    if (!*seen && arg->env && (arg->kind == ARG_LIST || arg->kind == ARG_OPTIONAL_LIST))
        *(struct strs *)(void *)((char *)into + arg->offset) = (struct strs){ 0 };
    *seen = true;
}

int args_parse(const struct args *spec, int argc, char **argv, struct arena *a, void *into)
{
    struct option *longs = arena_calloc(a, spec->n + 4u, sizeof *longs);
    char *letters = arena_alloc(a, spec->n * 3u + 2u);
    bool *seen = arena_calloc(a, spec->n + 1u, sizeof *seen);
    int found;

    tables_fill(spec, longs, letters);
    env_apply(spec, a, into);
    while ((found = getopt_long(argc, argv, letters, longs, NULL)) != -1) {
        if (found == '?') {
            fprintf(stderr, "Try \"%s --help\" for more information\n", spec->command);
            return ARGS_BAD;
        }
        if (found == 'V')
            puts(SLURM_COMPAT_VERSION);
        else if (found == FIRST_LONG + (int)spec->n)
            help_print(spec);
        else if (found == FIRST_LONG + (int)spec->n + 1)
            args_usage(spec, stdout);

        const struct arg *arg =
            found == 'V' || found >= FIRST_LONG + (int)spec->n ? NULL : row_of(spec, found);
        if (!arg)
            return ARGS_DONE;
        /* An optional value may stand apart: squeue -j 12. */
        const char *value = optarg;
        if (is_optional(arg) && !value && optind < argc && argv[optind][0] != '-')
            value = argv[optind++];
        env_forget(arg, &seen[arg - spec->v], into);
        store(arg, value ? value : "", a, into);
    }
    return optind;
}
