/* Base64 as MUNGE reads it: no library's decoder agrees with it about white space and padding. */
#include "auth/armor.h"

#include "auth/munge.h"

#include <nettle/base64.h>
#include <stdbool.h>
#include <string.h>

#define PREFIX "MUNGE:"
#define PREFIX_LEN (sizeof PREFIX - 1)

enum { BAD = 64, BLANK = 65, PAD = 66 }; /* below 64: the value of a symbol */

/* What a byte means: rows of 16, from 0x00. */
/* clang-format off */
static const uint8_t meaning[256] = {
#define B BAD
#define W BLANK
    B, B, B, B, B, B, B, B, B, W, W, W, W, W, B, B,
    B, B, B, B, B, B, B, B, B, B, B, B, B, B, B, B,
    W, B, B, B, B, B, B, B, B, B, B, 62, B, B, B, 63,
    52, 53, 54, 55, 56, 57, 58, 59, 60, 61, B, B, B, PAD, B, B,
    B, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14,
    15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, B, B, B, B, B,
    B, 26, 27, 28, 29, 30, 31, 32, 33, 34, 35, 36, 37, 38, 39, 40,
    41, 42, 43, 44, 45, 46, 47, 48, 49, 50, 51, B, B, B, B, B,
    [128 ... 255] = B,
#undef W
#undef B
};
/* clang-format on */

void armor_put(struct buf *out, const uint8_t *raw, size_t len)
{
    buf_reserve(out, PREFIX_LEN + (len + 2) / 3 * 4 + 2);
    buf_put(out, PREFIX, PREFIX_LEN);
    base64_encode_raw((char *)out->data + out->len, len, raw);
    out->len += BASE64_ENCODE_RAW_LENGTH(len);
    buf_putc(out, ':');
}

/* `out` has room for 3/4 of len, rounded up.  False when this is not base64. */
static bool base64_get(const uint8_t *in, size_t len, struct buf *out)
{
    uint32_t bits = 0;
    size_t symbols = 0, pads = 0;
    uint8_t *at = out->data;

    for (size_t i = 0; i < len; i++) {
        uint8_t m = meaning[in[i]];
        if (m == BLANK)
            continue;
        if (m == PAD && pads < 2) {
            pads++;
            continue;
        }
        if (m >= BAD || pads > 0)
            return false;
        bits = bits << 6 | m;
        if (++symbols % 4 != 0)
            continue;
        *at++ = (uint8_t)(bits >> 16);
        *at++ = (uint8_t)(bits >> 8);
        *at++ = (uint8_t)bits;
    }
    if ((symbols + pads) % 4 != 0)
        return false;
    if (pads == 2)
        *at++ = (uint8_t)(bits >> 4);
    if (pads == 1) {
        *at++ = (uint8_t)(bits >> 10);
        *at++ = (uint8_t)(bits >> 2);
    }
    out->len = (size_t)(at - out->data);
    return true;
}

int armor_get(const char *text, size_t len, struct buf *out, struct err *e)
{
    while (len > 0 && meaning[(uint8_t)*text] == BLANK) {
        text++;
        len--;
    }
    if (len == 0 || *text == '\0')
        return err_set(e, MUNGE_BAD_ARG, "No credential specified");
    if (len < PREFIX_LEN || memcmp(text, PREFIX, PREFIX_LEN) != 0)
        return err_set(e, MUNGE_BAD_CRED, "Failed to match armor prefix");
    text += PREFIX_LEN;
    len -= PREFIX_LEN;
    const char *end = memrchr(text, ':', len);
    if (!end)
        return err_set(e, MUNGE_BAD_CRED, "Failed to match armor suffix");
    buf_reset(out);
    buf_reserve(out, (size_t)(end - text) / 4 * 3 + 3);
    if (!base64_get((const uint8_t *)text, (size_t)(end - text), out))
        return err_set(e, MUNGE_BAD_CRED, "Failed to base64-decode credential");
    return 0;
}
