/* A step while it runs: signals, ends of tasks, patience, the exit code (srun.h). */
#include "cli/srun.h"

#include "base/clock.h"
#include "cli/say.h"
#include "schema/rpc.h"
#include "schema/states.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define TWICE_NS 1000000000ll /* two interrupts within this end the step */
#define GRACE_MS 2000         /* frames that are on their way */
#define AGAIN_MS 1000
#define END_MS 5000
#define TELL_MS 30 /* ends of tasks within so long are told together */

static void on_hello(void *ctx, uint32_t self, const struct io_hello *hello);
static void on_exited(void *ctx, uint32_t self, const struct io_exit *exit);
static void on_gone(void *ctx, uint32_t self);
static void watch_step(void *ctx);

static void on_noted(void *ctx, const char *text);

static const struct step_io_ops ops = {
    .hello = on_hello, .exited = on_exited, .gone = on_gone, .noted = on_noted
};

static void note(const struct srun *s, const char *text)
{
    if (!s->opts.own.quiet)
        fprintf(stderr, "%s: %s%s", SRUN, text, s->tty.is_raw ? "\r\n" : "\n");
}

static const char *node_name(void *ctx, uint32_t node)
{
    return ((struct srun *)ctx)->io.nodes[node].name;
}

static void tell_ends(void *ctx)
{
    struct srun *s = ctx;

    tasks_tell(&s->tasks, SRUN, node_name, s);
}

/* ---- ending it */

static void say_aborted(struct srun *s)
{
    char text[128];

    s->is_killed = true;
    snprintf(text, sizeof text,
             "Job step aborted: Waiting up to %u seconds for job step to finish.",
             conf_u32(s->conn.conf, "KillWait") + 2);
    note(s, text);
}

/* Somebody else ends it: *** STEP 12.0 ON n1 CANCELLED AT ... *** */
static void on_noted(void *ctx, const char *text)
{
    struct srun *s = ctx;

    if (!s->is_killed && strstr(text, "*** ") && strstr(text, " CANCELLED AT "))
        say_aborted(s);
}

/* The controller tells the nodes: gently first, SIGKILL after KillWait. */
void srun_kill_step(struct srun *s)
{
    const char *names[] = { s->step_name };
    const struct job_kill kill = { .jobs = { names, 1 } };
    struct job_results *reply;
    struct err e = { 0 };

    if (s->is_killed)
        return;
    say_aborted(s);
    if (client_call(s->conn.client, OP_job_cancel, &kill, &s->arena, (void **)&reply, &e) < 0)
        say_error(SRUN, e.text);
}

static void terminating(struct srun *s)
{
    char text[64];

    snprintf(text, sizeof text, "Terminating StepId=%s", s->step_name);
    note(s, text);
    srun_kill_step(s);
}

/* ---- signals */

static void interrupt(struct srun *s)
{
    int64_t now = clock_mono_ns();
    bool is_second = s->interrupted_ns && now - s->interrupted_ns < TWICE_NS;
    char text[64];

    s->interrupted_ns = now;
    if (!is_second && !s->opts.own.quit_on_interrupt && !s->opts.own.disable_status) {
        note(s, "interrupt (one more within 1 sec to abort)");
        tasks_status(&s->tasks, SRUN, s->step_name);
        return;
    }
    snprintf(text, sizeof text, "sending Ctrl-C to StepId=%s", s->step_name);
    note(s, text);
    step_io_signal(&s->io, TASK_ALL, SIGINT);
    if (is_second || s->opts.own.quit_on_interrupt)
        srun_kill_step(s);
}

static void force(struct srun *s)
{
    note(s, "forcing job termination");
    srun_kill_step(s);
}

/* Until there is a step a signal gives up waiting for it. */
static void on_signal(void *ctx, int signo)
{
    struct srun *s = ctx;
    uint32_t rows, cols;

    if (!*s->step_name) {
        if (signo == SIGINT || signo == SIGTERM || signo == SIGHUP || signo == SIGQUIT)
            alloc_stop(&s->alloc, signo);
        return;
    }
    switch (signo) {
    case SIGINT:
        interrupt(s);
        break;
    case SIGWINCH:
        if (s->spec.step.pty && tty_size(&rows, &cols))
            step_io_window(&s->io, rows, cols);
        break;
    case SIGTERM:
    case SIGHUP:
    case SIGQUIT:
        force(s);
        break;
    case SIGCONT: /* in the foreground again, perhaps */
        step_io_resume(&s->io);
        break;
    default:
        step_io_signal(&s->io, TASK_ALL, signo);
    }
}

void srun_signals(struct srun *s)
{
    static const int signals[] = { SIGINT,  SIGTERM, SIGHUP,   SIGQUIT, SIGCONT,
                                   SIGUSR1, SIGUSR2, SIGWINCH, SIGALRM };

    signal(SIGPIPE, SIG_IGN);
    signal(SIGTTOU, SIG_IGN); /* the terminal is restored from the background too */
    for (size_t i = 0; i < sizeof signals / sizeof signals[0]; i++)
        loop_add_signal(s->loop, signals[i], on_signal, s);
}

/* ---- what nodes say */

static void on_hello(void *ctx, uint32_t self, const struct io_hello *hello)
{
    struct srun *s = ctx;

    for (uint32_t i = 0; i < hello->tasks.n; i++)
        if (hello->tasks.v[i] < s->tasks.n && s->tasks.state[hello->tasks.v[i]] == TASK_NEW)
            s->tasks.state[hello->tasks.v[i]] = TASK_RUNNING;
    if (s->opts.own.verbose)
        fprintf(stderr, "%s: Node %s, %u tasks started\n", SRUN, hello->node, hello->tasks.n);
}

/* -W: the others have so long once the first has ended. */
static void first_ended(struct srun *s)
{
    const struct opt_u32 *asked = &s->opts.own.wait_s;
    uint32_t wait_s = asked->set ? asked->v : conf_u32(s->conn.conf, "WaitTime");

    if (wait_s)
        loop_set_timer(s->patient, wait_s * 1000ll);
}

static void out_of_patience(void *ctx)
{
    struct srun *s = ctx;
    const struct opt_u32 *asked = &s->opts.own.wait_s;
    char text[64];

    snprintf(text, sizeof text, "First task exited %us ago",
             asked->set ? asked->v : conf_u32(s->conn.conf, "WaitTime"));
    note(s, text);
    tasks_status(&s->tasks, SRUN, s->step_name);
    terminating(s);
}

static void on_exited(void *ctx, uint32_t self, const struct io_exit *exit)
{
    struct srun *s = ctx;

    if (exit->error && *exit->error)
        fprintf(stderr, "slurmstepd-%s: error: %s\n", s->io.nodes[self].name, exit->error);
    if (s->tasks.told_n == 0)
        loop_set_timer(s->tell, TELL_MS);
    if (tasks_ended(&s->tasks, self, exit))
        first_ended(s);
    if (exit->wait_status && s->spec.step.kill_on_bad_exit && !s->is_killed) {
        tell_ends(s);
        terminating(s);
    }
}

/* Tasks whose end nobody told are lost with their node. */
static void on_gone(void *ctx, uint32_t self)
{
    struct srun *s = ctx;
    bool has_begun = s->io.nodes[self].was_seen;
    uint32_t lost = 0;

    for (uint32_t i = 0; i < s->tasks.n; i++) {
        const struct io_exit end = { .task = i, .wait_status = has_begun ? SIGKILL : 1 << 8 };
        if (s->io.node_of[i] != self || s->tasks.state[i] >= TASK_EXITED)
            continue;
        tasks_ended(&s->tasks, self, &end);
        lost++;
    }
    if (lost && !s->is_killed && !s->is_lost)
        fprintf(stderr, "%s: error: Node failure on %s\n", SRUN, s->io.nodes[self].name);
}

/* ---- what the controller says */

static void grace_over(void *ctx)
{
    struct srun *s = ctx;

    for (uint32_t i = 0; i < s->io.node_count; i++)
        step_io_lose(&s->io, i);
}

/* The step is over for the controller.  Nodes that never came will not come any more. */
static void is_over(struct srun *s, const struct alloc_info *info)
{
    char text[64];

    s->is_lost = true;
    if (info)
        for (uint32_t i = 0; i < info->errors.n; i++)
            fprintf(stderr, "%s: error: Task launch for StepId=%s failed on node %s\n", SRUN,
                    s->step_name, info->errors.v[i]);
    if (info && info->state != STATE_RUNNING && s->is_own) {
        snprintf(text, sizeof text, "Force Terminated job %u", info->job_id);
        note(s, text);
    }
    loop_set_timer(s->grace, GRACE_MS);
    for (uint32_t i = 0; info && i < s->io.node_count; i++)
        if (!s->io.nodes[i].was_seen && info->errors.n > 0)
            step_io_lose(&s->io, i);
}

static void on_news(void *ctx, int fd, unsigned events)
{
    struct srun *s = ctx;
    struct alloc_info *info;
    struct err e = { 0 };

    int r = client_take(s->news.client, &s->arena, (void **)&info, &e);
    if (r == 1)
        return;
    loop_remove_fd(s->watch);
    s->watch = NULL;
    if (r == 0)
        is_over(s, info);
    else
        loop_set_timer(s->again, AGAIN_MS);
}

static void watch_step(void *ctx)
{
    struct srun *s = ctx;
    const struct alloc_wait want = { .job_id = s->io.job_id, .step_id = { true, s->io.step_id } };
    struct err e = { 0 };

    if (client_ask(s->news.client, OP_job_wait, &want, &e) == 0)
        s->watch = loop_add_fd(s->loop, client_fd(s->news.client), LOOP_READ, on_news, s);
    else
        loop_set_timer(s->again, AGAIN_MS);
}

/* ---- the whole */

static void open_timers(struct srun *s)
{
    s->again = loop_add_timer(s->loop, -1, watch_step, s);
    s->patient = loop_add_timer(s->loop, -1, out_of_patience, s);
    s->grace = loop_add_timer(s->loop, -1, grace_over, s);
    s->tell = loop_add_timer(s->loop, -1, tell_ends, s);
}

static void close_all(struct srun *s)
{
    loop_remove_timer(s->again);
    loop_remove_timer(s->patient);
    loop_remove_timer(s->grace);
    loop_remove_timer(s->tell);
    sink_fini(&s->io.out);
    sink_fini(&s->io.err);
}

static void on_too_late(void *ctx)
{
    ((struct srun *)ctx)->is_lost = true;
}

/* What the step held is free for the next one when we are gone: the nodes' last word has reached
 * the controller by then, unless that is away. */
static void wait_for_end(struct srun *s)
{
    struct loop_timer *late = loop_add_timer(s->loop, END_MS, on_too_late, s);

    while (!s->is_lost && s->watch)
        loop_once(s->loop, -1);
    loop_remove_timer(late);
}

int srun_run(struct srun *s, const struct step_created *step)
{
    bool wants_input = !s->spec.in.is_none && !*s->spec.in.on_nodes;
    struct err e = { 0 };

    snprintf(s->step_name, sizeof s->step_name, "%u.%u", step->job_id, step->step_id);
    tasks_init(&s->tasks, step->ntasks);
    s->io.ops = &ops;
    s->io.ctx = s;
    step_io_begin(&s->io, step);
    open_timers(s);
    if (s->opts.own.verbose)
        fprintf(stderr, "%s: StepId=%s: %u tasks on %s\n", SRUN, s->step_name, step->ntasks,
                step->nodes);
    if (s->spec.step.pty)
        tty_raw(&s->tty);
    if (wants_input)
        step_io_read(&s->io, s->in_fd >= 0 ? s->in_fd : STDIN_FILENO, s->spec.step.stdin_task);
    if (connection_open(&s->news, &e) == 0)
        watch_step(s);
    while (!step_io_is_through(&s->io))
        loop_once(s->loop, -1);
    tell_ends(s);
    tty_restore(&s->tty);
    wait_for_end(s);
    close_all(s);
    return s->tasks.exit_code;
}
