/* The one main, run in child processes: options, start in the background, user, stop. */
#include "base/log.h"
#include "net/daemon.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <pwd.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#define ARGS_MAX 8

static char dir[] = "/tmp/daemon_test.XXXXXX";
static char pid_path[64], user_path[64];

struct toy {
    char word[32];
    int files, longs;
};

static int toy_option(void *ctx, int letter, const char *arg, struct err *e)
{
    struct toy *t = ctx;

    if (letter == 'w')
        snprintf(t->word, sizeof t->word, "%s", arg);
    t->files += letter == 'f';
    t->longs += letter == 256;
    return strcmp(t->word, "bad") == 0 ? err_set(e, EINVAL, "bad word") : 0;
}

static int toy_configure(void *ctx, const struct daemon_args *args, struct daemon_place *ret,
                         struct err *e)
{
    struct toy *t = ctx;

    if (strcmp(t->word, "done") == 0)
        return 1;
    if (strcmp(t->word, "unsure") == 0)
        return err_set(e, EINVAL, "which one?");
    if (strcmp(t->word, "count") == 0)
        exit(10 * t->files + t->longs + 100 * args->verbose);
    ret->pid_path = pid_path;
    ret->user = strcmp(t->word, "nobody") == 0 ? "nobody" : NULL;
    return 0;
}

static int toy_open(void *ctx, struct loop *l, struct err *e)
{
    struct toy *t = ctx;

    if (strcmp(t->word, "broken") == 0)
        return err_set(e, EIO, "cannot open");
    FILE *f = fopen(user_path, "w");
    if (f) {
        fprintf(f, "%u\n", (unsigned)geteuid());
        fclose(f);
    }
    if (strcmp(t->word, "once") == 0)
        loop_stop(l);
    return 0;
}

static const struct option longs[] = { { "own", no_argument, NULL, 256 }, { 0 } };

/* 'f' is the frame's, but this daemon takes it for itself, without an argument. */
static const struct daemon toy = {
    .name = "toyd",
    .options = "w:f",
    .long_options = longs,
    .usage = "usage\n",
    .ctx_size = sizeof(struct toy),
    .holds_keys = true,
    .option = toy_option,
    .configure = toy_configure,
    .open = toy_open,
};

/* Exit status of `toyd ARGS` (NULL at the end), quiet; background starts included. */
static int run(const char *const *args)
{
    char *argv[ARGS_MAX + 1] = { (char *)"toyd" };
    int argc = 1, status;

    for (; args[argc - 1]; argc++)
        argv[argc] = (char *)args[argc - 1];
    pid_t pid = fork();
    if (pid == 0) {
        int null = open("/dev/null", O_RDWR);
        dup2(null, 1);
        dup2(null, 2);
        exit(daemon_run(argc, argv, &toy));
    }
    waitpid(pid, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

#define RUN(...) run((const char *const[]){ __VA_ARGS__, NULL })

static unsigned number_in(const char *path)
{
    FILE *f = fopen(path, "r");
    unsigned n = 0;

    if (f && fscanf(f, "%u", &n) != 1)
        n = 0;
    if (f)
        fclose(f);
    return n;
}

/* Waits for the end of a process that is not our child. */
static bool ended(pid_t pid)
{
    for (unsigned i = 0; i < 1000; i++) {
        if (kill(pid, 0) < 0)
            return true;
        nanosleep(&(struct timespec){ .tv_nsec = 10000000 }, NULL);
    }
    return false;
}

static void options_end_in_the_right_status(void **state)
{
    assert_int_equal(RUN("-V"), 0);
    assert_int_equal(RUN("-h"), 0);
    assert_int_equal(RUN("-?"), 2);
    assert_int_equal(RUN("--nonsense"), 2);
    assert_int_equal(RUN("-D", "-w", "bad"), 2);
    assert_int_equal(RUN("-D", "-w", "done"), 0);
    assert_int_equal(RUN("-D", "-w", "unsure"), 1);
}

static void the_daemon_may_take_a_letter_of_the_frame(void **state)
{
    assert_int_equal(RUN("-ff", "--own", "-v", "-w", "count"), 121);
}

static void foreground_runs_to_its_end(void **state)
{
    assert_int_equal(RUN("-D", "-w", "once"), 0);
    assert_int_equal(access(pid_path, F_OK), -1);
    assert_int_equal(RUN("-D", "-w", "broken"), 1);
}

static void background_returns_when_it_is_open(void **state)
{
    assert_int_equal(RUN("-w", "broken"), 1);
    assert_int_equal(RUN("-v"), 0);
    pid_t pid = (pid_t)number_in(pid_path);
    assert_true(pid > 1);
    assert_int_equal(kill(pid, 0), 0);
    assert_int_equal(RUN("-v"), 1); /* one is running */
    assert_int_equal((pid_t)number_in(pid_path), pid);
    assert_int_equal(kill(pid, SIGTERM), 0);
    assert_true(ended(pid));
    assert_int_equal(access(pid_path, F_OK), -1);
}

static void root_becomes_the_user(void **state)
{
    const struct passwd *nobody = getpwnam("nobody");

    if (getuid() != 0 || !nobody)
        skip();
    unlink(user_path);
    assert_int_equal(RUN("-D", "-w", "once"), 0);
    assert_int_equal(chown(user_path, nobody->pw_uid, nobody->pw_gid), 0);
    assert_int_equal(RUN("-w", "nobody"), 0);
    assert_int_equal(number_in(user_path), nobody->pw_uid);
    pid_t pid = (pid_t)number_in(pid_path);
    assert_int_equal(kill(pid, SIGTERM), 0);
    assert_true(ended(pid));
    assert_int_equal(number_in(pid_path), 0); /* it may not unlink in our directory */
}

static int directory_made(void **state)
{
    if (!mkdtemp(dir) || chmod(dir, 0755) < 0)
        return -1;
    snprintf(pid_path, sizeof pid_path, "%s/pid", dir);
    snprintf(user_path, sizeof user_path, "%s/user", dir);
    return 0;
}

static int directory_removed(void **state)
{
    unlink(pid_path);
    unlink(user_path);
    return rmdir(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(options_end_in_the_right_status),
        cmocka_unit_test(the_daemon_may_take_a_letter_of_the_frame),
        cmocka_unit_test(foreground_runs_to_its_end),
        cmocka_unit_test(background_returns_when_it_is_open),
        cmocka_unit_test(root_becomes_the_user),
    };

    alarm(120);
    return cmocka_run_group_tests(tests, directory_made, directory_removed);
}
