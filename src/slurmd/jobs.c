/* Jobs and steps of this node.  A step is its slurmstepd, watched by pidfd, whether we started it
 * or found it in the spool; it has ended when that process is gone, and then the spool says how.
 *
 * The way of a job:  launch -> [Prolog] -> steps -> all gone -> [Epilog] -> clean.
 * A job with this node alone is cleaned when its step ends and the report says so; any other waits
 * for the controller's word (jobs_end), which may come at any time and any number of times. */
#include "slurmd/jobs.h"

#include "base/cleanup.h"
#include "base/log.h"
#include "base/xalloc.h"
#include "node/cgroup.h"
#include "node/hook.h"
#include "node/procs.h"
#include "node/stepd.h"
#include "schema/errors.h"
#include "schema/rpc.h"
#include "slurmd/spawn.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <unistd.h>

#define ADOPT_TRIES \
    200 /* of 10 ms: a slurmstepd that holds its lock signs at once unless the machine is stuck */
#define ORPHAN_SWEEPS 100
#define STEP_CLEANED (STEP_ALL - 1) /* in `seen`: the job was cleaned here */

/* A slurmstepd that lives. */
struct step {
    struct list link;
    struct launcher *l;
    struct step_record record;
    int pidfd;
    struct loop_fd *watch;
};

/* A launch whose Prolog runs. */
struct waiting {
    struct step_record record;
    struct step_files files;
    int launch_fd;
};

/* A job between two of its moves: it waits for a hook, or for its steps to end. */
struct job {
    struct list link;
    struct launcher *l;
    struct step_key key; /* step_id STEP_ALL */
    uint32_t uid;
    bool is_ending;  /* the controller's word came: CHAN_CLEAN is owed */
    bool is_stuck;   /* CHAN_HEALTH was said, and is to be taken back */
    bool has_result; /* a step's report waits for the Epilog: report_key */
    struct step_key report_key;
    struct loop_child *hook; /* Prolog or Epilog */
    struct waiting *waiting; /* the launch that the Prolog goes before; NULL when there is none */
    struct loop_timer *timer;
    struct buf words; /* of a failed Epilog */
};

static int step_spawn(struct launcher *l, struct step_record *r, const struct step_files *files,
                      int launch_fd, struct err *e);
static int prolog_start(struct launcher *l, const struct step_record *r,
                        const struct step_files *files, int launch_fd, struct err *e);
static void step_watch(struct launcher *l, const struct step_record *r, int pidfd);
static void step_over(void *ctx, int fd, unsigned events);
static void report(struct launcher *l, const struct step_key *key, bool is_clean);
static struct job *job_get(struct launcher *l, const struct step_key *key, uint32_t uid);
static void job_settle(struct job *j);
static void on_prolog(void *ctx, pid_t pid, int status);
static void on_epilog(void *ctx, pid_t pid, int status);
static void hook_gone(struct job *j, pid_t pid);
static void orphans_kill(struct launcher *l, const struct step_record *r);

static bool same_step(const struct step_key *a, const struct step_key *b)
{
    return a->job_id == b->job_id && a->step_id == b->step_id && a->restart == b->restart;
}

static bool same_job(const struct step_key *a, const struct step_key *b)
{
    return a->job_id == b->job_id && a->restart == b->restart;
}

static struct step_key whole_job(const struct step_key *key, uint32_t step_id)
{
    return (struct step_key){ key->job_id, step_id, key->restart };
}

static struct step *step_find(struct launcher *l, const struct step_key *key)
{
    LIST_FOREACH(it, &l->steps) {
        struct step *s = list_entry(it, struct step, link);
        if (same_step(&s->record.key, key))
            return s;
    }
    return NULL;
}

static bool has_steps(struct launcher *l, const struct step_key *key)
{
    LIST_FOREACH(it, &l->steps)
        if (same_job(&list_entry(it, struct step, link)->record.key, key))
            return true;
    return false;
}

static bool is_waiting(struct launcher *l, const struct step_key *key)
{
    LIST_FOREACH(it, &l->jobs) {
        const struct job *j = list_entry(it, struct job, link);
        if (j->waiting && same_step(&j->waiting->record.key, key))
            return true;
    }
    return false;
}

/* ---- launching */

/* Pure: may this launch start?  0, 1 when it runs already, or why not. */
static int launch_judge(struct launcher *l, const struct chan_head *h, struct err *e)
{
    struct step_key job = whole_job(&h->key, STEP_ALL);

    if (step_find(l, &h->key) || is_waiting(l, &h->key))
        return 1;
    if (geteuid() != 0 && h->uid != geteuid())
        return err_set(e, ESLURMD_SET_UID_OR_GID_ERROR,
                       "slurmd of node %s runs as user %u and cannot start jobs of user %u",
                       l->conf->node, geteuid(), h->uid);
    if (h->uid == 0 && l->conf->no_root_jobs)
        return err_set(e, ESLURMD_SET_UID_OR_GID_ERROR,
                       "DisableRootJobs: node %s starts no job of root", l->conf->node);
    if (seen_has(&l->seen, &h->key))
        return err_set(e, ESLURMD_CREDENTIAL_REPLAYED, "job %u restart %u was launched here before",
                       h->key.job_id, h->key.restart);
    if (seen_has(&l->seen, &job))
        return err_set(e, ESLURMD_CREDENTIAL_REVOKED,
                       "job %u restart %u was ended here before it began", h->key.job_id,
                       h->key.restart);
    return 0;
}

int jobs_launch(struct launcher *l, const struct chan_head *h, int *fd, struct err *e)
{
    struct step_record r = {
        .key = h->key, .uid = h->uid, .epoch = h->epoch, .is_single_node = h->value
    };

    int err = launch_judge(l, h, e);
    if (err != 0)
        return err < 0 ? err : 0;
    snprintf(r.boot_id, sizeof r.boot_id, "%s", l->boot_id);
    struct step_files files;
    err = spool_step_new(&l->spool, &r, &files, e);
    if (err < 0)
        return err;
    if (l->conf->prolog[0])
        return prolog_start(l, &r, &files, TAKE_FD(*fd), e);
    return step_spawn(l, &r, &files, *fd, e);
}

/* The lock and the directory are slurmstepd's from here on. */
static int step_spawn(struct launcher *l, struct step_record *r, const struct step_files *files,
                      int launch_fd, struct err *e)
{
    pid_t pid;

    int err = spawn_stepd(l->conf, &r->key, files, launch_fd, &pid, e);
    close(files->dir);
    close(files->lock);
    if (err < 0) {
        spool_step_remove(&l->spool, &r->key);
        return err;
    }
    seen_add(&l->seen, &r->key);
    map_put(&l->children, (uint64_t)pid, l);
    r->keeper.pid = pid;
    step_watch(l, r, pidfd_open(pid, 0)); /* our child: the pid is its until we reap it */
    return 0;
}

static void step_watch(struct launcher *l, const struct step_record *r, int pidfd)
{
    struct step *s = xcalloc(1, sizeof *s);
    struct chan_head h = { .type = CHAN_STEP, .key = r->key, .epoch = r->epoch };

    *s = (struct step){ .l = l, .record = *r, .pidfd = pidfd };
    list_add_tail(&l->steps, &s->link);
    s->watch = loop_add_fd(l->loop, pidfd, LOOP_READ, step_over, s);
    chan_send(l->chan, &h, NULL, 0, -1);
}

/* ---- the end of a step */

static void step_over(void *ctx, int fd, unsigned events)
{
    struct step *s = ctx;
    struct launcher *l = s->l;
    struct step_record r = s->record;
    siginfo_t info;

    (void)waitid(P_PIDFD, (id_t)s->pidfd, &info,
                 WEXITED | WNOHANG); /* an adopted one is init's to reap */
    loop_remove_fd(s->watch);
    close(s->pidfd);
    map_del(&l->children, (uint64_t)r.keeper.pid);
    list_remove(&s->link);
    free(s);

    CLEANUP(closep) int dir = -1;
    if (spool_step_open(&l->spool, &r.key, &dir) == 0 && faccessat(dir, "result", F_OK, 0) < 0)
        orphans_kill(l, &r);
    struct step_key key = whole_job(&r.key, STEP_ALL);
    struct job *j = job_get(l, &key, r.uid);
    bool is_last = r.is_single_node && !has_steps(l, &key);
    j->has_result = is_last;
    j->report_key = r.key;
    if (!is_last)
        report(l, &r.key, false);
    job_settle(j);
}

/* Sends what the step left in `result`; without one, slurmstepd was killed, and that is the report.
 */
static void report(struct launcher *l, const struct step_key *key, bool is_clean)
{
    struct chan_head h = { .type = CHAN_DONE, .key = *key, .value = is_clean };

    CLEANUP(buf_fini) struct buf result = { 0 };
    CLEANUP(closep) int dir = -1;
    if (spool_step_open(&l->spool, key, &dir) < 0 || spool_get(dir, "result", &result) < 0)
        h.code = ESLURMD_SESSION_KILLED;
    chan_send(l->chan, &h, result.data, result.len, -1);
}

/* A step that never got its slurmstepd. */
static void failure_report(struct launcher *l, const struct step_key *key, const struct err *e)
{
    struct chan_head h = { .type = CHAN_DONE, .key = *key, .code = e->code };

    log_error("%s", e->text);
    seen_add(&l->seen, key);
    chan_send(l->chan, &h, e->text, strlen(e->text), -1);
}

/* slurmstepd died before its step did.  What it kept together comes to us, the next subreaper, when
 * we started it; after a restart of ours only the environment tells whose a process is. */
static void orphans_kill(struct launcher *l, const struct step_record *r)
{
    const struct launcher_conf *c = l->conf;
    char job[48], node[300], conf[PATH_MAX + 16];
    /* Other nodes and other clusters on this machine may have a job of this number. */
    const char *const variables[] = { job, node, conf, NULL };
    int left = 1;

    cgroup_clear(c->host->cgroup, &(struct cgroup_id){ r->uid, r->key.job_id, r->key.step_id });
    snprintf(job, sizeof job, "SLURM_JOB_ID=%u", r->key.job_id);
    snprintf(node, sizeof node, "SLURMD_NODENAME=%s", c->node);
    snprintf(conf, sizeof conf, "SLURM_CONF=%s", c->conf_path);
    for (int i = 0; i < ORPHAN_SWEEPS && left > 0; i++) {
        left = procs_kill_strays(&l->children) + procs_signal_env(r->uid, variables, SIGKILL);
        if (left > 0)
            usleep(1000);
    }
    log_error("slurmstepd of job %u was killed; %d of its processes are left", r->key.job_id, left);
}

/* ---- signals and the end of a job */

static int tell(struct step *s, int signo, int value)
{
    siginfo_t info = { .si_signo = signo, .si_code = SI_QUEUE };

    info.si_pid = getpid();
    info.si_uid = getuid();
    info.si_value.sival_int = value;
    return pidfd_send_signal(s->pidfd, signo, &info, 0) < 0 ? -errno : 0;
}

int jobs_signal(struct launcher *l, const struct chan_head *h, struct err *e)
{
    int hit = 0;

    LIST_FOREACH(it, &l->steps) {
        struct step *s = list_entry(it, struct step, link);
        const struct step_key *key = &s->record.key;
        if (key->job_id == h->key.job_id &&
            (h->key.step_id == STEP_ALL || h->key.step_id == key->step_id))
            hit += tell(s, STEPD_SIGNAL, (int)h->value) == 0;
    }
    return hit ? 0
               : err_set(e, ESRCH, "job %u has no such step on node %s", h->key.job_id,
                         l->conf->node);
}

static void step_end(struct launcher *l, struct step *s, const struct buf *how)
{
    CLEANUP(closep) int dir = -1;

    if (spool_step_open(&l->spool, &s->record.key, &dir) < 0 || spool_put(dir, "end", how) < 0)
        log_error("job %u: cannot write into the spool; it ends as if cancelled",
                  s->record.key.job_id);
    tell(s, SIGTERM, 0);
}

static void on_stuck(void *ctx)
{
    struct job *j = ctx;
    struct launcher *l = j->l;
    struct chan_head h = { .type = CHAN_HEALTH };

    CLEANUP(buf_fini) struct buf words = { 0 };
    LIST_FOREACH(it, &l->steps) {
        struct step *s = list_entry(it, struct step, link);
        if (same_job(&s->record.key, &j->key) && s->record.keeper.pid)
            procs_describe_tree(s->record.keeper.pid, &words);
    }
    CLEANUP(freep)
    char *text = xasprintf("Kill task failed: job %u waits for %s", j->key.job_id, buf_str(&words));
    log_error("%s", text);
    j->is_stuck = true;
    chan_send(l->chan, &h, text, strlen(text), -1);
}

void jobs_end(struct launcher *l, const struct chan_head *h, const struct buf *how)
{
    struct step_key key = whole_job(&h->key, STEP_ALL);
    struct job *j = job_get(l, &key, h->uid);

    seen_add(&l->seen, &key); /* a launch that comes late is refused */
    j->is_ending = true;
    LIST_FOREACH(it, &l->steps) {
        struct step *s = list_entry(it, struct step, link);
        if (same_job(&s->record.key, &key))
            step_end(l, s, how);
    }
    if (!j->timer && has_steps(l, &key) && l->conf->unkillable_timeout_s != UINT32_MAX)
        j->timer = loop_add_timer(
            l->loop, (h->value + (int64_t)l->conf->unkillable_timeout_s) * 1000, on_stuck, j);
    job_settle(j);
}

static struct job *job_get(struct launcher *l, const struct step_key *key, uint32_t uid)
{
    LIST_FOREACH(it, &l->jobs) {
        struct job *j = list_entry(it, struct job, link);
        if (same_job(&j->key, key))
            return j;
    }
    struct job *j = xcalloc(1, sizeof *j);
    *j = (struct job){ .l = l, .key = *key, .uid = uid };
    list_add_tail(&l->jobs, &j->link);
    return j;
}

static void job_free(struct job *j)
{
    struct chan_head healthy = { .type = CHAN_HEALTH };

    if (j->is_stuck)
        chan_send(j->l->chan, &healthy, NULL, 0, -1);
    list_remove(&j->link);
    loop_remove_timer(j->timer);
    buf_fini(&j->words);
    free(j);
}

/* What is owed goes out, and the job is forgotten here. */
static void job_cleaned(struct job *j)
{
    struct launcher *l = j->l;
    struct step_key cleaned = whole_job(&j->key, STEP_CLEANED);
    struct chan_head h = { .type = CHAN_CLEAN, .key = j->key };

    seen_add(&l->seen, &cleaned);
    cgroup_clear(l->conf->host->cgroup, &(struct cgroup_id){ j->uid, j->key.job_id, STEP_ALL });
    if (j->has_result)
        report(l, &j->report_key, j->words.len == 0);
    if (j->is_ending || j->words.len)
        chan_send(l->chan, &h, j->words.data, j->words.len, -1);
    job_free(j);
}

static void on_epilog(void *ctx, pid_t pid, int status)
{
    struct job *j = ctx;

    hook_gone(j, pid);
    if (status != 0)
        buf_printf(&j->words, "Epilog error: job %u, %s %d", j->key.job_id,
                   WIFSIGNALED(status) ? "signal" : "exit code",
                   WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
    job_cleaned(j);
}

static void on_hook_late(void *ctx)
{
    struct job *j = ctx;

    loop_kill_child(j->hook, SIGKILL);
}

static int job_hook(struct job *j, const char *path, const char *context, loop_child_fn *fn,
                    struct err *e)
{
    const struct launcher_conf *c = j->l->conf;
    struct hook h = { path, context, j->key.job_id, j->uid, c->node, c->cluster, c->conf_path };
    pid_t pid;

    int err = hook_start(&h, &pid, e);
    if (err < 0)
        return err;
    map_put(&j->l->children, (uint64_t)pid, j);
    j->hook = loop_add_child(j->l->loop, pid, fn, j);
    loop_remove_timer(j->timer);
    j->timer = c->hook_timeout_s == UINT32_MAX
                   ? NULL
                   : loop_add_timer(j->l->loop, c->hook_timeout_s * 1000LL, on_hook_late, j);
    return 0;
}

static void hook_gone(struct job *j, pid_t pid)
{
    j->hook = NULL;
    map_del(&j->l->children, (uint64_t)pid);
    loop_remove_timer(j->timer);
    j->timer = NULL;
}

static void epilog_start(struct job *j)
{
    struct err e = { 0 };

    if (job_hook(j, j->l->conf->epilog, "epilog_slurmd", on_epilog, &e) == 0)
        return;
    buf_printf(&j->words, "Epilog error: %s", e.text);
    job_cleaned(j);
}

static int prolog_start(struct launcher *l, const struct step_record *r,
                        const struct step_files *files, int launch_fd, struct err *e)
{
    struct step_key key = whole_job(&r->key, STEP_ALL);
    struct job *j = job_get(l, &key, r->uid);

    int err = j->waiting ? err_set(e, EBUSY, "the Prolog of job %u runs", key.job_id)
                         : job_hook(j, l->conf->prolog, "prolog_slurmd", on_prolog, e);
    if (err < 0) {
        close(files->dir);
        close(files->lock);
        close(launch_fd);
        spool_step_remove(&l->spool, &r->key);
        job_settle(j);
        return err;
    }
    j->waiting = xcalloc(1, sizeof *j->waiting);
    *j->waiting = (struct waiting){ *r, *files, launch_fd };
    return 0;
}

/* Starts what waited for the Prolog, unless that failed or the job was ended meanwhile. */
static void on_prolog(void *ctx, pid_t pid, int status)
{
    struct job *j = ctx;
    struct launcher *l = j->l;
    struct err e = { 0 };

    hook_gone(j, pid);
    CLEANUP(freep) struct waiting *w = TAKE(j->waiting);
    CLEANUP(closep) int launch_fd = w->launch_fd;
    int err = 0;
    if (j->is_ending || status != 0) {
        close(w->files.dir);
        close(w->files.lock);
        spool_step_remove(&l->spool, &w->record.key);
    }
    if (status != 0)
        err = err_set(&e, ESLURMD_PROLOG_FAILED, "Prolog error: job %u, wait status %d",
                      j->key.job_id, status);
    else if (!j->is_ending)
        err = step_spawn(l, &w->record, &w->files, launch_fd, &e);
    if (err < 0)
        failure_report(l, &w->record.key, &e);
    job_settle(j);
}

/* One step forward, if there is one: nothing alive and the end wanted -> Epilog -> clean. */
static void job_settle(struct job *j)
{
    struct launcher *l = j->l;
    struct step_key cleaned = whole_job(&j->key, STEP_CLEANED);

    if (j->hook || has_steps(l, &j->key))
        return;
    if (!j->is_ending && !j->has_result) {
        job_free(j); /* its other nodes still run: the controller's word will come */
        return;
    }
    if (l->conf->epilog[0] && !seen_has(&l->seen, &cleaned))
        epilog_start(j);
    else
        job_cleaned(j);
}

/* ---- after a restart of slurmd */

static int keeper_wait(struct launcher *l, struct step_record *r, int dir)
{
    bool is_locked = true;

    for (int i = 0; i < ADOPT_TRIES && is_locked && r->keeper.pid == 0; i++) {
        usleep(10000);
        spool_step_read(dir, r, &is_locked);
    }
    return r->keeper.pid ? proc_open(&r->keeper) : -ESRCH;
}

static void found(void *ctx, int dir, const struct step_record *found, bool is_locked)
{
    struct launcher *l = ctx;
    struct step_record r = *found;
    bool has_result = faccessat(dir, "result", F_OK, 0) == 0;

    int pidfd = is_locked ? keeper_wait(l, &r, dir) : -ESRCH;
    if (pidfd >= 0) {
        log_info("job %u goes on: slurmstepd %d found again", r.key.job_id, (int)r.keeper.pid);
        step_watch(l, &r, pidfd);
        return;
    }
    if (!has_result && r.keeper.pid == 0 && !seen_has(&l->seen, &r.key)) {
        spool_step_remove(&l->spool, &r.key); /* the launch was never carried out nor answered */
        return;
    }
    if (l->conf->is_clean_start) {
        spool_step_remove(&l->spool, &r.key);
        return;
    }
    if (!has_result && strcmp(r.boot_id, l->boot_id) == 0)
        orphans_kill(l, &r);
    report(l, &r.key, r.is_single_node);
}

static bool job_lives(void *ctx, uint32_t job_id)
{
    struct launcher *l = ctx;

    LIST_FOREACH(it, &l->steps)
        if (list_entry(it, struct step, link)->record.key.job_id == job_id)
            return true;
    return false;
}

void jobs_open(struct launcher *l)
{
    struct chan_head h = { .type = CHAN_READY };

    list_init(&l->steps);
    list_init(&l->jobs);
    spool_each(&l->spool, found, l);
    cgroup_clear_others(l->conf->host->cgroup, job_lives, l);
    chan_send(l->chan, &h, NULL, 0, -1);
}

static void on_helper(void *ctx, pid_t pid, int status)
{
    struct launcher *l = ctx;

    map_del(&l->children, (uint64_t)pid);
}

void jobs_reap_later(struct launcher *l, pid_t pid)
{
    if (pid <= 0)
        return;
    map_put(&l->children, (uint64_t)pid, l);
    loop_add_child(l->loop, pid, on_helper, l);
}
