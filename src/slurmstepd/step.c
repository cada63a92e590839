/* One step: load, start, report.  Attending to it is attend.c. */
#include "slurmstepd/step.h"

#include "base/cleanup.h"
#include "base/clock.h"
#include "node/env.h"
#include "node/pattern.h"
#include "node/spool.h"
#include "node/stepd.h"
#include "schema/errors.h"
#include "schema/rpc.h"
#include "wire/wire.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <unistd.h>

#define RETRY_S 1

static int launch_check(const struct launch *l, struct err *e);
static int stand_apart(struct step *s, struct err *e);
static void streams_name(struct step *s);

void step_init(struct step *s)
{
    memset(s, 0, sizeof *s);
    s->signals = s->report = -1;
    s->done.start_time = clock_wall_s();
    s->start_ns = clock_mono_ns();
    s->done.error = "";
    s->done.node = "";
    s->done.used = &s->used;
}

int step_load(struct step *s, struct err *e)
{
    struct stat st;
    void *launch;

    for (int fd = STEPD_FD_LAUNCH; fd <= STEPD_FD_RECORD; fd++)
        fcntl(fd, F_SETFD, FD_CLOEXEC);
    int err = spool_step_sign(STEPD_FD_RECORD);
    if (err < 0)
        return err_set(e, -err, "sign the record: %s", strerror(-err));
    if (fstat(STEPD_FD_LAUNCH, &st) < 0 || st.st_size == 0)
        return err_set(e, EBADMSG, "empty launch message");
    const void *body = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, STEPD_FD_LAUNCH, 0);
    if (body == MAP_FAILED)
        return err_errno(e, "map the launch message");
    err = wire_unpack_new(&desc_launch, body, (size_t)st.st_size, &s->arena, &launch, e);
    munmap((void *)body, (size_t)st.st_size);
    if (err < 0)
        return err;

    s->launch = launch;
    err = launch_check(s->launch, e);
    if (err < 0)
        return err;
    s->done.job_id = s->launch->job_id;
    s->done.step_id = s->launch->step_id;
    s->done.restart = s->launch->restart;
    s->done.node = s->launch->node_name;
    confine_load(s);
    return stand_apart(s, e);
}

/* The launcher allowed what its record says; the message came through the half that has no rights
 * and must say the same. */
static int launch_check(const struct launch *l, struct err *e)
{
    struct step_record r;
    bool is_locked;

    int err = spool_step_read(STEPD_FD_DIR, &r, &is_locked);
    if (err < 0)
        return err_set(e, -err, "read the record: %s", strerror(-err));
    if (r.key.job_id != l->job_id || r.key.step_id != l->step_id || r.key.restart != l->restart ||
        r.uid != l->uid)
        return err_set(e, ESLURMD_INVALID_JOB_CREDENTIAL,
                       "the launch of job %u is not the one that was allowed", r.key.job_id);
    return 0;
}

/* Nobody traces or dumps us while we hold root (R10), nobody's terminal reaches us, and orphans
 * come to us. */
static int stand_apart(struct step *s, struct err *e)
{
    sigset_t told;

    setsid();
    if (prctl(PR_SET_DUMPABLE, 0) < 0 || prctl(PR_SET_CHILD_SUBREAPER, 1) < 0)
        return err_errno(e, "prctl");
    sigemptyset(&told);
    sigaddset(&told, SIGCHLD);
    sigaddset(&told, SIGTERM);
    sigaddset(&told, STEPD_SIGNAL);
    sigprocmask(SIG_BLOCK, &told, NULL);
    signal(SIGPIPE, SIG_IGN);
    s->signals = signalfd(-1, &told, SFD_CLOEXEC | SFD_NONBLOCK);
    return s->signals < 0 ? err_errno(e, "signalfd") : 0;
}

int step_start(struct step *s, struct err *e)
{
    const struct launch *l = s->launch;
    const char *conf = getenv("SLURM_CONF"), *spool = getenv("SLURMD_SPOOL");
    struct step_key key = { l->job_id, l->step_id, l->restart };
    struct env_node node = { conf ? conf : "" };
    char name[48];

    spool_step_name(&key, name);
    s->start.launch = l;
    s->start.script = arena_printf(&s->arena, "%s/%s/slurm_script", spool ? spool : ".", name);
    int err = spool_script(STEPD_FD_DIR, l->script.p, l->script.len, l->uid, l->gid, e);
    if (err == 0)
        err = env_build(l, &node, &s->arena, &s->start.env, e);
    if (err < 0)
        return err;
    streams_name(s);
    err = confine_begin(s, e);
    if (err < 0)
        return err;
    s->start.group = s->confine.host ? &s->confine.group : NULL;
    return task_start(&s->start, &s->task, &s->report, e);
}

static void streams_name(struct step *s)
{
    const struct launch *l = s->launch;
    const char *out = l->std_out[0]          ? l->std_out
                      : l->array_task_id.set ? "slurm-%A_%a.out"
                                             : "slurm-%j.out";

    pattern_path(l->std_in[0] ? l->std_in : "/dev/null", l, &s->in);
    pattern_path(out, l, &s->out);
    pattern_path(l->std_err[0] ? l->std_err : out, l, &s->err);
    s->start.in = buf_str(&s->in);
    s->start.out = buf_str(&s->out);
    s->start.err = buf_str(&s->err);
}

/* ---- the end */

void step_fail(struct step *s, const struct err *e)
{
    s->done.error = arena_strdup(&s->arena, e->text);
    s->done.error_code = (uint32_t)e->code;
    s->done.wait_status = 1 << 8;
}

/* A task that failed before its exec says why through its pipe. */
static void failure_take(struct step *s)
{
    struct task_failure f;

    if (!task_failed(s->report, &f))
        return;
    f.text[sizeof f.text - 1] = '\0';
    s->done.error = arena_strdup(&s->arena, f.text);
    s->done.error_code = (uint32_t)f.code;
    s->done.wait_status = f.exit_status;
}

int step_report(struct step *s)
{
    CLEANUP(buf_fini) struct buf body = { 0 };

    failure_take(s);
    s->done.end_time = clock_wall_s();
    wire_pack(&desc_step_done, &s->done, &body);
    int err = spool_put(STEPD_FD_DIR, "result", &body);
    while (err == -ENOSPC ||
           err == -EDQUOT) { /* the outcome waits until there is space again (F7) */
        sleep(RETRY_S);
        err = spool_put(STEPD_FD_DIR, "result", &body);
    }
    return err;
}
