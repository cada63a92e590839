/* The machine's CPUs, from /sys. */
#include "node/topology.h"

#include "base/bits.h"
#include "base/cleanup.h"

#include <ctype.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CPUS_MAX 65536u

struct cpu {
    int os, package, core, numa;
};

static int number_in(const char *path)
{
    int n;

    CLEANUP(fclosep) FILE *in = fopen(path, "re");
    return in && fscanf(in, "%d", &n) == 1 ? n : -1;
}

static int topology_number(int cpu, const char *name)
{
    char path[128];

    snprintf(path, sizeof path, "/sys/devices/system/cpu/cpu%d/topology/%s", cpu, name);
    return number_in(path);
}

/* A CPU's folder has a link "nodeN" to its memory node. */
static int numa_of(int cpu)
{
    char path[64];

    snprintf(path, sizeof path, "/sys/devices/system/cpu/cpu%d", cpu);
    CLEANUP(closedirp) DIR *dir = opendir(path);
    for (struct dirent *d; dir && (d = readdir(dir));)
        if (strncmp(d->d_name, "node", 4) == 0 && isdigit((unsigned char)d->d_name[4]))
            return atoi(d->d_name + 4);
    return 0;
}

static int by_place(const void *x, const void *y)
{
    const struct cpu *a = x, *b = y;

    if (a->package != b->package)
        return a->package < b->package ? -1 : 1;
    if (a->core != b->core)
        return a->core < b->core ? -1 : 1;
    return a->os < b->os ? -1 : a->os > b->os;
}

static uint32_t cpus_read(struct cpu *ret, uint32_t most)
{
    uint32_t n = 0;

    for (uint32_t i = 0; i < most; i++) {
        int package = topology_number((int)i, "physical_package_id");
        int core = topology_number((int)i, "core_id");
        if (core >= 0)
            ret[n++] = (struct cpu){ (int)i, package < 0 ? 0 : package, core, numa_of((int)i) };
    }
    return n;
}

void topology_read(struct arena *a, struct host_topology *ret)
{
    long all = sysconf(_SC_NPROCESSORS_CONF);
    uint32_t most = all > 0 && all < (long)CPUS_MAX ? (uint32_t)all : 1;
    struct cpu *cpus = arena_calloc(a, most, sizeof *cpus);
    uint32_t n = cpus_read(cpus, most), core = 0, socket = 0;

    qsort(cpus, n, sizeof *cpus, by_place);
    struct u32s *const lists[] = { &ret->os, &ret->core, &ret->socket, &ret->numa };
    for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++)
        *lists[i] = (struct u32s){ arena_calloc(a, n + 1, sizeof *lists[i]->v), n };
    for (uint32_t i = 0; i < n; i++) {
        bool is_new_socket = i > 0 && cpus[i].package != cpus[i - 1].package;
        core += i > 0 && (is_new_socket || cpus[i].core != cpus[i - 1].core);
        socket += is_new_socket;
        ret->os.v[i] = (uint32_t)cpus[i].os;
        ret->core.v[i] = core;
        ret->socket.v[i] = socket;
        ret->numa.v[i] = (uint32_t)cpus[i].numa;
    }
}

void topology_cpus(const struct host_topology *t, const char *ids, struct buf *ret)
{
    buf_reset(ret);
    for (const char *p = ids; isdigit((unsigned char)*p); p += *p == ',') {
        char *end;
        unsigned long first = strtoul(p, &end, 10), last = first;
        if (*end == '-')
            last = strtoul(end + 1, &end, 10);
        if (last < first || last >= t->os.n) {
            buf_reset(ret);
            return;
        }
        for (unsigned long i = first; i <= last; i++)
            buf_printf(ret, "%s%u", ret->len ? "," : "", t->os.v[i]);
        p = end;
    }
}
