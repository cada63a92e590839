/* CRC-32C: the processor's instruction where it has one, else one table lookup a byte. */
#include "base/crc32c.h"

#include <string.h>

#if defined(__SSE4_2__)

#include <nmmintrin.h>

uint32_t crc32c(uint32_t crc, const void *p, size_t len)
{
    const uint8_t *at = p;
    uint64_t sum = ~crc;

    for (; len >= 8; at += 8, len -= 8) {
        uint64_t word;
        memcpy(&word, at, sizeof word);
        sum = _mm_crc32_u64(sum, word);
    }
    for (; len > 0; at++, len--)
        sum = _mm_crc32_u8((uint32_t)sum, *at);
    return ~(uint32_t)sum;
}

#else

/* The remainder of one byte, bit by bit: slow, short, and right everywhere. */
static uint32_t step(uint32_t sum)
{
    for (int bit = 0; bit < 8; bit++)
        sum = sum >> 1 ^ (sum & 1 ? 0x82F63B78u : 0);
    return sum;
}

uint32_t crc32c(uint32_t crc, const void *p, size_t len)
{
    const uint8_t *at = p;
    uint32_t sum = ~crc;

    for (; len > 0; at++, len--)
        sum = step((sum ^ *at) & 0xff) ^ sum >> 8;
    return ~sum;
}

#endif
