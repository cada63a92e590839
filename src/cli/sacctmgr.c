/* sacctmgr: the rule book by hand.  Words become a request, the answer becomes Slurm's text; who
 * may do what and what it means is decided by slurmdbd. */
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "cli/connect.h"
#include "cli/output.h"
#include "cli/rule_dump.h"
#include "cli/rule_lines.h"
#include "cli/rule_say.h"
#include "cli/rule_show.h"
#include "cli/sacctmgr.h"
#include "cli/say.h"
#include "net/daemon.h"
#include "schema/rpc.h"

#include <getopt.h>
#include <poll.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define PATIENCE_MS 30000
#define WORDS_MAX 1024u

static const struct option long_options[] = {
    { "associations", no_argument, NULL, 's' },
    { "help", no_argument, NULL, 'h' },
    { "immediate", no_argument, NULL, 'i' },
    { "noheader", no_argument, NULL, 'n' },
    { "oneliner", no_argument, NULL, 'o' },
    { "parsable", no_argument, NULL, 'p' },
    { "parsable2", no_argument, NULL, 'P' },
    { "quiet", no_argument, NULL, 'Q' },
    { "readonly", no_argument, NULL, 'r' },
    { "usage", no_argument, NULL, 'h' },
    { "verbose", no_argument, NULL, 'v' },
    { "version", no_argument, NULL, 'V' },
    { NULL, 0, NULL, 0 },
};

static const char help[] =
    "sacctmgr [<OPTION>] [<COMMAND>]\n"
    "    Valid <OPTION> values are:\n"
    "     -h or --help: this text\n"
    "     -i or --immediate: commit changes immediately\n"
    "     -n or --noheader: no header will be added to the beginning of output\n"
    "     -p or --parsable: output will be '|' delimited with a '|' at the end\n"
    "     -P or --parsable2: output will be '|' delimited without a '|' at the end\n"
    "     -Q or --quiet: print no messages other than error messages\n"
    "     -r or --readonly: no modification can happen\n"
    "     -s or --associations: show the associations of accounts and users too\n"
    "     -v or --verbose   -V or --version\n"
    "\n"
    "  Without a command it reads commands, one a line, until \"exit\".\n"
    "\n"
    "  Valid <COMMAND> values are:\n"
    "     add|create <ENTITY> <SPECS>     modify|update <ENTITY> where <SPECS> set <SPECS>\n"
    "     delete|remove <ENTITY> <SPECS>  list|show <ENTITY> [<SPECS>]\n"
    "     dump <CLUSTER> [File=<FILE>]    load [File=]<FILE> [clean] [cluster=<NAME>]\n"
    "     archive dump|load <SPECS>       clear stats   reconfigure   shutdown   version   exit\n"
    "\n"
    "  <ENTITY> may be account, association, cluster, configuration, coordinator, event,\n"
    "  federation, job, problem, qos, resource, reservation, runawayjobs, stats, transaction,\n"
    "  tres, user or wckey.  <SPECS> are Key=Value words; the manual lists them.\n"
    "  All commands, entities and options are case-insensitive.\n";

void sacctmgr_say(struct sacctmgr *s, const char *text)
{
    if (!s->is_quiet)
        fputs(text, stdout);
}

int sacctmgr_fail(struct sacctmgr *s, const char *text)
{
    fprintf(stderr, "%s\n", text);
    s->status = 1;
    return 1;
}

/* ---- questions at the terminal */

static int read_answer(void)
{
    struct pollfd in = { .fd = STDIN_FILENO, .events = POLLIN };
    char line[64];

    if (poll(&in, 1, PATIENCE_MS) <= 0 || !fgets(line, sizeof line, stdin))
        return 'n';
    return line[0] | 0x20;
}

bool sacctmgr_ask(struct sacctmgr *s, const char *question)
{
    int answer;

    if (s->is_immediate)
        return true;
    printf("%s (You have 30 seconds to decide)\n(N/y): ", question);
    fflush(stdout);
    answer = read_answer();
    putchar('\n');
    if (answer != 'y' && answer != 'n' && answer != '\n')
        printf("Y or N please\n(N/y): \n");
    return answer == 'y';
}

/* ---- changes */

/* Slurm asks before it makes a user whom the machine does not know. */
static bool users_are_known(struct sacctmgr *s, const struct rule_change *wish)
{
    for (uint32_t i = 0; i < wish->where.n && !s->is_immediate; i++) {
        const char *at = wish->where.v[i].value;

        if (strncasecmp(wish->where.v[i].key, "names", strlen(wish->where.v[i].key)) != 0)
            continue;
        while (*at) {
            size_t len = strcspn(at, ",");
            const char *name = arena_strndup(&s->arena, at, len);

            if (!getpwnam(name)) {
                printf("There is no uid for user '%s'\n", name);
                if (!sacctmgr_ask(s, "Are you sure you want to continue?"))
                    return false;
            }
            at += len + (at[len] == ',');
        }
    }
    return true;
}

static bool conditions_are_meant(struct sacctmgr *s, const struct rule_change *wish)
{
    if (strcmp(wish->verb, "modify") != 0 || wish->where.n || s->is_immediate)
        return true;
    puts("You didn't set any conditions with 'WHERE'.");
    return sacctmgr_ask(s, "Are you sure you want to continue?");
}

int sacctmgr_change(struct sacctmgr *s, struct rule_change *wish)
{
    CLEANUP(buf_fini) struct buf out = { 0 };
    struct rule_changed *did;
    struct err e = { 0 };
    bool is_user = strcmp(wish->entity, "user") == 0 && strcmp(wish->verb, "add") == 0;

    if ((is_user && !users_are_known(s, wish)) || !conditions_are_meant(s, wish))
        return s->status = 1;
    wish->is_question = !s->is_immediate;
    if (client_call(s->conn.client, OP_rule_change, wish, &s->arena, (void **)&did, &e) < 0)
        return sacctmgr_fail(s, e.text);
    rule_say(wish, did, &out);
    sacctmgr_say(s, buf_str(&out));
    if (s->is_immediate)
        return 0;
    if (!sacctmgr_ask(s, "Would you like to commit changes?"))
        return puts(" Changes Discarded"), 0;
    wish->is_question = false;
    if (client_call(s->conn.client, OP_rule_change, wish, &s->arena, (void **)&did, &e) < 0)
        return sacctmgr_fail(s, e.text);
    return 0;
}

static const char *const nouns[] = {
    [RULE_ADD] = "No valid entity in add command\nInput line must include \"Account\", \"Cluster\","
                 " \"Coordinator\", \"Federation\", \"QOS\", \"Resource\", or \"User\"",
    [RULE_MODIFY] = "No valid entity in modify command\nInput line must include \"Account\","
                    " \"Cluster\", \"Federation\", \"Job\", \"QOS\", \"Resource\" or \"User\"",
    [RULE_DELETE] = "No valid entity in delete command\nInput line must include \"Account\","
                    " \"Cluster\", \"Coordinator\", \"Federation\", \"QOS\", \"Resource\", or"
                    " \"User\"",
    [RULE_LIST] = "No valid entity in list command\nInput line must include \"Account\","
                  " \"Association\", \"Cluster\", \"Configuration\",\n\"Event\", \"Federation\","
                  " \"Problem\", \"QOS\", \"Resource\", \"Reservation\",\n\"RunAwayJobs\","
                  " \"Stats\", \"Transaction\", \"TRES\", \"User\", or \"WCKey\"",
};

static int change(struct sacctmgr *s, const char *verb, unsigned bit, char **words)
{
    const struct rule_entity *entity = words[0] ? rule_entity_find(words[0], bit) : NULL;
    struct rule_change wish;
    struct rule_words w;
    struct err e = { 0 };

    if (!entity)
        return sacctmgr_fail(s, nouns[bit]);
    if (s->is_readonly)
        return sacctmgr_fail(s, "Can't run this command in readonly mode.");
    if (rule_words_read(&w, entity, bit, words + 1, &s->arena, &e) < 0)
        return sacctmgr_fail(s, e.text);
    wish = (struct rule_change){ .entity = entity->name,
                                 .verb = verb,
                                 .where = { w.where, w.where_n },
                                 .set = { w.set, w.set_n } };
    return sacctmgr_change(s, &wish);
}

static int do_add(struct sacctmgr *s, char **words)
{
    return change(s, "add", RULE_ADD, words);
}

static int do_modify(struct sacctmgr *s, char **words)
{
    return change(s, "modify", RULE_MODIFY, words);
}

static int do_delete(struct sacctmgr *s, char **words)
{
    return change(s, "delete", RULE_DELETE, words);
}

/* ---- lists */

void sacctmgr_print(struct sacctmgr *s, const struct text_format *f, const struct rule_lines *l)
{
    CLEANUP(buf_fini) struct buf out = { 0 };

    if (!s->no_header && s->parsable) {
        text_parsable(f, NULL, &s->env, "|", s->parsable == 1, &out);
    } else if (!s->no_header) {
        text_header(f, &out);
        text_rule(f, &out);
    }
    for (uint32_t i = 0; i < l->n; i++)
        if (s->parsable)
            text_parsable(f, &l->v[i], &s->env, "|", s->parsable == 1, &out);
        else
            text_row(f, &l->v[i], &s->env, &out);
    output_flush(&out);
}

#define ASSOC_BESIDE \
    "Share,Priority,MaxJobs,MaxNodes,MaxCPUs,MaxSubmitJobs,MaxWall,MaxCPUMins,QOS,DefaultQOS"

/* Columns that a flag adds to the default ones, or puts in their place. */
static const char *format_of(struct sacctmgr *s, const struct rule_entity *entity,
                             const struct rule_words *w)
{
    static const struct {
        const char *entity, *flag, *format;
        bool replaces;
    } more[] = {
        { "user", "WithAssoc", "Cluster,Account,Partition," ASSOC_BESIDE, false },
        { "user", "WithCoordinators", "Coordinators", false },
        { "account", "WithAssoc",
          "Cluster,ParentName,User,Share,Priority,GrpJobs,GrpNodes,GrpCPUs,GrpMem,GrpSubmit,"
          "GrpWall,GrpCPUMins,MaxJobs,MaxNodes,MaxCPUs,MaxSubmitJobs,MaxWall,MaxCPUMins,QOS,"
          "DefaultQOS",
          false },
        { "account", "WithCoordinators", "Coordinators", false },
        { "association", "WOLimits", "Cluster,Account,User,Partition", true },
        { "cluster", "WOLimits", "Cluster,ControlHost,ControlPort,RPC", true },
        { "cluster", "WithFed", "Federation,ID,Features,FedState", false },
        { "resource", "WithClusters", "Cluster,Allowed", false },
    };
    const char *format = entity->format;

    for (unsigned i = 0; i < sizeof more / sizeof *more; i++)
        if (strcmp(more[i].entity, entity->name) == 0 && rule_has_flag(w, more[i].flag))
            format = more[i].replaces ? more[i].format
                                      : arena_printf(&s->arena, "%s,%s", format, more[i].format);
    return format;
}

static int list_rules(struct sacctmgr *s, const struct rule_entity *entity, struct rule_words *w)
{
    bool is_txn = strcmp(entity->name, "txn") == 0;
    struct rule_query q = { .entity = is_txn ? "transaction" : entity->name,
                            .where = { w->where, w->where_n } };
    const char *bad, *format;
    struct rule_book *book;
    struct rule_lines lines;
    struct text_format f;
    struct err e = { 0 };

    if (s->with_assocs)
        w->flags.v[w->flags.n++] = "WithAssoc";
    q.flags = w->flags;
    format = rule_format(w->format ? w->format : format_of(s, entity, w), &s->arena, &bad);
    if (bad)
        return sacctmgr_fail(s, arena_printf(&s->arena, "Unknown field '%s'", bad));
    if (client_call(s->conn.client, OP_rule_list, &q, &s->arena, (void **)&book, &e) < 0)
        return sacctmgr_fail(s, e.text);
    lines = rule_lines_make(entity, w, book, &s->arena);
    text_fields(&rule_table, format, &s->arena, &f);
    f.cut_mark = '+';
    sacctmgr_print(s, &f, &lines);
    return 0;
}

/* What is no rule is shown by functions of its own. */
static const struct {
    const char *entity;
    int (*show)(struct sacctmgr *s, const struct rule_entity *entity, struct rule_words *w);
} shows[] = {
    { "runawayjobs", show_runaway },  { "stats", show_stats },
    { "configuration", show_config }, { "federation", show_empty },
    { "reservation", show_empty },
};

static int do_list(struct sacctmgr *s, char **words)
{
    const struct rule_entity *entity = words[0] ? rule_entity_find(words[0], RULE_LIST) : NULL;
    struct rule_words w;
    struct err e = { 0 };

    if (!entity)
        return sacctmgr_fail(s, nouns[RULE_LIST]);
    if (rule_words_read(&w, entity, RULE_LIST, words + 1, &s->arena, &e) < 0)
        return sacctmgr_fail(s, e.text);
    for (unsigned i = 0; i < sizeof shows / sizeof *shows; i++)
        if (strcmp(shows[i].entity, entity->name) == 0)
            return shows[i].show(s, entity, &w);
    return list_rules(s, entity, &w);
}

/* ---- commands */

static int do_version(struct sacctmgr *s, char **words)
{
    return puts(SLURM_COMPAT_VERSION), 0;
}

static int do_help(struct sacctmgr *s, char **words)
{
    return fputs(help, stdout), 0;
}

static int do_exit(struct sacctmgr *s, char **words)
{
    s->is_over = true;
    return 0;
}

static int do_associations(struct sacctmgr *s, char **words)
{
    s->with_assocs = true;
    return 0;
}

static int do_quiet(struct sacctmgr *s, char **words)
{
    s->is_quiet = true;
    return 0;
}

static int do_readonly(struct sacctmgr *s, char **words)
{
    s->is_readonly = true;
    return 0;
}

static const struct {
    const char *name;
    unsigned least;
    int (*fn)(struct sacctmgr *s, char **words);
} commands[] = {
    { "add", 3, do_add },
    { "create", 3, do_add },
    { "modify", 1, do_modify },
    { "update", 1, do_modify },
    { "delete", 3, do_delete },
    { "remove", 3, do_delete },
    { "list", 2, do_list },
    { "show", 3, do_list },
    { "version", 4, do_version },
    { "help", 2, do_help },
    { "exit", 1, do_exit },
    { "quit", 4, do_exit },
    { "associations", 3, do_associations },
    { "quiet", 4, do_quiet },
    { "readonly", 4, do_readonly },
    { "dump", 2, sacctmgr_dump },
    { "load", 2, sacctmgr_load },
};

static int run(struct sacctmgr *s, char **words)
{
    if (!words[0])
        return 0;
    for (unsigned i = 0; i < sizeof commands / sizeof *commands; i++) {
        size_t len = strlen(words[0]);

        if (len >= commands[i].least && strncasecmp(commands[i].name, words[0], len) == 0)
            return commands[i].fn(s, words + 1);
    }
    return sacctmgr_fail(s, arena_printf(&s->arena, "invalid keyword: %s", words[0]));
}

/* One line of interactive input; blanks separate, quotes hold together. */
static void run_line(struct sacctmgr *s, char *line)
{
    char *words[WORDS_MAX];
    unsigned n = 0;
    char quote = 0;
    char *to = line;

    for (char *at = line; n < WORDS_MAX - 1;) {
        at += strspn(at, " \t\n");
        if (!*at)
            break;
        words[n++] = to = at;
        for (; *at && (quote || !strchr(" \t\n", *at)); at++)
            if (strchr("'\"", *at) && (!quote || quote == *at))
                quote = quote ? 0 : *at;
            else
                *to++ = *at;
        at += *at != 0;
        *to = 0;
    }
    words[n] = NULL;
    run(s, words);
}

static int interact(struct sacctmgr *s)
{
    char *line = NULL;
    size_t cap = 0;

    while (!s->is_over) {
        fputs("sacctmgr: ", stdout);
        fflush(stdout);
        if (getline(&line, &cap, stdin) < 0)
            break;
        run_line(s, line);
    }
    if (!s->is_over)
        putchar('\n');
    free(line);
    return s->status;
}

/* Returns -1 to go on, else the exit status. */
static int read_options(struct sacctmgr *s, int argc, char **argv)
{
    int letter;

    while ((letter = getopt_long(argc, argv, "+hionpPQrsvV", long_options, NULL)) != -1) {
        switch (letter) {
        case 'h':
            return do_help(s, NULL);
        case 'V':
            return do_version(s, NULL);
        case 'i':
            s->is_immediate = true;
            break;
        case 'n':
            s->no_header = true;
            break;
        case 'p':
        case 'P':
            s->parsable = letter == 'p' ? 1 : 2;
            break;
        case 'Q':
            s->is_quiet = true;
            break;
        case 'r':
            s->is_readonly = true;
            break;
        case 's':
            s->with_assocs = true;
            break;
        case '?':
            return fputs("Try \"sacctmgr --help\" for more information\n", stderr), 1;
        }
    }
    return -1;
}

int main(int argc, char **argv)
{
    struct sacctmgr s = { .env.now = clock_wall_s(),
                          .env.time_format = getenv("SLURM_TIME_FORMAT") };
    struct err e = { 0 };
    int status;

    log_init("sacctmgr", LOG_INFO);
    status = read_options(&s, argc, argv);
    if (status < 0 && connection_open_dbd(&s.conn, &e) < 0) {
        say_error("sacctmgr", e.text);
        status = 1;
    }
    if (status < 0)
        status = argv[optind] ? run(&s, argv + optind) : interact(&s);
    connection_close(&s.conn);
    arena_fini(&s.arena);
    return status;
}
