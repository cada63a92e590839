/* sacctmgr add, modify, delete account (change.h). */
#include "slurmdbd/change.h"

#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

static const struct rule_account *account_find(const struct change *c, const char *name)
{
    return plan_find(c->plan, RULE_ACCOUNT, name);
}

/* The account's own row.  What is not given: it describes itself, and belongs to its parent. */
static int make_account(struct change *c, const char *name, const char *parent, struct err *e)
{
    struct rule_account like = { .name = name,
                                 .description = name,
                                 .organization = strcmp(parent, "root") ? parent : name };
    int r;

    if (account_find(c, name))
        return 0;
    r = change_apply(c, KEYS_ACCOUNT, plan_edit(c->plan, RULE_ACCOUNT, &like), e);
    strs_add(&c->ret->names, name, c->arena);
    plan_note(c->plan, "Add Accounts", name, "");
    return r;
}

static int place_account(struct change *c, const char *name, const struct rule_assoc *parent,
                         struct err *e)
{
    struct rule_assoc like = { .cluster = parent->cluster,
                               .account = name,
                               .user = "",
                               .partition = "",
                               .parent = parent->id,
                               .shares = 1,
                               .def_qos = "",
                               .comment = "" };
    struct rule_assoc *made;
    int r;

    if (assoc_find(c->plan, parent->cluster, name, "", ""))
        return 0;
    made = change_assoc(c, &like);
    r = change_apply(c, KEYS_ASSOC, made, e);
    change_report(c, made);
    plan_note(c->plan, "Add Associations", arena_printf(c->arena, "id_assoc=%u", made->id),
              arena_printf(c->arena, "acct='%s', parent_acct='%s'", name, parent->account));
    return r;
}

static int no_parent(struct err *e, const char *parent, const char *cluster)
{
    return err_set(e, ENOENT,
                   " Parent account '%s' doesn't exist on cluster %s\n"
                   "        Contact your admin to add this account.\n"
                   " No associations created.",
                   parent, cluster);
}

static const char *lowered(struct change *c, const char *text)
{
    struct strs one = { 0 };

    want_add(&one, text, c->arena);
    return one.n ? one.v[0] : "root";
}

int add_account(struct change *c, struct err *e)
{
    const char *given = change_word(c, "Parent", 1);
    const char *parent = given ? lowered(c, given) : "root";
    struct strs clusters;
    int r = change_check_names(&c->want.names, "account", e);

    if (r == 0 && !c->want.names.n)
        return err_set(e, EINVAL, " Need name of account to add.");
    if (r == 0)
        r = change_clusters(c, &clusters, e);
    for (uint32_t k = 0; r == 0 && k < clusters.n; k++)
        if (!assoc_find(c->plan, clusters.v[k], parent, "", ""))
            return no_parent(e, parent, clusters.v[k]);
    for (uint32_t i = 0; r == 0 && i < c->want.names.n; i++)
        r = make_account(c, c->want.names.v[i], parent, e);
    for (uint32_t i = 0; r == 0 && i < c->want.names.n; i++)
        for (uint32_t k = 0; r == 0 && k < clusters.n; k++)
            r = place_account(c, c->want.names.v[i],
                              assoc_find(c->plan, clusters.v[k], parent, "", ""), e);
    if (r == 0 && !c->plan->n)
        return err_set(e, EEXIST, " Nothing new added.");
    if (r == 0 && (given || c->ret->limits.n))
        c->ret->note = parent;
    return r;
}

/* ---- modify */

static bool is_meant(const struct change *c, const struct rule_account *a)
{
    return want_has(&c->want.names, a->name) && want_has(&c->want.descriptions, a->description) &&
           want_has(&c->want.organizations, a->organization);
}

static bool assoc_is_meant(const struct change *c, const struct rule_assoc *a)
{
    const struct rule_account *own = account_find(c, a->account);
    const struct rule_assoc *parent = plan_by_id(c->plan, RULE_ASSOC, a->parent);

    return !*a->user && own && is_meant(c, own) && want_has(&c->want.clusters, a->cluster) &&
           want_has(&c->want.parents, parent ? parent->account : "") &&
           want_has(&c->want.def_qos, a->def_qos);
}

/* Moves an account under another one, unless that is below it. */
static int move_account(struct change *c, struct rule_assoc *row, const char *parent, struct err *e)
{
    const struct rule_assoc *to = assoc_find(c->plan, row->cluster, parent, "", "");

    if (!to)
        return no_parent(e, parent, row->cluster);
    if (to->id == row->id || assoc_is_below(c->plan, to, row->id) || !row->parent)
        return err_set(e, EINVAL,
                       " Account '%s' cannot stand below '%s', which is below it or the "
                       "same.",
                       row->account, parent);
    row->parent = to->id;
    return 0;
}

static int modify_placed(struct change *c, struct err *e)
{
    const char *parent = change_word(c, "Parent", 1);
    struct assoc_tree t = tree_order(c->plan);
    int r = 0;

    for (uint32_t i = 0; i < t.n && r == 0; i++) {
        struct rule_assoc *row;

        if (!assoc_is_meant(c, t.v[i]))
            continue;
        row = change_assoc(c, t.v[i]);
        r = change_apply(c, KEYS_ASSOC, row, e);
        if (r == 0 && parent)
            r = move_account(c, row, lowered(c, parent), e);
        change_report(c, row);
        plan_note(c->plan, "Modify Associations", arena_printf(c->arena, "(id_assoc=%u)", row->id),
                  "");
    }
    return r;
}

int modify_account(struct change *c, struct err *e)
{
    const struct rule_account *a;
    uint32_t at = 0;
    int r = 0;

    if (change_has(c, KEYS_ASSOC) || change_word(c, "Parent", 1))
        r = modify_placed(c, e);
    while (r == 0 && change_has(c, KEYS_ACCOUNT) && (a = plan_next(c->plan, RULE_ACCOUNT, &at))) {
        if (!is_meant(c, a))
            continue;
        r = change_apply(c, KEYS_ACCOUNT, plan_edit(c->plan, RULE_ACCOUNT, a), e);
        strs_add(&c->ret->names, a->name, c->arena);
        plan_note(c->plan, "Modify Accounts", a->name, "");
    }
    return r || c->ret->names.n || c->ret->assocs.n ? r : change_nothing(e, "modified");
}

/* ---- delete */

/* A user keeps a default account as long as he has any on the cluster. */
static int check_defaults(const struct change *c, struct err *e)
{
    for (unsigned i = 0; i < c->plan->n; i++) {
        const struct rule_assoc *gone = c->plan->v[i].msg, *a;
        uint32_t at = 0;

        if (c->plan->v[i].kind != RULE_ASSOC || !gone->is_deleted || !gone->is_default)
            continue;
        while ((a = plan_next(c->plan, RULE_ASSOC, &at)))
            if (strcmp(a->user, gone->user) == 0 && strcmp(a->cluster, gone->cluster) == 0)
                return err_set(e, EINVAL,
                               " Account '%s' is the default of user '%s' on %s.\n"
                               " You can not remove the default account of a user",
                               gone->account, gone->user, gone->cluster);
    }
    return 0;
}

static void drop_account(struct change *c, const char *name)
{
    const struct rule_account *own = account_find(c, name);
    const struct rule_user *u;
    uint32_t at = 0;

    strs_add(&c->ret->names, name, c->arena);
    plan_note(c->plan, "Remove Accounts", name, "");
    plan_delete(c->plan, RULE_ACCOUNT, own);
    while ((u = plan_next(c->plan, RULE_USER, &at))) {
        struct strs left = { 0 };

        if (!strs_have(&u->coordinates, name))
            continue;
        for (uint32_t i = 0; i < u->coordinates.n; i++)
            if (strcmp(u->coordinates.v[i], name) != 0)
                strs_add(&left, u->coordinates.v[i], c->arena);
        ((struct rule_user *)plan_edit(c->plan, RULE_USER, u))->coordinates = left;
    }
}

/* Where clusters are named only the places there go; the account itself stays for the others. */
int delete_account(struct change *c, struct err *e)
{
    struct strs clusters;
    const struct rule_account *a;
    struct strs gone = { 0 };
    uint32_t at = 0;
    int r;

    if (!c->want.names.n && !c->want.descriptions.n && !c->want.organizations.n)
        return err_set(e, EINVAL, " No conditions given to remove, not executing.");
    r = change_clusters(c, &clusters, e);
    while (r == 0 && (a = plan_next(c->plan, RULE_ACCOUNT, &at)))
        if (is_meant(c, a) && strcmp(a->name, "root") != 0)
            strs_add(&gone, a->name, c->arena);
    for (uint32_t i = 0; i < gone.n; i++) {
        for (uint32_t k = 0; k < clusters.n; k++) {
            const struct rule_assoc *row = assoc_find(c->plan, clusters.v[k], gone.v[i], "", "");

            if (row && c->want.clusters.n)
                change_report(c, row);
            if (row)
                change_drop(c, row);
        }
        if (!c->want.clusters.n)
            drop_account(c, gone.v[i]);
    }
    if (r == 0)
        r = check_defaults(c, e);
    return r || c->ret->names.n || c->ret->assocs.n ? r : change_nothing(e, "deleted");
}
