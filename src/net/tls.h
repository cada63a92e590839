/* TLS 1.3 with an external pre-shared key over a descriptor; no certificates.  OpenSSL stays
 * behind this file. Works on blocking and non-blocking descriptors; shared by conn.c and
 * client/. */
#ifndef NET_TLS_H
#define NET_TLS_H

#include "base/err.h"
#include <stddef.h>
#include <stdint.h>

#define TLS_PSK_LEN 32

/* Instead of a count: the descriptor must become readable or writable first, or the connection
 * is broken. */
#define TLS_WANT_READ (-1)
#define TLS_WANT_WRITE (-2)
#define TLS_BROKEN (-3)

struct tls_ctx; /* one a process is enough; made when the first TCP connection needs it */
struct tls;

int tls_ctx_new(struct tls_ctx **ret, struct err *e);
void tls_ctx_free(struct tls_ctx *c); /* accepts NULL */

/* Takes a copy of the key and wipes it after the handshake.  Does not own fd.  NULL when out of
 * memory. */
struct tls *tls_new(struct tls_ctx *c, int fd, int is_server, const uint8_t psk[TLS_PSK_LEN]);
void tls_free(struct tls *t); /* accepts NULL; sends a good-bye when the connection is up */

/* 0 when it is complete, or one of the above. */
int tls_handshake(struct tls *t);
/* > 0, 0 at the orderly end (reading), or one of the above. */
long tls_read(struct tls *t, void *p, size_t len);
long tls_write(struct tls *t, const void *p, size_t len);
const char *tls_why(const struct tls *t); /* after TLS_BROKEN */

#endif
