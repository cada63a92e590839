/* The judgement of munged.  Decoding is checked in the contract's order: the credential itself, who
 * asks, when, and only then whether it was seen before; an unauthorised caller learns and uses up
 * nothing. */
#include "munged/guard.h"

#include "base/cleanup.h"
#include "base/log.h"
#include "base/xalloc.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static int encode(struct guard *g, const struct caller *who, const struct request *q, uint32_t now,
                  struct err *e);
static int decode(struct guard *g, const struct caller *who, const struct request *q, uint32_t now,
                  struct cred *c, struct verdict *v);
static void status(const struct guard *g, char *text, size_t size);

void guard_init(struct guard *g)
{
    codec_init(&g->codec);
}

void guard_fini(struct guard *g)
{
    keyring_fini(&g->keys);
    codec_fini(&g->codec);
    groups_fini(&g->groups);
    replay_fini(&g->replay);
    replay_log_close(&g->journal);
    wipe(g->pool, sizeof g->pool);
    buf_fini(&g->cred);
}

/* Always makes a reply.  Fields of a refused credential are shown only for the three codes that
 * the contract names: expired, rewound, replayed.  They come after authorisation. */
void guard_answer(struct guard *g, const struct caller *who, const struct request *q, uint32_t now,
                  struct buf *reply, struct verdict *ret)
{
    char text[512];
    struct cred c;

    ret->code = 0;
    ret->memory.is_new = false;
    switch (q->type) {
    case MUNGE_ENCODE_REQUEST:
        ret->code = -encode(g, who, q, now, &ret->why);
        reply_encoded(reply, q->retry, ret->code, ret->why.text, &g->cred);
        break;
    case MUNGE_DECODE_REQUEST:
        ret->code = -decode(g, who, q, now, &c, ret);
        bool has_fields =
            ret->code == 0 || (ret->code >= MUNGE_EXPIRED && ret->code <= MUNGE_REPLAYED);
        reply_decoded(reply, q->retry, ret->code, ret->why.text, has_fields ? &c : NULL, now);
        break;
    default:
        status(g, text, sizeof text);
        reply_status(reply, q->retry, text);
    }
}

void guard_forget(struct guard *g, const struct memory *m)
{
    if (!m->is_new)
        return;
    replay_remove(&g->replay, m->tag, m->expiry);
    replay_log_drop(&g->journal, m->tag, m->expiry);
}

/* ---- encode */

/* Random bytes are bought in bulk and wiped as they are used. */
static int random_take(struct guard *g, uint8_t *ret, size_t len, struct err *e)
{
    if (g->pool_left < len) {
        int err = random_bytes(g->pool, sizeof g->pool, e);
        if (err < 0)
            return err;
        g->pool_left = sizeof g->pool;
    }
    uint8_t *from = g->pool + sizeof g->pool - g->pool_left;
    memcpy(ret, from, len);
    wipe(from, len);
    g->pool_left -= len;
    return 0;
}

static uint8_t or_default(uint8_t asked, uint8_t otherwise)
{
    return asked == 1 ? otherwise : asked; /* id 1 is "default" in all three families */
}

/* Asking for too much is no error: -1, MUNGE's word for "the longest", arrives here as 2^32 - 1. */
static uint32_t ttl_granted(uint32_t asked, uint32_t max)
{
    uint32_t ttl = asked == 0 ? MUNGE_TTL_DEFAULT : asked;

    return ttl < max ? ttl : max;
}

static int encode(struct guard *g, const struct caller *who, const struct request *q, uint32_t now,
                  struct err *e)
{
    struct cred c = {
        .cipher = or_default(q->cipher, CIPHER_AES128),
        .mac = or_default(q->mac, MAC_SHA256),
        .zip = or_default(q->zip, ZIP_NONE),
        .realm = q->realm,
        .realm_len = q->realm_len,
        .addr_len = sizeof g->origin,
        .time0 = now,
        .ttl_s = ttl_granted(q->ttl_s, g->max_ttl_s),
        .uid = who->uid,
        .gid = who->gid,
        .auth_uid = q->auth_uid,
        .auth_gid = q->auth_gid,
        .data = q->data,
        .data_len = q->data_len,
    };

    memcpy(c.addr, g->origin, sizeof g->origin);
    int err = cred_check_types(c.cipher, c.mac, c.zip, e);
    if (err == 0)
        err = random_take(g, c.salt, sizeof c.salt, e);
    if (err == 0)
        err = random_take(g, c.iv, munge_ciphers[c.cipher].block, e);
    if (err < 0)
        return err;
    buf_reset(&g->cred);
    return cred_encode(&g->codec, g->keys.keys[0], &c, &g->cred, e);
}

/* ---- decode */

/* The retry byte says that an earlier answer may have been lost: the caller's second look is no
 * replay. */
static int remember(struct guard *g, const struct request *q, const struct cred *c, uint32_t now,
                    struct verdict *v)
{
    struct memory *m = &v->memory;
    uint64_t expiry = (uint64_t)c->time0 + c->ttl_s;

    if (c->time0 < g->refuse_before)
        return err_set(&v->why, MUNGE_REPLAYED,
                       "Replayed credential: maybe; it is older than this daemon's replay memory");
    memcpy(m->tag, c->tag, REPLAY_TAG);
    m->expiry = expiry < UINT32_MAX ? (uint32_t)expiry : UINT32_MAX;
    switch (replay_insert(&g->replay, m->tag, m->expiry, now)) {
    case REPLAY_NEW:
        m->is_new = true;
        replay_log_add(&g->journal, m->tag, m->expiry);
        return 0;
    case REPLAY_KNOWN:
        return q->retry > 0 ? 0 : err_set(&v->why, MUNGE_REPLAYED, "Replayed credential");
    default:
        return err_set(&v->why, MUNGE_INTERNAL, "Internal error: replay memory is full");
    }
}

/* *c is filled only from cred_decode on; what guard_answer shows of it hangs on the code. */
static int decode(struct guard *g, const struct caller *who, const struct request *q, uint32_t now,
                  struct cred *c, struct verdict *v)
{
    size_t len = q->data_len;

    if (q->retry > MUNGE_RETRIES)
        return err_set(&v->why, MUNGE_SOCKET_ERROR, "Exceeded maximum number of decode attempts");
    if (len == 0)
        return err_set(&v->why, MUNGE_INTERNAL, "No credential specified in decode request");
    len -= q->data[len - 1] == '\0';
    /* Here and not only by the timer: an old key is worth exactly the time that was promised. */
    keyring_expire(&g->keys, now);
    const struct cred_keys keys = { g->keys.keys, g->keys.n };
    int err = cred_decode(&g->codec, keys, (const char *)q->data, len, c, &v->why);
    if (err < 0)
        return err;

    const struct cred_asker asker = { .uid = who->uid,
                                      .gid = who->gid,
                                      .now = now,
                                      .max_ttl_s = g->max_ttl_s,
                                      .is_member = c->auth_gid != MUNGE_ANY &&
                                                   groups_has(&g->groups, c->auth_gid, who->uid) };
    err = cred_judge(c, &asker, &v->why);
    return err < 0 ? err : remember(g, q, c, now, v);
}

/* ---- status: what a puzzled administrator wants to know */

static void status(const struct guard *g, char *text, size_t size)
{
    int n =
        snprintf(text, size,
                 "version=%s\nfingerprint=%s\nkeys=%u\nstarted=%" PRIu32 "\nkey_file_changed=%d\n",
                 MUNGE_VERSION, g->keys.keys[0]->fingerprint, g->keys.n, g->started,
                 keyring_file_changed(&g->keys, g->key_path));

    for (unsigned i = 1; i < g->keys.n && n > 0 && (size_t)n < size; i++)
        n +=
            snprintf(text + n, size - (size_t)n, "also_decodes=%s\n", g->keys.keys[i]->fingerprint);
}
