/* Who a task is, and what becomes of it when that cannot be had; and a user who swaps directories
 * for links while root works for him.  Needs root: there is nothing to lose without. */
#include "slurmd_kit.h"

#include "base/log.h"
#include "node/stepd.h"
#include "schema/errors.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define FLIPS 5000 /* IDENTITY_FLIPS=100000 for the long run */
#define RACE_JOBS 24

/* ---- slurmd starts this very program under slurmstepd's name: it takes one system call away and
 * becomes the real one */

static void deny(unsigned nr, unsigned code)
{
    struct sock_filter filter[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, nr, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | code),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    const struct sock_fprog program = { sizeof filter / sizeof filter[0], filter };

    if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) < 0)
        _exit(98);
}

static int be_slurmstepd(char **argv)
{
    char path[256];
    unsigned nr, code;

    ssize_t n = readlink("/proc/self/exe", path, sizeof path - 16);
    if (n < 0)
        return 97;
    snprintf(path + n, 16, ".deny");
    FILE *f = fopen(path, "r");
    if (!f || fscanf(f, "%u %u", &nr, &code) != 2)
        return 96;
    fclose(f);
    deny(nr, code);
    execv(STEPD, argv);
    return 95;
}

static void copy_self(const char *to)
{
    char chunk[65536];
    ssize_t n;

    int in = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
    int out = open(to, O_WRONLY | O_CREAT | O_CLOEXEC, 0755);
    assert_true(in >= 0 && out >= 0);
    while ((n = read(in, chunk, sizeof chunk)) > 0)
        assert_int_equal(write(out, chunk, (size_t)n), n);
    close(in);
    close(out);
}

static void without_its_user_nothing_runs(void **state)
{
    static const struct {
        unsigned nr;
        const char *words;
    } calls[] = {
        { SYS_setgroups, "setgroups" },
        { SYS_setresgid, "group" },
        { SYS_setresuid, "user" },
        { SYS_capset, "capabilities" },
    };
    struct ctl t;
    uint32_t job = 0;

    if (geteuid() != 0)
        skip();
    dir_open(&t);
    char *self = arena_printf(&t.arena, "%s/stepd", t.dir);
    char *wish = arena_printf(&t.arena, "%s.deny", self);
    copy_self(self);
    t.stepd = self;
    ctl_open_in_dir(&t, "");
    for (size_t i = 0; i < sizeof calls / sizeof calls[0]; i++) {
        for (unsigned lies = 0; lies < 2; lies++) { /* fails; claims success and does nothing */
            FILE *f = fopen(wish, "w");
            fprintf(f, "%u %u", calls[i].nr, lies ? 0 : EPERM);
            fclose(f);
            if (lies && calls[i].nr != SYS_setresgid && calls[i].nr != SYS_setresuid)
                continue; /* leaving uid 0 does what capset would */
            job++;
            assert_int_equal(launch(&t, job, "#!/bin/sh\necho ran > ran\n"), 0);
            WAIT_FOR(&t, t.jobs[job].ended);
            assert_contains(t.jobs[job].error, lies ? "kernel says" : calls[i].words);
            assert_int_equal(WEXITSTATUS(t.jobs[job].wait_status), 1);
            assert_string_equal(text_of(&t, "ran"), "");
            assert_string_equal(text_of(&t, arena_printf(&t.arena, "slurm-%u.out", job)), "");
        }
    }
    ctl_close(&t);
}

static void a_task_is_its_user_and_nothing_more(void **state)
{
    static const uint32_t groups[] = { 65533, 4242, 4243 };
    struct ctl t;

    if (geteuid() != 0)
        skip();
    ctl_open(&t, "");
    struct launch l = a_launch(&t, 1, "#!/bin/sh\ncat /proc/self/status\nls -l /proc/self/fd\n");
    l.groups.v = (uint32_t *)groups;
    l.groups.n = 3;
    assert_int_equal(ask(&t, OP_step_launch, &desc_launch, &l), 0);
    WAIT_FOR(&t, t.jobs[1].ended);
    const char *out = text_of(&t, "slurm-1.out");
    assert_contains(out, "\nUid:\t65533\t65533\t65533\t65533\n");
    assert_contains(out, "\nGid:\t65533\t65533\t65533\t65533\n");
    assert_contains(out, "\nGroups:\t4242 4243 65533 \n");
    assert_contains(out, "\nCapInh:\t0000000000000000\nCapPrm:\t0000000000000000\n"
                         "CapEff:\t0000000000000000\n");
    assert_contains(out, "\nCapAmb:\t0000000000000000\n");
    assert_contains(out, "\nNoNewPrivs:\t0\n");
    assert_contains(out, "\nSigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\n");
    ctl_close(&t);
}

/* ---- the race */

struct race {
    unsigned long flips;
    bool is_over;
};

/* `there` is now a directory of the user's, now a link to root's. */
static pid_t attacker(struct ctl *t, struct race *r)
{
    char *there = arena_printf(&t->arena, "%s/work/there", t->dir);
    char *other = arena_printf(&t->arena, "%s/work/other", t->dir);
    char *victim = arena_printf(&t->arena, "%s/victim", t->dir);

    assert_int_equal(mkdir(there, 0755), 0);
    assert_int_equal(chown(there, t->uid, t->uid), 0);
    assert_int_equal(symlink(victim, other), 0);
    assert_int_equal(lchown(other, t->uid, t->uid), 0);
    pid_t pid = fork();
    if (pid != 0)
        return pid;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (setresgid(t->uid, t->uid, t->uid) < 0 || setresuid(t->uid, t->uid, t->uid) < 0)
        _exit(1);
    while (!__atomic_load_n(&r->is_over, __ATOMIC_RELAXED)) {
        if (renameat2(AT_FDCWD, there, AT_FDCWD, other, RENAME_EXCHANGE) == 0)
            __atomic_add_fetch(&r->flips, 1, __ATOMIC_RELAXED);
    }
    _exit(0);
}

static unsigned files_of_root(const char *path)
{
    struct stat st;
    struct dirent *d;
    unsigned n = 0;
    DIR *dir = opendir(path);

    while (dir && (d = readdir(dir)))
        if (fstatat(dirfd(dir), d->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 && d->d_name[0] != '.')
            n += st.st_uid == 0;
    if (dir)
        closedir(dir);
    return n;
}

static void root_follows_no_link_of_a_user(void **state)
{
    const char *wanted = getenv("IDENTITY_FLIPS");
    unsigned long flips = wanted ? strtoul(wanted, NULL, 10) : FLIPS;
    struct race *r =
        mmap(NULL, sizeof *r, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    struct ctl t;
    uint32_t job = 0;

    if (geteuid() != 0)
        skip();
    ctl_open(&t, "");
    char *victim = arena_printf(&t.arena, "%s/victim", t.dir);
    char *precious = arena_printf(&t.arena, "%s/precious", victim);
    assert_int_equal(mkdir(victim, 0755), 0);
    FILE *f = fopen(precious, "w");
    fputs("precious\n", f);
    fclose(f);
    pid_t pid = attacker(&t, r);
    char *there = arena_printf(&t.arena, "%s/work/there", t.dir);
    for (unsigned rounds = 0; rounds < RACE_JOBS || r->flips < flips; rounds++) {
        job = job % 400 + 1;
        t.jobs[job].ended = 0;
        struct launch l = a_launch(&t, 1000 + rounds, "#!/bin/sh\necho user > made; :\n");
        l.work_dir = there;
        l.std_out = arena_printf(&t.arena, "%s/precious", there);
        l.std_err = arena_printf(&t.arena, "%s/deep/er/err", there);
        unsigned at = (1000 + rounds) % JOBS_MAX;
        t.jobs[at].ended = 0;
        assert_int_equal(ask(&t, OP_step_launch, &desc_launch, &l), 0);
        WAIT_FOR(&t, t.jobs[at].ended);
    }
    __atomic_store_n(&r->is_over, true, __ATOMIC_RELAXED);
    waitpid(pid, NULL, 0);
    assert_int_equal(files_of_root(victim), 1);
    assert_string_equal(text_of(&t, "../victim/precious"), "precious\n");
    assert_int_equal(files_of_root(arena_printf(&t.arena, "%s/work", t.dir)), 0);
    assert_int_equal(
        files_of_root(there) + files_of_root(arena_printf(&t.arena, "%s/work/other", t.dir)), 1);
    munmap(r, sizeof *r);
    ctl_close(&t);
}

int main(int argc, char **argv)
{
    if (strncmp(argv[0], STEPD_NAME, strlen(STEPD_NAME)) == 0)
        return be_slurmstepd(argv);
    log_init("identity_test", LOG_QUIET);
    if (argc > 1)
        cmocka_set_test_filter(argv[1]);
    return RUN(T(a_task_is_its_user_and_nothing_more), T(without_its_user_nothing_runs),
               T(root_follows_no_link_of_a_user));
}
