/* Calls: connect, ask, ask again (client.h).
 *
 * On the machine of the daemon the connection is an abstract unix socket and the kernel says who is
 * who: no credential, no TLS, nothing of OpenSSL is even initialised.  From elsewhere it is TCP,
 * MUNGE and TLS. */
#include "client/client.h"

#include "auth/munge_client.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/xalloc.h"
#include "client/link.h"
#include "schema/errors.h"
#include "schema/rpc.h"
#include "wire/wire.h"

#include <assert.h>
#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define TIMEOUT_MS 10000
#define PAUSE_MIN_MS 10
#define PAUSE_MAX_MS 500
#define MS 1000000LL

struct client {
    struct client_target target;
    struct link link;
    struct tls_ctx *tls; /* made for the first TCP connection */
    uint32_t last_request;
    uint16_t asked; /* opcode of client_ask */
};

/* One call on its way: stays the same over all its attempts. */
struct call {
    const struct rpc *rpc;
    struct frame request;
    int64_t deadline;
};

static bool is_passing(int r);
static int attempt(struct client *c, const struct call *call, struct frame *ret, struct err *e);
static int reach(struct client *c, int64_t deadline, struct err *e);
static int reach_host(struct client *c, const struct target_host *h, int64_t deadline,
                      struct err *e);
static bool reach_unix(struct client *c);
static int introduce(struct client *c, int64_t deadline, struct err *e);
static void pause_ms(int64_t ms);
static int answer(const struct frame *f, const struct rpc *rpc, struct arena *a, void **ret,
                  struct err *e);
static int give_up(const struct client *c, int r, struct err *e);

void client_open(const struct client_target *t, struct client **ret)
{
    struct client *c = xcalloc(1, sizeof *c);

    c->target = *t;
    c->link = (struct link)LINK_NONE;
    if (c->target.timeout_ms <= 0)
        c->target.timeout_ms = TIMEOUT_MS;
    /* Request ids of two commands of one user must differ too. */
    if (getrandom(&c->last_request, sizeof c->last_request, 0) < 0)
        c->last_request = (uint32_t)clock_mono_ns() ^ (uint32_t)getpid() << 16;
    *ret = c;
}

void client_close(struct client *c)
{
    if (!c)
        return;
    link_close(&c->link);
    tls_ctx_free(c->tls);
    free(c);
}

static int call_until(struct client *c, const struct rpc *rpc, const void *request,
                      int64_t deadline, struct frame *ret, struct err *e)
{
    struct buf body = { 0 };
    int64_t pause = PAUSE_MIN_MS;

    wire_pack(rpc->request, request, &body);
    const struct call call = {
        .rpc = rpc,
        .request = { .opcode = rpc->opcode,
                     .request = ++c->last_request,
                     .body = body.data,
                     .len = (uint32_t)body.len },
        .deadline = deadline,
    };

    int r = attempt(c, &call, ret, e);
    while (is_passing(r) && clock_mono_ns() + pause * MS < call.deadline) {
        link_close(&c->link);
        pause_ms(pause);
        pause = pause * 2 < PAUSE_MAX_MS ? pause * 2 : PAUSE_MAX_MS;
        r = attempt(c, &call, ret, e);
    }
    buf_fini(&body);
    return r;
}

int client_call(struct client *c, uint16_t opcode, const void *request, struct arena *a,
                void **ret_reply, struct err *e)
{
    const struct rpc *rpc = rpc_find(opcode);
    struct frame reply;

    assert(rpc);
    int r = call_until(c, rpc, request, clock_mono_ns() + c->target.timeout_ms * MS, &reply, e);
    if (r == 0)
        return answer(&reply, rpc, a, ret_reply, e);
    link_close(&c->link);
    return give_up(c, r, e);
}

int client_wait(struct client *c, uint16_t opcode, const void *request, struct arena *a,
                void **ret_reply, struct err *e)
{
    const struct rpc *rpc = rpc_find(opcode);
    struct frame reply;

    assert(rpc);
    int r = call_until(c, rpc, request, INT64_MAX, &reply, e);
    if (r == 0)
        return answer(&reply, rpc, a, ret_reply, e);
    link_close(&c->link);
    return r == -EINTR ? r : give_up(c, r, e);
}

void client_set_aside(struct client *c, const struct link_aside *aside)
{
    c->link.aside = aside;
}

int client_ask(struct client *c, uint16_t opcode, const void *request, struct err *e)
{
    const struct rpc *rpc = rpc_find(opcode);
    int64_t deadline = clock_mono_ns() + c->target.timeout_ms * MS;
    struct buf body = { 0 };

    assert(rpc);
    wire_pack(rpc->request, request, &body);
    const struct frame f = {
        .opcode = opcode, .request = ++c->last_request, .body = body.data, .len = (uint32_t)body.len
    };
    int r = c->link.fd >= 0 ? 0 : reach(c, deadline, e);
    if (r == 0)
        r = link_send(&c->link, &f, deadline, e);
    c->asked = opcode;
    buf_fini(&body);
    if (r < 0)
        link_close(&c->link);
    return r;
}

int client_fd(const struct client *c)
{
    return c->link.fd;
}

int client_take(struct client *c, struct arena *a, void **ret_reply, struct err *e)
{
    struct frame reply;

    for (;;) {
        int r = link_receive(&c->link, 0, &reply, e);
        if (r == -ETIMEDOUT)
            return 1;
        if (r < 0) {
            link_close(&c->link);
            return r;
        }
        if (reply.flags & FRAME_REPLY && reply.request == c->last_request)
            return answer(&reply, rpc_find(c->asked), a, ret_reply, e);
    }
}

bool client_local_address(const struct client *c, char *ret, size_t size)
{
    struct sockaddr_storage sa;
    socklen_t len = sizeof sa;

    return c->link.fd >= 0 && getsockname(c->link.fd, (struct sockaddr *)&sa, &len) == 0 &&
           sa.ss_family != AF_UNIX &&
           getnameinfo((struct sockaddr *)&sa, len, ret, (socklen_t)size, NULL, 0,
                       NI_NUMERICHOST) == 0;
}

/* What may go away by itself: a daemon or munged on its way up, a broken connection. */
static bool is_passing(int r)
{
    return r < 0 && r != -EACCES && r != -EMSGSIZE && r != -EINTR;
}

/* Sends the request once and waits for its answer; what is not the answer is not for us. */
static int attempt(struct client *c, const struct call *call, struct frame *ret, struct err *e)
{
    int r = c->link.fd >= 0 ? 0 : reach(c, call->deadline, e);
    if (r == 0)
        r = link_send(&c->link, &call->request, call->deadline, e);
    while (r == 0) {
        r = link_receive(&c->link, call->deadline, ret, e);
        if (r == 0 && (ret->flags & FRAME_REPLY) && ret->request == call->request.request)
            break;
    }
    return r;
}

/* ---- finding the daemon */

static int reach(struct client *c, int64_t deadline, struct err *e)
{
    const struct target *to = &c->target.to;
    int r = err_set(e, EHOSTUNREACH, "no host is configured for %s", to->service);

    for (unsigned i = 0; i < to->host_count && r < 0 && r != -EACCES; i++) {
        r = reach_host(c, &to->hosts[i], deadline, e);
        if (r < 0)
            link_close(&c->link);
    }
    return r;
}

static int reach_host(struct client *c, const struct target_host *h, int64_t deadline,
                      struct err *e)
{
    const struct tcp_address at = { target_address(h), c->target.to.port };

    if (target_is_here(h) && reach_unix(c))
        return 0;
    int r = link_open_tcp(&c->link, &at, deadline, e);
    return r < 0 ? r : introduce(c, deadline, e);
}

static bool reach_unix(struct client *c)
{
    char path[TARGET_PATH_MAX];
    uid_t peer;

    target_unix_path(c->target.to.service, c->target.to.port, path);
    if (link_open_unix(&c->link, path, &peer, NULL) < 0)
        return false;
    if (target_trusts(&c->target.to, peer))
        return true;
    link_close(&c->link);
    return false;
}

/* Hello with a credential that only SlurmUser can open.  The connection is there already: nobody
 * bothers munged for a daemon that is down. */
static int introduce(struct client *c, int64_t deadline, struct err *e)
{
    uint8_t psk[TLS_PSK_LEN];
    char *cred = NULL;
    struct buf body = { 0 };

    int r = c->tls ? 0 : tls_ctx_new(&c->tls, e);
    if (r == 0 && getrandom(psk, sizeof psk, 0) != sizeof psk)
        r = err_errno(e, "random bytes");
    if (r == 0 && munge_encode(c->target.munge_socket, c->target.to.server_uid, psk, sizeof psk,
                               &cred, e) < 0)
        r = -EAGAIN; /* munged is being restarted, perhaps */
    if (r == 0) {
        target_hello(&c->target.to, cred, &body);
        const struct tcp_dial d = { .hello = body.data,
                                    .hello_len = (uint32_t)body.len,
                                    .psk = psk };
        r = link_secure(&c->link, c->tls, &d, deadline, e);
    }
    explicit_bzero(psk, sizeof psk);
    buf_fini(&body);
    free(cred);
    return r;
}

static void pause_ms(int64_t ms)
{
    const struct timespec t = { .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * MS };

    nanosleep(&t, NULL);
}

/* ---- answers */

static bool wants_hints(void)
{
    const char *wanted = getenv("SLURM_HINTS");

    return !wanted || strcmp(wanted, "0") != 0;
}

static int refused(const struct frame *f, struct arena *a, struct err *e)
{
    struct error_info info;
    struct buf text = { 0 };

    if (wire_unpack(&desc_error_info, f->body, f->len, a, &info, e) < 0)
        return err_at(e, -EBADMSG, "answer");
    buf_puts(&text, info.text);
    for (unsigned i = 0; wants_hints() && i < info.hints.n; i++)
        buf_printf(&text, "\n%s", info.hints.v[i]);
    int r = err_set(e, info.code > 0 && info.code < INT32_MAX ? (int)info.code : EIO, "%s",
                    buf_str(&text));
    buf_fini(&text);
    return r;
}

static int answer(const struct frame *f, const struct rpc *rpc, struct arena *a, void **ret,
                  struct err *e)
{
    if (f->flags & FRAME_ERROR)
        return refused(f, a, e);
    int r = wire_unpack_new(rpc->reply, f->body, f->len, a, ret, e);
    return r < 0 ? err_at(e, r, "answer to %s", rpc->name) : 0;
}

/* Slurm's words, then ours as a hint, for whoever wants to know more. */
static int give_up(const struct client *c, int r, struct err *e)
{
    int code = r == -EACCES      ? SLURM_PROTOCOL_AUTHENTICATION_ERROR
               : r == -ETIMEDOUT ? SLURM_PROTOCOL_SOCKET_IMPL_TIMEOUT
                                 : SLURMCTLD_COMMUNICATIONS_CONNECTION_ERROR;
    bool is_absent = code == SLURMCTLD_COMMUNICATIONS_CONNECTION_ERROR;
    const char *words =
        is_absent && c->target.unreachable ? c->target.unreachable : errors_text(code);
    char detail[300] = "";

    if (r == -EMSGSIZE)
        return r;
    if (e && wants_hints() && r != -ETIMEDOUT)
        snprintf(detail, sizeof detail, "\n%.298s", e->text);
    return err_set(e, code, "%s%s", words, detail);
}
