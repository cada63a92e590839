/* Jobs of this node.  The way of a job:
 *
 *   first launch -> [Prolog] -> steps -> all gone -> [Epilog] -> clean
 *
 * A job with this node alone is cleaned when its batch step ends as the last, and the report says
 * so; any other waits for the controller's word (jobs_end), which may come at any time and any
 * number of times.  The Prolog runs once for each job, whatever starts first; `seen` remembers it
 * across restarts of slurmd. */
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
#include "slurmd/steps.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define STEP_CLEANED (STEP_ALL - 1)  /* in `seen`: the job was cleaned here */
#define STEP_PREPARED (STEP_ALL - 2) /* in `seen`: its Prolog has run */

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
    enum hook_kind runs, wants; /* wants: PrologFlags=Serial, and another job's hook runs */
    struct hook_run hook;
    struct loop_child *child;
    struct list waiting;    /* launches that the Prolog goes before (struct prepared) */
    bool owes_answer;       /* to jobs_prepare, when the Prolog is over */
    struct chan_head asked; /* its message */
    struct loop_timer *timer;
    struct buf env;   /* the job's words for its hooks */
    struct buf words; /* of a failed Epilog */
};

static struct job *job_find(struct launcher *l, const struct step_key *key);
static struct job *job_get(struct launcher *l, const struct step_key *key, uint32_t uid);
static void job_settle(struct job *j);
static bool needs_prolog(struct launcher *l, const struct step_key *key);
static void hook_want(struct job *j, enum hook_kind kind);
static void prolog_over(struct job *j, const struct err *why);
static void epilog_over(struct job *j, const struct err *why);
static void words_keep(struct job *j, const struct buf *words);
static void words_forget(struct launcher *l, const struct step_key *key);
static void hook_fill(struct hook *h, const struct job *j);

static struct prepared *waiting_find(struct launcher *l, const struct step_key *key)
{
    struct job *j = job_find(l, key);

    if (!j)
        return NULL;
    LIST_FOREACH(it, &j->waiting) {
        struct prepared *p = list_entry(it, struct prepared, link);
        if (p->record.key.step_id == key->step_id)
            return p;
    }
    return NULL;
}

/* ---- launching */

/* Pure: may this launch start?  0, 1 when it runs already, or why not. */
static int launch_judge(struct launcher *l, const struct chan_head *h, struct err *e)
{
    struct step_key job = whole_job(&h->key, STEP_ALL);

    if (step_find(l, &h->key) || waiting_find(l, &h->key))
        return 1;
    if (geteuid() != 0 && h->uid != geteuid())
        return err_set(e, ESLURMD_SET_UID_OR_GID_ERROR,
                       "slurmd of node %s runs as user %u and cannot start jobs of user %u",
                       l->conf->node, geteuid(), h->uid);
    if (h->uid == 0 && l->conf->no_root_jobs)
        return err_set(e, ESLURMD_SET_UID_OR_GID_ERROR,
                       "DisableRootJobs: node %s starts no job of root", l->conf->node);
    if (seen_has(step_seen(l, &h->key), &h->key))
        return err_set(e, ESLURMD_CREDENTIAL_REPLAYED,
                       "step %u of job %u restart %u was launched here before", h->key.step_id,
                       h->key.job_id, h->key.restart);
    if (seen_has(&l->seen, &job))
        return err_set(e, ESLURMD_CREDENTIAL_REVOKED,
                       "job %u restart %u was ended here before it began", h->key.job_id,
                       h->key.restart);
    return 0;
}

/* Is it the controller's word?  The message cannot change any more, and its end fits one of the
 * keys that only it and we know. */
static bool is_sealed(struct launcher *l, const struct chan_head *h, int fd)
{
    const int all = F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL;
    uint16_t opcode = h->key.step_id == STEP_BATCH ? OP_step_launch : OP_step_start;
    struct stat st;
    bool fits = false;

    if (!l->conf->is_sealed)
        return true;
    if ((fcntl(fd, F_GET_SEALS) & all) != all || fstat(fd, &st) < 0 || st.st_size == 0)
        return false;
    void *body = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (body == MAP_FAILED)
        return false;
    for (uint32_t i = 0; i < SEAL_KEYS && i < l->seal_next; i++)
        fits = fits || seal_fits(body, (size_t)st.st_size, opcode, l->seal_keys[i]);
    munmap(body, (size_t)st.st_size);
    return fits;
}

int jobs_launch(struct launcher *l, const struct chan_head *h, const struct jobs_words *words,
                int *fd, struct err *e)
{
    struct prepared p = {
        .record = { .key = h->key, .uid = h->uid, .epoch = h->epoch, .is_single_node = h->value }
    };

    int err = launch_judge(l, h, e);
    if (err != 0)
        return err < 0 ? err : 0;
    if (!is_sealed(l, h, *fd))
        return err_set(e, ESLURMD_INVALID_JOB_CREDENTIAL,
                       "the launch of job %u does not carry the controller's seal", h->key.job_id);
    snprintf(p.record.boot_id, sizeof p.record.boot_id, "%s", l->boot_id);
    err = spool_step_new(&l->spool, &p.record, &p.files, e);
    if (err < 0)
        return err;
    if (words->ident.len)
        spool_put(p.files.dir, "ident", &words->ident); /* a full disk costs only this */
    p.launch_fd = TAKE_FD(*fd);
    struct step_key key = whole_job(&h->key, STEP_ALL);
    struct job *j = job_find(l, &key);
    if (!needs_prolog(l, &key) && !j && !l->conf->epilog[0])
        return step_spawn(l, &p, e);

    j = job_get(l, &key, h->uid);
    words_keep(j, &words->hooks);
    if (!needs_prolog(l, &key)) {
        err = step_spawn(l, &p, e);
        job_settle(j);
        return err;
    }
    struct prepared *w = xmalloc(sizeof *w);
    *w = p;
    list_add_tail(&j->waiting, &w->link);
    if (!j->runs && !j->wants)
        hook_want(j, HOOK_PROLOG);
    return 0;
}

int jobs_prepare(struct launcher *l, const struct chan_head *h, const struct buf *words,
                 struct err *e)
{
    struct step_key key = whole_job(&h->key, STEP_ALL);

    if (seen_has(&l->seen, &key))
        return err_set(e, ESLURMD_CREDENTIAL_REVOKED, "job %u restart %u was ended here",
                       h->key.job_id, h->key.restart);
    if (!needs_prolog(l, &key))
        return 0;
    struct job *j = job_get(l, &key, h->uid);
    words_keep(j, words);
    j->owes_answer = true;
    j->asked = *h;
    if (!j->runs && !j->wants)
        hook_want(j, HOOK_PROLOG);
    return 1;
}

/* ---- signals and the end of a job */

/* The record goes first: slurmstepd looks when it gets the signal. */
static int step_signal(struct step *s, int value, const struct buf *told)
{
    if (told->len) {
        CLEANUP(closep) int dir = -1;
        int err = spool_step_open(&s->l->spool, &s->record.key, &dir);
        if (err == 0)
            err = spool_append(dir, "told", told);
        if (err < 0)
            return err;
    }
    return step_tell(s, STEPD_SIGNAL, value);
}

int jobs_signal(struct launcher *l, const struct chan_head *h, const struct buf *told,
                struct err *e)
{
    int hit = 0;

    LIST_FOREACH(it, &l->steps) {
        struct step *s = list_entry(it, struct step, link);
        const struct step_key *key = &s->record.key;
        if (key->job_id == h->key.job_id &&
            (h->key.step_id == STEP_ALL || h->key.step_id == key->step_id))
            hit += step_signal(s, (int)h->value, told) == 0;
    }
    return hit ? 0
               : err_set(e, ESRCH, "job %u has no such step on node %s", h->key.job_id,
                         l->conf->node);
}

/* Says which processes SIGKILL did not end, and tells UnkillableStepProgram. */
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
    if (!l->conf->unkillable[0])
        return;
    struct hook stuck = { .path = l->conf->unkillable, .context = "unkillable" };
    struct err e = { 0 };
    pid_t pid = -1;
    hook_fill(&stuck, j);
    if (hook_start(&stuck, &pid, &e) < 0)
        log_error("UnkillableStepProgram: %s", e.text);
    jobs_reap_later(l, pid);
}

/* One step: its job lives on.  What has not begun will not. */
static void one_end(struct launcher *l, const struct chan_head *h, const struct buf *how)
{
    struct step *s = step_find(l, &h->key);
    struct prepared *w = waiting_find(l, &h->key);
    struct err e = { 0 };

    if (s)
        step_end(s, how);
    if (!w)
        return;
    err_set(&e, ESLURMD_CREDENTIAL_REVOKED, "step %u of job %u was ended before it began",
            h->key.step_id, h->key.job_id);
    list_remove(&w->link);
    step_drop(l, w);
    step_fail(l, &h->key, &e);
    free(w);
}

void jobs_end(struct launcher *l, const struct chan_head *h, const struct buf *how)
{
    struct step_key key = whole_job(&h->key, STEP_ALL);

    if (h->key.step_id != STEP_ALL) {
        one_end(l, h, how);
        return;
    }
    struct job *j = job_get(l, &key, h->uid);
    seen_add(&l->seen, &key); /* a launch that comes late is refused */
    j->is_ending = true;
    LIST_FOREACH(it, &l->steps) {
        struct step *s = list_entry(it, struct step, link);
        if (same_job(&s->record.key, &key))
            step_end(s, how);
    }
    if (!j->timer && steps_of_job(l, &key) && l->conf->unkillable_timeout_s != UINT32_MAX)
        j->timer = loop_add_timer(
            l->loop, (h->value + (int64_t)l->conf->unkillable_timeout_s) * 1000, on_stuck, j);
    job_settle(j);
}

void jobs_step_over(struct launcher *l, const struct step_record *r)
{
    struct step_key key = whole_job(&r->key, STEP_ALL);
    struct job *j = job_get(l, &key, r->uid);
    bool is_last = r->is_single_node && !steps_of_job(l, &key) && list_empty(&j->waiting);

    if (is_last) {
        j->has_result = true;
        j->report_key = r->key;
    } else {
        step_report(l, &r->key, false);
    }
    job_settle(j);
}

/* ---- jobs */

static struct job *job_find(struct launcher *l, const struct step_key *key)
{
    LIST_FOREACH(it, &l->jobs) {
        struct job *j = list_entry(it, struct job, link);
        if (same_job(&j->key, key))
            return j;
    }
    return NULL;
}

static struct job *job_get(struct launcher *l, const struct step_key *key, uint32_t uid)
{
    struct job *j = job_find(l, key);

    if (j)
        return j;
    j = xcalloc(1, sizeof *j);
    *j = (struct job){ .l = l, .key = *key, .uid = uid };
    list_init(&j->waiting);
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
    buf_fini(&j->env);
    free(j);
}

/* What is owed goes out, and the job is forgotten here. */
static void job_cleaned(struct job *j)
{
    struct launcher *l = j->l;
    struct step_key cleaned = whole_job(&j->key, STEP_CLEANED);
    struct chan_head h = { .type = CHAN_CLEAN, .key = j->key };

    seen_add(&l->seen, &cleaned);
    words_forget(l, &j->key);
    cgroup_clear(l->conf->host->cgroup, &(struct cgroup_id){ j->uid, j->key.job_id, STEP_ALL });
    if (j->has_result)
        step_report(l, &j->report_key, j->words.len == 0);
    if (j->is_ending || j->words.len)
        chan_send(l->chan, &h, j->words.data, j->words.len, -1);
    job_free(j);
}

/* One step forward, if there is one: nothing alive and the end wanted -> Epilog -> clean. */
static void job_settle(struct job *j)
{
    struct launcher *l = j->l;
    struct step_key cleaned = whole_job(&j->key, STEP_CLEANED);

    if (j->runs || j->wants || steps_of_job(l, &j->key))
        return;
    if (!j->is_ending && !j->has_result) {
        job_free(j); /* the controller's word will come */
        return;
    }
    if (l->conf->epilog[0] && !seen_has(&l->seen, &cleaned))
        hook_want(j, HOOK_EPILOG);
    else
        job_cleaned(j);
}

/* ---- what a hook is told of the job; kept in the spool for the Epilog */

static void words_name(const struct step_key *key, char ret[48])
{
    snprintf(ret, 48, "hook%u.%u", key->job_id, key->restart);
}

static void words_keep(struct job *j, const struct buf *words)
{
    char name[48];

    if (j->env.len || !words->len)
        return;
    buf_put(&j->env, words->data, words->len);
    words_name(&j->key, name);
    if (j->l->conf->epilog[0] && spool_put(j->l->spool.dir, name, words) < 0)
        log_error("job %u: cannot write into the spool", j->key.job_id);
}

static void words_forget(struct launcher *l, const struct step_key *key)
{
    char name[48];

    words_name(key, name);
    if (l->conf->epilog[0])
        unlinkat(l->spool.dir, name, 0);
}

/* ---- hooks */

static void hook_fill(struct hook *h, const struct job *j)
{
    const struct launcher_conf *c = j->l->conf;

    h->job_id = j->key.job_id;
    h->uid = j->uid;
    h->node = c->node;
    h->cluster = c->cluster;
    h->conf_path = c->conf_path;
    h->words = &j->env;
}

static bool needs_prolog(struct launcher *l, const struct step_key *key)
{
    struct step_key prepared = whole_job(key, STEP_PREPARED);

    return l->conf->prolog[0] && !seen_has(&l->seen, &prepared);
}

static void on_hook_late(void *ctx)
{
    struct job *j = ctx;

    loop_kill_child(j->child, SIGKILL);
}

static void hook_over(struct job *j, const struct err *why)
{
    struct launcher *l = j->l;
    enum hook_kind kind = j->runs;

    hook_run_fini(&j->hook);
    j->runs = HOOK_NONE;
    (kind == HOOK_PROLOG ? prolog_over : epilog_over)(j, why); /* j may be gone */
    if (!l->conf->is_serial)
        return;
    LIST_FOREACH(it, &l->jobs) {
        struct job *next = list_entry(it, struct job, link);
        if (!next->wants)
            continue;
        hook_want(next, next->wants);
        return;
    }
}

static void on_hook(void *ctx, pid_t pid, int status);

/* The next program of the hook, or its end. */
static void hook_next(struct job *j)
{
    const struct launcher_conf *c = j->l->conf;
    struct hook h = { .context = j->runs == HOOK_PROLOG ? "prolog_slurmd" : "epilog_slurmd" };
    struct err e = { 0 };
    pid_t pid;

    h.path = hook_run_next(&j->hook);
    if (!h.path) {
        hook_over(j, NULL);
        return;
    }
    hook_fill(&h, j);
    if (hook_start(&h, &pid, &e) < 0) {
        hook_over(j, &e);
        return;
    }
    map_put(&j->l->children, (uint64_t)pid, j);
    j->child = loop_add_child(j->l->loop, pid, on_hook, j);
    loop_remove_timer(j->timer);
    j->timer = c->hook_timeout_s == UINT32_MAX
                   ? NULL
                   : loop_add_timer(j->l->loop, c->hook_timeout_s * 1000LL, on_hook_late, j);
}

static void on_hook(void *ctx, pid_t pid, int status)
{
    struct job *j = ctx;
    struct err e = { 0 };

    j->child = NULL;
    map_del(&j->l->children, (uint64_t)pid);
    loop_remove_timer(TAKE(j->timer));
    if (status == 0) {
        hook_next(j);
        return;
    }
    err_set(&e, ESLURMD_PROLOG_FAILED, "job %u, %s %d", j->key.job_id,
            WIFSIGNALED(status) ? "signal" : "exit code",
            WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
    hook_over(j, &e);
}

/* Starts Prolog or Epilog, or waits its turn. */
static void hook_want(struct job *j, enum hook_kind kind)
{
    const struct launcher_conf *c = j->l->conf;
    char name[48];

    j->wants = kind;
    LIST_FOREACH(it, &j->l->jobs)
        if (c->is_serial && list_entry(it, struct job, link)->runs)
            return;
    j->wants = HOOK_NONE;
    j->runs = kind;
    words_name(&j->key, name);
    if (!j->env.len)
        (void)spool_get(j->l->spool.dir, name, &j->env); /* none: its words are not there */
    hook_run_init(&j->hook, kind == HOOK_PROLOG ? c->prolog : c->epilog);
    hook_next(j);
}

static void epilog_over(struct job *j, const struct err *why)
{
    if (why)
        buf_printf(&j->words, "Epilog error: %s", why->text);
    job_cleaned(j);
}

static void prepare_answer(struct job *j, const struct err *why)
{
    struct chan_head h = { .type = CHAN_REPLY, .token = j->asked.token, .key = j->asked.key };

    h.code = why ? ESLURMD_PROLOG_FAILED : 0;
    if (j->owes_answer)
        chan_send(j->l->chan, &h, why ? why->text : "", why ? strlen(why->text) : 0, -1);
    j->owes_answer = false;
}

/* Starts what waited for the Prolog, unless that failed or the job was ended meanwhile. */
static void prolog_over(struct job *j, const struct err *why)
{
    struct launcher *l = j->l;
    struct step_key prepared = whole_job(&j->key, STEP_PREPARED);
    struct err failed = { 0 };

    if (why)
        err_set(&failed, ESLURMD_PROLOG_FAILED, "Prolog error: %s", why->text);
    else
        seen_add(&l->seen, &prepared);
    prepare_answer(j, why ? &failed : NULL);
    LIST_FOREACH(it, &j->waiting) {
        CLEANUP(freep) struct prepared *w = list_entry(it, struct prepared, link);
        struct step_key key = w->record.key;
        struct err e = failed;
        list_remove(&w->link);
        if (why || j->is_ending)
            step_drop(l, w);
        if (why || (!j->is_ending && step_spawn(l, w, &e) < 0))
            step_fail(l, &key, &e);
    }
    job_settle(j);
}

/* ---- opening */

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
    steps_adopt(l);
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
