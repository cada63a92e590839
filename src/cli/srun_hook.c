/* Programs that srun runs around a step: SrunProlog, --prolog, --epilog, SrunEpilog; and --bcast.
 */
#include "cli/srun.h"

#include "cli/bcast.h"
#include "cli/say.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

static void become(const char *program, char **env) __attribute__((noreturn));

static void become(const char *program, char **env)
{
    const char *const argv[] = { "/bin/sh", "-c", program, NULL };
    sigset_t none;

    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    execve(argv[0], (char *const *)(uintptr_t)argv, env);
    _exit(127);
}

/* As the user, with the job's variables; how it ends changes nothing but what is said. */
static void run_one(struct srun *s, const char *program)
{
    char **env;
    int status = 0;

    if (!program || !*program || strcasecmp(program, "none") == 0)
        return;
    env = alloc_environment(&s->alloc, s->info, environ);
    pid_t pid = fork();
    if (pid == 0)
        become(program, env);
    while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    if (pid < 0 || status)
        say_error(SRUN,
                  arena_printf(&s->arena, "%s failed, status 0x%x", program, (unsigned)status));
}

/* What the command line names stands for what the configuration does. */
void srun_hook(struct srun *s, const char *asked, const char *key)
{
    run_one(s, asked ? asked : conf_str(s->conn.conf, key));
}

/* The executable where a shell would find it. */
static const char *find(struct srun *s, const char *name)
{
    const char *path = getenv("PATH");

    if (strchr(name, '/') || !path)
        return name;
    for (const char *p = path; *p; p += strcspn(p, ":"), p += *p == ':') {
        const char *full = arena_printf(&s->arena, "%.*s/%s", (int)strcspn(p, ":"), p, name);
        if (access(full, X_OK) == 0)
            return full;
    }
    return name;
}

int srun_bcast(struct srun *s, char **command)
{
    const char *to = s->opts.own.bcast;
    char cwd[PATH_MAX] = "/tmp";

    if (!to)
        return 0;
    if (!getcwd(cwd, sizeof cwd))
        return -1;
    if (!*to)
        to = arena_printf(&s->arena, "%s/slurm_bcast_%u.%d", cwd, s->info->job_id, (int)getpid());
    const struct bcast b = { .conn = &s->conn,
                             .loop = s->loop,
                             .arena = &s->arena,
                             .tool = SRUN,
                             .job_id = s->info->job_id,
                             .from = find(s, command[0]),
                             .to = to,
                             .force = true,
                             .preserve = true };
    if (bcast_send(&b) != 0)
        return -1;
    command[0] = arena_strdup(&s->arena, to);
    return 0;
}
