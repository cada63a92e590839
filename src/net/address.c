/* Socket addresses (address.h). */
#include "net/address.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

int address_unix(const char *path, struct sockaddr_un *ret, socklen_t *ret_len, struct err *e)
{
    size_t len = strlen(path);

    *ret = (struct sockaddr_un){ .sun_family = AF_UNIX };
    if (len == 0 || len >= sizeof ret->sun_path)
        return err_set(e, ENAMETOOLONG, "socket path is empty or too long: %.120s", path);
    memcpy(ret->sun_path, path, len);
    if (path[0] == '@')
        ret->sun_path[0] = '\0';
    *ret_len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len + (path[0] == '@' ? 0 : 1));
    return 0;
}

int address_look_up(const struct tcp_address *at, struct addrinfo **ret, struct err *e)
{
    struct addrinfo hints = { .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM };
    char port[8];

    hints.ai_flags = AI_NUMERICSERV | (at->host ? 0 : AI_PASSIVE);
    snprintf(port, sizeof port, "%u", at->port);
    int r = getaddrinfo(at->host, port, &hints, ret);
    if (r != 0)
        return err_set(e, EHOSTUNREACH, "%s: %s", at->host ? at->host : "*", gai_strerror(r));
    return 0;
}

void address_text(const struct sockaddr *sa, socklen_t len, char *ret, size_t size)
{
    static const char mapped[] = "::ffff:";
    char host[NI_MAXHOST], port[NI_MAXSERV];
    const char *name = host;

    if (getnameinfo(sa, len, host, sizeof host, port, sizeof port,
                    NI_NUMERICHOST | NI_NUMERICSERV)) {
        snprintf(ret, size, "unknown");
        return;
    }
    if (strncmp(host, mapped, sizeof mapped - 1) == 0)
        name += sizeof mapped - 1;
    snprintf(ret, size, strchr(name, ':') ? "[%.46s]:%.8s" : "%.46s:%.8s", name, port);
}

void address_tune(int fd)
{
    static const struct {
        int level, option, value;
    } rows[] = {
        { IPPROTO_TCP, TCP_NODELAY, 1 },   { SOL_SOCKET, SO_KEEPALIVE, 1 },
        { IPPROTO_TCP, TCP_KEEPIDLE, 60 }, { IPPROTO_TCP, TCP_KEEPINTVL, 15 },
        { IPPROTO_TCP, TCP_KEEPCNT, 4 },   { IPPROTO_TCP, TCP_USER_TIMEOUT, 60000 },
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        setsockopt(fd, rows[i].level, rows[i].option, &rows[i].value, sizeof rows[i].value);
}
