/* Connections of a step's nodes, and its three streams (step_io.h). */
#include "cli/step_io.h"

#include "base/limits.h"
#include "base/log.h"
#include "base/xalloc.h"
#include "net/rpc.h"
#include "schema/rpc.h"
#include "wire/wire.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#define INPUT_CHUNK (32u << 10)

static void on_frame(void *ctx, struct conn *c, const struct frame *f);
static void on_closed(void *ctx, struct conn *c, const char *why);
static bool on_takes(void *ctx, const struct conn *c);
static const uint8_t *on_key(void *ctx);
static void on_input(void *ctx, int fd, unsigned events);
static void input_pace(struct step_io *io);

static const struct conn_ops ops = {
    .frame = on_frame, .closed = on_closed, .takes = on_takes, .key = on_key
};

/* The address that the controller sees, else our name. */
void step_place_find(struct step_place *p, const struct connection *conn)
{
    const char *range = conf_str(conn->conf, "SrunPortRange");
    char *end;

    *p = (struct step_place){ 0 };
    if (!client_local_address(conn->client, p->host, sizeof p->host))
        gethostname(p->host, sizeof p->host - 1);
    p->first_port = (uint16_t)strtoul(range, &end, 10);
    p->last_port = *end == '-' ? (uint16_t)strtoul(end + 1, NULL, 10) : p->first_port;
}

/* The first port of the range that nobody has. */
static int listen_tcp(struct step_io *io, const struct step_place *at, struct err *e)
{
    int r = -EADDRINUSE;

    for (uint32_t port = at->first_port; port <= at->last_port && r < 0; port++) {
        const struct tcp_address any = { .port = (uint16_t)port };
        r = listener_tcp(io->loop, &any, &ops, io, &io->tcp, e);
    }
    return r;
}

/* An abstract name that nobody can guess, for nodes on this machine; a port for the others. */
int step_io_open(struct step_io *io, struct loop *l, const struct step_place *at, struct err *e)
{
    uint8_t random[16];
    char name[2 + 2 * sizeof random] = "@";

    io->loop = l;
    io->in_fd = -1;
    io->only_out = io->only_err = TASK_ALL;
    if (getrandom(io->key, sizeof io->key, 0) < 0 || getrandom(random, sizeof random, 0) < 0)
        return err_errno(e, "random bytes");
    for (size_t i = 0; i < sizeof random; i++)
        snprintf(name + 1 + 2 * i, 3, "%02x", random[i]);
    int r = listener_unix(l, name, &ops, io, &io->local, e);
    if (r == 0)
        r = listen_tcp(io, at, e);
    if (r == 0)
        io->address = xasprintf("%s,%s:%u", name, at->host, listener_port(io->tcp));
    return r;
}

void step_io_close(struct step_io *io)
{
    listener_free(io->tcp);
    listener_free(io->local);
    loop_remove_fd(io->in);
    for (uint32_t i = 0; io->lines && i < 2 * io->ntasks; i++)
        buf_fini(&io->lines[i].part);
    free(io->lines);
    free(io->nodes);
    free(io->node_of);
    free(io->address);
    arena_fini(&io->arena);
    buf_fini(&io->fence);
    explicit_bzero(io->key, sizeof io->key);
}

static int digits(uint32_t n)
{
    int width = 1;

    for (; n >= 10; n /= 10)
        width++;
    return width;
}

void step_io_begin(struct step_io *io, const struct step_created *step)
{
    io->job_id = step->job_id;
    io->step_id = step->step_id;
    io->ntasks = step->ntasks;
    io->node_count = step->parts.n;
    io->nodes = xcalloc(step->parts.n + 1, sizeof *io->nodes);
    io->node_of = xcalloc(step->ntasks + 1, sizeof *io->node_of);
    for (uint32_t i = 0; i < step->parts.n; i++) {
        const struct step_node *part = &step->parts.v[i];
        io->nodes[i].name = part->name;
        for (uint32_t k = 0; k < part->tasks.n; k++)
            if (part->tasks.v[k] < step->ntasks)
                io->node_of[part->tasks.v[k]] = i;
    }
    io->label_width = digits(step->ntasks ? step->ntasks - 1 : 0);
    if (io->is_label)
        io->lines = xcalloc(2 * (size_t)step->ntasks + 1, sizeof *io->lines);
}

/* ---- who comes */

static const uint8_t *on_key(void *ctx)
{
    return ((struct step_io *)ctx)->key;
}

/* A frame stays where it is until we know which step is ours, and while our own output is stuck. */
static bool on_takes(void *ctx, const struct conn *c)
{
    const struct step_io *io = ctx;

    return io->nodes && sink_waiting(&io->out) < SINK_FULL && sink_waiting(&io->err) < SINK_FULL;
}

/* On a unix socket anybody could call; over TCP only who knows the key. */
static bool is_ours(const struct conn *c)
{
    const struct peer *peer = conn_peer(c);

    return !peer->is_local || peer->uid == geteuid() || peer->uid == 0;
}

static struct io_node *node_of_conn(struct step_io *io, const struct conn *c)
{
    uintptr_t hung = (uintptr_t)conn_user(c);

    return hung ? &io->nodes[hung - 1] : NULL;
}

static void node_gone(struct step_io *io, struct io_node *n)
{
    n->conn = 0;
    if (n->is_gone)
        return;
    io->lost += !n->was_seen;
    n->is_gone = true;
    io->gone++;
    if (io->ops->gone)
        io->ops->gone(io->ctx, (uint32_t)(n - io->nodes));
}

static void on_closed(void *ctx, struct conn *c, const char *why)
{
    struct step_io *io = ctx;
    struct io_node *n = io->nodes ? node_of_conn(io, c) : NULL;

    if (n && n->conn == conn_id(c))
        node_gone(io, n);
    if (n)
        input_pace(io);
}

void step_io_lose(struct step_io *io, uint32_t self)
{
    node_gone(io, &io->nodes[self]);
    input_pace(io);
}

/* The first word of a node; another step's, or a second connection for the same node, is none of
 * ours.
 */
static void got_hello(struct step_io *io, struct conn *c, const void *body)
{
    const struct io_hello *hello = body;
    struct io_node *n = hello->self < io->node_count ? &io->nodes[hello->self] : NULL;

    if (!n || n->was_seen || hello->job_id != io->job_id || hello->step_id != io->step_id) {
        conn_close(c);
        return;
    }
    conn_set_user(c, (void *)((uintptr_t)hello->self + 1));
    n->conn = conn_id(c);
    n->was_seen = true;
    io->seen++;
    if (io->ops->hello)
        io->ops->hello(io->ctx, hello->self, hello);
    input_pace(io);
}

/* ---- output */

static void put_line(struct step_io *io, struct sink *s, uint32_t task, struct line *l)
{
    char label[24];
    int len = snprintf(label, sizeof label, "%*u: ", io->label_width, task);

    sink_put(s, label, (size_t)len);
    sink_put(s, l->part.data, l->part.len);
    buf_reset(&l->part);
}

/* Whole lines with their task's number in front; the end of the stream ends the last line. */
static void put_labelled(struct step_io *io, struct sink *s, const struct io_data *d)
{
    struct line *l = &io->lines[2 * d->task + (d->stream == 2)];
    const uint8_t *p = d->data.p, *end = p + d->data.len;

    while (p < end) {
        const uint8_t *newline = memchr(p, '\n', (size_t)(end - p));
        const uint8_t *stop = newline ? newline + 1 : end;
        buf_put(&l->part, p, (size_t)(stop - p));
        if (newline)
            put_line(io, s, d->task, l);
        p = stop;
    }
    if (d->data.len == 0 && l->part.len > 0) {
        buf_put(&l->part, "\n", 1);
        put_line(io, s, d->task, l);
    }
}

static void got_taken(struct step_io *io, struct io_node *n, uint64_t taken)
{
    n->untaken -= taken < n->untaken ? taken : n->untaken;
    input_pace(io);
}

static void got_data(struct step_io *io, struct conn *c, const void *body)
{
    const struct io_data *d = body;
    bool is_err = d->stream == 2;
    struct sink *s = is_err && !io->is_one ? &io->err : &io->out;
    uint32_t only = is_err ? io->only_err : io->only_out;

    if (d->stream == 0) {
        got_taken(io, node_of_conn(io, c), d->taken);
        return;
    }
    if (d->task >= io->ntasks || (only != TASK_ALL && only != d->task))
        return;
    if (io->is_label)
        put_labelled(io, s, d);
    else
        sink_put(s, d->data.p, d->data.len);
    if (s->is_broken) /* as if the task itself had written to the closed pipe */
        step_io_signal(io, d->task, 13);
}

static void got_exit(struct step_io *io, struct conn *c, const void *body)
{
    const struct io_exit *exit = body;

    if (exit->task < io->ntasks)
        io->ops->exited(io->ctx, (uint32_t)(node_of_conn(io, c) - io->nodes), exit);
}

/* MPI processes exchange what they put through us, as every node reaches us already: when all have
 * come to the fence, all get everything. */
static void got_fence(struct step_io *io, struct conn *c, const void *body)
{
    const struct io_fence *f = body;

    buf_put(&io->fence, f->data.p, f->data.len);
    if (++io->at_fence < io->node_count)
        return;
    const struct io_fence all = { f->number, { io->fence.data, (uint32_t)io->fence.len } };
    for (uint32_t i = 0; i < io->node_count; i++) {
        struct conn *to = conn_find(io->loop, io->nodes[i].conn);
        if (to)
            rpc_send(to, OP_io_fence, 0, 0, &desc_io_fence, &all);
    }
    buf_reset(&io->fence);
    io->at_fence = 0;
}

static void got_note(struct step_io *io, struct conn *c, const void *body)
{
    const char *text = ((const struct io_note *)body)->text;

    if (io->ops->noted)
        io->ops->noted(io->ctx, text);
    sink_put(&io->err, text, strlen(text));
}

static const struct {
    uint16_t opcode;
    const struct desc *desc;
    void (*got)(struct step_io *io, struct conn *c, const void *body);
} frames[] = {
    { OP_io_hello, &desc_io_hello, got_hello }, { OP_io_data, &desc_io_data, got_data },
    { OP_io_exit, &desc_io_exit, got_exit },    { OP_io_note, &desc_io_note, got_note },
    { OP_io_fence, &desc_io_fence, got_fence },
};

static void on_frame(void *ctx, struct conn *c, const struct frame *f)
{
    struct step_io *io = ctx;
    struct err e;
    void *body;

    arena_reset(&io->arena);
    for (size_t i = 0; i < sizeof frames / sizeof frames[0]; i++) {
        bool is_first = frames[i].opcode == OP_io_hello;
        if (frames[i].opcode != f->opcode || is_first == (node_of_conn(io, c) != NULL))
            continue;
        if (is_ours(c) &&
            wire_unpack_new(frames[i].desc, f->body, f->len, &io->arena, &body, &e) == 0) {
            frames[i].got(io, c, body);
            return;
        }
    }
    log_debug("a frame %u that does not belong here", f->opcode);
    conn_close(c);
}

/* ---- input */

void step_io_read(struct step_io *io, int fd, uint32_t task)
{
    io->in_fd = fd;
    io->in_task = task;
    input_pace(io);
}

static bool is_target(const struct step_io *io, uint32_t node)
{
    return io->in_task == TASK_ALL ||
           (io->in_task < io->ntasks && io->node_of[io->in_task] == node);
}

static void send_data(struct step_io *io, uint32_t node, const struct io_data *d)
{
    struct conn *c = conn_find(io->loop, io->nodes[node].conn);

    if (!c)
        return;
    io->nodes[node].untaken += d->data.len;
    rpc_send(c, OP_io_data, 0, 0, &desc_io_data, d);
}

/* Whether all who get the input have room for more; *ret_left: whether anybody is left to get it.
 */
static bool has_room(const struct step_io *io, bool *ret_left)
{
    bool has_all = io->seen + io->lost == io->node_count;

    *ret_left = false;
    for (uint32_t i = 0; i < io->node_count; i++) {
        if (!is_target(io, i) || io->nodes[i].is_gone)
            continue;
        *ret_left = true;
        if (io->nodes[i].untaken + INPUT_CHUNK > STEP_STDIN_WINDOW)
            has_all = false;
    }
    return has_all;
}

static void end_input(struct step_io *io)
{
    loop_remove_fd(io->in);
    io->in = NULL;
    io->in_fd = -1;
}

/* A terminal that belongs to another group of processes would stop us. */
static bool may_read(int fd)
{
    return !isatty(fd) || tcgetpgrp(fd) == getpgrp();
}

/* Reads, or not, as the nodes can take it.  A descriptor that is not read is not watched at all: a
 * closed pipe would be reported again and again. */
static void input_pace(struct step_io *io)
{
    bool is_left;

    if (io->in_fd < 0)
        return;
    bool is_wanted = has_room(io, &is_left) && may_read(io->in_fd);
    if (!is_left) {
        end_input(io);
    } else if (is_wanted && !io->in) {
        io->in = loop_add_fd(io->loop, io->in_fd, LOOP_READ, on_input, io);
    } else if (!is_wanted) {
        loop_remove_fd(io->in);
        io->in = NULL;
    }
}

void step_io_resume(struct step_io *io)
{
    input_pace(io);
}

static void on_input(void *ctx, int fd, unsigned events)
{
    struct step_io *io = ctx;
    uint8_t chunk[INPUT_CHUNK];
    ssize_t n = may_read(fd) ? read(fd, chunk, sizeof chunk) : -1;

    if (n < 0 && (!may_read(fd) || errno == EAGAIN || errno == EINTR)) {
        input_pace(io);
        return;
    }
    struct io_data d = { .task = io->in_task, .stream = 0 };
    d.data = (struct bytes){ chunk, n > 0 ? (uint32_t)n : 0 };
    for (uint32_t i = 0; i < io->node_count; i++)
        if (is_target(io, i) && (n > 0 || !io->is_guest))
            send_data(io, i, &d);
    if (n <= 0)
        end_input(io);
    else
        input_pace(io);
}

/* ---- control */

static void control(struct step_io *io, const struct io_control *what)
{
    for (uint32_t i = 0; i < io->node_count; i++) {
        struct conn *c = conn_find(io->loop, io->nodes[i].conn);
        if (c && (what->task == TASK_ALL || io->node_of[what->task] == i))
            rpc_send(c, OP_io_control, 0, 0, &desc_io_control, what);
    }
}

void step_io_signal(struct step_io *io, uint32_t task, int signo)
{
    control(io, &(struct io_control){ .signal = (uint32_t)signo, .task = task });
}

void step_io_window(struct step_io *io, uint32_t rows, uint32_t cols)
{
    control(io, &(struct io_control){ .rows = rows, .cols = cols, .task = 0 });
}

bool step_io_is_through(const struct step_io *io)
{
    return io->nodes && io->gone == io->node_count && sink_waiting(&io->out) == 0 &&
           sink_waiting(&io->err) == 0;
}
