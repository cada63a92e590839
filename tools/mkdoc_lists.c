/* Lists of the commands' manual pages: options and variables of sbatch, columns, states, reasons,
 * errors.  Each is one pass over one table of the schema. */
#include "mkdoc.h"
#include "cli/opts.h"

#include <string.h>

/* ---- submit_opts.def */

#define NOW false
#define LATER true

struct option_row {
    const char *name, *env;
    char letter;
    unsigned tools;
    const char *arg;
    bool later;
    const char *help;
};

static const struct option_row option_rows[] = {
#define GROUP(title) { .help = title },
#define OPT(long_, short_, env_, tools_, member, parser, arg_, later_, help_) \
    { #long_, env_, short_, tools_, arg_, later_, help_ },
#include "schema/submit_opts.def"
#undef GROUP
#undef OPT
};
#define OPTION_COUNT (sizeof option_rows / sizeof option_rows[0])

static void option(FILE *out, const struct option_row *row);
static void variables(FILE *out, const char *env, const char *long_name);

void submit_options(FILE *out)
{
    for (size_t i = 0; i < OPTION_COUNT; i++) {
        const struct option_row *row = &option_rows[i];
        if (!row->name) /* a heading; its colon is --help's */
            fprintf(out, ".SS %.*s\n", (int)strcspn(row->help, ":"), row->help);
        else if (row->tools & BATCH)
            option(out, row);
    }
}

static void option(FILE *out, const struct option_row *row)
{
    fputs(".TP\n", out);
    if (row->letter)
        fprintf(out, "\\fB\\-%c\\fR, ", row->letter);
    fputs("\\fB\\-\\-", out);
    roff_text(out, row->name);
    fputs("\\fR", out);
    if (row->arg) {
        bool optional = row->arg[0] == '[' && row->arg[strlen(row->arg) - 1] == ']';
        fputs(optional ? "[=\\fI" : "=\\fI", out);
        roff_text(out, row->arg + optional);
        fputs("\\fR", out);
    }
    fputc('\n', out);
    roff_text(out, row->help);
    fputs(row->later ? ".\nNot acted on yet: it is stored and shown, and a warning names it.\n"
                     : ".\n",
          out);
}

void submit_variables(FILE *out)
{
    for (size_t i = 0; i < OPTION_COUNT; i++)
        if (option_rows[i].env && option_rows[i].tools & BATCH)
            variables(out, option_rows[i].env, option_rows[i].name);
}

/* "bas:NAME *:OTHER": words of letters that stand for prefixes, and a suffix.  b is SBATCH_, *
 * SLURM_. */
static void variables(FILE *out, const char *env, const char *long_name)
{
    for (const char *word = env; *word; word += strcspn(word, " "), word += strspn(word, " ")) {
        const char *suffix = strchr(word, ':') + 1;
        size_t letters = (size_t)(suffix - 1 - word);
        const char *prefix = memchr(word, 'b', letters)   ? "SBATCH"
                             : memchr(word, '*', letters) ? "SLURM"
                                                          : NULL;
        if (!prefix)
            continue;
        fprintf(out, ".TP\n\\fB%s_%.*s\\fR\nas \\fB\\-\\-", prefix, (int)strcspn(suffix, " "),
                suffix);
        roff_text(out, long_name);
        fputs("\\fR\n", out);
    }
}

/* ---- cols_*.def */

static void column(FILE *out, const char *name, char letter, const char *heading, const char *help)
{
    if (!*name) /* only for sorting */
        return;
    fputs(".TP\n\\fB", out);
    roff_text(out, name);
    fputs("\\fR", out);
    if (letter)
        fprintf(out, ", \\fB%%%c\\fR", letter);
    if (*heading) {
        fputs(" (", out);
        roff_text(out, heading);
        fputc(')', out);
    }
    fputc('\n', out);
    roff_text(out, help);
    fputc('\n', out);
}

#define COL(name, letter, heading, width, align, member, printer, absent, help) \
    column(out, #name, letter, heading, help);
#define SPEC COL
#define PART COL
#define NODE COL
#define SPAN COL
#define SUM COL
#define GROUP COL

void job_columns(FILE *out)
{
#include "schema/cols_job.def"
}

void step_columns(FILE *out)
{
#include "schema/cols_step.def"
}

void node_columns(FILE *out)
{
#include "schema/cols_node.def"
}

#undef COL
#undef GROUP

/* Fields that nothing is recorded for print nothing; they are marked. */
void acct_columns(FILE *out)
{
    static const struct {
        const char *name, *printer;
    } rows[] = {
#define COL(name, width, printer) { #name, #printer },
#include "schema/cols_acct.def"
#undef COL
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        fprintf(out, "%s%s%s", i ? ",\n" : "", rows[i].name,
                strcmp(rows[i].printer, "nothing") == 0 ? "*" : "");
    fputs(".\n", out);
}

/* ---- states.def, reasons.def, errors.def */

static void state(FILE *out, const char *text, const char *brief)
{
    char term[64];

    snprintf(term, sizeof term, "%s (%s)", text, brief);
    fputs(".br\n", out);
    roff_text(out, term);
    fputc('\n', out);
}

void job_states(FILE *out)
{
#define STATE(name, number, text, brief) state(out, text, brief);
#define FLAG(name, bit, text, brief) state(out, text, brief);
#include "schema/states.def"
#undef STATE
#undef FLAG
}

void job_reasons(FILE *out)
{
#define REASON(name, text) roff_item(out, #name, text);
#include "schema/reasons.def"
#undef REASON
}

void error_list(FILE *out)
{
#define ERR(name, number, http, text) roff_item(out, #number " " #name, text);
#include "schema/errors.def"
#undef ERR
}
