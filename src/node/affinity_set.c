/* A plan's words in the environment and on the terminal, and the calls that make it true. */
#include "node/affinity.h"

#include <errno.h>
#include <inttypes.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define MPOL_PREFERRED 1 /* of linux/mempolicy.h, which comes with libnuma's package only */
#define MPOL_BIND 2
#define OS_CPUS_MAX 8192u

/* The kernel's numbers of a set, as a mask in hexadecimal. */
static void put_mask(const struct affinity *p, const struct bits *cpus, struct buf *out)
{
    uint8_t digits[OS_CPUS_MAX / 4] = { 0 };
    uint32_t last = 0;

    BITS_FOREACH(cpu, cpus) {
        uint32_t os = p->topology->os.v[cpu];
        if (os >= OS_CPUS_MAX)
            continue;
        digits[os / 4] |= (uint8_t)(1u << os % 4);
        last = os / 4 > last ? os / 4 : last;
    }
    buf_puts(out, "0x");
    for (uint32_t i = last + 1; i > 0; i--)
        buf_putc(out, "0123456789ABCDEF"[digits[i - 1]]);
}

static void say(struct strs *ret, struct arena *a, const char *name, const char *value)
{
    ret->v[ret->n++] = arena_printf(a, "%s=%s", name, value);
}

static void say_memory(const struct affinity *p, uint32_t rank, struct arena *a, struct strs *ret)
{
    const struct affinity_task *t = &p->tasks[rank];
    const char *volume = p->is_mem_verbose ? "verbose" : "quiet";
    bool has_list = strchr(p->mem_type, '_') != NULL;
    const char *list = has_list ? arena_printf(a, "0x%" PRIX64, t->nodes) : "";

    say(ret, a, "SLURM_MEM_BIND",
        arena_printf(a, "%s,%s%s%s", volume, p->mem_type, has_list ? ":" : "", list));
    say(ret, a, "SLURM_MEM_BIND_VERBOSE", volume);
    say(ret, a, "SLURM_MEM_BIND_TYPE", arena_printf(a, "%s%s", p->mem_type, has_list ? ":" : ""));
    say(ret, a, "SLURM_MEM_BIND_LIST", list);
    say(ret, a, "SLURM_MEM_BIND_PREFER", t->memory == MEMORY_PREFER ? "prefer" : "");
    say(ret, a, "SLURM_MEM_BIND_SORT", p->is_mem_sorted ? "sort" : "");
}

void affinity_env(const struct affinity *p, uint32_t rank, struct arena *a, struct strs *ret)
{
    const char *volume = p->is_verbose ? "verbose" : "quiet";
    bool has_list = strchr(p->type, ':') != NULL;
    struct buf list = { 0 };

    *ret = (struct strs){ arena_calloc(a, 10, sizeof *ret->v), 0 };
    for (uint32_t i = 0; i < p->n && has_list; i++) {
        buf_puts(&list, i ? "," : "");
        put_mask(p, &p->tasks[i].cpus, &list);
    }
    say(ret, a, "SLURM_CPU_BIND", arena_printf(a, "%s,%s%s", volume, p->type, buf_str(&list)));
    say(ret, a, "SLURM_CPU_BIND_VERBOSE", volume);
    say(ret, a, "SLURM_CPU_BIND_TYPE", p->type);
    say(ret, a, "SLURM_CPU_BIND_LIST", buf_str(&list));
    if (p->mem_type[0])
        say_memory(p, rank, a, ret);
    buf_fini(&list);
}

/* A sorted node list first: pages of what is open already come from near by. */
static int set_memory(const struct affinity_task *t)
{
    int mode = t->memory == MEMORY_PREFER ? MPOL_PREFERRED : MPOL_BIND;
    unsigned long nodes = t->nodes;

    if (t->memory == MEMORY_FREE)
        return 0;
    return syscall(SYS_set_mempolicy, mode, &nodes, 8 * sizeof nodes + 1) < 0 ? -errno : 0;
}

int affinity_apply(const struct affinity *p, uint32_t rank)
{
    const struct affinity_task *t = &p->tasks[rank];

    cpu_set_t *set = CPU_ALLOC(OS_CPUS_MAX);
    size_t size = CPU_ALLOC_SIZE(OS_CPUS_MAX);
    int err = 0;

    CPU_ZERO_S(size, set);
    BITS_FOREACH(cpu, &t->cpus)
        CPU_SET_S(p->topology->os.v[cpu], size, set);
    if (CPU_COUNT_S(size, set) > 0 && sched_setaffinity(0, size, set) < 0)
        err = -errno;
    CPU_FREE(set);
    int memory = set_memory(t);
    return err < 0 ? err : memory;
}

void affinity_say(const struct affinity *p, uint32_t rank, uint32_t global_rank, const char *node,
                  struct buf *out)
{
    const struct affinity_task *t = &p->tasks[rank];

    buf_reset(out);
    if (p->is_verbose) {
        buf_printf(out, "cpu-bind=%s - %s, task %2u %2u [%d]: mask ", p->label, node, global_rank,
                   rank, (int)getpid());
        put_mask(p, &t->cpus, out);
        buf_puts(out, strcmp(p->label, "NULL") == 0 ? "\n" : " set\n");
    }
    if (p->is_mem_verbose && t->memory != MEMORY_FREE)
        buf_printf(out, "mem-bind=%s - %s, task %2u %2u [%d]: mask 0x%" PRIX64 " set\n",
                   p->mem_type, node, global_rank, rank, (int)getpid(), t->nodes);
}
