/* sacct: what the archive knows about jobs.  A query from the options, lines from the records,
 * columns from the table. */
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/times.h"
#include "base/xalloc.h"
#include "net/daemon.h"
#include "cli/acct_check.h"
#include "cli/acct_json.h"
#include "cli/acct_line.h"
#include "cli/connect.h"
#include "cli/output.h"
#include "cli/say.h"
#include "cli/words.h"
#include "schema/rpc.h"

#include <getopt.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define DEFAULT_FORMAT "jobid,jobname,partition,account,alloccpus,state,exitcode"
#define BRIEF_FORMAT "jobid,state,exitcode"
#define LONG_FORMAT                                                                            \
    "jobid,jobidraw,jobname,partition,maxvmsize,maxvmsizenode,maxvmsizetask,avevmsize,maxrss," \
    "maxrssnode,maxrsstask,averss,maxpages,maxpagesnode,maxpagestask,avepages,mincpu,"         \
    "mincpunode,mincputask,avecpu,ntasks,alloccpus,elapsed,state,exitcode,avecpufreq,"         \
    "reqcpufreqmin,reqcpufreqmax,reqcpufreqgov,reqmem,consumedenergy,maxdiskread,"             \
    "maxdiskreadnode,maxdiskreadtask,avediskread,maxdiskwrite,maxdiskwritenode,"               \
    "maxdiskwritetask,avediskwrite,reqtres,alloctres,tresusageinave,tresusageinmax,"           \
    "tresusageinmaxnode,tresusageinmaxtask,tresusageinmin,tresusageinminnode,"                 \
    "tresusageinmintask,tresusageintot,tresusageoutmax,tresusageoutmaxnode,"                   \
    "tresusageoutmaxtask,tresusageoutave,tresusageouttot"

struct sacct {
    struct arena arena;
    struct acct_query query;
    struct text_env env;
    const char *format, *delimiter;
    const char *start, *end;
    bool all_users, all_clusters, truncate, no_header, json, list_fields;
    const char *stored; /* -B, --env-vars: the heading above each job's text */
    int parsable;       /* 1: -p with the separator at the end, 2: -P */
    int verbose;
};

enum {
    LONG_ONLY = 256,
    OPT_DELIMITER,
    OPT_NAME,
    OPT_UNITS,
    OPT_NOCONVERT,
    OPT_JSON,
    OPT_USAGE,
    OPT_CONSTRAINTS,
    OPT_IGNORED,
    OPT_ENV,
    OPT_WHOLE
};

static const struct option long_options[] = {
    { "allusers", no_argument, NULL, 'a' },
    { "accounts", required_argument, NULL, 'A' },
    { "allocations", no_argument, NULL, 'X' },
    { "brief", no_argument, NULL, 'b' },
    { "batch-script", no_argument, NULL, 'B' },
    { "cluster", required_argument, NULL, 'M' },
    { "clusters", required_argument, NULL, 'M' },
    { "allclusters", no_argument, NULL, 'L' },
    { "completion", no_argument, NULL, 'c' },
    { "constraints", required_argument, NULL, OPT_CONSTRAINTS },
    { "delimiter", required_argument, NULL, OPT_DELIMITER },
    { "duplicates", no_argument, NULL, 'D' },
    { "endtime", required_argument, NULL, 'E' },
    { "env-vars", no_argument, NULL, OPT_ENV },
    { "federation", no_argument, NULL, OPT_IGNORED },
    { "flags", required_argument, NULL, 'F' },
    { "format", required_argument, NULL, 'o' },
    { "gid", required_argument, NULL, 'g' },
    { "group", required_argument, NULL, 'g' },
    { "help", no_argument, NULL, 'h' },
    { "helpformat", no_argument, NULL, 'e' },
    { "jobs", required_argument, NULL, 'j' },
    { "json", no_argument, NULL, OPT_JSON },
    { "local", no_argument, NULL, OPT_IGNORED },
    { "long", no_argument, NULL, 'l' },
    { "name", required_argument, NULL, OPT_NAME },
    { "ncpus", required_argument, NULL, 'I' },
    { "nnodes", required_argument, NULL, 'i' },
    { "noconvert", no_argument, NULL, OPT_NOCONVERT },
    { "nodelist", required_argument, NULL, 'N' },
    { "noheader", no_argument, NULL, 'n' },
    { "parsable", no_argument, NULL, 'p' },
    { "parsable2", no_argument, NULL, 'P' },
    { "partition", required_argument, NULL, 'r' },
    { "qos", required_argument, NULL, 'q' },
    { "reason", required_argument, NULL, 'R' },
    { "starttime", required_argument, NULL, 'S' },
    { "state", required_argument, NULL, 's' },
    { "timelimit-max", required_argument, NULL, 'K' },
    { "timelimit-min", required_argument, NULL, 'k' },
    { "truncate", no_argument, NULL, 'T' },
    { "uid", required_argument, NULL, 'u' },
    { "units", required_argument, NULL, OPT_UNITS },
    { "usage", no_argument, NULL, OPT_USAGE },
    { "use-local-uid", no_argument, NULL, OPT_IGNORED },
    { "user", required_argument, NULL, 'u' },
    { "verbose", no_argument, NULL, 'v' },
    { "version", no_argument, NULL, 'V' },
    { "wckeys", required_argument, NULL, 'W' },
    { "whole-hetjob", optional_argument, NULL, OPT_WHOLE },
    { NULL, 0, NULL, 0 },
};

static const char usage[] = "Usage: sacct [options]\n"
                            "\tUse --help for help\n";

static const char help[] =
    "sacct [<OPTION>]\n"
    "    Valid <OPTION> values are:\n"
    "     -a, --allusers        jobs of all users\n"
    "     -A, --accounts        only these accounts (comma list)\n"
    "     -b, --brief           jobid, state and exitcode only\n"
    "     -B, --batch-script    the script of each job, where the site stores it; --env-vars\n"
    "     -D, --duplicates      earlier runs of requeued jobs too\n"
    "     -e, --helpformat      the fields that --format knows\n"
    "     -E, --endtime         jobs that were there before this time\n"
    "     -g, --gid, --group    only these groups\n"
    "     -i, --nnodes=N[-M]    jobs on so many nodes\n"
    "     -I, --ncpus=N[-M]     jobs on so many CPUs\n"
    "     -j, --jobs            only these jobs or steps: 12,13_4,15.batch\n"
    "         --json            JSON\n"
    "     -k, --timelimit-min   at least this limit      -K, --timelimit-max\n"
    "     -l, --long            many fields\n"
    "     -L, --allclusters     every cluster            -M, --clusters\n"
    "         --name            only jobs of these names\n"
    "     -n, --noheader        no heading\n"
    "         --noconvert       sizes in their original unit\n"
    "     -N, --nodelist        jobs on any of these nodes\n"
    "     -o, --format          fields, comma separated, each with an optional %width\n"
    "     -p, --parsable        '|' between and behind     -P, --parsable2: between\n"
    "         --delimiter       another separator for -p and -P\n"
    "     -q, --qos  -r, --partition  -R, --reason  -W, --wckeys    comma lists\n"
    "     -s, --state           jobs that were in one of these states\n"
    "     -S, --starttime       jobs that were there after this time\n"
    "     -T, --truncate        cut start and end at the window\n"
    "     -u, --uid, --user     only these users\n"
    "         --units=KMGTP     sizes in this unit\n"
    "     -v, --verbose   -V, --version   -X, --allocations (no steps)\n";

/* Says why not; returns -1. */
static int complain(const char *format, ...) __attribute__((format(printf, 1, 2)));

static int complain(const char *format, ...)
{
    char text[512];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    say_error("sacct", text);
    return -1;
}

/* ---- options */

static int parse_time(struct sacct *s, const char *text, const char *what, int64_t *ret)
{
    struct err e = { 0 };

    if (times_parse_point(text, s->env.now, 1, ret, &e) == 0)
        return 0;
    fprintf(stderr, "Invalid time specification (pos=0): %s\n", text);
    if (say_hints())
        fprintf(stderr,
                "sacct: hint: %s takes 2026-11-23T05:47, 11/23, 05:47, now-2hours, today ...\n",
                what);
    return -1;
}

/* "4" is exactly 4 for nobody: it is at least and at most 4; "2-8" a range. */
static int parse_range(const char *text, const char *what, struct opt_u32 *min, struct opt_u32 *max)
{
    char *end;

    *min = (struct opt_u32){ true, (uint32_t)strtoul(text, &end, 10) };
    *max = *min;
    if (*end == '-')
        max->v = (uint32_t)strtoul(end + 1, &end, 10);
    if (end != text && *end == 0)
        return 0;
    return complain("Invalid numeric value \"%s\" for requested %s range.\nwrite 4 or 2-8", text,
                    what);
}

static int parse_limit(const char *text, struct opt_u32 *ret)
{
    struct err e = { 0 };

    ret->set = true;
    if (times_parse_minutes(text, &ret->v, &e) == 0)
        return 0;
    return complain("fatal: Invalid time limit specification\n%s", e.text);
}

static int take_unit(struct sacct *s, const char *text)
{
    if (strlen(text) == 1 && strchr("KMGTP", *text)) {
        s->env.unit = *text;
        return 0;
    }
    complain("Invalid unit type '%s'. Possible options are 'KMGTP'", text);
    return complain("fatal: Invalid unit type");
}

/* Options that say yes to one thing. */
static const struct {
    int letter;
    size_t member;
} flags[] = {
    { 'a', offsetof(struct sacct, all_users) },
    { 'D', offsetof(struct sacct, query.duplicates) },
    { 'e', offsetof(struct sacct, list_fields) },
    { 'L', offsetof(struct sacct, all_clusters) },
    { 'n', offsetof(struct sacct, no_header) },
    { 'T', offsetof(struct sacct, truncate) },
    { OPT_JSON, offsetof(struct sacct, json) },
    { OPT_NOCONVERT, offsetof(struct sacct, env.noconvert) },
};

/* Options that set one thing to one value. */
static bool take_choice(struct sacct *s, int letter)
{
    switch (letter) {
    case 'b':
        return s->format = BRIEF_FORMAT, true;
    case 'B':
        return s->stored = "Batch Script for", true;
    case OPT_ENV:
        return s->stored = "Environment used for", true;
    case 'l':
        return s->format = LONG_FORMAT, true;
    case 'p':
        return s->parsable = 1, true;
    case 'P':
        return s->parsable = 2, true;
    case 'v':
        return s->verbose++, true;
    case 'X':
        return s->query.steps = false, true;
    default:
        return letter == OPT_IGNORED || letter == OPT_WHOLE;
    }
}

static bool take_flag(struct sacct *s, int letter)
{
    for (unsigned i = 0; i < sizeof flags / sizeof *flags; i++)
        if (flags[i].letter == letter)
            return *(bool *)((char *)s + flags[i].member) = true;
    return take_choice(s, letter);
}

/* Comma lists: the letter, and where its words go. */
static struct strs *list_of(struct sacct *s, int letter)
{
    switch (letter) {
    case 'A':
        return &s->query.accounts;
    case 'M':
        return &s->query.clusters;
    case 'g':
        return &s->query.groups;
    case 'j':
        return &s->query.jobs;
    case OPT_NAME:
        return &s->query.names;
    case 'q':
        return &s->query.qos;
    case 'r':
        return &s->query.partitions;
    case 'R':
        return &s->query.reasons;
    case 's':
        return &s->query.states;
    case 'u':
        return &s->query.users;
    case 'W':
        return &s->query.wckeys;
    default:
        return NULL;
    }
}

static int take_value(struct sacct *s, int letter, const char *arg)
{
    switch (letter) {
    case 'o':
        s->format = arg;
        return 0;
    case 'S':
        s->start = arg;
        return 0;
    case 'E':
        s->end = arg;
        return 0;
    case 'N':
        s->query.nodes = arg;
        return 0;
    case 'i':
        return parse_range(arg, "node", &s->query.min_nodes, &s->query.max_nodes);
    case 'I':
        return parse_range(arg, "cpu", &s->query.min_cpus, &s->query.max_cpus);
    case 'k':
        return parse_limit(arg, &s->query.min_limit_min);
    case 'K':
        return parse_limit(arg, &s->query.max_limit_min);
    case OPT_DELIMITER:
        s->delimiter = arg;
        return 0;
    case OPT_UNITS:
        return take_unit(s, arg);
    default:
        return complain("this option is not supported yet");
    }
}

static void print_fields(void)
{
    for (unsigned i = 0; i < acct_table.n; i++)
        printf("%-19s%s", acct_table.v[i].name, i % 4 == 3 || i + 1 == acct_table.n ? "\n" : " ");
}

/* Returns -1 to go on, else the exit status. */
static int read_options(struct sacct *s, int argc, char **argv)
{
    int letter;

    while (
        (letter = getopt_long(argc, argv, "aA:bBcDeE:F:g:hi:I:j:k:K:lLM:nN:o:pPq:r:R:s:S:Tu:vVW:X",
                              long_options, NULL)) != -1) {
        struct strs *list = list_of(s, letter);

        if (letter == 'V')
            return puts(SLURM_COMPAT_VERSION), 0;
        if (letter == 'h' || letter == OPT_USAGE)
            return fputs(letter == 'h' ? help : usage, stdout), 0;
        if (letter == '?')
            return 1;
        if (letter == 'c')
            return fputs("Slurm job completion is disabled\n", stderr), 1;
        if (list)
            words_add(list, optarg, &s->arena);
        else if (!take_flag(s, letter) && take_value(s, letter, optarg) < 0)
            return 1;
    }
    if (optind == argc)
        return -1;
    complain("Unknown arguments:");
    for (; optind < argc; optind++)
        complain(" %s%s", argv[optind], optind + 1 < argc ? "" : "\njobs are named with -j");
    return 1;
}

/* The default window (sacct(1), DEFAULT TIME WINDOW): depends on -j and -s. */
static int set_window(struct sacct *s)
{
    struct acct_query *q = &s->query;
    bool by_job = q->jobs.n > 0, by_state = q->states.n > 0;
    int64_t midnight;

    if (times_parse_point("today", s->env.now, 1, &midnight, NULL) < 0)
        midnight = 0;
    if (s->start && parse_time(s, s->start, "-S", &q->start) < 0)
        return -1;
    if (s->end && parse_time(s, s->end, "-E", &q->end) < 0)
        return -1;
    if (!s->start && !by_job && !by_state)
        q->start = midnight;
    if (s->start && !s->end && by_state)
        q->end = q->start;
    if (!s->end && !q->end && !by_state)
        q->end = s->env.now;
    if (q->end && q->end < q->start) {
        return complain("Start time (%s) requested after end time (%s)",
                        s->start ? s->start : "today", s->end ? s->end : "now");
    }
    return 0;
}

/* Ordinary users see their own jobs unless they ask otherwise. */
static void set_scope(struct sacct *s, const char *cluster)
{
    struct acct_query *q = &s->query;

    if (s->all_clusters)
        q->clusters.n = 0;
    else if (!q->clusters.n)
        words_add(&q->clusters, cluster, &s->arena);
    if (geteuid() != 0 && !s->all_users && !q->users.n && !q->jobs.n)
        words_add(&q->users, arena_printf(&s->arena, "%u", geteuid()), &s->arena);
    if (s->all_users)
        q->users.n = 0;
}

/* ---- output */

/* -j 12.batch: only that line of job 12.  True when the line was asked for, or no step was named at
 * all. */
static bool is_wanted(const struct sacct *s, const struct acct_line *l)
{
    CLEANUP(buf_fini) struct buf id = { 0 };
    CLEANUP(buf_fini) struct buf raw = { 0 };
    bool names_step = false;

    for (uint32_t i = 0; i < s->query.jobs.n; i++)
        names_step |= strchr(s->query.jobs.v[i], '.') != NULL;
    if (!names_step)
        return true;
    acct_line_id(l, false, &id);
    acct_line_id(l, true, &raw);
    for (uint32_t i = 0; i < s->query.jobs.n; i++) {
        const char *want = s->query.jobs.v[i];

        if (strcmp(want, buf_str(&id)) == 0 || strcmp(want, buf_str(&raw)) == 0)
            return true;
        if (!strchr(want, '.') && strtoul(want, NULL, 10) == l->job->job_id)
            return true;
    }
    return false;
}

static void print_line(const struct sacct *s, const struct text_format *f, struct acct_line l,
                       struct buf *out)
{
    if (s->truncate) {
        l.cut_start = s->query.start;
        l.cut_end = s->query.end;
    }
    if (!is_wanted(s, &l))
        return;
    if (s->parsable)
        text_parsable(f, &l, &s->env, s->delimiter, s->parsable == 1, out);
    else
        text_row(f, &l, &s->env, out);
}

/* -B and --env-vars.  The archive keeps neither text (AccountingStoreFlags); Slurm says NONE then.
 */
static void print_stored(const struct sacct *s, const struct acct_line *l)
{
    CLEANUP(buf_fini) struct buf id = { 0 };

    acct_line_id(l, true, &id);
    printf("%s %s%s\n", s->stored, buf_str(&id),
           *s->stored == 'E' ? " (must be batch to display)" : "");
    puts("--------------------------------------------------------------------------------");
    puts("NONE\n");
}

static void print_record(const struct sacct *s, const struct text_format *f,
                         struct acct_record *rec)
{
    CLEANUP(buf_fini) struct buf out = { 0 };
    struct acct_line l = { .cluster = rec->cluster, .record = rec, .job = rec->job };

    if (s->stored)
        return print_stored(s, &l);
    print_line(s, f, l, &out);
    for (uint32_t i = 0; i < rec->steps.n && s->query.steps; i++) {
        l.step = &rec->steps.v[i];
        print_line(s, f, l, &out);
    }
    fputs(buf_str(&out), stdout);
}

static void print_header(const struct sacct *s, const struct text_format *f)
{
    CLEANUP(buf_fini) struct buf out = { 0 };

    if (s->parsable) {
        text_parsable(f, NULL, &s->env, s->delimiter, s->parsable == 1, &out);
    } else {
        text_header(f, &out);
        text_rule(f, &out);
    }
    fputs(buf_str(&out), stdout);
}

static void print_json(const struct sacct *s, const struct acct_records *page, bool is_first)
{
    CLEANUP(buf_fini) struct buf out = { 0 };

    if (is_first)
        output_json_open("jobs", &out);
    for (uint32_t i = 0; i < page->records.n; i++, is_first = false) {
        output_json_item(is_first, &out);
        acct_json_job(&page->records.v[i], s->env.now, &out);
    }
    output_flush(&out);
}

static void print_page(const struct sacct *s, const struct text_format *f,
                       const struct acct_records *page, bool is_first)
{
    if (s->json)
        return print_json(s, page, is_first);
    if (is_first && !s->no_header && !s->stored)
        print_header(s, f);
    for (uint32_t i = 0; i < page->records.n; i++)
        print_record(s, f, &page->records.v[i]);
}

static void close_json(const struct sacct *s)
{
    CLEANUP(buf_fini) struct buf out = { 0 };

    output_json_close("sacct", s->env.cluster, &out);
    output_flush(&out);
}

/* Asks page after page; each is printed as it comes, the heading when the first is there. */
static int print_all(struct sacct *s, struct client *c, const struct text_format *f)
{
    bool is_first = true, more = true;

    for (; more; is_first = false) {
        CLEANUP(arena_fini) struct arena page = { 0 };
        struct acct_records *got;
        struct err e = { 0 };

        if (client_call(c, OP_acct_list, &s->query, &page, (void **)&got, &e) < 0)
            return complain("%s", e.text), 1;
        s->env.now = got->now ? got->now : s->env.now;
        print_page(s, f, got, is_first);
        more = got->more && got->records.n;
        if (more)
            s->query.after = got->records.v[got->records.n - 1].cursor;
    }
    if (s->json)
        close_json(s);
    return 0;
}

/* Fields that are gone; the sentence names the one to ask for. */
static int bad_field(const char *name)
{
    static const char *const gone[][2] = { { "AllocGRES", "AllocTRES" }, { "ReqGRES", "ReqTRES" } };

    for (unsigned i = 0; i < sizeof gone / sizeof *gone; i++)
        if (strcasecmp(name, gone[i][0]) == 0)
            return complain("fatal: %s has been removed, please use %s", gone[i][0], gone[i][1]), 1;
    return complain("Invalid field requested: \"%s\"", name), 1;
}

/* Every field, as a format. */
static const char *all_fields(struct arena *a)
{
    const char *list = "";

    for (unsigned i = 0; i < acct_table.n; i++)
        list = arena_printf(a, "%s%s%s", list, i ? "," : "", acct_table.v[i].name);
    return list;
}

static int run(struct sacct *s, struct client *c)
{
    struct text_format f;

    if (strcasecmp(s->format, "all") == 0)
        s->format = all_fields(&s->arena);
    text_fields(&acct_table, s->format, &s->arena, &f);
    f.cut_mark = '+';
    return f.bad.n ? bad_field(f.bad.v[0]) : print_all(s, c, &f);
}

/* Everything after the environment; returns the exit status. */
static int work(struct sacct *s, int argc, char **argv)
{
    CLEANUP(connection_close) struct connection conn = { 0 };
    struct err e = { 0 };
    int status = read_options(s, argc, argv);

    if (status >= 0)
        return status;
    if (s->list_fields)
        return print_fields(), 0;
    if (set_window(s) < 0)
        return 1;
    if (acct_check(&s->query, &s->arena, &e) < 0 || connection_open_dbd(&conn, &e) < 0)
        return complain("%s", e.text), 1;
    s->env.cluster = conf_str(conn.conf, "ClusterName");
    set_scope(s, s->env.cluster);
    return run(s, conn.client);
}

int main(int argc, char **argv)
{
    struct sacct s = { .delimiter = "|", .query = { .steps = true, .nodes = "" } };
    const char *format = getenv("SACCT_FORMAT");
    int status;

    log_init("sacct", LOG_INFO);
    s.env.now = clock_wall_s();
    s.env.time_format = getenv("SLURM_TIME_FORMAT");
    s.format = format ? format : DEFAULT_FORMAT;
    status = work(&s, argc, argv);
    arena_fini(&s.arena);
    return status;
}
