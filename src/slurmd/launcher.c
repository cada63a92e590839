/* The root half of slurmd.  It has no network, parses nothing that came from it, and reads only
 * what it or slurmstepd wrote into the spool.  The message loop is here; what happens to one job is
 * jobs.c. */
#include "slurmd/launcher.h"

#include "base/cleanup.h"
#include "base/log.h"
#include "node/cgroup.h"
#include "node/hook.h"
#include "slurmd/cred.h"
#include "slurmd/health.h"
#include "slurmd/jobs.h"
#include "wire/wire.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

static void on_launch(struct launcher *l, const struct chan_head *h, const void *body, size_t len,
                      int *fd);
static void on_prepare(struct launcher *l, const struct chan_head *h, const void *body, size_t len,
                       int *fd);
static void on_signal(struct launcher *l, const struct chan_head *h, const void *body, size_t len,
                      int *fd);
static void on_reboot(struct launcher *l, const struct chan_head *h, const void *body, size_t len,
                      int *fd);
static void on_end(struct launcher *l, const struct chan_head *h, const void *body, size_t len,
                   int *fd);
static void on_ack(struct launcher *l, const struct chan_head *h, const void *body, size_t len,
                   int *fd);
static void on_cred(struct launcher *l, const struct chan_head *h, const void *body, size_t len,
                    int *fd);
static void on_log(struct launcher *l, const struct chan_head *h, const void *body, size_t len,
                   int *fd);

typedef void message_fn(struct launcher *l, const struct chan_head *h, const void *body, size_t len,
                        int *fd);

/* All that root can be asked to do. */
static message_fn *const messages[CHAN_TYPES] = {
    [CHAN_LAUNCH] = on_launch,   [CHAN_SIGNAL] = on_signal, [CHAN_END] = on_end,
    [CHAN_ACK] = on_ack,         [CHAN_CRED] = on_cred,     [CHAN_LOG] = on_log,
    [CHAN_PREPARE] = on_prepare, [CHAN_REBOOT] = on_reboot,
};

static void on_message(void *ctx, const struct chan_head *h, const void *body, size_t len, int *fd)
{
    if (messages[h->type])
        messages[h->type](ctx, h, body, len, fd);
}

static void on_gone(void *ctx)
{
    struct launcher *l = ctx;

    loop_stop(l->loop);
}

/* The kernel shall not pick us, nor slurmstepd, when memory is short; task.c takes it back for the
 * task (F18). */
static void protect(void)
{
    CLEANUP(closep) int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);

    if (fd >= 0 && write(fd, "-1000", 5) < 0)
        log_debug("not protected from the OOM killer: %s", strerror(errno)); /* needs root */
}

/* Nothing is shared with the other half but the channel: no lock of its pid file, no terminal of
 * the administrator who started it, no epoll set.  The log is opened again, by root. */
static void part_from(const struct launcher_conf *conf, int chan_fd)
{
    log_to_file(NULL, LOG_QUIET);
    if (chan_fd > STDERR_FILENO + 1)
        close_range(STDERR_FILENO + 1, (unsigned)chan_fd - 1, 0);
    close_range((unsigned)chan_fd + 1, ~0u, 0);
    if (conf->log_path && log_to_file(conf->log_path, conf->log_level) < 0)
        log_error("cannot open %s", conf->log_path);
    if (conf->is_foreground)
        return;
    log_set_stderr(LOG_QUIET);
    CLEANUP(closep) int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    for (int fd = STDIN_FILENO; null >= 0 && fd <= STDERR_FILENO; fd++)
        dup2(null, fd);
    setsid();
}

/* What steps need to know of this node, root's word to root. */
static void host_tell(const struct launcher *l)
{
    CLEANUP(buf_fini) struct buf body = { 0 };

    wire_pack(&desc_host, l->conf->host, &body);
    int err = spool_put(l->spool.dir, "host", &body);
    if (err < 0)
        die("write %s/host: %s", l->conf->spool_path, strerror(-err));
}

_Noreturn void launcher_main(const struct launcher_conf *conf, int chan_fd)
{
    struct launcher l = { .conf = conf };
    struct err e = { 0 };

    part_from(conf, chan_fd);
    protect();
    prctl(PR_SET_NAME, "slurmd-launcher");
    prctl(PR_SET_CHILD_SUBREAPER, 1); /* the orphans of a killed slurmstepd come to us */
    umask(022);
    signal(SIGINT, SIG_IGN); /* ^C at the terminal is for the other half, whose end is ours */
    if (loop_new(&l.loop, &e) < 0 || spool_open(conf->spool_path, &l.spool, &e) < 0 ||
        seen_open(&l.spool, "seen", &l.seen, &e) < 0 ||
        seen_open(&l.spool, "seen.steps", &l.seen_steps, &e) < 0)
        die("%s", e.text);
    spool_boot_id(l.boot_id);
    host_tell(&l);
    l.chan = chan_new(l.loop, chan_fd, on_message, on_gone, &l);
    jobs_open(&l);
    health_open(&l);
    while (!loop_stopped(l.loop))
        loop_once(l.loop, -1);
    cgroup_close(conf->host->cgroup);
    _exit(EXIT_SUCCESS);
}

/* ---- messages */

static void reply(struct launcher *l, const struct chan_head *to, int err, const struct err *e)
{
    struct chan_head h = { .type = CHAN_REPLY, .token = to->token, .key = to->key, .code = -err };

    chan_send(l->chan, &h, e->text, err < 0 ? strlen(e->text) : 0, -1);
}

static void on_launch(struct launcher *l, const struct chan_head *h, const void *body, size_t len,
                      int *fd)
{
    size_t ident = h->ident_len < len ? h->ident_len : len;
    const struct jobs_words all = {
        .ident = { .data = (uint8_t *)body, .len = ident },
        .hooks = { .data = (uint8_t *)body + ident, .len = len - ident },
    };
    struct err e = { 0 };

    reply(l, h, jobs_launch(l, h, &all, fd, &e), &e);
}

static void on_prepare(struct launcher *l, const struct chan_head *h, const void *body, size_t len,
                       int *fd)
{
    const struct buf words = { .data = (uint8_t *)body, .len = len };
    struct err e = { 0 };

    int err = jobs_prepare(l, h, &words, &e);
    if (err <= 0)
        reply(l, h, err, &e);
}

static void on_signal(struct launcher *l, const struct chan_head *h, const void *body, size_t len,
                      int *fd)
{
    const struct buf told = { .data = (uint8_t *)body, .len = len };
    struct err e = { 0 };

    reply(l, h, jobs_signal(l, h, &told, &e), &e);
}

static void on_reboot(struct launcher *l, const struct chan_head *h, const void *body, size_t len,
                      int *fd)
{
    const struct launcher_conf *c = l->conf;
    struct hook program = { c->reboot, "reboot", 0, 0, c->node, c->cluster, c->conf_path, NULL };
    struct err e = { 0 };
    pid_t pid = -1;

    int err = c->reboot[0] ? hook_start(&program, &pid, &e)
                           : err_set(&e, ENOENT, "slurm.conf has no RebootProgram");
    log_info("reboot ordered: %s", err < 0 ? e.text : c->reboot);
    jobs_reap_later(l, pid);
    reply(l, h, err, &e);
}

static void on_end(struct launcher *l, const struct chan_head *h, const void *body, size_t len,
                   int *fd)
{
    struct buf how = { .data = (uint8_t *)body, .len = len };
    struct err e = { 0 };

    jobs_end(l, h, &how);
    reply(l, h, 0, &e);
}

static void on_ack(struct launcher *l, const struct chan_head *h, const void *body, size_t len,
                   int *fd)
{
    spool_step_remove(&l->spool, &h->key);
}

/* munged may be slow or away: a child of its own asks it, answers the other half and is gone. */
static void on_cred(struct launcher *l, const struct chan_head *h, const void *body, size_t len,
                    int *fd)
{
    struct chan_head answer = { .type = CHAN_HELLO, .token = h->token };
    uint8_t *key = l->seal_keys[l->seal_next++ % SEAL_KEYS];
    struct err e = { 0 };

    if (getrandom(key, SEAL_KEY, 0) != SEAL_KEY)
        die("random bytes: %s", strerror(errno));
    pid_t pid = fork();
    if (pid < 0)
        log_error("fork: %s", strerror(errno));
    if (pid != 0) {
        jobs_reap_later(l, pid);
        return;
    }
    CLEANUP(buf_fini) struct buf hello = { 0 };
    int err = cred_hello(l->conf, key, &hello, &e);
    answer.code = -err;
    if (err < 0)
        chan_send_on(chan_fd(l->chan), &answer, e.text, strlen(e.text));
    else
        chan_send_on(chan_fd(l->chan), &answer, hello.data, hello.len);
    _exit(EXIT_SUCCESS);
}

/* After a rotation.  The other half cannot open the file, but it can be handed one that is open. */
static void on_log(struct launcher *l, const struct chan_head *h, const void *body, size_t len,
                   int *fd)
{
    const char *path = l->conf->log_path;

    CLEANUP(closep)
    int log = path ? open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0640) : -1;
    if (path && (log < 0 || log_to_file(path, l->conf->log_level) < 0))
        log_error("cannot reopen %s: %s", path, strerror(errno));
    if (log >= 0)
        chan_send(l->chan, h, NULL, 0, log);
}
