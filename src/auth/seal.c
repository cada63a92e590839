/* HMAC-SHA256 at the end of a message, as protobuf field 2047: key, length, opcode, code. */
#include "auth/seal.h"

#include "auth/primitives.h"

#include <openssl/hmac.h>
#include <string.h>

#define MAC_LEN 32
#define HEAD_LEN 5

static void head_make(uint16_t opcode, uint8_t ret[HEAD_LEN])
{
    const uint8_t head[HEAD_LEN] = { 0xfa, 0x7f, 2 + MAC_LEN, (uint8_t)(opcode >> 8),
                                     (uint8_t)opcode };

    memcpy(ret, head, sizeof head);
}

static void mac_make(const void *data, size_t len, const uint8_t *key, uint8_t ret[MAC_LEN])
{
    unsigned n = MAC_LEN;

    if (!HMAC(EVP_sha256(), key, SEAL_KEY, data, len, ret, &n))
        memset(ret, 0, MAC_LEN); /* out of memory: fits nothing */
}

void seal_put(struct buf *body, uint16_t opcode, const uint8_t key[SEAL_KEY])
{
    uint8_t head[HEAD_LEN], mac[MAC_LEN];

    head_make(opcode, head);
    buf_put(body, head, sizeof head);
    mac_make(body->data, body->len, key, mac);
    buf_put(body, mac, sizeof mac);
}

bool seal_fits(const void *body, size_t len, uint16_t opcode, const uint8_t key[SEAL_KEY])
{
    static const uint8_t none[MAC_LEN];
    const uint8_t *data = body;
    uint8_t head[HEAD_LEN], mac[MAC_LEN];

    if (len < HEAD_LEN + MAC_LEN)
        return false;
    head_make(opcode, head);
    mac_make(data, len - MAC_LEN, key, mac);
    return memcmp(data + len - MAC_LEN - HEAD_LEN, head, HEAD_LEN) == 0 &&
           !equal_secret(mac, none, MAC_LEN) && equal_secret(mac, data + len - MAC_LEN, MAC_LEN);
}
