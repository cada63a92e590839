/* The blocking client: what libmunge does, waiting and retrying included (contracts/munge.md
 * section 1). */
#include "auth/munge_client.h"

#include "auth/munge_message.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/xalloc.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define CONNECTS 10 /* attempts; the i-th failure is followed by a pause of i * 50 ms */
#define CONNECT_PAUSE_MS 50
#define RETRY_PAUSE_MS 10 /* likewise, between attempts at one message */

static int exchange(const char *socket, struct buf *request, int reply_type, struct buf *reply,
                    struct err *e);
static int attempt(const char *path, const struct buf *request, int reply_type, struct buf *reply,
                   struct err *e);

int munge_encode(const char *socket, uid_t restrict_uid, const void *payload, size_t len,
                 char **ret_cred, struct err *e)
{
    struct munge_wish wish = MUNGE_WISH;

    wish.auth_uid = restrict_uid;
    wish.payload = payload;
    wish.len = len;
    return munge_encode_as(socket, &wish, ret_cred, e);
}

int munge_encode_as(const char *socket, const struct munge_wish *wish, char **ret_cred,
                    struct err *e)
{
    CLEANUP(buf_fini) struct buf request = { 0 };
    CLEANUP(buf_fini) struct buf reply = { 0 };
    const char *cred;

    int err = munge_put_encode(&request, wish, e);
    if (err == 0)
        err = exchange(socket, &request, MUNGE_ENCODE_REPLY, &reply, e);
    if (err == 0)
        err = munge_get_encoded(reply.data, reply.len, &cred, e);
    if (err == 0)
        *ret_cred = xstrdup(cred);
    return err;
}

int munge_decode(const char *socket, const char *cred, size_t len, struct buf *keep,
                 struct munge_found *ret, struct err *e)
{
    CLEANUP(buf_fini) struct buf request = { 0 };

    *ret = (struct munge_found){ 0 };
    if (len == 0)
        return err_set(e, MUNGE_BAD_ARG, "No credential specified");
    int err = munge_put_decode(&request, cred, len, e);
    if (err == 0)
        err = exchange(socket, &request, MUNGE_DECODE_REPLY, keep, e);
    if (err == 0)
        err = munge_get_decoded(keep->data, keep->len, ret, e);
    ret->code = -err;
    return err;
}

int munge_status(const char *socket, char **ret, struct err *e)
{
    CLEANUP(buf_fini) struct buf request = { 0 };
    CLEANUP(buf_fini) struct buf reply = { 0 };
    const char *text;
    size_t len;

    munge_put_status(&request);
    int err = exchange(socket, &request, MUNGE_STATUS_REPLY, &reply, e);
    if (err == 0)
        err = munge_get_status(reply.data, reply.len, &text, &len, e);
    if (err == 0)
        *ret = xstrndup(text, len);
    return err;
}

/* ---- one exchange */

static int socket_check(const char *path, struct err *e)
{
    struct stat st;

    if (*path == '\0')
        return err_set(e, MUNGE_SOCKET_ERROR, "MUNGE socket name is undefined");
    if (stat(path, &st) < 0)
        return err_set(e, MUNGE_SOCKET_ERROR, "Failed to access \"%s\": %s (Did you start munged?)",
                       path, strerror(errno));
    if (!S_ISSOCK(st.st_mode))
        return err_set(e, MUNGE_SOCKET_ERROR, "Invalid file type for socket \"%s\"", path);
    return 0;
}

/* The retry byte tells the daemon that an earlier answer may have been lost, so that the second
 * look at a credential is no replay. */
static int exchange(const char *socket, struct buf *request, int reply_type, struct buf *reply,
                    struct err *e)
{
    const char *path = socket ? socket : MUNGE_SOCKET;

    int err = socket_check(path, e);
    if (err < 0)
        return err;
    for (int i = 0; i < MUNGE_RETRIES; i++) {
        if (i > 0)
            usleep((unsigned)i * RETRY_PAUSE_MS * 1000);
        request->data[MUNGE_RETRY_AT] = (uint8_t)i;
        err = attempt(path, request, reply_type, reply, e);
        if (err != -EAGAIN)
            return err < 0 ? -MUNGE_SOCKET_ERROR : 0;
    }
    return -MUNGE_SOCKET_ERROR;
}

static int dial(const char *path, int *ret, struct err *e)
{
    struct sockaddr_un to = { .sun_family = AF_UNIX };

    if ((size_t)snprintf(to.sun_path, sizeof to.sun_path, "%s", path) >= sizeof to.sun_path)
        return err_set(e, ENAMETOOLONG, "Exceeded maximum length of socket pathname");
    CLEANUP(closep) int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return err_errno(e, "Failed to create socket");
    for (int i = 1;; i++) {
        if (connect(fd, (struct sockaddr *)&to, sizeof to) == 0)
            break;
        if (i >= CONNECTS || (errno != ECONNREFUSED && errno != EAGAIN))
            return err_set(e, ENOTCONN, "Failed to connect to \"%s\": %s", path, strerror(errno));
        usleep((unsigned)i * CONNECT_PAUSE_MS * 1000);
    }
    *ret = TAKE_FD(fd);
    return 0;
}

/* Waits for the socket; -EAGAIN when the deadline of the message has passed. */
static int await(int fd, short events, int64_t deadline_ns, struct err *e)
{
    struct pollfd p = { .fd = fd, .events = events };

    for (;;) {
        int64_t left_ms = (deadline_ns - clock_mono_ns() + 999999) / 1000000;
        if (left_ms <= 0)
            return err_set(e, EAGAIN, "Socket communication timed-out");
        int n = poll(&p, 1, (int)left_ms);
        if (n > 0)
            return 0;
        if (n < 0 && errno != EINTR)
            return err_errno(e, "Failed to poll the socket");
    }
}

static int send_all(int fd, const struct buf *b, int64_t deadline_ns, struct err *e)
{
    size_t sent = 0;

    while (sent < b->len) {
        ssize_t n = send(fd, b->data + sent, b->len - sent, MSG_NOSIGNAL);
        int err = 0;
        if (n < 0 && errno == EAGAIN)
            err = await(fd, POLLOUT, deadline_ns, e);
        else if (n < 0)
            err = err_set(e, EAGAIN, "Failed to send message: %s", strerror(errno));
        if (err < 0)
            return err;
        sent += n > 0 ? (size_t)n : 0;
    }
    return 0;
}

static int receive_reply(int fd, int type, struct buf *reply, int64_t deadline_ns, struct err *e)
{
    ssize_t need = 0;

    buf_reset(reply);
    while (need == 0 || reply->len < (size_t)need) {
        size_t room = need > 0 ? (size_t)need - reply->len : 4096;
        buf_reserve(reply, room);
        ssize_t n = recv(fd, reply->data + reply->len, room, 0);
        int err = 0;
        if (n < 0 && errno == EAGAIN)
            err = await(fd, POLLIN, deadline_ns, e);
        else if (n <= 0)
            err = err_set(e, EAGAIN, "Failed to receive message: connection closed by munged");
        if (err < 0)
            return err;
        reply->len += n > 0 ? (size_t)n : 0;
        need = munge_reply_length(reply->data, reply->len, type);
        if (need < 0 || (need > 0 && reply->len > (size_t)need))
            return err_set(e, EPROTO, "Received an invalid reply from munged");
    }
    return 0;
}

/* -EAGAIN: worth another attempt. */
static int attempt(const char *path, const struct buf *request, int reply_type, struct buf *reply,
                   struct err *e)
{
    const int64_t deadline = MUNGE_DEADLINE_MS * 1000000LL;
    CLEANUP(closep) int fd = -1;

    int err = dial(path, &fd, e);
    if (err == 0)
        err = send_all(fd, request, clock_mono_ns() + deadline, e);
    if (err == 0)
        err = receive_reply(fd, reply_type, reply, clock_mono_ns() + deadline, e);
    return err;
}
