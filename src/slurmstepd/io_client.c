/* Clients: dialled, greeted, told, and left when they have everything. */
#include "base/clock.h"
#include "base/limits.h"
#include "base/xalloc.h"
#include "net/rpc.h"
#include "slurmstepd/io.h"
#include "wire/wire.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define AGAIN_MS 200
#define ATTACHED_BEHIND_MAX (4u << 20) /* an sattach that reads slower than srun is dropped */

static void dial(struct io_client *c);
static void on_ready(void *ctx, struct conn *conn);
static void on_frame(void *ctx, struct conn *conn, const struct frame *f);
static void on_closed(void *ctx, struct conn *conn, const char *why);
static void on_drained(void *ctx, struct conn *conn);

static const struct conn_ops ops = {
    .frame = on_frame, .ready = on_ready, .closed = on_closed, .drained = on_drained
};

/* ---- dialling */

static void client_free(struct io_client *c)
{
    if (c->conn)
        conn_disown(c->conn);
    list_remove(&c->link);
    loop_remove_timer(c->again);
    explicit_bzero(c->key, sizeof c->key);
    free(c->places);
    free(c);
}

static void on_again(void *ctx)
{
    dial(ctx);
}

void client_open(struct io *io, const char *places, const uint8_t *key, bool is_first)
{
    struct io_client *c = xcalloc(1, sizeof *c);

    c->io = io;
    c->is_first = is_first;
    c->places = xstrdup(places);
    c->place = c->places;
    memcpy(c->key, key, sizeof c->key);
    c->again = loop_add_timer(io->loop, -1, on_again, c);
    list_add_tail(&io->clients, &c->link);
    dial(c);
}

/* It was srun: what it waited for ends.  It was another: that is its business. */
static void client_lost(struct io_client *c, int never_came)
{
    struct io *io = c->io;
    struct io_msg m = { .type = IO_LOST, .value = never_came };

    bool was_first = c->is_first;
    m.len = (uint32_t)snprintf((char *)m.body, sizeof m.body, "no connection to srun at %s: %s",
                               io->order->spec->client_addr, c->why);
    client_free(c);
    if (!was_first)
        return;
    io->is_lost = true;
    io_tell(io, &m);
    sources_resume(io); /* output is read and dropped: nobody shall hang on a full pipe */
    clients_settle(io);
}

static int dial_tcp(struct io_client *c, const char *place)
{
    char host[256];
    struct err e = { 0 };
    const char *colon = strrchr(place, ':');

    if (!colon || colon - place >= (long)sizeof host)
        return -EINVAL;
    snprintf(host, sizeof host, "%.*s", (int)(colon - place), place);
    const struct tcp_dial d = { .to = { host, (uint16_t)atoi(colon + 1) }, .psk = c->key };
    int err = conn_dial_tcp(c->io->loop, &d, &ops, c, &c->conn, &e);
    if (err < 0)
        snprintf(c->why, sizeof c->why, "%.180s", e.text);
    return err;
}

/* On our own machine the kernel says who listens: the user himself, or root. */
static int dial_local(struct io_client *c, const char *place)
{
    struct err e = { 0 };

    int err = conn_dial_unix(c->io->loop, place, &ops, c, &c->conn, &e);
    if (err < 0)
        return err;
    uid_t uid = conn_peer(c->conn)->uid;
    if (uid == geteuid() || uid == 0)
        return 0;
    conn_disown(c->conn);
    c->conn = NULL;
    return -EPERM;
}

/* The next place that does not fail at once; from the first again, until the time is over. */
static void dial(struct io_client *c)
{
    char place[300];

    c->conn = NULL;
    while (*c->place) {
        size_t len = strcspn(c->place, ",");
        snprintf(place, sizeof place, "%.*s", (int)len, c->place);
        c->place += len + (c->place[len] == ',');
        if ((place[0] == '@' ? dial_local : dial_tcp)(c, place) == 0)
            return;
    }
    c->place = c->places;
    if (clock_mono_ns() < c->io->dial_until_ns)
        loop_set_timer(c->again, AGAIN_MS);
    else
        client_lost(c, 1);
}

/* ---- telling */

static void send_one(struct io_client *c, uint16_t opcode, const struct desc *d, const void *msg)
{
    if (!c->is_ready || c->is_closing)
        return;
    if (!c->is_first && conn_unsent(c->conn) > ATTACHED_BEHIND_MAX) {
        c->is_closing = true;
        conn_close(c->conn);
        return;
    }
    rpc_send(c->conn, opcode, 0, 0, d, msg);
}

void clients_send(struct io *io, uint16_t opcode, const struct desc *d, const void *msg)
{
    LIST_FOREACH(it, &io->clients)
        send_one(list_entry(it, struct io_client, link), opcode, d, msg);
}

bool first_send(struct io *io, uint16_t opcode, const struct desc *d, const void *msg)
{
    LIST_FOREACH(it, &io->clients) {
        struct io_client *c = list_entry(it, struct io_client, link);
        if (!c->is_first || !c->is_ready || c->is_closing)
            continue;
        send_one(c, opcode, d, msg);
        return true;
    }
    return false;
}

static void exit_of(const struct io_task *t, struct io_exit *ret)
{
    *ret = (struct io_exit){ .task = t->rank,
                             .wait_status = t->exit.value,
                             .error = (const char *)t->exit.body,
                             .oom = t->exit.stream != 0,
                             .used = (struct usage *)&t->exit.used };
}

void exit_send(struct io *io, const struct io_task *t)
{
    struct io_exit gone;

    exit_of(t, &gone);
    clients_send(io, OP_io_exit, &desc_io_exit, &gone);
}

/* What happened before it came. */
static void greet(struct io_client *c)
{
    struct io *io = c->io;
    const struct step_launch *o = io->order;
    struct io_hello hello = { .job_id = o->job->job_id,
                              .step_id = o->step_id,
                              .self = o->self,
                              .node = o->job->node_name,
                              .tasks = o->parts.v[o->self].tasks };
    struct io_exit gone;

    hello.pids.v = xcalloc(io->task_count + 1, sizeof *hello.pids.v);
    hello.pids.n = io->task_count;
    for (uint32_t i = 0; i < io->task_count; i++)
        hello.pids.v[i] = io->tasks[i].pid;
    c->is_ready = true;
    send_one(c, OP_io_hello, &desc_io_hello, &hello);
    free(hello.pids.v);
    if (c->is_first) {
        pmi_fence_send(io);
        pmix_fence_send(io);
    }
    for (uint32_t i = 0; i < io->task_count; i++) {
        const struct io_task *t = &io->tasks[i];
        for (uint32_t s = STDOUT_FILENO; s <= STDERR_FILENO; s++) {
            const struct io_data end = { .task = t->rank, .stream = s };
            if (t->is_ended[s])
                send_one(c, OP_io_data, &desc_io_data, &end);
        }
        exit_of(t, &gone);
        if (t->has_exit)
            send_one(c, OP_io_exit, &desc_io_exit, &gone);
    }
}

void clients_begin(struct io *io)
{
    LIST_FOREACH(it, &io->clients) {
        struct io_client *c = list_entry(it, struct io_client, link);
        if (c->conn && conn_user(c->conn) && !c->is_ready)
            greet(c);
    }
    sources_resume(io);
}

/* ---- events of a connection */

static void on_ready(void *ctx, struct conn *conn)
{
    struct io_client *c = ctx;

    conn_set_user(conn, c); /* usable */
    if (!c->io->is_started)
        return;
    greet(c);
    sources_resume(c->io);
    clients_settle(c->io);
}

static void on_closed(void *ctx, struct conn *conn, const char *why)
{
    struct io_client *c = ctx;

    snprintf(c->why, sizeof c->why, "%.180s", why ? why : "closed");
    bool was_usable = conn_user(conn) != NULL;
    c->conn = NULL;
    if (!was_usable) {
        dial(c);
    } else if (c->is_closing || c->io->is_lost) {
        struct io *io = c->io;
        client_free(c);
        clients_settle(io);
    } else {
        client_lost(c, 0);
    }
}

static void on_frame(void *ctx, struct conn *conn, const struct frame *f)
{
    struct io_client *c = ctx;
    struct arena a = { 0 };
    struct io_data data;
    struct io_control control;
    struct io_fence fence;

    if (f->opcode == OP_io_data &&
        wire_unpack(&desc_io_data, f->body, f->len, &a, &data, NULL) == 0) {
        input_take(c->io, &data);
    } else if (f->opcode == OP_io_fence && c->is_first &&
               wire_unpack(&desc_io_fence, f->body, f->len, &a, &fence, NULL) == 0) {
        pmi_fence_take(c->io, &fence);
        pmix_fence_take(c->io, &fence);
    } else if (f->opcode == OP_io_control &&
               wire_unpack(&desc_io_control, f->body, f->len, &a, &control, NULL) == 0) {
        const struct io_msg m = { .type = IO_SIGNAL,
                                  .task = control.task,
                                  .value = (int32_t)control.signal };
        if (control.signal)
            io_tell(c->io, &m);
        if (control.rows)
            terminal_resize(c->io, &control);
    }
    arena_fini(&a);
}

static void on_drained(void *ctx, struct conn *conn)
{
    struct io_client *c = ctx;

    if (c->is_first)
        sources_resume(c->io);
    clients_settle(c->io);
}

/* ---- room, and the end */

/* With nobody there to read, output is dropped. */
bool clients_take(struct io *io)
{
    struct io_client *first = NULL;

    if (io->is_lost)
        return true;
    LIST_FOREACH(it, &io->clients)
        if (list_entry(it, struct io_client, link)->is_first)
            first = list_entry(it, struct io_client, link);
    if (!first || !first->is_ready)
        return false;
    if (conn_unsent(first->conn) > STEP_OUT_MAX)
        conn_flush(first->conn); /* what still waits then waits for the socket: drained() comes */
    return conn_unsent(first->conn) <= STEP_OUT_MAX;
}

static bool is_all_said(const struct io *io)
{
    if (!io->is_ending || !list_empty(&io->sources))
        return false;
    for (uint32_t i = 0; i < io->task_count; i++)
        if (!io->tasks[i].has_exit)
            return false;
    return true;
}

/* conn_close() gives ten seconds; a client that is merely stopped has as long as it likes. */
void clients_settle(struct io *io)
{
    if (!is_all_said(io))
        return;
    LIST_FOREACH(it, &io->clients) {
        struct io_client *c = list_entry(it, struct io_client, link);
        if (c->is_closing || (c->is_first && !c->is_ready))
            continue;
        if (!c->is_ready) {
            client_free(c);
            continue;
        }
        conn_flush(c->conn);
        if (conn_unsent(c->conn) > 0)
            continue;
        c->is_closing = true;
        conn_finish(c->conn);
    }
    if (list_empty(&io->clients))
        loop_stop(io->loop);
}
