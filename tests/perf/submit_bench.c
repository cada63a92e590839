/* Durable submits over a kept connection each:
 *   submit_bench -p PORT [-c CLIENTS] [-n JOBS] [-r] [-t] [-u] [-m MUNGE_SOCKET] [-d DIRECTORY]
 * Jobs are held unless -r.  -u: each has a script of its own.  -t goes through TCP, MUNGE and TLS as from another host; else it is the unix socket. */
#include "clients.h"

#include "base/clock.h"
#include "base/xalloc.h"
#include "client/client.h"
#include "schema/messages.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#define JOB_SUBMIT 4003
#define RLIMITS 8

struct options {
    unsigned port;
    bool run, tcp, unique;
    const char *munge_socket, *directory;
};

struct submitter {
    struct client *client;
    struct target_host host;
    struct client_target target;
    struct job_spec spec;
    struct arena arena;
    bool is_unique;
    uint64_t key; /* of the first job; each has its own */
    char script[64];
};

/* The limits that travel with a job of sbatch. */
static struct rlimit_row limits[RLIMITS] = {
    {.name = "CPU"}, {.name = "FSIZE"}, {.name = "DATA"},   {.name = "STACK"},
    {.name = "CORE"}, {.name = "RSS"},  {.name = "NOFILE"}, {.name = "MEMLOCK"},
};

/* What sbatch sends for a two line script from somebody's home. */
static void describe(const struct options *o, struct job_spec *ret)
{
    static const char *argv[] = {"noop.sh"};
    char **env = perf_environment();

    for (unsigned i = 0; i < RLIMITS; i++)
        limits[i].soft = limits[i].hard = RLIM_INFINITY;
    *ret = (struct job_spec){
        .name = "noop.sh",
        .work_dir = o->directory,
        .script = {(const uint8_t *)PERF_SCRIPT, sizeof PERF_SCRIPT - 1},
        .environment = {(const char **)env, PERF_VARIABLES},
        .argv = {argv, 1},
        .std_out = "/dev/null",
        .umask = {true, 022},
        .rlimits = {limits, RLIMITS},
        .time_limit_min = {true, 10},
        .ntasks = {true, 1},
        .hold = !o->run,
        .batch = true,
        .submit_host = "localhost",
        .submit_sid = (uint32_t)getsid(0),
        .submit_line = "sbatch noop.sh",
        .command = "/home/user/noop.sh",
    };
}

static int open_submitter(void *arg, void **ret)
{
    const struct options *o = arg;
    struct submitter *s = xcalloc(1, sizeof *s);

    s->host = (struct target_host){o->tcp ? "another.host" : "localhost", "127.0.0.1"};
    s->target = (struct client_target){
        .to = {.service = "slurmctld", .hosts = &s->host, .host_count = 1, .port = (uint16_t)o->port,
               .server_uid = geteuid()},
        .munge_socket = o->munge_socket,
        .timeout_ms = 60000,
    };
    s->key = (uint64_t)clock_mono_ns() << 20 ^ (uint64_t)getpid() << 40;
    client_open(&s->target, &s->client);
    describe(o, &s->spec);
    s->is_unique = o->unique;

    /* A ping makes the connection, so that its hello is not counted. */
    struct err e = {0};
    const struct empty nothing = {};
    void *reply;
    if (client_call(s->client, 1001, &nothing, &s->arena, &reply, &e) != 0) {
        fprintf(stderr, "submit_bench: %s\n", e.text);
        return -1;
    }
    *ret = s;
    return 0;
}

static int submit_once(void *ctx, unsigned number)
{
    struct submitter *s = ctx;
    struct err e = {0};
    void *reply;

    s->spec.request_key = s->key + number;
    if (s->is_unique)
        s->spec.script = (struct bytes){(const uint8_t *)s->script,
                                        perf_unique_script(number, s->script, sizeof s->script)};
    arena_reset(&s->arena);
    if (client_call(s->client, JOB_SUBMIT, &s->spec, &s->arena, &reply, &e) == 0)
        return 0;
    fprintf(stderr, "submit_bench: %s\n", e.text);
    return -1;
}

static bool option(int c, struct options *o, struct workload *w, unsigned *total)
{
    switch (c) {
    case 'p': return perf_number(optarg, &o->port);
    case 'c': return perf_number(optarg, &w->clients);
    case 'n': return perf_number(optarg, total);
    case 'm': o->munge_socket = optarg; return true;
    case 'd': o->directory = optarg; return true;
    case 'r': return o->run = true;
    case 't': return o->tcp = true;
    case 'u': return o->unique = true;
    }
    return false;
}

int main(int argc, char **argv)
{
    struct options o = {.directory = "/tmp"};
    struct workload w = {.clients = 1, .arg = &o, .open = open_submitter, .once = submit_once};
    unsigned total = 1000;
    int c;

    while ((c = getopt(argc, argv, "p:c:n:m:d:rtu")) != -1)
        if (!option(c, &o, &w, &total))
            return 2;
    w.each = total / w.clients;
    return clients_run(&w);
}
