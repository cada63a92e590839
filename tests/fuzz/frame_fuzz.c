/* Whatever bytes a peer sends: parsing walks frames that lie inside the buffer, ends, and agrees
 * with itself. */
#include "base/limits.h"
#include "net/frame.h"

#include <assert.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const uint8_t *at = data;
    size_t left = size;
    struct frame f;
    int64_t n;

    while ((n = frame_parse(at, left, FRAME_UNAUTH_MAX, &f)) > 0) {
        uint8_t header[FRAME_HEADER];
        assert((size_t)n <= left && f.body + f.len <= data + size);
        assert(f.len <= FRAME_UNAUTH_MAX && frame_missing(at, (size_t)n) == 0);
        frame_header(&f, header);
        assert(memcmp(header, at, sizeof header) == 0);
        at += n;
        left -= (size_t)n;
    }
    if (n == 0)
        assert(frame_missing(at, left) > 0);
    return 0;
}
