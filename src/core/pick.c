/* Naming jobs; the idea is explained in pick.h. */
#include "core/pick.h"

#include "base/limits.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

void picks_add(struct picks *p, struct pick pick)
{
    if (p->n == p->cap) {
        p->cap = p->cap ? p->cap * 2 : 16;
        struct pick *bigger = arena_calloc(p->a, p->cap, sizeof *bigger);
        if (p->n)
            memcpy(bigger, p->v, p->n * sizeof *bigger);
        p->v = bigger;
    }
    p->v[p->n++] = pick;
}

/* ".batch", ".extern", ".0" or nothing */
static bool read_step(const char *s, struct pick *ret)
{
    char *end;

    ret->step = STEP_ALL;
    if (!*s)
        return true;
    ret->has_step = true;
    ret->step = strcasecmp(s, ".batch") == 0 ? STEP_BATCH : STEP_EXTERN;
    if (strcasecmp(s, ".batch") == 0 || strcasecmp(s, ".extern") == 0)
        return true;
    ret->step = (uint32_t)strtoul(s + 1, &end, 10);
    return *s == '.' && isdigit((unsigned char)s[1]) && !*end;
}

/* All that lives of an array, or the one job. */
static int add_whole(const struct core *c, uint32_t id, struct pick like, struct picks *ret)
{
    const struct array *a = array_find(c, id);

    like.job = job_find(c, id);
    if (!a && !like.job)
        return -ESLURM_INVALID_JOB_ID;
    if (!a) {
        picks_add(ret, like);
        return 0;
    }
    for (uint32_t i = 0; i < a->jobs.n; i++) {
        like.job = job_find(c, a->jobs.v[i]);
        picks_add(ret, like);
    }
    return 0;
}

static int add_tasks(const struct core *c, uint32_t id, const struct runs *tasks, struct pick like,
                     struct picks *ret)
{
    const struct job *rest = array_rest(c, id);
    uint32_t before = ret->n;

    for (uint32_t t = runs_first(tasks); t != NO_TASK; t = runs_next(tasks, t)) {
        const struct job *split = array_task(c, id, t);
        like.job = split ? split : rest && runs_has(rest->rest, t) ? rest : NULL;
        like.task = split ? NO_TASK : t;
        if (like.job)
            picks_add(ret, like);
    }
    return ret->n > before ? 0 : -ESLURM_INVALID_JOB_ID;
}

int picks_add_name(const struct core *c, const char *name, struct picks *ret)
{
    char *at;
    unsigned long id = strtoul(name, &at, 10);
    struct pick like = { .task = NO_TASK };
    struct runs tasks;
    uint32_t limit;

    if (!isdigit((unsigned char)*name) || id == 0 || id >= UINT32_MAX)
        return -ESLURM_INVALID_JOB_ID;
    if (*at != '_' || strncmp(at, "_*", 2) == 0) {
        at += *at == '_' ? 2 : 0;
        return read_step(at, &like) ? add_whole(c, (uint32_t)id, like, ret)
                                    : -ESLURM_INVALID_JOB_ID;
    }
    const char *dot = strchr(at, '.');
    char *list = arena_strndup(ret->a, at + 1, dot ? (size_t)(dot - at) - 1 : strlen(at + 1));
    if (!read_step(dot ? dot : "", &like) || !array_find(c, (uint32_t)id) ||
        runs_parse(list, ARRAY_TASKS_MAX, &tasks, &limit, NULL) < 0)
        return -ESLURM_INVALID_JOB_ID;
    int r = add_tasks(c, (uint32_t)id, &tasks, like, ret);
    runs_fini(&tasks);
    return r;
}

static int by_job(const void *a, const void *b)
{
    const struct pick *x = a, *y = b;

    if (x->job->id != y->job->id)
        return x->job->id < y->job->id ? -1 : 1;
    if (x->task != y->task)
        return x->task > y->task ? -1 : 1; /* NO_TASK first: the whole rest covers its tasks */
    return x->step == y->step ? 0 : x->step < y->step ? -1 : 1;
}

static uint32_t same_job(const struct picks *p, uint32_t from)
{
    uint32_t n = 1;

    while (from + n < p->n && p->v[from + n].job == p->v[from].job)
        n++;
    return n;
}

void picks_tidy(struct picks *p)
{
    uint32_t out = 0;

    if (p->n == 0)
        return;
    qsort(p->v, p->n, sizeof *p->v, by_job);
    for (uint32_t i = 1; i < p->n; i++)
        if (by_job(&p->v[out], &p->v[i]) != 0)
            p->v[++out] = p->v[i];
    p->n = out + 1;
    out = 0;
    for (uint32_t i = 0, n; i < p->n; i += n) {
        const struct pick first = p->v[i];
        n = same_job(p, i);
        bool is_whole =
            first.job->rest && (first.task == NO_TASK || n == runs_count(first.job->rest));
        for (uint32_t k = 0; k < (is_whole ? 1 : n); k++)
            p->v[out++] = p->v[i + k];
        if (is_whole)
            p->v[out - 1].task = NO_TASK;
    }
    p->n = out;
}

uint32_t pick_id(struct turn *t, const struct pick *p)
{
    struct fact_job_split split = { .job_id = p->job->id, .now = t->in->now, .task = p->task };

    if (p->task == NO_TASK)
        return p->job->id;
    split.new_id = turn_take_id(t);
    if (split.new_id)
        turn_fact(t, FACT_job_split, &split);
    return split.new_id;
}

char *pick_text(const struct pick *p, struct arena *a)
{
    if (p->task != NO_TASK)
        return arena_printf(a, "%u_%u", p->job->array_id, p->task);
    if (p->job->task != NO_TASK)
        return arena_printf(a, "%u_%u", p->job->array_id, p->job->task);
    if (p->job->rest)
        return arena_printf(a, "%u_[%s]", p->job->array_id, runs_text(p->job->rest, a));
    return arena_printf(a, "%u", p->job->id);
}

bool pick_allowed(const struct turn *t, const struct job *job)
{
    const struct who *who = &t->in->who;

    return who->uid == job->uid || who->uid == 0 || who->role >= ROLE_OPERATOR;
}

static void add_result(struct turn *t, struct job_results *results, struct job_result r)
{
    r.text = r.code && !r.text ? errors_text((int)r.code) : r.text;
    results->jobs.v[results->jobs.n++] = r;
}

void picks_answer(struct turn *t, const struct picks *p, struct job_results *results,
                  pick_action action, void *ctx)
{
    for (uint32_t i = 0; i < p->n; i++) {
        struct job_result r = { .job = pick_text(&p->v[i], t->a), .name = p->v[i].job->name };
        if (!pick_allowed(t, p->v[i].job))
            r.code = ESLURM_ACCESS_DENIED;
        else
            r.code = (uint32_t)action(t, &p->v[i], ctx, &r);
        add_result(t, results, r);
    }
    turn_reply(t, &desc_job_results, results);
}

void picks_run(struct turn *t, const struct strs *names, pick_action action, void *ctx)
{
    struct picks picks = { .a = t->a };
    struct job_results results = { 0 };
    struct job_result *bad = arena_calloc(t->a, names->n + 1, sizeof *bad);
    uint32_t bad_n = 0;

    for (uint32_t i = 0; i < names->n; i++) {
        int r = picks_add_name(t->c, names->v[i], &picks);
        if (r < 0)
            bad[bad_n++] = (struct job_result){ .job = names->v[i], .code = (uint32_t)-r };
    }
    picks_tidy(&picks);
    results.jobs.v = arena_calloc(t->a, picks.n + bad_n + 1, sizeof *results.jobs.v);
    for (uint32_t i = 0; i < bad_n; i++)
        add_result(t, &results, bad[i]);
    picks_answer(t, &picks, &results, action, ctx);
}
