/* Key=Value of sacctmgr: the two tables, and one parser for each way to write a value. */
#include "slurmdbd/keys.h"

#include "base/times.h"
#include "base/xalloc.h"

#include <ctype.h>
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* What a parser works with. */
struct reading {
    struct plan *plan;
    const struct rule_key *key;
    const struct key_value *kv;
    void *at; /* the member */
    const char *shown;
    enum key_group group;
};

typedef int parser(struct reading *r, struct err *e);

struct rule_key {
    unsigned groups;
    const char *name;
    unsigned least;
    bool in_limits;
    size_t offset;
    parser *parse;
    const char *tres; /* of an old spelling */
    const char *label;
};

static int read_text(struct reading *r, struct err *e);
static int read_lower(struct reading *r, struct err *e);
static int read_number(struct reading *r, struct err *e);
static int read_count(struct reading *r, struct err *e);
static int read_minutes(struct reading *r, struct err *e);
static int read_seconds(struct reading *r, struct err *e);
static int read_exempt(struct reading *r, struct err *e);
static int read_tres(struct reading *r, struct err *e);
static int read_part(struct reading *r, struct err *e);
static int read_qos(struct reading *r, struct err *e);
static int read_qos_list(struct reading *r, struct err *e);
static int read_qos_names(struct reading *r, struct err *e);
static int read_qos_flags(struct reading *r, struct err *e);
static int read_words(struct reading *r, struct err *e);
static int read_admin(struct reading *r, struct err *e);
static int read_shares(struct reading *r, struct err *e);
static int read_factor(struct reading *r, struct err *e);
static int read_threshold(struct reading *r, struct err *e);
static int read_preempt_mode(struct reading *r, struct err *e);
static int read_percent(struct reading *r, struct err *e);
static int read_resource_type(struct reading *r, struct err *e);

enum { A = KEYS_ASSOC, Q = KEYS_QOS, C = KEYS_CLUSTER, N = KEYS_ACCOUNT, U = KEYS_USER };
enum { R = KEYS_RESOURCE, H = KEYS_SHARE };

/* clang-format off: clang-format cannot lay out rows */
static const struct rule_key keys[] = {
#define ROW(groups, name, least, in_limits, offset, parser, tres, label) \
    { groups, name, least, in_limits, offset, parser, tres, label },
#define KEY(groups, name, least, type, member, parser, label) \
    ROW(groups, #name, least, false, offsetof(struct type, member), read_##parser, NULL, label)
#define LIMIT(groups, name, least, member, parser, label)                                      \
    ROW(groups, #name, least, true, offsetof(struct rule_limits, member), read_##parser, NULL, \
        label)
#define PART(groups, name, least, member, tres) \
    ROW(groups, #name, least, true, offsetof(struct rule_limits, member), read_part, tres, #name)
#include "schema/rule_keys.def"
#undef KEY
#undef LIMIT
#undef PART
#undef ROW
};
/* clang-format on */

static bool means(const char *name, unsigned least, const char *word)
{
    size_t len = strlen(word);

    return len >= least && strncasecmp(name, word, len) == 0;
}

const struct rule_key *key_find(unsigned groups, const char *word)
{
    const struct rule_key *first = NULL;

    for (unsigned i = 0; i < sizeof keys / sizeof *keys; i++) {
        const struct rule_key *k = &keys[i];

        if (!(k->groups & groups))
            continue;
        if (strcasecmp(k->name, word) == 0)
            return k;
        if (!first && means(k->name, k->least, word))
            first = k;
    }
    return first;
}

const char *key_label(const struct rule_key *k)
{
    return k->label;
}

unsigned key_order(const char *label)
{
    unsigned i = 0;

    while (i < sizeof keys / sizeof *keys && (!keys[i].label || strcmp(keys[i].label, label) != 0))
        i++;
    return i;
}

/* The limits of a row are a message of their own, made when the first is set. */
static void *limits_of(struct plan *p, enum key_group group, void *row)
{
    size_t offset =
        group == KEYS_QOS ? offsetof(struct rule_qos, limits) : offsetof(struct rule_assoc, limits);
    struct rule_limits **at = (struct rule_limits **)((char *)row + offset);

    if (!*at)
        *at = arena_alloc(p->arena, sizeof **at);
    return *at;
}

int key_set(struct key_target t, const struct rule_key *k, const struct key_value *kv,
            const char **ret_shown, struct err *e)
{
    char *base = k->in_limits ? limits_of(t.plan, t.group, t.row) : t.row;
    struct reading r = { t.plan, k, kv, base + k->offset, kv->value, t.group };
    int rc = k->parse(&r, e);

    if (rc == 0 && ret_shown)
        *ret_shown = r.shown;
    return rc;
}

/* ---- parsers */

static int refused(const struct reading *r, struct err *e, const char *why)
{
    if (r->group == KEYS_QOS && *why)
        return err_set(e, EINVAL, "sacctmgr: error: %s", why);
    return err_set(e, EINVAL,
                   "%s%s%s Unknown option: %s%s=%s\n Use keyword 'where' to modify "
                   "condition",
                   *why ? "sacctmgr: error: " : "", why, *why ? "\n" : "", r->kv->key, r->kv->op,
                   r->kv->value);
}

static bool is_clearing(const struct reading *r)
{
    return strcmp(r->kv->value, "-1") == 0;
}

/* Text of a human: anything but control characters, which no terminal should meet. */
static int read_text(struct reading *r, struct err *e)
{
    for (const char *p = r->kv->value; *p; p++)
        if (iscntrl((unsigned char)*p))
            return refused(r, e, "control characters are not taken");
    *(const char **)r->at = r->kv->value;
    return 0;
}

static const char *lower(struct arena *a, const char *text)
{
    char *copy = arena_strdup(a, text);

    for (char *p = copy; *p; p++)
        *p = (char)tolower((unsigned char)*p);
    return copy;
}

static int read_lower(struct reading *r, struct err *e)
{
    int rc = read_text(r, e);

    if (rc == 0)
        r->shown = *(const char **)r->at = lower(r->plan->arena, r->kv->value);
    return rc;
}

/* Digits up to the largest number below UINT32_MAX - 1, which stand for infinite and unset. */
static int number_of(struct reading *r, uint32_t *ret, struct err *e)
{
    char *end;
    unsigned long long v = strtoull(r->kv->value, &end, 10);

    if (!isdigit((unsigned char)*r->kv->value) || *end || v >= UINT32_MAX - 1)
        return refused(r, e,
                       arena_printf(r->plan->arena, "Invalid value for %s (%s)",
                                    r->key->label ? r->key->label : r->key->name, r->kv->value));
    *ret = (uint32_t)v;
    return 0;
}

static int read_number(struct reading *r, struct err *e)
{
    return number_of(r, r->at, e);
}

static int read_count(struct reading *r, struct err *e)
{
    struct opt_u32 *at = r->at;
    uint32_t v;
    int rc;

    if (is_clearing(r))
        return *at = (struct opt_u32){ 0 }, 0;
    rc = number_of(r, &v, e);
    if (rc == 0)
        *at = (struct opt_u32){ true, v };
    return rc;
}

static int read_time(struct reading *r, struct err *e,
                     int (*parse)(const char *, uint32_t *, struct err *), bool in_seconds)
{
    struct opt_u32 *at = r->at;
    char *text = arena_alloc(r->plan->arena, TIMES_TEXT);
    uint32_t v;

    if (is_clearing(r))
        return *at = (struct opt_u32){ 0 }, 0;
    if (parse(r->kv->value, &v, NULL) < 0 || v == TIMES_INFINITE)
        return err_set(
            e, EINVAL, " Bad %s time format: %s=%s%s", r->key->label, r->kv->key, r->kv->value,
            r->group == KEYS_QOS ? ""
                                 : arena_printf(r->plan->arena, "\n Unknown option: %s=%s",
                                                r->kv->key, r->kv->value));
    *at = (struct opt_u32){ true, v };
    r->shown = in_seconds ? times_hms(v, text) : times_hms((int64_t)v * 60, text);
    return 0;
}

static int read_minutes(struct reading *r, struct err *e)
{
    return read_time(r, e, times_parse_minutes, false);
}

static int read_exempt(struct reading *r, struct err *e)
{
    return read_time(r, e, times_parse_seconds, true);
}

/* A bare number is seconds. */
static int read_seconds(struct reading *r, struct err *e)
{
    uint32_t v;
    struct err dropped;

    if (r->kv->value[strspn(r->kv->value, "0123456789")] || !*r->kv->value)
        return read_exempt(r, e);
    if (number_of(r, &v, &dropped) < 0)
        return refused(r, e, dropped.text);
    *(struct opt_u32 *)r->at = (struct opt_u32){ true, v };
    return 0;
}

static int read_tres(struct reading *r, struct err *e)
{
    const char **at = r->at;
    struct err why = { 0 };

    if (tres_merge(r->plan, *at, r->kv->value, at, &why) < 0)
        return refused(r, e, why.text);
    r->shown = *at;
    return 0;
}

/* GrpCPUs=4 is GrpTRES=cpu=4. */
static int read_part(struct reading *r, struct err *e)
{
    const char **at = r->at;
    const char *text = arena_printf(r->plan->arena, "%s=%s", r->key->tres, r->kv->value);
    struct err why = { 0 };

    if (tres_merge(r->plan, *at, text, at, &why) < 0)
        return refused(r, e, why.text);
    r->shown = *at;
    return 0;
}

static int check_qos(struct reading *r, const char *name, struct err *e)
{
    const char *all = "";
    uint32_t at = 0;
    const struct rule_qos *q;

    if (plan_find(r->plan, RULE_QOS, name))
        return 0;
    while ((q = plan_next(r->plan, RULE_QOS, &at)))
        all = arena_printf(r->plan->arena, "%s%s%s", all, *all ? "," : "", q->name);
    return refused(r, e,
                   arena_printf(r->plan->arena, "You gave a bad qos '%s'. Valid QOS's are %s", name,
                                *all ? all : "(null)"));
}

static int read_qos(struct reading *r, struct err *e)
{
    const char *name = lower(r->plan->arena, r->kv->value);

    if (is_clearing(r) || !*name)
        return *(const char **)r->at = "", 0;
    if (!plan_find(r->plan, RULE_QOS, name))
        return err_set(e, EINVAL,
                       "You gave a bad default qos '%s'.  Use 'list qos' to get complete "
                       "list.",
                       name);
    *(const char **)r->at = r->shown = name;
    return 0;
}

/* One word of a list, added, taken away, or noted as "+x" and "-x" where the list says how it
 * differs from what is inherited. */
static void apply_word(struct strs *list, const char *word, char op, struct arena *a)
{
    struct strs next = { arena_calloc(a, list->n + 1, sizeof *next.v), 0 };
    bool is_delta = true;

    for (uint32_t i = 0; i < list->n; i++) {
        const char *have = list->v[i];

        is_delta &= strchr("+-", *have) != NULL;
        if (strcmp(have + (strchr("+-", *have) != NULL), word) != 0)
            next.v[next.n++] = have;
    }
    if (is_delta && op)
        next.v[next.n++] = arena_printf(a, "%c%s", op, word);
    else if (op != '-')
        next.v[next.n++] = word;
    *list = next;
}

/* The QOS of an association: "a,b" replaces, "+a,-b" (or QOS+=a) changes what is inherited. */
static int read_qos_list(struct reading *r, struct err *e)
{
    struct strs words = { 0 }, *at = r->at;
    struct strs list = *at;
    char op = *r->kv->op;
    struct arena *a = r->plan->arena;
    int rc = 0;

    want_add(&words, r->kv->value, a);
    if (!op && (!words.n || !strchr("+-", *words.v[0])))
        list.n = 0;
    r->shown = "";
    for (uint32_t i = 0; i < words.n && rc == 0; i++) {
        char own = strchr("+-", *words.v[i]) ? *words.v[i] : op;
        const char *name = words.v[i] + (strchr("+-", *words.v[i]) != NULL);

        if (is_clearing(r))
            continue;
        rc = check_qos(r, name, e);
        apply_word(&list, name, own, a);
        r->shown =
            arena_printf(a, "%s%s%.1s%s", r->shown, *r->shown ? "," : "", (char[]){ own, 0 }, name);
    }
    if (rc == 0)
        *at = is_clearing(r) ? (struct strs){ 0 } : list;
    return rc;
}

/* Words whose spelling is checked and made canonical by `known`; += and -= change the list. */
static int read_list(struct reading *r, struct err *e,
                     int (*known)(struct reading *, const char **, struct err *))
{
    struct strs words = { 0 }, *at = r->at;
    struct strs list = *at;
    const char *shown = "";
    char op = *r->kv->op;
    int rc = 0;

    if (!op)
        list.n = 0;
    if (!is_clearing(r))
        want_add(&words, r->kv->value, r->plan->arena);
    for (uint32_t i = 0; i < words.n && rc == 0; i++) {
        const char *name = words.v[i];
        struct strs next = { arena_calloc(r->plan->arena, list.n + 1, sizeof *next.v), 0 };

        rc = known(r, &name, e);
        for (uint32_t k = 0; k < list.n; k++)
            if (strcmp(list.v[k], name) != 0)
                next.v[next.n++] = list.v[k];
        if (op != '-')
            next.v[next.n++] = name;
        list = next;
        shown = arena_printf(r->plan->arena, "%s%s%s", shown, *shown ? "," : "", name);
    }
    if (rc == 0)
        *at = list;
    r->shown = shown;
    return rc;
}

static int any_word(struct reading *r, const char **word, struct err *e)
{
    return 0;
}

static int qos_word(struct reading *r, const char **word, struct err *e)
{
    return check_qos(r, *word, e);
}

static const char *const qos_flags[] = {
    "DenyOnLimit",       "EnforceUsageThreshold", "NoReserve",          "PartitionMaxNodes",
    "PartitionMinNodes", "OverPartQOS",           "PartitionTimeLimit", "RequiresReservation",
    "NoDecay",           "UsageFactorSafe",       "Relative",           NULL,
};

static int flag_word(struct reading *r, const char **word, struct err *e)
{
    const char *all = "";

    for (unsigned i = 0; qos_flags[i]; i++)
        if (strncasecmp(qos_flags[i], *word, strlen(*word)) == 0 && strlen(*word) >= 3)
            return *word = qos_flags[i], 0;
    for (unsigned i = 0; qos_flags[i]; i++)
        all = arena_printf(r->plan->arena, "%s%s%s", all, i ? "," : "", qos_flags[i]);
    return err_set(e, EINVAL, " Unknown QOS flag used in:\n  '%s'\n Valid QOS flags are\n  '%s'",
                   r->kv->value, all);
}

static int by_table(const void *a, const void *b)
{
    unsigned at[2] = { 0, 0 };
    const char *const *words[2] = { a, b };

    for (unsigned k = 0; k < 2; k++)
        while (qos_flags[at[k]] && strcmp(qos_flags[at[k]], *words[k]) != 0)
            at[k]++;
    return (at[0] > at[1]) - (at[0] < at[1]);
}

/* Shown in the table's order, whatever order they were given in. */
static int read_qos_flags(struct reading *r, struct err *e)
{
    struct strs *at = r->at;
    int rc = read_list(r, e, flag_word);

    if (rc == 0 && at->n)
        qsort(at->v, at->n, sizeof *at->v, by_table);
    return rc;
}

static int read_qos_names(struct reading *r, struct err *e)
{
    return read_list(r, e, qos_word);
}

static int read_words(struct reading *r, struct err *e)
{
    return read_list(r, e, any_word);
}

static int choose(struct reading *r, const char *const *words, struct err *e)
{
    for (unsigned i = 0; words[i]; i++) {
        size_t len = strlen(r->kv->value);

        if (len && strncasecmp(words[i], r->kv->value, len) == 0)
            return *(const char **)r->at = r->shown = words[i], 0;
    }
    return refused(
        r, e,
        arena_printf(r->plan->arena, "Invalid value for %s (%s)", r->key->name, r->kv->value));
}

static int read_admin(struct reading *r, struct err *e)
{
    static const char *const words[] = { "None", "Operator", "Administrator", NULL };

    if (is_clearing(r) || !*r->kv->value)
        return *(const char **)r->at = "None", 0;
    return choose(r, words, e);
}

static int read_preempt_mode(struct reading *r, struct err *e)
{
    static const char *const words[] = { "cluster", "cancel", "requeue", "suspend", "gang", NULL };

    if (is_clearing(r))
        return *(const char **)r->at = "cluster", 0;

    int rc = choose(r, words, e);
    char *upper = arena_strdup(r->plan->arena, r->shown);

    for (char *p = upper; *p; p++)
        *p = (char)toupper((unsigned char)*p);
    r->shown = upper;
    return rc;
}

static int read_resource_type(struct reading *r, struct err *e)
{
    static const char *const words[] = { "License", NULL };

    return choose(r, words, e);
}

/* "parent" is UINT32_MAX; -1 is the default again. */
static int read_shares(struct reading *r, struct err *e)
{
    uint32_t *at = r->at;

    if (is_clearing(r))
        return *at = 1, 0;
    if (strcasecmp(r->kv->value, "parent") == 0)
        return *at = UINT32_MAX, 0;
    return number_of(r, at, e);
}

static int positive_of(struct reading *r, double *ret, struct err *e)
{
    char *end;
    double v = strtod(r->kv->value, &end);

    if (end == r->kv->value || *end || !(v >= 0) || v > 1e9)
        return refused(
            r, e,
            arena_printf(r->plan->arena, "Invalid value for %s (%s)", r->key->name, r->kv->value));
    *ret = v;
    return 0;
}

static int read_factor(struct reading *r, struct err *e)
{
    double *at = r->at;

    if (is_clearing(r))
        return *at = strcmp(r->key->name, "UsageFactor") == 0, 0;
    int rc = positive_of(r, at, e);
    if (rc == 0)
        r->shown = arena_printf(r->plan->arena, "%.4f", *at);
    return rc;
}

static int read_threshold(struct reading *r, struct err *e)
{
    struct opt_u64 *at = r->at;
    double v;
    int rc;

    if (is_clearing(r))
        return *at = (struct opt_u64){ 0 }, 0;
    rc = positive_of(r, &v, e);
    if (rc == 0) {
        *at = (struct opt_u64){ true, (uint64_t)(v * 1e6 + 0.5) };
        r->shown = arena_printf(r->plan->arena, "%.4f", v);
    }
    return rc;
}

static int read_percent(struct reading *r, struct err *e)
{
    uint32_t v;
    int rc = number_of(r, &v, e);

    if (rc == 0 && v > 100)
        return refused(r, e, "More than 100 percent");
    if (rc == 0)
        *(uint32_t *)r->at = v;
    return rc;
}
