/* node/cgroup*.c: what limits come out of cgroup.conf, and the groups of a real step where this
 * machine lets us make them (tests/cluster/test_confine.py has whole jobs in them). */
#include "test.h"

#include "base/buf.h"
#include "base/cleanup.h"
#include "node/cgroup.h"
#include "node/topology.h"
#include "schema/rpc.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define MIB (1024ull * 1024)

static struct cgroup_plan a_plan(void)
{
    return (struct cgroup_plan){ .why = "",
                                 .mount = "/sys/fs/cgroup",
                                 .base = "system.slice",
                                 .track = true,
                                 .account = true,
                                 .ram = true,
                                 .allowed_ram = 100,
                                 .max_ram = 100,
                                 .max_swap = 100,
                                 .min_ram_mb = 30,
                                 .pids_max = 50,
                                 .total_mb = 1000 };
}

static void limits_follow_the_configuration(void **state)
{
    static const struct {
        double allowed_ram, allowed_swap, max_ram;
        uint64_t given_mb, ram_mb, swap_mb;
    } rows[] = {
        { 100, 0, 100, 200, 200, 0 },  /* what was allocated */
        { 95, 10, 100, 200, 190, 20 }, /* percent of it */
        { 100, 0, 100, 4, 30, 0 },     /* MinRAMSpace */
        { 100, 0, 90, 0, 900, 0 },     /* no memory allocated: the machine's */
        { 200, 0, 50, 400, 500, 0 },   /* MaxRAMPercent */
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct cgroup_plan p = a_plan();
        p.allowed_ram = rows[i].allowed_ram;
        p.allowed_swap = rows[i].allowed_swap;
        p.max_ram = rows[i].max_ram;
        struct cgroup_memory m = cgroup_memory(&p, rows[i].given_mb);
        assert_int_equal(m.ram, rows[i].ram_mb * MIB);
        assert_int_equal(m.swap, rows[i].swap_mb * MIB);
    }
}

static void groups_have_the_names_that_monitoring_looks_for(void **state)
{
    struct cgroup_plan p = a_plan();
    struct cgroup g;

    p.version = 1;
    p.base = "slurm";
    cgroup_name(&g, &p, &(struct cgroup_id){ 1000, 12, 0 });
    assert_string_equal(g.step, "slurm/uid_1000/job_12/step_0");
    p.version = 2;
    p.base = "system.slice/slurmstepd.scope";
    cgroup_name(&g, &p, &(struct cgroup_id){ 1000, 12, STEP_BATCH });
    assert_string_equal(g.job, "system.slice/slurmstepd.scope/job_12");
    assert_string_equal(g.step, "system.slice/slurmstepd.scope/job_12/step_batch");
}

/* Abstract ids count within cores, the kernel's often do not. */
static void cpu_numbers_are_translated(void **state)
{
    uint32_t os[] = { 0, 4, 1, 5, 2, 6, 3, 7 };
    const struct host_topology t = { .os = { os, 8 } };

    CLEANUP(buf_fini) struct buf out = { 0 };
    topology_cpus(&t, "0-3,7", &out);
    assert_string_equal(buf_str(&out), "0,4,1,5,7");
    topology_cpus(&t, "6-8", &out); /* a CPU that is not here: nobody is bound */
    assert_string_equal(buf_str(&out), "");
    topology_cpus(&t, "", &out);
    assert_string_equal(buf_str(&out), "");
}

/* Returns when the child and its child are inside. */
static pid_t sleeper(const struct cgroup *g)
{
    struct err e = { 0 };
    int ready[2];
    char byte = 0;

    assert_int_equal(pipe(ready), 0);
    pid_t pid = fork();
    if (pid != 0) {
        close(ready[1]);
        assert_int_equal(read(ready[0], &byte, 1), 1);
        close(ready[0]);
        return pid;
    }
    if (cgroup_enter(g, 0, &e) < 0)
        _exit(1);
    if (fork() == 0 && write(ready[1], &byte, 1) != 1)
        _exit(1);
    for (;;)
        pause();
}

/* Found, made, entered, killed with a child, removed. */
static void a_step_comes_and_goes(void **state)
{
    CLEANUP(arena_fini) struct arena a = { 0 };
    struct cgroup_plan p = a_plan();
    char suffix[32];
    struct cgroup g;
    struct err e = { 0 };
    int status;

    snprintf(suffix, sizeof suffix, "_test_%d", (int)getpid());
    cgroup_find(&p, suffix, &a);
    if (p.version == 0) {
        print_message("skipped: %s\n", p.why);
        skip();
    }
    const struct cgroup_limits limits = { .job_mem_mb = 100, .cpus = "" };
    const struct cgroup_id id = { 1000, 12, 0 };
    cgroup_name(&g, &p, &id);
    assert_int_equal(cgroup_make(&g, &limits, &e), 0);
    pid_t pid = sleeper(&g);
    struct cgroup_use use;
    cgroup_measure(&g, &use);
    assert_int_equal(use.limit, 100 * MIB);
    assert_true(use.peak > 0);
    assert_int_equal(cgroup_kill(&g), 0);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    assert_int_equal(cgroup_clear(&p, &id), 0);
    cgroup_close(&p);

    /* The name can be made again: nothing was left of it. */
    cgroup_find(&p, suffix, &a);
    cgroup_measure(&g, &use);
    assert_int_equal(use.peak, 0);
    cgroup_close(&p);
}

int main(void)
{
    return RUN(T(limits_follow_the_configuration),
               T(groups_have_the_names_that_monitoring_looks_for), T(cpu_numbers_are_translated),
               T(a_step_comes_and_goes));
}
