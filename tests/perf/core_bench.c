/* Not a test: prints what the core costs at a depth of pending jobs (100,000 unless told).
 * core_bench [JOBS [NODES [ASSOCIATIONS]]]: with associations limits are on for all of them. */
#include "base/clock.h"
#include "core/core.h"

#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

struct bench {
    struct core *core;
    struct arena arena;
    struct facts facts;
    struct effects effects;
    int64_t now;
    uint32_t launched; /* job that was launched last */
    uint32_t node;
};

static void step(struct bench *b, uint16_t kind, const void *body, const char *cold)
{
    struct input in = { .kind = kind,
                        .now = b->now,
                        .body = body,
                        .reply_to = 1,
                        .script = 1,
                        .environment = 1,
                        .cold = { (const uint8_t *)cold, cold ? 400 : 0 },
                        .who = { .uid = 1000, .user_name = "ann" } };

    arena_reset(&b->arena);
    b->facts = (struct facts){ .arena = &b->arena };
    b->effects = (struct effects){ .arena = &b->arena };
    core_step(b->core, &in, &b->facts, &b->effects);
    while (core_schedule(b->core, b->now, 1000, &b->facts, &b->effects))
        ;
    for (unsigned i = 0; i < b->effects.n; i++)
        if (b->effects.v[i].kind == EFFECT_LAUNCH) {
            b->launched = b->effects.v[i].job_id;
            b->node = b->effects.v[i].node;
        }
}

/* Accounts of 100 users each, limits on all of them and on the QOS; ann is in physics. */
static void tell_rules(struct bench *b, uint32_t count)
{
    char(*names)[16] = calloc(count, sizeof *names);
    struct rule_assoc *v = calloc(count, sizeof *v);
    struct rule_limits limits = { .grp_jobs = { true, 1000000 },
                                  .grp_submit = { true, 9000000 },
                                  .max_jobs = { true, 1000000 },
                                  .max_submit = { true, 9000000 },
                                  .max_wall_min = { true, 100000 },
                                  .grp_tres = "cpu=1000000,mem=4000000000",
                                  .max_tres = "cpu=10000,node=1000" };
    struct rule_qos qos = { .id = 1, .name = "normal", .usage_factor = 1, .limits = &limits };
    struct rule_user ann = { .name = "ann", .def_account = "physics" };
    struct rules book = { .version = 1, .is_whole = true };

    for (uint32_t i = 0; i < count; i++) {
        bool is_user = i % 100 != 1 && i > 1;
        snprintf(names[i], sizeof names[i], "%c%u", is_user ? 'u' : 'a', i);
        v[i] = (struct rule_assoc){ .id = i + 1,
                                    .parent = is_user ? i - (i + 99) % 100 + 1 : i > 0,
                                    .account = i == 0    ? "root"
                                               : i < 101 ? "physics"
                                                         : names[i - (i + 99) % 100],
                                    .user = !is_user ? ""
                                            : i == 2 ? "ann"
                                                     : names[i],
                                    .shares = 1,
                                    .limits = &limits };
    }
    book.assocs.v = v;
    book.assocs.n = count;
    book.qos.v = &qos;
    book.qos.n = 1;
    book.users.v = &ann;
    book.users.n = 1;
    step(b, OP_rules_push, &book, NULL);
    free(v);
    free(names);
}

static void open_cluster(struct bench *b, uint32_t nodes, bool has_rules)
{
    struct conf_node *v = calloc(nodes, sizeof *v);
    char(*names)[16] = calloc(nodes, sizeof *names);
    char list[32];
    struct part_info part = { .name = "main",
                              .nodes = list,
                              .state = "UP",
                              .is_default = true,
                              .max_time_min = UINT32_MAX,
                              .max_nodes = UINT32_MAX,
                              .min_nodes = 1 };
    struct core_conf conf = { .cluster = "c",
                              .select_type = "cons_tres",
                              .select_params = "CR_CPU_Memory",
                              .max_job_count = 10000000,
                              .max_array_size = 4000001,
                              .min_job_age_s = 300,
                              .kill_wait_s = 30,
                              .slurmd_timeout_s = 300,
                              .acct_enabled = true,
                              .acct_enforce = has_rules ? "limits,qos" : "",
                              .def_mem_per_cpu_mb = { true, 100 } };

    for (uint32_t i = 0; i < nodes; i++) {
        snprintf(names[i], sizeof names[i], "n%05u", i + 1);
        v[i] = (struct conf_node){ .name = names[i],
                                   .cpus = 64,
                                   .sockets = 2,
                                   .cores = 32,
                                   .threads = 1,
                                   .real_memory_mb = 256000,
                                   .weight = 1 };
    }
    snprintf(list, sizeof list, "n[00001-%05u]", nodes);
    conf.nodes.v = v;
    conf.nodes.n = nodes;
    conf.parts.v = &part;
    conf.parts.n = 1;
    step(b, INPUT_CONFIGURE, &conf, NULL);
    for (uint32_t i = 0; i < nodes; i++) {
        struct node_register reg = {
            .name = names[i], .boot_id = "x", .cpus = 64, .real_memory_mb = 256000
        };
        step(b, OP_node_hello, &reg, NULL);
    }
    free(v);
    free(names);
}

static void load(void *ctx, const struct fact *f)
{
    core_apply(ctx, f, NULL, NULL);
}

static double seconds(int64_t from)
{
    return (double)(clock_mono_ns() - from) / 1e9;
}

/* Every job differs in its cold part and its name, and there are 2,000 shapes. */
static void submit(struct bench *b, uint32_t i)
{
    static char cold[400];
    char name[32];
    struct job_spec s = { .batch = true,
                          .name = name,
                          .ntasks = { true, 64 },
                          .account = "physics",
                          .time_limit_min = { true, 60 + i % 500 } };

    s.mem_per_cpu_mb = (struct opt_u64){ true, 100 + i % 2000 };
    s.min_nodes = (struct opt_u32){ true, 1 };
    snprintf(name, sizeof name, "job%u", i);
    snprintf(cold, sizeof cold, "%u", i);
    step(b, OP_job_submit, &s, cold);
}

/* What this thread used: the same on a busy machine as on an idle one. */
static int64_t cpu_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return t.tv_sec * INT64_C(1000000000) + t.tv_nsec;
}

static int by_size(const void *a, const void *b)
{
    const int64_t *x = a, *y = b;

    return *x < *y ? -1 : *x > *y;
}

/* The time from the end of a job to the start of the next, over many ends. */
static void print_ends(int64_t *ns, uint32_t n, const char *of)
{
    qsort(ns, n, sizeof *ns, by_size);
    printf("a job ends, the next starts (%s): p50 %.1f us, p99 %.1f us, max %.1f us\n", of,
           (double)ns[n / 2] / 1e3, (double)ns[n - n / 100 - 1] / 1e3, (double)ns[n - 1] / 1e3);
}

int main(int argc, char **argv)
{
    uint32_t jobs = argc > 1 ? (uint32_t)strtoul(argv[1], NULL, 10) : 100000;
    uint32_t nodes = argc > 2 ? (uint32_t)strtoul(argv[2], NULL, 10) : 100;
    uint32_t assocs = argc > 3 ? (uint32_t)strtoul(argv[3], NULL, 10) : 0;
    struct bench b = { .core = core_new(), .now = 1000 };

    open_cluster(&b, nodes, assocs > 0);
    if (assocs > 1)
        tell_rules(&b, assocs);
    for (uint32_t i = 0; i < nodes; i++)
        submit(&b, i);
    size_t before = mallinfo2().uordblks + mallinfo2().hblkhd;
    int64_t t = clock_mono_ns();
    for (uint32_t i = 0; i < jobs; i++)
        submit(&b, i);
    printf("submit with up to %u pending: %.2f us each\n", jobs, seconds(t) / jobs * 1e6);
    printf("memory of a pending job: %.0f bytes (400 of them cold)\n",
           (double)(mallinfo2().uordblks + mallinfo2().hblkhd - before) / jobs);

    t = clock_mono_ns();
    uint32_t rounds = 20000 < jobs ? 20000 : jobs;
    int64_t *ends = calloc(rounds, sizeof *ends), *cpu = calloc(rounds, sizeof *cpu);
    for (uint32_t i = 0; i < rounds; i++) {
        struct step_done done = { .job_id = b.launched, .step_id = STEP_BATCH, .is_clean = true };
        char name[16];
        snprintf(name, sizeof name, "n%05u", b.node + 1);
        done.node = name;
        int64_t at = clock_mono_ns(), used = cpu_ns();
        step(&b, OP_step_ended, &done, NULL);
        cpu[i] = cpu_ns() - used;
        ends[i] = clock_mono_ns() - at;
        submit(&b, i);
    }
    printf("a job ends, the next starts, another is submitted: %.2f us each\n",
           seconds(t) / rounds * 1e6);
    print_ends(ends, rounds, "by the clock");
    print_ends(cpu, rounds, "CPU time");
    free(ends);
    free(cpu);

    struct core *copy = core_new();
    t = clock_mono_ns();
    core_dump(b.core, load, copy);
    printf("snapshot into a fresh core: %.1f ms\n", seconds(t) * 1e3);
    core_free(copy);

    struct job_infos all;
    struct job_query q = { .after_job = 0 };
    uint32_t shown = 0;
    t = clock_mono_ns();
    do {
        arena_reset(&b.arena);
        core_list_jobs(b.core, &q, NULL, b.now, &b.arena, &all);
        shown += all.jobs.n;
        q.after_job = all.jobs.n ? all.jobs.v[all.jobs.n - 1].record : 0;
    } while (all.more);
    printf("list of %u jobs: %.1f ms\n", shown, seconds(t) * 1e3);

    arena_fini(&b.arena);
    b.facts = (struct facts){ .arena = &b.arena };
    b.effects = (struct effects){ .arena = &b.arena };
    size_t small = mallinfo2().uordblks;
    struct job_spec array = { .batch = true, .name = "array", .array = "0-999999" };
    t = clock_mono_ns();
    step(&b, OP_job_submit, &array, NULL);
    double taken = seconds(t);
    arena_fini(&b.arena);
    printf("array of 1,000,000: %.1f us, %lld bytes\n", taken * 1e6,
           (long long)(mallinfo2().uordblks - small));
    core_free(b.core);
    arena_fini(&b.arena);
    return 0;
}
