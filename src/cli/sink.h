/* Where output of a step ends: a descriptor that may be slow.  What it does not take waits here,
 * and whoever feeds it stops while much waits. */
#ifndef CLI_SINK_H
#define CLI_SINK_H

#include "base/buf.h"
#include "net/loop.h"
#include <stdbool.h>

#define SINK_FULL (1u << 20)

struct sink {
    struct loop_fd *watch;
    int fd;
    bool is_own;    /* close it at the end */
    bool is_broken; /* nobody reads: the rest is dropped */
    struct buf out;
    size_t at;
};

/* Writes without waiting where the kernel lets us: through an open file description of our own, so
 * that nobody who shares the terminal or pipe is surprised. */
void sink_init(struct sink *s, struct loop *l, int fd);
void sink_fini(struct sink *s);
void sink_put(struct sink *s, const void *data, size_t len);
size_t sink_waiting(const struct sink *s);

#endif
