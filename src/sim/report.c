/* Figures of a played trace (rules of contracts/scheduling.md). */
#include "sim/report.h"

#include "base/times.h"
#include "base/xalloc.h"

#include <stdlib.h>

#define SHORT_S 10      /* run times below this count as this in a slowdown */
#define USERS_SHOWN 10u /* of the busiest */

double bounded_slowdown(const struct sim_job *job)
{
    double run = (double)(job->end - job->start), wait = (double)(job->start - job->arrival);
    double least = run > SHORT_S ? run : SHORT_S;

    return wait + run > least ? (wait + run) / least : 1;
}

static int by_value(const void *a, const void *b)
{
    const double *x = a, *y = b;

    return *x < *y ? -1 : *x > *y;
}

static struct spread spread_of(double *v, uint32_t n)
{
    struct spread s = { 0 };

    if (n == 0)
        return s;
    qsort(v, n, sizeof *v, by_value);
    for (uint32_t i = 0; i < n; i++)
        s.mean += v[i] / n;
    s.p50 = v[(n - 1) / 2];
    s.p95 = v[(uint32_t)((double)(n - 1) * 0.95)];
    s.max = v[n - 1];
    return s;
}

static int by_key(const void *a, const void *b)
{
    const struct share *x = a, *y = b;

    return x->key < y->key ? -1 : x->key > y->key;
}

static int by_core_seconds(const void *a, const void *b)
{
    const struct share *x = a, *y = b;

    return x->core_s > y->core_s ? -1 : x->core_s < y->core_s ? 1 : by_key(a, b);
}

/* Equal keys become one. */
static uint32_t merge(struct share *v, uint32_t n)
{
    uint32_t out = 0;

    qsort(v, n, sizeof *v, by_key);
    for (uint32_t i = 0; i < n; i++) {
        if (out > 0 && v[out - 1].key == v[i].key) {
            v[out - 1].jobs += v[i].jobs;
            v[out - 1].core_s += v[i].core_s;
            v[out - 1].wait_s += v[i].wait_s;
            v[out - 1].slowdown += v[i].slowdown;
        } else {
            v[out++] = v[i];
        }
    }
    qsort(v, out, sizeof *v, by_core_seconds);
    return out;
}

void summarise(const struct trace *t, const struct played *p, struct summary *ret)
{
    double *waits = xcalloc(t->n, sizeof *waits), *slowdowns = xcalloc(t->n, sizeof *slowdowns);
    struct summary s = { .left_out = t->left_out,
                         .cut = t->cut,
                         .refused = p->refused,
                         .cores = p->cores,
                         .first = INT64_MAX,
                         .last = INT64_MIN,
                         .users = xcalloc(t->n, sizeof *s.users),
                         .parts = xcalloc(t->n, sizeof *s.parts) };
    double used = 0;

    for (uint32_t i = 0; i < t->n; i++) {
        const struct sim_job *j = &t->v[i];
        if (j->start < 0)
            continue;
        struct share one = { .key = j->user,
                             .jobs = 1,
                             .core_s = (double)(j->end - j->start) * j->cores,
                             .wait_s = (double)(j->start - j->arrival),
                             .slowdown = bounded_slowdown(j) };
        waits[s.jobs] = one.wait_s;
        slowdowns[s.jobs] = one.slowdown;
        used += one.core_s;
        s.first = j->arrival < s.first ? j->arrival : s.first;
        s.last = j->end > s.last ? j->end : s.last;
        s.users[s.jobs] = one;
        one.key = j->part;
        s.parts[s.jobs++] = one;
    }
    s.makespan = s.jobs ? s.last - s.first : 0;
    s.utilisation = s.makespan ? used / ((double)s.cores * (double)s.makespan) : 0;
    s.wait = spread_of(waits, s.jobs);
    s.slowdown = spread_of(slowdowns, s.jobs);
    s.user_count = merge(s.users, s.jobs);
    s.part_count = merge(s.parts, s.jobs);
    free(waits);
    free(slowdowns);
    *ret = s;
}

void summary_fini(struct summary *s)
{
    free(s->users);
    free(s->parts);
    *s = (struct summary){ 0 };
}

/* What is printed of a summary, and its names in JSON. */
static const struct figure {
    const char *name, *json;
    size_t offset;
    bool is_time; /* seconds, shown as D-HH:MM:SS too */
} figures[] = {
    { "mean wait", "mean_wait", offsetof(struct summary, wait.mean), true },
    { "median wait", "median_wait", offsetof(struct summary, wait.p50), true },
    { "p95 wait", "p95_wait", offsetof(struct summary, wait.p95), true },
    { "longest wait", "longest_wait", offsetof(struct summary, wait.max), true },
    { "mean slowdown", "mean_slowdown", offsetof(struct summary, slowdown.mean), false },
    { "median slowdown", "median_slowdown", offsetof(struct summary, slowdown.p50), false },
    { "p95 slowdown", "p95_slowdown", offsetof(struct summary, slowdown.p95), false },
    { "worst slowdown", "worst_slowdown", offsetof(struct summary, slowdown.max), false },
    { "utilisation", "utilisation", offsetof(struct summary, utilisation), false },
};

#define FIGURES (sizeof figures / sizeof *figures)

static double value_of(const struct summary *s, const struct figure *f)
{
    return *(const double *)((const char *)s + f->offset);
}

static void print_share(const struct share *s, const char *name, const struct summary *all,
                        FILE *out)
{
    double sum = all->utilisation * (double)all->cores * (double)all->makespan;

    fprintf(out, "%-14s %8u %9.1f%% %14.0f %16.2f\n", name, s->jobs,
            sum > 0 ? 100 * s->core_s / sum : 0, s->wait_s / s->jobs, s->slowdown / s->jobs);
}

#define SHARE_HEADING "    JOBS  CORE TIME  MEAN WAIT (s)  MEAN SLOWDOWN"

void summary_print(const struct summary *s, const struct played *p, FILE *out)
{
    char text[TIMES_TEXT];

    fprintf(out, "%u cores; %u jobs used, %u left out, %u cut at their limit", s->cores, s->jobs,
            s->left_out, s->cut);
    if (s->refused)
        fprintf(out, ", %u refused (%s)", s->refused, p->refusal);
    fprintf(out, "\n");
    for (unsigned i = 0; i < FIGURES; i++) {
        double v = value_of(s, &figures[i]);
        fprintf(out, "%-16s %14.*f%s%s\n", figures[i].name, figures[i].is_time ? 0 : 4, v,
                figures[i].is_time ? " s  " : "",
                figures[i].is_time ? times_hms((int64_t)(v + 0.5), text) : "");
    }
    fprintf(out, "%-16s %14lld s  %s\n", "makespan", (long long)s->makespan,
            times_hms(s->makespan, text));
    fprintf(out, "\n%-14s" SHARE_HEADING "\n", "USER");
    for (uint32_t i = 0; i < s->user_count && i < USERS_SHOWN; i++) {
        char name[24];
        snprintf(name, sizeof name, "%d", (int)s->users[i].key);
        print_share(&s->users[i], name, s, out);
    }
    fprintf(out, "\n%-14s" SHARE_HEADING "\n", "PARTITION");
    for (uint32_t i = 0; i < s->part_count; i++)
        print_share(&s->parts[i], p->parts[s->parts[i].key], s, out);
}

static void json_share(const struct share *s, FILE *out)
{
    fprintf(out,
            "\"jobs\": %u, \"core_seconds\": %.0f, \"mean_wait\": %.2f, "
            "\"mean_slowdown\": %.4f}",
            s->jobs, s->core_s, s->wait_s / s->jobs, s->slowdown / s->jobs);
}

void summary_json(const struct summary *s, const struct played *p, FILE *out)
{
    fprintf(out, "{\"cores\": %u, \"jobs\": %u, \"left_out\": %u, \"cut\": %u, \"refused\": %u,\n",
            s->cores, s->jobs, s->left_out, s->cut, s->refused);
    for (unsigned i = 0; i < FIGURES; i++)
        fprintf(out, " \"%s\": %.6f,\n", figures[i].json, value_of(s, &figures[i]));
    fprintf(out, " \"makespan\": %lld,\n \"users\": [", (long long)s->makespan);
    for (uint32_t i = 0; i < s->user_count && i < USERS_SHOWN; i++) {
        fprintf(out, "%s\n  {\"user\": %d, ", i ? "," : "", (int)s->users[i].key);
        json_share(&s->users[i], out);
    }
    fprintf(out, "],\n \"partitions\": [");
    for (uint32_t i = 0; i < s->part_count; i++) {
        fprintf(out, "%s\n  {\"partition\": \"%s\", ", i ? "," : "", p->parts[s->parts[i].key]);
        json_share(&s->parts[i], out);
    }
    fprintf(out, "]}\n");
}

void summary_compare(const struct summary *a, const struct summary *b, FILE *out)
{
    fprintf(out, "%-16s %14s %14s %8s\n", "", "first", "second", "ratio");
    for (unsigned i = 0; i < FIGURES; i++) {
        double x = value_of(a, &figures[i]), y = value_of(b, &figures[i]);
        fprintf(out, "%-16s %14.4f %14.4f %8.3f\n", figures[i].name, x, y, x > 0 ? y / x : 1);
    }
    fprintf(out, "%-16s %14lld %14lld %8.3f\n", "makespan", (long long)a->makespan,
            (long long)b->makespan, a->makespan ? (double)b->makespan / (double)a->makespan : 1);
}
