/* One connection of a command to a daemon (link.h). */
#include "client/link.h"

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/limits.h"
#include "net/address.h"
#include "schema/rpc.h"
#include "wire/wire.h"

#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define CHUNK (64u << 10)
#define AGAIN_READ TLS_WANT_READ
#define AGAIN_WRITE TLS_WANT_WRITE
#define BROKEN TLS_BROKEN

static int wait_for(const struct link *l, short events, int64_t deadline, struct err *e);
static int connect_one(const struct addrinfo *a, const struct link_aside *aside, int64_t deadline,
                       int *ret, struct err *e);
static int write_all(struct link *l, const void *p, size_t len, int64_t deadline, struct err *e);
static int refusal(struct link *l, int64_t deadline, struct err *e);

int link_open_unix(struct link *l, const char *path, uid_t *ret_peer, struct err *e)
{
    struct sockaddr_un to;
    socklen_t len, cred_len = sizeof(struct ucred);
    struct ucred peer;

    int r = address_unix(path, &to, &len, e);
    if (r < 0)
        return r;
    CLEANUP(closep) int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || connect(fd, (struct sockaddr *)&to, len) < 0)
        return err_errno(e, "connect %s", path);
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &cred_len) < 0)
        return err_errno(e, "%s: peer credentials", path);
    *ret_peer = peer.uid;
    l->fd = TAKE_FD(fd);
    return 0;
}

int link_open_tcp(struct link *l, const struct tcp_address *to, int64_t deadline, struct err *e)
{
    struct addrinfo *found;

    int r = address_look_up(to, &found, e);
    if (r < 0)
        return r;
    r = -EHOSTUNREACH;
    for (const struct addrinfo *a = found; a && r < 0; a = a->ai_next)
        r = connect_one(a, l->aside, deadline, &l->fd, e);
    freeaddrinfo(found);
    return r < 0 ? err_at(e, r, "connect %s:%u", to->host, to->port) : 0;
}

static int connect_one(const struct addrinfo *a, const struct link_aside *aside, int64_t deadline,
                       int *ret, struct err *e)
{
    int code = 0;
    socklen_t len = sizeof code;

    CLEANUP(closep) int fd = socket(a->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return err_errno(e, "socket");
    if (connect(fd, a->ai_addr, a->ai_addrlen) < 0 && errno != EINPROGRESS)
        return err_set(e, errno, "%s", strerror(errno));
    int r = wait_for(&(struct link){ .fd = fd, .aside = aside }, POLLOUT, deadline, e);
    if (r < 0)
        return r;
    getsockopt(fd, SOL_SOCKET, SO_ERROR, &code, &len);
    if (code)
        return err_set(e, code, "%s", strerror(code));
    address_tune(fd);
    *ret = TAKE_FD(fd);
    return 0;
}

int link_secure(struct link *l, struct tls_ctx *ctx, const struct tcp_dial *d, int64_t deadline,
                struct err *e)
{
    const struct frame hello = { .opcode = OP_hello, .body = d->hello, .len = d->hello_len };

    int r = link_send(l, &hello, deadline, e);
    if (r < 0)
        return r;
    struct tls *tls = tls_new(ctx, l->fd, 0, d->psk);
    if (!tls)
        return err_set(e, ENOMEM, "TLS is not available");

    bool first = true; /* of the server's bytes: a refusal comes in plain, before any TLS */
    while ((r = tls_handshake(tls)) != 0 && r != BROKEN) {
        bool is_writing = r == AGAIN_WRITE;
        r = wait_for(l, is_writing ? POLLOUT : POLLIN, deadline, e);
        if (r == 0 && first && !is_writing)
            r = refusal(l, deadline, e);
        first = first && is_writing;
        if (r < 0)
            break;
    }
    if (r == BROKEN)
        r = err_set(e, EPROTO, "%s", tls_why(tls));
    if (r < 0)
        tls_free(tls);
    else
        l->tls = tls;
    return r;
}

/* -EACCES with the server's words when that is what its first bytes are; 0 when they are TLS. */
static int refusal(struct link *l, int64_t deadline, struct err *e)
{
    struct error_info info;
    struct frame f;
    uint8_t byte;

    if (recv(l->fd, &byte, 1, MSG_PEEK) != 1 || byte != (uint8_t)(FRAME_MAGIC >> 24))
        return 0;
    int r = link_receive(l, deadline, &f, e);
    if (r < 0)
        return r;
    struct arena a = { 0 };
    if (wire_unpack(&desc_error_info, f.body, f.len, &a, &info, NULL) < 0)
        info.text = "no reason given";
    r = err_set(e, EACCES, "%s", info.text);
    arena_fini(&a);
    return r;
}

void link_close(struct link *l)
{
    tls_free(TAKE(l->tls));
    if (l->fd >= 0)
        close(l->fd);
    buf_fini(&l->in);
    *l = (struct link){ .fd = -1, .aside = l->aside };
}

/* ---- bytes */

static int wait_for(const struct link *l, short events, int64_t deadline, struct err *e)
{
    const struct link_aside *aside = l->aside;
    struct pollfd p[2] = { { .fd = l->fd, .events = events },
                           { .fd = aside ? aside->fd : -1, .events = POLLIN } };

    for (;;) {
        int64_t left = (deadline - clock_mono_ns() + 999999) / 1000000;
        int r = poll(p, 2, left < 0 ? 0 : left > INT32_MAX ? INT32_MAX : (int)left);
        if (r == 0)
            return err_set(e, ETIMEDOUT, "no answer in time");
        if (r < 0 && errno != EINTR)
            return err_errno(e, "poll");
        if (r > 0 && p[1].revents && (r = aside->look(aside->ctx)) < 0)
            return err_set(e, -r, "interrupted");
        if (p[0].revents)
            return 0;
    }
}

/* Bytes moved, 0 at the end, AGAIN_READ or AGAIN_WRITE to wait first, or a negative errno below
 * them. */
static long plain_result(ssize_t n, int again)
{
    if (n >= 0)
        return (long)n;
    return errno == EAGAIN || errno == EINTR ? again : BROKEN;
}

static long read_some(struct link *l, void *p, size_t len)
{
    if (l->tls)
        return tls_read(l->tls, p, len);
    return plain_result(recv(l->fd, p, len, MSG_DONTWAIT), AGAIN_READ);
}

static long write_some(struct link *l, const void *p, size_t len)
{
    if (l->tls)
        return tls_write(l->tls, p, len);
    return plain_result(send(l->fd, p, len, MSG_DONTWAIT | MSG_NOSIGNAL), AGAIN_WRITE);
}

static int broken(const struct link *l, struct err *e)
{
    return err_set(e, ECONNRESET, "%s", l->tls ? tls_why(l->tls) : "connection lost");
}

static int write_all(struct link *l, const void *p, size_t len, int64_t deadline, struct err *e)
{
    const uint8_t *at = p;

    while (len > 0) {
        long n = write_some(l, at, len);
        if (n == BROKEN)
            return broken(l, e);
        int r = n >= 0 ? 0 : wait_for(l, n == AGAIN_WRITE ? POLLOUT : POLLIN, deadline, e);
        if (r < 0)
            return r;
        at += n > 0 ? n : 0;
        len -= n > 0 ? (size_t)n : 0;
    }
    return 0;
}

int link_send(struct link *l, const struct frame *f, int64_t deadline, struct err *e)
{
    uint8_t header[FRAME_HEADER];
    struct buf out = { 0 };

    if (f->len > FRAME_BODY_MAX)
        return err_set(e, EMSGSIZE, "the request is too long: %u bytes", f->len);
    frame_header(f, header);
    buf_put(&out, header, sizeof header);
    buf_put(&out, f->body, f->len);
    int r = write_all(l, out.data, out.len, deadline, e);
    buf_fini(&out);
    return r;
}

int link_receive(struct link *l, int64_t deadline, struct frame *ret, struct err *e)
{
    buf_drop(&l->in, l->used);
    l->used = 0;
    for (;;) {
        int64_t size = frame_parse(l->in.data, l->in.len, FRAME_BODY_MAX, ret);
        if (size < 0)
            return err_set(e, EBADMSG, "the server sent what is not a frame");
        if (size > 0) {
            l->used = (size_t)size;
            return 0;
        }
        buf_reserve(&l->in, CHUNK);
        long n = read_some(l, l->in.data + l->in.len, l->in.cap - l->in.len);
        if (n == 0 || n == BROKEN)
            return broken(l, e);
        int r = n > 0 ? 0 : wait_for(l, n == AGAIN_WRITE ? POLLOUT : POLLIN, deadline, e);
        if (r < 0)
            return r;
        l->in.len += n > 0 ? (size_t)n : 0;
    }
}
