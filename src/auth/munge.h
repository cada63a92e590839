/* Facts of MUNGE that both sides of its socket share: numbers, names, texts (contracts/munge.md).
 *
 * Functions of auth/ that speak MUNGE return 0 or a negated enum munge_code, not an errno: the
 * codes are an exit status and a byte on the wire, and tools compare them. */
#ifndef AUTH_MUNGE_H
#define AUTH_MUNGE_H

#include <stddef.h>
#include <stdint.h>

#define MUNGE_SOCKET "/run/munge/munge.socket.2"
#define MUNGE_VERSION                                                          \
    "munge-0.5.18 (Sluice 0.1.0)" /* the MUNGE release whose behaviour this is \
                                   */
#define MUNGE_MAGIC 0x00606D4Bu
#define MUNGE_MSG_VERSION 4
#define MUNGE_HEADER 11u /* bytes before the body of a message */
#define MUNGE_PAYLOAD_MAX 1048576u
#define MUNGE_BODY_MAX 2097152u /* of a request, both when sending and when receiving */
#define MUNGE_RETRIES 5         /* attempts at one message; the retry byte counts them from 0 */
#define MUNGE_DEADLINE_MS 2000  /* for one whole message, either way */
#define MUNGE_TTL_DEFAULT 300u
#define MUNGE_TTL_MAX 3600u
#define MUNGE_ANY 0xFFFFFFFFu /* no restriction on who may decode */

enum munge_type {
    MUNGE_ENCODE_REQUEST = 2,
    MUNGE_ENCODE_REPLY = 3,
    MUNGE_DECODE_REQUEST = 4,
    MUNGE_DECODE_REPLY = 5,
    MUNGE_STATUS_REQUEST =
        64, /* ours: key fingerprint, start time; a stock daemon hangs up on it */
    MUNGE_STATUS_REPLY = 65,
};

enum munge_code {
    MUNGE_OK = 0,
    MUNGE_INTERNAL = 1,
    MUNGE_BAD_ARG = 2,
    MUNGE_TOO_LONG = 3,
    MUNGE_OVERFLOW = 4,
    MUNGE_NO_MEMORY = 5,
    MUNGE_SOCKET_ERROR = 6,
    MUNGE_TIMED_OUT = 7,
    MUNGE_BAD_CRED = 8,
    MUNGE_BAD_VERSION = 9,
    MUNGE_BAD_CIPHER = 10,
    MUNGE_BAD_MAC = 11,
    MUNGE_BAD_ZIP = 12,
    MUNGE_BAD_REALM = 13,
    MUNGE_INVALID = 14,
    MUNGE_EXPIRED = 15,
    MUNGE_REWOUND = 16,
    MUNGE_REPLAYED = 17,
    MUNGE_UNAUTHORIZED = 18,
};

/* In each of the three, id 0 is "none" and id 1 "default", which exists in requests only. */
enum munge_cipher {
    CIPHER_NONE,
    CIPHER_DEFAULT,
    CIPHER_BLOWFISH,
    CIPHER_CAST5,
    CIPHER_AES128,
    CIPHER_AES256
};
enum munge_mac { MAC_NONE, MAC_DEFAULT, MAC_MD5, MAC_SHA1, MAC_RIPEMD160, MAC_SHA256, MAC_SHA512 };
enum munge_zip { ZIP_NONE, ZIP_DEFAULT, ZIP_BZLIB, ZIP_ZLIB };

#define CIPHERS 6
#define MACS 7
#define ZIPS 4
#define CIPHER_KEY_MAX 32
#define CIPHER_BLOCK_MAX 16
#define MAC_MAX 64

struct munge_cipher_row {
    const char *name;
    uint8_t key, block; /* bytes; 0: no transformation, or not a cipher */
};

struct munge_mac_row {
    const char *name;
    uint8_t len; /* bytes; 0: may not be used in a credential */
};

extern const struct munge_cipher_row munge_ciphers[CIPHERS];
extern const struct munge_mac_row munge_macs[MACS];
extern const char *const munge_zips[ZIPS];

/* "Expired credential".  Tools grep for these words. */
const char *munge_text(int code);

#define FINGERPRINT_LEN 8 /* hex digits: the first of SHA-256 of the MAC subkey */

/* The value of a "name=value" line of a munged's status; "" when there is none. */
void munge_status_get(const char *status, const char *name, char *ret, size_t size);

/* By name (any case) or number; -1 when neither.  names has n entries. */
int munge_cipher_parse(const char *s);
int munge_mac_parse(const char *s);
int munge_zip_parse(const char *s);

#endif
