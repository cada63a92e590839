/* sreport's question: sums over a window, from as few rows as cover it, and running jobs added as
 * they are now. */
#include "slurmdbd/store_impl.h"

#include "base/cleanup.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct report {
    struct store *s;
    const struct usage_query *q;
    struct arena *a;
    struct usage_info *ret;
    struct smap rows; /* key text -> index + 1 */
    uint32_t cap, size_cap;
    int64_t now;
};

/* ---- rows */

static bool is_by(const struct report *r, const char *what)
{
    for (uint32_t i = 0; i < r->q->by.n; i++)
        if (strcmp(r->q->by.v[i], what) == 0)
            return true;
    return false;
}

/* Adds to the row of this combination; what the question does not tell apart is left empty. */
static void add_row(struct report *r, struct usage_row row)
{
    const char *key;
    uintptr_t at;

    row.account = is_by(r, "account") ? row.account : "";
    row.user = is_by(r, "user") ? row.user : "";
    row.wckey = is_by(r, "wckey") ? row.wckey : "";
    row.qos = is_by(r, "qos") ? row.qos : "";
    key = arena_printf(r->a, "%s\x1f%s\x1f%s\x1f%s\x1f%s\x1f%s", row.cluster, row.account, row.user,
                       row.wckey, row.qos, row.tres);
    at = (uintptr_t)smap_get(&r->rows, key);
    if (at) {
        r->ret->rows.v[at - 1].seconds += row.seconds;
        return;
    }
    if (r->ret->rows.n == r->cap) {
        struct usage_row *more = arena_calloc(r->a, r->cap ? r->cap * 2 : 64, sizeof *more);

        if (r->cap)
            memcpy(more, r->ret->rows.v, r->cap * sizeof *more);
        r->ret->rows.v = more;
        r->cap = r->cap ? r->cap * 2 : 64;
    }
    row.cluster = arena_strdup(r->a, row.cluster);
    row.account = arena_strdup(r->a, row.account);
    row.user = arena_strdup(r->a, row.user);
    row.wckey = arena_strdup(r->a, row.wckey);
    row.qos = arena_strdup(r->a, row.qos);
    row.tres = arena_strdup(r->a, row.tres);
    r->ret->rows.v[r->ret->rows.n++] = row;
    smap_put(&r->rows, key, (void *)(uintptr_t)r->ret->rows.n);
}

static int read_span(struct report *r, const char *cluster, const struct span *span, struct err *e)
{
    CLEANUP(sql_finishp) struct sql_stmt *st = NULL;
    int rc = sql_prepare(r->s->sql,
                         "SELECT account,`user`,wckey,qos,tres,SUM(seconds) FROM used"
                         " WHERE cluster=? AND period=? AND `start`>=? AND `start`<?"
                         " GROUP BY account,`user`,wckey,qos,tres",
                         &st, e);

    if (rc < 0)
        return rc;
    sql_bind_text(st, 0, cluster);
    sql_bind_number(st, 1, span->period);
    sql_bind_number(st, 2, span->from);
    sql_bind_number(st, 3, span->to);
    while ((rc = sql_step(st, e)) == 1)
        add_row(r, (struct usage_row){ .cluster = cluster,
                                       .account = sql_text(st, 0),
                                       .user = sql_text(st, 1),
                                       .wckey = sql_text(st, 2),
                                       .qos = sql_text(st, 3),
                                       .tres = sql_text(st, 4),
                                       .seconds = (uint64_t)sql_number(st, 5) });
    return rc;
}

/* Jobs that run have no sums yet. */
static int read_running(struct report *r, const char *cluster, struct err *e)
{
    CLEANUP(sql_finishp) struct sql_stmt *st = NULL;
    int64_t end = r->q->end < r->now ? r->q->end : r->now;
    int rc = sql_prepare(r->s->sql,
                         "SELECT account,`user`,wckey,qos,`start`,suspended_s,tres_alloc FROM job"
                         " WHERE `end`=0 AND `start`>0 AND `start`<? AND cluster=?",
                         &st, e);

    if (rc < 0)
        return rc;
    sql_bind_number(st, 0, end);
    sql_bind_text(st, 1, cluster);
    while ((rc = sql_step(st, e)) == 1) {
        struct acct_job job = { .start = sql_number(st, 4) };
        int64_t seconds = usage_overlap(&job, r->q->start, end) - sql_number(st, 5);
        const char *at = arena_strdup(r->a, sql_text(st, 6)), *name;
        uint64_t count;

        while (seconds > 0 && (at = usage_tres(at, r->a, &name, &count)))
            add_row(r, (struct usage_row){ .cluster = cluster,
                                           .account = sql_text(st, 0),
                                           .user = sql_text(st, 1),
                                           .wckey = sql_text(st, 2),
                                           .qos = sql_text(st, 3),
                                           .tres = name,
                                           .seconds = count * (uint64_t)seconds });
    }
    return rc;
}

/* ---- what the cluster had */

static struct usage_total *total_of(struct report *r, const char *cluster, const char *tres)
{
    uint32_t n = r->ret->totals.n;
    struct usage_total *v = r->ret->totals.v;

    for (uint32_t i = 0; i < n; i++)
        if (strcmp(v[i].cluster, cluster) == 0 && strcmp(v[i].tres, tres) == 0)
            return &v[i];
    r->ret->totals.v = arena_calloc(r->a, n + 1, sizeof *v);
    if (n)
        memcpy(r->ret->totals.v, v, n * sizeof *v);
    r->ret->totals.n++;
    r->ret->totals.v[n] =
        (struct usage_total){ .cluster = cluster, .tres = arena_strdup(r->a, tres) };
    return &r->ret->totals.v[n];
}

/* So many of each TRES there were from one time to another. */
static void add_size(struct report *r, const char *cluster, const char *tres, int64_t from,
                     int64_t to)
{
    const char *name;
    uint64_t count;

    from = from > r->q->start ? from : r->q->start;
    to = to < r->q->end ? to : r->q->end;
    to = to < r->now ? to : r->now;
    while ((tres = usage_tres(tres, r->a, &name, &count))) {
        struct usage_total *t = total_of(r, cluster, name);

        t->count = count;
        t->reported += to > from ? count * (uint64_t)(to - from) : 0;
    }
}

static int read_sizes(struct report *r, const char *cluster, struct err *e)
{
    CLEANUP(sql_finishp) struct sql_stmt *st = NULL;
    const char *size = "";
    int64_t since = 0;
    int rc = sql_prepare(r->s->sql,
                         "SELECT `time`,tres FROM cluster_size WHERE cluster=? AND `time`<?"
                         " ORDER BY `time`",
                         &st, e);

    if (rc < 0)
        return rc;
    sql_bind_text(st, 0, cluster);
    sql_bind_number(st, 1, r->q->end);
    while ((rc = sql_step(st, e)) == 1) {
        add_size(r, cluster, size, since, sql_number(st, 0));
        since = sql_number(st, 0);
        size = arena_strdup(r->a, sql_text(st, 1));
    }
    add_size(r, cluster, size, since, INT64_MAX);
    return rc;
}

/* A node that is down takes its CPUs away until it is back. */
static int read_down(struct report *r, const char *cluster, struct err *e)
{
    CLEANUP(sql_finishp) struct sql_stmt *st = NULL;
    struct usage_total *cpu = total_of(r, cluster, "cpu");
    const char *node = "";
    int64_t since = 0, cpus = 0, end = r->q->end < r->now ? r->q->end : r->now;
    int rc = sql_prepare(r->s->sql,
                         "SELECT node,state,`time`,cpus FROM node_event"
                         " WHERE cluster=? AND `time`<? ORDER BY node,`time`,seq",
                         &st, e);

    if (rc < 0)
        return rc;
    sql_bind_text(st, 0, cluster);
    sql_bind_number(st, 1, end);
    for (bool more = true; more;) {
        bool is_same;
        int64_t until, from = since > r->q->start ? since : r->q->start;

        rc = sql_step(st, e);
        more = rc == 1;
        is_same = more && strcmp(sql_text(st, 0), node) == 0;
        until = is_same ? sql_number(st, 2) : end;
        if (since && until > from)
            cpu->down += (uint64_t)((until - from) * cpus);
        if (!more)
            break;
        node = arena_strdup(r->a, sql_text(st, 0));
        since = strncmp(sql_text(st, 1), "DOWN", 4) == 0 ? sql_number(st, 2) : 0;
        cpus = sql_number(st, 3);
    }
    return rc;
}

/* What is left is idle; of that, planned is what waiting jobs could have had. */
static void balance(struct report *r)
{
    for (uint32_t i = 0; i < r->ret->rows.n; i++) {
        const struct usage_row *row = &r->ret->rows.v[i];
        bool is_planned = strcmp(row->tres, USAGE_PLANNED) == 0;
        struct usage_total *t = total_of(r, row->cluster, is_planned ? "cpu" : row->tres);

        if (is_planned)
            t->planned += row->seconds;
        else
            t->allocated += row->seconds;
    }
    for (uint32_t i = 0; i < r->ret->totals.n; i++) {
        struct usage_total *t = &r->ret->totals.v[i];
        uint64_t gone = t->allocated + t->down;

        t->idle = t->reported > gone ? t->reported - gone : 0;
        t->planned = t->planned < t->idle ? t->planned : t->idle;
        t->idle -= t->planned;
    }
}

/* ---- job sizes */

static void add_job_size(struct report *r, const struct usage_size *job)
{
    for (uint32_t i = 0; i < r->ret->sizes.n; i++) {
        struct usage_size *have = &r->ret->sizes.v[i];

        if (have->size == job->size && strcmp(have->account, job->account) == 0 &&
            strcmp(have->wckey, job->wckey) == 0 && strcmp(have->cluster, job->cluster) == 0) {
            have->jobs++;
            have->seconds += job->seconds;
            return;
        }
    }
    if (r->ret->sizes.n == r->size_cap) {
        struct usage_size *more =
            arena_calloc(r->a, r->size_cap ? r->size_cap * 2 : 32, sizeof *more);

        if (r->size_cap)
            memcpy(more, r->ret->sizes.v, r->size_cap * sizeof *more);
        r->ret->sizes.v = more;
        r->size_cap = r->size_cap ? r->size_cap * 2 : 32;
    }
    r->ret->sizes.v[r->ret->sizes.n] = *job;
    r->ret->sizes.v[r->ret->sizes.n].account = arena_strdup(r->a, job->account);
    r->ret->sizes.v[r->ret->sizes.n].wckey = arena_strdup(r->a, job->wckey);
    r->ret->sizes.v[r->ret->sizes.n++].jobs = 1;
}

static int read_job_sizes(struct report *r, const char *cluster, struct err *e)
{
    CLEANUP(sql_finishp) struct sql_stmt *st = NULL;
    int64_t end = r->q->end < r->now ? r->q->end : r->now;
    int rc = sql_prepare(r->s->sql,
                         "SELECT account,wckey,ncpus,`start`,`end`,suspended_s FROM job"
                         " WHERE (`end`=0 OR `end`>?) AND `start`>0 AND `start`<? AND cluster=?",
                         &st, e);

    if (rc < 0)
        return rc;
    sql_bind_number(st, 0, r->q->start);
    sql_bind_number(st, 1, end);
    sql_bind_text(st, 2, cluster);
    while ((rc = sql_step(st, e)) == 1) {
        struct acct_job job = { .start = sql_number(st, 3),
                                .end = sql_number(st, 4),
                                .suspended_s = sql_number(st, 5) };
        uint64_t cpus = (uint64_t)sql_number(st, 2);
        struct usage_size row = { .cluster = cluster,
                                  .account = is_by(r, "account") ? sql_text(st, 0) : "",
                                  .wckey = is_by(r, "wckey") ? sql_text(st, 1) : "" };

        row.seconds = cpus * (uint64_t)usage_overlap(&job, r->q->start, end);
        while (row.size + 1 < r->q->sizes.n && cpus >= r->q->sizes.v[row.size + 1])
            row.size++;
        add_job_size(r, &row);
    }
    return rc;
}

/* ---- all of it */

static int report_cluster(struct report *r, const char *cluster, struct err *e)
{
    struct span spans[SPANS_MAX];
    unsigned n = period_cover(r->q->start, r->q->end, spans);
    int rc = 0;

    for (unsigned i = 0; i < n && rc == 0 && !r->q->sizes.n; i++)
        rc = read_span(r, cluster, &spans[i], e);
    if (rc == 0 && !r->q->sizes.n)
        rc = read_running(r, cluster, e);
    if (rc == 0 && r->q->totals)
        rc = read_sizes(r, cluster, e);
    if (rc == 0 && r->q->totals)
        rc = read_down(r, cluster, e);
    if (rc == 0 && r->q->sizes.n)
        rc = read_job_sizes(r, cluster, e);
    return rc;
}

/* The internal row is not shown. */
static void drop_planned(struct usage_info *ret)
{
    uint32_t n = 0;

    for (uint32_t i = 0; i < ret->rows.n; i++)
        if (strcmp(ret->rows.v[i].tres, USAGE_PLANNED) != 0)
            ret->rows.v[n++] = ret->rows.v[i];
    ret->rows.n = n;
}

#define WINDOW_MAX_S (100ll * 366 * 86400)

int store_report(struct store *s, const struct usage_query *q, int64_t now, struct arena *a,
                 struct usage_info *ret, struct err *e)
{
    struct report r = { .s = s, .q = q, .a = a, .ret = ret, .now = now };
    int rc = 0;

    *ret = (struct usage_info){ .now = now };
    if (q->end < q->start || q->end - q->start > WINDOW_MAX_S || q->start < 0 ||
        q->start != period_start(PERIOD_HOUR, q->start) ||
        q->end != period_start(PERIOD_HOUR, q->end))
        return err_set(e, EINVAL,
                       "the window must begin and end on the hour, and last 100 years at "
                       "most");
    for (uint32_t i = 0; i < q->clusters.n && rc == 0; i++)
        rc = report_cluster(&r, q->clusters.v[i], e);
    smap_fini(&r.rows);
    if (rc == 0 && q->totals)
        balance(&r);
    drop_planned(ret);
    return rc;
}
