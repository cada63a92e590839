/* What the descendants of a process use now, from /proc: all that is known without a cgroup, and
 * what no cgroup knows. */
#ifndef NODE_SAMPLE_H
#define NODE_SAMPLE_H

#include <stdint.h>
#include <sys/types.h>

struct sample {
    uint64_t user_us, system_us;      /* of the living, and of those that they waited for */
    uint64_t rss_kb;                  /* summed: shared pages count for each */
    uint64_t vsize_kb;                /* of the largest */
    uint64_t read_bytes, write_bytes; /* from and to disks; 0 where /proc does not say */
};

void sample_tree(pid_t root, struct sample *ret);

#endif
