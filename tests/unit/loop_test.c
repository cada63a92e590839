/* The loop: order of timers, child exits, and callbacks that pull the rug from under others. */
#include "net/loop.h"

#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define TURNS_MAX 1000

struct seen {
    struct loop *loop;
    char order[16];
    unsigned n;
    int status;
};

struct mark {
    struct seen *seen;
    char letter;
};

static void see(struct seen *s, char letter)
{
    assert_true(s->n < sizeof s->order - 1);
    s->order[s->n++] = letter;
}

static void timer_marks(void *ctx)
{
    struct mark *m = ctx;
    see(m->seen, m->letter);
}

/* Runs until n things were seen; a loop that never sees them fails here instead of hanging. */
static void run_until(struct seen *s, unsigned n)
{
    for (unsigned turn = 0; turn < TURNS_MAX && s->n < n; turn++)
        loop_once(s->loop, 1000);
    assert_int_equal(s->n, n);
}

static void timers_fire_in_order_of_time_then_of_arming(void **state)
{
    struct seen s = { 0 };
    assert_int_equal(loop_new(&s.loop, NULL), 0);
    struct mark m[] = { { &s, 'c' }, { &s, 'a' }, { &s, 'b' }, { &s, 'x' }, { &s, 'y' } };

    loop_add_timer(s.loop, 20, timer_marks, &m[0]);
    loop_add_timer(s.loop, 0, timer_marks, &m[1]);
    loop_add_timer(s.loop, 5, timer_marks, &m[2]);
    struct loop_timer *gone = loop_add_timer(s.loop, 1, timer_marks, &m[3]);
    struct loop_timer *off = loop_add_timer(s.loop, 1, timer_marks, &m[4]);
    loop_remove_timer(gone);
    loop_set_timer(off, -1);
    run_until(&s, 3);
    assert_string_equal(s.order, "abc");
    loop_set_timer(off, 0);
    run_until(&s, 4);
    assert_string_equal(s.order, "abcy");
    loop_free(s.loop);
}

struct rearm {
    struct loop_timer *timer;
    unsigned fired;
};

static void timer_rearms(void *ctx)
{
    struct rearm *r = ctx;
    r->fired++;
    loop_set_timer(r->timer, 0);
}

/* A timer that is always due must not keep the loop from everything else. */
static void a_timer_for_now_fires_once_a_batch(void **state)
{
    struct loop *l;
    assert_int_equal(loop_new(&l, NULL), 0);
    struct rearm r = { 0 };

    r.timer = loop_add_timer(l, 0, timer_rearms, &r);
    for (unsigned i = 1; i <= 3; i++) {
        loop_once(l, -1);
        assert_int_equal(r.fired, i);
    }
    loop_free(l);
}

struct pair {
    struct seen *seen;
    struct loop_fd *other;
    struct loop_timer *timer;
};

static void removes_the_other(void *ctx, int fd, unsigned events)
{
    struct pair *p = ctx;

    see(p->seen, 'r');
    loop_remove_fd(p->other);
    loop_remove_timer(p->timer);
    p->timer = NULL;
}

/* Both are readable in the same batch and a timer is due: the first callback removes all of it. */
static void what_a_callback_removed_is_not_called(void **state)
{
    struct seen s = { 0 };
    struct pair p[2] = { { .seen = &s }, { .seen = &s } };
    int a[2], b[2];

    assert_int_equal(loop_new(&s.loop, NULL), 0);
    assert_int_equal(pipe(a), 0);
    assert_int_equal(pipe(b), 0);
    p[1].other = loop_add_fd(s.loop, a[0], LOOP_READ, removes_the_other, &p[0]);
    p[0].other = loop_add_fd(s.loop, b[0], LOOP_READ, removes_the_other, &p[1]);
    p[0].timer = p[1].timer = loop_add_timer(s.loop, 0, timer_marks, &(struct mark){ &s, 'x' });
    assert_int_equal(write(a[1], "x", 1), 1);
    assert_int_equal(write(b[1], "x", 1), 1);
    loop_once(s.loop, 1000);
    assert_int_equal(s.n, 1);
    loop_free(s.loop);
    for (unsigned i = 0; i < 2; i++) {
        close(a[i]);
        close(b[i]);
    }
}

static void child_seen(void *ctx, pid_t pid, int status)
{
    struct seen *s = ctx;
    s->status = status;
    see(s, 'c');
}

static void an_exit_is_reaped_and_told_once(void **state)
{
    struct seen s = { 0 };
    assert_int_equal(loop_new(&s.loop, NULL), 0);

    pid_t pid = fork();
    if (pid == 0)
        _exit(7);
    loop_add_child(s.loop, pid, child_seen, &s);
    run_until(&s, 1);
    assert_true(WIFEXITED(s.status));
    assert_int_equal(WEXITSTATUS(s.status), 7);
    assert_int_equal(waitpid(pid, NULL, WNOHANG), -1);
    loop_once(s.loop, 0);
    assert_int_equal(s.n, 1);
    loop_free(s.loop);
}

static void a_child_is_killed_through_its_handle(void **state)
{
    struct seen s = { 0 };
    assert_int_equal(loop_new(&s.loop, NULL), 0);

    pid_t pid = fork();
    if (pid == 0) {
        pause();
        _exit(0);
    }
    struct loop_child *c = loop_add_child(s.loop, pid, child_seen, &s);
    assert_int_equal(loop_kill_child(c, SIGKILL), 0);
    run_until(&s, 1);
    assert_true(WIFSIGNALED(s.status));
    assert_int_equal(WTERMSIG(s.status), SIGKILL);
    loop_free(s.loop);
}

static void signal_seen(void *ctx, int signo)
{
    see(ctx, signo == SIGUSR1 ? '1' : '?');
}

static void signals_arrive_as_events(void **state)
{
    struct seen s = { 0 };
    assert_int_equal(loop_new(&s.loop, NULL), 0);

    loop_add_signal(s.loop, SIGUSR1, signal_seen, &s);
    loop_add_signal(s.loop, SIGUSR2, signal_seen, &s);
    raise(SIGUSR1);
    run_until(&s, 1);
    assert_string_equal(s.order, "1");
    loop_free(s.loop);
}

struct file_reader {
    struct seen *seen;
    struct loop_fd *self;
};

static void file_read(void *ctx, int fd, unsigned events)
{
    struct file_reader *r = ctx;
    char c;

    see(r->seen, read(fd, &c, 1) == 0 ? 'e' : 'd');
    if (r->seen->n == 2)
        loop_remove_fd(r->self);
}

/* `srun < /dev/null`: epoll refuses it, the loop does not. */
static void a_plain_file_is_always_ready(void **state)
{
    struct seen s = { 0 };
    struct file_reader r = { .seen = &s };
    int fd = open("/dev/null", O_RDONLY);

    assert_int_equal(loop_new(&s.loop, NULL), 0);
    r.self = loop_add_fd(s.loop, fd, LOOP_READ, file_read, &r);
    run_until(&s, 2);
    loop_once(s.loop, 0);
    assert_string_equal(s.order, "ee");
    loop_free(s.loop);
    close(fd);
}

static void a_stopped_loop_does_not_wait(void **state)
{
    struct loop *l;
    assert_int_equal(loop_new(&l, NULL), 0);

    loop_stop(l);
    loop_once(l, -1); /* would hang here */
    assert_true(loop_stopped(l));
    loop_free(l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(timers_fire_in_order_of_time_then_of_arming),
        cmocka_unit_test(a_timer_for_now_fires_once_a_batch),
        cmocka_unit_test(what_a_callback_removed_is_not_called),
        cmocka_unit_test(an_exit_is_reaped_and_told_once),
        cmocka_unit_test(a_child_is_killed_through_its_handle),
        cmocka_unit_test(signals_arrive_as_events),
        cmocka_unit_test(a_plain_file_is_always_ready),
        cmocka_unit_test(a_stopped_loop_does_not_wait),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
