/* Promises as state; the idea is explained in promise.h. */
#include "core/promise.h"

#include "base/xalloc.h"
#include "core/backfill.h"
#include "core/plan.h"
#include "core/sched.h"
#include "core/state.h"

#include <stdlib.h>
#include <string.h>

static struct room room_of(const struct promised_node *f)
{
    struct room room = { .cpus = f->cpus, .jobs = 1, .mem_mb = f->mem_mb };

    for (uint32_t i = 0; i < f->gres.n && i < ROOM_GRES; i++)
        room.gres[i] = f->gres.v[i];
    return room;
}

struct promised_node promised_node_of(uint32_t node, const struct room *room, struct arena *a)
{
    struct promised_node f = { .node = node, .cpus = room->cpus, .mem_mb = room->mem_mb };
    uint32_t n = ROOM_GRES;

    while (n > 0 && room->gres[n - 1] == 0)
        n--;
    f.gres.n = n;
    f.gres.v = n ? arena_memdup(a, room->gres, n * sizeof *f.gres.v) : NULL;
    return f;
}

static int check(const struct core *c, const struct fact_job_promise *f, struct err *e)
{
    const struct job *job = job_find(c, f->job_id);

    if (!job || !job->is_queued)
        return err_set(e, ESTATE, "job %u does not wait, and was promised a start", f->job_id);
    if (!part_find(c, f->partition) || (f->nodes.n > 0 && f->end <= f->start))
        return err_set(e, ESTATE, "job %u: a promise of nothing", f->job_id);
    for (uint32_t i = 0; i < f->nodes.n; i++)
        if (!node_at(c, f->nodes.v[i].node))
            return err_set(e, ESTATE, "job %u was promised node %u, which does not exist",
                           f->job_id, f->nodes.v[i].node);
    return 0;
}

static struct promise *promise_new(struct core *c, struct job *job,
                                   const struct fact_job_promise *f)
{
    struct promise *p = xcalloc(1, sizeof *p + f->nodes.n * sizeof p->v[0]);

    *p = (struct promise){ .job = job,
                           .part = part_find(c, f->partition),
                           .wish = job->wish,
                           .limit_min = job->limit_min,
                           .start = f->start,
                           .end = f->end,
                           .first = f->first,
                           .cause = f->cause && *f->cause ? xstrdup(f->cause) : NULL,
                           .n = f->nodes.n };
    for (uint32_t i = 0; i < p->n; i++)
        p->v[i] = (struct promise_node){ f->nodes.v[i].node, room_of(&f->nodes.v[i]) };
    p->key = job_key_in(job, p->part);
    return p;
}

static void remove_of(struct core *c, struct job *job)
{
    struct promise *p = job->promise;

    if (!p)
        return;
    plan_unpromised(c, p);
    queue_remove(&c->promised, p->key);
    p->part->promised--;
    job->promise = NULL;
    free(p->cause);
    free(p);
}

int promise_apply(struct core *c, const struct fact_job_promise *f, struct err *e)
{
    int r = check(c, f, e);

    if (r < 0)
        return r;
    struct job *job = job_find(c, f->job_id);
    c->now = f->now;
    promise_kept(c, job);
    if (f->nodes.n == 0)
        return 0;
    struct promise *p = promise_new(c, job, f);
    job->promise = p;
    p->part->promised++;
    queue_add(&c->promised, p->key, job);
    plan_promised(c, p);
    return 0;
}

void promise_kept(struct core *c, struct job *job)
{
    if (job->promise && job->promise->end > c->now) {
        plan_grew_promise(c, job->promise);
        backfill_again(c);
    }
    remove_of(c, job);
}

/* What it held may be for somebody else now. */
void promise_drop(struct core *c, struct job *job)
{
    struct part *p = job->promise ? job->promise->part : NULL;

    if (p)
        plan_grew_promise(c, job->promise);
    remove_of(c, job);
    if (p && backfill_is_on(c)) {
        backfill_freed(c);
        backfill_touch(c, p, p->blocked);
    }
}

void promise_configured(struct core *c)
{
    const struct queue_entry *it;

    while (!backfill_is_on(c) && (it = queue_from(&c->promised, (struct queue_key){ 0, 0 })))
        remove_of(c, it->job);
}

void promise_settle(struct core *c, struct job *job)
{
    struct promise *p = job->promise;

    if (!p)
        return;
    if (!job->is_queued || p->wish != job->wish || p->limit_min != job->limit_min) {
        promise_drop(c, job);
        return;
    }
    struct queue_key key = job_key_in(job, p->part);
    if (queue_compare(key, p->key) == 0)
        return;
    queue_remove(&c->promised, p->key);
    p->key = key;
    queue_add(&c->promised, key, job);
}

struct fact_job_promise promise_fact(const struct promise *p, int64_t now, struct arena *a)
{
    struct fact_job_promise f = { .job_id = p->job->id,
                                  .now = now,
                                  .start = p->start,
                                  .end = p->end,
                                  .first = p->first,
                                  .partition = p->part->info->name,
                                  .cause = p->cause ? p->cause : "" };

    f.nodes.v = arena_calloc(a, p->n, sizeof *f.nodes.v);
    for (f.nodes.n = 0; f.nodes.n < p->n; f.nodes.n++)
        f.nodes.v[f.nodes.n] = promised_node_of(p->v[f.nodes.n].node, &p->v[f.nodes.n].room, a);
    return f;
}

void promise_blame(struct promise *p, enum lifted why, uint32_t by)
{
    p->lifted = why;
    p->lifted_by = by;
}

bool promise_uses(const struct promise *p, uint32_t node)
{
    for (uint32_t i = 0; i < p->n; i++)
        if (p->v[i].node == node)
            return true;
    return false;
}
