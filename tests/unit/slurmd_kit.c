/* A controller made of a few functions (slurmd_kit.h). */
#include "slurmd_kit.h"

#include "auth/seal.h"
#include "base/cleanup.h"

#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "schema/errors.h"

static void on_frame(void *ctx, struct conn *c, const struct frame *f);

static void on_closed(void *ctx, struct conn *c, const char *why)
{
    struct ctl *t = ctx;

    if (t->node == c)
        t->node = NULL;
}

static void on_hello(void *ctx, struct conn *c, const struct frame *f)
{
    auth_server_hello(((struct ctl *)ctx)->auth, c, f);
}

static const struct conn_ops ops = { .hello = on_hello, .frame = on_frame, .closed = on_closed };

static void on_ended(struct ctl *t, const struct step_done *d)
{
    struct outcome *o = &t->jobs[d->job_id % JOBS_MAX];

    o->ended++;
    o->wait_status = d->wait_status;
    o->is_clean = d->is_clean;
    o->max_rss_kb = d->used ? d->used->max_rss_kb : 0;
    snprintf(o->error, sizeof o->error, "%s", d->error);
}

static void on_cleaned(struct ctl *t, const struct job_clean *c)
{
    struct outcome *o = &t->jobs[c->job_id % JOBS_MAX];

    o->cleaned++;
    snprintf(o->words, sizeof o->words, "%s", c->error);
}

static void on_request(struct ctl *t, struct conn *c, const struct frame *f)
{
    const struct rpc *rpc = rpc_find(f->opcode);
    const struct node_welcome welcome = { .epoch = 5, .heartbeat_s = 1, .cluster = "test" };
    const struct empty none = {};
    struct err e = { 0 };
    void *msg;

    assert_non_null(rpc);
    assert_int_equal(wire_unpack_new(rpc->request, f->body, f->len, &t->arena, &msg, &e), 0);
    if (f->opcode == OP_node_hello) {
        t->last = *(struct node_register *)msg;
        t->registrations++;
        t->peer = *conn_peer(c);
        t->node = c;
        rpc_send(c, f->opcode, FRAME_REPLY, f->request, &desc_node_welcome, &welcome);
        return;
    }
    if (f->opcode == OP_step_ended)
        on_ended(t, msg);
    if (f->opcode == OP_job_cleaned)
        on_cleaned(t, msg);
    if (!t->is_deaf)
        rpc_send(c, f->opcode, FRAME_REPLY, f->request, &desc_empty, &none);
}

static void on_frame(void *ctx, struct conn *c, const struct frame *f)
{
    struct ctl *t = ctx;
    struct error_info why = { 0 };

    if (!(f->flags & FRAME_REPLY)) {
        on_request(t, c, f);
        return;
    }
    if (f->request != t->answer.request)
        return;
    if (f->flags & FRAME_ERROR)
        assert_int_equal(wire_unpack(&desc_error_info, f->body, f->len, &t->arena, &why, NULL), 0);
    t->answer.has = true;
    t->answer.code = (int)why.code;
}

void slurmd_start(struct ctl *t)
{
    char conf[128];

    snprintf(conf, sizeof conf, "%s/slurm.conf", t->dir);
    t->slurmd = fork();
    if (t->slurmd == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL); /* a test that fails leaves nothing running */
        execl(SLURMD, SLURMD, "-D", "-f", conf, "-N", "n1", "-d", t->stepd ? t->stepd : STEPD,
              NULL);
        _exit(99);
    }
}

int slurmd_kill(struct ctl *t, int signo)
{
    int status;

    kill(t->slurmd, signo);
    waitpid(t->slurmd, &status, 0);
    t->slurmd = 0;
    WAIT_FOR(t, t->node == NULL);
    return status;
}

void write_conf(struct ctl *t, const char *more)
{
    char path[128];

    snprintf(path, sizeof path, "%s/slurm.conf", t->dir);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    const struct passwd *me = getpwuid(geteuid());
    const char *d = t->dir;
    fprintf(f,
            "ClusterName=test\nSlurmUser=%s\nSlurmdUser=root\n"
            "ProctrackType=proctrack/linuxproc\n",
            me ? me->pw_name : "root");
    if (t->munged)
        fprintf(f, "SlurmctldHost=localhost(127.0.0.1)\n");
    else
        fprintf(f, "SlurmctldHost=ctl(%s/ctl.sock)\n", d);
    fprintf(f, "SlurmdSpoolDir=%s/spool.%%n\nSlurmdPidFile=%s/%%n.pid\nSlurmdLogFile=%s/%%n.log\n",
            d, d, d);
    fprintf(f, "UnkillableStepTimeout=60\n%sNodeName=n1 CPUs=4\nPartitionName=p Nodes=n1\n", more);
    fclose(f);
}

void dir_open(struct ctl *t)
{
    char path[128];
    struct err e = { 0 };

    memset(t, 0, sizeof *t);
    strcpy(t->dir, "/tmp/slurmd_test.XXXXXX");
    assert_non_null(mkdtemp(t->dir));
    chmod(t->dir, 0755);
    t->uid = geteuid() == 0 ? OTHER_UID : geteuid();
    snprintf(path, sizeof path, "%s/work", t->dir);
    assert_int_equal(mkdir(path, 0755), 0);
    assert_int_equal(chown(path, t->uid, t->uid), 0);
    assert_int_equal(loop_new(&t->loop, &e), 0);
}

void ctl_open(struct ctl *t, const char *more_conf)
{
    dir_open(t);
    ctl_open_in_dir(t, more_conf);
}

void ctl_open_in_dir(struct ctl *t, const char *more_conf)
{
    struct err e = { 0 };
    char path[128];

    snprintf(path, sizeof path, "%s/ctl.sock", t->dir);
    assert_int_equal(listener_unix(t->loop, path, &ops, t, &t->listener, &e), 0);
    write_conf(t, more_conf);
    slurmd_start(t);
    WAIT_FOR(t, t->node);
}

static const char *munged_start(struct ctl *t)
{
    const char *key = arena_printf(&t->arena, "%s/key", t->dir);
    char *socket = arena_printf(&t->arena, "--socket=%s/munge.sock", t->dir);

    int fd = open(key, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
    assert_int_equal(write(fd, "not so secret, but long enough for a key", 40), 40);
    close(fd);
    t->munged = fork();
    if (t->munged == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        execl(MUNGED, MUNGED, "-F", arena_printf(&t->arena, "--key-file=%s", key), socket,
              arena_printf(&t->arena, "--pid-file=%s/munged.pid", t->dir),
              arena_printf(&t->arena, "--log-file=%s/munged.log", t->dir), NULL);
        _exit(99);
    }
    return strchr(socket, '=') + 1;
}

/* The way between hosts: TCP, a munged of our own, TLS. */
void ctl_open_tcp(struct ctl *t)
{
    const struct tcp_address any = { "127.0.0.1", 0 };
    struct err e = { 0 };

    dir_open(t);
    const char *socket = munged_start(t);
    t->munge = munge_async_new(t->loop, socket);
    t->auth = auth_server_new(t->loop, t->munge, geteuid());
    assert_int_equal(listener_tcp(t->loop, &any, &ops, t, &t->listener, &e), 0);
    write_conf(t, arena_printf(&t->arena, "SlurmctldPort=%u\nAuthInfo=socket=%s\n",
                               listener_port(t->listener), socket));
    slurmd_start(t);
    WAIT_FOR(t, t->node);
}

void ctl_close(struct ctl *t)
{
    char command[128];

    if (t->slurmd)
        assert_int_equal(slurmd_kill(t, SIGTERM), 0);
    listener_free(t->listener);
    auth_server_free(t->auth);
    munge_async_free(t->munge);
    if (t->munged) {
        kill(t->munged, SIGTERM);
        waitpid(t->munged, NULL, 0);
    }
    loop_free(t->loop);
    arena_fini(&t->arena);
    snprintf(command, sizeof command, "%s", t->dir);
    pid_t pid = fork();
    if (pid == 0) {
        execlp("rm", "rm", "-rf", command, NULL);
        _exit(1);
    }
    waitpid(pid, NULL, 0);
}

/* Sends and waits for the answer; returns its code. */
int ask(struct ctl *t, uint16_t opcode, const struct desc *d, const void *msg)
{
    t->answer.request = ++t->request;
    t->answer.has = false;
    CLEANUP(buf_fini) struct buf body = { 0 };
    wire_pack(d, msg, &body);
    if (conn_secret(t->node) && !t->forges && (opcode == OP_step_launch || opcode == OP_step_start))
        seal_put(&body, opcode, conn_secret(t->node));
    conn_send(t->node, opcode, 0, t->request, body.data, body.len);
    WAIT_FOR(t, t->answer.has);
    return t->answer.code;
}

struct launch a_launch(struct ctl *t, uint32_t job, const char *script)
{
    static const char *environment[] = { "HOME=/", "PATH=/usr/local/bin:/usr/bin:/bin",
                                         "MINE=yes" };
    static char work[128];

    snprintf(work, sizeof work, "%s/work", t->dir);
    return (struct launch){
        .job_id = job,
        .step_id = STEP_BATCH,
        .epoch = 5,
        .uid = t->uid,
        .gid = t->uid,
        .user_name = "tester",
        .script = { (const uint8_t *)script, (uint32_t)strlen(script) },
        .environment = { environment, 3 },
        .work_dir = work,
        .std_in = "",
        .std_out = "",
        .std_err = "",
        .nodes = "n1",
        .num_nodes = 1,
        .cpus_per_node = "1",
        .tasks_per_node = "1",
        .cpus = 1,
        .job_name = "test",
        .partition = "p",
        .account = "",
        .qos = "",
        .cluster = "test",
        .submit_dir = work,
        .submit_host = "here",
        .node_name = "n1",
        .is_single_node = true,
        .cpu_ids = "",
        .dependency = "",
        .reservation = "",
        .export_env = "",
        .gres = "",
        .nodes_addr = "",
        .distribution = "",
        .licenses = "",
        .get_user_env = "",
    };
}

int launch(struct ctl *t, uint32_t job, const char *script)
{
    struct launch l = a_launch(t, job, script);

    return ask(t, OP_step_launch, &desc_launch, &l);
}

int end(struct ctl *t, uint32_t job, uint32_t wait_s, const char *why)
{
    struct job_terminate j = {
        .job_id = job, .epoch = 5, .kill_wait_s = wait_s, .why = why, .uid = t->uid
    };

    return ask(t, OP_job_end, &desc_job_terminate, &j);
}

/* A file of the working directory, whole; "" when it is not there. */
const char *text_of(struct ctl *t, const char *name)
{
    char path[256], *text = arena_alloc(&t->arena, 65536);

    snprintf(path, sizeof path, "%s/work/%s", t->dir, name);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? 0 : read(fd, text, 65535);
    if (fd >= 0)
        close(fd);
    text[n > 0 ? n : 0] = '\0';
    return text;
}
