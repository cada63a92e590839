/* Host lists; the expected texts were checked against `scontrol show hostlist` of Slurm 22.05. */
#include "test.h"

#include "base/hostlist.h"
#include "base/limits.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static void lists_expand_and_fold_as_slurm_folds_them(void **state)
{
    static const struct {
        const char *text, *names, *folded;
    } cases[] = {
        { "", "", "" },
        { "n1", "n1", "n1" },
        { "n1,n2", "n1 n2", "n[1-2]" },
        { "n[1-4,7],m[08-11]", "n1 n2 n3 n4 n7 m08 m09 m10 m11", "n[1-4,7],m[08-11]" },
        { "n1,n01,n02", "n1 n01 n02", "n[1,01-02]" },
        { "n9,n10,n11", "n9 n10 n11", "n[9-11]" },
        { "n09,n10", "n09 n10", "n[09-10]" },
        { "n099,n100", "n099 n100", "n[099-100]" },
        { "n1,n3,m1,n5", "n1 n3 m1 n5", "n[1,3],m1,n5" },
        { "n[1-3],n2", "n1 n2 n3 n2", "n[1-3,2]" },
        { "n3,n2,n1", "n3 n2 n1", "n[3,2,1]" },
        { "n[001-5]", "n001 n002 n003 n004 n005", "n[001-005]" },
        { "n[1,02]", "n1 n02", "n[1,02]" },
        { "r[1-2]n[1-2]", "r1n1 r1n2 r2n1 r2n2", "r1n[1-2],r2n[1-2]" },
        { "n[1-2]-ib", "n1-ib n2-ib", "n1-ib,n2-ib" },
        { "a,a", "a a", "a,a" },
        { "a,,b ,\tc", "a b c", "a,b,c" },
        { "[1-2]", "1 2", "[1-2]" },
        { "n12345678901234567890123", "n12345678901234567890123", "n12345678901234567890123" },
    };
    struct arena a = { 0 };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct hostlist h;
        char *joined = arena_strdup(&a, "");
        assert_int_equal(hostlist_expand(&a, cases[i].text, &h, NULL), 0);
        for (uint32_t n = 0; n < h.n; n++)
            joined = arena_printf(&a, "%s%s%s", joined, n ? " " : "", h.v[n]);
        assert_string_equal(joined, cases[i].names);
        assert_string_equal(hostlist_compress(&a, h.v, h.n), cases[i].folded);
    }
    arena_fini(&a);
}

static void a_bad_list_is_refused_by_name_and_leaves_the_result_alone(void **state)
{
    static const struct {
        const char *text, *reason;
        int code;
    } cases[] = {
        { "ok,n[5-1]", "host list: \"n[5-1]\": range \"5-1\" runs backwards", EINVAL },
        { "n[1", "host list: \"n[1\": \"[\" without \"]\"", EINVAL },
        { "n1]", "host list: \"n1]\": \"]\" without \"[\"", EINVAL },
        { "n[]", "host list: \"n[]\": expected a number or a range, found \"\"", EINVAL },
        { "n[1,,2]", "host list: \"n[1,,2]\": expected a number or a range, found \"\"", EINVAL },
        { "n[1-]", "host list: \"n[1-]\": expected a number or a range, found \"1-\"", EINVAL },
        { "n[a-b]", "host list: \"n[a-b]\": expected a number or a range, found \"a-b\"", EINVAL },
        { "n[1][2][3]", "host list: \"n[1][2][3]\": more than 2 bracket groups", EINVAL },
        { "n\x1b", "host list: \"n\x1b\": a control character in a name", EINVAL },
        { "n[1-4000000000]", "host list: \"n[1-4000000000]\" brings it to more than 65536 names",
          E2BIG },
        { "n[1-60000]m[1-60000]",
          "host list: \"n[1-60000]m[1-60000]\" brings it to more than 65536 names", E2BIG },
        { "n[1-40000],m[1-40000]", "host list: \"m[1-40000]\" brings it to more than 65536 names",
          E2BIG },
    };
    const char *untouched[] = { "untouched" };
    struct arena a = { 0 };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct hostlist h = { .v = untouched, .n = 1 };
        struct err e = { 0 };
        assert_int_equal(hostlist_expand(&a, cases[i].text, &h, &e), -cases[i].code);
        assert_string_equal(e.text, cases[i].reason);
        assert_int_equal(e.code, cases[i].code);
        assert_ptr_equal(h.v, untouched);
    }
    arena_fini(&a);
}

static void the_bound_itself_is_allowed(void **state)
{
    struct arena a = { 0 };
    struct hostlist h;
    char text[64];

    snprintf(text, sizeof text, "n[1-%u]", HOSTLIST_MAX);
    assert_int_equal(hostlist_expand(&a, text, &h, NULL), 0);
    assert_int_equal(h.n, HOSTLIST_MAX);
    assert_string_equal(hostlist_compress(&a, h.v, h.n), text);
    snprintf(text, sizeof text, "n[1-%u],m", HOSTLIST_MAX);
    assert_int_equal(hostlist_expand(&a, text, &h, NULL), -E2BIG);
    arena_fini(&a);
}

static void names_have_a_longest(void **state)
{
    char text[HOSTNAME_LEN_MAX + 16];
    struct arena a = { 0 };
    struct hostlist h;

    memset(text, 'n', sizeof text);
    strcpy(text + HOSTNAME_LEN_MAX - 1, "[7-9]");
    assert_int_equal(hostlist_expand(&a, text, &h, NULL), 0);
    assert_int_equal(strlen(h.v[2]), HOSTNAME_LEN_MAX);
    strcpy(text + HOSTNAME_LEN_MAX - 1, "[7-10]");
    assert_int_equal(hostlist_expand(&a, text, &h, NULL), -ENAMETOOLONG);
    memset(text, 'n', sizeof text);
    text[HOSTNAME_LEN_MAX + 1] = '\0';
    assert_int_equal(hostlist_expand(&a, text, &h, NULL), -ENAMETOOLONG);
    arena_fini(&a);
}

static void sorting_is_natural_and_drops_duplicates(void **state)
{
    struct arena a = { 0 };
    struct hostlist h;

    assert_int_equal(hostlist_expand(&a, "n10,n2,b,n[1-3],n02,n,r2n1,r1n10,r1n9", &h, NULL), 0);
    hostlist_sort_unique(&h);
    assert_string_equal(hostlist_compress(&a, h.v, h.n), "b,n,n[1,02,2-3,10],r1n[9-10],r2n1");
    arena_fini(&a);
}

int main(void)
{
    return RUN(T(lists_expand_and_fold_as_slurm_folds_them),
               T(a_bad_list_is_refused_by_name_and_leaves_the_result_alone),
               T(the_bound_itself_is_allowed), T(names_have_a_longest),
               T(sorting_is_natural_and_drops_duplicates));
}
