/* scancel: ends or signals jobs.  The controller does the matching; this command says what to
 * match. */
#include "base/cleanup.h"
#include "base/hostlist.h"
#include "base/log.h"
#include "net/daemon.h"
#include "cli/clusters.h"
#include "cli/connect.h"
#include "cli/output.h"
#include "cli/say.h"
#include "cli/words.h"
#include "schema/errors.h"
#include "schema/rpc.h"
#include "schema/states.h"

#include <ctype.h>
#include <getopt.h>
#include <pwd.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

struct scancel {
    struct arena arena;
    struct job_kill kill;
    bool interactive, quiet;
    int verbose;
    bool has_filter;
    struct strs clusters;
};

enum { OPT_WCKEY = 256, OPT_ME, OPT_CTLD, OPT_SIBLING, OPT_USAGE, OPT_HELP };

static const struct option long_options[] = {
    { "account", required_argument, NULL, 'A' },
    { "batch", no_argument, NULL, 'b' },
    { "clusters", required_argument, NULL, 'M' },
    { "ctld", no_argument, NULL, OPT_CTLD },
    { "full", no_argument, NULL, 'f' },
    { "help", no_argument, NULL, OPT_HELP },
    { "hurry", no_argument, NULL, 'H' },
    { "interactive", no_argument, NULL, 'i' },
    { "jobname", required_argument, NULL, 'n' },
    { "me", no_argument, NULL, OPT_ME },
    { "name", required_argument, NULL, 'n' },
    { "nodelist", required_argument, NULL, 'w' },
    { "partition", required_argument, NULL, 'p' },
    { "qos", required_argument, NULL, 'q' },
    { "quiet", no_argument, NULL, 'Q' },
    { "reservation", required_argument, NULL, 'R' },
    { "sibling", required_argument, NULL, OPT_SIBLING },
    { "signal", required_argument, NULL, 's' },
    { "state", required_argument, NULL, 't' },
    { "usage", no_argument, NULL, OPT_USAGE },
    { "user", required_argument, NULL, 'u' },
    { "verbose", no_argument, NULL, 'v' },
    { "version", no_argument, NULL, 'V' },
    { "wckey", required_argument, NULL, OPT_WCKEY },
    { NULL, 0, NULL, 0 },
};

/* Environment variables that stand for an option (scancel(1)). */
static const struct {
    const char *name;
    int letter;
} variables[] = {
    { "SCANCEL_ACCOUNT", 'A' },   { "SCANCEL_BATCH", 'b' },       { "SCANCEL_FULL", 'f' },
    { "SCANCEL_HURRY", 'H' },     { "SCANCEL_INTERACTIVE", 'i' }, { "SCANCEL_NAME", 'n' },
    { "SCANCEL_PARTITION", 'p' }, { "SCANCEL_QOS", 'q' },         { "SCANCEL_STATE", 't' },
    { "SCANCEL_USER", 'u' },      { "SCANCEL_VERBOSE", 'v' },     { "SCANCEL_WCKEY", OPT_WCKEY },
};

static const char usage[] =
    "Usage: scancel [-A account] [--batch] [--full] [--interactive] [-n job_name]\n"
    "               [-p partition] [-Q] [-q qos] [-R reservation] [-s signal | integer]\n"
    "               [-t PENDING | RUNNING | SUSPENDED] [--usage] [-u user_name]\n"
    "               [--hurry] [-V] [-v] [-w hosts...] [--wckey=wckey]\n"
    "               [job_id[_array_id][.step_id]]\n";

static const char help[] =
    "Usage: scancel [OPTIONS] [job_id[_array_id][.step_id]]\n"
    "  -A, --account=account           only jobs charged to this account\n"
    "  -b, --batch                     signal the batch shell\n"
    "  -f, --full                      signal the batch shell and all steps\n"
    "  -H, --hurry                     leave out burst buffer stage-out\n"
    "  -i, --interactive               ask before each job\n"
    "      --me                        only my own jobs\n"
    "  -M, --clusters                  clusters to issue commands to\n"
    "  -n, --name=job_name             only jobs of this name\n"
    "  -p, --partition=partition       only jobs in this partition\n"
    "  -Q, --quiet                     no word about jobs that ended already\n"
    "  -q, --qos=qos                   only jobs of this quality of service\n"
    "  -R, --reservation=reservation   only jobs in this reservation\n"
    "  -s, --signal=name | integer     send this signal instead of ending the job\n"
    "  -t, --state=states              only PENDING, RUNNING or SUSPENDED jobs\n"
    "  -u, --user=user_name            only jobs of this user\n"
    "  -V, --version                   output version information and exit\n"
    "  -v, --verbose                   say more\n"
    "  -w, --nodelist                  only jobs on these nodes\n"
    "      --wckey=wckey               only jobs with this workload key\n"
    "\n"
    "Help options:\n"
    "  --help                          show this help message\n"
    "  --usage                         display brief usage message\n";

/* Says why not; returns -1. */
static int complain(const char *format, ...) __attribute__((format(printf, 1, 2)));

static int complain(const char *format, ...)
{
    char text[512];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    say_error("scancel", text);
    return -1;
}

/* "USR1", "SIGUSR1", "usr1", "10"; 0 when nobody knows it. */
static uint32_t signal_number(const char *text)
{
    if (isdigit((unsigned char)*text)) {
        char *end;
        unsigned long n = strtoul(text, &end, 10);

        return *end == 0 && n < 65 ? (uint32_t)n : 0;
    }
    if (strncasecmp(text, "SIG", 3) == 0)
        text += 3;
    for (int n = 1; n < 32; n++) {
        const char *name = sigabbrev_np(n);

        if (name && strcasecmp(name, text) == 0)
            return (uint32_t)n;
    }
    return 0;
}

static int take_states(struct scancel *s, const char *text)
{
    uint32_t state, flag;

    words_add(&s->kill.states, text, &s->arena);
    for (uint32_t i = 0; i < s->kill.states.n; i++) {
        const char *word = s->kill.states.v[i];

        if (state_parse(word, &state, &flag) && !flag && state <= STATE_SUSPENDED)
            continue;
        fprintf(stderr,
                "Invalid job state specified: %s\n"
                "Valid job states are PENDING, RUNNING, and SUSPENDED\n",
                word);
        return -1;
    }
    return 0;
}

static int take_signal(struct scancel *s, const char *text)
{
    s->kill.signal = (struct opt_u32){ true, signal_number(text) };
    if (s->kill.signal.v)
        return 0;
    fprintf(stderr, "Unknown job signal: %s\n", text);
    return -1;
}

/* Options that name one text member of the request. */
static const char **text_of(struct scancel *s, int letter)
{
    switch (letter) {
    case 'A':
        return &s->kill.account;
    case 'n':
        return &s->kill.name;
    case 'p':
        return &s->kill.partition;
    case 'q':
        return &s->kill.qos;
    case 'R':
        return &s->kill.reservation;
    case 'w':
        return &s->kill.nodes;
    case OPT_WCKEY:
        return &s->kill.wckey;
    default:
        return NULL;
    }
}

static int take_flag(struct scancel *s, int letter)
{
    switch (letter) {
    case 'b':
        return s->kill.batch = true, 0;
    case 'f':
        return s->kill.full = true, 0;
    case 'H':
        return s->kill.hurry = true, 0;
    case 'i':
        return s->interactive = true, 0;
    case 'Q':
        return s->quiet = true, 0;
    case 'v':
        return s->verbose++, 0;
    case OPT_CTLD:
        return 0;
    default:
        return complain("this option is not supported yet");
    }
}

static int take_users(struct scancel *s, const char *text)
{
    uint32_t known = s->kill.users.n;

    words_add(&s->kill.users, text, &s->arena);
    for (; known < s->kill.users.n; known++) {
        const char *user = s->kill.users.v[known];

        if (user[strspn(user, "0123456789")] && !getpwnam(user))
            return complain("Invalid user name: %s", user);
    }
    return 0;
}

static int take(struct scancel *s, int letter, const char *arg)
{
    const char **text = text_of(s, letter);

    if (text) {
        *text = arg;
        s->has_filter = true;
        return 0;
    }
    switch (letter) {
    case 't':
        s->has_filter = true;
        return take_states(s, arg);
    case 'M':
        return words_add(&s->clusters, arg, &s->arena), 0;
    case 'u':
        s->has_filter = true;
        return take_users(s, arg);
    case OPT_ME:
        s->has_filter = true;
        return words_add(&s->kill.users, arena_printf(&s->arena, "%u", getuid()), &s->arena), 0;
    case 's':
        return take_signal(s, arg);
    default:
        return take_flag(s, letter);
    }
}

static int read_environment(struct scancel *s)
{
    for (unsigned i = 0; i < sizeof variables / sizeof *variables; i++) {
        const char *value = getenv(variables[i].name);

        if (value && take(s, variables[i].letter, value) < 0)
            return -1;
    }
    return 0;
}

/* Returns -1 to go on, else the exit status. */
static int read_options(struct scancel *s, int argc, char **argv)
{
    int letter;

    if (read_environment(s) < 0)
        return 1;
    while ((letter = getopt_long(argc, argv, "A:bfHiM:n:p:Qq:R:s:t:u:Vvw:", long_options, NULL)) !=
           -1) {
        if (letter == 'V')
            return puts(SLURM_COMPAT_VERSION), 0;
        if (letter == OPT_HELP || letter == OPT_USAGE)
            return fputs(letter == OPT_HELP ? help : usage, stdout), 0;
        if (letter == '?')
            return fprintf(stderr, "Try \"scancel --help\" for more information\n"), 1;
        if (take(s, letter, optarg) < 0)
            return 1;
    }
    for (int i = optind; i < argc; i++)
        words_add(&s->kill.jobs, argv[i], &s->arena);
    if (s->kill.jobs.n || s->has_filter)
        return -1;
    return complain("No job identification provided"), 1;
}

/* "12", "12_3", "12_[1-3]", "12.0", "12.batch": a digit first and only sensible characters. */
static bool is_job_name(const char *text)
{
    const char *rest = text + strspn(text, "0123456789");

    return strtoul(text, NULL, 10) && strchr("_.+", *rest) &&
           text[strspn(text, "0123456789_[],-:%+.abcehtnrivx")] == 0;
}

static int check_jobs(const struct scancel *s)
{
    for (uint32_t i = 0; i < s->kill.jobs.n; i++)
        if (!is_job_name(s->kill.jobs.v[i]))
            return complain("Invalid job id %s", s->kill.jobs.v[i]);
    return 0;
}

static bool confirm(const struct job_result *r)
{
    char answer[16];

    printf("Cancel job_id=%s name=%s partition=%s [y/n]? ", r->job, r->name, r->partition);
    fflush(stdout);
    return fgets(answer, sizeof answer, stdin) && (*answer == 'y' || *answer == 'Y');
}

/* -i: first only ask what matches, then keep what the user says yes to. */
static int narrow(struct scancel *s, struct client *c)
{
    struct job_results *found;
    struct strs keep = { 0 };
    struct err e = { 0 };

    s->kill.list_only = true;
    if (client_call(c, OP_job_cancel, &s->kill, &s->arena, (void **)&found, &e) < 0)
        return complain("%s", e.text);
    for (uint32_t i = 0; i < found->jobs.n; i++)
        if (!found->jobs.v[i].code && confirm(&found->jobs.v[i]))
            words_add(&keep, found->jobs.v[i].job, &s->arena);
    s->kill.list_only = false;
    s->kill.jobs = keep;
    return (int)keep.n;
}

/* What to say of one job, and the exit status for it.  A job that ended already or that nobody
 * knows is no failure, as in Slurm; but an unknown id is told, so that a typo is noticed (Slurm:
 * with -v). Other refusals exit with the low byte of Slurm's error number. */
static int report_one(const struct scancel *s, const struct job_result *r)
{
    bool is_over = r->code == ESLURM_ALREADY_DONE, is_unknown = r->code == ESLURM_INVALID_JOB_ID;
    bool is_whole = !strchr(r->job, '.') && !s->kill.signal.set;

    if (s->verbose && !s->quiet)
        fprintf(stderr, "scancel: %s job %s\n", s->kill.signal.set ? "Signalled" : "Terminating",
                r->job);
    if (!r->code || ((is_over || is_unknown) && s->quiet))
        return 0;
    if (!is_over || s->verbose || s->kill.signal.set)
        complain("Kill job error on job id %s: %s", r->job,
                 *r->text ? r->text : errors_text((int)r->code));
    if (is_over || is_unknown)
        return is_whole && !s->has_filter ? 0 : 1;
    return (int)(r->code & 0xff);
}

static int report(const struct scancel *s, const struct job_results *got)
{
    int status = 0;

    for (uint32_t i = 0; i < got->jobs.n; i++) {
        int one = report_one(s, &got->jobs.v[i]);

        status = one ? one : status;
    }
    return status;
}

/* Returns the exit status. */
static int work(struct scancel *s, int argc, char **argv)
{
    CLEANUP(connection_close) struct connection conn = { 0 };
    struct job_results *got;
    struct err e = { 0 };
    int status = read_options(s, argc, argv);

    if (status >= 0)
        return status;
    if (check_jobs(s) < 0)
        return 1;
    if (clusters_split("scancel", &s->clusters, &s->arena, &status))
        return status;
    if (connection_open_cluster(&conn, &s->clusters, &e) < 0)
        return complain("%s", e.text), 1;
    if (s->interactive && (status = narrow(s, conn.client)) <= 0)
        return status < 0;
    if (client_call(conn.client, OP_job_cancel, &s->kill, &s->arena, (void **)&got, &e) < 0)
        return complain("%s", e.text), 1;
    return report(s, got);
}

int main(int argc, char **argv)
{
    struct scancel s = { 0 };
    int status;

    log_init("scancel", LOG_INFO);
    status = work(&s, argc, argv);
    arena_fini(&s.arena);
    return status;
}
