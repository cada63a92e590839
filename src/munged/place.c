/* Where munged is: its socket, its lock, its address. */
#include "munged/place.h"

#include "base/cleanup.h"
#include "base/log.h"
#include "base/xalloc.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <ifaddrs.h>
#include <limits.h>
#include <netdb.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define STOP_POLL_MS 20
#define STOP_POLLS 500 /* 10 s */

static char *lock_path(const char *socket)
{
    return xasprintf("%s.lock", socket);
}

/* The process that holds the lock, or 0. */
static pid_t holder(int fd)
{
    struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };

    return fcntl(fd, F_GETLK, &lock) == 0 && lock.l_type != F_UNLCK ? lock.l_pid : 0;
}

/* A record lock, as the stock daemon takes it: the two exclude each other, and it dies with its
 * holder, so a stale file is no obstacle.  Nobody may read the file: there is nothing in it. */
int place_lock(const char *socket, int *ret_lock, struct err *e)
{
    struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };

    CLEANUP(freep) char *path = lock_path(socket);
    CLEANUP(closep) int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0200);
    if (fd < 0)
        return err_errno(e, "Failed to create \"%s\"", path);
    if (fcntl(fd, F_SETLK, &lock) < 0) {
        pid_t pid = holder(fd);
        return err_set(e, EEXIST, "Failed to lock \"%s\": pid %d bound to socket \"%s\"", path,
                       (int)pid, socket);
    }
    *ret_lock = TAKE_FD(fd);
    return 0;
}

/* Everybody may connect (mode 0777): who may do what is decided by credential, not by the path. */
int place_listen(const char *socket_path, int *ret_fd, struct err *e)
{
    struct sockaddr_un at = { .sun_family = AF_UNIX };

    if ((size_t)snprintf(at.sun_path, sizeof at.sun_path, "%s", socket_path) >= sizeof at.sun_path)
        return err_set(e, ENAMETOOLONG, "Exceeded maximum length of socket pathname");
    if (unlink(socket_path) == 0)
        log_info("Removed existing socket \"%s\"", socket_path);
    else if (errno != ENOENT)
        return err_errno(e, "Failed to remove existing socket \"%s\"", socket_path);

    CLEANUP(closep) int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return err_errno(e, "Failed to create socket");
    mode_t mask = umask(0);
    int bound = bind(fd, (struct sockaddr *)&at, sizeof at);
    umask(mask);
    if (bound < 0)
        return err_errno(e, "Failed to bind socket \"%s\"", socket_path);
    if (listen(fd, PLACE_BACKLOG) < 0)
        return err_errno(e, "Failed to listen on socket \"%s\"", socket_path);
    log_info("Created socket \"%s\"", socket_path);
    *ret_fd = TAKE_FD(fd);
    return 0;
}

/* The socket goes first: whoever takes the lock next must not find his own socket removed. */
void place_leave(const char *socket, int fd, int lock)
{
    if (fd >= 0) {
        unlink(socket);
        close(fd);
    }
    if (lock >= 0) {
        CLEANUP(freep) char *path = lock_path(socket);
        unlink(path);
        close(lock);
    }
}

/* ---- stopping */

/* Signals through a pidfd taken before the last look at the lock: the holder cannot have become
 * another. */
static int terminate(int lock, pid_t pid, struct err *e)
{
    CLEANUP(closep) int pidfd = pidfd_open(pid, 0);
    if (pidfd < 0 || holder(lock) != pid)
        return 0; /* gone already */
    if (pidfd_send_signal(pidfd, SIGTERM, NULL, 0) < 0)
        return err_errno(e, "Failed to signal daemon (pid %d)", (int)pid);
    return 0;
}

/* The lock is let go only when the daemon has cleaned up, so waiting for it is waiting for the
 * end. */
int place_stop(const char *socket, pid_t *ret_pid, struct err *e)
{
    CLEANUP(freep) char *path = lock_path(socket);
    CLEANUP(closep) int fd = open(path, O_WRONLY | O_CLOEXEC | O_NOFOLLOW);
    pid_t pid = fd >= 0 ? holder(fd) : 0;
    if (pid == 0)
        return err_set(e, ESRCH, "Failed to find a daemon bound to socket \"%s\"", socket);

    int err = terminate(fd, pid, e);
    if (err < 0)
        return err;
    for (int i = 0; i < STOP_POLLS && holder(fd) == pid; i++)
        usleep(STOP_POLL_MS * 1000);
    if (holder(fd) == pid)
        return err_set(e, ETIMEDOUT, "Failed to terminate daemon bound to socket \"%s\" (pid %d)",
                       socket, (int)pid);
    *ret_pid = pid;
    return 0;
}

/* ---- origin */

/* An interface may have the name of a host; the interface wins. */
static int interface_find(const char *name, uint8_t ret[4])
{
    struct ifaddrs *all;
    int found = -ENOENT;

    if (getifaddrs(&all) < 0)
        return -errno;
    for (const struct ifaddrs *i = all; i && found < 0; i = i->ifa_next) {
        if (!i->ifa_addr || i->ifa_addr->sa_family != AF_INET || strcmp(i->ifa_name, name) != 0)
            continue;
        memcpy(ret, &((struct sockaddr_in *)(void *)i->ifa_addr)->sin_addr, 4);
        found = 0;
    }
    freeifaddrs(all);
    return found;
}

int origin_find(const char *name, uint8_t ret[4], struct err *e)
{
    const struct addrinfo want = { .ai_family = AF_INET, .ai_socktype = SOCK_STREAM };
    char host[HOST_NAME_MAX + 1] = "";
    struct addrinfo *found;

    if (name && interface_find(name, ret) == 0)
        return 0;
    if (!name && gethostname(host, sizeof host - 1) < 0)
        return err_errno(e, "Failed to find the name of this host");
    if (getaddrinfo(name ? name : host, NULL, &want, &found) != 0)
        return err_set(e, ENOENT, "Failed to lookup origin \"%s\"", name ? name : host);
    memcpy(ret, &((struct sockaddr_in *)(void *)found->ai_addr)->sin_addr, 4);
    freeaddrinfo(found);
    return 0;
}
