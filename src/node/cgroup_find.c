/* What cgroups this machine has, and where ours may be: on a plain host, under systemd, in a
 * container, in a Pod.  Asked once, by slurmd. */
#include "node/cgroup_impl.h"

#include "base/buf.h"
#include "base/cleanup.h"

#include <errno.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <unistd.h>

static bool is_mount(const char *path, long magic)
{
    struct statfs st;

    return statfs(path, &st) == 0 && (long)st.f_type == magic;
}

static uint32_t version_here(const struct cgroup_plan *p)
{
    char path[CGROUP_PATH_MAX * 2];

    if (is_mount(p->mount, CGROUP2_SUPER_MAGIC))
        return 2;
    for (int c = 0; c < CG_COUNT; c++) {
        snprintf(path, sizeof path, "%.200s/%s", p->mount, cgroup_controllers[c].v1);
        if (is_mount(path, CGROUP_SUPER_MAGIC))
            return 1;
    }
    return 0;
}

static bool is_wanted(const struct cgroup_plan *p)
{
    for (int c = 0; c < CG_COUNT; c++)
        if (cgroup_controllers[c].is_wanted(p))
            return true;
    return false;
}

static uint64_t machine_mb(void)
{
    return (uint64_t)sysconf(_SC_PHYS_PAGES) * (uint64_t)sysconf(_SC_PAGESIZE) >> 20;
}

/* A container may see its cgroups read-only; whoever may mount may change that for itself. */
static int make_writable(const char *path)
{
    if (access(path, W_OK) == 0)
        return 0;
    return mount(NULL, path, NULL, MS_REMOUNT | MS_BIND | MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL)
               ? -errno
               : 0;
}

/* ---- v1: each controller for itself; one that is missing costs what it was for */

static void find_v1(struct cgroup_plan *p, struct buf *why)
{
    char path[CGROUP_PATH_MAX * 2];

    for (int c = 0; c < CG_COUNT; c++) {
        const struct cgroup_controller *row = &cgroup_controllers[c];
        if (!row->is_wanted(p))
            continue;
        snprintf(path, sizeof path, "%.200s/%s", p->mount, row->v1);
        int err = is_mount(path, CGROUP_SUPER_MAGIC) ? make_writable(path) : -ENOENT;
        if (err == 0)
            err = cgroup_make_base(p, c);
        if (err == 0)
            continue;
        buf_printf(why, "%scgroup %s: %s", why->len ? "; " : "", row->v1, strerror(-err));
        row->give_up(p);
    }
}

/* ---- v2: one tree; a controller must be enabled from the top down */

/* Where this process is: "/", or "/kubepods/..." where a container sees the whole tree. */
static void own_group(char *ret, size_t size)
{
    char text[4096], *line;

    ret[0] = '\0';
    if (cgroup_read("/proc/self/cgroup", text, sizeof text) <= 0 || !(line = strstr(text, "0::/")))
        return;
    snprintf(ret, size, "%.*s", (int)strcspn(line + 4, "\n"), line + 4);
}

/* The real root of the tree has no type; the top that a container sees has one. */
static bool is_container(const struct cgroup_plan *p, const char *own)
{
    char path[CGROUP_PATH_MAX * 2];

    snprintf(path, sizeof path, "%.200s/cgroup.type", p->mount);
    return access(path, F_OK) == 0 || strstr(own, "kubepods") || strstr(own, "docker");
}

/* A group with processes of its own cannot delegate: those of the container, us among them, move
 * into a group beside ours. */
static void evacuate(const char *parent)
{
    char path[CGROUP_PATH_MAX * 2], procs[CGROUP_PATH_MAX * 2], pid[24];
    int n;

    snprintf(path, sizeof path, "%.400s/system", parent);
    if (mkdir(path, 0755) < 0 && errno != EEXIST)
        return;
    snprintf(path, sizeof path, "%.400s/system/cgroup.procs", parent);
    snprintf(procs, sizeof procs, "%.400s/cgroup.procs", parent);
    CLEANUP(fclosep) FILE *in = fopen(procs, "re");
    while (in && fscanf(in, "%d", &n) == 1) {
        snprintf(pid, sizeof pid, "%d", n);
        cgroup_write(path, pid);
    }
}

/* Opens the way for one controller down to `group` (relative, "a/b"); 0 or -errno. */
static int enable(const struct cgroup_plan *p, const char *group, const char *controller)
{
    char path[CGROUP_PATH_MAX * 2], word[24];
    int err = 0;

    snprintf(word, sizeof word, "+%s", controller);
    for (size_t at = 0; err == 0; at += 1 + strcspn(group + at + 1, "/")) {
        snprintf(path, sizeof path, "%.200s/%.*s/cgroup.subtree_control", p->mount, (int)at, group);
        err = cgroup_write(path, word);
        if (!group[at] || !group[at + 1])
            break;
    }
    return err;
}

static int make_path(const struct cgroup_plan *p, const char *group)
{
    char path[CGROUP_PATH_MAX * 2];

    for (size_t at = strcspn(group, "/");; at += 1 + strcspn(group + at + 1, "/")) {
        snprintf(path, sizeof path, "%.200s/%.*s", p->mount, (int)at, group);
        if (at && mkdir(path, 0755) < 0 && errno != EEXIST)
            return -errno;
        if (!group[at])
            return 0;
    }
}

static void find_v2(struct cgroup_plan *p, struct buf *why)
{
    int err = make_writable(p->mount);
    if (err == 0)
        err = make_path(p, p->base);
    if (err < 0) {
        buf_printf(why, "cgroup %s/%s: %s", p->mount, p->base, strerror(-err));
        p->version = 0;
        return;
    }
    for (int c = 0; c < CG_COUNT; c++) {
        const struct cgroup_controller *row = &cgroup_controllers[c];
        if (!row->v2[0] || !row->is_wanted(p))
            continue;
        err = enable(p, p->base, row->v2);
        if (err == 0)
            continue;
        buf_printf(why, "%scgroup controller %s: %s", why->len ? "; " : "", row->v2,
                   strerror(-err));
        row->give_up(p);
    }
}

static const char *base_v2(const struct cgroup_plan *p, const char *suffix, struct arena *a)
{
    char own[CGROUP_PATH_MAX], parent[CGROUP_PATH_MAX * 2];

    own_group(own, sizeof own);
    if (!is_container(p, own))
        return arena_printf(a, "%s/slurmstepd%s.scope", p->base, suffix);
    snprintf(parent, sizeof parent, "%.200s/%s", p->mount, own);
    evacuate(parent);
    return arena_printf(a, "%s%sslurmstepd%s.scope", own, own[0] ? "/" : "", suffix);
}

void cgroup_find(struct cgroup_plan *p, const char *suffix, struct arena *a)
{
    CLEANUP(buf_fini) struct buf why = { 0 };
    uint32_t asked = p->version;

    p->total_mb = machine_mb();
    p->version = 0;
    if (p->why[0] || !is_wanted(p))
        return;
    if (geteuid() != 0) {
        p->why = "slurmd does not run as root";
        return;
    }
    uint32_t here = version_here(p);
    if (here == 0 || (asked && asked != here)) {
        p->why = arena_printf(a, "no cgroup v%u at %s", asked ? asked : 2, p->mount);
        return;
    }
    p->version = here;
    p->base = here == 1 ? arena_printf(a, "slurm%s", suffix) : base_v2(p, suffix, a);
    (here == 1 ? find_v1 : find_v2)(p, &why);
    if (!is_wanted(p))
        p->version = 0;
    p->why = arena_strdup(a, buf_str(&why));
}
