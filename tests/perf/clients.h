/* N client processes that do one operation M times each, as fast as the answer comes: the part that a benchmark of
 * ours and one of Debian's Slurm have in common, so that both are measured alike. */
#ifndef PERF_CLIENTS_H
#define PERF_CLIENTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct workload {
    unsigned clients;
    unsigned each;                           /* operations of one client */
    void *arg;                               /* the context of once, unless open makes one from it */
    int (*open)(void *arg, void **ret_ctx);  /* in the client, before the clock starts; may be NULL */
    int (*once)(void *ctx, unsigned number); /* number: unique among all clients; 0 or it failed */
};

/* Runs it and prints one line of JSON: operations per second, p50 and p99 in milliseconds, CPU seconds of the clients
 * (with what they started and waited for), failures.  Returns the exit status of the benchmark. */
int clients_run(const struct workload *w);

/* What every submitted job carries: 64 variables, about 4 KB, made up but shaped like a login shell's; and the script. */
#define PERF_SCRIPT "#!/bin/sh\ntrue\n"
#define PERF_VARIABLES 64
char **perf_environment(void); /* PERF_VARIABLES strings and NULL; never freed */

uint32_t perf_unique_script(unsigned number, char *ret, size_t size); /* with the number in a comment; its length */
bool perf_number(const char *text, unsigned *ret); /* of an option: 1 to 100 million */

#endif
