/* The socketpair between slurmstepd (root) and slurmstepd-io (the user).  Fixed heads and at most
 * one descriptor; both ends are of one build.  What comes from the user's side is a wish that
 * slurmstepd checks. */
#ifndef SLURMSTEPD_IO_LINK_H
#define SLURMSTEPD_IO_LINK_H

#include "schema/messages.h"
#include <stdint.h>

/* Descriptors that slurmstepd-io starts with. */
#define IO_FD_LINK 3
#define IO_FD_LAUNCH 4 /* the packed step_launch */

#define IO_ALL UINT32_MAX
#define IO_PMI 3 /* a stream: the socket of a task that may speak PMI */
#define IO_BODY_MAX 16384u

enum io_type {
    /* slurmstepd to slurmstepd-io */
    IO_STREAM = 1, /* task, stream 0-2 or IO_PMI; fd: our end of its pipe or socket */
    IO_TERMINAL,   /* task; fd: the terminal's other side */
    IO_STARTED,    /* task, value: pid */
    IO_READY,      /* every task was told of */
    IO_EXIT,   /* task, value: wait status, used, stream 1: out of memory; body: why it never ran */
    IO_NOTE,   /* body: words for the user */
    IO_ATTACH, /* body: a packed step_attach */
    IO_END,    /* nothing lives any more: say what is left and go */
    /* and back */
    IO_SIGNAL, /* task or IO_ALL, value: the signal */
    IO_ENV,    /* task, body: NAME=value for it, of its MPI server; IO_ALL: that was all */
    IO_LOST,   /* the client is gone; value 1: it was never there, body: why */
    IO_TYPES,
};

struct io_msg {
    uint32_t type;
    uint32_t task; /* rank */
    uint32_t stream;
    int32_t value;
    struct usage used;
    uint32_t len;
    uint8_t body[IO_BODY_MAX];
};

/* fd: -1 or one to send along.  Never blocks: -EAGAIN. */
int io_link_send(int link, const struct io_msg *m, int fd);
/* 1: a message; 0: the other end is gone; -EAGAIN.  *ret_fd is -1 or a descriptor to be closed. */
int io_link_receive(int link, struct io_msg *ret, int *ret_fd);

#endif
