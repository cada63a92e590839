/* sacctmgr's wishes: which function decides, what all of them share, and clusters (change.h). */
#include "slurmdbd/change.h"

#include "wire/wire.h"

#include <ctype.h>
#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <strings.h>

#define NAME_MAX_BYTES 200u

/* Every wish there is: the entity, the verb, whose conditions and settings it takes, who decides.
 */
static const struct verb {
    const char *entity, *verb;
    enum want_entity wants;
    unsigned keys;
    change_fn *fn;
} verbs[] = {
    { "cluster", "add", WANT_CLUSTER, KEYS_CLUSTER | KEYS_ASSOC, add_cluster },
    { "cluster", "modify", WANT_CLUSTER, KEYS_CLUSTER | KEYS_ASSOC, modify_cluster },
    { "cluster", "delete", WANT_CLUSTER, 0, delete_cluster },
    { "account", "add", WANT_ACCOUNT, KEYS_ACCOUNT | KEYS_ASSOC, add_account },
    { "account", "modify", WANT_ACCOUNT, KEYS_ACCOUNT | KEYS_ASSOC, modify_account },
    { "account", "delete", WANT_ACCOUNT, 0, delete_account },
    { "user", "add", WANT_USER, KEYS_USER | KEYS_ASSOC, add_user },
    { "user", "modify", WANT_USER, KEYS_USER | KEYS_ASSOC, modify_user },
    { "user", "delete", WANT_USER, 0, delete_user },
    { "coordinator", "add", WANT_COORD, 0, add_coordinator },
    { "coordinator", "delete", WANT_COORD, 0, delete_coordinator },
    { "qos", "add", WANT_QOS, KEYS_QOS, add_qos },
    { "qos", "modify", WANT_QOS, KEYS_QOS, modify_qos },
    { "qos", "delete", WANT_QOS, 0, delete_qos },
    { "resource", "add", WANT_RESOURCE, KEYS_RESOURCE | KEYS_SHARE, add_resource },
    { "resource", "modify", WANT_RESOURCE, KEYS_RESOURCE | KEYS_SHARE, modify_resource },
    { "resource", "delete", WANT_RESOURCE, 0, delete_resource },
};

/* Settings that are no member of one row; the functions ask for them by name. */
static const struct {
    const char *entity, *name;
    unsigned least;
} words[] = {
    { "account", "Parent", 1 },    { "account", "RawUsage", 7 }, { "user", "DefaultAccount", 8 },
    { "user", "DefaultWCKey", 8 }, { "user", "NewName", 4 },     { "user", "RawUsage", 7 },
    { "qos", "RawUsage", 7 },
};

void strs_add(struct strs *list, const char *word, struct arena *a)
{
    const char **more = arena_calloc(a, list->n + 1, sizeof *more);

    if (list->n)
        memcpy(more, list->v, list->n * sizeof *more);
    more[list->n++] = word;
    list->v = more;
}

static bool begins(const char *name, const char *word, unsigned least)
{
    size_t len = strlen(word);

    return len >= least && strncasecmp(name, word, len) == 0;
}

static bool is_word(const char *entity, const char *key)
{
    for (unsigned i = 0; i < sizeof words / sizeof *words; i++)
        if (strcmp(words[i].entity, entity) == 0 && begins(words[i].name, key, words[i].least))
            return true;
    return false;
}

const char *change_word(const struct change *c, const char *name, unsigned least)
{
    for (uint32_t i = 0; i < c->wish->set.n; i++)
        if (begins(name, c->wish->set.v[i].key, least))
            return c->wish->set.v[i].value;
    return NULL;
}

/* ---- reading a wish */

static int read_want(struct change *c, const struct verb *verb, struct err *e)
{
    for (uint32_t i = 0; i < c->wish->where.n; i++) {
        const struct key_value *kv = &c->wish->where.v[i];
        struct strs *list = want_list(&c->want, verb->wants, kv->key);

        if (!list || *kv->op)
            return err_set(e, EINVAL,
                           " Unknown condition: %s%s=%s\n Use keyword 'set' to modify "
                           "value",
                           kv->key, kv->op, kv->value);
        want_add(list, kv->value, c->arena);
    }
    return 0;
}

/* A wish to add names new rows, their place and their settings in one list. */
static int sort_out_add(struct change *c, const struct verb *verb, struct rule_change *sorted,
                        struct err *e)
{
    const struct rule_change *wish = c->wish;

    *sorted = *wish;
    sorted->where.n = sorted->set.n = 0;
    sorted->where.v = arena_calloc(c->arena, wish->where.n + 1, sizeof *sorted->where.v);
    sorted->set.v = arena_calloc(c->arena, wish->where.n + 1, sizeof *sorted->set.v);
    for (uint32_t i = 0; i < wish->where.n; i++) {
        const struct key_value *kv = &wish->where.v[i];

        if (key_find(verb->keys, kv->key) || is_word(wish->entity, kv->key))
            sorted->set.v[sorted->set.n++] = *kv;
        else if (want_list(&c->want, verb->wants, kv->key))
            sorted->where.v[sorted->where.n++] = *kv;
        else
            return err_set(e, EINVAL, " Unknown option: %s%s=%s", kv->key, kv->op, kv->value);
    }
    return 0;
}

static int check_settings(struct change *c, const struct verb *verb, struct err *e)
{
    for (uint32_t i = 0; i < c->wish->set.n; i++) {
        const struct key_value *kv = &c->wish->set.v[i];

        if (!key_find(verb->keys, kv->key) && !is_word(verb->entity, kv->key))
            return err_set(e, EINVAL,
                           " Unknown option: %s%s=%s\n Use keyword 'where' to modify "
                           "condition",
                           kv->key, kv->op, kv->value);
    }
    if (strcmp(verb->verb, "modify") == 0 && !c->wish->set.n)
        return err_set(e, EINVAL, " You didn't give me anything to set");
    return 0;
}

static const struct verb *verb_of(const struct rule_change *wish)
{
    for (unsigned i = 0; i < sizeof verbs / sizeof *verbs; i++)
        if (strcmp(verbs[i].entity, wish->entity) == 0 && strcmp(verbs[i].verb, wish->verb) == 0)
            return &verbs[i];
    return NULL;
}

int change_decide(struct plan *p, const struct caller *who, const struct rule_change *wish,
                  struct rule_changed *ret, struct err *e)
{
    struct change c = { .plan = p, .wish = wish, .arena = p->arena, .ret = ret };
    const struct verb *verb = verb_of(wish);
    struct rule_change sorted;
    int r = 0;

    if (!verb)
        return err_set(e, EINVAL, " slurmdbd cannot %s a %s", wish->verb, wish->entity);
    p->actor = who->name;
    if (strcmp(wish->verb, "add") == 0) {
        r = sort_out_add(&c, verb, &sorted, e);
        c.wish = &sorted;
    }
    if (r == 0)
        r = read_want(&c, verb, e);
    if (r == 0)
        r = check_settings(&c, verb, e);
    if (r == 0)
        r = verb->fn(&c, e);
    return r == 0 ? may_edit(p, who, e) : r;
}

/* ---- what the functions share */

static void remember_setting(struct change *c, enum key_group group, struct key_value kv)
{
    bool is_assoc = group == KEYS_ASSOC;
    struct key_value **v = is_assoc ? &c->ret->limits.v : &c->ret->settings.v;
    uint32_t *n = is_assoc ? &c->ret->limits.n : &c->ret->settings.n;

    for (uint32_t i = 0; i < *n; i++)
        if (strcmp((*v)[i].key, kv.key) == 0)
            return;
    if (!*v)
        *v = arena_calloc(c->arena, c->wish->set.n + 1, sizeof **v);
    uint32_t at = (*n)++;
    for (; at > 0 && key_order((*v)[at - 1].key) > key_order(kv.key); at--)
        (*v)[at] = (*v)[at - 1];
    (*v)[at] = kv;
}

int change_apply(struct change *c, enum key_group group, void *row, struct err *e)
{
    int r = 0;

    for (uint32_t i = 0; i < c->wish->set.n && r == 0; i++) {
        const struct key_value *kv = &c->wish->set.v[i];
        const struct rule_key *k = key_find(group, kv->key);
        const char *shown;

        if (!k || is_word(c->wish->entity, kv->key))
            continue;
        r = key_set((struct key_target){ c->plan, group, row }, k, kv, &shown, e);
        if (r == 0 && key_label(k))
            remember_setting(c, group, (struct key_value){ key_label(k), shown, "" });
    }
    return r;
}

bool change_has(const struct change *c, unsigned groups)
{
    for (uint32_t i = 0; i < c->wish->set.n; i++)
        if (!is_word(c->wish->entity, c->wish->set.v[i].key) &&
            key_find(groups, c->wish->set.v[i].key))
            return true;
    return false;
}

static bool name_is_fine(const char *name)
{
    size_t len = strlen(name);

    for (size_t i = 0; i < len; i++)
        if (iscntrl((unsigned char)name[i]) || strchr("',\"=|:\\`", name[i]))
            return false;
    return len > 0 && len <= NAME_MAX_BYTES && *name != '-' && *name != '+';
}

int change_check_names(const struct strs *names, const char *what, struct err *e)
{
    for (uint32_t i = 0; i < names->n; i++)
        if (!name_is_fine(names->v[i]))
            return err_set(e, EINVAL,
                           " '%.100s' is no name for a %s: 1 to %u bytes without quotes, "
                           "control characters, '|', ',', ':', '=' and '\\'",
                           names->v[i], what, NAME_MAX_BYTES);
    return 0;
}

const struct rule_assoc *assoc_find(const struct plan *p, const char *cluster, const char *account,
                                    const char *user, const char *partition)
{
    return plan_find(p, RULE_ASSOC, KEY_OF(p->arena, cluster, account, user, partition));
}

struct rule_assoc *change_assoc(struct change *c, const struct rule_assoc *like)
{
    return plan_edit(c->plan, RULE_ASSOC, like);
}

void change_report(struct change *c, const struct rule_assoc *a)
{
    const struct rule_assoc *parent = plan_by_id(c->plan, RULE_ASSOC, a->parent);
    struct rule_assoc *v = c->ret->assocs.v;
    uint32_t n = c->ret->assocs.n;

    if ((n & (n - 1)) == 0) { /* full at powers of two */
        v = arena_calloc(c->arena, n ? 2 * (size_t)n : 1, sizeof *v);
        if (n)
            memcpy(v, c->ret->assocs.v, n * sizeof *v);
        c->ret->assocs.v = v;
    }
    v[n] = (struct rule_assoc){ .cluster = a->cluster,
                                .account = a->account,
                                .user = a->user,
                                .partition = a->partition,
                                .def_qos = "",
                                .comment = parent ? parent->account : "" };
    c->ret->assocs.n++;
}

bool assoc_is_below(const struct plan *p, const struct rule_assoc *a, uint32_t ancestor_id)
{
    while (a && a->parent != ancestor_id)
        a = a->parent ? plan_by_id(p, RULE_ASSOC, a->parent) : NULL;
    return a != NULL;
}

void change_drop(struct change *c, const struct rule_assoc *top)
{
    const struct rule_assoc *a;
    struct rule_assoc **below = NULL;
    uint32_t at = 0, n = 0;

    below = arena_calloc(c->arena, c->plan->book->of[RULE_ASSOC].n + c->plan->n + 1, sizeof *below);
    while ((a = plan_next(c->plan, RULE_ASSOC, &at)))
        if (a == top || assoc_is_below(c->plan, a, top->id))
            below[n++] = (struct rule_assoc *)(uintptr_t)a;
    for (uint32_t i = 0; i < n; i++)
        plan_delete(c->plan, RULE_ASSOC, below[i]);
}

int change_clusters(struct change *c, struct strs *ret, struct err *e)
{
    const struct rule_cluster *row;
    uint32_t at = 0;

    for (uint32_t i = 0; i < c->want.clusters.n; i++)
        if (!plan_find(c->plan, RULE_CLUSTER, c->want.clusters.v[i]))
            return err_set(e, ENOENT,
                           " This cluster '%s' doesn't exist.\n"
                           "        Contact your admin to add it to accounting.",
                           c->want.clusters.v[i]);
    *ret = c->want.clusters;
    while (!c->want.clusters.n && (row = plan_next(c->plan, RULE_CLUSTER, &at)))
        strs_add(ret, row->name, c->arena);
    if (!ret->n)
        return err_set(e, ENOENT,
                       "  Can't add accounts, no cluster defined yet.\n"
                       " Please contact your administrator.");
    return 0;
}

int change_nothing(struct err *e, const char *verb)
{
    return err_set(e, ENOENT, " Nothing %s", verb);
}

/* ---- clusters */

int add_cluster(struct change *c, struct err *e)
{
    int r = change_check_names(&c->want.names, "cluster", e);

    if (r == 0 && !c->want.names.n)
        return err_set(e, EINVAL, " Need name of cluster to add.");
    for (uint32_t i = 0; i < c->want.names.n && r == 0; i++) {
        const char *name = c->want.names.v[i];
        struct rule_assoc like = { .cluster = name,
                                   .account = "root",
                                   .user = "",
                                   .partition = "",
                                   .shares = 1,
                                   .def_qos = "",
                                   .comment = "" };
        struct rule_assoc *root;

        if (plan_find(c->plan, RULE_CLUSTER, name))
            return err_set(e, EEXIST, " This cluster %s already exists.  Not adding.", name);
        r = change_apply(c, KEYS_CLUSTER,
                         plan_edit(c->plan, RULE_CLUSTER,
                                   &(struct rule_cluster){ .name = name,
                                                           .classification = "",
                                                           .control_host = "",
                                                           .tres = "",
                                                           .nodes = "",
                                                           .federation = "",
                                                           .fed_state = "" }),
                         e);
        root = change_assoc(c, &like);
        if (plan_find(c->plan, RULE_QOS, "normal"))
            strs_add(&root->qos, "normal", c->arena);
        if (r == 0)
            r = change_apply(c, KEYS_ASSOC, root, e);
        like.parent = root->id;
        like.user = "root";
        like.is_default = true;
        change_assoc(c, &like);
        plan_note(c->plan, "Add Clusters", name, "");
        strs_add(&c->ret->names, name, c->arena);
    }
    return r;
}

int modify_cluster(struct change *c, struct err *e)
{
    const struct rule_cluster *row;
    uint32_t at = 0;
    int r = 0;

    while (r == 0 && (row = plan_next(c->plan, RULE_CLUSTER, &at))) {
        const struct rule_assoc *root = assoc_find(c->plan, row->name, "root", "", "");

        if (!want_has(&c->want.names, row->name) ||
            !want_has(&c->want.classifications, row->classification))
            continue;
        r = change_apply(c, KEYS_CLUSTER, plan_edit(c->plan, RULE_CLUSTER, row), e);
        if (r == 0 && root && change_has(c, KEYS_ASSOC)) {
            r = change_apply(c, KEYS_ASSOC, change_assoc(c, root), e);
            change_report(c, root);
        }
        strs_add(&c->ret->names, row->name, c->arena);
        plan_note(c->plan, "Modify Clusters", row->name, "");
    }
    return r || c->ret->names.n ? r : change_nothing(e, "modified");
}

int delete_cluster(struct change *c, struct err *e)
{
    if (!c->want.names.n && !c->want.classifications.n)
        return err_set(e, EINVAL, " No conditions given to remove, not executing.");
    for (uint32_t i = 0; i < c->want.names.n; i++) {
        const struct rule_cluster *row = plan_find(c->plan, RULE_CLUSTER, c->want.names.v[i]);
        const struct rule_assoc *root = assoc_find(c->plan, c->want.names.v[i], "root", "", "");

        if (!row)
            continue;
        if (root)
            change_drop(c, root);
        plan_delete(c->plan, RULE_CLUSTER, row);
        plan_note(c->plan, "Remove Clusters", row->name, "");
        strs_add(&c->ret->names, row->name, c->arena);
    }
    return c->ret->names.n ? 0 : change_nothing(e, "deleted");
}
