/* Calls against a server in a child process, over its abstract socket: answers, refusals, silence,
 * restarts. */
#include "base/log.h"
#include "client/client.h"
#include "net/conn.h"
#include "schema/errors.h"
#include "schema/rpc.h"
#include "wire/wire.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

/* In the name of the socket, so that tests may run side by side. */
static uint16_t port;

enum manner { ANSWERS, REFUSES, HANGS_UP_FIRST, SAYS_NOTHING, CHATTERS };

struct server {
    struct loop *loop;
    enum manner manner;
    uint32_t requests, first_id;
};

static void send_packed(struct conn *c, const struct frame *f, uint16_t flags, const struct desc *d,
                        const void *msg)
{
    struct buf body = { 0 };

    wire_pack(d, msg, &body);
    conn_send(c, f->opcode, flags, f->request, body.data, body.len);
    buf_fini(&body);
}

static void on_request(void *ctx, struct conn *c, const struct frame *f)
{
    struct server *s = ctx;
    const char *hints[] = { "the limit is 3" };
    const struct error_info error = { .code = 2000,
                                      .text = "no such partition",
                                      .hints = { hints, 1 } };
    struct frame other = *f;

    if (s->requests++ == 0)
        s->first_id = f->request;
    const struct ping_info info = { .host = "here", .epoch = f->request == s->first_id, .pid = 7 };
    other.request++;
    switch (s->manner) {
    case HANGS_UP_FIRST:
        if (s->requests == 1) {
            conn_close(c);
            return;
        }
        break;
    case REFUSES:
        send_packed(c, f, FRAME_REPLY | FRAME_ERROR, &desc_error_info, &error);
        return;
    case SAYS_NOTHING:
        return;
    case CHATTERS: /* what was not asked for comes before the answer */
        send_packed(c, &other, FRAME_REPLY, &desc_ping_info, &info);
        send_packed(c, f, 0, &desc_ping_info, &info);
        break;
    case ANSWERS:
        break;
    }
    send_packed(c, f, FRAME_REPLY, &desc_ping_info, &info);
}

static void serve(enum manner manner, int listens)
{
    static const struct conn_ops ops = { .frame = on_request };
    struct server s = { .manner = manner };
    struct listener *listener;
    char path[TARGET_PATH_MAX];

    target_unix_path("slurmctld", port, path);
    if (loop_new(&s.loop, NULL) < 0 || listener_unix(s.loop, path, &ops, &s, &listener, NULL) < 0 ||
        write(listens, "", 1) != 1)
        _exit(1);
    for (;;)
        loop_once(s.loop, -1);
}

/* Returns when it listens. */
static pid_t server_start(enum manner manner)
{
    int listens[2];
    char byte;

    assert_int_equal(pipe(listens), 0);
    pid_t pid = fork();
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        serve(manner, listens[1]);
    }
    close(listens[1]);
    assert_int_equal(read(listens[0], &byte, 1), 1);
    close(listens[0]);
    return pid;
}

static void server_stop(pid_t pid)
{
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
}

static const struct target_host here[] = { { "localhost", "127.0.0.1" } };

static struct client *client_made(int timeout_ms, uid_t server_uid)
{
    const struct client_target t = {
        .to = { .service = "slurmctld",
                .hosts = here,
                .host_count = 1,
                .port = port,
                .server_uid = server_uid },
        .munge_socket = "/nonexistent/munge.socket",
        .timeout_ms = timeout_ms,
    };
    struct client *c;

    client_open(&t, &c);
    return c;
}

/* One ping; *ret is a copy of the numbers in the answer. */
static int ping(struct client *c, struct ping_info *ret, struct err *e)
{
    struct arena a = { 0 };
    void *reply;

    int r = client_call(c, OP_ping, &(struct empty){}, &a, &reply, e);
    if (r == 0) {
        const struct ping_info *info = reply;
        assert_string_equal(info->host, "here");
        *ret = (struct ping_info){ .epoch = info->epoch, .pid = info->pid };
    }
    arena_fini(&a);
    return r;
}

static void a_call_is_answered_and_the_connection_kept(void **state)
{
    pid_t pid = server_start(ANSWERS);
    struct client *c = client_made(10000, getuid());
    struct ping_info info;

    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(ping(c, &info, NULL), 0);
        assert_int_equal(info.pid, 7);
    }
    client_close(c);
    server_stop(pid);
}

static void only_the_answer_is_taken_as_the_answer(void **state)
{
    pid_t pid = server_start(CHATTERS);
    struct client *c = client_made(10000, getuid());
    struct ping_info info;

    assert_int_equal(ping(c, &info, NULL), 0);
    assert_int_equal(ping(c, &info, NULL), 0);
    client_close(c);
    server_stop(pid);
}

static void a_refusal_is_an_error_with_hints(void **state)
{
    pid_t pid = server_start(REFUSES);
    struct client *c = client_made(10000, getuid());
    struct ping_info info;
    struct err e;

    unsetenv("SLURM_HINTS");
    assert_int_equal(ping(c, &info, &e), -2000);
    assert_string_equal(e.text, "no such partition\nthe limit is 3");
    setenv("SLURM_HINTS", "0", 1);
    assert_int_equal(ping(c, &info, &e), -2000);
    assert_string_equal(e.text, "no such partition");
    client_close(c);
    server_stop(pid);
}

/* The server sees the id of the attempt that it dropped again: one job, not two. */
static void a_broken_connection_is_retried_with_the_same_id(void **state)
{
    pid_t pid = server_start(HANGS_UP_FIRST);
    struct client *c = client_made(10000, getuid());
    struct ping_info info;

    assert_int_equal(ping(c, &info, NULL), 0);
    assert_int_equal(info.epoch, 1);
    assert_int_equal(ping(c, &info, NULL), 0);
    assert_int_equal(info.epoch, 0);
    client_close(c);
    server_stop(pid);
}

static void silence_ends_at_the_timeout(void **state)
{
    pid_t pid = server_start(SAYS_NOTHING);
    struct client *c = client_made(50, getuid());
    struct ping_info info;
    struct err e;

    assert_int_equal(ping(c, &info, &e), -SLURM_PROTOCOL_SOCKET_IMPL_TIMEOUT);
    assert_string_equal(e.text, "Socket timed out on send/recv operation");
    client_close(c);
    server_stop(pid);
}

static void nobody_there_is_said_in_slurms_words(void **state)
{
    struct client *c = client_made(50, getuid());
    struct ping_info info;
    struct err e;

    setenv("SLURM_HINTS", "0", 1);
    assert_int_equal(ping(c, &info, &e), -SLURMCTLD_COMMUNICATIONS_CONNECTION_ERROR);
    assert_string_equal(e.text, "Unable to contact slurm controller (connect failure)");
    client_close(c);
}

/* Another user was first to bind the controller's name: he is passed by. */
static void a_stranger_on_the_socket_gets_nothing(void **state)
{
    const uid_t nobody = 65534;
    struct ping_info info;

    if (getuid() != 0)
        skip();
    assert_int_equal(seteuid(nobody), 0);
    pid_t pid = server_start(ANSWERS);
    assert_int_equal(seteuid(0), 0);
    struct client *c = client_made(50, 0);
    assert_int_equal(ping(c, &info, NULL), -SLURMCTLD_COMMUNICATIONS_CONNECTION_ERROR);
    client_close(c);
    c = client_made(10000, nobody); /* unless it is SlurmUser */
    assert_int_equal(ping(c, &info, NULL), 0);
    client_close(c);
    server_stop(pid);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_call_is_answered_and_the_connection_kept),
        cmocka_unit_test(only_the_answer_is_taken_as_the_answer),
        cmocka_unit_test(a_refusal_is_an_error_with_hints),
        cmocka_unit_test(a_broken_connection_is_retried_with_the_same_id),
        cmocka_unit_test(silence_ends_at_the_timeout),
        cmocka_unit_test(nobody_there_is_said_in_slurms_words),
        cmocka_unit_test(a_stranger_on_the_socket_gets_nothing),
    };

    port = (uint16_t)getpid();
    log_init("client_test", LOG_QUIET);
    alarm(120);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
