/* The rule book: rows in, rows out, and questions about names.  See rules.h. */
#include "core/rules.h"

#include "base/buf.h"
#include "base/xalloc.h"
#include "core/limits.h"
#include "core/msgs.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define ROOT_ID 1u
#define NAME_MAX_BYTES 512
#define DUMP_ROWS 1000u /* associations in one fact */

static const struct {
    const char *name;
    uint32_t flag;
} qos_flags[] = {
    { "DenyOnLimit", QOS_DENY_ON_LIMIT },
    { "EnforceUsageThreshold", QOS_ENFORCE_THRESHOLD },
    { "NoDecay", QOS_NO_DECAY },
    { "NoReserve", QOS_NO_RESERVE },
    { "OverPartQOS", QOS_OVER_PART },
    { "PartitionMaxNodes", QOS_PART_MAX_NODES },
    { "PartitionMinNodes", QOS_PART_MIN_NODES },
    { "PartitionTimeLimit", QOS_PART_TIME },
    { "RequiresReservation", QOS_NEEDS_RESERVATION },
    { "UsageFactorSafe", QOS_FACTOR_SAFE },
};

static bool has_text(const char *s)
{
    return s && *s;
}

struct rulebook *rules_new(void)
{
    return xcalloc(1, sizeof(struct rulebook));
}

static void owner_fini(struct owner *o)
{
    free(o->limits);
    free(o->used);
    gauge_fini(&o->now);
}

static void assoc_free(struct assoc *as)
{
    owner_fini(&as->owner);
    free((void *)(uintptr_t)as->row);
    free(as->name);
    free(as);
}

static void gauges_free(struct map *m)
{
    uint32_t at = 0;
    uint64_t key;
    void *value;

    while (map_next(m, &at, &key, &value)) {
        gauge_fini(value);
        free(value);
    }
    map_fini(m);
}

static void qos_free(struct qos *q)
{
    owner_fini(&q->owner);
    gauges_free(&q->users);
    gauges_free(&q->accounts);
    free((void *)(uintptr_t)q->row);
    free(q);
}

static void free_named(struct smap *m)
{
    uint32_t at = 0;
    const char *key;
    void *value;

    while (smap_next(m, &at, &key, &value))
        free(value);
    smap_fini(m);
}

static void drop_parts(struct rulebook *r)
{
    for (uint32_t i = 0; i < r->part_n; i++)
        free(r->parts[i]);
    free(r->parts);
    r->parts = NULL;
    r->part_n = 0;
}

void rules_free(struct rulebook *r)
{
    if (!r)
        return;
    for (uint32_t i = 0; i < r->assoc_n; i++)
        assoc_free(r->order[i]);
    for (uint32_t i = 0; i < r->qos_n; i++)
        qos_free(r->qos_order[i]);
    map_fini(&r->assocs);
    smap_fini(&r->by_name);
    map_fini(&r->qos);
    smap_fini(&r->qos_names);
    free_named(&r->users);
    free_named(&r->resources);
    free(r->wckeys);
    free(r->order);
    free(r->qos_order);
    drop_parts(r);
    free(r);
}

/* ---- names */

/* Accounts and partitions in lower case, as sacctmgr keeps them. */
static const char *key_of(char *buf, const char *account, const char *user, const char *partition)
{
    const char *parts[] = { account, user, partition };
    size_t n = 0;

    for (size_t i = 0; i < 3; i++) {
        for (const char *s = parts[i] ? parts[i] : ""; *s && n < NAME_MAX_BYTES - 4; s++)
            buf[n++] = i == 1 ? *s : (char)tolower((unsigned char)*s);
        buf[n++] = '\t';
    }
    buf[n] = '\0';
    return buf;
}

struct assoc *rules_assoc(const struct rulebook *r, const char *account, const char *user,
                          const char *partition)
{
    char key[NAME_MAX_BYTES];
    struct assoc *as = NULL;

    if (!has_text(user) || !has_text(account))
        return NULL;
    if (has_text(partition))
        as = smap_get(&r->by_name, key_of(key, account, user, partition));
    return as ? as : smap_get(&r->by_name, key_of(key, account, user, ""));
}

struct qos *rules_qos(const struct rulebook *r, const char *name)
{
    char low[NAME_MAX_BYTES];
    size_t n = 0;

    if (!has_text(name))
        return NULL;
    for (; name[n] && n < sizeof low - 1; n++)
        low[n] = (char)tolower((unsigned char)name[n]);
    low[n] = '\0';
    return smap_get(&r->qos_names, low);
}

const struct rule_user *rules_user(const struct rulebook *r, const char *name)
{
    return has_text(name) ? smap_get(&r->users, name) : NULL;
}

bool rules_has_wckey(const struct rulebook *r, const char *user, const char *wckey)
{
    size_t len = strlen(user);

    for (uint32_t i = 0; r->wckeys && i < r->wckeys->wckeys.n; i++) {
        const char *row = r->wckeys->wckeys.v[i];
        if (strncmp(row, user, len) == 0 && row[len] == '=' && strcmp(row + len + 1, wckey) == 0)
            return true;
    }
    return false;
}

const char *rules_default_account(const struct rulebook *r, const char *user)
{
    const struct rule_user *u = rules_user(r, user);

    return u && u->def_account ? u->def_account : "";
}

char *rules_accounts_text(const struct rulebook *r, const char *user, struct arena *a)
{
    struct buf b = { 0 };

    for (uint32_t i = 0; i < r->assoc_n && b.len < 200; i++) {
        const struct rule_assoc *row = r->order[i]->row;
        bool is_theirs = has_text(user) && has_text(row->user) && strcmp(row->user, user) == 0;
        if (is_theirs && !has_text(row->partition))
            buf_printf(&b, "%s%s", b.len ? "," : "", row->account);
        else if (is_theirs)
            buf_printf(&b, "%s%s (in %s)", b.len ? "," : "", row->account, row->partition);
    }
    char *text = arena_strdup(a, buf_str(&b));
    buf_fini(&b);
    return text;
}

/* ---- QOS of an association */

static bool in_names(const struct strs *names, const char *name, char sign)
{
    for (uint32_t i = 0; i < names->n; i++) {
        const char *s = names->v[i];
        if (sign ? *s == sign && strcasecmp(s + 1, name) == 0 : strcasecmp(s, name) == 0)
            return true;
    }
    return false;
}

/* A list whose names have signs changes the list above; one without replaces it. */
bool rules_may_use(const struct assoc *as, const char *qos)
{
    for (; as; as = as->up) {
        const struct strs *names = &as->row->qos;
        if (in_names(names, qos, '-'))
            return false;
        if (in_names(names, qos, 0) || in_names(names, qos, '+'))
            return true;
        if (names->n && *names->v[0] != '+' && *names->v[0] != '-')
            return false;
    }
    return strcasecmp(qos, "normal") == 0;
}

const char *rules_default_qos(const struct rulebook *r, const struct assoc *as)
{
    const char *only = NULL;
    uint32_t allowed = 0;

    for (const struct assoc *at = as; at; at = at->up)
        if (has_text(at->row->def_qos))
            return at->row->def_qos;
    for (uint32_t i = 0; i < r->qos_n; i++)
        if (rules_may_use(as, r->qos_order[i]->row->name)) {
            only = r->qos_order[i]->row->name;
            allowed++;
        }
    if (allowed == 1)
        return only;
    return rules_qos(r, "normal") ? "normal" : "";
}

char *rules_qos_text(const struct rulebook *r, const struct assoc *as, struct arena *a)
{
    struct buf b = { 0 };

    for (uint32_t i = 0; i < r->qos_n && b.len < 200; i++)
        if (rules_may_use(as, r->qos_order[i]->row->name))
            buf_printf(&b, "%s%s", b.len ? "," : "", r->qos_order[i]->row->name);
    char *text = arena_strdup(a, buf_str(&b));
    buf_fini(&b);
    return text;
}

uint32_t rules_priority(const struct assoc *as)
{
    for (; as; as = as->up)
        if (as->row->priority.set && as->row->priority.v != UINT32_MAX)
            return as->row->priority.v;
    return 0;
}

/* ---- changes */

static bool same_text(const char *a, const char *b)
{
    return strcmp(a ? a : "", b ? b : "") == 0;
}

static bool moves(const struct rulebook *r, const struct rule_assoc *row)
{
    const struct assoc *as = map_get(&r->assocs, row->id);

    if (!as || row->is_deleted)
        return as != NULL || !row->is_deleted;
    return as->row->parent != row->parent || as->row->shares != row->shares ||
           !same_text(as->row->account, row->account) || !same_text(as->row->user, row->user) ||
           !same_text(as->row->partition, row->partition);
}

bool rules_is_structural(const struct rulebook *r, const struct rules *change)
{
    if (change->is_whole)
        return !change->more;
    for (uint32_t i = 0; i < change->assocs.n; i++)
        if (moves(r, &change->assocs.v[i]))
            return true;
    for (uint32_t i = 0; i < change->qos.n; i++) {
        const struct qos *q = map_get(&r->qos, change->qos.v[i].id);
        if (!q || change->qos.v[i].is_deleted || !same_text(q->row->name, change->qos.v[i].name))
            return true;
    }
    return false;
}

static void forget_assoc(struct rulebook *r, struct assoc *as)
{
    map_del(&r->assocs, as->row->id);
    if (smap_get(&r->by_name, as->name) == as)
        smap_del(&r->by_name, as->name);
    assoc_free(as);
}

static void put_assoc(struct rulebook *r, const struct tres_table *t, const struct rule_assoc *row)
{
    struct assoc *as = map_get(&r->assocs, row->id);
    char key[NAME_MAX_BYTES];

    if (row->is_deleted && as)
        forget_assoc(r, as);
    if (row->is_deleted || row->id == 0)
        return;
    if (!as) {
        as = xcalloc(1, sizeof *as);
        map_put(&r->assocs, row->id, as);
    } else if (smap_get(&r->by_name, as->name) == as) {
        smap_del(&r->by_name, as->name);
    }
    free((void *)(uintptr_t)as->row);
    free(as->name);
    as->row = msg_clone(&desc_rule_assoc, row);
    as->name = xstrdup(key_of(key, row->account, row->user, row->partition));
    as->seen = r->seen;
    smap_put(&r->by_name, as->name, as);
    limits_read(&as->owner, t, row->limits);
}

static uint32_t read_flags(const struct strs *words)
{
    uint32_t flags = 0;

    for (uint32_t i = 0; i < words->n; i++)
        for (size_t k = 0; k < sizeof qos_flags / sizeof qos_flags[0]; k++)
            if (strcasecmp(words->v[i], qos_flags[k].name) == 0)
                flags |= qos_flags[k].flag;
    return flags;
}

static void forget_qos(struct rulebook *r, struct qos *q)
{
    map_del(&r->qos, q->row->id);
    if (smap_get(&r->qos_names, q->row->name) == q)
        smap_del(&r->qos_names, q->row->name);
    qos_free(q);
}

static void put_qos(struct rulebook *r, const struct tres_table *t, const struct rule_qos *row)
{
    struct qos *q = map_get(&r->qos, row->id);

    if (row->is_deleted && q)
        forget_qos(r, q);
    if (row->is_deleted || row->id == 0)
        return;
    if (!q) {
        q = xcalloc(1, sizeof *q);
        map_put(&r->qos, row->id, q);
    } else if (smap_get(&r->qos_names, q->row->name) == q) {
        smap_del(&r->qos_names, q->row->name);
    }
    free((void *)(uintptr_t)q->row);
    q->row = msg_clone(&desc_rule_qos, row);
    q->flags = read_flags(&q->row->flags);
    q->seen = r->seen;
    smap_put(&r->qos_names, q->row->name, q);
    limits_read(&q->owner, t, row->limits);
}

static void put_user(struct rulebook *r, const struct rule_user *row)
{
    if (!has_text(row->name))
        return;
    free(smap_del(&r->users, row->name));
    if (row->is_deleted)
        return;
    struct rule_user *own = msg_clone(&desc_rule_user, row);
    smap_put(&r->users, own->name, own);
}

/* A licence of a server; what is allowed of it is for the licences to know (rules_dump gives it).
 */
static void put_resource(struct rulebook *r, const struct rule_res *row)
{
    char key[NAME_MAX_BYTES];

    key_of(key, row->name, row->server, "");
    uint32_t at = 0;
    const char *known;
    void *value;
    while (smap_next(&r->resources, &at, &known, &value)) {
        struct rule_res *old = value;
        char name[NAME_MAX_BYTES];
        if (strcmp(key_of(name, old->name, old->server, ""), key) != 0)
            continue;
        smap_del(&r->resources, known);
        free(old);
        break;
    }
    if (row->is_deleted)
        return;
    struct rule_res *own = msg_clone(&desc_rule_res, row);
    smap_put(&r->resources, own->name, own);
}

static int by_assoc_id(const void *a, const void *b)
{
    const struct assoc *const *x = a, *const *y = b;

    return (*x)->row->id < (*y)->row->id ? -1 : 1;
}

static int by_qos_id(const void *a, const void *b)
{
    const struct qos *const *x = a, *const *y = b;

    return (*x)->row->id < (*y)->row->id ? -1 : 1;
}

static void *sorted(const struct map *m, int (*order)(const void *, const void *), uint32_t *ret_n)
{
    void **all = xcalloc(m->count + 1, sizeof *all);
    uint32_t n = 0, at = 0;
    uint64_t key;
    void *value;

    while (map_next(m, &at, &key, &value))
        all[n++] = value;
    qsort(all, n, sizeof *all, order);
    *ret_n = n;
    return all;
}

/* What a row names by number becomes a pointer; whose parent is not there stands under the root. */
static void link_up(struct rulebook *r)
{
    struct assoc *root = map_get(&r->assocs, ROOT_ID);

    for (uint32_t i = 0; i < r->assoc_n; i++) {
        struct assoc *as = r->order[i];
        struct assoc *up = as->row->parent ? map_get(&r->assocs, as->row->parent) : root;
        as->up = as == root ? NULL : up && up != as ? up : root;
    }
}

static void settle(struct rulebook *r)
{
    free(r->order);
    free(r->qos_order);
    r->order = sorted(&r->assocs, by_assoc_id, &r->assoc_n);
    r->qos_order = sorted(&r->qos, by_qos_id, &r->qos_n);
    link_up(r);
}

static void find_most(struct rulebook *r)
{
    r->qos_most = r->assoc_most = 0;
    for (uint32_t i = 0; i < r->qos_n; i++)
        if (r->qos_order[i]->row->priority > r->qos_most)
            r->qos_most = r->qos_order[i]->row->priority;
    for (uint32_t i = 0; i < r->assoc_n; i++) {
        const struct opt_u32 *p = &r->order[i]->row->priority;
        if (p->set && p->v != UINT32_MAX && p->v > r->assoc_most)
            r->assoc_most = p->v;
    }
}

static void put_rows(struct rulebook *r, const struct tres_table *t, const struct rules *change)
{
    for (uint32_t i = 0; i < change->qos.n; i++)
        put_qos(r, t, &change->qos.v[i]);
    for (uint32_t i = 0; i < change->assocs.n; i++)
        put_assoc(r, t, &change->assocs.v[i]);
    for (uint32_t i = 0; i < change->users.n; i++)
        put_user(r, &change->users.v[i]);
    for (uint32_t i = 0; i < change->resources.n; i++)
        put_resource(r, &change->resources.v[i]);
    if (change->wckeys.n) {
        free(r->wckeys);
        r->wckeys = msg_clone(&desc_rules, &(struct rules){ .wckeys = change->wckeys });
    }
}

/* What the whole book did not name is gone; usage of what it did name stays. */
static void drop_unseen(struct rulebook *r)
{
    for (uint32_t i = 0; i < r->assoc_n; i++)
        if (r->order[i]->seen != r->seen)
            forget_assoc(r, r->order[i]);
    for (uint32_t i = 0; i < r->qos_n; i++)
        if (r->qos_order[i]->seen != r->seen)
            forget_qos(r, r->qos_order[i]);
}

static void put_whole(struct rulebook *r, const struct tres_table *t)
{
    r->seen++;
    free_named(&r->users);
    free_named(&r->resources);
    free(r->wckeys);
    r->wckeys = NULL;
    for (uint32_t i = 0; i < r->part_n; i++)
        put_rows(r, t, r->parts[i]);
    drop_unseen(r);
    drop_parts(r);
}

/* A part of another book than those before begins anew. */
static void keep_part(struct rulebook *r, const struct rules *part)
{
    if (r->part_n && r->parts[0]->version != part->version)
        drop_parts(r);
    r->parts = xrealloc(r->parts, r->part_n + 1, sizeof *r->parts);
    r->parts[r->part_n++] = msg_clone(&desc_rules, part);
}

void rules_put(struct rulebook *r, const struct tres_table *t, const struct rules *change)
{
    bool is_structural = rules_is_structural(r, change);

    if (change->is_whole)
        keep_part(r, change);
    if (change->is_whole && change->more)
        return;
    if (change->is_whole)
        put_whole(r, t);
    else
        put_rows(r, t, change);
    r->version = change->version;
    if (is_structural)
        settle(r);
    find_most(r);
}

void rules_read_limits(struct rulebook *r, const struct tres_table *t)
{
    for (uint32_t i = 0; i < r->assoc_n; i++)
        limits_read(&r->order[i]->owner, t, r->order[i]->row->limits);
    for (uint32_t i = 0; i < r->qos_n; i++)
        limits_read(&r->qos_order[i]->owner, t, r->qos_order[i]->row->limits);
}
