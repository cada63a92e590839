/* Steps of this node.  A step is its slurmstepd, watched by pidfd, whether we started it or found
 * it in the spool; it has ended when that process is gone, and then the spool says how. */
#include "slurmd/steps.h"

#include "base/cleanup.h"
#include "base/log.h"
#include "base/xalloc.h"
#include "node/cgroup.h"
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

static void step_watch(struct launcher *l, const struct step_record *r, int pidfd);
static void step_over(void *ctx, int fd, unsigned events);
static void orphans_kill(struct launcher *l, const struct step_record *r);

static bool same_step(const struct step_key *a, const struct step_key *b)
{
    return a->job_id == b->job_id && a->step_id == b->step_id && a->restart == b->restart;
}

bool same_job(const struct step_key *a, const struct step_key *b)
{
    return a->job_id == b->job_id && a->restart == b->restart;
}

struct step_key whole_job(const struct step_key *key, uint32_t step_id)
{
    return (struct step_key){ key->job_id, step_id, key->restart };
}

struct step *step_find(struct launcher *l, const struct step_key *key)
{
    LIST_FOREACH(it, &l->steps) {
        struct step *s = list_entry(it, struct step, link);
        if (same_step(&s->record.key, key))
            return s;
    }
    return NULL;
}

bool steps_of_job(struct launcher *l, const struct step_key *key)
{
    LIST_FOREACH(it, &l->steps)
        if (same_job(&list_entry(it, struct step, link)->record.key, key))
            return true;
    return false;
}

struct seen *step_seen(struct launcher *l, const struct step_key *key)
{
    return key->step_id < STEP_INTERACTIVE ? &l->seen_steps : &l->seen;
}

/* ---- the start */

void step_drop(struct launcher *l, struct prepared *p)
{
    close(p->files.dir);
    close(p->files.lock);
    close(p->launch_fd);
    spool_step_remove(&l->spool, &p->record.key);
}

int step_spawn(struct launcher *l, struct prepared *p, struct err *e)
{
    struct step_record *r = &p->record;
    pid_t pid;

    int err = spawn_stepd(l->conf, r, &p->files, p->launch_fd, &pid, e);
    if (err < 0) {
        step_drop(l, p);
        return err;
    }
    close(p->files.dir);
    close(p->files.lock);
    close(p->launch_fd);
    seen_add(step_seen(l, &r->key), &r->key);
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
    CLEANUP(buf_fini) struct buf ident = { 0 };
    CLEANUP(closep) int dir = -1;
    if (r->key.step_id < STEP_INTERACTIVE && spool_step_open(&l->spool, &r->key, &dir) == 0)
        (void)spool_get(dir, "ident", &ident);
    chan_send(l->chan, &h, ident.data, ident.len, -1);
}

void step_fail(struct launcher *l, const struct step_key *key, const struct err *e)
{
    struct chan_head h = { .type = CHAN_DONE, .key = *key, .code = e->code };

    log_error("%s", e->text);
    seen_add(step_seen(l, key), key);
    chan_send(l->chan, &h, e->text, strlen(e->text), -1);
}

/* ---- the end */

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
    jobs_step_over(l, &r);
}

void step_report(struct launcher *l, const struct step_key *key, bool is_clean)
{
    struct chan_head h = { .type = CHAN_DONE, .key = *key, .value = is_clean };

    CLEANUP(buf_fini) struct buf result = { 0 };
    CLEANUP(closep) int dir = -1;
    if (spool_step_open(&l->spool, key, &dir) < 0 || spool_get(dir, "result", &result) < 0)
        h.code = ESLURMD_SESSION_KILLED;
    chan_send(l->chan, &h, result.data, result.len, -1);
}

/* slurmstepd died before its step did.  What it kept together comes to us, the next subreaper, when
 * we started it; after a restart of ours only the environment tells whose a process is.  The step's
 * number is part of it: the other steps of the job go on. */
static void orphans_kill(struct launcher *l, const struct step_record *r)
{
    const struct launcher_conf *c = l->conf;
    char job[48], step[48], node[300], conf[PATH_MAX + 16];
    /* Other nodes and other clusters on this machine may have a job of this number. */
    const char *const variables[] = { job, node, conf, step, NULL };
    int left = 1;

    cgroup_clear(c->host->cgroup, &(struct cgroup_id){ r->uid, r->key.job_id, r->key.step_id });
    snprintf(job, sizeof job, "SLURM_JOB_ID=%u", r->key.job_id);
    snprintf(node, sizeof node, "SLURMD_NODENAME=%s", c->node);
    snprintf(conf, sizeof conf, "SLURM_CONF=%s", c->conf_path);
    if (r->key.step_id < STEP_INTERACTIVE)
        snprintf(step, sizeof step, "SLURM_STEP_ID=%u", r->key.step_id);
    else
        snprintf(step, sizeof step, "ENVIRONMENT=BATCH");
    for (int i = 0; i < ORPHAN_SWEEPS && left > 0; i++) {
        left = procs_kill_strays(&l->children) + procs_signal_env(r->uid, variables, SIGKILL);
        if (left > 0)
            usleep(1000);
    }
    log_error("slurmstepd of job %u was killed; %d of its processes are left", r->key.job_id, left);
}

/* ---- telling */

int step_tell(struct step *s, int signo, int value)
{
    siginfo_t info = { .si_signo = signo, .si_code = SI_QUEUE };

    info.si_pid = getpid();
    info.si_uid = getuid();
    info.si_value.sival_int = value;
    return pidfd_send_signal(s->pidfd, signo, &info, 0) < 0 ? -errno : 0;
}

void step_end(struct step *s, const struct buf *how)
{
    CLEANUP(closep) int dir = -1;

    if (spool_step_open(&s->l->spool, &s->record.key, &dir) < 0 || spool_put(dir, "end", how) < 0)
        log_error("job %u: cannot write into the spool; it ends as if cancelled",
                  s->record.key.job_id);
    step_tell(s, SIGTERM, 0);
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

static void adopt_living(void *ctx, int dir, const struct step_record *found, bool is_locked)
{
    struct launcher *l = ctx;
    struct step_record r = *found;

    int pidfd = is_locked ? keeper_wait(l, &r, dir) : -ESRCH;
    if (pidfd < 0)
        return;
    log_info("job %u goes on: slurmstepd %d found again", r.key.job_id, (int)r.keeper.pid);
    step_watch(l, &r, pidfd);
}

static void take_ended(void *ctx, int dir, const struct step_record *r, bool is_locked)
{
    struct launcher *l = ctx;
    bool has_result = faccessat(dir, "result", F_OK, 0) == 0;
    bool was_started = r->keeper.pid || seen_has(step_seen(l, &r->key), &r->key);

    if (step_find(l, &r->key))
        return;
    if (l->conf->is_clean_start || (!has_result && !was_started)) {
        spool_step_remove(&l->spool, &r->key); /* never carried out nor answered, or not wanted */
        return;
    }
    if (!has_result && strcmp(r->boot_id, l->boot_id) == 0)
        orphans_kill(l, r);
    jobs_step_over(l, r);
}

void steps_adopt(struct launcher *l)
{
    spool_each(&l->spool, adopt_living, l);
    spool_each(&l->spool, take_ended, l);
}
