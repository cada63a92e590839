/* sattach: joins a running step; its nodes dial this client too. */
#include "base/cleanup.h"
#include "base/limits.h"
#include "base/log.h"
#include "cli/args.h"
#include "cli/connect.h"
#include "cli/say.h"
#include "cli/step_io.h"
#include "cli/step_tasks.h"
#include "schema/rpc.h"

#include <ctype.h>
#include <signal.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define NAME "sattach"

struct options {
    const char *in_task, *out_task, *err_task;
    bool label, layout, quiet;
    int verbose;
};

#define O(member) offsetof(struct options, member)
static const struct arg rows[] = {
    { "input-filter", 0, ARG_TEXT, O(in_task), NULL, "taskid", "send stdin to only this task" },
    { "output-filter", 0, ARG_TEXT, O(out_task), NULL, "taskid", "only print stdout of this task" },
    { "error-filter", 0, ARG_TEXT, O(err_task), NULL, "taskid", "only print stderr of this task" },
    { "label", 'l', ARG_FLAG, O(label), NULL, NULL,
      "prepend task number to lines of stdout, stderr" },
    { "layout", 0, ARG_FLAG, O(layout), NULL, NULL, "print the layout of tasks, do not attach" },
    { "quiet", 'Q', ARG_FLAG, O(quiet), NULL, NULL, "suppress informational messages" },
    { "verbose", 'v', ARG_COUNT, O(verbose), NULL, NULL, "say more" },
};

static const struct args spec = { NAME, "jobid.stepid", "attaches to a running job step", rows,
                                  sizeof rows / sizeof rows[0] };

struct sattach {
    struct options o;
    struct arena arena;
    struct connection conn;
    struct loop *loop;
    struct step_io io;
    struct step_tasks tasks;
    bool is_over;
};

static void sattach_fini(struct sattach *s)
{
    step_io_close(&s->io);
    tasks_fini(&s->tasks);
    connection_close(&s->conn);
    if (s->loop)
        loop_free(s->loop);
    arena_fini(&s->arena);
}

static uint32_t task_of(const char *text)
{
    return text && isdigit((unsigned char)*text) ? (uint32_t)strtoul(text, NULL, 10) : TASK_ALL;
}

static const char *node_name(void *ctx, uint32_t node)
{
    return ((struct sattach *)ctx)->io.nodes[node].name;
}

static void on_exited(void *ctx, uint32_t self, const struct io_exit *exit)
{
    tasks_ended(&((struct sattach *)ctx)->tasks, self, exit);
}

static const struct step_io_ops ops = { .exited = on_exited };

/* The step goes on without us. */
static void on_signal(void *ctx, int signo)
{
    ((struct sattach *)ctx)->is_over = true;
}

static void print_layout(const struct step_created *step)
{
    printf("Job step layout:\n\t%u tasks, %u nodes (%s)\n", step->ntasks, step->parts.n,
           step->nodes);
    for (uint32_t i = 0; i < step->parts.n; i++) {
        const struct step_node *part = &step->parts.v[i];
        printf("\tNode %u (%s), %u task(s): ", i, part->name, part->tasks.n);
        for (uint32_t k = 0; k < part->tasks.n; k++)
            printf("%u ", part->tasks.v[k]);
        putchar('\n');
    }
}

/* "12.0"; false when it is something else. */
static bool read_step(const char *text, struct step_attach *ret)
{
    char *end;

    ret->job_id = (uint32_t)strtoul(text, &end, 10);
    if (end == text || *end != '.' || !isdigit((unsigned char)end[1]))
        return false;
    ret->step_id = (uint32_t)strtoul(end + 1, &end, 10);
    return !*end;
}

static int ask(struct sattach *s, struct step_attach *want, struct step_created **ret)
{
    struct step_place at;
    struct err e = { 0 };
    int r = 0;

    step_place_find(&at, &s->conn);
    if (!s->o.layout)
        r = step_io_open(&s->io, s->loop, &at, &e);
    want->client_addr = s->o.layout ? "" : s->io.address;
    want->client_key = (struct bytes){ s->io.key, sizeof s->io.key };
    if (r == 0)
        r = client_call(s->conn.client, OP_step_watch, want, &s->arena, (void **)ret, &e);
    if (r < 0)
        say_error(NAME, arena_printf(&s->arena, "Could not get job step info: %s", e.text));
    return r;
}

/* Nodes whose part has ended will not come. */
static void attach(struct sattach *s, const struct step_created *step)
{
    static const int signals[] = { SIGINT, SIGTERM, SIGHUP };

    signal(SIGPIPE, SIG_IGN);
    for (size_t i = 0; i < sizeof signals / sizeof signals[0]; i++)
        loop_add_signal(s->loop, signals[i], on_signal, s);
    tasks_init(&s->tasks, step->ntasks);
    s->io.ops = &ops;
    s->io.ctx = s;
    s->io.is_label = s->o.label;
    s->io.is_guest = true;
    s->io.only_out = task_of(s->o.out_task);
    s->io.only_err = task_of(s->o.err_task);
    sink_init(&s->io.out, s->loop, STDOUT_FILENO);
    sink_init(&s->io.err, s->loop, STDERR_FILENO);
    step_io_begin(&s->io, step);
    for (uint32_t i = 0; i < step->parts.n; i++)
        if (step->parts.v[i].is_done)
            step_io_lose(&s->io, i);
    step_io_read(&s->io, STDIN_FILENO, task_of(s->o.in_task));
    while (!s->is_over && !step_io_is_through(&s->io)) {
        loop_once(s->loop, -1);
        tasks_tell(&s->tasks, NAME, node_name, s);
    }
    sink_fini(&s->io.out);
    sink_fini(&s->io.err);
}

int main(int argc, char **argv)
{
    CLEANUP(sattach_fini) struct sattach s = { 0 };
    struct step_attach want = { 0 };
    struct step_created *step;
    struct err e = { 0 };

    log_init(NAME, LOG_INFO);
    int at = args_parse(&spec, argc, argv, &s.arena, &s.o);
    if (at < 0)
        return at == ARGS_DONE ? 0 : 1;
    if (at >= argc) {
        say_error(NAME, "No job step id specified");
        return 1;
    }
    if (!read_step(argv[at], &want)) {
        say_error(NAME, arena_printf(&s.arena, "Invalid job step id %s\nwrite jobid.stepid: 12.0",
                                     argv[at]));
        return 1;
    }
    if (connection_open(&s.conn, &e) < 0 || loop_new(&s.loop, &e) < 0) {
        say_error(NAME, e.text);
        return 1;
    }
    if (ask(&s, &want, &step) < 0)
        return say_exit_code();
    if (s.o.layout)
        print_layout(step);
    else
        attach(&s, step);
    return s.tasks.exit_code;
}
