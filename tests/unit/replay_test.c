/* The replay memory: what it keeps, what it lets go, and that a file brings it back. */
#include "munged/replay.h"
#include "munged/replay_log.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define NOW 1000000u

/* Tags that all start their search at one of a few slots, so that chains are long. */
static void tag_of(uint32_t n, uint8_t tag[REPLAY_TAG])
{
    memset(tag, 0, REPLAY_TAG);
    tag[0] = (uint8_t)(n % 4);
    memcpy(tag + 8, &n, sizeof n);
}

static enum replay_answer insert(struct replay *r, uint32_t n, uint32_t expiry, uint32_t now)
{
    uint8_t tag[REPLAY_TAG];

    tag_of(n, tag);
    return replay_insert(r, tag, expiry, now);
}

static void known_until_it_expires(void **state)
{
    struct replay r = { 0 };

    assert_int_equal(insert(&r, 1, NOW + 300, NOW), REPLAY_NEW);
    assert_int_equal(insert(&r, 1, NOW + 300, NOW), REPLAY_KNOWN);
    assert_int_equal(insert(&r, 1, NOW + 300, NOW + 300), REPLAY_KNOWN);
    assert_int_equal(insert(&r, 1, NOW + 299, NOW), REPLAY_NEW); /* another expiry, another entry */
    assert_int_equal(insert(&r, 2, NOW + 300, NOW), REPLAY_NEW);
    replay_fini(&r);
}

static void an_entry_taken_out_is_forgotten_and_others_are_not(void **state)
{
    struct replay r = { 0 };
    uint8_t tag[REPLAY_TAG];

    for (uint32_t n = 0; n < 100; n++)
        insert(&r, n, NOW + 300, NOW);
    tag_of(40, tag);
    replay_remove(&r, tag, NOW + 300);
    replay_remove(&r, tag, NOW + 300);
    for (uint32_t n = 0; n < 100; n++)
        assert_int_equal(insert(&r, n, NOW + 300, NOW), n == 40 ? REPLAY_NEW : REPLAY_KNOWN);
    replay_fini(&r);
}

/* Entries live 300 s and come at a steady rate: the table must not grow with time, and nothing
 * alive may be lost. */
static void a_steady_stream_needs_steady_room(void **state)
{
    struct replay r = { 0 };
    size_t cap = 0;

    for (uint32_t s = 0; s < 3000; s++) {
        for (uint32_t i = 0; i < 10; i++)
            assert_int_equal(insert(&r, s * 10 + i, NOW + s + 300, NOW + s), REPLAY_NEW);
        assert_int_equal(
            insert(&r, (s > 300 ? s - 300 : 0) * 10, NOW + (s > 300 ? s : 300), NOW + s),
            REPLAY_KNOWN);
        if (s == 1000)
            cap = r.cap;
    }
    assert_true(r.cap <= 2 * cap);
    assert_int_equal(replay_purge(&r, NOW + 2999), 3010);
    assert_int_equal(replay_purge(&r, NOW + 9999), 0);
    assert_int_equal(r.cap, 1024);
    replay_fini(&r);
}

/* ---- on disk */

static size_t reload(const char *path, struct replay *r, bool *ret_lost)
{
    struct replay_log l;

    assert_int_equal(replay_log_open(&l, path, r, NOW, ret_lost, NULL), 0);
    size_t records = l.records;
    replay_log_close(&l);
    return records;
}

static void a_file_brings_back_what_is_alive(void **state)
{
    char path[] = "/tmp/replay-test.XXXXXX";
    struct replay r = { 0 }, back = { 0 };
    struct replay_log l;
    uint8_t tag[REPLAY_TAG];
    bool lost;

    close(mkstemp(path));
    assert_int_equal(replay_log_open(&l, path, &r, NOW, &lost, NULL), 0);
    assert_true(lost);
    for (uint32_t n = 0; n < 100; n++) {
        tag_of(n, tag);
        replay_log_add(&l, tag, NOW - 50 + n);
    }
    tag_of(99, tag);
    replay_log_drop(&l, tag, NOW + 49);
    replay_log_close(&l);

    assert_int_equal(truncate(path, 8 + 101 * 21 + 7), 0); /* a torn record behind the last */
    assert_int_equal(reload(path, &back, &lost), 101);
    assert_false(lost);
    for (uint32_t n = 50; n < 99; n++)
        assert_int_equal(insert(&back, n, NOW - 50 + n, NOW), REPLAY_KNOWN);
    assert_int_equal(insert(&back, 99, NOW + 49, NOW), REPLAY_NEW);
    unlink(path);
    replay_fini(&r);
    replay_fini(&back);
}

static void a_file_mostly_dead_is_written_anew(void **state)
{
    char path[] = "/tmp/replay-test.XXXXXX";
    struct replay r = { 0 }, back = { 0 };
    struct replay_log l;
    uint8_t tag[REPLAY_TAG];
    bool lost;

    close(mkstemp(path));
    assert_int_equal(replay_log_open(&l, path, &r, NOW, &lost, NULL), 0);
    for (uint32_t n = 0; n < 5000; n++) {
        tag_of(n, tag);
        replay_insert(&r, tag, NOW + n, NOW);
        replay_log_add(&l, tag, NOW + n);
    }
    replay_log_compact(&l, &r, NOW + 4000);
    assert_int_equal(l.records, 1000);
    tag_of(7777, tag);
    replay_log_add(&l, tag, NOW + 9000);
    replay_log_close(&l);
    assert_int_equal(reload(path, &back, &lost), 1001);
    assert_int_equal(insert(&back, 7777, NOW + 9000, NOW), REPLAY_KNOWN);
    unlink(path);
    replay_fini(&r);
    replay_fini(&back);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_until_it_expires),
        cmocka_unit_test(an_entry_taken_out_is_forgotten_and_others_are_not),
        cmocka_unit_test(a_steady_stream_needs_steady_room),
        cmocka_unit_test(a_file_brings_back_what_is_alive),
        cmocka_unit_test(a_file_mostly_dead_is_written_anew),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
