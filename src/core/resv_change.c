/* Reservations made, changed and ended.  Times come as seconds since the epoch: scontrol knows the
 * user's clock. */
#include "core/resv.h"

#include "base/hostlist.h"
#include "base/times.h"
#include "core/features.h"
#include "core/state.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define PURGE_S 300u /* PURGE_COMP without a time (scontrol(1)) */

/* A reservation on its way to what it shall be. */
struct change {
    const struct core *c;
    struct arena *a;
    int64_t now;
    struct resv_info info;
    int64_t duration_s; /* 0: not said */
    bool sets_end, sets_nodes, sets_count, sets_cores;
    struct err *e;
};

/* ---- values */

static int set_time(const char *v, int64_t *ret)
{
    char *end;
    long long t = strtoll(v, &end, 10);

    if (!*v || *end || t < 0)
        return -EINVAL;
    *ret = t;
    return 0;
}

static int set_number(const char *v, uint32_t *ret)
{
    char *end;
    unsigned long n = strtoul(v, &end, 10);

    if (!*v || (*end && strcasecmp(end, "k") != 0) || n > UINT32_MAX / 1024)
        return -EINVAL;
    *ret = (uint32_t)(*end ? n * 1024 : n);
    return 0;
}

static int key_start(struct change *ch, const struct key_value *kv)
{
    int64_t old = ch->info.start;
    int r = set_time(kv->value, &ch->info.start);

    if (r == 0 && !ch->sets_end && ch->info.end > old)
        ch->duration_s = ch->info.end - old;
    return r;
}

static int key_end(struct change *ch, const struct key_value *kv)
{
    ch->sets_end = true;
    return set_time(kv->value, &ch->info.end);
}

/* Duration=60, Duration+=30, Duration-=30. */
static int key_duration(struct change *ch, const struct key_value *kv)
{
    uint32_t min;
    int64_t had = ch->info.end - ch->info.start;
    int r = times_parse_minutes(kv->value, &min, NULL);

    if (r < 0)
        return r;
    int64_t s = min == TIMES_INFINITE ? 365LL * 86400 : (int64_t)min * 60;
    ch->duration_s = *kv->op == '+' ? had + s : *kv->op == '-' ? had - s : s;
    return ch->duration_s > 0 ? 0 : -EINVAL;
}

static int key_nodes(struct change *ch, const struct key_value *kv)
{
    ch->sets_nodes = *kv->value != '\0';
    ch->info.nodes = kv->value;
    ch->info.flags &= ~(uint64_t)(RESV_SPEC_NODES | RESV_ALL_NODES);
    return 0;
}

static int key_count(struct change *ch, const struct key_value *kv)
{
    ch->sets_count = true;
    return set_number(kv->value, &ch->info.node_count);
}

/* One number is the sum; a list is so many on each node, and the sum of it is kept. */
static int key_cores(struct change *ch, const struct key_value *kv)
{
    uint32_t sum = 0;

    for (const char *at = kv->value; *at; at += *at == ',') {
        char *end;
        unsigned long n = strtoul(at, &end, 10);
        if (end == at || (*end && *end != ',') || n > UINT16_MAX)
            return -EINVAL;
        sum += (uint32_t)n;
        at = end;
    }
    ch->sets_cores = true;
    ch->info.core_count = sum;
    ch->info.core_text = kv->value;
    return 0;
}

static int key_delay(struct change *ch, const struct key_value *kv)
{
    return times_parse_seconds(kv->value, &ch->info.max_start_delay_s, NULL);
}

/* Users+=a,b and Users-=a: the names of a list, with or without a - in front of each. */
static const char *list_without(struct arena *a, const char *list, const char *names)
{
    char *out = arena_alloc(a, strlen(list) + 1), *end = out;

    for (const char *at = list; *at; at += *at == ',') {
        size_t len = strcspn(at, ",");
        bool drop = false;
        for (const char *n = names; *n && !drop; n += strcspn(n, ","), n += *n == ',')
            drop = strcspn(n, ",") == len && strncmp(n, at, len) == 0;
        if (!drop) {
            if (end > out)
                *end++ = ',';
            memcpy(end, at, len);
            end += len;
        }
        at += len;
    }
    *end = '\0';
    return out;
}

static const char *list_changed(struct arena *a, const char *list, const struct key_value *kv)
{
    if (*kv->op == '-' && *list)
        return list_without(a, list, kv->value);
    if (*kv->op == '+' && *list)
        return arena_printf(a, "%s,%s", list_without(a, list, kv->value), kv->value);
    return kv->value;
}

static int key_users(struct change *ch, const struct key_value *kv)
{
    ch->info.users = list_changed(ch->a, ch->info.users, kv);
    return 0;
}

static int key_accounts(struct change *ch, const struct key_value *kv)
{
    ch->info.accounts = list_changed(ch->a, ch->info.accounts, kv);
    return 0;
}

static int key_groups(struct change *ch, const struct key_value *kv)
{
    ch->info.groups = list_changed(ch->a, ch->info.groups, kv);
    return 0;
}

#define TEXT_KEY(member) \
    static int key_##member(struct change *ch, const struct key_value *kv) \
    {                                                                      \
        ch->info.member = kv->value;                                       \
        return 0;                                                          \
    }
TEXT_KEY(licenses)
TEXT_KEY(features)
TEXT_KEY(comment)
TEXT_KEY(burst_buffer)
TEXT_KEY(qos)
TEXT_KEY(partitions)

static int key_partition(struct change *ch, const struct key_value *kv)
{
    const struct part *p = part_find(ch->c, kv->value);

    if (*kv->value && (!p || p->is_gone))
        return -ESLURM_INVALID_PARTITION_NAME;
    ch->info.partition = kv->value;
    return 0;
}

/* TRES=cpu=10,node=2,license/x=1 says the same as CoreCnt, NodeCnt and Licenses. */
static int key_tres(struct change *ch, const struct key_value *kv)
{
    const char *at = kv->value;
    int r = 0;

    for (; *at && r == 0; at += *at == ',') {
        size_t len = strcspn(at, ",");
        char *one = arena_strndup(ch->a, at, len);
        char *value = strchr(one, '=');
        if (!value)
            return -EINVAL;
        *value++ = '\0';
        const struct key_value part = { .key = one, .value = value, .op = "" };
        if (strcasecmp(one, "node") == 0)
            r = key_count(ch, &part);
        else if (strcasecmp(one, "cpu") == 0)
            r = key_cores(ch, &part);
        else if (strncasecmp(one, "license/", 8) == 0)
            ch->info.licenses = arena_printf(ch->a, "%s%s%s:%s", ch->info.licenses,
                                             *ch->info.licenses ? "," : "", one + 8, value);
        else
            r = -EINVAL;
        at += len;
    }
    return r;
}

/* ---- flags */

static const struct flag {
    const char *name;
    uint64_t bit;
    bool can_lose;
} flags[] = {
#define RESV(bit, name, can_lose) { #name, 1ull << (bit), can_lose },
#include "schema/resv_flags.def"
#undef RESV
    { "SPEC_NODES", RESV_SPEC_NODES, true },
    { "LICENSE_ONLY", RESV_ANY_NODES, true },
    { "NO_HOLD_JOBS_AFTER_END", RESV_NO_HOLD_JOBS_AFTER, false },
};

static const struct flag *flag_find(const char *name, size_t len)
{
    for (size_t i = 0; i < sizeof flags / sizeof flags[0]; i++)
        if (strlen(flags[i].name) == len && strncasecmp(flags[i].name, name, len) == 0)
            return &flags[i];
    return NULL;
}

/* Flags=MAINT,PURGE_COMP=10; Flags+=; Flags-=. */
static int key_flags(struct change *ch, const struct key_value *kv)
{
    bool takes = *kv->op == '-';
    uint64_t kept = *kv->op ? ch->info.flags : ch->info.flags & (RESV_SPEC_NODES | RESV_ALL_NODES);

    for (const char *at = kv->value; *at; at += *at == ',') {
        size_t len = strcspn(at, ","), name = strcspn(at, ",=");
        const struct flag *f = flag_find(at, name);
        if (!f || (takes && !f->can_lose))
            return -EINVAL;
        if (f->bit == RESV_PURGE_COMP) {
            ch->info.purge_s = PURGE_S;
            char *time = arena_strndup(ch->a, at + name, len - name);
            if (*time == '=' && times_parse_seconds(time + 1, &ch->info.purge_s, NULL) < 0)
                return -EINVAL;
        }
        kept = takes ? kept & ~f->bit : kept | f->bit;
        at += len;
    }
    ch->info.flags = kept;
    return 0;
}

/* Skip: on to the next occurrence. */
static int key_skip(struct change *ch, const struct key_value *kv)
{
    int64_t length = ch->info.end - ch->info.start;

    if (!(ch->info.flags & RESV_REPEATS))
        return -EINVAL;
    ch->info.start = resv_next_start(ch->info.flags, ch->info.start, ch->info.start);
    ch->info.end = ch->info.start + length;
    return 0;
}

static const struct {
    const char *key;
    int (*set)(struct change *ch, const struct key_value *kv);
} keys[] = {
    { "StartTime", key_start },
    { "EndTime", key_end },
    { "Duration", key_duration },
    { "Nodes", key_nodes },
    { "NodeCnt", key_count },
    { "NodeCount", key_count },
    { "CoreCnt", key_cores },
    { "CoreCount", key_cores },
    { "MaxStartDelay", key_delay },
    { "Users", key_users },
    { "User", key_users },
    { "Accounts", key_accounts },
    { "Account", key_accounts },
    { "Groups", key_groups },
    { "Group", key_groups },
    { "Licenses", key_licenses },
    { "License", key_licenses },
    { "Features", key_features },
    { "PartitionName", key_partition },
    { "Partition", key_partition },
    { "TRES", key_tres },
    { "Flags", key_flags },
    { "Comment", key_comment },
    { "BurstBuffer", key_burst_buffer },
    { "QOS", key_qos },
    { "AllowedPartitions", key_partitions },
    { "Skip", key_skip },
};

static int set_key(struct change *ch, const struct key_value *kv)
{
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        if (strcasecmp(keys[i].key, kv->key) != 0)
            continue;
        int r = keys[i].set(ch, kv);
        if (r >= 0)
            return 0;
        return err_set(ch->e, r == -EINVAL ? ESLURM_RESERVATION_INVALID : -r,
                       "%.60s=%.100s is not a value for a reservation", kv->key, kv->value);
    }
    return err_set(ch->e, ESLURM_RESERVATION_INVALID,
                   "a reservation has no setting %.60s; it has StartTime, EndTime, Duration, "
                   "Nodes, NodeCnt, CoreCnt, Users, Groups, Accounts, Licenses, Features, "
                   "PartitionName, Flags, TRES, MaxStartDelay, Comment",
                   kv->key);
}

/* ---- times */

static int settle_times(struct change *ch)
{
    struct resv_info *r = &ch->info;

    if (r->start == 0)
        return err_set(ch->e, ESLURM_INVALID_TIME_VALUE, "StartTime= is missing");
    if (ch->duration_s)
        r->end = r->start + ch->duration_s;
    if (r->end == 0)
        return err_set(ch->e, ESLURM_INVALID_TIME_VALUE, "EndTime= or Duration= is missing");
    if (r->end <= r->start || r->end <= ch->now)
        return err_set(ch->e, ESLURM_INVALID_TIME_VALUE,
                       "it would end %lld s before it begins or now",
                       (long long)((r->start > ch->now ? r->start : ch->now) - r->end));
    r->first_start = r->flags & RESV_TIME_FLOAT ? r->start - ch->now : 0;
    return 0;
}

/* ---- nodes */

/* A running job that would still be there keeps its node out of a new reservation. */
static bool is_busy(const struct change *ch, const struct node *n)
{
    for (uint32_t i = 0; i < n->jobs.n; i++) {
        const struct job *job = job_find(ch->c, n->jobs.v[i]);
        int64_t end = job ? job_limit_end(job) : 0;
        if (job && (end == 0 || end > ch->info.start))
            return true;
    }
    return false;
}

/* What other reservations have at that time; those that may overlap ask nobody. */
static void taken_nodes(const struct change *ch, struct bits *ret)
{
    bits_init(ret, ch->c->node_count);
    if (ch->info.flags & (RESV_OVERLAP | RESV_MAINT))
        return;
    resv_bar(ch->c, resv_find(ch->c, ch->info.name), ch->info.start, ch->info.end, ret);
}

static int check_nodes(struct change *ch, const struct hostlist *names)
{
    struct bits taken;
    int r = 0;

    taken_nodes(ch, &taken);
    for (uint32_t i = 0; i < names->n && r == 0; i++) {
        const struct node *n = node_find(ch->c, names->v[i]);
        if (!n || n->is_gone)
            r = err_set(ch->e, ESLURM_INVALID_NODE_NAME, "no node is called %.100s", names->v[i]);
        else if (bits_test(&taken, n->index))
            r = err_set(ch->e, ESLURM_RESERVATION_OVERLAP,
                        "%.100s is in another reservation then; Flags=OVERLAP shares it",
                        names->v[i]);
        else if (!(ch->info.flags & RESV_IGNORE_JOBS) && is_busy(ch, n))
            r = err_set(ch->e, ESLURM_NODES_BUSY,
                        "a job on %.100s may still run then; Flags=IGNORE_JOBS takes it all the "
                        "same",
                        names->v[i]);
    }
    bits_fini(&taken);
    return r;
}

static int named_nodes(struct change *ch)
{
    struct hostlist names = { 0 };
    const struct part *p = part_find(ch->c, ch->info.partition);
    bool is_all = strcasecmp(ch->info.nodes, "ALL") == 0;

    if (is_all && p) {
        ch->info.nodes = p->info->nodes;
    } else if (is_all) {
        const char **all = arena_calloc(ch->a, ch->c->node_count + 1, sizeof *all);
        uint32_t n = 0;
        for (uint32_t i = 0; i < ch->c->node_count; i++)
            if (!ch->c->nodes[i]->is_gone)
                all[n++] = ch->c->nodes[i]->conf->name;
        ch->info.nodes = hostlist_compress(ch->a, all, n);
    }
    if (hostlist_expand(ch->a, ch->info.nodes, &names, NULL) < 0 || names.n == 0)
        return err_set(ch->e, ESLURM_INVALID_NODE_NAME, "asked: Nodes=%.100s", ch->info.nodes);
    hostlist_sort_unique(&names);
    ch->info.flags |= is_all ? RESV_ALL_NODES : RESV_SPEC_NODES;
    ch->info.node_count = names.n;
    ch->info.nodes = hostlist_compress(ch->a, names.v, names.n);
    return check_nodes(ch, &names);
}

static bool suits(const struct change *ch, const struct node *n, const struct bits *taken)
{
    const char *want = ch->info.features;

    return !n->is_gone && node_is_up(n) && !bits_test(taken, n->index) &&
           (*want == '\0' || features_match(want, node_features(n), 0, NULL)) &&
           (ch->info.flags & RESV_IGNORE_JOBS || !is_busy(ch, n));
}

/* The first nodes that suit, in order of weight. */
static int picked_nodes(struct change *ch)
{
    const struct part *p = part_find(ch->c, ch->info.partition);
    const char **names = arena_calloc(ch->a, ch->c->node_count + 1, sizeof *names);
    uint32_t n = 0, count = p ? p->order_n : ch->c->node_count;
    uint32_t cores = 0, want = ch->info.node_count;
    struct bits taken;

    if (want == 0 && ch->info.core_count == 0)
        want = count; /* PartitionName alone: all of it */
    taken_nodes(ch, &taken);
    for (uint32_t i = 0; i < count && (n < want || cores < ch->info.core_count); i++) {
        const struct node *node = ch->c->nodes[p ? p->order[i] : i];
        if (!suits(ch, node, &taken))
            continue;
        names[n++] = node->conf->name;
        cores += node->conf->sockets * node->conf->cores;
    }
    bits_fini(&taken);
    if (n < want || cores < ch->info.core_count)
        return err_set(ch->e, ESLURM_NODES_BUSY,
                       "%u nodes are free then and suit, %u with %u cores were asked for", n, want,
                       ch->info.core_count);
    ch->info.nodes = hostlist_compress(ch->a, names, n);
    ch->info.node_count = n;
    return 0;
}

static int settle_nodes(struct change *ch, bool is_new)
{
    bool picks = ch->sets_count || ch->sets_cores || (is_new && *ch->info.partition);

    if (ch->info.flags & RESV_ANY_NODES && !ch->sets_nodes && !ch->sets_count)
        return 0;
    if (ch->sets_nodes)
        return named_nodes(ch);
    if (picks)
        return picked_nodes(ch);
    return is_new ? err_set(ch->e, ESLURM_INVALID_NODE_COUNT,
                            "Nodes=, NodeCnt=, CoreCnt=, PartitionName= or Licenses= with "
                            "Flags=LICENSE_ONLY is missing")
                  : 0;
}

/* ---- requests */

static int settle(struct change *ch, const struct resv_update *up)
{
    int r = 0;

    for (uint32_t i = 0; i < up->set.n && r == 0; i++)
        r = set_key(ch, &up->set.v[i]);
    if (r == 0)
        r = settle_times(ch);
    if (r == 0 && !*ch->info.users && !*ch->info.accounts && !*ch->info.groups)
        r = err_set(ch->e, ESLURM_RESERVATION_EMPTY, "Users=, Groups= or Accounts= is missing");
    return r == 0 ? settle_nodes(ch, up->create) : r;
}

/* "alice_3": the first user, account or group, and the next number that is free. */
static const char *make_name(const struct change *ch)
{
    const struct resv_info *r = &ch->info;
    const char *of = *r->users ? r->users : *r->accounts ? r->accounts : r->groups;
    const char *name;
    uint32_t n = 1;

    of += *of == '-';
    do
        name = arena_printf(ch->a, "%.*s_%u", (int)strcspn(of, ","), of, n++);
    while (resv_find(ch->c, name));
    return name;
}

static bool may_change(const struct turn *t)
{
    return t->in->who.role >= ROLE_OPERATOR || t->in->who.uid == 0;
}

static void put(struct turn *t, struct resv_info *info, bool is_gone)
{
    struct fact_resv f = { .now = t->in->now, .resv = info, .is_gone = is_gone };

    turn_fact(t, FACT_resv_set, &f);
}

static uint32_t next_id(const struct core *c)
{
    uint32_t most = 0;

    for (uint32_t i = 0; i < c->resv_count; i++)
        if (c->resvs[i]->info->id > most)
            most = c->resvs[i]->info->id;
    return most + 1;
}

static struct resv_info blank(const struct resv_update *up)
{
    return (struct resv_info){ .name = up->name,    .nodes = "",  .features = "",
                               .partition = "",     .users = "",  .groups = "",
                               .accounts = "",      .tres = "",   .licenses = "",
                               .comment = "",       .state = "",  .core_text = "",
                               .burst_buffer = "",  .qos = "",    .partitions = "" };
}

void decide_resv_create(struct turn *t, const struct resv_update *up)
{
    struct err e = { 0 };
    struct change ch = { .c = t->c, .a = t->a, .now = t->in->now, .info = blank(up), .e = &e };
    int r = 0;

    if (!may_change(t))
        r = err_set(&e, ESLURM_ACCESS_DENIED, "only operators make reservations");
    else if (resv_find(t->c, up->name))
        r = err_set(&e, ESLURM_RESERVATION_NAME_DUP, "asked: ReservationName=%.100s", up->name);
    if (r == 0)
        r = settle(&ch, up);
    if (r < 0) {
        turn_refuse_err(t, &e);
        return;
    }
    if (!*ch.info.name)
        ch.info.name = make_name(&ch);
    ch.info.id = next_id(t->c);
    put(t, &ch.info, false);
    turn_reply(t, &desc_resv_named, &(struct resv_named){ .name = ch.info.name });
}

void decide_resv_modify(struct turn *t, const struct resv_update *up)
{
    const struct resv *old = resv_find(t->c, up->name);
    struct err e = { 0 };
    struct change ch = { .c = t->c, .a = t->a, .now = t->in->now, .e = &e };
    int r = 0;

    if (!may_change(t))
        r = err_set(&e, ESLURM_ACCESS_DENIED, "only operators change reservations");
    else if (!old)
        r = err_set(&e, ESLURM_RESERVATION_INVALID, "no reservation is called %.100s", up->name);
    else
        ch.info = *old->info;
    if (r == 0)
        r = settle(&ch, up);
    if (r < 0) {
        turn_refuse_err(t, &e);
        return;
    }
    put(t, &ch.info, false);
    turn_reply(t, &desc_empty, &(struct empty){});
}

/* ---- the end */

static bool names_it(const struct job *job, const struct resv_info *r)
{
    return strcmp(job->wish->ask->reservation, r->name) == 0;
}

/* Jobs that run in it, or wait for it. */
static bool is_used(const struct core *c, const struct resv_info *r, bool running_only)
{
    QUEUE_FOREACH(it, &c->jobs)
    {
        const struct job *job = it->job;
        bool runs = job->phase == PHASE_RUNNING || job->phase == PHASE_ENDING;
        bool waits = job->phase == PHASE_PENDING && !running_only;
        if ((runs || waits) && names_it(job, r))
            return true;
    }
    return false;
}

/* Who waits for what is gone is held, unless it may go elsewhere. */
static void release_waiting(struct turn *t, const struct resv_info *r)
{
    QUEUE_FOREACH(it, &t->c->jobs)
    {
        const struct job *job = it->job;
        if (job->phase != PHASE_PENDING || !names_it(job, r))
            continue;
        struct job_wish wish = *job->wish->ask;
        wish.reservation = "";
        turn_fact(t, FACT_job_update,
                  &(struct fact_job_update){
                      .job_id = job->id, .now = t->in->now, .wish = &wish });
        if (!(r->flags & RESV_NO_HOLD_JOBS_AFTER))
            turn_fact(t, FACT_job_hold,
                      &(struct fact_job_hold){
                          .job_id = job->id, .now = t->in->now, .hold = HOLD_ADMIN });
    }
}

void decide_resv_remove(struct turn *t, const struct resv_delete *del)
{
    const struct resv *r = resv_find(t->c, del->name);
    struct err e = { 0 };

    if (!r)
        err_set(&e, ESLURM_RESERVATION_INVALID, "no reservation is called %.100s", del->name);
    else if (!may_change(t) &&
             !(r->info->flags & RESV_USER_DELETE &&
               resv_allows(r->info, &(struct resv_guest){ t->in->who.user_name, "",
                                                          t->in->who.groups ? t->in->who.groups
                                                                            : "" })))
        err_set(&e, ESLURM_ACCESS_DENIED, "only operators delete reservations");
    else if (is_used(t->c, r->info, true))
        err_set(&e, ESLURM_RESERVATION_BUSY, "jobs run in it");
    if (e.code) {
        turn_refuse_err(t, &e);
        return;
    }
    release_waiting(t, r->info);
    put(t, r->info, true);
    turn_reply(t, &desc_empty, &(struct empty){});
}

/* Over, or on to its next occurrence. */
static void over(struct turn *t, const struct resv *r)
{
    struct resv_info next = *r->info;

    if (next.flags & RESV_REPEATS) {
        next.start = resv_next_start(next.flags, next.start, next.start);
        next.end = next.start + (r->info->end - r->info->start);
        put(t, &next, false);
        return;
    }
    release_waiting(t, r->info);
    put(t, r->info, true);
}

void decide_resv_tick(struct turn *t)
{
    for (uint32_t i = 0; i < t->c->resv_count; i++) {
        const struct resv *r = t->c->resvs[i];

        if (!(r->info->flags & RESV_TIME_FLOAT) && r->info->end <= t->in->now)
            over(t, r);
    }
}

/* ---- how it is shown */

void resv_describe(const struct core *c, const struct resv *r, int64_t now, struct arena *a,
                   struct resv_info *ret)
{
    uint32_t cpus = 0, cores = 0;

    BITS_FOREACH(i, &r->nodes)
    {
        const struct node *n = c->nodes[i];
        cpus += n->conf->cpus;
        cores += n->conf->cpus / n->unit;
    }
    *ret = *r->info;
    ret->core_total = ret->core_count ? ret->core_count : cores;
    ret->tres = arena_printf(a, "cpu=%u", ret->core_count ? ret->core_count : cpus);
    ret->start = resv_start(r, now);
    ret->end = resv_end(r, now);
    ret->state = resv_is_active(r, now) ? "ACTIVE" : "INACTIVE";
}

void core_list_resvs(const struct core *c, const struct resv_query *q, int64_t now, struct arena *a,
                     struct resv_infos *ret)
{
    ret->reservations.v = arena_calloc(a, c->resv_count + 1, sizeof *ret->reservations.v);
    for (uint32_t i = 0; i < c->resv_count; i++)
        if (!*q->name || strcmp(q->name, c->resvs[i]->info->name) == 0)
            resv_describe(c, c->resvs[i], now, a,
                          &ret->reservations.v[ret->reservations.n++]);
}
