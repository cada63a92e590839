/* The 16-byte frame header, as bytes and as numbers.  Pure; shared by conn.c and client/. */
#ifndef NET_FRAME_H
#define NET_FRAME_H

#include <stddef.h>
#include <stdint.h>

#define FRAME_MAGIC 0x534C5531u /* "SLU1" */
#define FRAME_REPLY 1u
#define FRAME_ERROR 2u

struct frame {
    uint16_t opcode;
    uint16_t flags;
    uint32_t request;    /* chosen by the asking side; the same id in a retry is the same request */
    const uint8_t *body; /* valid during the callback only */
    uint32_t len;
};

/* Writes FRAME_HEADER bytes; the body follows unchanged. */
void frame_header(const struct frame *f, uint8_t *out);

/* Reads one frame from the start of `data` without copying: the number of bytes it takes, 0 when
 * more are needed (*ret then untouched), -EBADMSG for a wrong magic, -EMSGSIZE when the body is
 * over `body_max`. Says no as soon as the header is there: nothing is ever allocated for a
 * length that is too big. */
int64_t frame_parse(const uint8_t *data, size_t len, uint32_t body_max, struct frame *ret);

/* How many bytes beyond `len` complete the frame that starts at `data`: the rest of the header
 * while that is not there, the rest of the body after it.  0 when the frame is complete. */
size_t frame_missing(const uint8_t *data, size_t len);

#endif
