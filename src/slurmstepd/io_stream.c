/* The tasks' ends of the streams: output is read while the client takes it, input is written as
 * the tasks take it. */
#include "base/limits.h"
#include "base/xalloc.h"
#include "slurmstepd/io.h"
#include "schema/rpc.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define END_OF_INPUT "\x04" /* what a terminal takes for it */
#define TOLD_STEP (STEP_STDIN_WINDOW / 4)
#define INPUT_MAX                                                                  \
    (8 * STEP_STDIN_WINDOW) /* a client that sends more than was agreed is cut off \
                             */

static void on_output(void *ctx, int fd, unsigned events);
static void on_room(void *ctx, int fd, unsigned events);

/* ---- output */

void source_add(struct io *io, struct io_task *t, uint32_t stream, int fd)
{
    struct io_source *s = xcalloc(1, sizeof *s);

    fcntl(fd, F_SETFL, O_NONBLOCK);
    *s = (struct io_source){ .io = io, .task = t, .stream = stream, .fd = fd };
    list_add_tail(&io->sources, &s->link);
    io->is_paused = true; /* until sources_resume() finds a client */
}

static void source_end(struct io_source *s)
{
    const struct io_data end = { .task = s->task->rank, .stream = s->stream };
    struct io *io = s->io;

    s->task->is_ended[s->stream] = true;
    clients_send(io, OP_io_data, &desc_io_data, &end);
    loop_remove_fd(s->watch);
    close(s->fd);
    list_remove(&s->link);
    free(s);
    clients_settle(io);
}

static void on_output(void *ctx, int fd, unsigned events)
{
    struct io_source *s = ctx;
    struct io *io = s->io;
    struct io_data data = { .task = s->task->rank, .stream = s->stream };

    if (!clients_take(io)) {
        sources_pause(io);
        return;
    }
    ssize_t n = read(fd, io->chunk, IO_CHUNK);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n <= 0) { /* a terminal says EIO */
        source_end(s);
        return;
    }
    data.data.p = io->chunk;
    data.data.len = (uint32_t)n;
    clients_send(io, OP_io_data, &desc_io_data, &data);
}

/* A paused source is not watched at all: its end would be reported again and again. */
static void sources_watch(struct io *io, unsigned events)
{
    LIST_FOREACH(it, &io->sources) {
        struct io_source *s = list_entry(it, struct io_source, link);
        if (events && !s->watch)
            s->watch = loop_add_fd(io->loop, s->fd, events, on_output, s);
        else if (events)
            loop_set_events(s->watch, events);
        else
            loop_remove_fd(s->watch);
        if (!events)
            s->watch = NULL;
    }
}

void sources_pause(struct io *io)
{
    if (!io->is_paused)
        sources_watch(io, 0);
    io->is_paused = true;
}

void sources_resume(struct io *io)
{
    if (!clients_take(io))
        return;
    io->is_paused = false;
    sources_watch(io, LOOP_READ);
}

/* ---- input */

void sink_add(struct io *io, struct io_task *t, int fd, bool is_terminal)
{
    struct io_sink *s = xcalloc(1, sizeof *s);

    fcntl(fd, F_SETFL, O_NONBLOCK);
    *s = (struct io_sink){ .io = io, .task = t, .fd = fd, .is_terminal = is_terminal };
    list_add_tail(&io->sinks, &s->link);
}

static size_t waiting(const struct io_sink *s)
{
    return s->pending.len - s->at;
}

/* The client hears how much was taken, in steps, and at once when nothing waits. */
static void taken_tell(struct io *io)
{
    size_t most = 0;

    LIST_FOREACH(it, &io->sinks) {
        size_t n = waiting(list_entry(it, struct io_sink, link));
        most = n > most ? n : most;
    }
    uint64_t taken = io->in_total > most ? io->in_total - most : 0;
    if (taken <= io->in_told || (most > 0 && taken - io->in_told < TOLD_STEP))
        return;
    const struct io_data d = { .task = IO_ALL, .taken = (uint32_t)(taken - io->in_told) };
    clients_send(io, OP_io_data, &desc_io_data, &d);
    io->in_told = taken;
}

static void sink_free(struct io_sink *s)
{
    loop_remove_fd(s->watch);
    close(s->fd);
    list_remove(&s->link);
    buf_fini(&s->pending);
    free(s);
}

/* Writes what the task takes now.  The sink may be gone afterwards. */
static void sink_write(struct io_sink *s)
{
    ssize_t n = 1;

    while (waiting(s) > 0 && n > 0) {
        n = write(s->fd, s->pending.data + s->at, waiting(s));
        s->at += n > 0 ? (size_t)n : 0;
    }
    bool is_broken = n < 0 && errno != EAGAIN && errno != EINTR;
    if (is_broken || (waiting(s) == 0 && s->is_ending)) {
        sink_free(s);
        return;
    }
    if (waiting(s) == 0) {
        s->at = 0;
        buf_fini(&s->pending);
        loop_remove_fd(s->watch);
        s->watch = NULL;
    } else if (!s->watch) {
        s->watch = loop_add_fd(s->io->loop, s->fd, LOOP_WRITE, on_room, s);
    }
}

static void on_room(void *ctx, int fd, unsigned events)
{
    struct io_sink *s = ctx;
    struct io *io = s->io;

    sink_write(s);
    taken_tell(io);
}

void input_take(struct io *io, const struct io_data *d)
{
    io->in_total += d->data.len;
    LIST_FOREACH(it, &io->sinks) {
        struct io_sink *s = list_entry(it, struct io_sink, link);
        if ((d->task != IO_ALL && d->task != s->task->rank) || s->is_ending)
            continue;
        if (waiting(s) > INPUT_MAX) {
            sink_free(s);
            continue;
        }
        buf_drop(&s->pending, s->at);
        s->at = 0;
        buf_put(&s->pending, d->data.p, d->data.len);
        if (d->data.len == 0 && s->is_terminal)
            buf_puts(&s->pending, END_OF_INPUT);
        s->is_ending = d->data.len == 0 && !s->is_terminal;
        sink_write(s);
    }
    taken_tell(io);
}

void terminal_resize(struct io *io, const struct io_control *c)
{
    const struct winsize size = { .ws_row = (unsigned short)c->rows,
                                  .ws_col = (unsigned short)c->cols };

    LIST_FOREACH(it, &io->sinks) {
        const struct io_sink *s = list_entry(it, struct io_sink, link);
        if (s->is_terminal)
            ioctl(s->fd, TIOCSWINSZ, &size);
    }
}
