/* The archive: exactly once, whole rows back, and sacct's window semantics.  On a SQLite file, or
 * on the MariaDB whose socket STORE_TEST_MYSQL names (tests/cluster/test_mariadb.py). */
#include "base/cleanup.h"
#include "schema/states.h"
#include "slurmdbd/store.h"
#include "wire/wire.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "store_fix.h"

struct fix {
    struct store_fix at;
    struct store *store;
    struct arena arena;
    uint64_t seq;
};

static int setup(void **state)
{
    struct fix *f = calloc(1, sizeof *f);
    struct err e = { 0 };

    store_fix_make(&f->at);
    if (store_open(&f->at.place, &f->store, &e) < 0)
        fail_msg("%s", e.text);
    struct acct_register reg = {
        .cluster = "c", .instance = 42, .host = "h", .tres = "", .nodes = ""
    };
    assert_int_equal(store_register(f->store, &reg, &f->seq, &e), 0);
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

static void apply(struct fix *f, uint64_t first, struct acct_event *v, uint32_t n)
{
    struct acct_events batch = { .cluster = "c", .instance = 42, .events = { v, n } };
    struct err e = { 0 };

    for (uint32_t i = 0; i < n; i++)
        v[i].seq = first + i;
    if (store_apply(f->store, &batch, &f->seq, &e) < 0 || store_commit(f->store, &e) < 0)
        fail_msg("%s", e.text);
}

static struct acct_record *query(struct fix *f, struct acct_query q, uint32_t want)
{
    struct acct_records got;
    struct err e = { 0 };

    if (!q.nodes)
        q.nodes = "";
    if (store_query(f->store, &q, 100, &f->arena, &got, &e) < 0)
        fail_msg("%s", e.text);
    assert_int_equal(got.records.n, want);
    return got.records.v;
}

static struct acct_job a_job(uint64_t db_id, uint32_t job_id, uint32_t state, int64_t start,
                             int64_t end)
{
    return (struct acct_job){ .db_id = db_id,
                              .job_id = job_id,
                              .state = state,
                              .submit = 100,
                              .eligible = 100,
                              .start = start,
                              .end = end,
                              .uid = 1000,
                              .user = "ann",
                              .name = "x",
                              .nodes = "n[1-3]" };
}

static void random_rows_come_back_whole(void **state)
{
    struct fix *f = *state;
    uint64_t seed = 3;

    for (uint64_t i = 1; i <= 50; i++) {
        struct acct_job *job = arena_alloc(&f->arena, sizeof *job);
        struct acct_step *step = arena_alloc(&f->arena, sizeof *step);

        wire_random(&desc_acct_job, job, &f->arena, &seed);
        wire_random(&desc_acct_step, step, &f->arena, &seed);
        job->db_id = step->db_id = i;
        job->job_id = 1000 + (uint32_t)i;
        apply(f, i, &(struct acct_event){ .job = job, .step = step }, 1);
        char text[16];
        snprintf(text, sizeof text, "%u", job->job_id);
        const char *ids[] = { text };
        struct acct_record *rec = query(
            f, (struct acct_query){ .jobs = { ids, 1 }, .steps = true, .duplicates = true }, 1);
        assert_true(wire_equal(&desc_acct_job, rec->job, job));
        assert_int_equal(rec->steps.n, 1);
        assert_true(wire_equal(&desc_acct_step, rec->steps.v, step));
    }
}

static void an_event_counts_once_and_holes_stop(void **state)
{
    struct fix *f = *state;
    struct acct_job job = a_job(1, 7, STATE_PENDING, 0, 0);
    struct acct_event two[2] = { { .job = &job }, { .job = &job } };
    struct acct_stats stats;

    apply(f, 1, two, 2);
    apply(f, 1, two, 2);
    assert_int_equal(f->seq, 2);
    apply(f, 5, two, 2); /* 3 and 4 are missing */
    assert_int_equal(f->seq, 2);
    store_stats(f->store, &f->arena, &stats);
    assert_int_equal(stats.events, 2);
    assert_int_equal(stats.repeats, 2);
    assert_int_equal(stats.jobs, 1);
}

static void survives_reopening(void **state)
{
    struct fix *f = *state;
    struct acct_job job = a_job(1, 7, STATE_PENDING, 0, 0);
    struct acct_register reg = {
        .cluster = "c", .instance = 42, .host = "h", .tres = "", .nodes = ""
    };

    apply(f, 1, &(struct acct_event){ .job = &job }, 1);
    store_close(f->store);
    assert_int_equal(store_open(&f->at.place, &f->store, NULL), 0);
    assert_int_equal(store_register(f->store, &reg, &f->seq, NULL), 0);
    assert_int_equal(f->seq, 1);
    query(f, (struct acct_query){ 0 }, 1);
}

static void windows_and_states(void **state)
{
    struct fix *f = *state;
    struct acct_job done = a_job(1, 1, STATE_COMPLETED, 110, 120),
                    runs = a_job(2, 2, STATE_RUNNING, 150, 0),
                    waits = a_job(3, 3, STATE_PENDING, 0, 0);
    struct acct_event v[] = { { .job = &done }, { .job = &runs }, { .job = &waits } };
    const char *completed[] = { "CD" }, *running[] = { "running" }, *pending[] = { "PENDING" };

    apply(f, 1, v, 3);
    query(f, (struct acct_query){ .start = 130, .end = 200 }, 2);
    query(f, (struct acct_query){ .start = 115, .end = 200 }, 3);
    query(f, (struct acct_query){ .states = { completed, 1 } }, 1);
    query(f, (struct acct_query){ .states = { completed, 1 }, .start = 121, .end = 200 }, 0);
    query(f, (struct acct_query){ .states = { completed, 1 }, .start = 119, .end = 121 }, 1);
    query(f, (struct acct_query){ .states = { running, 1 }, .start = 111, .end = 115 },
          1); /* job 1 ran then */
    query(f, (struct acct_query){ .states = { pending, 1 } }, 1);
}

static void filters_and_hostile_words(void **state)
{
    struct fix *f = *state;
    struct acct_job evil = a_job(1, 1, STATE_COMPLETED, 110, 120),
                    plain = a_job(2, 2, STATE_COMPLETED, 110, 120);
    struct acct_event v[] = { { .job = &evil }, { .job = &plain } };
    const char *name[] = { "'); DROP TABLE job; --" }, *ann[] = { "ann" }, *uid[] = { "1000" },
               *bob[] = { "bob" };

    evil.name = name[0];
    apply(f, 1, v, 2);
    query(f, (struct acct_query){ .names = { name, 1 } }, 1);
    query(f, (struct acct_query){ .users = { ann, 1 } }, 2);
    query(f, (struct acct_query){ .users = { uid, 1 } }, 2);
    query(f, (struct acct_query){ .users = { bob, 1 } }, 0);
    query(f, (struct acct_query){ .nodes = "n2,x9" }, 2);
    query(f, (struct acct_query){ .nodes = "n4" }, 0);
}

static void requeues_hide_unless_asked(void **state)
{
    struct fix *f = *state;
    struct acct_job first = a_job(1, 1, STATE_NODE_FAIL, 110, 120),
                    again = a_job(2, 1, STATE_COMPLETED, 130, 140);
    struct acct_event v[] = { { .job = &first }, { .job = &again } };

    apply(f, 1, v, 2);
    assert_int_equal(query(f, (struct acct_query){ 0 }, 1)->job->db_id, 2);
    query(f, (struct acct_query){ .duplicates = true }, 2);
}

static void arrays_by_task_and_bad_ids(void **state)
{
    struct fix *f = *state;
    struct acct_job a = a_job(1, 10, STATE_COMPLETED, 110, 120),
                    b = a_job(2, 11, STATE_COMPLETED, 110, 120);
    struct acct_event v[] = { { .job = &a }, { .job = &b } };
    const char *whole[] = { "10" }, *task[] = { "10_2" }, *bad[] = { "ten" };
    struct acct_query q = { .jobs = { bad, 1 }, .nodes = "" };
    struct acct_records got;
    struct err e = { 0 };

    a.array_job_id = b.array_job_id = 10;
    a.array_task_id = (struct opt_u32){ true, 1 };
    b.array_task_id = (struct opt_u32){ true, 2 };
    apply(f, 1, v, 2);
    query(f, (struct acct_query){ .jobs = { whole, 1 } }, 2);
    assert_int_equal(query(f, (struct acct_query){ .jobs = { task, 1 } }, 1)->job->job_id, 11);
    assert_true(store_query(f->store, &q, 10, &f->arena, &got, &e) < 0);
    assert_non_null(strstr(e.text, "ten"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(random_rows_come_back_whole, setup, teardown),
        cmocka_unit_test_setup_teardown(an_event_counts_once_and_holes_stop, setup, teardown),
        cmocka_unit_test_setup_teardown(survives_reopening, setup, teardown),
        cmocka_unit_test_setup_teardown(windows_and_states, setup, teardown),
        cmocka_unit_test_setup_teardown(filters_and_hostile_words, setup, teardown),
        cmocka_unit_test_setup_teardown(requeues_hide_unless_asked, setup, teardown),
        cmocka_unit_test_setup_teardown(arrays_by_task_and_bad_ids, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
