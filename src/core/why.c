/* Why a job waits: all blockers, in the order in which the scheduler meets them, with numbers.
 * squeue's reason is the first of these in one word (sched_reason). */
#include "core/array.h"
#include "core/bf.h"
#include "core/deps.h"
#include "core/license.h"
#include "core/list.h"
#include "core/pick.h"
#include "core/place.h"
#include "core/plan.h"
#include "core/promise.h"
#include "core/sched.h"
#include "core/state.h"

#include "base/hostlist.h"
#include "schema/states.h"

#include <string.h>
#include <strings.h>

#define BLOCKERS_MAX 64u
#define NAMED_MAX 5u /* jobs named in one sentence */

struct why {
    const struct core *c;
    const struct job *job;
    int64_t now;
    struct arena *a;
    struct job_why *ret;
};

static struct blocker *add(struct why *w, enum reason reason, const char *text)
{
    static const struct blocker nothing = { .partition = "", .what = "", .by = "" };
    struct job_why *r = w->ret;
    struct blocker *b = &r->blockers.v[r->blockers.n < BLOCKERS_MAX ? r->blockers.n++ : 0];

    *b = nothing;
    b->reason = reason_name(reason);
    b->text = text;
    return b;
}

static void counts(struct blocker *b, const char *what, uint64_t asked, uint64_t allowed,
                   uint64_t in_use)
{
    b->what = what;
    b->asked = (struct opt_u64){ true, asked };
    b->allowed = (struct opt_u64){ true, allowed };
    b->in_use = (struct opt_u64){ true, in_use };
}

static void why_held(struct why *w)
{
    static const struct {
        enum reason reason;
        const char *by, *text;
    } rows[] = {
        [HOLD_USER] = { REASON_JobHeldUser, "its user",
                        "it is held by its user: scontrol release lets it go" },
        [HOLD_ADMIN] = { REASON_JobHeldAdmin, "an administrator",
                         "it is held by an administrator, who alone can release it" },
        [HOLD_MAX_REQUEUE] = { REASON_JobHoldMaxRequeue, "the controller",
                               "it was requeued too often and is held: scontrol release" },
    };
    unsigned hold = w->job->hold ? w->job->hold : w->job->base == 0 ? HOLD_USER : HOLD_NONE;

    if (hold)
        add(w, rows[hold].reason, rows[hold].text)->by = rows[hold].by;
}

static void why_not_yet(struct why *w)
{
    const struct job *job = w->job;

    if (!deps_are_met(w->c, job)) {
        bool is_never = deps_are_hopeless(job);
        const char *text = arena_printf(w->a, "it depends on %s%s", deps_text(job, w->a),
                                        is_never ? ", which can never be met any more" : "");
        add(w, is_never ? REASON_DependencyNeverSatisfied : REASON_Dependency, text)->by =
            deps_text(job, w->a);
    }
    if (!(job->flags & JOB_BEGUN))
        add(w, REASON_BeginTime, "its begin time has not come (--begin)")->until = job->begin;
    const struct array *array = job->array_id ? array_find(w->c, job->array_id) : NULL;
    if (array && !array_has_room(w->c, job))
        counts(add(w, REASON_JobArrayTaskLimit,
                   arena_printf(w->a, "%u tasks of the array run, and its limit is %u (%%%u)",
                                array->running, array->limit, array->limit)),
               "tasks", 1, array->limit, array->running);
}

static void why_licenses(struct why *w)
{
    const char *ask = w->job->wish->ask->licenses;

    if (license_is_free(w->c, ask))
        return;
    for (uint32_t i = 0; i < w->c->licenses.n; i++) {
        const struct license *l = &w->c->licenses.v[i];
        if (strstr(ask, l->name))
            counts(add(w, REASON_Licenses,
                       arena_printf(w->a, "it asks for licenses %s; of %s %llu of %llu are in use",
                                    ask, l->name, (unsigned long long)l->used,
                                    (unsigned long long)l->total)),
                   "licenses", 0, l->total, l->used);
    }
}

/* The partition's rules, whatever is free. */
static bool why_partition(struct why *w, const struct part *p)
{
    enum reason reason = sched_part_reason(w->job, p);
    const struct part_info *pi = p->info;
    const struct job_wish *ask = w->job->wish->ask;

    if (reason == REASON_None)
        return false;
    struct blocker *b = add(w, reason, reason_text(reason));
    b->partition = pi->name;
    if (reason == REASON_PartitionTimeLimit) {
        counts(b, "minutes", w->job->limit_min, pi->max_time_min, 0);
        b->text = arena_printf(w->a, "its limit is %u minutes, %s allows %u", w->job->limit_min,
                               pi->name, pi->max_time_min);
    } else if (reason == REASON_PartitionNodeLimit) {
        counts(b, "nodes", ask->min_nodes, pi->max_nodes, 0);
        b->text = arena_printf(w->a, "it asks for %u nodes, %s gives %u to %u", ask->min_nodes,
                               pi->name, pi->min_nodes, pi->max_nodes);
    } else {
        b->text = arena_printf(w->a, "partition %s is %s", pi->name,
                               pi->state && *pi->state ? pi->state : "not usable");
    }
    return true;
}

static void why_rank(struct why *w, const struct part *p)
{
    struct queue_key own = job_key_in(w->job, p);
    uint32_t ahead = 0;

    QUEUE_FOREACH(it, &p->queue)
    {
        if (queue_compare(it->key, own) >= 0)
            break;
        ahead++;
    }
    w->ret->ahead = ahead < w->ret->ahead ? ahead : w->ret->ahead;
    if (ahead == 0)
        return;
    struct blocker *b =
        add(w, REASON_Priority,
            arena_printf(w->a, "%u waiting jobs rank above it in %s; job %u is the first", ahead,
                         p->info->name, p->blocked.id));
    b->partition = p->info->name;
    b->by = p->blocked.id ? arena_printf(w->a, "%u", p->blocked.id) : "";
}

/* Nodes that fell out, by cause. */
static void why_nodes(struct why *w, const struct part *p, const struct place_why *cut,
                      uint32_t usable)
{
    const struct {
        enum reason reason;
        uint32_t nodes;
        const char *what;
    } rows[] = {
        { REASON_ReqNodeNotAvail, cut->unusable, "are down, drained or full" },
        { REASON_Resources, cut->excluded, "are excluded by it (-x)" },
        { REASON_BadConstraints, cut->features, "do not have the features it asks for (-C)" },
        { REASON_Resources, cut->hardware, "do not have the sockets, cores or disk it asks for" },
        { REASON_Resources, cut->memory, "have too little free memory" },
        { REASON_Resources, cut->gres, "have too few free GPUs or other resources (--gres)" },
        { REASON_Resources, cut->cpus, "have too few free CPUs" },
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (rows[i].nodes == 0)
            continue;
        struct blocker *b = add(w, rows[i].reason,
                                arena_printf(w->a, "of %u nodes of %s, %u %s", cut->nodes,
                                             p->info->name, rows[i].nodes, rows[i].what));
        b->partition = p->info->name;
        counts(b, "nodes", w->job->wish->ask->min_nodes, cut->nodes, rows[i].nodes);
    }
    if (usable > 0 && usable < w->job->wish->ask->min_nodes)
        add(w, REASON_Resources,
            arena_printf(w->a, "%u nodes would do now, it asks for %u", usable,
                         w->job->wish->ask->min_nodes))
            ->partition = p->info->name;
}

/* It would fit, were nothing promised: to whom? */
static void why_promised(struct why *w, const struct part *p)
{
    int64_t until = w->now + plan_length(w->c, w->job, p);
    char *list = arena_strdup(w->a, "");
    uint32_t n = 0;

    QUEUE_FOREACH(it, &w->c->promised)
    {
        const struct promise *other = it->job->promise;
        if (it->job == w->job || other->part != p || other->start >= until)
            continue;
        if (n++ < NAMED_MAX)
            list = arena_printf(w->a, "%s%s%u", list, *list ? "," : "", it->job->id);
    }
    if (n == 0)
        return;
    struct blocker *b = add(w, REASON_Priority,
                            arena_printf(w->a,
                                         "nodes of %s are free, but promised to %u other jobs "
                                         "before this one could end (%s%s)",
                                         p->info->name, n, list, n > NAMED_MAX ? ",..." : ""));
    b->partition = p->info->name;
    b->by = list;
}

static void why_in(struct why *w, const struct part *p)
{
    struct place place = {
        .c = w->c, .part = p, .wish = w->job->wish->ask, .when = PLACE_NOW, .a = w->a
    };
    struct place_why cut = { 0 };
    struct placement at;

    if (why_partition(w, p))
        return;
    why_rank(w, p);
    if (place_job(&place, &at, &cut)) {
        why_promised(w, p);
        return;
    }
    /* Full nodes are not looked at when something is to start now: they have too few CPUs. */
    uint32_t seen = cut.nodes;
    uint32_t lost = cut.unusable + cut.excluded + cut.features + cut.hardware + cut.memory +
                    cut.gres + cut.cpus;
    for (uint32_t i = 0; i < p->order_n; i++)
        if (!bits_test(&p->open, i)) {
            bool is_up = node_is_up(w->c->nodes[p->order[i]]);
            cut.cpus += is_up;
            cut.unusable += !is_up;
            cut.nodes++;
        }
    why_nodes(w, p, &cut, seen - lost);
}

static void why_promise(struct why *w)
{
    const struct promise *p = w->job->promise;
    const char **names;

    w->ret->nodes = w->ret->cause = "";
    if (!p)
        return;
    names = arena_calloc(w->a, p->n + 1, sizeof *names);
    for (uint32_t i = 0; i < p->n; i++)
        names[i] = core_node_name(w->c, p->v[i].node);
    w->ret->start = p->start > w->now ? p->start : w->now;
    w->ret->first = p->first;
    w->ret->nodes = hostlist_compress(w->a, names, p->n);
    w->ret->cause = p->cause ? p->cause : "";
}

static void explain(struct why *w)
{
    const char *list = w->job->wish->ask->partitions;
    uint32_t state, flags;

    job_view(w->job, &state, &flags);
    *w->ret = (struct job_why){ .job_id = w->job->id,
                                .state = state_long(state, flags),
                                .reason = reason_name(sched_reason(w->c, w->job)),
                                .ahead = UINT32_MAX };
    w->ret->blockers.v = arena_calloc(w->a, BLOCKERS_MAX, sizeof *w->ret->blockers.v);
    why_promise(w);
    if (w->job->phase == PHASE_PENDING) {
        why_held(w);
        why_not_yet(w);
        why_licenses(w);
        for (const struct part *p; (p = part_next(w->c, &list));)
            why_in(w, p);
    }
    w->ret->ahead = w->ret->ahead == UINT32_MAX ? 0 : w->ret->ahead;
}

void core_why(const struct core *c, const struct why_query *q, const struct who *who, int64_t now,
              struct arena *a, struct job_whys *ret)
{
    struct picks picks = { .a = a };

    *ret = (struct job_whys){ .now = now };
    for (uint32_t i = 0; i < q->jobs.n; i++)
        picks_add_name(c, q->jobs.v[i], &picks);
    picks_tidy(&picks);
    ret->jobs.v = arena_calloc(a, picks.n + 1, sizeof *ret->jobs.v);
    for (uint32_t i = 0; i < picks.n; i++) {
        struct why w = { c, picks.v[i].job, now, a, &ret->jobs.v[ret->jobs.n] };
        bool is_hidden = c->conf->private_data && strcasestr(c->conf->private_data, "jobs") &&
                         who && who->uid != w.job->uid && who->role < ROLE_OPERATOR;
        if (is_hidden)
            continue;
        explain(&w);
        ret->jobs.n++;
    }
}
