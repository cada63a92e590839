/* The one form of everything the journal writes: facts, snapshots, scripts, accounting events.
 *
 * Little-endian: length u32 (of the body), kind u16, version u16, number u64, CRC-32C of these 16
 * bytes u32, body, CRC-32C of the body u32.  The number is a sequence, or the key of a blob. */
#ifndef JOURNAL_RECORD_H
#define JOURNAL_RECORD_H

#include "base/buf.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RECORD_HEAD 20u
#define RECORD_TAIL 4u
#define RECORD_BODY_MAX (128u << 20)

/* Kinds that are not facts: what a file says about itself, and the last record of a snapshot. */
#define RECORD_FILE 0xfff0u
#define RECORD_END 0xfff1u

/* Flags of a record within the batch of one commit.  A batch counts as a whole or not at all. */
#define RECORD_FIRST 0x8000u
#define RECORD_LAST 0x4000u

struct record {
    uint16_t kind;
    uint16_t flags; /* RECORD_FIRST, RECORD_LAST */
    uint64_t number;
    const uint8_t *body; /* points into what was parsed */
    uint32_t len;
    size_t size; /* of the whole record */
};

/* Writing: begin, append the body to the same buf, end.  `at` is what begin returned. */
size_t record_begin(struct buf *b, uint16_t kind, uint64_t number);
void record_end(struct buf *b, size_t at, uint16_t flags);
void record_flag(uint8_t *record, uint16_t flags); /* adds flags to a finished record */

/* False: no whole, sound record starts at p. */
bool record_read(const uint8_t *p, size_t left, struct record *ret);
/* The head only: body is NULL and unchecked, and may lie past `left`. */
bool record_read_head(const uint8_t *p, size_t left, struct record *ret);

/* The next offset >= from where a head may start; `len` when there is none.  Cheap over long runs
 * of zeros. */
size_t record_find(const uint8_t *p, size_t len, size_t from);

/* Bodies of RECORD_FILE and RECORD_END: up to three numbers. */
struct record_numbers {
    uint64_t v[3];
};
void record_put_numbers(struct buf *b, uint16_t kind, uint64_t number, struct record_numbers n);
bool record_get_numbers(const struct record *r, struct record_numbers *ret);

#endif
