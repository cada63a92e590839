/* What names.c and its helper process say to each other: a uid, and this with its words. */
#ifndef SLURMCTLD_NAMES_HELPER_H
#define SLURMCTLD_NAMES_HELPER_H

#include "base/buf.h"

#include <stdint.h>

struct names_reply {
    uint32_t size; /* of it all */
    uint32_t uid;
    uint32_t is_known, gid, groups; /* known: name NUL, then groups times number, name NUL */
};

void names_helper(int fd) __attribute__((noreturn));

#endif
