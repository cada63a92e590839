/* Not a test: what planning costs with a deep queue on a big, mixed cluster.
 * plan_bench [JOBS [NODES [ENDS]]]: 64 kinds of nodes, some with GPUs, 8 partitions, 2,000 shapes. */
#include "base/clock.h"
#include "base/map.h"
#include "core/core.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define PARTS 8u
#define SHAPES 2000u
#define CLASSES 64u

struct bench {
    struct core *core;
    struct arena arena;
    struct facts facts;
    struct effects effects;
    int64_t now;
    uint64_t random;
    struct run {
        uint32_t job, node;
    } *running;
    uint32_t running_n;
    uint32_t slices;
    double worst_slice_ms;
};

static uint32_t pick(struct bench *b, uint32_t below)
{
    b->random += 0x9e3779b97f4a7c15u;
    return (uint32_t)(hash_u64(b->random) % below);
}

static double cpu_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static void fresh(struct bench *b)
{
    arena_reset(&b->arena);
    b->facts = (struct facts){ .arena = &b->arena };
    b->effects = (struct effects){ .arena = &b->arena };
}

static void note_starts(struct bench *b)
{
    for (unsigned i = 0; i < b->facts.n; i++) {
        const struct fact_job_alloc *f = b->facts.v[i].body;
        if (b->facts.v[i].kind == FACT_job_alloc)
            b->running[b->running_n++] = (struct run){ f->job_id, f->nodes.v[0].node };
    }
}

static void step(struct bench *b, uint16_t kind, const void *body, uint32_t uid)
{
    char name[16];
    struct input in = { .kind = kind,
                        .now = b->now,
                        .body = body,
                        .reply_to = 1,
                        .script = 1,
                        .environment = 1,
                        .who = { .uid = uid, .gid = uid, .role = ROLE_SLURM, .user_name = name } };

    snprintf(name, sizeof name, "u%u", uid);
    fresh(b);
    core_step(b->core, &in, &b->facts, &b->effects);
    note_starts(b);
}

/* As the controller does: slices until the pass is through.  `until_start`: the first start. */
static double pass(struct bench *b, bool until_start)
{
    double from = cpu_ms(), first = -1, at = from;
    bool is_more = true;

    while (is_more) {
        uint32_t before = b->running_n;
        fresh(b);
        is_more = core_schedule(b->core, b->now, 2000, &b->facts, &b->effects);
        note_starts(b);
        double now = cpu_ms();
        b->slices++;
        b->worst_slice_ms = now - at > b->worst_slice_ms ? now - at : b->worst_slice_ms;
        at = now;
        if (first < 0 && b->running_n > before)
            first = now - from;
    }
    return until_start && first >= 0 ? first : at - from;
}

static void open_cluster(struct bench *b, uint32_t nodes)
{
    struct conf_node *v = calloc(nodes, sizeof *v);
    char(*names)[16] = calloc(nodes, sizeof *names);
    char lists[PARTS][64], part_names[PARTS][16];
    struct part_info parts[PARTS] = { 0 };
    struct core_conf conf = { .cluster = "c",
                              .select_type = "cons_tres",
                              .select_params = "CR_CPU_Memory",
                              .scheduler_type = "backfill",
                              .gres_types = "gpu",
                              .max_job_count = 10000000,
                              .min_job_age_s = 300,
                              .kill_wait_s = 30,
                              .slurmd_timeout_s = 300,
                              .def_mem_per_cpu_mb = { true, 100 } };

    for (uint32_t i = 0; i < nodes; i++) {
        uint32_t kind = i % CLASSES;
        snprintf(names[i], sizeof names[i], "n%06u", i);
        v[i] = (struct conf_node){ .name = names[i],
                                   .cpus = 16u << kind % 4,
                                   .sockets = 1,
                                   .cores = 16u << kind % 4,
                                   .threads = 1,
                                   .real_memory_mb = 64000u * (1 + kind / 4 % 4),
                                   .gres = kind / 16 == 1 ? "gpu:4" : kind / 16 == 2 ? "gpu:8" : "",
                                   .features = kind % 2 ? "ib" : "eth",
                                   .weight = 1 + kind % 3 };
    }
    for (uint32_t i = 0; i < PARTS; i++) {
        snprintf(part_names[i], sizeof part_names[i], "p%u", i);
        snprintf(lists[i], sizeof lists[i], "n[%06u-%06u]", i * (nodes / PARTS),
                 (i + 1) * (nodes / PARTS) - 1);
        parts[i] = (struct part_info){ .name = part_names[i],
                                       .nodes = lists[i],
                                       .state = "UP",
                                       .is_default = i == 0,
                                       .max_time_min = UINT32_MAX,
                                       .max_nodes = UINT32_MAX,
                                       .min_nodes = 1 };
    }
    conf.nodes.v = v;
    conf.nodes.n = nodes;
    conf.parts.v = parts;
    conf.parts.n = PARTS;
    step(b, INPUT_CONFIGURE, &conf, 0);
    for (uint32_t i = 0; i < nodes; i++) {
        struct node_register reg = { .name = names[i],
                                     .boot_id = "x",
                                     .cpus = v[i].cpus,
                                     .gres = v[i].gres,
                                     .real_memory_mb = v[i].real_memory_mb };
        step(b, OP_node_hello, &reg, 0);
    }
    free(v);
    free(names);
}

static void submit(struct bench *b, uint32_t shape)
{
    char part[16];
    uint64_t r = hash_u64(shape);
    struct job_spec s = { .batch = true, .name = "job", .partition = part };

    snprintf(part, sizeof part, "p%u", (unsigned)(r % PARTS));
    s.ntasks = (struct opt_u32){ true, 1u << (r >> 8) % 7 };
    s.time_limit_min = (struct opt_u32){ true, 10 + (uint32_t)((r >> 16) % 2880) };
    s.mem_per_cpu_mb = (struct opt_u64){ true, 100 + (r >> 32) % 3000 };
    if ((r >> 44) % 8 == 0)
        s.min_nodes = (struct opt_u32){ true, 2 + (uint32_t)((r >> 48) % 15) };
    if (s.min_nodes.set && s.ntasks.v < s.min_nodes.v)
        s.ntasks.v = s.min_nodes.v;
    if ((r >> 52) % 5 == 0 && !s.min_nodes.set)
        s.tres_per_node = (r >> 56) % 2 ? "gres/gpu:1" : "gres/gpu:4";
    if ((r >> 58) % 6 == 0)
        s.features = "ib";
    step(b, OP_job_submit, &s, 1000 + shape % 300);
}

static int by_size(const void *a, const void *b)
{
    const double *x = a, *y = b;

    return *x < *y ? -1 : *x > *y;
}

static void print(const char *what, double *ms, uint32_t n)
{
    qsort(ms, n, sizeof *ms, by_size);
    printf("%s: p50 %.3f ms, p99 %.3f ms, max %.3f ms CPU\n", what, ms[n / 2], ms[n - n / 100 - 1],
           ms[n - 1]);
}

static double end_one(struct bench *b)
{
    char name[16];
    uint32_t at = pick(b, b->running_n);
    struct run r = b->running[at];
    struct step_done done = { .job_id = r.job, .step_id = STEP_BATCH, .is_clean = true };

    snprintf(name, sizeof name, "n%06u", r.node);
    done.node = name;
    b->running[at] = b->running[--b->running_n];
    b->now++;
    double from = cpu_ms();
    step(b, OP_step_ended, &done, 0);
    double taken = cpu_ms() - from;
    for (unsigned i = 0; i < b->effects.n; i++)
        if (b->effects.v[i].kind == EFFECT_TERMINATE) {
            struct job_clean clean = { .job_id = r.job };
            clean.node = core_node_name(b->core, b->effects.v[i].node);
            struct effects kept = b->effects;
            struct input in = { .kind = OP_job_cleaned, .now = b->now, .body = &clean };
            in.who.role = ROLE_SLURM;
            core_step(b->core, &in, &b->facts, &b->effects);
            b->effects.n = kept.n;
        }
    return taken;
}

int main(int argc, char **argv)
{
    uint32_t jobs = argc > 1 ? (uint32_t)strtoul(argv[1], NULL, 10) : 100000;
    uint32_t nodes = argc > 2 ? (uint32_t)strtoul(argv[2], NULL, 10) : 10000;
    uint32_t ends = argc > 3 ? (uint32_t)strtoul(argv[3], NULL, 10) : 1000;
    struct bench b = { .core = core_new(), .now = 1000000 };
    double *plan = calloc(ends, sizeof *plan), *start = calloc(ends, sizeof *start);

    b.running = calloc(jobs + nodes * 64u, sizeof *b.running);
    open_cluster(&b, nodes);
    double from = cpu_ms();
    for (uint32_t i = 0; i < jobs + nodes * 8; i++) {
        submit(&b, i % SHAPES);
        if (i % 64 == 63)
            pass(&b, false);
    }
    pass(&b, false);
    printf("%u nodes, %u jobs run, %u wait; submitting and planning: %.1f us each\n", nodes,
           b.running_n, jobs + nodes * 8 - b.running_n,
           (cpu_ms() - from) * 1e3 / (jobs + nodes * 8));
    b.worst_slice_ms = 0;
    for (uint32_t i = 0; i < ends; i++) {
        double end = end_one(&b);
        start[i] = end + pass(&b, true);
        submit(&b, pick(&b, SHAPES));
        pass(&b, false);
    }
    print("a job ends, the next start is decided", start, ends);
    printf("worst slice: %.2f ms\n", b.worst_slice_ms);
    uint32_t plans = ends < 20 ? ends : 20;
    for (uint32_t i = 0; i < plans; i++) {
        core_replan(b.core);
        plan[i] = pass(&b, false);
    }
    print("the whole queue planned, from nothing", plan, plans);
    printf("worst slice: %.2f ms\n", b.worst_slice_ms);
    core_free(b.core);
    arena_fini(&b.arena);
    free(b.running);
    free(plan);
    free(start);
    return 0;
}
