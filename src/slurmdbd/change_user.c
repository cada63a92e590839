/* sacctmgr add, modify, delete user, and coordinators (change.h). */
#include "slurmdbd/change.h"

#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static const struct rule_user *user_find(const struct change *c, const char *name)
{
    return plan_find(c->plan, RULE_USER, name);
}

/* The account of a user's default association on a cluster; NULL: none. */
static const char *default_of(const struct change *c, const char *cluster, const char *user)
{
    const struct rule_assoc *a;
    uint32_t at = 0;

    while ((a = plan_next(c->plan, RULE_ASSOC, &at)))
        if (a->is_default && strcmp(a->user, user) == 0 && strcmp(a->cluster, cluster) == 0)
            return a->account;
    return NULL;
}

static void make_user(struct change *c, const char *name)
{
    struct rule_user like = {
        .name = name, .def_account = "", .admin_level = "None", .def_wckey = ""
    };

    if (user_find(c, name))
        return;
    plan_edit(c->plan, RULE_USER, &like);
    strs_add(&c->ret->names, name, c->arena);
    plan_note(c->plan, "Add Users", name, "");
}

static int place_user(struct change *c, const char *user, const struct rule_assoc *account,
                      const char *partition, struct err *e)
{
    struct rule_assoc like = { .cluster = account->cluster,
                               .account = account->account,
                               .user = user,
                               .partition = partition,
                               .parent = account->id,
                               .shares = 1,
                               .def_qos = "",
                               .comment = "" };
    const char *wanted = change_word(c, "DefaultAccount", 8);
    const char *now;
    struct rule_assoc *made;
    int r;

    if (assoc_find(c->plan, like.cluster, like.account, user, partition))
        return 0;
    now = default_of(c, like.cluster, user);
    like.is_default =
        now ? strcmp(now, like.account) == 0 : !wanted || strcasecmp(wanted, like.account) == 0;
    made = change_assoc(c, &like);
    r = change_apply(c, KEYS_ASSOC, made, e);
    change_report(c, made);
    plan_note(c->plan, "Add Associations", arena_printf(c->arena, "id_assoc=%u", made->id),
              arena_printf(c->arena, "acct='%s', user='%s', `partition`='%s'", like.account, user,
                           partition));
    return r;
}

static int place_everywhere(struct change *c, const char *user, const struct strs *clusters,
                            struct err *e)
{
    const char *every[] = { "" };
    struct strs parts = c->want.partitions.n ? c->want.partitions : (struct strs){ every, 1 };
    int r = 0;

    for (uint32_t k = 0; k < clusters->n; k++)
        for (uint32_t i = 0; i < c->want.accounts.n; i++)
            for (uint32_t p = 0; p < parts.n && r == 0; p++)
                r = place_user(c, user,
                               assoc_find(c->plan, clusters->v[k], c->want.accounts.v[i], "", ""),
                               parts.v[p], e);
    return r;
}

static void add_wckeys(struct change *c, const char *user, const struct strs *clusters)
{
    for (uint32_t i = 0; i < c->want.wckeys.n; i++)
        for (uint32_t k = 0; k < clusters->n; k++) {
            struct rule_wckey like = { .cluster = clusters->v[k],
                                       .user = user,
                                       .name = c->want.wckeys.v[i],
                                       .is_default = i == 0 };
            struct rule_wckey *v = c->ret->wckeys.v;
            uint32_t n = c->ret->wckeys.n;

            if (plan_find(c->plan, RULE_WCKEY, KEY_OF(c->arena, like.cluster, user, like.name)))
                continue;
            like = *(struct rule_wckey *)plan_edit(c->plan, RULE_WCKEY, &like);
            c->ret->wckeys.v = arena_calloc(c->arena, n + 1, sizeof *v);
            if (n)
                memcpy(c->ret->wckeys.v, v, n * sizeof *v);
            c->ret->wckeys.v[c->ret->wckeys.n++] = like;
            plan_note(c->plan, "Add WCKeys", like.name, user);
        }
}

static int check_accounts(struct change *c, const struct strs *clusters, struct err *e)
{
    for (uint32_t i = 0; i < c->want.accounts.n; i++)
        for (uint32_t k = 0; k < clusters->n; k++) {
            const char *name = c->want.accounts.v[i];

            if (!plan_find(c->plan, RULE_ACCOUNT, name))
                return err_set(e, ENOENT,
                               " This account '%s' doesn't exist.\n"
                               "        Contact your admin to add this account.\n"
                               " No associations or wckeys created.",
                               name);
            if (!assoc_find(c->plan, clusters->v[k], name, "", ""))
                return err_set(e, ENOENT,
                               " This account '%s' doesn't exist on cluster %s\n"
                               "        Contact your admin to add this account.\n"
                               " No associations or wckeys created.",
                               name, clusters->v[k]);
        }
    return 0;
}

int add_user(struct change *c, struct err *e)
{
    const char *wanted = change_word(c, "DefaultAccount", 8);
    const char *wckey = change_word(c, "DefaultWCKey", 8);
    struct strs clusters;
    int r = change_check_names(&c->want.names, "user", e);

    if (wanted)
        want_add(&c->want.accounts, wanted, c->arena);
    if (wckey)
        want_add(&c->want.wckeys, wckey, c->arena);
    if (r == 0 && !c->want.names.n)
        return err_set(e, EINVAL, " Need name of user to add.");
    if (r == 0 && !c->want.accounts.n && !c->want.wckeys.n)
        return err_set(e, EINVAL, " Need name of account to add user to.");
    if (r == 0)
        r = change_check_names(&c->want.partitions, "partition", e);
    if (r == 0)
        r = change_check_names(&c->want.wckeys, "wckey", e);
    if (r == 0)
        r = change_clusters(c, &clusters, e);
    if (r == 0)
        r = check_accounts(c, &clusters, e);
    for (uint32_t i = 0; i < c->want.names.n && r == 0; i++) {
        make_user(c, c->want.names.v[i]);
        if (change_has(c, KEYS_USER))
            r = change_apply(c, KEYS_USER,
                             plan_edit(c->plan, RULE_USER, user_find(c, c->want.names.v[i])), e);
        if (r == 0)
            r = place_everywhere(c, c->want.names.v[i], &clusters, e);
        if (r == 0)
            add_wckeys(c, c->want.names.v[i], &clusters);
    }
    return r || c->plan->n ? r : err_set(e, EEXIST, " Nothing new added.");
}

/* ---- modify */

static bool assoc_is_meant(const struct change *c, const struct rule_assoc *a)
{
    const struct rule_user *u = *a->user ? user_find(c, a->user) : NULL;

    return u && want_has(&c->want.names, a->user) && want_has(&c->want.accounts, a->account) &&
           want_has(&c->want.clusters, a->cluster) && want_has(&c->want.partitions, a->partition) &&
           want_has(&c->want.def_qos, a->def_qos);
}

static int modify_placed(struct change *c, struct err *e)
{
    struct assoc_tree t = tree_order(c->plan);
    int r = 0;

    for (uint32_t i = 0; i < t.n && r == 0; i++) {
        struct rule_assoc *row;

        if (!assoc_is_meant(c, t.v[i]))
            continue;
        row = change_assoc(c, t.v[i]);
        r = change_apply(c, KEYS_ASSOC, row, e);
        change_report(c, row);
        plan_note(c->plan, "Modify Associations", arena_printf(c->arena, "(id_assoc=%u)", row->id),
                  "");
    }
    return r;
}

/* Makes the account a user's default wherever he has it; he must have it somewhere. */
static int set_default(struct change *c, const char *user, const char *account, struct err *e)
{
    struct strs one = { 0 };
    struct assoc_tree t = tree_order(c->plan);
    const char *where = "";
    bool has = false;

    want_add(&one, account, c->arena);
    for (uint32_t i = 0; i < t.n; i++)
        where = strcmp(t.v[i]->user, user) == 0 ? t.v[i]->cluster : where;
    for (uint32_t i = 0; i < t.n && one.n; i++)
        has |= strcmp(t.v[i]->user, user) == 0 && strcmp(t.v[i]->account, one.v[0]) == 0;
    for (uint32_t i = 0; i < t.n && has; i++) {
        const struct rule_assoc *a = t.v[i];
        bool is_default = strcmp(a->account, one.v[0]) == 0;

        if (strcmp(a->user, user) == 0 && want_has(&c->want.clusters, a->cluster) &&
            (is_default || assoc_find(c->plan, a->cluster, one.v[0], user, "")))
            change_assoc(c, a)->is_default = is_default;
    }
    return has ? 0
               : err_set(e, EINVAL,
                         " Can't modify because these users aren't associated with new "
                         "default account '%s'...\n  U = %s C = %s",
                         account, user, where);
}

static void rename_rows(struct change *c, const struct rule_user *old, const char *name)
{
    struct assoc_tree t = tree_order(c->plan);
    struct rule_user copy = *old;

    for (uint32_t i = 0; i < t.n; i++)
        if (strcmp(t.v[i]->user, old->name) == 0) {
            struct rule_assoc moved = *t.v[i];

            plan_delete(c->plan, RULE_ASSOC, t.v[i]);
            moved.user = name;
            change_assoc(c, &moved);
        }
    plan_delete(c->plan, RULE_USER, old);
    copy.name = name;
    plan_edit(c->plan, RULE_USER, &copy);
}

static int modify_one(struct change *c, const struct rule_user *u, struct err *e)
{
    const char *account = change_word(c, "DefaultAccount", 8);
    const char *new_name = change_word(c, "NewName", 4);
    struct strs renamed = { 0 };
    struct rule_user *row = plan_edit(c->plan, RULE_USER, u);
    int r = change_apply(c, KEYS_USER, row, e);

    if (r == 0 && account)
        r = set_default(c, u->name, account, e);
    if (r == 0 && change_word(c, "DefaultWCKey", 8))
        row->def_wckey = change_word(c, "DefaultWCKey", 8);
    if (r == 0 && new_name) {
        want_add(&renamed, new_name, c->arena);
        r = change_check_names(&renamed, "user", e);
        if (r == 0 && (renamed.n != 1 || user_find(c, renamed.v[0])))
            return err_set(e, EEXIST, " There is a user '%s' already.", new_name);
        if (r == 0)
            rename_rows(c, row, renamed.v[0]);
    }
    strs_add(&c->ret->names, u->name, c->arena);
    plan_note(c->plan, "Modify Users", u->name, "");
    return r;
}

int modify_user(struct change *c, struct err *e)
{
    bool of_user = change_has(c, KEYS_USER) || change_word(c, "DefaultAccount", 8) ||
                   change_word(c, "DefaultWCKey", 8) || change_word(c, "NewName", 4);
    struct strs meant = { 0 };
    const struct rule_user *u;
    uint32_t at = 0;
    int r = 0;

    if (change_has(c, KEYS_ASSOC))
        r = modify_placed(c, e);
    while (r == 0 && of_user && (u = plan_next(c->plan, RULE_USER, &at)))
        if (want_has(&c->want.names, u->name) && want_has(&c->want.admin_levels, u->admin_level))
            strs_add(&meant, u->name, c->arena);
    for (uint32_t i = 0; i < meant.n && r == 0; i++)
        r = modify_one(c, user_find(c, meant.v[i]), e);
    return r || c->ret->names.n || c->ret->assocs.n ? r : change_nothing(e, "modified");
}

/* ---- delete */

static int drop_places(struct change *c, struct err *e)
{
    struct assoc_tree t = tree_order(c->plan);
    const struct rule_assoc *a;
    uint32_t at = 0;

    for (uint32_t i = 0; i < t.n; i++)
        if (assoc_is_meant(c, t.v[i])) {
            plan_note(c->plan, "Remove Associations",
                      arena_printf(c->arena, "id_assoc=%u", t.v[i]->id), "");
            change_report(c, t.v[i]);
            plan_delete(c->plan, RULE_ASSOC, t.v[i]);
        }
    while ((a = plan_next(c->plan, RULE_ASSOC, &at)))
        if (*a->user && want_has(&c->want.names, a->user) && !default_of(c, a->cluster, a->user))
            return err_set(e, EINVAL,
                           " User '%s' would be without a default account on %s.\n"
                           " You can not remove the default account of a user",
                           a->user, a->cluster);
    return 0;
}

static void drop_user(struct change *c, const char *name)
{
    struct assoc_tree t = tree_order(c->plan);
    const struct rule_wckey *w;
    uint32_t at = 0;

    for (uint32_t i = 0; i < t.n; i++)
        if (strcmp(t.v[i]->user, name) == 0)
            plan_delete(c->plan, RULE_ASSOC, t.v[i]);
    while ((w = plan_next(c->plan, RULE_WCKEY, &at)))
        if (strcmp(w->user, name) == 0)
            plan_delete(c->plan, RULE_WCKEY, w);
    plan_delete(c->plan, RULE_USER, user_find(c, name));
    strs_add(&c->ret->names, name, c->arena);
    plan_note(c->plan, "Remove Users", name, "");
}

/* With an account, cluster or partition: only these places.  Without: the user, wherever he is. */
int delete_user(struct change *c, struct err *e)
{
    const struct want *w = &c->want;
    const struct rule_user *u;
    struct strs gone = { 0 };
    uint32_t at = 0;
    int r = 0;

    if (!w->names.n && !w->accounts.n && !w->admin_levels.n && !w->def_accounts.n)
        return err_set(e, EINVAL, " No conditions given to remove, not executing.");
    if (w->accounts.n || w->clusters.n || w->partitions.n) {
        r = drop_places(c, e);
        return r || c->ret->assocs.n ? r : change_nothing(e, "deleted");
    }
    while ((u = plan_next(c->plan, RULE_USER, &at)))
        if (want_has(&w->names, u->name) && want_has(&w->admin_levels, u->admin_level))
            strs_add(&gone, u->name, c->arena);
    for (uint32_t i = 0; i < gone.n; i++)
        drop_user(c, gone.v[i]);
    return gone.n ? 0 : change_nothing(e, "deleted");
}

/* ---- coordinators */

static int check_coordinators(struct change *c, struct err *e)
{
    const char *text = "";

    if (!c->want.users.n)
        return err_set(e, EINVAL, " You need to specify a user list here.");
    if (!c->want.accounts.n)
        return err_set(e, EINVAL, " You need to specify a account list here.");
    for (uint32_t i = 0; i < c->want.accounts.n; i++)
        if (!plan_find(c->plan, RULE_ACCOUNT, c->want.accounts.v[i]))
            text = arena_printf(c->arena, "%s%s You specified a non-existent account '%s'.", text,
                                *text ? "\n" : "", c->want.accounts.v[i]);
    for (uint32_t i = 0; i < c->want.users.n; i++)
        if (!user_find(c, c->want.users.v[i]))
            text = arena_printf(c->arena, "%s%s You specified a non-existent user '%s'.", text,
                                *text ? "\n" : "", c->want.users.v[i]);
    return *text ? err_set(e, ENOENT, "%s", text) : 0;
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void change_coordinator(struct change *c, const char *name, bool is_added)
{
    struct rule_user *u = plan_edit(c->plan, RULE_USER, user_find(c, name));
    struct strs list = { 0 };

    for (uint32_t i = 0; i < u->coordinates.n; i++)
        if (!strs_have(&c->want.accounts, u->coordinates.v[i]))
            strs_add(&list, u->coordinates.v[i], c->arena);
    for (uint32_t i = 0; i < c->want.accounts.n && is_added; i++)
        strs_add(&list, c->want.accounts.v[i], c->arena);
    if (list.n)
        qsort(list.v, list.n, sizeof *list.v, by_text);
    u->coordinates = list;
    strs_add(&c->ret->names, name, c->arena);
    for (uint32_t i = 0; i < c->want.accounts.n; i++)
        plan_note(c->plan, is_added ? "Add Account Coord" : "Remove Account Coord", name,
                  c->want.accounts.v[i]);
}

int add_coordinator(struct change *c, struct err *e)
{
    int r = check_coordinators(c, e);

    for (uint32_t i = 0; i < c->want.users.n && r == 0; i++)
        change_coordinator(c, c->want.users.v[i], true);
    c->ret->accounts = c->want.accounts;
    return r;
}

int delete_coordinator(struct change *c, struct err *e)
{
    int r = check_coordinators(c, e);

    for (uint32_t i = 0; i < c->want.users.n && r == 0; i++)
        change_coordinator(c, c->want.users.v[i], false);
    c->ret->accounts = c->want.accounts;
    return r;
}
