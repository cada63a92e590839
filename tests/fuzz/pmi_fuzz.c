/* A task says anything at all, in pieces; the first byte says how long they are. */
#include "base/cleanup.h"
#include "node/pmi.h"

#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint32_t ranks[] = { 0, 1 };
    CLEANUP(pmi_fini) struct pmi p;

    pmi_init(&p, "1.0", "(vector,(0,1,2))", 2, &(struct u32s){ ranks, 2 });
    size_t piece = size ? (size_t)data[0] + 1 : 1;
    for (size_t at = size > 0; at < size; at += piece) {
        size_t len = size - at < piece ? size - at : piece;
        if (pmi_input(&p, at & 1, data + at, len) < 0)
            return 0;
        if (p.is_fence_ready)
            pmi_fence_over(&p, p.fence.data, p.fence.len);
        pmi_fence_over(&p, data + at, len);
    }
    return 0;
}
