/* The walkers keep every message: unpack(pack(m)) = m for random m of every type; damage never
 * crashes them. */
#include "base/cleanup.h"
#include "base/limits.h"
#include "base/map.h"
#include "schema/rpc.h"
#include "wire/json.h"
#include "wire/wire.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>

static void every_message_round_trips(void **state)
{
    struct arena a = { 0 };
    uint64_t seed = 1;

    for (unsigned i = 0; i < all_descs_count * 200; i++) {
        const struct desc *d = all_descs[i % all_descs_count];
        void *msg = arena_alloc(&a, d->size + 1), *back;
        struct buf b = { 0 };
        struct err e = { 0 };

        wire_random(d, msg, &a, &seed);
        wire_pack(d, msg, &b);
        assert_int_equal(wire_unpack_new(d, b.data, b.len, &a, &back, &e), 0);
        assert_true(wire_equal(d, msg, back));
        assert_true(wire_equal(d, msg, wire_dup(d, msg, &a)));
        buf_fini(&b);
        arena_reset(&a);
    }
    arena_fini(&a);
}

/* Any byte changed, any truncation: an error or another message, never a crash, never unbounded
 * memory. */
static void damage_is_survived(void **state)
{
    struct arena a = { 0 }, b_arena = { 0 };
    uint64_t seed = 7;
    unsigned refused = 0;

    for (unsigned i = 0; i < all_descs_count * 40; i++) {
        const struct desc *d = all_descs[i % all_descs_count];
        void *msg = arena_alloc(&a, d->size + 1), *back;
        struct buf b = { 0 };
        struct err e = { 0 };

        wire_random(d, msg, &a, &seed);
        wire_pack(d, msg, &b);
        for (unsigned k = 0; k < 20 && b.len; k++) {
            uint64_t r = hash_u64(seed + k);
            size_t len = k % 2 ? b.len : r % b.len;
            uint8_t old = b.data[r % b.len];

            if (k % 2)
                b.data[r % b.len] ^= (uint8_t)(1u << (r >> 32) % 8);
            refused += wire_unpack_new(d, b.data, len, &b_arena, &back, &e) < 0;
            assert_true(b_arena.total <= WIRE_ALLOC_FACTOR * len * 2 + 2 * WIRE_ALLOC_SLACK);
            b.data[r % b.len] = old;
            arena_reset(&b_arena);
        }
        buf_fini(&b);
        arena_reset(&a);
    }
    assert_true(refused > 100);
    arena_fini(&a);
    arena_fini(&b_arena);
}

/* The bytes are protobuf's: checked by hand against the encoding document's own example (150 = 96
 * 01). */
static void bytes_are_protobuf(void **state)
{
    static const uint8_t want[] = { 0x08, 0x96, 0x01, 0x12, 0x01, 'x' };
    struct error_info m = { .code = 150, .text = "x" };
    struct buf b = { 0 };

    wire_pack(&desc_error_info, &m, &b);
    assert_int_equal(b.len, sizeof want);
    assert_memory_equal(b.data, want, sizeof want);
    buf_fini(&b);
}

static void unknown_tags_are_skipped(void **state)
{
    /* tag 90 varint, tag 91 bytes, tag 92 fixed64, tag 93 fixed32, then code = 5 */
    static const uint8_t in[] = { 0xd0, 0x05, 0x07, 0xda, 0x05, 0x02, 'h',  'i', 0xe1,
                                  0x05, 1,    2,    3,    4,    5,    6,    7,   8,
                                  0xed, 0x05, 1,    2,    3,    4,    0x08, 0x05 };
    struct arena a = { 0 };
    struct error_info m;

    assert_int_equal(wire_unpack(&desc_error_info, in, sizeof in, &a, &m, NULL), 0);
    assert_int_equal(m.code, 5);
    assert_string_equal(m.text, "");
    arena_fini(&a);
}

static void wrong_types_and_depth_are_refused(void **state)
{
    static const uint8_t text_as_number[] = { 0x10, 0x05 };
    struct arena a = { 0 };
    struct error_info m;
    struct err e = { 0 };

    assert_true(wire_unpack(&desc_error_info, text_as_number, 2, &a, &m, &e) < 0);
    assert_non_null(strstr(e.text, "error_info"));
    assert_non_null(strstr(e.text, "text"));
    arena_fini(&a);
}

/* Two rows of one message never share a tag, and tags ascend: the packer's order is the parser's
 * hint. */
static void tags_ascend(void **state)
{
    for (unsigned i = 0; i < all_descs_count; i++) {
        const struct field *f = all_descs[i]->fields();

        for (unsigned k = 1; k < all_descs[i]->count; k++)
            if (f[k].tag <= f[k - 1].tag)
                fail_msg("%s.%s: tag %u does not ascend", all_descs[i]->name, f[k].name, f[k].tag);
    }
}

static void opcodes_are_unique(void **state)
{
    for (unsigned i = 0; i < all_rpcs_count; i++)
        assert_ptr_equal(rpc_find(all_rpcs[i].opcode), &all_rpcs[i]);
}

static void json_escapes_and_nests(void **state)
{
    struct key_value rows[] = { { .key = "a\"b\\\n", .value = "\xff\xc3\xa9" } };
    struct conf_info m = { .rows = { rows, 1 }, .now = -3 };
    struct buf b = { 0 };

    json_write(&desc_conf_info, &m, 0, &b);
    assert_string_equal(buf_str(&b),
                        "{\"config\":[{\"key\":\"a\\\"b\\\\\\u000a\",\"value\":"
                        "\"\xef\xbf\xbd\xc3\xa9\",\"op\":\"\"}],"
                        "\"cluster\":\"\",\"path\":\"\",\"time\":-3,\"slurmctld\":\"\"}");
    buf_fini(&b);
}

/* Protobuf lets other packers scatter a list; ours never does. */
static void a_list_in_two_runs_is_one_list(void **state)
{
    static const char body[] = "\x0a\x01"
                               "1\x0a\x01"
                               "2\x12\x01u\x0a\x01"
                               "3";
    struct arena a = { 0 };
    struct job_query q;

    assert_int_equal(wire_unpack(&desc_job_query, body, sizeof body - 1, &a, &q, NULL), 0);
    assert_int_equal(q.users.n, 1);
    assert_int_equal(q.jobs.n, 3);
    assert_string_equal(q.jobs.v[0], "1");
    assert_string_equal(q.jobs.v[1], "2");
    assert_string_equal(q.jobs.v[2], "3");
    arena_fini(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_message_round_trips),
        cmocka_unit_test(damage_is_survived),
        cmocka_unit_test(bytes_are_protobuf),
        cmocka_unit_test(unknown_tags_are_skipped),
        cmocka_unit_test(wrong_types_and_depth_are_refused),
        cmocka_unit_test(tags_ascend),
        cmocka_unit_test(opcodes_are_unique),
        cmocka_unit_test(json_escapes_and_nests),
        cmocka_unit_test(a_list_in_two_runs_is_one_list),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
