/* Memory, containers, errors: the parts of base that are structures. */
#include "test.h"

#include "base/arena.h"
#include "base/bits.h"
#include "base/buf.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/heap.h"
#include "base/intern.h"
#include "base/list.h"
#include "base/map.h"
#include "base/slab.h"
#include "base/xalloc.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* A repeatable stream of numbers: failing runs must fail again. */
static uint32_t next_random(uint64_t *state)
{
    *state = *state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)(*state >> 33);
}

static void an_error_is_worded_once_and_located_as_it_passes(void **state)
{
    struct err e = { 0 };

    assert_int_equal(err_set(&e, EINVAL, "expected Key=Value, found \"%s\"", "oops"), -EINVAL);
    assert_int_equal(err_at(&e, -EINVAL, "%s:%u", "slurm.conf", 2), -EINVAL);
    assert_string_equal(e.text, "slurm.conf:2: expected Key=Value, found \"oops\"");
    assert_int_equal(e.code, EINVAL);

    errno = ENOENT;
    assert_int_equal(err_errno(&e, "open %s", "/nowhere"), -ENOENT);
    assert_string_equal(e.text, "open /nowhere: No such file or directory");
    assert_int_equal(err_set(NULL, 2000, "nobody reads it"), -2000);
    assert_int_equal(err_at(NULL, -5, "nor this"), -5);
}

static void long_errors_are_cut_and_stay_terminated(void **state)
{
    CLEANUP(freep) char *text = xcalloc(1, 2000);
    struct err e;

    memset(text, 'x', 1999);
    err_set(&e, EINVAL, "%s", text);
    assert_int_equal(strlen(e.text), sizeof e.text - 1);
    err_at(&e, -EINVAL, "%s", text);
    assert_true(strlen(e.text) < sizeof e.text);
}

static void duplicates_of_nothing_are_empty(void **state)
{
    CLEANUP(freep) char *none = xstrdup(NULL), *cut = xstrndup("abcdef", 3);
    CLEANUP(freep) char *text = xasprintf("%s-%d", cut, 7), *dup = xmemdup("ab", 3);
    char *taken = TAKE(dup);

    assert_string_equal(none, "");
    assert_string_equal(cut, "abc");
    assert_string_equal(text, "abc-7");
    assert_null(dup);
    assert_string_equal(taken, "ab");
    free(taken);
}

static void an_arena_hands_out_zeroed_aligned_memory_even_after_a_reset(void **state)
{
    struct arena a = { 0 };

    for (int round = 0; round < 3; round++) {
        for (size_t size = 0; size < 3000; size += 37) {
            unsigned char *p = arena_alloc(&a, size);
            assert_int_equal((uintptr_t)p % 16, 0);
            for (size_t i = 0; i < size; i++)
                assert_int_equal(p[i], 0);
            memset(p, 0xee, size);
        }
        assert_true(a.total >= 3000);
        arena_reset(&a);
        assert_int_equal(a.total, 0);
    }
    memset(arena_alloc(&a, 3u << 20), 1, 3u << 20); /* larger than any block */
    arena_fini(&a);
    assert_null(a.first);
}

static void an_arena_copies_and_formats(void **state)
{
    CLEANUP(freep) char *wide = xcalloc(1, 10001);
    struct arena a = { 0 };

    memset(wide, 'w', 10000);
    assert_string_equal(arena_strdup(&a, "one"), "one");
    assert_string_equal(arena_strdup(&a, NULL), "");
    assert_string_equal(arena_strndup(&a, "abcdef", 2), "ab");
    assert_string_equal(arena_strndup(&a, "ab", 20), "ab");
    assert_memory_equal(arena_memdup(&a, "x\0y", 3), "x\0y", 3);
    assert_string_equal(arena_printf(&a, "%d of %s", 3, "many"), "3 of many");
    assert_int_equal(strlen(arena_printf(&a, "<%s>", wide)), 10002);
    assert_string_equal(arena_calloc(&a, 10, 10), "");
    arena_fini(&a);
}

static void bytes_grow_and_drop(void **state)
{
    struct buf b = { 0 };

    assert_string_equal(buf_str(&b), "");
    for (int i = 0; i < 1000; i++)
        buf_printf(&b, "%03d,", i);
    assert_int_equal(b.len, 4000);
    buf_drop(&b, 3996);
    assert_string_equal(buf_str(&b), "999,");
    buf_reset(&b);
    buf_put(&b, "a\0b", 3);
    buf_putc(&b, 'c');
    buf_puts(&b, "de");
    assert_int_equal(b.len, 6);
    assert_memory_equal(buf_str(&b), "a\0bcde", 7);
    buf_drop(&b, 6);
    assert_int_equal(b.len, 0);
    buf_fini(&b);
    assert_null(b.data);
}

static void printing_more_than_the_room_left_is_not_cut(void **state)
{
    CLEANUP(freep) char *wide = xcalloc(1, 501);
    struct buf b = { 0 };

    memset(wide, 'w', 500);
    for (size_t len = 0; len <= 500; len++) {
        buf_reset(&b);
        buf_printf(&b, "%.*s", (int)len, wide);
        assert_int_equal(b.len, len);
        assert_int_equal(strlen(buf_str(&b)), len);
    }
    buf_fini(&b);
}

static void a_stale_handle_resolves_to_nothing(void **state)
{
    struct slab s;
    struct slab_ref first, second;

    slab_init(&s, 20);
    int *p = slab_new(&s, &first);
    *p = 42;
    assert_ptr_equal(slab_get(&s, first), p);
    slab_free(&s, first);
    assert_null(slab_get(&s, first));
    assert_null(slab_at(&s, first.at));

    int *again = slab_new(&s, &second);
    assert_int_equal(second.at, first.at); /* the slot is used again, cleared */
    assert_int_equal(*again, 0);
    assert_null(slab_get(&s, first));
    assert_null(slab_get(&s, (struct slab_ref){ 0 }));
    assert_null(slab_get(&s, (struct slab_ref){ .at = 99999, .gen = 1 }));
    slab_fini(&s);
}

static void objects_never_move(void **state)
{
    static struct slab_ref refs[1000];
    static void *where[1000];
    struct slab s;

    slab_init(&s, 8);
    for (uint32_t i = 0; i < 1000; i++) {
        where[i] = slab_new(&s, &refs[i]);
        *(uint64_t *)where[i] = i;
    }
    for (uint32_t i = 0; i < 1000; i += 2)
        slab_free(&s, refs[i]);
    assert_int_equal(s.count, 500);
    assert_int_equal(s.end, 1000);
    uint32_t live = 0;
    for (uint32_t i = 0; i < s.end; i++) {
        uint64_t *p = slab_at(&s, i);
        assert_true(!p == (i % 2 == 0));
        if (!p)
            continue;
        assert_ptr_equal(p, where[i]);
        assert_int_equal(*p, i);
        live++;
    }
    assert_int_equal(live, s.count);
    slab_fini(&s);
}

/* Every operation against the obvious one on an array of flags, at sizes near the word borders. */
static void bitmaps_agree_with_flags(void **state)
{
    static const uint32_t sizes[] = { 0, 1, 63, 64, 65, 127, 128, 1000 };
    uint64_t seed = 7;

    for (size_t n = 0; n < sizeof sizes / sizeof *sizes; n++) {
        uint32_t size = sizes[n], both = 0, count = 0, walked = 0;
        struct bits a, b, c = { 0 };
        bits_init(&a, size);
        bits_init(&b, size);
        for (uint32_t i = 0; i < size; i++) {
            bool in_a = next_random(&seed) % 2, in_b = next_random(&seed) % 3 == 0;
            if (in_a)
                bits_set(&a, i);
            if (in_b)
                bits_set(&b, i);
            count += in_a;
            both += in_a && in_b;
        }
        assert_int_equal(bits_count(&a), count);
        assert_int_equal(bits_count_and(&a, &b), both);
        assert_int_equal(bits_any_and(&a, &b), both > 0);
        BITS_FOREACH(i, &a) {
            assert_true(bits_test(&a, (uint32_t)i));
            walked++;
        }
        assert_int_equal(walked, count);

        bits_copy(&c, &a);
        assert_true(bits_equal(&a, &c));
        bits_and(&c, &b);
        assert_int_equal(bits_count(&c), both);
        assert_true(bits_subset(&c, &a) && bits_subset(&c, &b));
        bits_copy(&c, &a);
        bits_and_not(&c, &b);
        assert_int_equal(bits_count(&c), count - both);
        assert_false(bits_any_and(&c, &b));
        bits_or(&c, &b);
        assert_int_equal(bits_count(&c), count - both + bits_count(&b));
        bits_set_all(&c);
        assert_int_equal(bits_count(&c), size);
        bits_clear_all(&c);
        assert_int_equal(bits_next(&c, 0), -1);
        bits_fini(&a);
        bits_fini(&b);
        bits_fini(&c);
    }
}

static void the_next_bit_is_found_from_anywhere(void **state)
{
    struct bits b;

    bits_init(&b, 300);
    bits_set(&b, 63);
    bits_set(&b, 64);
    bits_set(&b, 299);
    assert_int_equal(bits_next(&b, 0), 63);
    assert_int_equal(bits_next(&b, 64), 64);
    assert_int_equal(bits_next(&b, 65), 299);
    assert_int_equal(bits_next(&b, 300), -1);
    bits_clear(&b, 299);
    assert_int_equal(bits_next(&b, 65), -1);
    bits_fini(&b);
}

/* Thousands of puts and deletes over few keys: dead slots are the part that goes wrong. */
static void a_map_agrees_with_an_array(void **state)
{
    static uintptr_t model[512];
    struct map m = { 0 };
    uint64_t seed = 11;
    uint32_t live = 0;

    assert_null(map_get(&m, 5));
    assert_null(map_del(&m, 5));
    for (int i = 0; i < 50000; i++) {
        uint64_t key = next_random(&seed) % 512;
        if (next_random(&seed) % 2) {
            live += model[key] == 0;
            model[key] = (uintptr_t)i + 1;
            map_put(&m, key << 40, (void *)model[key]);
        } else {
            live -= model[key] != 0;
            assert_ptr_equal(map_del(&m, key << 40), (void *)model[key]);
            model[key] = 0;
        }
        assert_ptr_equal(map_get(&m, key << 40), (void *)model[key]);
        assert_int_equal(m.count, live);
    }
    assert_true(m.cap <= 4096); /* rehashing in place, not growing without end */

    uint32_t at = 0, seen = 0;
    uint64_t key;
    void *value;
    while (map_next(&m, &at, &key, &value)) {
        assert_ptr_equal(value, (void *)model[key >> 40]);
        assert_ptr_equal(map_del(&m, key), value); /* allowed while walking */
        seen++;
    }
    assert_int_equal(seen, live);
    assert_int_equal(m.count, 0);
    map_fini(&m);
}

/* While a big map moves over to its larger table, an entry is in one of the two. */
static void a_map_that_moves_loses_nothing(void **state)
{
    struct map m = { 0 };
    static char items[20000];
    uint32_t at = 0, seen = 0;
    uint64_t key;
    void *value;

    for (uint64_t i = 0; i < 20000; i++) {
        map_put(&m, i, &items[i]);
        if (i % 3 == 0)
            assert_ptr_equal(map_del(&m, i / 2), &items[i / 2]);
        if (i % 3 == 0)
            map_put(&m, i / 2, &items[i / 2]);
        if (i % 97 == 0 && m.old)
            map_put(&m, i - 1, &items[i - 1]);
        assert_ptr_equal(map_get(&m, i), &items[i]);
        assert_int_equal(m.count, i + 1);
    }
    for (uint64_t i = 0; i < 20000; i++)
        assert_ptr_equal(map_get(&m, i), &items[i]);
    for (uint64_t i = 20000; !m.old; i++) /* until it moves again */
        map_put(&m, i, &items[0]);
    while (map_next(&m, &at, &key, &value)) {
        seen++;
        assert_ptr_equal(map_del(&m, key), value);
    }
    assert_true(seen > 20000);
    assert_int_equal(m.count, 0);
    assert_null(map_get(&m, 7));
    map_put(&m, 7, &items[7]);
    assert_ptr_equal(map_get(&m, 7), &items[7]);
    map_fini(&m);
}

static void a_map_of_names_agrees_too(void **state)
{
    static char names[2000][16];
    struct smap m = { 0 };
    uint32_t at = 0, seen = 0;
    const char *key;
    void *value;

    assert_null(smap_get(&m, "n1"));
    for (int i = 0; i < 2000; i++) {
        snprintf(names[i], sizeof names[i], "n%d", i);
        smap_put(&m, names[i], names[i]);
    }
    smap_put(&m, "n7", names[8]);
    assert_int_equal(m.count, 2000);
    assert_ptr_equal(smap_get(&m, "n7"), names[8]);
    for (int i = 0; i < 2000; i += 2)
        assert_ptr_equal(smap_del(&m, names[i]), names[i]);
    assert_null(smap_get(&m, "n0"));
    assert_null(smap_del(&m, "n0"));
    while (smap_next(&m, &at, &key, &value)) {
        assert_ptr_equal(smap_get(&m, key), value);
        seen++;
    }
    assert_int_equal(seen, 1000);
    smap_fini(&m);
}

/* Not a proof of quality; it catches a hash that ignores its length, its tail or its seed. */
static void different_bytes_hash_differently(void **state)
{
    unsigned char zeros[64] = { 0 };
    struct map seen = { 0 };

    for (size_t len = 0; len < sizeof zeros; len++)
        map_put(&seen, hash_bytes(zeros, len, 0), zeros);
    for (size_t i = 0; i < sizeof zeros * 8; i++) {
        zeros[i / 8] ^= (unsigned char)(1 << i % 8);
        map_put(&seen, hash_bytes(zeros, sizeof zeros, 0), zeros);
        zeros[i / 8] = 0;
    }
    map_put(&seen, hash_bytes(zeros, 8, 1), zeros);
    assert_int_equal(seen.count, 64 + 512 + 1);
    assert_int_equal(hash_bytes("abc", 3, 9), hash_bytes("abc", 3, 9));
    assert_true(hash_u64(1) != hash_u64(2));
    map_fini(&seen);
}

static void a_heap_gives_smallest_first_and_ties_in_order(void **state)
{
    struct heap h = { 0 };
    int values[2000];
    uint64_t seed = 3;

    assert_null(heap_top(&h));
    assert_null(heap_pop(&h));
    for (int i = 0; i < 2000; i++) {
        values[i] = i;
        heap_push(&h, next_random(&seed) % 50, &values[i], NULL);
    }
    int64_t key = -1;
    int last = -1;
    for (int i = 0; i < 2000; i++) {
        const struct heap_entry *top = heap_top(&h);
        int value = *(int *)top->value;
        assert_true(top->key > key || (top->key == key && value > last));
        key = top->key;
        last = value;
        assert_int_equal(*(int *)heap_pop(&h), value);
    }
    assert_int_equal(h.n, 0);
    heap_fini(&h);
}

static void entries_leave_a_heap_by_handle(void **state)
{
    struct timer {
        uint32_t at;
        int64_t due;
    } timers[500] = { 0 };
    struct heap h = { 0 };
    uint64_t seed = 5;

    for (int i = 0; i < 500; i++) {
        timers[i].due = next_random(&seed) % 1000;
        heap_push(&h, timers[i].due, &timers[i], &timers[i].at);
    }
    for (int i = 0; i < 500; i += 3) {
        heap_remove(&h, timers[i].at);
        assert_int_equal(timers[i].at, 0);
        heap_remove(&h, timers[i].at); /* twice is nothing */
    }
    for (int i = 0; i < 500; i++)
        if (timers[i].at)
            assert_ptr_equal(h.v[timers[i].at - 1].value, &timers[i]);
    int64_t due = -1;
    for (int i = 0; i < 200; i++) {
        struct timer *t = heap_pop(&h);
        assert_true(t->due >= due);
        assert_int_equal(t->at, 0);
        due = t->due;
    }
    heap_fini(&h);
    for (int i = 0; i < 500; i++)
        assert_int_equal(timers[i].at, 0);
}

static void a_list_may_lose_the_current_entry_in_a_loop(void **state)
{
    struct item {
        int value;
        struct list link;
    } items[5];
    struct list head;
    int sum = 0, pairs = 0;

    list_init(&head);
    assert_true(list_empty(&head));
    for (int i = 0; i < 5; i++) {
        items[i].value = i;
        list_add_tail(&head, &items[i].link);
    }
    LIST_FOREACH(it, &head) {
        LIST_FOREACH(other, &head)
            pairs++;
        struct item *item = list_entry(it, struct item, link);
        if (item->value % 2)
            list_remove(it);
    }
    LIST_FOREACH(it, &head)
        sum = sum * 10 + list_entry(it, struct item, link)->value;
    assert_int_equal(sum, 24); /* 0, 2, 4 */
    assert_int_equal(pairs, 5 + 5 + 4 + 4 + 3);
}

static void equal_names_are_one_pointer(void **state)
{
    struct intern t = { 0 };
    char copy[] = "gpu01";

    assert_null(intern_find(&t, "gpu01"));
    const char *a = intern(&t, "gpu01");
    assert_ptr_equal(intern(&t, copy), a);
    assert_ptr_equal(intern_find(&t, copy), a);
    assert_ptr_not_equal(a, copy);
    assert_string_equal(intern(&t, NULL), "");
    assert_ptr_equal(intern(&t, NULL), intern(&t, ""));
    intern_fini(&t);
}

static void the_monotonic_clock_does_not_go_back(void **state)
{
    int64_t last = clock_mono_ns();

    for (int i = 0; i < 1000; i++) {
        int64_t now = clock_mono_ns();
        assert_true(now >= last);
        last = now;
    }
    assert_true(clock_wall_s() > INT64_C(1700000000));
    assert_true(clock_wall_ns() / 1000000000 - clock_wall_s() <= 0);
}

int main(void)
{
    return RUN(T(an_error_is_worded_once_and_located_as_it_passes),
               T(long_errors_are_cut_and_stay_terminated), T(duplicates_of_nothing_are_empty),
               T(an_arena_hands_out_zeroed_aligned_memory_even_after_a_reset),
               T(an_arena_copies_and_formats), T(bytes_grow_and_drop),
               T(printing_more_than_the_room_left_is_not_cut),
               T(a_stale_handle_resolves_to_nothing), T(objects_never_move),
               T(bitmaps_agree_with_flags), T(the_next_bit_is_found_from_anywhere),
               T(a_map_agrees_with_an_array), T(a_map_that_moves_loses_nothing),
               T(a_map_of_names_agrees_too), T(different_bytes_hash_differently),
               T(a_heap_gives_smallest_first_and_ties_in_order), T(entries_leave_a_heap_by_handle),
               T(a_list_may_lose_the_current_entry_in_a_loop), T(equal_names_are_one_pointer),
               T(the_monotonic_clock_does_not_go_back));
}
