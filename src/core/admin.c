/* scontrol update node and partition. */
#include "core/finish.h"
#include "core/place.h"
#include "core/report.h"
#include "core/state.h"

#include "base/hostlist.h"
#include "base/times.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static const struct word {
    const char *word;
    uint32_t set, clear;
    bool needs_reason;
    const char *event;
} words[] = {
#define NODE_WORD(word, set, clear, needs_reason, event) { word, set, clear, needs_reason, event },
#include "schema/node_state.def"
#undef NODE_WORD
};

static const struct word *find_word(const char *text)
{
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        if (strcasecmp(words[i].word, text) == 0)
            return &words[i];
    return NULL;
}

static const char *value_of(const struct node_update *up, const char *key)
{
    for (uint32_t i = 0; i < up->set.n; i++)
        if (strcasecmp(up->set.v[i].key, key) == 0)
            return up->set.v[i].value;
    return NULL;
}

static int set_weight(struct node_record *rec, const char *value)
{
    char *end;
    unsigned long v = strtoul(value, &end, 10);

    if (!*value || *end || v >= UINT32_MAX)
        return -EINVAL;
    rec->weight = (struct opt_u32){ true, (uint32_t)v };
    return 0;
}

static int set_features(struct node_record *rec, const char *value)
{
    rec->has_features = (struct opt_u32){ true, 1 };
    rec->features = value;
    return 0;
}

static int set_comment(struct node_record *rec, const char *value)
{
    rec->comment = value;
    return 0;
}

static int set_extra(struct node_record *rec, const char *value)
{
    rec->extra = value;
    return 0;
}

static int set_elsewhere(struct node_record *rec, const char *value)
{
    return 0; /* State and Reason belong together: change_state */
}

static const struct {
    const char *key;
    int (*set)(struct node_record *rec, const char *value);
} node_keys[] = {
    { "State", set_elsewhere },
    { "Reason", set_elsewhere },
    { "Weight", set_weight },
    { "AvailableFeatures", set_features },
    { "ActiveFeatures", set_features },
    { "Comment", set_comment },
    { "Extra", set_extra },
};

static int check_update(const struct node_update *up, struct err *e)
{
    const char *state = value_of(up, "State"), *reason = value_of(up, "Reason");
    const struct word *w = state ? find_word(state) : NULL;
    struct node_record scratch = { 0 };

    if (state && !w)
        return err_set(e, ESLURM_INVALID_NODE_STATE,
                       "asked: State=%.60s\nDOWN, DRAIN, FAIL, FUTURE, NORESP, RESUME, "
                       "UNDRAIN, IDLE",
                       state);
    if (w && w->needs_reason && (!reason || !*reason))
        return err_set(e, ESLURM_INVALID_NODE_STATE, "You must specify a reason when %s a node",
                       w->event);
    for (uint32_t i = 0; i < up->set.n; i++) {
        size_t k = 0, n = sizeof node_keys / sizeof node_keys[0];
        while (k < n && strcasecmp(node_keys[k].key, up->set.v[i].key) != 0)
            k++;
        if (k == n || node_keys[k].set(&scratch, up->set.v[i].value) < 0)
            return err_set(e, EINVAL, "a node has no setting %.60s=%.60s that could be changed",
                           up->set.v[i].key, up->set.v[i].value);
    }
    return 0;
}

static const char *change_state(struct turn *t, const struct node_update *up,
                                struct node_record *rec)
{
    const char *state = value_of(up, "State"), *reason = value_of(up, "Reason");
    const struct word *w = state ? find_word(state) : NULL;

    if (w) {
        rec->state = (rec->state | w->set) & ~w->clear;
        if (w->clear & NODE_DRAIN)
            rec->state &= (uint32_t) ~(NODE_MISFIT | NODE_SILENT);
        if (w->clear && !w->set && !(rec->state & (NODE_DOWN | NODE_DRAIN | NODE_FAIL)))
            rec->reason = "";
    }
    if (reason && *reason) {
        rec->reason = reason;
        rec->reason_uid = t->in->who.uid;
        rec->reason_time = t->in->now;
    }
    return w ? w->event : "";
}

static void update_node(struct turn *t, const struct node *n, const struct node_update *up)
{
    struct node_record rec = node_record_of(n);
    const char *event = change_state(t, up, &rec);

    for (uint32_t i = 0; i < up->set.n; i++)
        for (size_t k = 0; k < sizeof node_keys / sizeof node_keys[0]; k++)
            if (strcasecmp(node_keys[k].key, up->set.v[i].key) == 0)
                node_keys[k].set(&rec, up->set.v[i].value);
    put_node(t, &rec, event);
}

/* A node that was put down takes its jobs with it. */
static void end_jobs(struct turn *t, const struct node *const *nodes, uint32_t count)
{
    struct bits set;

    bits_init(&set, t->c->node_count);
    for (uint32_t i = 0; i < count; i++)
        bits_set(&set, nodes[i]->index);
    end_for_nodes(t, &set);
    bits_fini(&set);
}

void decide_node_update(struct turn *t, const struct node_update *up)
{
    struct hostlist names = { 0 };
    struct err e = { 0 };
    const char *state = value_of(up, "State");
    const struct node **nodes;

    if (t->in->who.role < ROLE_OPERATOR && t->in->who.uid != 0) {
        turn_refuse(t, ESLURM_ACCESS_DENIED, "only operators change nodes");
        return;
    }
    int r = check_update(up, &e);
    if (r == 0 &&
        (!up->nodes || hostlist_expand(t->a, up->nodes, &names, NULL) < 0 || names.n == 0))
        r = err_set(&e, ESLURM_INVALID_NODE_NAME, "asked: NodeName=%.100s",
                    up->nodes ? up->nodes : "");
    hostlist_sort_unique(&names);
    nodes = arena_calloc(t->a, names.n + 1, sizeof *nodes);
    for (uint32_t i = 0; r == 0 && i < names.n; i++) {
        nodes[i] = node_find(t->c, names.v[i]);
        if (!nodes[i] || nodes[i]->is_gone)
            r = err_set(&e, ESLURM_INVALID_NODE_NAME, "no node is called %.100s", names.v[i]);
    }
    if (r < 0) {
        turn_refuse_err(t, &e);
        return;
    }
    for (uint32_t i = 0; i < names.n; i++)
        update_node(t, nodes[i], up);
    if (state && strcasecmp(state, "DOWN") == 0)
        end_jobs(t, nodes, names.n);
    turn_reply(t, &desc_empty, &(struct empty){});
}

struct part_change {
    struct part_info info;
    const struct core *c;
};

static int part_state(struct part_change *ch, const char *v)
{
    if (strcasecmp(v, "UP") && strcasecmp(v, "DOWN") && strcasecmp(v, "DRAIN") &&
        strcasecmp(v, "INACTIVE"))
        return -EINVAL;
    ch->info.state = v;
    return 0;
}

static int part_max_time(struct part_change *ch, const char *v)
{
    return times_parse_minutes(v, &ch->info.max_time_min, NULL);
}

static int part_default_time(struct part_change *ch, const char *v)
{
    ch->info.default_time_min.set = strcasecmp(v, "NONE") != 0;
    return ch->info.default_time_min.set
               ? times_parse_minutes(v, &ch->info.default_time_min.v, NULL)
               : 0;
}

static int number(const char *v, uint32_t *ret)
{
    char *end;
    unsigned long n = strtoul(v, &end, 10);

    if (strcasecmp(v, "UNLIMITED") == 0) {
        *ret = UINT32_MAX;
        return 0;
    }
    if (!*v || *end || n >= UINT32_MAX)
        return -EINVAL;
    *ret = (uint32_t)n;
    return 0;
}

static int part_max_nodes(struct part_change *ch, const char *v)
{
    return number(v, &ch->info.max_nodes);
}

static int part_min_nodes(struct part_change *ch, const char *v)
{
    return number(v, &ch->info.min_nodes);
}

static int part_tier(struct part_change *ch, const char *v)
{
    return number(v, &ch->info.priority_tier);
}

static int part_job_factor(struct part_change *ch, const char *v)
{
    return number(v, &ch->info.priority_job_factor);
}

static int part_groups(struct part_change *ch, const char *v)
{
    ch->info.allow_groups = strcasecmp(v, "ALL") == 0 ? "" : v;
    return 0;
}

static int part_accounts(struct part_change *ch, const char *v)
{
    ch->info.allow_accounts = strcasecmp(v, "ALL") == 0 ? "" : v;
    return 0;
}

static int part_deny_accounts(struct part_change *ch, const char *v)
{
    ch->info.deny_accounts = v;
    return 0;
}

static int part_hidden(struct part_change *ch, const char *v)
{
    ch->info.hidden = strcasecmp(v, "YES") == 0;
    return 0;
}

static int part_root_only(struct part_change *ch, const char *v)
{
    ch->info.root_only = strcasecmp(v, "YES") == 0;
    return 0;
}

static int part_oversubscribe(struct part_change *ch, const char *v)
{
    ch->info.oversubscribe = v;
    return 0;
}

/* Only nodes that exist; the list is kept as written. */
static int part_nodes(struct part_change *ch, const char *v)
{
    struct arena a = { 0 };
    struct hostlist names = { 0 };
    int r = hostlist_expand(&a, v, &names, NULL);

    for (uint32_t i = 0; r == 0 && i < names.n; i++)
        if (!node_find(ch->c, names.v[i]))
            r = -ESLURM_INVALID_NODE_NAME;
    arena_fini(&a);
    ch->info.nodes = ch->info.node_sets = v;
    return r;
}

static const struct {
    const char *key;
    int (*set)(struct part_change *ch, const char *value);
} part_keys[] = {
    { "State", part_state },
    { "MaxTime", part_max_time },
    { "DefaultTime", part_default_time },
    { "MaxNodes", part_max_nodes },
    { "MinNodes", part_min_nodes },
    { "PriorityTier", part_tier },
    { "PriorityJobFactor", part_job_factor },
    { "AllowGroups", part_groups },
    { "AllowAccounts", part_accounts },
    { "DenyAccounts", part_deny_accounts },
    { "Hidden", part_hidden },
    { "RootOnly", part_root_only },
    { "OverSubscribe", part_oversubscribe },
    { "Nodes", part_nodes },
};

static int set_part_key(struct part_change *ch, const struct key_value *kv, struct err *e)
{
    for (size_t k = 0; k < sizeof part_keys / sizeof part_keys[0]; k++)
        if (strcasecmp(part_keys[k].key, kv->key) == 0)
            return part_keys[k].set(ch, kv->value) == 0
                       ? 0
                       : err_set(e, EINVAL, "%.60s=%.100s is not a value for a partition", kv->key,
                                 kv->value);
    return err_set(e, EINVAL, "Update of this parameter is not supported: %.60s", kv->key);
}

void decide_part_update(struct turn *t, const struct part_update *up)
{
    const struct part *p = up->name ? part_find(t->c, up->name) : NULL;
    struct part_change ch = { .c = t->c };
    struct err e = { 0 };
    int r = 0;

    if (t->in->who.role < ROLE_OPERATOR && t->in->who.uid != 0)
        r = err_set(&e, ESLURM_ACCESS_DENIED, "only operators change partitions");
    else if (!p || p->is_gone)
        r = err_set(&e, ESLURM_INVALID_PARTITION_NAME, "asked: PartitionName=%.100s",
                    up->name ? up->name : "");
    else
        ch.info = *p->info;
    for (uint32_t i = 0; i < up->set.n && r == 0; i++)
        r = set_part_key(&ch, &up->set.v[i], &e);
    if (r < 0) {
        turn_refuse_err(t, &e);
        return;
    }
    turn_fact(t, FACT_part_set, &(struct fact_part){ .now = t->in->now, .part = &ch.info });
    turn_reply(t, &desc_empty, &(struct empty){});
}
