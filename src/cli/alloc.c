/* Asking for nodes, waiting for them, giving them back (alloc.h). */
#include "cli/alloc.h"

#include "cli/say.h"
#include "cli/submit.h"
#include "node/env.h"
#include "schema/errors.h"
#include "schema/rpc.h"
#include "schema/states.h"

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

static int look(void *ctx)
{
    struct alloc *a = ctx;

    loop_once(a->loop, 0);
    return a->stopped ? -EINTR : 0;
}

void alloc_init(struct alloc *a)
{
    a->aside = (struct link_aside){ loop_poll_fd(a->loop), look, a };
    client_set_aside(a->conn->client, &a->aside);
}

void alloc_stop(struct alloc *a, int why)
{
    a->stopped = why;
}

/* What is not an error is for whoever did not say --quiet. */
static void note(const struct alloc *a, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static void note(const struct alloc *a, const char *fmt, ...)
{
    va_list ap;

    if (a->opts->own.quiet)
        return;
    fprintf(stderr, "%s: ", a->opts->name);
    va_start(ap, fmt);
    vfprintf(stderr, fmt, ap);
    va_end(ap);
    fputc('\n', stderr);
}

static int refused(struct alloc *a, const char *text)
{
    bool is_alloc = a->opts->tool == ALLOC;

    say_error(a->opts->name,
              arena_printf(a->arena, "%s: %s",
                           is_alloc ? "Job submit/allocate failed" : "Unable to allocate resources",
                           text));
    return -1;
}

static int submit(struct alloc *a)
{
    struct job_submitted *reply = NULL;
    struct err e = { 0 };

    int r =
        client_call(a->conn->client, OP_job_submit, &a->opts->job, a->arena, (void **)&reply, &e);
    if (r < 0)
        return refused(a, e.text);
    for (uint32_t i = 0; i < reply->warnings.n && !a->opts->own.quiet; i++)
        say_warning(a->opts->name, reply->warnings.v[i]);
    a->job_id = reply->job_id;
    return 0;
}

static void say_pending(const struct alloc *a)
{
    if (a->opts->tool == ALLOC)
        note(a, "Pending job allocation %u", a->job_id);
    note(a, "job %u queued and waiting for resources", a->job_id);
}

static void on_too_late(void *ctx)
{
    alloc_stop(ctx, -ETIME);
}

static int call(struct alloc *a, const struct alloc_wait *want, struct alloc_info **ret,
                struct err *e)
{
    return (want->now ? client_call : client_wait)(a->conn->client, OP_job_wait, want, a->arena,
                                                   (void **)ret, e);
}

static int wait_for_nodes(struct alloc *a, struct alloc_info **ret, struct err *e)
{
    const struct alloc_wait want = { .job_id = a->job_id };
    const struct opt_u32 *within = &a->opts->job.immediate_s;
    struct loop_timer *timer =
        within->set ? loop_add_timer(a->loop, within->v * 1000ll, on_too_late, a) : NULL;

    say_pending(a);
    int r = call(a, &want, ret, e);
    loop_remove_timer(timer);
    return r;
}

/* Nothing came of it.  Whoever waited no longer has taken the job back. */
static int given_up(struct alloc *a)
{
    bool is_late = a->stopped == -ETIME;

    a->stopped = 0;
    a->is_late = is_late;
    alloc_end(a, SIGINT);
    if (is_late)
        return refused(a, errors_text(ESLURM_NODES_BUSY));
    if (a->opts->tool == ALLOC) {
        note(a, "Job allocation %u has been revoked.", a->job_id);
        note(a, "Job aborted due to signal");
    } else {
        note(a, "Job allocation %u has been revoked", a->job_id);
    }
    return -1;
}

static int taken_away(struct alloc *a)
{
    note(a, "Job allocation %u has been revoked%s", a->job_id, a->opts->tool == ALLOC ? "." : "");
    return -1;
}

int alloc_get(struct alloc *a, struct alloc_info **ret)
{
    const struct alloc_wait now = { .now = true };
    const struct opt_u32 *within = &a->opts->job.immediate_s;
    struct err e = { 0 };
    bool has_waited;

    if (submit(a) < 0)
        return -1;
    struct alloc_wait want = now;
    want.job_id = a->job_id;
    int r = call(a, &want, ret, &e);
    has_waited = r == 0 && (*ret)->state == STATE_PENDING;
    if (has_waited && within->set && within->v <= 1) {
        a->is_late = true;
        alloc_end(a, SIGINT);
        return refused(a, errors_text(ESLURM_NODES_BUSY));
    }
    if (has_waited)
        r = wait_for_nodes(a, ret, &e);
    if (r == -EINTR)
        return given_up(a);
    if (r < 0)
        return refused(a, e.text);
    if ((*ret)->state != STATE_RUNNING)
        return taken_away(a);
    if (has_waited)
        note(a, "job %u has been allocated resources", a->job_id);
    if (a->opts->tool == ALLOC)
        note(a, "Granted job allocation %u", a->job_id);
    return 0;
}

int alloc_exit_code(const struct alloc *a)
{
    const char *code = getenv("SLURM_EXIT_IMMEDIATE");

    return a->is_late && code && *code ? atoi(code) & 0xff : say_exit_code();
}

int alloc_look(struct alloc *a, uint32_t job_id, struct alloc_info **ret, struct err *e)
{
    return call(a, &(struct alloc_wait){ .job_id = job_id }, ret, e);
}

void alloc_end(struct alloc *a, int32_t wait_status)
{
    const struct alloc_end end = { .job_id = a->job_id, .wait_status = wait_status };
    struct empty *reply;
    struct err e = { 0 };

    if (a->job_id == 0)
        return;
    client_set_aside(a->conn->client, NULL); /* nothing ends this one */
    if (client_call(a->conn->client, OP_job_through, &end, a->arena, (void **)&reply, &e) < 0 &&
        e.code != ESLURM_INVALID_JOB_ID)
        say_error(a->opts->name, e.text);
}

/* ---- SLURM_* of the job, as the node has them for its script; not those that are the node's own.
 */

static bool is_node_only(const char *entry)
{
    static const char *const names[] = {
        "SLURM_TASK_PID=", "SLURM_CPUS_ON_NODE=",  "SLURMD_NODENAME=",
        "HOSTNAME=",       "SLURM_NODEID=",        "SLURM_LOCALID=",
        "SLURM_PROCID=",   "SLURM_GTIDS=",         "TMPDIR=",
        "ENVIRONMENT=",    "SLURM_TOPOLOGY_ADDR=", "SLURM_TOPOLOGY_ADDR_PATTERN="
    };

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (strncmp(entry, names[i], strlen(names[i])) == 0)
            return true;
    return false;
}

static size_t count(char **v)
{
    size_t n = 0;

    while (v[n])
        n++;
    return n;
}

static bool is_replaced(char *const *ours, size_t n, const char *entry)
{
    size_t len = strcspn(entry, "=") + 1;

    for (size_t i = 0; i < n; i++)
        if (strncmp(ours[i], entry, len) == 0)
            return true;
    return false;
}

char **alloc_environment(struct alloc *a, const struct alloc_info *info, char **from)
{
    const struct env_node here = { .conf_path = conf_path(a->conn->conf) };
    struct launch job = *info->job;
    struct env ours;
    char **ret;
    size_t n = 0;

    job.environment = (struct strs){ 0 };
    job.step_id = STEP_EXTERN;
    if (env_build(&job, &here, a->arena, &ours, NULL) < 0)
        return from;
    ret = arena_calloc(a->arena, ours.n + count(from) + 1, sizeof *ret);
    for (uint32_t i = 0; i < ours.n; i++)
        if (!is_node_only(ours.v[i]))
            ret[n++] = ours.v[i];
    size_t own = n;
    for (size_t i = 0; from[i]; i++)
        if (!is_replaced(ret, own, from[i]))
            ret[n++] = from[i];
    return ret;
}
