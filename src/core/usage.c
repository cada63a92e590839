/* Usage of owners; see usage.h. */
#include "core/usage.h"

#include "core/state.h"

#include "base/xalloc.h"

#include <string.h>

static struct spent *used_of(struct owner *o)
{
    if (!o->used)
        o->used = xcalloc(1, sizeof *o->used);
    return o->used;
}

/* Of the job's QOS; the partition's counts when it has none. */
double usage_factor(const struct job *job)
{
    const struct qos *q = job->standing.qos ? job->standing.qos : job->standing.part_qos;

    return q ? q->row->usage_factor : 1;
}

static void charge(struct owner *o, const struct core *c, const struct amounts *a, double seconds)
{
    struct spent *u = used_of(o);

    for (uint32_t i = 0; i < c->tres.n; i++)
        u->tres_s[i] += (double)a->v[i] * seconds;
    u->wall_s += seconds;
}

void usage_charge(struct core *c, const struct job *job, int64_t seconds)
{
    const struct standing *at = &job->standing;
    double s = (double)seconds * usage_factor(job);

    if (!job->running || s <= 0)
        return;
    for (struct assoc *as = at->assoc; as; as = as->up)
        charge(&as->owner, c, &job->running->all, s);
    if (at->qos)
        charge(&at->qos->owner, c, &job->running->all, s);
    if (at->part_qos && at->part_qos != at->qos)
        charge(&at->part_qos->owner, c, &job->running->all, s);
}

static void fade(struct spent *u, const struct core *c, double part)
{
    for (uint32_t i = 0; i < c->tres.n; i++)
        u->tres_s[i] *= part;
    u->wall_s *= part;
}

void usage_fade(struct core *c, double part)
{
    const struct rulebook *r = c->rules;

    for (uint32_t i = 0; i < r->assoc_n; i++)
        if (r->order[i]->owner.used)
            fade(r->order[i]->owner.used, c, part);
    for (uint32_t i = 0; i < r->qos_n; i++)
        if (r->qos_order[i]->owner.used && !(r->qos_order[i]->flags & QOS_NO_DECAY))
            fade(r->qos_order[i]->owner.used, c, part);
}

void usage_move(struct assoc *as, struct assoc *from, struct assoc *to)
{
    if (!as->owner.used)
        return;
    for (struct assoc *up = from; up; up = up->up) {
        struct spent *u = used_of(&up->owner);
        for (uint32_t i = 0; i < TRES_MAX; i++)
            u->tres_s[i] -= as->owner.used->tres_s[i];
        u->wall_s -= as->owner.used->wall_s;
    }
    for (struct assoc *up = to; up; up = up->up) {
        struct spent *u = used_of(&up->owner);
        for (uint32_t i = 0; i < TRES_MAX; i++)
            u->tres_s[i] += as->owner.used->tres_s[i];
        u->wall_s += as->owner.used->wall_s;
    }
}

/* ---- snapshots */

static void dump_one(const struct core *c, const struct spent *u, struct fact_usage *f,
                     void (*emit)(void *ctx, const struct fact_usage *f), void *ctx)
{
    struct tres_used rows[TRES_MAX];

    f->wall_s = u->wall_s;
    f->tres.v = rows;
    f->tres.n = 0;
    for (uint32_t i = 0; i < c->tres.n; i++)
        if (u->tres_s[i] > 0)
            rows[f->tres.n++] = (struct tres_used){ c->tres.names[i], u->tres_s[i] };
    if (f->tres.n || f->wall_s > 0)
        emit(ctx, f);
}

void usage_dump(const struct core *c, void (*emit)(void *ctx, const struct fact_usage *f),
                void *ctx)
{
    const struct rulebook *r = c->rules;

    for (uint32_t i = 0; i < r->assoc_n; i++)
        if (r->order[i]->owner.used)
            dump_one(c, r->order[i]->owner.used,
                     &(struct fact_usage){ .assoc = r->order[i]->row->id }, emit, ctx);
    for (uint32_t i = 0; i < r->qos_n; i++)
        if (r->qos_order[i]->owner.used)
            dump_one(c, r->qos_order[i]->owner.used,
                     &(struct fact_usage){ .qos = r->qos_order[i]->row->id }, emit, ctx);
}

void usage_load(struct core *c, const struct fact_usage *f)
{
    struct assoc *as = f->assoc ? map_get(&c->rules->assocs, f->assoc) : NULL;
    struct qos *q = f->qos ? map_get(&c->rules->qos, f->qos) : NULL;
    struct spent *u = as ? used_of(&as->owner) : q ? used_of(&q->owner) : NULL;

    if (!u)
        return;
    u->wall_s = f->wall_s;
    for (uint32_t i = 0; i < f->tres.n; i++) {
        int at = tres_find(&c->tres, f->tres.v[i].name, strlen(f->tres.v[i].name));
        if (at >= 0)
            u->tres_s[at] = f->tres.v[i].seconds;
    }
}
