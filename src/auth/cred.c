/* The MUNGE credential, version 3.
 *
 *   "MUNGE:" base64( OUTER TAG INNER ) ":"
 *
 * OUTER is clear, TAG is a MAC over OUTER and the (maybe compressed) INNER, and INNER is encrypted
 * under a key made from TAG.  Decoding must not tell a padding error from a MAC error, so the two
 * share one way out. */
#include "auth/cred.h"

#include "auth/armor.h"
#include "auth/bytes.h"
#include "auth/zip.h"

#include <stdio.h>
#include <string.h>

#define OUTER_FIXED 5u
#define INNER_FIXED (CRED_SALT + 1u + 7u * 4u) /* without address and data */

static size_t inner_put(uint8_t *at, const struct cred *c);
static void seal(struct codec *x, struct cred_key *k, struct cred *c, size_t outer);
static int outer_get(struct bytes *r, struct cred *ret, struct err *e);
static int open_with(struct codec *x, struct cred_key *k, const struct cred *c,
                     const struct iovec in[2], struct err *e);
static int inner_get(struct bytes *r, struct cred *ret, struct err *e);

void codec_init(struct codec *x)
{
    *x = (struct codec){ 0 };
}

void codec_fini(struct codec *x)
{
    buf_fini(&x->raw);
    buf_fini(&x->plain);
    buf_fini(&x->clear);
}

/* ---- keys */

/* Always SHA-1, whatever the MAC of a credential will be. */
static void subkey(const void *file, size_t len, uint8_t digit, uint8_t ret[SUBKEY_LEN])
{
    struct sha1_ctx sha1;

    sha1_init(&sha1);
    sha1_update(&sha1, len, file);
    sha1_update(&sha1, 1, &digit);
    sha1_digest(&sha1, SUBKEY_LEN, ret);
    wipe(&sha1, sizeof sha1);
}

void cred_key_init(struct cred_key *k, const void *file, size_t len)
{
    struct sha256_ctx sha256;
    uint8_t digest[FINGERPRINT_LEN / 2];

    subkey(file, len, '1', k->dek_secret);
    subkey(file, len, '2', k->mac_secret);
    hmac_init(&k->mac, k->mac_secret);
    hmac_init(&k->dek, k->dek_secret);
    sha256_init(&sha256);
    sha256_update(&sha256, SUBKEY_LEN, k->mac_secret);
    sha256_digest(&sha256, sizeof digest, digest);
    snprintf(k->fingerprint, sizeof k->fingerprint, "%02x%02x%02x%02x", digest[0], digest[1],
             digest[2], digest[3]);
}

void cred_key_fini(struct cred_key *k)
{
    wipe(k, sizeof *k);
}

int cred_check_types(int cipher, int mac, int zip, struct err *e)
{
    if (cipher < 0 || cipher >= CIPHERS || cipher == CIPHER_DEFAULT)
        return err_set(e, MUNGE_BAD_CIPHER, "Invalid cipher type %d", cipher);
    if (mac < 0 || mac >= MACS || munge_macs[mac].len == 0)
        return err_set(e, MUNGE_BAD_MAC, "Invalid MAC type %d", mac);
    if (munge_macs[mac].len < munge_ciphers[cipher].key)
        return err_set(e, MUNGE_BAD_MAC, "Invalid MAC type %d with cipher type %d", mac, cipher);
    if (zip < 0 || zip >= ZIPS || zip == ZIP_DEFAULT)
        return err_set(e, MUNGE_BAD_ZIP, "Invalid compression type %d", zip);
    return 0;
}

/* ---- encode */

int cred_encode(struct codec *x, struct cred_key *k, struct cred *c, struct buf *out, struct err *e)
{
    size_t block = munge_ciphers[c->cipher].block;
    size_t outer = OUTER_FIXED + c->realm_len + block;
    size_t start = outer + munge_macs[c->mac].len;

    if (c->data_len > MUNGE_PAYLOAD_MAX)
        return err_set(e, MUNGE_TOO_LONG, "Exceeded maximum message length");
    buf_reset(&x->raw);
    buf_reserve(&x->raw, start + INNER_FIXED + 4 + c->data_len + CIPHER_BLOCK_MAX);
    uint8_t *raw = x->raw.data;
    x->raw.len = start + inner_put(raw + start, c);

    buf_reset(&x->clear);
    if (c->data_len == 0 || c->zip == ZIP_NONE ||
        !zip_pack(c->zip, raw + start, x->raw.len - start, &x->clear)) {
        c->zip = ZIP_NONE;
    } else {
        memcpy(raw + start, x->clear.data, x->clear.len);
        x->raw.len = start + x->clear.len;
    }
    memcpy(raw, (uint8_t[]){ CRED_VERSION, c->cipher, c->mac, c->zip, c->realm_len }, OUTER_FIXED);
    if (c->realm_len > 0)
        memcpy(raw + OUTER_FIXED, c->realm, c->realm_len);
    memcpy(raw + OUTER_FIXED + c->realm_len, c->iv, block);

    seal(x, k, c, outer);
    armor_put(out, x->raw.data, x->raw.len);
    return 0;
}

static size_t inner_put(uint8_t *at, const struct cred *c)
{
    uint8_t *p = at;
    const uint32_t words[] = { c->time0,    c->ttl_s,    c->uid,     c->gid,
                               c->auth_uid, c->auth_gid, c->data_len };

    memcpy(p, c->salt, CRED_SALT);
    p += CRED_SALT;
    *p++ = c->addr_len;
    memcpy(p, c->addr, c->addr_len);
    p += c->addr_len;
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        p = bytes_put_u32(p, words[i]);
    if (c->data_len > 0)
        memcpy(p, c->data, c->data_len);
    return (size_t)(p - at) + c->data_len;
}

/* The key for one credential's inner part, from its tag. */
static void data_key(struct cred_key *k, const struct cred *c, uint8_t ret[MAC_MAX])
{
    const struct iovec tag[2] = { { (void *)(uintptr_t)c->tag, munge_macs[c->mac].len } };

    hmac_compute(&k->dek, c->mac, tag, ret);
}

/* Puts the tag in its place between the `outer` first bytes and the inner part; then pads and
 * encrypts that. */
static void seal(struct codec *x, struct cred_key *k, struct cred *c, size_t outer)
{
    uint8_t key[MAC_MAX];
    size_t block = munge_ciphers[c->cipher].block;
    size_t start = outer + munge_macs[c->mac].len;
    uint8_t *inner = x->raw.data + start;
    size_t len = x->raw.len - start;
    const struct iovec parts[] = { { x->raw.data, outer }, { inner, len } };

    hmac_compute(&k->mac, c->mac, parts, c->tag);
    memcpy(x->raw.data + outer, c->tag, munge_macs[c->mac].len);
    if (block == 0)
        return;

    size_t pad = block - len % block;
    memset(inner + len, (int)pad, pad);
    x->raw.len += pad;
    data_key(k, c, key);
    cbc_run(&(struct cbc){ c->cipher, true, key, c->iv }, inner, len + pad, inner);
    wipe(key, sizeof key);
}

/* ---- decode */

int cred_decode(struct codec *x, struct cred_keys keys, const char *text, size_t len,
                struct cred *ret, struct err *e)
{
    int err = armor_get(text, len, &x->raw, e);
    if (err < 0)
        return err;

    struct bytes r = { x->raw.data, x->raw.data + x->raw.len, false };
    struct cred c = { 0 };
    if ((err = outer_get(&r, &c, e)) < 0)
        return err;
    struct iovec in[2] = { { x->raw.data, x->raw.len - bytes_left(&r) - munge_macs[c.mac].len },
                           { (void *)(uintptr_t)r.at, bytes_left(&r) } };
    err = -MUNGE_INVALID;
    for (c.key_at = 0; c.key_at < keys.n && err == -MUNGE_INVALID; c.key_at++)
        err = open_with(x, keys.v[c.key_at], &c, in, e);
    if (err < 0)
        return err;
    c.key_at--;

    const struct buf *clear = &x->plain;
    if (c.zip != ZIP_NONE) {
        err =
            zip_unpack(c.zip, x->plain.data, x->plain.len, CRED_INNER_MAX + ZIP_META, &x->clear, e);
        if (err < 0)
            return err;
        clear = &x->clear;
    }
    r = (struct bytes){ clear->data, clear->data + clear->len, false };
    if ((err = inner_get(&r, &c, e)) < 0)
        return err;
    *ret = c;
    return 0;
}

/* The clear part and the tag.  The order of the checks decides the answer, so it is the contract's.
 */
static int outer_get(struct bytes *r, struct cred *ret, struct err *e)
{
    static const char *const truncated[] = { "cipher type", "MAC type", "compression type",
                                             "security realm length" };
    size_t left = bytes_left(r);

    uint8_t version = bytes_u8(r);
    if (left == 0)
        return err_set(e, MUNGE_BAD_CRED, "Truncated credential version");
    if (version != CRED_VERSION)
        return err_set(e, MUNGE_BAD_VERSION, "Invalid credential version %d", version);
    if (left < OUTER_FIXED)
        return err_set(e, MUNGE_BAD_CRED, "Truncated %s", truncated[left - 1]);
    ret->cipher = bytes_u8(r);
    ret->mac = bytes_u8(r);
    ret->zip = bytes_u8(r);
    int err = cred_check_types(ret->cipher, ret->mac, ret->zip, e);
    if (err < 0)
        return err;

    ret->realm_len = bytes_u8(r);
    ret->realm = bytes_take(r, ret->realm_len);
    if (r->bad)
        return err_set(e, MUNGE_BAD_CRED, "Truncated security realm string");
    const uint8_t *iv = bytes_take(r, munge_ciphers[ret->cipher].block);
    if (r->bad)
        return err_set(e, MUNGE_BAD_CRED, "Truncated cipher IV");
    memcpy(ret->iv, iv, munge_ciphers[ret->cipher].block);
    const uint8_t *tag = bytes_take(r, munge_macs[ret->mac].len);
    if (r->bad)
        return err_set(e, MUNGE_BAD_CRED, "Truncated MAC");
    memcpy(ret->tag, tag, munge_macs[ret->mac].len);
    return 0;
}

/* Length without the padding; `len` itself, and *ret_ok false, when the padding is not one.
 * Looks at every byte of the last block whatever they are. */
static size_t unpad(const uint8_t *p, size_t len, size_t block, bool *ret_ok)
{
    uint8_t pad = p[len - 1];
    unsigned wrong = pad == 0 || pad > block;

    for (size_t i = 0; i < block; i++)
        wrong |= (unsigned)(i < pad) & (unsigned)(p[len - 1 - i] != pad);
    *ret_ok = wrong == 0;
    return wrong ? len : len - pad;
}

/* Decrypts in[1] into x->plain and compares the MAC over in[0] and that.  Every failure that
 * depends on the key is found only at the end, by one comparison, and has one answer. */
static int open_with(struct codec *x, struct cred_key *k, const struct cred *c,
                     const struct iovec in[2], struct err *e)
{
    uint8_t key[MAC_MAX], tag[MAC_MAX];
    size_t block = munge_ciphers[c->cipher].block;
    size_t len = in[1].iov_len;
    bool padded = true;

    buf_reset(&x->plain);
    buf_reserve(&x->plain, len + 1);
    if (block == 0 || len == 0 || len % block != 0) {
        padded = block == 0;
        memcpy(x->plain.data, in[1].iov_base, len);
    } else {
        data_key(k, c, key);
        cbc_run(&(struct cbc){ c->cipher, false, key, c->iv }, in[1].iov_base, len, x->plain.data);
        wipe(key, sizeof key);
        len = unpad(x->plain.data, len, block, &padded);
    }
    x->plain.len = len;

    const struct iovec parts[] = { in[0], { x->plain.data, len } };
    hmac_compute(&k->mac, c->mac, parts, tag);
    bool same = equal_secret(tag, c->tag, munge_macs[c->mac].len);
    if (!((unsigned)same & (unsigned)padded))
        return err_set(e, MUNGE_INVALID, "Invalid credential");
    return 0;
}

static int inner_get(struct bytes *r, struct cred *ret, struct err *e)
{
    uint32_t *const words[] = { &ret->time0,    &ret->ttl_s,    &ret->uid,     &ret->gid,
                                &ret->auth_uid, &ret->auth_gid, &ret->data_len };

    const uint8_t *salt = bytes_take(r, CRED_SALT);
    ret->addr_len = bytes_u8(r);
    if (r->bad)
        return err_set(e, MUNGE_BAD_CRED, "Truncated salt");
    if (ret->addr_len != 0 && ret->addr_len != sizeof ret->addr)
        return err_set(e, MUNGE_BAD_CRED, "Invalid origin address length %d", ret->addr_len);
    memcpy(ret->salt, salt, CRED_SALT);
    const uint8_t *addr = bytes_take(r, ret->addr_len);
    if (addr)
        memcpy(ret->addr, addr, ret->addr_len);
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        *words[i] = bytes_u32(r);
    if (r->bad)
        return err_set(e, MUNGE_BAD_CRED, "Truncated credential data");
    if (ret->data_len > MUNGE_PAYLOAD_MAX)
        return err_set(e, MUNGE_TOO_LONG, "Exceeded maximum message length");
    if (ret->data_len != bytes_left(r))
        return err_set(e, MUNGE_BAD_CRED, "Invalid credential data length");
    ret->data = bytes_take(r, ret->data_len);
    return 0;
}

/* ---- who and when */

static int out_of_time(const struct cred *c, enum munge_code code, int64_t age, struct err *e)
{
    return err_set(e, code,
                   "%s: encoded at %d.%d.%d.%d by a clock %+lld s from ours, lifetime %u s",
                   munge_text(code), c->addr[0], c->addr[1], c->addr[2], c->addr[3],
                   (long long)-age, c->ttl_s);
}

int cred_judge(struct cred *c, const struct cred_asker *who, struct err *e)
{
    int64_t age = (int64_t)who->now - c->time0;

    if ((c->auth_uid != MUNGE_ANY && c->auth_uid != who->uid) ||
        (c->auth_gid != MUNGE_ANY && c->auth_gid != who->gid && !who->is_member))
        return err_set(e, MUNGE_UNAUTHORIZED, "Unauthorized credential for client UID=%u GID=%u",
                       who->uid, who->gid);
    if (c->ttl_s > who->max_ttl_s)
        c->ttl_s = who->max_ttl_s;
    if (age < -(int64_t)c->ttl_s)
        return out_of_time(c, MUNGE_REWOUND, age, e);
    if (age > (int64_t)c->ttl_s)
        return out_of_time(c, MUNGE_EXPIRED, age, e);
    return 0;
}
