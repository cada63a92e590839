/* Numeric members of any kind as one 64-bit value: what packing, tables, JSON and random tests
 * share. */
#ifndef WIRE_NUMBER_H
#define WIRE_NUMBER_H

#include "schema/desc.h"

bool number_is(const struct field *f); /* is the member a number (booleans included, F64 not)? */
bool number_is_signed(const struct field *f); /* I32, I64, OPT_I64 */
bool number_is_optional(const struct field *f);

/* The value at p; signed kinds are sign-extended.  False: absent, that is 0, false, or an optional
 * that is not set. */
bool number_get(const struct field *f, const void *p, uint64_t *ret);

/* Stores v at p; an optional becomes set. */
void number_set(const struct field *f, void *p, uint64_t v);

#endif
