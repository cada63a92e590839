/* The answering side of hello (server.h).
 *
 * A peer that is wrong again and again is slowed down, by address, and not refused: behind one
 * address may sit all users of a login node, and one of them must not be able to lock the others
 * out. */
#include "auth/server.h"

#include "auth/seal.h"
#include "base/clock.h"
#include "base/list.h"
#include "base/map.h"
#include "base/xalloc.h"
#include "net/tls.h"
#include "schema/rpc.h"
#include "wire/wire.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CRED_MAX 4096u /* a credential around 32 bytes has about 220 */
#define BUCKETS \
    1024u           /* addresses share one by chance: they are slowed together, which is harmless */
#define FAILURES 20 /* at once, and then */
#define FAILURES_PER_S 5 /* before an address is slowed down */
#define PENALTY_MS 1000
#define NODE_NAME_MAX 255u /* a longer one names no node */

struct bucket {
    double failures; /* leaks FAILURES_PER_S */
    int64_t at_ns;
};

struct auth_server {
    struct loop *loop;
    struct munge_async *munge;
    uid_t own_uid;
    auth_refused_fn *refused; /* may be NULL */
    void *refused_ctx;
    struct list waiting;
    struct bucket buckets[BUCKETS];
};

/* One hello under examination.  The connection may go first: only its id is kept. */
struct hearing {
    struct list link;
    struct auth_server *server;
    uint64_t conn;
    struct loop_timer *penalty; /* NULL once the credential is with munged */
    char *cred;
    char fingerprint[FINGERPRINT_LEN + 1]; /* what the peer says its key is; believed by nobody */
    char *node;                            /* what it says it is; "" when it is no node */
};

static void ask(void *ctx);
static void decoded(void *ctx, const struct munge_found *found, const char *text);
static void other_key(void *ctx, int code, const char *status);
static const char *objection(const struct auth_server *s, const struct munge_found *found,
                             const char *said, char *text, size_t size);
static void reject(struct hearing *h, struct conn *c, const char *why);
static void refuse(struct auth_server *s, struct conn *c, const char *why);
static void hearing_free(struct hearing *h);
static struct bucket *bucket_of(struct auth_server *s, const struct conn *c);

struct auth_server *auth_server_new(struct loop *l, struct munge_async *munge, uid_t own_uid)
{
    struct auth_server *s = xcalloc(1, sizeof *s);

    s->loop = l;
    s->munge = munge;
    s->own_uid = own_uid;
    list_init(&s->waiting);
    return s;
}

void auth_server_free(struct auth_server *s)
{
    if (!s)
        return;
    LIST_FOREACH(it, &s->waiting) {
        munge_async_cancel(s->munge, list_entry(it, struct hearing, link));
        hearing_free(list_entry(it, struct hearing, link));
    }
    free(s);
}

void auth_server_on_refused(struct auth_server *s, auth_refused_fn *fn, void *ctx)
{
    s->refused = fn;
    s->refused_ctx = ctx;
}

/* Eight hex digits or nothing: it will be in the log. */
static void fingerprint_copy(const char *said, char ret[FINGERPRINT_LEN + 1])
{
    bool is_one =
        strlen(said) == FINGERPRINT_LEN && strspn(said, "0123456789abcdef") == FINGERPRINT_LEN;

    snprintf(ret, FINGERPRINT_LEN + 1, "%s", is_one ? said : "");
}

void auth_server_hello(struct auth_server *s, struct conn *c, const struct frame *f)
{
    struct arena a = { 0 };
    struct hello hello;

    if (wire_unpack(&desc_hello, f->body, f->len, &a, &hello, NULL) < 0 ||
        strlen(hello.cred) > CRED_MAX) {
        refuse(s, c, "malformed hello");
    } else {
        struct hearing *h = xcalloc(1, sizeof *h);
        h->server = s;
        h->conn = conn_id(c);
        h->cred = xstrdup(hello.cred);
        fingerprint_copy(hello.fingerprint, h->fingerprint);
        bool is_node = strcmp(hello.role, "node") == 0 && strlen(hello.node) <= NODE_NAME_MAX;
        h->node = xstrdup(is_node ? hello.node : "");
        list_add_tail(&s->waiting, &h->link);
        if (bucket_of(s, c)->failures >= FAILURES)
            h->penalty = loop_add_timer(s->loop, PENALTY_MS, ask, h);
        else
            ask(h);
    }
    arena_fini(&a);
}

static void ask(void *ctx)
{
    struct hearing *h = ctx;
    struct auth_server *s = h->server;
    struct conn *c = conn_find(s->loop, h->conn);

    loop_remove_timer(h->penalty);
    h->penalty = NULL;
    if (c && munge_async_decode(s->munge, h->cred, strlen(h->cred), decoded, h) == 0)
        return;
    if (c)
        conn_refuse(c, "too busy to check credentials");
    hearing_free(h);
}

static void decoded(void *ctx, const struct munge_found *found, const char *text)
{
    struct hearing *h = ctx;
    struct auth_server *s = h->server;
    struct conn *c = conn_find(s->loop, h->conn);
    char why[160];

    if (c && found->code == MUNGE_INVALID && h->fingerprint[0] &&
        munge_async_status(s->munge, other_key, h) == 0)
        return;
    if (c && objection(s, found, text, why, sizeof why))
        reject(h, c, why);
    else if (c) {
        if (found->len > TLS_PSK_LEN)
            conn_set_secret(c, found->payload + TLS_PSK_LEN);
        conn_authenticated(c, found->uid, found->gid, found->payload);
    }
    hearing_free(h);
}

/* Our munged found no key that fits: the refusal names the peer's key and ours. */
static void other_key(void *ctx, int code, const char *status)
{
    struct hearing *h = ctx;
    struct conn *c = conn_find(h->server->loop, h->conn);
    char expected[FINGERPRINT_LEN + 1], why[160];

    munge_status_get(status, "fingerprint", expected, sizeof expected);
    snprintf(why, sizeof why, "authentication: key fingerprint %s, expected %s", h->fingerprint,
             expected[0] ? expected : "another");
    if (c)
        reject(h, c, why);
    hearing_free(h);
}

/* A hello is seconds old, so a credential out of its time tells of the clocks. */
static void clock_words(const struct munge_found *found, char *text, size_t size)
{
    int64_t ahead = (int64_t)found->time0 - (int64_t)found->time1;

    snprintf(text, size, "authentication: clock %lld s %s", (long long)(ahead < 0 ? -ahead : ahead),
             ahead < 0 ? "behind" : "ahead");
}

/* What is wrong with a credential; NULL when it will do.  One that others may open too is no
 * secret.  said: munged's own words, or NULL. */
static const char *objection(const struct auth_server *s, const struct munge_found *found,
                             const char *said, char *text, size_t size)
{
    bool is_out_of_time = found->code == MUNGE_EXPIRED || found->code == MUNGE_REWOUND;

    if (is_out_of_time && found->has_fields)
        clock_words(found, text, size);
    else if (found->code != MUNGE_OK)
        snprintf(text, size, "authentication: %s", said ? said : "credential not accepted");
    else if (found->len != TLS_PSK_LEN && found->len != TLS_PSK_LEN + SEAL_KEY)
        snprintf(text, size, "the credential holds %zu bytes, not %d", found->len, TLS_PSK_LEN);
    else if (found->auth_uid != s->own_uid)
        snprintf(text, size,
                 "the credential is not restricted to uid %u: check SlurmUser on both sides",
                 (unsigned)s->own_uid);
    else
        return NULL;
    return text;
}

/* A refusal that whoever looks for the node should hear of. */
static void reject(struct hearing *h, struct conn *c, const char *why)
{
    struct auth_server *s = h->server;

    if (s->refused && *h->node)
        s->refused(s->refused_ctx, h->node, why);
    refuse(s, c, why);
}

static void refuse(struct auth_server *s, struct conn *c, const char *why)
{
    bucket_of(s, c)->failures += 1;
    conn_refuse(c, why);
}

static void hearing_free(struct hearing *h)
{
    loop_remove_timer(h->penalty);
    list_remove(&h->link);
    free(h->cred);
    free(h->node);
    free(h);
}

/* Of the address without its port, brought up to now. */
static struct bucket *bucket_of(struct auth_server *s, const struct conn *c)
{
    const char *address = conn_peer(c)->address, *port = strrchr(address, ':');
    size_t len = port ? (size_t)(port - address) : strlen(address);
    struct bucket *b = &s->buckets[hash_bytes(address, len, 0) % BUCKETS];
    int64_t now = clock_mono_ns();

    b->failures -= (double)(now - b->at_ns) / 1e9 * FAILURES_PER_S;
    b->failures = b->failures > 0 ? b->failures : 0;
    b->at_ns = now;
    return b;
}
