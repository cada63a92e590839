/* Who is who over TCP, end to end with our munged: a command's call, a daemon's kept connection,
 * and every credential that must not do.  MUNGED is the path of the built daemon. */
#include "auth/cred.h"
#include "auth/roles.h"
#include "auth/server.h"
#include "auth/uplink.h"
#include "base/clock.h"
#include "base/log.h"
#include "client/client.h"
#include "net/conn.h"
#include "net/tls.h"
#include "schema/errors.h"
#include "schema/rpc.h"
#include "wire/wire.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define TURNS_MAX 2000

static char dir[] = "/tmp/peers_test.XXXXXX";
static char munge_socket[64];
static uint8_t key_file[128];
static pid_t munged;

static void path_of(const char *name, char ret[64])
{
    snprintf(ret, 64, "%s/%s", dir, name);
}

static int munged_started(void **state)
{
    char key[64], pid_file[64], seed[64];

    if (!mkdtemp(dir) || chmod(dir, 0755) < 0 || getrandom(key_file, sizeof key_file, 0) < 0)
        return -1;
    path_of("key", key);
    path_of("socket", munge_socket);
    path_of("pid", pid_file);
    path_of("seed", seed);
    int fd = open(key, O_WRONLY | O_CREAT | O_EXCL, 0400);
    if (fd < 0 || write(fd, key_file, sizeof key_file) != sizeof key_file || close(fd) < 0)
        return -1;

    munged = fork();
    if (munged == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        int null = open("/dev/null", O_RDWR);
        dup2(null, 2);
        execl(MUNGED, "munged", "-F", "--key-file", key, "--socket", munge_socket, "--pid-file",
              pid_file, "--seed-file", seed, NULL);
        _exit(127);
    }
    for (unsigned i = 0; i < 1000 && access(munge_socket, F_OK) < 0; i++)
        usleep(10000);
    return access(munge_socket, F_OK);
}

static int munged_stopped(void **state)
{
    char rm[128];

    kill(munged, SIGTERM);
    waitpid(munged, NULL, 0);
    static const char *const names[] = { "key", "socket", "socket.lock", "pid", "seed" };
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        path_of(names[i], rm);
        unlink(rm);
    }
    return rmdir(dir);
}

/* ---- a daemon that answers pings over TCP */

struct side {
    struct loop *loop;
    struct munge_async *munge;
    struct auth_server *auth;
    struct listener *listener;
    struct conn *conn;
    unsigned readies, frames, closes, refusals;
    uid_t uid;
    char why[200], node[64];
};

static void on_hello(void *ctx, struct conn *c, const struct frame *f)
{
    struct side *s = ctx;
    auth_server_hello(s->auth, c, f);
}

static void on_frame(void *ctx, struct conn *c, const struct frame *f)
{
    struct side *s = ctx;
    const struct ping_info info = { .host = "here", .pid = (uint32_t)conn_peer(c)->uid };
    struct buf body = { 0 };

    s->frames++;
    if (f->flags & FRAME_REPLY)
        return;
    wire_pack(&desc_ping_info, &info, &body);
    conn_send(c, f->opcode, FRAME_REPLY, f->request, body.data, body.len);
    buf_fini(&body);
}

static void on_ready(void *ctx, struct conn *c)
{
    struct side *s = ctx;
    s->readies++;
    s->conn = c;
    s->uid = conn_peer(c)->uid;
}

static void on_closed(void *ctx, struct conn *c, const char *why)
{
    struct side *s = ctx;
    s->closes++;
    s->conn = NULL;
    snprintf(s->why, sizeof s->why, "%s", why ? why : "");
}

static const struct conn_ops ops = { on_hello, on_frame, on_ready, on_closed };

static void serve_start(struct side *s, uid_t own_uid)
{
    const struct tcp_address at = { "127.0.0.1", 0 };

    assert_int_equal(loop_new(&s->loop, NULL), 0);
    s->munge = munge_async_new(s->loop, munge_socket);
    s->auth = auth_server_new(s->loop, s->munge, own_uid);
    assert_int_equal(listener_tcp(s->loop, &at, &ops, s, &s->listener, NULL), 0);
}

static void serve_stop(struct side *s)
{
    auth_server_free(s->auth);
    munge_async_free(s->munge);
    listener_free(s->listener);
    loop_free(s->loop);
}

#define RUN_UNTIL(loop, condition)                                           \
    do {                                                                     \
        for (unsigned turn_ = 0; turn_ < TURNS_MAX && !(condition); turn_++) \
            loop_once(loop, 100);                                            \
        assert_true(condition);                                              \
    } while (0)

static const struct target_host elsewhere[] = { { "not-this-machine", "127.0.0.1" } };

static struct target target_of(const struct side *s, uid_t server_uid)
{
    return (struct target){ .service = "slurmctld",
                            .hosts = elsewhere,
                            .host_count = 1,
                            .port = listener_port(s->listener),
                            .server_uid = server_uid };
}

/* One call by another process; its exit status is the negated result, 0 when the answer names its
 * uid. */
static pid_t call_in_child(const struct target *t, const char *socket_path)
{
    pid_t pid = fork();
    if (pid != 0)
        return pid;

    const struct client_target target = { .to = *t,
                                          .munge_socket = socket_path,
                                          .timeout_ms = 3000 };
    struct client *c;
    struct arena a = { 0 };
    struct ping_info *info;
    struct err e = { 0 };
    client_open(&target, &c);
    int r = 0;
    for (unsigned i = 0; i < 3 && r == 0; i++) {
        r = client_call(c, OP_ping, &(struct empty){}, &a, (void **)&info, &e);
        r = r == 0 && info->pid != getuid() ? -EINVAL : r;
    }
    if (r == -SLURM_PROTOCOL_AUTHENTICATION_ERROR)
        _exit(strstr(e.text, "Protocol authentication error\n") ? 77 : 78);
    _exit(r == 0 ? 0 : 1);
}

static int exit_of(struct loop *l, pid_t pid)
{
    int status;

    for (unsigned turn = 0; turn < TURNS_MAX; turn++) {
        if (waitpid(pid, &status, WNOHANG) == pid)
            return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
        loop_once(l, 10);
    }
    return -1;
}

static void a_call_from_elsewhere_is_known_by_its_credential(void **state)
{
    struct side s = { 0 };

    serve_start(&s, getuid());
    const struct target t = target_of(&s, getuid());
    assert_int_equal(exit_of(s.loop, call_in_child(&t, munge_socket)), 0);
    assert_int_equal(s.frames, 3);
    assert_int_equal(s.readies, 1);
    assert_int_equal(s.uid, getuid());
    serve_stop(&s);
}

/* Our munged cannot open what is for another uid: the client hears why and does not try for ever.
 */
static void a_credential_for_somebody_else_is_refused(void **state)
{
    struct side s = { 0 };

    serve_start(&s, getuid());
    const struct target t = target_of(&s, getuid() + 1);
    assert_int_equal(exit_of(s.loop, call_in_child(&t, munge_socket)), 77);
    assert_int_equal(s.readies, 0);
    serve_stop(&s);
}

static void a_credential_that_all_may_open_is_refused(void **state)
{
    struct side s = { 0 };

    serve_start(&s, getuid());
    const struct target t = target_of(&s, MUNGE_ANY);
    assert_int_equal(exit_of(s.loop, call_in_child(&t, munge_socket)), 77);
    assert_int_equal(s.readies, 0);
    serve_stop(&s);
}

static void a_kept_connection_comes_back(void **state)
{
    struct side s = { 0 }, u = { 0 };

    serve_start(&s, getuid());
    const struct target t = target_of(&s, getuid());
    struct uplink *up = uplink_new(s.loop, s.munge, &t, &ops, &u);
    RUN_UNTIL(s.loop, uplink_conn(up) && s.readies == 1);
    conn_send(uplink_conn(up), OP_ping, 0, 1, NULL, 0);
    RUN_UNTIL(s.loop, u.frames == 1);

    conn_close(s.conn);
    RUN_UNTIL(s.loop, u.closes == 1);
    assert_null(uplink_conn(up));
    assert_string_not_equal(uplink_trouble(up), "");
    RUN_UNTIL(s.loop, u.readies == 2);
    assert_string_equal(uplink_trouble(up), "");
    uplink_free(up);
    RUN_UNTIL(s.loop, s.closes == 2);
    assert_int_equal(u.closes, 1);
    serve_stop(&s);
}

/* Twenty wrong ones, then a right one from the same address: slowed down, yet served. */
static void failures_slow_an_address_down_but_lock_nobody_out(void **state)
{
    struct side s = { 0 }, dialled = { 0 };
    const uint8_t psk[32] = { 0 };
    struct conn *c;

    serve_start(&s, getuid());
    const struct tcp_dial d = { .to = { "127.0.0.1", listener_port(s.listener) },
                                .hello = "\xff",
                                .hello_len = 1,
                                .psk = psk };
    for (unsigned i = 0; i < 40; i++)
        assert_int_equal(conn_dial_tcp(s.loop, &d, &ops, &dialled, &c, NULL), 0);
    RUN_UNTIL(s.loop, dialled.closes == 40);
    assert_string_equal(dialled.why, "malformed hello");
    const struct target t = target_of(&s, getuid());
    assert_int_equal(exit_of(s.loop, call_in_child(&t, munge_socket)), 0);
    serve_stop(&s);
}

static void on_refused(void *ctx, const char *node, const char *why)
{
    struct side *s = ctx;

    s->refusals++;
    snprintf(s->node, sizeof s->node, "%s", node);
    snprintf(s->why, sizeof s->why, "%s", why);
}

/* A genuine credential of somebody whose clock is `ahead` seconds off. */
static void hello_of_clock(int ahead, struct buf *ret)
{
    static const uint8_t psk[TLS_PSK_LEN];
    const struct target me = { .role = "node", .node = "n7" };
    struct cred c = { .cipher = CIPHER_AES128,
                      .mac = MAC_SHA256,
                      .zip = ZIP_NONE,
                      .ttl_s = 300,
                      .time0 = (uint32_t)(clock_wall_s() + ahead),
                      .auth_uid = getuid(),
                      .auth_gid = MUNGE_ANY,
                      .data = psk,
                      .data_len = sizeof psk };
    struct codec codec;
    struct cred_key key;
    struct buf text = { 0 };

    codec_init(&codec);
    cred_key_init(&key, key_file, sizeof key_file);
    assert_int_equal(cred_encode(&codec, &key, &c, &text, NULL), 0);
    target_hello(&me, buf_str(&text), ret);
    buf_fini(&text);
    cred_key_fini(&key);
    codec_fini(&codec);
}

static void a_wrong_clock_is_named_to_both_sides(void **state)
{
    static const struct {
        int ahead;
        const char *way;
    } clocks[] = { { 412, "ahead" }, { -999, "behind" } };
    static const uint8_t psk[TLS_PSK_LEN];

    for (size_t i = 0; i < sizeof clocks / sizeof clocks[0]; i++) {
        struct side s = { 0 }, dialled = { 0 };
        struct buf hello = { 0 };
        char way[8] = "";
        int said = 0;
        struct conn *c;

        serve_start(&s, getuid());
        auth_server_on_refused(s.auth, on_refused, &s);
        hello_of_clock(clocks[i].ahead, &hello);
        const struct tcp_dial d = { .to = { "127.0.0.1", listener_port(s.listener) },
                                    .hello = hello.data,
                                    .hello_len = (uint32_t)hello.len,
                                    .psk = psk };
        assert_int_equal(conn_dial_tcp(s.loop, &d, &ops, &dialled, &c, NULL), 0);
        RUN_UNTIL(s.loop, dialled.closes == 1);
        assert_int_equal(s.refusals, 1);
        assert_string_equal(s.node, "n7");
        assert_int_equal(sscanf(s.why, "authentication: clock %d s %7s", &said, way), 2);
        assert_string_equal(way, clocks[i].way);
        assert_in_range(said, abs(clocks[i].ahead) - 60, abs(clocks[i].ahead) + 60);
        assert_string_equal(dialled.why, s.why);
        buf_fini(&hello);
        serve_stop(&s);
    }
}

static void roles_are_the_column_of_the_table(void **state)
{
    assert_int_equal(role_of(0, 64030, ROLE_ANY), ROLE_SLURM);
    assert_int_equal(role_of(64030, 64030, ROLE_ANY), ROLE_SLURM);
    assert_int_equal(role_of(1000, 64030, ROLE_OPERATOR), ROLE_OPERATOR);
    assert_true(role_allows(ROLE_OPERATOR, ROLE_ADMIN));
    assert_true(role_allows(ROLE_ANY, ROLE_ANY));
    assert_false(role_allows(ROLE_ADMIN, ROLE_OPERATOR));
    assert_false(role_allows(ROLE_SLURM, ROLE_ADMIN));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_call_from_elsewhere_is_known_by_its_credential),
        cmocka_unit_test(a_credential_for_somebody_else_is_refused),
        cmocka_unit_test(a_credential_that_all_may_open_is_refused),
        cmocka_unit_test(a_kept_connection_comes_back),
        cmocka_unit_test(failures_slow_an_address_down_but_lock_nobody_out),
        cmocka_unit_test(a_wrong_clock_is_named_to_both_sides),
        cmocka_unit_test(roles_are_the_column_of_the_table),
    };

    log_init("peers_test", LOG_QUIET);
    alarm(120);
    return cmocka_run_group_tests(tests, munged_started, munged_stopped);
}
