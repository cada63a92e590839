/* slurmstepd-io: carries the streams of a step's tasks on this node to and from srun, and whoever
 * else attached.  It runs as the user and parses what comes over the network; slurmstepd, which is
 * root, hears wishes from it in fixed messages (io_link.h).  It ends when slurmstepd is gone, or
 * when all is over and the clients have the last byte. */
#include "base/clock.h"
#include "base/log.h"
#include "base/xalloc.h"
#include "schema/rpc.h"
#include "slurmstepd/io.h"
#include "wire/wire.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#define DIAL_NS (10 * 1000000000LL)
#define KEY_LEN 32

typedef void message_fn(struct io *io, const struct io_msg *m, int *fd);

static void on_stream(struct io *io, const struct io_msg *m, int *fd);
static void on_terminal(struct io *io, const struct io_msg *m, int *fd);
static void on_started(struct io *io, const struct io_msg *m, int *fd);
static void on_ready(struct io *io, const struct io_msg *m, int *fd);
static void on_exit_of(struct io *io, const struct io_msg *m, int *fd);
static void on_note(struct io *io, const struct io_msg *m, int *fd);
static void on_attach(struct io *io, const struct io_msg *m, int *fd);
static void on_end(struct io *io, const struct io_msg *m, int *fd);

static message_fn *const messages[IO_TYPES] = {
    [IO_STREAM] = on_stream, [IO_TERMINAL] = on_terminal, [IO_STARTED] = on_started,
    [IO_READY] = on_ready,   [IO_EXIT] = on_exit_of,      [IO_NOTE] = on_note,
    [IO_ATTACH] = on_attach, [IO_END] = on_end,
};

static void on_link(void *ctx, int fd, unsigned events)
{
    struct io *io = ctx;
    struct io_msg m;
    int came, r;

    while ((r = io_link_receive(fd, &m, &came)) > 0) {
        if (messages[m.type])
            messages[m.type](io, &m, &came);
        if (came >= 0)
            close(came);
    }
    if (r == 0)
        _exit(EXIT_FAILURE); /* slurmstepd was killed; nobody needs us */
    clients_settle(io);
}

struct io_task *io_task_of(struct io *io, uint32_t rank)
{
    for (uint32_t i = 0; i < io->task_count; i++)
        if (io->tasks[i].rank == rank)
            return &io->tasks[i];
    return NULL;
}

/* A wish may wait a moment for room: slurmstepd reads whatever comes. */
void io_tell(struct io *io, const struct io_msg *m)
{
    for (int i = 0; i < 100 && io_link_send(IO_FD_LINK, m, -1) == -EAGAIN; i++)
        usleep(1000);
}

/* ---- what slurmstepd says */

static void on_stream(struct io *io, const struct io_msg *m, int *fd)
{
    struct io_task *t = io_task_of(io, m->task);

    if (!t || *fd < 0 || m->stream > IO_PMI)
        return;
    if (m->stream == IO_PMI)
        pmi_add(io, t, *fd);
    else if (m->stream == STDIN_FILENO)
        sink_add(io, t, *fd, false);
    else
        source_add(io, t, m->stream, *fd);
    *fd = -1;
}

/* Both ways through one descriptor: two, so that each side may end by itself. */
static void on_terminal(struct io *io, const struct io_msg *m, int *fd)
{
    struct io_task *t = io_task_of(io, m->task);
    int in = *fd < 0 ? -1 : fcntl(*fd, F_DUPFD_CLOEXEC, 0);

    if (!t || in < 0)
        return;
    sink_add(io, t, in, true);
    source_add(io, t, STDOUT_FILENO, *fd);
    *fd = -1;
}

static void on_started(struct io *io, const struct io_msg *m, int *fd)
{
    struct io_task *t = io_task_of(io, m->task);

    if (t)
        t->pid = (uint32_t)m->value;
}

static void on_ready(struct io *io, const struct io_msg *m, int *fd)
{
    io->is_started = true;
    clients_begin(io);
}

static void on_exit_of(struct io *io, const struct io_msg *m, int *fd)
{
    struct io_task *t = io_task_of(io, m->task);

    if (!t || t->has_exit)
        return;
    t->exit = *m;
    t->exit.body[m->len < IO_BODY_MAX ? m->len : IO_BODY_MAX - 1] = '\0';
    t->has_exit = true;
    exit_send(io, t);
}

static void on_note(struct io *io, const struct io_msg *m, int *fd)
{
    const struct io_note note = { .text =
                                      arena_strndup(&io->arena, (const char *)m->body, m->len) };

    clients_send(io, OP_io_note, &desc_io_note, &note);
}

static void on_attach(struct io *io, const struct io_msg *m, int *fd)
{
    struct arena a = { 0 };
    struct step_attach at;

    if (wire_unpack(&desc_step_attach, m->body, m->len, &a, &at, NULL) == 0 &&
        at.client_key.len == KEY_LEN)
        client_open(io, at.client_addr, at.client_key.p, false);
    arena_fini(&a);
}

static void on_end(struct io *io, const struct io_msg *m, int *fd)
{
    io->is_ending = true;
}

/* ---- the start */

static const struct step_launch *order_read(struct arena *a)
{
    struct stat st;
    void *msg;

    if (fstat(IO_FD_LAUNCH, &st) < 0 || st.st_size == 0)
        return NULL;
    void *body = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, IO_FD_LAUNCH, 0);
    if (body == MAP_FAILED)
        return NULL;
    int err = wire_unpack_new(&desc_step_launch, body, (size_t)st.st_size, a, &msg, NULL);
    munmap(body, (size_t)st.st_size);
    return err < 0 ? NULL : msg;
}

/* Two pipes a task, and the user's soft limit is not for us. */
static void many_descriptors(void)
{
    struct rlimit n;

    if (getrlimit(RLIMIT_NOFILE, &n) < 0)
        return;
    n.rlim_cur = n.rlim_max;
    (void)setrlimit(RLIMIT_NOFILE, &n);
}

static void tasks_make(struct io *io)
{
    const struct u32s *ranks = &io->order->parts.v[io->order->self].tasks;

    io->task_count = ranks->n;
    io->tasks = xcalloc(ranks->n + 1, sizeof *io->tasks);
    for (uint32_t i = 0; i < ranks->n; i++)
        io->tasks[i].rank = ranks->v[i];
}

int main(int argc, char **argv)
{
    struct io io = { .dial_until_ns = clock_mono_ns() + DIAL_NS };
    struct err e = { 0 };

    log_init("slurmstepd-io", LOG_QUIET);
    prctl(PR_SET_DUMPABLE, 0); /* it holds the step's key, and its streams */
    signal(SIGPIPE, SIG_IGN);
    many_descriptors();
    if (fcntl(IO_FD_LINK, F_SETFD, FD_CLOEXEC) < 0 || fcntl(IO_FD_LAUNCH, F_SETFD, FD_CLOEXEC) < 0)
        return EXIT_FAILURE;
    io.order = order_read(&io.arena);
    if (!io.order || io.order->spec->client_key.len != KEY_LEN || loop_new(&io.loop, &e) < 0)
        return EXIT_FAILURE;
    list_init(&io.sources);
    list_init(&io.sinks);
    list_init(&io.clients);
    io.chunk = xmalloc(IO_CHUNK);
    tasks_make(&io);
    if (strncmp(io.order->spec->mpi, "pmix", 4) == 0 && pmix_start(&io, IO_FD_LAUNCH) < 0)
        return EXIT_FAILURE;
    close(IO_FD_LAUNCH);
    io.link = loop_add_fd(io.loop, IO_FD_LINK, LOOP_READ, on_link, &io);
    client_open(&io, io.order->spec->client_addr, io.order->spec->client_key.p, true);
    while (!loop_stopped(io.loop))
        loop_once(io.loop, -1);
    pmix_end(&io);
    _exit(EXIT_SUCCESS);
}
