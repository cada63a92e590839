/* The log, seen from outside: what arrives in the file and on stderr. */
#include "test.h"

#include "base/cleanup.h"
#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static char path[] = "/tmp/log_test.XXXXXX";

static int make_file(void **state)
{
    int fd = mkstemp(path);

    if (fd < 0)
        return -1;
    return close(fd);
}

static int drop_file(void **state)
{
    log_to_file(NULL, LOG_QUIET);
    return unlink(path);
}

static void read_back(char *text, size_t size)
{
    CLEANUP(closep) int fd = open(path, O_RDWR);

    assert_true(fd >= 0);
    ssize_t len = read(fd, text, size - 1);
    assert_true(len >= 0);
    text[len] = '\0';
    assert_int_equal(ftruncate(fd, 0), 0);
}

static void lines_carry_time_and_level_and_cannot_be_forged(void **state)
{
    char text[1024], expected[1024] = "";
    int year, month, day, hour, minute, second, ms, end = 0;

    log_init("log_test", LOG_QUIET);
    assert_int_equal(log_to_file(path, LOG_VERBOSE), 0);
    errno = EBUSY;
    log_error("no such user: %s", "a\n[2026-01-01] b\x1b[0m\x7f");
    assert_int_equal(errno, EBUSY);
    log_info("plain \xc3\xa9");
    log_debug("not shown");
    read_back(text, sizeof text);

    assert_int_equal(sscanf(text, "[%4d-%2d-%2dT%2d:%2d:%2d.%3d] %n", &year, &month, &day, &hour,
                            &minute, &second, &ms, &end),
                     7);
    assert_int_equal(end, 26);
    snprintf(expected, sizeof expected, "error: no such user: a\\x0a[2026-01-01] b\\x1b[0m\\x7f\n");
    assert_memory_equal(text + end, expected, strlen(expected));
    assert_string_equal(text + end + strlen(expected) + 26, "plain \xc3\xa9\n");
}

static void a_long_text_is_cut_and_keeps_its_newline(void **state)
{
    static char wide[20000], text[20000];

    memset(wide, '\x01', sizeof wide - 1);
    assert_int_equal(log_to_file(path, LOG_INFO), 0);
    log_info("%s", wide);
    log_info("after");
    read_back(text, sizeof text);
    assert_true(strlen(text) < 9000);
    assert_non_null(strstr(text, "\\x01\n["));
    assert_string_equal(text + strlen(text) - 6, "after\n");
}

static void a_limiter_counts_what_it_left_out(void **state)
{
    struct log_limit limit = { 0 };
    char text[1024];

    assert_int_equal(log_to_file(path, LOG_INFO), 0);
    for (int i = 0; i < 5; i++)
        log_limited(&limit, 3600, LOG_INFO, "line %d", i);
    assert_int_equal(limit.dropped, 4);
    limit.next_ns = 0; /* the hour is over */
    log_limited(&limit, 3600, LOG_INFO, "line 5");
    read_back(text, sizeof text);
    assert_string_equal(strchr(text, ' ') + 1 + strlen("line 0\n") + 26,
                        "line 5 (4 like it left out)\n");
}

static void a_file_that_cannot_be_opened_leaves_the_old_one(void **state)
{
    char text[256];

    assert_int_equal(log_to_file(path, LOG_INFO), 0);
    assert_int_equal(log_to_file("/nonexistent/dir/file", LOG_INFO), -ENOENT);
    log_info("still here");
    read_back(text, sizeof text);
    assert_non_null(strstr(text, "still here"));
}

static void dying_says_why_on_stderr_and_exits_with_1(void **state)
{
    int status, pipes[2];
    char text[256];

    assert_int_equal(pipe(pipes), 0);
    pid_t child = fork();
    if (child == 0) {
        dup2(pipes[1], STDERR_FILENO);
        log_init("slurmctld", LOG_ERROR);
        log_info("not shown");
        log_error("first");
        die("journal: %s", "disk full");
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 1);
    close(pipes[1]);
    ssize_t len = read(pipes[0], text, sizeof text - 1);
    close(pipes[0]);
    text[len > 0 ? len : 0] = '\0';
    assert_string_equal(text, "slurmctld: error: first\nslurmctld: fatal: journal: disk full\n");
}

static void levels_are_read_by_name_and_number(void **state)
{
    assert_int_equal(log_parse_level("info"), LOG_INFO);
    assert_int_equal(log_parse_level("Debug2"), LOG_DEBUG2);
    assert_int_equal(log_parse_level("debug5"), LOG_DEBUG3);
    assert_int_equal(log_parse_level("0"), LOG_QUIET);
    assert_int_equal(log_parse_level("3"), LOG_INFO);
    assert_int_equal(log_parse_level("9"), LOG_DEBUG3);
    assert_int_equal(log_parse_level("loud"), (enum log_level) - 1);
    assert_int_equal(log_parse_level("33"), (enum log_level) - 1);
    assert_int_equal(log_parse_level(""), (enum log_level) - 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(lines_carry_time_and_level_and_cannot_be_forged),
        T(a_long_text_is_cut_and_keeps_its_newline),
        T(a_limiter_counts_what_it_left_out),
        T(a_file_that_cannot_be_opened_leaves_the_old_one),
        T(dying_says_why_on_stderr_and_exits_with_1),
        T(levels_are_read_by_name_and_number),
    };

    return cmocka_run_group_tests(tests, make_file, drop_file);
}
