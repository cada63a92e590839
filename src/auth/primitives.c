/* Nettle behind MUNGE's numbers, by two tables. */
#include "auth/primitives.h"

#include <nettle/aes.h>
#include <nettle/blowfish.h>
#include <nettle/cast128.h>
#include <nettle/cbc.h>
#include <nettle/hmac.h>
#include <nettle/memops.h>
#include <nettle/nettle-meta.h>
#include <string.h>
#include <sys/random.h>

static const struct nettle_hash *const hashes[MACS] = {
    [MAC_MD5] = &nettle_md5,
    [MAC_SHA1] = &nettle_sha1,
    [MAC_RIPEMD160] = &nettle_ripemd160,
    [MAC_SHA256] = &nettle_sha256,
    [MAC_SHA512] = &nettle_sha512,
};

/* ---- HMAC */

void hmac_init(struct hmac *h, const uint8_t secret[SUBKEY_LEN])
{
    for (int i = 0; i < MACS; i++)
        if (hashes[i])
            hmac_set_key(&h->keyed[i].outer, &h->keyed[i].inner, &h->keyed[i].running, hashes[i],
                         SUBKEY_LEN, secret);
}

/* Nettle winds `running` back to the key when it has given the digest. */
void hmac_compute(struct hmac *h, int mac, const struct iovec parts[2], uint8_t *ret)
{
    const struct nettle_hash *hash = hashes[mac];
    union digest *running = &h->keyed[mac].running;

    for (unsigned i = 0; i < 2; i++)
        hmac_update(running, hash, parts[i].iov_len, parts[i].iov_base);
    hmac_digest(&h->keyed[mac].outer, &h->keyed[mac].inner, running, hash, hash->digest_size, ret);
}

/* ---- ciphers */

union cipher_state {
    struct aes128_ctx aes128;
    struct aes256_ctx aes256;
    struct blowfish_ctx blowfish;
    struct cast128_ctx cast128;
};

/* Weak keys, of which it tells, come out of an HMAC as rarely as any other. */
static void blowfish_key(void *ctx, const uint8_t *key)
{
    blowfish128_set_key(ctx, key);
}

static void blowfish_to(const void *ctx, size_t len, uint8_t *out, const uint8_t *in)
{
    blowfish_encrypt(ctx, len, out, in);
}

static void blowfish_from(const void *ctx, size_t len, uint8_t *out, const uint8_t *in)
{
    blowfish_decrypt(ctx, len, out, in);
}

/* Nettle has rows of this kind for the others. */
static const struct nettle_cipher blowfish = {
    "blowfish",          sizeof(struct blowfish_ctx),
    BLOWFISH_BLOCK_SIZE, BLOWFISH128_KEY_SIZE,
    blowfish_key,        blowfish_key,
    blowfish_to,         blowfish_from,
};

static const struct nettle_cipher *const ciphers[CIPHERS] = {
    [CIPHER_BLOWFISH] = &blowfish,
    [CIPHER_CAST5] = &nettle_cast128,
    [CIPHER_AES128] = &nettle_aes128,
    [CIPHER_AES256] = &nettle_aes256,
};

void cbc_run(const struct cbc *c, const uint8_t *in, size_t len, uint8_t *out)
{
    const struct nettle_cipher *f = ciphers[c->cipher];
    union cipher_state state;
    uint8_t iv[CIPHER_BLOCK_MAX];

    memcpy(iv, c->iv, f->block_size);
    if (c->encrypt) {
        f->set_encrypt_key(&state, c->key);
        cbc_encrypt(&state, f->encrypt, f->block_size, iv, len, out, in);
    } else {
        f->set_decrypt_key(&state, c->key);
        cbc_decrypt(&state, f->decrypt, f->block_size, iv, len, out, in);
    }
    wipe(&state, f->context_size);
}

/* ---- the rest */

int random_bytes(uint8_t *ret, size_t len, struct err *e)
{
    while (len > 0) {
        ssize_t n = getrandom(ret, len, 0);
        if (n <= 0)
            return err_set(e, MUNGE_INTERNAL, "Failed to obtain random bytes");
        ret += n;
        len -= (size_t)n;
    }
    return 0;
}

bool equal_secret(const uint8_t *a, const uint8_t *b, size_t len)
{
    return memeql_sec(a, b, len);
}

void wipe(void *p, size_t len)
{
    explicit_bzero(p, len);
}
