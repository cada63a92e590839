/* What jobs used, summed as they end (usage.h). */
#include "slurmdbd/usage.h"

#include "base/times.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STRETCH_MAX_S (20ll * 366 * 86400)
#define COUNT_MAX (1ll << 33)

void usage_fini(struct usage_sums *u)
{
    smap_fini(&u->at);
    arena_fini(&u->arena);
    *u = (struct usage_sums){ 0 };
}

const char *usage_tres(const char *at, struct arena *a, const char **ret_name, uint64_t *ret_count)
{
    size_t len = strcspn(at, ","), name = strcspn(at, "=,");
    const char *value;

    if (!*at)
        return NULL;
    *ret_name = arena_strndup(a, at, name);
    value = at[name] == '=' ? arena_strndup(a, at + name + 1, len - name - 1) : "0";
    *ret_count = strtoull(value, NULL, 10);
    if (strcmp(*ret_name, "mem") == 0)
        times_parse_size_mb(value, 'M', ret_count, NULL);
    return at + len + (at[len] == ',');
}

int64_t usage_overlap(const struct acct_job *job, int64_t from, int64_t to)
{
    int64_t end = job->end ? job->end - job->suspended_s : INT64_MAX;
    int64_t begin = job->start > from ? job->start : from;

    if (!job->start)
        return 0;
    end = end < to ? end : to;
    return end > begin ? end - begin : 0;
}

/* A stretch of time on its way into the sums: which row it belongs to but for the period. */
struct stretch {
    struct usage_cell to;
    int64_t from, until, factor;
};

static void add_cell(struct usage_sums *u, const struct usage_cell *like, int64_t seconds)
{
    char key[1024];
    struct usage_cell *cell;
    int n = snprintf(key, sizeof key, "%s\x1f%s\x1f%s\x1f%s\x1f%s\x1f%s\x1f%d\x1f%lld",
                     like->cluster, like->account, like->user, like->wckey, like->qos, like->tres,
                     like->period, (long long)like->start);

    cell = n < (int)sizeof key ? smap_get(&u->at, key) : NULL;
    if (!cell) {
        cell = arena_memdup(&u->arena, like, sizeof *like);
        cell->cluster = arena_strdup(&u->arena, like->cluster);
        cell->account = arena_strdup(&u->arena, like->account);
        cell->user = arena_strdup(&u->arena, like->user);
        cell->wckey = arena_strdup(&u->arena, like->wckey);
        cell->qos = arena_strdup(&u->arena, like->qos);
        cell->tres = arena_strdup(&u->arena, like->tres);
        cell->seconds = 0;
        smap_put(&u->at, arena_strdup(&u->arena, key), cell);
    }
    cell->seconds += seconds;
}

/* What no job can be is not counted: it would fill the tables with hours. */
static bool is_sane(const struct stretch *s)
{
    return s->from > 0 && s->until > s->from && s->until - s->from < STRETCH_MAX_S &&
           s->factor < COUNT_MAX && s->factor > -COUNT_MAX;
}

static void add_stretch(struct usage_sums *u, struct stretch *s)
{
    for (enum period p = PERIOD_HOUR; p < PERIOD_COUNT && is_sane(s); p++) {
        int64_t at = period_start(p, s->from);

        s->to.period = p;
        while (at < s->until) {
            int64_t next = period_next(p, at);
            int64_t from = s->from > at ? s->from : at, until = s->until < next ? s->until : next;

            s->to.start = at;
            add_cell(u, &s->to, (until - from) * s->factor);
            at = next;
        }
    }
}

static const char *or_empty(const char *text)
{
    return text ? text : "";
}

void usage_job(struct usage_sums *u, const char *cluster, const struct acct_job *job, int sign)
{
    struct stretch s = { .to = { .cluster = cluster,
                                 .account = or_empty(job->account),
                                 .user = or_empty(job->user),
                                 .wckey = or_empty(job->wckey),
                                 .qos = or_empty(job->qos),
                                 .tres = USAGE_PLANNED } };
    const char *at = or_empty(job->tres_alloc);
    uint64_t count;

    if (!job->end || !job->start)
        return;
    s.from = job->eligible;
    s.until = job->start;
    s.factor = sign * (int64_t)job->req_cpus;
    if (job->eligible)
        add_stretch(u, &s);
    s.from = job->start;
    s.until = job->end - job->suspended_s;
    while ((at = usage_tres(at, &u->arena, &s.to.tres, &count))) {
        s.factor = sign * (int64_t)count;
        if (count && strcmp(s.to.tres, "energy") != 0)
            add_stretch(u, &s);
    }
}
