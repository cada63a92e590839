/* See steady.h. */
#include "slurmctld/steady.h"

static int64_t clamp(int64_t v, int64_t limit)
{
    if (v > limit)
        return limit;
    return v < -limit ? -limit : v;
}

int64_t steady_now(struct steady *s, int64_t mono_ns, int64_t wall_ns)
{
    if (s->last_ns == 0)
        s->offset_ns = wall_ns - mono_ns;

    int64_t passed = s->last_ns ? mono_ns - s->last_ns : 0;
    int64_t lag = wall_ns - (mono_ns + s->offset_ns);
    int64_t small = lag >= -STEADY_SMALL_NS && lag <= STEADY_SMALL_NS;
    int64_t step = small ? lag : clamp(lag, passed / 8);

    /* Going back is never faster than time goes on: what is told does not decrease. */
    if (step < -passed)
        step = -passed;
    s->offset_ns += step;
    s->lag_ns = lag - step;
    s->last_ns = mono_ns;
    return mono_ns + s->offset_ns;
}
