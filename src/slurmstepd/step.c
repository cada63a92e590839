/* One step: load, start, report.  Attending to it is attend.c. */
#include "slurmstepd/step.h"

#include "base/cleanup.h"
#include "base/clock.h"
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

static int stand_apart(struct step *s, struct err *e);

void step_init(struct step *s)
{
    memset(s, 0, sizeof *s);
    s->signals = s->io.link = -1;
    list_init(&s->io.queue);
    s->done.start_time = clock_wall_s();
    s->start_ns = clock_mono_ns();
    s->done.error = "";
    s->done.node = "";
    s->done.used = &s->used;
}

/* The launcher allowed what its record says; the message came through the half that has no rights
 * and must say the same. */
static int launch_check(const struct launch *l, const struct step_record *r, struct err *e)
{
    if (r->key.job_id != l->job_id || r->key.step_id != l->step_id ||
        r->key.restart != l->restart || r->uid != l->uid)
        return err_set(e, ESLURMD_INVALID_JOB_CREDENTIAL,
                       "the launch of job %u is not the one that was allowed", r->key.job_id);
    return 0;
}

/* From here on `launch` describes the step: what srun said stands in the place of what the job
 * said. */
static int order_take(struct step *s, struct step_launch *o, struct err *e)
{
    struct launch *l = o->job;

    if (!l || !o->spec || o->self >= o->parts.n)
        return err_set(e, EBADMSG, "a step without a job or without a part for this node");
    l->step_id = o->step_id;
    l->environment = o->spec->environment;
    l->work_dir = o->spec->work_dir;
    l->umask = o->spec->umask;
    l->rlimits.v = o->spec->rlimits.v;
    l->rlimits.n = o->spec->rlimits.n;
    l->append = o->spec->append;
    l->node_index = o->self;
    s->order = o;
    s->launch = l;
    return 0;
}

static int message_read(struct step *s, const struct step_record *r, struct err *e)
{
    bool is_batch = r->key.step_id == STEP_BATCH;
    struct stat st;
    void *msg;

    if (fstat(STEPD_FD_LAUNCH, &st) < 0 || st.st_size == 0)
        return err_set(e, EBADMSG, "empty launch message");
    void *body = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, STEPD_FD_LAUNCH, 0);
    if (body == MAP_FAILED)
        return err_errno(e, "map the launch message");
    int err = wire_unpack_new(is_batch ? &desc_launch : &desc_step_launch, body, (size_t)st.st_size,
                              &s->arena, &msg, e);
    munmap(body, (size_t)st.st_size);
    if (err < 0 || !is_batch)
        return err < 0 ? err : order_take(s, msg, e);
    s->launch = msg;
    return 0;
}

int step_load(struct step *s, struct err *e)
{
    struct step_record r;
    bool is_locked;

    for (int fd = STEPD_FD_LAUNCH; fd <= STEPD_FD_RECORD; fd++)
        fcntl(fd, F_SETFD, FD_CLOEXEC);
    int err = spool_step_sign(STEPD_FD_RECORD);
    if (err == 0)
        err = spool_step_read(STEPD_FD_DIR, &r, &is_locked);
    if (err < 0)
        return err_set(e, -err, "the step's record: %s", strerror(-err));
    err = message_read(s, &r, e);
    if (err == 0)
        err = launch_check(s->launch, &r, e);
    if (err < 0)
        return err;

    s->done.job_id = s->launch->job_id;
    s->done.step_id = s->launch->step_id;
    s->done.restart = s->launch->restart;
    s->done.node = s->launch->node_name;
    confine_load(s);
    return stand_apart(s, e);
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
    int err = 0;

    if (!s->order)
        err = spool_script(STEPD_FD_DIR, l->script.p, l->script.len, l->uid, l->gid, e);
    else if (s->order->spec->client_addr[0])
        err = helper_start(s, e);
    if (err == 0)
        err = tasks_prepare(s, e);
    if (err == 0)
        err = bind_tasks(s, e);
    if (err == 0)
        err = confine_begin(s, e);
    if (err == 0)
        err = tasks_start(s, e);
    return err;
}

/* ---- the end */

void step_fail(struct step *s, const struct err *e)
{
    s->done.error = arena_strdup(&s->arena, e->text);
    s->done.error_code = (uint32_t)e->code;
    s->done.wait_status = 1 << 8;
    s->ending = ENDING_KILL; /* what did start has no use */
    if (s->io.pid)
        tasks_fail(s, e->text);
}

int step_report(struct step *s)
{
    CLEANUP(buf_fini) struct buf body = { 0 };

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
