/* Answers about jobs.  Nothing here changes anything. */
#include "core/list.h"

#include "core/backfill.h"

#include "base/buf.h"
#include "base/hostlist.h"
#include "core/place.h"
#include "core/promise.h"
#include "core/sched.h"
#include "core/state.h"
#include "schema/states.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define PAGE_JOBS 10000u

/* A question on its way to an answer. */
struct filter {
    const struct core *c;
    const struct job_query *q;
    const struct who *who;
    struct arena *a;
    struct map *unavailable; /* wish to text: why its jobs wait */
};

static void asked_size(const struct core *c, const struct job *job, struct arena *a,
                       struct job_size *s)
{
    const char *list = job->wish->ask->partitions;
    struct claim claim;

    claim_asked(c, part_next(c, &list), job->wish->ask, &claim);
    s->req_cpus = (uint32_t)claim.all.v[TRES_CPU];
    s->req_mem_mb = claim.all.v[TRES_MEM];
    s->tres_req = tres_text(&c->tres, &claim.all, 0, a);
}

char *nodes_text(const struct core *c, const struct alloc_node *v, uint32_t n, struct arena *a)
{
    const char **names = arena_calloc(a, n + 1, sizeof *names);

    for (uint32_t i = 0; i < n; i++)
        names[i] = core_node_name(c, v[i].node);
    return hostlist_compress(a, names, n);
}

struct job_size job_size(const struct core *c, const struct job *job, struct arena *a)
{
    struct job_size s = { .partition = job->wish->ask->partitions,
                          .nodes = "",
                          .tres_alloc = "",
                          .node_count = job->wish->ask->min_nodes };
    bool has_last = job->last && job->phase == PHASE_DONE;

    asked_size(c, job, a, &s);
    s.cpus = s.req_cpus;
    if (job->alloc) {
        s.tres_alloc = claim_alloc_text(c, job, a);
        s.partition = job->alloc->partition;
        s.nodes = nodes_text(c, job->alloc->nodes.v, job->alloc->nodes.n, a);
        s.node_count = job->alloc->nodes.n;
        s.cpus = 0;
        for (uint32_t i = 0; i < job->alloc->nodes.n; i++) {
            s.cpus += alloc_cpus(&job->alloc->nodes.v[i]);
            s.mem_mb += job->alloc->nodes.v[i].mem_mb;
        }
    } else if (has_last) {
        s.partition = job->last->partition;
        s.nodes = job->last->text;
        s.node_count = job->last->nodes;
        s.cpus = job->last->cpus;
        s.mem_mb = job->last->mem_mb;
        s.tres_alloc = job->last->tres;
    }
    return s;
}

char *counts_text(const uint32_t *v, uint32_t n, struct arena *a)
{
    struct buf b = { 0 };

    for (uint32_t i = 0, run; i < n; i += run) {
        for (run = 1; i + run < n && v[i + run] == v[i]; run++)
            ;
        buf_printf(&b, "%s%u", i ? "," : "", v[i]);
        if (run > 1)
            buf_printf(&b, "(x%u)", run);
    }
    char *text = arena_strdup(a, buf_str(&b));
    buf_fini(&b);
    return text;
}

/* The last pass came past it without stopping: its nodes are not there to be waited for. */
static bool was_passed_over(const struct job *job, const struct part *p)
{
    bool is_before = p->blocked.id == 0 || queue_compare(job_key_in(job, p), p->blocked) < 0;

    return !p->is_dirty && job->is_queued && is_before;
}

/* Why the rules keep it from every partition; None when they do not. */
static enum reason rule_reason(const struct core *c, const struct job *job)
{
    const char *list = job->wish->ask->partitions;
    struct limit_why why = { 0 };

    for (const struct part *p; (p = part_next(c, &list));)
        if (limits_may_start(c, job, p, NULL, &why))
            return (enum reason)job->parked_why;
    return why.reason;
}

static enum reason part_reason(const struct core *c, const struct job *job)
{
    const char *list = job->wish->ask->partitions;
    enum reason why = REASON_None;

    for (const struct part *p; (p = part_next(c, &list));) {
        enum reason here = sched_part_reason(job, p);
        if (here == REASON_None && p->blocked.id == job->id)
            return REASON_Resources;
        if (here == REASON_None && !why)
            why = REASON_Priority;
        if (here == REASON_None && was_passed_over(job, p))
            why = license_is_free(c, job->wish->ask->licenses) ? REASON_ReqNodeNotAvail
                                                               : REASON_Licenses;
        if (here != REASON_None && !why)
            why = here;
    }
    return why;
}

enum reason sched_reason(const struct core *c, const struct job *job)
{
    static const uint8_t holds[] = { 0, REASON_JobHeldUser, REASON_JobHeldAdmin,
                                     REASON_JobHoldMaxRequeue };

    if (job->phase != PHASE_PENDING)
        return (enum reason)job->reason;
    if (job->hold)
        return (enum reason)holds[job->hold];
    if (job->base == 0)
        return REASON_JobHeldUser;
    if (deps_are_hopeless(job))
        return REASON_DependencyNeverSatisfied;
    if (!deps_are_met(c, job))
        return REASON_Dependency;
    if (!(job->flags & JOB_BEGUN))
        return REASON_BeginTime;
    if (!array_has_room(c, job))
        return REASON_JobArrayTaskLimit;
    enum reason rule = c->enforce ? rule_reason(c, job) : REASON_None;
    return rule != REASON_None ? rule : part_reason(c, job);
}

/* The nodes that the job could use, were they up. */
static char *unavailable_nodes(const struct core *c, const struct job_wish *w, struct arena *a)
{
    const char **names = arena_calloc(a, c->node_count + 1, sizeof *names);
    struct hostlist asked = { 0 };
    const char *list = w->partitions;
    uint32_t n = 0;

    if (*w->req_nodes && hostlist_expand(a, w->req_nodes, &asked, NULL) == 0)
        for (uint32_t i = 0; i < asked.n; i++) {
            const struct node *node = node_find(c, asked.v[i]);
            if (node && !node_is_up(node))
                names[n++] = asked.v[i];
        }
    for (const struct part *p; !asked.n && (p = part_next(c, &list));)
        for (uint32_t i = 0; i < p->order_n && n < c->node_count; i++)
            if (!node_is_up(c->nodes[p->order[i]]))
                names[n++] = c->nodes[p->order[i]]->conf->name;
    return hostlist_compress(a, names, n);
}

/* A hold that nobody asked for says so. */
static const char *name_of_reason(const struct job *job, enum reason reason)
{
    bool is_failed_launch = job->phase == PHASE_PENDING && job->hold == HOLD_USER &&
                            job->reason == REASON_JobLaunchFailure;

    return is_failed_launch ? "launch failed requeued held" : reason_name(reason);
}

/* Equal wishes wait for equal nodes, so a page of the queue names them once. */
static const char *text_of_reason(const struct filter *f, const struct job *job, enum reason reason)
{
    if (reason != REASON_ReqNodeNotAvail)
        return reason_text(reason);
    char *text = map_get(f->unavailable, (uintptr_t)job->wish);
    if (!text) {
        text = arena_printf(f->a, "ReqNodeNotAvail, UnavailableNodes:%s",
                            unavailable_nodes(f->c, job->wish->ask, f->a));
        map_put(f->unavailable, (uintptr_t)job->wish, text);
    }
    return text;
}

/* Memory as asked, or as the defaults of partition and cluster have it. */
static void describe_memory(const struct core *c, const struct job *job, struct job_info *ret)
{
    const char *list = job->alloc ? job->alloc->partition : job->wish->ask->partitions;
    const struct part *p = part_next(c, &list);

    if (!p)
        return;
    struct mem_need need = place_memory(c, p, job->wish->ask);
    ret->min_mem_per_cpu_mb = (struct opt_u64){ need.is_per_cpu, need.mb };
    ret->min_mem_per_node_mb = (struct opt_u64){ !need.is_per_cpu, need.mb };
}

static const char *sharing(const struct core *c, const struct job *job)
{
    const struct job_wish *w = job->wish->ask;
    const char *list = job->alloc ? job->alloc->partition : w->partitions;
    const struct part *p = part_next(c, &list);
    const char *rule = p && p->info->oversubscribe ? p->info->oversubscribe : "";

    if (strcasecmp(w->exclusive, "user") == 0)
        return "USER";
    if (strcasecmp(w->exclusive, "mcs") == 0)
        return "MCS";
    if (w->is_exclusive || strcasecmp(rule, "EXCLUSIVE") == 0)
        return "NO";
    return w->oversubscribe || strncasecmp(rule, "FORCE", 5) == 0 ? "YES" : "OK";
}

static void describe_array(const struct core *c, const struct job *job, struct arena *a,
                           struct job_info *ret)
{
    const struct array *arr = job->array_id ? array_find(c, job->array_id) : NULL;

    if (!arr)
        return;
    ret->array_job_id = job->array_id;
    ret->array_max_tasks = arr->limit;
    if (job->task != NO_TASK)
        ret->array_task_id = (struct opt_u32){ true, job->task };
    if (!job->rest)
        return;
    char *text = runs_text(job->rest, a);
    ret->array_tasks = arr->limit ? arena_printf(a, "%s%%%u", text, arr->limit) : text;
}

/* Per node: CPUs, memory and the numbers of the CPUs. */
static void describe_alloc(const struct core *c, const struct job *job, struct arena *a,
                           struct job_info *ret)
{
    uint32_t n = job->alloc->nodes.n;
    uint32_t *cpus = arena_calloc(a, n, sizeof *cpus);

    ret->batch_host = core_node_name(c, job->alloc->nodes.v[0].node);
    for (uint32_t i = 0; i < n; i++) {
        cpus[i] = alloc_cpus(&job->alloc->nodes.v[i]);
        if (job->alloc->nodes.v[i].mem_mb > ret->mem_per_node_mb)
            ret->mem_per_node_mb = job->alloc->nodes.v[i].mem_mb;
    }
    ret->cpus_per_node = counts_text(cpus, n, a);
}

char *cpu_ids_text(struct bytes bits, struct arena *a)
{
    struct buf b = { 0 };
    uint32_t end = bits.len * 8;

    for (uint32_t i = 0; i < end; i++) {
        uint32_t last = i;
        if (!(bits.p[i / 8] >> i % 8 & 1))
            continue;
        while (last + 1 < end && bits.p[(last + 1) / 8] >> (last + 1) % 8 & 1)
            last++;
        buf_printf(&b, "%s%u", b.len ? "," : "", i);
        if (last > i)
            buf_printf(&b, "-%u", last);
        i = last;
    }
    char *text = arena_strdup(a, buf_str(&b));
    buf_fini(&b);
    return text;
}

static void describe_nodes(const struct core *c, const struct job *job, struct arena *a,
                           struct job_info *ret)
{
    ret->node_cpus.v = arena_calloc(a, job->alloc->nodes.n, sizeof *ret->node_cpus.v);
    for (uint32_t i = 0; i < job->alloc->nodes.n; i++) {
        const struct alloc_node *part = &job->alloc->nodes.v[i];
        ret->node_cpus.v[ret->node_cpus.n++] =
            arena_printf(a, "Nodes=%s CPU_IDs=%s Mem=%llu GRES=%s", core_node_name(c, part->node),
                         cpu_ids_text(part->cpus, a), (unsigned long long)part->mem_mb,
                         gres_held_text(part, a));
    }
}

static int64_t end_of(const struct job *job)
{
    int64_t limit = job->phase == PHASE_RUNNING ? job_limit_end(job) : job->end;

    if (job->phase == PHASE_RUNNING && job->deadline && (limit == 0 || job->deadline < limit))
        return job->deadline;
    return limit;
}

/* What was looked at before a restart is not remembered; a job that was never a candidate was
 * looked at when it came. */
static int64_t last_eval(const struct job *job)
{
    int64_t known = job->start && job->phase != PHASE_PENDING ? job->start : job->submit;

    return job->tried > known ? job->tried : known;
}

/* How many nodes a waiting job is shown with: Slurm's guess, which scripts know. */
static uint32_t guess_nodes(const struct core *c, const struct job_wish *w)
{
    const char *list = w->partitions;
    const struct part *p = part_next(c, &list);
    uint32_t most = p && p->most_cpus ? p->most_cpus : 1, n;
    uint32_t each = w->cpus_per_task.set ? w->cpus_per_task.v : 1;
    uint32_t tasks = w->has_ntasks ? w->ntasks : w->min_nodes;

    if (each > 1 && w->has_ntasks) {
        uint32_t fit = most / each ? most / each : 1;
        n = (tasks / fit ? tasks / fit : 1) + (tasks % fit != 0);
    } else {
        n = (w->has_ntasks ? tasks : 1) / most + ((w->has_ntasks ? tasks : 1) % most != 0);
    }
    if (w->has_ntasks && w->ntasks_per_node.set && w->ntasks_per_node.v &&
        tasks / w->ntasks_per_node.v > n)
        n = tasks / w->ntasks_per_node.v;
    return n > w->min_nodes ? n : w->min_nodes;
}

/* As dealt, once it has its nodes: a node may get more than was needed. */
static uint32_t tasks_of(const struct job *job)
{
    uint32_t sum = 0;

    for (uint32_t i = 0; job->alloc && i < job->alloc->nodes.n; i++)
        sum += job->alloc->nodes.v[i].ntasks;
    return sum ? sum : job->wish->ask->ntasks;
}

static void describe(const struct filter *f, const struct job *job, struct job_info *ret)
{
    const struct core *c = f->c;
    struct arena *a = f->a;
    const struct job_wish *w = job->wish->ask;
    struct job_size size = job_size(c, job, a);
    enum reason reason = sched_reason(c, job);

    *ret = (struct job_info){
        .job_id = job->id,
        .name = job->name,
        .user_id = job->uid,
        .group_id = job->gid,
        .user_name = job->user,
        .account = job->account,
        .qos = job->qos,
        .partition = size.partition,
        .reason = name_of_reason(job, reason),
        .reason_text = text_of_reason(f, job, reason),
        .priority = job_priority(job),
        .nice = job->nice,
        .submit_time = job->submit,
        .eligible_time = job->eligible ? job->eligible : job->begin,
        .accrue_time = job->eligible,
        .start_time =
            job->phase == PHASE_PENDING && job->begin > job->submit ? job->begin : job->start,
        .end_time = end_of(job),
        .time_limit_min = job->limit_min,
        .time_min_min = job->min_limit_min,
        .nodes = size.nodes,
        .num_nodes = job->phase == PHASE_PENDING ? guess_nodes(c, w) : size.node_count,
        .num_cpus = size.cpus,
        .num_tasks = tasks_of(job),
        .tres = *size.tres_alloc ? size.tres_alloc : size.tres_req,
        .exit_code = job->exit_code,
        .restarts = job->restarts,
        .requeue = job->flags & JOB_CAN_REQUEUE,
        .batch = job->flags & JOB_BATCH,
        .dependency = job->phase == PHASE_PENDING ? deps_text(job, a) : "",
        .deadline = job->deadline,
        .last_eval_time = last_eval(job),
        .oversubscribe = sharing(c, job),
        .min_nodes_max = w->max_nodes != UINT32_MAX && w->max_nodes != w->min_nodes
                             ? arena_printf(a, "%u-%u", w->min_nodes, w->max_nodes)
                             : arena_printf(a, "%u", w->min_nodes),
        .record = job->id,
        .failed_node = job->failed_node,
        .comment = job->comment,
        .features = w->features,
        .cancelled_by = job->killed_by,
        .mem_per_node_mb = size.req_mem_mb / (w->min_nodes ? w->min_nodes : 1),
        .cpus_per_node = "",
        .array_tasks = "",
        .batch_host = "",
        .sched_nodes = "",
    };
    job_view(job, &ret->state, &ret->state_flags);
    describe_memory(c, job, ret);
    describe_array(c, job, a, ret);
    if (job->alloc)
        describe_alloc(c, job, a, ret);
}

/* Worked out when asked: a plan is no state. */
static void describe_plan(const struct core *c, const struct job *job, int64_t now, struct arena *a,
                          struct job_info *ret)
{
    const struct promise *p = job->promise;
    const char **names;

    if (!p)
        return;
    names = arena_calloc(a, p->n, sizeof *names);
    for (uint32_t i = 0; i < p->n; i++)
        names[i] = core_node_name(c, p->v[i].node);
    ret->start_time = p->start > now ? p->start : now;
    ret->sched_nodes = hostlist_compress(a, names, p->n);
}

static bool in_strs(const struct strs *set, const char *word)
{
    for (uint32_t i = 0; i < set->n; i++)
        if (strcasecmp(set->v[i], word) == 0)
            return true;
    return set->n == 0;
}

static bool user_matches(const struct strs *users, const struct job *job, struct arena *a)
{
    return users->n == 0 || in_strs(users, job->user) ||
           in_strs(users, arena_printf(a, "%u", job->uid));
}

static bool part_matches(const struct strs *parts, const struct job *job)
{
    const char *list = job->alloc ? job->alloc->partition : job->wish->ask->partitions;

    if (parts->n == 0)
        return true;
    while (*list) {
        size_t len = strcspn(list, ",");
        for (uint32_t i = 0; i < parts->n; i++)
            if (strlen(parts->v[i]) == len && strncmp(parts->v[i], list, len) == 0)
                return true;
        list += len + (list[len] == ',');
    }
    return false;
}

/* Without a wish for states, what squeue shows: everything that is not over. */
static bool state_matches(const struct strs *states, const struct job *job)
{
    uint32_t state, flags, base, flag;

    if (states->n == 0)
        return job->phase != PHASE_DONE;
    job_view(job, &state, &flags);
    for (uint32_t i = 0; i < states->n; i++) {
        if (strcasecmp(states->v[i], "all") == 0)
            return true;
        if (state_parse(states->v[i], &base, &flag) && (flag ? (flags & flag) != 0 : base == state))
            return true;
    }
    return false;
}

static bool is_private(const struct core *c, const struct who *who, const struct job *job)
{
    return c->conf->private_data && strcasestr(c->conf->private_data, "jobs") && who &&
           who->uid != job->uid && who->role < ROLE_OPERATOR;
}

/* Named jobs are shown in any state: "123" is the job or all of the array, "123_4" the task. */
static bool is_named(const struct core *c, const struct strs *names, const struct job *job)
{
    for (uint32_t i = 0; i < names->n; i++) {
        char *end;
        uint32_t id = (uint32_t)strtoul(names->v[i], &end, 10);
        if (*end != '_' && (id == job->id || (id == job->array_id && id)))
            return true;
        if (*end != '_' || id != job->array_id)
            continue;
        struct runs tasks;
        uint32_t limit;
        if (runs_parse(end + 1, NO_TASK, &tasks, &limit, NULL) < 0)
            continue;
        bool is_hit = job->task != NO_TASK && runs_has(&tasks, job->task);
        for (uint32_t t = job->rest ? runs_first(&tasks) : NO_TASK; t != NO_TASK && !is_hit;
             t = runs_next(&tasks, t))
            is_hit = runs_has(job->rest, t);
        runs_fini(&tasks);
        if (is_hit)
            return true;
    }
    return false;
}

static bool matches(const struct filter *f, const struct job *job)
{
    const struct job_query *q = f->q;

    if (is_private(f->c, f->who, job))
        return false;
    if (q->jobs.n && !is_named(f->c, &q->jobs, job))
        return false;
    if (!(q->jobs.n && q->states.n == 0) && !state_matches(&q->states, job))
        return false;
    return user_matches(&q->users, job, f->a) && part_matches(&q->partitions, job);
}

void core_list_jobs(const struct core *c, const struct job_query *q, const struct who *who,
                    int64_t now, struct arena *a, struct job_infos *ret)
{
    struct map unavailable = { 0 };
    struct filter f = { .c = c, .q = q, .who = who, .a = a, .unavailable = &unavailable };
    struct queue_key from = { 0, q->after_job ? q->after_job + 1 : 0 };
    uint32_t cap = c->jobs.count < PAGE_JOBS ? c->jobs.count : PAGE_JOBS;

    *ret = (struct job_infos){ .now = now };
    ret->jobs.v = arena_calloc(a, cap + 1, sizeof *ret->jobs.v);
    for (const struct queue_entry *it; (it = queue_from(&c->jobs, from));) {
        from.id = it->key.id + 1;
        if (!matches(&f, it->job))
            continue;
        if (ret->jobs.n == cap) {
            ret->more = true;
            break;
        }
        struct job_info *info = &ret->jobs.v[ret->jobs.n++];
        describe(&f, it->job, info);
        if (q->start || q->detail)
            describe_plan(c, it->job, now, a, info);
        if (q->detail && it->job->alloc)
            describe_nodes(c, it->job, a, info);
    }
    map_fini(&unavailable);
}

bool core_job_cold(const struct core *c, uint32_t job_id, struct bytes *ret_cold,
                   uint64_t *ret_script, uint64_t *ret_environment)
{
    const struct job *job = job_find(c, job_id);

    if (!job)
        return false;
    *ret_cold = job->cold;
    *ret_script = job->script;
    *ret_environment = job->environment;
    return true;
}
