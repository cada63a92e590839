/* What slurmd tells a step: signals for its processes, words for its user, one more client, its
 * end. */
#include "base/cleanup.h"
#include "base/clock.h"
#include "node/procs.h"
#include "node/spool.h"
#include "node/stepd.h"
#include "schema/rpc.h"
#include "slurmstepd/step.h"
#include "wire/wire.h"

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

#define SECOND 1000000000LL
#define SAY_MS 1000 /* for the last words in the job's stderr, whose file system may hang */

static void end_begin(struct step *s);
static void told_read(struct step *s);

/* ---- signals */

static void signal_one(pid_t child, int signo)
{
    CLEANUP(closep)
    int fd = child > 0 ? pidfd_open(child, 0) : -1; /* ours and not yet reaped: cannot be reused */

    if (fd >= 0)
        pidfd_send_signal(fd, signo, NULL, 0);
}

/* Everything of the step; slurmstepd-io is not. */
static void signal_all(const struct step *s, int signo, pid_t but)
{
    const pid_t spare[] = { s->io.pid ? s->io.pid : but, s->io.pid ? but : 0, 0 };

    procs_signal_tree(getpid(), spare, signo);
}

void step_signal_task(struct step *s, uint32_t rank, int signo)
{
    if (rank == IO_ALL)
        signal_all(s, signo, 0);
    for (uint32_t i = 0; i < s->task_count; i++)
        if (s->tasks[i].rank == rank)
            signal_one(s->tasks[i].pid, signo);
}

/* Slurm's way: a word of warning that can be caught, then the stop that cannot. */
static void suspend_begin(struct step *s)
{
    signal_all(s, SIGTSTP, 0);
    s->stop_at_ns = clock_mono_ns() + STEPD_STOP_S * SECOND;
}

void signals_suspend(struct step *s)
{
    if (!s->stop_at_ns || clock_mono_ns() < s->stop_at_ns)
        return;
    s->stop_at_ns = 0;
    signal_all(s, SIGSTOP, 0);
}

static void deliver(struct step *s, int value)
{
    int signo = value & 0xff;

    if (value & STEPD_TOLD)
        told_read(s);
    if (value & STEPD_SUSPEND)
        suspend_begin(s);
    if (signo == SIGCONT)
        s->stop_at_ns = 0;
    if (signo && value & STEPD_SHELL_ONLY)
        signal_one(s->tasks[0].pid, signo);
    else if (signo)
        signal_all(s, signo, value & STEPD_CHILDREN_ONLY ? s->tasks[0].pid : 0);
}

void signals_read(struct step *s)
{
    struct signalfd_siginfo i;

    while (read(s->signals, &i, sizeof i) == sizeof i) {
        if ((int)i.ssi_signo == STEPD_SIGNAL)
            deliver(s, i.ssi_int);
        else if (i.ssi_signo == SIGTERM)
            end_begin(s);
    }
}

/* ---- the file `told` */

static void told_one(struct step *s, const struct stepd_told *head, const uint8_t *body)
{
    struct io_msg m = { .type = IO_ATTACH, .len = head->len };

    if (head->kind == TOLD_NOTE) {
        char *line = arena_printf(&s->arena, "slurmstepd: error: %.*s\n", (int)head->len, body);
        step_say(s, line);
    }
    if (head->kind != TOLD_ATTACH || head->len > IO_BODY_MAX)
        return;
    memcpy(m.body, body, head->len);
    helper_send(&s->io, &m, -1);
}

static void told_read(struct step *s)
{
    CLEANUP(buf_fini) struct buf all = { 0 };
    struct stepd_told head;

    if (spool_get(STEPD_FD_DIR, "told", &all) < 0)
        return;
    while (s->told_at + sizeof head <= all.len) {
        memcpy(&head, all.data + s->told_at, sizeof head);
        if (all.len - s->told_at - sizeof head < head.len)
            return;
        told_one(s, &head, all.data + s->told_at + sizeof head);
        s->told_at += sizeof head + head.len;
    }
}

/* ---- the end */

/* The file `end` may be missing when a person sent the SIGTERM: then the step ends as if cancelled,
 * in 30 s. */
static void end_read(struct arena *a, struct job_terminate *ret)
{
    CLEANUP(buf_fini) struct buf body = { 0 };

    if (spool_get(STEPD_FD_DIR, "end", &body) == 0 &&
        wire_unpack(&desc_job_terminate, body.data, body.len, a, ret, NULL) == 0)
        return;
    *ret = (struct job_terminate){ .kill_wait_s = 30, .why = "" };
}

void step_say(struct step *s, const char *line)
{
    const struct task_start *first = s->task_count ? &s->tasks[0].start : NULL;

    if (!first || !first->err.path || first->is_pty) {
        helper_note(&s->io, line);
        return;
    }
    pid_t pid = task_say(first, line);
    CLEANUP(closep) int fd = pid > 0 ? pidfd_open(pid, 0) : -1;
    struct pollfd gone = { .fd = fd, .events = POLLIN };
    poll(&gone, 1, SAY_MS);
}

/* "slurmstepd: error: *** JOB 12 ON node1 CANCELLED AT 2026-11-23T05:47:00 DUE TO TIME LIMIT ***".
 * The controller's words are all from CANCELLED on, with %s where the time goes, or only the cause.
 */
static void say_why(struct step *s, const char *why)
{
    const struct launch *l = s->launch;
    char when[32], name[48];
    time_t now = (time_t)clock_wall_s();
    struct tm local;

    localtime_r(&now, &local);
    strftime(when, sizeof when, "%Y-%m-%dT%H:%M:%S", &local);
    if (l->step_id == STEP_BATCH)
        snprintf(name, sizeof name, "JOB %u", l->job_id);
    else
        snprintf(name, sizeof name, "STEP %u.%u", l->job_id, l->step_id);
    const char *cause = strstr(why, "%s");
    cause = cause ? cause + 2 + strspn(cause + 2, " ") : strcmp(why, "CANCELLED") == 0 ? "" : why;
    step_say(s, arena_printf(&s->arena,
                             "slurmstepd: error: *** %s ON %s CANCELLED AT %s%s%.200s ***\n", name,
                             l->node_name, when, cause[0] ? " " : "", cause));
}

static void end_begin(struct step *s)
{
    struct job_terminate how;

    end_read(&s->arena, &how);
    if (s->ending == ENDING_NOT && how.why[0])
        say_why(s, how.why);
    step_end(s, how.kill_wait_s);
}

void step_end(struct step *s, uint32_t wait_s)
{
    int64_t kill_at = clock_mono_ns() + wait_s * SECOND;

    s->is_order = true;
    if (s->ending == ENDING_NOT && wait_s > 0) {
        signal_all(s, SIGCONT, 0);
        signal_all(s, SIGTERM, 0);
    }
    if (s->ending == ENDING_NOT || (s->ending == ENDING_TERM && kill_at < s->kill_at_ns))
        s->kill_at_ns = kill_at;
    if (s->ending == ENDING_NOT)
        s->ending = ENDING_TERM;
}
