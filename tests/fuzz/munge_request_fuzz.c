/* Socket messages to munged: whatever arrives, whole or in part. */
#include "munged/request.h"

#include <assert.h>
#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct request q;
    size_t need = 0;

    enum request_state state = request_read(data, size, &q, &need);
    assert(need <= MUNGE_HEADER + MUNGE_BODY_MAX);
    if (state == REQUEST_WHOLE && q.data_len > 0)
        assert(q.data >= data && q.data + q.data_len <= data + size);
    return 0;
}
