/* OpenSSL behind MUNGE's numbers.  Every object is fetched on first use and kept: a daemon that
 * sees only the defaults loads SHA-256 and AES-128 and nothing else, and the legacy provider only
 * for Blowfish and CAST5. */
#ifndef AUTH_PRIMITIVES_H
#define AUTH_PRIMITIVES_H

#include "auth/munge.h"
#include "base/err.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#define SUBKEY_LEN 20

struct primitives; /* one per thread */

struct primitives *primitives_new(void);
void primitives_free(struct primitives *p); /* accepts NULL */

/* A keyed HMAC for each MAC, made on first use; zeroed is valid.  The secret stays with the owner.
 */
struct hmac {
    const uint8_t *secret; /* SUBKEY_LEN bytes */
    void *keyed[MACS];
};
void hmac_fini(struct hmac *h);

/* HMAC over the two parts; ret has munge_macs[mac].len bytes. */
int hmac_compute(struct primitives *p, struct hmac *h, int mac, const struct iovec parts[2],
                 uint8_t *ret, struct err *e);

/* CBC over whole blocks, in place or not; padding is the caller's.  False: out of reach of this
 * OpenSSL. */
struct cbc {
    int cipher;
    bool encrypt;
    const uint8_t *key, *iv;
};
int cbc_run(struct primitives *p, const struct cbc *c, const uint8_t *in, size_t len, uint8_t *out,
            struct err *e);

/* Random bytes from OpenSSL's generator, which the kernel seeds. */
int random_bytes(uint8_t *ret, size_t len, struct err *e);
bool equal_secret(const uint8_t *a, const uint8_t *b, size_t len); /* in constant time */
void wipe(void *p, size_t len);

#endif
