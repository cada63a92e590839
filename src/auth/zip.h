/* Compression inside a credential: 0xCACACACA, clear length, stream (contracts/munge.md section 3).
 */
#ifndef AUTH_ZIP_H
#define AUTH_ZIP_H

#include "base/buf.h"
#include "base/err.h"
#include <stdbool.h>
#include <stdint.h>

#define ZIP_META 8u

/* Appends the compressed form.  False when it would not be shorter than the clear one: *out is then
 * as before. */
bool zip_pack(int zip, const uint8_t *clear, size_t len, struct buf *out);

/* Replaces *out.  A declared length above `max` is refused before anything is allocated. */
int zip_unpack(int zip, const uint8_t *in, size_t len, size_t max, struct buf *out, struct err *e);

#endif
