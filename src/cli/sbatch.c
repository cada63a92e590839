/* sbatch: reads a script and its options, sends both to the controller, prints the job's id.
 * Everything that can be refused here is refused before the controller is asked. */
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/times.h"
#include "net/daemon.h"
#include "cli/clusters.h"
#include "cli/connect.h"
#include "cli/opts.h"
#include "cli/say.h"
#include "cli/script.h"
#include "cli/submit.h"
#include "cli/words.h"
#include "schema/errors.h"
#include "schema/rpc.h"
#include "schema/states.h"

#include <errno.h>
#include <string.h>
#include <strings.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define NAME "sbatch"
#define WAIT_MIN_MS 200
#define WAIT_MAX_MS 5000

struct sbatch {
    struct opts opts;
    struct script script;
    struct arena arena;
    struct connection conn;
};

extern char **environ;

static void sbatch_fini(struct sbatch *s);
static int read_request(struct sbatch *s, int argc, char **argv);
static int read_options(struct sbatch *s, int argc, char **argv, int *ret_rest, struct err *e);
static int check_script(struct sbatch *s, const char *name);
static int choose_cluster(struct sbatch *s, struct err *e);
static int submit(struct sbatch *s);
static void print_id(const struct sbatch *s, const struct job_submitted *job);
static int wait_for(struct sbatch *s, uint32_t job_id);

int main(int argc, char **argv)
{
    CLEANUP(sbatch_fini) struct sbatch s = { 0 };
    struct err e = { 0 };

    argv[0] = (char *)NAME; /* getopt's complaints begin with it */
    log_init(NAME, LOG_INFO);
    opts_init(&s.opts, BATCH, clock_wall_s(), &s.arena);
    int status = read_request(&s, argc, argv);
    if (status >= 0)
        return status;
    if (choose_cluster(&s, &e) < 0) {
        say_error(NAME, e.text);
        return say_exit_code();
    }
    submit_rlimits(&s.opts, s.conn.conf);
    return submit(&s);
}

static void sbatch_fini(struct sbatch *s)
{
    connection_close(&s->conn);
    arena_fini(&s->arena);
}

/* From the command line to a whole request; -1, or the status to exit with. */
static int read_request(struct sbatch *s, int argc, char **argv)
{
    struct opts *o = &s->opts;
    struct err e = { 0 };
    int rest = 0;

    if (read_options(s, argc, argv, &rest, &e) < 0)
        return submit_refuse(NAME, o, &e);
    if (submit_answer(o, BATCH) == 0)
        return 0;
    if (o->own.wrap && rest < argc) {
        say_error(NAME, "Script arguments not permitted with --wrap option\n"
                        "put the arguments into the command: --wrap=\"cmd arg ...\"");
        return say_exit_code();
    }
    int status = check_script(s, rest < argc ? argv[rest] : NULL);
    if (status >= 0)
        return status;

    /* Now from the lowest source to the highest; the command line was only looked through before.
     */
    const struct opts_own seen = o->own;
    opts_init(o, BATCH, o->now, &s->arena);
    o->own.ignore_pbs = seen.ignore_pbs;
    if (script_directives(&s->script, o, &e) < 0 || opts_environment(o, &e) < 0 ||
        opts_words(o, OPTS_COMMAND, argc, argv, &rest, &e) < 0 || opts_finish(o, &e) < 0 ||
        submit_environment(o, environ, &e) < 0)
        return submit_refuse(NAME, o, &e);

    submit_origin(o, argc, argv);
    o->job.batch = true;
    o->job.script = s->script.text;
    o->job.command = s->script.path;
    if (!opts_is_set(o, "job-name"))
        o->job.name = s->script.name;
    o->job.argv = rest < argc
                      ? (struct strs){ (const char **)(argv + rest), (uint32_t)(argc - rest) }
                      : (struct strs){ 0 };
    if (!o->own.quiet && say_hints())
        opts_warn_later(o, say_warning);
    return -1;
}

/* The first look: where the script is, and whether help was asked for. */
static int read_options(struct sbatch *s, int argc, char **argv, int *ret_rest, struct err *e)
{
    int r = opts_words(&s->opts, OPTS_COMMAND, argc, argv, ret_rest, e);

    if (r == 0 && *ret_rest < argc && strcmp(argv[*ret_rest], ":") == 0) {
        s->opts.exit_code = 1;
        return err_set(e, ENOTSUP,
                       "Heterogeneous jobs are not supported yet\n"
                       "submit the components as jobs of their own, with --dependency");
    }
    return r;
}

static int check_script(struct sbatch *s, const char *name)
{
    struct err e = { 0 };
    int r = 0;

    if (s->opts.own.wrap)
        script_wrap(s->opts.own.wrap, &s->arena, &s->script);
    else
        r = script_read(name, &s->arena, &s->script, &e);
    if (r == 0)
        r = script_check(&s->script, &e);
    if (r == 0)
        return -1;
    say_error_lines(NAME, e.text);
    return say_exit_code();
}

/* When the job would start on a cluster; INT64_MAX: never, or the cluster is away. */
static int64_t start_on(struct sbatch *s, const char *name)
{
    struct strs one = { &name, 1 };
    struct job_spec question = s->opts.job;
    struct job_submitted *reply = NULL;
    struct connection conn = { 0 };
    struct err e = { 0 };
    int64_t start = INT64_MAX;

    question.test_only = true;
    if (connection_open_cluster(&conn, &one, &e) == 0 &&
        client_call(conn.client, OP_job_submit, &question, &s->arena, (void **)&reply, &e) == 0)
        start = reply->start_time.set ? reply->start_time.v : INT64_MAX - 1;
    connection_close(&conn);
    return start;
}

/* -M a,b: where it starts first; the earlier named where that is a tie. */
static int choose_cluster(struct sbatch *s, struct err *e)
{
    struct strs list = { 0 };
    int64_t best = INT64_MAX;
    uint32_t chosen = 0;

    words_add(&list, s->opts.job.clusters, &s->arena);
    clusters_expand(&list, &s->arena);
    for (uint32_t i = 0; i < list.n && list.n > 1; i++) {
        int64_t start = start_on(s, list.v[i]);

        if (start < best)
            chosen = i;
        best = start < best ? start : best;
    }
    return connection_open_cluster(
        &s->conn, &(struct strs){ list.n ? &list.v[chosen] : NULL, list.n > 0 }, e);
}

static int submit(struct sbatch *s)
{
    const struct job_spec *job = &s->opts.job;
    struct job_submitted *reply = NULL;
    struct err e = { 0 };

    int r = client_call(s->conn.client, OP_job_submit, job, &s->arena, (void **)&reply, &e);
    if (r < 0 && job->test_only) {
        fprintf(stderr, "allocation failure: %s\n", e.text);
        return say_exit_code();
    }
    if (r < 0) {
        say_error(NAME, arena_printf(&s->arena, "Batch job submission failed: %s", e.text));
        return say_exit_code();
    }
    for (uint32_t i = 0; i < reply->warnings.n && !s->opts.own.quiet; i++)
        say_warning(NAME, reply->warnings.v[i]);
    print_id(s, reply);
    if (fflush(stdout) != 0)
        return 1;
    return s->opts.own.wait && !job->test_only ? wait_for(s, reply->job_id) : 0;
}

static void print_id(const struct sbatch *s, const struct job_submitted *job)
{
    const char *cluster = *s->opts.job.clusters ? s->conn.cluster : "";
    char when[TIMES_TEXT];

    if (s->opts.job.test_only)
        fprintf(stderr,
                "%s: Job %u to start at %s using %u processors on nodes %s in partition %s\n", NAME,
                job->job_id, times_iso(job->start_time.v, when), job->cpus, job->nodes,
                job->partition);
    else if (s->opts.own.parsable)
        printf("%u%s%s\n", job->job_id, *cluster ? ";" : "", cluster);
    else if (!s->opts.own.quiet)
        printf("Submitted batch job %u%s%s\n", job->job_id, *cluster ? " on cluster " : "",
               cluster);
}

/* --wait: the worst exit code of the job's records; 1 for a signal. */
static int exit_code_of(const struct job_infos *infos, bool *ret_over)
{
    int worst = 0;

    *ret_over = true;
    for (uint32_t i = 0; i < infos->jobs.n; i++) {
        const struct job_info *j = &infos->jobs.v[i];
        int code = WIFSIGNALED(j->exit_code) ? 1 : WEXITSTATUS(j->exit_code);
        if (j->state < STATE_COMPLETED ||
            j->state_flags & (STATE_FLAG_COMPLETING | STATE_FLAG_REQUEUED))
            *ret_over = false;
        if (code == 0 && j->state != STATE_COMPLETED)
            code = 1;
        worst = code > worst ? code : worst;
    }
    return worst;
}

/* Asks until every task of the job has ended. */
static int wait_for(struct sbatch *s, uint32_t job_id)
{
    const char *ids[] = { arena_printf(&s->arena, "%u", job_id) }, *states[] = { "all" };
    const struct job_query query = { .jobs = { ids, 1 }, .states = { states, 1 } };

    for (long ms = WAIT_MIN_MS;; ms = ms * 2 < WAIT_MAX_MS ? ms * 2 : WAIT_MAX_MS) {
        const struct timespec pause = { ms / 1000, ms % 1000 * 1000000 };
        struct arena scratch = { 0 };
        struct job_infos *infos = NULL;
        struct err e = { 0 };
        bool over = false;
        int code = 1;

        nanosleep(&pause, NULL);
        int r = client_call(s->conn.client, OP_job_list, &query, &scratch, (void **)&infos, &e);
        if (r == 0)
            code = exit_code_of(infos, &over);
        arena_fini(&scratch);
        if (over)
            return code;
        if (r < 0 && e.code == ESLURM_INVALID_JOB_ID) {
            say_error(NAME, e.text);
            return say_exit_code();
        }
    }
}
