/* Client processes, their stop watch and their sums (clients.h).
 *
 * Processes, not threads: Slurm's commands are processes too, libslurm keeps global state, and getrusage then tells
 * what the clients cost.  They meet at a pipe before the clock starts, so that connecting is not measured. */
#include "clients.h"

#include "base/clock.h"
#include "base/xalloc.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

/* What a client leaves behind in shared memory. */
struct client_result {
    double cpu_s;
    unsigned failed;
};

struct shared {
    uint32_t *us; /* one for each operation of all clients */
    struct client_result *results;
};

struct gate {
    int ready[2], go[2];
};

static void *share(size_t size);
static void start(const struct workload *w, unsigned client, struct gate *g, const struct shared *s);
static void work(const struct workload *w, unsigned client, void *ctx, const struct shared *s);
static double cpu_seconds(void);
static int by_value(const void *a, const void *b);
static int report(const struct workload *w, const struct shared *s, double seconds);

int clients_run(const struct workload *w)
{
    const unsigned n = w->clients * w->each;
    struct shared s = {share(n * sizeof *s.us), share(w->clients * sizeof *s.results)};
    struct gate g;
    char byte;

    if (pipe(g.ready) < 0 || pipe(g.go) < 0) {
        perror("pipe");
        return 1;
    }
    for (unsigned i = 0; i < w->clients; i++)
        start(w, i, &g, &s);
    close(g.ready[1]);
    close(g.go[0]);

    unsigned ready = 0;
    while (ready < w->clients && read(g.ready[0], &byte, 1) == 1)
        ready++;
    const int64_t begin = clock_mono_ns();
    close(g.go[1]);
    while (wait(NULL) > 0)
        ;
    const double seconds = (double)(clock_mono_ns() - begin) / 1e9;
    if (ready < w->clients) {
        fprintf(stderr, "%u of %u clients could not start\n", w->clients - ready, w->clients);
        return 1;
    }
    return report(w, &s, seconds);
}

static void *share(size_t size)
{
    void *p = mmap(NULL, size ? size : 1, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    if (p == MAP_FAILED) {
        perror("mmap");
        exit(1);
    }
    return p;
}

/* Forks one client.  It says "ready" with a byte and goes when the other pipe is closed. */
static void start(const struct workload *w, unsigned client, struct gate *g, const struct shared *s)
{
    void *ctx = w->arg;
    char byte = 'r';

    fflush(NULL);
    const pid_t pid = fork();
    if (pid < 0)
        perror("fork");
    if (pid != 0)
        return;
    close(g->go[1]);
    if (w->open && w->open(w->arg, &ctx) != 0)
        _exit(1);
    if (write(g->ready[1], &byte, 1) != 1)
        _exit(1);
    close(g->ready[1]);
    if (read(g->go[0], &byte, 1) != 0)
        _exit(1);
    work(w, client, ctx, s);
    _exit(0);
}

static void work(const struct workload *w, unsigned client, void *ctx, const struct shared *s)
{
    uint32_t *us = s->us + (size_t)client * w->each;
    const double cpu = cpu_seconds();

    for (unsigned i = 0; i < w->each; i++) {
        const int64_t begin = clock_mono_ns();
        s->results[client].failed += w->once(ctx, client * w->each + i) != 0;
        us[i] = (uint32_t)((clock_mono_ns() - begin) / 1000);
    }
    s->results[client].cpu_s = cpu_seconds() - cpu;
}

/* Of this process and of the children it has waited for. */
static double cpu_seconds(void)
{
    static const int whose[] = {RUSAGE_SELF, RUSAGE_CHILDREN};
    double sum = 0;

    for (unsigned i = 0; i < 2; i++) {
        struct rusage u;
        getrusage(whose[i], &u);
        sum += (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
               (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
    }
    return sum;
}

static int by_value(const void *a, const void *b)
{
    const uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

    return (x > y) - (x < y);
}

static int report(const struct workload *w, const struct shared *s, double seconds)
{
    const unsigned n = w->clients * w->each;
    struct client_result sum = {0};

    for (unsigned i = 0; i < w->clients; i++) {
        sum.cpu_s += s->results[i].cpu_s;
        sum.failed += s->results[i].failed;
    }
    qsort(s->us, n, sizeof *s->us, by_value);
    printf("{\"clients\": %u, \"operations\": %u, \"failed\": %u, \"seconds\": %.4f, \"per_second\": %.1f, "
           "\"p50_ms\": %.3f, \"p99_ms\": %.3f, \"client_cpu_s\": %.4f}\n",
           w->clients, n, sum.failed, seconds, n / seconds, s->us[n / 2] / 1e3, s->us[n - 1 - n / 100] / 1e3,
           sum.cpu_s);
    return sum.failed != 0;
}

char **perf_environment(void)
{
    static const char *const words[] = {"HOME", "PATH", "PROJECT", "MODULE", "CONDA", "LIBRARY", "COMPILER", "SCRATCH"};
    char **env = xcalloc(PERF_VARIABLES + 1, sizeof *env);

    for (unsigned i = 0; i < PERF_VARIABLES; i++)
        env[i] = xasprintf("%s_%02u=/opt/site/software/%s/%u.%u:/home/user/%s", words[i % 8], i, words[(i + 3) % 8],
                           i / 8, i % 8, words[(i + 5) % 8]);
    return env;
}

uint32_t perf_unique_script(unsigned number, char *ret, size_t size)
{
    return (uint32_t)snprintf(ret, size, "#!/bin/sh\n# job %u of process %d\ntrue\n", number, (int)getpid());
}

bool perf_number(const char *text, unsigned *ret)
{
    char *end;
    const unsigned long n = strtoul(text, &end, 10);

    *ret = (unsigned)n;
    return *text && !*end && n > 0 && n <= 100000000;
}
