/* Dialling: the first steps of a connection that we open (conn_impl.h has its whole life). */
#include "net/conn_impl.h"

#include "base/cleanup.h"
#include "base/limits.h"
#include "net/address.h"
#include "schema/rpc.h"

#include <errno.h>
#include <netdb.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static bool connect_next(struct conn *c, int *ret_errno);
static void connected(struct conn *c);
static void hello_put(struct buf *b, const struct tcp_dial *d);

int conn_dial_unix(struct loop *l, const char *path, const struct conn_ops *ops, void *ctx,
                   struct conn **ret, struct err *e)
{
    struct sockaddr_un to;
    socklen_t len;

    int r = address_unix(path, &to, &len, e);
    if (r < 0)
        return r;
    CLEANUP(closep) int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0 || connect(fd, (struct sockaddr *)&to, len) < 0)
        return err_errno(e, "connect %s", path);

    conn_adopt(l, TAKE_FD(fd), ops, ctx, ret);
    (*ret)->is_dialled = true;
    return 0;
}

int conn_dial_tcp(struct loop *l, const struct tcp_dial *d, const struct conn_ops *ops, void *ctx,
                  struct conn **ret, struct err *e)
{
    struct conns *all = conns_of(l);
    struct addrinfo *found;

    int r = conns_tls(all, e);
    if (r == 0)
        r = address_look_up(&d->to, &found, e);
    if (r < 0)
        return r;

    struct conn *c = conn_new(all, -1, CONN_CONNECTING, ops, ctx);
    c->is_dialled = c->is_shown = true;
    c->addresses = found;
    c->next_address = found;
    memcpy(c->psk, d->psk, sizeof c->psk);
    if (d->hello)
        hello_put(&c->plain, d);
    conn_await(c, false);
    int code = 0;
    if (!connect_next(c, &code))
        conn_fail(c, strerror(code)); /* closed() tells, as for every later failure */
    *ret = c;
    return 0;
}

static void hello_put(struct buf *b, const struct tcp_dial *d)
{
    struct frame f = { .opcode = OP_hello, .len = d->hello_len };
    uint8_t header[FRAME_HEADER];

    frame_header(&f, header);
    buf_put(b, header, sizeof header);
    buf_put(b, d->hello, d->hello_len);
}

/* Begins with the next address that does not fail at once; false when there is none left. */
static bool connect_next(struct conn *c, int *ret_errno)
{
    for (; c->next_address; *ret_errno = errno) {
        const struct addrinfo *a = c->next_address;
        c->next_address = a->ai_next;
        CLEANUP(closep)
        int fd = socket(a->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        if (fd < 0)
            continue;
        if (connect(fd, a->ai_addr, a->ai_addrlen) < 0 && errno != EINPROGRESS)
            continue;
        address_tune(fd);
        address_text(a->ai_addr, a->ai_addrlen, c->peer.address, sizeof c->peer.address);
        conn_set_fd(c, TAKE_FD(fd));
        return true;
    }
    return false;
}

void dial_step(struct conn *c)
{
    int code = 0;
    socklen_t len = sizeof code;

    getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &code, &len);
    if (code == 0)
        connected(c);
    else if (!connect_next(c, &code))
        conn_fail(c, strerror(code));
}

static void connected(struct conn *c)
{
    conn_shake(c, 0, c->psk);
    explicit_bzero(c->psk, sizeof c->psk);
}
