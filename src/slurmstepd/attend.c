/* Attending to a running step: its processes end, slurmd tells us to signal or to end it.
 *
 * The end of a step, whoever asked for it: SIGCONT and SIGTERM to all, KillWait, then SIGKILL in
 * sweeps until wait() says that no child is left.  The end of the batch script by itself starts at
 * the sweeps. */
#include "base/cleanup.h"
#include "base/clock.h"
#include "node/procs.h"
#include "node/spool.h"
#include "node/stepd.h"
#include "slurmstepd/step.h"
#include "wire/wire.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define MS 1000000LL
#define SECOND (1000 * MS)
#define SWEEP_MIN_MS 5
#define SWEEP_MAX_MS 1000
#define SAY_MS 1000 /* for the last words in the job's stderr, whose file system may hang */

static void told(struct step *s);
static bool reap(struct step *s);
static void end_begin(struct step *s);
static void signal_deliver(struct step *s, int value);
static void use_add(struct usage *u, const struct rusage *r);

/* How long to sleep: until the next sweep, until KillWait is over, or for ever. */
static int pause_ms(const struct step *s, int sweep_ms)
{
    if (s->ending == ENDING_KILL)
        return sweep_ms;
    if (s->ending == ENDING_NOT)
        return -1;
    int64_t left = s->kill_at_ns - clock_mono_ns();
    return left <= 0 ? 0 : (int)(left / MS + 1);
}

void step_attend(struct step *s)
{
    int sweep_ms = SWEEP_MIN_MS;

    while (reap(s)) {
        if (s->ending == ENDING_TERM && clock_mono_ns() >= s->kill_at_ns)
            s->ending = ENDING_KILL;
        if (s->ending == ENDING_KILL) {
            confine_kill(s);
            sweep_ms = sweep_ms * 2 > SWEEP_MAX_MS ? SWEEP_MAX_MS : sweep_ms * 2;
        }
        struct pollfd fd = { .fd = s->signals, .events = POLLIN };
        if (poll(&fd, 1, confine_pause_ms(s, pause_ms(s, sweep_ms))) > 0)
            told(s);
        confine_tick(s);
    }
}

/* Collects the dead; false when there is no child left, which means no descendant (main.c). */
static bool reap(struct step *s)
{
    struct rusage r;
    int status;
    pid_t pid;

    while ((pid = wait4(-1, &status, WNOHANG, &r)) > 0) {
        use_add(&s->used, &r);
        if (pid != s->task)
            continue;
        s->task = 0;
        s->done.wait_status = status;
        s->ending = ENDING_KILL; /* the script is over: nothing of the step may outlive it */
    }
    return pid == 0 || errno != ECHILD;
}

static void use_add(struct usage *u, const struct rusage *r)
{
    u->user_us += (uint64_t)r->ru_utime.tv_sec * 1000000 + (uint64_t)r->ru_utime.tv_usec;
    u->system_us += (uint64_t)r->ru_stime.tv_sec * 1000000 + (uint64_t)r->ru_stime.tv_usec;
    if ((uint64_t)r->ru_maxrss > u->max_rss_kb)
        u->max_rss_kb = (uint64_t)r->ru_maxrss;
    u->read_bytes += (uint64_t)r->ru_inblock * 512;
    u->write_bytes += (uint64_t)r->ru_oublock * 512;
    u->max_pages += (uint64_t)r->ru_majflt;
}

/* ---- what slurmd tells */

static void told(struct step *s)
{
    struct signalfd_siginfo i;

    while (read(s->signals, &i, sizeof i) == sizeof i) {
        if ((int)i.ssi_signo == STEPD_SIGNAL)
            signal_deliver(s, i.ssi_int);
        else if (i.ssi_signo == SIGTERM)
            end_begin(s);
    }
}

static void signal_one(pid_t child, int signo)
{
    CLEANUP(closep)
    int fd = child > 0 ? pidfd_open(child, 0) : -1; /* ours and not yet reaped: cannot be reused */

    if (fd >= 0)
        pidfd_send_signal(fd, signo, NULL, 0);
}

static void signal_deliver(struct step *s, int value)
{
    int signo = value & 0xff;

    if (value & STEPD_SHELL_ONLY)
        signal_one(s->task, signo);
    else
        procs_signal_tree(getpid(), value & STEPD_CHILDREN_ONLY ? s->task : 0, signo);
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
    pid_t pid = task_say(&s->start, line);

    CLEANUP(closep) int fd = pid > 0 ? pidfd_open(pid, 0) : -1;
    struct pollfd gone = { .fd = fd, .events = POLLIN };
    poll(&gone, 1, SAY_MS);
}

/* "slurmstepd: error: *** JOB 12 ON node1 CANCELLED AT 2026-11-23T05:47:00 DUE TO TIME LIMIT ***".
 * The controller's words are all from CANCELLED on, with %s where the time goes, or only the cause.
 */
static void say_why(struct step *s, const char *why)
{
    char when[32], line[512];
    time_t now = (time_t)clock_wall_s();
    struct tm local;

    localtime_r(&now, &local);
    strftime(when, sizeof when, "%Y-%m-%dT%H:%M:%S", &local);
    const char *cause = strstr(why, "%s");
    cause = cause ? cause + 2 + strspn(cause + 2, " ") : strcmp(why, "CANCELLED") == 0 ? "" : why;
    snprintf(line, sizeof line, "slurmstepd: error: *** JOB %u ON %s CANCELLED AT %s%s%.200s ***\n",
             s->launch->job_id, s->launch->node_name, when, cause[0] ? " " : "", cause);

    step_say(s, line);
}

static void end_begin(struct step *s)
{
    struct job_terminate how;

    end_read(&s->arena, &how);
    if (s->ending == ENDING_NOT) {
        if (how.why[0])
            say_why(s, how.why);
        procs_signal_tree(getpid(), 0, SIGCONT);
        procs_signal_tree(getpid(), 0, SIGTERM);
    }
    int64_t kill_at = clock_mono_ns() + how.kill_wait_s * SECOND;
    if (s->ending == ENDING_NOT || (s->ending == ENDING_TERM && kill_at < s->kill_at_ns))
        s->kill_at_ns = kill_at;
    if (s->ending == ENDING_NOT)
        s->ending = ENDING_TERM;
}
