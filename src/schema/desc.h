/* What a row of schema/msg becomes: data that walkers read.  No logic here. */
#ifndef SCHEMA_DESC_H
#define SCHEMA_DESC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Kinds of members.  The C type of each is in messages.h; the encoding is protobuf's:
 * varint for numbers (signed ones zigzag), length-delimited for the rest.
 * Absent means: false, 0, "", empty, not set, NULL.  Where absent differs from zero an OPT_ kind is
 * used. */
enum kind {
    KIND_BOOL,
    KIND_U32,
    KIND_U64,
    KIND_I32,
    KIND_I64,
    KIND_F64,
    KIND_STR, /* UTF-8 or any bytes without NUL; never NULL after unpacking */
    KIND_BYTES,
    KIND_STRS, /* repeated string */
    KIND_U32S, /* packed repeated */
    KIND_OPT_BOOL,
    KIND_OPT_U32,
    KIND_OPT_U64,
    KIND_OPT_I64,
    KIND_ONE,  /* pointer to a message, NULL when absent */
    KIND_LIST, /* repeated message */
};

struct desc;

struct field {
    uint16_t tag;
    uint8_t kind; /* enum kind */
    size_t offset;
    const char *name; /* member name */
    const char *json; /* JSON name */
    const char *doc;
    const struct desc *sub; /* KIND_ONE, KIND_LIST */
};

struct desc {
    const char *name;
    const char *doc;
    size_t size;                         /* sizeof the struct */
    const struct field *(*fields)(void); /* count of them, ascending tags; always the same array */
    uint16_t count;
};

const struct field *desc_field(const struct desc *d,
                               const char *name); /* by member name; NULL when unknown */

#endif
