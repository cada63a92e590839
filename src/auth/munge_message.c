/* Requests out, replies in. */
#include "auth/munge_message.h"

#include "auth/bytes.h"

#include <string.h>

static void header_put(struct buf *out, uint8_t type, size_t body)
{
    buf_reset(out);
    buf_put_u32(out, MUNGE_MAGIC);
    buf_put(out, (uint8_t[]){ MUNGE_MSG_VERSION, type, 0 }, 3);
    buf_put_u32(out, (uint32_t)body);
}

static int length_check(size_t body, struct err *e)
{
    return body <= MUNGE_BODY_MAX ? 0
                                  : err_set(e, MUNGE_TOO_LONG, "%s", munge_text(MUNGE_TOO_LONG));
}

int munge_put_encode(struct buf *out, const struct munge_wish *wish, struct err *e)
{
    const size_t fixed = 4 + 4 * 4;

    int err = length_check(fixed + wish->len, e);
    if (err < 0)
        return err;
    header_put(out, MUNGE_ENCODE_REQUEST, fixed + wish->len);
    buf_put(out, (uint8_t[]){ wish->cipher, wish->mac, wish->zip, 0 }, 4);
    buf_put_u32(out, wish->ttl_s);
    buf_put_u32(out, wish->auth_uid);
    buf_put_u32(out, wish->auth_gid);
    buf_put_u32(out, (uint32_t)wish->len);
    if (wish->len > 0)
        buf_put(out, wish->payload, wish->len);
    return 0;
}

int munge_put_decode(struct buf *out, const char *cred, size_t len, struct err *e)
{
    int err = length_check(4 + len + 1, e);

    if (err < 0)
        return err;
    header_put(out, MUNGE_DECODE_REQUEST, 4 + len + 1);
    buf_put_u32(out, (uint32_t)len + 1);
    if (len > 0)
        buf_put(out, cred, len);
    buf_putc(out, '\0');
    return 0;
}

void munge_put_status(struct buf *out)
{
    header_put(out, MUNGE_STATUS_REQUEST, 0);
}

/* ---- replies */

ssize_t munge_reply_length(const uint8_t *p, size_t len, int type)
{
    if (len < MUNGE_HEADER)
        return 0;

    struct bytes r = { p, p + len, false };
    uint32_t magic = bytes_u32(&r);
    uint8_t version = bytes_u8(&r);
    uint8_t got = bytes_u8(&r);
    bytes_u8(&r); /* the retry byte comes back */
    uint32_t body = bytes_u32(&r);
    if (magic != MUNGE_MAGIC || version != MUNGE_MSG_VERSION || got != type ||
        body > MUNGE_REPLY_MAX)
        return -1;
    return MUNGE_HEADER + (ssize_t)body;
}

static int malformed(struct err *e)
{
    return err_set(e, MUNGE_SOCKET_ERROR, "Received an invalid reply from munged");
}

/* Error byte and text.  *ret is the code. */
static int error_get(struct bytes *r, struct err *e)
{
    int code = bytes_u8(r);
    size_t len = bytes_u8(r);
    const uint8_t *text = bytes_take(r, len);

    if (r->bad)
        return malformed(e);
    if (code == 0)
        return 0;
    if (len > 0)
        return err_set(e, code, "%.*s", (int)strnlen((const char *)text, len), (const char *)text);
    return err_set(e, code, "%s", munge_text(code));
}

/* An encode error is 1 to libmunge's callers whatever the daemon said; scripts know the exit
 * status. */
int munge_get_encoded(const uint8_t *p, size_t len, const char **ret_cred, struct err *e)
{
    struct bytes r = { p + MUNGE_HEADER, p + len, false };

    int err = error_get(&r, e);
    uint32_t n = bytes_u32(&r);
    const uint8_t *cred = bytes_take(&r, n);
    if (r.bad)
        return malformed(e);
    if (err < 0 || n == 0)
        return -MUNGE_INTERNAL;
    if (cred[n - 1] != '\0')
        return malformed(e);
    *ret_cred = (const char *)cred;
    return 0;
}

int munge_get_decoded(const uint8_t *p, size_t len, struct munge_found *ret, struct err *e)
{
    struct bytes r = { p + MUNGE_HEADER, p + len, false };
    uint32_t *const words[] = { &ret->time0, &ret->time1,    &ret->uid,
                                &ret->gid,   &ret->auth_uid, &ret->auth_gid };

    *ret = (struct munge_found){ 0 };
    int err = error_get(&r, e);
    ret->code = -err;
    ret->cipher = bytes_u8(&r);
    ret->mac = bytes_u8(&r);
    ret->zip = bytes_u8(&r);
    bytes_take(&r, bytes_u8(&r)); /* the realm, which nobody uses */
    ret->ttl_s = bytes_u32(&r);
    size_t addr_len = bytes_u8(&r);
    const uint8_t *addr = bytes_take(&r, addr_len);
    if (r.bad || addr_len > sizeof ret->addr)
        return malformed(e);
    memcpy(ret->addr, addr, addr_len);
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        *words[i] = bytes_u32(&r);
    ret->len = bytes_u32(&r);
    ret->payload = bytes_take(&r, ret->len);
    if (r.bad)
        return malformed(e);
    ret->has_fields = err == 0 || (ret->code >= MUNGE_EXPIRED && ret->code <= MUNGE_REPLAYED);
    return err;
}

int munge_get_status(const uint8_t *p, size_t len, const char **ret, size_t *ret_len, struct err *e)
{
    struct bytes r = { p + MUNGE_HEADER, p + len, false };

    uint32_t n = bytes_u32(&r);
    const uint8_t *text = bytes_take(&r, n);
    if (r.bad)
        return malformed(e);
    *ret = (const char *)text;
    *ret_len = n;
    return 0;
}
