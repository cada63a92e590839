/* What is free when: timeline.c, and the promises and starts that backfill.c makes of it. */
#include "base/map.h"
#include "core/core.h"
#include "core/timeline.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define SECONDS 200
#define CPUS 8

static uint32_t pick(uint64_t *random, uint32_t below)
{
    *random += 0x9e3779b97f4a7c15u;
    return (uint32_t)(hash_u64(*random) % below);
}

/* The slow, obviously right lane: what is free in each second. */
static uint32_t least_of(const uint32_t *free_cpus, int64_t from, int64_t until)
{
    uint32_t least = CPUS;

    for (int64_t i = from; i < until; i++)
        least = free_cpus[i] < least ? free_cpus[i] : least;
    return least;
}

static int64_t earliest_of(const uint32_t *free_cpus, uint32_t cpus, int64_t length, int64_t from,
                           int64_t before)
{
    for (int64_t at = from; at < before; at++)
        if (least_of(free_cpus, at, at + length) >= cpus)
            return at;
    return TIMELINE_NEVER;
}

struct taken {
    int64_t from, until;
    struct room room;
};

/* Takes something that fits, or gives back something taken before. */
static void change(struct timeline *t, uint32_t *free_cpus, struct taken *taken, uint64_t *random)
{
    struct taken *it = &taken[pick(random, 16)];
    bool is_back = it->room.cpus > 0;
    int64_t from = pick(random, SECONDS - 20);

    if (!is_back) {
        *it = (struct taken){ from, from + 1 + pick(random, 20), { .cpus = 1 + pick(random, 4) } };
        if (least_of(free_cpus, it->from, it->until) < it->room.cpus) {
            it->room.cpus = 0;
            return;
        }
        timeline_take(t, 0, it->from, it->until, &it->room);
    } else {
        timeline_give(t, 0, it->from, it->until, &it->room);
    }
    for (int64_t i = it->from; i < it->until; i++)
        free_cpus[i] += is_back ? it->room.cpus : -it->room.cpus;
    it->room.cpus = is_back ? 0 : it->room.cpus;
}

static void lanes_are_as_slow_ones(void **state)
{
    struct timeline t = { 0 };
    uint64_t random = 7;

    for (unsigned round = 0; round < 200; round++) {
        uint32_t free_cpus[2 * SECONDS];
        struct taken taken[16] = { 0 };
        for (unsigned i = 0; i < 2 * SECONDS; i++)
            free_cpus[i] = CPUS;
        timeline_reset(&t, 1);
        timeline_open(&t, 0, 0, &(struct room){ .cpus = CPUS });
        for (unsigned n = 0; n < 100; n++) {
            struct room need = { .cpus = 1 + pick(&random, CPUS) };
            int64_t from = pick(&random, SECONDS), length = 1 + pick(&random, 30);
            int64_t before = from + pick(&random, SECONDS);
            change(&t, free_cpus, taken, &random);
            assert_int_equal(timeline_least(&t, 0, from, from + length).cpus,
                             least_of(free_cpus, from, from + length));
            assert_int_equal(
                timeline_earliest(&t, 0, &(struct span){ &need, length }, from, before),
                earliest_of(free_cpus, need.cpus, length, from, before));
        }
        assert_false(t.is_overdrawn);
    }
    timeline_fini(&t);
}

static void a_lane_forgets_the_past_and_stays_short(void **state)
{
    struct timeline t = { 0 };
    struct room one = { .cpus = 1 }, all = { .cpus = 4 };

    timeline_reset(&t, 1);
    timeline_open(&t, 0, 100, &all);
    timeline_take(&t, 0, 50, 200, &one); /* cut off at the beginning */
    timeline_take(&t, 0, 150, 300, &one);
    assert_int_equal(timeline_least(&t, 0, 100, 101).cpus, 3);
    assert_int_equal(timeline_next(&t, 0, 100), 150);
    timeline_forget(&t, 0, 160);
    assert_int_equal(timeline_next(&t, 0, 0), 160);
    assert_int_equal(timeline_least(&t, 0, 160, 161).cpus, 2);
    timeline_give(&t, 0, 150, 300, &one);
    timeline_give(&t, 0, 50, 200, &one);
    assert_int_equal(t.lanes[0].n, 1);
    timeline_take(&t, 0, 160, 170, &(struct room){ .cpus = 5 });
    assert_true(t.is_overdrawn);
    timeline_fini(&t);
}

/* A core with two nodes of four CPUs. */
struct bench {
    struct core *core;
    struct arena arena;
    struct facts facts;
    struct effects effects;
    int64_t now;
    uint32_t last; /* job id of the last submission */
};

static void step(struct bench *b, uint16_t kind, const void *body)
{
    struct input in = { .kind = kind,
                        .now = b->now,
                        .body = body,
                        .reply_to = 1,
                        .script = 1,
                        .environment = 1,
                        .who = { .uid = 1000, .user_name = "ann" } };

    arena_reset(&b->arena);
    b->facts = (struct facts){ .arena = &b->arena };
    b->effects = (struct effects){ .arena = &b->arena };
    core_step(b->core, &in, &b->facts, &b->effects);
    while (core_schedule(b->core, b->now, 1, &b->facts, &b->effects))
        ;
    for (uint32_t i = 0; i < b->effects.n; i++)
        if (b->effects.v[i].kind == EFFECT_REPLY && b->effects.v[i].desc == &desc_job_submitted)
            b->last = ((const struct job_submitted *)b->effects.v[i].body)->job_id;
}

static int open_bench(void **state)
{
    static struct bench bench;
    struct bench *b = &bench;
    struct conf_node nodes[2] = {
        { .name = "n1", .cpus = 4, .sockets = 1, .cores = 4, .threads = 1, .real_memory_mb = 1000 },
        { .name = "n2", .cpus = 4, .sockets = 1, .cores = 4, .threads = 1, .real_memory_mb = 1000 },
    };
    struct part_info part = { .name = "main",
                              .nodes = "n[1-2]",
                              .state = "UP",
                              .is_default = true,
                              .max_time_min = UINT32_MAX,
                              .max_nodes = UINT32_MAX,
                              .min_nodes = 1 };
    struct core_conf conf = { .cluster = "c",
                              .select_type = "cons_tres",
                              .select_params = "CR_CPU_Memory",
                              .scheduler_type = "backfill",
                              .def_mem_per_cpu_mb = { true, 10 },
                              .max_job_count = 100,
                              .nodes = { nodes, 2 },
                              .parts = { &part, 1 } };

    *b = (struct bench){ .core = core_new(), .now = 1000000 };
    step(b, INPUT_CONFIGURE, &conf);
    for (uint32_t i = 0; i < 2; i++) {
        struct node_register reg = {
            .name = nodes[i].name, .boot_id = "x", .cpus = 4, .real_memory_mb = 1000
        };
        step(b, OP_node_hello, &reg);
    }
    *state = b;
    return 0;
}

static int close_bench(void **state)
{
    struct bench *b = *state;

    core_free(b->core);
    arena_fini(&b->arena);
    return 0;
}

struct want {
    uint32_t tasks, minutes;
    uint64_t mem_mb; /* per CPU; 0: the default */
    const char *node;
};

/* Submits, and says where it runs: a host list, or "" while it waits. */
static const char *try(struct bench *b, struct want w)
{
    struct job_spec s = { .batch = true,
                          .ntasks = { true, w.tasks },
                          .time_limit_min = { true, w.minutes },
                          .req_nodes = w.node };
    struct job_infos all;

    s.mem_per_cpu_mb = (struct opt_u64){ w.mem_mb > 0, w.mem_mb };
    step(b, OP_job_submit, &s);
    core_list_jobs(b->core, &(struct job_query){ .start = true }, NULL, b->now, &b->arena, &all);
    assert_int_equal(all.jobs.v[all.jobs.n - 1].job_id, b->last);
    return all.jobs.v[all.jobs.n - 1].nodes;
}

static struct job_info show(struct bench *b, uint32_t job_id)
{
    struct job_infos all;

    core_list_jobs(b->core, &(struct job_query){ .start = true }, NULL, b->now, &b->arena, &all);
    for (uint32_t i = 0; i < all.jobs.n; i++)
        if (all.jobs.v[i].job_id == job_id)
            return all.jobs.v[i];
    fail_msg("no job %u", job_id);
    return (struct job_info){ 0 };
}

static void the_first_blocked_job_shows_its_plan(void **state)
{
    struct bench *b = *state;

    assert_string_equal(try(b, (struct want){ 3, 10, 0, "n1" }), "n1");
    assert_string_equal(try(b, (struct want){ 3, 30, 0, "n2" }), "n2");
    assert_string_equal(try(b, (struct want){ 4, 60, 0, NULL }), "");
    assert_int_equal(show(b, b->last).start_time, b->now + 600);
    assert_string_equal(show(b, b->last).sched_nodes, "n1");
}

static void holes_are_filled_and_the_plan_holds(void **state)
{
    struct bench *b = *state;

    try(b, (struct want){ 3, 10, 0, "n1" });
    try(b, (struct want){ 3, 30, 0, "n2" });
    assert_string_equal(try(b, (struct want){ 4, 60, 0, NULL }), "");
    uint32_t head = b->last;
    assert_string_equal(try(b, (struct want){ 1, 11, 0, "n1" }), ""); /* a minute too long */
    assert_string_equal(try(b, (struct want){ 1, 10, 0, "n1" }), "n1");
    assert_string_equal(try(b, (struct want){ 1, 500, 0, NULL }), "n2"); /* beside the plan */
    assert_int_equal(show(b, head).start_time, b->now + 600);
    assert_string_equal(show(b, head).sched_nodes, "n1");
}

static void memory_is_reserved_too(void **state)
{
    struct bench *b = *state;

    try(b, (struct want){ 1, 10, 900, "n1" });
    try(b, (struct want){ 1, 60, 900, "n2" });
    assert_string_equal(try(b, (struct want){ 1, 60, 800, NULL }), "");
    uint32_t head = b->last;
    assert_int_equal(show(b, head).start_time, b->now + 600);
    assert_string_equal(try(b, (struct want){ 1, 60, 100, "n1" }), "n1"); /* 800 + 100 <= 1000 */
    assert_string_equal(try(b, (struct want){ 1, 60, 150, "n1" }), "");
    assert_int_equal(show(b, head).start_time, b->now + 600);
}

static void builtin_does_not_fill(void **state)
{
    struct bench *b = *state;
    struct core_conf conf = { .cluster = "c", .scheduler_type = "builtin" };
    struct conf_node node = { .name = "n1", .cpus = 4, .sockets = 1, .cores = 4, .threads = 1 };
    struct part_info part = { .name = "main", .nodes = "n1", .state = "UP", .is_default = true };

    conf.nodes.v = &node;
    conf.parts.v = &part;
    conf.nodes.n = conf.parts.n = 1;
    conf.max_job_count = 100;
    part.max_nodes = part.max_time_min = UINT32_MAX;
    step(b, INPUT_CONFIGURE, &conf);
    try(b, (struct want){ 3, 10, 0, NULL });
    assert_string_equal(try(b, (struct want){ 4, 60, 0, NULL }), "");
    assert_int_equal(show(b, b->last).start_time, 0);
    assert_string_equal(try(b, (struct want){ 1, 5, 0, NULL }), "");
}

#define ON_BENCH(test) cmocka_unit_test_setup_teardown(test, open_bench, close_bench)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lanes_are_as_slow_ones),
        cmocka_unit_test(a_lane_forgets_the_past_and_stays_short),
        ON_BENCH(the_first_blocked_job_shows_its_plan),
        ON_BENCH(holes_are_filled_and_the_plan_holds),
        ON_BENCH(memory_is_reserved_too),
        ON_BENCH(builtin_does_not_fill),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
