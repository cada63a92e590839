/* The socket of munged and the lock that says whose it is. */
#ifndef MUNGED_PLACE_H
#define MUNGED_PLACE_H

#include "base/err.h"
#include <stdint.h>
#include <sys/types.h>

/* The kernel caps it at net.core.somaxconn; a full one fails old clients at once. */
#define PLACE_BACKLOG 4096

/* Takes the lock; held as long as *ret_lock is open.  The words of a failure name the holder. */
int place_lock(const char *socket, int *ret_lock, struct err *e);

/* Replaces whatever is at the path: the lock says that nobody serves it. */
int place_listen(const char *socket, int *ret_fd, struct err *e);
/* Removes socket and lock; -1 for what was never opened. */
void place_leave(const char *socket, int fd, int lock);

/* Stops the holder of the lock and waits for it to let go.  *ret_pid: who it was. */
int place_stop(const char *socket, pid_t *ret_pid, struct err *e);

/* An interface's first IPv4 address, an IPv4 literal, or a host name; NULL: this host's name. */
int origin_find(const char *name, uint8_t ret[4], struct err *e);

#endif
