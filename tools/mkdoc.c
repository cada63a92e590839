/* mkdoc: documents from the schema.  Lists are rows in src/schema and are never typed twice; prose
 * is in man/NAME.in, where a line @LIST@ asks for one.
 *
 *   mkdoc man FILE.in [HELP]   the page, filled; HELP is what the command's --help printed, for
 * @OPTIONS@ mkdoc proto|rpc|states|conf
 *
 * The same sources give the same bytes: no dates, no host names. */
#include "mkdoc.h"
#include "base/buf.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static const struct {
    const char *name;
    void (*print)(FILE *out);
} lists[] = {
    { "SUBMIT_OPTIONS", submit_options },
    { "SUBMIT_VARIABLES", submit_variables },
    { "JOB_COLUMNS", job_columns },
    { "STEP_COLUMNS", step_columns },
    { "NODE_COLUMNS", node_columns },
    { "ACCT_COLUMNS", acct_columns },
    { "STATES", job_states },
    { "REASONS", job_reasons },
    { "ERRORS", error_list },
    { "SLURM_KEYS", slurm_keys },
    { "NODE_KEYS", node_keys },
    { "PARTITION_KEYS", part_keys },
    { "DBD_KEYS", dbd_keys },
    { "CGROUP_KEYS", cgroup_keys },
};

static const struct {
    const char *verb;
    void (*print)(FILE *out);
} documents[] = {
    { "proto", proto_print },
    { "rpc", rpc_print },
    { "states", states_print },
    { "conf", conf_print },
};

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static int man(const char *template, const char *help);
static int fill(FILE *in, const char *template, const char *help);
static bool put_list(const char *name, size_t len, const char *help);
static void put_line(const char *line);
static int slurp(const char *path, struct buf *into);

int main(int argc, char **argv)
{
    const char *verb = argc > 1 ? argv[1] : "";

    for (size_t i = 0; i < COUNT(documents); i++)
        if (argc == 2 && strcmp(verb, documents[i].verb) == 0) {
            documents[i].print(stdout);
            return fclose(stdout) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
        }
    if (strcmp(verb, "man") == 0 && (argc == 3 || argc == 4))
        return man(argv[2], argc == 4 ? argv[3] : NULL);
    fprintf(stderr, "usage: mkdoc man FILE.in [HELP] | proto | rpc | states | conf\n");
    return 2;
}

static int man(const char *template, const char *help)
{
    struct buf text = { 0 };
    FILE *in = fopen(template, "re");

    if (!in || (help && slurp(help, &text) < 0)) {
        perror(in ? help : template);
        return EXIT_FAILURE;
    }
    int status = fill(in, template, buf_str(&text));
    fclose(in);
    buf_fini(&text);
    return fclose(stdout) == 0 ? status : EXIT_FAILURE;
}

/* Copies the template; a line that is @NAME@ alone becomes that list. */
static int fill(FILE *in, const char *template, const char *help)
{
    char line[1024];

    for (unsigned n = 1; fgets(line, sizeof line, in); n++) {
        size_t len = strcspn(line, "\n");
        if (len < 3 || line[0] != '@' || line[len - 1] != '@')
            put_line(line);
        else if (!put_list(line + 1, len - 2, help)) {
            fprintf(stderr, "%s:%u: no list is called %.*s\n", template, n, (int)len, line);
            return EXIT_FAILURE;
        }
    }
    return EXIT_SUCCESS;
}

static bool put_list(const char *name, size_t len, const char *help)
{
    if (len == strlen("OPTIONS") && memcmp(name, "OPTIONS", len) == 0) {
        roff_verbatim(stdout, help);
        return *help != '\0'; /* a page that asks for options needs the text */
    }
    for (size_t i = 0; i < COUNT(lists); i++)
        if (strlen(lists[i].name) == len && memcmp(name, lists[i].name, len) == 0) {
            lists[i].print(stdout);
            return true;
        }
    return false;
}

/* @VERSION@ and @SYSCONFDIR@ may stand anywhere in a line. */
static void put_line(const char *line)
{
    static const struct {
        const char *mark, *value;
    } words[] = { { "@VERSION@", VERSION }, { "@SYSCONFDIR@", SYSCONFDIR } };

    while (*line) {
        size_t i = 0;
        while (i < COUNT(words) && strncmp(line, words[i].mark, strlen(words[i].mark)) != 0)
            i++;
        if (i == COUNT(words)) {
            putchar(*line++);
            continue;
        }
        fputs(words[i].value, stdout);
        line += strlen(words[i].mark);
    }
}

static int slurp(const char *path, struct buf *into)
{
    char part[4096];
    size_t n;
    FILE *in = fopen(path, "re");

    if (!in)
        return -1;
    while ((n = fread(part, 1, sizeof part, in)) > 0)
        buf_put(into, part, n);
    return fclose(in);
}
