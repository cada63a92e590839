/* How fast a program can be started and waited for: spawn_bench -c CLIENTS -n OPERATIONS [-e] program [argument ...]
 * With sbatch it is the shell loop of PRODUCT section 6; with /bin/sh it is the floor of "jobs per second", what
 * fork and exec alone allow.  -e adds the variables of clients.h to the environment. */
#include "clients.h"

#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

struct program {
    char **argv, **env;
    posix_spawn_file_actions_t quiet;
};

static int spawn_once(void *ctx, unsigned number)
{
    const struct program *p = ctx;
    pid_t pid;
    int status;

    if (posix_spawnp(&pid, p->argv[0], &p->quiet, NULL, p->argv, p->env) != 0)
        return -1;
    return waitpid(pid, &status, 0) == pid && status == 0 ? 0 : -1;
}

int main(int argc, char **argv)
{
    struct program p = {0};
    struct workload w = {.clients = 1, .arg = &p, .once = spawn_once};
    unsigned total = 100;
    int c;

    while ((c = getopt(argc, argv, "+c:n:e")) != -1) {
        bool ok = true;
        if (c == 'c')
            ok = perf_number(optarg, &w.clients);
        else if (c == 'n')
            ok = perf_number(optarg, &total);
        else if (c == 'e')
            for (char **v = perf_environment(); *v; v++)
                putenv(*v);
        if (!ok || c == '?')
            return 2;
    }
    p.argv = argv + optind;
    p.env = environ;
    w.each = total / w.clients;
    posix_spawn_file_actions_init(&p.quiet);
    posix_spawn_file_actions_addopen(&p.quiet, 0, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_addopen(&p.quiet, 1, "/dev/null", O_WRONLY, 0);
    return clients_run(&w);
}
