/* Each job's part of the counters of those it stands under, and the jobs that wait for room there.
 *
 * What a job counts for is remembered in the job, so taking it out again is exact whatever changed
 * meanwhile.  Parked jobs are the scheduler's memory: a core made from a snapshot has none, tries
 * them all once and parks them again. */
#include "core/limits.h"

#include "core/place.h"
#include "core/sched.h"
#include "core/state.h"

#include "base/xalloc.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* Jobs that one slice of scheduling brings back from where they wait. */
#define WAKE_MAX 256u

/* How often those are looked at that wait for time alone, when nothing else happens. */
#define TIMED_S 15

void gauge_fini(struct gauge *t)
{
    queue_fini(&t->waiting);
    free(t->sums);
    *t = (struct gauge){ 0 };
}

uint64_t limits_account_key(const char *account)
{
    return hash_bytes(account, strlen(account), 1);
}

struct qos *part_qos(const struct core *c, const struct part *p)
{
    return p && c->rules->version ? rules_qos(c->rules, p->info->qos) : NULL;
}

struct standing limits_standing(const struct core *c, const struct job *job)
{
    const char *list = job->alloc ? job->alloc->partition : job->wish->ask->partitions;
    const struct part *p = part_next(c, &list);

    if (c->rules->version == 0)
        return (struct standing){ 0 };
    return (struct standing){
        .assoc = rules_assoc(c->rules, job->account, job->user, p ? p->info->name : ""),
        .qos = rules_qos(c->rules, job->qos),
        .part_qos = part_qos(c, p),
    };
}

struct asker limits_asker(const struct core *c, const struct job *job)
{
    return (struct asker){ .at = job->standing,
                           .uid = job->uid,
                           .account = job->account,
                           .now = c->sched_now > c->now ? c->sched_now : c->now };
}

/* ---- counters */

static struct gauge *gauge_of(struct map *m, uint64_t key)
{
    struct gauge *t = map_get(m, key);

    if (!t) {
        t = xcalloc(1, sizeof *t);
        map_put(m, key, t);
    }
    return t;
}

typedef void (*visitor)(struct core *c, struct gauge *t, const struct job *job);

static void visit_qos(struct core *c, struct qos *q, const struct job *job, visitor visit)
{
    visit(c, &q->owner.now, job);
    visit(c, gauge_of(&q->users, (uint64_t)job->uid + 1), job);
    visit(c, gauge_of(&q->accounts, limits_account_key(job->account)), job);
}

/* Every counter that the job is part of. */
static void visit_all(struct core *c, const struct job *job, visitor visit)
{
    const struct standing *at = &job->standing;

    for (struct assoc *as = at->assoc; as; as = as->up)
        visit(c, &as->owner.now, job);
    if (at->qos)
        visit_qos(c, at->qos, job, visit);
    if (at->part_qos && at->part_qos != at->qos)
        visit_qos(c, at->part_qos, job, visit);
}

static void add_submitted(struct core *c, struct gauge *t, const struct job *job)
{
    t->submitted += job->staked;
}

static void take_submitted(struct core *c, struct gauge *t, const struct job *job)
{
    assert(t->submitted >= job->staked);
    t->submitted -= job->staked;
}

static int64_t paid_until(const struct core *c, const struct job *job)
{
    return job->running->start > c->prio_at ? job->running->start : c->prio_at;
}

static void add_running(struct core *c, struct gauge *t, const struct job *job)
{
    t->running++;
    if (!t->sums)
        t->sums = xcalloc(1, sizeof *t->sums);
    for (uint32_t i = 0; i < c->tres.n; i++) {
        t->sums->tres.v[i] += job->running->all.v[i];
        t->sums->ends[i] += (__int128)job->running->all.v[i] * job->running->end;
        t->sums->paid[i] += (__int128)job->running->all.v[i] * paid_until(c, job);
    }
}

static void take_running(struct core *c, struct gauge *t, const struct job *job)
{
    assert(t->running > 0 && t->sums);
    t->running--;
    for (uint32_t i = 0; i < c->tres.n; i++) {
        t->sums->tres.v[i] -= job->running->all.v[i];
        t->sums->ends[i] -= (__int128)job->running->all.v[i] * job->running->end;
        t->sums->paid[i] -= (__int128)job->running->all.v[i] * paid_until(c, job);
    }
}

static bool is_present(const struct job *job)
{
    return job->phase == PHASE_PENDING || job->phase == PHASE_RUNNING;
}

static struct running *running_of(const struct core *c, const struct job *job)
{
    struct running *r = xcalloc(1, sizeof *r);
    struct claim claim;
    int64_t end = job_limit_end(job);

    claim_placed(c, part_find(c, job->alloc->partition), job->wish->ask, job->alloc->nodes.v,
                 job->alloc->nodes.n, &claim);
    r->all = claim.all;
    r->start = job->start;
    r->end = end ? end : job->start + 366 * 86400;
    return r;
}

void limits_drop(struct core *c, struct job *job)
{
    if (job->running) {
        visit_all(c, job, take_running);
        free(job->running);
        job->running = NULL;
    }
    if (job->staked)
        visit_all(c, job, take_submitted);
    job->staked = 0;
    job->standing = (struct standing){ 0 };
}

void limits_settle(struct core *c, struct job *job)
{
    uint32_t tasks = !is_present(job) ? 0 : job->rest ? runs_count(job->rest) : 1;

    if (c->rules->version == 0 ||
        (tasks == job->staked && (tasks == 0 || job->running || job->phase != PHASE_RUNNING)))
        return;
    limits_drop(c, job);
    if (tasks == 0)
        return;
    job->standing = limits_standing(c, job);
    job->staked = tasks;
    visit_all(c, job, add_submitted);
    if (job->phase == PHASE_RUNNING) {
        job->running = running_of(c, job);
        visit_all(c, job, add_running);
    }
}

/* ---- those who wait */

static struct queue_key key_of(const struct job *job)
{
    return (struct queue_key){ .rank = ~(uint64_t)job_priority(job), .id = job->id };
}

void limits_park(struct core *c, struct job *job, const struct limit_why *why)
{
    struct gauge *at = why->is_timed ? &c->timed : why->gauge ? why->gauge : &c->stuck;

    job_unqueue(c, job);
    queue_add(&at->waiting, key_of(job), job);
    job->parked = at;
    job->parked_why = (uint8_t)why->reason;
}

bool limits_hold(struct core *c, const struct job *job, const struct part *p,
                 const struct placement *at)
{
    struct limit_why why;
    struct claim claim;

    if (!c->enforce)
        return false;
    if (at) {
        claim_placed(c, p, job->wish->ask, at->v, at->n, &claim);
        claim.limit_min = sched_limit(job, p);
    }
    struct job *own = (struct job *)(uintptr_t)job;
    own->parked_why = REASON_None;
    if (limits_may_start(c, job, p, at ? &claim : NULL, &why))
        return false;
    own->parked_why = (uint8_t)why.reason;
    if (!at && !job->promise && !strchr(job->wish->ask->partitions, ',')) {
        limits_park(c, own, &why);
        return true;
    }
    if (why.gauge)
        why.gauge->has_held = true;
    c->has_timed_held |= why.is_timed;
    return true;
}

void limits_unpark(struct core *c, struct job *job)
{
    if (!job->parked)
        return;
    queue_remove(&job->parked->waiting, key_of(job));
    job->parked = NULL;
}

static void note_freed(struct core *c, struct gauge *t, const struct job *job)
{
    c->is_touched |= t->has_held;
    t->has_held = false;
    if (t->waiting.count == 0 || t->is_freed)
        return;
    t->is_freed = true;
    if (c->freed_n == c->freed_cap) {
        c->freed_cap = c->freed_cap ? c->freed_cap * 2 : 16;
        c->freed = xrealloc(c->freed, c->freed_cap, sizeof(struct gauge *));
    }
    c->freed[c->freed_n++] = t;
    c->is_dirty = true;
}

void limits_freed(struct core *c, struct job *job)
{
    c->timed_at = 0;
    c->is_dirty |= c->timed.waiting.count > 0 || c->has_timed_held;
    visit_all(c, job, note_freed);
}

/* Back into its queues when the rules let it start in any of its partitions. */
static bool wake_if_free(struct core *c, struct job *job)
{
    const char *list = job->wish->ask->partitions;
    struct limit_why why;

    for (const struct part *p; (p = part_next(c, &list));)
        if (limits_may_start(c, job, p, NULL, &why)) {
            limits_unpark(c, job);
            job_settle(c, job);
            return true;
        }
    return false;
}

/* Best first.  Equal wishes of one standing fail alike, so a long row of them costs one test. */
static unsigned wake_gauge(struct core *c, struct gauge *t, unsigned most)
{
    struct queue_key from = { 0, 0 };
    const struct job *failed = NULL;
    unsigned woken = 0;

    for (const struct queue_entry *it; woken < most && (it = queue_from(&t->waiting, from));) {
        struct job *job = it->job;
        from = (struct queue_key){ it->key.rank, it->key.id + 1 };
        bool is_alike = failed && failed->wish == job->wish && failed->uid == job->uid &&
                        failed->limit_min == job->limit_min && failed->flags == job->flags &&
                        memcmp(&failed->standing, &job->standing, sizeof job->standing) == 0;
        if (is_alike)
            continue;
        if (wake_if_free(c, job))
            woken++;
        else
            failed = job;
    }
    return woken;
}

/* A counter whose waiting jobs were not all looked at stays listed, for the next slice. */
void limits_wake(struct core *c, int64_t now)
{
    unsigned left = WAKE_MAX;
    bool is_later = now != c->timed_at;

    c->sched_now = now;
    if (c->has_timed_held && is_later)
        c->is_touched = true;
    c->has_timed_held &= !is_later;
    for (uint32_t i = 0; c->is_touched && i < c->part_count; i++)
        part_touch(c, c->parts[i], (struct queue_key){ 0, 0 });
    c->is_touched = false;
    if (c->timed.waiting.count && is_later) {
        unsigned woken = wake_gauge(c, &c->timed, left);
        left -= woken < left ? woken : left;
    }
    c->timed_at = now;
    while (c->freed_n > 0 && left > 0) {
        struct gauge *t = c->freed[c->freed_n - 1];
        unsigned woken = wake_gauge(c, t, left);
        left -= woken < left ? woken : left;
        if (left > 0) {
            t->is_freed = false;
            c->freed_n--;
        }
    }
}

static void wake_waiting(struct core *c, struct queue *q)
{
    for (const struct queue_entry *it; (it = queue_from(q, (struct queue_key){ 0, 0 }));) {
        struct job *job = it->job;
        limits_unpark(c, job);
        job_settle(c, job);
    }
}

static void wake_map(struct core *c, struct map *m)
{
    uint32_t at = 0;
    uint64_t key;
    void *value;

    while (map_next(m, &at, &key, &value))
        wake_waiting(c, &((struct gauge *)value)->waiting);
}

int64_t limits_due(const struct core *c)
{
    if (c->timed.waiting.count == 0 && !c->has_timed_held)
        return INT64_MAX;
    return c->timed_at ? c->timed_at + TIMED_S : c->now;
}

static void pay(struct gauge *t, int64_t now)
{
    for (uint32_t i = 0; t->sums && i < TRES_MAX; i++)
        t->sums->paid[i] = (__int128)t->sums->tres.v[i] * now;
}

static void pay_map(struct map *m, int64_t now)
{
    uint32_t at = 0;
    uint64_t key;
    void *value;

    while (map_next(m, &at, &key, &value))
        pay(value, now);
}

void limits_paid(struct core *c, int64_t now)
{
    for (uint32_t i = 0; i < c->rules->assoc_n; i++)
        pay(&c->rules->order[i]->owner.now, now);
    for (uint32_t i = 0; i < c->rules->qos_n; i++) {
        pay(&c->rules->qos_order[i]->owner.now, now);
        pay_map(&c->rules->qos_order[i]->users, now);
        pay_map(&c->rules->qos_order[i]->accounts, now);
    }
}

void limits_wake_all(struct core *c)
{
    wake_waiting(c, &c->stuck.waiting);
    wake_waiting(c, &c->timed.waiting);
    c->is_touched = c->is_dirty = true;
    for (uint32_t i = 0; i < c->rules->assoc_n; i++)
        wake_waiting(c, &c->rules->order[i]->owner.now.waiting);
    for (uint32_t i = 0; i < c->rules->qos_n; i++) {
        struct qos *q = c->rules->qos_order[i];
        wake_waiting(c, &q->owner.now.waiting);
        wake_map(c, &q->users);
        wake_map(c, &q->accounts);
    }
}

/* ---- invariants */

/* Sums made anew, by counter. */
struct recount {
    const struct core *c;
    struct map sums; /* address of a gauge to struct gauge */
};

static void count_again(struct recount *r, const struct gauge *t, const struct job *job)
{
    struct gauge *sum = gauge_of(&r->sums, (uintptr_t)t);

    sum->submitted += job->staked;
    if (job->running)
        add_running((struct core *)(uintptr_t)r->c, sum, job);
}

static void recount_qos(struct recount *r, const struct qos *q, const struct job *job)
{
    count_again(r, &q->owner.now, job);
    count_again(r, map_get(&q->users, (uint64_t)job->uid + 1), job);
    count_again(r, map_get(&q->accounts, limits_account_key(job->account)), job);
}

static void recount_job(struct recount *r, const struct job *job)
{
    const struct standing *at = &job->standing;

    for (const struct assoc *as = at->assoc; as; as = as->up)
        count_again(r, &as->owner.now, job);
    if (at->qos)
        recount_qos(r, at->qos, job);
    if (at->part_qos && at->part_qos != at->qos)
        recount_qos(r, at->part_qos, job);
}

static bool same_gauge(const struct recount *r, const struct gauge *t)
{
    static const struct load none;
    const struct gauge *sum = map_get(&r->sums, (uintptr_t)t);
    const struct load *is = t->sums ? t->sums : &none;
    const struct load *want = sum && sum->sums ? sum->sums : &none;

    return t->running == (sum ? sum->running : 0) && t->submitted == (sum ? sum->submitted : 0) &&
           memcmp(is, want, sizeof *is) == 0;
}

static int check_job(const struct core *c, const struct job *job, struct err *e)
{
    struct standing want = limits_standing(c, job);
    uint32_t tasks = !is_present(job) || c->rules->version == 0 ? 0
                     : job->rest                                ? runs_count(job->rest)
                                                                : 1;

    if (job->staked != tasks ||
        (job->running != NULL) != (tasks > 0 && job->phase == PHASE_RUNNING))
        return err_set(e, ESTATE, "job %u: counted %u times, phase %u", job->id, job->staked,
                       job->phase);
    if (tasks && memcmp(&want, &job->standing, sizeof want) != 0)
        return err_set(e, ESTATE, "job %u stands under rules that are not its own", job->id);
    if (job->parked && job->is_queued)
        return err_set(e, ESTATE, "job %u waits at a limit and in a queue", job->id);
    return 0;
}

static bool same_gauges(const struct recount *r, const struct map *m)
{
    uint32_t at = 0;
    uint64_t key;
    void *value;

    while (map_next(m, &at, &key, &value))
        if (!same_gauge(r, value))
            return false;
    return true;
}

static int check_owners(const struct recount *r, struct err *e)
{
    const struct rulebook *book = r->c->rules;

    for (uint32_t i = 0; i < book->assoc_n; i++)
        if (!same_gauge(r, &book->order[i]->owner.now))
            return err_set(e, ESTATE, "association %u: counters are not the sum over its jobs",
                           book->order[i]->row->id);
    for (uint32_t i = 0; i < book->qos_n; i++) {
        const struct qos *q = book->qos_order[i];
        if (!same_gauge(r, &q->owner.now) || !same_gauges(r, &q->users) ||
            !same_gauges(r, &q->accounts))
            return err_set(e, ESTATE, "QOS %s: counters are not the sum over its jobs",
                           q->row->name);
    }
    return 0;
}

int limits_check(const struct core *c, struct err *e)
{
    struct recount r = { .c = c };
    uint32_t at = 0;
    uint64_t key;
    void *value;
    int rc = 0;

    QUEUE_FOREACH(it, &c->jobs)
    {
        rc = rc < 0 ? rc : check_job(c, it->job, e);
        if (rc == 0 && it->job->staked)
            recount_job(&r, it->job);
    }
    rc = rc < 0 ? rc : check_owners(&r, e);
    while (map_next(&r.sums, &at, &key, &value)) {
        gauge_fini(value);
        free(value);
    }
    map_fini(&r.sums);
    return rc;
}
