/* Snapshots: the state as facts, in an order that depends on the state alone; and its hash, which
 * is that of the facts. */
#include "core/state.h"

#include "base/xalloc.h"
#include "core/fairshare.h"
#include "core/msgs.h"
#include "core/predict.h"
#include "core/promise.h"
#include "core/report.h"
#include "core/step.h"
#include "core/usage.h"

#include <stdlib.h>

struct dump {
    const struct core *c;
    void (*emit)(void *ctx, const struct fact *f);
    void *ctx;
};

static void emit(const struct dump *d, enum fact_kind kind, const void *body)
{
    struct fact f = { .kind = (uint16_t)kind, .body = body };

    d->emit(d->ctx, &f);
}

static void dump_counters(const struct dump *d)
{
    const struct core *c = d->c;
    struct fact_counters f = { .next_id = c->next_id,
                               .ids_end = c->ids_end,
                               .prio_next = c->prio_next,
                               .acct_seq = c->acct_seq,
                               .db_next = c->db_next,
                               .now = c->now,
                               .usage_scale = fairshare_scale(c->shares),
                               .prio_at = c->prio_at,
                               .prio_cursor = c->prio_cursor,
                               .usage_reset_at = c->usage_reset_at };

    f.nodes.v = xcalloc(c->node_count + 1, sizeof *f.nodes.v);
    f.nodes.n = c->node_count;
    for (uint32_t i = 0; i < c->node_count; i++)
        f.nodes.v[i] = c->nodes[i]->conf->name;
    emit(d, FACT_snap_counters, &f);
    free(f.nodes.v);
}

static void emit_rules(void *ctx, const struct rules *part)
{
    emit(ctx, FACT_rules, part);
}

static void emit_usage(void *ctx, const struct fact_usage *used)
{
    emit(ctx, FACT_snap_usage, used);
}

/* In the order of their places, so that they get the same again. */
static void dump_shares(const struct dump *d)
{
    for (uint32_t i = 0; i < fairshare_count(d->c->shares); i++) {
        const struct share *s = fairshare_at(d->c->shares, i);
        const char *up = s->parent ? fairshare_at(d->c->shares, s->parent)->name : "";
        struct fact_share f = { .account = s->is_user ? up : s->name,
                                .user = s->is_user ? s->name : "",
                                .usage = s->own,
                                .is_root = i == FAIRSHARE_ROOT };
        emit(d, FACT_snap_share, &f);
    }
}

static void dump_nodes(const struct dump *d)
{
    for (uint32_t i = 0; i < d->c->node_count; i++) {
        struct node *n = d->c->nodes[i];
        struct node_record rec = node_record_of(n);
        rec.conf = n->is_gone ? n->conf : NULL;
        struct fact_node f = { .now = d->c->now, .node = &rec, .event = "" };
        emit(d, FACT_node_set, &f);
    }
}

static void dump_parts(const struct dump *d)
{
    for (uint32_t i = 0; i < d->c->conf->parts.n; i++) {
        struct part *p = part_find(d->c, d->c->conf->parts.v[i].name);
        struct fact_part f = { .now = d->c->now, .part = p->info };
        emit(d, FACT_part_set, &f);
    }
}

static void dump_resvs(const struct dump *d)
{
    for (uint32_t i = 0; i < d->c->resv_count; i++) {
        struct fact_resv f = { .now = d->c->now, .resv = d->c->resvs[i]->info };
        emit(d, FACT_resv_set, &f);
    }
}

static void dump_array(const struct dump *d, const struct array *a)
{
    struct fact_array f = { .array_id = a->id,
                            .min = a->min,
                            .max = a->max,
                            .step = a->step,
                            .count = a->count,
                            .limit = a->limit,
                            .done = a->done,
                            .failed = a->failed };

    f.ok = (struct bytes){ .p = a->ok, .len = a->ok ? a->max / 8 + 1 : 0 };
    f.bad = (struct bytes){ .p = a->bad, .len = a->bad ? a->max / 8 + 1 : 0 };
    emit(d, FACT_snap_array, &f);
}

static int by_id(const void *a, const void *b)
{
    const struct array *const *x = a, *const *y = b;

    return (*x)->id < (*y)->id ? -1 : 1;
}

/* In order of id, before the jobs that join them. */
static void dump_arrays(const struct dump *d)
{
    const struct array **all = xcalloc(d->c->arrays.count + 1, sizeof *all);
    uint32_t n = 0, at = 0;
    uint64_t key;
    void *value;

    while (map_next(&d->c->arrays, &at, &key, &value))
        all[n++] = value;
    qsort(all, n, sizeof *all, by_id);
    for (uint32_t i = 0; i < n; i++)
        dump_array(d, all[i]);
    free(all);
}

static void dump_job(const struct dump *d, const struct job *job)
{
    struct arena a = { 0 };
    struct job_record rec = job_to_record(job, &a);

    emit(d, FACT_snap_job, &rec);
    arena_fini(&a);
    STEP_FOREACH(s, job)
    {
        struct step_memo step = *s->rec;
        step.now = d->c->now;
        emit(d, FACT_snap_step, &step);
    }
}

static void dump_promise(const struct dump *d, const struct promise *p)
{
    struct arena a = { 0 };
    struct fact_job_promise f = promise_fact(p, d->c->now, &a);

    emit(d, FACT_job_promise, &f);
    arena_fini(&a);
}

static void emit_last_runs(void *ctx, const struct fact_last_runs *f)
{
    emit(ctx, FACT_snap_last_runs, f);
}

void core_dump(const struct core *c, void (*fn)(void *ctx, const struct fact *f), void *ctx)
{
    struct dump d = { .c = c, .emit = fn, .ctx = ctx };

    dump_counters(&d);
    if (!c->conf)
        return;
    emit(&d, FACT_configured, &(struct fact_configured){ .conf = c->conf, .now = c->now });
    rules_dump(c->rules, emit_rules, &d);
    usage_dump(c, emit_usage, &d);
    dump_shares(&d);
    dump_nodes(&d);
    dump_parts(&d);
    dump_resvs(&d);
    dump_arrays(&d);
    QUEUE_FOREACH(it, &c->jobs)
    dump_job(&d, it->job);
    QUEUE_FOREACH(it, &c->promised)
    dump_promise(&d, it->job->promise);
    predict_dump(c, emit_last_runs, &d);
    for (uint32_t i = 0; i < c->keys_n; i++) {
        struct fact_key f = { .key = c->keys[i].key,
                              .job_id = c->keys[i].job_id,
                              .time = c->keys[i].time };
        emit(&d, FACT_snap_key, &f);
    }
}

static void add_hash(void *ctx, const struct fact *f)
{
    uint64_t *h = ctx;

    *h = msg_hash(fact_desc(f->kind), f->body, *h + f->kind);
}

uint64_t core_hash(const struct core *c)
{
    uint64_t h = 1;

    core_dump(c, add_hash, &h);
    return h;
}
