/* Bytes of munged's socket (contracts/munge.md section 5): requests in, replies out. */
#include "munged/request.h"

#include "auth/bytes.h"

#include <string.h>

#define ERROR_TEXT_MAX 254u /* the length byte counts the NUL too */

/* Bytes after the fields are no request: release builds of the stock daemon overlook them, but a
 * sender who means something by them would be misunderstood. */
static bool encode_body(struct bytes *r, struct request *ret)
{
    ret->cipher = bytes_u8(r);
    ret->mac = bytes_u8(r);
    ret->zip = bytes_u8(r);
    ret->realm_len = bytes_u8(r);
    ret->realm = bytes_take(r, ret->realm_len);
    ret->ttl_s = bytes_u32(r);
    ret->auth_uid = bytes_u32(r);
    ret->auth_gid = bytes_u32(r);
    ret->data_len = bytes_u32(r);
    ret->data = bytes_take(r, ret->data_len);
    return !r->bad && bytes_left(r) == 0;
}

static bool decode_body(struct bytes *r, struct request *ret)
{
    ret->data_len = bytes_u32(r);
    ret->data = bytes_take(r, ret->data_len);
    return !r->bad && bytes_left(r) == 0;
}

static bool body_read(struct bytes *r, struct request *ret)
{
    switch (ret->type) {
    case MUNGE_ENCODE_REQUEST:
        return encode_body(r, ret);
    case MUNGE_DECODE_REQUEST:
        return decode_body(r, ret);
    default:
        return bytes_left(r) == 0;
    }
}

static bool is_request(uint8_t type)
{
    return type == MUNGE_ENCODE_REQUEST || type == MUNGE_DECODE_REQUEST ||
           type == MUNGE_STATUS_REQUEST;
}

/* Called again from the start as more arrives: a request is short, and a parser that remembers
 * where it was is where such bugs live.  A length over the limit is refused from the header
 * alone. */
enum request_state request_read(const uint8_t *p, size_t len, struct request *ret, size_t *ret_need)
{
    *ret_need = MUNGE_HEADER;
    if (len < MUNGE_HEADER)
        return REQUEST_MORE;

    struct bytes r = { p, p + len, false };
    *ret = (struct request){ 0 };
    uint32_t magic = bytes_u32(&r);
    uint8_t version = bytes_u8(&r);
    ret->type = bytes_u8(&r);
    ret->retry = bytes_u8(&r);
    uint32_t body = bytes_u32(&r);
    if (magic != MUNGE_MAGIC || version != MUNGE_MSG_VERSION || !is_request(ret->type) ||
        body > MUNGE_BODY_MAX || bytes_left(&r) > body)
        return REQUEST_BAD;
    *ret_need = MUNGE_HEADER + (size_t)body;
    if (bytes_left(&r) < body)
        return REQUEST_MORE;
    return body_read(&r, ret) ? REQUEST_WHOLE : REQUEST_BAD;
}

/* ---- replies */

/* The length is not known yet; length_set fills it in. */
static void header_put(struct buf *out, uint8_t type, uint8_t retry)
{
    buf_reset(out);
    buf_put_u32(out, MUNGE_MAGIC);
    buf_put(out, (uint8_t[]){ MUNGE_MSG_VERSION, type, retry }, 3);
    buf_put_u32(out, 0);
}

static void length_set(struct buf *out)
{
    bytes_put_u32(out->data + MUNGE_HEADER - 4, (uint32_t)(out->len - MUNGE_HEADER));
}

/* An empty text has length 0 and no NUL; that is what success looks like. */
static void error_put(struct buf *out, int code, const char *text)
{
    size_t len = code ? strnlen(text, ERROR_TEXT_MAX) : 0;

    buf_putc(out, (char)code);
    buf_putc(out, (char)(len > 0 ? len + 1 : 0));
    if (len > 0) {
        buf_put(out, text, len);
        buf_putc(out, '\0');
    }
}

void reply_encoded(struct buf *out, uint8_t retry, int code, const char *text,
                   const struct buf *cred)
{
    header_put(out, MUNGE_ENCODE_REPLY, retry);
    error_put(out, code, text);
    buf_put_u32(out, code ? 0 : (uint32_t)cred->len + 1);
    if (!code) {
        buf_put(out, cred->data, cred->len);
        buf_putc(out, '\0');
    }
    length_set(out);
}

/* The realm leaves with one more NUL than it came with, as the stock daemon has it, unless the
 * length byte is full. */
static void realm_put(struct buf *out, const struct cred *c)
{
    bool terminate = c->realm_len > 0 && c->realm_len < UINT8_MAX;

    buf_putc(out, (char)(c->realm_len + terminate));
    if (c->realm_len > 0)
        buf_put(out, c->realm, c->realm_len);
    if (terminate)
        buf_putc(out, '\0');
}

void reply_decoded(struct buf *out, uint8_t retry, int code, const char *text, const struct cred *c,
                   uint32_t now)
{
    static const struct cred nothing = {
        .uid = MUNGE_ANY, .gid = MUNGE_ANY, .auth_uid = MUNGE_ANY, .auth_gid = MUNGE_ANY
    };
    const struct cred *f = c ? c : &nothing;
    const uint32_t words[] = { f->time0,    c ? now : 0, f->uid,     f->gid,
                               f->auth_uid, f->auth_gid, f->data_len };

    header_put(out, MUNGE_DECODE_REPLY, retry);
    error_put(out, code, text);
    buf_put(out, (uint8_t[]){ f->cipher, f->mac, f->zip }, 3);
    realm_put(out, f);
    buf_put_u32(out, f->ttl_s);
    buf_putc(out, (char)f->addr_len);
    buf_put(out, f->addr, f->addr_len);
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        buf_put_u32(out, words[i]);
    if (f->data_len > 0)
        buf_put(out, f->data, f->data_len);
    length_set(out);
}

void reply_status(struct buf *out, uint8_t retry, const char *status)
{
    header_put(out, MUNGE_STATUS_REPLY, retry);
    buf_put_u32(out, (uint32_t)strlen(status));
    buf_puts(out, status);
    length_set(out);
}
