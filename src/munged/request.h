/* The two (and our one) messages that munged accepts, and the replies it writes.  There is no
 * parser for replies in this daemon (security R2, CVE-2026-25506). */
#ifndef MUNGED_REQUEST_H
#define MUNGED_REQUEST_H

#include "auth/cred.h"
#include "base/buf.h"

/* Lengths are those of the message; nothing here is terminated or trusted. */
struct request {
    uint8_t type, retry;
    uint8_t cipher, mac, zip; /* encode only, as are the next three lines */
    uint8_t realm_len;
    const uint8_t *realm;
    uint32_t ttl_s, auth_uid, auth_gid;
    const uint8_t *data; /* payload to encode, or text to decode */
    uint32_t data_len;
};

enum request_state {
    REQUEST_MORE, /* *ret_need says how long the message will be, as far as known */
    REQUEST_WHOLE,
    REQUEST_BAD, /* hang up without an answer */
};

/* Judges what has arrived so far.  Pointers in *ret are into p. */
enum request_state request_read(const uint8_t *p, size_t len, struct request *ret,
                                size_t *ret_need);

/* Each replaces *out by a whole message. */
void reply_encoded(struct buf *out, uint8_t retry, int code, const char *text,
                   const struct buf *cred);
/* c NULL: the answer for errors that reveal nothing. */
void reply_decoded(struct buf *out, uint8_t retry, int code, const char *text, const struct cred *c,
                   uint32_t now);
void reply_status(struct buf *out, uint8_t retry, const char *status);

#endif
