/* The client's end of a step: a node dials it, as slurmstepd-io does. */
#include "cli/step_io.h"

#include "base/limits.h"
#include "net/rpc.h"
#include "schema/rpc.h"
#include "wire/wire.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "test.h"

/* A step of two nodes with two tasks each; what it says comes out of pipes. */
struct bed {
    struct loop *loop;
    struct step_io io;
    struct conn *node[2];
    int out[2], err[2], in[2];
    uint32_t exits, gone, hellos;
    uint64_t got_input[2]; /* bytes that reached each node */
    bool got_end[2];
    unsigned signals;
};

static void on_hello(void *ctx, uint32_t self, const struct io_hello *hello)
{
    ((struct bed *)ctx)->hellos++;
}

static void on_exited(void *ctx, uint32_t self, const struct io_exit *exit)
{
    ((struct bed *)ctx)->exits++;
}

static void on_gone(void *ctx, uint32_t self)
{
    ((struct bed *)ctx)->gone++;
}

static const struct step_io_ops io_ops = { on_hello, on_exited, on_gone };

/* The node's side: counts what it is sent. */
static void node_frame(void *ctx, struct conn *c, const struct frame *f)
{
    struct bed *b = ctx;
    int self = c == b->node[1];
    struct arena a = { 0 };
    struct io_data d;

    if (f->opcode == OP_io_control)
        b->signals++;
    if (f->opcode == OP_io_data && wire_unpack(&desc_io_data, f->body, f->len, &a, &d, NULL) == 0) {
        b->got_input[self] += d.data.len;
        b->got_end[self] = b->got_end[self] || d.data.len == 0;
    }
    arena_fini(&a);
}

static const struct conn_ops node_ops = { .frame = node_frame };

static void spin(struct bed *b, int turns)
{
    for (int i = 0; i < turns; i++)
        loop_once(b->loop, 2);
}

static int set_up(void **state)
{
    struct bed *b = calloc(1, sizeof *b);
    static uint32_t first[] = { 0, 1 }, second[] = { 2, 3 };
    struct step_node parts[2] = { { .name = "n1", .tasks = { first, 2 } },
                                  { .name = "n2", .tasks = { second, 2 } } };
    struct step_created step = { .job_id = 5, .step_id = 1, .ntasks = 4 };
    struct err e;

    step.parts.v = parts;
    step.parts.n = 2;
    assert_int_equal(loop_new(&b->loop, &e), 0);
    assert_int_equal(pipe2(b->out, O_CLOEXEC) | pipe2(b->err, O_CLOEXEC) | pipe2(b->in, O_CLOEXEC),
                     0);
    assert_int_equal(step_io_open(&b->io, b->loop, &(struct step_place){ "127.0.0.1", 0, 0 }, &e), 0);
    b->io.ops = &io_ops;
    b->io.ctx = b;
    sink_init(&b->io.out, b->loop, b->out[1]);
    sink_init(&b->io.err, b->loop, b->err[1]);
    b->io.is_label = true;
    step_io_begin(&b->io, &step);
    *state = b;
    return 0;
}

static int tear_down(void **state)
{
    struct bed *b = *state;

    sink_fini(&b->io.out);
    sink_fini(&b->io.err);
    step_io_close(&b->io);
    loop_free(b->loop);
    for (int i = 0; i < 2; i++) {
        close(b->out[i]);
        close(b->err[i]);
        close(b->in[i]);
    }
    free(b);
    return 0;
}

/* is_far: by TCP with the step's key, as from another machine. */
static void dial(struct bed *b, uint32_t self, bool is_far)
{
    char path[64];
    size_t len = strcspn(b->io.address, ",");
    struct tcp_dial tcp = { .to = { "127.0.0.1", 0 }, .psk = b->io.key };
    uint32_t tasks[] = { 2 * self, 2 * self + 1 };
    const struct io_hello hello = {
        .job_id = 5, .step_id = 1, .self = self, .node = "n", .tasks = { tasks, 2 }
    };
    struct err e = { 0 };

    snprintf(path, sizeof path, "%.*s", (int)len, b->io.address);
    tcp.to.port = (uint16_t)atoi(strrchr(b->io.address, ':') + 1);
    int r = is_far ? conn_dial_tcp(b->loop, &tcp, &node_ops, b, &b->node[self], &e)
                   : conn_dial_unix(b->loop, path, &node_ops, b, &b->node[self], &e);
    assert_int_equal(r, 0);
    rpc_send(b->node[self], OP_io_hello, 0, 0, &desc_io_hello, &hello);
    spin(b, 20);
}

static void say(struct bed *b, uint32_t task, uint32_t stream, const char *text)
{
    struct io_data d = { .task = task, .stream = stream };

    d.data = (struct bytes){ (const uint8_t *)text, (uint32_t)strlen(text) };
    rpc_send(b->node[task / 2], OP_io_data, 0, 0, &desc_io_data, &d);
}

static const char *heard(int fd)
{
    static char text[4096];

    fcntl(fd, F_SETFL, O_NONBLOCK);
    ssize_t n = read(fd, text, sizeof text - 1);
    text[n > 0 ? n : 0] = '\0';
    return text;
}

/* Lines are whole and have their task's number; the end of a stream ends the last one. */
static void output_is_labelled_by_line(void **state)
{
    struct bed *b = *state;

    dial(b, 0, false);
    dial(b, 1, true);
    assert_int_equal(b->hellos, 2);
    say(b, 0, 1, "a\nb");
    say(b, 3, 1, "x\n");
    say(b, 1, 2, "oops");
    spin(b, 20);
    assert_string_equal(heard(b->err[0]), "");
    say(b, 0, 1, "c\n");
    say(b, 1, 2, "");
    spin(b, 20);
    const char *out = heard(b->out[0]);
    assert_non_null(strstr(out, "0: a\n"));
    assert_non_null(strstr(out, "0: bc\n"));
    assert_non_null(strstr(out, "3: x\n"));
    assert_string_equal(heard(b->err[0]), "1: oops\n");
}

/* The end of both connections is the end; what a task said before comes out first. */
static void a_step_is_through_when_its_nodes_are(void **state)
{
    struct bed *b = *state;
    const struct io_exit exit = { .task = 0, .wait_status = 0 };

    dial(b, 0, false);
    dial(b, 1, false);
    say(b, 0, 1, "last\n");
    rpc_send(b->node[0], OP_io_exit, 0, 0, &desc_io_exit, &exit);
    conn_close(b->node[0]);
    spin(b, 20);
    assert_int_equal(b->exits, 1);
    assert_int_equal(b->gone, 1);
    assert_false(step_io_is_through(&b->io));
    conn_close(b->node[1]);
    spin(b, 20);
    assert_true(step_io_is_through(&b->io));
    assert_string_equal(heard(b->out[0]), "0: last\n");
}

/* A node that takes nothing is not sent more than the window, and nobody else is either. */
static void input_stops_at_the_window(void **state)
{
    struct bed *b = *state;
    static char chunk[64u << 10];
    const struct io_data taken = { .stream = 0, .taken = STEP_STDIN_WINDOW };
    size_t written = 0;

    dial(b, 0, false);
    dial(b, 1, false);
    step_io_read(&b->io, b->in[0], TASK_ALL);
    fcntl(b->in[1], F_SETFL, O_NONBLOCK);
    for (int i = 0; i < 200; i++) {
        ssize_t n = write(b->in[1], chunk, sizeof chunk);
        written += n > 0 ? (size_t)n : 0;
        spin(b, 2);
    }
    assert_true(written > STEP_STDIN_WINDOW);
    assert_true(b->got_input[0] <= STEP_STDIN_WINDOW);
    assert_true(b->got_input[0] >= STEP_STDIN_WINDOW / 2);
    assert_int_equal(b->got_input[0], b->got_input[1]);
    close(b->in[1]);
    b->in[1] = dup(b->in[0]);
    for (int i = 0; i < 20; i++) {
        rpc_send(b->node[0], OP_io_data, 0, 0, &desc_io_data, &taken);
        rpc_send(b->node[1], OP_io_data, 0, 0, &desc_io_data, &taken);
        spin(b, 20);
    }
    assert_int_equal(b->got_input[1], written);
    assert_true(b->got_end[0] && b->got_end[1]);
}

static void input_of_one_task_goes_to_its_node(void **state)
{
    struct bed *b = *state;

    dial(b, 0, false);
    step_io_read(&b->io, b->in[0], 2);
    assert_int_equal(write(b->in[1], "hi", 2), 2);
    spin(b, 10);
    assert_int_equal(b->got_input[1], 0); /* its node has not come yet */
    dial(b, 1, false);
    spin(b, 10);
    assert_int_equal(b->got_input[0], 0);
    assert_int_equal(b->got_input[1], 2);
}

/* Strangers with another step's name, a second claim to a node, and frames before the hello. */
static void others_are_sent_away(void **state)
{
    struct bed *b = *state;

    b->io.job_id = 6;
    dial(b, 0, false);
    assert_int_equal(b->hellos, 0);
    b->io.job_id = 5;
    dial(b, 0, false);
    dial(b, 0, false);
    assert_int_equal(b->hellos, 1);
    step_io_signal(&b->io, TASK_ALL, 2);
    spin(b, 10);
    assert_int_equal(b->signals, 1);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        CASE(output_is_labelled_by_line), CASE(a_step_is_through_when_its_nodes_are),
        CASE(input_stops_at_the_window),  CASE(input_of_one_task_goes_to_its_node),
        CASE(others_are_sent_away),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
