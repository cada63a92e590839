/* sreport's usage by account, user, wckey and QOS: sums as lines (sreport.h). */
#include "cli/sreport.h"

#include "cli/args.h"
#include "schema/rpc.h"

#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* One line: who, and what of each TRES. */
struct line {
    const char *cluster, *account, *user, *wckey, *qos;
    unsigned depth;
    uint64_t *used;
    uint64_t energy;
};

struct rows {
    struct sreport *s;
    struct asked *q;
    struct usage_info *info;
    struct strs tres;
    struct line *v;
    unsigned n, cap;
};

static struct line *line_for(struct rows *r, const struct line *like)
{
    for (unsigned i = r->n; i-- > 0;) {
        struct line *l = &r->v[i];

        if (strcmp(l->cluster, like->cluster) == 0 && strcmp(l->account, like->account) == 0 &&
            strcmp(l->user, like->user) == 0 && strcmp(l->wckey, like->wckey) == 0 &&
            strcmp(l->qos, like->qos) == 0)
            return l;
    }
    if (r->n == r->cap) {
        struct line *more = arena_calloc(&r->s->arena, r->cap ? r->cap * 2 : 64, sizeof *more);

        if (r->cap)
            memcpy(more, r->v, r->cap * sizeof *more);
        r->v = more;
        r->cap = r->cap ? r->cap * 2 : 64;
    }
    r->v[r->n] = *like;
    r->v[r->n].used = arena_calloc(&r->s->arena, r->tres.n, sizeof(uint64_t));
    return &r->v[r->n++];
}

static void add(struct rows *r, const struct line *like, const struct usage_row *row)
{
    struct line *l = line_for(r, like);

    if (strcmp(row->tres, "energy") == 0)
        l->energy += row->seconds;
    for (uint32_t i = 0; i < r->tres.n; i++)
        if (strcmp(r->tres.v[i], row->tres) == 0)
            l->used[i] += row->seconds;
}

static bool is_wanted(const struct asked *q, const struct usage_row *row)
{
    return (!q->users.n || args_list_has(&q->users, row->user)) &&
           (!q->wckeys.n || args_list_has(&q->wckeys, row->wckey));
}

/* ---- rows as they are, and the heaviest users */

static void plain_rows(struct rows *r)
{
    for (uint32_t i = 0; i < r->info->rows.n; i++) {
        const struct usage_row *row = &r->info->rows.v[i];
        struct line like = {
            row->cluster, row->account, row->user, row->wckey, row->qos, 0, NULL, 0
        };

        if (is_wanted(r->q, row) &&
            (!r->q->accounts.n || args_list_has(&r->q->accounts, row->account)))
            add(r, &like, row);
    }
}

static int by_use(const void *x, const void *y)
{
    const struct line *a = x, *b = y;
    int r = strcmp(a->cluster, b->cluster);

    if (r == 0 && a->used[0] != b->used[0])
        return a->used[0] < b->used[0] ? 1 : -1;
    return r ? r : strcmp(a->user, b->user);
}

/* All accounts of a user in one line: "chem, phys". */
static void merge_accounts(struct rows *r)
{
    unsigned n = 0;

    for (unsigned i = 0; i < r->n; i++) {
        unsigned k = 0;

        while (k < n &&
               (strcmp(r->v[k].user, r->v[i].user) || strcmp(r->v[k].cluster, r->v[i].cluster)))
            k++;
        if (k == n) {
            r->v[n++] = r->v[i];
            continue;
        }
        struct line *a = &r->v[k], *b = &r->v[i];
        bool is_first = strcmp(a->account, b->account) < 0;
        a->account = arena_printf(&r->s->arena, "%s, %s", is_first ? a->account : b->account,
                                  is_first ? b->account : a->account);
        a->energy += b->energy;
        for (uint32_t t = 0; t < r->tres.n; t++)
            a->used[t] += b->used[t];
    }
    r->n = n;
}

static void keep_top(struct rows *r)
{
    unsigned n = 0, of_cluster = 0;

    for (unsigned i = 0; i < r->n; i++) {
        of_cluster = i && strcmp(r->v[i].cluster, r->v[i - 1].cluster) == 0 ? of_cluster + 1 : 0;
        if (of_cluster < r->q->top)
            r->v[n++] = r->v[i];
    }
    r->n = n;
}

/* ---- trees */

/* Each account with all below it, then its users. */
static int account_tree(struct rows *r)
{
    struct rule_query query = { .entity = "association" };
    struct rule_book *book;
    struct err e = { 0 };

    if (client_call(r->s->conn.client, OP_rule_list, &query, &r->s->arena, (void **)&book, &e) < 0)
        return sreport_fail(r->s, e.text);

    uint32_t n = book->assocs.n;
    uint32_t *up = arena_calloc(&r->s->arena, n + 1, sizeof *up);
    struct line **lines = arena_calloc(&r->s->arena, n + 1, sizeof *lines);
    r->v = arena_calloc(&r->s->arena, n + 1, sizeof *r->v);
    r->cap = n + 1;
    for (uint32_t i = 0; i < n; i++) { /* parents come first */
        const struct rule_assoc *a = &book->assocs.v[i];
        struct line *l = &r->v[i];

        for (up[i] = i; up[i] > 0 && book->assocs.v[up[i]].id != a->parent;)
            up[i]--;
        *l = (struct line){ a->cluster,
                            a->account,
                            a->user,
                            "",
                            "",
                            i ? r->v[up[i]].depth + 1 : 0,
                            arena_calloc(&r->s->arena, r->tres.n, sizeof(uint64_t)),
                            0 };
        if (a->parent == 0)
            l->depth = 0;
    }
    for (uint32_t i = 0; i < r->info->rows.n; i++) {
        const struct usage_row *row = &r->info->rows.v[i];
        uint32_t at = 0;

        while (at < n &&
               (strcmp(r->v[at].user, row->user) || strcmp(r->v[at].account, row->account) ||
                strcmp(r->v[at].cluster, row->cluster)))
            at++;
        for (bool more = at < n && *row->user; more; at = up[at]) {
            for (uint32_t t = 0; t < r->tres.n; t++)
                r->v[at].used[t] += strcmp(r->tres.v[t], row->tres) == 0 ? row->seconds : 0;
            r->v[at].energy += strcmp(row->tres, "energy") == 0 ? row->seconds : 0;
            more = book->assocs.v[at].parent != 0;
        }
    }
    r->n = n;
    return 0;
}

/* Accounts and users that used something, of those asked for; partitions of a user together. */
static void prune(struct rows *r)
{
    const struct asked *q = r->q;
    unsigned n = 0;

    for (unsigned i = 0; i < r->n; i++) {
        struct line *l = &r->v[i];
        uint64_t any = l->energy;

        for (uint32_t t = 0; t < r->tres.n; t++)
            any |= l->used[t];
        if (!any || (q->accounts.n && !args_list_has(&q->accounts, l->account)) ||
            (q->users.n && !args_list_has(&q->users, l->user)) ||
            (r->s->clusters.n && !args_list_has(&r->s->clusters, l->cluster)))
            continue;
        r->v[n++] = *l;
    }
    r->n = n;
}

static int by_wckey(const void *x, const void *y)
{
    const struct line *a = x, *b = y;
    int r = strcmp(a->cluster, b->cluster);

    if (r == 0)
        r = strcmp(a->wckey, b->wckey);
    return r ? r : strcmp(a->user, b->user);
}

/* A line for each key, then its users: the key's sorts first, having no user. */
static void wckey_tree(struct rows *r)
{
    for (uint32_t i = 0; i < r->info->rows.n; i++) {
        const struct usage_row *row = &r->info->rows.v[i];
        struct line like = { row->cluster, "", row->user, row->wckey, "", 0, NULL, 0 };

        if (!is_wanted(r->q, row) || !*row->wckey)
            continue;
        add(r, &like, row);
        like.user = "";
        add(r, &like, row);
    }
    if (r->n)
        qsort(r->v, r->n, sizeof *r->v, by_wckey);
}

static void drop_keyless(struct rows *r)
{
    unsigned n = 0;

    for (unsigned i = 0; i < r->n; i++)
        if (*r->v[i].wckey)
            r->v[n++] = r->v[i];
    r->n = n;
}

static int make_lines(struct rows *r)
{
    if (r->q->def->kind == ACCOUNT_TREE) {
        int rc = account_tree(r);

        prune(r);
        return rc;
    }
    if (r->q->def->kind == WCKEY_TREE)
        return wckey_tree(r), 0;
    plain_rows(r);
    if (strstr(r->q->def->by, "wckey"))
        drop_keyless(r);
    if (r->q->is_grouped)
        merge_accounts(r);
    if (r->n)
        qsort(r->v, r->n, sizeof *r->v, by_use);
    if (r->q->def->kind == TOP)
        keep_top(r);
    return 0;
}

/* ---- columns */

enum what {
    IS_CLUSTER,
    IS_ACCOUNT,
    IS_LOGIN,
    IS_PROPER,
    IS_WCKEY,
    IS_QOS,
    IS_TRES,
    IS_USED,
    IS_ENERGY
};

static const struct report_column known[] = {
    [IS_CLUSTER] = { "Cluster", "Cluster", 9 },  [IS_ACCOUNT] = { "Accounts", "Account", 15 },
    [IS_LOGIN] = { "Login", "Login", 9 },        [IS_PROPER] = { "ProperName", "Proper Name", 15 },
    [IS_WCKEY] = { "WCKey", "WCKey", 15 },       [IS_QOS] = { "QOS", "QOS", 15 },
    [IS_TRES] = { "TresName", "TRES Name", 14 }, [IS_USED] = { "Used", "Used", 8 },
    [IS_ENERGY] = { "Energy", "Energy", 8 },
};

/* "Cluster,Login%20": which columns, and how wide.  False: a name that is none. */
static bool choose_columns(struct rows *r, const char *format, struct report_column *columns,
                           enum what *what, unsigned *n)
{
    for (*n = 0; *format && *n < 16;) {
        size_t len = strcspn(format, ","), name = strcspn(format, ",%");
        unsigned i = 0;

        while (i < sizeof known / sizeof *known && strncasecmp(known[i].name, format, name) != 0)
            i++;
        if (i == sizeof known / sizeof *known) {
            sreport_fail(r->s,
                         arena_printf(&r->s->arena, " Unknown field '%.*s'", (int)name, format));
            return false;
        }
        what[*n] = i;
        columns[*n] = known[i];
        if (i == IS_USED || i == IS_ENERGY)
            columns[*n].width = report_amount_width(r->s);
        if (i == IS_ACCOUNT && r->q->is_tree && r->q->def->kind == ACCOUNT_TREE)
            columns[*n].width = -20;
        if (format[name] == '%')
            columns[*n].width = atoi(format + name + 1);
        ++*n;
        format += len + (format[len] == ',');
    }
    return true;
}

static const char *proper_name(struct sreport *s, const char *user)
{
    const struct passwd *pw = *user ? getpwnam(user) : NULL;

    if (!pw)
        return "";
    return arena_strndup(&s->arena, pw->pw_gecos, strcspn(pw->pw_gecos, ","));
}

static const char *text_of(struct rows *r, const struct line *l, enum what what, uint32_t tres)
{
    struct sreport *s = r->s;

    switch (what) {
    case IS_CLUSTER:
        return l->cluster;
    case IS_ACCOUNT:
        return r->q->is_tree ? arena_printf(&s->arena, "%*s%s", (int)l->depth, "", l->account)
                             : l->account;
    case IS_LOGIN:
        return l->user;
    case IS_PROPER:
        return proper_name(s, l->user);
    case IS_WCKEY:
        return l->wckey;
    case IS_QOS:
        return l->qos;
    case IS_TRES:
        return r->tres.v[tres];
    case IS_USED:
        return report_amount(s, l->used[tres], report_total(r->info, l->cluster, r->tres.v[tres]));
    default:
        return report_amount(s, l->energy, report_total(r->info, l->cluster, "energy"));
    }
}

static void print_lines(struct rows *r)
{
    struct report_column columns[16];
    enum what what[16];
    struct report_table t = { .columns = columns };
    const char *more = r->s->tres.n                     ? ",TresName,Used"
                       : strstr(r->q->def->by, "wckey") ? ",Used"
                                                        : ",Used,Energy";
    const char *format =
        r->q->format ? r->q->format : arena_printf(&r->s->arena, "%s%s", r->q->def->format, more);
    const char **texts;

    if (!choose_columns(r, format, columns, what, &t.n))
        return;
    texts = arena_calloc(&r->s->arena, (size_t)r->n * r->tres.n * t.n + 1, sizeof *texts);
    for (unsigned i = 0; i < r->n; i++)
        for (uint32_t k = 0; k < r->tres.n; k++, t.lines++)
            for (unsigned c = 0; c < t.n; c++)
                texts[t.lines * t.n + c] = text_of(r, &r->v[i], what[c], k);
    t.texts = texts;
    report_print(r->s, r->q, report_unit_words(r->s), &t);
}

int report_rows(struct sreport *s, struct asked *q)
{
    const char *by[4], *cpu[] = { "cpu" };
    struct rows r = { .s = s, .q = q, .tres = s->tres.n ? s->tres : (struct strs){ cpu, 1 } };
    struct usage_query query = { .by = { by, 0 }, .totals = true };

    for (const char *at = q->def->by; *at;) {
        size_t len = strcspn(at, ",");

        by[query.by.n++] = arena_strndup(&s->arena, at, len);
        at += len + (at[len] == ',');
    }
    if (sreport_ask(s, q, &query, &r.info) != 0 || make_lines(&r) != 0)
        return s->status;
    print_lines(&r);
    return s->status;
}
