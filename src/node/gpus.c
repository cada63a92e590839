/* GPUs from the files of drivers: /proc/driver/nvidia, /sys/class/drm. */
#include "node/gpus.h"

#include "base/cleanup.h"
#include "schema/gres.h"

#include <ctype.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PATH_LEN 512
#define CARDS_MAX 64

typedef void find_fn(const struct gpus_find *f, struct gres_conf *ret, struct buf *why);

static void find_nvidia(const struct gpus_find *f, struct gres_conf *ret, struct buf *why);
static void find_nvml(const struct gpus_find *f, struct gres_conf *ret, struct buf *why);
static void find_amd(const struct gpus_find *f, struct gres_conf *ret, struct buf *why);
static void find_intel(const struct gpus_find *f, struct gres_conf *ret, struct buf *why);

static const struct {
    const char *how;
    find_fn *find;
} finders[] = {
    { "nvml", find_nvml },    { "nvidia", find_nvidia }, { "rsmi", find_amd },
    { "oneapi", find_intel }, { "full", find_nvml },     { "full", find_amd },
    { "full", find_intel },
};

void gpus_find(const struct gpus_find *f, struct gres_conf *ret, struct buf *why)
{
    *ret = (struct gres_conf){ .autodetect = f->how };
    for (size_t i = 0; i < sizeof finders / sizeof finders[0]; i++)
        if (strcmp(finders[i].how, f->how) == 0)
            finders[i].find(f, ret, why);
}

void gpus_add(const struct gpus_find *f, struct gres_conf *ret, const struct gres_row *l)
{
    struct gres_row *v = arena_calloc(f->arena, ret->lines.n + 1, sizeof *v);

    for (uint32_t i = 0; i < ret->lines.n; i++)
        v[i] = ret->lines.v[i];
    v[ret->lines.n] = *l;
    ret->lines.v = v;
    ret->lines.n++;
}

const char *gpus_type(const char *name, struct arena *a)
{
    char *type = arena_strdup(a, name);

    for (char *p = type; *p; p++)
        *p = isspace((unsigned char)*p) || *p == ',' || *p == ':'
                 ? '_'
                 : (char)tolower((unsigned char)*p);
    return type;
}

/* ---- small files */

static const char *text_of(const struct gpus_find *f, const char *path)
{
    char text[4096];

    CLEANUP(fclosep) FILE *in = fopen(path, "re");
    size_t n = in ? fread(text, 1, sizeof text - 1, in) : 0;
    text[n] = '\0';
    if (n > 0 && text[n - 1] == '\n')
        text[n - 1] = '\0';
    return arena_strdup(f->arena, text);
}

static bool in_cpulist(const char *list, uint32_t cpu)
{
    for (const char *p = list; isdigit((unsigned char)*p); p += *p == ',') {
        char *end;
        unsigned long first = strtoul(p, &end, 10), last = first;
        if (*end == '-')
            last = strtoul(end + 1, &end, 10);
        if (cpu >= first && cpu <= last)
            return true;
        p = end;
    }
    return false;
}

const char *gpus_cores(const struct gpus_find *f, const char *cpulist)
{
    const struct host_topology *t = f->topology;
    uint32_t last_core = UINT32_MAX, near = 0;

    CLEANUP(buf_fini) struct buf out = { 0 };
    for (uint32_t i = 0; t && i < t->os.n; i++) {
        if (!in_cpulist(cpulist, t->os.v[i]))
            continue;
        near++;
        if (t->core.v[i] != last_core)
            buf_printf(&out, "%s%u", out.len ? "," : "", t->core.v[i]);
        last_core = t->core.v[i];
    }
    return t && near < t->os.n ? arena_strdup(f->arena, buf_str(&out)) : "";
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

static int no_dots(const struct dirent *d)
{
    return d->d_name[0] != '.';
}

/* Names in a folder, sorted, into the arena. */
static uint32_t names_in(const struct gpus_find *f, const char *path, const char **ret)
{
    struct dirent **found;
    uint32_t n = 0;

    int all = scandir(path, &found, no_dots, by_name);
    for (int i = 0; i < all; i++) {
        if (n < CARDS_MAX)
            ret[n++] = arena_strdup(f->arena, found[i]->d_name);
        free(found[i]);
    }
    if (all >= 0)
        free(found);
    return n;
}

static struct strs one_file(const struct gpus_find *f, const char *path)
{
    const char **v = arena_calloc(f->arena, 1, sizeof *v);

    v[0] = path;
    return (struct strs){ v, 1 };
}

/* ---- NVIDIA without its library */

/* The value of "Model: \t\t NVIDIA A100" in a driver's file. */
static const char *value_of(const struct gpus_find *f, const char *text, const char *key)
{
    const char *at = strstr(text, key);

    if (!at)
        return "";
    at += strlen(key);
    at += strspn(at, ": \t");
    return arena_strndup(f->arena, at, strcspn(at, "\n"));
}

static void nvidia_card(const struct gpus_find *f, const char *bus, struct gres_conf *ret)
{
    char path[PATH_LEN];

    snprintf(path, sizeof path, "%s/proc/driver/nvidia/gpus/%s/information", f->root, bus);
    const char *text = text_of(f, path), *minor = value_of(f, text, "Device Minor");
    snprintf(path, sizeof path, "%s/sys/bus/pci/devices/%s/local_cpulist", f->root, bus);
    const char *cpus = text_of(f, path);
    if (!isdigit((unsigned char)minor[0]))
        return;
    gpus_add(f, ret,
             &(struct gres_row){
                 .name = "gpu",
                 .type = gpus_type(value_of(f, text, "Model"), f->arena),
                 .files = one_file(f, arena_printf(f->arena, "%s/dev/nvidia%s", f->root, minor)),
                 .cores = gpus_cores(f, cpus),
                 .links = "",
                 .unique = value_of(f, text, "GPU UUID"),
                 .flags = GRES_nvidia_gpu_env,
             });
}

static void find_nvidia(const struct gpus_find *f, struct gres_conf *ret, struct buf *why)
{
    const char *buses[CARDS_MAX];
    char path[PATH_LEN];

    snprintf(path, sizeof path, "%s/proc/driver/nvidia/gpus", f->root);
    uint32_t n = names_in(f, path, buses);
    for (uint32_t i = 0; i < n; i++)
        nvidia_card(f, buses[i], ret);
}

static void find_nvml(const struct gpus_find *f, struct gres_conf *ret, struct buf *why)
{
    if (!gpus_nvml(f, ret, why))
        find_nvidia(f, ret, why);
}

/* ---- AMD and Intel: render nodes of the kernel */

struct maker {
    const char *vendor; /* PCI */
    const char *type;   /* when the card does not tell its product */
    unsigned flags;
};

static void render_node(const struct gpus_find *f, const struct maker *m, const char *name,
                        struct gres_conf *ret)
{
    const char *text[3];
    static const char *const files[] = { "vendor", "product_name", "local_cpulist" };

    for (size_t i = 0; i < 3; i++)
        text[i] = text_of(
            f, arena_printf(f->arena, "%s/sys/class/drm/%s/device/%s", f->root, name, files[i]));
    if (strcmp(text[0], m->vendor) != 0)
        return;
    gpus_add(f, ret,
             &(struct gres_row){
                 .name = "gpu",
                 .type = gpus_type(text[1][0] ? text[1] : m->type, f->arena),
                 .files = one_file(f, arena_printf(f->arena, "%s/dev/dri/%s", f->root, name)),
                 .cores = gpus_cores(f, text[2]),
                 .links = "",
                 .unique = "",
                 .flags = m->flags,
             });
}

static void find_render(const struct gpus_find *f, const struct maker *m, struct gres_conf *ret)
{
    const char *names[CARDS_MAX];
    char path[PATH_LEN];

    snprintf(path, sizeof path, "%s/sys/class/drm", f->root);
    uint32_t n = names_in(f, path, names);
    for (uint32_t i = 0; i < n; i++)
        if (strncmp(names[i], "renderD", 7) == 0)
            render_node(f, m, names[i], ret);
}

static void find_amd(const struct gpus_find *f, struct gres_conf *ret, struct buf *why)
{
    find_render(f, &(struct maker){ "0x1002", "amd", GRES_amd_gpu_env }, ret);
}

static void find_intel(const struct gpus_find *f, struct gres_conf *ret, struct buf *why)
{
    find_render(f, &(struct maker){ "0x8086", "intel", GRES_intel_gpu_env }, ret);
}
