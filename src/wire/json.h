/* JSON of any message, by the names in its rows.  Writing streams; reading is by jansson. */
#ifndef WIRE_JSON_H
#define WIRE_JSON_H

#include "wire/wire.h"

/* Appends one JSON object (no newline).  OPT_ members that are not set are left out unless
 * JSON_ALL; with JSON_SLURM they become {"set":..,"infinite":..,"number":..} as Slurm's data_parser
 * prints them. */
#define JSON_PRETTY 1u
#define JSON_ALL 2u
#define JSON_SLURM 4u
void json_write(const struct desc *d, const void *msg, unsigned flags, struct buf *out);
void json_write_string(const char *s,
                       struct buf *out); /* quoted and escaped; bad UTF-8 becomes U+FFFD */

#endif
