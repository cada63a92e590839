/* The tasks of a step: what each runs, where its streams go, how it ended.  The batch script is a
 * step of one task. */
#include "base/cleanup.h"
#include "node/bcast.h"
#include "node/layout.h"
#include "node/pattern.h"
#include "node/spool.h"
#include "node/stepd.h"
#include "slurmstepd/step.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define NULL_FILE "/dev/null"
#define PIPE_BIG (1 << 20) /* fewer wakeups; more tasks than this have the kernel's default */
#define PIPE_BIG_TASKS 16

static const struct task_stream nothing = { NULL_FILE, -1, false };

static bool is_client(const struct task_stream *t)
{
    return !t->path;
}

/* ---- preparing */

static struct task_stream file(struct step *s, const char *pattern, uint32_t rank)
{
    struct task_stream ret = { NULL, -1, false };
    struct buf path = { 0 };

    pattern_path(pattern, s->launch, rank, &path);
    ret.path = arena_strdup(&s->arena, buf_str(&path));
    buf_fini(&path);
    return ret;
}

/* What a step's user said about one stream: nothing, "none", or a file. */
static struct task_stream stream(struct step *s, const char *said, uint32_t rank)
{
    if (strcmp(said, "none") == 0 || (!said[0] && !s->io.pid))
        return nothing;
    return said[0] ? file(s, said, rank) : (struct task_stream){ NULL, -1, false };
}

static void batch_prepare(struct step *s)
{
    const struct launch *l = s->launch;
    const char *spool = getenv(STEPD_ENV_SPOOL);
    const struct step_key key = { l->job_id, l->step_id, l->restart };
    const char *out = l->std_out[0]          ? l->std_out
                      : l->array_task_id.set ? "slurm-%A_%a.out"
                                             : "slurm-%j.out";
    struct task_start *t = &s->tasks[0].start;
    char name[48];

    /* argv[0] is the script as the user called it */
    uint32_t n = l->argv.n > 0 ? l->argv.n : 1;
    spool_step_name(&key, name);
    t->argv = arena_calloc(&s->arena, n + 1, sizeof *t->argv);
    t->argv[0] = arena_printf(&s->arena, "%s/%s/slurm_script", spool ? spool : ".", name);
    for (uint32_t i = 1; i < n; i++)
        t->argv[i] = (char *)l->argv.v[i];
    t->in = file(s, l->std_in[0] ? l->std_in : NULL_FILE, 0);
    t->out = file(s, out, 0);
    t->err = file(s, l->std_err[0] ? l->std_err : out, 0);
}

static int receive(const void *ctx, struct err *e)
{
    return bcast_receive(ctx, e);
}

/* Tasks of one node whose pattern has nothing of the task in it share the file. */
static void share(struct step *s, struct task_start *t)
{
    const struct task_start *first = &s->tasks[0].start;

    if (t == first)
        return;
    t->out.is_shared = t->out.path && first->out.path && strcmp(t->out.path, first->out.path) == 0;
    t->err.is_shared = t->err.path && first->err.path && strcmp(t->err.path, first->err.path) == 0;
}

static int task_prepare(struct step *s, struct step_task *t, struct err *e)
{
    const struct step_spec *spec = s->order->spec;
    struct task_start *start = &t->start;
    bool reads = spec->stdin_task == IO_ALL || spec->stdin_task == t->rank;

    start->is_pty = spec->pty && t->rank == 0 && s->io.pid;
    start->in = reads || spec->std_in[0] ? stream(s, spec->std_in, t->rank) : nothing;
    start->out = spec->pty ? nothing : stream(s, spec->std_out, t->rank);
    start->err = spec->pty ? nothing : stream(s, spec->std_err, t->rank);
    start->prologs.users = spec->task_prolog;
    share(s, start);
    env_put_number(&start->env, &s->arena, "SLURM_PROCID", t->rank);
    env_put_number(&start->env, &s->arena, "SLURM_LOCALID", start->local);
    if (spec->bcast_to[0]) {
        start->instead = receive;
        start->ctx = spec;
        return 0;
    }
    return layout_argv(s->order, t->rank, &s->arena, &start->argv, e);
}

/* A task's own variables must not show up in its neighbours. */
static struct env env_copy(const struct env *env, struct arena *a)
{
    struct env ret = *env;

    ret.v = arena_calloc(a, env->cap, sizeof *ret.v);
    memcpy(ret.v, env->v, env->n * sizeof *ret.v);
    return ret;
}

int tasks_prepare(struct step *s, struct err *e)
{
    const char *conf = getenv("SLURM_CONF"), *site = getenv(STEPD_ENV_TASK_PROLOG);
    const struct env_node node = { .conf_path = conf ? conf : "", .step = s->order };
    const struct u32s *ranks = s->order ? &s->order->parts.v[s->order->self].tasks : NULL;
    struct env env;

    int err = env_build(s->launch, &node, &s->arena, &env, e);
    if (err < 0)
        return err;
    s->task_count = ranks ? ranks->n : 1;
    s->tasks = arena_calloc(&s->arena, s->task_count, sizeof *s->tasks);
    for (uint32_t i = 0; i < s->task_count && err == 0; i++) {
        struct step_task *t = &s->tasks[i];
        t->rank = ranks ? ranks->v[i] : 0;
        t->report = -1;
        t->start = (struct task_start){ .launch = s->launch, .local = i, .turn = -1, .pmi = -1 };
        t->start.env = s->task_count > 1 ? env_copy(&env, &s->arena) : env;
        t->start.prologs = (struct task_hooks){ site ? site : "", "" };
        t->start.group = s->confine.host ? &s->confine.group : NULL;
        if (s->order)
            err = task_prepare(s, t, e);
        else
            batch_prepare(s);
    }
    return err;
}

/* ---- starting */

/* A pipe between the task and the client; the client's end goes to slurmstepd-io. */
static int connect_client(struct step *s, struct step_task *t, int stream, struct err *e)
{
    const struct io_msg m = { .type = IO_STREAM, .task = t->rank, .stream = (uint32_t)stream };
    bool is_input = stream == STDIN_FILENO;
    int ends[2];

    if (pipe2(ends, O_CLOEXEC) < 0)
        return err_errno(e, "pipe");
    if (s->task_count <= PIPE_BIG_TASKS && !is_input)
        (void)fcntl(ends[0], F_SETPIPE_SZ, PIPE_BIG); /* a wish */
    CLEANUP(closep) int theirs = ends[is_input];
    helper_send(&s->io, &m, theirs);
    return ends[!is_input];
}

/* root makes the terminal and gives it to the user by descriptor: no path is followed. */
static int connect_terminal(struct step *s, struct step_task *t, struct err *e)
{
    const struct step_spec *spec = s->order->spec;
    const struct io_msg m = { .type = IO_TERMINAL, .task = t->rank };
    const struct winsize size = { .ws_row = (unsigned short)spec->pty_rows,
                                  .ws_col = (unsigned short)spec->pty_cols };
    int unlocked = 0;

    CLEANUP(closep) int master = open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (master < 0 || ioctl(master, TIOCSPTLCK, &unlocked) < 0)
        return err_errno(e, "/dev/ptmx");
    CLEANUP(closep) int slave = ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (slave < 0)
        return err_errno(e, "terminal");
    if (geteuid() == 0 && (fchown(slave, s->launch->uid, (gid_t)-1) < 0 ||
                           fchmod(slave, S_IRUSR | S_IWUSR | S_IWGRP) < 0))
        return err_errno(e, "give the terminal to user %u", s->launch->uid);
    if (size.ws_row)
        ioctl(master, TIOCSWINSZ, &size);
    helper_send(&s->io, &m, master);
    return TAKE_FD(slave);
}

static int streams_connect(struct step *s, struct step_task *t, struct err *e)
{
    struct task_stream *const all[] = { &t->start.in, &t->start.out, &t->start.err };

    if (t->start.is_pty) {
        t->start.in.fd = connect_terminal(s, t, e);
        return t->start.in.fd < 0 ? t->start.in.fd : 0;
    }
    for (int i = STDIN_FILENO; i <= STDERR_FILENO; i++) {
        if (!is_client(all[i]))
            continue;
        all[i]->fd = connect_client(s, t, i, e);
        if (all[i]->fd < 0)
            return all[i]->fd;
    }
    return 0;
}

/* MPI: a socket that speaks PMI, its other end with slurmstepd-io.  Both dialects are served, so
 * whoever asks for either gets it. */
static bool wants_pmi(const struct step *s)
{
    return s->order && s->io.pid && strncmp(s->order->spec->mpi, "pmi", 3) == 0 &&
           strncmp(s->order->spec->mpi, "pmix", 4) != 0;
}

static bool wants_pmix(const struct step *s)
{
    return s->order && s->io.pid && strncmp(s->order->spec->mpi, "pmix", 4) == 0;
}

static uint32_t step_size(const struct step *s)
{
    uint32_t n = 0;

    for (uint32_t i = 0; i < s->order->parts.n; i++)
        n += s->order->parts.v[i].tasks.n;
    return n;
}

static int connect_pmi(struct step *s, struct step_task *t, struct err *e)
{
    const struct io_msg m = { .type = IO_STREAM, .task = t->rank, .stream = IO_PMI };
    struct env *env = &t->start.env;
    int ends[2];

    if (!wants_pmi(s))
        return 0;
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0)
        return err_errno(e, "socketpair");
    CLEANUP(closep) int theirs = ends[0];
    helper_send(&s->io, &m, theirs);
    t->start.pmi = ends[1];
    env_put_number(env, &s->arena, "PMI_FD", (uint64_t)ends[1]);
    env_put_number(env, &s->arena, "PMI_RANK", t->rank);
    env_put_number(env, &s->arena, "PMI_SIZE", step_size(s));
    env_put(env, &s->arena, "PMI_JOBID",
            arena_printf(&s->arena, "%u.%u", s->launch->job_id, s->launch->step_id));
    return 0;
}

static void streams_close(struct step_task *t)
{
    struct task_stream *const all[] = { &t->start.in, &t->start.out, &t->start.err };

    for (int i = STDIN_FILENO; i <= STDERR_FILENO; i++) {
        if (all[i]->fd >= 0)
            close(all[i]->fd);
        all[i]->fd = -1;
    }
    closep(&t->start.pmi);
    t->start.pmi = -1;
}

static int task_begin(struct step *s, struct step_task *t, struct err *e)
{
    struct io_msg m = { .type = IO_STARTED, .task = t->rank };

    int err = streams_connect(s, t, e);
    if (err == 0)
        err = connect_pmi(s, t, e);
    if (err == 0)
        err = task_start(&t->start, &t->pid, &t->report, e);
    streams_close(t);
    if (err < 0)
        return err;
    s->alive++;
    t->has_begun = true;
    m.value = (int32_t)t->pid;
    helper_send(&s->io, &m, -1);
    return 0;
}

static bool is_shared(const struct step *s)
{
    const struct task_start *last = &s->tasks[s->task_count - 1].start;

    return last->out.is_shared || last->err.is_shared;
}

int tasks_start(struct step *s, struct err *e)
{
    const struct io_msg ready = { .type = IO_READY };
    int turn[2] = { -1, -1 }, err = wants_pmix(s) ? helper_env(s, e) : 0;

    /* Task 0 holds the other end until its exec: its files are empty then. */
    if (is_shared(s) && pipe2(turn, O_CLOEXEC) < 0)
        return err_errno(e, "pipe");
    for (uint32_t i = 0; i < s->task_count && err == 0; i++) {
        s->tasks[i].start.turn = i > 0 ? turn[0] : -1;
        err = task_begin(s, &s->tasks[i], e);
        s->tasks[i].start.turn = -1;
        closep(&turn[1]);
        turn[1] = -1;
    }
    closep(&turn[0]);
    helper_send(&s->io, &ready, -1);
    return err;
}

void tasks_fail(struct step *s, const char *why)
{
    struct io_msg m = { .type = IO_EXIT, .value = 1 << 8 };
    const struct u32s *ranks = &s->order->parts.v[s->order->self].tasks;
    const struct io_msg ready = { .type = IO_READY };

    m.len = (uint32_t)strlen(why);
    memcpy(m.body, why, m.len);
    for (uint32_t i = 0; i < ranks->n; i++) {
        m.task = ranks->v[i];
        if (i >= s->task_count || !s->tasks[i].has_begun)
            helper_send(&s->io, &m, -1);
    }
    helper_send(&s->io, &ready, -1);
}

/* ---- the end of one */

struct step_task *task_of(struct step *s, pid_t pid)
{
    for (uint32_t i = 0; i < s->task_count; i++)
        if (s->tasks[i].pid == pid || s->tasks[i].epilog == pid)
            return &s->tasks[i];
    return NULL;
}

/* As a shell counts: what the step reports is the worst of its tasks. */
static int badness(int wait_status)
{
    return WIFSIGNALED(wait_status) ? 128 + WTERMSIG(wait_status) : WEXITSTATUS(wait_status);
}

/* A task that failed before its exec says why through its pipe. */
static int failure_take(struct step *s, struct step_task *t, int wait_status, struct io_msg *m)
{
    struct task_failure f;

    bool has_failed = task_failed(t->report, &f);
    closep(&t->report);
    t->report = -1;
    if (!has_failed)
        return wait_status;
    f.text[sizeof f.text - 1] = '\0';
    m->len = (uint32_t)strlen(f.text);
    memcpy(m->body, f.text, m->len);
    s->done.error = arena_strdup(&s->arena, f.text);
    s->done.error_code = (uint32_t)f.code;
    return f.exit_status;
}

void task_over(struct step *s, struct step_task *t, int wait_status)
{
    const char *site = getenv(STEPD_ENV_TASK_EPILOG);
    const struct task_hooks epilogs = { site ? site : "",
                                        s->order ? s->order->spec->task_epilog : "" };
    struct io_msg m = { .type = IO_EXIT, .task = t->rank, .used = t->used };

    t->pid = 0;
    s->alive--;
    int status = failure_take(s, t, wait_status, &m);
    if (badness(status) >= badness(s->done.wait_status))
        s->done.wait_status = status;
    m.value = status;
    m.stream = WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL && confine_note(s);
    helper_send(&s->io, &m, -1);
    if (s->ending == ENDING_NOT && m.len == 0)
        t->epilog = task_epilog(&t->start, &epilogs);
    s->alive += t->epilog > 0;
}
