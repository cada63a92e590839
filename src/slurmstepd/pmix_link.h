/* Between slurmstepd-io and slurmstepd-pmix: a stream of heads and bodies, both of one build. */
#ifndef SLURMSTEPD_PMIX_LINK_H
#define SLURMSTEPD_PMIX_LINK_H

#include <stdint.h>

/* Descriptors that slurmstepd-pmix starts with. */
#define PMIX_FD_LINK 3
#define PMIX_FD_LAUNCH 4 /* the packed step_launch */

#define PMIX_BODY_MAX (64u << 20)

enum pmix_link_type {
    PMIX_LINK_ENV = 1, /* to io: a NAME=value of a task */
    PMIX_LINK_READY,   /* to io: that was all */
    PMIX_LINK_FENCE,   /* to io: what the tasks here brought; back: what all did */
    PMIX_LINK_ABORT,   /* to io: a task gave up; body: its words */
};

struct pmix_link_head {
    uint32_t type;
    uint32_t rank; /* of the task, where there is one */
    uint32_t len;  /* of the body */
};

#endif
