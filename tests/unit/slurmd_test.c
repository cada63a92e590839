/* slurmd with its slurmstepds, the real programs, driven by this test in the place of the
 * controller. */
#include "slurmd_kit.h"

#include "base/log.h"
#include "node/spool.h"
#include "node/stepd.h"
#include "schema/errors.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- tests */

static void a_job_runs_as_its_user_and_is_reported(void **state)
{
    struct ctl t;
    char uid[128];

    ctl_open(&t, "");
    assert_string_equal(t.last.name, "n1");
    assert_int_equal(t.last.steps.n, 0);
    assert_true(t.last.cpus > 0 && t.last.real_memory_mb > 0 && strlen(t.last.boot_id) == 36);

    assert_int_equal(
        launch(&t, 7, "#!/bin/sh\nid -u\npwd\nenv\ncat /proc/self/oom_score_adj\nexit 3\n"), 0);
    WAIT_FOR(&t, t.jobs[7].ended);
    assert_true(WIFEXITED(t.jobs[7].wait_status));
    assert_int_equal(WEXITSTATUS(t.jobs[7].wait_status), 3);
    assert_string_equal(t.jobs[7].error, "");
    assert_true(t.jobs[7].is_clean);
    assert_true(t.jobs[7].max_rss_kb > 0);
    const char *out = text_of(&t, "slurm-7.out");
    snprintf(uid, sizeof uid, "%u\n%s/work\n", t.uid, t.dir);
    assert_memory_equal(out, uid, strlen(uid));
    assert_contains(out, "\nSLURM_JOB_ID=7\n");
    assert_contains(out, "\nSLURMD_NODENAME=n1\n");
    assert_contains(out, "\nMINE=yes\n");
    assert_contains(out, "\nTMPDIR=/tmp\n");
    assert_contains(out, "\n0\n"); /* oom_score_adj: slurmd's protection does not go on to jobs */
    ctl_close(&t);
}

static void a_node_is_known_by_its_credential(void **state)
{
    struct ctl t;

    ctl_open_tcp(&t);
    assert_int_equal(t.peer.uid, geteuid()); /* the launcher's, though it was nobody that spoke */
    assert_int_equal(launch(&t, 1, "#!/bin/sh\nexit 5\n"), 0);
    WAIT_FOR(&t, t.jobs[1].ended);
    assert_int_equal(WEXITSTATUS(t.jobs[1].wait_status), 5);
    t.forges = true;
    assert_int_equal(launch(&t, 3, "#!/bin/sh\n"), ESLURMD_INVALID_JOB_CREDENTIAL);
    t.forges = false;
    unsigned before = t.registrations;
    conn_close(t.node); /* the controller hangs up: slurmd comes back by itself */
    WAIT_FOR(&t, t.registrations > before);
    assert_int_equal(launch(&t, 2, "#!/bin/sh\nexit 6\n"), 0);
    WAIT_FOR(&t, t.jobs[2].ended);
    ctl_close(&t);
}

static void launches_are_fenced(void **state)
{
    struct ctl t;
    struct launch l;

    ctl_open(&t, "");
    assert_int_equal(launch(&t, 1, "#!/bin/sh\nsleep 0.3\necho once\n"), 0);
    assert_int_equal(launch(&t, 1, "#!/bin/sh\necho twice\n"), 0); /* it runs: done */
    WAIT_FOR(&t, t.jobs[1].ended);
    assert_int_equal(launch(&t, 1, "#!/bin/sh\necho twice\n"), ESLURMD_CREDENTIAL_REPLAYED);
    assert_string_equal(text_of(&t, "slurm-1.out"), "once\n");

    l = a_launch(&t, 1, "#!/bin/sh\necho $SLURM_RESTART_COUNT\n");
    l.restart = 2;
    assert_int_equal(ask(&t, OP_step_launch, &desc_launch, &l), 0);
    WAIT_FOR(&t, t.jobs[1].ended == 2);
    assert_string_equal(text_of(&t, "slurm-1.out"), "2\n");
    l.restart = 1;
    assert_int_equal(ask(&t, OP_step_launch, &desc_launch, &l), ESLURMD_CREDENTIAL_REPLAYED);

    l = a_launch(&t, 2, "#!/bin/sh\n");
    l.epoch = 4;
    assert_int_equal(ask(&t, OP_step_launch, &desc_launch, &l), ESLURMD_CREDENTIAL_EXPIRED);
    l.epoch = 5;
    l.node_name = "n2";
    assert_int_equal(ask(&t, OP_step_launch, &desc_launch, &l), EINVAL);
    assert_int_equal(end(&t, 3, 0, ""), 0); /* a cancel that overtook its launch */
    WAIT_FOR(&t, t.jobs[3].cleaned == 1);
    assert_int_equal(launch(&t, 3, "#!/bin/sh\n"), ESLURMD_CREDENTIAL_REVOKED);
    if (geteuid() != 0) {
        l = a_launch(&t, 4, "#!/bin/sh\n");
        l.uid = OTHER_UID;
        assert_int_equal(ask(&t, OP_step_launch, &desc_launch, &l), ESLURMD_SET_UID_OR_GID_ERROR);
    }
    ctl_close(&t);
}

static void failures_before_the_exec_say_why(void **state)
{
    struct ctl t;
    struct launch l;

    ctl_open(&t, "");
    l = a_launch(&t, 1, "#!/bin/sh\npwd\n");
    l.work_dir = "/nonexistent";
    char *out = arena_printf(&t.arena, "%s/work/deep/er/%%5j.%%x", t.dir);
    l.std_out = out;
    assert_int_equal(ask(&t, OP_step_launch, &desc_launch, &l), 0);
    WAIT_FOR(&t, t.jobs[1].ended);
    assert_string_equal(
        text_of(&t, "deep/er/00001.test"),
        "slurmstepd: error: couldn't chdir to `/nonexistent': No such file or directory: going to "
        "/tmp instead\n/tmp\n");

    l = a_launch(&t, 2, "#!/bin/sh\n");
    l.std_out = "/proc/nobody/may/write";
    assert_int_equal(ask(&t, OP_step_launch, &desc_launch, &l), 0);
    WAIT_FOR(&t, t.jobs[2].ended);
    assert_int_equal(t.jobs[2].wait_status, 53);
    assert_contains(t.jobs[2].error,
                    "Could not open stdout file /proc/nobody/may/write: No such file");

    assert_int_equal(launch(&t, 3, "#!/nonexistent/interpreter\n"), 0);
    WAIT_FOR(&t, t.jobs[3].ended);
    assert_int_equal(WEXITSTATUS(t.jobs[3].wait_status), ENOENT);
    assert_string_equal(text_of(&t, "slurm-3.out"),
                        "slurmstepd: error: execve(): bad interpreter"
                        "(/nonexistent/interpreter): No such file or directory\n");
    ctl_close(&t);
}

/* How many processes of jobs of this test's node there are: they all know its slurm.conf. */
static unsigned processes_left(struct ctl *t)
{
    char command[256], line[32] = "0";

    snprintf(command, sizeof command,
             "grep -alzx 'SLURM_CONF=%s/slurm.conf' /proc/[0-9]*/environ 2>/dev/null | wc -l",
             t->dir);
    FILE *p = popen(command, "r");
    assert_non_null(fgets(line, sizeof line, p));
    pclose(p);
    return (unsigned)atoi(line);
}

static const char stubborn[] = "#!/bin/sh\n"
                               "trap '' TERM\n"
                               "setsid sh -c \"trap '' TERM; sleep 300; sleep 300\" &\n"
                               "( ( setsid sh -c \"trap '' TERM; sleep 300; sleep 300\" & ) & )\n"
                               "echo started\n";

static void nothing_outlives_the_script(void **state)
{
    struct ctl t;
    char *script;

    ctl_open(&t, "");
    script = arena_printf(&t.arena, "%sexit 0\n", stubborn);
    assert_int_equal(launch(&t, 401, script), 0);
    WAIT_FOR(&t, t.jobs[401].ended);
    assert_int_equal(t.jobs[401].wait_status, 0);
    assert_int_equal(processes_left(&t), 0);
    ctl_close(&t);
}

static void a_cancelled_job_is_told_and_then_killed(void **state)
{
    struct ctl t;
    char *script;

    ctl_open(&t, "");
    script = arena_printf(&t.arena, "%swhile :; do sleep 1; done\n", stubborn);
    assert_int_equal(launch(&t, 402, script), 0);
    assert_int_equal(launch(&t, 403, "#!/bin/sh\necho started\nsleep 300\necho after\n"), 0);
    WAIT_FOR(&t, *text_of(&t, "slurm-402.out") && *text_of(&t, "slurm-403.out"));
    assert_int_equal(end(&t, 402, 1, "CANCELLED AT %s DUE TO TIME LIMIT"), 0);
    assert_int_equal(end(&t, 403, 30, "CANCELLED AT %s"), 0);
    WAIT_FOR(&t,
             t.jobs[402].ended && t.jobs[402].cleaned && t.jobs[403].ended && t.jobs[403].cleaned);
    assert_int_equal(t.jobs[402].wait_status, SIGKILL);
    assert_int_equal(t.jobs[403].wait_status, SIGTERM);
    assert_int_equal(processes_left(&t), 0);
    const char *out = text_of(&t, "slurm-402.out");
    assert_contains(out, "started\nslurmstepd: error: *** JOB 402 ON n1 CANCELLED AT 20");
    assert_contains(out, " DUE TO TIME LIMIT ***\n");
    assert_int_equal(end(&t, 402, 1, ""), 0); /* said again: answered again */
    WAIT_FOR(&t, t.jobs[402].cleaned == 2);
    ctl_close(&t);
}

/* F20: an output file that never opens holds up its own job and nothing else, and the job can be
 * ended. */
static void a_hanging_output_hangs_only_its_job(void **state)
{
    struct ctl t;

    ctl_open(&t, "");
    char *fifo = arena_printf(&t.arena, "%s/work/fifo", t.dir);
    assert_int_equal(mkfifo(fifo, 0666), 0);
    chmod(fifo, 0666);
    struct launch l = a_launch(&t, 1, "#!/bin/sh\necho never\n");
    l.std_out = fifo;
    assert_int_equal(ask(&t, OP_step_launch, &desc_launch, &l), 0);
    assert_int_equal(launch(&t, 2, "#!/bin/sh\necho fine\n"), 0);
    WAIT_FOR(&t, t.jobs[2].ended);
    assert_int_equal(t.jobs[1].ended, 0);
    assert_int_equal(end(&t, 1, 1, "CANCELLED AT %s"), 0);
    WAIT_FOR(&t, t.jobs[1].ended && t.jobs[1].cleaned);
    assert_true(WIFSIGNALED(t.jobs[1].wait_status));
    ctl_close(&t);
}

/* logrotate: the file is moved away and slurmd gets SIGHUP; both halves go on in a new one. */
static void the_log_is_opened_again(void **state)
{
    struct ctl t;

    ctl_open(&t, "");
    char *log = arena_printf(&t.arena, "%s/n1.log", t.dir);
    assert_int_equal(rename(log, arena_printf(&t.arena, "%s.1", log)), 0);
    kill(t.slurmd, SIGHUP);
    WAIT_FOR(&t, access(log, F_OK) == 0);
    struct launch l = a_launch(&t, 1, "#!/bin/sh\n");
    l.epoch = 4;
    struct stat st = { 0 };
    int64_t until = clock_mono_ns() + PATIENCE_S * SECOND;
    while (st.st_size == 0 && clock_mono_ns() < until) { /* the descriptor is on its way */
        assert_int_equal(ask(&t, OP_step_launch, &desc_launch, &l), ESLURMD_CREDENTIAL_EXPIRED);
        loop_once(t.loop, 5);
        stat(log, &st);
    }
    assert_true(st.st_size > 0);
    ctl_close(&t);
}

static void signals_reach_whom_they_are_meant_for(void **state)
{
    struct ctl t;
    struct step_signal s = {
        .job_id = 1, .step_id = STEP_BATCH, .signal = SIGUSR1, .shell_only = true
    };

    ctl_open(&t, "");
    assert_int_equal(
        launch(&t, 1,
               "#!/bin/bash\ntrap 'echo shell' USR1\n"
               "bash -c 'trap \"echo child\" USR1; echo r; while :; do sleep 0.1; done' &\n"
               "while :; do sleep 0.1; done\n"),
        0);
    WAIT_FOR(&t, *text_of(&t, "slurm-1.out"));
    assert_int_equal(ask(&t, OP_step_kill, &desc_step_signal, &s), 0);
    WAIT_FOR(&t, strstr(text_of(&t, "slurm-1.out"), "shell"));
    assert_null(strstr(text_of(&t, "slurm-1.out"), "child"));
    s.shell_only = false;
    s.children_only = true;
    s.signal = SIGUSR1;
    assert_int_equal(ask(&t, OP_step_kill, &desc_step_signal, &s), 0);
    WAIT_FOR(&t, strstr(text_of(&t, "slurm-1.out"), "child"));
    assert_int_equal(end(&t, 1, 0, ""), 0);
    WAIT_FOR(&t, t.jobs[1].ended && t.jobs[1].cleaned);
    s.job_id = 99;
    assert_int_equal(ask(&t, OP_step_kill, &desc_step_signal, &s), ESRCH);
    ctl_close(&t);
}

static void reports_wait_for_their_acknowledgement(void **state)
{
    struct ctl t;
    char path[256];

    ctl_open(&t, "");
    t.is_deaf = true;
    assert_int_equal(launch(&t, 1, "#!/bin/sh\nexit 4\n"), 0);
    WAIT_FOR(&t, t.jobs[1].ended == 1);
    slurmd_kill(&t, SIGKILL);
    t.is_deaf = false;
    slurmd_start(&t);
    WAIT_FOR(&t, t.jobs[1].ended == 2);
    assert_int_equal(t.last.steps.n, 1);
    assert_int_equal(WEXITSTATUS(t.jobs[1].wait_status), 4);
    assert_true(t.jobs[1].is_clean);
    snprintf(path, sizeof path, "%s/spool.n1/job1.0.batch", t.dir);
    WAIT_FOR(&t, access(path, F_OK) < 0);
    assert_int_equal(launch(&t, 1, "#!/bin/sh\n"), ESLURMD_CREDENTIAL_REPLAYED);
    ctl_close(&t);
}

static pid_t stepd_of(struct ctl *t, unsigned job)
{
    char path[128];
    int pid = 0;

    snprintf(path, sizeof path, "%s/spool.n1/job%u.0.batch/step", t->dir, job);
    FILE *f = fopen(path, "r");
    assert_non_null(f);
    assert_int_equal(fscanf(f, "%*[^\n] pid %d", &pid), 1);
    fclose(f);
    return pid;
}

static void a_killed_slurmstepd_leaves_no_orphan(void **state)
{
    struct ctl t;

    for (int restarted = 0; restarted < 2; restarted++) {
        unsigned job = 411u + (unsigned)restarted;
        ctl_open(&t, "");
        assert_int_equal(launch(&t, job, arena_printf(&t.arena, "%ssleep 300\n", stubborn)), 0);
        char *out = arena_printf(&t.arena, "slurm-%u.out", job);
        WAIT_FOR(&t, *text_of(&t, out));
        if (restarted) {
            slurmd_kill(&t, SIGKILL);
            slurmd_start(&t);
            WAIT_FOR(&t, t.node);
        }
        assert_true(processes_left(&t) > 2);
        kill(stepd_of(&t, job), SIGKILL);
        WAIT_FOR(&t, t.jobs[job].ended);
        assert_string_equal(t.jobs[job].error, "slurmstepd was killed");
        assert_int_equal(processes_left(&t), 0);
        ctl_close(&t);
    }
}

/* F3: slurmd is killed again and again while steps run and end; every one is reported right. */
static void steps_survive_a_slurmd_that_is_killed(void **state)
{
    enum { STEPS = 16, KILLS = 20 };
    struct ctl t;
    unsigned done = 0;

    ctl_open(&t, "");
    for (unsigned i = 1; i <= STEPS; i++) {
        char *script =
            arena_printf(&t.arena,
                         "#!/bin/sh\nfor i in 1 2 3 4 5 6 7 8; do echo line $i; sleep 0.%u; "
                         "done\nexit %u\n",
                         1 + i % 5, i);
        assert_int_equal(launch(&t, 100 + i, script), 0);
    }
    for (int kills = 0; kills < KILLS; kills++) {
        slurmd_kill(&t, SIGKILL);
        unsigned before = t.registrations;
        slurmd_start(&t);
        WAIT_FOR(&t, t.registrations > before && t.node);
        for (int turns = 0; turns < 5; turns++)
            loop_once(t.loop, 10);
    }
    for (unsigned i = 1; i <= STEPS; i++) {
        WAIT_FOR(&t, t.jobs[100 + i].ended);
        done += WIFEXITED(t.jobs[100 + i].wait_status) &&
                WEXITSTATUS(t.jobs[100 + i].wait_status) == (int)i;
        assert_string_equal(text_of(&t, arena_printf(&t.arena, "slurm-%u.out", 100 + i)),
                            "line 1\nline 2\nline 3\nline 4\nline 5\nline 6\nline 7\nline 8\n");
    }
    assert_int_equal(done, STEPS);
    ctl_close(&t);
}

static char *hook_write(struct ctl *t, const char *name, int code)
{
    char *path = arena_printf(&t->arena, "%s/%s", t->dir, name);

    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fprintf(f, "#!/bin/sh\nenv > %s/work/%s.env\nsleep 0.2\nexit %d\n", t->dir, name, code);
    fclose(f);
    chmod(path, 0755);
    return path;
}

static void prolog_and_epilog_see_only_their_own_environment(void **state)
{
    struct ctl t;

    ctl_open(&t, "");
    slurmd_kill(&t, SIGTERM);
    write_conf(&t, arena_printf(&t.arena, "Prolog=%s\nEpilog=%s\n", hook_write(&t, "prolog", 0),
                                hook_write(&t, "epilog", 0)));
    slurmd_start(&t);
    WAIT_FOR(&t, t.node);
    assert_int_equal(launch(&t, 1, "#!/bin/sh\nls\n"), 0);
    WAIT_FOR(&t, t.jobs[1].ended);
    assert_true(t.jobs[1].is_clean);
    assert_string_equal(text_of(&t, "slurm-1.out"), "prolog.env\nslurm-1.out\n");
    const char *env = text_of(&t, "epilog.env");
    assert_contains(env, "SLURM_JOB_ID=1\n");
    assert_contains(env, "SLURM_SCRIPT_CONTEXT=epilog_slurmd\n");
    assert_null(strstr(env, "MINE="));

    assert_int_equal(launch(&t, 2, "#!/bin/sh\necho never\n"), 0);
    assert_int_equal(end(&t, 2, 0, ""), 0); /* ended while its Prolog runs */
    WAIT_FOR(&t, t.jobs[2].cleaned);
    assert_int_equal(t.jobs[2].ended, 0);
    assert_string_equal(text_of(&t, "slurm-2.out"), "");
    ctl_close(&t);
}

static void a_failed_hook_is_reported(void **state)
{
    struct ctl t;

    ctl_open(&t, "");
    slurmd_kill(&t, SIGTERM);
    write_conf(&t, arena_printf(&t.arena, "Epilog=%s\n", hook_write(&t, "epilog", 3)));
    slurmd_start(&t);
    WAIT_FOR(&t, t.node);
    assert_int_equal(launch(&t, 1, "#!/bin/sh\n"), 0);
    WAIT_FOR(&t, t.jobs[1].ended && t.jobs[1].cleaned);
    assert_false(t.jobs[1].is_clean);
    assert_string_equal(t.jobs[1].words, "Epilog error: job 1, exit code 3");

    slurmd_kill(&t, SIGTERM);
    write_conf(&t, arena_printf(&t.arena, "Prolog=%s\n", hook_write(&t, "prolog", 4)));
    slurmd_start(&t);
    WAIT_FOR(&t, t.node);
    assert_int_equal(launch(&t, 2, "#!/bin/sh\necho never\n"), 0);
    WAIT_FOR(&t, t.jobs[2].ended);
    assert_contains(t.jobs[2].error, "Prolog error: job 2");
    assert_string_equal(text_of(&t, "slurm-2.out"), "");
    ctl_close(&t);
}

/* A6: whoever took over the half without rights could show the launcher one launch and hand over
 * another. */
static void a_launch_that_was_not_allowed_is_not_run(void **state)
{
    struct ctl t;
    struct spool spool;
    struct step_record r = { .key = { 1, STEP_BATCH, 0 }, .uid = OTHER_UID - 1, .boot_id = "x" };
    struct step_files files;
    struct buf body = { 0 };
    struct step_done done;
    struct err e = { 0 };

    dir_open(&t);
    struct launch l = a_launch(&t, 1, "#!/bin/sh\necho never\n");
    assert_int_equal(spool_open(arena_printf(&t.arena, "%s/spool", t.dir), &spool, &e), 0);
    assert_int_equal(spool_step_new(&spool, &r, &files, &e), 0);
    wire_pack(&desc_launch, &l, &body);
    int launch_fd = memfd_create("launch", MFD_CLOEXEC);
    assert_int_equal(write(launch_fd, body.data, body.len), body.len);
    pid_t pid = fork();
    if (pid == 0) {
        const int from[] = { launch_fd, files.dir, files.lock };
        for (int i = 0; i < 3; i++)
            fcntl(from[i], F_DUPFD, 100); /* 100, 101, 102: above the targets */
        for (int i = 0; i < 3; i++)
            dup2(100 + i, STEPD_FD_LAUNCH + i);
        execl(STEPD, STEPD_NAME "1.batch]", NULL);
        _exit(99);
    }
    waitpid(pid, NULL, 0);
    assert_int_equal(spool_get(files.dir, "result", &body), 0);
    assert_int_equal(wire_unpack(&desc_step_done, body.data, body.len, &t.arena, &done, &e), 0);
    assert_int_equal(done.error_code, ESLURMD_INVALID_JOB_CREDENTIAL);
    assert_string_equal(text_of(&t, "slurm-1.out"), "");
    close(files.dir);
    close(files.lock);
    close(launch_fd);
    buf_fini(&body);
    spool_close(&spool);
    ctl_close(&t);
}

/* ---- `test_slurmd N` is no test: it prints the CPU time of slurmd, launcher and slurmstepd for a
 * no-op job. */

/* utime, stime, cutime, cstime of the process and of its first child, in clock ticks. */
static unsigned long ticks_of(pid_t pid)
{
    char path[64];
    unsigned long u = 0, s = 0, cu = 0, cs = 0, child = 0;

    snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    FILE *f = fopen(path, "r");
    if (f && fscanf(f, "%*d (%*[^)]) %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu %lu %lu",
                    &u, &s, &cu, &cs) != 4)
        u = 0;
    if (f)
        fclose(f);
    snprintf(path, sizeof path, "/proc/%d/task/%d/children", (int)pid, (int)pid);
    if ((f = fopen(path, "r")) && fscanf(f, "%lu", &child) != 1)
        child = 0;
    if (f)
        fclose(f);
    return u + s + cu + cs + (child ? ticks_of((pid_t)child) : 0);
}

static void measure(unsigned jobs)
{
    struct ctl t;

    ctl_open(&t, "");
    unsigned long before = ticks_of(t.slurmd);
    int64_t start = clock_mono_ns();
    for (unsigned i = 0; i < jobs; i++) {
        unsigned job = 1000 + i, at = job % JOBS_MAX;
        t.jobs[at].ended = 0;
        assert_int_equal(launch(&t, job, "#!/bin/sh\n"), 0);
        WAIT_FOR(&t, t.jobs[at].ended);
    }
    double ms = (double)(clock_mono_ns() - start) / 1e6;
    double cpu_ms = (double)(ticks_of(t.slurmd) - before) * 1000 / (double)sysconf(_SC_CLK_TCK);
    printf("%u no-op jobs one after the other: %.2f ms each, %.2f ms CPU each on the node\n", jobs,
           ms / jobs, cpu_ms / jobs);
    ctl_close(&t);
}

int main(int argc, char **argv)
{
    log_init("slurmd_test", LOG_QUIET);
    if (argc > 1) {
        measure((unsigned)atoi(argv[1]));
        return 0;
    }
    return RUN(T(a_job_runs_as_its_user_and_is_reported), T(a_node_is_known_by_its_credential),
               T(launches_are_fenced), T(failures_before_the_exec_say_why),
               T(nothing_outlives_the_script), T(a_cancelled_job_is_told_and_then_killed),
               T(a_hanging_output_hangs_only_its_job), T(the_log_is_opened_again),
               T(signals_reach_whom_they_are_meant_for), T(reports_wait_for_their_acknowledgement),
               T(a_killed_slurmstepd_leaves_no_orphan), T(steps_survive_a_slurmd_that_is_killed),
               T(prolog_and_epilog_see_only_their_own_environment), T(a_failed_hook_is_reported),
               T(a_launch_that_was_not_allowed_is_not_run));
}
