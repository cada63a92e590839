/* Nettle behind MUNGE's numbers.  Every state is a plain struct in memory that the caller owns, so
 * that keyed ones lie where keys lie: locked, out of core dumps, wiped. */
#ifndef AUTH_PRIMITIVES_H
#define AUTH_PRIMITIVES_H

#include "auth/munge.h"
#include "base/err.h"
#include <nettle/md5.h>
#include <nettle/ripemd160.h>
#include <nettle/sha1.h>
#include <nettle/sha2.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#define SUBKEY_LEN 20

union digest {
    struct md5_ctx md5;
    struct sha1_ctx sha1;
    struct ripemd160_ctx ripemd160;
    struct sha256_ctx sha256;
    struct sha512_ctx sha512;
};

/* An HMAC that has taken its key in, for each MAC: a credential need not do it again. */
struct hmac {
    struct {
        union digest outer, inner, running;
    } keyed[MACS];
};
void hmac_init(struct hmac *h, const uint8_t secret[SUBKEY_LEN]);

/* HMAC over the two parts; ret has munge_macs[mac].len bytes. */
void hmac_compute(struct hmac *h, int mac, const struct iovec parts[2], uint8_t *ret);

/* CBC over whole blocks, in place or not; padding is the caller's. */
struct cbc {
    int cipher;
    bool encrypt;
    const uint8_t *key, *iv;
};
void cbc_run(const struct cbc *c, const uint8_t *in, size_t len, uint8_t *out);

int random_bytes(uint8_t *ret, size_t len, struct err *e);         /* the kernel's */
bool equal_secret(const uint8_t *a, const uint8_t *b, size_t len); /* in constant time */
void wipe(void *p, size_t len);

#endif
