/* The clock that the core is told: it follows, and it never jumps. */
#include "test.h"

#include "slurmctld/steady.h"

#define S 1000000000ll

static void it_starts_at_the_wall_clock_and_follows_small_differences(void **state)
{
    struct steady s = { 0 };

    assert_int_equal(steady_now(&s, 5 * S, 1000 * S), 1000 * S);
    assert_int_equal(steady_now(&s, 6 * S, 1001 * S), 1001 * S);
    assert_int_equal(steady_now(&s, 7 * S, 1002 * S + S / 10), 1002 * S + S / 10);
    assert_int_equal(s.lag_ns, 0);
}

static void a_jump_ahead_brings_nothing_at_once(void **state)
{
    struct steady s = { 0 };

    steady_now(&s, 5 * S, 1000 * S);
    int64_t now = steady_now(&s, 6 * S, 1001 * S + 3600 * S);
    assert_true(now <= 1001 * S + S / 8);
    for (int i = 7; i < 40000; i++)
        now = steady_now(&s, i * S, (i + 995 + 3600) * S);
    assert_int_equal(now, (39999 + 995 + 3600) * S);
}

static void time_never_goes_back(void **state)
{
    struct steady s = { 0 };
    int64_t last = steady_now(&s, 5 * S, 1000 * S);

    for (int i = 1; i < 1000; i++) {
        int64_t now = steady_now(&s, 5 * S + i * S / 10, (i % 7) * 100000 * S);
        assert_true(now >= last);
        last = now;
    }
    assert_true(steady_now(&s, 106 * S, 1 * S) >= last);
}

int main(void)
{
    return RUN(T(it_starts_at_the_wall_clock_and_follows_small_differences),
               T(a_jump_ahead_brings_nothing_at_once), T(time_never_goes_back));
}
