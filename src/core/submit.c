/* Submissions: a row of checks, each with Slurm's number and what would work instead, then one
 * fact. */
#include "core/list.h"
#include "core/backfill.h"
#include "core/place.h"
#include "core/standing.h"
#include "core/plan.h"
#include "core/state.h"
#include "core/wish.h"

#include "base/limits.h"

#include <string.h>
#include <strings.h>

/* A submission on its way to a record. */
struct draft {
    struct turn *t;
    const struct job_spec *spec;
    struct job_record rec;
    struct job_wish wish;
    struct err *e;
};

typedef int (*step)(struct draft *d);

static int check_room(struct draft *d);
static int check_user(struct draft *d);
static int check_script(struct draft *d);
static int make_wish(struct draft *d);
static int identify(struct draft *d);
static int check_access(struct draft *d);
static int check_fit(struct draft *d);
static int set_limit(struct draft *d);
static int set_times(struct draft *d);
static int set_priority(struct draft *d);
static int set_array(struct draft *d);
static int set_deps(struct draft *d);
static int set_texts(struct draft *d);
static int check_rules(struct draft *d);

static const step steps[] = { check_room,   check_user, check_script, make_wish,  identify,
                              check_access, check_fit,  set_limit,    set_times,  set_priority,
                              set_array,    set_deps,   set_texts,    check_rules };

static bool is_operator(const struct who *who)
{
    return who->role >= ROLE_OPERATOR;
}

/* Members of a submission that are kept and shown, and that nothing acts on yet. */
static const struct later {
    size_t offset;
    bool is_text;
    const char *option;
} later[] = {
#define LATER(member, option)                                                               \
    {                                                                                       \
        offsetof(struct job_spec, member),                                                  \
            _Generic(((struct job_spec *)0)->member, const char * : 1, default : 0), option \
    }
    LATER(signal_num, "--signal"),
    LATER(mail_type, "--mail-type"),
    LATER(reservation, "--reservation"),
    LATER(core_spec, "--core-spec"),
    LATER(thread_spec, "--thread-spec"),
    LATER(oversubscribe, "--oversubscribe"),
    LATER(burst_buffer, "--bb"),
    LATER(container, "--container"),
    LATER(network, "--network"),
    LATER(reboot, "--reboot"),
    LATER(delay_boot_min, "--delay-boot"),
    LATER(time_min_min, "--time-min"),
#undef LATER
};

static bool is_given(const struct job_spec *spec, const struct later *l)
{
    const void *p = (const char *)spec + l->offset;

    if (l->is_text)
        return *(const char *const *)p && **(const char *const *)p;
    return *(const bool *)p; /* a BOOL, or the `set` that every OPT_ kind begins with */
}

static struct strs warnings(struct turn *t, const struct job_spec *spec)
{
    size_t n = sizeof later / sizeof later[0];
    struct strs all = { .v = arena_calloc(t->a, n, sizeof *all.v) };

    for (size_t i = 0; i < n; i++)
        if (is_given(spec, &later[i]))
            all.v[all.n++] = arena_printf(t->a, "%s is recorded with the job but does nothing yet",
                                          later[i].option);
    return all;
}

static void answer(struct turn *t, const struct job_spec *spec, uint32_t job_id)
{
    struct job_submitted done = { .job_id = job_id,
                                  .cluster = t->c->conf->cluster,
                                  .warnings = warnings(t, spec) };

    turn_reply(t, &desc_job_submitted, &done);
}

static void fill_test(const struct turn *t, const struct part *p, const struct placement *at,
                      struct job_submitted *ret)
{
    ret->partition = p->info->name;
    ret->nodes = nodes_text(t->c, at->v, at->n, t->a);
}

/* Were there no plan: now if what is free is enough, else somewhere, some time. */
static bool test_place(const struct turn *t, const struct job_wish *w, const struct part *p,
                       struct job_submitted *ret)
{
    const enum place_when whens[] = { PLACE_NOW, PLACE_UP, PLACE_EVER };
    bool is_planned = backfill_is_on(t->c);

    for (size_t i = is_planned ? 1 : 0; i < sizeof whens / sizeof whens[0]; i++) {
        struct place place = { .c = t->c, .part = p, .wish = w, .when = whens[i], .a = t->a };
        struct placement at;
        if (!place_job(&place, &at, NULL))
            continue;
        fill_test(t, p, &at, ret);
        ret->start_time = (struct opt_i64){ whens[i] == PLACE_NOW, t->in->now };
        return true;
    }
    return false;
}

/* --test-only: where and when it would start, by the plan of the whole queue. */
static void answer_test(struct turn *t, const struct job_record *rec, const struct job_spec *spec)
{
    const struct job_wish *w = rec->wish;
    struct job_submitted done = { .cluster = t->c->conf->cluster, .warnings = warnings(t, spec) };
    const char *list = w->partitions;
    struct slot slot, best = { .start = INT64_MAX };

    for (struct part *p; (p = part_next(t->c, &list));)
        if (plan_asked(t->c, rec, p, t->in->now, &slot) && slot.start < best.start) {
            best = slot;
            fill_test(t, p, &slot.at, &done);
            done.start_time = (struct opt_i64){ true, slot.start };
        }
    list = w->partitions;
    for (struct part *p; !done.nodes && (p = part_next(t->c, &list));)
        test_place(t, w, p, &done);
    done.cpus = w->ntasks * (w->cpus_per_task.set ? w->cpus_per_task.v : 1);
    turn_reply(t, &desc_job_submitted, &done);
}

/* A retry of what was accepted already gets the same answer.  Keys of this very turn are not
 * applied yet, but then the daemon applies each input's facts before it decides the next
 * (core_step). */
static bool is_retry(struct turn *t, const struct job_spec *spec)
{
    uint32_t id =
        spec->request_key ? (uint32_t)(uintptr_t)map_get(&t->c->key_index, spec->request_key) : 0;

    if (id)
        answer(t, spec, id);
    return id != 0;
}

void decide_submit(struct turn *t, const struct job_spec *spec)
{
    struct err e = { 0 };
    struct draft d = { .t = t, .spec = spec, .e = &e };

    if (is_retry(t, spec))
        return;
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++)
        if (steps[i](&d) < 0) {
            turn_refuse_err(t, &e);
            return;
        }
    d.rec.wish = &d.wish;
    if (prio_is_multifactor(t->c) && !(d.rec.flags & JOB_PRIO_DIRECT)) {
        d.rec.base = 0;
        d.rec.base = prio_of_record(t->c, &d.rec, t->in->now);
    }
    if (spec->test_only) {
        answer_test(t, &d.rec, spec);
        return;
    }
    d.rec.job_id = turn_take_id(t);
    if (d.rec.job_id == 0) {
        turn_refuse(t, ESLURM_ERROR_ON_DESC_TO_RECORD_COPY, "every job id is in use");
        return;
    }
    if (d.rec.rest && *d.rec.rest)
        d.rec.array_id = d.rec.job_id;
    turn_fact(t, FACT_job_created, &d.rec);
    answer(t, spec, d.rec.job_id);
}

static int check_room(struct draft *d)
{
    const struct core *c = d->t->c;
    uint32_t most = c->conf->max_job_count ? c->conf->max_job_count : 10000;

    if (c->jobs.count >= most)
        return err_set(d->e, ESLURM_ERROR_ON_DESC_TO_RECORD_COPY,
                       "the controller remembers %u jobs, which is its limit (MaxJobCount)", most);
    return 0;
}

static int check_user(struct draft *d)
{
    const struct who *who = &d->t->in->who;
    const struct job_spec *s = d->spec;
    uint32_t uid = s->user_id.set ? s->user_id.v : who->uid;
    uint32_t gid = s->group_id.set ? s->group_id.v : who->gid;

    if (uid != who->uid && who->uid != 0 && who->role < ROLE_SLURM)
        return err_set(d->e, ESLURM_USER_ID_MISSING,
                       "only root submits as somebody else: --uid=%u, you are %u", uid, who->uid);
    if (uid == 0 && d->t->c->conf->disable_root_jobs)
        return err_set(d->e, ESLURM_USER_ID_MISSING,
                       "root may not run jobs here (DisableRootJobs=YES)");
    d->rec.uid = uid;
    d->rec.gid = gid;
    d->rec.user = s->user_name && *s->user_name ? s->user_name : who->user_name;
    return 0;
}

static int check_script(struct draft *d)
{
    const struct job_spec *s = d->spec;

    d->rec.cold = d->t->in->cold;
    d->rec.environment = d->t->in->environment;
    if (!s->batch)
        return 0; /* an allocation: it starts nothing by itself */
    if (s->script.len == 0 && d->t->in->script == 0)
        return err_set(d->e, ESLURM_JOB_SCRIPT_MISSING, "the script is empty");
    if (s->script.len > SCRIPT_MAX)
        return err_set(d->e, ESLURM_JOB_SCRIPT_MISSING, "the script has %u bytes, %u are allowed",
                       s->script.len, SCRIPT_MAX);
    d->rec.flags |= JOB_BATCH;
    d->rec.script = d->t->in->script;
    return 0;
}

static int make_wish(struct draft *d)
{
    return wish_from_spec(d->t->c, d->spec, d->t->a, &d->wish, d->e);
}

/* Account, QOS and wckey as they will be, with the defaults of the rule book. */
static int identify(struct draft *d)
{
    struct identity id = { .user = d->rec.user,
                           .account = d->spec->account,
                           .qos = d->spec->qos,
                           .wckey = d->spec->wckey,
                           .partitions = d->wish.partitions,
                           .reservation = d->wish.reservation };
    int r = standing_identify(d->t->c, &id, d->t->a, d->e);

    d->rec.account = id.account;
    d->rec.qos = id.qos;
    d->rec.wckey = id.wckey;
    return r;
}

static int check_rules(struct draft *d)
{
    struct runs runs = { 0 };
    uint32_t limit, tasks = 1;

    d->rec.wish = &d->wish;
    if (d->rec.rest && runs_parse(d->rec.rest, NO_TASK, &runs, &limit, NULL) == 0)
        tasks = runs_count(&runs);
    runs_fini(&runs);
    return standing_check_limits(d->t->c, &d->rec, tasks, d->t->a, d->e);
}

/* True when the comma lists share a name. */
static bool share(const char *a, const char *b)
{
    while (a && *a) {
        size_t len = strcspn(a, ",");
        for (const char *s = b ? b : ""; *s && len;) {
            size_t n = strcspn(s, ",");
            if (n == len && strncmp(a, s, len) == 0)
                return true;
            s += n + (s[n] == ',');
        }
        a += len + (a[len] == ',');
    }
    return false;
}

static bool is_open(const char *list)
{
    return !list || !*list || strcasecmp(list, "ALL") == 0;
}

static int check_partition(struct draft *d, const struct part *p)
{
    const struct part_info *pi = p->info;
    const struct who *who = &d->t->in->who;
    struct identity id = { .account = d->rec.account, .qos = d->rec.qos };

    if (part_is(p, "INACTIVE") || part_is(p, "DRAIN"))
        return err_set(d->e, ESLURM_PARTITION_NOT_AVAIL, "partition %s is %s and takes no jobs",
                       pi->name, pi->state);
    if (pi->root_only && who->uid != 0)
        return err_set(d->e, ESLURM_ACCESS_DENIED, "partition %s takes jobs of root only",
                       pi->name);
    if (pi->disable_root && d->rec.uid == 0)
        return err_set(d->e, ESLURM_ACCESS_DENIED, "partition %s takes no jobs of root", pi->name);
    if (!is_open(pi->allow_groups) && who->uid != 0 && !share(pi->allow_groups, who->groups))
        return err_set(d->e, ESLURM_JOB_MISSING_REQUIRED_PARTITION_GROUP,
                       "partition %s is for the groups %.100s; you are in %.100s", pi->name,
                       pi->allow_groups, who->groups ? who->groups : "none of them");
    return standing_check_partition(pi, &id, d->e);
}

static int check_access(struct draft *d)
{
    const char *list = d->wish.partitions;

    for (struct part *p; (p = part_next(d->t->c, &list));) {
        int r = check_partition(d, p);
        if (r < 0)
            return r;
    }
    return 0;
}

static int check_fit(struct draft *d)
{
    return wish_can_run(d->t->c, &d->wish, d->t->a, d->e);
}

static struct standing standing_of_draft(const struct draft *d)
{
    struct identity id = { .user = d->rec.user,
                           .account = d->rec.account,
                           .qos = d->rec.qos,
                           .partitions = d->wish.partitions };

    return standing_of(d->t->c, &id);
}

/* A job that names no limit gets what its rules allow, when the partition would give it more. */
static int limit_by_rules(struct draft *d)
{
    struct standing at = standing_of_draft(d);
    uint32_t most = limits_wall(d->t->c, &at);

    if (most >= d->rec.limit_min)
        return 0;
    d->rec.limit_min = most;
    d->rec.flags |= JOB_LIMIT_ASKED;
    return 0;
}

static bool passes_time_limit(const struct draft *d)
{
    struct standing at = standing_of_draft(d);

    return at.qos && at.qos->flags & QOS_PART_TIME;
}

/* Refused only when no partition of the list allows it. */
static int set_limit(struct draft *d)
{
    const char *list = d->wish.partitions;
    uint32_t asked = d->spec->time_limit_min.v, most = 0;
    const struct part *p = NULL, *first = NULL;

    while ((p = part_next(d->t->c, &list))) {
        uint32_t max = p->info->max_time_min ? p->info->max_time_min : NO_LIMIT;
        first = first ? first : p;
        most = max > most ? max : most;
    }
    d->rec.limit_min = first->info->default_time_min.set ? first->info->default_time_min.v
                       : first->info->max_time_min       ? first->info->max_time_min
                                                         : NO_LIMIT;
    if (!d->spec->time_limit_min.set)
        return limit_by_rules(d);
    if (asked > most && !passes_time_limit(d))
        return err_set(d->e, ESLURM_INVALID_TIME_LIMIT,
                       "asked: -t %u minutes\npartition %s allows %u: use -t %u", asked,
                       first->info->name, most, most);
    if (asked == 0)
        return err_set(d->e, ESLURM_INVALID_TIME_LIMIT,
                       "asked: -t 0\na job needs one minute at least");
    d->rec.limit_min = asked;
    d->rec.flags |= JOB_LIMIT_ASKED;
    if (d->spec->time_min_min.set && d->spec->time_min_min.v <= asked)
        d->rec.min_limit_min = d->spec->time_min_min.v;
    return 0;
}

/* A job that asks for more time than is left can never meet its deadline. */
static int check_deadline(struct draft *d)
{
    int64_t left_min = (d->rec.deadline - d->t->in->now) / 60;
    uint32_t need = d->rec.min_limit_min ? d->rec.min_limit_min : d->rec.limit_min;

    if (d->rec.deadline == 0 || !(d->rec.flags & JOB_LIMIT_ASKED) || need == NO_LIMIT ||
        need <= left_min)
        return 0;
    return err_set(d->e, ESLURM_INVALID_TIME_VALUE,
                   "asked: -t %u minutes\nthe deadline is in %lld: use less, or --time-min", need,
                   (long long)left_min);
}

static int set_times(struct draft *d)
{
    int64_t now = d->t->in->now;

    d->rec.submit = now;
    d->rec.begin =
        d->spec->begin_time.set && d->spec->begin_time.v > now ? d->spec->begin_time.v : 0;
    d->rec.flags |= d->rec.begin ? 0 : JOB_BEGUN;
    if (d->rec.begin > now + 10LL * 366 * 86400)
        return err_set(d->e, ESLURM_INVALID_TIME_VALUE,
                       "the begin time is more than ten years away");
    d->rec.deadline = d->spec->deadline.set ? d->spec->deadline.v : 0;
    if (d->rec.deadline && d->rec.deadline <= now)
        return err_set(d->e, ESLURM_INVALID_TIME_VALUE, "the deadline has passed already");
    return check_deadline(d);
}

static int set_priority(struct draft *d)
{
    const struct job_spec *s = d->spec;
    int64_t nice = s->nice.set ? s->nice.v : 0;

    if (nice < -2147483645 || nice > 2147483645)
        return err_set(d->e, ESLURM_INVALID_NICE,
                       "asked: --nice=%lld\nfrom -2147483645 to 2147483645", (long long)nice);
    if (nice < 0 && !is_operator(&d->t->in->who))
        return err_set(d->e, ESLURM_INVALID_NICE,
                       "asked: --nice=%lld\nonly operators raise a priority: use 0 or more",
                       (long long)nice);
    d->rec.nice = nice;
    d->rec.base = d->t->prio_next;
    if (s->priority.set && s->priority.v > 0 && is_operator(&d->t->in->who)) {
        d->rec.base = s->priority.v;
        d->rec.flags |= JOB_PRIO_DIRECT;
    }
    if (s->hold || (s->priority.set && s->priority.v == 0))
        d->rec.hold = HOLD_USER;
    return 0;
}

static int set_array(struct draft *d)
{
    uint32_t most = d->t->c->conf->max_array_size ? d->t->c->conf->max_array_size : 1001;
    struct runs runs = { 0 };
    int r;

    if (!d->spec->array || !*d->spec->array)
        return 0;
    r = runs_parse(d->spec->array, most, &runs, &d->rec.array_limit, d->e);
    if (r == 0)
        d->rec.rest = runs_text(&runs, d->t->a);
    runs_fini(&runs);
    return r;
}

static int set_deps(struct draft *d)
{
    struct deps deps = { 0 };
    int r = 0;

    if (d->spec->dependency && *d->spec->dependency)
        r = deps_parse(d->t->c, d->spec->dependency, d->t->in->now, d->t->a, &deps, d->e);
    d->rec.deps.v = deps.v;
    d->rec.deps.n = deps.n;
    if (d->spec->kill_on_invalid_dep.set ? d->spec->kill_on_invalid_dep.v
                                         : d->t->c->conf->kill_invalid_depend)
        d->rec.flags |= JOB_KILL_BAD_DEP;
    return r;
}

static int set_texts(struct draft *d)
{
    const struct job_spec *s = d->spec;

    d->rec.name = s->name && *s->name ? s->name : "sbatch";
    d->rec.comment = s->comment;
    d->rec.admin_comment = is_operator(&d->t->in->who) ? s->admin_comment : "";
    d->rec.request_key = s->request_key;
    if (s->requeue.set ? s->requeue.v : d->t->c->conf->job_requeue)
        d->rec.flags |= JOB_CAN_REQUEUE;
    if (s->no_kill.set && s->no_kill.v)
        d->rec.flags |= JOB_NO_KILL;
    return 0;
}
