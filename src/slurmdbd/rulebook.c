/* The rule book at work (rulebook.h). */
#include "slurmdbd/rulebook.h"

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/times.h"
#include "base/xalloc.h"
#include "net/rpc.h"
#include "schema/errors.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* TRES that always are, by id from 1. */
static const char *const fixed_tres[][2] = {
    { "cpu", "" },     { "mem", "" },    { "energy", "" }, { "node", "" },
    { "billing", "" }, { "fs", "disk" }, { "vmem", "" },   { "pages", "" },
};

/* Writes a plan to the store and, when that took it, to memory. */
static int carry_out(struct rulebook *r, const struct plan *p, struct err *e)
{
    uint64_t version = r->book.version + 1;
    int rc;

    if (!p->n)
        return 0;
    rc = store_save_plan(r->store, p, version, e);
    for (unsigned i = 0; i < p->n && rc == 0; i++)
        book_put(&r->book, p->v[i].kind, p->v[i].msg, version);
    return rc;
}

static void first_rows(struct plan *p)
{
    plan_edit(p, RULE_ACCOUNT,
              &(struct rule_account){
                  .name = "root", .description = "default root account", .organization = "root" });
    plan_edit(
        p, RULE_USER,
        &(struct rule_user){
            .name = "root", .def_account = "", .admin_level = "Administrator", .def_wckey = "" });
    plan_edit(p, RULE_QOS,
              &(struct rule_qos){ .name = "normal",
                                  .description = "Normal QOS default",
                                  .preempt_mode = "cluster",
                                  .grace_s = { true, 0 },
                                  .usage_factor = 1 });
    for (unsigned i = 0; i < sizeof fixed_tres / sizeof *fixed_tres; i++) {
        struct rule_tres *t =
            plan_edit(p, RULE_TRES,
                      &(struct rule_tres){ .type = fixed_tres[i][0], .name = fixed_tres[i][1] });
        t->id = i + 1;
    }
}

int rulebook_open(struct rulebook *r, struct store *s, const struct conf *c, struct err *e)
{
    CLEANUP(arena_fini) struct arena a = { 0 };
    struct plan p;
    int rc;

    *r = (struct rulebook){ .store = s, .conf = c };
    r->hide.users = conf_flag(c, "PrivateData", "users");
    r->hide.accounts = conf_flag(c, "PrivateData", "accounts");
    r->hide.jobs = conf_flag(c, "PrivateData", "jobs");
    r->hide.usage = conf_flag(c, "PrivateData", "usage");
    rc = store_load_book(s, &r->book, e);
    if (rc < 0 || r->book.of[RULE_TRES].n)
        return rc;
    plan_init(&p, &r->book, &a);
    p.now = clock_wall_s();
    first_rows(&p);
    rc = carry_out(r, &p, e);
    plan_fini(&p);
    return rc == 0 ? store_commit(s, e) : rc;
}

/* Empty afterwards, and nobody listens: a turn whose commit failed still walks the listeners. */
void rulebook_close(struct rulebook *r)
{
    for (unsigned i = 0; i < r->n; i++)
        free(r->v[i].cluster);
    free(r->v);
    book_fini(&r->book);
    *r = (struct rulebook){ .request = r->request };
}

enum role rulebook_role(const struct rulebook *r, const char *user)
{
    const struct rule_user *u = book_find(&r->book, RULE_USER, user);

    if (!u || u->is_deleted)
        return ROLE_ANY;
    if (strcmp(u->admin_level, "Administrator") == 0)
        return ROLE_ADMIN;
    return strcmp(u->admin_level, "Operator") == 0 ? ROLE_OPERATOR : ROLE_ANY;
}

bool rulebook_may_see_jobs(const struct rulebook *r, const struct caller *who,
                           const struct strs *accounts)
{
    const struct rule_user *u = book_find(&r->book, RULE_USER, who->name);

    if (!r->hide.jobs || who->role >= ROLE_OPERATOR)
        return true;
    for (uint32_t i = 0; i < accounts->n; i++)
        if (!u || u->is_deleted || !strs_have(&u->coordinates, accounts->v[i]))
            return false;
    return accounts->n > 0;
}

struct strs rulebook_clusters(const struct rulebook *r, struct arena *a)
{
    const struct rule_list *l = &r->book.of[RULE_CLUSTER];
    struct strs ret = { arena_calloc(a, l->n + 1, sizeof *ret.v), 0 };

    for (uint32_t i = 0; i < l->n; i++)
        if (!rule_is_deleted(RULE_CLUSTER, l->v[i].msg))
            ret.v[ret.n++] = ((const struct rule_cluster *)l->v[i].msg)->name;
    return ret;
}

/* ---- changes and questions */

/* The column that a key of `modify job` sets; -1: none, or not his to set. */
static int job_column(const struct caller *who, const char *key, struct err *e)
{
    bool is_operator = who->role >= ROLE_OPERATOR;

    for (unsigned i = 0; store_job_columns[i]; i++) {
        const char *name = store_job_columns[i];

        if (strcasecmp(name, key) != 0 && !(strcasecmp(key, "NewWCKey") == 0 && i == 3))
            continue;
        if (is_operator || strcmp(name, "AdminComment") != 0)
            return (int)i;
        return err_set(e, ESLURM_ACCESS_DENIED, " AdminComment is an administrator's to set"), -1;
    }
    return err_set(e, EINVAL, " Unknown option: %s\n Use keyword 'where' to modify condition", key),
           -1;
}

/* Comments on jobs of the past: the owner's, or an operator's. */
static int change_jobs(struct rulebook *r, const struct caller *who, const struct rule_change *wish,
                       struct arena *a, struct rule_changed *ret, struct err *e)
{
    struct want want = { .names = { 0 } };
    struct strs clusters;
    int rc = 0;

    for (uint32_t i = 0; i < wish->where.n; i++) {
        struct strs *list = want_list(&want, WANT_JOB, wish->where.v[i].key);

        if (!list)
            return err_set(e, EINVAL, " Unknown condition: %s", wish->where.v[i].key);
        want_add(list, wish->where.v[i].value, a);
    }
    clusters = want.clusters.n ? want.clusters : rulebook_clusters(r, a);
    for (uint32_t i = 0; i < wish->set.n && rc == 0; i++) {
        int column = job_column(who, wish->set.v[i].key, e);

        for (uint32_t k = 0; k < clusters.n * want.jobs.n && column >= 0 && rc == 0; k++) {
            struct job_change c = { clusters.v[k / want.jobs.n], want.jobs.v[k % want.jobs.n],
                                    who->role >= ROLE_OPERATOR ? NULL : who->name, (unsigned)column,
                                    wish->set.v[i].value };
            unsigned count = 0;

            if (!wish->is_question)
                rc = store_modify_job(r->store, &c, &count, e);
            if (count || wish->is_question)
                strs_add(&ret->names, c.job, a);
        }
        rc = column < 0 ? -EINVAL : rc;
    }
    return rc || ret->names.n ? rc : change_nothing(e, "modified");
}

int rulebook_change(struct rulebook *r, const struct caller *who, const struct rule_change *wish,
                    struct arena *a, struct rule_changed *ret, struct err *e)
{
    struct plan p;
    int rc;

    *ret = (struct rule_changed){ .note = "" };
    if (strcmp(wish->entity, "job") == 0)
        return change_jobs(r, who, wish, a, ret, e);
    plan_init(&p, &r->book, a);
    p.now = clock_wall_s();
    rc = change_decide(&p, who, wish, ret, e);
    if (rc == 0 && !wish->is_question)
        rc = carry_out(r, &p, e);
    plan_fini(&p);
    return rc;
}

static int64_t time_of(const struct strs *list, int64_t now)
{
    int64_t at = 0;

    return list->n && times_parse_point(list->v[0], now, 1, &at, NULL) == 0 ? at : 0;
}

/* Ordinary users may not read who changed what. */
static int list_txns(struct rulebook *r, const struct rule_query *q, struct arena *a,
                     struct rule_book *ret, struct err *e)
{
    struct want want;
    int64_t now = clock_wall_s();
    int rc = list_want(a, q, &want, e);
    struct txn_query wanted = { .actors = &want.actors, .actions = &want.actions };

    wanted.start = time_of(&want.start, now);
    wanted.end = time_of(&want.end, now);
    return rc == 0 ? store_txns(r->store, &wanted, a, ret, e) : rc;
}

static bool event_is_wanted(const struct want *w, const struct rule_event *ev)
{
    bool only_open = w->flags.n && strcasecmp(w->flags.v[0], "open") == 0;

    return want_has(&w->clusters, ev->cluster) && want_has(&w->nodes, ev->node) &&
           want_has(&w->reasons, ev->reason) && (!only_open || !ev->end);
}

/* Since yesterday, unless it is asked otherwise. */
static int list_events(struct rulebook *r, const struct rule_query *q, struct arena *a,
                       struct rule_book *ret, struct err *e)
{
    struct want want;
    int64_t now = clock_wall_s(), start = 0;
    uint32_t n = 0;
    int rc = list_want(a, q, &want, e);

    if (rc < 0)
        return rc;
    if (!q->flags.n)
        times_parse_point("now-1day", now, 1, &start, NULL);
    if (want.start.n)
        start = time_of(&want.start, now);
    rc = store_events(r->store, start, time_of(&want.end, now), a, ret, e);
    for (uint32_t i = 0; i < ret->events.n; i++)
        if (event_is_wanted(&want, &ret->events.v[i]))
            ret->events.v[n++] = ret->events.v[i];
    ret->events.n = n;
    return rc;
}

int rulebook_list(struct rulebook *r, const struct caller *who, const struct rule_query *q,
                  struct arena *a, struct rule_book *ret, struct err *e)
{
    struct plan p;
    int rc;

    *ret = (struct rule_book){ 0 };
    if (strcmp(q->entity, "transaction") == 0)
        return list_txns(r, q, a, ret, e);
    if (strcmp(q->entity, "event") == 0)
        return list_events(r, q, a, ret, e);
    plan_init(&p, &r->book, a);
    rc = list_decide(&p, who, &r->hide, q, ret, e);
    plan_fini(&p);
    return rc;
}

/* ---- controllers */

/* Kinds of TRES that nobody knew are known from now on.  An item may be a name without a count. */
static void know_tres(struct plan *p, const char *list)
{
    while (*list) {
        size_t len = strcspn(list, ","), name = strcspn(list, "=,");
        const char *text = arena_printf(p->arena, "%.*s=1", (int)name, list), *made;

        if (name)
            tres_merge(p, "", text, &made, NULL);
        list += len + (list[len] == ',');
    }
}

int rulebook_register(struct rulebook *r, const struct acct_register *reg, struct err *e)
{
    CLEANUP(arena_fini) struct arena a = { 0 };
    struct rule_changed changed = { .note = "" };
    struct key_value name = { "names", reg->cluster, "" };
    struct rule_change wish = { .entity = "cluster", .verb = "add", .where = { &name, 1 } };
    const struct caller self = { "root", ROLE_SLURM };
    struct rule_cluster *row;
    struct plan p;
    int rc = 0;

    plan_init(&p, &r->book, &a);
    p.now = clock_wall_s();
    if (!plan_find(&p, RULE_CLUSTER, reg->cluster))
        rc = change_decide(&p, &self, &wish, &changed, e);
    row = rc == 0 ? plan_edit(&p, RULE_CLUSTER, plan_find(&p, RULE_CLUSTER, reg->cluster)) : NULL;
    if (row && (strcmp(row->control_host, reg->host) != 0 || row->control_port != reg->port ||
                strcmp(row->tres, reg->tres) != 0)) {
        row->control_host = reg->host;
        row->control_port = reg->port;
        row->rpc = 1;
        row->tres = reg->tres;
        row->nodes = reg->nodes;
        know_tres(&p, reg->tres);
        rc = carry_out(r, &p, e);
    }
    plan_fini(&p);
    return rc == 0 ? store_note_size(r->store, reg->cluster, p.now, reg->tres, e) : rc;
}

/* The place of a connection among those that listen; one that is gone makes room. */
static struct subscriber *place_for(struct rulebook *r, const char *cluster)
{
    for (unsigned i = 0; i < r->n; i++)
        if (strcmp(r->v[i].cluster, cluster) == 0)
            return &r->v[i];
    if (r->n == r->cap) {
        r->cap = r->cap ? r->cap * 2 : 8;
        r->v = xrealloc(r->v, r->cap, sizeof *r->v);
    }
    r->v[r->n] = (struct subscriber){ .cluster = xstrdup(cluster) };
    return &r->v[r->n++];
}

int rulebook_subscribe(struct rulebook *r, uint64_t conn, const struct rules_have *have,
                       struct arena *a, struct rules *ret, struct err *e)
{
    const struct rule_cluster *row = book_find(&r->book, RULE_CLUSTER, have->cluster);
    struct subscriber *s;

    if (!row || row->is_deleted)
        return err_set(e, ENOENT, "cluster %.100s is not registered", have->cluster);
    rules_for(&r->book, have->cluster, have->version, a, ret);
    s = place_for(r, have->cluster);
    s->conn = conn;
    s->version = ret->version;
    return 0;
}

void rulebook_push(struct rulebook *r, struct loop *loop)
{
    for (unsigned i = 0; i < r->n; i++) {
        CLEANUP(arena_fini) struct arena a = { 0 };
        struct subscriber *s = &r->v[i];
        struct conn *c = s->version < r->book.version ? conn_find(loop, s->conn) : NULL;
        struct rules rules;

        if (!c)
            continue;
        rules_for(&r->book, s->cluster, s->version, &a, &rules);
        rpc_send(c, OP_rules_push, 0, ++r->request, &desc_rules, &rules);
        s->version = rules.version;
    }
}
