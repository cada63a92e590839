/* sacctmgr add, modify, delete qos and resource (change.h). */
#include "slurmdbd/change.h"

#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int add_qos(struct change *c, struct err *e)
{
    int r = change_check_names(&c->want.names, "QOS", e);

    if (r == 0 && !c->want.names.n)
        return err_set(e, EINVAL, " Need name of qos to add.");
    for (uint32_t i = 0; i < c->want.names.n && r == 0; i++) {
        const char *name = c->want.names.v[i];
        struct rule_qos like = { .name = name,
                                 .description = name,
                                 .preempt_mode = "cluster",
                                 .grace_s = { true, 0 },
                                 .usage_factor = 1 };

        if (plan_find(c->plan, RULE_QOS, name))
            continue;
        r = change_apply(c, KEYS_QOS, plan_edit(c->plan, RULE_QOS, &like), e);
        strs_add(&c->ret->names, name, c->arena);
        plan_note(c->plan, "Add QOS", name, "");
    }
    return r || c->ret->names.n ? r : err_set(e, EEXIST, " Nothing new added.");
}

static bool is_meant(const struct change *c, const struct rule_qos *q)
{
    return want_has(&c->want.names, q->name) && want_has(&c->want.descriptions, q->description) &&
           want_has(&c->want.preempt_modes, q->preempt_mode) &&
           want_has(&c->want.ids, arena_printf(c->arena, "%u", q->id));
}

/* Can x preempt, over any number of steps, what it is itself? */
static bool preempts_itself(const struct plan *p, const struct rule_qos *from,
                            const struct rule_qos *at, unsigned depth)
{
    if (depth > p->book->of[RULE_QOS].n + p->n)
        return false;
    for (uint32_t i = 0; i < at->preempt.n; i++) {
        const struct rule_qos *next = plan_find(p, RULE_QOS, at->preempt.v[i]);

        if (next && (next == from || preempts_itself(p, from, next, depth + 1)))
            return true;
    }
    return false;
}

int modify_qos(struct change *c, struct err *e)
{
    const struct rule_qos *q;
    uint32_t at = 0;
    int r = 0;

    while (r == 0 && (q = plan_next(c->plan, RULE_QOS, &at))) {
        if (!is_meant(c, q))
            continue;
        r = change_apply(c, KEYS_QOS, plan_edit(c->plan, RULE_QOS, q), e);
        q = plan_find(c->plan, RULE_QOS, q->name);
        if (r == 0 && preempts_itself(c->plan, q, q, 0))
            r = err_set(e, EINVAL, " QOS Preemption loop detected: '%s' would preempt itself",
                        q->name);
        strs_add(&c->ret->names, q->name, c->arena);
        plan_note(c->plan, "Modify QOS", arena_printf(c->arena, "(name='%s')", q->name), "");
    }
    return r || c->ret->names.n ? r : change_nothing(e, "modified");
}

/* The list without the name, however it is noted ("x", "+x", "-x"). */
static bool without(struct strs *list, const char *name, struct arena *a)
{
    struct strs left = { 0 };

    for (uint32_t i = 0; i < list->n; i++)
        if (strcmp(list->v[i] + (strchr("+-", *list->v[i]) != NULL), name) != 0)
            strs_add(&left, list->v[i], a);
    if (left.n == list->n)
        return false;
    *list = left;
    return true;
}

/* Nobody may go on naming a QOS that is gone. */
static void forget_qos(struct change *c, const char *name)
{
    struct assoc_tree t = tree_order(c->plan);
    const struct rule_qos *q;
    uint32_t at = 0;

    for (uint32_t i = 0; i < t.n; i++) {
        struct strs list = t.v[i]->qos;
        bool is_default = strcmp(t.v[i]->def_qos, name) == 0;

        if (!without(&list, name, c->arena) && !is_default)
            continue;
        struct rule_assoc *row = change_assoc(c, t.v[i]);
        row->qos = list;
        row->def_qos = is_default ? "" : row->def_qos;
    }
    while ((q = plan_next(c->plan, RULE_QOS, &at))) {
        struct strs list = q->preempt;

        if (without(&list, name, c->arena))
            ((struct rule_qos *)plan_edit(c->plan, RULE_QOS, q))->preempt = list;
    }
}

int delete_qos(struct change *c, struct err *e)
{
    const struct rule_qos *q;
    uint32_t at = 0;

    if (!c->want.names.n && !c->want.descriptions.n && !c->want.ids.n && !c->want.preempt_modes.n)
        return err_set(e, EINVAL, " No conditions given to remove, not executing.");
    while ((q = plan_next(c->plan, RULE_QOS, &at)))
        if (is_meant(c, q))
            strs_add(&c->ret->names, q->name, c->arena);
    for (uint32_t i = 0; i < c->ret->names.n; i++) {
        q = plan_find(c->plan, RULE_QOS, c->ret->names.v[i]);
        plan_note(c->plan, "Remove QOS", arena_printf(c->arena, "id='%u'", q->id), "");
        plan_delete(c->plan, RULE_QOS, q);
        forget_qos(c, c->ret->names.v[i]);
    }
    return c->ret->names.n ? 0 : change_nothing(e, "deleted");
}

/* ---- resources */

static const char *server_of(const struct change *c)
{
    return c->want.servers.n ? c->want.servers.v[0] : "slurmdb";
}

/* What all clusters but this one may take already, in percent. */
static uint32_t given_away(const struct change *c, const struct rule_share *but)
{
    const struct rule_share *s;
    uint32_t at = 0, sum = 0;

    while ((s = plan_next(c->plan, RULE_SHARE, &at)))
        if (strcmp(s->name, but->name) == 0 && strcmp(s->server, but->server) == 0 &&
            strcmp(s->cluster, but->cluster) != 0)
            sum += s->allowed;
    return sum;
}

static int share_out(struct change *c, const struct rule_resource *row, struct err *e)
{
    int r = 0;

    for (uint32_t i = 0; i < c->want.clusters.n && r == 0; i++) {
        struct rule_share like = { .name = row->name,
                                   .server = row->server,
                                   .cluster = c->want.clusters.v[i] };
        struct rule_share *s, *v = c->ret->shares.v;
        uint32_t n = c->ret->shares.n;

        if (!plan_find(c->plan, RULE_CLUSTER, like.cluster))
            return err_set(e, ENOENT, " The cluster '%s' doesn't exist. Please add first.",
                           like.cluster);
        s = plan_edit(c->plan, RULE_SHARE, &like);
        r = change_apply(c, KEYS_SHARE, s, e);
        if (r == 0 && given_away(c, s) + s->allowed > 100)
            return err_set(e, EINVAL,
                           " You can not allocate more than 100%% of a resource: %u%% of %s@%s are "
                           "given to other clusters",
                           given_away(c, s), s->name, s->server);
        c->ret->shares.v = arena_calloc(c->arena, n + 1, sizeof *v);
        if (n)
            memcpy(c->ret->shares.v, v, n * sizeof *v);
        c->ret->shares.v[c->ret->shares.n++] = *s;
    }
    return r;
}

int add_resource(struct change *c, struct err *e)
{
    int r = change_check_names(&c->want.names, "resource", e);

    if (r == 0)
        r = change_check_names(&c->want.servers, "server", e);
    if (r == 0 && !c->want.names.n)
        return err_set(e, EINVAL, " Need name of resource to add.");
    for (uint32_t i = 0; i < c->want.names.n && r == 0; i++) {
        const char *name = c->want.names.v[i], *server = server_of(c);
        struct rule_resource like = { .name = name,
                                      .server = server,
                                      .server_type = "",
                                      .type = "License",
                                      .description = name };
        struct rule_resource *row;
        bool is_new = !plan_find(c->plan, RULE_RESOURCE, KEY_OF(c->arena, name, server));

        if (!is_new && !c->want.clusters.n)
            continue;
        row = plan_edit(c->plan, RULE_RESOURCE, &like);
        r = change_apply(c, KEYS_RESOURCE, row, e);
        if (r == 0 && is_new && !row->count)
            return err_set(e, EINVAL, " Need Count= of the resource to add.");
        if (r == 0)
            r = share_out(c, row, e);
        strs_add(&c->ret->names, arena_printf(c->arena, "%s@%s", name, server), c->arena);
        plan_note(c->plan, "Add Resources", arena_printf(c->arena, "%u", row->id), "");
    }
    return r || c->ret->names.n ? r : err_set(e, EEXIST, " Nothing new added.");
}

static bool resource_is_meant(const struct change *c, const struct rule_resource *row)
{
    return want_has(&c->want.names, row->name) && want_has(&c->want.servers, row->server) &&
           want_has(&c->want.types, row->type) &&
           want_has(&c->want.ids, arena_printf(c->arena, "%u", row->id));
}

int modify_resource(struct change *c, struct err *e)
{
    const struct rule_resource *row;
    uint32_t at = 0;
    int r = 0;

    while (r == 0 && (row = plan_next(c->plan, RULE_RESOURCE, &at))) {
        if (!resource_is_meant(c, row))
            continue;
        if (c->want.clusters.n)
            r = share_out(c, row, e);
        else
            r = change_apply(c, KEYS_RESOURCE, plan_edit(c->plan, RULE_RESOURCE, row), e);
        strs_add(&c->ret->names, arena_printf(c->arena, "%s@%s", row->name, row->server), c->arena);
        plan_note(c->plan, "Modify Resources", arena_printf(c->arena, "%u", row->id), "");
    }
    return r || c->ret->names.n ? r : change_nothing(e, "modified");
}

/* With a cluster: only its share. */
int delete_resource(struct change *c, struct err *e)
{
    const struct rule_resource *row;
    const struct rule_share *s;
    uint32_t at = 0, i;

    if (!c->want.names.n && !c->want.servers.n && !c->want.ids.n)
        return err_set(e, EINVAL, " No conditions given to remove, not executing.");
    while ((row = plan_next(c->plan, RULE_RESOURCE, &at))) {
        if (!resource_is_meant(c, row))
            continue;
        for (i = 0; (s = plan_next(c->plan, RULE_SHARE, &i));)
            if (strcmp(s->name, row->name) == 0 && strcmp(s->server, row->server) == 0 &&
                want_has(&c->want.clusters, s->cluster))
                plan_delete(c->plan, RULE_SHARE, s);
        strs_add(&c->ret->names, arena_printf(c->arena, "%s@%s", row->name, row->server), c->arena);
        plan_note(c->plan, "Remove Resources", arena_printf(c->arena, "%u", row->id), "");
        if (!c->want.clusters.n)
            plan_delete(c->plan, RULE_RESOURCE, row);
    }
    return c->ret->names.n ? 0 : change_nothing(e, "deleted");
}
