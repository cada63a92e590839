/* A step inside its cgroup: limits before the first task, samples while it runs, the sum and the
 * cause when it is over. */
#include "slurmstepd/confine.h"

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "node/gres.h"
#include "node/procs.h"
#include "node/sample.h"
#include "node/spool.h"
#include "node/stepd.h"
#include "schema/rpc.h"
#include "slurmstepd/step.h"
#include "wire/wire.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SECOND 1000000000LL
#define MS 1000000LL
#define KIB 1024

static uint64_t most(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

void confine_load(struct step *s)
{
    CLEANUP(buf_fini) struct buf body = { 0 };
    void *host;

    if (spool_get(STEPD_FD_DIR, "../host", &body) == 0 &&
        wire_unpack_new(&desc_host, body.data, body.len, &s->arena, &host, NULL) == 0)
        s->confine.host = host;
}

/* ---- the start */

/* JobAcctGatherFrequency: "30", or a list with task=30; 0 is never. */
static int64_t frequency_s(const char *text)
{
    const char *task = strstr(text, "task=");

    if (task)
        text = task + strlen("task=");
    return strtol(text, NULL, 10);
}

static void sampling_begin(struct step *s)
{
    struct confine *c = &s->confine;

    c->sample_every_ns = frequency_s(c->host->acct_freq) * SECOND;
    if (c->sample_every_ns > 0)
        c->sample_at_ns = clock_mono_ns() + SECOND; /* soon, so that a short job is seen too */
}

int confine_begin(struct step *s, struct err *e)
{
    const struct launch *l = s->launch;
    const struct cgroup_id id = { l->uid, l->job_id, l->step_id };
    const struct step_node *part = s->order ? &s->order->parts.v[s->order->self] : NULL;
    struct confine *c = &s->confine;

    CLEANUP(buf_fini) struct buf cpus = { 0 };
    if (!c->host)
        return 0;
    sampling_begin(s);
    cgroup_name(&c->group, c->host->cgroup, &id);
    bind_cpus(s, &cpus);
    struct cgroup_limits limits = { .job_mem_mb = l->mem_mb,
                                    .step_mem_mb = part ? part->mem_mb : 0,
                                    .cpus = buf_str(&cpus) };
    if (part)
        gres_denied(c->host, part->gres.v, part->gres.n, &s->arena, &limits);
    else
        gres_denied(c->host, l->gres_parts.v, l->gres_parts.n, &s->arena, &limits);
    return cgroup_make(&c->group, &limits, e);
}

/* ---- while it runs */

int confine_pause_ms(const struct step *s, int ms)
{
    if (!s->confine.sample_at_ns)
        return ms;
    int64_t left = (s->confine.sample_at_ns - clock_mono_ns()) / MS + 1;
    int sooner = left < 0 ? 0 : left > INT32_MAX ? INT32_MAX : (int)left;
    return ms < 0 || sooner < ms ? sooner : ms;
}

/* What lives now and what has been waited for, together. */
static void take_sample(struct step *s, struct usage *ret)
{
    struct cgroup_use group;
    struct sample now;

    sample_tree(getpid(), &now);
    cgroup_measure(&s->confine.group, &group);
    s->confine.peak_kb =
        most(s->confine.peak_kb, group.anon ? (group.anon + group.shmem) / KIB : now.rss_kb);
    s->used.max_vsize_kb = most(s->used.max_vsize_kb, now.vsize_kb);
    *ret = s->used;
    ret->user_us = most(s->used.user_us + now.user_us, group.user_us);
    ret->system_us = most(s->used.system_us + now.system_us, group.system_us);
    ret->read_bytes += now.read_bytes;
    ret->write_bytes += now.write_bytes;
    ret->max_rss_kb = most(ret->max_rss_kb, s->confine.peak_kb);
}

/* The second sample comes two seconds after the first, and so on up to the interval asked for. */
void confine_tick(struct step *s)
{
    struct confine *c = &s->confine;
    int64_t now = clock_mono_ns();
    struct usage u;

    if (!c->sample_at_ns || now < c->sample_at_ns)
        return;
    take_sample(s, &u);
    CLEANUP(buf_fini) struct buf body = { 0 };
    wire_pack(&desc_usage, &u, &body);
    spool_put(STEPD_FD_DIR, "usage", &body); /* a full disk costs a sample */
    int64_t age = now - s->start_ns;
    c->sample_at_ns = now + (age < c->sample_every_ns ? age : c->sample_every_ns);
}

void confine_kill(struct step *s)
{
    const pid_t spare[] = { s->io.pid, 0 };

    if (cgroup_kill(&s->confine.group) < 0)
        procs_signal_tree(getpid(), spare, SIGKILL);
}

/* ---- the end */

static void say_out_of_memory(struct step *s, const struct cgroup_use *use)
{
    char line[512], name[48];
    const struct launch *l = s->launch;

    if (l->step_id == STEP_BATCH)
        snprintf(name, sizeof name, "%u.batch", l->job_id);
    else
        snprintf(name, sizeof name, "%u.%u", l->job_id, l->step_id);
    snprintf(line, sizeof line,
             "slurmstepd: error: Detected %" PRIu64 " oom_kill event%s in StepId=%s. Some of the "
             "step tasks have been OOM Killed. Memory limit %" PRIu64 "M, peak %" PRIu64 "M.\n",
             use->oom_kills, use->oom_kills == 1 ? "" : "s", name, use->limit >> 20,
             use->peak >> 20);
    step_say(s, line);
}

bool confine_note(struct step *s)
{
    struct cgroup_use use;

    if (!s->confine.host || s->done.oom)
        return s->done.oom;
    cgroup_measure(&s->confine.group, &use);
    if (use.oom_kills == 0)
        return false;
    s->done.oom = true;
    say_out_of_memory(s, &use);
    return true;
}

/* The kernel's peak has the page cache in it, which is nobody's need: what is still there of it at
 * the end is taken off. */
void confine_end(struct step *s)
{
    struct cgroup_use use;
    struct usage *u = &s->used;

    if (!s->confine.host)
        return;
    confine_note(s);
    cgroup_measure(&s->confine.group, &use);
    uint64_t peak_kb = use.peak > use.file ? (use.peak - use.file) / KIB : 0;
    u->user_us = most(u->user_us, use.user_us);
    u->system_us = most(u->system_us, use.system_us);
    u->max_rss_kb = most(u->max_rss_kb, most(peak_kb, s->confine.peak_kb));
    cgroup_remove(&s->confine.group);
}
