/* What time brings: begin times, time limits, the end of memory, nodes that stay silent; and
 * configuration. */
#include "core/finish.h"
#include "core/report.h"
#include "core/state.h"

#include "core/msgs.h"
#include "core/step.h"

#include <assert.h>
#include <stdlib.h>

/* More than this many due timers wait for the next tick, so that no turn becomes long. */
#define TICK_MAX 4096u

static void deadline_due(struct turn *t, const struct job *job)
{
    struct fact_job_end end = { .result = RESULT_DEADLINE,
                                .reason = REASON_DeadLine,
                                .why = "CANCELLED AT %s DUE TO DEADLINE",
                                .kill_wait_s = t->c->conf->kill_wait_s };

    if (job->phase == PHASE_PENDING)
        end_pending(t, job, end);
    else
        end_running(t, job, end);
}

static void job_due(struct turn *t, const struct job *job)
{
    struct fact_job f = { .job_id = job->id, .now = t->in->now };
    bool is_alive = job->phase == PHASE_PENDING || job->phase == PHASE_RUNNING;

    if (is_alive && job_deadline_due(job) <= t->in->now) {
        deadline_due(t, job);
        return;
    }
    switch (job->phase) {
    case PHASE_PENDING:
        turn_fact(t, FACT_job_eligible, &f);
        break;
    case PHASE_RUNNING:
        if (job_limit_due(t->c, job) > t->in->now) {
            decide_steps_due(t, job);
            break;
        }
        end_running(t, job,
                    (struct fact_job_end){ .result = RESULT_TIMEOUT,
                                           .reason = REASON_TimeLimit,
                                           .why = "CANCELLED AT %s DUE TO TIME LIMIT",
                                           .kill_wait_s = t->c->conf->kill_wait_s });
        break;
    default:
        assert(job->phase == PHASE_DONE);
        turn_fact(t, FACT_job_forget, &f);
    }
}

static void node_due(struct turn *t, const struct node *n)
{
    struct node_record rec = node_record_of(n);

    rec.state = (rec.state | NODE_DOWN | NODE_SILENT) & (uint32_t)~NODE_UNKNOWN;
    rec.reason =
        rec.reason && *rec.reason && rec.state & NODE_DRAIN ? rec.reason : "Not responding";
    rec.reason_uid = t->c->conf->slurm_uid;
    rec.reason_time = t->in->now;
    put_node(t, &rec, "DOWN");
    for (uint32_t i = 0; i < n->jobs.n; i++)
        end_for_node(t, job_find(t->c, n->jobs.v[i]), n);
}

/* The due entries of a heap without taking them out: children are looked at only below a due
 * parent. */
static uint32_t due_entries(const struct heap *h, int64_t now, uint32_t at, uint32_t *out,
                            uint32_t n)
{
    if (at >= h->n || h->v[at].key >> 26 > now || n >= TICK_MAX)
        return n;
    out[n++] = at;
    n = due_entries(h, now, 2 * at + 1, out, n);
    return due_entries(h, now, 2 * at + 2, out, n);
}

struct due {
    int64_t key;
    void *value;
};

static int by_key(const void *a, const void *b)
{
    const struct due *x = a, *y = b;

    return x->key < y->key ? -1 : x->key > y->key;
}

/* In order of time, then id, whatever the heap looks like inside. */
static struct due *collect(struct turn *t, const struct heap *h, uint32_t *ret_n)
{
    uint32_t *at = arena_calloc(t->a, TICK_MAX, sizeof *at);
    uint32_t n = due_entries(h, t->in->now, 0, at, 0);
    struct due *due = arena_calloc(t->a, n + 1, sizeof *due);

    for (uint32_t i = 0; i < n; i++)
        due[i] = (struct due){ .key = h->v[at[i]].key, .value = h->v[at[i]].value };
    qsort(due, n, sizeof *due, by_key);
    *ret_n = n;
    return due;
}

/* A node that goes down ends its jobs; a job that is due at the same moment must not end twice, so
 * nodes come first and jobs wait for the next tick. */
void decide_tick(struct turn *t)
{
    uint32_t n;
    struct due *nodes = collect(t, &t->c->node_timers, &n);

    if (n > 0) {
        node_due(t, nodes[0].value);
        return;
    }
    struct due *jobs = collect(t, &t->c->timers, &n);
    for (uint32_t i = 0; i < n; i++)
        job_due(t, jobs[i].value);
    if (n == 0)
        decide_resv_tick(t);
    if (n == 0 && prio_due(t->c) <= t->in->now)
        prio_decide(t);
}

/* Nodes that are configured no longer take their jobs with them. */
static void end_on_removed(struct turn *t, const struct core_conf *conf)
{
    struct smap kept = { 0 };
    struct bits gone;

    bits_init(&gone, t->c->node_count);
    for (uint32_t i = 0; i < conf->nodes.n; i++)
        smap_put(&kept, conf->nodes.v[i].name, (void *)(uintptr_t)conf);
    for (uint32_t i = 0; i < t->c->node_count; i++)
        if (t->c->nodes[i]->jobs.n > 0 && !smap_get(&kept, t->c->nodes[i]->conf->name))
            bits_set(&gone, i);
    end_for_nodes(t, &gone);
    bits_fini(&gone);
    smap_fini(&kept);
}

/* The same configuration again is no news. */
void decide_configure(struct turn *t, const struct core_conf *conf)
{
    const struct core *c = t->c;
    struct fact_configured f = { .conf = (struct core_conf *)(uintptr_t)conf, .now = t->in->now };

    if (!c->conf || !msg_equal(&desc_core_conf, c->conf, conf))
        turn_fact(t, FACT_configured, &f);
    end_on_removed(t, conf);
    turn_reply(t, &desc_empty, &(struct empty){});
}

/* The wait for a node begins anew, also for one that was lost before: while the controller was away
 * nobody could come. */
void decide_started(struct turn *t)
{
    for (uint32_t i = 0; i < t->c->node_count; i++)
        if (!t->c->nodes[i]->is_gone)
            turn_fact(t, FACT_node_lost, &(struct fact_node_lost){ .node = i, .now = t->in->now });
}
