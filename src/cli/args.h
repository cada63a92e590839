/* Command lines as tables: one row an option, one pass fills a struct.  --help, --usage and -V come
 * from the rows. (sbatch and srun have submit_opts.def instead.) */
#ifndef CLI_ARGS_H
#define CLI_ARGS_H

#include "base/arena.h"
#include "schema/messages.h"

#include <stdio.h>

enum arg_kind {
    ARG_FLAG,     /* bool: true */
    ARG_COUNT,    /* int: one more each time */
    ARG_NUMBER,   /* int */
    ARG_TEXT,     /* const char * */
    ARG_OPTIONAL, /* const char *: the value, or "" when none follows */
    ARG_LIST,     /* struct strs: comma separated, repeats add up */
    ARG_OPTIONAL_LIST,
};

struct arg {
    const char *name; /* long name; an unambiguous beginning will do */
    char letter;      /* 0: none */
    enum arg_kind kind;
    size_t offset;     /* in the struct that args_parse fills */
    const char *env;   /* variable that gives a default; NULL: none */
    const char *value; /* what --help calls the value; NULL for flags */
    const char *help;
};

struct args {
    const char *command, *operands, *about; /* for --help: "squeue", "[ids]", one sentence */
    const struct arg *v;
    unsigned n;
};

#define ARGS_DONE (-1) /* --help or -V was answered: exit 0 */
#define ARGS_BAD (-2)  /* the complaint is on stderr: exit 1 */

/* Environment first, then the command line; strings live in the arena.  Returns the index of the
 * first operand (operands come last, getopt moves them), ARGS_DONE or ARGS_BAD. */
int args_parse(const struct args *spec, int argc, char **argv, struct arena *a, void *into);

void args_usage(const struct args *spec, FILE *to); /* what --usage prints */

bool args_list_has(const struct strs *list, const char *word);

#endif
