/* What this machine is.  All online CPUs count, whatever slurmd's own affinity: that is how Slurm
 * counts, and what a job gets is decided by the controller. */
#include "node/hw.h"

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/map.h"
#include "node/spool.h"

#include <stdio.h>
#include <string.h>
#include <sys/statvfs.h>
#include <sys/sysinfo.h>
#include <sys/utsname.h>
#include <unistd.h>

#define MIB (1024u * 1024)

/* One number of a cpu's topology directory; -1 when there is none (some virtual machines). */
static int topology(unsigned cpu, const char *name)
{
    char path[128];
    int n;

    snprintf(path, sizeof path, "/sys/devices/system/cpu/cpu%u/topology/%s", cpu, name);
    CLEANUP(fclosep) FILE *in = fopen(path, "re");
    return in && fscanf(in, "%d", &n) == 1 ? n : -1;
}

static void probe_cpus(struct node_register *ret)
{
    struct map packages = { 0 }, cores = { 0 };
    long all = sysconf(_SC_NPROCESSORS_CONF);

    for (unsigned cpu = 0; cpu < (all > 0 ? (unsigned)all : 1); cpu++) {
        int package = topology(cpu, "physical_package_id"), core = topology(cpu, "core_id");
        if (core < 0)
            continue; /* offline, or not told */
        uint64_t socket = package < 0 ? 0 : (uint64_t)package;
        map_put(&packages, socket + 1, ret);
        map_put(&cores, (socket << 32 | (uint32_t)core) + 1, ret);
    }
    long online = sysconf(_SC_NPROCESSORS_ONLN);
    uint32_t core_count = cores.count ? cores.count : (uint32_t)online;
    ret->cpus = online > 0 ? (uint32_t)online : 1;
    ret->boards = 1;
    ret->sockets = packages.count ? packages.count : 1;
    ret->cores = core_count / ret->sockets ? core_count / ret->sockets : 1;
    ret->threads = ret->cpus / core_count ? ret->cpus / core_count : 1;
    map_fini(&packages);
    map_fini(&cores);
}

/* A line "NAME: N kB" of /proc/meminfo, in MiB. */
static uint64_t meminfo_mb(const char *name)
{
    char line[256];
    unsigned long long kb;
    size_t len = strlen(name);

    CLEANUP(fclosep) FILE *in = fopen("/proc/meminfo", "re");
    while (in && fgets(line, sizeof line, in))
        if (strncmp(line, name, len) == 0 && sscanf(line + len, ": %llu", &kb) == 1)
            return kb / 1024;
    return 0;
}

static uint64_t disk_mb(const char *dir)
{
    struct statvfs fs;

    return statvfs(dir, &fs) < 0 ? 0 : (uint64_t)fs.f_blocks * fs.f_frsize / MIB;
}

void hw_load(uint64_t *ret_free_mb, uint32_t *ret_load_x100)
{
    struct sysinfo s = { 0 };

    sysinfo(&s);
    *ret_free_mb = (uint64_t)s.freeram * s.mem_unit / MIB;
    *ret_load_x100 = (uint32_t)(s.loads[0] * 100.0 / (1 << SI_LOAD_SHIFT));
}

void hw_probe(const char *tmp_dir, struct arena *a, struct node_register *ret)
{
    struct utsname name;
    struct sysinfo s = { 0 };
    char boot_id[40];

    uname(&name);
    sysinfo(&s);
    spool_boot_id(boot_id);
    probe_cpus(ret);
    ret->real_memory_mb = meminfo_mb("MemTotal");
    ret->tmp_disk_mb = disk_mb(tmp_dir);
    ret->boot_id = arena_strdup(a, boot_id);
    ret->arch = arena_strdup(a, name.machine);
    ret->os = arena_printf(a, "%s %s %s", name.sysname, name.release, name.version);
    ret->hostname = arena_strndup(a, name.nodename, strcspn(name.nodename, "."));
    ret->boot_time = clock_wall_s() - s.uptime;
    hw_load(&ret->free_mem_mb, &ret->cpu_load);
}

void hw_print(const char *node, const char *gres)
{
    struct arena a = { 0 };
    struct node_register r = { 0 };
    struct sysinfo s = { 0 };

    hw_probe("/tmp", &a, &r);
    sysinfo(&s);
    printf("NodeName=%s CPUs=%u Boards=%u SocketsPerBoard=%u CoresPerSocket=%u ThreadsPerCore=%u "
           "RealMemory=%llu%s%s\n",
           node[0] ? node : r.hostname, r.cpus, r.boards, r.sockets, r.cores, r.threads,
           (unsigned long long)r.real_memory_mb, gres[0] ? " Gres=" : "", gres);
    printf("UpTime=%ld-%02ld:%02ld:%02ld\n", s.uptime / 86400, s.uptime / 3600 % 24,
           s.uptime / 60 % 60, s.uptime % 60);
    arena_fini(&a);
}
