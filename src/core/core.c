/* The face of the core: inputs to deciding functions, facts into state.  What each does is in the
 * file of its noun. */
#include "core/backfill.h"
#include "core/state.h"

#include "base/limits.h"
#include "base/xalloc.h"
#include "core/fairshare.h"
#include "core/plan.h"
#include "core/predict.h"
#include "core/msgs.h"
#include "core/step.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct core *core_new(void)
{
    struct core *c = xcalloc(1, sizeof *c);

    slab_init(&c->job_slab, sizeof(struct job));
    c->prio_next = PRIO_FIRST;
    c->next_id = 1;
    c->shares = fairshare_new();
    c->rules = rules_new();
    tres_table_set(&c->tres, "");
    return c;
}

static void free_arrays(struct core *c)
{
    uint32_t at = 0;
    uint64_t key;
    void *value;

    while (map_next(&c->arrays, &at, &key, &value))
        array_free(value);
    map_fini(&c->arrays);
    map_fini(&c->tasks);
}

void core_free(struct core *c)
{
    if (!c)
        return;
    const struct queue_entry *it;
    while ((it = queue_from(&c->jobs, (struct queue_key){ 0, 0 })))
        job_free(c, it->job);
    queue_fini(&c->jobs);
    free_arrays(c);
    deps_index_fini(c);
    heap_fini(&c->timers); /* before the nodes: it clears the places that they keep */
    heap_fini(&c->node_timers);
    for (uint32_t i = 0; i < c->node_count; i++)
        node_free(c->nodes[i]);
    for (uint32_t i = 0; i < c->part_count; i++)
        part_free(c->parts[i]);
    free(c->nodes);
    free(c->parts);
    free(c->keys);
    free(c->conf);
    smap_fini(&c->node_names);
    smap_fini(&c->part_names);
    slab_fini(&c->job_slab);
    map_fini(&c->job_ids);
    map_fini(&c->key_index);
    wishes_fini(&c->wishes);
    pool_fini(&c->texts);
    licenses_fini(&c->licenses);
    topo_fini(&c->topo);
    intern_fini(&c->names);
    arena_fini(&c->scratch);
    arena_fini(&c->prio_texts);
    fairshare_free(c->shares);
    gauge_fini(&c->stuck);
    gauge_fini(&c->timed);
    rules_free(c->rules);
    tres_table_fini(&c->tres);
    free(c->freed);
    backfill_free(c->backfill);
    plan_free(c->plan);
    queue_fini(&c->promised);
    predict_fini(c);
    free(c->bf);
    resvs_free(c);
    free(c);
}

static void stop(struct turn *t)
{
    struct effect *ef = effects_add(t->effects, EFFECT_STOP);

    ef->desc = &desc_shutdown_request;
    ef->body = t->in->body;
    turn_reply(t, &desc_empty, &(struct empty){});
}

/* What the owner of an allocation does inside it. */
static bool decide_inside(struct turn *t, const struct input *in)
{
    switch (in->kind) {
    case OP_step_create:
        decide_step_create(t, in->body);
        return true;
    case OP_step_watch:
        decide_step_watch(t, in->body);
        return true;
    case OP_job_through:
        decide_through(t, in->body);
        return true;
    default:
        return false;
    }
}

/* What administrators ask for. */
static void decide_admin(struct turn *t)
{
    switch (t->in->kind) {
    case OP_node_modify:
        decide_node_update(t, t->in->body);
        break;
    case OP_part_modify:
        decide_part_update(t, t->in->body);
        break;
    case OP_rules_push:
        decide_rules(t, t->in->body);
        break;
    case OP_resv_create:
        decide_resv_create(t, t->in->body);
        break;
    case OP_resv_modify:
        decide_resv_modify(t, t->in->body);
        break;
    case OP_resv_remove:
        decide_resv_remove(t, t->in->body);
        break;
    case OP_shutdown:
        stop(t);
        break;
    default:
        turn_refuse(t, ESLURM_NOT_SUPPORTED, "opcode %u is nothing the core decides", t->in->kind);
    }
}

void core_decide(const struct core *c, const struct input *in, struct facts *facts,
                 struct effects *effects)
{
    struct turn t = turn_begin(c, in, facts, effects);

    if (!c->conf && in->kind != INPUT_CONFIGURE) {
        turn_refuse(&t, ESLURM_DISABLED, "no configuration yet");
        return;
    }
    switch (in->kind) {
    case INPUT_CONFIGURE:
        decide_configure(&t, in->body);
        break;
    case INPUT_STARTED:
        decide_started(&t);
        break;
    case INPUT_TICK:
        decide_tick(&t);
        break;
    case INPUT_NODE_LOST:
        decide_node_lost(&t);
        break;
    case OP_job_submit:
        decide_submit(&t, in->body);
        break;
    case OP_job_cancel:
        decide_cancel(&t, in->body);
        break;
    case OP_job_hold:
    case OP_job_uhold:
    case OP_job_release:
    case OP_job_requeue:
    case OP_job_requeuehold:
    case OP_job_suspend:
    case OP_job_resume:
    case OP_job_top:
        decide_op(&t, in->body);
        break;
    case OP_job_modify:
        decide_update(&t, in->body);
        break;
    case OP_node_hello:
        decide_hello(&t, in->body);
        break;
    case OP_node_beat:
        decide_beat(&t, in->body);
        break;
    case OP_step_ended:
        decide_step_ended(&t, in->body);
        break;
    case OP_job_cleaned:
        decide_cleaned(&t, in->body);
        break;
    default:
        if (!decide_inside(&t, in))
            decide_admin(&t);
    }
}

/* Facts from outside come from a journal: records may be lost there, so the next job id is taken
 * from a fresh block. */
int core_apply(struct core *c, const struct fact *f, struct effects *effects, struct err *e)
{
    c->ids_stale = true;
    return apply_fact(c, f, effects, e);
}

/* The words of a failure are for the debugger: it is a bug of ours. */
void apply_facts(struct core *c, const struct facts *facts, unsigned from, struct effects *effects)
{
    struct err e = { 0 };

    for (unsigned i = from; i < facts->n; i++) {
        int r = apply_fact(c, &facts->v[i], effects, &e);
        assert(r == 0);
    }
}

void core_step(struct core *c, const struct input *in, struct facts *facts, struct effects *effects)
{
    unsigned from = facts->n;

    core_decide(c, in, facts, effects);
    apply_facts(c, facts, from, effects);
}

int64_t core_next_timer(const struct core *c)
{
    const struct heap_entry *job = heap_top(&c->timers);
    const struct heap_entry *node = heap_top(&c->node_timers);
    int64_t due = prio_due(c), resv = resv_next_end(c);

    due = resv < due ? resv : due;
    due = limits_due(c) < due ? limits_due(c) : due;
    due = job && job->key >> 26 < due ? job->key >> 26 : due;
    return node && node->key >> 26 < due ? node->key >> 26 : due;
}

void core_replan(struct core *c)
{
    plan_forget(c);
    c->shape_gen++;
    c->void_gen++;
    c->fleet_gen++;
    for (uint32_t i = 0; i < c->part_count; i++)
        part_touch(c, c->parts[i], (struct queue_key){ 0, 0 });
}

int64_t core_next_pass(const struct core *c)
{
    return backfill_due(c);
}

uint64_t core_acct_seq(const struct core *c)
{
    return c->acct_seq;
}

struct turn turn_begin(const struct core *c, const struct input *in, struct facts *facts,
                       struct effects *effects)
{
    return (struct turn){ .c = c,
                          .in = in,
                          .facts = facts,
                          .effects = effects,
                          .a = facts->arena,
                          .next_id = c->next_id,
                          .ids_end = c->ids_stale ? 0 : c->ids_end,
                          .prio_next = c->prio_next };
}

void turn_fact(struct turn *t, enum fact_kind kind, const void *body)
{
    struct facts *f = t->facts;

    if (f->n == f->cap) {
        f->cap = f->cap ? f->cap * 2 : 64;
        struct fact *bigger = arena_calloc(f->arena, f->cap, sizeof *bigger);
        if (f->n)
            memcpy(bigger, f->v, f->n * sizeof *bigger);
        f->v = bigger;
    }
    f->v[f->n++] =
        (struct fact){ .kind = (uint16_t)kind, .body = msg_copy(t->a, fact_desc(kind), body) };
}

struct effect *effects_add(struct effects *ef, enum effect_kind kind)
{
    if (ef->n == ef->cap) {
        ef->cap = ef->cap ? ef->cap * 2 : 64;
        struct effect *bigger = arena_calloc(ef->arena, ef->cap, sizeof *bigger);
        if (ef->n)
            memcpy(bigger, ef->v, ef->n * sizeof *bigger);
        ef->v = bigger;
    }
    ef->v[ef->n] = (struct effect){ .kind = (uint8_t)kind };
    return &ef->v[ef->n++];
}

static uint32_t max_id(const struct core *c)
{
    return c->conf->max_job_id && c->conf->max_job_id < JOB_ID_MAX ? c->conf->max_job_id
                                                                   : JOB_ID_MAX;
}

/* A new block begins after the old one, and again at FirstJobId past MaxJobId. */
static void reserve_ids(struct turn *t)
{
    uint32_t least = t->c->conf->first_job_id ? t->c->conf->first_job_id : 1;
    uint32_t first = t->c->ids_end + 1 > t->ids_end + 1 ? t->c->ids_end + 1 : t->ids_end + 1;

    if (first < least || first > max_id(t->c))
        first = least;
    uint32_t end = max_id(t->c) - first < JOB_ID_BLOCK ? max_id(t->c) : first + JOB_ID_BLOCK - 1;
    turn_fact(t, FACT_ids_reserved, &(struct fact_ids){ .first = first, .end = end });
    t->next_id = first;
    t->ids_end = end;
}

/* Ids that still name a job, or an array some of whose tasks live, are passed over after a wrap. */
static bool id_is_used(const struct core *c, uint32_t id)
{
    return map_get(&c->job_ids, id) || map_get(&c->arrays, id);
}

uint32_t turn_take_id(struct turn *t)
{
    for (uint32_t tries = 0; tries <= t->c->jobs.count + JOB_ID_BLOCK; tries++) {
        if (t->next_id > t->ids_end)
            reserve_ids(t);
        uint32_t id = t->next_id++;
        if (!id_is_used(t->c, id))
            return id;
    }
    return 0;
}

void turn_reply(struct turn *t, const struct desc *desc, const void *body)
{
    if (!t->in->reply_to)
        return;
    struct effect *ef = effects_add(t->effects, EFFECT_REPLY);
    ef->reply_to = t->in->reply_to;
    ef->desc = desc;
    ef->body = msg_copy(t->effects->arena, desc, body);
}

/* The hint lines of a refusal are the lines of the err's text. */
void turn_refuse_err(struct turn *t, const struct err *e)
{
    struct error_info info = { .code = (uint32_t)e->code, .text = errors_text(e->code) };
    const char *lines[8];
    char *rest = arena_strdup(t->effects->arena, e->text);

    info.hints.v = lines;
    for (char *line; info.hints.n < 8 && (line = strsep(&rest, "\n"));)
        if (*line)
            lines[info.hints.n++] = line;
    if (!t->in->reply_to)
        return;
    turn_reply(t, &desc_error_info, &info);
    t->effects->v[t->effects->n - 1].code = e->code;
}

void turn_refuse(struct turn *t, int code, const char *fmt, ...)
{
    struct err e = { .code = code };
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(e.text, sizeof e.text, fmt, ap);
    va_end(ap);
    turn_refuse_err(t, &e);
}
