/* Which users the group database lists as members: (gid, uid) pairs, for restrictions by group.
 *
 * Walking the database can take seconds where it lives behind LDAP, so refreshes run in a child
 * process. */
#ifndef MUNGED_GROUPS_H
#define MUNGED_GROUPS_H

#include "base/buf.h"
#include "net/loop.h"
#include <stdbool.h>
#include <stdint.h>
#include <time.h>

struct groups {
    uint64_t *pairs; /* gid << 32 | uid, sorted */
    size_t n;
    struct timespec mtime; /* of the group file at the last build */
    bool check_mtime;      /* do not rebuild while the group file is unchanged */
    struct loop *loop;
    int pipe; /* from the child that rebuilds; -1 when none does */
    struct loop_fd *watch;
    struct buf arriving;
};

/* The map is empty until groups_build: then only effective groups open a restricted credential. */
void groups_init(struct groups *g, struct loop *loop, bool check_mtime);
void groups_fini(struct groups *g);
/* Now, blocking: for the start. */
void groups_build(struct groups *g);
/* In a child; the new map replaces the old when it is complete.  Does nothing while the group file
 * is unchanged (check_mtime) or a child is still at it. */
void groups_refresh(struct groups *g);
/* Listed as a member; primary and supplementary groups of a process are not asked, as in MUNGE. */
bool groups_has(const struct groups *g, uint32_t gid, uint32_t uid);

#endif
