/* CRC-32C (Castagnoli) of bytes on disk. */
#ifndef BASE_CRC32C_H
#define BASE_CRC32C_H

#include <stddef.h>
#include <stdint.h>

/* Continues from `crc`, which is 0 at the start. */
uint32_t crc32c(uint32_t crc, const void *p, size_t len);

#endif
