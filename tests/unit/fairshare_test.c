/* Fair share against the vectors of contracts/priority.md, all seen in Debian's Slurm but where a
 * comment says otherwise. */
#include "core/fairshare.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const struct {
    const char *account, *user; /* no user: the account itself, below `account` of `parent` */
    const char *parent;
    uint32_t shares;
} rows[] = {
    { "root", "root", NULL, 1 },   { "bio", NULL, "root", 30 },   { "chem", NULL, "root", 30 },
    { "idle", NULL, "root", 5 },   { "phys", NULL, "root", 60 },  { "plasma", NULL, "phys", 20 },
    { "bio", "hank", NULL, 1 },    { "bio", "iris", NULL, 2 },    { "chem", "frank", NULL, 1 },
    { "chem", "gina", NULL, 1 },   { "idle", "jack", NULL, 1 },   { "phys", "alice", NULL, 10 },
    { "phys", "bob", NULL, 20 },   { "phys", "carol", NULL, 10 }, { "plasma", "dave", NULL, 1 },
    { "plasma", "erin", NULL, 3 },
};

static struct fairshare *tree(void)
{
    struct fairshare *fs = fairshare_new();

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const char *up = rows[i].user ? rows[i].account : rows[i].parent;
        struct share_row row = { rows[i].user ? rows[i].user : rows[i].account,
                                 fairshare_account(fs, up), rows[i].shares, rows[i].user };
        fairshare_add(fs, row);
    }
    return fs;
}

static uint32_t user_of(const struct fairshare *fs, const char *account, const char *user)
{
    return fairshare_user(fs, fairshare_account(fs, account), user);
}

/* A user of the tree, wherever it is. */
static uint32_t who(const struct fairshare *fs, const char *user)
{
    for (uint32_t i = 0; i < fairshare_count(fs); i++)
        if (fairshare_at(fs, i)->is_user && strcmp(fairshare_at(fs, i)->name, user) == 0)
            return i;
    fail_msg("no user %s", user);
    return 0;
}

struct vector {
    const char *user;
    double usage;
    uint32_t rank;
    double level; /* 0: not given */
};

static struct fairshare *charged(const struct vector *v, size_t n)
{
    struct fairshare *fs = tree();

    for (size_t i = 0; i < n; i++)
        fairshare_charge(fs, who(fs, v[i].user), v[i].usage);
    return fs;
}

static void check_ranks(const struct fairshare *fs, const struct vector *v, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const struct share *s = fairshare_at(fs, who(fs, v[i].user));
        if (s->rank != v[i].rank)
            fail_msg("%s has rank %u, not %u", v[i].user, s->rank, v[i].rank);
        assert_true(fabs(s->factor - v[i].rank / 11.0) < 1e-12);
        if (isinf(v[i].level))
            assert_true(isinf(s->level));
        else if (v[i].level != 0)
            assert_true(fabs(s->level - v[i].level) < 5e-7);
    }
}

/* The ranks hold, and still do after the usage has aged and the scale has come round many times. */
static void run_case(const struct vector *v, size_t n)
{
    struct fairshare *fs = charged(v, n);

    assert_int_equal(fairshare_users(fs), 11);
    fairshare_rank(fs);
    check_ranks(fs, v, n);
    fairshare_decay(fs, 604800, 300);
    fairshare_rank(fs);
    check_ranks(fs, v, n);
    fairshare_free(fs);
}

#define CASE(v) run_case(v, sizeof(v) / sizeof(v)[0])

static double level(const struct fairshare *fs, const char *account)
{
    return fairshare_at(fs, fairshare_account(fs, account))->level;
}

static void case_a_without_ties(void **state)
{
    static const struct vector v[] = {
        { "jack", 40, 11, 1.000000 },   { "root", 10, 10, 17.024603 },
        { "hank", 1, 9, 833.666667 },   { "iris", 2500, 8, 0.666933 },
        { "carol", 100, 7, 19.000000 }, { "bob", 2000, 6, 1.900000 },
        { "dave", 300, 5, 3.583333 },   { "erin", 4000, 4, 0.806250 },
        { "alice", 5000, 3, 0.380000 }, { "gina", 500, 2, 7.500000 },
        { "frank", 7000, 1, 0.535714 },
    };
    struct fairshare *fs = charged(v, sizeof v / sizeof v[0]);

    CASE(v);
    fairshare_rank(fs);
    assert_true(fabs(level(fs, "idle") - 21.280754) < 5e-7);
    assert_true(fabs(level(fs, "bio") - 2.042136) < 5e-7);
    assert_true(fabs(level(fs, "phys") - 0.896032) < 5e-7);
    assert_true(fabs(level(fs, "plasma") - 0.883721) < 5e-7);
    assert_true(fabs(level(fs, "chem") - 0.680984) < 5e-7);
    assert_true(fairshare_usage(fs, FAIRSHARE_ROOT) == 21451);
    fairshare_free(fs);
}

/* bio and chem tie: their members are merged, as Slurm's document has it. */
static void case_b_ties_and_zeros(void **state)
{
    static const struct vector v[] = {
        { "root", 0, 11, INFINITY },    { "jack", 0, 11, INFINITY },
        { "gina", 0, 9, INFINITY },     { "hank", 250, 8, 1.333333 },
        { "iris", 750, 7, 0.888889 },   { "frank", 1000, 6, 0.5 },
        { "bob", 1000, 5, 1.333333 },   { "dave", 100, 5, 2.5 },
        { "erin", 900, 3, 0.833333 },   { "alice", 1000, 2, 0.666667 },
        { "carol", 1000, 2, 0.666667 },
    };
    struct fairshare *fs = charged(v, sizeof v / sizeof v[0]);

    CASE(v);
    fairshare_rank(fs);
    assert_true(fabs(level(fs, "bio") - 1.428571) < 5e-7);
    assert_true(level(fs, "bio") == level(fs, "chem"));
    assert_true(fabs(level(fs, "phys") - 0.714286) < 5e-7);
    assert_true(fabs(level(fs, "plasma") - 1.333333) < 5e-7);
    fairshare_free(fs);
}

static void case_c_tied_accounts(void **state)
{
    static const struct vector v[] = {
        { "root", 5, 11, 9.611111 }, { "jack", 50, 10 },   { "gina", 100, 9 },   { "hank", 250, 8 },
        { "iris", 750, 7 },          { "frank", 900, 6 },  { "bob", 1000, 5 },   { "dave", 100, 5 },
        { "erin", 900, 3 },          { "alice", 1000, 2 }, { "carol", 1000, 2 },
    };
    struct fairshare *fs = charged(v, sizeof v / sizeof v[0]);

    CASE(v);
    fairshare_rank(fs);
    assert_true(fabs(level(fs, "idle") - 4.805556) < 5e-7);
    assert_true(fabs(level(fs, "bio") - 1.441667) < 5e-7);
    assert_true(fabs(level(fs, "phys") - 0.720833) < 5e-7);
    fairshare_free(fs);
}

static void case_d_large_spread(void **state)
{
    static const struct vector v[] = {
        { "jack", 40, 11 },          { "root", 10, 10 },
        { "carol", 1e5, 9 },         { "alice", 1e6, 8, 1.183383 },
        { "bob", 2e6, 8, 1.183383 }, { "dave", 300, 6 },
        { "erin", 4e6, 5 },          { "gina", 500, 4 },
        { "frank", 7e6, 3 },         { "iris", 2500, 2 },
        { "hank", 1e9, 1 },
    };

    CASE(v);
}

static void everybody_is_first_before_any_usage(void **state)
{
    struct fairshare *fs = tree();

    fairshare_rank(fs);
    for (uint32_t i = 1; i < fairshare_count(fs); i++) {
        assert_true(isinf(fairshare_at(fs, i)->level));
        if (fairshare_at(fs, i)->is_user)
            assert_true(fairshare_at(fs, i)->factor == 1);
    }
    fairshare_free(fs);
}

static void a_tie_with_an_empty_account_is_shared_with_nobody(void **state)
{
    struct fairshare *fs = fairshare_new();
    uint32_t a = fairshare_add(fs, (struct share_row){ "ann", 0, 1, true });
    uint32_t b = fairshare_add(fs, (struct share_row){ "ben", 0, 1, true });

    fairshare_add(fs, (struct share_row){ "empty", 0, 1, false });
    fairshare_charge(fs, b, 10);
    fairshare_rank(fs);
    assert_int_equal(fairshare_at(fs, a)->rank, 2);
    assert_int_equal(fairshare_at(fs, b)->rank, 1);
    fairshare_free(fs);
}

/* Half-life of a minute: 1,000,000 was seen as 498,060 and 248,064 after one and two periods. */
static void usage_decays_as_seen(void **state)
{
    struct fairshare *fs = tree();
    uint32_t hank = user_of(fs, "bio", "hank");

    fairshare_charge(fs, hank, 1000000);
    fairshare_decay(fs, 60, 60);
    assert_int_equal((int)fairshare_usage(fs, hank), 498060);
    assert_int_equal((int)fairshare_usage(fs, FAIRSHARE_ROOT), 498060);
    fairshare_decay(fs, 60, 60);
    assert_int_equal((int)fairshare_usage(fs, hank), 248064);
    fairshare_charge(fs, hank, 1000);
    assert_int_equal((int)fairshare_usage(fs, hank), 249064);
    fairshare_free(fs);
}

static void the_scale_comes_round(void **state)
{
    struct fairshare *fs = tree();
    uint32_t hank = user_of(fs, "bio", "hank"), erin = user_of(fs, "plasma", "erin");

    for (unsigned i = 0; i < 1000; i++) {
        fairshare_charge(fs, hank, 3000);
        fairshare_charge(fs, erin, 5000);
        fairshare_decay(fs, 600, 300);
        assert_in_range((int)fairshare_scale(fs), 256, 65535);
        double sum = fairshare_usage(fs, hank) + fairshare_usage(fs, erin);
        assert_true(fabs(fairshare_usage(fs, FAIRSHARE_ROOT) - sum) < 1e-6);
    }
    double left = pow(1 - 0.693 / 600, 300);
    assert_true(fabs(fairshare_usage(fs, hank) - 3000 * left / (1 - left)) < 0.1);
    fairshare_decay(fs, 600, UINT64_MAX); /* an age later */
    assert_true(fairshare_usage(fs, FAIRSHARE_ROOT) == 0);
    fairshare_free(fs);
}

static void usage_stays_without_half_life_and_saturates(void **state)
{
    struct fairshare *fs = tree();
    uint32_t hank = user_of(fs, "bio", "hank"), iris = user_of(fs, "bio", "iris");

    fairshare_charge(fs, hank, 100);
    fairshare_decay(fs, 0, 1000000);
    assert_true(fairshare_usage(fs, hank) == 100);
    for (unsigned i = 0; i < 3; i++) {
        fairshare_charge(fs, hank, 1e300);
        fairshare_charge(fs, iris, 1e17);
    }
    fairshare_rank(fs);
    assert_int_equal(fairshare_at(fs, who(fs, "jack"))->rank, 11);
    fairshare_decay(fs, 0.5, 1);
    assert_true(fairshare_usage(fs, FAIRSHARE_ROOT) == 0);
    fairshare_charge(fs, hank, 5);
    fairshare_reset(fs);
    assert_true(fairshare_usage(fs, FAIRSHARE_ROOT) == 0);
    fairshare_free(fs);
}

static void names_are_found(void **state)
{
    struct fairshare *fs = tree();

    assert_int_equal(fairshare_account(fs, "root"), FAIRSHARE_ROOT);
    assert_string_equal(fairshare_at(fs, user_of(fs, "root", "root"))->name, "root");
    assert_int_equal(user_of(fs, "bio", "jack"), FAIRSHARE_NONE);
    assert_int_equal(fairshare_account(fs, "jack"), FAIRSHARE_NONE);
    fairshare_free(fs);
}

/* Members of a Fairshare=parent account compete with their account's siblings. */
static void parent_accounts_lift_their_members(void **state)
{
    struct fairshare *fs = fairshare_new();
    uint32_t lab = fairshare_add(fs, (struct share_row){ "lab", 0, SHARES_PARENT, false });
    uint32_t sub = fairshare_add(fs, (struct share_row){ "sub", lab, SHARES_PARENT, false });
    uint32_t in = fairshare_add(fs, (struct share_row){ "ina", sub, 3, true });
    uint32_t out = fairshare_add(fs, (struct share_row){ "otto", 0, 1, true });

    fairshare_charge(fs, in, 200);
    fairshare_charge(fs, out, 100);
    fairshare_rank(fs);
    assert_int_equal(fairshare_at(fs, in)->group, FAIRSHARE_ROOT);
    assert_true(fabs(fairshare_at(fs, in)->level - 0.75 / (200.0 / 300)) < 1e-12);
    assert_int_equal(fairshare_at(fs, in)->rank, 2);
    assert_true(fairshare_usage(fs, lab) == 200);
    fairshare_set_shares(fs, lab, 1);
    fairshare_set_shares(fs, sub, 1);
    fairshare_rank(fs);
    assert_int_equal(fairshare_at(fs, in)->group, sub);
    assert_int_equal(fairshare_at(fs, in)->rank, 1);
    fairshare_free(fs);
}

/* Worked by hand from the formula: account a has 40 of 100 shares and 3/4 of the usage. */
static void classic_follows_its_formula(void **state)
{
    struct fairshare *fs = fairshare_new();
    uint32_t a = fairshare_add(fs, (struct share_row){ "a", 0, 40, false });
    uint32_t b = fairshare_add(fs, (struct share_row){ "b", 0, 60, false });
    uint32_t u = fairshare_add(fs, (struct share_row){ "u", a, 1, true });
    uint32_t v = fairshare_add(fs, (struct share_row){ "v", a, 1, true });
    uint32_t w = fairshare_add(fs, (struct share_row){ "w", b, 1, true });
    uint32_t p = fairshare_add(fs, (struct share_row){ "p", b, SHARES_PARENT, true });
    uint32_t z = fairshare_add(fs, (struct share_row){ "z", b, 0, true });

    fairshare_classic(fs, 1);
    assert_true(fairshare_at(fs, u)->factor == 1);
    fairshare_charge(fs, u, 600);
    fairshare_charge(fs, v, 150);
    fairshare_charge(fs, w, 250);
    fairshare_classic(fs, 1);
    assert_true(fabs(fairshare_at(fs, a)->factor - exp2(-0.75 / 0.4)) < 1e-12);
    assert_true(fabs(fairshare_at(fs, u)->factor - exp2(-(0.6 + 0.15 * 0.5) / 0.2)) < 1e-12);
    assert_true(fabs(fairshare_at(fs, v)->factor - exp2(-(0.15 + 0.6 * 0.5) / 0.2)) < 1e-12);
    assert_true(fabs(fairshare_at(fs, w)->factor - exp2(-0.25 / 0.6)) < 1e-12);
    assert_true(fairshare_at(fs, p)->factor == fairshare_at(fs, b)->factor);
    assert_true(fairshare_at(fs, z)->factor == 0);
    fairshare_classic(fs, 3);
    assert_true(fabs(fairshare_at(fs, w)->factor - exp2(-0.25 / 0.6 / 3)) < 1e-12);
    fairshare_free(fs);
}

/* Seconds since 1970 of dates as `date -u -d` prints them. */
static void resets_fall_on_midnights(void **state)
{
    const int64_t t = 1795414320;    /* Monday 2026-11-23 06:12 */
    const int64_t leap = 1708992000; /* 2024-02-27 */

    assert_true(fairshare_next_reset(RESET_NONE, t, 0) == INT64_MAX);
    assert_true(fairshare_next_reset(RESET_NOW, t, 0) == t);
    assert_true(fairshare_next_reset(RESET_DAILY, t, 0) == 1795478400);  /* 2026-11-24 */
    assert_true(fairshare_next_reset(RESET_WEEKLY, t, 0) == 1795910400); /* 2026-11-29 */
    assert_true(fairshare_next_reset(RESET_WEEKLY, 1795910400, 0) == 1796515200);
    assert_true(fairshare_next_reset(RESET_MONTHLY, t, 0) == 1796083200);   /* 2026-12-01 */
    assert_true(fairshare_next_reset(RESET_QUARTERLY, t, 0) == 1798761600); /* 2027-01-01 */
    assert_true(fairshare_next_reset(RESET_YEARLY, t, 0) == 1798761600);
    assert_true(fairshare_next_reset(RESET_MONTHLY, leap, 0) == 1709251200);   /* 2024-03-01 */
    assert_true(fairshare_next_reset(RESET_QUARTERLY, leap, 0) == 1711929600); /* 2024-04-01 */
    assert_true(fairshare_next_reset(RESET_DAILY, t, 3600) == 1795478400 - 3600);
    assert_true(fairshare_next_reset(RESET_DAILY, 1795474800, 3600) == 1795561200);
}

/* ---- against a slow, plain reference: every member's level by long division, ranks by walking */

static uint64_t next_random(uint64_t *seed)
{
    *seed = *seed * 6364136223846793005u + 1442695040888963407u;
    return *seed >> 33;
}

/* A user ranks above another exactly if, where their ways part, its branch has the higher level. */
static int expected_order(const struct fairshare *fs, uint32_t a, uint32_t b)
{
    uint32_t up_a[64], up_b[64], na = 0, nb = 0;

    for (uint32_t i = a; i; i = fairshare_at(fs, i)->parent)
        up_a[na++] = i;
    for (uint32_t i = b; i; i = fairshare_at(fs, i)->parent)
        up_b[nb++] = i;
    while (na > 0 && nb > 0 && up_a[na - 1] == up_b[nb - 1])
        na--, nb--;
    const struct share *x = fairshare_at(fs, up_a[na - 1]), *y = fairshare_at(fs, up_b[nb - 1]);
    if (isinf(x->level) || isinf(y->level))
        return !!isinf(x->level) - !!isinf(y->level);
    unsigned __int128 p = (unsigned __int128)x->shares * y->usage;
    unsigned __int128 q = (unsigned __int128)y->shares * x->usage;
    return (p > q) - (p < q);
}

static struct fairshare *random_tree(uint64_t *seed)
{
    struct fairshare *fs = fairshare_new();
    uint32_t accounts[16] = { FAIRSHARE_ROOT }, n = 1;
    char name[16];

    for (unsigned i = 0; i < 60; i++) {
        bool is_user = n == 16 || next_random(seed) % 4 > 0;
        struct share_row row = { name, accounts[next_random(seed) % n],
                                 1 + (uint32_t)next_random(seed) % 3, is_user };
        snprintf(name, sizeof name, "%c%u", is_user ? 'u' : 'a', i);
        uint32_t at = fairshare_add(fs, row);
        if (!is_user)
            accounts[n++] = at;
        else
            fairshare_charge(fs, at, (double)(next_random(seed) % 4) * 100);
    }
    return fs;
}

static void check_random_tree(const struct fairshare *fs)
{
    uint32_t best = 0;

    for (uint32_t a = 0; a < fairshare_count(fs); a++) {
        const struct share *x = fairshare_at(fs, a);
        best = x->is_user && x->rank > best ? x->rank : best;
        for (uint32_t b = 0; x->is_user && b < fairshare_count(fs); b++) {
            const struct share *y = fairshare_at(fs, b);
            int order = y->is_user && a != b ? expected_order(fs, a, b) : 0;
            assert_true(order <= 0 || x->rank > y->rank);
            if (order == 0 && y->is_user && x->parent == y->parent)
                assert_int_equal(x->rank, y->rank);
        }
    }
    assert_int_equal(best, fairshare_users(fs));
}

static void random_trees_are_in_order(void **state)
{
    for (uint64_t seed = 1; seed <= 200; seed++) {
        uint64_t s = seed;
        struct fairshare *fs = random_tree(&s);
        fairshare_rank(fs);
        check_random_tree(fs);
        fairshare_free(fs);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(case_a_without_ties),
        cmocka_unit_test(case_b_ties_and_zeros),
        cmocka_unit_test(case_c_tied_accounts),
        cmocka_unit_test(case_d_large_spread),
        cmocka_unit_test(everybody_is_first_before_any_usage),
        cmocka_unit_test(a_tie_with_an_empty_account_is_shared_with_nobody),
        cmocka_unit_test(usage_decays_as_seen),
        cmocka_unit_test(the_scale_comes_round),
        cmocka_unit_test(usage_stays_without_half_life_and_saturates),
        cmocka_unit_test(names_are_found),
        cmocka_unit_test(parent_accounts_lift_their_members),
        cmocka_unit_test(classic_follows_its_formula),
        cmocka_unit_test(resets_fall_on_midnights),
        cmocka_unit_test(random_trees_are_in_order),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
