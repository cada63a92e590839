/* Invariants: what must hold after every fact, looked at from the outside in.  Tests call it after
 * each step and the daemon before each snapshot. */
#include "core/state.h"
#include "core/step.h"

#include "base/xalloc.h"

#include <stdlib.h>
#include <string.h>

/* What the jobs say is in use, to be compared with what the nodes say. */
struct sums {
    struct bits *used; /* by node */
    uint64_t *mem;
    uint32_t *jobs, *ending, *owned;
};

/* A job is queued exactly when it could start; its place follows from its key. */
static int check_queue(const struct core *c, const struct job *job, struct err *e)
{
    const char *list = job->wish->ask->partitions;

    if (job->is_queued != (job_is_ready(c, job) && !job->parked))
        return err_set(
            e, ESTATE,
            "job %u: queued %d, ready %d; phase %u, priority %u, begun %d, deps %d, room %d",
            job->id, job->is_queued, job_is_ready(c, job), job->phase, job_priority(job),
            (job->flags & JOB_BEGUN) != 0, deps_are_met(c, job), array_has_room(c, job));
    for (const struct part *p; (p = part_next(c, &list));) {
        struct queue_key key = job_key_in(job, p);
        const struct queue_entry *it = queue_from(&p->queue, key);
        bool is_in = it && queue_compare(it->key, key) == 0;
        if (is_in != job->is_queued || (is_in && it->job != job))
            return err_set(e, ESTATE, "job %u: its place in the queue of %s is wrong", job->id,
                           p->info->name);
    }
    return 0;
}

static bool is_active(const struct job *job)
{
    return job->phase == PHASE_RUNNING || job->phase == PHASE_ENDING;
}

static int check_alloc(const struct core *c, const struct job *job, struct sums *s, struct err *e)
{
    if ((job->alloc != NULL) != is_active(job))
        return err_set(e, ESTATE, "job %u: phase %u with%s allocation", job->id, job->phase,
                       job->alloc ? "" : "out");
    for (uint32_t i = 0; job->alloc && i < job->alloc->nodes.n; i++) {
        const struct alloc_node *part = &job->alloc->nodes.v[i];
        if (part->is_clean)
            continue;
        s->mem[part->node] += part->mem_mb;
        s->jobs[part->node]++;
        s->ending[part->node] += job->phase == PHASE_ENDING;
        s->owned[part->node] += job->alloc->owns;
        for (uint32_t cpu = 0; cpu < part->cpus.len * 8; cpu++) {
            if (!(part->cpus.p[cpu / 8] >> cpu % 8 & 1))
                continue;
            if (cpu >= s->used[part->node].n || bits_test(&s->used[part->node], cpu))
                return err_set(e, ESTATE, "job %u: CPU %u of node %u is given twice", job->id, cpu,
                               part->node);
            bits_set(&s->used[part->node], cpu);
        }
    }
    return 0;
}

static int check_job(const struct core *c, const struct job *job, struct sums *s, struct err *e)
{
    int r = check_queue(c, job, e);

    if (r == 0)
        r = check_alloc(c, job, s, e);
    if (r == 0)
        r = steps_check(c, job, e);
    if (r < 0)
        return r;
    if ((job->phase == PHASE_PENDING || job->phase == PHASE_RUNNING) !=
        (job->result == RESULT_NONE))
        return err_set(e, ESTATE, "job %u: phase %u with result %u", job->id, job->phase,
                       job->result);
    if ((job_timer_due(c, job) != INT64_MAX) != (job->timer_at != 0))
        return err_set(e, ESTATE, "job %u: its timer is wrong", job->id);
    if (job->rest && (is_active(job) || runs_count(job->rest) == 0))
        return err_set(e, ESTATE, "job %u: a rest of an array runs, or is empty", job->id);
    if (job->array_id && !array_find(c, job->array_id))
        return err_set(e, ESTATE, "job %u: its array %u is gone", job->id, job->array_id);
    if (job_find(c, job->id) != job)
        return err_set(e, ESTATE, "job %u is not found by its id", job->id);
    return 0;
}

static int check_node(const struct core *c, const struct node *n, const struct sums *s,
                      struct err *e)
{
    if (!bits_equal(&n->used, &s->used[n->index]) || n->cpus_used != bits_count(&n->used))
        return err_set(e, ESTATE, "node %s: CPUs in use are not those of its jobs", n->conf->name);
    if (n->mem_used != s->mem[n->index] || n->jobs.n != s->jobs[n->index] ||
        n->ending != s->ending[n->index] || n->owned != s->owned[n->index])
        return err_set(e, ESTATE, "node %s: memory or jobs in use are not those of its jobs",
                       n->conf->name);
    if (n->mem_used > node_memory(n) && !n->is_gone && n->conf->real_memory_mb)
        return err_set(e, ESTATE, "node %s: more memory given than there is", n->conf->name);
    return gres_check(c, n, e);
}

/* A node is looked at by the scheduler exactly when it could give something. */
static int check_open(const struct core *c, const struct part *p, struct err *e)
{
    for (uint32_t i = 0; i < p->order_n && !p->is_gone; i++)
        if (bits_test(&p->open, i) != node_is_usable(c->nodes[p->order[i]]))
            return err_set(e, ESTATE, "partition %s: node %s is open, or not, by mistake",
                           p->info->name, c->nodes[p->order[i]]->conf->name);
    return 0;
}

static int check_array(const struct core *c, const struct array *a, struct err *e)
{
    uint32_t running = 0;

    for (uint32_t i = 0; i < a->jobs.n; i++) {
        const struct job *job = job_find(c, a->jobs.v[i]);
        if (!job || job->array_id != a->id)
            return err_set(e, ESTATE, "array %u: member %u is not its job", a->id, a->jobs.v[i]);
        running += is_active(job);
    }
    if (running != a->running || (a->jobs.n == 0 && !map_get(&c->waiting, a->id)))
        return err_set(e, ESTATE, "array %u: %u run, %u are counted", a->id, running, a->running);
    return 0;
}

static int check_all(const struct core *c, struct sums *s, struct err *e)
{
    uint32_t phases[PHASE_COUNT] = { 0 }, at = 0;
    uint64_t key;
    void *value;
    int r = 0;

    QUEUE_FOREACH(it, &c->jobs)
    {
        phases[it->job->phase]++;
        if ((r = check_job(c, it->job, s, e)) < 0)
            return r;
    }
    if (memcmp(phases, c->phase_count, sizeof phases) != 0)
        return err_set(e, ESTATE, "the jobs by phase are counted wrong");
    for (uint32_t i = 0; i < c->node_count; i++)
        if ((r = check_node(c, c->nodes[i], s, e)) < 0)
            return r;
    for (uint32_t i = 0; i < c->part_count; i++)
        if ((r = check_open(c, c->parts[i], e)) < 0)
            return r;
    while (map_next(&c->arrays, &at, &key, &value))
        if ((r = check_array(c, value, e)) < 0)
            return r;
    if ((r = license_audit(c, e)) < 0)
        return r;
    if (c->job_ids.count != c->jobs.count || c->job_slab.count != c->jobs.count)
        return err_set(e, ESTATE, "jobs by id, by order and in memory are not the same number");
    return 0;
}

int core_check(const struct core *c, struct err *e)
{
    uint32_t n = c->node_count + 1;
    struct sums s = { .used = xcalloc(n, sizeof *s.used),
                      .mem = xcalloc(n, sizeof *s.mem),
                      .jobs = xcalloc(n, sizeof *s.jobs),
                      .ending = xcalloc(n, sizeof *s.ending),
                      .owned = xcalloc(n, sizeof *s.owned) };

    for (uint32_t i = 0; i < c->node_count; i++)
        bits_init(&s.used[i], c->nodes[i]->used.n);
    int r = check_all(c, &s, e);
    r = r < 0 ? r : limits_check(c, e);
    for (uint32_t i = 0; i < c->node_count; i++)
        bits_fini(&s.used[i]);
    free(s.used);
    free(s.mem);
    free(s.jobs);
    free(s.ending);
    free(s.owned);
    return r;
}
