/* What a client says to munged and hears from it (contracts/munge.md section 5).  The daemon's half
 * is in munged/request.c; neither can parse what the other parses. */
#ifndef AUTH_MUNGE_MESSAGE_H
#define AUTH_MUNGE_MESSAGE_H

#include "auth/munge_client.h"

#define MUNGE_REPLY_MAX (4u << 20) /* bytes; no honest reply comes near */
#define MUNGE_RETRY_AT 6           /* where the retry byte is in a message */

/* Each replaces *out by a whole request.  -MUNGE_TOO_LONG when the body would be over
 * MUNGE_BODY_MAX. */
int munge_put_encode(struct buf *out, const struct munge_wish *wish, struct err *e);
int munge_put_decode(struct buf *out, const char *cred, size_t len, struct err *e);
void munge_put_status(struct buf *out);

/* How long the reply whose first `len` bytes are here will be; 0: not known yet; -1: this is no
 * reply. */
ssize_t munge_reply_length(const uint8_t *p, size_t len, int type);

/* Of a whole reply.  0, or the negated code of the daemon with its text.  Pointers are into p. */
int munge_get_encoded(const uint8_t *p, size_t len, const char **ret_cred, struct err *e);
int munge_get_decoded(const uint8_t *p, size_t len, struct munge_found *ret, struct err *e);
int munge_get_status(const uint8_t *p, size_t len, const char **ret, size_t *ret_len,
                     struct err *e);

#endif
