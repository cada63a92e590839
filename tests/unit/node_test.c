/* node/: patterns, environment, identity, processes, spool.  The tests of identity need root, to
 * have something to lose; without it they check that nobody else can be become. */
#include "test.h"

#include "base/cleanup.h"
#include "node/env.h"
#include "node/hw.h"
#include "node/ids.h"
#include "node/pattern.h"
#include "node/procs.h"
#include "node/spool.h"
#include "node/task.h"
#include "schema/rpc.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define OTHER_UID 65533u

/* A launch with every string set, as after unpacking. */
static struct launch a_launch(void)
{
    return (struct launch){
        .job_id = 128,
        .step_id = STEP_BATCH,
        .uid = OTHER_UID,
        .gid = OTHER_UID + 1,
        .user_name = "ada",
        .work_dir = "/work",
        .std_in = "",
        .std_out = "",
        .std_err = "",
        .nodes = "n[1-2]",
        .node_index = 0,
        .num_nodes = 2,
        .cpus_per_node = "4(x2)",
        .tasks_per_node = "1(x2)",
        .cpus = 4,
        .cpu_ids = "",
        .ntasks = 2,
        .ntasks_given = true,
        .job_name = "my job",
        .partition = "main",
        .account = "",
        .qos = "",
        .cluster = "c",
        .submit_dir = "/home/ada",
        .submit_host = "login",
        .dependency = "",
        .reservation = "",
        .export_env = "",
        .gres = "",
        .node_name = "n1.example.org",
        .nodes_addr = "",
        .distribution = "",
        .licenses = "",
        .get_user_env = "",
    };
}

/* ---- patterns */

static void patterns_as_slurm_replaces_them(void **state)
{
    static const struct {
        const char *text, *path;
    } rows[] = {
        { "slurm-%j.out", "/work/slurm-128.out" },
        { "/tmp/%A_%a",
          "/tmp/128_4294967294" }, /* what Slurm 22.05 makes of it outside of arrays */
        { "%J.%s.%t.%n", "/work/128.batch.0.0" },
        { "%N-%u-%x", "/work/n1-ada-my job" },
        { "%4t-%6j", "/work/0000-000128" },
        { "%5x", "/work/my job" },      /* padding is for numbers */
        { "%99j", "/work/0000000128" }, /* and has an end */
        { "100%%", "/work/100%" },
        { "%q%z%", "/work/%q%z%" }, /* unknown letters stay */
        { "%4", "/work/%4" },
        { "\\\\%j.out", "/work/%j.out" }, /* two backslashes: as written */
        { "/dev/null", "/dev/null" },
    };
    struct launch l = a_launch();
    struct buf out = { 0 };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        pattern_path(rows[i].text, &l, 0, &out);
        assert_string_equal(buf_str(&out), rows[i].path);
    }
    l.array_job_id = 100;
    l.array_task_id = (struct opt_u32){ true, 17 };
    pattern_path("%A_%a_%b_%4a_%j", &l, 0, &out);
    assert_string_equal(buf_str(&out), "/work/100_17_7_0017_128");
    buf_fini(&out);
}

/* ---- environment */

static const char *value_in(char **env, const char *name)
{
    size_t len = strlen(name);

    for (; *env; env++)
        if (strncmp(*env, name, len) == 0 && (*env)[len] == '=')
            return *env + len + 1;
    return NULL;
}

static void the_environment_is_the_users_and_ours(void **state)
{
    const char *users[] = { "HOME=/home/ada", "SLURM_JOB_ID=1", "EMPTY=", "TWO=a=b",
                            "SLURM_MINE=x" };
    const struct env_node node = { .conf_path = "/etc/slurm/slurm.conf" };
    struct launch l = a_launch();
    struct arena a = { 0 };
    struct err e = { 0 };
    struct env env;

    l.environment = (struct strs){ users, 5 };
    l.mem_per_node_mb = (struct opt_u64){ true, 4000 };
    assert_int_equal(env_build(&l, &node, &a, &env, &e), 0);
    env_put_number(&env, &a, "SLURM_TASK_PID", 4242);
    assert_string_equal(value_in(env.v, "SLURM_TASK_PID"), "4242");
    assert_string_equal(value_in(env.v, "HOME"), "/home/ada");
    assert_string_equal(value_in(env.v, "TWO"), "a=b");
    assert_string_equal(value_in(env.v, "SLURM_MINE"), "x");
    assert_string_equal(value_in(env.v, "SLURM_JOB_ID"), "128"); /* ours wins */
    assert_string_equal(value_in(env.v, "SLURM_JOB_NODELIST"), "n[1-2]");
    assert_string_equal(value_in(env.v, "SLURM_JOB_CPUS_PER_NODE"), "4(x2)");
    assert_string_equal(value_in(env.v, "SLURM_MEM_PER_NODE"), "4000");
    assert_string_equal(value_in(env.v, "SLURM_NTASKS"), "2");
    assert_string_equal(value_in(env.v, "ENVIRONMENT"), "BATCH");
    assert_string_equal(value_in(env.v, "SLURM_CONF"), "/etc/slurm/slurm.conf");
    assert_string_equal(value_in(env.v, "TMPDIR"), "/tmp");
    assert_null(value_in(env.v, "SLURM_CPUS_PER_TASK"));
    assert_null(value_in(env.v, "SLURM_ARRAY_TASK_ID"));
    assert_null(value_in(env.v, "SLURM_RESTART_COUNT"));
    assert_null(value_in(env.v, "SLURM_JOB_ACCOUNT"));
    arena_fini(&a);
}

static void a_bad_variable_is_named(void **state)
{
    static char big[140 * 1024];
    const char *users[] = { "NOEQUALS" };
    const struct env_node node = { .conf_path = "" };
    struct launch l = a_launch();
    struct arena a = { 0 };
    struct err e = { 0 };
    struct env env;

    l.environment = (struct strs){ users, 1 };
    assert_int_equal(env_build(&l, &node, &a, &env, &e), -EINVAL);
    users[0] = "=x";
    assert_int_equal(env_build(&l, &node, &a, &env, &e), -EINVAL);
    memset(big, 'x', sizeof big - 1);
    memcpy(big, "BIG=", 4);
    users[0] = big;
    assert_int_equal(env_build(&l, &node, &a, &env, &e), -E2BIG);
    assert_non_null(strstr(e.text, "BIG has "));
    arena_fini(&a);
}

/* ---- identity (R7): what a child becomes, and what it does when a call fails or lies */

/* From here on the system call `nr` returns -code without being made; code 0: it claims success. */
static void forbid(long nr, unsigned code)
{
    struct sock_filter f[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned)nr, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | code),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog prog = { sizeof f / sizeof f[0], f };

    if (nr >= 0 && prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &prog) < 0)
        _exit(90);
}

/* Exit status of a child that becomes the other user after a call was forbidden: 0 became it, 1
 * refused to. */
static int become_in_child(long nr, unsigned code)
{
    const uint32_t groups[] = { 7, 8 };
    const struct ids ids = { OTHER_UID, OTHER_UID + 1, groups, 2 };
    int status;

    pid_t pid = fork();
    if (pid == 0) {
        forbid(nr, code);
        _exit(ids_become(&ids, NULL) == 0 ? 0 : 1);
    }
    waitpid(pid, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 99;
}

static void an_identity_is_complete_or_refused(void **state)
{
    static const long calls[] = { SYS_setgroups, SYS_setresgid, SYS_setresuid, SYS_capset };

    if (geteuid() != 0) {
        assert_int_equal(become_in_child(-1, 0), 1);
        return;
    }
    assert_int_equal(become_in_child(-1, 0), 0);
    for (size_t i = 0; i < sizeof calls / sizeof calls[0]; i++)
        assert_int_equal(become_in_child(calls[i], EPERM), 1);
    assert_int_equal(become_in_child(SYS_setresgid, 0), 1); /* claims success and does nothing */
    assert_int_equal(become_in_child(SYS_setresuid, 0), 1);
}

/* Runs a script through task_start and returns what it wrote. */
static void task_output(const char *script, char *ret, size_t size)
{
    char dir[] = "/tmp/node_test.XXXXXX", path[64], out[64];
    char *env[] = { (char[32]){ "PATH=/usr/bin:/bin" }, NULL, NULL };
    const uint32_t groups[] = { 7, 8 };
    struct launch l = a_launch();
    struct err e = { 0 };
    pid_t pid;
    int report;

    assert_non_null(mkdtemp(dir));
    chmod(dir, 0777);
    snprintf(path, sizeof path, "%s/script", dir);
    snprintf(out, sizeof out, "%s/out", dir);
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0755);
    assert_int_equal(write(fd, script, strlen(script)), strlen(script));
    close(fd);
    chmod(path, 0755);
    l.work_dir = dir;
    l.groups = (struct u32s){ (uint32_t *)groups, 2 };
    l.uid = geteuid() == 0 ? l.uid : geteuid();
    char *argv[] = { path, NULL };
    const struct task_start t = { .launch = &l,
                                  .argv = argv,
                                  .env = { env, 1, 3 },
                                  .in = { "/dev/null", -1 },
                                  .out = { out, -1 },
                                  .err = { out, -1 },
                                  .turn = -1 };
    assert_int_equal(task_start(&t, &pid, &report, &e), 0);
    waitpid(pid, NULL, 0);
    close(report);
    fd = open(out, O_RDONLY | O_CLOEXEC);
    ssize_t n = read(fd, ret, size - 1);
    ret[n > 0 ? n : 0] = '\0';
    close(fd);
    unlink(out);
    unlink(path);
    rmdir(dir);
}

static void a_task_holds_nothing_of_root(void **state)
{
    char text[8192];

    task_output("#!/bin/sh\ncat /proc/self/status\nls -l /proc/self/fd | wc -l\n", text,
                sizeof text);
    assert_non_null(strstr(text, "CapEff:\t0000000000000000\n"));
    assert_non_null(strstr(text, "CapPrm:\t0000000000000000\n"));
    assert_non_null(strstr(text, "CapInh:\t0000000000000000\n"));
    assert_non_null(strstr(text, "CapAmb:\t0000000000000000\n"));
    assert_non_null(strstr(text, "SigBlk:\t0000000000000000\n"));
    assert_non_null(strstr(text, "\n5\n")); /* total, 0, 1, 2 and ls's own */
    if (geteuid() != 0)
        return;
    assert_non_null(strstr(text, "Uid:\t65533\t65533\t65533\t65533\n"));
    assert_non_null(strstr(text, "Gid:\t65534\t65534\t65534\t65534\n"));
    assert_non_null(strstr(text, "Groups:\t7 8 \n"));
}

/* ---- processes */

static void a_pid_that_changed_hands_is_left_alone(void **state)
{
    struct proc_stat me, other;

    assert_int_equal(proc_stat(getpid(), &me), 0);
    assert_int_equal(me.parent, getppid());
    CLEANUP(closep) int fd = proc_open(&me.id);
    assert_true(fd >= 0);
    other = me;
    other.id.start++;
    assert_int_equal(proc_open(&other.id), -ESRCH);
    assert_int_equal(proc_stat(0x7ffffff0, &other), -ESRCH);
}

/* A child that double-forked away is still found under its subreaper; strangers are not touched. */
static void a_tree_is_signalled_whole(void **state)
{
    pid_t tree = fork();
    if (tree == 0) {
        prctl(PR_SET_CHILD_SUBREAPER, 1);
        for (int i = 0; i < 3; i++) {
            if (fork() != 0)
                continue;
            setsid();
            if (fork() != 0)
                _exit(0);
            signal(SIGTERM, SIG_IGN);
            for (;;)
                pause();
        }
        while (waitpid(-1, NULL, WNOHANG) != -1 || errno != ECHILD) {
            procs_signal_tree(getpid(), NULL, SIGKILL);
            poll(NULL, 0, 1);
        }
        _exit(7);
    }
    int status;
    waitpid(tree, &status, 0);
    assert_int_equal(WEXITSTATUS(status), 7);
}

/* ---- spool */

static void found(void *ctx, int dir, const struct step_record *r, bool is_locked)
{
    struct step_record *seen = ctx;

    *seen = *r;
    seen->is_single_node = is_locked;
}

static void a_step_is_found_again(void **state)
{
    char dir[] = "/tmp/node_spool.XXXXXX", path[64];
    struct spool s;
    struct step_record r = { .key = { 12, STEP_BATCH, 3 }, .uid = 1000, .epoch = 1ull << 40 };
    struct step_record again = { 0 };
    struct step_files files;
    struct buf data = { 0 }, back = { 0 };
    struct err e = { 0 };
    struct proc_stat me;

    spool_boot_id(r.boot_id);
    assert_non_null(mkdtemp(dir));
    assert_int_equal(spool_open(dir, &s, &e), 0);
    assert_int_equal(spool_step_new(&s, &r, &files, &e), 0);
    assert_int_equal(spool_step_new(&s, &r, &files, &e), -EEXIST);
    spool_each(&s, found, &again);
    assert_int_equal(again.key.job_id, 12);
    assert_int_equal(again.key.restart, 3);
    assert_true(again.epoch == 1ull << 40);
    assert_true(again.is_single_node); /* locked */
    assert_int_equal(again.keeper.pid, 0);

    assert_int_equal(spool_step_sign(files.lock), 0);
    buf_puts(&data, "result");
    assert_int_equal(spool_put(files.dir, "result", &data), 0);
    close(files.lock);
    spool_each(&s, found, &again);
    proc_stat(getpid(), &me);
    assert_int_equal(again.keeper.pid, getpid());
    assert_true(again.keeper.start == me.id.start);
    assert_false(again.is_single_node);
    assert_int_equal(spool_get(files.dir, "result", &back), 0);
    assert_int_equal(back.len, 6);
    close(files.dir);

    /* A link in the place of a step is not followed. */
    snprintf(path, sizeof path, "%s/job99.0.batch", dir);
    assert_int_equal(symlink("/tmp", path), 0);
    r.key.job_id = 99;
    assert_true(spool_step_open(&s, &(struct step_key){ 99, STEP_BATCH, 0 }, &(int){ 0 }) < 0);
    unlink(path);
    spool_step_remove(&s, &again.key);
    spool_close(&s);
    assert_int_equal(rmdir(dir), 0);
    buf_fini(&data);
    buf_fini(&back);
}

static void a_writable_spool_is_refused(void **state)
{
    char dir[] = "/tmp/node_spool.XXXXXX";
    struct spool s;
    struct err e = { 0 };

    assert_non_null(mkdtemp(dir));
    chmod(dir, 0777);
    assert_int_equal(spool_open(dir, &s, &e), -EPERM);
    assert_non_null(strstr(e.text, "chmod 755"));
    rmdir(dir);
}

static void launches_are_remembered_across_restarts(void **state)
{
    static struct seen a, b;
    char dir[] = "/tmp/node_spool.XXXXXX", path[64];
    struct spool s;
    struct err e = { 0 };
    struct step_key k = { 5, STEP_BATCH, 1 }, older = { 5, STEP_BATCH, 0 },
                    newer = { 5, STEP_BATCH, 2 };

    assert_non_null(mkdtemp(dir));
    assert_int_equal(spool_open(dir, &s, &e), 0);
    assert_int_equal(seen_open(&s, "seen", &a, &e), 0);
    assert_false(seen_has(&a, &k));
    seen_add(&a, &k);
    assert_int_equal(seen_open(&s, "seen", &b, &e), 0);
    assert_true(seen_has(&b, &k));
    assert_true(seen_has(&b, &older));
    assert_false(seen_has(&b, &newer));
    close(a.file);
    close(b.file);
    snprintf(path, sizeof path, "%s/seen", dir);
    unlink(path);
    spool_close(&s);
    rmdir(dir);
}

static void this_machine_has_cpus_and_memory(void **state)
{
    struct node_register r = { 0 };
    struct arena a = { 0 };

    hw_probe("/tmp", &a, &r);
    assert_int_equal(r.cpus, sysconf(_SC_NPROCESSORS_ONLN));
    assert_true(r.sockets * r.cores * r.threads <= r.cpus && r.sockets * r.cores > 0);
    assert_true(r.real_memory_mb > 100 && r.boot_time > 1000000000 && r.tmp_disk_mb > 0);
    assert_int_equal(strlen(r.boot_id), 36);
    arena_fini(&a);
}

int main(void)
{
    return RUN(T(patterns_as_slurm_replaces_them), T(the_environment_is_the_users_and_ours),
               T(a_bad_variable_is_named), T(an_identity_is_complete_or_refused),
               T(a_task_holds_nothing_of_root), T(a_pid_that_changed_hands_is_left_alone),
               T(a_tree_is_signalled_whole), T(a_step_is_found_again),
               T(a_writable_spool_is_refused), T(launches_are_remembered_across_restarts),
               T(this_machine_has_cpus_and_memory));
}
