/* The only caller of clock_gettime: everybody else is told the time (HOUSE section 2). */
#include "base/clock.h"

#include <time.h>

#define NS_PER_S INT64_C(1000000000)

static int64_t read_ns(clockid_t id)
{
    struct timespec ts;

    clock_gettime(id, &ts); /* cannot fail for the two clocks below */
    return ts.tv_sec * NS_PER_S + ts.tv_nsec;
}

int64_t clock_mono_ns(void)
{
    return read_ns(CLOCK_MONOTONIC);
}

int64_t clock_wall_ns(void)
{
    return read_ns(CLOCK_REALTIME);
}

int64_t clock_wall_s(void)
{
    return read_ns(CLOCK_REALTIME) / NS_PER_S;
}
