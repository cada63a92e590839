/* Configuration keys: the lists of slurm.conf.5 and slurmdbd.conf.5, and a slurm.conf with every
 * key. */
#include "mkdoc.h"

#include <stdbool.h>
#include <string.h>

/* The use column of conf_*.def; what it means is said in conf_slurm.def. */
enum { ACTED = 0, QUIET = 1, LATER = 2, INFO = 4, HIDDEN = 8, MULTIFACTOR = 16, SECRET = 32 };

struct key {
    const char *name, *kind, *fallback, *help;
    unsigned use;
};

#define KEY(name, kind, fallback, use, help) { #name, #kind, fallback, help, use },
static const struct key slurm_rows[] = {
#include "schema/conf_slurm.def"
};
static const struct key dbd_rows[] = {
#include "schema/conf_dbd.def"
};
static const struct key cgroup_rows[] = {
#include "schema/conf_cgroup.def"
};
#undef KEY
#define NODE(name, kind, member, use) { #name, #kind, "", "", use },
static const struct key node_rows[] = {
#include "schema/conf_node.def"
};
#undef NODE
#define PART(name, kind, member, use) { #name, #kind, "", "", use },
static const struct key part_rows[] = {
#include "schema/conf_part.def"
};
#undef PART

static const char *const kinds[][2] = {
    { "text", "text" },
    { "path", "an absolute path" },
    { "num", "a number" },
    { "sec", "seconds" },
    { "sec_inf", "seconds, or INFINITE" },
    { "min", "minutes" },
    { "usec", "microseconds" },
    { "percent", "percent" },
    { "ratio", "percent" },
    { "rate", "nodes a minute" },
    { "port", "a port" },
    { "ports", "a port, or a range" },
    { "bool", "0 or 1" },
    { "yesno", "YES or NO" },
    { "span", "minutes, hours:minutes:seconds or days\\-hours" },
    { "mem", "MiB, or UNLIMITED" },
    { "level", "quiet, fatal, error, info, verbose, debug, debug2 or debug3" },
    { "user", "a user" },
    { "choice", "one of a few words" },
};

static const char *kind_text(const char *kind)
{
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
        if (strcmp(kinds[i][0], kind) == 0)
            return kinds[i][1];
    return kind;
}

static const char *use_text(unsigned use)
{
    return use & LATER   ? "Not acted on yet: accepted, with one warning."
           : use & QUIET ? "Accepted; it makes no difference here."
                         : NULL;
}

static void keys(FILE *out, const struct key *rows, size_t count)
{
    for (const struct key *k = rows; k < rows + count; k++) {
        const char *note = use_text(k->use);
        if (k->use & INFO)
            continue;
        roff_item(out, k->name, k->help);
        fprintf(out, "(%s", kind_text(k->kind));
        if (*k->fallback) {
            fputs("; default \\fB", out);
            roff_text(out, k->fallback);
            fputs("\\fR", out);
        }
        fprintf(out, ")\n%s%s", note ? note : "", note ? "\n" : "");
    }
}

/* Keys of a record have names that say it all; those that wait for a later issue are marked. */
static void names(FILE *out, const struct key *rows, size_t count)
{
    for (const struct key *k = rows; k < rows + count; k++)
        fprintf(out, "%s%s%s", k == rows ? "" : ",\n", k->name, k->use & LATER ? "*" : "");
    fputs(".\n", out);
}

#define ROWS(rows) rows, sizeof(rows) / sizeof((rows)[0])

void slurm_keys(FILE *out)
{
    keys(out, ROWS(slurm_rows));
}

void cgroup_keys(FILE *out)
{
    keys(out, ROWS(cgroup_rows));
}

void dbd_keys(FILE *out)
{
    keys(out, ROWS(dbd_rows));
}

void node_keys(FILE *out)
{
    names(out, ROWS(node_rows));
}

void part_keys(FILE *out)
{
    names(out, ROWS(part_rows));
}

/* Every key in a comment with its default: a file that changes nothing until a line is opened. */
void conf_print(FILE *out)
{
    fputs(
        "# slurm.conf with every key that Sluice knows, at its default.\n"
        "# \"later\": accepted, with one warning; \"quiet\": accepted, makes no difference here.\n",
        out);
    for (size_t i = 0; i < sizeof slurm_rows / sizeof slurm_rows[0]; i++) {
        const struct key *k = &slurm_rows[i];
        if (k->use & INFO)
            continue;
        const char *value = k->fallback[0] == '(' ? "" : k->fallback; /* "(null)" is only shown */
        const char *quote = strchr(value, ' ') ? "\"" : "";
        fprintf(out, "\n# %s%s\n#%s=%s%s%s\n", k->help,
                k->use & LATER   ? " (later)"
                : k->use & QUIET ? " (quiet)"
                                 : "",
                k->name, quote, value, quote);
    }
}
