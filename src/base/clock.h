/* The only caller of clock_gettime.  Monotonic for waiting, wall clock for showing and planning. */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stdint.h>

int64_t clock_mono_ns(void);
int64_t clock_wall_ns(void);
int64_t clock_wall_s(void);

#endif
