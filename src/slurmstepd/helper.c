/* Starting slurmstepd-io and talking to it.  It is the user's process: it may be stopped, killed,
 * or lie, and none of that may hold up slurmstepd. */
#include "slurmstepd/helper.h"

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/xalloc.h"
#include "node/ids.h"
#include "node/stepd.h"
#include "slurmstepd/step.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <unistd.h>

#define PROGRAM "slurmstepd-io"
#define GRACE_NS (5 * 1000000000LL) /* for the last output of a step that is being ended */
#define LOST_GRACE_S 2
#define ENV_NS (20 * 1000000000LL) /* for the MPI server to come up */
#define HIGH 10

struct queued {
    struct list link;
    int fd;
    struct io_msg msg;
};

/* Beside our own program. */
static int program_path(char *ret, size_t size)
{
    ssize_t n = readlink("/proc/self/exe", ret, size - sizeof PROGRAM);

    if (n <= 0)
        return -errno;
    ret[n] = '\0';
    char *slash = strrchr(ret, '/');
    snprintf(slash + 1, sizeof PROGRAM, "%s", PROGRAM);
    return 0;
}

/* The user first, then the program: it parses what comes over the network. */
static _Noreturn void become_helper(const struct step *s, int link, const char *path)
{
    const struct launch *l = s->launch;
    const struct ids ids = { l->uid, l->gid, l->groups.v, l->groups.n };
    char name[64], *argv[] = { name, NULL }, *env[] = { NULL };
    struct err e;
    sigset_t none;

    setpgid(0, 0);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    int high[2] = { fcntl(link, F_DUPFD, HIGH), fcntl(STEPD_FD_LAUNCH, F_DUPFD, HIGH) };
    if (high[0] < 0 || high[1] < 0 || dup2(high[0], IO_FD_LINK) < 0 ||
        dup2(high[1], IO_FD_LAUNCH) < 0)
        _exit(EXIT_FAILURE);
    close_range(IO_FD_LAUNCH + 1, ~0u, 0);
    snprintf(name, sizeof name, PROGRAM ": [%u.%u]", l->job_id, l->step_id);
    if (chdir("/") < 0 || ids_become(&ids, &e) < 0)
        _exit(EXIT_FAILURE);
    execve(path, argv, env);
    _exit(EXIT_FAILURE);
}

int helper_start(struct step *s, struct err *e)
{
    struct helper *h = &s->io;
    char path[PATH_MAX];
    int ends[2];

    if (program_path(path, sizeof path) < 0 || access(path, X_OK) < 0)
        return err_errno(e, "%s", path);
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
        return err_errno(e, "socketpair");
    pid_t pid = fork();
    if (pid == 0)
        become_helper(s, ends[1], path);
    close(ends[1]);
    if (pid < 0) {
        close(ends[0]);
        return err_errno(e, "fork");
    }
    h->pid = pid;
    h->link = ends[0];
    return 0;
}

/* ---- sending */

void helper_send(struct helper *h, const struct io_msg *m, int fd)
{
    if (h->link < 0)
        return;
    if (list_empty(&h->queue) && io_link_send(h->link, m, fd) != -EAGAIN)
        return;
    struct queued *q = xmalloc(sizeof *q);
    q->msg = *m;
    q->fd = fd < 0 ? -1 : fcntl(fd, F_DUPFD_CLOEXEC, 0);
    list_add_tail(&h->queue, &q->link);
}

void helper_flush(struct helper *h)
{
    LIST_FOREACH(it, &h->queue) {
        struct queued *q = list_entry(it, struct queued, link);
        if (io_link_send(h->link, &q->msg, q->fd) == -EAGAIN)
            return;
        list_remove(&q->link);
        if (q->fd >= 0)
            close(q->fd);
        free(q);
    }
}

void helper_note(struct helper *h, const char *text)
{
    struct io_msg m = { .type = IO_NOTE };
    size_t len = strlen(text);

    m.len = (uint32_t)(len < IO_BODY_MAX ? len : IO_BODY_MAX);
    memcpy(m.body, text, m.len);
    helper_send(h, &m, -1);
}

/* ---- being told */

/* srun is gone: what it would have waited for ends, as if it had been told to. */
static void lost(struct step *s, const struct io_msg *m)
{
    if (m->value && !s->done.error[0]) {
        s->done.error = arena_strndup(&s->arena, (const char *)m->body, m->len);
        s->done.error_code = ECONNREFUSED;
    }
    step_end(s, LOST_GRACE_S);
}

/* For one task, whose process will be the user's as the sender is. */
static void put_env(struct step *s, const struct io_msg *m)
{
    const char *text = arena_strndup(&s->arena, (const char *)m->body, m->len);
    size_t len = strcspn(text, "=");

    s->io.is_env_told |= m->task == IO_ALL;
    for (uint32_t i = 0; i < s->task_count && text[len]; i++)
        if (s->tasks[i].rank == m->task)
            env_put(&s->tasks[i].start.env, &s->arena, arena_strndup(&s->arena, text, len),
                    text + len + 1);
}

static void obey(struct step *s, const struct io_msg *m)
{
    if (m->type == IO_SIGNAL && m->value > 0 && m->value < NSIG)
        step_signal_task(s, m->task, m->value);
    else if (m->type == IO_ENV)
        put_env(s, m);
    else if (m->type == IO_LOST)
        lost(s, m);
}

void helper_told(struct step *s)
{
    struct io_msg m;
    int fd, r = 1;

    while (s->io.link >= 0 && (r = io_link_receive(s->io.link, &m, &fd)) > 0) {
        if (fd >= 0)
            close(fd);
        obey(s, &m);
    }
    if (r == 0) { /* it exits, or closed its end: either way it will say no more */
        close(s->io.link);
        s->io.link = -1;
    }
}

int helper_env(struct step *s, struct err *e)
{
    int64_t until = clock_mono_ns() + ENV_NS;

    while (!s->io.is_env_told && s->io.link >= 0 && clock_mono_ns() < until) {
        struct pollfd fd = { .fd = s->io.link, .events = POLLIN };
        if (poll(&fd, 1, 100) > 0)
            helper_told(s);
    }
    return s->io.is_env_told ? 0
                             : err_set(e, ETIMEDOUT, "the PMIx server of step %u.%u did not start",
                                       s->launch->job_id, s->launch->step_id);
}

/* ---- the end */

static void helper_kill(const struct helper *h)
{
    CLEANUP(closep) int fd = pidfd_open(h->pid, 0); /* ours and not reaped: cannot be reused */

    if (fd >= 0)
        pidfd_send_signal(fd, SIGKILL, NULL, 0);
}

void helper_end(struct step *s)
{
    const struct io_msg end = { .type = IO_END };
    struct helper *h = &s->io;

    if (!h->pid)
        return;
    if (!h->was_ended)
        helper_send(h, &end, -1);
    h->was_ended = true;
    if (s->is_order && !h->until_ns)
        h->until_ns = clock_mono_ns() + GRACE_NS;
    if (h->until_ns && clock_mono_ns() >= h->until_ns)
        helper_kill(h);
}

void helper_gone(struct step *s)
{
    struct helper *h = &s->io;

    h->pid = 0;
    if (h->link >= 0)
        close(h->link);
    h->link = -1;
    if (s->alive > 0) /* nobody hears the tasks any more */
        step_end(s, LOST_GRACE_S);
}
