/* What a task's environment says about its GPUs, and which of them --gpu-bind leaves it. */
#include "node/gres.h"

#include "schema/gres.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define GPUS_MAX 64u

/* The GPUs of a set of parts, whole ones or those that shares were cut from, in their order. */
struct gpus {
    const struct host_device *v[GPUS_MAX];
    uint32_t n;
};

static const char *const kinds[] = { "gpu", "shard", "mps" };

static struct gpus gpus_of(const struct host *h, const struct gres_part *parts, uint32_t n)
{
    struct gpus ret = { .n = 0 };

    for (size_t k = 0; k < sizeof kinds / sizeof kinds[0] && ret.n == 0; k++) {
        uint64_t units = gres_units(parts, n, kinds[k]);
        for (uint32_t i = 0; i < h->devices.n && ret.n < GPUS_MAX; i++) {
            const struct host_device *d = &h->devices.v[i];
            if (d->index < GPUS_MAX && units >> d->index & 1 && strcmp(d->name, kinds[k]) == 0)
                ret.v[ret.n++] = d;
        }
    }
    return ret;
}

static uint64_t held(const struct gres_part *parts, uint32_t n, const char *name)
{
    uint64_t count = 0;

    for (uint32_t i = 0; i < n; i++)
        if (strcmp(parts[i].name, name) == 0)
            count += parts[i].count;
    return count;
}

static bool is_bound_away(uint64_t only, uint32_t at)
{
    return only && !(only >> at & 1);
}

/* ---- variables */

enum numbering { BY_INDEX, BY_VENDOR };

/* What a device is called in a list.  The vendor's libraries count what they can open; where they
 * can open everything they count all of the machine's. */
static const char *called(const struct host_device *d, uint32_t order, bool is_confined,
                          struct arena *a)
{
    if (d->unique[0] && (d->flags & GRES_env_uuid || strncmp(d->unique, "MIG-", 4) == 0))
        return d->unique;
    return arena_printf(a, "%u", is_confined && d->paths.n ? order : d->minor);
}

static const char *list_of(const struct gpus *g, const struct gres_task *t, enum numbering how,
                           struct arena *a)
{
    struct buf out = { 0 };

    for (uint32_t i = 0; i < g->n; i++) {
        if (how == BY_VENDOR && is_bound_away(t->only, i))
            continue;
        buf_printf(&out, "%s%s", out.len ? "," : "",
                   how == BY_VENDOR ? called(g->v[i], i, t->is_confined, a)
                                    : arena_printf(a, "%u", g->v[i]->index));
    }
    char *text = arena_strdup(a, buf_str(&out));
    buf_fini(&out);
    return text;
}

static void say(struct strs *ret, struct arena *a, const char *name, const char *value)
{
    ret->v[ret->n++] = arena_printf(a, "%s=%s", name, value);
}

static void say_number(struct strs *ret, struct arena *a, const char *name, uint64_t value)
{
    ret->v[ret->n++] = arena_printf(a, "%s=%" PRIu64, name, value);
}

static void say_vendors(const struct gpus *g, const struct gres_task *t, struct arena *a,
                        struct strs *ret)
{
    static const struct {
        unsigned flag;
        const char *variable;
    } vendors[] = {
        { GRES_nvidia_gpu_env, "CUDA_VISIBLE_DEVICES" },
        { GRES_amd_gpu_env, "ROCR_VISIBLE_DEVICES" },
        { GRES_intel_gpu_env, "ZE_AFFINITY_MASK" },
        { GRES_opencl_env, "GPU_DEVICE_ORDINAL" },
    };

    for (size_t i = 0; i < sizeof vendors / sizeof vendors[0]; i++)
        if (g->v[0]->flags & vendors[i].flag)
            say(ret, a, vendors[i].variable, list_of(g, t, BY_VENDOR, a));
}

/* A share of the device that MPS hands out, in percent. */
static void say_mps(const struct host *h, const struct gres_part *parts, uint32_t n,
                    struct arena *a, struct strs *ret)
{
    uint64_t mine = held(parts, n, "mps"), units = gres_units(parts, n, "mps"), whole = 0;

    for (uint32_t i = 0; i < h->devices.n; i++) {
        const struct host_device *d = &h->devices.v[i];
        if (strcmp(d->name, "mps") == 0 && d->index < GPUS_MAX && units >> d->index & 1)
            whole += d->count;
    }
    if (mine && whole)
        say_number(ret, a, "CUDA_MPS_ACTIVE_THREAD_PERCENTAGE", mine * 100 / whole);
}

void gres_env(const struct host *h, const struct gres_task *t, struct arena *a, struct strs *ret)
{
    const struct gres_part *parts = t->step ? t->step : t->job;
    uint32_t n = t->step ? t->step_n : t->job_n;
    struct gpus job = gpus_of(h, t->job, t->job_n), step = gpus_of(h, parts, n);

    *ret = (struct strs){ arena_calloc(a, 12, sizeof *ret->v), 0 };
    if (job.n)
        say(ret, a, "SLURM_JOB_GPUS", list_of(&job, t, BY_INDEX, a));
    if (step.n) {
        if (t->step)
            say(ret, a, "SLURM_STEP_GPUS", list_of(&step, t, BY_INDEX, a));
        say_vendors(&step, t, a, ret);
    }
    if (held(parts, n, "gpu"))
        say_number(ret, a, "SLURM_GPUS_ON_NODE", held(parts, n, "gpu"));
    if (held(parts, n, "shard"))
        say_number(ret, a, "SLURM_SHARDS_ON_NODE", held(parts, n, "shard"));
    say_mps(h, parts, n, a, ret);
}

/* ---- binding */

struct binding {
    const struct gpus *gpus;
    const struct gres_place *at;
};

typedef int bind_fn(const struct binding *b, const char *value, uint64_t *ret, struct err *e);

static bool core_in(const char *list, uint32_t core)
{
    for (const char *p = list; isdigit((unsigned char)*p); p += *p == ',') {
        char *end;
        unsigned long first = strtoul(p, &end, 10), last = first;
        if (*end == '-')
            last = strtoul(end + 1, &end, 10);
        if (core >= first && core <= last)
            return true;
        p = end;
    }
    return false;
}

static bool is_near(const struct binding *b, const struct host_device *d)
{
    const struct host_topology *t = b->at->host->topology;

    if (!d->cores[0] || !t || t->core.n == 0 || b->at->cpu_n == 0)
        return true;
    for (uint32_t i = 0; i < b->at->cpu_n; i++)
        if (b->at->cpus[i] < t->core.n && core_in(d->cores, t->core.v[b->at->cpus[i]]))
            return true;
    return false;
}

static uint64_t all_of(const struct gpus *g)
{
    return g->n >= 64 ? UINT64_MAX : (1ull << g->n) - 1;
}

/* Those near to the task's CPUs; all when none is. */
static uint64_t nearest(const struct binding *b)
{
    uint64_t set = 0;

    for (uint32_t i = 0; i < b->gpus->n; i++)
        set |= (uint64_t)is_near(b, b->gpus->v[i]) << i;
    return set ? set : all_of(b->gpus);
}

static uint64_t nth_of(uint64_t set, uint64_t n)
{
    for (n %= (uint64_t)__builtin_popcountll(set); n > 0; n--)
        set &= set - 1;
    return set & -set;
}

static int positive(const char *value, const char *what, uint64_t *ret, struct err *e)
{
    char *end;

    *ret = strtoull(value, &end, 10);
    if (end == value || *end || *ret == 0)
        return err_set(e, EINVAL, "Invalid --gpu-bind %s: %.40s", what, value);
    return 0;
}

static int bind_none(const struct binding *b, const char *value, uint64_t *ret, struct err *e)
{
    *ret = 0;
    return 0;
}

static int bind_closest(const struct binding *b, const char *value, uint64_t *ret, struct err *e)
{
    *ret = nearest(b);
    return 0;
}

/* value: tasks for each GPU. */
static int bind_single(const struct binding *b, const char *value, uint64_t *ret, struct err *e)
{
    uint64_t each;

    int err = positive(value, "single", &each, e);
    if (err == 0)
        *ret = nth_of(nearest(b), b->at->local_rank / each);
    return err;
}

/* value: GPUs for each task. */
static int bind_per_task(const struct binding *b, const char *value, uint64_t *ret, struct err *e)
{
    uint64_t each;

    int err = positive(value, "per_task", &each, e);
    if (err < 0)
        return err;
    *ret = 0;
    for (uint64_t i = 0; i < each && i < b->gpus->n; i++)
        *ret |= nth_of(all_of(b->gpus), b->at->local_rank * each + i);
    return 0;
}

/* The entry of a list such as "0*4,1*4" for a task; the list begins again at its end. */
static int entry_of(const char *list, uint32_t task, int base, uint64_t *ret, struct err *e)
{
    uint64_t total = 0, passed = 0;

    for (int round = 0; round < 2; round++)
        for (const char *p = list; *p; p += *p == ',') {
            char *end;
            uint64_t value = strtoull(p, &end, base), times = 1;
            if (end != p && *end == '*')
                times = strtoull(end + 1, &end, 10);
            if (end == p || (*end && *end != ',') || times == 0)
                return err_set(e, EINVAL, "Invalid --gpu-bind list: %.60s", list);
            p = end;
            total += round == 0 ? times : 0;
            passed += round == 1 ? times : 0;
            if (round == 1 && task % total < passed) {
                *ret = value;
                return 0;
            }
        }
    return err_set(e, EINVAL, "Invalid --gpu-bind list: %.60s", list);
}

static int bind_map(const struct binding *b, const char *value, uint64_t *ret, struct err *e)
{
    uint64_t gpu = 0;

    int err = entry_of(value, b->at->local_rank, 10, &gpu, e);
    if (err == 0)
        *ret = gpu < b->gpus->n ? 1ull << gpu : 0;
    return err;
}

static int bind_mask(const struct binding *b, const char *value, uint64_t *ret, struct err *e)
{
    uint64_t mask = 0;

    int err = entry_of(value, b->at->local_rank, 16, &mask, e);
    if (err == 0)
        *ret = mask & all_of(b->gpus);
    return err;
}

int gres_bind(const char *bind, const struct gres_place *at, uint64_t *ret, struct err *e)
{
    static const struct {
        const char *word;
        bind_fn *fn;
    } ways[] = {
        { "none", bind_none },          { "closest", bind_closest }, { "single:", bind_single },
        { "per_task:", bind_per_task }, { "map_gpu:", bind_map },    { "mask_gpu:", bind_mask },
    };
    struct gpus gpus = gpus_of(at->host, at->parts, at->part_n);
    const struct binding b = { &gpus, at };

    *ret = 0;
    const char *behind = bind[0] == 'v' || bind[0] == 'q' ? strchr(bind, ',') : NULL;
    if (behind)
        bind = behind + 1; /* verbose, quiet */
    if (!bind[0] || gpus.n == 0)
        return 0;
    for (size_t i = 0; i < sizeof ways / sizeof ways[0]; i++) {
        size_t len = strlen(ways[i].word);
        if (strncmp(bind, ways[i].word, len) == 0)
            return ways[i].fn(&b, bind + len, ret, e);
    }
    return err_set(e, EINVAL, "Invalid --gpu-bind argument: %.60s", bind);
}
