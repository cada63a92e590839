/* A munged that does no work: it answers every request with the same bytes, by the five system
 * calls that any daemon behind this protocol needs.  What remunge reaches against it is what the
 * clients and the kernel allow; what munged costs above it is ours.    munge_floor SOCKET PIDFILE
 */
#include "auth/munge.h"
#include "base/buf.h"
#include "munged/request.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define CRED_LEN 164u /* of a usual credential without a payload */
#define BATCH 64

static int listen_at(const char *path)
{
    struct sockaddr_un at = { .sun_family = AF_UNIX };
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    snprintf(at.sun_path, sizeof at.sun_path, "%s", path);
    if (fd < 0 || bind(fd, (struct sockaddr *)&at, sizeof at) < 0 || chmod(path, 0777) < 0 ||
        listen(fd, 512) < 0)
        return -1;
    return fd;
}

static void answer(int fd, const struct buf *reply)
{
    char request[4096];
    struct ucred peer;
    socklen_t len = sizeof peer;

    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) == 0 &&
        recv(fd, request, sizeof request, 0) > 0 &&
        send(fd, reply->data, reply->len, MSG_NOSIGNAL) < 0)
        perror("send");
    close(fd);
}

static void serve(int listener, const struct buf *reply)
{
    int fds[BATCH];

    for (;;) {
        struct pollfd wait = { .fd = listener, .events = POLLIN };
        int n = 0;
        if (poll(&wait, 1, -1) < 0)
            return;
        while (n < BATCH && (fds[n] = accept4(listener, NULL, NULL, SOCK_CLOEXEC)) >= 0)
            n++;
        while (n > 0)
            answer(fds[--n], reply);
    }
}

int main(int argc, char **argv)
{
    char text[CRED_LEN];
    struct buf cred = { 0 }, reply = { 0 };

    int listener = argc == 3 ? listen_at(argv[1]) : -1;
    FILE *pid = listener >= 0 ? fopen(argv[2], "w") : NULL;
    if (!pid || fprintf(pid, "%d\n", (int)getpid()) < 0 || fclose(pid) != 0)
        return 1;
    memset(text, 'A', sizeof text);
    buf_put(&cred, text, sizeof text);
    reply_encoded(&reply, 0, 0, NULL, &cred);
    serve(listener, &reply);
    return 0;
}
