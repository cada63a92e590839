/* Sending a file to the nodes of a job (bcast.h). */
#include "cli/bcast.h"

#include "base/cleanup.h"
#include "base/limits.h"
#include "cli/say.h"
#include "cli/step_io.h"
#include "cli/step_tasks.h"
#include "schema/rpc.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

struct sending {
    const struct bcast *b;
    struct step_io io;
    struct step_tasks tasks;
};

/* Slurm's words for a node that could not. */
static void on_exited(void *ctx, uint32_t self, const struct io_exit *exit)
{
    struct sending *s = ctx;
    const char *why = exit->error && *exit->error ? exit->error : "the file was not written";

    tasks_ended(&s->tasks, self, exit);
    if (exit->wait_status)
        fprintf(stderr, "%s: error: REQUEST_FILE_BCAST(%s): %s\n", s->b->tool,
                s->io.nodes[self].name, why);
}

/* A node that went away before it was done has not got all of it. */
static void on_gone(void *ctx, uint32_t self)
{
    struct sending *s = ctx;

    for (uint32_t i = 0; i < s->tasks.n; i++) {
        const struct io_exit lost = { .task = i,
                                      .wait_status = 1 << 8,
                                      .error = "connection lost" };
        if (s->io.node_of[i] == self && s->tasks.state[i] < TASK_EXITED)
            on_exited(s, self, &lost);
    }
}

static const struct step_io_ops ops = { .exited = on_exited, .gone = on_gone };

static int create(struct sending *s, const struct stat *st, struct step_created **ret,
                  struct err *e)
{
    const struct bcast *b = s->b;
    const char *argv[] = { "sbcast" };
    char cwd[PATH_MAX] = "/";

    if (!getcwd(cwd, sizeof cwd))
        return err_errno(e, "the working directory");
    struct step_spec spec = {
        .job_id = b->job_id,
        .name = "sbcast",
        .argv = { argv, 1 },
        .work_dir = cwd,
        .ntasks_per_node = { true, 1 },
        .overlap = true,
        .bcast_to = b->to,
        .bcast_mode = st->st_mode & 07777,
        .bcast_force = b->force,
        .stdin_task = TASK_ALL,
        .client_addr = s->io.address,
        .client_key = { s->io.key, sizeof s->io.key },
    };
    struct alloc_info *info;

    int r = client_call(b->conn->client, OP_job_wait,
                        &(struct alloc_wait){ .job_id = b->job_id, .now = true }, b->arena,
                        (void **)&info, e);
    if (r == 0 && info->job) {
        spec.min_nodes = spec.max_nodes = (struct opt_u32){ true, info->job->num_nodes };
        spec.ntasks = spec.min_nodes;
    }
    if (getrandom(&spec.request_key, sizeof spec.request_key, 0) < 0)
        spec.request_key = 0;
    if (r == 0)
        r = client_call(b->conn->client, OP_step_create, &spec, b->arena, (void **)ret, e);
    return r;
}

static void run(struct sending *s, const struct step_created *step, int fd)
{
    tasks_init(&s->tasks, step->ntasks);
    s->io.ops = &ops;
    s->io.ctx = s;
    sink_init(&s->io.out, s->b->loop, STDOUT_FILENO);
    sink_init(&s->io.err, s->b->loop, STDERR_FILENO);
    step_io_begin(&s->io, step);
    step_io_read(&s->io, fd, TASK_ALL);
    while (!step_io_is_through(&s->io))
        loop_once(s->b->loop, -1);
    sink_fini(&s->io.out);
    sink_fini(&s->io.err);
}

static int send_open(struct sending *s, int fd, const struct stat *st)
{
    const struct bcast *b = s->b;
    struct step_place at;
    struct step_created *step = NULL;
    struct err e = { 0 };

    step_place_find(&at, b->conn);
    int r = step_io_open(&s->io, b->loop, &at, &e);
    if (r == 0)
        r = create(s, st, &step, &e);
    if (r < 0) {
        say_error(b->tool, e.text);
        return 1;
    }
    run(s, step, fd);
    return s->tasks.exit_code ? 1 : 0;
}

int bcast_send(const struct bcast *b)
{
    struct sending s = { .b = b };
    struct stat st;
    CLEANUP(closep) int fd = open(b->from, O_RDONLY | O_CLOEXEC);

    if (fd < 0 || fstat(fd, &st) < 0) {
        fprintf(stderr, "%s: error: Can't open `%s`: %s\n", b->tool, b->from, strerror(errno));
        return 1;
    }
    if (!S_ISREG(st.st_mode)) {
        fprintf(stderr, "%s: error: `%s`: not a regular file\n", b->tool, b->from);
        return 1;
    }
    if (!b->preserve) {
        mode_t mask = umask(0);
        umask(mask);
        st.st_mode &= ~mask;
    }
    int code = send_open(&s, fd, &st);
    step_io_close(&s.io);
    tasks_fini(&s.tasks);
    return code;
}
