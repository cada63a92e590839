/* The wall clock as the core is told it: it never jumps (reliability F10).
 *
 * Time goes on with the monotonic clock.  Small differences to the wall clock (NTP's daily work)
 * are followed at once; after a jump we drift towards it by one eighth of the time that passes, so
 * that nobody's time limit or begin time comes all at once. */
#ifndef SLURMCTLD_STEADY_H
#define SLURMCTLD_STEADY_H

#include <stdint.h>

struct steady {
    int64_t offset_ns; /* told time = monotonic + offset */
    int64_t last_ns;   /* monotonic, of the last call; 0: none yet */
    int64_t lag_ns;    /* wall clock minus told time, after the last call */
};

#define STEADY_SMALL_NS 500000000ll

/* Both clocks are read by the caller.  The told time in ns. */
int64_t steady_now(struct steady *s, int64_t mono_ns, int64_t wall_ns);

#endif
