/* Programs around a task.  They run as the user, in the task's environment and directory. */
#include "node/task_hook.h"

#include "base/buf.h"
#include "base/cleanup.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define OUTPUT_MAX (1u << 20) /* of a prolog; what is beyond is read and dropped */

/* Runs one program; with `out` its standard output is kept there.  Its exit code, 1 when it could
 * not run. */
static int run(const char *path, const struct env *env, struct buf *out)
{
    char *argv[] = { (char *)path, NULL }, chunk[4096];
    int ends[2], status = 0;

    if (pipe2(ends, O_CLOEXEC) < 0)
        return EXIT_FAILURE;
    pid_t pid = fork();
    if (pid == 0) {
        if (out)
            dup2(ends[1], STDOUT_FILENO);
        execve(path, argv, env->v);
        dprintf(STDERR_FILENO, "slurmstepd: error: %s can not be executed: %s\n", path,
                strerror(errno));
        _exit(EXIT_FAILURE);
    }
    close(ends[1]);
    for (ssize_t n; out && (n = read(ends[0], chunk, sizeof chunk)) != 0;) {
        if (n > 0 && out->len < OUTPUT_MAX)
            buf_put(out, chunk, (size_t)n);
        else if (n < 0 && errno != EINTR)
            break;
    }
    close(ends[0]);
    while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    if (pid < 0)
        return EXIT_FAILURE;
    return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

/* ---- what a prolog says */

static void say_export(char *text, struct env *env, struct arena *a)
{
    char *equals = strchr(text, '=');

    if (!equals || equals == text)
        return;
    *equals = '\0';
    env_put(env, a, text, equals + 1);
}

static void say_unset(char *text, struct env *env, struct arena *a)
{
    env_put(env, a, text, NULL);
}

static void say_print(char *text, struct env *env, struct arena *a)
{
    dprintf(STDOUT_FILENO, "%s\n", text);
}

static const struct {
    const char *word;
    void (*say)(char *text, struct env *env, struct arena *a);
} words[] = {
    { "export", say_export },
    { "unset", say_unset },
    { "print", say_print },
};

static void obey(char *line, struct env *env, struct arena *a)
{
    line += strspn(line, " \t");
    size_t len = strcspn(line, " \t");

    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        if (strlen(words[i].word) == len && strncmp(line, words[i].word, len) == 0)
            words[i].say(line + len + strspn(line + len, " \t"), env, a);
}

static int prolog(const char *name, const char *path, struct env *env, struct arena *a)
{
    struct buf out = { 0 };
    char *rest = NULL;

    if (!path[0])
        return 0;
    int code = run(path, env, &out);
    if (code != 0)
        dprintf(STDERR_FILENO, "slurmstepd: error: %s failed status=%d\n", name, code);
    for (char *line = strtok_r((char *)buf_str(&out), "\n", &rest); code == 0 && line;
         line = strtok_r(NULL, "\n", &rest))
        obey(line, env, a);
    buf_fini(&out);
    return code;
}

int task_prologs(const struct task_hooks *hooks, struct env *env, struct arena *a)
{
    int code = prolog("TaskProlog", hooks->site ? hooks->site : "", env, a);

    return code ? code : prolog("--task-prolog", hooks->users ? hooks->users : "", env, a);
}

void task_epilogs(const struct task_hooks *hooks, struct env *env, struct arena *a)
{
    env_put_number(env, a, "SLURM_TASK_PID", (uint64_t)getpid());
    if (hooks->users[0])
        run(hooks->users, env, NULL);
    if (hooks->site[0])
        run(hooks->site, env, NULL);
}
