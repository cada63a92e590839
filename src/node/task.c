/* A task from fork to exec.  The order is the point: identity first, then everything that follows a
 * path, so that root never opens what a user can influence. */
#include "node/task.h"

#include "base/arena.h"
#include "base/cleanup.h"
#include "node/affinity.h"
#include "node/cgroup.h"
#include "node/ids.h"
#include "node/rlimits.h"
#include "node/task_hook.h"
#include "schema/errors.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define IO_FAILED 53 /* Slurm ends such jobs with ExitCode 0:53 */
#define DEFAULT_MODE 0666

static _Noreturn void task_run(const struct task_start *t, int report);
static int identity(const struct launch *l, struct err *e);
static int terminal(const struct task_start *t, struct err *e);
static int streams(const struct task_start *t, struct err *e);
static int go_to_work_dir(const struct launch *l, char *ret_note, size_t size);
static _Noreturn void go(const struct task_start *t);

int task_start(const struct task_start *t, pid_t *ret_pid, int *ret_report, struct err *e)
{
    int ends[2];

    if (pipe2(ends, O_CLOEXEC) < 0)
        return err_errno(e, "pipe");
    pid_t pid = fork();
    if (pid == 0) {
        close(ends[0]);
        task_run(t, ends[1]);
    }
    close(ends[1]);
    if (pid < 0) {
        close(ends[0]);
        return err_errno(e, "fork");
    }
    *ret_pid = pid;
    *ret_report = ends[0];
    return 0;
}

bool task_failed(int report, struct task_failure *ret)
{
    return report >= 0 && read(report, ret, sizeof *ret) == sizeof *ret;
}

/* ---- in the child */

static _Noreturn void give_up(int report, const struct err *e, int exit_status)
{
    struct task_failure f = { .code = e->code, .exit_status = exit_status };

    snprintf(f.text, sizeof f.text, "%.255s", e->text);
    if (write(report, &f, sizeof f) != sizeof f)
        _exit(EXIT_FAILURE + 1);
    _exit(EXIT_FAILURE);
}

/* slurmd and slurmstepd are protected from the OOM killer; a task is not. */
static void unprotect(void)
{
    CLEANUP(closep) int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);

    if (fd >= 0 && write(fd, "0", 1) < 0)
        return; /* it was 0 already, or belongs to an ordinary user's slurmd */
}

/* By the system call: libc hides two signals of its own, which may come ignored from whoever
 * started slurmd. */
static void signals_reset(void)
{
    const struct {
        void *handler;
        unsigned long flags;
        void *restorer;
        uint64_t mask;
    } by_default = { 0 };
    sigset_t none;

    for (int s = 1; s < NSIG; s++)
        syscall(SYS_rt_sigaction, s, &by_default, NULL, sizeof by_default.mask);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

/* What --cpu-bind=verbose asks for. */
static void say_binding(const struct task_start *t)
{
    CLEANUP(buf_fini) struct buf lines = { 0 };

    if (!t->bind)
        return;
    const char *rank = env_get(&t->env, "SLURM_PROCID");
    affinity_say(t->bind, t->local, rank ? (uint32_t)strtoul(rank, NULL, 10) : 0,
                 t->launch->node_name, &lines);
    if (lines.len)
        dprintf(STDERR_FILENO, "%s", buf_str(&lines));
}

static _Noreturn void task_run(const struct task_start *t, int report)
{
    char note[PATH_MAX + 128] = "";
    struct err e = { 0 };

    if (!t->is_pty)
        setpgid(0, 0);
    unprotect();
    if (t->group && cgroup_enter(t->group, t->local, &e) < 0)
        give_up(report, &e, 1 << 8);
    if (t->bind)
        affinity_apply(t->bind, t->local); /* what the machine refuses is no reason not to run */
    if (identity(t->launch, &e) < 0)
        give_up(report, &e, 1 << 8);
    go_to_work_dir(t->launch, note, sizeof note);
    if ((t->is_pty ? terminal : streams)(t, &e) < 0) {
        e.code = ESLURMD_IO_ERROR; /* the user's paths: no other node would do better */
        give_up(report, &e, IO_FAILED);
    }
    if (note[0])
        dprintf(STDERR_FILENO, "%s", note);
    say_binding(t);
    signals_reset();
    close_range(STDERR_FILENO + 1, ~0u, CLOSE_RANGE_CLOEXEC); /* whatever leaked to slurmd itself */
    if (t->pmi >= 0)
        fcntl(t->pmi, F_SETFD, 0);
    go(t);
}

/* The user, and limits that the user would have had at the place of submission. */
static int identity(const struct launch *l, struct err *e)
{
    const struct ids ids = { l->uid, l->gid, l->groups.v, l->groups.n };

    rlimits_set(l->rlimits.v, l->rlimits.n);
    umask(l->umask.set ? (mode_t)l->umask.v : 022);
    return ids_become(&ids, e);
}

/* A working directory that is not there is no reason to lose the job: Slurm goes to /tmp and says
 * so. */
static int go_to_work_dir(const struct launch *l, char *ret_note, size_t size)
{
    const char *dir = l->work_dir[0] ? l->work_dir : "/tmp";

    if (chdir(dir) == 0)
        return 0;
    snprintf(ret_note, size,
             "slurmstepd: error: couldn't chdir to `%s': %s: going to /tmp instead\n", dir,
             strerror(errno));
    return chdir("/tmp");
}

/* The directories above a file are made when they are missing, as Slurm does since 23.02. */
static void make_parents(const char *path)
{
    char part[PATH_MAX];

    for (const char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        if ((size_t)(slash - path) >= sizeof part)
            return;
        memcpy(part, path, (size_t)(slash - path));
        part[slash - path] = '\0';
        if (mkdir(part, 0777) < 0 && errno != EEXIST && errno != EACCES && errno != EROFS)
            return;
    }
}

static int output_open(const char *path, bool append, struct err *e)
{
    int flags = O_WRONLY | O_CREAT | O_APPEND | O_NOCTTY | (append ? 0 : O_TRUNC);
    int fd = open(path, flags, DEFAULT_MODE);

    if (fd < 0 && errno == ENOENT) {
        make_parents(path);
        fd = open(path, flags, DEFAULT_MODE);
    }
    return fd < 0 ? err_errno(e, "Could not open stdout file %s", path) : fd;
}

static int put_at(int fd, int at)
{
    if (fd == at)
        return 0;
    int done = dup2(fd, at);
    close(fd);
    return done < 0 ? -errno : 0;
}

static int input(const struct task_start *t, struct err *e)
{
    int fd = t->in.path ? open(t->in.path, O_RDONLY | O_NOCTTY) : t->in.fd;

    if (fd < 0)
        return err_errno(e, "Could not open stdin file %s", t->in.path ? t->in.path : "");
    return put_at(fd, STDIN_FILENO) < 0 ? err_errno(e, "stdin") : 0;
}

static int output(const struct task_start *t, const struct task_stream *to, int at, struct err *e)
{
    int fd = to->path ? output_open(to->path, t->launch->append || to->is_shared, e) : to->fd;

    if (fd < 0)
        return fd;
    return put_at(fd, at) < 0 ? err_errno(e, "descriptor %d", at) : 0;
}

/* One open file serves both streams when they have one name, so that neither overwrites the other.
 * Of several tasks with one file the first empties it: the others wait until it has. */
static int streams(const struct task_start *t, struct err *e)
{
    char nothing;

    while (t->turn >= 0 && read(t->turn, &nothing, 1) < 0 && errno == EINTR)
        ;
    int err = input(t, e);
    if (err == 0)
        err = output(t, &t->out, STDOUT_FILENO, e);
    if (err < 0)
        return err;
    if (t->out.path && t->err.path && strcmp(t->out.path, t->err.path) == 0)
        return dup2(STDOUT_FILENO, STDERR_FILENO) < 0 ? err_errno(e, "stderr") : 0;
    return output(t, &t->err, STDERR_FILENO, e);
}

/* The terminal becomes the controlling one of a session of its own: job control works. */
static int terminal(const struct task_start *t, struct err *e)
{
    if (setsid() < 0 || ioctl(t->in.fd, TIOCSCTTY, 0) < 0)
        return err_errno(e, "terminal");
    for (int at = STDIN_FILENO; at <= STDERR_FILENO; at++)
        if (dup2(t->in.fd, at) < 0)
            return err_errno(e, "terminal");
    return 0;
}

/* ---- exec */

/* Of a script whose interpreter is missing the kernel only says "No such file": the name is what
 * helps. */
static void say_exec_failed(const char *program, int code)
{
    char line[256] = "";

    CLEANUP(closep) int fd = open(program, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    ssize_t n = fd < 0 ? 0 : read(fd, line, sizeof line - 1);
    line[n > 0 ? n : 0] = '\0';
    line[strcspn(line, "\r\n")] = '\0';
    if (code == ENOENT && strncmp(line, "#!", 2) == 0)
        dprintf(STDERR_FILENO, "slurmstepd: error: execve(): bad interpreter(%s): %s\n",
                line + 2 + strspn(line + 2, " "), strerror(code));
    else
        dprintf(STDERR_FILENO, "slurmstepd: error: execve(): %s: %s\n", program, strerror(code));
}

/* As a shell would: a name without a slash is looked for in PATH.  Returns only when that failed,
 * with errno. */
static void exec_in_path(char **argv, const struct env *env)
{
    const char *path = env_get(env, "PATH");
    char full[PATH_MAX];
    int code = ENOENT;

    if (strchr(argv[0], '/')) {
        execve(argv[0], argv, env->v);
        return;
    }
    for (const char *p = path ? path : "/usr/bin:/bin"; *p; p += *p == ':') {
        size_t len = strcspn(p, ":");
        if (snprintf(full, sizeof full, "%.*s/%s", len ? (int)len : 1, len ? p : ".", argv[0]) <
            (int)sizeof full) {
            execve(full, argv, env->v);
            code = errno == EACCES ? EACCES : code;
        }
        p += len;
    }
    errno = code;
}

static _Noreturn void go(const struct task_start *t)
{
    struct arena a = { 0 };
    struct env env = t->env;
    struct err e = { 0 };

    env_put_number(&env, &a, "SLURM_TASK_PID", (uint64_t)getpid());
    int err = task_prologs(&t->prologs, &env, &a);
    if (err != 0)
        _exit(err);
    if (t->instead) {
        int code = t->instead(t->ctx, &e);
        if (code != 0)
            dprintf(STDERR_FILENO, "slurmstepd: error: %s\n", e.text);
        _exit(code);
    }
    exec_in_path(t->argv, &env);
    int code = errno;
    say_exec_failed(t->argv[0], code);
    _exit(code);
}

/* ---- beside a task */

pid_t task_epilog(const struct task_start *t, const struct task_hooks *epilogs)
{
    struct arena a = { 0 };
    struct env env = t->env;
    struct err e = { 0 };
    char note[PATH_MAX + 128];

    if (!epilogs->site[0] && !epilogs->users[0])
        return 0;
    pid_t pid = fork();
    if (pid != 0)
        return pid < 0 ? 0 : pid;
    setpgid(0, 0);
    unprotect();
    if ((t->group && cgroup_enter(t->group, t->local, &e) < 0) || identity(t->launch, &e) < 0)
        _exit(EXIT_FAILURE);
    go_to_work_dir(t->launch, note, sizeof note);
    int null = open("/dev/null", O_RDWR);
    for (int fd = STDIN_FILENO; null >= 0 && fd <= STDERR_FILENO; fd++)
        dup2(null, fd);
    signals_reset();
    close_range(STDERR_FILENO + 1, ~0u, CLOSE_RANGE_CLOEXEC);
    task_epilogs(epilogs, &env, &a);
    _exit(EXIT_SUCCESS);
}

pid_t task_say(const struct task_start *t, const char *line)
{
    struct err e = { 0 };

    if (!t->err.path)
        return 0;
    pid_t pid = fork();
    if (pid != 0)
        return pid;
    if (identity(t->launch, &e) < 0)
        _exit(EXIT_FAILURE);
    int fd = open(t->err.path, O_WRONLY | O_APPEND | O_NOCTTY | O_NONBLOCK);
    if (fd >= 0)
        dprintf(fd, "%s", line);
    _exit(EXIT_SUCCESS);
}
