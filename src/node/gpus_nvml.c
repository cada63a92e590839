/* NVIDIA's management library, loaded when it is there.  Its few functions that we need are named
 * in a table with where their addresses go; a library without one of the first rows is no use. */
#include "node/gpus.h"

#include "base/cleanup.h"
#include "schema/gres.h"

#include <dlfcn.h>
#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NVML_NAME 96
#define CPU_WORDS 64
#define MIG_MAX 16

typedef int nvml_plain(void);
typedef int nvml_count(unsigned *ret);
typedef int nvml_handle(unsigned index, void **ret);
typedef int nvml_text(void *device, char *ret, unsigned size);
typedef int nvml_number(void *device, unsigned *ret);
typedef int nvml_cpus(void *device, unsigned words, unsigned long *ret);
typedef int nvml_mig_mode(void *device, unsigned *ret_now, unsigned *ret_later);
typedef int nvml_mig_handle(void *device, unsigned index, void **ret);

struct nvml {
    nvml_plain *init, *shutdown;
    nvml_count *count;
    nvml_handle *handle;
    nvml_text *name, *uuid;
    nvml_number *minor, *gpu_instance, *compute_instance;
    nvml_cpus *cpus;
    nvml_mig_mode *mig_mode;
    nvml_mig_handle *mig_handle;
};

static const struct {
    const char *symbol;
    size_t offset;
    bool is_needed;
} symbols[] = {
    { "nvmlInit_v2", offsetof(struct nvml, init), true },
    { "nvmlShutdown", offsetof(struct nvml, shutdown), true },
    { "nvmlDeviceGetCount_v2", offsetof(struct nvml, count), true },
    { "nvmlDeviceGetHandleByIndex_v2", offsetof(struct nvml, handle), true },
    { "nvmlDeviceGetName", offsetof(struct nvml, name), true },
    { "nvmlDeviceGetUUID", offsetof(struct nvml, uuid), true },
    { "nvmlDeviceGetMinorNumber", offsetof(struct nvml, minor), true },
    { "nvmlDeviceGetCpuAffinity", offsetof(struct nvml, cpus), true },
    { "nvmlDeviceGetMigMode", offsetof(struct nvml, mig_mode), false },
    { "nvmlDeviceGetMigDeviceHandleByIndex", offsetof(struct nvml, mig_handle), false },
    { "nvmlDeviceGetGpuInstanceId", offsetof(struct nvml, gpu_instance), false },
    { "nvmlDeviceGetComputeInstanceId", offsetof(struct nvml, compute_instance), false },
};

static bool load(void *library, struct nvml *ret)
{
    memset(ret, 0, sizeof *ret);
    for (size_t i = 0; i < sizeof symbols / sizeof symbols[0]; i++) {
        void *address = dlsym(library, symbols[i].symbol);
        if (!address && symbols[i].is_needed)
            return false;
        memcpy((char *)ret + symbols[i].offset, &address, sizeof address);
    }
    return true;
}

/* The mask of CPUs as /sys would write it. */
static const char *cpulist(const struct nvml *n, void *device, struct arena *a)
{
    unsigned long words[CPU_WORDS] = { 0 };
    unsigned bits = 8 * sizeof words[0];

    if (n->cpus(device, CPU_WORDS, words) != 0)
        return "";
    CLEANUP(buf_fini) struct buf out = { 0 };
    for (unsigned i = 0; i < CPU_WORDS * bits; i++)
        if (words[i / bits] >> i % bits & 1)
            buf_printf(&out, "%s%u", out.len ? "," : "", i);
    return arena_strdup(a, buf_str(&out));
}

/* ---- slices of a card (MIG): the card's file and two small ones that open its instance */

static int cap_minor(const struct gpus_find *f, const char *what)
{
    char path[512], line[128];
    int minor = -1, n;
    size_t len = strlen(what);

    snprintf(path, sizeof path, "%s/proc/driver/nvidia-caps/mig-minors", f->root);
    CLEANUP(fclosep) FILE *in = fopen(path, "re");
    while (in && fgets(line, sizeof line, in))
        if (strncmp(line, what, len) == 0 && sscanf(line + len, " %d", &n) == 1)
            minor = n;
    return minor;
}

static struct strs slice_files(const struct gpus_find *f, unsigned card, unsigned gi, unsigned ci)
{
    struct arena *a = f->arena;
    const char **v = arena_calloc(a, 3, sizeof *v);
    int instance = cap_minor(f, arena_printf(a, "gpu%u/gi%u/access", card, gi));
    int compute = cap_minor(f, arena_printf(a, "gpu%u/gi%u/ci%u/access", card, gi, ci));

    v[0] = arena_printf(a, "%s/dev/nvidia%u", f->root, card);
    v[1] = arena_printf(a, "%s/dev/nvidia-caps/nvidia-cap%d", f->root, instance);
    v[2] = arena_printf(a, "%s/dev/nvidia-caps/nvidia-cap%d", f->root, compute);
    return (struct strs){ v, instance >= 0 && compute >= 0 ? 3 : 1 };
}

static void add_slices(const struct gpus_find *f, const struct nvml *n, void *device,
                       const struct gres_row *card, struct gres_conf *ret)
{
    char name[NVML_NAME], uuid[NVML_NAME];
    unsigned gi, ci, minor = 0;
    void *slice;

    n->minor(device, &minor);
    for (unsigned i = 0; i < MIG_MAX && n->mig_handle; i++) {
        if (n->mig_handle(device, i, &slice) != 0 || n->gpu_instance(slice, &gi) != 0 ||
            n->compute_instance(slice, &ci) != 0 || n->uuid(slice, uuid, sizeof uuid) != 0 ||
            n->name(slice, name, sizeof name) != 0)
            continue;
        struct gres_row l = *card;
        l.type = gpus_type(name, f->arena);
        l.unique = arena_strdup(f->arena, uuid);
        l.files = slice_files(f, minor, gi, ci);
        l.multiple = true;
        gpus_add(f, ret, &l);
    }
}

/* ---- cards */

static void add_card(const struct gpus_find *f, const struct nvml *n, unsigned index,
                     struct gres_conf *ret)
{
    char name[NVML_NAME], uuid[NVML_NAME];
    unsigned minor, now = 0, later;
    void *device;

    if (n->handle(index, &device) != 0 || n->name(device, name, sizeof name) != 0 ||
        n->uuid(device, uuid, sizeof uuid) != 0 || n->minor(device, &minor) != 0)
        return;
    const char **file = arena_calloc(f->arena, 1, sizeof *file);
    file[0] = arena_printf(f->arena, "%s/dev/nvidia%u", f->root, minor);
    const struct gres_row card = {
        .name = "gpu",
        .type = gpus_type(name, f->arena),
        .files = { file, 1 },
        .cores = gpus_cores(f, cpulist(n, device, f->arena)),
        .links = "",
        .unique = arena_strdup(f->arena, uuid),
        .flags = GRES_nvidia_gpu_env,
    };
    if (n->mig_mode && n->mig_mode(device, &now, &later) == 0 && now == 1)
        add_slices(f, n, device, &card, ret);
    else
        gpus_add(f, ret, &card);
}

bool gpus_nvml(const struct gpus_find *f, struct gres_conf *ret, struct buf *why)
{
    struct nvml n;
    unsigned count = 0;

    void *library = dlopen("libnvidia-ml.so.1", RTLD_NOW | RTLD_LOCAL);
    if (!library) {
        buf_printf(why, "%sAutoDetect: no libnvidia-ml.so.1", why->len ? "; " : "");
        return false;
    }
    bool is_up = load(library, &n) && n.init() == 0;
    if (is_up && n.count(&count) == 0)
        for (unsigned i = 0; i < count; i++)
            add_card(f, &n, i, ret);
    if (is_up)
        n.shutdown();
    else
        buf_printf(why, "%sAutoDetect: NVML does not start", why->len ? "; " : "");
    dlclose(library);
    return is_up;
}
