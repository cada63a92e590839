/* Credentials.  The first byte chooses: the rest is text (base64 and armour), or the inside of a
 * credential that is signed here, so that the fuzzer gets past the MAC to decompression and the
 * inner fields. */
#include "auth/armor.h"
#include "auth/cred.h"
#include "auth/zip.h"

#include <assert.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char secret[] = "a key for fuzzing, thirty-two bytes or more";

/* OUTER(cipher none, SHA-256, zip), TAG, the given inside. */
static void sign(const struct cred_key *k, uint8_t zip, const uint8_t *in, size_t len,
                 struct buf *out)
{
    const uint8_t outer[] = { CRED_VERSION, CIPHER_NONE, MAC_SHA256, zip, 0 };
    struct buf clear = { 0 }, raw = { 0 };
    uint8_t tag[32];

    buf_put(&clear, outer, sizeof outer);
    buf_put(&clear, in, len);
    HMAC(EVP_sha256(), k->mac_secret, SUBKEY_LEN, clear.data, clear.len, tag, NULL);
    buf_put(&raw, outer, sizeof outer);
    buf_put(&raw, tag, sizeof tag);
    buf_put(&raw, in, len);
    armor_put(out, raw.data, raw.len);
    buf_fini(&clear);
    buf_fini(&raw);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint8_t zips[] = { ZIP_NONE, ZIP_BZLIB, ZIP_ZLIB };
    struct cred_key key = { 0 }, *keys[] = { &key };
    struct buf text = { 0 };
    struct codec codec;
    struct cred c;

    if (size == 0)
        return 0;
    codec_init(&codec);
    cred_key_init(&key, secret, sizeof secret);
    if (data[0] % 4 == 3)
        buf_put(&text, data + 1, size - 1);
    else
        sign(&key, zips[data[0] % 4], data + 1, size - 1, &text);
    int err = cred_decode(&codec, (struct cred_keys){ keys, 1 }, (const char *)text.data, text.len,
                          &c, NULL);
    if (err == 0)
        assert(c.data_len <= MUNGE_PAYLOAD_MAX && (c.addr_len == 0 || c.addr_len == 4));
    assert(codec.clear.cap <= 2 * (CRED_INNER_MAX + ZIP_META) + 64 + size);
    buf_fini(&text);
    cred_key_fini(&key);
    codec_fini(&codec);
    return 0;
}
