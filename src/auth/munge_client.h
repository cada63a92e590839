/* The asking side of munged's socket.  Two forms: calls that block (for commands), with the waiting
 * and retrying of libmunge, and a client on the event loop (for daemons), which never blocks.
 *
 * This is the only place with a parser for munged's replies; munged itself has none (security R2).
 */
#ifndef AUTH_MUNGE_CLIENT_H
#define AUTH_MUNGE_CLIENT_H

#include "auth/munge.h"
#include "base/buf.h"
#include "base/err.h"
#include "net/loop.h"
#include <stdbool.h>
#include <sys/types.h>

/* What an encode asks for.  MUNGE_WISH is everything by default and nobody excluded. */
struct munge_wish {
    uint8_t cipher, mac, zip;
    uint32_t ttl_s; /* 0: the daemon's default; MUNGE_ANY: the most it allows */
    uint32_t auth_uid, auth_gid;
    const void *payload;
    size_t len;
};

#define MUNGE_WISH                                                                               \
    {                                                                                            \
        .cipher = CIPHER_DEFAULT, .mac = MAC_DEFAULT, .zip = ZIP_DEFAULT, .auth_uid = MUNGE_ANY, \
        .auth_gid = MUNGE_ANY                                                                    \
    }

/* What a decode found.  Filled on success and with the codes EXPIRED, REWOUND and REPLAYED
 * (has_fields). */
struct munge_found {
    int code; /* enum munge_code */
    bool has_fields;
    uint8_t cipher, mac, zip;
    uint32_t ttl_s;
    uint8_t addr[4]; /* network order; zero when unknown */
    uint32_t time0, time1;
    uint32_t uid, gid, auth_uid, auth_gid;
    const uint8_t
        *payload; /* len bytes inside the caller's buffer, or valid during the callback only */
    size_t len;
};

/* Blocking.  socket NULL: MUNGE_SOCKET.  0 or a negated code, and e has the words (the daemon's own
 * where it gave any).  *ret_cred is malloc'ed and ends in NUL. */
int munge_encode(const char *socket, uid_t restrict_uid, const void *payload, size_t len,
                 char **ret_cred, struct err *e);
int munge_encode_as(const char *socket, const struct munge_wish *wish, char **ret_cred,
                    struct err *e);

/* `keep` owns the bytes that ret->payload points at; the caller ends it with buf_fini. */
int munge_decode(const char *socket, const char *cred, size_t len, struct buf *keep,
                 struct munge_found *ret, struct err *e);

/* "fingerprint=8b1c22d0\nstarted=1795388470\n..." of a Sluice munged; a stock one gives
 * SOCKET_ERROR.  malloc'ed. */
int munge_status(const char *socket, char **ret, struct err *e);

/* ---- for daemons: any number of calls, at most MUNGE_IN_FLIGHT at once, the others wait in order.
 * While munged is away calls are retried with growing pauses (to 10 s) until
 * MUNGE_ASYNC_PATIENCE_MS after they were made; then they fail with SOCKET_ERROR. */
#define MUNGE_IN_FLIGHT 32u
#define MUNGE_QUEUE_MAX 65536u
#define MUNGE_ASYNC_PATIENCE_MS 60000

struct munge_async; /* owned by the caller; must be freed before its loop */

struct munge_async *munge_async_new(struct loop *loop, const char *socket);
void munge_async_free(struct munge_async *m); /* accepts NULL; no callback comes afterwards */

/* Called exactly once per call, from the loop, never from within munge_async_*.  code 0: *cred is
 * NUL-terminated and valid during the callback; else text says why. */
typedef void munge_encoded_fn(void *ctx, int code, const char *cred, const char *text);
typedef void munge_decoded_fn(void *ctx, const struct munge_found *found, const char *text);
typedef void munge_status_fn(void *ctx, int code, const char *status);

/* 0, or -MUNGE_NO_MEMORY when MUNGE_QUEUE_MAX calls wait, or -MUNGE_TOO_LONG; fn is not called
 * then. */
int munge_async_encode(struct munge_async *m, uid_t restrict_uid, const void *payload, size_t len,
                       munge_encoded_fn *fn, void *ctx);
int munge_async_decode(struct munge_async *m, const char *cred, size_t len, munge_decoded_fn *fn,
                       void *ctx);
int munge_async_status(struct munge_async *m, munge_status_fn *fn, void *ctx);
void munge_async_cancel(struct munge_async *m, void *ctx); /* forgets every call made with ctx */

#endif
