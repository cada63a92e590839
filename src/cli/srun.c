/* srun: runs tasks in an allocation, its own or the one that it is in.
 *
 * From the command line to a step; what happens then is in srun_run.c. */
#include "cli/srun.h"

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/times.h"
#include "cli/say.h"
#include "cli/submit.h"
#include "net/daemon.h"
#include "schema/errors.h"
#include "schema/rpc.h"
#include "schema/states.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int read_request(struct srun *s, int argc, char **argv, int *ret_rest);
static int test_only(struct srun *s);
static int get_allocation(struct srun *s);
static int make_step(struct srun *s, char **command, struct step_created **ret);
static int open_streams(struct srun *s, const struct step_created *step);

static void srun_fini(struct srun *s)
{
    tty_restore(&s->tty);
    loop_remove_fd(s->watch);
    step_io_close(&s->io);
    connection_close(&s->conn);
    connection_close(&s->news);
    if (s->loop)
        loop_free(s->loop);
    tasks_fini(&s->tasks);
    arena_fini(&s->arena);
}

static int run_step(struct srun *s, char **command)
{
    struct step_created *step = NULL;

    srun_hook(s, s->opts.own.prolog, "SrunProlog");
    int r = srun_bcast(s, command);
    if (r == 0)
        r = make_step(s, command, &step);
    if (r == 0)
        r = open_streams(s, step);
    if (r < 0) {
        s->tasks.status = 1 << 8;
        return say_exit_code();
    }
    int code = srun_run(s, step);
    srun_hook(s, s->opts.own.epilog, "SrunEpilog");
    return code;
}

int main(int argc, char **argv)
{
    CLEANUP(srun_fini) struct srun s = { .in_fd = -1 };
    struct err e = { 0 };
    int rest = 0;

    argv[0] = (char *)SRUN;
    log_init(SRUN, LOG_INFO);
    opts_init(&s.opts, RUN, clock_wall_s(), &s.arena);
    int status = read_request(&s, argc, argv, &rest);
    if (status >= 0)
        return status;
    if (connection_open(&s.conn, &e) < 0 || loop_new(&s.loop, &e) < 0) {
        say_error(SRUN, e.text);
        return say_exit_code();
    }
    submit_rlimits(&s.opts, s.conn.conf);
    if (s.opts.job.test_only)
        return test_only(&s);
    s.alloc = (struct alloc){ .conn = &s.conn, .opts = &s.opts, .loop = s.loop, .arena = &s.arena };
    alloc_init(&s.alloc);
    srun_signals(&s);
    if (get_allocation(&s) < 0)
        return alloc_exit_code(&s.alloc);
    status = run_step(&s, argv + rest);
    tty_restore(&s.tty);
    if (s.is_own)
        alloc_end(&s.alloc, s.tasks.status);
    return status;
}

/* ---- options */

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash ? slash + 1 : path;
}

/* -1, or the status to exit with. */
static int read_request(struct srun *s, int argc, char **argv, int *ret_rest)
{
    struct opts *o = &s->opts;
    struct err e = { 0 };

    if (opts_environment(o, &e) < 0 || opts_words(o, OPTS_COMMAND, argc, argv, ret_rest, &e) < 0)
        return submit_refuse(SRUN, o, &e);
    if (submit_answer(o, RUN) == 0)
        return 0;
    if (o->own.mpi && strcmp(o->own.mpi, "list") == 0) {
        puts("MPI plugin types are...\n\tnone\n\tpmi2\n\tpmix");
        return 0;
    }
    if (opts_finish(o, &e) < 0)
        return submit_refuse(SRUN, o, &e);
    if (*ret_rest >= argc && !o->job.test_only) {
        say_error(SRUN, "fatal: No command given to execute.");
        return say_exit_code();
    }
    if (o->own.pty)
        o->own.label = false;
    submit_origin(o, argc, argv);
    o->job.batch = false;
    if (!o->own.jobid && !*o->job.name && *ret_rest < argc)
        o->job.name = base_name(argv[*ret_rest]);
    if (!o->own.quiet && say_hints())
        opts_warn_later(o, say_warning);
    return -1;
}

static int test_only(struct srun *s)
{
    struct job_submitted *job = NULL;
    struct err e = { 0 };
    char when[TIMES_TEXT];

    if (client_call(s->conn.client, OP_job_submit, &s->opts.job, &s->arena, (void **)&job, &e) <
        0) {
        fprintf(stderr, "allocation failure: %s\n", e.text);
        return say_exit_code();
    }
    fprintf(stderr, "%s: Job %u to start at %s using %u processors on nodes %s in partition %s\n",
            SRUN, job->job_id, times_iso(job->start_time.v, when), job->cpus, job->nodes,
            job->partition);
    return 0;
}

/* ---- the allocation */

static int existing(struct srun *s)
{
    uint32_t id = (uint32_t)strtoul(s->opts.own.jobid, NULL, 10);
    struct err e = { 0 };

    int r = alloc_look(&s->alloc, id, &s->info, &e);
    if (r == 0 && s->info->state == STATE_RUNNING && s->info->job)
        return 0;
    if (r == 0)
        err_set(&e, ESLURM_ALREADY_DONE, "%s", errors_text(ESLURM_ALREADY_DONE));
    say_error(SRUN,
              arena_printf(&s->arena, "Unable to confirm allocation for job %u: %s", id, e.text));
    fprintf(stderr, "%s: Check SLURM_JOB_ID environment variable. Expired or invalid job %u\n",
            SRUN, id);
    return -1;
}

static int get_allocation(struct srun *s)
{
    if (s->opts.own.jobid)
        return existing(s);
    if (alloc_get(&s->alloc, &s->info) < 0)
        return -1;
    s->is_own = true;
    if (s->info->job)
        return 0;
    say_error(SRUN, "the job ended before it could run anything");
    return -1;
}

/* ---- the step */

static const char *host_and_pid(struct srun *s)
{
    char host[HOSTNAME_LEN_MAX + 1] = "";

    gethostname(host, sizeof host - 1);
    return arena_printf(&s->arena, "%.*s:%d", (int)strcspn(host, "."), host, (int)getpid());
}

static int refused_step(struct srun *s, const struct err *e)
{
    if (e->code != EINTR)
        say_error(SRUN, arena_printf(&s->arena, "Unable to create step for job %u: %s",
                                     s->info->job_id, e->text));
    return -1;
}

/* First without waiting, to be told what is in the way; then until there is room. */
static int create(struct srun *s, struct step_created **ret)
{
    struct client *c = s->conn.client;
    struct step_spec *spec = &s->spec.step;
    struct err e = { 0 };

    int r = client_call(c, OP_step_create, spec, &s->arena, (void **)ret, &e);
    if (r == 0)
        return 0;
    if (e.code != ESLURM_NODES_BUSY || s->opts.job.immediate_s.set)
        return refused_step(s, &e);
    if (!s->opts.own.quiet) {
        const char *hints = strchr(e.text, '\n');
        fprintf(stderr, "%s: Job %u step creation temporarily disabled, retrying (%s)\n", SRUN,
                s->info->job_id, errors_text(ESLURM_NODES_BUSY));
        for (const char *line = hints; line; line = strchr(line + 1, '\n'))
            fprintf(stderr, "%s: hint: %.*s\n", SRUN, (int)strcspn(line + 1, "\n"), line + 1);
    }
    spec->wait = true;
    r = client_wait(c, OP_step_create, spec, &s->arena, (void **)ret, &e);
    if (r < 0)
        return refused_step(s, &e);
    if (!s->opts.own.quiet)
        fprintf(stderr, "%s: Step created for StepId=%u.%u\n", SRUN, (*ret)->job_id,
                (*ret)->step_id);
    return 0;
}

static int make_step(struct srun *s, char **command, struct step_created **ret)
{
    struct step_spec *spec = &s->spec.step;
    const struct srun_place place = { s->conn.conf, s->info, s->is_own };
    struct step_place at;
    struct err e = { 0 };

    step_place_find(&at, &s->conn);
    int r = srun_spec_make(&s->opts, &place, command, &s->spec, &e);
    if (r == 0)
        r = step_io_open(&s->io, s->loop, &at, &e);
    if (r < 0) {
        say_error(SRUN, e.text);
        return -1;
    }
    spec->client_addr = s->io.address;
    spec->client_host = host_and_pid(s);
    spec->client_key = (struct bytes){ s->io.key, sizeof s->io.key };
    if (spec->pty)
        tty_size(&spec->pty_rows, &spec->pty_cols);
    return create(s, ret);
}

/* ---- its streams */

static int open_out(struct srun *s, const struct stream_choice *c, int own,
                    const struct step_created *step)
{
    if (!c->here)
        return own;
    const char *path = srun_path(&s->arena, c->here, s->info, step);
    int how = s->spec.step.append ? O_APPEND : O_TRUNC;
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | how, 0666);
    if (fd < 0)
        say_error(SRUN, arena_printf(&s->arena, "Could not open %s: %s", path, strerror(errno)));
    return fd;
}

static int open_streams(struct srun *s, const struct step_created *step)
{
    const struct srun_spec *spec = &s->spec;
    int out = open_out(s, &spec->out, STDOUT_FILENO, step);
    int err = spec->err.here == spec->out.here && spec->out.here
                  ? out
                  : open_out(s, &spec->err, STDERR_FILENO, step);

    if (out < 0 || err < 0)
        return -1;
    if (spec->in.here) {
        const char *path = srun_path(&s->arena, spec->in.here, s->info, step);
        s->in_fd = open(path, O_RDONLY | O_CLOEXEC);
        if (s->in_fd < 0) {
            say_error(SRUN,
                      arena_printf(&s->arena, "Could not open %s: %s", path, strerror(errno)));
            return -1;
        }
    }
    s->io.is_label = s->opts.own.label;
    s->io.is_one = out == err;
    s->io.only_out = spec->out.only;
    s->io.only_err = spec->err.only;
    sink_init(&s->io.out, s->loop, out);
    sink_init(&s->io.err, s->loop, s->io.is_one ? STDERR_FILENO : err);
    return 0;
}
