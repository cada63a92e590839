/* Replies as the client reads them: a daemon, too, may be hostile. */
#include "auth/munge_message.h"

#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct munge_found found;
    const char *text;
    struct err e = { 0 };
    size_t len = 0;

    munge_reply_length(data, size, MUNGE_DECODE_REPLY);
    if (size < MUNGE_HEADER)
        return 0;
    if (munge_get_encoded(data, size, &text, &e) == 0)
        assert(strlen(text) < size);
    munge_get_decoded(data, size, &found, &e);
    if (found.has_fields && found.len > 0)
        assert(found.payload >= data && found.payload + found.len <= data + size);
    if (munge_get_status(data, size, &text, &len, &e) == 0)
        assert(len <= size);
    return 0;
}
