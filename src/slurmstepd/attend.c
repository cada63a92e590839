/* Attending to a running step: its processes end, slurmd tells us to signal or to end it, its
 * client speaks through slurmstepd-io.
 *
 * The end of a step, whoever asked for it: SIGCONT and SIGTERM to all, KillWait, then SIGKILL in
 * sweeps until wait() says that no child is left.  The end of the tasks by themselves starts at the
 * sweeps.  slurmstepd-io is the last child: it goes when the streams have ended, which they do when
 * nothing lives that could write. */
#include "base/clock.h"
#include "node/procs.h"
#include "slurmstepd/step.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#define MS 1000000LL
#define SWEEP_MIN_MS 5
#define SWEEP_MAX_MS 1000

static bool reap(struct step *s);
static void use_add(struct usage *u, const struct rusage *r);

static int until_ms(int64_t at_ns)
{
    int64_t left = at_ns - clock_mono_ns();

    return left <= 0 ? 0 : (int)(left / MS + 1);
}

static int sooner(int a, int b)
{
    return a < 0 ? b : b < 0 || a < b ? a : b;
}

/* How long to sleep: until the next sweep, until KillWait is over, or for ever. */
static int pause_ms(const struct step *s, int sweep_ms)
{
    int ms = -1;

    if (s->ending == ENDING_TERM)
        ms = until_ms(s->kill_at_ns);
    if (s->stop_at_ns)
        ms = sooner(ms, until_ms(s->stop_at_ns));
    if (s->io.until_ns)
        ms = sooner(ms, until_ms(s->io.until_ns));
    return sooner(ms, sweep_ms);
}

static bool is_io_all_that_is_left(const struct step *s)
{
    return s->io.pid && !procs_has_child_but(s->io.pid);
}

static void wait_for_news(struct step *s, int ms)
{
    struct pollfd fds[] = {
        { .fd = s->signals, .events = POLLIN },
        { .fd = s->io.link, .events = (short)(POLLIN | (list_empty(&s->io.queue) ? 0 : POLLOUT)) },
    };

    if (poll(fds, 2, confine_pause_ms(s, ms)) <= 0)
        return;
    if (fds[0].revents)
        signals_read(s);
    if (fds[1].revents & POLLOUT)
        helper_flush(&s->io);
    if (fds[1].revents & ~POLLOUT)
        helper_told(s);
}

void step_attend(struct step *s)
{
    int sweep_ms = SWEEP_MIN_MS;

    while (reap(s)) {
        int again_ms = -1;
        if (s->ending == ENDING_TERM && clock_mono_ns() >= s->kill_at_ns)
            s->ending = ENDING_KILL;
        if (s->ending == ENDING_KILL && is_io_all_that_is_left(s)) {
            confine_note(s); /* as long as somebody hears it */
            helper_end(s);
        } else if (s->ending == ENDING_KILL) {
            confine_kill(s);
            sweep_ms = sweep_ms * 2 > SWEEP_MAX_MS ? SWEEP_MAX_MS : sweep_ms * 2;
            again_ms = sweep_ms;
        }
        wait_for_news(s, pause_ms(s, again_ms));
        signals_suspend(s);
        confine_tick(s);
    }
}

static void child_gone(struct step *s, pid_t pid, int status, const struct rusage *r)
{
    struct step_task *t = task_of(s, pid);

    if (pid == s->io.pid) {
        helper_gone(s);
        return;
    }
    use_add(&s->used, r);
    if (t && t->epilog == pid) {
        t->epilog = 0;
        s->alive--;
    } else if (t) {
        use_add(&t->used, r);
        task_over(s, t, status);
    }
    if (t && s->alive == 0)
        s->ending = ENDING_KILL; /* the tasks are over: nothing of the step may outlive them */
}

/* Collects the dead; false when there is no child left, which means no descendant (main.c). */
static bool reap(struct step *s)
{
    struct rusage r;
    int status;
    pid_t pid;

    while ((pid = wait4(-1, &status, WNOHANG, &r)) > 0)
        child_gone(s, pid, status, &r);
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
