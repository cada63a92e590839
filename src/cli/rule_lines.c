/* Lines of sacctmgr list (rule_lines.h). */
#include "cli/rule_lines.h"

#include "base/clock.h"
#include "base/times.h"

#include <pwd.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* ---- printers */

static void print_text(const struct text_cell *c, struct buf *out)
{
    const char *text = *(const char *const *)c->at;

    buf_puts(out, text ? text : "");
}

static void print_number(const struct text_cell *c, struct buf *out)
{
    buf_printf(out, "%lld", (long long)text_number(c->kind, c->at));
}

/* Also for what may be unset: nothing then. */
static void print_words(const struct text_cell *c, struct buf *out)
{
    const struct strs *words = c->at;

    for (uint32_t i = 0; i < words->n; i++) {
        buf_puts(out, i ? "," : "");
        buf_puts(out, words->v[i]);
    }
}

static void print_shares(const struct text_cell *c, struct buf *out)
{
    uint32_t v = *(const uint32_t *)c->at;

    if (v == UINT32_MAX)
        buf_puts(out, "parent");
    else
        buf_printf(out, "%u", v);
}

static void print_limit_minutes(const struct text_cell *c, struct buf *out)
{
    const struct opt_u32 *v = c->at;
    char text[TIMES_TEXT];

    if (v->set)
        buf_puts(out, times_hms((int64_t)v->v * 60, text));
}

static void print_limit_seconds(const struct text_cell *c, struct buf *out)
{
    const struct opt_u32 *v = c->at;
    char text[TIMES_TEXT];

    if (v->set)
        buf_puts(out, times_hms(v->v, text));
}

static void print_limit_count(const struct text_cell *c, struct buf *out)
{
    const struct opt_u32 *v = c->at;

    if (v->set)
        buf_printf(out, "%u", v->v);
}

static void print_factor(const struct text_cell *c, struct buf *out)
{
    double v = *(const double *)c->at;

    if (v != 0)
        buf_printf(out, "%f", v);
}

static void print_threshold(const struct text_cell *c, struct buf *out)
{
    const struct opt_u64 *v = c->at;

    if (v->set)
        buf_printf(out, "%f", (double)v->v / 1e6);
}

static void print_span(const struct text_cell *c, struct buf *out)
{
    char text[TIMES_TEXT];

    buf_puts(out, times_hms(*(const int64_t *)c->at, text));
}

static void print_when(const struct text_cell *c, struct buf *out)
{
    char text[TIMES_TEXT];

    buf_puts(out, times_point(*(const int64_t *)c->at, c->env->now, c->env->time_format, "Unknown",
                              text));
}

static void print_tres(const struct text_cell *c, struct buf *out)
{
    struct arena a = { 0 };
    const char *list = *(const char *const *)c->at;

    buf_puts(out, rule_tres_text(list ? list : "", &a));
    arena_fini(&a);
}

/* The count of one TRES in a list. */
static void print_one(const struct text_cell *c, const char *name, struct buf *out)
{
    const char *list = *(const char *const *)c->at;
    size_t len = strlen(name);

    for (const char *at = list; at && *at; at = strchr(at, ',') ? strchr(at, ',') + 1 : NULL)
        if (strncmp(at, name, len) == 0 && at[len] == '=')
            buf_printf(out, "%.*s", (int)strcspn(at + len + 1, ","), at + len + 1);
}

static void print_tres_cpu(const struct text_cell *c, struct buf *out)
{
    print_one(c, "cpu", out);
}

static void print_tres_mem(const struct text_cell *c, struct buf *out)
{
    print_one(c, "mem", out);
}

static void print_tres_node(const struct text_cell *c, struct buf *out)
{
    print_one(c, "node", out);
}

/* ---- columns */

#define PRINT_text print_text
#define PRINT_number print_number
#define PRINT_words print_words
#define PRINT_shares print_shares
#define PRINT_minutes print_limit_minutes
#define PRINT_seconds print_limit_seconds
#define PRINT_count print_limit_count
#define PRINT_factor print_factor
#define PRINT_threshold print_threshold
#define PRINT_span print_span
#define PRINT_time print_when
#define PRINT_tres print_tres
#define PRINT_tres_cpu print_tres_cpu
#define PRINT_tres_mem print_tres_mem
#define PRINT_tres_node print_tres_node

static const struct text_column columns[] = {
#define COL(name, least, heading, width, part, member, printer) \
    { #name,                                                    \
      0,                                                        \
      heading,                                                  \
      width,                                                    \
      TEXT_RIGHT,                                               \
      offsetof(struct rule_line, part),                         \
      offsetof(struct rule_##part, member),                     \
      TEXT_KIND(rule_##part, member),                           \
      PRINT_##printer,                                          \
      NULL,                                                     \
      NULL },
#include "schema/cols_rules.def"
#undef COL
};

static const unsigned leasts[] = {
#define COL(name, least, heading, width, part, member, printer) least,
#include "schema/cols_rules.def"
#undef COL
};

const struct text_table rule_table = { "job", columns, sizeof columns / sizeof *columns };

static const struct text_column *column_of(const char *word)
{
    const struct text_column *first = text_find(&rule_table, word);
    size_t len = strlen(word);

    for (unsigned i = 0; i < rule_table.n && !first; i++)
        if (len >= leasts[i] && strncasecmp(columns[i].name, word, len) == 0)
            first = &columns[i];
    return first;
}

const char *rule_format(const char *spec, struct arena *a, const char **ret_bad)
{
    const char *made = "";

    *ret_bad = NULL;
    while (*spec) {
        size_t len = strcspn(spec, ","), name = strcspn(spec, ",%");
        const char *word = arena_strndup(a, spec, name);
        const struct text_column *c = column_of(word);

        if (*word && !c)
            return *ret_bad = word, spec;
        if (c)
            made = arena_printf(a, "%s%s%s%.*s", made, *made ? "," : "", c->name, (int)(len - name),
                                spec + name);
        spec += len + (spec[len] == ',');
    }
    return made;
}

const char *rule_tres_text(const char *list, struct arena *a)
{
    const char *made = "";

    while (*list) {
        size_t len = strcspn(list, ",");
        struct buf size = { 0 };

        if (strncmp(list, "mem=", 4) == 0) {
            text_size(strtod(list + 4, NULL), 'M', &(struct text_env){ 0 }, &size);
            made = arena_printf(a, "%s%smem=%s", made, *made ? "," : "", buf_str(&size));
        } else {
            made = arena_printf(a, "%s%s%.*s", made, *made ? "," : "", (int)len, list);
        }
        buf_fini(&size);
        list += len + (list[len] == ',');
    }
    return made;
}

/* ---- lines */

struct making {
    const struct rule_words *w;
    const struct rule_book *book;
    struct arena *a;
    struct rule_lines ret;
    bool is_tree;
    int64_t now;
};

static struct rule_line *add(struct making *m)
{
    struct rule_line *l = &m->ret.v[m->ret.n++];

    *l = (struct rule_line){ .cluster_name = "",
                             .account_name = "",
                             .user_name = "",
                             .name = "",
                             .type = "",
                             .description = "",
                             .coords = "",
                             .parent_name = "",
                             .problem = "",
                             .node = "",
                             .state = "",
                             .reason = "",
                             .event = "" };
    l->line = l;
    return l;
}

static const struct rule_limits no_limits;

static void put_assoc(struct making *m, struct rule_line *l, const struct rule_assoc *r)
{
    l->assoc = r;
    l->limits = r->limits ? r->limits : &no_limits;
    l->cluster_name = r->cluster;
    l->account_name = r->account;
    l->user_name = r->user;
    l->qos_names = r->qos;
    l->priority = r->priority;
    l->id = r->id;
    l->parent_name = r->comment;
}

/* Slurm numbers a tree's rows from the left, on the way in and on the way out. */
static void number_tree(struct making *m)
{
    uint32_t count = 0, open_n = 0;
    struct rule_line **open = arena_calloc(m->a, m->ret.n + 1, sizeof *open);

    for (uint32_t i = 0; i < m->ret.n; i++) {
        struct rule_line *l = &m->ret.v[i];

        while (open_n && open[open_n - 1]->assoc->id != l->assoc->parent)
            open[--open_n]->right = ++count;
        l->depth = open_n;
        l->left = ++count;
        open[open_n++] = l;
    }
    while (open_n)
        open[--open_n]->right = ++count;
}

static void make_assocs(struct making *m)
{
    for (uint32_t i = 0; i < m->book->assocs.n; i++)
        put_assoc(m, add(m), &m->book->assocs.v[i]);
    number_tree(m);
    for (uint32_t i = 0; i < m->ret.n; i++) {
        struct rule_line *l = &m->ret.v[i];

        if (m->is_tree)
            l->account_name = arena_printf(m->a, "%*s%s", (int)l->depth, "", l->account_name);
    }
}

static void make_clusters(struct making *m)
{
    for (uint32_t i = 0; i < m->book->clusters.n; i++) {
        const struct rule_cluster *c = &m->book->clusters.v[i];
        struct rule_line *l = add(m);

        for (uint32_t k = 0; k < m->book->assocs.n; k++)
            if (strcmp(m->book->assocs.v[k].cluster, c->name) == 0)
                put_assoc(m, l, &m->book->assocs.v[k]);
        l->cluster = c;
        l->cluster_name = l->name = c->name;
        l->flags = c->flags;
    }
}

static const char *coordinators_of(struct making *m, const char *account)
{
    const char *text = "";

    for (uint32_t i = 0; i < m->book->users.n; i++)
        for (uint32_t k = 0; k < m->book->users.v[i].coordinates.n; k++)
            if (strcmp(m->book->users.v[i].coordinates.v[k], account) == 0)
                text =
                    arena_printf(m->a, "%s%s%s", text, *text ? "," : "", m->book->users.v[i].name);
    return text;
}

static void put_account(struct making *m, struct rule_line *l, const struct rule_account *r)
{
    l->account = r;
    l->account_name = l->name = r->name;
    l->description = r->description;
    l->coords = coordinators_of(m, r->name);
}

static void make_accounts(struct making *m)
{
    for (uint32_t i = 0; i < m->book->accounts.n; i++) {
        const struct rule_account *r = &m->book->accounts.v[i];
        uint32_t before = m->ret.n;

        for (uint32_t k = 0; k < m->book->assocs.n; k++)
            if (strcmp(m->book->assocs.v[k].account, r->name) == 0) {
                struct rule_line *l = add(m);

                put_assoc(m, l, &m->book->assocs.v[k]);
                put_account(m, l, r);
            }
        if (m->ret.n == before)
            put_account(m, add(m), r);
    }
}

static const char *joined(const struct strs *words, struct arena *a)
{
    const char *text = "";

    for (uint32_t i = 0; i < words->n; i++)
        text = arena_printf(a, "%s%s%s", text, i ? "," : "", words->v[i]);
    return text;
}

static void put_user(struct making *m, struct rule_line *l, const struct rule_user *r)
{
    l->user = r;
    l->user_name = l->name = r->name;
    l->coords = joined(&r->coordinates, m->a);
}

static void make_users(struct making *m)
{
    for (uint32_t i = 0; i < m->book->users.n; i++) {
        const struct rule_user *r = &m->book->users.v[i];
        uint32_t before = m->ret.n;

        for (uint32_t k = 0; k < m->book->assocs.n; k++)
            if (strcmp(m->book->assocs.v[k].user, r->name) == 0) {
                struct rule_line *l = add(m);

                put_assoc(m, l, &m->book->assocs.v[k]);
                put_user(m, l, r);
            }
        if (m->ret.n == before)
            put_user(m, add(m), r);
    }
}

static void make_qos(struct making *m)
{
    for (uint32_t i = 0; i < m->book->qos.n; i++) {
        const struct rule_qos *q = &m->book->qos.v[i];
        struct rule_line *l = add(m);

        l->qos = q;
        l->name = q->name;
        l->id = q->id;
        l->description = q->description;
        l->flags = q->flags;
        l->priority = (struct opt_u32){ true, q->priority };
        l->limits = q->limits ? q->limits : &no_limits;
    }
}

static void make_wckeys(struct making *m)
{
    for (uint32_t i = 0; i < m->book->wckeys.n; i++) {
        const struct rule_wckey *r = &m->book->wckeys.v[i];
        struct rule_line *l = add(m);

        l->wckey = r;
        l->name = r->name;
        l->cluster_name = r->cluster;
        l->user_name = r->user;
        l->id = r->id;
    }
}

static void make_tres(struct making *m)
{
    for (uint32_t i = 0; i < m->book->tres.n; i++) {
        const struct rule_tres *r = &m->book->tres.v[i];
        struct rule_line *l = add(m);

        l->tres = r;
        l->name = r->name;
        l->type = r->type;
        l->id = r->id;
    }
}

static void put_resource(struct rule_line *l, const struct rule_resource *r, uint32_t allocated)
{
    l->resource = r;
    l->name = r->name;
    l->type = r->type;
    l->id = r->id;
    l->description = r->description;
    l->flags = r->flags;
    l->allocated = allocated;
}

static bool is_of(const struct rule_share *s, const struct rule_resource *r)
{
    return strcmp(s->name, r->name) == 0 && strcmp(s->server, r->server) == 0;
}

static void make_resources(struct making *m)
{
    for (uint32_t i = 0; i < m->book->resources.n; i++) {
        const struct rule_resource *r = &m->book->resources.v[i];
        uint32_t sum = 0, before = m->ret.n;

        for (uint32_t k = 0; k < m->book->shares.n; k++)
            sum += is_of(&m->book->shares.v[k], r) ? m->book->shares.v[k].allowed : 0;
        for (uint32_t k = 0; k < m->book->shares.n; k++) {
            const struct rule_share *s = &m->book->shares.v[k];

            if (!is_of(s, r) || !rule_has_flag(m->w, "WithClusters"))
                continue;
            struct rule_line *l = add(m);
            put_resource(l, r, sum);
            l->share = s;
            l->cluster_name = s->cluster;
        }
        if (m->ret.n == before)
            put_resource(add(m), r, sum);
    }
}

static void make_txns(struct making *m)
{
    for (uint32_t i = 0; i < m->book->txns.n; i++) {
        struct rule_line *l = add(m);

        l->txn = &m->book->txns.v[i];
        l->cluster_name = m->book->txns.v[i].cluster;
        l->id = (uint32_t)m->book->txns.v[i].id;
    }
}

static void make_events(struct making *m)
{
    for (uint32_t i = 0; i < m->book->events.n; i++) {
        const struct rule_event *ev = &m->book->events.v[i];
        const struct passwd *pw = getpwuid(ev->uid);
        struct rule_line *l = add(m);

        l->cluster_name = ev->cluster;
        l->node = ev->node;
        l->state = ev->state;
        l->reason = ev->reason;
        l->event = "Node";
        l->start = ev->start;
        l->end = ev->end;
        l->duration = (ev->end ? ev->end : m->now) - ev->start;
        l->user_name = pw ? arena_printf(m->a, "%s(%u)", pw->pw_name, ev->uid)
                          : arena_printf(m->a, "%u", ev->uid);
    }
}

static void make_problems(struct making *m)
{
    for (uint32_t i = 0; i < m->book->assocs.n; i++) {
        struct rule_line *l = add(m);

        put_assoc(m, l, &m->book->assocs.v[i]);
        l->problem = m->book->assocs.v[i].comment;
    }
}

static const struct {
    const char *entity;
    void (*make)(struct making *m);
} makers[] = {
    { "association", make_assocs },
    { "account", make_accounts },
    { "cluster", make_clusters },
    { "user", make_users },
    { "qos", make_qos },
    { "wckey", make_wckeys },
    { "tres", make_tres },
    { "resource", make_resources },
    { "transaction", make_txns },
    { "txn", make_txns },
    { "problem", make_problems },
    { "event", make_events },
};

struct rule_lines rule_lines_make(const struct rule_entity *entity, const struct rule_words *w,
                                  const struct rule_book *b, struct arena *a)
{
    struct making m = {
        .w = w, .book = b, .a = a, .is_tree = rule_has_flag(w, "Tree"), .now = clock_wall_s()
    };
    uint32_t most = b->clusters.n + b->accounts.n + b->users.n + 2 * b->assocs.n + b->qos.n +
                    b->wckeys.n + b->tres.n + b->resources.n + b->shares.n + b->txns.n +
                    b->events.n;

    m.ret.v = arena_calloc(a, most + 1, sizeof *m.ret.v);
    for (unsigned i = 0; i < sizeof makers / sizeof *makers; i++)
        if (strcmp(makers[i].entity, entity->name) == 0)
            makers[i].make(&m);
    return m.ret;
}
