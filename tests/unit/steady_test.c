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

/* Both clocks a second after the other; the wall clock was set by `jump` seconds when mono was 100.
 */
static int64_t told_at(struct steady *s, int64_t mono_s, int64_t jump_s)
{
    return steady_now(s, mono_s * S, (1000000 + mono_s + (mono_s >= 100 ? jump_s : 0)) * S);
}

/* How long a job that started at 60 with this limit really ran, when the clock was set at 100. */
static int64_t real_run_time(int64_t limit_s, int64_t jump_s)
{
    struct steady s = { 0 };
    int64_t start = 0, mono = 1;

    for (;; mono++) {
        int64_t now = told_at(&s, mono, jump_s);
        start = mono == 60 ? now : start;
        if (mono > 60 && now >= start + limit_s * S)
            return mono - 60;
    }
}

static void a_step_of_an_hour_changes_a_time_limit_by_an_eighth_at_most(void **state)
{
    static const int64_t limits_s[] = { 60, 600, 3600, 86400 };

    for (size_t i = 0; i < sizeof limits_s / sizeof limits_s[0]; i++) {
        int64_t limit = limits_s[i];
        assert_in_range(real_run_time(limit, 0), limit, limit);
        assert_in_range(real_run_time(limit, 3600), limit * 8 / 9, limit);
        assert_in_range(real_run_time(limit, -3600), limit, limit * 8 / 7 + 1);
    }
    /* The whole correction is the step, however long the job. */
    assert_in_range(real_run_time(86400, 3600), 86400 - 3600 - 1, 86400 - 3600 + 1);
}

/* After a step ahead a job begins late by what is left of the lag, never early; eight hours after
 * the step it begins on the second. */
static void begin_times_follow_the_new_clock_slowly(void **state)
{
    struct steady s = { 0 };

    for (int64_t mono = 1; mono < 30000; mono++) {
        int64_t wall = 1000000 + mono + (mono >= 100 ? 3600 : 0);
        int64_t told = told_at(&s, mono, 3600) / S;
        assert_in_range(told, wall - 3600, wall);
        if (mono >= 100 + 8 * 3600)
            assert_int_equal(told, wall);
    }
}

int main(void)
{
    return RUN(T(it_starts_at_the_wall_clock_and_follows_small_differences),
               T(a_jump_ahead_brings_nothing_at_once), T(time_never_goes_back),
               T(a_step_of_an_hour_changes_a_time_limit_by_an_eighth_at_most),
               T(begin_times_follow_the_new_clock_slowly));
}
