/* Multifactor priority against the vectors of contracts/priority.md section 3, seen in Debian's
 * Slurm 22.05.8. */
#include "core/prio.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define NOW 1700000000

static const struct prio_conf seen_conf = {
    .age = 1000,
    .assoc = 700,
    .fairshare = 100000,
    .size = 3000,
    .part = 500,
    .qos = 2000,
    .tres = { { { "cpu", 400 }, { "mem", 800 } }, 2 },
    .max_age_s = 600,
};
static const struct prio_whole whole = {
    .nodes = 10, .cpus = 160, .part_most = 40, .qos_most = 40
};

/* One row of the table: the request, and what was seen. */
static const struct vector {
    struct prio_job job;
    struct {
        double size, part, tres[2];
        int64_t columns[7]; /* age fairshare size part qos cpu mem */
        uint32_t number;
    } want;
    double favor_small, by_time, by_time_small;
} vectors[] = {
    { { .fairshare = 10 / 11.0,
        .nodes = 1,
        .cpus = 1,
        .limit_min = 60,
        .part = 10,
        .qos = 10,
        .asked = { { { "cpu", 1 }, { "mem", 1000 } }, 2 },
        .in_part = { { { "cpu", 160 }, { "mem", 640000 } }, 2 } },
      { 0.0531250, 0.25, { 1 / 160.0, 1000 / 640000.0 }, { 0, 90909, 159, 125, 500, 2, 1 }, 91697 },
      0.9468750,
      0.0016667,
      0.9983333 },
    { { .fairshare = 10 / 11.0,
        .nodes = 10,
        .cpus = 160,
        .limit_min = 60,
        .part = 10,
        .qos = 10,
        .nice = 100,
        .asked = { { { "cpu", 160 }, { "mem", 640000 } }, 2 },
        .in_part = { { { "cpu", 160 }, { "mem", 640000 } }, 2 } },
      { 1, 0.25, { 1, 1 }, { 0, 90909, 3000, 125, 500, 400, 800 }, 95634 },
      0,
      0.0166667,
      0.9833333 },
    { { .fairshare = 10 / 11.0,
        .nodes = 2,
        .cpus = 8,
        .limit_min = 120,
        .part = 40,
        .qos = 10,
        .asked = { { { "cpu", 8 }, { "mem", 64000 } }, 2 },
        .in_part = { { { "cpu", 64 }, { "mem", 256000 } }, 2 } },
      { 0.125, 1, { 8 / 64.0, 64000 / 256000.0 }, { 0, 90909, 375, 500, 500, 50, 200 }, 92534 },
      0.8750000,
      0.0016667,
      0.9983333 },
    { { .fairshare = 10 / 11.0,
        .nodes = 1,
        .cpus = 8,
        .limit_min = 30,
        .part = 10,
        .qos = 10,
        .asked = { { { "cpu", 8 }, { "mem", 64000 } }, 2 },
        .in_part = { { { "cpu", 160 }, { "mem", 640000 } }, 2 } },
      { 0.075, 0.25, { 8 / 160.0, 0.1 }, { 0, 90909, 225, 125, 500, 20, 80 }, 91859 },
      0.9250000,
      0.0033333,
      0.9966667 },
    { { .fairshare = 10 / 11.0,
        .nodes = 1,
        .cpus = 8,
        .limit_min = 30,
        .part = 40,
        .qos = 10,
        .asked = { { { "cpu", 8 }, { "mem", 64000 } }, 2 },
        .in_part = { { { "cpu", 64 }, { "mem", 256000 } }, 2 } },
      { 0.075, 1, { 8 / 64.0, 0.25 }, { 0, 90909, 225, 500, 500, 50, 200 }, 92384 },
      0.9250000,
      0.0033333,
      0.9966667 },
};

#define VECTORS (sizeof vectors / sizeof vectors[0])

static struct prio_parts parts_of(const struct prio_conf *conf, const struct prio_job *job,
                                  int64_t now)
{
    struct prio_factors f = prio_factors(conf, &whole, job, now);

    return prio_weigh(conf, &f, job);
}

static uint32_t number_of(const struct prio_conf *conf, const struct prio_job *job, int64_t now)
{
    struct prio_parts p = parts_of(conf, job, now);

    return prio_number(conf, &p, 0);
}

static bool near(double a, double b)
{
    return fabs(a - b) < 5e-8;
}

static void factors_columns_and_numbers_as_seen(void **state)
{
    for (size_t i = 0; i < VECTORS; i++) {
        const struct vector *v = &vectors[i];
        struct prio_factors f = prio_factors(&seen_conf, &whole, &v->job, NOW);
        struct prio_parts p = prio_weigh(&seen_conf, &f, &v->job);
        const double all[] = { p.age, p.fairshare, p.size, p.part, p.qos, p.tres[0], p.tres[1] };

        assert_true(near(f.size, v->want.size));
        assert_true(near(f.part, v->want.part));
        assert_true(near(f.tres[0], v->want.tres[0]) && near(f.tres[1], v->want.tres[1]));
        for (size_t k = 0; k < 7; k++)
            assert_int_equal(prio_column(all[k]), v->want.columns[k]);
        assert_int_equal(prio_number(&seen_conf, &p, 0), v->want.number);
    }
}

static void age_counts_from_the_moment_of_accrual(void **state)
{
    struct prio_job job = vectors[0].job;

    job.accrues_from = NOW;
    assert_int_equal(number_of(&seen_conf, &job, NOW), 91697);
    assert_int_equal(number_of(&seen_conf, &job, NOW + 58), 91793);
    assert_int_equal(number_of(&seen_conf, &job, NOW + 118), 91893);
    assert_int_equal(prio_column(parts_of(&seen_conf, &job, NOW + 58).age), 97);
    assert_int_equal(prio_column(parts_of(&seen_conf, &job, NOW + 118).age), 197);
    assert_int_equal(number_of(&seen_conf, &job, NOW + 600), 92697);
    assert_int_equal(number_of(&seen_conf, &job, NOW + 6000), 92697);
    assert_int_equal(number_of(&seen_conf, &job, NOW - 60), 91697);
}

static void columns_round_halves_to_even(void **state)
{
    assert_int_equal(prio_column(2.5), 2);
    assert_int_equal(prio_column(96.67), 97);
    assert_int_equal(prio_column(159.375), 159);
    assert_int_equal(prio_column(-1.5), -2);
}

static void size_flags_as_seen(void **state)
{
    for (size_t i = 0; i < VECTORS; i++) {
        const struct vector *v = &vectors[i];
        struct prio_conf conf = seen_conf;

        conf.favors_small = true;
        assert_true(near(prio_factors(&conf, &whole, &v->job, NOW).size, v->favor_small));
        conf.flags = PRIO_SMALL_RELATIVE_TO_TIME;
        assert_true(fabs(prio_factors(&conf, &whole, &v->job, NOW).size - v->by_time_small) < 5e-8);
        conf.favors_small = false;
        assert_true(fabs(prio_factors(&conf, &whole, &v->job, NOW).size - v->by_time) < 5e-8);
    }
}

static void no_normal_shows_raw_values(void **state)
{
    struct prio_conf conf = seen_conf;
    struct prio_job job = vectors[2].job;

    conf.flags = PRIO_NO_NORMAL_ALL;
    job.assoc = 7;
    struct prio_factors f = prio_factors(&conf, &whole, &job, NOW);
    assert_true(f.part == 40 && f.qos == 10 && f.assoc == 7);
    assert_true(f.tres[0] == 8 && f.tres[1] == 64000);
    struct prio_parts p = parts_of(&conf, &vectors[0].job, NOW);
    assert_int_equal(prio_column(p.tres[0]), 400);
    assert_int_equal(prio_column(p.tres[1]), 800000);
    conf.flags = PRIO_NO_NORMAL_PART;
    f = prio_factors(&conf, &whole, &job, NOW);
    assert_true(f.part == 40 && f.qos == 0.25 && f.assoc == 0 && f.tres[0] == 0.125);
}

static void nice_and_site_move_the_sum_and_zero_is_never_reached(void **state)
{
    struct prio_job job = vectors[0].job;

    job.site = 1000;
    assert_int_equal(number_of(&seen_conf, &job, NOW), 92697);
    job.nice = 500;
    assert_int_equal(number_of(&seen_conf, &job, NOW), 92197);
    job.nice = 2147483645;
    assert_int_equal(number_of(&seen_conf, &job, NOW), 1);
    job.nice = -(int64_t)UINT32_MAX;
    assert_true(number_of(&seen_conf, &job, NOW) == UINT32_MAX - 1);
}

static void incr_only_never_falls(void **state)
{
    struct prio_conf conf = seen_conf;
    struct prio_parts p = parts_of(&conf, &vectors[0].job, NOW);

    assert_int_equal(prio_number(&conf, &p, 95000), 91697);
    conf.flags = PRIO_INCR_ONLY;
    assert_int_equal(prio_number(&conf, &p, 95000), 95000);
    assert_int_equal(prio_number(&conf, &p, 90000), 91697);
}

static void accrual_begins_with_eligibility_or_always(void **state)
{
    struct prio_conf conf = seen_conf;

    assert_int_equal(prio_accrues_from(&conf, NOW, 0), 0);
    assert_int_equal(prio_accrues_from(&conf, NOW, NOW + 5), NOW + 5);
    assert_false(prio_is_accruing(&conf, 0, NOW));
    assert_false(prio_is_accruing(&conf, NOW + 5, NOW));
    assert_true(prio_is_accruing(&conf, NOW, NOW + 599));
    assert_false(prio_is_accruing(&conf, NOW, NOW + 600));
    assert_int_equal(prio_capped_at(&conf, NOW), NOW + 600);
    assert_true(prio_capped_at(&conf, 0) == INT64_MAX);
    conf.flags = PRIO_ACCRUE_ALWAYS;
    assert_int_equal(prio_accrues_from(&conf, NOW, 0), NOW);
}

/* Of two accruing jobs the one with the higher key has the higher priority, at every moment. */
static void the_key_of_an_accruing_job_stands_still(void **state)
{
    for (size_t i = 0; i < VECTORS; i++) {
        struct prio_job job = vectors[i].job;
        job.accrues_from = NOW - 17 * (int64_t)i;
        struct prio_parts p = parts_of(&seen_conf, &job, NOW);
        double first = prio_key(&seen_conf, prio_sum(&p), NOW);

        for (int64_t t = NOW; prio_is_accruing(&seen_conf, job.accrues_from, t); t += 7) {
            p = parts_of(&seen_conf, &job, t);
            assert_true(fabs(prio_key(&seen_conf, prio_sum(&p), t) - first) < 1e-5);
        }
        p = parts_of(&seen_conf, &job, NOW + 700);
        assert_true(prio_key(&seen_conf, prio_sum(&p), NOW + 700) < first - 100);
    }
}

static void weights_of_nothing_give_nothing(void **state)
{
    const struct prio_conf none = { 0 };
    const struct prio_whole empty = { 0 };
    struct prio_job job = vectors[1].job;

    job.in_part.n = 0;
    struct prio_factors f = prio_factors(&seen_conf, &empty, &job, NOW);
    assert_true(f.size == 0 && f.part == 0 && f.qos == 0 && f.tres[0] == 0);
    assert_int_equal(number_of(&none, &vectors[0].job, NOW), 1);
    job.accrues_from = NOW - 1;
    assert_true(prio_factors(&none, &whole, &job, NOW).age == 1); /* PriorityMaxAge=0 */
}

/* ---- billing */

static double bill(const char *weights, double cpus, double mem_gb, uint32_t flags)
{
    struct arena a = { 0 };
    struct tres_list w;
    struct tres_list used = {
        { { "cpu", cpus }, { "mem", mem_gb * 1024 }, { "gres/gpu", 2 }, { "license/matlab", 3 } }, 4
    };

    assert_int_equal(prio_parse_weights(weights, &a, &w, NULL), 0);
    double billing = prio_billing(&w, &used, flags);
    arena_fini(&a);
    return billing;
}

static void billing_as_in_the_document(void **state)
{
    const char *w = "CPU=1.0,Mem=0.25G";

    assert_true(bill(w, 1, 60, 0) == 16);
    assert_true(bill(w, 1, 60, PRIO_MAX_TRES) == 15);
    assert_true(bill(w, 16, 1, 0) == 16.25);
    assert_true(bill(w, 16, 60, 0) == 31);
    assert_true(bill(w, 15, 1, PRIO_MAX_TRES) == 15);
    assert_true(bill(w, 16, 64, PRIO_MAX_TRES) == 16);
    assert_true(bill("", 12, 60, PRIO_MAX_TRES) == 12);
}

static void max_tres_adds_what_belongs_to_no_node(void **state)
{
    const char *w = "CPU=1.0,Mem=0.25G,GRES/gpu=20,License/matlab=5";

    assert_true(bill(w, 1, 60, 0) == 16 + 40 + 15);
    assert_true(bill(w, 1, 60, PRIO_MAX_TRES) == 40 + 15);
    assert_true(bill(w, 1, 60, PRIO_MAX_TRES_GRES) == 15 + 40 + 15);
}

/* ---- strings */

static void flags_are_read(void **state)
{
    uint32_t flags = 99;
    struct err e = { 0 };

    assert_int_equal(prio_parse_flags("", &flags, &e), 0);
    assert_int_equal(flags, 0);
    assert_int_equal(prio_parse_flags("max_tres, INCR_ONLY,,SMALL_RELATIVE_TO_TIME ", &flags, &e),
                     0);
    assert_int_equal(flags, PRIO_MAX_TRES | PRIO_INCR_ONLY | PRIO_SMALL_RELATIVE_TO_TIME);
    assert_int_equal(prio_parse_flags("NO_NORMAL_ALL", &flags, &e), 0);
    assert_int_equal(flags, PRIO_NO_NORMAL_ALL);
    assert_int_equal(prio_parse_flags("DEPTH_OBLIVIOUS", &flags, &e), 0);
    assert_true(flags & PRIO_NO_FAIR_TREE);
    flags = 99;
    assert_true(prio_parse_flags("MAX_TRES,NO_NORMAL", &flags, &e) < 0);
    assert_int_equal(flags, 99);
    assert_non_null(strstr(e.text, "no flag \"NO_NORMAL\"\nthere are: ACCRUE_ALWAYS "));
    assert_non_null(strstr(e.text, "SMALL_RELATIVE_TO_TIME NONE"));
}

static void weights_are_read(void **state)
{
    struct arena a = { 0 };
    struct tres_list w;

    assert_int_equal(prio_parse_weights("CPU=1.5, Mem=1024K,mem=2", &a, &w, NULL), -22);
    assert_int_equal(prio_parse_weights("CPU=1.5, Mem=1K,GRES/gpu:A100=-2,Node=3 ", &a, &w, NULL),
                     0);
    assert_int_equal(w.n, 4);
    assert_string_equal(w.v[0].name, "cpu");
    assert_true(w.v[0].amount == 1.5);
    assert_true(w.v[1].amount == 1024);
    assert_string_equal(w.v[2].name, "gres/gpu:A100");
    assert_true(w.v[2].amount == -2);
    assert_true(tres_amount(&w, "NODE") == 3);
    assert_true(tres_amount(&w, "gres/gpu") == 0);
    assert_int_equal(prio_parse_weights("mem=1GB", &a, &w, NULL), 0);
    assert_true(w.v[0].amount == 1 / 1024.0);
    assert_int_equal(prio_parse_weights("", &a, &w, NULL), 0);
    assert_int_equal(w.n, 0);
    arena_fini(&a);
}

static void bad_weights_are_named(void **state)
{
    static const struct {
        const char *text, *words;
    } bad[] = {
        { "CPU", "expected NAME=WEIGHT, found \"CPU\"" },
        { "=3", "expected NAME=WEIGHT" },
        { "CPU=1,Core=2", "no resource \"Core\"\nthere are: cpu mem node" },
        { "gres/=1", "no resource \"gres/\"" },
        { "cpu/x=1", "no resource \"cpu/x\"" },
        { "Mem=x", "Mem: \"x\" is no weight" },
        { "Mem=1Z", "Mem: \"1Z\" is no weight" },
        { "Mem=", "Mem: \"\" is no weight" },
        { "Mem=inf", "Mem: \"inf\" is no weight" },
        { "Mem=1,MEM=2", "mem has two weights" },
    };
    struct arena a = { 0 };
    struct tres_list w = { .n = 77 };

    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct err e = { 0 };
        assert_true(prio_parse_weights(bad[i].text, &a, &w, &e) < 0);
        if (!strstr(e.text, bad[i].words))
            fail_msg("%s: %s", bad[i].text, e.text);
        assert_int_equal(w.n, 77);
    }
    arena_fini(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(factors_columns_and_numbers_as_seen),
        cmocka_unit_test(age_counts_from_the_moment_of_accrual),
        cmocka_unit_test(columns_round_halves_to_even),
        cmocka_unit_test(size_flags_as_seen),
        cmocka_unit_test(no_normal_shows_raw_values),
        cmocka_unit_test(nice_and_site_move_the_sum_and_zero_is_never_reached),
        cmocka_unit_test(incr_only_never_falls),
        cmocka_unit_test(accrual_begins_with_eligibility_or_always),
        cmocka_unit_test(the_key_of_an_accruing_job_stands_still),
        cmocka_unit_test(weights_of_nothing_give_nothing),
        cmocka_unit_test(billing_as_in_the_document),
        cmocka_unit_test(max_tres_adds_what_belongs_to_no_node),
        cmocka_unit_test(flags_are_read),
        cmocka_unit_test(weights_are_read),
        cmocka_unit_test(bad_weights_are_named),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
