/* scontrol: one verb from the command line, or many from a prompt.  Verbs are rows. */
#include "cli/scontrol.h"

#include "base/cleanup.h"
#include "base/log.h"
#include "base/xalloc.h"
#include "cli/args.h"
#include "net/daemon.h"
#include "schema/errors.h"
#include "schema/rpc.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#define WORDS_MAX 512

struct options {
    bool all, detail, one_line, quiet, json, yaml, hide, ignored;
    const char *clusters, *uid;
    int verbose;
};

#define O(member) offsetof(struct options, member)
static const struct arg arg_rows[] = {
    { "all", 'a', ARG_FLAG, O(all), "SLURM_ALL", NULL, "hidden partitions too" },
    { "clusters", 'M', ARG_TEXT, O(clusters), "SLURM_CLUSTERS", "name", "ask this cluster" },
    { "details", 'd', ARG_FLAG, O(detail), NULL, NULL, "show more" },
    { "federation", 0, ARG_FLAG, O(ignored), NULL, NULL, "accepted; there is one cluster" },
    { "future", 'F', ARG_FLAG, O(ignored), NULL, NULL, "nodes in state FUTURE too" },
    { "hide", 0, ARG_FLAG, O(hide), NULL, NULL, "no hidden partitions" },
    { "json", 0, ARG_FLAG, O(json), NULL, NULL, "as JSON" },
    { "local", 0, ARG_FLAG, O(ignored), NULL, NULL, "accepted; there is one cluster" },
    { "oneliner", 'o', ARG_FLAG, O(one_line), NULL, NULL, "one line a record" },
    { "quiet", 'Q', ARG_FLAG, O(quiet), NULL, NULL, "no complaints" },
    { "sibling", 0, ARG_FLAG, O(ignored), NULL, NULL, "accepted; there is one cluster" },
    { "uid", 'u', ARG_TEXT, O(uid), NULL, "user", "accepted; requests are always one's own" },
    { "verbose", 'v', ARG_COUNT, O(verbose), NULL, NULL, "say more" },
    { "yaml", 0, ARG_FLAG, O(yaml), NULL, NULL, "as YAML (JSON is YAML)" },
};
static const struct args args = { "scontrol", "[VERB ...]",
                                  "Shows and changes what slurmctld knows.", arg_rows,
                                  sizeof arg_rows / sizeof arg_rows[0] };

int scontrol_call(struct scontrol *s, unsigned opcode, const void *request, void **ret,
                  struct err *e)
{
    if (!s->is_open) {
        struct strs cluster = { &s->cluster, s->cluster && *s->cluster };
        int r = connection_open_cluster(&s->connection, &cluster, e);

        if (r < 0)
            return r;
        s->is_open = true;
    }
    return client_call(s->connection.client, (uint16_t)opcode, request, &s->arena, ret, e);
}

int scontrol_fail(const struct scontrol *s, const char *what, const struct err *e)
{
    if (!s->quiet)
        output_load_error(what, e);
    return 1;
}

/* ---- verbs that are too small for a file of their own */

static int simple_call(struct scontrol *s, unsigned opcode, const void *request, const char *what)
{
    struct err e = { 0 };
    void *reply;

    if (scontrol_call(s, opcode, request, &reply, &e) < 0)
        return scontrol_fail(s, what, &e);
    return 0;
}

static int verb_reconfigure(struct scontrol *s, int count, char **words)
{
    return simple_call(s, OP_reconfigure, &(struct empty){}, "slurm_reconfigure");
}

static int verb_shutdown(struct scontrol *s, int count, char **words)
{
    struct shutdown_request request = { .controller_only = count > 0 };

    if (count && strcasecmp(words[0], "slurmctld") && strcasecmp(words[0], "controller")) {
        fprintf(stderr, "invalid option:%s for keyword:shutdown\n", words[0]);
        return 1;
    }
    return simple_call(s, OP_shutdown, &request, "slurm_shutdown");
}

static int verb_setdebug(struct scontrol *s, int count, char **words)
{
    if ((int)log_parse_level(words[0]) < 0) {
        fprintf(stderr, "invalid debug level: %s\n", words[0]);
        return 1;
    }
    return simple_call(s, OP_set_debug, &(struct debug_request){ .level = words[0] },
                       "slurm_set_debug_level");
}

static int verb_errnumstr(struct scontrol *s, int count, char **words)
{
    char *end = NULL;
    long code = count ? strtol(words[0], &end, 10) : 0;

    if (count != 1 || end == words[0] || *end) {
        fprintf(stderr, "%s required for keyword:errnumstr\n",
                count == 1 ? "numeric arguments" : "one arguments");
        return 1;
    }
    printf("%s\n", errors_text((int)code));
    return 0;
}

static int verb_version(struct scontrol *s, int count, char **words)
{
    puts(SLURM_COMPAT_VERSION);
    return 0;
}

static int verb_quit(struct scontrol *s, int count, char **words)
{
    s->wants_exit = true;
    return 0;
}

static int verb_listpids(struct scontrol *s, int count, char **words)
{
    fprintf(stderr, "scontrol: error: listpids is not there yet; see the cgroup of the job under "
                    "/sys/fs/cgroup instead\n");
    return 1;
}

static int verb_nothing(struct scontrol *s, int count, char **words)
{
    return 0;
}

static int verb_details(struct scontrol *s, int count, char **words)
{
    s->detail = true;
    return 0;
}

static int verb_oneliner(struct scontrol *s, int count, char **words)
{
    s->one_line = true;
    return 0;
}

static int verb_all(struct scontrol *s, int count, char **words)
{
    s->all = true;
    return 0;
}

static int verb_hide(struct scontrol *s, int count, char **words)
{
    s->all = false;
    s->hide = true;
    return 0;
}

static int verb_quiet(struct scontrol *s, int count, char **words)
{
    s->quiet = true;
    return 0;
}

static int verb_verbose(struct scontrol *s, int count, char **words)
{
    s->verbose++;
    return 0;
}

static int verb_help(struct scontrol *s, int count, char **words);

/* Any beginning of a verb will do; the first row wins. */
static const struct verb verbs[] = {
    { "all", 0, 0, verb_all, 0 },
    { "completing", 0, 0, verb_nothing, 0 },
    { "create", 1, -1, scontrol_create, 0 },
    { "delete", 1, -1, scontrol_delete, 0 },
    { "details", 0, 0, verb_details, 0 },
    { "errnumstr", 0, -1, verb_errnumstr, 0 },
    { "exit", 0, 0, verb_quit, 0 },
    { "help", 0, -1, verb_help, 0 },
    { "hide", 0, 0, verb_hide, 0 },
    { "hold", 1, -1, NULL, OP_job_hold },
    { "holdu", 1, -1, NULL, OP_job_uhold },
    { "listpids", 0, -1, verb_listpids, 0 },
    { "oneliner", 0, 0, verb_oneliner, 0 },
    { "ping", 0, 0, scontrol_ping, 0 },
    { "quiet", 0, 0, verb_quiet, 0 },
    { "quit", 0, 0, verb_quit, 0 },
    { "reconfigure", 0, 0, verb_reconfigure, 0 },
    { "release", 1, -1, NULL, OP_job_release },
    { "requeue", 1, -1, NULL, OP_job_requeue },
    { "requeuehold", 1, -1, NULL, OP_job_requeuehold },
    { "resume", 1, -1, NULL, OP_job_resume },
    { "setdebug", 1, 1, verb_setdebug, 0 },
    { "show", 1, 2, scontrol_show, 0 },
    { "shutdown", 0, 1, verb_shutdown, 0 },
    { "suspend", 1, -1, NULL, OP_job_suspend },
    { "top", 1, -1, NULL, OP_job_top },
    { "uhold", 1, -1, NULL, OP_job_uhold },
    { "update", 1, -1, scontrol_update, 0 },
    { "verbose", 0, 0, verb_verbose, 0 },
    { "version", 0, 0, verb_version, 0 },
    { "wait_job", 1, 1, scontrol_wait_job, 0 },
    { "write", 2, 3, scontrol_write, 0 },
};

static int verb_help(struct scontrol *s, int count, char **words)
{
    puts("Verbs; scontrol --help shows the options, scontrol(1) explains both:");
    for (size_t i = 0; i < sizeof verbs / sizeof verbs[0]; i++)
        printf("     %s%s\n", verbs[i].name, verbs[i].least ? " ..." : "");
    puts("     !!  repeats the last command");
    return 0;
}

static const struct verb *verb_find(const char *word)
{
    size_t len = strlen(word);

    for (size_t exact = 2; exact-- > 0;)
        for (size_t i = 0; i < sizeof verbs / sizeof verbs[0]; i++)
            if (len && strncasecmp(word, verbs[i].name, len) == 0 &&
                (!exact || !verbs[i].name[len]))
                return &verbs[i];
    return NULL;
}

static int verb_run(struct scontrol *s, int count, char **words)
{
    const struct verb *verb = verb_find(words[0]);
    bool names_word = verb && strcmp(verb->name, "update") == 0;
    const char *between = names_word ? "for update keyword" : "for keyword:";

    if (!verb)
        fprintf(stderr, "invalid keyword: %s\n", words[0]);
    else if (count - 1 < verb->least || (verb->most >= 0 && count - 1 > verb->most))
        fprintf(stderr, "too %s arguments %s%s\n", count - 1 < verb->least ? "few" : "many",
                between, names_word ? "" : words[0]);
    else
        return verb->run ? verb->run(s, count - 1, words + 1)
                         : scontrol_job_verb(s, verb->opcode, count - 1, words + 1);
    return 1;
}

/* ---- the prompt */

/* Splits at blanks; quotes keep them.  Works in place, returns the count. */
static int split(char *line, char **words)
{
    int n = 0;
    char quote = 0;
    char *to = line;

    while (*line && n < WORDS_MAX - 1) {
        line += strspn(line, " \t\n");
        if (!*line)
            break;
        words[n++] = to;
        for (; *line && (quote || !strchr(" \t\n", *line)); line++) {
            if (quote ? *line == quote : (*line == '"' || *line == '\''))
                quote = quote ? 0 : *line;
            else
                *to++ = *line;
        }
        line += *line != '\0';
        *to++ = '\0';
    }
    words[n] = NULL;
    return n;
}

/* One line of the prompt; "!!" stands for the line before it. */
static int prompt_line(struct scontrol *s, const char *typed, char **last)
{
    char *words[WORDS_MAX];

    if (strcmp(typed, "!!\n") != 0) {
        free(*last);
        *last = xstrdup(typed);
    } else if (!*last) {
        return 0;
    }

    CLEANUP(freep) char *line = xstrdup(*last);
    int n = split(line, words), rc = n > 0 ? verb_run(s, n, words) : 0;

    output_flush(&s->out);
    arena_reset(&s->arena);
    return rc;
}

static int prompt(struct scontrol *s)
{
    CLEANUP(freep) char *line = NULL;
    CLEANUP(freep) char *last = NULL;
    size_t size = 0;
    int rc = 0;

    while (!s->wants_exit) {
        fputs("scontrol: ", stdout);
        fflush(stdout);
        if (getline(&line, &size, stdin) < 0)
            break;
        rc = prompt_line(s, line, &last);
    }
    if (!s->wants_exit)
        putchar('\n');
    return rc;
}

int main(int argc, char **argv)
{
    struct scontrol s = { 0 };
    struct options o = { 0 };
    struct arena arena = { 0 };
    int first = args_parse(&args, argc, argv, &arena, &o), rc;

    s.all = o.all;
    s.detail = o.detail;
    s.one_line = o.one_line;
    s.quiet = o.quiet;
    s.json = o.json || o.yaml;
    s.hide = o.hide;
    s.verbose = o.verbose;
    s.cluster = o.clusters;
    if (first < 0)
        rc = first == ARGS_DONE ? 0 : 1;
    else
        rc = first < argc ? verb_run(&s, argc - first, argv + first) : prompt(&s);
    output_flush(&s.out);
    buf_fini(&s.out);
    if (s.is_open)
        connection_close(&s.connection);
    arena_fini(&s.arena);
    arena_fini(&arena);
    return rc;
}
