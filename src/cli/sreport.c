/* sreport: who used how much.  Words choose a report and a window; slurmdbd sums; the files beside
 * this one lay the sums out as Slurm does. */
#include "cli/sreport.h"

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/times.h"
#include "cli/output.h"
#include "cli/say.h"
#include "cli/words.h"
#include "net/daemon.h"
#include "schema/rpc.h"

#include <ctype.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define WORDS_MAX 256u

static const struct report_def reports[] = {
#define REPORT(group, name, title, kind, by, format) { #group, #name, title, kind, by, format },
#include "schema/reports.def"
#undef REPORT
};

static const struct report_unit units[] = {
    { "SecPer", "Seconds/Percentage of Total", 1, true },
    { "MinPer", "Minutes/Percentage of Total", 60, true },
    { "HourPer", "Hours/Percentage of Total", 3600, true },
    { "Seconds", "Seconds", 1, false },
    { "Minutes", "Minutes", 60, false },
    { "Hours", "Hours", 3600, false },
    { "Percent", "Percentage of Total", 0, true },
};

static const char help[] =
    "sreport [<OPTION>] [<COMMAND>]\n"
    "    Valid <OPTION> values are:\n"
    "     -a or --all_clusters: all clusters instead of the current one\n"
    "     -M or --cluster: these clusters\n"
    "     -n or --noheader: no header\n"
    "     -p or --parsable: output will be '|' delimited with a '|' at the end\n"
    "     -P or --parsable2: output will be '|' delimited without a '|' at the end\n"
    "     -t <time_format>: Seconds, Minutes, Hours, Percent, SecPer, MinPer, HourPer\n"
    "     -T or --tres: comma separated list of TRES, or 'ALL'\n"
    "     -Q or --quiet   -v or --verbose   -V or --version   -h or --help\n"
    "\n"
    "    Valid <COMMAND> values are:\n"
    "     cluster  AccountUtilizationByUser, AccountUtilizationByQOS, UserUtilizationByAccount,\n"
    "              UserUtilizationByWckey, Utilization, WCKeyUtilizationByUser\n"
    "     job      SizesByAccount, SizesByAccountAndWckey, SizesByWckey\n"
    "     reservation  Utilization\n"
    "     user     TopUsage\n"
    "     exit, quit, help, version; without a command it reads commands, one a line\n"
    "\n"
    "    <SPECS>: Start=, End= (default: yesterday), Clusters=, All_Clusters, Format=,\n"
    "     Accounts=, Users=, Wckeys=, Tree, Group, TopCount=, Grouping=, FlatView,\n"
    "     PrintJobCount\n"
    "  All commands and options are case-insensitive.\n";

int sreport_fail(struct sreport *s, const char *text)
{
    fprintf(stderr, "%s\n", text);
    return s->status = 1;
}

/* ---- what all reports share */

static const char line[] =
    "--------------------------------------------------------------------------------\n";

static void put_title(const struct asked *q, const char *unit, struct buf *out)
{
    char from[TIMES_TEXT], to[TIMES_TEXT];
    bool has_length = q->def->kind != CLUSTER && q->def->kind != RESERVATION;

    buf_puts(out, line);
    if (q->def->kind == TOP)
        buf_printf(out, "Top %u Users", q->top);
    else
        buf_puts(out, q->def->title);
    buf_printf(out, " %s - %s", times_iso(q->start, from), times_iso(q->end - 1, to));
    if (has_length)
        buf_printf(out, " (%lld secs)", (long long)(q->end - q->start));
    buf_printf(out, "\n%s\n%s", unit, line);
}

static void put_cell(const struct sreport *s, const struct report_column *c, const char *text,
                     bool is_last, struct buf *out)
{
    int width = abs(c->width);

    if (s->parsable)
        buf_printf(out, "%s%s", text, is_last && s->parsable == 2 ? "" : "|");
    else if (c->width < 0)
        buf_printf(out, "%-*.*s ", width, width, text);
    else
        buf_printf(out, "%*.*s ", width, width, text);
}

static void put_heading(const struct sreport *s, const struct report_table *t, struct buf *out)
{
    for (unsigned i = 0; i < t->n; i++)
        put_cell(s, &t->columns[i], t->columns[i].heading, i + 1 == t->n, out);
    buf_putc(out, '\n');
    for (unsigned i = 0; i < t->n && !s->parsable; i++) {
        for (int k = abs(t->columns[i].width); k > 0; k--)
            buf_putc(out, '-');
        buf_putc(out, ' ');
    }
    if (!s->parsable)
        buf_putc(out, '\n');
}

void report_print(const struct sreport *s, const struct asked *q, const char *unit,
                  const struct report_table *t)
{
    CLEANUP(buf_fini) struct buf out = { 0 };

    if (!s->no_header) {
        put_title(q, unit, &out);
        put_heading(s, t, &out);
    }
    for (unsigned l = 0; l < t->lines; l++) {
        for (unsigned i = 0; i < t->n; i++)
            put_cell(s, &t->columns[i], t->texts[l * t->n + i], i + 1 == t->n, &out);
        buf_putc(&out, '\n');
    }
    output_flush(&out);
}

const char *report_amount(struct sreport *s, uint64_t seconds, uint64_t total)
{
    const struct report_unit *u = s->unit;
    double share = total ? 100.0 * (double)seconds / (double)total : 0;
    double whole = u->seconds ? (double)seconds / u->seconds : 0;

    if (!u->has_share)
        return arena_printf(&s->arena, "%.0f", whole);
    if (!u->seconds)
        return arena_printf(&s->arena, "%.2f%%", share);
    return arena_printf(&s->arena, "%.0f(%.2f%%)", whole, share);
}

int report_amount_width(const struct sreport *s)
{
    return s->unit->has_share && s->unit->seconds ? 17 : 8;
}

const char *report_unit_words(struct sreport *s)
{
    if (!s->unit->seconds)
        return arena_printf(&s->arena, "Usage reported in %s", s->unit->words);
    return arena_printf(&s->arena, "Usage reported in %s %s", s->tres.n ? "TRES" : "CPU",
                        s->unit->words);
}

uint64_t report_total(const struct usage_info *info, const char *cluster, const char *tres)
{
    for (uint32_t i = 0; i < info->totals.n; i++)
        if (strcmp(info->totals.v[i].cluster, cluster) == 0 &&
            strcmp(info->totals.v[i].tres, tres) == 0)
            return info->totals.v[i].reported;
    return 0;
}

int sreport_ask(struct sreport *s, const struct asked *q, struct usage_query *query,
                struct usage_info **ret)
{
    struct err e = { 0 };

    query->start = q->start;
    query->end = q->end;
    query->clusters = s->clusters;
    if (s->all_clusters)
        query->clusters.n = 0;
    else if (!query->clusters.n)
        words_add(&query->clusters, conf_str(s->conn.conf, "ClusterName"), &s->arena);
    if (client_call(s->conn.client, OP_usage_list, query, &s->arena, (void **)ret, &e) < 0) {
        say_error("sreport", e.text);
        return s->status = 1;
    }
    return 0;
}

/* ---- words */

/* Reports count whole hours: a time goes to the nearer one. */
static int64_t to_hour(int64_t t)
{
    return (t + 1800) / 3600 * 3600;
}

static bool take_time(struct sreport *s, const char *text, int64_t *ret)
{
    int64_t t;

    if (times_parse_point(text, s->now, 1, &t, NULL) < 0) {
        fprintf(stderr, "Invalid time specification (pos=0): %s\n", text);
        return false;
    }
    *ret = to_hour(t);
    return true;
}

static bool begins(const char *name, const char *word, size_t least)
{
    size_t len = strlen(word);

    return len >= least && strncasecmp(name, word, len) == 0;
}

static bool take_flag(struct sreport *s, struct asked *q, const char *word)
{
    const struct {
        const char *name;
        bool *at;
    } flags[] = {
        { "All_Clusters", &s->all_clusters }, { "Tree", &q->is_tree },
        { "Group", &q->is_grouped },          { "FlatView", &q->is_flat },
        { "PrintJobCount", &q->counts_jobs }, { "AcctAsParent", &q->is_flat },
    };

    for (unsigned i = 0; i < sizeof flags / sizeof *flags; i++)
        if (begins(flags[i].name, word, 2))
            return *flags[i].at = true;
    return false;
}

static bool take_list(struct sreport *s, struct asked *q, const char *key, const char *value)
{
    const struct {
        const char *name;
        size_t least;
        struct strs *at;
    } lists[] = {
        { "Accounts", 1, &q->accounts }, { "Accts", 1, &q->accounts },
        { "Users", 1, &q->users },       { "Wckeys", 1, &q->wckeys },
        { "Clusters", 1, &s->clusters }, { "Grouping", 1, &q->grouping },
    };

    for (unsigned i = 0; i < sizeof lists / sizeof *lists; i++)
        if (begins(lists[i].name, key, lists[i].least))
            return words_add(lists[i].at, value, &s->arena), true;
    return false;
}

static void take_word(struct sreport *s, struct asked *q, const char *word)
{
    const char *equals = strchr(word, '=');
    const char *key = equals ? arena_strndup(&s->arena, word, (size_t)(equals - word)) : word;

    if (!equals && take_flag(s, q, word))
        return;
    if (equals && begins("Start", key, 1)) {
        take_time(s, equals + 1, &q->start);
    } else if (equals && begins("End", key, 1)) {
        take_time(s, equals + 1, &q->end);
    } else if (equals && begins("Format", key, 1)) {
        q->format = equals + 1;
    } else if (equals && begins("TopCount", key, 1)) {
        q->top = (unsigned)strtoul(equals + 1, NULL, 10);
    } else if (!equals || !take_list(s, q, key, equals + 1)) {
        fprintf(stderr, " Unknown condition: %s\nUse keyword set to modify value\n", word);
        s->status = 1;
    }
}

/* Yesterday, unless the words say otherwise; never beyond the hour that is. */
static void set_window(struct sreport *s, struct asked *q)
{
    int64_t today = s->now, hour = s->now / 3600 * 3600;

    times_parse_point("today", s->now, 1, &today, NULL);
    if (!q->start)
        times_parse_point("now-1day", today, 1, &q->start, NULL);
    if (!q->end)
        q->end = today > q->start ? today : hour;
    if (q->end > hour && q->start < hour)
        q->end = hour;
    if (q->end <= q->start)
        q->end = q->start + 3600;
}

static const struct report_def *report_find(const char *group, const char *name)
{
    for (unsigned i = 0; i < sizeof reports / sizeof *reports; i++)
        if (strcmp(reports[i].group, group) == 0 && begins(reports[i].name, name, 1))
            return &reports[i];
    return NULL;
}

static int report_reservations(struct sreport *s, struct asked *q)
{
    const struct report_column columns[] = {
        { "", "Cluster", 9 },    { "", "Name", 9 },       { "", "Start", 19 }, { "", "End", 19 },
        { "", "TRES Name", 14 }, { "", "Allocated", 20 }, { "", "Idle", 20 },
    };

    report_print(s, q,
                 arena_printf(&s->arena, "Usage reported in %s%s", s->unit->seconds ? "TRES " : "",
                              s->unit->words),
                 &(struct report_table){ columns, sizeof columns / sizeof *columns, NULL, 0 });
    return 0;
}

static int run_report(struct sreport *s, const struct report_def *def, char **words)
{
    static int (*const kinds[])(struct sreport *, struct asked *) = {
        [ROWS] = report_rows,
        [ACCOUNT_TREE] = report_rows,
        [WCKEY_TREE] = report_rows,
        [TOP] = report_rows,
        [CLUSTER] = report_clusters,
        [SIZES] = report_sizes,
        [RESERVATION] = report_reservations,
    };
    struct asked q = { .def = def, .top = 10 };

    for (; *words; words++)
        take_word(s, &q, *words);
    set_window(s, &q);
    return kinds[def->kind](s, &q);
}

static int no_such_report(struct sreport *s, const char *group, const char *name)
{
    const char *all = "";
    unsigned n = 0, count = 0;

    for (unsigned i = 0; i < sizeof reports / sizeof *reports; i++)
        count += strcmp(reports[i].group, group) == 0;
    for (unsigned i = 0; i < sizeof reports / sizeof *reports; i++)
        if (strcmp(reports[i].group, group) == 0) {
            n++;
            all = arena_printf(&s->arena, "%s%s%s\"%s\"", all, n > 1 ? ", " : "",
                               n == count && count > 1 ? "and " : "", reports[i].name);
        }
    fprintf(stderr, "Not valid report %s\nValid %s reports are, %s\n", name, group, all);
    return s->status = 1;
}

/* ---- commands */

static int run(struct sreport *s, char **words)
{
    static const char *const groups[] = { "cluster", "job", "reservation", "user" };

    if (!words[0])
        return 0;
    for (unsigned i = 0; i < sizeof groups / sizeof *groups; i++) {
        const struct report_def *def;

        if (!begins(groups[i], words[0], 1))
            continue;
        if (!words[1])
            return sreport_fail(
                s, arena_printf(&s->arena, "too few arguments for keyword:%s", words[0]));
        def = report_find(groups[i], words[1]);
        return def ? run_report(s, def, words + 2) : no_such_report(s, groups[i], words[1]);
    }
    if (begins("exit", words[0], 1) || begins("quit", words[0], 1))
        return s->is_over = true, 0;
    if (begins("help", words[0], 1))
        return fputs(help, stdout), 0;
    if (begins("version", words[0], 4))
        return puts(SLURM_COMPAT_VERSION), 0;
    return sreport_fail(s, arena_printf(&s->arena, "invalid keyword: %s", words[0]));
}

static int interact(struct sreport *s)
{
    char *text = NULL, *words[WORDS_MAX];
    size_t cap = 0;

    while (!s->is_over) {
        unsigned n = 0;

        fputs("sreport: ", stdout);
        fflush(stdout);
        if (getline(&text, &cap, stdin) < 0)
            break;
        for (char *at = text; n < WORDS_MAX - 1;) {
            at += strspn(at, " \t\n");
            if (!*at)
                break;
            words[n++] = at;
            at += strcspn(at, " \t\n");
            if (*at)
                *at++ = 0;
        }
        words[n] = NULL;
        run(s, words);
    }
    if (!s->is_over)
        putchar('\n');
    free(text);
    return s->status;
}

static void take_unit(struct sreport *s, const char *name)
{
    for (unsigned i = 0; i < sizeof units / sizeof *units; i++)
        if (begins(units[i].name, name, 1) &&
            (strlen(name) > 3 || !units[i].has_share || !units[i].seconds)) {
            s->unit = &units[i];
            return;
        }
    fprintf(stderr, "unknown time format %s", name);
}

static const struct option long_options[] = {
    { "all_clusters", no_argument, NULL, 'a' },
    { "cluster", required_argument, NULL, 'M' },
    { "clusters", required_argument, NULL, 'M' },
    { "federation", no_argument, NULL, 'q' },
    { "help", no_argument, NULL, 'h' },
    { "local", no_argument, NULL, 'q' },
    { "noheader", no_argument, NULL, 'n' },
    { "parsable", no_argument, NULL, 'p' },
    { "parsable2", no_argument, NULL, 'P' },
    { "quiet", no_argument, NULL, 'Q' },
    { "tres", required_argument, NULL, 'T' },
    { "usage", no_argument, NULL, 'h' },
    { "verbose", no_argument, NULL, 'v' },
    { "version", no_argument, NULL, 'V' },
    { NULL, 0, NULL, 0 },
};

/* Returns -1 to go on, else the exit status. */
static int read_options(struct sreport *s, int argc, char **argv)
{
    int letter;

    while ((letter = getopt_long(argc, argv, "+aM:hnpPQt:T:vV", long_options, NULL)) != -1) {
        switch (letter) {
        case 'h':
            return fputs(help, stdout), 0;
        case 'V':
            return puts(SLURM_COMPAT_VERSION), 0;
        case 'a':
            s->all_clusters = true;
            break;
        case 'M':
            words_add(&s->clusters, optarg, &s->arena);
            break;
        case 'n':
            s->no_header = true;
            break;
        case 'p':
        case 'P':
            s->parsable = letter == 'p' ? 1 : 2;
            break;
        case 't':
            take_unit(s, optarg);
            break;
        case 'T':
            words_add(&s->tres, optarg, &s->arena);
            break;
        case '?':
            return fputs("Try \"sreport --help\" for more information\n", stderr), 1;
        }
    }
    return -1;
}

/* -T names must be known; ALL is every one that is. */
static int check_tres(struct sreport *s)
{
    struct rule_query q = { .entity = "tres" };
    struct strs all = { 0 }, wanted = s->tres;
    struct rule_book *book;
    struct err e = { 0 };

    if (!wanted.n)
        return 0;
    if (client_call(s->conn.client, OP_rule_list, &q, &s->arena, (void **)&book, &e) < 0)
        return say_error("sreport", e.text), 1;
    for (uint32_t i = 0; i < book->tres.n; i++) {
        const struct rule_tres *t = &book->tres.v[i];
        const char *name = *t->name ? arena_printf(&s->arena, "%s/%s", t->type, t->name) : t->type;
        bool is_wanted = false;

        for (uint32_t k = 0; k < wanted.n; k++)
            is_wanted |= strcasecmp(wanted.v[k], "all") == 0 || strcasecmp(wanted.v[k], name) == 0;
        if (is_wanted)
            words_add(&all, name, &s->arena);
    }
    if (!all.n)
        return fputs("sreport: fatal: No valid TRES given\n", stderr), 1;
    s->tres = all;
    return 0;
}

int main(int argc, char **argv)
{
    struct sreport s = { .unit = &units[4], .now = clock_wall_s() };
    struct err e = { 0 };
    int status;

    log_init("sreport", LOG_INFO);
    status = read_options(&s, argc, argv);
    if (status < 0 && connection_open_dbd(&s.conn, &e) < 0) {
        say_error("sreport", e.text);
        status = 1;
    }
    if (status < 0 && check_tres(&s))
        status = 1;
    if (status < 0)
        status = argv[optind] ? (run(&s, argv + optind), s.status) : interact(&s);
    connection_close(&s.conn);
    arena_fini(&s.arena);
    return status;
}
