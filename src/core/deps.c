/* Dependencies as state: each condition is open, met, or can never be met, and changes only when
 * its target moves. */
#include "core/state.h"

#include "base/buf.h"
#include "base/xalloc.h"

#include <assert.h>
#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static const struct {
    const char *word;
    enum dep_type type;
    bool needs_result; /* the target's end must be known, so it must still be remembered at
                          submission */
} types[] = {
    { "after", DEP_AFTER, false },        { "afterany", DEP_AFTERANY, false },
    { "afterok", DEP_AFTEROK, true },     { "afternotok", DEP_AFTERNOTOK, true },
    { "aftercorr", DEP_AFTERCORR, true }, { "singleton", DEP_SINGLETON, false },
    { "expand", DEP_EXPAND, false },      { "afterburstbuffer", DEP_BURST, false },
};

#define TYPES (sizeof types / sizeof types[0])
#define ANY_FLAG 0x100u /* in job_dep.type: the list is joined by ? */

static enum dep_type type_of(const struct job_dep *d)
{
    return (enum dep_type)(d->type & ~ANY_FLAG);
}

static struct ids *waiters(const struct core *c, uint32_t target)
{
    return map_get(&c->waiting, target);
}

static void wait_for(struct core *c, uint32_t target, uint32_t job_id)
{
    struct ids *ids = waiters(c, target);

    if (!ids) {
        ids = xcalloc(1, sizeof *ids);
        map_put(&c->waiting, target, ids);
    }
    ids_add(ids, job_id);
}

static void wait_no_more(struct core *c, uint32_t target, uint32_t job_id)
{
    struct ids *ids = waiters(c, target);

    if (!ids || !ids_remove(ids, job_id) || ids->n > 0)
        return;
    ids_fini(ids);
    free(map_del(&c->waiting, target));
    array_release(c, target);
}

void deps_index_fini(struct core *c)
{
    uint32_t at = 0;
    uint64_t key;
    void *value;

    while (map_next(&c->waiting, &at, &key, &value)) {
        ids_fini(value);
        free(value);
    }
    map_fini(&c->waiting);
    map_fini(&c->singles);
    ids_fini(&c->doomed);
}

/* Facts about a target, be it one job, one task, or a whole array. */
struct target {
    bool is_known; /* some record lives */
    bool is_started, is_done, is_ok;
    int64_t started_at;
};

static struct target look_at_job(const struct job *job)
{
    if (!job)
        return (struct target){ .is_known = false, .is_started = true, .is_done = true };
    return (struct target){ .is_known = true,
                            .is_started = job->phase != PHASE_PENDING,
                            .is_done = job->phase == PHASE_DONE,
                            .is_ok = job->result == RESULT_COMPLETED,
                            .started_at = job->start };
}

static struct target look_at_task(const struct core *c, const struct array *a, uint32_t task)
{
    const struct job *job = array_task(c, a->id, task);
    enum array_outcome out = array_outcome(a, task);

    if (job)
        return look_at_job(job);
    return (struct target){ .is_known = true,
                            .is_started = out != OUTCOME_OPEN,
                            .is_done = out != OUTCOME_OPEN,
                            .is_ok = out == OUTCOME_OK };
}

static struct target look_at_array(const struct core *c, const struct array *a)
{
    struct target t = { .is_known = true,
                        .is_started = array_rest(c, a->id) == NULL,
                        .is_done = a->done >= a->count,
                        .is_ok = a->failed == 0 };

    for (uint32_t i = 0; i < a->jobs.n && t.is_started; i++) {
        const struct job *job = job_find(c, a->jobs.v[i]);
        t.is_started = job->phase != PHASE_PENDING;
        t.started_at = job->start > t.started_at ? job->start : t.started_at;
    }
    return t;
}

static struct target look(const struct core *c, const struct job *job, const struct job_dep *d)
{
    const struct array *a = array_find(c, d->job_id);

    if (a && d->task.set)
        return look_at_task(c, a, d->task.v);
    if (a && type_of(d) == DEP_AFTERCORR && job->task != NO_TASK)
        return look_at_task(c, a, job->task);
    return a ? look_at_array(c, a) : look_at_job(job_find(c, d->job_id));
}

static bool is_single(const struct core *c, const struct job *job)
{
    const struct job *first = single_first(c, job), *other = first;

    if (!first)
        return true;
    do {
        if (other->id < job->id && other->uid == job->uid && other->name == job->name)
            return false;
        other = other->same_next;
    } while (other != first);
    return true;
}

static enum dep_state judge_end(const struct target *t, bool wants_ok)
{
    if (!t->is_done)
        return DEP_OPEN;
    return t->is_known && t->is_ok == wants_ok ? DEP_MET : DEP_FAILED;
}

static enum dep_state judge(const struct core *c, const struct job *job, const struct job_dep *d)
{
    struct target t = { 0 };

    if (type_of(d) == DEP_SINGLETON)
        return is_single(c, job) ? DEP_MET : DEP_OPEN;
    if (type_of(d) == DEP_AFTERCORR && job->rest && array_find(c, d->job_id))
        return deps_ready_task(c, job) != NO_TASK ? DEP_MET : DEP_OPEN;
    t = look(c, job, d);
    switch (type_of(d)) {
    case DEP_AFTER:
        return d->since && c->now >= d->since + 60 * (int64_t)d->delay_min ? DEP_MET : DEP_OPEN;
    case DEP_AFTEROK:
    case DEP_AFTERCORR:
        return judge_end(&t, true);
    case DEP_AFTERNOTOK:
        return judge_end(&t, false);
    default:
        return t.is_done ? DEP_MET : DEP_OPEN;
    }
}

/* The start is written down when it is seen: the target may be forgotten before the minutes are
 * over. */
static void note_start(const struct core *c, const struct job *job, struct job_dep *d)
{
    if (type_of(d) != DEP_AFTER || d->since)
        return;
    struct target t = look(c, job, d);
    if (t.is_started)
        d->since = t.started_at ? t.started_at : c->now;
}

static void note_doomed(struct core *c, struct job *job)
{
    bool is_doomed =
        job->phase == PHASE_PENDING && deps_are_hopeless(job) && job->flags & JOB_KILL_BAD_DEP;

    if (is_doomed && !ids_has(&c->doomed, job->id))
        ids_add(&c->doomed, job->id);
}

/* What was met or failed once stays so, except aftercorr of an array's rest, which is asked task by
 * task, and singleton, which a requeued job may close again. */
void deps_refresh(struct core *c, struct job *job, int64_t now)
{
    for (uint32_t i = 0; i < job->dep_count; i++) {
        struct job_dep *d = &job->deps[i];
        bool may_change = type_of(d) == DEP_SINGLETON || (type_of(d) == DEP_AFTERCORR && job->rest);
        note_start(c, job, d);
        if (d->state == DEP_OPEN || may_change)
            d->state = judge(c, job, d);
    }
    note_doomed(c, job);
}

void deps_attach(struct core *c, struct job *job)
{
    if (job->phase != PHASE_PENDING || job->dep_count == 0)
        return;
    job->is_waiting = true;
    for (uint32_t i = 0; i < job->dep_count; i++)
        if (job->deps[i].job_id)
            wait_for(c, job->deps[i].job_id, job->id);
    note_doomed(c, job);
}

/* Only waiting jobs are in the index. */
void deps_detach(struct core *c, struct job *job)
{
    if (!job->is_waiting)
        return;
    for (uint32_t i = 0; i < job->dep_count; i++)
        if (job->deps[i].job_id)
            wait_no_more(c, job->deps[i].job_id, job->id);
    ids_remove(&c->doomed, job->id);
    job->is_waiting = false;
}

static void wake_job(struct core *c, struct job *job)
{
    if (!job || job->phase != PHASE_PENDING || job->dep_count == 0)
        return;
    deps_refresh(c, job, c->now);
    job_settle(c, job);
}

static void wake(struct core *c, const struct ids *ids)
{
    for (uint32_t i = 0; ids && i < ids->n; i++)
        wake_job(c, job_find(c, ids->v[i]));
}

static void wake_singles(struct core *c, const struct job *target)
{
    struct job *first = single_first(c, target), *job = first;

    if (!first)
        return;
    do {
        wake_job(c, job);
        job = job->same_next;
    } while (job != first);
}

void deps_wake(struct core *c, const struct job *target)
{
    wake(c, waiters(c, target->id));
    if (target->array_id && target->array_id != target->id)
        wake(c, waiters(c, target->array_id));
    if (target->phase == PHASE_DONE)
        wake_singles(c, target);
}

/* All of them, or one when joined by a question mark. */
bool deps_are_met(const struct core *c, const struct job *job)
{
    uint32_t met = 0;

    for (uint32_t i = 0; i < job->dep_count; i++)
        met += job->deps[i].state == DEP_MET;
    if (job->dep_count && job->deps[0].type & ANY_FLAG)
        return met > 0;
    return met == job->dep_count;
}

bool deps_are_hopeless(const struct job *job)
{
    uint32_t failed = 0;

    for (uint32_t i = 0; i < job->dep_count; i++)
        failed += job->deps[i].state == DEP_FAILED;
    return job->dep_count && (job->deps[0].type & ANY_FLAG ? failed == job->dep_count : failed > 0);
}

int64_t deps_due(const struct job *job)
{
    int64_t due = INT64_MAX;

    for (uint32_t i = 0; i < job->dep_count; i++) {
        const struct job_dep *d = &job->deps[i];
        int64_t at = d->since + 60 * (int64_t)d->delay_min;
        if (d->state == DEP_OPEN && d->since && at < due)
            due = at;
    }
    return due;
}

uint32_t deps_next_doomed(const struct core *c)
{
    return c->doomed.n ? c->doomed.v[0] : 0;
}

static bool task_is_free(const struct core *c, const struct job *rest, uint32_t task)
{
    for (uint32_t i = 0; i < rest->dep_count; i++) {
        const struct array *a = array_find(c, rest->deps[i].job_id);
        if (type_of(&rest->deps[i]) == DEP_AFTERCORR && a && array_outcome(a, task) != OUTCOME_OK)
            return false;
    }
    return true;
}

uint32_t deps_ready_task(const struct core *c, const struct job *rest)
{
    uint32_t t = runs_first(rest->rest);

    while (t != NO_TASK && !task_is_free(c, rest, t))
        t = runs_next(rest->rest, t);
    return t;
}

static bool read_number(const char **s, uint32_t *ret)
{
    char *end;
    unsigned long n = strtoul(*s, &end, 10);

    if (!isdigit((unsigned char)**s) || n == 0 || n > UINT32_MAX - 1)
        return *s = end, false;
    *s = end;
    *ret = (uint32_t)n;
    return true;
}

/* ":12", ":12_3", ":12+30" */
static bool read_target(const char **s, struct job_dep *d)
{
    ++*s;
    if (!read_number(s, &d->job_id))
        return false;
    if (**s == '_' && isdigit((unsigned char)(*s)[1])) {
        d->task = (struct opt_u32){ true, (uint32_t)strtoul(*s + 1, (char **)s, 10) };
    } else if (**s == '_' && (*s)[1] == '*') {
        *s += 2;
    }
    if (**s == '+') {
        ++*s;
        return read_number(s, &d->delay_min);
    }
    return true;
}

/* The targets of one word.  Without burst buffers afterburstbuffer is afterany: nothing is staged
 * out after the end. expand is refused, as Slurm does unless a site permits job expansion.
 * "afterok:1:2" are two conditions. */
static int read_word(const struct core *c, const char **s, struct deps *deps, struct arena *a,
                     struct err *e)
{
    size_t len = strcspn(*s, ":,?"), k = 0;

    while (k < TYPES && !(strlen(types[k].word) == len && strncasecmp(types[k].word, *s, len) == 0))
        k++;
    if (k == TYPES || types[k].type == DEP_EXPAND)
        return err_set(e, ESLURM_DEPENDENCY,
                       "\"%.*s\" is no kind of dependency here; there are after, afterany, "
                       "afterok, afternotok, aftercorr, afterburstbuffer, singleton",
                       (int)len, *s);
    *s += len;
    if (types[k].type == DEP_SINGLETON) {
        deps->v[deps->n++] = (struct job_dep){ .type = DEP_SINGLETON };
        return 0;
    }
    if (**s != ':')
        return err_set(e, ESLURM_DEPENDENCY, "%s needs a job id: %s:JOBID", types[k].word,
                       types[k].word);
    while (**s == ':') {
        struct job_dep d = { .type = types[k].type };
        if (!read_target(s, &d))
            return err_set(e, ESLURM_DEPENDENCY, "a job id was expected after %s:", types[k].word);
        bool is_known = job_find(c, d.job_id) || array_find(c, d.job_id);
        if (!is_known && (types[k].needs_result || d.job_id >= c->next_id))
            return err_set(
                e, ESLURM_DEPENDENCY, "job %u is not known%s", d.job_id,
                d.job_id < c->next_id ? " any more: how it ended is to be found with sacct" : "");
        deps->v[deps->n++] = d;
    }
    return 0;
}

int deps_parse(const struct core *c, const char *text, int64_t now, struct arena *a,
               struct deps *ret, struct err *e)
{
    struct deps deps = { .is_any = strchr(text, '?') != NULL };
    const char *s = text;

    deps.v = arena_calloc(a, strlen(text) / 2 + 1, sizeof *deps.v);
    if (deps.is_any && strchr(text, ','))
        return err_set(e, ESLURM_DEPENDENCY, "\",\" (all) and \"?\" (any) cannot be mixed");
    do {
        int r = read_word(c, &s, &deps, a, e);
        if (r < 0)
            return r;
    } while ((*s == ',' || *s == '?') && *++s);
    if (*s)
        return err_set(e, ESLURM_DEPENDENCY, "unexpected \"%.40s\"", s);
    for (uint32_t i = 0; i < deps.n; i++)
        deps.v[i].type |= deps.is_any ? ANY_FLAG : 0;
    *ret = deps;
    return 0;
}

char *deps_text(const struct job *job, struct arena *a)
{
    static const char *const states[] = { "unfulfilled", "", "failed" };
    struct buf b = { 0 };

    for (uint32_t i = 0; i < job->dep_count; i++) {
        const struct job_dep *d = &job->deps[i];
        if (d->state == DEP_MET)
            continue;
        buf_printf(&b, "%s%s", b.len ? d->type & ANY_FLAG ? "?" : "," : "", types[type_of(d)].word);
        if (d->job_id)
            buf_printf(&b, ":%u", d->job_id);
        if (d->task.set)
            buf_printf(&b, "_%u", d->task.v);
        else if (d->job_id && type_of(d) == DEP_AFTERCORR)
            buf_puts(&b, "_*");
        if (d->delay_min)
            buf_printf(&b, "+%u", d->delay_min);
        buf_printf(&b, "(%s)", states[d->state % 3]);
    }
    char *text = arena_strdup(a, buf_str(&b));
    buf_fini(&b);
    return text;
}
