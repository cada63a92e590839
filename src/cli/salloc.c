/* salloc: gets an allocation, runs a command with it, gives it back. */
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "cli/alloc.h"
#include "cli/say.h"
#include "cli/submit.h"
#include "net/daemon.h"
#include "schema/rpc.h"

#include <errno.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define NAME "salloc"

struct salloc {
    struct opts opts;
    struct arena arena;
    struct connection conn; /* for calls */
    struct connection news; /* on which the end of the job is told */
    struct loop *loop;
    struct alloc alloc;
    struct loop_child *child;
    struct loop_fd *watch;
    struct loop_timer *again;
    pid_t pid;
    int status; /* of the command, as waitpid has it */
    bool is_over, is_revoked;
};

extern char **environ;

static int read_request(struct salloc *s, int argc, char **argv, int *ret_rest);
static int run(struct salloc *s, char **command);
static void watch_job(void *ctx);

static void salloc_fini(struct salloc *s)
{
    loop_remove_fd(s->watch);
    connection_close(&s->conn);
    connection_close(&s->news);
    if (s->loop)
        loop_free(s->loop);
    arena_fini(&s->arena);
}

/* Before there is a command a signal gives up; then it is the command's business, and only the end
 * of the session is passed on. */
static void on_signal(void *ctx, int signo)
{
    struct salloc *s = ctx;

    if (!s->child)
        alloc_stop(&s->alloc, signo);
    else if (signo == SIGHUP)
        loop_kill_child(s->child, signo);
}

int main(int argc, char **argv)
{
    CLEANUP(salloc_fini) struct salloc s = { 0 };
    static const int signals[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT };
    struct alloc_info *info = NULL;
    struct err e = { 0 };
    int rest = 0;

    argv[0] = (char *)NAME;
    log_init(NAME, LOG_INFO);
    opts_init(&s.opts, ALLOC, clock_wall_s(), &s.arena);
    int status = read_request(&s, argc, argv, &rest);
    if (status >= 0)
        return status;
    if (connection_open(&s.conn, &e) < 0 || loop_new(&s.loop, &e) < 0) {
        say_error(NAME, e.text);
        return say_exit_code();
    }
    submit_rlimits(&s.opts, s.conn.conf);
    for (size_t i = 0; i < sizeof signals / sizeof signals[0]; i++)
        loop_add_signal(s.loop, signals[i], on_signal, &s);
    s.alloc = (struct alloc){ .conn = &s.conn, .opts = &s.opts, .loop = s.loop, .arena = &s.arena };
    alloc_init(&s.alloc);
    if (alloc_get(&s.alloc, &info) < 0)
        return alloc_exit_code(&s.alloc);
    if (s.opts.own.bell)
        fputc('\a', stderr);
    if (s.opts.own.no_shell)
        return 0;
    environ = alloc_environment(&s.alloc, info, environ);
    return run(&s, argv + rest);
}

/* -1, or the status to exit with. */
static int read_request(struct salloc *s, int argc, char **argv, int *ret_rest)
{
    struct opts *o = &s->opts;
    struct err e = { 0 };

    if (opts_environment(o, &e) < 0 || opts_words(o, OPTS_COMMAND, argc, argv, ret_rest, &e) < 0)
        return submit_refuse(NAME, o, &e);
    if (submit_answer(o, ALLOC) == 0)
        return 0;
    if (opts_finish(o, &e) < 0)
        return submit_refuse(NAME, o, &e);
    submit_origin(o, argc, argv);
    o->job.batch = false;
    if (!*o->job.name)
        o->job.name = o->own.no_shell ? "no-shell" : "interactive";
    if (!o->own.quiet && say_hints())
        opts_warn_later(o, say_warning);
    return -1;
}

/* ---- the command */

static const char *shell(void)
{
    const struct passwd *who = getpwuid(getuid());
    const char *name = getenv("SHELL");

    if (name && *name)
        return name;
    return who && *who->pw_shell ? who->pw_shell : "/bin/sh";
}

static void become(char **command) __attribute__((noreturn));

static void become(char **command)
{
    const char *const own[] = { shell(), NULL };
    sigset_t none;

    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    execvp(*command ? command[0] : own[0], *command ? command : (char **)own);
    fprintf(stderr, "%s: error: Unable to exec command \"%s\": %s\n", NAME,
            *command ? command[0] : own[0], strerror(errno));
    _exit(errno == ENOENT ? 127 : 126);
}

static void on_exit_of(void *ctx, pid_t pid, int status)
{
    struct salloc *s = ctx;

    s->child = NULL;
    s->status = status;
    s->is_over = true;
}

/* The job ended before its command did.  It is only told if the user asked for that. */
static void revoked(struct salloc *s)
{
    const char *signal = s->opts.own.kill_command;
    int signo = signal && *signal ? atoi(signal) : SIGTERM;

    s->is_revoked = true;
    if (!s->opts.own.quiet)
        fprintf(stderr, "%s: Job allocation %u has been revoked.\n", NAME, s->alloc.job_id);
    if (signal && s->child)
        loop_kill_child(s->child, signo > 0 ? signo : SIGTERM);
}

static void on_news(void *ctx, int fd, unsigned events)
{
    struct salloc *s = ctx;
    struct alloc_info *info;
    struct err e = { 0 };

    int r = client_take(s->news.client, &s->arena, (void **)&info, &e);
    if (r == 1)
        return;
    loop_remove_fd(s->watch);
    s->watch = NULL;
    if (r == 0)
        revoked(s);
    else
        loop_set_timer(s->again, 1000);
}

/* The answer comes when the job has ended; a controller that went away is asked again. */
static void watch_job(void *ctx)
{
    struct salloc *s = ctx;
    const struct alloc_wait want = { .job_id = s->alloc.job_id, .end = true };
    struct err e = { 0 };

    if (client_ask(s->news.client, OP_job_wait, &want, &e) == 0)
        s->watch = loop_add_fd(s->loop, client_fd(s->news.client), LOOP_READ, on_news, s);
    else
        loop_set_timer(s->again, 1000);
}

/* LaunchParameters=use_interactive_step: without a command, a shell on the first node. */
static char **interactive(struct salloc *s)
{
    char **command = arena_calloc(&s->arena, 4, sizeof *command);

    if (!conf_flag(s->conn.conf, "LaunchParameters", "use_interactive_step"))
        return command;
    command[0] = arena_strdup(&s->arena, "/bin/sh");
    command[1] = arena_strdup(&s->arena, "-c");
    command[2] =
        arena_printf(&s->arena, "exec srun %s", conf_str(s->conn.conf, "InteractiveStepOptions"));
    return command;
}

static int run(struct salloc *s, char **command)
{
    struct err e = { 0 };

    if (!*command)
        command = interactive(s);

    s->again = loop_add_timer(s->loop, -1, watch_job, s);
    s->pid = fork();
    if (s->pid == 0)
        become(command);
    if (s->pid < 0) {
        fprintf(stderr, "%s: error: fork: %s\n", NAME, strerror(errno));
        s->status = 1 << 8;
        s->is_over = true;
    } else {
        s->child = loop_add_child(s->loop, s->pid, on_exit_of, s);
    }
    if (connection_open(&s->news, &e) == 0)
        watch_job(s);
    while (!s->is_over)
        loop_once(s->loop, -1);
    loop_remove_timer(s->again);
    if (!s->is_revoked) {
        if (!s->opts.own.quiet)
            fprintf(stderr, "%s: Relinquishing job allocation %u\n", NAME, s->alloc.job_id);
        alloc_end(&s->alloc, s->status);
    }
    return WIFSIGNALED(s->status) ? 128 + WTERMSIG(s->status) : WEXITSTATUS(s->status);
}
