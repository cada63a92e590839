/* Socket addresses: from words to the kernel's form and back.  Shared by dial.c, listener.c and
 * client/. */
#ifndef NET_ADDRESS_H
#define NET_ADDRESS_H

#include "base/err.h"
#include "net/conn.h"
#include <sys/socket.h>
#include <sys/un.h>

struct addrinfo;

/* '@' at the start means an abstract name. */
int address_unix(const char *path, struct sockaddr_un *ret, socklen_t *ret_len, struct err *e);

/* May ask the resolver.  host NULL: the addresses to listen on.  Release with freeaddrinfo. */
int address_look_up(const struct tcp_address *at, struct addrinfo **ret, struct err *e);

/* "192.0.2.7:6817", "[2001:db8::7]:6817"; an IPv4 address in IPv6 clothes is shown as what it
 * is. */
void address_text(const struct sockaddr *sa, socklen_t len, char *ret, size_t size);

/* For a TCP connection: no delay for small frames, and a dead peer is noticed within a minute or
 * two. */
void address_tune(int fd);

#endif
