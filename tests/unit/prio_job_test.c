/* Multifactor priority as the core applies it: at submission, each period, after jobs that ran. */
#include "core/core.h"
#include "core/prio_job.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define START 1700000000

struct bed {
    struct core *core;
    struct arena arena;
    struct facts facts;
    struct effects effects;
    int64_t now;
};

static void step(struct bed *b, uint16_t kind, const void *body)
{
    struct input in = { .kind = kind,
                        .now = b->now,
                        .body = body,
                        .reply_to = 7,
                        .script = 1,
                        .environment = 2,
                        .who = { .uid = 0, .user_name = "root", .role = ROLE_ADMIN } };

    arena_reset(&b->arena);
    b->facts = (struct facts){ .arena = &b->arena };
    b->effects = (struct effects){ .arena = &b->arena };
    core_step(b->core, &in, &b->facts, &b->effects);
    while (core_schedule(b->core, b->now, 100, &b->facts, &b->effects))
        ;
}

/* The cluster of the contract's vectors: 10 nodes of 16 CPUs and 64000 MB. */
static void configure(struct bed *b, struct core_conf conf)
{
    struct conf_node nodes[10];
    char names[10][4];
    struct part_info parts[] = {
        { .name = "main",
          .nodes = "n[0-9]",
          .state = "UP",
          .is_default = true,
          .max_time_min = UINT32_MAX,
          .max_nodes = UINT32_MAX,
          .priority_job_factor = 10 },
        { .name = "fast",
          .nodes = "n[0-3]",
          .state = "UP",
          .max_time_min = UINT32_MAX,
          .max_nodes = UINT32_MAX,
          .priority_job_factor = 40 },
    };

    for (unsigned i = 0; i < 10; i++) {
        snprintf(names[i], sizeof names[i], "n%u", i);
        nodes[i] = (struct conf_node){ .name = names[i],
                                       .cpus = 16,
                                       .sockets = 1,
                                       .cores = 16,
                                       .threads = 1,
                                       .real_memory_mb = 64000,
                                       .weight = 1 };
    }
    conf.cluster = "c";
    conf.max_job_count = 10000;
    conf.priority_type = conf.priority_type ? conf.priority_type : "multifactor";
    conf.prio_period_s = 60;
    conf.prio_max_age_s = 600;
    conf.nodes.v = nodes;
    conf.nodes.n = 10;
    conf.parts.v = parts;
    conf.parts.n = 2;
    step(b, INPUT_CONFIGURE, &conf);
}

static void open_bed(struct bed *b, struct core_conf conf)
{
    *b = (struct bed){ .core = core_new(), .now = START };
    configure(b, conf);
}

static void close_bed(struct bed *b)
{
    core_free(b->core);
    arena_fini(&b->arena);
}

static uint32_t submit(struct bed *b, struct job_spec spec)
{
    spec.batch = true;
    spec.name = "x";
    spec.user_name = spec.user_name ? spec.user_name : "ann";
    spec.user_id = (struct opt_u32){ true, 1000 };
    spec.group_id = (struct opt_u32){ true, 1000 };
    step(b, OP_job_submit, &spec);
    for (unsigned i = 0; i < b->effects.n; i++)
        if (b->effects.v[i].desc == &desc_job_submitted)
            return ((const struct job_submitted *)b->effects.v[i].body)->job_id;
    fail_msg("refused");
    return 0;
}

static struct job_info shown(struct bed *b, uint32_t id)
{
    char text[16];
    const char *ids[] = { text };
    struct job_query q = { .jobs = { ids, 1 } };
    struct who root = { .uid = 0, .role = ROLE_ADMIN };
    struct job_infos all;

    snprintf(text, sizeof text, "%u", id);
    core_list_jobs(b->core, &q, &root, b->now, &b->arena, &all);
    assert_int_equal(all.jobs.n, 1);
    return all.jobs.v[0];
}

static uint32_t number(struct bed *b, uint32_t id)
{
    return shown(b, id).priority;
}

/* As the daemon does: again while something is due. */
static unsigned tick_at(struct bed *b, int64_t now)
{
    unsigned n = 0;

    b->now = now;
    do {
        step(b, INPUT_TICK, NULL);
        assert_in_range(++n, 1, 10);
    } while (core_next_timer(b->core) <= now);
    return n;
}

/* The contract's settings but for QOS and association, which the core does not know yet. */
static const struct core_conf seen = {
    .prio_weight_age = 1000,
    .prio_weight_fairshare = 100000,
    .prio_weight_job_size = 3000,
    .prio_weight_partition = 500,
    .prio_weight_tres = "cpu=400,mem=800",
};

/* Without QOS (500), and with a fair-share factor of 1 instead of 10/11. */
static void submissions_get_the_contracts_numbers(void **state)
{
    const struct opt_u32 one = { true, 1 };
    struct bed b;

    open_bed(&b, seen);
    uint32_t small =
        submit(&b, (struct job_spec){ .ntasks = one, .mem_per_node_mb = { true, 1000 } });
    uint32_t large =
        submit(&b, (struct job_spec){
                       .min_nodes = { true, 10 }, .ntasks = { true, 160 }, .nice = { true, 100 } });
    uint32_t both = submit(
        &b, (struct job_spec){ .partition = "main,fast", .ntasks = { true, 8 }, .min_nodes = one });
    assert_int_equal(number(&b, small), 91697 - 90909 - 500 + 100000);
    assert_int_equal(number(&b, large), 95634 - 90909 - 500 + 100000);
    assert_int_equal(number(&b, both), 92384 - 90909 - 500 + 100000);
    close_bed(&b);
}

static void age_shows_after_each_period(void **state)
{
    struct bed b;

    open_bed(&b, seen);
    uint32_t id = submit(&b, (struct job_spec){ .ntasks = { true, 1 } });
    uint32_t first = number(&b, id);
    assert_int_equal(core_next_timer(b.core), START + 60);
    tick_at(&b, START + 59);
    assert_int_equal(number(&b, id), first);
    tick_at(&b, START + 60);
    assert_int_equal(number(&b, id), first + 100);
    assert_int_equal(core_next_timer(b.core), START + 120);
    tick_at(&b, START + 6000);
    assert_int_equal(number(&b, id), first + 1000);
    close_bed(&b);
}

/* Numbers set by hand and held jobs stay; a period that changes nothing says nothing of any job. */
static void hands_are_respected(void **state)
{
    struct bed b;

    open_bed(&b, seen);
    uint32_t set =
        submit(&b, (struct job_spec){ .ntasks = { true, 1 }, .priority = { true, 4711 } });
    uint32_t held = submit(&b, (struct job_spec){ .ntasks = { true, 1 }, .hold = true });
    tick_at(&b, START + 60);
    assert_int_equal(number(&b, set), 4711);
    assert_int_equal(number(&b, held), 0);
    const struct fact_priorities *last = b.facts.v[0].body;
    assert_int_equal(b.facts.v[0].kind, FACT_priorities);
    assert_false(last->is_first);
    assert_int_equal(last->jobs.n, 0);
    close_bed(&b);
}

static void hello(struct bed *b, const char *name)
{
    struct node_register reg = {
        .name = name, .boot_id = "b", .cpus = 16, .real_memory_mb = 64000
    };

    step(b, OP_node_hello, &reg);
}

/* Ann runs for an hour; from then on Ben goes first, and after enough half-lives still does, since
 * decay changes no rank. */
static void who_has_run_comes_later(void **state)
{
    struct core_conf conf = { .prio_weight_fairshare = 1000, .prio_half_life_s = 600 };
    struct usage used = { 0 };
    struct step_done done = {
        .step_id = STEP_BATCH, .used = &used, .node = "n0", .is_clean = true
    };
    struct bed b;

    open_bed(&b, conf);
    uint32_t ben = submit(&b, (struct job_spec){ .user_name = "ben", .min_nodes = { true, 10 } });
    uint32_t ann = submit(&b, (struct job_spec){ .user_name = "ann", .min_nodes = { true, 9 } });
    hello(&b, "n0");
    done.job_id = submit(&b, (struct job_spec){ .user_name = "ann", .ntasks = { true, 2 } });
    assert_string_equal(shown(&b, done.job_id).nodes, "n0");
    assert_int_equal(number(&b, ann), 1000);
    tick_at(&b, START + 60); /* the hour is charged as it passes */
    assert_int_equal(number(&b, ben), 1000);
    assert_int_equal(number(&b, ann), 500);
    b.now = START + 3600;
    step(&b, OP_step_ended, &done);
    tick_at(&b, START + 3660);
    assert_int_equal(number(&b, ben), 1000);
    assert_int_equal(number(&b, ann), 500);
    tick_at(&b, START + 7200);
    assert_int_equal(number(&b, ann), 500);
    tick_at(&b, START + 3600000); /* nothing is left of it */
    assert_int_equal(number(&b, ann), 1000);
    close_bed(&b);
}

static void long_queues_are_cut_into_slices(void **state)
{
    struct bed b;

    open_bed(&b, seen);
    for (unsigned i = 0; i < 2100; i++)
        submit(&b, (struct job_spec){ .ntasks = { true, 1 } });
    uint32_t first = number(&b, 1), last = number(&b, 2100);
    assert_int_equal(tick_at(&b, START + 60), 3);
    assert_int_equal(number(&b, 1), first + 100);
    assert_int_equal(number(&b, 2100), last + 100);
    assert_int_equal(core_check(b.core, NULL), 0);
    close_bed(&b);
}

static void basic_stays_first_come(void **state)
{
    struct core_conf conf = seen;
    struct bed b;

    conf.priority_type = "basic";
    open_bed(&b, conf);
    uint32_t id = submit(&b, (struct job_spec){ .ntasks = { true, 1 } });
    assert_true(number(&b, id) == 4294901759u);
    assert_true(core_next_timer(b.core) == INT64_MAX);
    conf.priority_type = "multifactor";
    configure(&b, conf);
    assert_true(number(&b, id) == 4294901759u); /* until the next period */
    tick_at(&b, START + 60);
    assert_in_range(number(&b, id), 100000, 110000);
    close_bed(&b);
}

static void bad_strings_are_refused_with_words(void **state)
{
    struct core_conf conf = { .priority_type = "multifactor", .prio_weight_tres = "cpu=1,ram=2" };
    struct arena a = { 0 };
    struct prio_conf p;
    struct err e = { 0 };

    assert_true(prio_conf_read(&conf, &a, &p, &e) < 0);
    assert_non_null(strstr(e.text, "PriorityWeightTRES: no resource \"ram\""));
    conf.prio_flags = "FAST";
    assert_true(prio_conf_read(&conf, &a, &p, &e) < 0);
    assert_non_null(strstr(e.text, "PriorityFlags: no flag \"FAST\""));
    conf.priority_type = "basic";
    assert_int_equal(prio_conf_read(&conf, &a, &p, &e), 0);
    arena_fini(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(submissions_get_the_contracts_numbers),
        cmocka_unit_test(age_shows_after_each_period),
        cmocka_unit_test(hands_are_respected),
        cmocka_unit_test(who_has_run_comes_later),
        cmocka_unit_test(long_queues_are_cut_into_slices),
        cmocka_unit_test(basic_stays_first_come),
        cmocka_unit_test(bad_strings_are_refused_with_words),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
