/* Messages over a SOCK_SEQPACKET pair: whole, in order, with a descriptor when one goes along. */
#include "slurmstepd/io_link.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>

#define HEAD offsetof(struct io_msg, body)

union control {
    struct cmsghdr align;
    char room[CMSG_SPACE(sizeof(int))];
};

int io_link_send(int link, const struct io_msg *m, int fd)
{
    struct iovec part = { (void *)m, HEAD + m->len };
    union control control = { 0 };
    struct msghdr h = { .msg_iov = &part, .msg_iovlen = 1 };

    if (fd >= 0) {
        h.msg_control = control.room;
        h.msg_controllen = sizeof control.room;
        struct cmsghdr *c = CMSG_FIRSTHDR(&h);
        *c = (struct cmsghdr){ .cmsg_level = SOL_SOCKET,
                               .cmsg_type = SCM_RIGHTS,
                               .cmsg_len = CMSG_LEN(sizeof fd) };
        memcpy(CMSG_DATA(c), &fd, sizeof fd);
    }
    return sendmsg(link, &h, MSG_NOSIGNAL | MSG_DONTWAIT) < 0 ? -errno : 0;
}

int io_link_receive(int link, struct io_msg *ret, int *ret_fd)
{
    struct iovec part = { ret, sizeof *ret };
    union control control;
    struct msghdr h = { .msg_iov = &part,
                        .msg_iovlen = 1,
                        .msg_control = control.room,
                        .msg_controllen = sizeof control.room };

    *ret_fd = -1;
    ssize_t n = recvmsg(link, &h, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
    if (n <= 0)
        return n == 0 ? 0 : errno == EINTR ? -EAGAIN : -errno;
    struct cmsghdr *c = CMSG_FIRSTHDR(&h);
    if (c && c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS)
        memcpy(ret_fd, CMSG_DATA(c), sizeof *ret_fd);
    if ((size_t)n < HEAD || (size_t)n != HEAD + ret->len || ret->type >= IO_TYPES)
        return -EBADMSG;
    return 1;
}
