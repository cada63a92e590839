/* What nodes report: they register, lose their connection, tell of steps that ended and of jobs
 * that are cleaned up. */
#include "core/finish.h"
#include "core/report.h"
#include "core/step.h"
#include "core/state.h"

#include <assert.h>
#include <string.h>

/* The present record, to be changed and put into a fact. */
struct node_record node_record_of(const struct node *n)
{
    struct node_record rec = *n->rec;

    rec.node = n->index;
    rec.name = n->conf->name;
    rec.lost_at = n->lost_at;
    rec.is_gone = n->is_gone;
    rec.conf = NULL;
    return rec;
}

void put_node(struct turn *t, const struct node_record *rec, const char *event)
{
    struct fact_node f = { .now = t->in->now,
                           .node = (struct node_record *)(uintptr_t)rec,
                           .event = event };

    turn_fact(t, FACT_node_set, &f);
}

/* By name, or by connection.  A node that is no longer configured may still tell how its jobs
 * ended. */
static const struct node *reporter(const struct turn *t, const char *name)
{
    const struct node *n = name && *name ? node_find(t->c, name) : node_at(t->c, t->in->node);

    return n;
}

static bool is_reported(const struct node_register *reg, const struct job *job)
{
    for (uint32_t i = 0; i < reg->steps.n; i++)
        if (reg->steps.v[i].job_id == job->id && reg->steps.v[i].restart == job->restarts &&
            (!(job->flags & JOB_BATCH) || reg->steps.v[i].step_id == STEP_BATCH))
            return true;
    return false;
}

/* What the node has less of than configured; NULL when it is good. */
static const char *misfit(const struct core *c, const struct conf_node *conf,
                          const struct node_register *reg, struct arena *a)
{
    if (c->conf->config_overrides)
        return NULL;
    if (reg->real_memory_mb < conf->real_memory_mb)
        return "Low RealMemory";
    if (reg->cpus < conf->cpus)
        return "Low socket*core*thread count";
    return gres_misfit(conf, reg->gres, a);
}

/* ReturnToService: 0 never, 1 when it was only silent, 2 always. */
static bool may_return(const struct core *c, const struct node_record *rec)
{
    if (!(rec->state & NODE_DOWN))
        return false;
    return c->conf->return_to_service >= 2 ||
           (c->conf->return_to_service == 1 && rec->state & NODE_SILENT);
}

static void set_reason(struct node_record *rec, const char *reason, uint32_t uid, int64_t now)
{
    rec->reason = reason;
    rec->reason_uid = uid;
    rec->reason_time = *reason ? now : 0;
}

/* What a registration makes of the node's state; returns the accounting event. */
static const char *judge(const struct turn *t, const struct node *n,
                         const struct node_register *reg, struct node_record *rec)
{
    const char *bad = misfit(t->c, n->conf, reg, t->a);
    const char *event = "";

    rec->state &= (uint32_t)~NODE_UNKNOWN;
    if (bad) {
        event = rec->state & NODE_DRAIN ? "" : "DRAIN";
        if (!(rec->state & NODE_DRAIN))
            set_reason(rec, bad, t->c->conf->slurm_uid, t->in->now);
        rec->state |= NODE_DRAIN | NODE_MISFIT;
        return event;
    }
    if (rec->state & NODE_MISFIT) {
        rec->state &= (uint32_t) ~(NODE_DRAIN | NODE_MISFIT);
        set_reason(rec, "", 0, 0);
        event = "UP";
    }
    if (may_return(t->c, rec)) {
        rec->state &= (uint32_t) ~(NODE_DOWN | NODE_SILENT);
        if (!(rec->state & NODE_DRAIN))
            set_reason(rec, "", 0, 0);
        event = "UP";
    }
    return event;
}

static void fill_report(const struct node_register *reg, int64_t now, struct node_record *rec)
{
    rec->lost_at = 0;
    rec->boot_id = reg->boot_id;
    rec->version = reg->version;
    rec->arch = reg->arch;
    rec->os = reg->os;
    rec->address = reg->address;
    rec->hostname = reg->hostname;
    rec->boot_time = reg->boot_time;
    rec->slurmd_start = reg->slurmd_start;
    rec->last_response = now;
    rec->last_busy = rec->last_busy ? rec->last_busy : now;
    rec->free_mem_mb = reg->free_mem_mb;
    rec->cpu_load = reg->cpu_load;
    rec->gres = reg->gres;
}

/* A job of this node that it does not report: after a reboot it is gone; otherwise its launch was
 * lost, and may be sent again, since a node refuses a (job, restart) that it has seen. */
static void reconcile(struct turn *t, const struct node *n, const struct node_register *reg,
                      const struct job *job)
{
    bool is_rebooted =
        n->rec->boot_id && *n->rec->boot_id && strcmp(n->rec->boot_id, reg->boot_id) != 0;

    if (job->phase == PHASE_ENDING) {
        if (is_rebooted && !is_reported(reg, job))
            clean_parts(t, job, (struct parts_of){ .node = n->index });
        else
            effect_terminate(job, n->index, t->c->conf->kill_wait_s, "", t->effects);
    } else if (is_rebooted && !is_reported(reg, job)) {
        end_for_node(t, job, n);
    } else {
        if (job->flags & JOB_BATCH && !is_reported(reg, job) &&
            job->alloc->nodes.v[0].node == n->index)
            effect_launch(job, t->effects);
        decide_steps_of_node(t, n, reg, job);
    }
}

/* A step is ours when its job holds something on this node in the same incarnation. */
static bool is_ours(const struct core *c, const struct node *n, const struct step_ident *s)
{
    const struct job *job = job_find(c, s->job_id);
    const struct alloc_node *part = job ? alloc_find(job, n->index) : NULL;

    return part && !part->is_clean && job->restarts == s->restart;
}

static void welcome(struct turn *t, const struct node *n, const struct node_register *reg)
{
    struct node_welcome body = { .cluster = t->c->conf->cluster };

    body.heartbeat_s = t->c->conf->slurmd_timeout_s ? t->c->conf->slurmd_timeout_s / 3 : 30;
    body.heartbeat_s = body.heartbeat_s < 1 ? 1 : body.heartbeat_s > 60 ? 60 : body.heartbeat_s;
    body.foreign.v = arena_calloc(t->a, reg->steps.n + 1, sizeof *body.foreign.v);
    for (uint32_t i = 0; i < reg->steps.n; i++)
        if (!is_ours(t->c, n, &reg->steps.v[i]))
            body.foreign.v[body.foreign.n++] = reg->steps.v[i];
    turn_reply(t, &desc_node_welcome, &body);
}

void decide_hello(struct turn *t, const struct node_register *reg)
{
    const struct node *n = reg->name ? node_find(t->c, reg->name) : NULL;

    if (!n || n->is_gone) {
        turn_refuse(t, ESLURM_INVALID_NODE_NAME,
                    "no node is called %.100s: add it to slurm.conf and reconfigure",
                    reg->name ? reg->name : "");
        return;
    }
    struct node_record rec = node_record_of(n);
    const char *event = judge(t, n, reg, &rec);
    fill_report(reg, t->in->now, &rec);
    put_node(t, &rec, event);
    welcome(t, n, reg);
    for (uint32_t i = 0; i < n->jobs.n; i++)
        reconcile(t, n, reg, job_find(t->c, n->jobs.v[i]));
}

static bool is_far(uint64_t a, uint64_t b, uint64_t least)
{
    uint64_t diff = a > b ? a - b : b - a;

    return diff > least && diff * 10 > (a > b ? a : b);
}

/* Heartbeats become facts only when they say something new, so that an idle cluster writes nothing.
 */
void decide_beat(struct turn *t, const struct node_status *beat)
{
    const struct node *n = reporter(t, NULL);
    const char *health = beat->health ? beat->health : "";

    turn_reply(t, &desc_empty, &(struct empty){});
    if (!n)
        return;
    struct node_record rec = node_record_of(n);
    bool is_sick = *health && !(rec.state & NODE_DRAIN);
    bool is_news =
        is_far(rec.free_mem_mb, beat->free_mem_mb, 64) || is_far(rec.cpu_load, beat->cpu_load, 50);
    if (is_sick) {
        rec.state |= NODE_DRAIN;
        set_reason(&rec, health, t->c->conf->slurm_uid, t->in->now);
    }
    rec.free_mem_mb = beat->free_mem_mb;
    rec.cpu_load = beat->cpu_load;
    rec.last_response = t->in->now;
    if (is_sick || is_news)
        put_node(t, &rec, is_sick ? "DRAIN" : "");
}

void decide_node_lost(struct turn *t)
{
    const struct node *n = node_at(t->c, t->in->node);

    if (n && n->lost_at == 0)
        turn_fact(t, FACT_node_lost,
                  &(struct fact_node_lost){ .node = n->index, .now = t->in->now });
}

/* Reasons are Slurm's words, which scripts look for; the details are in the node's log. */
static void drain_for(struct turn *t, const struct node *n, const char *reason)
{
    struct node_record rec = node_record_of(n);

    if (rec.state & NODE_DRAIN)
        return;
    rec.state |= NODE_DRAIN;
    set_reason(&rec, reason, t->c->conf->slurm_uid, t->in->now);
    put_node(t, &rec, "DRAIN");
}

static bool starts_with(const char *text, const char *start)
{
    return strncmp(text, start, strlen(start)) == 0;
}

/* A step's end for a job that runs: the script's end is the job's end, and a node that reports
 * itself clean saves a message. */
static void running_step_ended(struct turn *t, const struct job *job, const struct node *n,
                               const struct step_done *done)
{
    struct fact_job_end end = end_from_step(t->c, job, done);

    if (done->step_id != STEP_BATCH) {
        struct fact_job_step step = { .job_id = job->id,
                                      .now = t->in->now,
                                      .step = (struct step_done *)(uintptr_t)done };
        turn_fact(t, FACT_job_step, &step);
        return;
    }
    end.kill_wait_s = t->c->conf->kill_wait_s;
    if (done->is_clean)
        end_with_clean(t, job, end, (struct parts_of){ .node = n->index });
    else
        end_running(t, job, end);
}

/* Repeated until acknowledged, so a report that is known, or about another incarnation, is answered
 * and forgotten. */
void decide_step_ended(struct turn *t, const struct step_done *done)
{
    const struct node *n = reporter(t, done->node);
    const struct job *job = job_find(t->c, done->job_id);
    const struct alloc_node *part = job && n ? alloc_find(job, n->index) : NULL;

    turn_reply(t, &desc_empty, &(struct empty){});
    if (!part || part->is_clean || job->restarts != done->restart)
        return;
    if (done->error_code == ESLURMD_PROLOG_FAILED)
        drain_for(t, n, "Prolog error");
    if (done->step_id < STEP_BATCH) {
        decide_step_done(t, job, n, done);
        if (done->is_clean && job->phase == PHASE_ENDING)
            clean_parts(t, job, (struct parts_of){ .node = n->index });
        return;
    }
    if (job->phase == PHASE_RUNNING) {
        running_step_ended(t, job, n, done);
        return;
    }
    struct fact_job_step step = { .job_id = job->id,
                                  .now = t->in->now,
                                  .step = (struct step_done *)(uintptr_t)done };
    turn_fact(t, FACT_job_step, &step);
    if (done->is_clean)
        clean_parts(t, job, (struct parts_of){ .node = n->index });
}

void decide_cleaned(struct turn *t, const struct job_clean *clean)
{
    const struct node *n = reporter(t, clean->node);
    const struct job *job = job_find(t->c, clean->job_id);
    const struct alloc_node *part = job && n ? alloc_find(job, n->index) : NULL;

    turn_reply(t, &desc_empty, &(struct empty){});
    if (!part || part->is_clean || job->restarts != clean->restart)
        return;
    if (clean->error && *clean->error)
        drain_for(t, n, starts_with(clean->error, "Epilog error") ? "Epilog error" : clean->error);
    if (job->phase == PHASE_ENDING)
        clean_parts(t, job, (struct parts_of){ .node = n->index });
    else
        end_for_node(t, job, n);
}
