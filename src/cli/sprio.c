/* sprio: what the priorities of waiting jobs are made of.  Fetches, leaves out, sorts, prints. */
#include "cli/args.h"
#include "cli/connect.h"
#include "cli/output.h"
#include "schema/rpc.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

struct options {
    struct strs jobs, users, partitions, clusters;
    const char *format, *sort;
    bool no_header, is_long, norm, weights, ignored;
    int verbose;
};

#define O(member) offsetof(struct options, member)
static const struct arg arg_rows[] = {
    { "clusters", 'M', ARG_LIST, O(clusters), "SLURM_CLUSTERS", "list", "ask these clusters" },
    { "federation", 0, ARG_FLAG, O(ignored), NULL, NULL, "accepted; there is one cluster" },
    { "format", 'o', ARG_TEXT, O(format), "SPRIO_FORMAT", "format", "columns by letter: %.15i %Y" },
    { "jobs", 'j', ARG_OPTIONAL_LIST, O(jobs), NULL, "list", "only these jobs" },
    { "local", 0, ARG_FLAG, O(ignored), NULL, NULL, "accepted; there is one cluster" },
    { "long", 'l', ARG_FLAG, O(is_long), NULL, NULL, "more columns" },
    { "noheader", 'h', ARG_FLAG, O(no_header), NULL, NULL, "no headings" },
    { "norm", 'n', ARG_FLAG, O(norm), NULL, NULL, "factors from 0 to 1, without their weights" },
    { "partition", 'p', ARG_LIST, O(partitions), NULL, "list", "only these partitions" },
    { "sibling", 0, ARG_FLAG, O(ignored), NULL, NULL, "accepted; there is one cluster" },
    { "sort", 'S', ARG_TEXT, O(sort), NULL, "letters", "order: -y,i" },
    { "user", 'u', ARG_LIST, O(users), NULL, "list", "only jobs of these users" },
    { "verbose", 'v', ARG_COUNT, O(verbose), NULL, NULL, "say more" },
    { "weights", 'w', ARG_FLAG, O(weights), NULL, NULL, "the weight of each factor" },
};
static const struct args args = { "sprio", "", "Shows what priorities are made of.", arg_rows,
                                  sizeof arg_rows / sizeof arg_rows[0] };

/* ---- columns */

/* A line: a job, or with job NULL the weights. */
struct line {
    const struct prio_info *job;
    const struct prio_infos *all;
};

/* Factors, by the letter of their weighted column; the lower case letter is the factor alone. */
static const struct factor {
    char letter;
    size_t value, weight;
} factors[] = {
#define FACTOR(letter, value, weight)                                                  \
    {                                                                                  \
        letter, offsetof(struct prio_info, value), offsetof(struct prio_infos, weight) \
    }
    FACTOR('A', age, age),   FACTOR('B', assoc, assoc), FACTOR('F', fairshare, fairshare),
    FACTOR('J', size, size), FACTOR('P', part, part),   FACTOR('Q', qos_factor, qos),
#undef FACTOR
};

static double weight_of(const struct prio_infos *all, const struct factor *f)
{
    return *(const double *)((const char *)all + f->weight);
}

static double value_of(const struct prio_info *job, const struct factor *f)
{
    return *(const double *)((const char *)job + f->value);
}

/* To the nearest, halves to the even number, as Slurm prints them. */
static void put_factor(const struct line *l, char letter, struct buf *out)
{
    for (size_t i = 0; i < sizeof factors / sizeof factors[0]; i++) {
        double weight = weight_of(l->all, &factors[i]);
        if (factors[i].letter == letter)
            buf_printf(out, "%.0f",
                       l->job ? nearbyint(value_of(l->job, &factors[i]) * weight) : weight);
    }
}

static void put_norm(const struct line *l, char letter, struct buf *out)
{
    for (size_t i = 0; l->job && i < sizeof factors / sizeof factors[0]; i++)
        if (factors[i].letter == letter)
            buf_printf(out, "%.7f", value_of(l->job, &factors[i]));
}

#define FACTOR_COLUMNS(letter)                                                     \
    static void print_##letter(const struct text_cell *cell, struct buf *out)      \
    {                                                                              \
        put_factor(cell->row, #letter[0], out);                                    \
    }                                                                              \
    static void print_norm_##letter(const struct text_cell *cell, struct buf *out) \
    {                                                                              \
        put_norm(cell->row, #letter[0], out);                                      \
    }
FACTOR_COLUMNS(A)
FACTOR_COLUMNS(B)
FACTOR_COLUMNS(F)
FACTOR_COLUMNS(J)
FACTOR_COLUMNS(P)
FACTOR_COLUMNS(Q)
#undef FACTOR_COLUMNS

static void print_job_id(const struct text_cell *cell, struct buf *out)
{
    const struct line *l = cell->row;

    if (l->job)
        buf_printf(out, "%u", l->job->job_id);
    else
        buf_puts(out, "Weights");
}

static void print_partition(const struct text_cell *cell, struct buf *out)
{
    const struct line *l = cell->row;

    buf_puts(out, l->job ? l->job->partition : "");
}

static void print_user_name(const struct text_cell *cell, struct buf *out)
{
    const struct line *l = cell->row;

    buf_puts(out, l->job ? l->job->user : "");
}

static void print_account(const struct text_cell *cell, struct buf *out)
{
    const struct line *l = cell->row;

    buf_puts(out, l->job ? l->job->account : "");
}

static void print_qos_name(const struct text_cell *cell, struct buf *out)
{
    const struct line *l = cell->row;

    buf_puts(out, l->job ? l->job->qos : "");
}

static void print_priority(const struct text_cell *cell, struct buf *out)
{
    const struct line *l = cell->row;

    if (l->job)
        buf_printf(out, "%u", l->job->priority);
}

static void print_norm_priority(const struct text_cell *cell, struct buf *out)
{
    const struct line *l = cell->row;

    if (l->job)
        buf_printf(out, "%.8f", l->job->priority / (double)UINT32_MAX);
}

static void print_site(const struct text_cell *cell, struct buf *out)
{
    const struct line *l = cell->row;

    buf_puts(out, l->job ? "0" : "1");
}

static void print_nice(const struct text_cell *cell, struct buf *out)
{
    const struct line *l = cell->row;

    if (l->job)
        buf_printf(out, "%lld", (long long)l->job->nice);
}

static void print_tres(const struct text_cell *cell, struct buf *out)
{
    const struct line *l = cell->row;

    buf_puts(out, l->job ? l->job->tres_weighted : l->all->tres);
}

static void print_norm_tres(const struct text_cell *cell, struct buf *out)
{
    const struct line *l = cell->row;

    buf_puts(out, l->job ? l->job->tres : "");
}

#define COL(letter, heading, printer)                                                              \
    {                                                                                              \
        heading, letter, heading, 0, TEXT_LEFT, TEXT_DIRECT, 0, KIND_BYTES, print_##printer, NULL, \
            ""                                                                                     \
    }
static const struct text_column columns[] = {
    COL('i', "JOBID", job_id),   COL('r', "PARTITION", partition),
    COL('u', "USER", user_name), COL('o', "ACCOUNT", account),
    COL('n', "QOS", qos_name),   COL('Y', "PRIORITY", priority),
    COL('S', "SITE", site),      COL('N', "NICE", nice),
    COL('T', "TRES", tres),      COL('y', "PRIORITY", norm_priority),
    COL('t', "TRES", norm_tres), COL('A', "AGE", A),
    COL('B', "ASSOC", B),        COL('F', "FAIRSHARE", F),
    COL('J', "JOBSIZE", J),      COL('P', "PARTITION", P),
    COL('Q', "QOS", Q),          COL('a', "AGE", norm_A),
    COL('b', "ASSOC", norm_B),   COL('f', "FAIRSHARE", norm_F),
    COL('j', "JOBSIZE", norm_J), COL('p', "PARTITION", norm_P),
    COL('q', "QOS", norm_Q),
};
static const struct text_table table = { "job", columns, sizeof columns / sizeof columns[0] };

/* Only factors that have a weight. */
static char *default_letters(const struct options *o, const struct prio_infos *all, struct arena *a)
{
    char *s = arena_strdup(a, o->is_long ? "%.15i %9r %.8u" : "%.15i %9r");

    s = arena_printf(a, o->norm ? "%s %%10y" : "%s %%.10Y %%.10S", s);
    for (size_t i = 0; i < sizeof factors / sizeof factors[0]; i++)
        if (weight_of(all, &factors[i]) != 0)
            s = arena_printf(a, o->norm ? "%s %%10%c" : "%s %%.10%c", s,
                             o->norm ? factors[i].letter + 'a' - 'A' : factors[i].letter);
    if (o->is_long && !o->norm)
        s = arena_printf(a, "%s %%.11N", s);
    if (*all->tres)
        s = arena_printf(a, o->norm ? "%s %%20t" : "%s %%.20T", s);
    return s;
}

/* ---- rows */

static bool is_wanted(const struct options *o, const struct prio_info *job)
{
    char id[16], uid[16];

    snprintf(id, sizeof id, "%u", job->job_id);
    snprintf(uid, sizeof uid, "%u", job->uid);
    if (o->jobs.n && !args_list_has(&o->jobs, id))
        return false;
    if (o->users.n && !args_list_has(&o->users, job->user) && !args_list_has(&o->users, uid))
        return false;
    return !o->partitions.n || args_list_has(&o->partitions, job->partition);
}

static double sort_value(const struct line *l, char letter)
{
    for (size_t i = 0; i < sizeof factors / sizeof factors[0]; i++)
        if (strncasecmp(&factors[i].letter, &letter, 1) == 0)
            return value_of(l->job, &factors[i]);
    return letter == 'y' || letter == 'Y' ? l->job->priority
           : letter == 'N'                ? (double)l->job->nice
                                          : l->job->job_id;
}

static int compare(const struct line *x, const struct line *y, char letter)
{
    if (letter == 'u')
        return strcmp(x->job->user, y->job->user);
    if (letter == 'r')
        return strcmp(x->job->partition, y->job->partition);
    double a = sort_value(x, letter), b = sort_value(y, letter);
    return a < b ? -1 : a > b;
}

/* "-y,i": the first letter that tells two apart decides; then the id. */
static int in_order(const void *a, const void *b, void *spec)
{
    const struct line *x = a, *y = b;
    int sign = 1;

    for (const char *s = spec; *s; s++) {
        if (strchr("+-, %", *s)) {
            sign = *s == '-' ? -1 : 1;
            continue;
        }
        int order = compare(x, y, *s) * sign;
        if (order)
            return order;
        sign = 1;
    }
    return compare(x, y, 'i');
}

static int print_all(const struct options *o, const struct prio_infos *all, struct arena *a,
                     struct buf *out)
{
    struct line *lines = arena_calloc(a, all->jobs.n + 1, sizeof *lines);
    struct text_env env = { .now = 0 };
    struct text_format f;
    uint32_t n = 0;

    text_letters(&table, o->format ? o->format : default_letters(o, all, a), a, &f);
    for (uint32_t i = 0; !o->weights && i < all->jobs.n; i++)
        if (is_wanted(o, &all->jobs.v[i]))
            lines[n++] = (struct line){ &all->jobs.v[i], all };
    if (n == 0 && !o->weights && (o->jobs.n || o->users.n)) {
        puts("Unable to find jobs matching user/id(s) specified");
        return 0;
    }
    if (o->weights)
        lines[n++] = (struct line){ NULL, all };
    else
        qsort_r(lines, n, sizeof *lines, in_order, (void *)(uintptr_t)(o->sort ? o->sort : "i"));
    if (!o->no_header)
        text_header(&f, out);
    for (uint32_t i = 0; i < n; i++)
        text_row(&f, &lines[i], &env, out);
    output_flush(out);
    output_bad_format("sprio", &table, &f);
    return 0;
}

static int run(struct connection *c, const struct options *o, struct arena *a, struct buf *out)
{
    struct prio_infos *all;
    struct err e = { 0 };

    if (connection_open(c, &e) < 0) {
        fprintf(stderr, "sprio: fatal: %s\n", e.text);
        return 1;
    }
    if (output_clusters_check("sprio", &o->clusters, conf_str(c->conf, "ClusterName")) < 0)
        return 1;
    if (client_call(c->client, OP_prio_list, &(struct empty){}, a, (void **)&all, &e) < 0) {
        output_load_error("sprio: error: Couldn't get priority factors from controller", &e);
        return 1;
    }
    if (!all->is_multifactor) {
        fputs("You are not running a supported priority plugin\n"
              "(priority/basic).\nOnly 'priority/multifactor' is supported.\n",
              stderr);
        return 1;
    }
    return print_all(o, all, a, out);
}

int main(int argc, char **argv)
{
    struct arena a = { 0 };
    struct options o = { 0 };
    struct connection c = { 0 };
    struct buf out = { 0 };
    int first = args_parse(&args, argc, argv, &a, &o);
    int rc = first == ARGS_DONE ? 0 : 1;

    if (first >= 0)
        rc = run(&c, &o, &a, &out);
    buf_fini(&out);
    connection_close(&c);
    arena_fini(&a);
    return rc;
}
