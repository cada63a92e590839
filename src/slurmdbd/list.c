/* sacctmgr's questions, answered from the book (list.h). */
#include "slurmdbd/list.h"

#include "slurmdbd/inherit.h"
#include "wire/wire.h"

#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

struct listing {
    struct plan *plan;
    struct arena *arena;
    const struct caller *who;
    const struct privacy *hide;
    const struct rule_query *q;
    struct want want;
    struct rule_book *ret;
};

typedef void list_fn(struct listing *l);

static void list_clusters(struct listing *l);
static void list_accounts(struct listing *l);
static void list_users(struct listing *l);
static void list_assocs(struct listing *l);
static void list_qos(struct listing *l);
static void list_wckeys(struct listing *l);
static void list_tres(struct listing *l);
static void list_resources(struct listing *l);
static void list_nothing(struct listing *l);
static void list_problems(struct listing *l);

static const struct {
    const char *entity;
    enum want_entity wants;
    list_fn *fn;
} lists[] = {
    { "cluster", WANT_CLUSTER, list_clusters },
    { "account", WANT_ACCOUNT, list_accounts },
    { "user", WANT_USER, list_users },
    { "association", WANT_ASSOC, list_assocs },
    { "qos", WANT_QOS, list_qos },
    { "wckey", WANT_WCKEY, list_wckeys },
    { "tres", WANT_TRES, list_tres },
    { "resource", WANT_RESOURCE, list_resources },
    { "transaction", WANT_TXN, list_nothing },
    { "problem", WANT_PROBLEM, list_problems },
    { "event", WANT_EVENT, list_nothing },
};

static int entity_of(const struct rule_query *q)
{
    for (unsigned i = 0; i < sizeof lists / sizeof *lists; i++)
        if (strcmp(lists[i].entity, q->entity) == 0)
            return (int)i;
    return -1;
}

int list_want(struct arena *a, const struct rule_query *q, struct want *ret, struct err *e)
{
    int at = entity_of(q);

    *ret = (struct want){ 0 };
    if (at < 0)
        return err_set(e, EINVAL, " slurmdbd cannot list '%.100s'", q->entity);
    for (uint32_t i = 0; i < q->where.n; i++) {
        const struct key_value *kv = &q->where.v[i];
        struct strs *list = want_list(ret, lists[at].wants, kv->key);

        if (!list || *kv->op)
            return err_set(e, EINVAL,
                           " Unknown condition: %s%s=%s\n Use keyword 'set' to modify "
                           "value",
                           kv->key, kv->op, kv->value);
        want_add(list, kv->value, a);
    }
    return 0;
}

int list_decide(struct plan *p, const struct caller *who, const struct privacy *hide,
                const struct rule_query *q, struct rule_book *ret, struct err *e)
{
    struct listing l = { p, p->arena, who, hide, q, { .names = { 0 } }, ret };
    int r = list_want(p->arena, q, &l.want, e);

    if (r == 0)
        lists[entity_of(q)].fn(&l);
    return r;
}

static bool flag(const struct listing *l, const char *name)
{
    for (uint32_t i = 0; i < l->q->flags.n; i++)
        if (strcasecmp(l->q->flags.v[i], name) == 0)
            return true;
    return false;
}

/* Rows in order of birth; deleted ones too where asked. */
static const void *next(struct listing *l, enum rule_kind kind, uint32_t *at)
{
    const struct rule_list *all = &l->plan->book->of[kind];

    while (*at < all->n) {
        const void *msg = all->v[(*at)++].msg;

        if (!rule_is_deleted(kind, msg) || flag(l, "WithDeleted"))
            return msg;
    }
    return NULL;
}

/* Appends a row to a list member of the answer: v must have room for all rows of the kind. */
#define LIST_ROOM(l, list, kind) \
    ((l)->ret->list.v =          \
         arena_calloc((l)->arena, (l)->plan->book->of[kind].n + 1, sizeof *(l)->ret->list.v))

static bool may_see_all(const struct listing *l, bool hidden)
{
    return !hidden || l->who->role >= ROLE_OPERATOR;
}

static bool id_is_meant(const struct listing *l, uint32_t id)
{
    return want_has(&l->want.ids, arena_printf(l->arena, "%u", id));
}

/* ---- associations, alone and beside clusters, accounts and users */

/* An association is seen by its user, by coordinators above it, and by everybody else where the
 * site hides nothing. */
static bool may_see_assoc(const struct listing *l, const struct rule_assoc *a)
{
    const struct rule_user *self = plan_find(l->plan, RULE_USER, l->who->name);
    const struct rule_assoc *up = a;

    if (may_see_all(l, l->hide->users || l->hide->accounts) || strcmp(a->user, l->who->name) == 0)
        return true;
    if (!*a->user && !l->hide->accounts)
        return true;
    for (; self && up; up = up->parent ? plan_by_id(l->plan, RULE_ASSOC, up->parent) : NULL)
        if (strs_have(&self->coordinates, up->account))
            return true;
    return !*a->user && assoc_find(l->plan, a->cluster, a->account, l->who->name, "");
}

static void put_assoc(struct listing *l, const struct rule_assoc *a)
{
    struct rule_assoc *out = &l->ret->assocs.v[l->ret->assocs.n++];
    const struct rule_assoc *parent = plan_by_id(l->plan, RULE_ASSOC, a->parent);
    bool is_plain = flag(l, "WOPLimits");

    *out = is_plain ? *a : *assoc_effective(l->plan, a);
    if (flag(l, "WithRawQOSLevel"))
        out->qos = a->qos;
    out->comment = !*a->user && parent ? parent->account : "";
}

static bool assoc_is_meant(const struct listing *l, const struct rule_assoc *a)
{
    const struct want *w = &l->want;
    const struct rule_assoc *parent = plan_by_id(l->plan, RULE_ASSOC, a->parent);

    return want_has(&w->clusters, a->cluster) && want_has(&w->accounts, a->account) &&
           want_has(&w->users, a->user) && want_has(&w->partitions, a->partition) &&
           want_has(&w->def_qos, a->def_qos) && id_is_meant(l, a->id) &&
           want_has(&w->parents, parent ? parent->account : "") &&
           (a->is_default || !flag(l, "OnlyDefaults"));
}

/* Everything below an account that is meant, where sub-accounts are asked for too. */
static bool is_below_meant(const struct listing *l, const struct rule_assoc *a)
{
    if (!flag(l, "WithSubAccounts"))
        return false;
    for (; a; a = a->parent ? plan_by_id(l->plan, RULE_ASSOC, a->parent) : NULL)
        if (!*a->user && assoc_is_meant(l, a))
            return true;
    return false;
}

static void each_assoc(struct listing *l,
                       bool (*meant)(const struct listing *, const struct rule_assoc *))
{
    struct assoc_tree t = tree_order(l->plan);

    LIST_ROOM(l, assocs, RULE_ASSOC);
    for (uint32_t i = 0; i < t.n; i++)
        if ((meant(l, t.v[i]) || is_below_meant(l, t.v[i])) && may_see_assoc(l, t.v[i]))
            put_assoc(l, t.v[i]);
}

static void list_assocs(struct listing *l)
{
    each_assoc(l, assoc_is_meant);
}

static bool is_root_of_meant(const struct listing *l, const struct rule_assoc *a)
{
    return !a->parent && want_has(&l->want.names, a->cluster);
}

static void list_clusters(struct listing *l)
{
    const struct rule_cluster *row;
    uint32_t at = 0;

    LIST_ROOM(l, clusters, RULE_CLUSTER);
    while ((row = next(l, RULE_CLUSTER, &at)))
        if (want_has(&l->want.names, row->name) &&
            want_has(&l->want.classifications, row->classification) &&
            want_has(&l->want.rpc, arena_printf(l->arena, "%u", row->rpc)))
            l->ret->clusters.v[l->ret->clusters.n++] = *row;
    each_assoc(l, is_root_of_meant);
}

static bool is_of_account(const struct listing *l, const struct rule_assoc *a)
{
    return want_has(&l->want.names, a->account) && want_has(&l->want.clusters, a->cluster);
}

static int by_first_member(const void *x, const void *y)
{
    return strcmp(*(const char *const *)x, *(const char *const *)y);
}

/* Users who coordinate, for the column beside accounts. */
static void list_coordinators(struct listing *l)
{
    const struct rule_user *u;
    uint32_t at = 0;

    LIST_ROOM(l, users, RULE_USER);
    while ((u = plan_next(l->plan, RULE_USER, &at)))
        if (u->coordinates.n)
            l->ret->users.v[l->ret->users.n++] = *u;
}

static bool may_see_account(const struct listing *l, const char *account)
{
    struct assoc_tree t;

    if (may_see_all(l, l->hide->accounts))
        return true;
    t = tree_order(l->plan);
    for (uint32_t i = 0; i < t.n; i++)
        if (strcmp(t.v[i]->account, account) == 0 && may_see_assoc(l, t.v[i]))
            return true;
    return false;
}

static void list_accounts(struct listing *l)
{
    const struct rule_account *row;
    uint32_t at = 0;

    LIST_ROOM(l, accounts, RULE_ACCOUNT);
    while ((row = next(l, RULE_ACCOUNT, &at)))
        if (want_has(&l->want.names, row->name) &&
            want_has(&l->want.descriptions, row->description) &&
            want_has(&l->want.organizations, row->organization) && may_see_account(l, row->name))
            l->ret->accounts.v[l->ret->accounts.n++] = *row;
    if (l->ret->accounts.n)
        qsort(l->ret->accounts.v, l->ret->accounts.n, sizeof *l->ret->accounts.v, by_first_member);
    if (flag(l, "WithAssoc"))
        each_assoc(l, is_of_account);
    if (flag(l, "WithCoordinators"))
        list_coordinators(l);
}

static bool is_of_user(const struct listing *l, const struct rule_assoc *a)
{
    const struct want *w = &l->want;

    return *a->user && want_has(&w->names, a->user) && want_has(&w->accounts, a->account) &&
           want_has(&w->clusters, a->cluster) && want_has(&w->partitions, a->partition) &&
           want_has(&w->def_qos, a->def_qos) && want_has(&w->def_accounts, a->account);
}

/* A user's default account: of the first cluster asked for, else of any. */
static const char *default_account(const struct assoc_tree *t, const struct listing *l,
                                   const char *user)
{
    for (uint32_t i = 0; i < t->n; i++)
        if (t->v[i]->is_default && strcmp(t->v[i]->user, user) == 0 &&
            want_has(&l->want.clusters, t->v[i]->cluster))
            return t->v[i]->account;
    return "";
}

static const char *default_wckey(const struct listing *l, const char *user)
{
    const struct rule_wckey *w;
    uint32_t at = 0;

    while ((w = plan_next(l->plan, RULE_WCKEY, &at)))
        if (w->is_default && strcmp(w->user, user) == 0)
            return w->name;
    return "";
}

static void list_users(struct listing *l)
{
    struct assoc_tree t = tree_order(l->plan);
    const struct rule_user *row;
    uint32_t at = 0;

    LIST_ROOM(l, users, RULE_USER);
    while ((row = next(l, RULE_USER, &at))) {
        struct rule_user out = *row;

        out.def_account = default_account(&t, l, row->name);
        out.def_wckey = default_wckey(l, row->name);
        if (want_has(&l->want.names, row->name) &&
            want_has(&l->want.admin_levels, row->admin_level) &&
            want_has(&l->want.def_accounts, out.def_account) &&
            want_has(&l->want.def_wckeys, out.def_wckey) &&
            (may_see_all(l, l->hide->users) || strcmp(row->name, l->who->name) == 0))
            l->ret->users.v[l->ret->users.n++] = out;
    }
    if (l->ret->users.n)
        qsort(l->ret->users.v, l->ret->users.n, sizeof *l->ret->users.v, by_first_member);
    if (flag(l, "WithAssoc"))
        each_assoc(l, is_of_user);
}

/* ---- the others */

static void list_qos(struct listing *l)
{
    const struct rule_qos *row;
    uint32_t at = 0;

    LIST_ROOM(l, qos, RULE_QOS);
    while ((row = next(l, RULE_QOS, &at)))
        if (want_has(&l->want.names, row->name) && id_is_meant(l, row->id) &&
            want_has(&l->want.descriptions, row->description) &&
            want_has(&l->want.preempt_modes, row->preempt_mode))
            l->ret->qos.v[l->ret->qos.n++] = *row;
}

static int by_wckey(const void *x, const void *y)
{
    const struct rule_wckey *a = x, *b = y;
    int r = strcmp(a->name, b->name);

    return r ? r : strcmp(a->user, b->user);
}

static void list_wckeys(struct listing *l)
{
    const struct rule_wckey *row;
    uint32_t at = 0;

    LIST_ROOM(l, wckeys, RULE_WCKEY);
    while ((row = next(l, RULE_WCKEY, &at)))
        if (want_has(&l->want.names, row->name) && want_has(&l->want.wckeys, row->name) &&
            want_has(&l->want.clusters, row->cluster) && want_has(&l->want.users, row->user) &&
            (may_see_all(l, l->hide->users) || strcmp(row->user, l->who->name) == 0))
            l->ret->wckeys.v[l->ret->wckeys.n++] = *row;
    if (l->ret->wckeys.n)
        qsort(l->ret->wckeys.v, l->ret->wckeys.n, sizeof *l->ret->wckeys.v, by_wckey);
}

static void list_tres(struct listing *l)
{
    const struct rule_tres *row;
    uint32_t at = 0;

    LIST_ROOM(l, tres, RULE_TRES);
    while ((row = next(l, RULE_TRES, &at)))
        if (want_has(&l->want.names, row->name) && want_has(&l->want.types, row->type) &&
            id_is_meant(l, row->id))
            l->ret->tres.v[l->ret->tres.n++] = *row;
}

static void list_resources(struct listing *l)
{
    const struct rule_resource *row;
    const struct rule_share *share;
    uint32_t at = 0;

    LIST_ROOM(l, resources, RULE_RESOURCE);
    while ((row = next(l, RULE_RESOURCE, &at)))
        if (want_has(&l->want.names, row->name) && want_has(&l->want.servers, row->server) &&
            id_is_meant(l, row->id))
            l->ret->resources.v[l->ret->resources.n++] = *row;
    LIST_ROOM(l, shares, RULE_SHARE);
    for (at = 0; (share = next(l, RULE_SHARE, &at));)
        if (want_has(&l->want.clusters, share->cluster))
            l->ret->shares.v[l->ret->shares.n++] = *share;
}

static void list_nothing(struct listing *l)
{
}

/* Accounts nobody uses, and users who are in no account: `comment` says which. */
static void list_problems(struct listing *l)
{
    struct assoc_tree t = tree_order(l->plan);

    LIST_ROOM(l, assocs, RULE_ASSOC);
    for (uint32_t i = 0; i < t.n; i++) {
        bool has_child = i + 1 < t.n && t.v[i + 1]->parent == t.v[i]->id;
        struct rule_assoc out = *t.v[i];

        if (*out.user || has_child || !want_has(&l->want.clusters, out.cluster))
            continue;
        out.comment = "Account has no Associations";
        l->ret->assocs.v[l->ret->assocs.n++] = out;
    }
}

/* ---- controllers */

static bool has_changed(const struct rule *r, uint64_t have)
{
    return r->version > have;
}

/* Children whose list builds on what is inherited change with their parents. */
static bool assoc_has_changed(const struct plan *p, const struct rule *r, uint64_t have)
{
    const struct rule_assoc *a = r->msg;

    if (has_changed(r, have))
        return true;
    if (!qos_is_delta(&a->qos))
        return false;
    while ((qos_is_delta(&a->qos) || !a->qos.n) && a->parent) {
        const struct rule_list *l = &p->book->of[RULE_ASSOC];
        uintptr_t at = (uintptr_t)map_get(&l->by_id, a->parent);

        if (!at || has_changed(&l->v[at - 1], have))
            return at != 0;
        a = l->v[at - 1].msg;
    }
    return false;
}

static void fill_assocs(const struct plan *p, const char *cluster, uint64_t have, struct rules *ret)
{
    const struct rule_list *l = &p->book->of[RULE_ASSOC];
    struct assoc_tree t = tree_order(p);

    ret->assocs.v = arena_calloc(p->arena, l->n + 1, sizeof *ret->assocs.v);
    for (uint32_t i = 0; i < t.n; i++) {
        uintptr_t at = (uintptr_t)map_get(&l->by_id, t.v[i]->id);

        if (strcmp(t.v[i]->cluster, cluster) != 0 || !assoc_has_changed(p, &l->v[at - 1], have))
            continue;
        struct rule_assoc *out = &ret->assocs.v[ret->assocs.n++];
        *out = *t.v[i];
        if (out->qos.n)
            out->qos = assoc_qos(p, t.v[i]);
    }
    for (uint32_t i = 0; i < l->n && have; i++) {
        const struct rule_assoc *gone = l->v[i].msg;

        if (gone->is_deleted && has_changed(&l->v[i], have) && strcmp(gone->cluster, cluster) == 0)
            ret->assocs.v[ret->assocs.n++] = *gone;
    }
}

/* Default accounts are in the associations: a small change sends its users along. */
static void fill_users(const struct plan *p, const char *cluster, uint64_t have, struct rules *ret)
{
    const struct rule_list *l = &p->book->of[RULE_USER];
    struct smap defaults = { 0 };
    struct assoc_tree t = tree_order(p);
    struct smap touched = { 0 };

    for (uint32_t i = 0; i < t.n; i++)
        if (t.v[i]->is_default && strcmp(t.v[i]->cluster, cluster) == 0)
            smap_put(&defaults, t.v[i]->user, (void *)(uintptr_t)t.v[i]->account);
    for (uint32_t i = 0; i < ret->assocs.n && have; i++)
        smap_put(&touched, ret->assocs.v[i].user, ret);
    ret->users.v = arena_calloc(p->arena, l->n + 1, sizeof *ret->users.v);
    for (uint32_t i = 0; i < l->n; i++) {
        const struct rule_user *u = l->v[i].msg;
        const char *account = smap_get(&defaults, u->name);

        if (!have ? u->is_deleted : !has_changed(&l->v[i], have) && !smap_get(&touched, u->name))
            continue;
        ret->users.v[ret->users.n] = *u;
        ret->users.v[ret->users.n++].def_account = account ? account : "";
    }
    smap_fini(&defaults);
    smap_fini(&touched);
}

static void fill_names(const struct plan *p, const char *cluster, struct rules *ret)
{
    const struct rule_account *a;
    const struct rule_wckey *w;
    uint32_t at = 0;

    ret->accounts.v = arena_calloc(p->arena, p->book->of[RULE_ACCOUNT].n + 1, sizeof(char *));
    ret->wckeys.v = arena_calloc(p->arena, p->book->of[RULE_WCKEY].n + 1, sizeof(char *));
    while ((a = plan_next(p, RULE_ACCOUNT, &at)))
        ret->accounts.v[ret->accounts.n++] = a->name;
    for (at = 0; (w = plan_next(p, RULE_WCKEY, &at));)
        if (strcmp(w->cluster, cluster) == 0)
            ret->wckeys.v[ret->wckeys.n++] = arena_printf(p->arena, "%s=%s", w->user, w->name);
}

static void fill_resources(const struct plan *p, const char *cluster, uint64_t have,
                           struct rules *ret)
{
    const struct rule_list *l = &p->book->of[RULE_SHARE];

    ret->resources.v = arena_calloc(p->arena, l->n + 1, sizeof *ret->resources.v);
    for (uint32_t i = 0; i < l->n; i++) {
        const struct rule_share *s = l->v[i].msg;
        const struct rule_resource *r =
            book_find(p->book, RULE_RESOURCE, KEY_OF(p->arena, s->name, s->server));

        if (strcmp(s->cluster, cluster) != 0 || !has_changed(&l->v[i], have) ||
            (!have && s->is_deleted))
            continue;
        ret->resources.v[ret->resources.n++] = (struct rule_res){ .name = s->name,
                                                                  .server = s->server,
                                                                  .count = r ? r->count : 0,
                                                                  .allowed = s->allowed,
                                                                  .is_deleted = s->is_deleted };
    }
}

void rules_for(const struct book *b, const char *cluster, uint64_t have, struct arena *a,
               struct rules *ret)
{
    struct plan p;
    const struct rule_list *qos = &b->of[RULE_QOS];

    if (have > b->version)
        have = 0;
    plan_init(&p, b, a);
    *ret = (struct rules){ .version = b->version, .is_whole = have == 0 };
    fill_assocs(&p, cluster, have, ret);
    fill_users(&p, cluster, have, ret);
    fill_resources(&p, cluster, have, ret);
    fill_names(&p, cluster, ret);
    ret->qos.v = arena_calloc(a, qos->n + 1, sizeof *ret->qos.v);
    for (uint32_t i = 0; i < qos->n; i++)
        if (has_changed(&qos->v[i], have) &&
            (have || !((struct rule_qos *)qos->v[i].msg)->is_deleted))
            ret->qos.v[ret->qos.n++] = *(struct rule_qos *)qos->v[i].msg;
    plan_fini(&p);
}
