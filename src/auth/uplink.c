/* A kept connection (uplink.h): local socket, else munged, TCP and TLS; on failure the next host,
 * after a pause that grows and is a little random, so that ten thousand nodes do not come back in
 * the same millisecond. */
#include "auth/uplink.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/map.h"
#include "base/xalloc.h"
#include "net/tls.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#define PAUSE_MIN_MS 100
#define PAUSE_MAX_MS 5000
#define TELL_EVERY_S 60

struct uplink {
    struct loop *loop;
    struct munge_async *munge;
    const struct target *target;
    const struct conn_ops *ops;
    void *ctx;
    uint64_t conn; /* 0: none */
    bool is_ready;
    unsigned host; /* the one being tried, or in use */
    int64_t pause_ms;
    struct loop_timer *again;
    uint8_t psk[TLS_PSK_LEN];
    char fingerprint[FINGERPRINT_LEN + 1]; /* of our munged's key; "" while unknown */
    struct log_limit told;
    char trouble[200];
};

static void try(void *ctx);
static bool try_unix(struct uplink *u, const struct target_host *h);
static void status_told(void *ctx, int code, const char *status);
static void encoded(void *ctx, int code, const char *cred, const char *text);
static void later(struct uplink *u, const char *why);
static void on_ready(void *ctx, struct conn *c);
static void on_frame(void *ctx, struct conn *c, const struct frame *f);
static void on_closed(void *ctx, struct conn *c, const char *why);

static const struct conn_ops own_ops = { .frame = on_frame,
                                         .ready = on_ready,
                                         .closed = on_closed };

struct uplink *uplink_new(struct loop *l, struct munge_async *munge, const struct target *t,
                          const struct conn_ops *ops, void *ctx)
{
    struct uplink *u = xcalloc(1, sizeof *u);

    u->loop = l;
    u->munge = munge;
    u->target = t;
    u->ops = ops;
    u->ctx = ctx;
    u->pause_ms = PAUSE_MIN_MS;
    u->again = loop_add_timer(l, 0, try, u);
    return u;
}

void uplink_free(struct uplink *u)
{
    if (!u)
        return;
    struct conn *c = conn_find(u->loop, u->conn);
    if (c)
        conn_disown(c);
    munge_async_cancel(u->munge, u);
    loop_remove_timer(u->again);
    explicit_bzero(u->psk, sizeof u->psk);
    free(u);
}

struct conn *uplink_conn(const struct uplink *u)
{
    return u->is_ready ? conn_find(u->loop, u->conn) : NULL;
}

const char *uplink_trouble(const struct uplink *u)
{
    return u->trouble;
}

/* ---- one attempt */

static void try(void *ctx)
{
    struct uplink *u = ctx;
    const struct target *t = u->target;

    if (t->host_count == 0) {
        later(u, "no host is configured");
        return;
    }
    u->host %= t->host_count;
    if (target_is_here(&t->hosts[u->host]) && try_unix(u, &t->hosts[u->host]))
        return;
    if (munge_async_status(u->munge, status_told, u) < 0)
        later(u, "too many calls wait for munged");
}

static bool try_unix(struct uplink *u, const struct target_host *h)
{
    char path[TARGET_PATH_MAX];
    struct conn *c;

    target_unix_path(u->target->service, u->target->port, path);
    if (conn_dial_unix(u->loop, path, &own_ops, u, &c, NULL) < 0)
        return false;
    if (!target_trusts(u->target, conn_peer(c)->uid)) {
        conn_disown(c);
        return false;
    }
    u->conn = conn_id(c);
    return true;
}

/* A stock munged does not tell, which is well: the fingerprint only words a refusal. */
static void status_told(void *ctx, int code, const char *status)
{
    struct uplink *u = ctx;
    const struct target *t = u->target;

    munge_status_get(status, "fingerprint", u->fingerprint, sizeof u->fingerprint);
    if (getrandom(u->psk, sizeof u->psk, 0) != sizeof u->psk)
        later(u, "no random bytes");
    else if (munge_async_encode(u->munge, t->server_uid, u->psk, sizeof u->psk, encoded, u) < 0)
        later(u, "too many calls wait for munged");
}

static void encoded(void *ctx, int code, const char *cred, const char *text)
{
    struct uplink *u = ctx;
    const struct target *t = u->target;
    struct target telling = *t;
    struct buf hello = { 0 };
    struct conn *c;
    struct err e;

    if (code != MUNGE_OK) {
        later(u, text ? text : "munged gives no credential");
        return;
    }
    telling.fingerprint = u->fingerprint;
    target_hello(&telling, cred, &hello);
    const struct tcp_dial d = { .to = { target_address(&t->hosts[u->host]), t->port },
                                .hello = hello.data,
                                .hello_len = (uint32_t)hello.len,
                                .psk = u->psk };
    int r = conn_dial_tcp(u->loop, &d, &own_ops, u, &c, &e);
    if (r < 0)
        later(u, e.text);
    else
        u->conn = conn_id(c);
    explicit_bzero(u->psk, sizeof u->psk);
    buf_fini(&hello);
}

/* The next host, after a pause of one to two times pause_ms. */
static void later(struct uplink *u, const char *why)
{
    int64_t spread = (int64_t)(hash_u64((uint64_t)clock_mono_ns()) % (uint64_t)u->pause_ms);

    snprintf(u->trouble, sizeof u->trouble, "%s", why);
    log_limited(&u->told, TELL_EVERY_S, LOG_ERROR, "no connection to %s: %s", u->target->service,
                why);
    u->conn = 0;
    u->host++;
    loop_set_timer(u->again, u->pause_ms + spread);
    u->pause_ms = u->pause_ms * 2 < PAUSE_MAX_MS ? u->pause_ms * 2 : PAUSE_MAX_MS;
}

/* ---- what the connection says */

static void on_ready(void *ctx, struct conn *c)
{
    struct uplink *u = ctx;

    u->is_ready = true;
    u->pause_ms = PAUSE_MIN_MS;
    u->trouble[0] = '\0';
    if (u->ops->ready)
        u->ops->ready(u->ctx, c);
}

static void on_frame(void *ctx, struct conn *c, const struct frame *f)
{
    struct uplink *u = ctx;

    if (u->ops->frame)
        u->ops->frame(u->ctx, c, f);
}

static void on_closed(void *ctx, struct conn *c, const char *why)
{
    struct uplink *u = ctx;
    bool was_ready = u->is_ready;

    u->is_ready = false;
    later(u, why ? why : "the other side hung up");
    if (was_ready && u->ops->closed)
        u->ops->closed(u->ctx, c, why);
}
