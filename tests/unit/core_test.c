/* The core by its face: inputs in, facts and effects out. */
#include "core/core.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* A core with some nodes, and what the last step said. */
struct bed {
    struct core *core;
    struct arena arena;
    struct facts facts;
    struct effects effects;
    int64_t now;
};

static struct conf_node node_conf(const char *name, uint32_t cpus)
{
    return (struct conf_node){ .name = name,
                               .cpus = cpus,
                               .sockets = 1,
                               .cores = cpus,
                               .threads = 1,
                               .real_memory_mb = 1000,
                               .weight = 1,
                               .state = "UNKNOWN" };
}

static void reset(struct bed *b)
{
    arena_reset(&b->arena);
    b->facts = (struct facts){ .arena = &b->arena };
    b->effects = (struct effects){ .arena = &b->arena };
}

static void step(struct bed *b, uint16_t kind, const void *body)
{
    struct input in = { .kind = kind,
                        .now = b->now,
                        .body = body,
                        .reply_to = 7,
                        .script = 1,
                        .environment = 2,
                        .who = { .uid = 1000, .gid = 1000, .user_name = "ann", .role = ROLE_ANY } };

    reset(b);
    core_step(b->core, &in, &b->facts, &b->effects);
    while (core_schedule(b->core, b->now, 100, &b->facts, &b->effects))
        ;
}

static const struct effect *effect(const struct bed *b, enum effect_kind kind)
{
    for (unsigned i = 0; i < b->effects.n; i++)
        if (b->effects.v[i].kind == kind)
            return &b->effects.v[i];
    return NULL;
}

static void hello(struct bed *b, const char *name, uint32_t cpus, const char *boot)
{
    struct node_register reg = {
        .name = name, .boot_id = boot, .cpus = cpus, .real_memory_mb = 1000
    };

    step(b, OP_node_hello, &reg);
    assert_int_equal(effect(b, EFFECT_REPLY)->code, 0);
}

static int set_up(void **state)
{
    static struct bed bed;
    struct conf_node nodes[] = { node_conf("n1", 4), node_conf("n2", 4) };
    struct part_info part = { .name = "main",
                              .nodes = "n[1-2]",
                              .state = "UP",
                              .is_default = true,
                              .max_time_min = UINT32_MAX,
                              .max_nodes = UINT32_MAX,
                              .min_nodes = 1 };
    struct core_conf conf = { .cluster = "c",
                              .select_type = "cons_tres",
                              .select_params = "CR_CPU",
                              .max_job_count = 1000,
                              .max_array_size = 1001,
                              .min_job_age_s = 300,
                              .kill_wait_s = 30,
                              .slurmd_timeout_s = 300,
                              .job_requeue = true,
                              .acct_enabled = true };

    conf.nodes.v = nodes;
    conf.nodes.n = 2;
    conf.parts.v = &part;
    conf.parts.n = 1;
    bed = (struct bed){ .core = core_new(), .now = 1000 };
    step(&bed, INPUT_CONFIGURE, &conf);
    hello(&bed, "n1", 4, "boot1");
    hello(&bed, "n2", 4, "boot1");
    *state = &bed;
    return 0;
}

static int tear_down(void **state)
{
    struct bed *b = *state;
    struct err e;

    assert_int_equal(core_check(b->core, &e), 0);
    core_free(b->core);
    arena_fini(&b->arena);
    return 0;
}

static uint32_t submit(struct bed *b, struct job_spec spec)
{
    spec.batch = true;
    step(b, OP_job_submit, &spec);
    const struct effect *ef = effect(b, EFFECT_REPLY);
    assert_non_null(ef);
    if (ef->code)
        print_message("refused: %s\n", ((const struct error_info *)ef->body)->text);
    assert_int_equal(ef->code, 0);
    return ((const struct job_submitted *)ef->body)->job_id;
}

static const struct job_info *info(struct bed *b, uint32_t job_id)
{
    char name[16];
    const char *names[] = { name };
    struct job_query q = { .jobs = { names, 1 } };
    struct job_infos *all = arena_alloc(&b->arena, sizeof *all);

    snprintf(name, sizeof name, "%u", job_id);
    core_list_jobs(b->core, &q, NULL, b->now, &b->arena, all);
    return all->jobs.n ? &all->jobs.v[0] : NULL;
}

static void a_job_runs_and_ends_in_four_facts(void **state)
{
    struct bed *b = *state;
    uint32_t id = submit(b, (struct job_spec){ .name = "hello", .ntasks = { true, 2 } });
    const struct effect *launch = effect(b, EFFECT_LAUNCH);

    assert_int_equal(id, 1);
    assert_non_null(launch);
    assert_string_equal(core_node_name(b->core, launch->node), "n1");
    struct launch l;
    assert_int_equal(core_launch(b->core, id, launch->node, &b->arena, &l), 0);
    assert_string_equal(l.cpu_ids, "0-1");
    assert_string_equal(l.nodes, "n1");
    struct step_done done = { .job_id = id, .step_id = STEP_BATCH, .is_clean = true, .node = "n1" };
    b->now = 1010;
    step(b, OP_step_ended, &done);
    assert_int_equal(b->facts.n, 1);
    assert_int_equal(info(b, id)->state, 3);
    step(b, OP_step_ended, &done);
    assert_int_equal(b->facts.n, 0);
    assert_int_equal(effect(b, EFFECT_REPLY)->code, 0);
    b->now = core_next_timer(b->core);
    assert_int_equal(b->now, 1310);
    step(b, INPUT_TICK, NULL);
    assert_null(info(b, id));
}

static void load(void *ctx, const struct fact *f)
{
    struct err e = { 0 };

    assert_int_equal(core_apply(ctx, f, NULL, &e), 0);
}

static void a_snapshot_rebuilds_the_state(void **state)
{
    struct bed *b = *state;

    submit(b, (struct job_spec){ .name = "a" });
    submit(b, (struct job_spec){ .name = "b", .array = "0-9%2", .request_key = 5 });
    submit(b, (struct job_spec){ .name = "c", .dependency = "afterok:1,singleton" });
    struct core *copy = core_new();
    core_dump(b->core, load, copy);
    assert_true(core_hash(copy) == core_hash(b->core));
    core_free(copy);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_job_runs_and_ends_in_four_facts, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_snapshot_rebuilds_the_state, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
