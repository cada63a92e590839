/* acct_load PATH JOBS [batch]: fills an archive with JOBS jobs of 50 users over a year, through the
 * store's own door, and says what an event costs; then asks what sacct and sreport ask and says
 * what that took.  For the figures of docs/performance.md; nobody runs it in CI. */
#include "base/clock.h"
#include "slurmdbd/store.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define START 1764547200ll /* 2025-12-01 */
#define YEAR (365ll * 86400)
#define USERS 50u

static double cpu_s(void)
{
    return (double)clock() / CLOCKS_PER_SEC;
}

static void must(int r, const struct err *e)
{
    if (r < 0) {
        fprintf(stderr, "%s\n", e->text);
        exit(1);
    }
}

static struct acct_job job_of(uint64_t i, uint64_t jobs, struct arena *a)
{
    unsigned user = (unsigned)(i * 2654435761u % USERS);
    int64_t submit = START + (int64_t)(i * (uint64_t)YEAR / jobs);

    return (struct acct_job){ .db_id = i,
                              .job_id = (uint32_t)i,
                              .name = "train.sh",
                              .uid = 1000 + user,
                              .gid = 1000,
                              .user = arena_printf(a, "user%02u", user),
                              .group = "users",
                              .account = arena_printf(a, "account%u", user % 10),
                              .qos = "normal",
                              .partition = "main",
                              .submit = submit,
                              .eligible = submit,
                              .nnodes = 1,
                              .ncpus = 4,
                              .req_cpus = 4,
                              .nodes = "None assigned",
                              .work_dir = "/home/user/project",
                              .submit_line = "sbatch train.sh" };
}

/* A job's life: waiting, running, ended with its batch step. */
static unsigned events_of(uint64_t i, uint64_t jobs, struct arena *a, struct acct_event *v)
{
    struct acct_job *rows = arena_calloc(a, 3, sizeof *rows);
    struct acct_step *step = arena_alloc(a, sizeof *step);

    for (unsigned k = 0; k < 3; k++) {
        rows[k] = job_of(i, jobs, a);
        rows[k].start = k ? rows[k].submit + 60 : 0;
        rows[k].end = k == 2 ? rows[k].submit + 660 : 0;
        rows[k].state = k == 0 ? 0 : k == 1 ? 1 : 3;
        rows[k].tres_alloc = k ? "cpu=4,mem=8000M,node=1,billing=4" : "";
        v[k] = (struct acct_event){ .job = &rows[k] };
    }
    *step = (struct acct_step){ .db_id = i,
                                .step_id = 0xfffffffbu,
                                .name = "batch",
                                .state = 3,
                                .start = rows[2].start,
                                .end = rows[2].end,
                                .ncpus = 4,
                                .ntasks = 1,
                                .nnodes = 1 };
    v[3] = (struct acct_event){ .step = step };
    return 4;
}

static void load(struct store *s, uint64_t jobs, uint32_t batch)
{
    struct acct_register reg = {
        .cluster = "demo", .instance = 1, .host = "h", .tres = "", .nodes = ""
    };
    struct err e = { 0 };
    uint64_t seq;
    double cpu = cpu_s();
    int64_t wall = clock_mono_ns();

    must(store_register(s, &reg, &seq, &e), &e);
    must(store_note_size(s, "demo", START, "cpu=100000,mem=1000000000,node=1000", &e), &e);
    for (uint64_t i = seq / 4 + 1; i <= jobs;) {
        struct arena a = { 0 };
        struct acct_event *v = arena_calloc(&a, (size_t)batch * 4, sizeof *v);
        struct acct_events all = { .cluster = "demo", .instance = 1, .events = { v, 0 } };

        for (; all.events.n < batch * 4 && i <= jobs; i++)
            all.events.n += events_of(i, jobs, &a, &v[all.events.n]);
        for (uint32_t k = 0; k < all.events.n; k++)
            v[k].seq = seq + k + 1;
        must(store_apply(s, &all, &seq, &e), &e);
        must(store_commit(s, &e), &e);
        arena_fini(&a);
    }
    cpu = cpu_s() - cpu;
    printf("%llu jobs, %llu events: %.1f us CPU an event, %.0f events/s\n",
           (unsigned long long)jobs, (unsigned long long)jobs * 4,
           jobs ? cpu * 1e6 / (double)(jobs * 4) : 0,
           (double)(jobs * 4) * 1e9 / (double)(clock_mono_ns() - wall + 1));
}

static void report(const char *what, double cpu, int64_t wall, unsigned rows)
{
    printf("%-40s %5u rows  %6.1f ms CPU  %6.1f ms\n", what, rows, (cpu_s() - cpu) * 1e3,
           (double)(clock_mono_ns() - wall) / 1e6);
}

static void ask(struct store *s)
{
    const char *users[] = { "user07" }, *uid[] = { "1007" }, *clusters[] = { "demo" };
    const char *by[] = { "account" };
    int64_t week = START + 200 * 86400, month = 1780272000; /* 2026-06-01 */
    struct strs *who[] = { &(struct strs){ users, 1 }, &(struct strs){ uid, 1 } };
    struct err e = { 0 };

    for (unsigned i = 0; i < 6; i++) {
        struct arena a = { 0 };
        struct acct_records got;
        struct usage_info used;
        double cpu = cpu_s();
        int64_t wall = clock_mono_ns();

        if (i % 3 < 2) {
            struct acct_query q = { .clusters = { clusters, 1 },
                                    .users = *who[i % 3],
                                    .nodes = "",
                                    .start = week,
                                    .end = week + 7 * 86400,
                                    .steps = true };
            must(store_query(s, &q, 5000, &a, &got, &e), &e);
            report(i % 3 ? "sacct: a uid's week" : "sacct: a user's week", cpu, wall,
                   got.records.n);
        } else {
            struct usage_query q = { .clusters = { clusters, 1 },
                                     .start = month,
                                     .end = month + 30 * 86400,
                                     .by = { by, 1 },
                                     .totals = true };
            must(store_report(s, &q, month + 40 * 86400, &a, &used, &e), &e);
            report("sreport: a month by account", cpu, wall, used.rows.n);
        }
        arena_fini(&a);
    }
}

int main(int argc, char **argv)
{
    struct sql_place at = { .name = argc > 1 ? argv[1] : "" };
    struct store *s;
    struct err e = { 0 };

    if (argc < 3) {
        fputs("usage: acct_load PATH JOBS [JOBS_IN_A_COMMIT]\n", stderr);
        return 2;
    }
    if (*at.name == '@')
        at = (struct sql_place){
            .host = argv[1] + 1, .user = "root", .password = "", .name = "load"
        };
    setenv("TZ", "UTC", 1);
    must(store_open(&at, &s, &e), &e);
    load(s, strtoull(argv[2], NULL, 10), argc > 3 ? (uint32_t)strtoul(argv[3], NULL, 10) : 500);
    ask(s);
    store_close(s);
    return 0;
}
