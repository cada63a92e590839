/* The text around a credential: "MUNGE:" base64 ":" (contracts/munge.md section 3). */
#ifndef AUTH_ARMOR_H
#define AUTH_ARMOR_H

#include "base/buf.h"
#include "base/err.h"

void armor_put(struct buf *out, const uint8_t *raw, size_t len);

/* Replaces *out by the bytes inside.  White space is skipped wherever it is; what follows the last
 * colon is ignored. 0 or a negated enum munge_code. */
int armor_get(const char *text, size_t len, struct buf *out, struct err *e);

#endif
