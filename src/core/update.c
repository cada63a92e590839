/* scontrol update job: a key, a value, who may, and what it sets.  The fact carries checked,
 * absolute values, so what TimeLimit+=10 came to is remembered and not the wish for ten more. */
#include "core/update.h"

#include "base/limits.h"
#include "base/times.h"
#include "base/xalloc.h"
#include "core/pick.h"
#include "core/standing.h"
#include "core/state.h"
#include "core/step.h"
#include "core/wish.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* An update on its way to a fact. */
struct change {
    struct turn *t;
    const struct job *job;
    struct fact_job_update f;
    struct job_wish wish;
    bool has_wish;
    struct err *e;
};

enum when { WHEN_PENDING, WHEN_RUNNING, WHEN_ALIVE, WHEN_ANY };

/* Checks the text and gives the one to remember; wish keys change ch->wish and give NULL. */
typedef int (*checker)(struct change *ch, const struct key_value *kv, const char **ret);
typedef void (*setter)(struct core *c, struct job *job, const char *value);

struct key {
    const char *name;
    enum when when;
    bool is_operators;
    checker check;
    setter set; /* NULL: part of the wish */
};

static bool is_operator(const struct turn *t)
{
    return t->in->who.role >= ROLE_OPERATOR || t->in->who.uid == 0;
}

static int denied(struct change *ch, const char *what)
{
    return err_set(ch->e, ESLURM_ACCESS_DENIED, "Access/permission denied: %s", what);
}

static int bad_value(struct change *ch, const struct key_value *kv)
{
    return err_set(ch->e, EINVAL, "Invalid value of %s: \"%.60s\"", kv->key, kv->value);
}

static bool read_u64(const char *s, uint64_t *ret)
{
    char *end;

    errno = 0;
    *ret = strtoull(s, &end, 10);
    return *s >= '0' && *s <= '9' && !*end && errno == 0;
}

static int check_text(struct change *ch, const struct key_value *kv, const char **ret)
{
    *ret = kv->value;
    return strlen(kv->value) < 4096 ? 0 : bad_value(ch, kv);
}

/* As at submission: what the owner may use, with the defaults of the rule book. */
static int check_identity(struct change *ch, const struct key_value *kv, const char **ret)
{
    const struct job *job = ch->job;
    struct identity id = { .user = job->user,
                           .account = job->account,
                           .qos = job->qos,
                           .wckey = job->wckey,
                           .partitions = job->wish->ask->partitions,
                           .reservation = job->wish->ask->reservation };
    const char **at = strcasecmp(kv->key, "Account") == 0 ? &id.account
                      : strcasecmp(kv->key, "QOS") == 0   ? &id.qos
                                                          : &id.wckey;

    *at = kv->value;
    int r = check_text(ch, kv, ret);
    if (r == 0)
        r = standing_identify(ch->t->c, &id, ch->t->a, ch->e);
    *ret = *at;
    return r;
}

/* Owners lower a limit, operators also raise it. */
static int check_limit(struct change *ch, const struct key_value *kv, const char **ret)
{
    uint32_t min, is = ch->job->limit_min;
    char op = kv->op && *kv->op ? *kv->op : '=';

    if (times_parse_minutes(kv->value, &min, NULL) < 0 || (min == 0 && op == '='))
        return err_set(ch->e, ESLURM_INVALID_TIME_LIMIT, "%s: \"%.60s\"",
                       errors_text(ESLURM_INVALID_TIME_LIMIT), kv->value);
    if (op == '+')
        min = is > NO_LIMIT - 1 - min ? NO_LIMIT - 1 : is + min;
    if (op == '-')
        min = is > min ? is - min : 1;
    if (min > is && !is_operator(ch->t))
        return denied(ch, "only operators raise a time limit");
    *ret = arena_printf(ch->t->a, "%u", min);
    return 0;
}

/* The end of a running job, to the second: as with the limit, owners move it nearer, operators also
 * away. */
static int check_end(struct change *ch, const struct key_value *kv, const char **ret)
{
    int64_t at, is = job_limit_end(ch->job), now = ch->t->in->now;

    if (times_parse_point(kv->value, now, 0, &at, NULL) < 0 || at <= ch->job->start)
        return err_set(ch->e, ESLURM_INVALID_TIME_VALUE, "Invalid time specified: \"%.60s\"",
                       kv->value);
    if (is && at > is && !is_operator(ch->t))
        return denied(ch, "only operators raise a time limit");
    *ret = arena_printf(ch->t->a, "%lld", (long long)at);
    return 0;
}

static int check_priority(struct change *ch, const struct key_value *kv, const char **ret)
{
    uint64_t v;

    if (!read_u64(kv->value, &v) || v > UINT32_MAX - 1)
        return bad_value(ch, kv);
    if (v > job_priority(ch->job) && !is_operator(ch->t))
        return denied(ch, "only operators raise a priority");
    *ret = kv->value;
    return 0;
}

static int check_nice(struct change *ch, const struct key_value *kv, const char **ret)
{
    char *end;
    long long v = *kv->value ? strtoll(kv->value, &end, 10) : (end = (char *)(uintptr_t) "", 100);

    if (kv->op && *kv->op)
        v = *kv->op == '+' ? ch->job->nice + v : ch->job->nice - v;
    if (*end || v > 2147483645 || v < -2147483645)
        return bad_value(ch, kv);
    if (v < ch->job->nice && v < 0 && !is_operator(ch->t))
        return denied(ch, "only operators give a negative nice value");
    *ret = arena_printf(ch->t->a, "%lld", v);
    return 0;
}

static int check_begin(struct change *ch, const struct key_value *kv, const char **ret)
{
    int64_t at;

    if (times_parse_point(kv->value, ch->t->in->now, 0, &at, NULL) < 0)
        return err_set(ch->e, ESLURM_INVALID_TIME_VALUE, "Invalid time specified: \"%.60s\"",
                       kv->value);
    *ret = arena_printf(ch->t->a, "%lld", at > ch->t->in->now ? (long long)at : 0LL);
    return 0;
}

static int check_bool(struct change *ch, const struct key_value *kv, const char **ret)
{
    *ret = strcmp(kv->value, "0") == 0 || strcasecmp(kv->value, "no") == 0 ? "0" : "1";
    return 0;
}

static int check_number(struct change *ch, const struct key_value *kv, const char **ret)
{
    uint64_t v;

    *ret = kv->value;
    return read_u64(kv->value, &v) && v < UINT32_MAX ? 0 : bad_value(ch, kv);
}

static int check_deps(struct change *ch, const struct key_value *kv, const char **ret)
{
    struct deps deps = { 0 };
    int r =
        *kv->value ? deps_parse(ch->t->c, kv->value, ch->t->in->now, ch->t->a, &deps, ch->e) : 0;

    for (uint32_t i = 0; i < deps.n && r == 0; i++)
        if (deps.v[i].job_id == ch->job->id)
            r = err_set(ch->e, ESLURM_CIRCULAR_DEPENDENCY, "Circular job dependency");
    ch->f.deps.v = deps.v;
    ch->f.deps.n = deps.n;
    *ret = kv->value;
    return r;
}

static int wish_partition(struct change *ch, const struct key_value *kv, const char **ret)
{
    return wish_partitions(ch->t->c, kv->value, ch->t->a, &ch->wish.partitions, ch->e);
}

static int wish_text(struct change *ch, const struct key_value *kv, const char **ret)
{
    static const struct {
        const char *key;
        size_t offset;
    } texts[] = {
        { "Features", offsetof(struct job_wish, features) },
        { "ReqNodeList", offsetof(struct job_wish, req_nodes) },
        { "ExcNodeList", offsetof(struct job_wish, exc_nodes) },
        { "Licenses", offsetof(struct job_wish, licenses) },
        { "Reservation", offsetof(struct job_wish, reservation) },
        { "ReservationName", offsetof(struct job_wish, reservation) },
    };

    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        if (strcasecmp(texts[i].key, kv->key) == 0)
            *(const char **)((char *)&ch->wish + texts[i].offset) = kv->value;
    return 0;
}

/* "2" or "2-4" */
static int wish_nodes(struct change *ch, const struct key_value *kv, const char **ret)
{
    char *end;
    unsigned long min = strtoul(kv->value, &end, 10), max = min;

    if (*end == '-')
        max = strtoul(end + 1, &end, 10);
    if (*end || min == 0 || max < min || max > NODES_MAX)
        return err_set(ch->e, ESLURM_INVALID_NODE_COUNT,
                       "Node count specification invalid: \"%.60s\"", kv->value);
    ch->wish.min_nodes = (uint32_t)min;
    ch->wish.max_nodes = strchr(kv->value, '-') ? (uint32_t)max : UINT32_MAX;
    if (!ch->wish.has_ntasks)
        ch->wish.ntasks = (uint32_t)min;
    return 0;
}

static int wish_number(struct change *ch, const struct key_value *kv, const char **ret)
{
    uint64_t v;
    uint32_t each =
        ch->wish.cpus_per_task.set && ch->wish.cpus_per_task.v ? ch->wish.cpus_per_task.v : 1;

    if (!read_u64(kv->value, &v) || v > UINT32_MAX / 2)
        return bad_value(ch, kv);
    if (strcasecmp(kv->key, "MinCPUsNode") == 0)
        ch->wish.min_cpus_node = (struct opt_u32){ true, (uint32_t)v };
    else if (v == 0)
        return bad_value(ch, kv);
    else
        ch->wish.ntasks =
            strcasecmp(kv->key, "NumCPUs") == 0 ? (uint32_t)((v + each - 1) / each) : (uint32_t)v;
    return 0;
}

static int wish_memory(struct change *ch, const struct key_value *kv, const char **ret)
{
    uint64_t mb;
    bool is_per_cpu = strcasecmp(kv->key, "MinMemoryCPU") == 0;

    if (times_parse_size_mb(kv->value, 'M', &mb, NULL) < 0)
        return bad_value(ch, kv);
    ch->wish.mem_per_cpu_mb = (struct opt_u64){ is_per_cpu, mb };
    ch->wish.mem_per_node_mb = (struct opt_u64){ !is_per_cpu, mb };
    return 0;
}

static void swap_text(struct core *c, const char **at, const char *value)
{
    const char *fresh = pool_text(&c->texts, value);

    pool_text_drop(&c->texts, *at);
    *at = fresh;
}

static void set_name(struct core *c, struct job *job, const char *value)
{
    single_leave(c, job);
    swap_text(c, &job->name, value);
    single_enter(c, job);
}

static void set_comment(struct core *c, struct job *job, const char *value)
{
    swap_text(c, &job->comment, value);
}

static void set_admin_comment(struct core *c, struct job *job, const char *value)
{
    swap_text(c, &job->admin_comment, value);
}

static void set_account(struct core *c, struct job *job, const char *value)
{
    swap_text(c, &job->account, value);
}

static void set_qos(struct core *c, struct job *job, const char *value)
{
    swap_text(c, &job->qos, value);
}

static void set_wckey(struct core *c, struct job *job, const char *value)
{
    swap_text(c, &job->wckey, value);
}

static void set_limit(struct core *c, struct job *job, const char *value)
{
    job->limit_min = (uint32_t)strtoul(value, NULL, 10);
    job->limit_cut_s = 0;
    job->flags |= JOB_LIMIT_ASKED;
}

static void set_end(struct core *c, struct job *job, const char *value)
{
    int64_t seconds = strtoll(value, NULL, 10) - job->start;
    int64_t minutes = (seconds + 59) / 60;

    job->limit_min = (uint32_t)minutes;
    job->limit_cut_s = (uint8_t)(60 * minutes - seconds);
    job->flags |= JOB_LIMIT_ASKED;
}

/* Priority 0 is a hold, as with scontrol hold. */
static void set_priority(struct core *c, struct job *job, const char *value)
{
    uint32_t v = (uint32_t)strtoul(value, NULL, 10);

    job->hold = v == 0 ? (job->hold ? job->hold : HOLD_USER) : HOLD_NONE;
    if (v == 0)
        return;
    job->base = v;
    job->nice = 0;
    job->flags |= JOB_PRIO_DIRECT;
}

static void set_nice(struct core *c, struct job *job, const char *value)
{
    job->nice = (int32_t)strtol(value, NULL, 10);
}

static void set_begin(struct core *c, struct job *job, const char *value)
{
    job->begin = strtoll(value, NULL, 10);
    job->flags = (uint16_t)(job->begin ? job->flags & ~JOB_BEGUN : job->flags | JOB_BEGUN);
    job->eligible = 0;
}

static void set_requeue(struct core *c, struct job *job, const char *value)
{
    job->flags =
        (uint16_t)(*value == '0' ? job->flags & ~JOB_CAN_REQUEUE : job->flags | JOB_CAN_REQUEUE);
}

static void set_throttle(struct core *c, struct job *job, const char *value)
{
    struct array *a = job->array_id ? array_find(c, job->array_id) : NULL;

    if (!a)
        return;
    a->limit = (uint32_t)strtoul(value, NULL, 10);
    for (uint32_t i = 0; i < a->pending.n; i++)
        if (a->pending.v[i] != job->id)
            job_settle(c, job_find(c, a->pending.v[i]));
}

/* The list itself came with the fact. */
static void set_deps(struct core *c, struct job *job, const char *value)
{
}

static const struct key keys[] = {
    { "TimeLimit", WHEN_ALIVE, false, check_limit, set_limit },
    { "EndTime", WHEN_RUNNING, false, check_end, set_end },
    { "Priority", WHEN_PENDING, false, check_priority, set_priority },
    { "Nice", WHEN_PENDING, false, check_nice, set_nice },
    { "JobName", WHEN_ALIVE, false, check_text, set_name },
    { "Name", WHEN_ALIVE, false, check_text, set_name },
    { "Comment", WHEN_ANY, false, check_text, set_comment },
    { "AdminComment", WHEN_ANY, true, check_text, set_admin_comment },
    { "Account", WHEN_PENDING, false, check_identity, set_account },
    { "QOS", WHEN_PENDING, false, check_identity, set_qos },
    { "WCKey", WHEN_PENDING, false, check_identity, set_wckey },
    { "StartTime", WHEN_PENDING, false, check_begin, set_begin },
    { "EligibleTime", WHEN_PENDING, false, check_begin, set_begin },
    { "Requeue", WHEN_ALIVE, false, check_bool, set_requeue },
    { "ArrayTaskThrottle", WHEN_ALIVE, false, check_number, set_throttle },
    { "Dependency", WHEN_PENDING, false, check_deps, set_deps },
    { "Partition", WHEN_PENDING, false, wish_partition, NULL },
    { "Features", WHEN_PENDING, false, wish_text, NULL },
    { "ReqNodeList", WHEN_PENDING, false, wish_text, NULL },
    { "ExcNodeList", WHEN_PENDING, false, wish_text, NULL },
    { "Licenses", WHEN_PENDING, false, wish_text, NULL },
    { "ReservationName", WHEN_PENDING, false, wish_text, NULL },
    { "NumNodes", WHEN_PENDING, false, wish_nodes, NULL },
    { "NumTasks", WHEN_PENDING, false, wish_number, NULL },
    { "NumCPUs", WHEN_PENDING, false, wish_number, NULL },
    { "MinCPUsNode", WHEN_PENDING, false, wish_number, NULL },
    { "MinMemoryNode", WHEN_PENDING, false, wish_memory, NULL },
    { "MinMemoryCPU", WHEN_PENDING, false, wish_memory, NULL },
};

static const struct key *find_key(const char *name)
{
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++)
        if (strcasecmp(keys[i].name, name) == 0)
            return &keys[i];
    return NULL;
}

static int one_key(struct change *ch, const struct key_value *kv)
{
    const struct key *key = find_key(kv->key);
    const char *value = NULL;

    if (!key)
        return err_set(ch->e, EINVAL, "Update of this parameter is not supported: %.60s", kv->key);
    if (key->is_operators && !is_operator(ch->t))
        return denied(ch, "operators only");
    if (key->when == WHEN_PENDING && ch->job->phase != PHASE_PENDING)
        return err_set(ch->e, ESLURM_JOB_NOT_PENDING, "%s", errors_text(ESLURM_JOB_NOT_PENDING));
    if (key->when == WHEN_RUNNING && ch->job->phase != PHASE_RUNNING)
        return err_set(ch->e, ESLURM_JOB_NOT_RUNNING, "%s", errors_text(ESLURM_JOB_NOT_RUNNING));
    if (key->when == WHEN_ALIVE && ch->job->phase == PHASE_DONE)
        return err_set(ch->e, ESLURM_JOB_FINISHED, "%s", errors_text(ESLURM_JOB_FINISHED));
    int r = key->check(ch, kv, &value);
    if (r < 0)
        return r;
    ch->has_wish = ch->has_wish || !key->set;
    if (key->set)
        ch->f.set.v[ch->f.set.n++] =
            (struct key_value){ .key = key->name, .value = value, .op = "" };
    return 0;
}

/* Of a step only the limit can change. */
static int update_step(struct turn *t, const struct pick *p, const struct job_update *up,
                       struct job_result *ret)
{
    uint32_t min = 0;

    for (uint32_t i = 0; i < up->set.n; i++) {
        const struct key_value *kv = &up->set.v[i];
        if (strcmp(kv->key, "TimeLimit") == 0 && times_parse_minutes(kv->value, &min, NULL) == 0 &&
            min)
            continue;
        ret->text = arena_printf(t->a, "%s=%.60s: a step takes TimeLimit=minutes", kv->key,
                                 kv->value);
        return EINVAL;
    }
    return decide_step_limit(t, p->job, p->step, min);
}

static int update_one(struct turn *t, const struct pick *p, void *ctx, struct job_result *ret)
{
    const struct job_update *up = ctx;

    if (p->has_step)
        return update_step(t, p, up, ret);
    struct err e = { 0 };
    struct change ch = { .t = t, .job = p->job, .wish = *p->job->wish->ask, .e = &e };
    int r = p->job->phase == PHASE_DONE
                ? err_set(&e, ESLURM_JOB_FINISHED, "%s", errors_text(ESLURM_JOB_FINISHED))
                : 0;

    ch.f.set.v = arena_calloc(t->a, up->set.n + 1, sizeof *ch.f.set.v);
    for (uint32_t i = 0; i < up->set.n && r == 0; i++)
        r = one_key(&ch, &up->set.v[i]);
    if (r == 0 && ch.has_wish)
        r = wish_check(t->c, &ch.wish, t->a, &e);
    if (r < 0) {
        ret->text = arena_strdup(t->a, e.text);
        return e.code;
    }
    ch.f.now = t->in->now;
    ch.f.wish = ch.has_wish ? &ch.wish : NULL;
    ch.f.job_id = pick_id(t, p);
    if (ch.f.job_id == 0)
        return ESLURM_ERROR_ON_DESC_TO_RECORD_COPY;
    turn_fact(t, FACT_job_update, &ch.f);
    return 0;
}

void decide_update(struct turn *t, const struct job_update *up)
{
    picks_run(t, &up->jobs, update_one, (void *)(uintptr_t)up);
}

static void replace_deps(struct core *c, struct job *job, const struct fact_job_update *f)
{
    deps_detach(c, job);
    free(job->deps);
    job->deps = NULL;
    job->dep_count = f->deps.n;
    if (f->deps.n)
        job->deps = xmemdup(f->deps.v, f->deps.n * sizeof *job->deps);
    deps_attach(c, job);
    deps_refresh(c, job, c->now);
}

void update_apply(struct core *c, struct job *job, const void *body)
{
    const struct fact_job_update *f = body;

    for (uint32_t i = 0; i < f->set.n; i++) {
        const struct key *key = find_key(f->set.v[i].key);
        if (key && key->set)
            key->set(c, job, f->set.v[i].value);
        if (key && key->set == set_deps)
            replace_deps(c, job, f);
    }
    if (!f->wish)
        return;
    struct wish *fresh = wish_take(&c->wishes, f->wish);
    wish_drop(&c->wishes, job->wish);
    job->wish = fresh;
}
