/* What a node is told to start. */
#include "core/list.h"
#include "core/place.h"
#include "core/state.h"
#include "core/step.h"

#include <string.h>

static void fill_array(const struct core *c, const struct job *job, struct launch *l)
{
    const struct array *arr = job->array_id ? array_find(c, job->array_id) : NULL;

    if (!arr || job->task == NO_TASK)
        return;
    l->array_job_id = job->array_id;
    l->array_task_id = (struct opt_u32){ true, job->task };
    l->array_count = arr->count;
    l->array_min = arr->min;
    l->array_max = arr->max;
    l->array_step = arr->step;
}

static void fill_nodes(const struct core *c, const struct job *job, struct arena *a,
                       struct launch *l)
{
    uint32_t n = job->alloc->nodes.n;
    uint32_t *cpus = arena_calloc(a, n, sizeof *cpus), *tasks = arena_calloc(a, n, sizeof *tasks);
    const char *addrs = "";

    for (uint32_t i = 0; i < n; i++) {
        const struct node *node = node_at(c, job->alloc->nodes.v[i].node);
        cpus[i] = alloc_cpus(&job->alloc->nodes.v[i]);
        tasks[i] = job->alloc->nodes.v[i].ntasks;
        addrs = arena_printf(a, "%s%s%s", addrs, i ? "," : "",
                             node->conf->address && *node->conf->address ? node->conf->address
                                                                         : node->conf->name);
    }
    l->ntasks = 0;
    for (uint32_t i = 0; i < n; i++)
        l->ntasks += tasks[i];
    l->num_nodes = n;
    l->cpus_per_node = counts_text(cpus, n, a);
    l->tasks_per_node = counts_text(tasks, n, a);
    l->nodes_addr = addrs;
    l->is_single_node = n == 1;
}

/* Memory as asked or as the defaults have it; what was neither is in no variable. */
static void fill_memory(const struct core *c, const struct job *job, struct launch *l)
{
    const char *list = job->alloc->partition;
    const struct part *p = part_next(c, &list);
    const struct job_wish *w = job->wish->ask;

    l->mem_per_node_mb = w->mem_per_node_mb;
    l->mem_per_cpu_mb = w->mem_per_cpu_mb;
    if (!p || w->mem_per_node_mb.set || w->mem_per_cpu_mb.set)
        return;
    struct mem_need need = place_memory(c, p, w);
    l->mem_per_cpu_mb = (struct opt_u64){ need.mb > 0 && need.is_per_cpu, need.mb };
    l->mem_per_node_mb = (struct opt_u64){ need.mb > 0 && !need.is_per_cpu, need.mb };
}

static void fill_wish(const struct job_wish *w, struct launch *l)
{
    l->ntasks_given = w->has_ntasks || (w->ntasks_per_node.set && w->ntasks_per_node.v);
    l->cpus_per_task = w->cpus_per_task;
    l->ntasks_per_node = w->ntasks_per_node;
    l->ntasks_per_core = w->ntasks_per_core;
    l->ntasks_per_socket = w->ntasks_per_socket;
    l->reservation = w->reservation;
    l->distribution = w->distribution;
    l->licenses = w->licenses;
    l->overcommit = w->overcommit;
}

int core_launch(const struct core *c, uint32_t job_id, uint32_t node, struct arena *a,
                struct launch *ret)
{
    const struct job *job = job_find(c, job_id);
    const struct alloc_node *part = job ? alloc_find(job, node) : NULL;

    if (!part || part->is_clean || job->phase != PHASE_RUNNING)
        return -ESLURM_JOB_NOT_RUNNING;
    struct job_size size = job_size(c, job, a);
    struct launch l = {
        .job_id = job->id,
        .step_id = STEP_BATCH,
        .restart = job->restarts,
        .uid = job->uid,
        .gid = job->gid,
        .user_name = job->user,
        .nodes = size.nodes,
        .cpus = alloc_cpus(part),
        .cpu_ids = cpu_ids_text(part->cpus, a),
        .mem_mb = part->mem_mb,
        .gres = gres_held_text(part, a),
        .gres_parts = { part->gres.v, part->gres.n },
        .job_name = job->name,
        .partition = job->alloc->partition,
        .account = job->account,
        .qos = job->qos,
        .cluster = c->conf->cluster,
        .start_time = job->start,
        .end_time = job_limit_end(job),
        .node_name = core_node_name(c, node),
        .node_index = (uint32_t)(part - job->alloc->nodes.v),
    };
    fill_array(c, job, &l);
    fill_nodes(c, job, a, &l);
    fill_memory(c, job, &l);
    fill_wish(job->wish->ask, &l);
    *ret = l;
    return 0;
}

/* Terminations are repeated until a node says it is clean.  Launches are not: a node is asked what
 * it runs first. */
void core_owed(const struct core *c, struct effects *effects)
{
    QUEUE_FOREACH(it, &c->jobs)
    {
        const struct job *job = it->job;
        STEP_FOREACH(s, job)
        if (job->phase == PHASE_RUNNING && s->rec->state == STEP_IS_ENDING)
            step_terminate(job, s, "", c->conf->kill_wait_s, effects);
        if (job->phase != PHASE_ENDING)
            continue;
        for (uint32_t i = 0; i < job->alloc->nodes.n; i++)
            if (!job->alloc->nodes.v[i].is_clean)
                effect_terminate(job, job->alloc->nodes.v[i].node, c->conf->kill_wait_s, "",
                                 effects);
    }
}
