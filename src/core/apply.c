/* Facts into state.  Each fact is checked first and applied as a whole or not at all; nothing here
 * decides. */
#include "core/state.h"

#include "base/xalloc.h"
#include "core/bf.h"
#include "core/book.h"
#include "core/fairshare.h"
#include "core/msgs.h"
#include "core/plan.h"
#include "core/predict.h"
#include "core/promise.h"
#include "core/step.h"
#include "core/usage.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

typedef int (*applier)(struct core *c, const struct fact *f, struct effects *effects,
                       struct err *e);

static int apply_configured(struct core *c, const struct fact *f, struct effects *effects,
                            struct err *e);
static int apply_ids(struct core *c, const struct fact *f, struct effects *effects, struct err *e);
static int apply_node_set(struct core *c, const struct fact *f, struct effects *effects,
                          struct err *e);
static int apply_node_lost(struct core *c, const struct fact *f, struct effects *effects,
                           struct err *e);
static int apply_part_set(struct core *c, const struct fact *f, struct effects *effects,
                          struct err *e);
static int apply_resv_set(struct core *c, const struct fact *f, struct effects *effects,
                          struct err *e);
static int apply_created(struct core *c, const struct fact *f, struct effects *effects,
                         struct err *e);
static int apply_split(struct core *c, const struct fact *f, struct effects *effects,
                       struct err *e);
static int apply_counters(struct core *c, const struct fact *f, struct effects *effects,
                          struct err *e);
static int apply_priorities(struct core *c, const struct fact *f, struct effects *effects,
                            struct err *e);
static int apply_share(struct core *c, const struct fact *f, struct effects *effects,
                       struct err *e);
static int apply_array(struct core *c, const struct fact *f, struct effects *effects,
                       struct err *e);
static int apply_snap_job(struct core *c, const struct fact *f, struct effects *effects,
                          struct err *e);
static int apply_promise(struct core *c, const struct fact *f, struct effects *effects,
                         struct err *e);
static int apply_last_runs(struct core *c, const struct fact *f, struct effects *effects,
                           struct err *e);
static int apply_key(struct core *c, const struct fact *f, struct effects *effects, struct err *e);
static int apply_rules(struct core *c, const struct fact *f, struct effects *effects,
                       struct err *e);
static int apply_usage(struct core *c, const struct fact *f, struct effects *effects,
                       struct err *e);

static const applier appliers[] = {
    [FACT_configured] = apply_configured,  [FACT_ids_reserved] = apply_ids,
    [FACT_node_set] = apply_node_set,      [FACT_node_lost] = apply_node_lost,
    [FACT_part_set] = apply_part_set,      [FACT_job_created] = apply_created,
    [FACT_job_split] = apply_split,        [FACT_job_eligible... FACT_job_forget] = apply_job_fact,
    [FACT_snap_counters] = apply_counters, [FACT_snap_array] = apply_array,
    [FACT_snap_job] = apply_snap_job,      [FACT_snap_key] = apply_key,
    [FACT_job_promise] = apply_promise,    [FACT_snap_last_runs] = apply_last_runs,
    [FACT_step_created... FACT_step_grown] = apply_step_fact,
    [FACT_priorities] = apply_priorities,  [FACT_snap_share] = apply_share,
    [FACT_snap_step] = apply_step_fact,    [FACT_resv_set] = apply_resv_set,
    [FACT_rules] = apply_rules,            [FACT_snap_usage] = apply_usage,
};

int apply_fact(struct core *c, const struct fact *f, struct effects *effects, struct err *e)
{
    applier fn = f->kind < sizeof appliers / sizeof appliers[0] ? appliers[f->kind] : NULL;

    if (!fn)
        return err_set(e, ESTATE, "fact of unknown kind %u", f->kind);
    if (!c->conf && f->kind != FACT_configured && f->kind != FACT_snap_counters)
        return err_set(e, ESTATE, "%s before any configuration", fact_name(f->kind));
    return fn(c, f, effects, e);
}

/* Queues are emptied before the partitions change under them, since the keys depend on the
 * partitions' tiers. */
static void empty_queues(struct core *c)
{
    book_let_go(c);
    for (uint32_t i = 0; i < c->part_count; i++) {
        queue_fini(&c->parts[i]->queue);
        c->parts[i]->blocked = (struct queue_key){ 0, 0 };
        part_touch(c, c->parts[i], (struct queue_key){ 0, 0 });
    }
    QUEUE_FOREACH(it, &c->jobs)
    it->job->is_queued = false;
    c->shape_gen++;
    c->void_gen++;
}

static void settle_all(struct core *c)
{
    QUEUE_FOREACH(it, &c->jobs)
    job_settle(c, it->job);
}

static int apply_configured(struct core *c, const struct fact *f, struct effects *effects,
                            struct err *e)
{
    const struct fact_configured *body = f->body;

    if (!body->conf)
        return err_set(e, ESTATE, "a configuration without content");
    c->now = body->now;
    free(c->conf);
    c->conf = msg_clone(&desc_core_conf, body->conf);
    for (uint32_t i = 0; i < c->node_count; i++)
        c->nodes[i]->is_gone = true;
    for (uint32_t i = 0; i < c->conf->nodes.n; i++)
        node_configure(c, node_ensure(c, c->conf->nodes.v[i].name), &c->conf->nodes.v[i],
                       body->now);
    for (uint32_t i = 0; i < c->part_count; i++)
        c->parts[i]->is_gone = true;
    empty_queues(c);
    for (uint32_t i = 0; i < c->node_count; i++)
        c->nodes[i]->parts.n = 0;
    for (uint32_t i = 0; i < c->conf->parts.n; i++)
        part_set(c, part_ensure(c, c->conf->parts.v[i].name), &c->conf->parts.v[i]);
    prio_configured(c);
    book_configured(c);
    bf_configured(c);
    promise_configured(c);
    plan_forget(c);
    license_configure(c);
    topo_configure(c);
    settle_all(c);
    return 0;
}

static int apply_ids(struct core *c, const struct fact *f, struct effects *effects, struct err *e)
{
    const struct fact_ids *body = f->body;

    c->next_id = body->first;
    c->ids_end = body->end;
    c->ids_stale = false;
    return 0;
}

static int apply_node_set(struct core *c, const struct fact *f, struct effects *effects,
                          struct err *e)
{
    const struct fact_node *body = f->body;
    struct node *n = body->node ? node_at(c, body->node->node) : NULL;

    if (!n)
        return err_set(e, ESTATE, "no such node");
    c->now = body->now;
    node_set_record(c, n, body->node);
    part_mark_dirty(c, n);
    if (body->event && *body->event)
        account_node(c, n, body, effects);
    return 0;
}

static int apply_node_lost(struct core *c, const struct fact *f, struct effects *effects,
                           struct err *e)
{
    const struct fact_node_lost *body = f->body;
    struct node *n = node_at(c, body->node);

    if (!n)
        return err_set(e, ESTATE, "no node of index %u", body->node);
    c->now = body->now;
    node_set_lost(c, n, body->now);
    part_mark_dirty(c, n); /* a job that waited for it no longer holds back others */
    return 0;
}

static int apply_resv_set(struct core *c, const struct fact *f, struct effects *effects,
                          struct err *e)
{
    const struct fact_resv *body = f->body;

    if (!body->resv || !*body->resv->name)
        return err_set(e, ESTATE, "a reservation without a name");
    c->now = body->now;
    resv_put(c, body->resv, body->is_gone);
    c->shape_gen++;
    c->void_gen++;
    for (uint32_t i = 0; i < c->part_count; i++)
        part_touch(c, c->parts[i], (struct queue_key){ 0, 0 });
    return 0;
}

static int apply_part_set(struct core *c, const struct fact *f, struct effects *effects,
                          struct err *e)
{
    const struct fact_part *body = f->body;

    if (!body->part)
        return err_set(e, ESTATE, "a partition without content");
    c->now = body->now;
    empty_queues(c);
    part_set(c, part_ensure(c, body->part->name), body->part);
    prio_configured(c);
    book_configured(c);
    settle_all(c);
    return 0;
}

static void forget_old_keys(struct core *c)
{
    uint32_t old = 0;

    while (old < c->keys_n && c->keys[old].time + KEY_MEMORY_S < c->now)
        map_del(&c->key_index, c->keys[old++].key);
    if (old == 0)
        return;
    c->keys_n -= old;
    memmove(c->keys, c->keys + old, c->keys_n * sizeof *c->keys);
}

static void remember_key(struct core *c, uint64_t key, uint32_t job_id, int64_t time)
{
    if (c->keys_n == c->keys_cap) {
        c->keys_cap = c->keys_cap ? c->keys_cap * 2 : 64;
        c->keys = xrealloc(c->keys, c->keys_cap, sizeof *c->keys);
    }
    c->keys[c->keys_n++] = (struct key_memory){ .key = key, .time = time, .job_id = job_id };
    map_put(&c->key_index, key, (void *)(uintptr_t)job_id);
}

static int apply_created(struct core *c, const struct fact *f, struct effects *effects,
                         struct err *e)
{
    const struct job_record *rec = f->body;

    if (!rec->job_id || job_find(c, rec->job_id))
        return err_set(e, ESTATE, "job %u exists", rec->job_id);
    if (!rec->wish || rec->phase != PHASE_PENDING)
        return err_set(e, ESTATE, "a new job must be pending and want something");
    c->now = rec->submit;
    if (rec->job_id >= c->next_id && rec->job_id <= c->ids_end)
        c->next_id = rec->job_id + 1;
    if (rec->base == c->prio_next && c->prio_next > 1)
        c->prio_next--;
    forget_old_keys(c);
    if (rec->request_key)
        remember_key(c, rec->request_key, rec->job_id, rec->submit);
    struct job *job = job_new(c, rec);
    deps_refresh(c, job, c->now);
    job->db_id = ++c->db_next;
    if (job->rest)
        array_begin(c, job, rec->array_limit);
    prio_know(c, job);
    account_job(c, job, NULL, effects);
    job_settle(c, job);
    return 0;
}

static int apply_split(struct core *c, const struct fact *f, struct effects *effects, struct err *e)
{
    const struct fact_job_split *body = f->body;
    struct job *rest = job_find(c, body->job_id);

    if (!rest || !rest->rest || !runs_has(rest->rest, body->task))
        return err_set(e, ESTATE, "job %u has no task %u to split off", body->job_id, body->task);
    bool is_last = runs_count(rest->rest) == 1;
    if (rest->phase != PHASE_PENDING || (body->new_id == body->job_id) != is_last ||
        (!is_last && job_find(c, body->new_id)))
        return err_set(e, ESTATE, "job %u cannot take the id %u", body->job_id, body->new_id);
    c->now = body->now;
    if (body->new_id >= c->next_id && body->new_id <= c->ids_end)
        c->next_id = body->new_id + 1;
    array_split(c, rest, body);
    account_job(c, job_find(c, body->new_id), NULL, effects);
    return 0;
}

static int apply_counters(struct core *c, const struct fact *f, struct effects *effects,
                          struct err *e)
{
    const struct fact_counters *body = f->body;

    if (c->conf || c->node_count)
        return err_set(e, ESTATE, "a snapshot begins in an empty core");
    c->next_id = body->next_id;
    c->ids_end = body->ids_end;
    c->prio_next = body->prio_next;
    c->acct_seq = body->acct_seq;
    c->db_next = body->db_next;
    c->now = body->now;
    c->prio_at = body->prio_at;
    c->prio_cursor = body->prio_cursor;
    c->usage_reset_at = body->usage_reset_at;
    fairshare_set_scale(c->shares, body->usage_scale);
    for (uint32_t i = 0; i < body->nodes.n; i++)
        node_ensure(c, body->nodes.v[i]);
    return 0;
}

static int apply_priorities(struct core *c, const struct fact *f, struct effects *effects,
                            struct err *e)
{
    int r = prio_check(c, f->body, e);

    if (r == 0)
        prio_apply(c, f->body);
    return r;
}

static int apply_share(struct core *c, const struct fact *f, struct effects *effects, struct err *e)
{
    prio_load_share(c, f->body);
    return 0;
}

static int apply_array(struct core *c, const struct fact *f, struct effects *effects, struct err *e)
{
    array_load(c, f->body);
    return 0;
}

static int apply_snap_job(struct core *c, const struct fact *f, struct effects *effects,
                          struct err *e)
{
    const struct job_record *rec = f->body;

    if (!rec->job_id || job_find(c, rec->job_id) || !rec->wish)
        return err_set(e, ESTATE, "snapshot: job %u is there already, or wants nothing",
                       rec->job_id);
    for (uint32_t i = 0; i < rec->alloc.n; i++)
        if (!node_at(c, rec->alloc.v[i].node))
            return err_set(e, ESTATE, "snapshot: job %u uses a node that does not exist",
                           rec->job_id);
    struct job *job = job_new(c, rec);
    job_settle(c, job);
    if (job->array_id)
        array_settle(c, job);
    return 0;
}

static int apply_promise(struct core *c, const struct fact *f, struct effects *effects,
                         struct err *e)
{
    return promise_apply(c, f->body, e);
}

static int apply_last_runs(struct core *c, const struct fact *f, struct effects *effects,
                           struct err *e)
{
    predict_load(c, f->body);
    return 0;
}

static int apply_key(struct core *c, const struct fact *f, struct effects *effects, struct err *e)
{
    const struct fact_key *body = f->body;

    remember_key(c, body->key, body->job_id, body->time);
    return 0;
}

static int apply_rules(struct core *c, const struct fact *f, struct effects *effects, struct err *e)
{
    book_apply(c, f->body);
    return 0;
}

static int apply_usage(struct core *c, const struct fact *f, struct effects *effects, struct err *e)
{
    usage_load(c, f->body);
    return 0;
}
