/* The core's parts by themselves: the table of moves, the ordered set, runs of tasks, features,
 * shared contents, walkers. */
#include "base/map.h"
#include "core/array.h"
#include "core/features.h"
#include "core/job.h"
#include "core/list.h"
#include "core/msgs.h"
#include "core/place.h"
#include "core/pool.h"
#include "core/queue.h"
#include "schema/states.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* A step sideways costs nothing, so only moves to another phase count. */
static bool reaches_done(unsigned phase, unsigned depth)
{
    if (phase == PHASE_DONE)
        return true;
    for (unsigned f = FACT_job_eligible; f <= FACT_job_forget && depth > 0; f++) {
        const struct move *m = job_move(phase, f);
        if (m->is_legal && m->next != phase && reaches_done(m->next, depth - 1))
            return true;
    }
    return false;
}

static void done_is_reachable_from_each_phase(void **state)
{
    for (unsigned p = PHASE_PENDING; p <= PHASE_DONE; p++)
        assert_true(reaches_done(p, 4));
}

static void impossible_moves_are_not_in_the_table(void **state)
{
    assert_false(job_move(PHASE_DONE, FACT_job_alloc)->is_legal);
    assert_false(job_move(PHASE_RUNNING, FACT_job_alloc)->is_legal);
    assert_false(job_move(PHASE_DONE, FACT_job_cancel)->is_legal);
    assert_false(job_move(PHASE_PENDING, FACT_job_end)->is_legal);
    assert_false(job_move(PHASE_GONE, FACT_job_forget)->is_legal);
    assert_false(job_move(99, FACT_job_alloc)->is_legal);
    assert_false(job_move(PHASE_PENDING, FACT_configured)->is_legal);
}

/* A job that is freed or ends gives everything back; one that starts is launched. */
static void the_table_releases_what_it_must(void **state)
{
    assert_true(job_move(PHASE_PENDING, FACT_job_alloc)->effects & LAUNCH);
    assert_true(job_move(PHASE_RUNNING, FACT_job_finish)->effects & TERMINATE);
    assert_true(job_move(PHASE_RUNNING, FACT_job_end)->effects & FREE_ALL);
    assert_true(job_move(PHASE_ENDING, FACT_job_clean)->effects & FREE_NODE);
    assert_true(job_move(PHASE_DONE, FACT_job_forget)->effects & DROP);
}

static void states_are_a_view_of_phase_and_result(void **state)
{
    struct job job = { .phase = PHASE_ENDING, .result = RESULT_TIMEOUT };
    uint32_t base, flags;

    job_view(&job, &base, &flags);
    assert_string_equal(state_long(base, flags), "COMPLETING");
    job.phase = PHASE_DONE;
    job_view(&job, &base, &flags);
    assert_string_equal(state_long(base, flags), "TIMEOUT");
    job = (struct job){ .phase = PHASE_PENDING, .hold = HOLD_USER, .flags = JOB_SPECIAL_EXIT };
    job_view(&job, &base, &flags);
    assert_string_equal(state_short(base, flags), "SE");
}

static void priority_is_base_less_nice_and_zero_when_held(void **state)
{
    struct job job = { .base = 100, .nice = 30 };

    assert_int_equal(job_priority(&job), 70);
    job.nice = 1000;
    assert_int_equal(job_priority(&job), 1);
    job.nice = -2000000000;
    job.base = 4294901759u;
    assert_int_equal(job_priority(&job), UINT32_MAX - 1);
    job.hold = HOLD_USER;
    assert_int_equal(job_priority(&job), 0);
}

/* Against a plain array of flags: random adds and removals, then a walk. */
static void the_queue_is_an_ordered_set(void **state)
{
    static bool is_in[5000];
    struct queue q = { 0 };
    uint64_t random = 1;
    uint32_t seen = 0, last = 0, count = 0;

    for (unsigned n = 0; n < 40000; n++) {
        random = hash_u64(random + n);
        uint32_t id = 1 + (uint32_t)(random % 4999);
        struct queue_key key = { id / 64, id };
        if (is_in[id])
            assert_true(queue_remove(&q, key));
        else
            queue_add(&q, key, NULL);
        is_in[id] = !is_in[id];
    }
    assert_false(queue_remove(&q, (struct queue_key){ 1000, 1 }));
    for (uint32_t i = 0; i < 5000; i++)
        count += is_in[i];
    QUEUE_FOREACH(it, &q)
    {
        assert_true(is_in[it->key.id] && it->key.id > last);
        last = it->key.id;
        seen++;
    }
    assert_int_equal(seen, count);
    assert_int_equal(q.count, count);
    queue_fini(&q);
}

static void runs_are_sets_of_tasks(void **state)
{
    struct arena a = { 0 };
    struct runs r;
    uint32_t limit;

    assert_int_equal(runs_parse("0-15:4,6,16-32%7", 1001, &r, &limit, NULL), 0);
    assert_int_equal(limit, 7);
    assert_int_equal(runs_count(&r), 22);
    assert_true(runs_has(&r, 12) && runs_has(&r, 6) && !runs_has(&r, 5));
    assert_int_equal(runs_first(&r), 0);
    assert_int_equal(runs_next(&r, 4), 6);
    assert_int_equal(runs_next(&r, 32), NO_TASK);
    runs_remove(&r, 20);
    runs_remove(&r, 0);
    assert_string_equal(runs_text(&r, &a), "4-12:4,6,16-19,21-32");
    runs_fini(&r);
    assert_int_equal(runs_parse("[1-3,2-5]", 1001, &r, &limit, NULL), 0);
    assert_int_equal(runs_count(&r), 5);
    runs_fini(&r);
    arena_fini(&a);
}

static void broken_array_specifications_are_refused(void **state)
{
    static const char *const bad[] = {
        "",      "a",      "1-",   "3-1", "1-4:0", "1,,2",    "1%",
        "1%2,3", "0-999x", "1001", "-1",  "[1-2",  "[1-2]%3", "1-4:"
    };
    struct runs r;
    uint32_t limit;

    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_true(runs_parse(bad[i], 1001, &r, &limit, NULL) < 0);
}

/* Of [a|b|c] one is the same for all nodes; a*2 is no filter but a count. */
static void constraints_choose_and_count(void **state)
{
    static const struct {
        const char *want, *have;
        uint32_t choice;
        bool is_met;
        uint32_t kinds;
    } cases[] = {
        { "[a|b|c]", "b", 0, false, 0 },       { "[a|b|c]", "b", 1, true, 0 },
        { "[a|b|c]", "b", 2, false, 0 },       { "[a|b]&d", "b,d", 1, true, 0 },
        { "[a|b]&d", "b", 1, false, 0 },       { "[a&d|b]", "a", 0, false, 0 },
        { "a*2", "b", 0, true, 0 },            { "a*2&b*1", "a,b", 0, true, 3 },
        { "[a*2&b*1]", "c", 0, false, 0 },     { "[a*2&b*1]", "b", 0, true, 2 },
        { "[(a&c)*2&b*1]", "a", 0, false, 0 }, { "[(a|c)*2&b*1]", "c", 0, true, 1 },
        { "a*2|b", "c", 0, true, 0 },          { "a&b*2", "b", 0, false, 1 },
    };
    static const char *const bad[] = { "a&",  "(a", "a b", "[a", "a&&b", "a*0", "a*x", "[a*2|b*2]",
                                       "[a|b", "[[a]]", "[a|b]&[c|d]", "a*", "[]", "]", "(a*2)" };
    struct features f;
    size_t len;

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        uint32_t kinds;
        assert_int_equal(features_match(cases[i].want, cases[i].have, cases[i].choice, &kinds),
                         cases[i].is_met);
        assert_int_equal(kinds, cases[i].kinds);
    }
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        if (features_read(bad[i], &f))
            fail_msg("%s is taken for good", bad[i]);
    assert_true(features_read("(a|b)&c", &f));
    assert_int_equal(f.choices, 1);
    assert_true(features_read("[a|b|c]", &f));
    assert_int_equal(f.choices, 3);
    assert_true(features_read("[a*2&b*3]", &f));
    assert_int_equal(f.counts[1], 3);
    assert_string_equal(features_next("[a*2&b9]", &len), "a*2&b9]");
    assert_string_equal(features_next("*2&b9]", &len), "b9]");
    assert_null(features_next("*2]", &len));
}

static void features_are_words_with_and_and_or(void **state)
{
    assert_true(features_match("", "a", 0, NULL));
    assert_true(features_match("a", "b,a", 0, NULL));
    assert_false(features_match("a", "ab", 0, NULL));
    assert_true(features_match("a&b|c", "c", 0, NULL));
    assert_false(features_match("a&(b|c)", "c", 0, NULL));
    assert_true(features_match("a&(b|c)", "c,a", 0, NULL));
}

static void equal_contents_are_kept_once(void **state)
{
    struct pool p = { 0 };
    const char *one = pool_text(&p, "physics"), *two = pool_text(&p, "physics");

    assert_ptr_equal(one, two);
    assert_string_equal(pool_text(&p, NULL), "");
    assert_int_equal(p.count, 1);
    pool_text_drop(&p, one);
    assert_string_equal(two, "physics");
    pool_text_drop(&p, two);
    assert_int_equal(p.count, 0);
    pool_fini(&p);
}

static void a_clone_says_the_same_in_memory_of_its_own(void **state)
{
    const char *names[] = { "a", "bc" };
    struct key_value pairs[] = { { "k", "v", "" }, { "k2", "", "+" } };
    struct job_update up = { .jobs = { names, 2 } };

    up.set.v = pairs;
    up.set.n = 2;
    struct job_update *copy = msg_clone(&desc_job_update, &up);
    assert_true(msg_equal(&desc_job_update, &up, copy));
    assert_true(msg_hash(&desc_job_update, &up, 1) == msg_hash(&desc_job_update, copy, 1));
    assert_ptr_not_equal(copy->set.v[1].key, pairs[1].key);
    pairs[1].value = "x";
    assert_false(msg_equal(&desc_job_update, &up, copy));
    free(copy);
}

static void counts_and_cpu_ids_are_written_as_slurm_does(void **state)
{
    struct arena a = { 0 };
    const uint32_t counts[] = { 4, 4, 1, 2, 2, 2 };
    const uint8_t bits[] = { 0x0f, 0x81 };

    assert_string_equal(counts_text(counts, 6, &a), "4(x2),1,2(x3)");
    assert_string_equal(cpu_ids_text((struct bytes){ bits, 2 }, &a), "0-3,8,15");
    arena_fini(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(done_is_reachable_from_each_phase),
        cmocka_unit_test(impossible_moves_are_not_in_the_table),
        cmocka_unit_test(the_table_releases_what_it_must),
        cmocka_unit_test(states_are_a_view_of_phase_and_result),
        cmocka_unit_test(priority_is_base_less_nice_and_zero_when_held),
        cmocka_unit_test(the_queue_is_an_ordered_set),
        cmocka_unit_test(runs_are_sets_of_tasks),
        cmocka_unit_test(broken_array_specifications_are_refused),
        cmocka_unit_test(features_are_words_with_and_and_or),
        cmocka_unit_test(constraints_choose_and_count),
        cmocka_unit_test(equal_contents_are_kept_once),
        cmocka_unit_test(a_clone_says_the_same_in_memory_of_its_own),
        cmocka_unit_test(counts_and_cpu_ids_are_written_as_slurm_does),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
