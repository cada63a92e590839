/* Listening sockets: accepting is rationed, and running out of descriptors is survived. */
#include "net/conn_impl.h"

#include "base/cleanup.h"
#include "base/limits.h"
#include "base/xalloc.h"
#include "net/address.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define BACKLOG 4096
#define ACCEPTS 64u   /* in one batch */
#define BREATH_MS 100 /* pause when there is no descriptor left */

struct listener {
    struct conns *all;
    int fd;
    bool is_unix;
    char *path; /* to unlink at the end; NULL for TCP and abstract names */
    const struct conn_ops *ops;
    void *ctx;
    struct loop_fd *watch;
    struct loop_timer *breath; /* armed while accepting is suspended */
};

static void on_connection(void *ctx, int fd, unsigned events);
static void on_breath(void *ctx);
static int bind_tcp(const struct addrinfo *a, int *ret);
static int remove_stale(const char *path, const struct sockaddr_un *sa, socklen_t len);

static struct listener *listener_new(struct loop *l, int fd, const struct conn_ops *ops, void *ctx)
{
    struct listener *s = xcalloc(1, sizeof *s);

    s->all = conns_of(l);
    s->fd = fd;
    s->ops = ops;
    s->ctx = ctx;
    s->watch = loop_add_fd(l, fd, LOOP_READ, on_connection, s);
    s->breath = loop_add_timer(l, -1, on_breath, s);
    return s;
}

int listener_tcp(struct loop *l, const struct tcp_address *at, const struct conn_ops *ops,
                 void *ctx, struct listener **ret, struct err *e)
{
    struct addrinfo *found;

    /* With a key (a command) TLS is not loaded until somebody comes. */
    int r = ops->key ? 0 : conns_tls(conns_of(l), e);
    if (r == 0)
        r = address_look_up(at, &found, e);
    if (r < 0)
        return r;

    int fd = -1;
    r = -EADDRNOTAVAIL;
    /* IPv6 first: without a host it takes IPv4 as well. */
    for (int family = AF_INET6; family && r < 0; family = family == AF_INET6 ? AF_INET : 0)
        for (const struct addrinfo *a = found; a && r < 0; a = a->ai_next)
            r = a->ai_family == family ? bind_tcp(a, &fd) : r;
    freeaddrinfo(found);
    if (r < 0)
        return err_set(e, -r, "listen on %s:%u: %s", at->host ? at->host : "*", at->port,
                       strerror(-r));
    *ret = listener_new(l, fd, ops, ctx);
    return 0;
}

static int bind_tcp(const struct addrinfo *a, int *ret)
{
    const int on = 1, off = 0;

    CLEANUP(closep) int fd = socket(a->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -errno;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (a->ai_family == AF_INET6)
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off);
    if (bind(fd, a->ai_addr, a->ai_addrlen) < 0 || listen(fd, BACKLOG) < 0)
        return -errno;
    *ret = TAKE_FD(fd);
    return 0;
}

int listener_unix(struct loop *l, const char *path, const struct conn_ops *ops, void *ctx,
                  struct listener **ret, struct err *e)
{
    struct sockaddr_un sa;
    socklen_t len;

    int r = address_unix(path, &sa, &len, e);
    if (r < 0)
        return r;
    CLEANUP(closep) int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return err_errno(e, "socket");
    if (path[0] != '@' && (r = remove_stale(path, &sa, len)) < 0)
        return err_set(e, -r, "listen on %s: %s", path, strerror(-r));
    if (bind(fd, (struct sockaddr *)&sa, len) < 0 || listen(fd, BACKLOG) < 0)
        return err_errno(e, "listen on %s", path);
    if (path[0] != '@' && chmod(path, 0777) < 0)
        return err_errno(e, "chmod %s", path);

    *ret = listener_new(l, TAKE_FD(fd), ops, ctx);
    (*ret)->is_unix = true;
    (*ret)->path = path[0] == '@' ? NULL : xstrdup(path);
    return 0;
}

/* A socket nobody listens on is what a killed daemon leaves.  Anything else in its place is not
 * ours. */
static int remove_stale(const char *path, const struct sockaddr_un *sa, socklen_t len)
{
    struct stat st;

    if (lstat(path, &st) < 0)
        return errno == ENOENT ? 0 : -errno;
    if (!S_ISSOCK(st.st_mode))
        return -EEXIST;
    CLEANUP(closep) int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -errno;
    if (connect(fd, (const struct sockaddr *)sa, len) == 0 || errno != ECONNREFUSED)
        return -EADDRINUSE;
    return unlink(path) < 0 ? -errno : 0;
}

uint16_t listener_port(const struct listener *s)
{
    struct sockaddr_in6 sa = { 0 }; /* the port of IPv4 is in the same place */
    socklen_t len = sizeof sa;

    getsockname(s->fd, (struct sockaddr *)&sa, &len);
    return s->is_unix ? 0 : ntohs(sa.sin6_port);
}

void listener_free(struct listener *s)
{
    if (!s)
        return;
    loop_remove_timer(s->breath);
    loop_remove_fd(s->watch);
    close(s->fd);
    if (s->path)
        unlink(s->path);
    free(s->path);
    free(s);
}

/* ---- accepting */

static void accepted_unix(struct listener *s, int fd)
{
    struct conn *c = conn_new(s->all, fd, CONN_OPEN, s->ops, s->ctx);

    conn_peer_credentials(c);
    conn_is_open(c);
}

static void accepted_tcp(struct listener *s, int fd)
{
    struct conn *c = conn_new(s->all, fd, CONN_GREETING, s->ops, s->ctx);
    struct sockaddr_storage sa;
    socklen_t len = sizeof sa;

    address_tune(fd);
    if (getpeername(fd, (struct sockaddr *)&sa, &len) == 0)
        address_text((struct sockaddr *)&sa, len, c->peer.address, sizeof c->peer.address);
    conn_await(c, true);
    if (!s->ops->key)
        return;
    c->peer.uid = s->all->own_uid; /* whoever knows our key counts as ourselves */
    c->peer.gid = (gid_t)-1;
    conn_set_state(c, CONN_HELD);
    conn_shake(c, 1, s->ops->key(s->ctx));
}

/* Without a pause the loop would spin on a connection that it cannot take.  A peer that has not
 * said who it is makes room first. */
static void out_of_descriptors(struct listener *s)
{
    if (!list_empty(&s->all->unknown))
        conn_fail(list_entry(s->all->unknown.next, struct conn, unknown), "no descriptors left");
    log_limited(&s->all->refusals, 10, LOG_ERROR, "accept: no descriptors left");
    loop_set_events(s->watch, 0);
    loop_set_timer(s->breath, BREATH_MS);
}

static void on_breath(void *ctx)
{
    struct listener *s = ctx;

    loop_set_events(s->watch, LOOP_READ);
}

static void on_connection(void *ctx, int fd, unsigned events)
{
    struct listener *s = ctx;

    for (unsigned n = 0; n < ACCEPTS; n++) {
        CLEANUP(closep) int peer = accept4(fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (peer < 0 && (errno == EMFILE || errno == ENFILE || errno == ENOBUFS))
            out_of_descriptors(s);
        if (peer < 0)
            return;
        if (s->all->by_id.count >= CONN_MAX)
            continue; /* closed at once: the others keep theirs */
        (s->is_unix ? accepted_unix : accepted_tcp)(s, TAKE_FD(peer));
    }
}
