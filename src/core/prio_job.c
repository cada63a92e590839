/* Multifactor priority of the core's jobs; explained in prio_job.h. */
#include "core/prio_job.h"

#include "core/fairshare.h"
#include "core/place.h"
#include "core/standing.h"
#include "core/state.h"
#include "core/usage.h"

#include <assert.h>
#include <string.h>
#include <strings.h>

/* Jobs that one slice of a period looks at. */
#define SLICE 2048u

/* More accounts and users than this share the usage of those they belong to: without slurmdbd
 * anybody may think up names. */
#define SHARES_MAX 131072u

static bool has_text(const char *s)
{
    return s && *s;
}

static bool is_multifactor(const struct core_conf *conf)
{
    return conf && conf->priority_type && strcasecmp(conf->priority_type, "multifactor") == 0;
}

bool prio_is_multifactor(const struct core *c)
{
    return is_multifactor(c->conf);
}

/* ---- configuration */

int prio_conf_read(const struct core_conf *conf, struct arena *a, struct prio_conf *ret,
                   struct err *e)
{
    struct prio_conf p = { .age = conf->prio_weight_age,
                           .assoc = conf->prio_weight_assoc,
                           .fairshare = conf->prio_weight_fairshare,
                           .size = conf->prio_weight_job_size,
                           .part = conf->prio_weight_partition,
                           .qos = conf->prio_weight_qos,
                           .max_age_s = conf->prio_max_age_s,
                           .favors_small = conf->prio_favors_small };
    const char *flags = conf->prio_flags ? conf->prio_flags : "";
    const char *tres = conf->prio_weight_tres ? conf->prio_weight_tres : "";

    if (!is_multifactor(conf)) {
        *ret = (struct prio_conf){ 0 };
        return 0;
    }
    int r = prio_parse_flags(flags, &p.flags, e);
    if (r < 0)
        return r;
    r = prio_parse_weights(tres, a, &p.tres, e);
    if (r < 0)
        return err_at(e, r, "PriorityWeightTRES");
    *ret = p;
    return 0;
}

static void add_nodes_of(struct core *c, struct part *p)
{
    double cpus = 0, mem = 0;

    for (uint32_t i = 0; i < p->order_n; i++) {
        cpus += c->nodes[p->order[i]]->conf->cpus;
        mem += (double)c->nodes[p->order[i]]->conf->real_memory_mb;
    }
    p->tres = (struct tres_list){ .v = { { "cpu", cpus }, { "mem", mem }, { "node", p->order_n } },
                                  .n = 3 };
}

/* The daemon has refused what cannot be read; a journal of another version may still hold it. */
void prio_configured(struct core *c)
{
    arena_reset(&c->prio_texts);
    if (prio_conf_read(c->conf, &c->prio_texts, &c->prio, NULL) < 0)
        c->prio = (struct prio_conf){ 0 };
    c->prio_whole = (struct prio_whole){ 0 };
    for (uint32_t i = 0; i < c->node_count; i++)
        if (!c->nodes[i]->is_gone) {
            c->prio_whole.nodes++;
            c->prio_whole.cpus += c->nodes[i]->conf->cpus;
        }
    for (uint32_t i = 0; i < c->part_count; i++) {
        struct part *p = c->parts[i];
        add_nodes_of(c, p);
        if (prio_parse_weights(p->info->billing_weights ? p->info->billing_weights : "",
                               &c->prio_texts, &p->billing, NULL) < 0)
            p->billing = (struct tres_list){ 0 };
        if (!p->is_gone && p->info->priority_job_factor > c->prio_whole.part_most)
            c->prio_whole.part_most = p->info->priority_job_factor;
    }
    if (!prio_is_multifactor(c))
        c->prio_cursor = 0;
    else if (c->prio_at == 0)
        c->prio_at = c->now;
    QUEUE_FOREACH(it, &c->jobs)
    prio_know(c, it->job);
}

/* ---- shares */

/* The account's place; FAIRSHARE_NONE when it is not known. */
static uint32_t account_of(const struct core *c, const char *account)
{
    return has_text(account) ? fairshare_account(c->shares, account) : FAIRSHARE_ROOT;
}

/* The user's place, made when it is new.  When there is no room for more it is the account's, or
 * the root. */
static uint32_t take_share(struct core *c, const char *account, const char *user, bool has_room)
{
    uint32_t up = account_of(c, account);

    if (up == FAIRSHARE_NONE && !has_room)
        return FAIRSHARE_ROOT;
    if (up == FAIRSHARE_NONE)
        up = fairshare_add(c->shares, (struct share_row){ account, FAIRSHARE_ROOT, 1, false });
    if (!has_text(user))
        return up;
    uint32_t at = fairshare_user(c->shares, up, user);
    if (at == FAIRSHARE_NONE)
        at = has_room ? fairshare_add(c->shares, (struct share_row){ user, up, 1, true }) : up;
    return at;
}

static uint32_t share_of(struct core *c, const struct job *job)
{
    bool has_room = fairshare_count(c->shares) + 2 <= SHARES_MAX;

    if (c->rules->version)
        return job->standing.assoc ? job->standing.assoc->share : FAIRSHARE_ROOT;
    return take_share(c, job->account, job->user, has_room);
}

void prio_know(struct core *c, const struct job *job)
{
    if (prio_is_multifactor(c) && c->rules->version == 0)
        share_of(c, job);
}

static double billing_of(const struct core *c, const struct job *job)
{
    struct claim claim;

    claim_placed(c, part_find(c, job->alloc->partition), job->wish->ask, job->alloc->nodes.v,
                 job->alloc->nodes.n, &claim);
    return claim.billing;
}

/* A run is charged in pieces: at the beginning of each period, and the rest at its end.  So every
 * job has been charged up to the last period's beginning, and nothing needs to be kept for it. */
static void charge_until(struct core *c, const struct job *job, int64_t until)
{
    int64_t from = job->start > c->prio_at ? job->start : c->prio_at;

    if (until <= from)
        return;
    fairshare_charge(c->shares, share_of(c, job),
                     billing_of(c, job) * usage_factor(job) * (double)(until - from));
    usage_charge(c, job, until - from);
}

void prio_charge(struct core *c, const struct job *job)
{
    if (prio_is_multifactor(c) && job->alloc)
        charge_until(c, job, job->end);
}

/* Each running job once: by the first of its nodes. */
static void charge_running(struct core *c, int64_t now)
{
    for (uint32_t i = 0; i < c->node_count; i++)
        for (uint32_t k = 0; k < c->nodes[i]->jobs.n; k++) {
            const struct job *job = job_find(c, c->nodes[i]->jobs.v[k]);
            if (job->phase == PHASE_RUNNING && job->alloc->nodes.v[0].node == i)
                charge_until(c, job, now);
        }
}

/* With a rule book the tree is there already, and nothing is added to it. */
static uint32_t known_share(const struct core *c, const struct fact_share *f)
{
    uint32_t up = account_of(c, f->account);
    uint32_t at =
        up != FAIRSHARE_NONE && has_text(f->user) ? fairshare_user(c->shares, up, f->user) : up;

    return at != FAIRSHARE_NONE ? at : up != FAIRSHARE_NONE ? up : FAIRSHARE_ROOT;
}

void prio_load_share(struct core *c, const struct fact_share *f)
{
    uint32_t at = FAIRSHARE_ROOT;

    if (!f->is_root)
        at = c->rules->version ? known_share(c, f) : take_share(c, f->account, f->user, true);
    fairshare_restore(c->shares, at, f->usage);
}

static void rank(const struct core *c)
{
    if (c->prio.flags & PRIO_NO_FAIR_TREE)
        fairshare_classic(c->shares, c->conf->prio_dampening ? c->conf->prio_dampening : 1);
    else
        fairshare_rank(c->shares);
}

double prio_share_factor(const struct core *c, uint32_t share)
{
    rank(c);
    return fairshare_at(c->shares, share)->factor;
}

/* A user who was never seen has used nothing. */
static double share_factor(const struct core *c, const char *account, const char *user)
{
    uint32_t up = account_of(c, account);

    if (c->prio.fairshare == 0)
        return 0;
    uint32_t at = up == FAIRSHARE_NONE || !has_text(user) ? FAIRSHARE_NONE
                                                          : fairshare_user(c->shares, up, user);
    return at == FAIRSHARE_NONE ? 1 : prio_share_factor(c, at);
}

/* ---- numbers */

static void ask(const struct core *c, const struct part *p, const struct job_wish *w,
                struct prio_job *ret)
{
    struct mem_need need = place_memory(c, p, w);
    double mem = (double)need.mb * (need.is_per_cpu ? ret->cpus : ret->nodes);

    if (need.mb == 0 && p->order_n > 0) /* whole nodes, of the usual size */
        mem = tres_amount(&p->tres, "mem") / p->order_n * ret->nodes;
    ret->asked =
        (struct tres_list){ .v = { { "cpu", ret->cpus }, { "mem", mem }, { "node", ret->nodes } },
                            .n = 3 };
    ret->in_part = p->tres;
    ret->part = p->info->priority_job_factor;
}

static struct standing prio_standing(const struct core *c, const struct job_record *rec)
{
    struct identity id = { .user = rec->user,
                           .account = rec->account,
                           .qos = rec->qos,
                           .partitions = rec->wish->partitions };

    return c->rules->version ? standing_of(c, &id) : (struct standing){ 0 };
}

struct prio_job prio_describe(const struct core *c, const struct job_record *rec)
{
    const struct job_wish *w = rec->wish;
    uint32_t cpus = w->ntasks * (w->cpus_per_task.set ? w->cpus_per_task.v : 1);
    struct standing at = prio_standing(c, rec);

    return (struct prio_job){ .accrues_from =
                                  prio_accrues_from(&c->prio, rec->submit, rec->eligible),
                              .fairshare = at.assoc && c->prio.fairshare > 0
                                               ? prio_share_factor(c, at.assoc->share)
                                               : share_factor(c, rec->account, rec->user),
                              .qos = at.qos ? at.qos->row->priority : 0,
                              .assoc = rules_priority(at.assoc),
                              .nodes = w->min_nodes,
                              .cpus = cpus > w->min_cpus ? cpus : w->min_cpus,
                              .limit_min = rec->limit_min };
}

struct prio_factors prio_in_part(const struct core *c, const struct part *p,
                                 const struct job_wish *w, int64_t now, struct prio_job *job)
{
    ask(c, p, w, job);
    return prio_factors(&c->prio, &c->prio_whole, job, now);
}

uint32_t prio_of_record(const struct core *c, const struct job_record *rec, int64_t now)
{
    const char *list = rec->wish->partitions;
    struct prio_job job = prio_describe(c, rec);
    uint32_t best = 1;

    for (struct part *p; (p = part_next(c, &list));) {
        struct prio_factors f = prio_in_part(c, p, rec->wish, now, &job);
        struct prio_parts parts = prio_weigh(&c->prio, &f, &job);
        uint32_t number = prio_number(&c->prio, &parts, rec->base);
        best = number > best ? number : best;
    }
    return best;
}

struct job_record prio_record(const struct job *job)
{
    return (struct job_record){ .wish = job->wish->ask,
                                .account = job->account,
                                .user = job->user,
                                .qos = job->qos,
                                .submit = job->submit,
                                .eligible = job->eligible,
                                .limit_min = job->limit_min,
                                .base = job->base };
}

static uint32_t prio_of_job(const struct core *c, const struct job *job, int64_t now)
{
    struct job_record rec = prio_record(job);

    return prio_of_record(c, &rec, now);
}

/* ---- periods */

int64_t prio_due(const struct core *c)
{
    if (!prio_is_multifactor(c))
        return INT64_MAX;
    return c->prio_cursor ? c->now
                          : c->prio_at + (c->conf->prio_period_s ? c->conf->prio_period_s : 300);
}

static int64_t next_reset(const struct core *c)
{
    static const char *const names[] = { "NONE",    "NOW",       "DAILY", "WEEKLY",
                                         "MONTHLY", "QUARTERLY", "YEARLY" };
    enum reset_period period = RESET_NONE;

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (strcasecmp(names[i], c->conf->prio_reset ? c->conf->prio_reset : "") == 0)
            period = (enum reset_period)i;
    if (period == RESET_NOW) /* once: when the controller first sees it */
        return c->usage_reset_at ? INT64_MAX : 0;
    return fairshare_next_reset(period, c->usage_reset_at ? c->usage_reset_at : c->prio_at,
                                c->conf->utc_offset_s);
}

/* A period begins: usage ages, and what runs is charged; then come the jobs. */
static void begin_period(struct turn *t)
{
    const struct core *c = t->c;
    int64_t since = t->in->now > c->prio_at ? t->in->now - c->prio_at : 0;
    struct fact_priorities f = { .now = t->in->now, .is_first = true, .next = c->jobs.count > 0 };

    f.is_reset = t->in->now >= next_reset(c);
    f.scale =
        f.is_reset ? 0 : fairshare_aged(c->shares, c->conf->prio_half_life_s, (uint64_t)since);
    turn_fact(t, FACT_priorities, &f);
}

/* A slice looks at the next jobs by id. */
void prio_decide(struct turn *t)
{
    const struct core *c = t->c;
    struct fact_priorities f = { .now = t->in->now };

    if (c->prio_cursor == 0) {
        begin_period(t);
        return;
    }
    const struct queue_entry *it = queue_from(&c->jobs, (struct queue_key){ 0, c->prio_cursor });
    f.jobs.v = arena_calloc(t->a, SLICE, sizeof *f.jobs.v);
    for (uint32_t n = 0; it && n < SLICE; n++) {
        const struct job *job = it->job;
        bool is_ours = job->phase == PHASE_PENDING && !(job->flags & JOB_PRIO_DIRECT);
        uint32_t base = is_ours ? prio_of_job(c, job, f.now) : job->base;
        if (base != job->base)
            f.jobs.v[f.jobs.n++] = (struct job_base){ .job_id = job->id, .base = base };
        it = queue_from(&c->jobs, (struct queue_key){ 0, it->key.id + 1 });
    }
    f.next = it ? it->key.id : 0;
    turn_fact(t, FACT_priorities, &f);
}

int prio_check(const struct core *c, const struct fact_priorities *f, struct err *e)
{
    for (uint32_t i = 0; i < f->jobs.n; i++) {
        const struct job *job = job_find(c, f->jobs.v[i].job_id);
        if (!job || job->phase != PHASE_PENDING || f->jobs.v[i].base == 0)
            return err_set(e, ESTATE, "job %u cannot get the priority %u", f->jobs.v[i].job_id,
                           f->jobs.v[i].base);
    }
    return 0;
}

void prio_apply(struct core *c, const struct fact_priorities *f)
{
    c->now = f->now;
    if (f->is_first) {
        usage_fade(c, f->scale > 0 ? fairshare_scale(c->shares) / f->scale : 0);
        fairshare_set_scale(c->shares, f->scale);
        if (f->is_reset)
            c->usage_reset_at = f->now;
        charge_running(c, f->now);
        c->prio_at = f->now;
        limits_paid(c, f->now);
        limits_wake_all(c);
    }
    c->prio_cursor = f->next;
    for (uint32_t i = 0; i < f->jobs.n; i++) {
        struct job *job = job_find(c, f->jobs.v[i].job_id);
        job_unqueue(c, job);
        job->base = f->jobs.v[i].base;
        job_settle(c, job);
    }
}
