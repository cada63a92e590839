/* Factors, parts, number; and the strings of the configuration.  See prio.h. */
#include "core/prio.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* How a resource enters billing. */
enum scope {
    SCOPE_NODE,   /* shared out on a node: with MAX_TRES only the dearest counts */
    SCOPE_GRES,   /* the same, but added with MAX_TRES_GRES */
    SCOPE_GLOBAL, /* of the cluster: always added */
};

/* Suffixes count in 1024; `unit` is the power that the amounts are kept in, so 2 for MB.
 * A name that ends in '/' is a family: one resource for each name behind it. */
static const struct kind {
    const char *name;
    uint8_t scope; /* enum scope */
    uint8_t unit;
} kinds[] = {
    { "cpu", SCOPE_NODE, 0 },        { "mem", SCOPE_NODE, 2 },       { "node", SCOPE_GLOBAL, 0 },
    { "energy", SCOPE_GLOBAL, 0 },   { "billing", SCOPE_GLOBAL, 0 }, { "vmem", SCOPE_NODE, 2 },
    { "pages", SCOPE_NODE, 0 },      { "fs/", SCOPE_GLOBAL, 2 },     { "gres/", SCOPE_GRES, 0 },
    { "license/", SCOPE_GLOBAL, 0 }, { "bb/", SCOPE_GLOBAL, 2 },     { "ic/", SCOPE_GLOBAL, 0 },
};

static const struct flag_name {
    const char *name;
    uint32_t flag;
} flag_names[] = {
    { "ACCRUE_ALWAYS", PRIO_ACCRUE_ALWAYS },
    { "CALCULATE_RUNNING", PRIO_CALCULATE_RUNNING },
    { "DEPTH_OBLIVIOUS", PRIO_DEPTH_OBLIVIOUS | PRIO_NO_FAIR_TREE },
    { "NO_FAIR_TREE", PRIO_NO_FAIR_TREE },
    { "FAIR_TREE", 0 }, /* the default since long; old files still name it */
    { "INCR_ONLY", PRIO_INCR_ONLY },
    { "MAX_TRES", PRIO_MAX_TRES },
    { "MAX_TRES_GRES", PRIO_MAX_TRES_GRES },
    { "NO_NORMAL_ALL", PRIO_NO_NORMAL_ALL },
    { "NO_NORMAL_ASSOC", PRIO_NO_NORMAL_ASSOC },
    { "NO_NORMAL_PART", PRIO_NO_NORMAL_PART },
    { "NO_NORMAL_QOS", PRIO_NO_NORMAL_QOS },
    { "NO_NORMAL_TRES", PRIO_NO_NORMAL_TRES },
    { "SMALL_RELATIVE_TO_TIME", PRIO_SMALL_RELATIVE_TO_TIME },
    { "NONE", 0 },
};

#define ARRAY_LEN(a) (sizeof(a) / sizeof *(a))

static double age_factor(const struct prio_conf *conf, int64_t accrues_from, int64_t now);
static double size_factor(const struct prio_conf *conf, const struct prio_whole *whole,
                          const struct prio_job *job);

/* ---- factors */

/* `own` of `most`: 0 when there is nothing to be a part of, never above 1. */
static double part_of(double own, double most)
{
    return most > 0 ? fmin(own / most, 1) : 0;
}

struct prio_factors prio_factors(const struct prio_conf *conf, const struct prio_whole *whole,
                                 const struct prio_job *job, int64_t now)
{
    uint32_t raw = conf->flags;
    struct prio_factors f = {
        .age = age_factor(conf, job->accrues_from, now),
        .assoc = raw & PRIO_NO_NORMAL_ASSOC ? job->assoc : part_of(job->assoc, whole->assoc_most),
        .fairshare = job->fairshare,
        .size = size_factor(conf, whole, job),
        .part = raw & PRIO_NO_NORMAL_PART ? job->part : part_of(job->part, whole->part_most),
        .qos = raw & PRIO_NO_NORMAL_QOS ? job->qos : part_of(job->qos, whole->qos_most),
    };

    for (uint32_t i = 0; i < conf->tres.n; i++) {
        const char *name = conf->tres.v[i].name;
        double asked = tres_amount(&job->asked, name);
        f.tres[i] =
            raw & PRIO_NO_NORMAL_TRES ? asked : part_of(asked, tres_amount(&job->in_part, name));
    }
    return f;
}

static double age_factor(const struct prio_conf *conf, int64_t accrues_from, int64_t now)
{
    if (accrues_from == 0 || now <= accrues_from)
        return 0;
    return conf->max_age_s ? fmin((double)(now - accrues_from) / conf->max_age_s, 1) : 1;
}

/* Relative to time, Slurm was seen to divide the part of the nodes by the minutes. */
static double size_factor(const struct prio_conf *conf, const struct prio_whole *whole,
                          const struct prio_job *job)
{
    double nodes = part_of(job->nodes, whole->nodes);
    double size = (nodes + part_of(job->cpus, whole->cpus)) / 2;

    if (conf->flags & PRIO_SMALL_RELATIVE_TO_TIME)
        size = nodes / (job->limit_min ? job->limit_min : 1);
    return conf->favors_small ? 1 - size : size;
}

struct prio_parts prio_weigh(const struct prio_conf *conf, const struct prio_factors *f,
                             const struct prio_job *job)
{
    struct prio_parts p = {
        .age = conf->age * f->age,
        .assoc = conf->assoc * f->assoc,
        .fairshare = conf->fairshare * f->fairshare,
        .size = conf->size * f->size,
        .part = conf->part * f->part,
        .qos = conf->qos * f->qos,
        .tres_n = conf->tres.n,
        .nice = job->nice,
        .site = job->site,
    };

    for (uint32_t i = 0; i < conf->tres.n; i++)
        p.tres[i] = conf->tres.v[i].amount * f->tres[i];
    return p;
}

double prio_sum(const struct prio_parts *p)
{
    double sum = p->age + p->assoc + p->fairshare + p->size + p->part + p->qos;

    for (uint32_t i = 0; i < p->tres_n; i++)
        sum += p->tres[i];
    return sum + (double)p->site - (double)p->nice;
}

uint32_t prio_number(const struct prio_conf *conf, const struct prio_parts *parts, uint32_t before)
{
    double sum = fmin(fmax(prio_sum(parts), 1), UINT32_MAX - 1);
    uint32_t number = (uint32_t)sum;

    return conf->flags & PRIO_INCR_ONLY && number < before ? before : number;
}

int64_t prio_column(double part)
{
    return llrint(fmin(fmax(part, -0x1p62), 0x1p62));
}

/* ---- age and the key */

int64_t prio_accrues_from(const struct prio_conf *conf, int64_t submit, int64_t eligible)
{
    return conf->flags & PRIO_ACCRUE_ALWAYS ? submit : eligible;
}

int64_t prio_capped_at(const struct prio_conf *conf, int64_t accrues_from)
{
    return accrues_from ? accrues_from + conf->max_age_s : INT64_MAX;
}

bool prio_is_accruing(const struct prio_conf *conf, int64_t accrues_from, int64_t now)
{
    return accrues_from && now >= accrues_from && now < prio_capped_at(conf, accrues_from);
}

double prio_key(const struct prio_conf *conf, double sum, int64_t now)
{
    return conf->max_age_s ? sum - conf->age * (double)now / conf->max_age_s : sum;
}

/* ---- resources */

/* "mem" is the kind mem, "gres/gpu" is one of the family "gres/". */
static const struct kind *kind_of(const char *name)
{
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        size_t len = strlen(kinds[i].name);
        bool is_family = kinds[i].name[len - 1] == '/';
        if (strncasecmp(name, kinds[i].name, len) == 0 && (name[len] != '\0') == is_family)
            return &kinds[i];
    }
    return NULL;
}

double tres_amount(const struct tres_list *list, const char *name)
{
    for (uint32_t i = 0; i < list->n; i++)
        if (strcasecmp(list->v[i].name, name) == 0)
            return list->v[i].amount;
    return 0;
}

/* With MAX_TRES the resources of a node compete, and only the dearest counts. */
static bool is_rival(const struct kind *kind, uint32_t flags)
{
    uint32_t max = flags & (PRIO_MAX_TRES | PRIO_MAX_TRES_GRES);

    if (kind->scope == SCOPE_GRES)
        return max == PRIO_MAX_TRES;
    return kind->scope == SCOPE_NODE && max != 0;
}

double prio_billing(const struct tres_list *weights, const struct tres_list *used, uint32_t flags)
{
    double most = 0, added = 0;

    if (weights->n == 0)
        return tres_amount(used, "cpu");
    for (uint32_t i = 0; i < weights->n; i++) {
        const struct kind *kind = kind_of(weights->v[i].name);
        double term = weights->v[i].amount * tres_amount(used, weights->v[i].name);
        if (kind && is_rival(kind, flags))
            most = fmax(most, term);
        else
            added += term;
    }
    return most + added;
}

/* ---- strings of the configuration */

/* The next item of a comma list, without the blanks around it: its length, 0 at the end.  *at moves
 * behind it; empty items are passed over. */
static size_t next_item(const char **at, const char **ret)
{
    const char *s = *at + strspn(*at, ", \t");
    size_t len = strcspn(s, ",");

    *at = s + len;
    while (len > 0 && isspace((unsigned char)s[len - 1]))
        len--;
    *ret = s;
    return len;
}

static int bad_flag(const char *item, size_t len, struct err *e)
{
    char all[512] = "";
    size_t n = 0;

    for (size_t i = 0; i < ARRAY_LEN(flag_names); i++) {
        size_t name = strlen(flag_names[i].name);
        if (n + name + 2 > sizeof all)
            break;
        memcpy(all + n, flag_names[i].name, name);
        n += name;
        all[n++] = ' ';
    }
    all[n - 1] = '\0';
    return err_set(e, EINVAL, "PriorityFlags: no flag \"%.*s\"\nthere are: %s", (int)len, item,
                   all);
}

int prio_parse_flags(const char *text, uint32_t *ret, struct err *e)
{
    uint32_t flags = 0;
    const char *item;
    size_t len;

    while ((len = next_item(&text, &item)) > 0) {
        size_t i = 0;
        while (i < ARRAY_LEN(flag_names) &&
               (strncasecmp(item, flag_names[i].name, len) != 0 || flag_names[i].name[len] != '\0'))
            i++;
        if (i == ARRAY_LEN(flag_names))
            return bad_flag(item, len, e);
        flags |= flag_names[i].flag;
    }
    *ret = flags;
    return 0;
}

/* The weight of one unit from a number and a suffix: 0.25G is 0.25 for every 1024 MB. */
static int parse_weight(const char *s, const char *end, const struct kind *kind, double *ret)
{
    static const char suffixes[] = "BKMGTPE";
    char *stop;
    double v = strtod(s, &stop);

    if (stop == s || !isfinite(v))
        return -1;
    const char *suffix = stop < end ? strchr(suffixes, toupper((unsigned char)*stop)) : NULL;
    if (suffix && *suffix && *suffix != 'B') {
        v /= exp2(10.0 * (double)(suffix - suffixes - kind->unit));
        stop++;
    }
    if (stop < end && toupper((unsigned char)*stop) == 'B')
        stop++;
    *ret = v;
    return stop == end ? 0 : -1;
}

static int parse_item(const char *item, size_t len, struct arena *a, struct tres *ret,
                      struct err *e)
{
    const char *equals = memchr(item, '=', len);
    size_t name_len = equals ? (size_t)(equals - item) : len;
    char *name = arena_strndup(a, item, name_len);
    const struct kind *kind = kind_of(name);

    if (!equals || name_len == 0)
        return err_set(e, EINVAL, "expected NAME=WEIGHT, found \"%.*s\"", (int)len, item);
    if (!kind)
        return err_set(e, EINVAL,
                       "no resource \"%s\"\nthere are: cpu mem node energy billing vmem pages"
                       " fs/NAME gres/NAME license/NAME bb/NAME ic/NAME",
                       name);
    if (parse_weight(equals + 1, item + len, kind, &ret->amount) < 0)
        return err_set(e, EINVAL,
                       "%s: \"%.*s\" is no weight; expected a number, and K, M, G, T or P"
                       " if it is for that much",
                       name, (int)(len - name_len - 1), equals + 1);
    for (char *s = name; *s && *s != '/'; s++)
        *s = (char)tolower((unsigned char)*s);
    ret->name = name;
    return 0;
}

int prio_parse_weights(const char *text, struct arena *a, struct tres_list *ret, struct err *e)
{
    struct tres_list list = { 0 };
    const char *item;
    size_t len;

    while ((len = next_item(&text, &item)) > 0) {
        struct tres one;
        int rc = parse_item(item, len, a, &one, e);
        if (rc < 0)
            return rc;
        for (uint32_t i = 0; i < list.n; i++)
            if (strcasecmp(list.v[i].name, one.name) == 0)
                return err_set(e, EINVAL, "%s has two weights", one.name);
        if (list.n == PRIO_TRES_MAX)
            return err_set(e, EINVAL, "more than %d weights", PRIO_TRES_MAX);
        list.v[list.n++] = one;
    }
    *ret = list;
    return 0;
}
