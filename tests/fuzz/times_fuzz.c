/* Any text as a span, a point in time and a size; what was understood is shown and read back. */
#include "base/arena.h"
#include "base/times.h"

#include <assert.h>
#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena a = { 0 };
    char shown[TIMES_TEXT];
    uint32_t minutes, again;
    int64_t point, same;
    uint64_t mb;
    struct err e;

    setenv("TZ", "UTC", 1); /* local times are ambiguous for one hour a year; these are not */
    char *text = arena_strndup(&a, (const char *)data, size);
    if (times_parse_minutes(text, &minutes, &e) == 0) {
        assert(times_parse_minutes(times_minutes(minutes, shown), &again, &e) == 0);
        assert(again == minutes);
    }
    for (int past = 0; past < 2; past++) {
        if (times_parse_point(text, 1795424400, past, &point, &e) < 0 || point == 0)
            continue;
        assert(times_parse_point(times_iso(point, shown), 0, past, &same, &e) < 0 || same == point);
    }
    times_point(1795424400, 1795410000, text, "N/A", shown);
    if (times_parse_size_mb(text, 'G', &mb, &e) == 0)
        assert(mb <= INT64_MAX >> 20);
    arena_fini(&a);
    return 0;
}
