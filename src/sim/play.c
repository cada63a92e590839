/* Plays a trace: arrivals become job_submit inputs, every start that the core decides gets an end,
 * and nodes answer at once.  What happened is read from the core's own facts.
 *
 * Limits are minutes in the core, but seconds in traces.  On a machine of our own making the clock
 * therefore runs sixty times as fast: a minute of the core is a second of the trace, and nothing is
 * rounded.  With a slurm.conf that would bend its other times (PriorityMaxAge ...), so there limits
 * are rounded up to minutes, as sbatch does. */
#include "sim/play.h"

#include "base/cleanup.h"
#include "base/heap.h"
#include "base/map.h"
#include "base/xalloc.h"
#include "core/core.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EPOCH 86400   /* of the virtual clock, so that no time is 0 */
#define SLICE 100000u /* jobs a call of core_schedule */
#define PROGRESS_STEPS 200u
#define FORGET_BATCH 1000u

struct player {
    const struct play *p;
    struct played *out;
    struct core *core;
    struct arena arena; /* of one input */
    struct facts facts;
    struct effects effects;
    uint32_t facts_seen;
    struct map jobs;  /* id to struct sim_job, while it is in the core */
    struct heap ends; /* of running jobs, by time */
    struct sim_job **by_arrival;
    int64_t base;   /* trace time that is EPOCH */
    uint32_t scale; /* units of the core's clock in a second */
    int64_t now;    /* trace time */
    uint32_t next;  /* place in by_arrival */
    uint32_t done;
    struct sim_job *entering; /* the one that is being submitted */
};

static int64_t core_time(const struct player *y, int64_t t)
{
    return (t - y->base) * y->scale + EPOCH;
}

/* One partition with one node that has all the cores: a job of N tasks fits whenever N are free. */
static void made_conf(const struct play *p, struct arena *a, struct core_conf *ret)
{
    uint32_t cores = p->trace->cores;
    struct conf_node node = { .name = "sim",
                              .cpus = cores,
                              .sockets = 1,
                              .cores = cores,
                              .threads = 1,
                              .real_memory_mb = 1,
                              .weight = 1 };
    struct part_info part = { .name = "all",
                              .nodes = "sim",
                              .state = "UP",
                              .is_default = true,
                              .max_time_min = UINT32_MAX,
                              .max_nodes = UINT32_MAX,
                              .min_nodes = 1,
                              .total_cpus = cores,
                              .total_nodes = 1 };

    *ret = (struct core_conf){ .cluster = "sim",
                               .select_type = "cons_tres",
                               .select_params = "CR_CPU",
                               .priority_type = "basic",
                               .sched_params = "",
                               .kill_wait_s = 30,
                               .slurmd_timeout_s = 300 };
    ret->nodes.v = arena_memdup(a, &node, sizeof node);
    ret->nodes.n = 1;
    ret->parts.v = arena_memdup(a, &part, sizeof part);
    ret->parts.n = 1;
}

/* Bounds that protect a daemon would only end a simulation early; and nothing is remembered. */
static void adapt_conf(const struct play *p, uint32_t scale, struct arena *a,
                       struct core_conf *conf)
{
    const char *params = p->params ? p->params : conf->sched_params;

    conf->max_job_count = UINT32_MAX;
    conf->first_job_id = 1;
    conf->max_job_id = 0;
    conf->min_job_age_s = 1;
    conf->acct_enabled = false;
    conf->scheduler_type = p->scheduler           ? p->scheduler
                           : conf->scheduler_type ? conf->scheduler_type
                                                  : "backfill";
    conf->sched_params = arena_printf(a, "%s,bf_clock=%u", params ? params : "", scale);
}

static uint32_t part_index(struct played *out, const char *name)
{
    for (uint32_t i = 0; i < out->part_count; i++)
        if (strcmp(out->parts[i], name) == 0)
            return i;
    out->parts = xrealloc(out->parts, out->part_count + 1, sizeof *out->parts);
    out->parts[out->part_count] = xstrdup(name);
    return out->part_count++;
}

static void job_started(struct player *y, const struct fact_job_alloc *f)
{
    struct sim_job *job = map_get(&y->jobs, f->job_id);

    job->start = y->now;
    job->node = f->nodes.v[0].node;
    job->part = part_index(y->out, f->partition);
    heap_push(&y->ends, y->now + job->run_s, job, NULL);
}

static void job_ended(struct player *y, uint32_t job_id)
{
    struct sim_job *job = map_get(&y->jobs, job_id);

    if (job->end >= 0)
        return;
    job->end = y->now;
    y->done++;
    if (y->p->progress && y->done % (y->p->trace->n / PROGRESS_STEPS + 1) == 0)
        y->p->progress(y->p->ctx, y->done, y->p->trace->n);
}

/* What the core says has happened. */
static void note_facts(struct player *y)
{
    for (; y->facts_seen < y->facts.n; y->facts_seen++) {
        const struct fact *f = &y->facts.v[y->facts_seen];
        switch (f->kind) {
        case FACT_job_created:
            y->entering->job_id = ((const struct job_record *)f->body)->job_id;
            map_put(&y->jobs, y->entering->job_id, y->entering);
            break;
        case FACT_job_alloc:
            job_started(y, f->body);
            break;
        case FACT_job_cancel:
        case FACT_job_finish:
        case FACT_job_end:
            job_ended(y, ((const struct fact_job_end *)f->body)->job_id);
            break;
        case FACT_job_forget:
            map_del(&y->jobs, ((const struct fact_job *)f->body)->job_id);
            break;
        default:
            break;
        }
    }
}

static void feed(struct player *y, uint16_t kind, const void *body, uint32_t uid)
{
    char name[24];
    struct input in = { .kind = kind,
                        .now = core_time(y, y->now),
                        .body = body,
                        .reply_to = 1,
                        .script = 1,
                        .environment = 1,
                        .who = { .uid = uid, .gid = uid, .user_name = name } };

    snprintf(name, sizeof name, "user%u", uid);
    if (kind != OP_job_submit)
        in.who.role = ROLE_SLURM;
    core_step(y->core, &in, &y->facts, &y->effects);
    note_facts(y);
}

/* Nodes report a job clean as soon as they are told to end it. */
static void answer_effects(struct player *y, uint32_t from)
{
    for (uint32_t i = from; i < y->effects.n; i++) {
        struct effect ef = y->effects.v[i];
        struct job_clean clean = { .job_id = ef.job_id,
                                   .restart = ef.restart,
                                   .node = core_node_name(y->core, ef.node) };
        if (ef.kind == EFFECT_TERMINATE)
            feed(y, OP_job_cleaned, &clean, 0);
    }
}

static void fresh_lists(struct player *y)
{
    arena_reset(&y->arena);
    y->facts = (struct facts){ .arena = &y->arena };
    y->effects = (struct effects){ .arena = &y->arena };
    y->facts_seen = 0;
}

static void note_refusal(struct player *y)
{
    const struct effect *ef = y->effects.n ? &y->effects.v[y->effects.n - 1] : NULL;

    y->done++;
    if (y->out->refused++ > 0 || !ef || ef->kind != EFFECT_REPLY || ef->code == 0)
        return;
    const struct error_info *info = ef->body;
    snprintf(y->out->refusal, sizeof y->out->refusal, "%s%s%s", info->text,
             info->hints.n ? ": " : "", info->hints.n ? info->hints.v[info->hints.n - 1] : "");
}

static void submit(struct player *y, struct sim_job *job)
{
    int64_t minutes = y->scale == 60 ? job->limit_s : (job->limit_s + 59) / 60;
    struct job_spec spec = { .batch = true, .name = "job", .ntasks = { true, job->cores } };

    minutes = minutes < 1 ? 1 : minutes;
    spec.time_limit_min = (struct opt_u32){ true, (uint32_t)minutes };
    fresh_lists(y);
    y->entering = job;
    feed(y, OP_job_submit, &spec, 1000 + job->user);
    if (job->job_id == 0)
        note_refusal(y);
}

static void end_job(struct player *y, const struct sim_job *job)
{
    struct step_done done = { .job_id = job->job_id,
                              .step_id = STEP_BATCH,
                              .is_clean = true,
                              .node = core_node_name(y->core, job->node) };

    if (job->end >= 0) /* the core ended it before */
        return;
    fresh_lists(y);
    feed(y, OP_step_ended, &done, 0);
    answer_effects(y, 0);
}

/* Memory of finished jobs goes in batches: nothing else of a made machine waits for a timer. */
static void tick(struct player *y)
{
    bool is_worth_it = y->scale == 1 || y->jobs.count > y->ends.n + FORGET_BATCH;

    while (is_worth_it && core_next_timer(y->core) <= core_time(y, y->now)) {
        fresh_lists(y);
        feed(y, INPUT_TICK, NULL, 0);
        answer_effects(y, 0);
    }
}

static void schedule(struct player *y)
{
    bool is_unfinished = true;

    while (is_unfinished) {
        fresh_lists(y);
        is_unfinished = core_schedule(y->core, core_time(y, y->now), SLICE, &y->facts, &y->effects);
        note_facts(y);
        answer_effects(y, 0);
    }
    y->out->passes++;
}

/* When the scheduler wants a pass of its own, in seconds of the trace; never before the next one.
 */
static int64_t next_pass(const struct player *y)
{
    int64_t pass = core_next_pass(y->core);

    if (pass == INT64_MAX)
        return pass;
    pass = (pass - EPOCH + y->scale - 1) / y->scale + y->base;
    return pass > y->now ? pass : y->now + 1;
}

/* The next second in which something happens; false: nothing will. */
static bool next_second(struct player *y)
{
    const struct heap_entry *end = heap_top(&y->ends);
    int64_t at = end ? end->key : INT64_MAX;

    if (y->next < y->p->trace->n && y->by_arrival[y->next]->arrival < at)
        at = y->by_arrival[y->next]->arrival;
    int64_t pass = at == INT64_MAX ? INT64_MAX : next_pass(y);
    at = pass < at ? pass : at;
    y->now = at == INT64_MAX ? y->now : at;
    return at != INT64_MAX;
}

static void run(struct player *y)
{
    while (next_second(y)) {
        const struct heap_entry *end;
        while ((end = heap_top(&y->ends)) && end->key == y->now)
            end_job(y, heap_pop(&y->ends));
        for (; y->next < y->p->trace->n && y->by_arrival[y->next]->arrival == y->now; y->next++)
            submit(y, y->by_arrival[y->next]);
        tick(y);
        schedule(y);
    }
}

static int by_arrival(const void *a, const void *b)
{
    const struct sim_job *x = *(struct sim_job *const *)a, *y = *(struct sim_job *const *)b;

    if (x->arrival != y->arrival)
        return x->arrival < y->arrival ? -1 : 1;
    return x < y ? -1 : x > y;
}

static void line_up(struct player *y)
{
    const struct trace *t = y->p->trace;

    y->by_arrival = xcalloc(t->n, sizeof *y->by_arrival);
    for (uint32_t i = 0; i < t->n; i++) {
        t->v[i].start = t->v[i].end = -1;
        t->v[i].job_id = 0;
        y->by_arrival[i] = &t->v[i];
    }
    qsort(y->by_arrival, t->n, sizeof *y->by_arrival, by_arrival);
    y->base = y->now = y->by_arrival[0]->arrival;
}

static void open_machine(struct player *y, struct core_conf *conf)
{
    fresh_lists(y);
    feed(y, INPUT_CONFIGURE, conf, 0);
    for (uint32_t i = 0; i < conf->nodes.n; i++) {
        const struct conf_node *n = &conf->nodes.v[i];
        struct node_register reg = { .name = n->name,
                                     .boot_id = "sim",
                                     .cpus = n->cpus,
                                     .boards = n->boards,
                                     .sockets = n->sockets,
                                     .cores = n->cores,
                                     .threads = n->threads,
                                     .real_memory_mb = n->real_memory_mb,
                                     .tmp_disk_mb = n->tmp_disk_mb,
                                     .gres = n->gres };
        y->out->cores += n->cpus;
        fresh_lists(y);
        feed(y, OP_node_hello, &reg, 0);
    }
}

static void player_fini(struct player *y)
{
    core_free(y->core);
    arena_fini(&y->arena);
    map_fini(&y->jobs);
    heap_fini(&y->ends);
    free(y->by_arrival);
}

int play_trace(const struct play *p, struct played *ret, struct err *e)
{
    struct core_conf conf;
    struct arena a = { 0 };
    CLEANUP(player_fini) struct player y = { .p = p, .out = ret, .scale = p->conf ? 1 : 60 };

    *ret = (struct played){ 0 };
    if (p->conf)
        conf = *p->conf;
    else
        made_conf(p, &a, &conf);
    adapt_conf(p, y.scale, &a, &conf);
    y.core = core_new();
    line_up(&y);
    open_machine(&y, &conf);
    arena_fini(&a);
    run(&y);
    if (y.done < p->trace->n)
        return err_set(e, EINVAL, "%u jobs never start: are all their nodes up?",
                       p->trace->n - y.done);
    return 0;
}

void played_fini(struct played *p)
{
    for (uint32_t i = 0; i < p->part_count; i++)
        free(p->parts[i]);
    free(p->parts);
    *p = (struct played){ 0 };
}
