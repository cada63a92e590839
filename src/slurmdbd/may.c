/* Who may change which row.  The wish has been decided; here every old row is held against the new
 * one, so that no way of wording a wish leads around the table. */
#include "slurmdbd/change.h"
#include "slurmdbd/inherit.h"

#include "schema/errors.h"
#include "wire/wire.h"

#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* One row that changes, and who wants it.  was NULL: it is new. */
struct claim {
    const struct plan *plan;
    const struct caller *who;
    const struct rule_user *self; /* of the rule book; NULL: he is not in it */
    const void *was, *is;
};

/* Does the caller coordinate this association's account, or one above it? */
static bool coordinates(const struct claim *c, const struct rule_assoc *a)
{
    while (a) {
        if (c->self && strs_have(&c->self->coordinates, a->account))
            return true;
        a = a->parent ? book_by_id(c->plan->book, RULE_ASSOC, a->parent) : NULL;
    }
    return false;
}

/* Where a row stands: its parent in the book as it was, or as planned for rows below new ones. */
static const struct rule_assoc *parent_of(const struct claim *c, const struct rule_assoc *a)
{
    const struct rule_assoc *p = book_by_id(c->plan->book, RULE_ASSOC, a->parent);

    return p ? p : plan_by_id(c->plan, RULE_ASSOC, a->parent);
}

/* Every QOS of the row must be one that its account may use. */
static bool takes_only_from(const struct claim *c, const struct rule_assoc *a)
{
    struct strs allowed = assoc_qos(c->plan, parent_of(c, a));

    for (uint32_t i = 0; i < a->qos.n; i++) {
        const char *name = a->qos.v[i] + (strchr("+-", *a->qos.v[i]) != NULL);

        if (*a->qos.v[i] != '-' && !strs_have(&allowed, name))
            return false;
    }
    return !*a->def_qos || strs_have(&allowed, a->def_qos);
}

/* A coordinator changes what is below his accounts: never an account that he was given, never a
 * row of his own, and he cannot hand out a QOS that the account has not. */
static bool assoc_of_coordinator(const struct claim *c)
{
    const struct rule_assoc *was = c->was, *is = c->is;
    const struct rule_assoc *above = parent_of(c, is);

    if (strcmp(is->user, c->who->name) == 0 || !above || !coordinates(c, above))
        return false;
    if (was && was->parent != is->parent && !coordinates(c, parent_of(c, was)))
        return false;
    return takes_only_from(c, is);
}

/* An account's own row: new ones, where an association below his accounts comes with it; others
 * when all their places are below. */
static bool account_of_coordinator(const struct claim *c)
{
    const struct rule_account *is = c->is;
    const struct rule_assoc *a;
    uint32_t at = 0;
    bool any = false;

    while ((a = plan_next(c->plan, RULE_ASSOC, &at))) {
        if (*a->user || strcmp(a->account, is->name) != 0)
            continue;
        any = true;
        if (!coordinates(c, parent_of(c, a)))
            return false;
    }
    return any || (c->was && is->is_deleted);
}

/* A user's own row: he may be brought in, without a level; he may coordinate what is below. */
static bool user_of_coordinator(const struct claim *c)
{
    static const struct rule_user nobody = { .name = "", .admin_level = "None" };
    const struct rule_user *was = c->was ? c->was : &nobody, *is = c->is;

    if (!c->self || !c->self->coordinates.n || is->is_deleted ||
        strcmp(is->name, c->who->name) == 0 || strcmp(was->admin_level, is->admin_level) != 0)
        return false;
    for (uint32_t i = 0; i < is->coordinates.n; i++)
        if (!strs_have(&was->coordinates, is->coordinates.v[i]) &&
            !strs_have(&c->self->coordinates, is->coordinates.v[i]))
            return false;
    for (uint32_t i = 0; i < was->coordinates.n; i++)
        if (!strs_have(&is->coordinates, was->coordinates.v[i]) &&
            !strs_have(&c->self->coordinates, was->coordinates.v[i]))
            return false;
    return true;
}

static bool nobody_else(const struct claim *c)
{
    return false;
}

/* New TRES come with somebody's limit, which is what is judged. */
static bool anybody(const struct claim *c)
{
    return true;
}

static const struct {
    enum role least;
    bool (*or_else)(const struct claim *c);
    const char *what;
} table[RULE_KINDS] = {
    [RULE_CLUSTER] = { ROLE_ADMIN, nobody_else, "clusters" },
    [RULE_ACCOUNT] = { ROLE_OPERATOR, account_of_coordinator, "accounts" },
    [RULE_USER] = { ROLE_OPERATOR, user_of_coordinator, "users" },
    [RULE_ASSOC] = { ROLE_OPERATOR, assoc_of_coordinator, "associations" },
    [RULE_QOS] = { ROLE_OPERATOR, nobody_else, "QOS" },
    [RULE_WCKEY] = { ROLE_OPERATOR, nobody_else, "wckeys" },
    [RULE_TRES] = { ROLE_OPERATOR, anybody, "TRES" },
    [RULE_RESOURCE] = { ROLE_OPERATOR, nobody_else, "resources" },
    [RULE_SHARE] = { ROLE_OPERATOR, nobody_else, "resources" },
};

static enum role role_named(const char *level)
{
    if (strcmp(level, "Administrator") == 0)
        return ROLE_ADMIN;
    return strcmp(level, "Operator") == 0 ? ROLE_OPERATOR : ROLE_ANY;
}

/* Nobody gives or takes a level that is above his own. */
static bool levels_are_fine(const struct claim *c)
{
    const struct rule_user *was = c->was, *is = c->is;
    enum role before = was ? role_named(was->admin_level) : ROLE_ANY;
    enum role after = role_named(is->admin_level);

    return before == after || (before <= c->who->role && after <= c->who->role);
}

static int check(const struct claim *c, enum rule_kind kind, struct err *e)
{
    bool fine = kind != RULE_USER || levels_are_fine(c);

    if (fine && (c->who->role >= table[kind].least || table[kind].or_else(c)))
        return 0;
    return err_set(
        e, ESLURM_ACCESS_DENIED,
        " Your user doesn't have privilege to perform this action\n"
        " changing these %s takes AdminLevel %s%s",
        table[kind].what, table[kind].least == ROLE_ADMIN || !fine ? "Administrator" : "Operator",
        table[kind].or_else == nobody_else || !fine ? "" : ", or a coordinator above them");
}

int may_edit(const struct plan *p, const struct caller *who, struct err *e)
{
    int r = 0;

    for (unsigned i = 0; i < p->n && r == 0; i++) {
        const struct edit *edit = &p->v[i];
        struct claim c = { .plan = p, .who = who, .is = edit->msg };
        const struct rule_user *self = book_find(p->book, RULE_USER, who->name);

        c.self = self && !self->is_deleted ? self : NULL;
        c.was = book_find(p->book, edit->kind, book_key(edit->kind, edit->msg, p->arena));
        if (c.was && rule_is_deleted(edit->kind, c.was))
            c.was = NULL;
        r = check(&c, edit->kind, e);
    }
    return r;
}
