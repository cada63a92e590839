/* Any body of any message, as a peer may send it: the first two bytes choose the message, the rest
 * is its body.  Refused in words, or understood within the bound on memory and the same after a
 * round trip. */
#include "base/limits.h"
#include "wire/wire.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena a = { 0 };
    struct buf packed = { 0 };
    struct err e = { 0 };
    void *msg, *again;

    if (size < 2)
        return 0;
    const struct desc *d = all_descs[(data[0] | (unsigned)data[1] << 8) % all_descs_count];
    size_t len = size - 2;
    if (wire_unpack_new(d, data + 2, len, &a, &msg, &e) == 0) {
        wire_pack(d, msg, &packed);
        assert(wire_unpack_new(d, packed.data, packed.len, &a, &again, &e) == 0);
        assert(wire_equal(d, msg, again));
        assert(wire_equal(d, msg, wire_dup(d, msg, &a)));
    } else {
        assert(e.text[0] && e.code);
    }
    buf_fini(&packed);
    arena_fini(&a);
    return 0;
}
