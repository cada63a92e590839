/* A step's groups: their names, making them, their limits, entering, measuring.  The versions
 * differ in where a file lies and how it is called: two tables say so. */
#include "node/cgroup_impl.h"

#include "base/cleanup.h"
#include "schema/rpc.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MIB (1024ull * 1024)
#define MAKE_TRIES 8 /* the last step of a job may remove what we are making */

static bool wants_freezer(const struct cgroup_plan *p)
{
    return p->track;
}

static bool wants_account(const struct cgroup_plan *p)
{
    return p->account;
}

static bool wants_memory(const struct cgroup_plan *p)
{
    return p->account || p->ram || p->swap;
}

static bool wants_cpuset(const struct cgroup_plan *p)
{
    return p->cores;
}

static bool wants_devices(const struct cgroup_plan *p)
{
    return p->devices;
}

static bool wants_pids(const struct cgroup_plan *p)
{
    return p->pids_max > 0;
}

static void no_freezer(struct cgroup_plan *p)
{
    p->track = false;
}

static void no_account(struct cgroup_plan *p)
{
    p->account = false;
}

static void no_memory(struct cgroup_plan *p)
{
    p->account = p->ram = p->swap = false;
}

static void no_cpuset(struct cgroup_plan *p)
{
    p->cores = false;
}

static void no_devices(struct cgroup_plan *p)
{
    p->devices = false;
}

static void no_pids(struct cgroup_plan *p)
{
    p->pids_max = 0;
}

const struct cgroup_controller cgroup_controllers[CG_COUNT] = {
    [CG_FREEZER] = { "freezer", "", wants_freezer, no_freezer },
    [CG_CPUACCT] = { "cpuacct", "", wants_account, no_account },
    [CG_MEMORY] = { "memory", "memory", wants_memory, no_memory },
    [CG_CPUSET] = { "cpuset", "cpuset", wants_cpuset, no_cpuset },
    [CG_DEVICES] = { "devices", "", wants_devices, no_devices },
    [CG_PIDS] = { "pids", "pids", wants_pids, no_pids },
};

/* What can be written and read, where, in either version; NULL: not there. */
enum knob {
    KNOB_RAM,
    KNOB_SWAP,
    KNOB_SWAPPINESS,
    KNOB_CPUS,
    KNOB_PIDS,
};

static const struct {
    enum controller controller;
    const char *file[2];
} knobs[] = {
    [KNOB_RAM] = { CG_MEMORY, { "memory.limit_in_bytes", "memory.max" } },
    [KNOB_SWAP] = { CG_MEMORY, { "memory.memsw.limit_in_bytes", "memory.swap.max" } },
    [KNOB_SWAPPINESS] = { CG_MEMORY, { "memory.swappiness", NULL } },
    [KNOB_CPUS] = { CG_CPUSET, { "cpuset.cpus", "cpuset.cpus" } },
    [KNOB_PIDS] = { CG_PIDS, { "pids.max", "pids.max" } },
};

static bool is_off(const struct cgroup_plan *p)
{
    return !p || p->version == 0;
}

/* ---- names */

void cgroup_name(struct cgroup *ret, const struct cgroup_plan *plan, const struct cgroup_id *id)
{
    char user[24] = "", step[24];

    ret->plan = plan;
    ret->job[0] = ret->step[0] = '\0';
    if (is_off(plan))
        return;
    if (plan->version == 1)
        snprintf(user, sizeof user, "uid_%u/", id->uid);
    snprintf(step, sizeof step, "%u", id->step_id);
    const char *word = id->step_id == STEP_BATCH         ? "batch"
                       : id->step_id == STEP_EXTERN      ? "extern"
                       : id->step_id == STEP_INTERACTIVE ? "interactive"
                                                         : step;
    snprintf(ret->job, sizeof ret->job, "%.180s/%sjob_%u", plan->base, user, id->job_id);
    snprintf(ret->step, sizeof ret->step, "%.220s/step_%s", ret->job, word);
}

void cgroup_path(const struct cgroup_plan *p, enum controller c, const char *group,
                 const char *file, char ret[CGROUP_PATH_MAX * 2])
{
    const char *controller = p->version == 1 ? cgroup_controllers[c].v1 : "";

    snprintf(ret, (size_t)CGROUP_PATH_MAX * 2, "%.120s%s%s/%.256s%s%.64s", p->mount,
             controller[0] ? "/" : "", controller, group, file[0] ? "/" : "", file);
}

int cgroup_write(const char *path, const char *text)
{
    size_t len = strlen(text);

    CLEANUP(closep) int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    return write(fd, text, len) == (ssize_t)len ? 0 : -errno;
}

ssize_t cgroup_read(const char *path, char *ret, size_t size)
{
    CLEANUP(closep) int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : read(fd, ret, size - 1);

    ret[n > 0 ? n : 0] = '\0';
    return n < 0 ? -errno : n;
}

bool cgroup_number(const char *path, const char *word, uint64_t *ret)
{
    char text[8192];
    size_t len = strlen(word);

    if (cgroup_read(path, text, sizeof text) <= 0)
        return false;
    for (const char *line = text; *line; line += strcspn(line, "\n"), line += *line == '\n') {
        if (len && (strncmp(line, word, len) != 0 || line[len] != ' '))
            continue;
        const char *value = line + len + (len > 0);
        *ret = strncmp(value, "max", 3) == 0 ? UINT64_MAX : strtoull(value, NULL, 10);
        return true;
    }
    return false;
}

/* ---- making */

/* v2: what the group below may limit. */
static void delegate(const struct cgroup_plan *p, const char *group)
{
    char path[CGROUP_PATH_MAX * 2], word[24];

    if (p->version == 1)
        return;
    cgroup_path(p, 0, group, "cgroup.subtree_control", path);
    for (int c = 0; c < CG_COUNT; c++) {
        const struct cgroup_controller *row = &cgroup_controllers[c];
        snprintf(word, sizeof word, "+%s", row->v2);
        if (row->v2[0] && row->is_wanted(p))
            cgroup_write(path, word); /* missed, a limit cannot be set, and that will be said */
    }
}

static int make_one(const struct cgroup_plan *p, enum controller c, const char *group)
{
    char path[CGROUP_PATH_MAX * 2];

    cgroup_path(p, c, group, "", path);
    return mkdir(path, 0755) < 0 && errno != EEXIST ? -errno : 0;
}

/* v1: groups below ours begin with all CPUs and memory nodes, as a cpuset without them takes no
 * process. */
static void fill_cpuset(const struct cgroup_plan *p)
{
    static const char *const files[] = { "cpuset.cpus", "cpuset.mems" };
    char from[CGROUP_PATH_MAX * 2], to[CGROUP_PATH_MAX * 2], value[1024];

    for (int i = 0; i < 2; i++) {
        cgroup_path(p, CG_CPUSET, "", files[i], from);
        cgroup_path(p, CG_CPUSET, p->base, files[i], to);
        if (cgroup_read(from, value, sizeof value) > 0)
            cgroup_write(to, value);
    }
    cgroup_path(p, CG_CPUSET, p->base, "cgroup.clone_children", to);
    cgroup_write(to, "1");
}

int cgroup_make_base(const struct cgroup_plan *p, enum controller c)
{
    int err = make_one(p, c, p->base);

    if (err == 0 && p->version == 1 && c == CG_CPUSET)
        fill_cpuset(p);
    if (err == 0)
        delegate(p, p->base);
    return err;
}

/* The step's group and those above it, down from our own. */
static int make_all(const struct cgroup *g, enum controller c)
{
    char part[CGROUP_PATH_MAX];
    size_t at = strlen(g->plan->base);
    int err = cgroup_make_base(g->plan, c);

    while (err == 0 && g->step[at] == '/') {
        at += 1 + strcspn(g->step + at + 1, "/");
        snprintf(part, sizeof part, "%.*s", (int)at, g->step);
        err = make_one(g->plan, c, part);
        if (err == 0 && g->step[at])
            delegate(g->plan, part);
    }
    return err;
}

static int make_in(const struct cgroup *g, enum controller c, struct err *e)
{
    int err = -ENOENT;

    for (int i = 0; i < MAKE_TRIES && err == -ENOENT; i++)
        err = make_all(g, c);
    return err < 0 ? err_set(e, -err, "make cgroup %s (%s): %s", g->step, cgroup_controllers[c].v1,
                             strerror(-err))
                   : 0;
}

static int make_groups(const struct cgroup *g, struct err *e)
{
    if (g->plan->version == 2)
        return make_in(g, 0, e);
    int err = 0;
    for (int c = 0; c < CG_COUNT && err == 0; c++)
        if (cgroup_controllers[c].is_wanted(g->plan))
            err = make_in(g, c, e);
    return err;
}

static int turn(const struct cgroup *g, const char *group, enum knob k, const char *value,
                struct err *e)
{
    char path[CGROUP_PATH_MAX * 2];
    const char *file = knobs[k].file[g->plan->version - 1];

    if (!file)
        return 0;
    cgroup_path(g->plan, knobs[k].controller, group, file, path);
    int err = cgroup_write(path, value);
    return err < 0 ? err_set(e, -err, "write %s to %s: %s", value, path, strerror(-err)) : 0;
}

static int turn_number(const struct cgroup *g, const char *group, enum knob k, uint64_t value,
                       struct err *e)
{
    char text[24];

    snprintf(text, sizeof text, "%" PRIu64, value);
    return turn(g, group, k, text, e);
}

/* ---- limits */

static uint64_t least(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

struct cgroup_memory cgroup_memory(const struct cgroup_plan *p, uint64_t mem_mb)
{
    uint64_t mb = mem_mb ? mem_mb : p->total_mb;
    uint64_t ram = (uint64_t)((double)mb * p->allowed_ram / 100);
    uint64_t swap = (uint64_t)((double)mb * p->allowed_swap / 100);

    ram = least(ram, (uint64_t)((double)p->total_mb * p->max_ram / 100));
    swap = least(swap, (uint64_t)((double)p->total_mb * p->max_swap / 100));
    if (ram < p->min_ram_mb)
        ram = p->min_ram_mb;
    return (struct cgroup_memory){ ram * MIB, swap * MIB };
}

/* v1 counts memory and swap together, and wants the smaller of the two limits set first.  A kernel
 * that does not count swap has no such file: then swap is off as well. */
static int limit_swap(const struct cgroup *g, const char *group, struct cgroup_memory m,
                      struct err *e)
{
    uint64_t value = g->plan->version == 1 ? m.ram + m.swap : m.swap;
    int err = g->plan->swap ? turn_number(g, group, KNOB_SWAP, value, e) : 0;

    return err == -ENOENT ? 0 : err;
}

static int limit_memory(const struct cgroup *g, const char *group, uint64_t mem_mb, struct err *e)
{
    const struct cgroup_plan *p = g->plan;
    struct cgroup_memory m = cgroup_memory(p, mem_mb);

    int err =
        p->ram || (p->swap && p->version == 1) ? turn_number(g, group, KNOB_RAM, m.ram, e) : 0;
    if (err == -EBUSY)
        err = 0; /* another step of the job uses that much already: it will be held there */
    if (err == 0)
        err = limit_swap(g, group, m, e);
    if (err == 0 && p->ram && p->swappiness.set)
        err = turn_number(g, group, KNOB_SWAPPINESS, p->swappiness.v, e);
    return err;
}

static int deny_v1(const struct cgroup *g, const struct cgroup_limits *l, struct err *e)
{
    char path[CGROUP_PATH_MAX * 2], row[48];
    int err = 0;

    cgroup_path(g->plan, CG_DEVICES, g->step, "devices.deny", path);
    for (uint32_t i = 0; i < l->denied_count && err == 0; i++) {
        const struct cgroup_device *d = &l->denied[i];
        snprintf(row, sizeof row, "%c %u:%u rwm", d->is_block ? 'b' : 'c', d->major, d->minor);
        err = cgroup_write(path, row);
    }
    return err < 0 ? err_set(e, -err, "write to %s: %s", path, strerror(-err)) : 0;
}

static int limit_devices(const struct cgroup *g, const struct cgroup_limits *l, struct err *e)
{
    char path[CGROUP_PATH_MAX * 2];

    if (g->plan->version == 1)
        return deny_v1(g, l, e);
    cgroup_path(g->plan, 0, g->step, "", path);
    return cgroup_deny(path, l->denied, l->denied_count, e);
}

int cgroup_make(const struct cgroup *g, const struct cgroup_limits *l, struct err *e)
{
    const struct cgroup_plan *p = g->plan;

    if (is_off(p))
        return 0;
    int err = make_groups(g, e);
    if (err == 0)
        err = limit_memory(g, g->job, l->job_mem_mb, e);
    if (err == 0 && l->step_mem_mb)
        err = limit_memory(g, g->step, l->step_mem_mb, e);
    if (err == 0 && p->cores && l->cpus[0])
        err = turn(g, g->step, KNOB_CPUS, l->cpus, e);
    if (err == 0 && p->pids_max)
        err = turn_number(g, g->step, KNOB_PIDS, p->pids_max, e);
    if (err == 0 && p->devices && l->denied_count)
        err = limit_devices(g, l, e);
    return err;
}

/* ---- entering */

static int enter(const struct cgroup *g, enum controller c, const char *group, struct err *e)
{
    char path[CGROUP_PATH_MAX * 2];

    cgroup_path(g->plan, c, group, "cgroup.procs", path);
    int err = cgroup_write(path, "0"); /* the kernel's word for "whoever writes" */
    return err < 0 ? err_set(e, -err, "enter cgroup %s: %s", path, strerror(-err)) : 0;
}

/* v2: processes live in leaves only, and each task has one. */
static int enter_task(const struct cgroup *g, uint32_t task, struct err *e)
{
    char group[CGROUP_PATH_MAX + 32];

    snprintf(group, sizeof group, "%s/user", g->step);
    int err = make_one(g->plan, 0, group);
    snprintf(group, sizeof group, "%s/user/task_%u", g->step, task);
    if (err == 0)
        err = make_one(g->plan, 0, group);
    return err < 0 ? err_set(e, -err, "make cgroup %s: %s", group, strerror(-err))
                   : enter(g, 0, group, e);
}

int cgroup_enter(const struct cgroup *g, uint32_t task, struct err *e)
{
    int err = 0;

    if (is_off(g->plan))
        return 0;
    if (g->plan->version == 2)
        return enter_task(g, task, e);
    for (int c = 0; c < CG_COUNT && err == 0; c++)
        if (cgroup_controllers[c].is_wanted(g->plan))
            err = enter(g, c, g->step, e);
    return err;
}

/* ---- measuring */

/* Where each number is read, and what one of it is worth; the first row with a number counts. */
static const struct {
    size_t offset;
    enum controller controller;
    struct {
        const char *file, *word;
        unsigned divide;
    } in[2];
} meters[] = {
#define METER(member) offsetof(struct cgroup_use, member)
    { METER(user_us),
      CG_CPUACCT,
      { { "cpuacct.usage_user", "", 1000 }, { "cpu.stat", "user_usec", 1 } } },
    { METER(system_us),
      CG_CPUACCT,
      { { "cpuacct.usage_sys", "", 1000 }, { "cpu.stat", "system_usec", 1 } } },
    { METER(anon), CG_MEMORY, { { "memory.stat", "total_rss", 1 }, { "memory.stat", "anon", 1 } } },
    { METER(shmem),
      CG_MEMORY,
      { { "memory.stat", "total_shmem", 1 }, { "memory.stat", "shmem", 1 } } },
    { METER(file),
      CG_MEMORY,
      { { "memory.stat", "total_cache", 1 }, { "memory.stat", "file", 1 } } },
    { METER(peak),
      CG_MEMORY,
      { { "memory.max_usage_in_bytes", "", 1 }, { "memory.peak", "", 1 } } },
    { METER(limit), CG_MEMORY, { { "memory.limit_in_bytes", "", 1 }, { "memory.max", "", 1 } } },
    { METER(oom_kills),
      CG_MEMORY,
      { { "memory.oom_control", "oom_kill", 1 }, { "memory.events", "oom_kill", 1 } } },
};

/* Of the step; its limit is the job's where it has none of its own. */
void cgroup_measure(const struct cgroup *g, struct cgroup_use *ret)
{
    char path[CGROUP_PATH_MAX * 2];
    uint64_t value, job_limit = UINT64_MAX;

    *ret = (struct cgroup_use){ .limit = UINT64_MAX };
    if (is_off(g->plan))
        return;
    unsigned v = g->plan->version - 1;
    for (size_t i = 0; i < sizeof meters / sizeof meters[0]; i++) {
        cgroup_path(g->plan, meters[i].controller, g->step, meters[i].in[v].file, path);
        if (cgroup_number(path, meters[i].in[v].word, &value))
            *(uint64_t *)((char *)ret + meters[i].offset) = value / meters[i].in[v].divide;
    }
    cgroup_path(g->plan, CG_MEMORY, g->job, knobs[KNOB_RAM].file[v], path);
    if (cgroup_number(path, "", &job_limit) && job_limit < ret->limit)
        ret->limit = job_limit;
}
