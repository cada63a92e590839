/* Limits: the table of rows, and the walk over a job's owners.  See limits.h. */
#include "core/limits.h"

#include "core/sched.h"
#include "core/state.h"

#include "base/xalloc.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* What is compared with the limit. */
enum counter {
    RUN_JOBS,  /* jobs that run */
    SUBMITTED, /* jobs that are there */
    RUN_TRES,  /* what running jobs hold */
    RUN_MINS,  /* what they may still use */
    USED_MINS, /* what was used, decayed */
    USED_WALL, /* the same of wall clock time */
    JOB_WALL,  /* the job's time limit */
    JOB_TRES,  /* what the job asks for */
    JOB_NODE,  /* the same, of one node */
    JOB_MINS,  /* the same times its limit */
    JOB_LEAST, /* the job must ask for so much */
};

/* Over whom it is counted.  An association's own user is its leaf. */
enum scope { OF_OWNER, OF_USER, OF_ACCOUNT };

#define IS_TRES 1   /* the member is text: one limit for each resource */
#define IS_GROUP 2  /* every account above is asked, not the nearest that has it */
#define IS_SCALED 4 /* of associations: times the QOS's LimitFactor */

static const struct row {
    const char *name, *qos_name;
    size_t offset; /* in struct rule_limits */
    uint8_t flags, counter, scope;
    uint16_t qos_reason,
        assoc_reason; /* 0: they have no such limit; of resources the first of nine */
} rows[] = {
#define ROW(member, name, qos_name, flags, counter, scope, qos_reason, assoc_reason) \
    { name,                                                                          \
      qos_name,                                                                      \
      offsetof(struct rule_limits, member),                                          \
      flags,                                                                         \
      counter,                                                                       \
      scope,                                                                         \
      REASON_##qos_reason,                                                           \
      REASON_##assoc_reason },
    ROW(grp_submit, "GrpSubmitJobs", "GrpSubmitJobs", IS_GROUP, SUBMITTED, OF_OWNER,
        QOSGrpSubmitJobsLimit, AssocGrpSubmitJobsLimit)
        ROW(max_submit, "MaxSubmitJobs", "MaxSubmitJobsPerUser", 0, SUBMITTED, OF_USER,
            QOSMaxSubmitJobPerUserLimit,
            AssocMaxSubmitJobLimit) ROW(max_submit_account, "", "MaxSubmitJobsPerAccount", 0,
                                        SUBMITTED, OF_ACCOUNT, MaxSubmitJobsPerAccount,
                                        None) ROW(max_wall_min, "MaxWall", "MaxWall", 0, JOB_WALL,
                                                  OF_OWNER, QOSMaxWallDurationPerJobLimit,
                                                  AssocMaxWallDurationPerJobLimit)
            ROW(min_tres, "", "MinTRES", IS_TRES, JOB_LEAST, OF_OWNER, QOSMinCpuNotSatisfied,
                None) ROW(max_tres, "MaxTRES", "MaxTRES", IS_TRES | IS_SCALED, JOB_TRES, OF_OWNER,
                          QOSMaxCpuPerJobLimit, AssocMaxCpuPerJobLimit)
                ROW(max_tres_node, "MaxTRESPerNode", "MaxTRESPerNode", IS_TRES | IS_SCALED,
                    JOB_NODE, OF_OWNER, QOSMaxCpuPerNode,
                    AssocMaxCpuPerNode) ROW(max_tres_mins, "MaxTRESMins", "MaxTRESMins", IS_TRES,
                                            JOB_MINS, OF_OWNER, QOSMaxCpuMinutesPerJobLimit,
                                            AssocMaxCpuMinutesPerJobLimit)
                    ROW(grp_jobs, "GrpJobs", "GrpJobs", IS_GROUP, RUN_JOBS, OF_OWNER,
                        QOSGrpJobsLimit,
                        AssocGrpJobsLimit) ROW(max_jobs, "MaxJobs", "MaxJobsPerUser", 0, RUN_JOBS,
                                               OF_USER, QOSMaxJobsPerUserLimit, AssocMaxJobsLimit)
                        ROW(max_jobs_account, "", "MaxJobsPerAccount", 0, RUN_JOBS, OF_ACCOUNT,
                            MaxJobsPerAccount, None) ROW(grp_tres, "GrpTRES", "GrpTRES",
                                                         IS_TRES | IS_GROUP | IS_SCALED, RUN_TRES,
                                                         OF_OWNER, QOSGrpCpuLimit, AssocGrpCpuLimit)
                            ROW(max_tres_user, "", "MaxTRESPerUser", IS_TRES, RUN_TRES, OF_USER,
                                QOSMaxCpuPerUserLimit,
                                None) ROW(max_tres_account, "", "MaxTRESPerAccount", IS_TRES,
                                          RUN_TRES, OF_ACCOUNT, MaxCpuPerAccount, None)
                                ROW(grp_wall_min, "GrpWall", "GrpWall", IS_GROUP, USED_WALL,
                                    OF_OWNER, QOSGrpWallLimit, AssocGrpWallLimit)
                                    ROW(grp_tres_mins, "GrpTRESMins", "GrpTRESMins",
                                        IS_TRES | IS_GROUP, USED_MINS, OF_OWNER,
                                        QOSGrpCPUMinutesLimit, AssocGrpCPUMinutesLimit)
                                        ROW(grp_tres_run_mins, "GrpTRESRunMins", "GrpTRESRunMins",
                                            IS_TRES | IS_GROUP, RUN_MINS, OF_OWNER,
                                            QOSGrpCPURunMinutesLimit, AssocGrpCPURunMinutesLimit)
                                            ROW(max_tres_run_mins, "MaxTRESRunMins",
                                                "MaxTRESRunMinsPerUser", IS_TRES, RUN_MINS, OF_USER,
                                                QOSMaxCpuRunMinsPerUser, AssocMaxCpuRunMinutes)
                                                ROW(max_tres_run_mins_account, "",
                                                    "MaxTRESRunMinsPerAccount", IS_TRES, RUN_MINS,
                                                    OF_ACCOUNT, MaxCpuRunMinsPerAccount, None)
#undef ROW
};

#define ROW_COUNT (sizeof rows / sizeof rows[0])

static const struct {
    const char *word;
    uint32_t bits;
} levels[] = {
    { "associations", ENFORCE_ASSOCS },
    { "1", ENFORCE_ASSOCS },
    { "limits", ENFORCE_LIMITS | ENFORCE_ASSOCS },
    { "2", ENFORCE_LIMITS | ENFORCE_ASSOCS },
    { "qos", ENFORCE_QOS | ENFORCE_ASSOCS },
    { "safe", ENFORCE_SAFE | ENFORCE_LIMITS | ENFORCE_ASSOCS },
    { "wckeys", ENFORCE_WCKEYS | ENFORCE_ASSOCS },
    { "nojobs", ENFORCE_NOJOBS | ENFORCE_NOSTEPS },
    { "nosteps", ENFORCE_NOSTEPS },
    { "all", ENFORCE_ASSOCS | ENFORCE_LIMITS | ENFORCE_QOS | ENFORCE_SAFE | ENFORCE_WCKEYS },
};

uint32_t enforce_parse(const char *text)
{
    uint32_t bits = 0;

    for (const char *s = text ? text : ""; *s;) {
        size_t len = strcspn(s, ", ");
        for (size_t i = 0; i < sizeof levels / sizeof levels[0]; i++)
            if (strlen(levels[i].word) == len && strncasecmp(levels[i].word, s, len) == 0)
                bits |= levels[i].bits;
        s += len + (s[len] != '\0');
    }
    return bits;
}

/* ---- what is set */

static uint32_t add_texts(struct limit *to, uint8_t row, const struct tres_table *t,
                          const char *text)
{
    struct amounts a;
    uint32_t mask, n = 0;

    if (tres_parse(t, text, &a, &mask, NULL) < 0)
        return 0;
    for (uint8_t i = 0; i < t->n; i++)
        if (mask >> i & 1)
            to[n++] = (struct limit){ .row = row, .tres = i, .most = a.v[i] };
    return n;
}

void limits_read(struct owner *o, const struct tres_table *t, const struct rule_limits *l)
{
    struct limit all[ROW_COUNT * TRES_MAX];
    uint32_t n = 0;

    for (uint8_t i = 0; l && i < ROW_COUNT; i++) {
        const void *member = (const char *)l + rows[i].offset;
        const struct opt_u32 *count = member;
        if (rows[i].flags & IS_TRES)
            n += add_texts(all + n, i, t, *(const char *const *)member);
        else if (count->set && count->v != UINT32_MAX)
            all[n++] = (struct limit){ .row = i, .most = count->v };
    }
    free(o->limits);
    o->limits = n ? xmemdup(all, n * sizeof *all) : NULL;
    o->limit_n = n;
}

/* ---- the walk */

/* Where the walk is. */
struct walk {
    const struct core *c;
    const struct asker *who;
    const struct claim *claim;
    enum limit_when when;
    uint32_t settled[ROW_COUNT]; /* bits by place: an owner has said it */
    struct limit_why *why;
};

/* One limit and what it is compared with. */
struct test {
    const struct row *row;
    const struct limit *limit;
    const struct owner *owner;
    struct gauge *gauge; /* NULL: nothing is counted there yet */
    uint64_t asked, most, used;
};

static uint64_t minutes(double s)
{
    return s > 0 ? (uint64_t)(s / 60) : 0;
}

static uint64_t still_to_run(const struct gauge *t, uint8_t tres, int64_t now)
{
    if (!t || !t->sums)
        return 0;
    __int128 s = t->sums->ends[tres] - (__int128)t->sums->tres.v[tres] * now;
    return s > 0 ? (uint64_t)(s / 60) : 0;
}

static uint64_t still_to_pay(const struct gauge *t, uint8_t tres)
{
    __int128 s = t->sums ? t->sums->ends[tres] - t->sums->paid[tres] : 0;

    return s > 0 ? (uint64_t)(s / 60) : 0;
}

static uint64_t times_limit(const struct claim *claim, uint8_t tres)
{
    uint64_t min = claim->limit_min == NO_LIMIT ? 366u * 1440u : claim->limit_min;

    return claim->all.v[tres] * min;
}

/* A budget: without `safe` a job may start while anything is left. */
static void weigh_budget(const struct walk *w, struct test *t)
{
    uint8_t tres = t->limit->tres;
    bool is_wall = t->row->counter == USED_WALL;

    if (t->owner->used)
        t->used = minutes(is_wall ? t->owner->used->wall_s : t->owner->used->tres_s[tres]);
    t->asked = is_wall || w->claim->all.v[tres] ? 1 : 0;
    if (w->c->enforce & ENFORCE_SAFE && !is_wall && t->asked) {
        t->used += still_to_pay(&t->owner->now, tres);
        t->asked = times_limit(w->claim, tres);
    }
}

static void weigh(const struct walk *w, struct test *t)
{
    const struct claim *claim = w->claim;
    const struct gauge *n = t->gauge;
    uint8_t tres = t->limit->tres;

    switch ((enum counter)t->row->counter) {
    case RUN_JOBS:
        t->asked = 1;
        t->used = n ? n->running : 0;
        break;
    case SUBMITTED:
        t->asked = claim->tasks;
        t->used = n ? n->submitted : 0;
        break;
    case RUN_TRES:
        t->asked = claim->all.v[tres];
        t->used = n && n->sums ? n->sums->tres.v[tres] : 0;
        break;
    case RUN_MINS:
        t->asked = times_limit(claim, tres);
        t->used = still_to_run(n, tres, w->who->now);
        break;
    case USED_MINS:
    case USED_WALL:
        weigh_budget(w, t);
        break;
    case JOB_WALL:
        t->asked = claim->limit_min;
        break;
    case JOB_TRES:
    case JOB_LEAST:
        t->asked = claim->all.v[tres];
        break;
    case JOB_NODE:
        t->asked = claim->node.v[tres];
        break;
    case JOB_MINS:
        t->asked = times_limit(claim, tres);
        break;
    }
}

/* Whose counter: the owner's, or that of the asker's user or account in it. */
static struct gauge *gauge_in_qos(const struct qos *q, const struct asker *who, uint8_t scope)
{
    if (scope == OF_OWNER)
        return (struct gauge *)(uintptr_t)&q->owner.now;
    if (scope == OF_USER)
        return map_get(&q->users, (uint64_t)who->uid + 1);
    return map_get(&q->accounts, limits_account_key(who->account));
}

static struct gauge *gauge_in_assoc(const struct assoc *as, const struct asker *who, uint8_t scope)
{
    const struct assoc *at = scope == OF_USER ? who->at.assoc : as;

    return (struct gauge *)(uintptr_t)&at->owner.now;
}

static bool is_asked(enum limit_when when, uint8_t counter)
{
    return (counter == SUBMITTED) == (when == LIMIT_SUBMIT);
}

static bool exceeds(const struct walk *w, struct test *t)
{
    bool is_budget = t->row->counter == USED_MINS || t->row->counter == USED_WALL;

    weigh(w, t);
    if (t->row->counter == JOB_LEAST)
        return t->asked < t->most;
    if (w->when == LIMIT_ALONE && !is_budget)
        t->used = 0;
    return t->asked > 0 && (t->used >= UINT64_MAX - t->asked || t->used + t->asked > t->most);
}

static uint64_t scaled(const struct walk *w, const struct limit *l)
{
    double factor = w->who->at.qos ? w->who->at.qos->row->limit_factor : 0;

    return factor > 0 && rows[l->row].flags & IS_SCALED ? (uint64_t)((double)l->most * factor)
                                                        : l->most;
}

static void explain(const struct walk *w, const struct test *t, const struct qos *q,
                    const struct assoc *as)
{
    uint16_t reason = q ? t->row->qos_reason : t->row->assoc_reason;
    bool is_tres = t->row->flags & IS_TRES;
    bool can_end = t->row->counter <= USED_WALL && t->row->counter != SUBMITTED;

    if (is_tres)
        reason = (uint16_t)(reason + w->c->tres.family[t->limit->tres]);
    *w->why = (struct limit_why){
        .reason = (enum reason)reason,
        .limit = q ? t->row->qos_name : t->row->name,
        .what = is_tres ? w->c->tres.names[t->limit->tres] : "",
        .owner = q ? q->row->name : as->row->account,
        .is_qos = q != NULL,
        .asked = t->asked,
        .most = t->most,
        .used = t->used,
        .gauge = can_end ? t->gauge : NULL,
        .is_timed = t->row->counter == RUN_MINS,
    };
}

/* True: nothing of this owner is in the way. */
static bool ask_owner(struct walk *w, const struct owner *o, const struct qos *q,
                      const struct assoc *as)
{
    for (uint32_t i = 0; i < o->limit_n; i++) {
        const struct limit *l = &o->limits[i];
        const struct row *row = &rows[l->row];
        uint32_t bit = 1u << l->tres;
        if (!is_asked(w->when, row->counter) || w->settled[l->row] & bit ||
            (as && row->assoc_reason == REASON_None))
            continue;
        struct test t = { .row = row, .limit = l, .owner = o, .most = q ? l->most : scaled(w, l) };
        t.gauge = q ? gauge_in_qos(q, w->who, row->scope) : gauge_in_assoc(as, w->who, row->scope);
        if (exceeds(w, &t)) {
            explain(w, &t, q, as);
            return false;
        }
        if (q || !(row->flags & IS_GROUP))
            w->settled[l->row] |= bit;
    }
    return true;
}

bool limits_allow(const struct core *c, const struct asker *who, const struct claim *claim,
                  enum limit_when when, struct limit_why *ret)
{
    struct walk w = { .c = c, .who = who, .claim = claim, .when = when, .why = ret };
    bool is_over = who->at.qos && who->at.qos->flags & QOS_OVER_PART;
    const struct qos *first = is_over ? who->at.qos : who->at.part_qos;
    const struct qos *second = is_over ? who->at.part_qos : who->at.qos;

    if (!(c->enforce & ENFORCE_LIMITS))
        return true;
    if (first && !ask_owner(&w, &first->owner, first, NULL))
        return false;
    if (second && second != first && !ask_owner(&w, &second->owner, second, NULL))
        return false;
    for (const struct assoc *as = who->at.assoc; as; as = as->up)
        if (!ask_owner(&w, &as->owner, NULL, as))
            return false;
    return true;
}

/* ---- a waiting job */

static bool is_below_threshold(const struct core *c, const struct standing *at)
{
    const struct qos *q = at->qos;

    if (!q || !(q->flags & QOS_ENFORCE_THRESHOLD) || !q->row->usage_threshold_ppm.set || !at->assoc)
        return false;
    double least = (double)q->row->usage_threshold_ppm.v / 1e6;
    return prio_is_multifactor(c) && prio_share_factor(c, at->assoc->share) < least;
}

static bool refuse(struct limit_why *ret, enum reason why)
{
    *ret = (struct limit_why){ .reason = why, .limit = "", .what = "", .owner = "" };
    return false;
}

bool limits_may_start(const struct core *c, const struct job *job, const struct part *p,
                      const struct claim *placed, struct limit_why *ret)
{
    struct asker who = limits_asker(c, job);
    struct claim asked;

    if (!c->enforce)
        return true;
    who.at.part_qos = part_qos(c, p);
    if (c->enforce & ENFORCE_ASSOCS && !who.at.assoc)
        return refuse(ret, REASON_InvalidAccount);
    if (c->enforce & ENFORCE_QOS && !who.at.qos)
        return refuse(ret, REASON_InvalidQOS);
    if (is_below_threshold(c, &who.at))
        return refuse(ret, REASON_QOSUsageThreshold);
    if (!placed && c->enforce & ENFORCE_LIMITS) {
        claim_asked(c, p, job->wish->ask, &asked);
        asked.limit_min = sched_limit(job, p);
        placed = &asked;
    }
    return limits_allow(c, &who, placed, LIMIT_START, ret);
}

uint32_t limits_wall(const struct core *c, const struct standing *at)
{
    const struct qos *q[] = { at->part_qos, at->qos };
    bool is_over = at->qos && at->qos->flags & QOS_OVER_PART;

    if (!(c->enforce & ENFORCE_LIMITS))
        return NO_LIMIT;
    for (size_t i = 0; i < 2; i++) {
        const struct qos *one = q[is_over ? 1 - i : i];
        for (uint32_t k = 0; one && k < one->owner.limit_n; k++)
            if (rows[one->owner.limits[k].row].counter == JOB_WALL)
                return (uint32_t)one->owner.limits[k].most;
    }
    for (const struct assoc *as = at->assoc; as; as = as->up)
        for (uint32_t k = 0; k < as->owner.limit_n; k++)
            if (rows[as->owner.limits[k].row].counter == JOB_WALL)
                return (uint32_t)as->owner.limits[k].most;
    return NO_LIMIT;
}

/* "GrpTRES of QOS gold: gres/gpu asked 1, in use 16, allowed 16" */
char *limits_words(const struct core *c, const struct limit_why *why, struct arena *a)
{
    if (!*why->limit)
        return arena_strdup(a, reason_text(why->reason));
    return arena_printf(a, "%s of %s %s: %s%sasked %llu, in use %llu, allowed %llu", why->limit,
                        why->is_qos ? "QOS" : "account", why->owner, why->what,
                        *why->what ? " " : "", (unsigned long long)why->asked,
                        (unsigned long long)why->used, (unsigned long long)why->most);
}
