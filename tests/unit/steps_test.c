/* Numbered steps on a node: this test is the controller and srun at once, slurmd and its children
 * are the real ones. */
#include "slurmd_kit.h"

#include "base/limits.h"
#include "base/log.h"
#include "schema/errors.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define TASKS_MAX 16

static const uint8_t client_key[32] = "thirty-two bytes of srun's own..";

/* srun's end: what came for each task. */
struct client {
    struct ctl *ctl;
    struct listener *local, *tcp;
    struct conn *conn;
    char places[128];
    unsigned hellos, closes;
    struct {
        struct buf out[3];
        bool has_ended[3], has_exit;
        int wait_status;
        char error[256];
    } tasks[TASKS_MAX];
    struct buf notes;
    uint64_t taken;
    uint32_t pids[TASKS_MAX];
    bool is_deaf; /* takes no frames */
};

static void on_frame(void *ctx, struct conn *conn, const struct frame *f)
{
    struct client *c = ctx;
    struct arena a = { 0 };
    struct io_hello hello;
    struct io_data data;
    struct io_exit gone;
    struct io_note note;

    if (f->opcode == OP_io_hello) {
        assert_int_equal(wire_unpack(&desc_io_hello, f->body, f->len, &a, &hello, NULL), 0);
        for (uint32_t i = 0; i < hello.tasks.n; i++)
            c->pids[hello.tasks.v[i]] = hello.pids.v[i];
        c->conn = conn;
        c->hellos++;
    } else if (f->opcode == OP_io_data) {
        assert_int_equal(wire_unpack(&desc_io_data, f->body, f->len, &a, &data, NULL), 0);
        if (data.stream == 0) {
            c->taken += data.taken;
        } else {
            assert_true(data.task < TASKS_MAX && data.stream < 3);
            buf_put(&c->tasks[data.task].out[data.stream], data.data.p, data.data.len);
            c->tasks[data.task].has_ended[data.stream] |= data.data.len == 0;
        }
    } else if (f->opcode == OP_io_exit) {
        assert_int_equal(wire_unpack(&desc_io_exit, f->body, f->len, &a, &gone, NULL), 0);
        assert_true(gone.task < TASKS_MAX && !c->tasks[gone.task].has_exit);
        c->tasks[gone.task].has_exit = true;
        c->tasks[gone.task].wait_status = gone.wait_status;
        snprintf(c->tasks[gone.task].error, 256, "%s", gone.error);
    } else if (f->opcode == OP_io_note) {
        assert_int_equal(wire_unpack(&desc_io_note, f->body, f->len, &a, &note, NULL), 0);
        buf_puts(&c->notes, note.text);
    } else {
        fail_msg("frame %u from a node", f->opcode);
    }
    arena_fini(&a);
}

static void on_closed(void *ctx, struct conn *conn, const char *why)
{
    struct client *c = ctx;

    if (c->conn == conn)
        c->conn = NULL;
    c->closes++;
}

static const uint8_t *key_of(void *ctx)
{
    return client_key;
}

static bool takes(void *ctx, const struct conn *conn)
{
    return !((struct client *)ctx)->is_deaf;
}

static const struct conn_ops client_ops = {
    .frame = on_frame, .closed = on_closed, .key = key_of, .takes = takes
};

static void client_open(struct client *c, struct ctl *t, bool is_remote)
{
    static unsigned serial;
    const struct tcp_address at = { "127.0.0.1", 0 };
    char name[64];
    struct err e = { 0 };

    memset(c, 0, sizeof *c);
    c->ctl = t;
    snprintf(name, sizeof name, "@steps_test.%d.%u", (int)getpid(), serial++);
    assert_int_equal(listener_tcp(t->loop, &at, &client_ops, c, &c->tcp, &e), 0);
    if (!is_remote)
        assert_int_equal(listener_unix(t->loop, name, &client_ops, c, &c->local, &e), 0);
    snprintf(c->places, sizeof c->places, "%s,127.0.0.1:%u", name, listener_port(c->tcp));
}

static void client_close(struct client *c)
{
    listener_free(c->local);
    listener_free(c->tcp);
    for (int i = 0; i < TASKS_MAX; i++)
        for (int s = 0; s < 3; s++)
            buf_fini(&c->tasks[i].out[s]);
    buf_fini(&c->notes);
}

static const char *out_of(struct client *c, uint32_t task)
{
    return buf_str(&c->tasks[task].out[1]);
}

static const char *err_of(struct client *c, uint32_t task)
{
    return buf_str(&c->tasks[task].out[2]);
}

/* A step of n tasks, all here; the caller changes it and calls start(). */
struct order {
    struct launch job;
    struct step_spec spec;
    struct step_node part;
    struct step_launch launch;
    uint32_t ranks[TASKS_MAX];
    const char *argv[4];
};

static struct step_spec a_spec(struct ctl *t, const struct client *c)
{
    static const char *environment[] = { "HOME=/", "PATH=/usr/local/bin:/usr/bin:/bin", "MINE=yes",
                                         "SLURM_PROCID=77" };

    return (struct step_spec){
        .name = "test",
        .environment = { environment, 4 },
        .work_dir = arena_printf(&t->arena, "%s/work", t->dir),
        .tres_per_step = "",
        .tres_per_node = "",
        .tres_per_task = "",
        .req_nodes = "",
        .exc_nodes = "",
        .distribution = "",
        .cpu_bind = "",
        .mem_bind = "",
        .hint = "",
        .tres_bind = "",
        .std_in = "",
        .std_out = "",
        .std_err = "",
        .stdin_task = UINT32_MAX,
        .multi_prog = "",
        .mpi = "",
        .task_prolog = "",
        .task_epilog = "",
        .client_addr = c ? c->places : "",
        .client_key = { client_key, sizeof client_key },
        .submit_line = "",
        .network = "",
        .acctg_freq = "",
        .bcast_to = "",
    };
}

static void an_order(struct order *o, struct ctl *t, const struct client *c, uint32_t ntasks,
                     const char *script)
{
    *o = (struct order){ .job = a_launch(t, 1, ""), .spec = a_spec(t, c) };
    o->job.environment.n = 0;
    o->argv[0] = "sh";
    o->argv[1] = "-c";
    o->argv[2] = script;
    o->spec.argv.v = o->argv;
    o->spec.argv.n = 3;
    for (uint32_t i = 0; i < ntasks; i++)
        o->ranks[i] = i;
    o->part = (struct step_node){ .name = "n1", .address = "", .tasks = { o->ranks, ntasks } };
    o->launch = (struct step_launch){ .job = &o->job, .spec = &o->spec };
    o->launch.parts.v = &o->part;
    o->launch.parts.n = 1;
}

static int start(struct ctl *t, struct order *o)
{
    return ask(t, OP_step_start, &desc_step_launch, &o->launch);
}

/* ---- tests */

static void tasks_run_and_tell_their_client(void **state)
{
    for (int is_remote = 0; is_remote < 2; is_remote++) {
        struct ctl t;
        struct client c;
        struct order o;
        ctl_open(&t, "");
        client_open(&c, &t, is_remote);
        an_order(&o, &t, &c, 3,
                 "echo $SLURM_PROCID $SLURM_LOCALID $SLURM_STEP_ID $SLURM_NTASKS $MINE; "
                 "echo to stderr $SLURM_GTIDS $SLURM_STEP_TASKS_PER_NODE >&2; pwd; id -u; "
                 "[ $$ = $SLURM_TASK_PID ] || echo wrong pid; exit $SLURM_PROCID");
        o.launch.step_id = 4;
        assert_int_equal(start(&t, &o), 0);
        WAIT_FOR(&t, c.closes == 1 && t.jobs[1].ended);
        assert_int_equal(c.hellos, 1);
        for (uint32_t i = 0; i < 3; i++) {
            char *want = arena_printf(&t.arena, "%u %u 4 3 yes\n%s/work\n%u\n", i, i, t.dir, t.uid);
            assert_string_equal(out_of(&c, i), want);
            assert_string_equal(err_of(&c, i), "to stderr 0,1,2 3\n");
            assert_true(c.tasks[i].has_ended[1] && c.tasks[i].has_ended[2] && c.pids[i] > 0);
            assert_int_equal(WEXITSTATUS(c.tasks[i].wait_status), i);
        }
        assert_int_equal(WEXITSTATUS(t.jobs[1].wait_status), 2); /* the worst */
        assert_false(t.jobs[1].is_clean);
        client_close(&c);
        ctl_close(&t);
    }
}

static void a_program_that_is_not_there_is_named(void **state)
{
    struct ctl t;
    struct client c;
    struct order o;

    ctl_open(&t, "");
    client_open(&c, &t, false);
    an_order(&o, &t, &c, 1, "");
    o.argv[0] = "/nosuch";
    o.spec.work_dir = "/nosuchdir";
    assert_int_equal(start(&t, &o), 0);
    WAIT_FOR(&t, c.closes == 1 && t.jobs[1].ended);
    assert_string_equal(err_of(&c, 0),
                        "slurmstepd: error: couldn't chdir to `/nosuchdir': No such file or "
                        "directory: going to /tmp instead\n"
                        "slurmstepd: error: execve(): /nosuch: No such file or directory\n");
    assert_int_equal(WEXITSTATUS(c.tasks[0].wait_status), ENOENT);
    client_close(&c);
    ctl_close(&t);
}

static void files_are_opened_by_pattern(void **state)
{
    struct ctl t;
    struct client c;
    struct order o;

    ctl_open(&t, "");
    client_open(&c, &t, false);
    an_order(&o, &t, &c, 3, "echo $SLURM_PROCID; echo e$SLURM_PROCID >&2");
    o.spec.std_out = "o.%2t.%J";
    o.spec.std_err = "e.%n";
    o.launch.step_id = 7;
    assert_int_equal(start(&t, &o), 0);
    WAIT_FOR(&t, c.closes == 1 && t.jobs[1].ended);
    assert_string_equal(text_of(&t, "o.00.1.7"), "0\n");
    assert_string_equal(text_of(&t, "o.02.1.7"), "2\n");
    const char *all = text_of(&t, "e.0"); /* one file, emptied once */
    assert_int_equal(strlen(all), 9);
    assert_contains(all, "e0\n");
    assert_contains(all, "e1\n");
    assert_contains(all, "e2\n");
    assert_int_equal(c.tasks[0].out[1].len + c.tasks[0].out[2].len, 0);
    client_close(&c);
    ctl_close(&t);
}

static void send_input(struct client *c, uint32_t task, const void *p, size_t len)
{
    const struct io_data d = { .task = task, .data = { p, (uint32_t)len } };

    rpc_send(c->conn, OP_io_data, 0, 0, &desc_io_data, &d);
}

static void input_reaches_one_task_or_all(void **state)
{
    for (uint32_t to = 1; to != 3; to = to == 1 ? UINT32_MAX : 3) {
        struct ctl t;
        struct client c;
        struct order o;
        ctl_open(&t, "");
        client_open(&c, &t, false);
        an_order(&o, &t, &c, 2, "cat");
        o.spec.stdin_task = to;
        assert_int_equal(start(&t, &o), 0);
        WAIT_FOR(&t, c.hellos == 1);
        send_input(&c, to, "hello\n", 6);
        send_input(&c, to, "", 0);
        WAIT_FOR(&t, c.closes == 1 && t.jobs[1].ended);
        assert_string_equal(out_of(&c, 0), to == 1 ? "" : "hello\n");
        assert_string_equal(out_of(&c, 1), "hello\n");
        assert_int_equal(c.taken, 6);
        client_close(&c);
        ctl_close(&t);
    }
}

/* Through a task and back, both ways full, no byte lost; what is in flight stays in the window. */
static void a_stream_is_byte_exact(void **state)
{
    const size_t total = 24u << 20, piece = 60000;
    uint8_t *data = malloc(total);
    struct ctl t;
    struct client c;
    struct order o;

    for (size_t i = 0; i < total; i++)
        data[i] = (uint8_t)(i * 2654435761u >> 13);
    ctl_open(&t, "");
    client_open(&c, &t, true);
    an_order(&o, &t, &c, 1, "cat; echo done >&2");
    assert_int_equal(start(&t, &o), 0);
    WAIT_FOR(&t, c.hellos == 1);
    for (size_t at = 0; at < total;) {
        size_t n = total - at < piece ? total - at : piece;
        WAIT_FOR(&t, at + n - c.taken <= STEP_STDIN_WINDOW);
        send_input(&c, 0, data + at, n);
        at += n;
    }
    send_input(&c, 0, "", 0);
    WAIT_FOR(&t, c.closes == 1 && t.jobs[1].ended);
    assert_int_equal(c.tasks[0].out[1].len, total);
    assert_memory_equal(c.tasks[0].out[1].data, data, total);
    assert_string_equal(err_of(&c, 0), "done\n");
    client_close(&c);
    ctl_close(&t);
    free(data);
}

/* A client that does not read stops the writers; nothing is lost, and signals still get through. */
static void a_slow_client_loses_nothing(void **state)
{
    const size_t total = 16u << 20;
    struct io_control usr1 = { .signal = SIGUSR1, .task = UINT32_MAX };
    struct ctl t;
    struct client c;
    struct order o;

    ctl_open(&t, "");
    client_open(&c, &t, false);
    an_order(&o, &t, &c, 1,
             "trap 'echo usr1 > got; exit 9' USR1; head -c 16777216 /dev/zero; echo all > sent; "
             "while :; do sleep 0.1; done");
    assert_int_equal(start(&t, &o), 0);
    WAIT_FOR(&t, c.hellos == 1);
    c.is_deaf = true;
    for (int i = 0; i < 30; i++)
        loop_once(t.loop, 10);
    assert_string_equal(text_of(&t, "sent"), ""); /* stuck in its write */
    assert_true(c.tasks[0].out[1].len < total);
    c.is_deaf = false;
    WAIT_FOR(&t, c.tasks[0].out[1].len == total && *text_of(&t, "sent"));
    rpc_send(c.conn, OP_io_control, 0, 0, &desc_io_control, &usr1);
    WAIT_FOR(&t, c.closes == 1 && t.jobs[1].ended);
    assert_string_equal(text_of(&t, "got"), "usr1\n");
    assert_int_equal(WEXITSTATUS(t.jobs[1].wait_status), 9);
    client_close(&c);
    ctl_close(&t);
}

static void a_client_that_dies_ends_the_step(void **state)
{
    struct ctl t;
    struct client c;
    struct order o;

    ctl_open(&t, "");
    client_open(&c, &t, false);
    an_order(&o, &t, &c, 2, "echo started; sleep 300; echo survived > survived");
    assert_int_equal(start(&t, &o), 0);
    WAIT_FOR(&t, c.tasks[1].out[1].len > 0);
    conn_close(c.conn);
    WAIT_FOR(&t, t.jobs[1].ended);
    assert_int_equal(t.jobs[1].wait_status, SIGTERM);
    assert_string_equal(text_of(&t, "survived"), "");
    client_close(&c);
    ctl_close(&t);
}

static void steps_of_a_job_live_side_by_side(void **state)
{
    struct ctl t;
    struct client c[3];
    struct order o;
    struct job_terminate one = {
        .job_id = 1, .epoch = 5, .why = "CANCELLED AT %s", .step_id = { true, 1 }
    };

    ctl_open(&t, "");
    for (uint32_t i = 0; i < 3; i++) {
        client_open(&c[i], &t, false);
        an_order(&o, &t, &c[i], 1, "echo started; exec sleep 300");
        o.launch.step_id = i;
        assert_int_equal(start(&t, &o), 0);
        assert_int_equal(start(&t, &o), 0); /* said twice, done once */
        WAIT_FOR(&t, c[i].tasks[0].out[1].len == 8);
    }
    assert_int_equal(ask(&t, OP_job_end, &desc_job_terminate, &one), 0);
    WAIT_FOR(&t, t.jobs[1].ended == 1 && c[1].closes == 1);
    assert_int_equal(t.jobs[1].wait_status, SIGKILL);
    assert_contains(buf_str(&c[1].notes), "slurmstepd: error: *** STEP 1.1 ON n1 CANCELLED AT 20");
    assert_int_equal(t.jobs[1].cleaned, 0);

    struct step_signal usr1 = { .job_id = 1, .step_id = 2, .signal = SIGUSR1, .note = "" };
    assert_int_equal(ask(&t, OP_step_kill, &desc_step_signal, &usr1), 0);
    WAIT_FOR(&t, t.jobs[1].ended == 2 && c[2].closes == 1);
    assert_int_equal(t.jobs[1].wait_status, SIGUSR1);

    o.launch.step_id = 1;
    assert_int_equal(start(&t, &o), ESLURMD_CREDENTIAL_REPLAYED);
    assert_int_equal(end(&t, 1, 30, "CANCELLED AT %s DUE TO TIME LIMIT"), 0);
    WAIT_FOR(&t, t.jobs[1].ended == 3 && t.jobs[1].cleaned == 1 && c[0].closes == 1);
    assert_int_equal(t.jobs[1].wait_status, SIGTERM);
    assert_contains(buf_str(&c[0].notes), "*** STEP 1.0 ON n1 CANCELLED AT 20");
    assert_contains(buf_str(&c[0].notes), " DUE TO TIME LIMIT ***\n");
    o.launch.step_id = 9;
    assert_int_equal(start(&t, &o), ESLURMD_CREDENTIAL_REVOKED);
    for (uint32_t i = 0; i < 3; i++)
        client_close(&c[i]);
    ctl_close(&t);
}

static void a_step_outlives_slurmd(void **state)
{
    struct ctl t;
    struct client c;
    struct order o;

    ctl_open(&t, "");
    client_open(&c, &t, false);
    an_order(&o, &t, &c, 2, "read line; echo $line; exit 6");
    o.launch.step_id = 3;
    assert_int_equal(start(&t, &o), 0);
    WAIT_FOR(&t, c.hellos == 1);
    slurmd_kill(&t, SIGKILL);
    slurmd_start(&t);
    WAIT_FOR(&t, t.node);
    assert_int_equal(t.last.steps.n, 1);
    assert_int_equal(t.last.steps.v[0].step_id, 3);
    assert_int_equal(t.last.steps.v[0].tasks.n, 2); /* enough for a controller that forgot it */
    assert_string_equal(t.last.steps.v[0].name, "test");
    slurmd_kill(&t, SIGKILL);
    send_input(&c, UINT32_MAX, "still here\n", 11);
    WAIT_FOR(&t, c.closes == 1);
    assert_string_equal(out_of(&c, 1), "still here\n");
    slurmd_start(&t);
    WAIT_FOR(&t, t.jobs[1].ended);
    assert_int_equal(WEXITSTATUS(t.jobs[1].wait_status), 6);
    client_close(&c);
    ctl_close(&t);
}

static void a_terminal_has_a_size_and_job_control(void **state)
{
    struct io_control resize = { .rows = 50, .cols = 132, .task = UINT32_MAX };
    struct ctl t;
    struct client c;
    struct order o;

    ctl_open(&t, "");
    client_open(&c, &t, true);
    an_order(&o, &t, &c, 2,
             "[ $SLURM_PROCID = 0 ] || exit 0; tty; stty size; read x; stty size; trap 'echo int; "
             "exit 5' INT; "
             "echo ready; sleep 300 & wait");
    o.spec.pty = true;
    o.spec.pty_rows = 24;
    o.spec.pty_cols = 80;
    assert_int_equal(start(&t, &o), 0);
    WAIT_FOR(&t, strstr(out_of(&c, 0), "24 80\r\n"));
    assert_contains(out_of(&c, 0), "/dev/pts/");
    rpc_send(c.conn, OP_io_control, 0, 0, &desc_io_control, &resize);
    send_input(&c, 0, "x\n", 2);
    WAIT_FOR(&t, strstr(out_of(&c, 0), "50 132\r\n") && strstr(out_of(&c, 0), "ready"));
    send_input(&c, 0, "\003", 1);
    WAIT_FOR(&t, c.closes == 1 && t.jobs[1].ended);
    assert_contains(out_of(&c, 0), "int\r\n");
    assert_int_equal(WEXITSTATUS(c.tasks[0].wait_status), 5);
    assert_int_equal(c.tasks[1].out[1].len, 0);
    client_close(&c);
    ctl_close(&t);
}

static void each_task_has_its_program(void **state)
{
    struct ctl t;
    struct client c;
    struct order o;

    ctl_open(&t, "");
    client_open(&c, &t, false);
    an_order(&o, &t, &c, 4, "");
    o.spec.multi_prog = "# what runs where\n0 echo a%t %o \"x y\" '%t  q' \\%t\n\n"
                        "1-2  echo z%t.%o\n* echo rest\n";
    assert_int_equal(start(&t, &o), 0);
    WAIT_FOR(&t, c.closes == 1 && t.jobs[1].ended);
    assert_string_equal(out_of(&c, 0), "a0 0 \"x y\" %t  q %t\n");
    assert_string_equal(out_of(&c, 1), "z1.0\n");
    assert_string_equal(out_of(&c, 2), "z2.1\n");
    assert_string_equal(out_of(&c, 3), "rest\n");
    client_close(&c);

    client_open(&c, &t, false);
    an_order(&o, &t, &c, 2, "");
    o.spec.multi_prog = "0 echo only one\n";
    o.launch.step_id = 1;
    assert_int_equal(start(&t, &o), 0);
    WAIT_FOR(&t, c.closes == 1 && t.jobs[1].ended == 2);
    assert_string_equal(c.tasks[0].error, "the multi-prog file has no program for task 1");
    assert_true(c.tasks[1].has_exit);
    assert_string_equal(out_of(&c, 0), "");
    client_close(&c);
    ctl_close(&t);
}

static char *script(struct ctl *t, const char *name, const char *text)
{
    char *path = arena_printf(&t->arena, "%s/%s", t->dir, name);

    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fprintf(f, "#!/bin/sh\n%s", text);
    fclose(f);
    chmod(path, 0755);
    return path;
}

static void task_prologs_change_the_task(void **state)
{
    struct ctl t;
    struct client c;
    struct order o;

    ctl_open(&t, "");
    slurmd_kill(&t, SIGTERM);
    write_conf(&t, arena_printf(&t.arena, "TaskProlog=%s\nTaskEpilog=%s\n",
                                script(&t, "tp", "echo export SITE=1\necho print site $MINE\n"),
                                script(&t, "te", "echo $SLURM_PROCID >> epilog\n")));
    slurmd_start(&t);
    WAIT_FOR(&t, t.node);
    client_open(&c, &t, false);
    an_order(&o, &t, &c, 2, "echo $SITE $USERS [$MINE]");
    o.spec.task_prolog = script(&t, "up", "echo export USERS=$SITE$SITE\necho unset MINE\n");
    assert_int_equal(start(&t, &o), 0);
    WAIT_FOR(&t, c.closes == 1 && t.jobs[1].ended);
    assert_string_equal(out_of(&c, 0), "site yes\n1 11 []\n");
    const char *epilogs = text_of(&t, "epilog");
    assert_true(strchr(epilogs, '0') && strchr(epilogs, '1'));
    client_close(&c);

    client_open(&c, &t, false);
    an_order(&o, &t, &c, 1, "echo never");
    o.spec.task_prolog = script(&t, "bad", "exit 4\n");
    o.launch.step_id = 1;
    assert_int_equal(start(&t, &o), 0);
    WAIT_FOR(&t, c.closes == 1 && t.jobs[1].ended == 2);
    assert_string_equal(out_of(&c, 0), "site yes\n");
    assert_string_equal(err_of(&c, 0), "slurmstepd: error: --task-prolog failed status=4\n");
    assert_int_equal(WEXITSTATUS(t.jobs[1].wait_status), 4);
    client_close(&c);
    ctl_close(&t);
}

static void another_client_reads_along(void **state)
{
    struct ctl t;
    struct client first, second;
    struct order o;

    ctl_open(&t, "");
    client_open(&first, &t, false);
    client_open(&second, &t, true);
    an_order(&o, &t, &first, 2, "read a; echo $a; read b; echo $b");
    assert_int_equal(start(&t, &o), 0);
    WAIT_FOR(&t, first.hellos == 1);
    send_input(&first, UINT32_MAX, "one\n", 4);
    WAIT_FOR(&t, first.tasks[1].out[1].len == 4);
    const struct step_attach at = { .job_id = 1,
                                    .client_addr = second.places,
                                    .client_key = { client_key, 32 } };
    assert_int_equal(ask(&t, OP_step_reattach, &desc_step_attach, &at), 0);
    WAIT_FOR(&t, second.hellos == 1);
    assert_int_equal(second.pids[1], first.pids[1]);
    send_input(&second, UINT32_MAX, "two\n", 4);
    WAIT_FOR(&t, first.closes == 1 && second.closes == 1 && t.jobs[1].ended);
    assert_string_equal(out_of(&first, 1), "one\ntwo\n");
    assert_string_equal(out_of(&second, 1), "two\n");
    assert_true(second.tasks[0].has_exit && second.tasks[1].has_ended[2]);
    client_close(&first);
    client_close(&second);
    ctl_close(&t);
}

static void a_file_arrives_whole_or_not(void **state)
{
    struct ctl t;
    struct client c;
    struct order o;
    struct stat st;

    ctl_open(&t, "");
    char *path = arena_printf(&t.arena, "%s/work/sent", t.dir);
    for (uint32_t i = 0; i < 3; i++) { /* new; there already; there, and to be replaced */
        client_open(&c, &t, false);
        an_order(&o, &t, &c, 1, "");
        o.spec.argv.n = 0;
        o.spec.bcast_to = path;
        o.spec.bcast_mode = 0640;
        o.spec.bcast_force = i == 2;
        o.launch.step_id = i;
        assert_int_equal(start(&t, &o), 0);
        WAIT_FOR(&t, c.hellos == 1);
        if (c.conn) {
            send_input(&c, UINT32_MAX, i ? "second\n" : "first\n", i ? 7 : 6);
            send_input(&c, UINT32_MAX, "", 0);
        }
        WAIT_FOR(&t, c.closes == 1 && t.jobs[1].ended == i + 1);
        assert_int_equal(WEXITSTATUS(c.tasks[0].wait_status), i == 1);
        assert_string_equal(text_of(&t, "sent"), i == 2 ? "second\n" : "first\n");
        if (i == 1)
            assert_contains(err_of(&c, 0), "File exists");
        client_close(&c);
    }
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0640);
    assert_int_equal(st.st_uid, t.uid);
    ctl_close(&t);
}

static void the_prolog_runs_once_a_job(void **state)
{
    struct ctl t;
    struct order o;

    ctl_open(&t, "");
    slurmd_kill(&t, SIGTERM);
    write_conf(&t, arena_printf(&t.arena, "PrologFlags=Alloc,Serial\nProlog=%s\nEpilog=%s\n",
                                script(&t, "prolog",
                                       arena_printf(&t.arena,
                                                    "echo $SLURM_JOB_ID "
                                                    "$SLURM_JOB_USER >> %s/work/log; sleep 0.2\n",
                                                    t.dir)),
                                script(&t, "epilog",
                                       arena_printf(&t.arena,
                                                    "echo epilog "
                                                    "$SLURM_JOB_PARTITION >> %s/work/log\n",
                                                    t.dir))));
    slurmd_start(&t);
    WAIT_FOR(&t, t.node);
    for (uint32_t i = 0; i < 3; i++) {
        an_order(&o, &t, NULL, 1, "cat log > seen");
        o.launch.step_id = i;
        assert_int_equal(start(&t, &o), 0);
    }
    WAIT_FOR(&t, t.jobs[1].ended == 3);
    assert_string_equal(text_of(&t, "seen"), "1 tester\n");
    slurmd_kill(&t, SIGKILL);
    slurmd_start(&t);
    WAIT_FOR(&t, t.node);
    o.launch.step_id = 4;
    assert_int_equal(start(&t, &o), 0);
    WAIT_FOR(&t, t.jobs[1].ended == 4);
    assert_int_equal(end(&t, 1, 0, ""), 0);
    WAIT_FOR(&t, t.jobs[1].cleaned == 1);
    assert_string_equal(text_of(&t, "log"), "1 tester\nepilog p\n");

    struct launch l = a_launch(&t, 2, "");
    assert_int_equal(ask(&t, OP_job_prepare, &desc_launch, &l), 0);
    assert_contains(text_of(&t, "log"), "2 tester\n");
    ctl_close(&t);
}

static void the_health_of_the_node_is_checked(void **state)
{
    struct ctl t;

    ctl_open(&t, "");
    slurmd_kill(&t, SIGTERM);
    write_conf(&t, arena_printf(&t.arena,
                                "HealthCheckInterval=1\nHealthCheckNodeState=IDLE,CYCLE\n"
                                "HealthCheckProgram=%s\n",
                                script(&t, "health",
                                       arena_printf(&t.arena, "env >> %s/work/health\n", t.dir))));
    slurmd_start(&t);
    WAIT_FOR(&t, t.node);
    WAIT_FOR(&t, strstr(text_of(&t, "health"), "SLURMD_NODENAME=n1\n"));
    assert_null(strstr(text_of(&t, "health"), "HOME="));
    ctl_close(&t);
}

static void a_job_is_suspended_whole(void **state)
{
    struct step_signal s = { .job_id = 1, .step_id = STEP_ALL, .suspend = true, .note = "" };
    struct ctl t;
    struct client c;
    struct order o;

    ctl_open(&t, "");
    client_open(&c, &t, false);
    an_order(&o, &t, &c, 1,
             "(trap 'echo tstp > tstp' TSTP; echo in; while :; do :; done) & "
             "echo $! > pid; wait");
    assert_int_equal(start(&t, &o), 0);
    WAIT_FOR(&t, c.tasks[0].out[1].len > 0 && *text_of(&t, "pid"));
    assert_int_equal(ask(&t, OP_step_kill, &desc_step_signal, &s), 0);
    char *stat_of = arena_printf(&t.arena, "../../../proc/%d/stat", atoi(text_of(&t, "pid")));
    WAIT_FOR(&t, strstr(text_of(&t, stat_of), ") T "));
    assert_string_equal(text_of(&t, "tstp"), "tstp\n");
    s.suspend = false;
    s.signal = SIGCONT;
    assert_int_equal(ask(&t, OP_step_kill, &desc_step_signal, &s), 0);
    WAIT_FOR(&t, !strstr(text_of(&t, stat_of), ") T "));
    assert_int_equal(end(&t, 1, 0, ""), 0);
    WAIT_FOR(&t, t.jobs[1].cleaned && c.closes == 1);
    client_close(&c);
    ctl_close(&t);
}

static void words_reach_the_user(void **state)
{
    struct step_signal s = { .job_id = 1, .step_id = STEP_ALL, .note = "maintenance at noon" };
    struct ctl t;
    struct client c;
    struct order o;

    ctl_open(&t, "");
    client_open(&c, &t, false);
    an_order(&o, &t, &c, 1, "sleep 300");
    assert_int_equal(start(&t, &o), 0);
    WAIT_FOR(&t, c.hellos == 1);
    assert_int_equal(ask(&t, OP_step_kill, &desc_step_signal, &s), 0);
    WAIT_FOR(&t, c.notes.len > 0);
    assert_string_equal(buf_str(&c.notes), "slurmstepd: error: maintenance at noon\n");
    assert_int_equal(end(&t, 1, 0, ""), 0);
    WAIT_FOR(&t, t.jobs[1].cleaned && c.closes == 1);
    client_close(&c);
    ctl_close(&t);
}

int main(int argc, char **argv)
{
    log_init("steps_test", LOG_QUIET);
    if (argc > 1)
        cmocka_set_test_filter(argv[1]);
    return RUN(T(tasks_run_and_tell_their_client), T(a_program_that_is_not_there_is_named),
               T(files_are_opened_by_pattern), T(input_reaches_one_task_or_all),
               T(a_stream_is_byte_exact), T(a_slow_client_loses_nothing),
               T(a_client_that_dies_ends_the_step), T(steps_of_a_job_live_side_by_side),
               T(a_step_outlives_slurmd), T(a_terminal_has_a_size_and_job_control),
               T(each_task_has_its_program), T(task_prologs_change_the_task),
               T(another_client_reads_along), T(a_file_arrives_whole_or_not),
               T(the_prolog_runs_once_a_job), T(a_job_is_suspended_whole), T(words_reach_the_user),
               T(the_health_of_the_node_is_checked));
}
