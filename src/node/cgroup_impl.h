/* What the files cgroup*.c share; nobody else includes this. */
#ifndef NODE_CGROUP_IMPL_H
#define NODE_CGROUP_IMPL_H

#include "node/cgroup.h"

/* Controllers that we use.  cgroup v2 has them in one tree under the second name ("": always
 * there). */
enum controller {
    CG_FREEZER,
    CG_CPUACCT,
    CG_MEMORY,
    CG_CPUSET,
    CG_DEVICES,
    CG_PIDS,
    CG_COUNT,
};

struct cgroup_controller {
    const char *v1, *v2;
    bool (*is_wanted)(const struct cgroup_plan *p);
    void (*give_up)(struct cgroup_plan *p);
};

extern const struct cgroup_controller cgroup_controllers[CG_COUNT];

/* The full path of a file of a group; the controller matters in v1 only. */
void cgroup_path(const struct cgroup_plan *p, enum controller c, const char *group,
                 const char *file, char ret[CGROUP_PATH_MAX * 2]);

/* Our own group, which all others are in.  0 when it is there already, too. */
int cgroup_make_base(const struct cgroup_plan *p, enum controller c);

/* One write, as the kernel wants it.  0 or -errno. */
int cgroup_write(const char *path, const char *text);
ssize_t cgroup_read(const char *path, char *ret, size_t size); /* NUL behind; -errno */

/* The number in a file, or behind a word at the start of one of its lines; false when there is
 * none.  "max" is UINT64_MAX. */
bool cgroup_number(const char *path, const char *word, uint64_t *ret);

/* Calls each() for every group below this one, children before parents, then for itself. */
typedef void cgroup_walk_fn(void *ctx, const char *path);
void cgroup_walk(const char *path, cgroup_walk_fn *each, void *ctx);

/* v2: nobody below opens these devices. */
int cgroup_deny(const char *path, const struct cgroup_device *v, uint32_t n, struct err *e);

#endif
