/* node/affinity*.c: which CPUs each task gets, by table.  The machine: two sockets of four cores of
 * two threads; abstract ids count threads within cores, the kernel's count cores first, as Intel's
 * firmware does. */
#include "test.h"

#include "base/cleanup.h"
#include "node/affinity.h"

#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define CPUS 16

static uint32_t os_ids[CPUS], cores[CPUS], sockets[CPUS];
static const struct host_topology machine = { .os = { os_ids, CPUS },
                                              .core = { cores, CPUS },
                                              .socket = { sockets, CPUS },
                                              .numa = { sockets, CPUS } };

static int machine_init(void **state)
{
    for (uint32_t i = 0; i < CPUS; i++) {
        cores[i] = i / 2;
        sockets[i] = i / 8;
        os_ids[i] = i / 2 + i % 2 * 8;
    }
    return 0;
}

static void set_of(struct bits *ret, const char *ids)
{
    bits_init(ret, CPUS);
    for (const char *p = ids; *p; p += strcspn(p, ","), p += *p == ',') {
        unsigned first = 0, last;
        int n = sscanf(p, "%u-%u", &first, &last);
        for (unsigned i = first; i <= (n == 2 ? last : first); i++)
            bits_set(ret, i);
    }
}

/* "0,1 2,3": the sets of tasks in abstract ids. */
static void say_sets(const struct affinity *p, struct buf *out)
{
    for (uint32_t i = 0; i < p->n; i++) {
        const char *between = i ? " " : "";
        BITS_FOREACH(cpu, &p->tasks[i].cpus) {
            buf_printf(out, "%s%d", between, (int)cpu);
            between = ",";
        }
    }
}

struct row {
    const char *cpus; /* of the step */
    uint32_t tasks, cpus_per_task;
    const char *bind, *distribution, *hint, *defaults;
    const char *want; /* sets of abstract ids; NULL: refused */
};

static void check(const struct row *r)
{
    CLEANUP(arena_fini) struct arena a = { 0 };
    CLEANUP(buf_fini) struct buf got = { 0 };
    CLEANUP(affinity_fini) struct affinity plan = { 0 };
    CLEANUP(bits_fini) struct bits cpus = { 0 };
    struct err e = { 0 };

    set_of(&cpus, r->cpus);
    const struct affinity_ask ask = {
        .topology = &machine,
        .cpus = &cpus,
        .tasks = r->tasks,
        .cpus_per_task = r->cpus_per_task,
        .cpu_bind = r->bind ? r->bind : "",
        .mem_bind = "",
        .hint = r->hint ? r->hint : "",
        .distribution = r->distribution ? r->distribution : "",
        .defaults = r->defaults ? r->defaults : "",
    };
    int err = affinity_plan(&ask, &a, &plan, &e);
    if (!r->want) {
        assert_true(err < 0 && e.text[0]);
        return;
    }
    assert_int_equal(err, 0);
    say_sets(&plan, &got);
    if (strcmp(buf_str(&got), r->want) != 0)
        print_error("bind %s, distribution %s\n", ask.cpu_bind, ask.distribution);
    assert_string_equal(buf_str(&got), r->want);
}

static void every_way_to_bind(void **state)
{
    static const struct row rows[] = {
        /* automatic: as many sockets, cores or threads as the tasks need */
        { "0-15", 2, 1, .want = "0,1,2,3,4,5,6,7 8,9,10,11,12,13,14,15" },
        { "0-7", 4, 1, .want = "0,1 2,3 4,5 6,7" },
        { "0-3", 4, 1, .want = "0 2 1 3" },
        { "0-3", 3, 1, .want = "0,1,2,3 0,1,2,3 0,1,2,3" },
        { "0-3", 3, 1, .defaults = "autobind=cores", .want = "0,1 2,3 0,1" },
        { "0-7", 4, 1, .defaults = "None",
          .want = "0,1,2,3,4,5,6,7 0,1,2,3,4,5,6,7 0,1,2,3,4,5,6,7 0,1,2,3,4,5,6,7" },
        { "0-3", 3, 1, .defaults = "Threads", .want = "0 2 1" },
        /* levels */
        { "0-15", 4, 1, "cores", .want = "0,1 8,9 2,3 10,11" },
        { "0-15", 4, 1, "v,threads", .want = "0 8 2 10" },
        { "0-15", 2, 1, "ldoms", .want = "0,1,2,3,4,5,6,7 8,9,10,11,12,13,14,15" },
        { "2-5", 1, 1, "sockets", .want = "2,3,4,5" }, /* never outside of the step */
        { "0-15", 2, 4, "cores", .want = "0,1,2,3 8,9,10,11" },
        { "0-3", 6, 1, "cores", .want = "0,1 2,3 0,1 2,3 0,1 2,3" }, /* more tasks than CPUs */
        /* --distribution */
        { "0-15", 4, 1, "threads", "block:block", .want = "0 1 2 3" },
        { "0-15", 4, 1, "threads", "block:block:cyclic", .want = "0 2 4 6" },
        { "0-15", 4, 1, "threads", "block:cyclic:block", .want = "0 8 1 9" },
        { "0-15", 2, 4, "threads", "block:cyclic", .want = "0,1,2,3 8,9,10,11" },
        { "0-15", 2, 4, "threads", "*:fcyclic", .want = "0,2,8,10 4,6,12,14" },
        { "0-15", 2, 2, "threads", "*:block:fcyclic", .want = "0,2 4,6" },
        { "0-15", 3, 1, "cores", "plane=2:block,NoPack", .want = "0,1 0,1 2,3" },
        { "0-15", 2, 1, "cores", "cyclic:cyclic,Pack", .want = "0,1 8,9" },
        /* by rank */
        { "4-7", 3, 1, "rank", .want = "4 5 6" },
        { "0-15", 3, 1, "rank_ldom",
          .want = "0,1,2,3,4,5,6,7 8,9,10,11,12,13,14,15 0,1,2,3,4,5,6,7" },
        /* lists have the kernel's numbers */
        { "0-15", 3, 1, "map_cpu:0,8", .want = "0 1 0" },
        { "0-15", 3, 1, "map_cpu:0*2,0x4", .want = "0 0 8" },
        { "0-15", 2, 1, "mask_cpu:0x101,f0", .want = "0,1 8,10,12,14" },
        { "0-15", 3, 1, "mask_cpu:0x1*2,2", .want = "0 0 2" },
        { "0-3", 1, 1, "map_cpu:5", .want = "0,1,2,3" }, /* a CPU that the step has not */
        { "0-15", 2, 1, "map_ldom:1,0", .want = "8,9,10,11,12,13,14,15 0,1,2,3,4,5,6,7" },
        { "0-3,8-9", 2, 1, "mask_ldom:3,2", .want = "0,1,2,3,8,9 8,9" },
        { "0-3", 2, 1, "q,none", .want = "0,1,2,3 0,1,2,3" },
        /* --hint */
        { "0-15", 2, 1, .hint = "compute_bound", .want = "0,1 8,9" },
        { "0-15", 2, 1, .hint = "nomultithread", .want = "0 8" },
        { "0-15", 2, 1, "none", .hint = "multithread",
          .want = "0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15" },
        /* mistakes */
        { "0-3", 1, 1, "map_cpu" },
        { "0-3", 1, 1, "map_cpu:" },
        { "0-3", 1, 1, "map_cpu:x" },
        { "0-3", 1, 1, "mask_cpu:g" },
        { "0-3", 1, 1, "mask_cpu:" },
        { "0-3", 1, 1, "mask_cpu:1*0" },
        { "0-3", 1, 1, "corse" },
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        check(&rows[i]);
}

static void memory_follows_its_own_words(void **state)
{
    static const struct {
        const char *bind;
        uint64_t first, second;
        enum affinity_memory how;
    } rows[] = {
        { "", 0, 0, MEMORY_FREE },
        { "none", 0, 0, MEMORY_FREE },
        { "local", 1, 2, MEMORY_BIND },
        { "verbose,prefer,local", 1, 2, MEMORY_PREFER },
        { "rank", 1, 2, MEMORY_BIND },
        { "map_mem:1,0", 2, 1, MEMORY_BIND },
        { "p,sort,mask_mem:0x3,0x2", 3, 2, MEMORY_PREFER },
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        CLEANUP(arena_fini) struct arena a = { 0 };
        CLEANUP(affinity_fini) struct affinity plan = { 0 };
        CLEANUP(bits_fini) struct bits cpus = { 0 };
        struct err e = { 0 };
        set_of(&cpus, "0-15");
        const struct affinity_ask ask = {
            &machine, &cpus, 2, 1, "sockets", rows[i].bind, "", "", ""
        };
        assert_int_equal(affinity_plan(&ask, &a, &plan, &e), 0);
        assert_int_equal(plan.tasks[0].nodes, rows[i].first);
        assert_int_equal(plan.tasks[1].nodes, rows[i].second);
        assert_int_equal(plan.tasks[0].memory, rows[i].how);
    }
}

static void words_for_the_user(void **state)
{
    CLEANUP(arena_fini) struct arena a = { 0 };
    CLEANUP(affinity_fini) struct affinity plan = { 0 };
    CLEANUP(bits_fini) struct bits cpus = { 0 };
    CLEANUP(buf_fini) struct buf line = { 0 };
    struct strs env;
    struct err e = { 0 };
    char want[128];

    set_of(&cpus, "0-7");
    const struct affinity_ask ask = { &machine,  &cpus,     4,  1,
                                      "v,cores", "v,local", "", "block:block:cyclic",
                                      "" };
    assert_int_equal(affinity_plan(&ask, &a, &plan, &e), 0);
    affinity_env(&plan, 1, &a, &env);
    assert_int_equal(env.n, 10);
    assert_string_equal(env.v[0], "SLURM_CPU_BIND=verbose,mask_cpu:0x101,0x202,0x404,0x808");
    assert_string_equal(env.v[1], "SLURM_CPU_BIND_VERBOSE=verbose");
    assert_string_equal(env.v[2], "SLURM_CPU_BIND_TYPE=mask_cpu:");
    assert_string_equal(env.v[3], "SLURM_CPU_BIND_LIST=0x101,0x202,0x404,0x808");
    assert_string_equal(env.v[4], "SLURM_MEM_BIND=verbose,local");
    affinity_say(&plan, 1, 9, "n1", &line);
    snprintf(want, sizeof want,
             "cpu-bind=MASK - n1, task  9  1 [%d]: mask 0x202 set\n"
             "mem-bind=local - n1, task  9  1 [%d]: mask 0x1 set\n",
             (int)getpid(), (int)getpid());
    assert_string_equal(buf_str(&line), want);
}

/* On this machine, whatever it is: a child that is bound to its first CPU runs nowhere else. */
static void the_kernel_obeys(void **state)
{
    static uint32_t zero[1] = { 0 };
    const struct host_topology one = { { zero, 1 }, { zero, 1 }, { zero, 1 }, { zero, 1 } };
    CLEANUP(arena_fini) struct arena a = { 0 };
    CLEANUP(affinity_fini) struct affinity plan = { 0 };
    struct bits cpus;
    struct err e = { 0 };
    int status;

    bits_init(&cpus, 1);
    bits_set(&cpus, 0);
    const struct affinity_ask ask = { &one, &cpus, 1, 1, "cores", "", "", "", "" };
    assert_int_equal(affinity_plan(&ask, &a, &plan, &e), 0);
    bits_fini(&cpus);
    pid_t pid = fork();
    if (pid == 0) {
        cpu_set_t set;
        int err = affinity_apply(&plan, 0);
        _exit(err < 0 || sched_getaffinity(0, sizeof set, &set) < 0 || CPU_COUNT(&set) != 1 ||
              !CPU_ISSET(0, &set));
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
}

int main(void)
{
    const struct CMUnitTest all[] = { T(every_way_to_bind), T(memory_follows_its_own_words),
                                      T(words_for_the_user), T(the_kernel_obeys) };
    return cmocka_run_group_tests(all, machine_init, NULL);
}
