/* PMI for the tasks of this node: their sockets around node/pmi.c.  What the nodes of a step
 * exchange at a fence goes through the first client, which all of them reach already: it gives
 * everybody what each brought (docs/steps.md). */
#include "base/cleanup.h"
#include "base/xalloc.h"
#include "node/pmi.h"
#include "schema/rpc.h"
#include "slurmstepd/io.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct pmi_sock {
    struct io *io;
    uint32_t local;
    int fd; /* -1: not open */
    struct loop_fd *watch;
};

struct io_pmi {
    struct pmi pmi;
    struct pmi_sock *socks; /* one for each task */
    uint32_t fences;        /* that were sent */
    bool was_aborted;
};

static void on_task(void *ctx, int fd, unsigned events);

static struct io_pmi *pmi_get(struct io *io)
{
    const struct step_launch *o = io->order;
    struct io_pmi *p = io->pmi;
    uint32_t size = 0;

    if (p)
        return p;
    for (uint32_t i = 0; i < o->parts.n; i++)
        size += o->parts.v[i].tasks.n;
    p = io->pmi = xcalloc(1, sizeof *p);
    pmi_init(&p->pmi, arena_printf(&io->arena, "%u.%u", o->job->job_id, o->step_id),
             pmi_mapping(o->parts.v, o->parts.n, size, &io->arena), size,
             &o->parts.v[o->self].tasks);
    p->socks = xcalloc(io->task_count + 1, sizeof *p->socks);
    for (uint32_t i = 0; i < io->task_count; i++)
        p->socks[i] = (struct pmi_sock){ io, i, -1, NULL };
    return p;
}

void pmi_add(struct io *io, const struct io_task *t, int fd)
{
    struct pmi_sock *s = &pmi_get(io)->socks[t - io->tasks];

    fcntl(fd, F_SETFL, O_NONBLOCK);
    s->fd = fd;
    s->watch = loop_add_fd(io->loop, fd, LOOP_READ, on_task, s);
}

static void sock_close(struct pmi_sock *s)
{
    if (s->fd < 0)
        return;
    loop_remove_fd(s->watch);
    close(s->fd);
    s->watch = NULL;
    s->fd = -1;
}

static void sock_flush(struct pmi_sock *s, struct buf *out)
{
    ssize_t n = 1;

    if (s->fd < 0) {
        buf_reset(out);
        return;
    }
    while (out->len > 0 && n > 0) {
        n = write(s->fd, out->data, out->len);
        buf_drop(out, n > 0 ? (size_t)n : 0);
    }
    loop_set_events(s->watch, LOOP_READ | (out->len ? LOOP_WRITE : 0));
}

static void flush_all(struct io *io)
{
    struct io_pmi *p = io->pmi;

    for (uint32_t i = 0; i < io->task_count; i++)
        sock_flush(&p->socks[i], &p->pmi.tasks[i].out);
}

/* ---- the fence */

/* A step on one node needs nobody else. */
void pmi_fence_send(struct io *io)
{
    struct io_pmi *p = io->pmi;

    if (!p || !p->pmi.is_fence_ready || p->fences > p->pmi.fences_over)
        return;
    const struct io_fence f = { .number = p->pmi.fences_over,
                                .data = { p->pmi.fence.data, (uint32_t)p->pmi.fence.len } };
    if (io->order->parts.n == 1) {
        p->fences++;
        pmi_fence_over(&p->pmi, f.data.p, 0); /* what was put here is known here */
        flush_all(io);
    } else if (first_send(io, OP_io_fence, &desc_io_fence, &f)) {
        p->fences++;
    }
}

void pmi_fence_take(struct io *io, const struct io_fence *f)
{
    struct io_pmi *p = io->pmi;

    if (!p || !p->pmi.is_fence_ready || f->number != p->pmi.fences_over)
        return;
    pmi_fence_over(&p->pmi, f->data.p, f->data.len);
    flush_all(io);
}

/* ---- a task */

/* One that aborts takes the others with it. */
static void end_all(struct io *io, const struct pmi_sock *s)
{
    struct io_pmi *p = io->pmi;
    const struct io_msg kill = { .type = IO_SIGNAL, .task = IO_ALL, .value = SIGKILL };

    if (p->was_aborted)
        return;
    p->was_aborted = true;
    const struct io_note note = {
        .text = arena_printf(&io->arena,
                             "slurmstepd: error: *** STEP %u.%u ABORTED BY TASK %u%s%s ***\n",
                             io->order->job->job_id, io->order->step_id, io->tasks[s->local].rank,
                             p->pmi.abort_text[0] ? ": " : "", p->pmi.abort_text),
    };
    clients_send(io, OP_io_note, &desc_io_note, &note);
    io_tell(io, &kill);
}

static void on_task(void *ctx, int fd, unsigned events)
{
    struct pmi_sock *s = ctx;
    struct io *io = s->io;
    struct io_pmi *p = io->pmi;
    uint8_t chunk[16384];

    ssize_t n = read(fd, chunk, sizeof chunk);
    if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR)) {
        sock_close(s);
        return;
    }
    if (n > 0 && pmi_input(&p->pmi, s->local, chunk, (size_t)n) < 0) {
        sock_close(s);
        return;
    }
    flush_all(io); /* an answer to one may free another that waited */
    pmi_fence_send(io);
    if (p->pmi.is_aborted)
        end_all(io, s);
}
