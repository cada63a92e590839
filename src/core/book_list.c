/* The rule book with what counts now, in the words of scontrol show assoc_mgr: LIMIT(IN USE), N for
 * no limit. */
#include "core/fairshare.h"
#include "core/state.h"

#include "base/buf.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* A list of resources is printed from one of these. */
enum in_use { USE_RUNNING, USE_SPENT, USE_TO_RUN, USE_NONE };

struct held {
    const struct gauge *gauge;
    const struct spent *spent; /* NULL: nothing */
    enum in_use use;
};

static uint64_t used_of(const struct core *c, const struct held *h, uint32_t i)
{
    const struct load *load = h->gauge->sums;
    __int128 s = load ? load->ends[i] - (__int128)load->tres.v[i] * c->now : 0;

    switch (h->use) {
    case USE_RUNNING:
        return load ? load->tres.v[i] : 0;
    case USE_SPENT:
        return h->spent ? (uint64_t)(h->spent->tres_s[i] / 60) : 0;
    case USE_TO_RUN:
        return s > 0 ? (uint64_t)(s / 60) : 0;
    case USE_NONE:
        break;
    }
    return 0;
}

/* cpu=10(0),mem=N(0) */
static void put_tres(struct buf *b, const struct core *c, const char *key, const char *limits,
                     const struct held *h)
{
    struct amounts most;
    uint32_t mask = 0;

    if (tres_parse(&c->tres, limits, &most, &mask, NULL) < 0)
        mask = 0;
    buf_printf(b, "%s=", key);
    for (uint32_t i = 0; i < c->tres.n; i++) {
        unsigned long long in_use = used_of(c, h, i);
        if (mask >> i & 1)
            buf_printf(b, "%s%s=%llu(%llu)", i ? "," : "", c->tres.names[i],
                       (unsigned long long)most.v[i], in_use);
        else
            buf_printf(b, "%s%s=N(%llu)", i ? "," : "", c->tres.names[i], in_use);
    }
}

static void put_count(struct buf *b, const char *key, struct opt_u32 limit, uint32_t used)
{
    if (limit.set && limit.v != UINT32_MAX)
        buf_printf(b, "%s=%u(%u)", key, limit.v, used);
    else
        buf_printf(b, "%s=N(%u)", key, used);
}

/* Limits that a job is compared with by itself: nothing when they are not set. */
static void put_bare(struct buf *b, const char *key, struct opt_u32 limit)
{
    buf_printf(b, limit.set && limit.v != UINT32_MAX ? "%s=%u" : "%s=", key, limit.v);
}

static const char *text(const char *s)
{
    return s ? s : "";
}

static void put_groups(struct buf *b, const struct core *c, const struct owner *o,
                       const struct rule_limits *l)
{
    buf_puts(b, "    ");
    put_tres(b, c, "GrpTRES", l->grp_tres, &(struct held){ &o->now, o->used, USE_RUNNING });
    buf_puts(b, "\n    ");
    put_tres(b, c, "GrpTRESMins", l->grp_tres_mins, &(struct held){ &o->now, o->used, USE_SPENT });
    buf_puts(b, "\n    ");
    put_tres(b, c, "GrpTRESRunMins", l->grp_tres_run_mins,
             &(struct held){ &o->now, o->used, USE_TO_RUN });
    buf_puts(b, "\n");
}

static void put_wall(struct buf *b, const struct owner *o, struct opt_u32 limit)
{
    double used = o->used ? o->used->wall_s / 60 : 0;

    if (limit.set && limit.v != UINT32_MAX)
        buf_printf(b, " GrpWall=%u(%.2f)\n", limit.v, used);
    else
        buf_printf(b, " GrpWall=N(%.2f)\n", used);
}

static void put_owned(struct buf *b, const char *key, struct opt_u32 limit, uint32_t used)
{
    if (limit.set && limit.v != UINT32_MAX)
        put_count(b, key, limit, used);
    else
        buf_printf(b, "%s=", key);
}

static void put_assoc(struct buf *b, const struct core *c, const struct assoc *as)
{
    static const struct rule_limits none;
    const struct rule_assoc *row = as->row;
    const struct rule_limits *l = row->limits ? row->limits : &none;
    const struct gauge *now = &as->owner.now;
    const struct share *s = fairshare_at(c->shares, as->share);
    const struct share *group = fairshare_at(c->shares, s->group);
    double whole = fairshare_usage(c->shares, FAIRSHARE_ROOT);
    double usage = fairshare_usage(c->shares, as->share);

    buf_printf(b, "ClusterName=%s Account=%s UserName=%s Partition=%s Priority=%u ID=%u\n",
               c->conf->cluster, row->account, text(row->user), text(row->partition),
               row->priority.set ? row->priority.v : 0, row->id);
    buf_printf(b, "    SharesRaw/Norm/Level/Factor=%u/%.2f/%llu/%.2f\n", row->shares,
               as->up && group->shares_below ? (double)row->shares / (double)group->shares_below
                                             : 0,
               (unsigned long long)(as->up ? group->shares_below : 1), s->factor);
    buf_printf(b, "    UsageRaw/Norm/Efctv=%.2f/%.2f/%.2f\n", usage, whole > 0 ? usage / whole : 0,
               group->usage_below ? (double)s->usage / (double)group->usage_below : 0);
    buf_puts(b, "    ParentAccount=");
    if (as->up && as->up->row->id && !*text(row->user))
        buf_printf(b, "%s(%u)", as->up->row->account, as->up->row->id);
    buf_printf(b, " Lft=0 DefAssoc=%s\n    ", row->is_default ? "Yes" : "No");
    put_count(b, "GrpJobs", l->grp_jobs, now->running);
    put_count(b, " GrpJobsAccrue", l->grp_jobs_accrue, now->submitted - now->running);
    buf_puts(b, "\n    ");
    put_count(b, "GrpSubmitJobs", l->grp_submit, now->submitted);
    put_wall(b, &as->owner, l->grp_wall_min);
    put_groups(b, c, &as->owner, l);
    buf_puts(b, "    ");
    put_owned(b, "MaxJobs", l->max_jobs, now->running);
    put_owned(b, " MaxJobsAccrue", l->max_jobs_accrue, now->submitted - now->running);
    put_owned(b, " MaxSubmitJobs", l->max_submit, now->submitted);
    put_bare(b, " MaxWallPJ", l->max_wall_min);
    buf_printf(b, "\n    MaxTRESPJ=%s\n    MaxTRESPN=%s\n    MaxTRESMinsPJ=%s\n", text(l->max_tres),
               text(l->max_tres_node), text(l->max_tres_mins));
    put_bare(b, "    MinPrioThresh", l->min_prio);
    buf_puts(b, "\n");
}

/* The counters of users or accounts in a QOS. */
struct shown {
    const char *name;
    const struct gauge *gauge;
    bool is_user;
};

static void put_gauge(struct buf *b, const struct core *c, const struct rule_limits *l,
                      const struct shown *s)
{
    const char *who = s->is_user ? "PU" : "PA";
    char key[32];

    buf_printf(b, "      %s\n        ", s->name);
    snprintf(key, sizeof key, "MaxJobs%s", who);
    put_count(b, key, s->is_user ? l->max_jobs : l->max_jobs_account, s->gauge->running);
    snprintf(key, sizeof key, " MaxJobsAccrue%s", who);
    put_count(b, key, s->is_user ? l->max_jobs_accrue : l->max_jobs_accrue_account,
              s->gauge->submitted - s->gauge->running);
    snprintf(key, sizeof key, " MaxSubmitJobs%s", who);
    put_count(b, key, s->is_user ? l->max_submit : l->max_submit_account, s->gauge->submitted);
    buf_puts(b, "\n        ");
    snprintf(key, sizeof key, "MaxTRES%s", who);
    put_tres(b, c, key, s->is_user ? l->max_tres_user : l->max_tres_account,
             &(struct held){ s->gauge, NULL, USE_RUNNING });
    buf_puts(b, "\n");
}

static void put_users(struct buf *b, const struct core *c, const struct qos *q,
                      const struct rule_limits *l)
{
    uint32_t at = 0, n = 0;
    uint64_t key;
    void *value;

    buf_puts(b, "    User Limits\n");
    while (map_next(&q->users, &at, &key, &value)) {
        char name[16];
        const struct gauge *g = value;
        snprintf(name, sizeof name, "%u", (uint32_t)(key - 1));
        if (g->submitted || g->running) {
            put_gauge(b, c, l, &(struct shown){ name, g, true });
            n++;
        }
    }
    if (n == 0)
        buf_puts(b, "      No Users\n");
}

static void put_accounts(struct buf *b, const struct core *c, const struct qos *q,
                         const struct rule_limits *l)
{
    uint32_t n = 0;

    buf_puts(b, "    Account Limits\n");
    for (uint32_t i = 0; i < c->rules->assoc_n; i++) {
        const struct rule_assoc *row = c->rules->order[i]->row;
        const struct gauge *g =
            *text(row->user) ? NULL : map_get(&q->accounts, limits_account_key(row->account));
        if (g && (g->submitted || g->running)) {
            put_gauge(b, c, l, &(struct shown){ row->account, g, false });
            n++;
        }
    }
    if (n == 0)
        buf_puts(b, "      No Accounts\n");
}

static void put_qos(struct buf *b, const struct core *c, const struct qos *q)
{
    static const struct rule_limits none;
    const struct rule_limits *l = q->row->limits ? q->row->limits : &none;
    const struct gauge *now = &q->owner.now;
    const char *mode = text(q->row->preempt_mode);

    buf_printf(b, "QOS=%s(%u)\n    UsageRaw=%.6f\n    ", q->row->name, q->row->id,
               q->owner.used ? q->owner.used->tres_s[TRES_BILLING] : 0);
    put_count(b, "GrpJobs", l->grp_jobs, now->running);
    put_count(b, " GrpJobsAccrue", l->grp_jobs_accrue, now->submitted - now->running);
    put_count(b, " GrpSubmitJobs", l->grp_submit, now->submitted);
    put_wall(b, &q->owner, l->grp_wall_min);
    put_groups(b, c, &q->owner, l);
    put_bare(b, "    MaxWallPJ", l->max_wall_min);
    buf_printf(b, "\n    MaxTRESPJ=%s\n    MaxTRESPN=%s\n    MaxTRESMinsPJ=%s\n", text(l->max_tres),
               text(l->max_tres_node), text(l->max_tres_mins));
    put_bare(b, "    MinPrioThresh", l->min_prio);
    buf_printf(b, " \n    MinTRESPJ=%s\n    PreemptMode=%s\n    Priority=%u\n", text(l->min_tres),
               *mode && strcasecmp(mode, "cluster") != 0 ? mode : "OFF", q->row->priority);
    put_accounts(b, c, q, l);
    put_users(b, c, q, l);
}

static int by_name(const void *a, const void *b)
{
    return strcmp((*(const struct rule_user *const *)a)->name,
                  (*(const struct rule_user *const *)b)->name);
}

static void list_users(const struct core *c, struct arena *a, struct book_records *ret)
{
    const struct rule_user **all = arena_calloc(a, c->rules->users.count + 1, sizeof *all);
    uint32_t at = 0, n = 0;
    const char *key;
    void *value;

    while (smap_next(&c->rules->users, &at, &key, &value))
        all[n++] = value;
    qsort(all, n, sizeof *all, by_name);
    for (uint32_t i = 0; i < n; i++)
        ret->records.v[ret->records.n++] = (struct book_record){
            .kind = "user",
            .user = all[i]->name,
            .text = arena_printf(a, "UserName=%s DefAccount=%s DefWckey=%s AdminLevel=%s\n",
                                 all[i]->name, text(all[i]->def_account), text(all[i]->def_wckey),
                                 text(all[i]->admin_level)),
        };
}

void core_list_book(const struct core *c, struct arena *a, struct book_records *ret)
{
    const struct rulebook *r = c->rules;
    uint32_t most = r->users.count + r->assoc_n + r->qos_n;
    struct buf b = { 0 };

    *ret = (struct book_records){ 0 };
    ret->records.v = arena_calloc(a, most + 1, sizeof *ret->records.v);
    prio_share_factor(c, FAIRSHARE_ROOT); /* brings ranks and levels up to date */
    list_users(c, a, ret);
    for (uint32_t i = 0; i < r->assoc_n; i++) {
        buf_reset(&b);
        put_assoc(&b, c, r->order[i]);
        ret->records.v[ret->records.n++] =
            (struct book_record){ .kind = "association",
                                  .user = r->order[i]->row->user,
                                  .account = r->order[i]->row->account,
                                  .text = arena_strdup(a, buf_str(&b)) };
    }
    for (uint32_t i = 0; i < r->qos_n; i++) {
        buf_reset(&b);
        put_qos(&b, c, r->qos_order[i]);
        ret->records.v[ret->records.n++] = (struct book_record){
            .kind = "qos", .qos = r->qos_order[i]->row->name, .text = arena_strdup(a, buf_str(&b))
        };
    }
    buf_fini(&b);
}
