/* OpenSSL behind MUNGE's numbers.  Fetching an algorithm costs more than using it, so each is
 * fetched once; a keyed HMAC is kept after its key was taken in, and re-armed without it. */
#include "auth/primitives.h"

#include "base/xalloc.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/provider.h>
#include <openssl/rand.h>
#include <stdlib.h>
#include <sys/uio.h>

struct primitives {
    EVP_MAC *hmac;
    EVP_CIPHER *ciphers[CIPHERS];
    EVP_CIPHER_CTX *contexts[CIPHERS][2]; /* [cipher][is encrypting] */
    OSSL_PROVIDER *providers[2];          /* NULL until a legacy cipher is asked for */
};

struct primitives *primitives_new(void)
{
    /* No openssl.cnf: a site's engine settings are not for this, and reading it costs start-up
     * time. */
    OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG, NULL);
    return xcalloc(1, sizeof(struct primitives));
}

void primitives_free(struct primitives *p)
{
    if (!p)
        return;
    for (int i = 0; i < CIPHERS; i++) {
        EVP_CIPHER_CTX_free(p->contexts[i][0]);
        EVP_CIPHER_CTX_free(p->contexts[i][1]);
        EVP_CIPHER_free(p->ciphers[i]);
    }
    EVP_MAC_free(p->hmac);
    for (int i = 0; i < 2; i++)
        if (p->providers[i])
            OSSL_PROVIDER_unload(p->providers[i]);
    free(p);
}

/* ---- HMAC */

void hmac_fini(struct hmac *h)
{
    for (int i = 0; i < MACS; i++)
        EVP_MAC_CTX_free(h->keyed[i]);
    *h = (struct hmac){ 0 };
}

/* The context keyed for this MAC; made on first use.  NULL when OpenSSL has no such digest. */
static EVP_MAC_CTX *hmac_keyed(struct primitives *p, struct hmac *h, int mac)
{
    if (h->keyed[mac])
        return h->keyed[mac];
    if (!p->hmac)
        p->hmac = EVP_MAC_fetch(NULL, "HMAC", NULL);

    char *digest = (char *)(uintptr_t)munge_macs[mac].openssl;
    const OSSL_PARAM params[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
        OSSL_PARAM_construct_end(),
    };
    EVP_MAC_CTX *ctx = p->hmac ? EVP_MAC_CTX_new(p->hmac) : NULL;
    if (ctx && EVP_MAC_init(ctx, h->secret, SUBKEY_LEN, params) != 1) {
        EVP_MAC_CTX_free(ctx);
        return NULL;
    }
    return h->keyed[mac] = ctx;
}

int hmac_compute(struct primitives *p, struct hmac *h, int mac, const struct iovec parts[2],
                 uint8_t *ret, struct err *e)
{
    size_t len;

    EVP_MAC_CTX *ctx = hmac_keyed(p, h, mac);
    int ok = ctx && EVP_MAC_init(ctx, NULL, 0, NULL);
    for (unsigned i = 0; ok && i < 2; i++)
        ok = EVP_MAC_update(ctx, parts[i].iov_base, parts[i].iov_len);
    if (!ok || !EVP_MAC_final(ctx, ret, &len, MAC_MAX))
        return err_set(e, MUNGE_INTERNAL, "Failed to compute MAC type %d", mac);
    return 0;
}

/* ---- ciphers */

/* Naming any provider stops OpenSSL from loading its default one by itself, so both are named. */
static void legacy_load(struct primitives *p)
{
    if (p->providers[0])
        return;
    p->providers[0] = OSSL_PROVIDER_load(NULL, "default");
    p->providers[1] = OSSL_PROVIDER_load(NULL, "legacy");
}

static EVP_CIPHER_CTX *cbc_context(struct primitives *p, int cipher, bool encrypt)
{
    const struct munge_cipher_row *row = &munge_ciphers[cipher];
    EVP_CIPHER_CTX **ctx = &p->contexts[cipher][encrypt];

    if (*ctx)
        return *ctx;
    if (row->is_legacy)
        legacy_load(p);
    if (!p->ciphers[cipher])
        p->ciphers[cipher] = EVP_CIPHER_fetch(NULL, row->openssl, NULL);
    if (p->ciphers[cipher])
        *ctx = EVP_CIPHER_CTX_new();
    /* Padding is checked by our own hand; the context stays without it when it is armed again. */
    if (*ctx && (EVP_CipherInit_ex2(*ctx, p->ciphers[cipher], NULL, NULL, encrypt, NULL) != 1 ||
                 EVP_CIPHER_CTX_set_padding(*ctx, 0) != 1)) {
        EVP_CIPHER_CTX_free(*ctx);
        *ctx = NULL;
    }
    return *ctx;
}

int cbc_run(struct primitives *p, const struct cbc *c, const uint8_t *in, size_t len, uint8_t *out,
            struct err *e)
{
    int done = 0;

    EVP_CIPHER_CTX *ctx = cbc_context(p, c->cipher, c->encrypt);
    if (!ctx || EVP_CipherInit_ex2(ctx, NULL, c->key, c->iv, c->encrypt, NULL) != 1 ||
        EVP_CipherUpdate(ctx, out, &done, in, (int)len) != 1 || (size_t)done != len)
        return err_set(e, MUNGE_INTERNAL, "Failed to run cipher type %d", c->cipher);
    return 0;
}

/* ---- the rest */

int random_bytes(uint8_t *ret, size_t len, struct err *e)
{
    if (RAND_bytes(ret, (int)len) != 1)
        return err_set(e, MUNGE_INTERNAL, "Failed to obtain random bytes");
    return 0;
}

bool equal_secret(const uint8_t *a, const uint8_t *b, size_t len)
{
    return CRYPTO_memcmp(a, b, len) == 0;
}

void wipe(void *p, size_t len)
{
    OPENSSL_cleanse(p, len);
}
