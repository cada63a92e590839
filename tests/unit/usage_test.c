/* Usage: every second of every job once, by hour, day and month, whatever is sent twice. */
#include "slurmdbd/usage.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <cmocka.h>

#include "store_fix.h"

#define NOV_1 1793491200 /* 2026-11-01 00:00:00 UTC */
#define HOUR 3600
#define DAY 86400

struct fix {
    struct store_fix at;
    struct store *store;
    struct arena arena;
    uint64_t seq;
};

static int setup(void **state)
{
    struct acct_register reg = {
        .cluster = "c", .instance = 42, .host = "h", .tres = "", .nodes = ""
    };
    struct fix *f = calloc(1, sizeof *f);
    struct err e = { 0 };
    uint64_t seq;

    setenv("TZ", "UTC", 1);
    tzset();
    store_fix_make(&f->at);
    if (store_open(&f->at.place, &f->store, &e) < 0)
        fail_msg("%s", e.text);
    assert_int_equal(store_register(f->store, &reg, &seq, &e), 0);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fix *f = *state;

    store_close(f->store);
    store_fix_remove(&f->at);
    arena_fini(&f->arena);
    free(f);
    return 0;
}

static void send(struct fix *f, const struct acct_job *job)
{
    struct acct_job copy = *job;
    struct acct_event ev = { .seq = ++f->seq, .job = &copy };
    struct acct_events batch = { .cluster = "c", .instance = 42, .events = { &ev, 1 } };
    struct err e = { 0 };
    uint64_t seq;

    if (store_apply(f->store, &batch, &seq, &e) < 0)
        fail_msg("%s", e.text);
    assert_int_equal(seq, f->seq);
}

static struct acct_job job_of(uint64_t id, const char *user, int64_t start, int64_t end)
{
    return (struct acct_job){ .db_id = id,
                              .job_id = (uint32_t)id,
                              .user = user,
                              .account = "a",
                              .submit = start,
                              .eligible = start,
                              .start = start,
                              .end = end,
                              .ncpus = 2,
                              .req_cpus = 2,
                              .tres_alloc = "cpu=2,mem=1G,node=1" };
}

static struct usage_info ask(struct fix *f, struct usage_query q)
{
    static const char *c[] = { "c" };
    struct usage_info info = { 0 };
    struct err e = { 0 };

    q.clusters = (struct strs){ c, 1 };
    if (store_commit(f->store, &e) < 0 ||
        store_report(f->store, &q, NOV_1 + 40 * DAY, &f->arena, &info, &e) < 0)
        fail_msg("%s", e.text);
    return info;
}

static uint64_t used(struct fix *f, const char *tres, int64_t from, int64_t to)
{
    struct usage_info info = ask(f, (struct usage_query){ .start = from, .end = to });
    uint64_t sum = 0;

    for (uint32_t i = 0; i < info.rows.n; i++)
        sum += strcmp(info.rows.v[i].tres, tres) == 0 ? info.rows.v[i].seconds : 0;
    return sum;
}

static void a_window_is_covered_by_few_rows(void **state)
{
    struct span v[SPANS_MAX];

    setenv("TZ", "UTC", 1);
    tzset();
    assert_int_equal(period_cover(NOV_1, NOV_1 + 30 * DAY, v), 1);
    assert_int_equal(v[0].period, PERIOD_MONTH);
    assert_int_equal(period_cover(NOV_1 - 5 * HOUR, NOV_1 + 31 * DAY + HOUR, v), 4);
    assert_int_equal(v[0].period, PERIOD_HOUR);
    assert_int_equal(v[1].period, PERIOD_MONTH);
    assert_int_equal(v[2].period, PERIOD_DAY);
    assert_int_equal(v[3].to, NOV_1 + 31 * DAY + HOUR);
    assert_int_equal(period_cover(NOV_1, NOV_1, v), 0);
    for (int64_t from = NOV_1; from < NOV_1 + 3 * DAY; from += 7 * HOUR)
        for (int64_t to = from; to < NOV_1 + 90 * DAY; to += 13 * HOUR) {
            int64_t at = from;
            unsigned n = period_cover(from, to, v);

            for (unsigned i = 0; i < n; at = v[i++].to)
                assert_int_equal(v[i].from, at);
            assert_int_equal(at, to);
        }
}

static void jobs_fall_into_hours_days_and_months(void **state)
{
    struct fix *f = *state;
    struct acct_job job = job_of(1, "ann", NOV_1 + DAY - 1800, NOV_1 + DAY + 1800);

    send(f, &job);
    job = job_of(2, "bob", NOV_1 - 600, NOV_1 + 600);
    send(f, &job);
    assert_int_equal(used(f, "cpu", NOV_1, NOV_1 + DAY), 2 * 1800 + 2 * 600);
    assert_int_equal(used(f, "cpu", NOV_1 + DAY, NOV_1 + DAY + HOUR), 2 * 1800);
    assert_int_equal(used(f, "cpu", NOV_1, NOV_1 + 30 * DAY), 2 * 3600 + 2 * 600);
    assert_int_equal(used(f, "cpu", NOV_1 - HOUR, NOV_1), 2 * 600);
    assert_int_equal(used(f, "mem", NOV_1 - HOUR, NOV_1 + 30 * DAY), 1024 * (3600 + 1200));
}

static void nothing_counts_twice_and_corrections_count(void **state)
{
    struct fix *f = *state;
    struct acct_job job = job_of(1, "ann", NOV_1, 0);

    send(f, &job);
    assert_int_equal(used(f, "cpu", NOV_1, NOV_1 + HOUR), 2 * HOUR); /* it runs */
    job.end = NOV_1 + 100;
    send(f, &job);
    send(f, &job);
    assert_int_equal(used(f, "cpu", NOV_1, NOV_1 + HOUR), 200);
    job.end = NOV_1 + 50;
    job.account = "b";
    send(f, &job);
    assert_int_equal(used(f, "cpu", NOV_1, NOV_1 + HOUR), 100);
    job = job_of(2, "ann", 0, NOV_1); /* cancelled while it waited */
    send(f, &job);
    assert_int_equal(used(f, "cpu", NOV_1 - DAY, NOV_1 + DAY), 100);
}

/* The sum of usage is the sum over jobs, for any jobs and any window of whole hours. */
static void sums_are_the_jobs(void **state)
{
    struct fix *f = *state;
    static struct acct_job jobs[300];
    uint64_t seed = 7;

    for (unsigned i = 0; i < 300; i++) {
        seed = seed * 6364136223846793005u + 1442695040888963407u;
        int64_t start = NOV_1 + (int64_t)((seed >> 33) % (20 * DAY));
        int64_t end = start + (int64_t)((seed >> 20) % (3 * DAY)) + 1;

        jobs[i] = job_of(i + 1, i % 3 ? "ann" : "bob", start, i % 7 ? end : 0);
        send(f, &jobs[i]);
    }
    for (int64_t from = NOV_1; from < NOV_1 + 25 * DAY; from += 37 * HOUR) {
        int64_t to = from + (from % 5 + 1) * 29 * HOUR;
        uint64_t want = 0;

        for (unsigned i = 0; i < 300; i++)
            want += 2 * (uint64_t)usage_overlap(&jobs[i], from, to);
        assert_int_equal(used(f, "cpu", from, to), want);
    }
}

static void what_a_cluster_had(void **state)
{
    struct fix *f = *state;
    struct acct_node_event down = {
        .node = "n1", .state = "DOWN", .reason = "", .time = NOV_1, .cpus = 4
    };
    struct acct_node_event back = {
        .node = "n1", .state = "", .reason = "", .time = NOV_1 + 1800, .cpus = 4
    };
    struct acct_event ev[] = { { .seq = 1, .node = &down }, { .seq = 2, .node = &back } };
    struct acct_events batch = { .cluster = "c", .instance = 42, .events = { ev, 2 } };
    struct acct_job job = job_of(1, "ann", NOV_1 + 600, NOV_1 + 700);
    struct usage_info info;

    assert_int_equal(store_note_size(f->store, "c", NOV_1 - DAY, "cpu=8,mem=100", NULL), 0);
    assert_int_equal(store_note_size(f->store, "c", NOV_1 + HOUR, "cpu=4,mem=100", NULL), 0);
    assert_int_equal(store_apply(f->store, &batch, &f->seq, NULL), 0);
    job.eligible = NOV_1 + 500;
    send(f, &job);
    info = ask(f, (struct usage_query){ .start = NOV_1, .end = NOV_1 + 2 * HOUR, .totals = true });
    for (uint32_t i = 0; i < info.totals.n; i++) {
        const struct usage_total *t = &info.totals.v[i];

        if (strcmp(t->tres, "cpu") != 0)
            continue;
        assert_int_equal(t->reported, 12 * HOUR);
        assert_int_equal(t->down, 4 * 1800);
        assert_int_equal(t->allocated, 200);
        assert_int_equal(t->planned, 200);
        assert_int_equal(t->idle, 12 * HOUR - 4 * 1800 - 400);
        return;
    }
    fail_msg("no CPUs");
}

static void sizes_of_jobs(void **state)
{
    struct fix *f = *state;
    uint32_t bounds[] = { 0, 2, 10 };
    const char *by[] = { "account" };
    struct acct_job job = job_of(1, "ann", NOV_1, NOV_1 + 100);
    struct usage_info info;

    send(f, &job);
    job = job_of(2, "ann", NOV_1, NOV_1 + 10);
    job.ncpus = 64;
    send(f, &job);
    info =
        ask(f, (struct usage_query){
                   .start = NOV_1, .end = NOV_1 + HOUR, .by = { by, 1 }, .sizes = { bounds, 3 } });
    assert_int_equal(info.sizes.n, 2);
    assert_int_equal(info.sizes.v[0].size, 1);
    assert_int_equal(info.sizes.v[0].seconds, 200);
    assert_int_equal(info.sizes.v[1].size, 2);
    assert_int_equal(info.sizes.v[1].seconds, 640);
}

static void old_things_go_a_slice_at_a_time(void **state)
{
    struct fix *f = *state;
    struct acct_job job;
    bool more = true;
    unsigned slices = 0;
    struct acct_stats stats;
    enum period p;
    unsigned n;

    for (unsigned i = 1; i <= 10; i++) {
        job = job_of(i, "ann", NOV_1 + i * DAY, NOV_1 + i * DAY + 60);
        send(f, &job);
    }
    job = job_of(11, "ann", NOV_1, 0); /* old, and still there */
    send(f, &job);
    assert_int_equal(store_commit(f->store, NULL), 0);
    for (; more && slices < 100; slices++) {
        assert_int_equal(store_purge(f->store, PURGE_JOB, NOV_1 + 6 * DAY, &more, NULL), 0);
        assert_int_equal(store_commit(f->store, NULL), 0);
    }
    assert_true(slices > 2 && slices < 10);
    store_stats(f->store, &f->arena, &stats);
    assert_int_equal(stats.jobs, 6);
    assert_true(period_parse("12months", &p, &n) && p == PERIOD_MONTH && n == 12);
    assert_true(period_parse("30day", &p, &n) && p == PERIOD_DAY && n == 30);
    assert_true(period_parse("7", &p, &n) && p == PERIOD_MONTH && n == 7);
    assert_false(period_parse("", &p, &n) || period_parse("0days", &p, &n) ||
                 period_parse("3weeks", &p, &n));
    assert_int_equal(period_back(PERIOD_MONTH, NOV_1 + 5 * DAY, 1), NOV_1 - 31 * DAY);
    assert_int_equal(period_back(PERIOD_DAY, NOV_1 + 5, 2), NOV_1 - 2 * DAY);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_window_is_covered_by_few_rows),
        cmocka_unit_test_setup_teardown(jobs_fall_into_hours_days_and_months, setup, teardown),
        cmocka_unit_test_setup_teardown(nothing_counts_twice_and_corrections_count, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(sums_are_the_jobs, setup, teardown),
        cmocka_unit_test_setup_teardown(what_a_cluster_had, setup, teardown),
        cmocka_unit_test_setup_teardown(sizes_of_jobs, setup, teardown),
        cmocka_unit_test_setup_teardown(old_things_go_a_slice_at_a_time, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
