/* sreport's view of whole clusters, and of job sizes (sreport.h). */
#include "cli/sreport.h"

#include "cli/args.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* ---- cluster Utilization */

static const struct {
    const char *name, *heading;
    size_t offset;
    bool is_default;
} amounts[] = {
    { "Allocated", "Allocated", offsetof(struct usage_total, allocated), true },
    { "Down", "Down", offsetof(struct usage_total, down), true },
    { "PlannedDown", "PLND Down", offsetof(struct usage_total, planned_down), true },
    { "Idle", "Idle", offsetof(struct usage_total, idle), true },
    { "Planned", "Planned", offsetof(struct usage_total, planned), true },
    { "Reported", "Reported", offsetof(struct usage_total, reported), true },
};
#define AMOUNTS (sizeof amounts / sizeof *amounts)

static bool is_wanted(const struct sreport *s, const struct usage_total *t)
{
    return t->reported &&
           (s->tres.n ? args_list_has(&s->tres, t->tres) : strcmp(t->tres, "cpu") == 0);
}

static void widen(struct report_column *c, const char *text)
{
    int need = (int)strlen(text) + 1;

    if (c->width < 17 && need > c->width)
        c->width = need;
}

int report_clusters(struct sreport *s, struct asked *q)
{
    struct report_column columns[2 + AMOUNTS] = { { "", "Cluster", 9 }, { "", "TRES Name", 14 } };
    unsigned first = s->tres.n ? 2 : 1;
    struct report_table t = { .columns = columns, .n = first + AMOUNTS };
    struct usage_query query = { .totals = true };
    struct usage_info *info;
    const char **texts;

    for (unsigned i = 0; i < AMOUNTS; i++)
        columns[first + i] =
            (struct report_column){ amounts[i].name, amounts[i].heading, report_amount_width(s) };
    if (sreport_ask(s, q, &query, &info) != 0)
        return s->status;
    texts = arena_calloc(&s->arena, (size_t)info->totals.n * t.n + 1, sizeof *texts);
    for (uint32_t i = 0; i < info->totals.n; i++) {
        const struct usage_total *total = &info->totals.v[i];
        const char **row = &texts[t.lines * t.n];

        if (!is_wanted(s, total))
            continue;
        row[0] = total->cluster;
        row[first - 1] = first == 2 ? total->tres : row[0];
        for (unsigned k = 0; k < AMOUNTS; k++) {
            uint64_t v = *(const uint64_t *)((const char *)total + amounts[k].offset);

            row[first + k] = report_amount(s, v, total->reported);
            widen(&columns[first + k], row[first + k]);
        }
        t.lines++;
    }
    t.texts = texts;
    report_print(s, q, report_unit_words(s), &t);
    return 0;
}

/* ---- job sizes */

#define SIZES_MAX 32u

struct sizes {
    struct sreport *s;
    struct asked *q;
    struct usage_info *info;
    uint32_t bounds[SIZES_MAX];
    unsigned n;
};

static void read_bounds(struct sizes *z)
{
    static const uint32_t usual[] = { 0, 50, 250, 500, 1000 };

    for (uint32_t i = 0; i < z->q->grouping.n && z->n < SIZES_MAX - 1; i++) {
        uint32_t v = (uint32_t)strtoul(z->q->grouping.v[i], NULL, 10);

        if (z->n == 0 && v > 0)
            z->bounds[z->n++] = 0;
        if (z->n == 0 || v > z->bounds[z->n - 1])
            z->bounds[z->n++] = v;
    }
    for (unsigned i = 0; i < 5 && !z->q->grouping.n; i++)
        z->bounds[z->n++] = usual[i];
}

static void name_columns(struct sizes *z, struct report_column *c)
{
    bool by_both = strstr(z->q->def->by, "account,wckey") != NULL;

    c[0] = (struct report_column){ "", "Cluster", 9 };
    c[1] =
        (struct report_column){ "", by_both || strcmp(z->q->def->by, "wckey") ? "Account" : "Wckey",
                                by_both ? -20 : 9 };
    for (unsigned i = 0; i < z->n; i++) {
        const char *heading = i + 1 < z->n ? arena_printf(&z->s->arena, "%u-%u CPUs", z->bounds[i],
                                                          z->bounds[i + 1] - 1)
                                           : arena_printf(&z->s->arena, ">= %u CPUs", z->bounds[i]);
        c[2 + i] = (struct report_column){ "", heading, z->q->counts_jobs ? 13 : 13 };
    }
    c[2 + z->n] = (struct report_column){ "", "% of cluster", 12 };
}

/* Whose line it is: an account, a key, or both. */
static const char *label_of(struct sizes *z, const struct usage_size *row)
{
    if (strcmp(z->q->def->by, "account,wckey") == 0)
        return arena_printf(&z->s->arena, "%s:%s", row->account, row->wckey);
    return strcmp(z->q->def->by, "wckey") == 0 ? row->wckey : row->account;
}

static bool size_is_wanted(const struct asked *q, const struct usage_size *row)
{
    return (!q->accounts.n || args_list_has(&q->accounts, row->account)) &&
           (!q->wckeys.n || args_list_has(&q->wckeys, row->wckey));
}

static const char *share(struct sizes *z, uint64_t seconds, const char *cluster)
{
    uint64_t total = 0;

    for (uint32_t i = 0; i < z->info->sizes.n; i++)
        if (strcmp(z->info->sizes.v[i].cluster, cluster) == 0)
            total += z->info->sizes.v[i].seconds;
    return arena_printf(&z->s->arena, "%.2f%%",
                        total ? 100.0 * (double)seconds / (double)total : 0.0);
}

/* One line: everything of a label, size by size. */
static void put_line(struct sizes *z, const char *cluster, const char *label, const char **row)
{
    uint64_t sum = 0;

    row[0] = cluster;
    row[1] = label;
    for (unsigned k = 0; k < z->n; k++) {
        uint64_t seconds = 0, jobs = 0;

        for (uint32_t i = 0; i < z->info->sizes.n; i++) {
            const struct usage_size *v = &z->info->sizes.v[i];

            if (v->size != k || strcmp(label_of(z, v), label) || strcmp(v->cluster, cluster))
                continue;
            seconds += v->seconds;
            jobs += v->jobs;
        }
        sum += seconds;
        row[2 + k] = z->q->counts_jobs
                         ? arena_printf(&z->s->arena, "%llu", (unsigned long long)jobs)
                         : report_amount(z->s, seconds, report_total(z->info, cluster, "cpu"));
    }
    row[2 + z->n] = share(z, sum, cluster);
}

static bool is_there(const struct report_table *t, const char *const *texts, const char *cluster,
                     const char *label)
{
    for (unsigned i = 0; i < t->lines; i++)
        if (strcmp(texts[i * t->n], cluster) == 0 && strcmp(texts[i * t->n + 1], label) == 0)
            return true;
    return false;
}

int report_sizes(struct sreport *s, struct asked *q)
{
    struct report_column columns[SIZES_MAX + 3];
    struct sizes z = { .s = s, .q = q };
    const char *by[] = { strncmp(q->def->by, "account", 7) == 0 ? "account" : "",
                         strstr(q->def->by, "wckey") ? "wckey" : "" };
    struct usage_query query = { .by = { by, 2 }, .totals = true };
    struct report_table t = { .columns = columns };
    const char **texts;

    read_bounds(&z);
    query.sizes = (struct u32s){ z.bounds, z.n };
    if (sreport_ask(s, q, &query, &z.info) != 0)
        return s->status;
    name_columns(&z, columns);
    t.n = z.n + 3;
    texts = arena_calloc(&s->arena, (size_t)z.info->sizes.n * t.n + 1, sizeof *texts);
    for (uint32_t i = 0; i < z.info->sizes.n; i++) {
        const struct usage_size *row = &z.info->sizes.v[i];
        const char *label = label_of(&z, row);

        if (size_is_wanted(q, row) && !is_there(&t, texts, row->cluster, label))
            put_line(&z, row->cluster, label, &texts[t.lines++ * t.n]);
    }
    t.texts = texts;
    report_print(s, q,
                 q->counts_jobs ? "Units are in number of jobs ran"
                                : arena_printf(&s->arena, "Time reported in %s", s->unit->words),
                 &t);
    return 0;
}
