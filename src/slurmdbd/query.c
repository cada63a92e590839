/* sacct's question as SQL: conditions from tables, values only bound (R5). */
#include "slurmdbd/store_impl.h"

#include "base/cleanup.h"
#include "base/hostlist.h"
#include "schema/states.h"

#include <ctype.h>
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

/* A WHERE clause under construction: text of constants and question marks, and what to bind. */
struct bound {
    const char *text; /* NULL: number counts */
    int64_t number;
};

struct where {
    struct arena *arena;
    struct buf sql;
    struct bound *v;
    unsigned n, cap;
};

static void wherefini(struct where *w)
{
    buf_fini(&w->sql);
}

static void bind_one(struct where *w, struct bound b)
{
    if (w->n == w->cap) {
        struct bound *more = arena_calloc(w->arena, w->cap ? w->cap * 2 : 16, sizeof *more);

        if (w->n)
            memcpy(more, w->v, w->n * sizeof *more);
        w->v = more;
        w->cap = w->cap ? w->cap * 2 : 16;
    }
    w->v[w->n++] = b;
}

static void bind_text(struct where *w, const char *text)
{
    bind_one(w, (struct bound){ .text = text });
}

static void bind_number(struct where *w, int64_t number)
{
    bind_one(w, (struct bound){ .number = number });
}

static bool is_number(const char *s)
{
    return *s && s[strspn(s, "0123456789")] == 0;
}

/* Members of acct_query that are plain lists of words for one column. */
static const struct {
    size_t offset;
    const char *condition; /* before the list of question marks */
} word_filters[] = {
    { offsetof(struct acct_query, accounts), " AND j.account IN (" },
    { offsetof(struct acct_query, partitions), " AND j.`partition` IN (" },
    { offsetof(struct acct_query, names), " AND j.name IN (" },
    { offsetof(struct acct_query, groups), " AND j.`group` IN (" },
    { offsetof(struct acct_query, qos), " AND j.qos IN (" },
    { offsetof(struct acct_query, wckeys), " AND j.wckey IN (" },
    { offsetof(struct acct_query, reasons), " AND j.reason IN (" },
};

/* Numeric bounds. */
static const struct {
    size_t offset;
    const char *condition;
} number_filters[] = {
    { offsetof(struct acct_query, min_cpus), " AND j.ncpus>=?" },
    { offsetof(struct acct_query, max_cpus), " AND j.ncpus<=?" },
    { offsetof(struct acct_query, min_nodes), " AND j.nnodes>=?" },
    { offsetof(struct acct_query, max_nodes), " AND j.nnodes<=?" },
    { offsetof(struct acct_query, min_limit_min), " AND j.time_limit_min>=?" },
    { offsetof(struct acct_query, max_limit_min), " AND j.time_limit_min<=?" },
};

static void add_words(struct where *w, const char *condition, const struct strs *words)
{
    if (!words->n)
        return;
    buf_puts(&w->sql, condition);
    for (uint32_t i = 0; i < words->n; i++) {
        buf_puts(&w->sql, i ? ",?" : "?");
        bind_text(w, words->v[i]);
    }
    buf_puts(&w->sql, ")");
}

/* A user is a name or a uid. */
static void add_users(struct where *w, const struct strs *users)
{
    for (uint32_t i = 0; i < users->n; i++) {
        buf_puts(&w->sql, i ? " OR " : " AND (");
        if (is_number(users->v[i])) {
            buf_puts(&w->sql, "j.uid=?");
            bind_number(w, strtoll(users->v[i], NULL, 10));
        } else {
            buf_puts(&w->sql, "j.`user`=?");
            bind_text(w, users->v[i]);
        }
    }
    if (users->n)
        buf_puts(&w->sql, ")");
}

/* "12": a job, or every task of array 12.  "12_3": one task.  "12.batch", "12+0": the job. */
static int add_job(struct where *w, const char *text, struct err *e)
{
    char *end;
    unsigned long id = strtoul(text, &end, 10);

    if (!isdigit((unsigned char)*text) || (*end && !strchr("_.+", *end)))
        return err_set(e, EINVAL, "Invalid job id: %s", text);
    if (*end == '_' && isdigit((unsigned char)end[1])) {
        buf_puts(&w->sql, "(j.array_job_id=? AND j.array_task_id=?)");
        bind_number(w, (int64_t)id);
        bind_number(w, strtoll(end + 1, NULL, 10));
        return 0;
    }
    buf_puts(&w->sql, "j.job_id=? OR j.array_job_id=?");
    bind_number(w, (int64_t)id);
    bind_number(w, (int64_t)id);
    return 0;
}

static int add_jobs(struct where *w, const struct strs *jobs, struct err *e)
{
    int r = 0;

    for (uint32_t i = 0; i < jobs->n && r == 0; i++) {
        buf_puts(&w->sql, i ? " OR " : " AND (");
        r = add_job(w, jobs->v[i], e);
    }
    if (jobs->n)
        buf_puts(&w->sql, ")");
    return r;
}

/* What "was in that state inside the window" means for each kind of state (contracts/slurm.md
 * section 7). Question marks: window start, window end. */
static const char *state_in_window(uint32_t state)
{
    switch (state) {
    case STATE_PENDING:
        return "((j.`start`=0 OR j.`start`>=?) AND j.submit<=?)";
    case STATE_RUNNING:
        return "(j.`start`!=0 AND (j.`end`=0 OR j.`end`>=?) AND j.`start`<=?)";
    default:
        return "(j.`end`>=? AND j.`end`<=? AND j.state=?)";
    }
}

static int add_state(struct where *w, const struct acct_query *q, const char *text, struct err *e)
{
    uint32_t state, flag;

    if (!state_parse(text, &state, &flag))
        return err_set(e, EINVAL, "Unrecognized job state value \"%s\"", text);
    if (flag)
        return err_set(
            e, EINVAL,
            "state \"%s\" passes and is not archived; ask for PENDING, RUNNING or an end state",
            text);
    if (!q->start && !q->end) {
        buf_puts(&w->sql, "j.state=?");
        bind_number(w, state);
        return 0;
    }
    buf_puts(&w->sql, state_in_window(state));
    bind_number(w, q->start);
    bind_number(w, q->end ? q->end : INT64_MAX);
    if (state > STATE_RUNNING)
        bind_number(w, state);
    return 0;
}

static int add_time(struct where *w, const struct acct_query *q, struct err *e)
{
    int r = 0;

    for (uint32_t i = 0; i < q->states.n && r == 0; i++) {
        buf_puts(&w->sql, i ? " OR " : " AND (");
        r = add_state(w, q, q->states.v[i], e);
    }
    if (q->states.n) {
        buf_puts(&w->sql, ")");
        return r;
    }
    if (q->start) {
        buf_puts(&w->sql, " AND (j.`end`=0 OR j.`end`>=?)");
        bind_number(w, q->start);
    }
    if (q->end) {
        buf_puts(&w->sql, " AND j.submit<=?");
        bind_number(w, q->end);
    }
    return 0;
}

static void add_clusters(struct where *w, const struct strs *clusters)
{
    for (uint32_t i = 0; i < clusters->n; i++)
        if (strcasecmp(clusters->v[i], "all") == 0)
            return;
    add_words(w, " AND j.cluster IN (", clusters);
}

/* Where there is a window: by classes of life, which have an index (store.c). */
static bool by_life(const struct acct_query *q)
{
    return q->start > 0 && !q->jobs.n;
}

static void add_window(struct where *w, const struct acct_query *q)
{
    if (!by_life(q))
        return;
    buf_puts(&w->sql, " AND j.life=k.class AND j.submit>=?-k.seconds AND j.submit<=?");
    bind_number(w, q->start);
    bind_number(w, q->end ? q->end : INT64_MAX);
}

static int build_where(struct where *w, const struct acct_query *q, struct err *e)
{
    int r;

    buf_puts(&w->sql, " WHERE 1");
    add_window(w, q);
    add_clusters(w, &q->clusters);
    r = add_jobs(w, &q->jobs, e);
    if (r == 0)
        r = add_time(w, q, e);
    add_users(w, &q->users);
    for (unsigned i = 0; i < sizeof word_filters / sizeof *word_filters; i++)
        add_words(w, word_filters[i].condition,
                  (const void *)((const char *)q + word_filters[i].offset));
    for (unsigned i = 0; i < sizeof number_filters / sizeof *number_filters; i++) {
        const struct opt_u32 *bound = (const void *)((const char *)q + number_filters[i].offset);

        if (bound->set) {
            buf_puts(&w->sql, number_filters[i].condition);
            bind_number(w, bound->v);
        }
    }
    if (!q->duplicates)
        buf_puts(
            &w->sql,
            " AND NOT EXISTS (SELECT 1 FROM job n WHERE n.job_id=j.job_id AND n.cluster=j.cluster"
            " AND (n.submit,n.db_id)>(j.submit,j.db_id))");
    return r;
}

static void bind_all(const struct where *w, struct sql_stmt *stmt)
{
    for (unsigned i = 0; i < w->n; i++)
        if (w->v[i].text)
            sql_bind_text(stmt, i, w->v[i].text);
        else
            sql_bind_number(stmt, i, w->v[i].number);
}

static int read_steps(struct store *s, struct sql_stmt *stmt, struct arena *a,
                      struct acct_record *rec, struct err *e)
{
    uint32_t cap = 0;
    int r;

    sql_bind_text(stmt, 0, rec->cluster);
    sql_bind_number(stmt, 2, (int64_t)rec->job->db_id);
    while ((r = sql_step(stmt, e)) == 1) {
        if (rec->steps.n == cap) {
            struct acct_step *more = arena_calloc(a, cap ? cap * 2 : 2, sizeof *more);

            if (cap)
                memcpy(more, rec->steps.v, cap * sizeof *more);
            rec->steps.v = more;
            cap = cap ? cap * 2 : 2;
        }
        columns_read(&s->columns[TABLE_STEP], stmt, 0, a, &rec->steps.v[rec->steps.n++]);
    }
    sql_reset(stmt);
    return r;
}

/* Batch, extern and interactive steps have the largest numbers but are shown first: as signed
 * numbers they are negative. */
static int prepare_steps(struct store *s, struct sql_stmt **ret, struct err *e)
{
    CLEANUP(buf_fini) struct buf b = { 0 };

    buf_puts(&b, "SELECT ");
    columns_list(&s->columns[TABLE_STEP], "", &b);
    buf_puts(&b,
             " FROM step WHERE cluster=? AND instance=? AND db_id=?"
             " ORDER BY CASE WHEN step_id>=4294967280 THEN step_id-4294967296 ELSE step_id END");
    return sql_prepare(s->sql, buf_str(&b), ret, e);
}

static int prepare_jobs(struct store *s, const struct where *w, const struct acct_query *q,
                        unsigned max, struct sql_stmt **ret, struct err *e)
{
    CLEANUP(buf_fini) struct buf b = { 0 };
    int r;

    buf_puts(&b, "SELECT j.cluster,j.instance,");
    columns_list(&s->columns[TABLE_JOB], "j.", &b);
    buf_puts(&b, by_life(q) ? " FROM life k CROSS JOIN job j" : " FROM job j");
    buf_put(&b, w->sql.data, w->sql.len);
    buf_puts(&b,
             " ORDER BY j.submit,CASE WHEN j.array_job_id THEN j.array_job_id ELSE j.job_id END,"
             "j.array_task_id,j.job_id,j.db_id LIMIT ? OFFSET ?");
    r = sql_prepare(s->sql, buf_str(&b), ret, e);
    if (r < 0)
        return r;
    bind_all(w, *ret);
    sql_bind_number(*ret, w->n, (int64_t)max + 1);
    sql_bind_number(*ret, w->n + 1, (int64_t)q->after);
    return 0;
}

/* One answer under construction. */
struct answer {
    const struct acct_query *q;
    struct hostlist nodes; /* q->nodes, expanded */
    unsigned max;
    struct arena *arena;
    struct acct_records *ret;
};

static int read_records(struct store *s, struct sql_stmt *jobs, struct sql_stmt *steps,
                        struct answer *an, struct err *e)
{
    const struct acct_query *q = an->q;
    struct acct_records *ret = an->ret;
    struct arena *a = an->arena;
    uint64_t cursor = q->after;
    unsigned max = an->max;
    int r;

    ret->records.v = arena_calloc(a, max, sizeof *ret->records.v);
    while ((r = sql_step(jobs, e)) == 1) {
        struct acct_record *rec = &ret->records.v[ret->records.n];

        if (cursor++ == q->after + max) {
            ret->more = true;
            return 0;
        }
        rec->cluster = arena_strdup(a, sql_text(jobs, 0));
        rec->job = arena_alloc(a, sizeof *rec->job);
        rec->cursor = cursor;
        columns_read(&s->columns[TABLE_JOB], jobs, 2, a, rec->job);
        if (*q->nodes && !hostlist_overlaps(a, &an->nodes, rec->job->nodes))
            continue;
        if (q->steps)
            sql_bind_number(steps, 1, sql_number(jobs, 1));
        if (q->steps)
            r = read_steps(s, steps, a, rec, e);
        if (r < 0)
            break;
        ret->records.n++;
    }
    return r;
}

int store_query(struct store *s, const struct acct_query *q, unsigned max, struct arena *a,
                struct acct_records *ret, struct err *e)
{
    CLEANUP(wherefini) struct where w = { .arena = a };
    CLEANUP(sql_finishp) struct sql_stmt *jobs = NULL;
    CLEANUP(sql_finishp) struct sql_stmt *steps = NULL;
    struct answer an = { .q = q, .max = max, .arena = a, .ret = ret };
    int r = build_where(&w, q, e);

    *ret = (struct acct_records){ 0 };
    if (r == 0 && *q->nodes)
        r = hostlist_expand(a, q->nodes, &an.nodes, e);
    if (r == 0)
        r = prepare_jobs(s, &w, q, max, &jobs, e);
    if (r == 0)
        r = prepare_steps(s, &steps, e);
    if (r == 0)
        r = read_records(s, jobs, steps, &an, e);
    return r;
}
