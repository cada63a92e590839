/* PMIx for the tasks of this node: slurmstepd-pmix beside us, its folder, its fences. */
#include "base/cleanup.h"
#include "base/xalloc.h"
#include "schema/rpc.h"
#include "slurmstepd/io.h"
#include "slurmstepd/pmix_link.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define PROGRAM "slurmstepd-pmix" /* beside our own */
#define CONTINUATION (2 * sizeof(void *)) /* in front of a fence's data: the server's, not ours */
#define HIGH 10

struct io_pmix {
    int fd;
    struct loop_fd *watch;
    struct buf in, out;
    char dir[64];
    struct buf fence; /* what the tasks here brought; the continuation in front */
    bool is_at_fence, was_sent, was_aborted;
    uint32_t fences;
};

static void on_link(void *ctx, int fd, unsigned events);

/* ---- starting */

static _Noreturn void become_server(int link, int launch, const char *dir)
{
    const char *const argv[] = { PROGRAM, dir, NULL };
    char path[PATH_MAX];
    ssize_t n = readlink("/proc/self/exe", path, sizeof path - sizeof PROGRAM);

    path[n > 0 ? n : 0] = '\0';
    char *slash = strrchr(path, '/');
    int high[2] = { fcntl(link, F_DUPFD, HIGH), fcntl(launch, F_DUPFD, HIGH) };
    if (!slash || dup2(high[0], PMIX_FD_LINK) < 0 || dup2(high[1], PMIX_FD_LAUNCH) < 0)
        _exit(EXIT_FAILURE);
    close_range(PMIX_FD_LAUNCH + 1, ~0u, 0);
    memcpy(slash + 1, PROGRAM, sizeof PROGRAM);
    /* What the library would put elsewhere than into its folder. */
    const char *const env[] = { "PMIX_MCA_gds=hash", "HOME=/", "PATH=/usr/bin:/bin", NULL };
    execve(path, (char *const *)argv, (char *const *)env);
    _exit(EXIT_FAILURE);
}

int pmix_start(struct io *io, int launch)
{
    struct io_pmix *p = xcalloc(1, sizeof *p);
    int ends[2];

    snprintf(p->dir, sizeof p->dir, "/tmp/slurm.pmix.%u.%u.XXXXXX", io->order->job->job_id,
             io->order->step_id);
    if (!mkdtemp(p->dir) || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0) {
        free(p);
        return -errno;
    }
    pid_t pid = fork();
    if (pid == 0)
        become_server(ends[1], launch, p->dir);
    close(ends[1]);
    fcntl(ends[0], F_SETFL, O_NONBLOCK);
    p->fd = ends[0];
    p->watch = loop_add_fd(io->loop, p->fd, LOOP_READ, on_link, io);
    io->pmix = p;
    return pid < 0 ? -EAGAIN : 0;
}

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *at)
{
    return remove(path) < 0 && errno != ENOENT ? 0 : 0; /* whatever can be, is */
}

void pmix_end(struct io *io)
{
    struct io_pmix *p = io->pmix;

    if (!p)
        return;
    close(p->fd); /* its word to go */
    nftw(p->dir, remove_one, 8, FTW_DEPTH | FTW_PHYS | FTW_MOUNT);
    rmdir(p->dir);
}

/* ---- the link */

static void flush(struct io_pmix *p)
{
    ssize_t n = 1;

    while (p->out.len > 0 && n > 0) {
        n = write(p->fd, p->out.data, p->out.len);
        buf_drop(&p->out, n > 0 ? (size_t)n : 0);
    }
    loop_set_events(p->watch, LOOP_READ | (p->out.len ? LOOP_WRITE : 0));
}

static void to_stepd(struct io *io, uint32_t rank, const void *body, size_t len)
{
    struct io_msg m = { .type = IO_ENV, .task = rank };

    m.len = (uint32_t)(len < IO_BODY_MAX ? len : IO_BODY_MAX);
    memcpy(m.body, body, m.len);
    io_tell(io, &m);
}

static void abort_all(struct io *io, uint32_t rank)
{
    const struct io_msg kill = { .type = IO_SIGNAL, .task = IO_ALL, .value = SIGKILL };
    const struct io_note note = {
        .text =
            arena_printf(&io->arena, "slurmstepd: error: *** STEP %u.%u ABORTED BY TASK %u ***\n",
                         io->order->job->job_id, io->order->step_id, rank),
    };

    if (!io->pmix->was_aborted)
        clients_send(io, OP_io_note, &desc_io_note, &note);
    io->pmix->was_aborted = true;
    io_tell(io, &kill);
}

static void got(struct io *io, const struct pmix_link_head *h, const uint8_t *body)
{
    struct io_pmix *p = io->pmix;

    if (h->type == PMIX_LINK_ENV) {
        to_stepd(io, h->rank, body, h->len);
    } else if (h->type == PMIX_LINK_READY) {
        to_stepd(io, IO_ALL, "", 0);
    } else if (h->type == PMIX_LINK_ABORT) {
        abort_all(io, h->rank);
    } else if (h->type == PMIX_LINK_FENCE && h->len >= CONTINUATION) {
        buf_reset(&p->fence);
        buf_put(&p->fence, body, h->len);
        p->is_at_fence = true;
        p->was_sent = false;
        pmix_fence_send(io);
    }
}

static void on_link(void *ctx, int fd, unsigned events)
{
    struct io *io = ctx;
    struct io_pmix *p = io->pmix;
    struct pmix_link_head h;

    ssize_t n = read(fd, io->chunk, IO_CHUNK);
    if (n == 0) {
        loop_set_events(p->watch, 0);
        return;
    }
    if (n > 0)
        buf_put(&p->in, io->chunk, (size_t)n);
    while (p->in.len >= sizeof h) {
        memcpy(&h, p->in.data, sizeof h);
        if (p->in.len < sizeof h + h.len)
            break;
        got(io, &h, p->in.data + sizeof h);
        buf_drop(&p->in, sizeof h + h.len);
    }
    flush(p);
}

/* ---- the fence */

static void over(struct io_pmix *p, const void *data, size_t len)
{
    const struct pmix_link_head h = { PMIX_LINK_FENCE, 0, (uint32_t)(CONTINUATION + len) };

    buf_put(&p->out, &h, sizeof h);
    buf_put(&p->out, p->fence.data, CONTINUATION);
    buf_put(&p->out, data, len);
    p->is_at_fence = false;
    p->fences++;
    flush(p);
}

void pmix_fence_send(struct io *io)
{
    struct io_pmix *p = io->pmix;

    if (!p || !p->is_at_fence || p->was_sent)
        return;
    const struct io_fence f = {
        p->fences, { p->fence.data + CONTINUATION, (uint32_t)(p->fence.len - CONTINUATION) }
    };
    if (io->order->parts.n == 1)
        over(p, f.data.p, f.data.len);
    else
        p->was_sent = first_send(io, OP_io_fence, &desc_io_fence, &f);
}

void pmix_fence_take(struct io *io, const struct io_fence *f)
{
    struct io_pmix *p = io->pmix;

    if (p && p->is_at_fence && f->number == p->fences)
        over(p, f->data.p, f->data.len);
}
