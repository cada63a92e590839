/* The end of groups: everything inside is killed at one instant, and the groups go.
 *
 * v2 has a file for it (since Linux 5.14).  v1 freezes the group first: what is frozen does not
 * fork away from the signal. */
#include "node/cgroup_impl.h"

#include "base/cleanup.h"
#include "schema/rpc.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/stat.h>
#include <unistd.h>

#define FREEZE_TRIES 100 /* of 1 ms; what sleeps in a dead file system never freezes */
#define CLEAR_TRIES 200  /* of 1 ms */
#define REMOVE_TRIES                                                             \
    20 /* of 1 ms: the kernel lets go of a group a little after its last process \
        */
#define MS 1000

static bool is_off(const struct cgroup_plan *p)
{
    return !p || p->version == 0;
}

/* Depth is bounded by what we make: job, step, user, task. */
void cgroup_walk(const char *path, cgroup_walk_fn *each, void *ctx)
{
    char below[CGROUP_PATH_MAX * 2];

    CLEANUP(closedirp) DIR *dir = opendir(path);
    for (struct dirent *d; dir && (d = readdir(dir));) {
        if (d->d_type != DT_DIR || d->d_name[0] == '.')
            continue;
        if (snprintf(below, sizeof below, "%s/%s", path, d->d_name) < (int)sizeof below)
            cgroup_walk(below, each, ctx);
    }
    if (dir)
        each(ctx, path);
}

/* ---- killing */

static void count_one(void *ctx, const char *path)
{
    char file[CGROUP_PATH_MAX * 2 + 16], text[8192];
    int *n = ctx;

    snprintf(file, sizeof file, "%s/cgroup.procs", path);
    for (ssize_t len = cgroup_read(file, text, sizeof text); len > 0; len--)
        *n += text[len - 1] == '\n';
}

static int count(const struct cgroup_plan *p, const char *group)
{
    char path[CGROUP_PATH_MAX * 2];
    int n = 0;

    cgroup_path(p, CG_FREEZER, group, "", path);
    cgroup_walk(path, count_one, &n);
    return n;
}

/* Whether the process is in the group, or below: looked up after its pidfd was opened, so that the
 * signal cannot hit a stranger that got the pid. */
static bool is_inside(int pid, const char *group)
{
    char path[48], text[4096];

    snprintf(path, sizeof path, "/proc/%d/cgroup", pid);
    return cgroup_read(path, text, sizeof text) > 0 && strstr(text, group);
}

static void kill_one(void *ctx, const char *path)
{
    char file[CGROUP_PATH_MAX * 2 + 16];
    const char *group = ctx;
    int pid;

    snprintf(file, sizeof file, "%s/cgroup.procs", path);
    CLEANUP(fclosep) FILE *in = fopen(file, "re");
    while (in && fscanf(in, "%d", &pid) == 1) {
        CLEANUP(closep) int fd = pid > 1 ? pidfd_open(pid, 0) : -1;
        if (fd >= 0 && is_inside(pid, group))
            pidfd_send_signal(fd, SIGKILL, NULL, 0);
    }
}

static bool is_frozen(const char *state)
{
    char word[16];

    return cgroup_read(state, word, sizeof word) > 0 && strncmp(word, "FROZEN", 6) == 0;
}

static int kill_v1(const struct cgroup_plan *p, const char *group)
{
    char state[CGROUP_PATH_MAX * 2], path[CGROUP_PATH_MAX * 2];

    cgroup_path(p, CG_FREEZER, group, "freezer.state", state);
    cgroup_path(p, CG_FREEZER, group, "", path);
    int err = cgroup_write(state, "FROZEN");
    for (int i = 0; i < FREEZE_TRIES && err == 0 && !is_frozen(state); i++)
        usleep(MS);
    if (err == 0)
        cgroup_walk(path, kill_one, (void *)group);
    cgroup_write(state, "THAWED");
    return err;
}

static int kill_group(const struct cgroup_plan *p, const char *group)
{
    char path[CGROUP_PATH_MAX * 2];

    if (!p->track)
        return -ENOTSUP;
    if (p->version == 1)
        return kill_v1(p, group);
    cgroup_path(p, 0, group, "cgroup.kill", path);
    return cgroup_write(path, "1");
}

int cgroup_kill(const struct cgroup *g)
{
    return is_off(g->plan) ? -ENOTSUP : kill_group(g->plan, g->step);
}

/* ---- removing */

static void remove_one(void *ctx, const char *path)
{
    for (int i = 0; i < REMOVE_TRIES && rmdir(path) < 0 && errno == EBUSY; i++)
        usleep(MS);
}

/* With all that is below it, in every tree: a plan may have wanted more before a restart. */
static void remove_group(const struct cgroup_plan *p, const char *group)
{
    char path[CGROUP_PATH_MAX * 2];

    for (int c = 0; c < (p->version == 1 ? CG_COUNT : 1); c++) {
        cgroup_path(p, c, group, "", path);
        cgroup_walk(path, remove_one, NULL);
    }
}

/* The groups above, as far as they are empty: EBUSY and ENOTEMPTY mean that somebody needs them. */
static void remove_above(const struct cgroup_plan *p, const char *group)
{
    char part[CGROUP_PATH_MAX], path[CGROUP_PATH_MAX * 2];

    snprintf(part, sizeof part, "%s", group);
    for (char *slash; (slash = strrchr(part, '/')) && slash > part + strlen(p->base);) {
        *slash = '\0';
        for (int c = 0; c < (p->version == 1 ? CG_COUNT : 1); c++) {
            cgroup_path(p, c, part, "", path);
            rmdir(path);
        }
    }
}

void cgroup_remove(const struct cgroup *g)
{
    if (is_off(g->plan))
        return;
    remove_group(g->plan, g->step);
    remove_above(g->plan, g->step);
}

void cgroup_close(const struct cgroup_plan *p)
{
    char path[CGROUP_PATH_MAX * 2];

    for (int c = 0; !is_off(p) && c < (p->version == 1 ? CG_COUNT : 1); c++) {
        cgroup_path(p, c, p->base, "", path);
        rmdir(path);
    }
}

/* ---- slurmd's sweep */

static int clear_group(const struct cgroup_plan *p, const char *group)
{
    int left = count(p, group);

    for (int i = 0; i < CLEAR_TRIES && left > 0; i++) {
        kill_group(p, group);
        usleep(MS);
        left = count(p, group);
    }
    remove_group(p, group);
    remove_above(p, group);
    return left;
}

int cgroup_clear(const struct cgroup_plan *p, const struct cgroup_id *id)
{
    struct cgroup g;

    if (is_off(p))
        return 0;
    cgroup_name(&g, p, id);
    return clear_group(p, id->step_id == STEP_ALL ? g.job : g.step);
}

struct sweep {
    const struct cgroup_plan *plan;
    cgroup_keep_fn *keep;
    void *ctx;
};

/* A group of a job, from its full path: BASE/uid_U/job_J or BASE/job_J. */
static void sweep_one(void *ctx, const char *path)
{
    struct sweep *s = ctx;
    const char *name = strrchr(path, '/') + 1, *base = strstr(path, s->plan->base);

    if (!base || strncmp(name, "job_", 4) != 0 || !isdigit((unsigned char)name[4]))
        return;
    if (!s->keep(s->ctx, (uint32_t)strtoul(name + 4, NULL, 10)))
        clear_group(s->plan, base);
}

void cgroup_clear_others(const struct cgroup_plan *p, cgroup_keep_fn *keep, void *ctx)
{
    struct sweep s = { p, keep, ctx };
    char path[CGROUP_PATH_MAX * 2];

    for (int c = 0; !is_off(p) && c < (p->version == 1 ? CG_COUNT : 1); c++) {
        cgroup_path(p, c, p->base, "", path);
        cgroup_walk(path, sweep_one, &s);
    }
}
