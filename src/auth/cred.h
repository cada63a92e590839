/* The MUNGE credential, version 3 (contracts/munge.md section 3): fields to text and back.
 * No clock, no files, no sockets: time and random bytes are fields that the caller filled. */
#ifndef AUTH_CRED_H
#define AUTH_CRED_H

#include "auth/munge.h"
#include "auth/primitives.h"
#include "base/buf.h"
#include "base/err.h"

#define CRED_VERSION 3
#define CRED_SALT 8
#define CRED_INNER_MAX (MUNGE_PAYLOAD_MAX + 41u) /* clear inner part with an address */
#define CRED_TEXT_MAX MUNGE_BODY_MAX             /* no encodable credential is longer */

/* One key file's worth of secrets. */
struct cred_key {
    uint8_t mac_secret[SUBKEY_LEN], dek_secret[SUBKEY_LEN];
    struct hmac mac, dek;
    char fingerprint[9]; /* first 8 hex digits of SHA-256(mac_secret): names the key, tells nothing
                            of it */
};

/* The keys that a decode may try, best first. */
struct cred_keys {
    struct cred_key *const *v;
    unsigned n;
};

/* Derives the subkeys from the bytes of a key file. */
void cred_key_init(struct cred_key *k, const void *file, size_t len);
void cred_key_fini(struct cred_key *k); /* wipes */

struct cred {
    uint8_t cipher, mac, zip;
    uint8_t realm_len;
    const uint8_t *realm; /* as in the request, normally with its NUL */
    uint8_t iv[CIPHER_BLOCK_MAX];
    uint8_t tag[MAC_MAX]; /* filled by both directions; the first 16 bytes name the credential */
    uint8_t salt[CRED_SALT];
    uint8_t addr_len; /* 0 or 4 */
    uint8_t addr[4];
    uint32_t time0, ttl_s;
    uint32_t uid, gid, auth_uid, auth_gid;
    const uint8_t *data;
    uint32_t data_len;
    unsigned key_at; /* decode: index of the key that fitted */
};

/* Work space that is reused from one credential to the next. */
struct codec {
    struct buf raw, plain, clear;
};

void codec_init(struct codec *x);
void codec_fini(struct codec *x);

/* All of these return 0 or a negated enum munge_code. */

/* Are these known and usable together?  Default ids are not. */
int cred_check_types(int cipher, int mac, int zip, struct err *e);

/* Appends the text, without a NUL.  c->zip and c->tag are set to what was used. */
int cred_encode(struct codec *x, struct cred_key *k, struct cred *c, struct buf *out,
                struct err *e);

/* Tries the keys in order.  Pointers in *ret are into the codec and valid until its next use.
 * Says nothing about who may read it or when: that is cred_judge's. */
int cred_decode(struct codec *x, struct cred_keys keys, const char *text, size_t len,
                struct cred *ret, struct err *e);

/* Who asks, and when.  is_member: uid is listed in group auth_gid. */
struct cred_asker {
    uint32_t uid, gid, now, max_ttl_s;
    bool is_member;
};

/* Authorisation, then time (contract section 4); replay comes after and is not here.  Clamps
 * c->ttl_s. */
int cred_judge(struct cred *c, const struct cred_asker *who, struct err *e);

#endif
