/* The lines of slurmctld.log that administrators know by heart, made from facts. */
#include "slurmctld/ctld.h"

#include "base/clock.h"
#include "base/hostlist.h"
#include "base/log.h"

#include <stdint.h>
#include <sys/wait.h>

static void created(struct ctld *c, const void *body)
{
    const struct job_record *job = body;

    log_info("_slurm_rpc_submit_batch_job: JobId=%u InitPrio=%u usec=%lld", job->job_id, job->base,
             (long long)(clock_mono_ns() - c->taken_ns) / 1000);
}

/* n[1-3,7], as everywhere else. */
static const char *node_names(struct ctld *c, const struct fact_job_alloc *alloc)
{
    struct hostlist names = { .n = alloc->nodes.n };

    names.v = arena_calloc(&c->arena, names.n, sizeof *names.v);
    for (uint32_t i = 0; i < names.n; i++)
        names.v[i] = core_node_name(c->core, alloc->nodes.v[i].node);
    hostlist_sort_unique(&names);
    return hostlist_compress(&c->arena, names.v, names.n);
}

static void allocated(struct ctld *c, const void *body)
{
    const struct fact_job_alloc *alloc = body;
    uint32_t cpus = 0;

    for (uint32_t i = 0; i < alloc->nodes.n; i++)
        for (uint32_t k = 0; k < alloc->nodes.v[i].cpus.len; k++)
            cpus += (uint32_t)__builtin_popcount(alloc->nodes.v[i].cpus.p[k]);
    log_info("sched: Allocate JobId=%u NodeList=%s #CPUs=%u Partition=%s", alloc->job_id,
             node_names(c, alloc), cpus, alloc->partition);
}

static void ended(struct ctld *c, const void *body)
{
    const struct fact_job_end *end = body;

    if (end->killed_by.set)
        log_info("_slurm_rpc_kill_job: REQUEST_KILL_JOB JobId=%u uid %u", end->job_id,
                 end->killed_by.v);
    if (WIFSIGNALED(end->exit_code))
        log_info("_job_complete: JobId=%u WTERMSIG %d", end->job_id, WTERMSIG(end->exit_code));
    else
        log_info("_job_complete: JobId=%u WEXITSTATUS %d", end->job_id,
                 WEXITSTATUS(end->exit_code));
}

static void done(struct ctld *c, const void *body)
{
    log_info("_job_complete: JobId=%u done", ((const struct fact_job *)body)->job_id);
}

static void requeued(struct ctld *c, const void *body)
{
    log_info("requeue: JobId=%u", ((const struct fact_job *)body)->job_id);
}

static void node_changed(struct ctld *c, const void *body)
{
    const struct fact_node *fact = body;

    if (*fact->event)
        log_info("node %s: %s%s%s", fact->node->name, fact->event, *fact->node->reason ? ": " : "",
                 fact->node->reason);
}

static void node_lost(struct ctld *c, const void *body)
{
    const struct fact_node_lost *fact = body;

    log_verbose("node %s is not connected", core_node_name(c->core, fact->node));
}

static const struct {
    uint16_t kind;
    void (*say)(struct ctld *c, const void *body);
} lines[] = {
    { FACT_job_created, created },  { FACT_job_alloc, allocated },   { FACT_job_cancel, ended },
    { FACT_job_finish, ended },     { FACT_job_end, ended },         { FACT_job_done, done },
    { FACT_job_requeue, requeued }, { FACT_node_set, node_changed }, { FACT_node_lost, node_lost },
};

void trace_fact(struct ctld *c, const struct fact *f)
{
    for (unsigned i = 0; i < sizeof lines / sizeof lines[0]; i++)
        if (lines[i].kind == f->kind)
            lines[i].say(c, f->body);
    log_at(LOG_DEBUG3, "fact %s", fact_name(f->kind));
}
