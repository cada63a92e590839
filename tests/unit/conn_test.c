/* Connections over socketpairs, unix sockets and TCP on loopback: the good way, and every bad
 * one we know. */
#include "base/limits.h"
#include "base/log.h"
#include "net/conn.h"
#include "schema/rpc.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#define TURNS_MAX 20000

static const uint8_t secret[32] = "thirty-two bytes that both know";
static const uint8_t other_secret[32] = "thirty-two bytes none else knows";

/* One side of a conversation, and what it has seen. */
struct side {
    struct loop *loop;
    struct conn *conn; /* the last one that became ready */
    unsigned hellos, readies, frames, closes, drains;
    uint32_t last_request;
    size_t last_len, bytes;
    unsigned sum; /* of the bytes of the last frame */
    char why[160];
    const uint8_t *psk; /* hello(): answer with this key; NULL: refuse */
    bool echoes, closes_at_frame, holds_hello;
};

static void on_hello(void *ctx, struct conn *c, const struct frame *f)
{
    struct side *s = ctx;

    s->hellos++;
    s->conn = c;
    assert_false(conn_peer(c)->known);
    assert_int_equal(f->opcode, OP_hello);
    if (s->holds_hello)
        return;
    if (s->psk)
        conn_authenticated(c, 1234, 56, s->psk);
    else
        conn_refuse(c, "nobody knows you");
}

static void on_frame(void *ctx, struct conn *c, const struct frame *f)
{
    struct side *s = ctx;

    assert_true(s->readies > 0);
    s->frames++;
    s->last_request = f->request;
    s->last_len = f->len;
    s->bytes += f->len;
    s->sum = 0;
    for (uint32_t i = 0; i < f->len; i++)
        s->sum += f->body[i];
    if (s->echoes)
        conn_send(c, f->opcode, FRAME_REPLY, f->request, f->body, f->len);
    if (s->closes_at_frame)
        conn_close(c);
}

static void on_ready(void *ctx, struct conn *c)
{
    struct side *s = ctx;

    s->readies++;
    s->conn = c;
    assert_true(conn_peer(c)->known);
}

static void on_closed(void *ctx, struct conn *c, const char *why)
{
    struct side *s = ctx;

    s->closes++;
    if (s->conn == c)
        s->conn = NULL;
    snprintf(s->why, sizeof s->why, "%s", why ? why : "");
}

static const struct conn_ops ops = { on_hello, on_frame, on_ready, on_closed, NULL };

#define RUN_UNTIL(loop, condition)                                           \
    do {                                                                     \
        for (unsigned turn_ = 0; turn_ < TURNS_MAX && !(condition); turn_++) \
            loop_once(loop, 1000);                                           \
        assert_true(condition);                                              \
    } while (0)

static struct loop *loop_made(void)
{
    struct loop *l;
    assert_int_equal(loop_new(&l, NULL), 0);
    return l;
}

/* ---- plain */

static void socketpair_carries_frames_both_ways(void **state)
{
    struct side a = { .loop = loop_made() }, b = { .echoes = true };
    struct conn *ca, *cb;
    int fd[2];

    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fd), 0);
    conn_adopt(a.loop, fd[0], &ops, &a, &ca);
    conn_adopt(a.loop, fd[1], &ops, &b, &cb);
    for (uint32_t i = 1; i <= 1000; i++)
        conn_send(ca, OP_ping, 0, i, "hello", 5);
    RUN_UNTIL(a.loop, a.frames == 1000);
    assert_int_equal(b.frames, 1000);
    assert_int_equal(a.last_request, 1000);
    assert_int_equal(conn_peer(cb)->uid, getuid());
    assert_ptr_equal(conn_find(a.loop, conn_id(cb)), cb);

    uint64_t id = conn_id(cb);
    conn_close(ca);
    RUN_UNTIL(a.loop, a.closes == 1 && b.closes == 1);
    assert_string_equal(b.why, "");
    assert_null(conn_find(a.loop, id));
    loop_free(a.loop);
}

static void a_large_body_arrives_whole(void **state)
{
    struct side a = { .loop = loop_made() }, b = { 0 };
    struct conn *ca, *cb;
    int fd[2];
    size_t len = 20u << 20;
    uint8_t *body = malloc(len);

    memset(body, 1, len);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fd), 0);
    conn_adopt(a.loop, fd[0], &ops, &a, &ca);
    conn_adopt(a.loop, fd[1], &ops, &b, &cb);
    conn_send(ca, OP_ping, 0, 1, body, len);
    conn_close(ca); /* what is queued still goes out */
    RUN_UNTIL(a.loop, b.closes == 1);
    assert_int_equal(b.frames, 1);
    assert_int_equal(b.sum, len);
    assert_string_equal(b.why, "");
    free(body);
    loop_free(a.loop);
}

/* What comes out of raw bytes: frames that were delivered, and why it ended. */
struct raw_case {
    const char *bytes;
    size_t len;
    unsigned frames;
    const char *why;
};

#define RAW(s) s, sizeof s - 1
#define PING "SLU1\x03\xe9\0\0\0\0\0\x01\0\0\0\0"

static void bad_bytes_end_the_connection(void **state)
{
    static const struct raw_case cases[] = {
        { RAW(""), 0, "" },
        { RAW(PING), 1, "" },
        { RAW(PING PING), 2, "" },
        { RAW("SLU1\x03"), 0, "closed in the middle of a frame" },
        { RAW(PING "SLU1\x03\xe9\0\0\0\0\0\x01\0\0\0\x05"
                   "abc"),
          1, "closed in the middle of a frame" },
        { RAW("GET / HTTP/1.0\r\n\r\n"), 0, "what it sent is not a frame" },
        { RAW("XXXX"), 0, "what it sent is not a frame" },
        { RAW("SLU1\x03\xe9\0\0\0\0\0\x01\x04\0\0\x01"), 0, "a frame is too long" },
        { RAW(PING "SLU1\x03\xe9\0\0\0\0\0\x01\xff\xff\xff\xff"), 1, "a frame is too long" },
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct side s = { .loop = loop_made() };
        struct conn *c;
        int fd[2];
        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fd), 0);
        conn_adopt(s.loop, fd[0], &ops, &s, &c);
        assert_int_equal(send(fd[1], cases[i].bytes, cases[i].len, 0), cases[i].len);
        shutdown(fd[1], SHUT_WR);
        RUN_UNTIL(s.loop, s.closes == 1);
        assert_int_equal(s.frames, cases[i].frames);
        assert_string_equal(s.why, cases[i].why);
        close(fd[1]);
        loop_free(s.loop);
    }
}

/* The owner closes at the first frame: the second, already read, is not delivered. */
static void nothing_is_delivered_after_close(void **state)
{
    struct side s = { .loop = loop_made(), .closes_at_frame = true };
    struct conn *c;
    int fd[2];

    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fd), 0);
    conn_adopt(s.loop, fd[0], &ops, &s, &c);
    assert_int_equal(send(fd[1], PING PING, 32, 0), 32);
    RUN_UNTIL(s.loop, s.closes == 1);
    assert_int_equal(s.frames, 1);
    close(fd[1]);
    loop_free(s.loop);
}

/* A talkative peer gets a ration for each batch; the quiet one is served in the same batch. */
static void one_peer_cannot_starve_another(void **state)
{
    struct side loud = { .loop = loop_made() }, quiet = { 0 };
    struct conn *c;
    uint8_t many[2000 * FRAME_HEADER];
    int a[2], b[2];

    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, a), 0);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, b), 0);
    conn_adopt(loud.loop, a[0], &ops, &loud, &c);
    conn_adopt(loud.loop, b[0], &ops, &quiet, &c);
    loop_once(loud.loop, 0);
    for (unsigned i = 0; i < 2000; i++)
        memcpy(many + i * FRAME_HEADER, PING, FRAME_HEADER);
    assert_int_equal(send(a[1], many, sizeof many, 0), sizeof many);
    assert_int_equal(send(b[1], PING, 16, 0), 16);
    loop_once(loud.loop, 1000);
    assert_int_equal(quiet.frames, 1);
    assert_in_range(loud.frames, 1, 500);
    RUN_UNTIL(loud.loop, loud.frames == 2000);
    close(a[1]);
    close(b[1]);
    loop_free(loud.loop);
}

/* The owner takes ten frames a batch from all together: who was not served is first in the next. */
static unsigned ration;

static bool takes_by_ration(void *ctx, const struct conn *c)
{
    return ration > 0;
}

static void frame_by_ration(void *ctx, struct conn *c, const struct frame *f)
{
    ration--;
    ((struct side *)ctx)->frames++;
}

static void what_the_owner_does_not_take_waits_its_turn(void **state)
{
    static const struct conn_ops rationed = { .frame = frame_by_ration,
                                              .closed = on_closed,
                                              .takes = takes_by_ration };
    struct side side[3] = { { .loop = loop_made() } };
    struct loop *l = side[0].loop;
    uint8_t many[100 * FRAME_HEADER];
    struct conn *c;
    int fd[3][2];

    for (unsigned i = 0; i < 100; i++)
        memcpy(many + i * FRAME_HEADER, PING, FRAME_HEADER);
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fd[i]), 0);
        conn_adopt(l, fd[i][0], &rationed, &side[i], &c);
        assert_int_equal(send(fd[i][1], many, sizeof many, 0), sizeof many);
    }
    ration = 0;
    for (unsigned i = 0; i < 3; i++)
        loop_once(l, 0);
    assert_int_equal(side[0].frames + side[1].frames + side[2].frames, 0);
    for (unsigned turn = 0; turn < 30; turn++) {
        ration = 10;
        loop_once(l, 1000);
        assert_in_range(side[turn % 3].frames, side[(turn + 1) % 3].frames, 100);
    }
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(side[i].frames, 100);
        close(fd[i][1]);
    }
    loop_free(l);
}

/* A peer that asks and never reads the answers is no longer listened to; one that is sent too
 * much is dropped. */
static void a_peer_that_does_not_read_is_bounded(void **state)
{
    struct side s = { .loop = loop_made(), .echoes = true };
    struct conn *c;
    int fd[2];
    size_t body = 1u << 20, sent = 0;
    uint8_t *frame = calloc(1, FRAME_HEADER + body);
    const struct frame f = { .opcode = OP_ping, .len = (uint32_t)body };

    frame_header(&f, frame);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fd), 0);
    conn_adopt(s.loop, fd[0], &ops, &s, &c);
    for (unsigned turn = 0; turn < 2000; turn++) {
        ssize_t n = send(fd[1], frame + sent % (FRAME_HEADER + body),
                         FRAME_HEADER + body - sent % (FRAME_HEADER + body), 0);
        sent += n > 0 ? (size_t)n : 0;
        loop_once(s.loop, 0);
    }
    assert_in_range(s.frames, 4, 8);
    assert_int_equal(s.closes, 0);

    for (unsigned i = 0; i < CONN_OUT_MAX / body + 1; i++)
        conn_send(c, OP_ping, 0, i, frame, body);
    RUN_UNTIL(s.loop, s.closes == 1);
    assert_string_equal(s.why, "it does not read");
    free(frame);
    close(fd[1]);
    loop_free(s.loop);
}

static void unix_sockets_tell_who_is_there(void **state)
{
    char dir[] = "/tmp/conn_test.XXXXXX", path[64];
    struct side server = { .loop = loop_made(), .echoes = true }, client = { 0 };
    struct listener *ls, *second;
    struct conn *c;

    assert_non_null(mkdtemp(dir));
    snprintf(path, sizeof path, "%s/socket", dir);
    assert_int_equal(listener_unix(server.loop, path, &ops, &server, &ls, NULL), 0);
    assert_int_equal(listener_unix(server.loop, path, &ops, &server, &second, NULL), -EADDRINUSE);
    assert_int_equal(conn_dial_unix(server.loop, path, &ops, &client, &c, NULL), 0);
    conn_send(c, OP_ping, 0, 7, NULL, 0);
    RUN_UNTIL(server.loop, client.frames == 1);
    assert_int_equal(conn_peer(server.conn)->uid, getuid());
    assert_true(conn_peer(server.conn)->is_local);
    listener_free(ls);
    assert_int_equal(conn_dial_unix(server.loop, path, &ops, &client, &c, NULL), -ENOENT);
    loop_free(server.loop);
    rmdir(dir);
}

/* One user's connections are bounded, and the bound is his alone. */
static void a_user_cannot_take_all_connections(void **state)
{
    struct side s = { 0 }, refused = { 0 }, root = { 0 };
    struct rlimit files = { CONN_UID_MAX * 2 + 100, CONN_UID_MAX * 2 + 100 };
    struct listener *ls;
    struct conn *c;
    unsigned n = 0;

    if (getuid() != 0 || setrlimit(RLIMIT_NOFILE, &files) < 0)
        skip();
    s.loop = loop_made();
    assert_int_equal(listener_unix(s.loop, "@conn_test/uid", &ops, &s, &ls, NULL), 0);
    assert_int_equal(seteuid(65534), 0);
    int r = 0;
    for (; n < CONN_UID_MAX + 1 && r == 0; n++) {
        r = conn_dial_unix(s.loop, "@conn_test/uid", &ops, &refused, &c, NULL);
        loop_once(s.loop, 0);
    }
    assert_int_equal(seteuid(0), 0);
    assert_int_equal(r, 0);
    RUN_UNTIL(s.loop, refused.closes == 1);
    assert_int_equal(s.readies, CONN_UID_MAX);
    assert_int_equal(conn_dial_unix(s.loop, "@conn_test/uid", &ops, &root, &c, NULL), 0);
    RUN_UNTIL(s.loop, s.readies == CONN_UID_MAX + 1);
    listener_free(ls);
    loop_free(s.loop);
}

/* ---- TCP and TLS */

struct tcp {
    struct side server, client;
    struct listener *listener;
    struct conn *dialled;
};

static void tcp_start(struct tcp *t, const uint8_t *server_psk)
{
    t->server.loop = loop_made();
    t->server.psk = server_psk;
    const struct tcp_address at = { "127.0.0.1", 0 };
    assert_int_equal(listener_tcp(t->server.loop, &at, &ops, &t->server, &t->listener, NULL), 0);
}

static void tcp_dial(struct tcp *t, const uint8_t *psk)
{
    const struct tcp_dial d = {
        .to = { "127.0.0.1", listener_port(t->listener) }, .hello = "hi", .hello_len = 2, .psk = psk
    };
    assert_int_equal(conn_dial_tcp(t->server.loop, &d, &ops, &t->client, &t->dialled, NULL), 0);
}

static void tcp_stop(struct tcp *t)
{
    listener_free(t->listener);
    loop_free(t->server.loop);
}

static int raw_connect(const struct tcp *t)
{
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in sa = { .sin_family = AF_INET,
                              .sin_port = htons(listener_port(t->listener)),
                              .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };

    assert_int_equal(connect(fd, (struct sockaddr *)&sa, sizeof sa), 0);
    return fd;
}

static void tls_carries_frames_when_both_know_the_secret(void **state)
{
    struct tcp t = { .server.echoes = true };
    size_t big = 3u << 20;
    uint8_t *body = malloc(big);

    memset(body, 1, big);
    tcp_start(&t, secret);
    tcp_dial(&t, secret);
    for (uint32_t i = 1; i <= 500; i++)
        conn_send(t.dialled, OP_ping, 0, i, "hello", 5);
    conn_send(t.dialled, OP_ping, 0, 501, body, big);
    RUN_UNTIL(t.server.loop, t.client.frames == 501);
    assert_int_equal(t.client.last_request, 501);
    assert_int_equal(t.client.sum, big);
    assert_int_equal(conn_peer(t.server.conn)->uid, 1234);
    assert_int_equal(conn_peer(t.server.conn)->gid, 56);
    assert_false(conn_peer(t.server.conn)->is_local);
    conn_close(t.dialled);
    RUN_UNTIL(t.server.loop, t.server.closes == 1 && t.client.closes == 1);
    assert_string_equal(t.server.why, "");
    free(body);
    tcp_stop(&t);
}

/* ---- a key known beforehand: the way between slurmstepd and srun */

static const uint8_t *known_key(void *ctx)
{
    return ((struct side *)ctx)->psk;
}

static void on_drained(void *ctx, struct conn *c)
{
    struct side *s = ctx;

    assert_int_equal(conn_unsent(c), 0);
    s->drains++;
}

static void a_key_known_beforehand_needs_no_hello(void **state)
{
    static const struct conn_ops keyed = { NULL, on_frame,   on_ready, on_closed,
                                           NULL, on_drained, known_key };
    static const uint8_t *const keys[] = { secret, other_secret };
    const size_t big = 30u << 20;
    uint8_t *body = calloc(1, big);

    for (int i = 0; i < 2; i++) {
        struct side server = { .loop = loop_made(), .psk = secret }, client = { 0 };
        const struct tcp_address at = { "127.0.0.1", 0 };
        struct listener *ls;
        struct conn *c;
        assert_int_equal(listener_tcp(server.loop, &at, &keyed, &server, &ls, NULL), 0);
        const struct tcp_dial d = { .to = { "127.0.0.1", listener_port(ls) }, .psk = keys[i] };
        assert_int_equal(conn_dial_tcp(server.loop, &d, &keyed, &client, &c, NULL), 0);
        conn_send(c, OP_ping, 0, 1, body, big);
        if (i == 0) {
            RUN_UNTIL(server.loop, client.drains == 1 && server.last_len == big);
            assert_int_equal(conn_peer(server.conn)->uid, geteuid());
            conn_close(c);
        }
        RUN_UNTIL(server.loop, client.closes == 1);
        assert_int_equal(server.frames, i == 0);
        assert_int_equal(server.hellos, 0);
        listener_free(ls);
        loop_free(server.loop);
    }
    free(body);
}

static void another_secret_gets_nowhere(void **state)
{
    struct tcp t = { 0 };

    tcp_start(&t, other_secret);
    tcp_dial(&t, secret);
    conn_send(t.dialled, OP_ping, 0, 1, "hello", 5);
    RUN_UNTIL(t.server.loop, t.server.closes == 1 && t.client.closes == 1);
    assert_int_equal(t.server.readies + t.client.readies, 0);
    assert_int_equal(t.server.frames, 0);
    tcp_stop(&t);
}

static void a_refusal_tells_why(void **state)
{
    struct tcp t = { 0 };

    tcp_start(&t, NULL);
    tcp_dial(&t, secret);
    RUN_UNTIL(t.server.loop, t.server.closes == 1 && t.client.closes == 1);
    assert_string_equal(t.client.why, "nobody knows you");
    assert_string_equal(t.server.why, "refused: nobody knows you");
    tcp_stop(&t);
}

/* The answer about the credential may come after the peer is gone: the id then finds nothing. */
static void a_peer_may_leave_while_it_is_held(void **state)
{
    struct tcp t = { .server.holds_hello = true };

    tcp_start(&t, secret);
    tcp_dial(&t, secret);
    RUN_UNTIL(t.server.loop, t.server.hellos == 1);
    conn_close(t.dialled);
    RUN_UNTIL(t.server.loop, t.client.closes == 1);
    conn_authenticated(t.server.conn, 1, 1, secret);
    RUN_UNTIL(t.server.loop, t.server.closes == 1);
    assert_int_equal(t.server.readies, 0);
    tcp_stop(&t);
}

static void what_is_not_a_hello_is_dropped(void **state)
{
    static const struct raw_case cases[] = {
        { RAW("GET / HTTP/1.0\r\n\r\n"), 0, "" },
        { RAW(PING), 0, "" },                                 /* a frame, but no hello */
        { RAW("SLU1\0\x01\0\0\0\0\0\0\0\x01\0\x01"), 0, "" }, /* over FRAME_UNAUTH_MAX */
        { RAW("\x16\x03\x01\0\x05\x01\0\0\x01\x01"), 0, "" }, /* TLS at once */
    };
    struct tcp t = { 0 };
    char byte;

    tcp_start(&t, secret);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        int fd = raw_connect(&t);
        assert_int_equal(send(fd, cases[i].bytes, cases[i].len, 0), cases[i].len);
        ssize_t n = -1;
        for (unsigned turn = 0; turn < TURNS_MAX && n == -1; turn++) {
            loop_once(t.server.loop, 1);
            n = recv(fd, &byte, 1, MSG_DONTWAIT);
            n = n < 0 && errno == ECONNRESET ? 0 : n; /* closed with our bytes unread */
        }
        assert_int_equal(n, 0);
        close(fd);
    }
    assert_int_equal(t.server.hellos + t.server.closes, 0);
    tcp_stop(&t);
}

/* CONN_UNAUTH_MAX silent peers: the next one drops the oldest, and an honest one is served. */
static void silent_peers_make_room(void **state)
{
    struct tcp t = { .server.echoes = true };
    int *fds = calloc(CONN_UNAUTH_MAX, sizeof *fds);
    char byte;

    tcp_start(&t, secret);
    for (unsigned i = 0; i < CONN_UNAUTH_MAX; i++) {
        fds[i] = raw_connect(&t);
        loop_once(t.server.loop, 0);
    }
    assert_int_equal(recv(fds[0], &byte, 1, MSG_DONTWAIT), -1);
    assert_int_equal(errno, EAGAIN);
    tcp_dial(&t, secret);
    conn_send(t.dialled, OP_ping, 0, 1, NULL, 0);
    RUN_UNTIL(t.server.loop, t.client.frames == 1);
    assert_int_equal(recv(fds[0], &byte, 1, MSG_DONTWAIT), 0);
    for (unsigned i = 0; i < CONN_UNAUTH_MAX; i++)
        close(fds[i]);
    free(fds);
    tcp_stop(&t);
}

static void nobody_listens(void **state)
{
    struct tcp t = { 0 };

    tcp_start(&t, secret);
    const struct tcp_dial d = { .to = { "127.0.0.1", listener_port(t.listener) }, .psk = secret };
    listener_free(t.listener);
    assert_int_equal(conn_dial_tcp(t.server.loop, &d, &ops, &t.client, &t.dialled, NULL), 0);
    RUN_UNTIL(t.server.loop, t.client.closes == 1);
    assert_string_equal(t.client.why, "Connection refused");
    loop_free(t.server.loop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(socketpair_carries_frames_both_ways),
        cmocka_unit_test(a_large_body_arrives_whole),
        cmocka_unit_test(bad_bytes_end_the_connection),
        cmocka_unit_test(nothing_is_delivered_after_close),
        cmocka_unit_test(one_peer_cannot_starve_another),
        cmocka_unit_test(what_the_owner_does_not_take_waits_its_turn),
        cmocka_unit_test(a_peer_that_does_not_read_is_bounded),
        cmocka_unit_test(unix_sockets_tell_who_is_there),
        cmocka_unit_test(a_user_cannot_take_all_connections),
        cmocka_unit_test(tls_carries_frames_when_both_know_the_secret),
        cmocka_unit_test(a_key_known_beforehand_needs_no_hello),
        cmocka_unit_test(another_secret_gets_nowhere),
        cmocka_unit_test(a_refusal_tells_why),
        cmocka_unit_test(a_peer_may_leave_while_it_is_held),
        cmocka_unit_test(what_is_not_a_hello_is_dropped),
        cmocka_unit_test(silent_peers_make_room),
        cmocka_unit_test(nobody_listens),
    };

    log_init("conn_test", LOG_QUIET);
    alarm(120); /* a lost event shows as a failure, not as a hang */
    return cmocka_run_group_tests(tests, NULL, NULL);
}
