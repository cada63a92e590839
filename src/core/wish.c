/* Wishes: what of a submission matters to placement, checked as far as it can be without knowing
 * what is free. */
#include "core/wish.h"

#include "base/buf.h"
#include "base/hostlist.h"
#include "core/features.h"
#include "core/gres_ask.h"
#include "core/known.h"
#include "core/place.h"
#include "core/state.h"

#include <string.h>
#include <strings.h>

static bool listed(const char *list, const char *name, size_t len)
{
    for (const char *s = list; *s;) {
        size_t n = strcspn(s, ",");
        if (n == len && strncmp(s, name, len) == 0)
            return true;
        s += n + (s[n] == ',');
    }
    return false;
}

static const char *all_partitions(const struct core *c, struct arena *a)
{
    struct buf b = { 0 };

    for (uint32_t i = 0; i < c->part_count && b.len < 200; i++)
        if (!c->parts[i]->is_gone && !c->parts[i]->info->hidden)
            buf_printf(&b, "%s%s", b.len ? ", " : "", c->parts[i]->info->name);
    const char *text = arena_strdup(a, buf_str(&b));
    buf_fini(&b);
    return text;
}

static const struct part *default_partition(const struct core *c)
{
    for (uint32_t i = 0; i < c->part_count; i++)
        if (!c->parts[i]->is_gone && c->parts[i]->info->is_default)
            return c->parts[i];
    return NULL;
}

int wish_partitions(const struct core *c, const char *asked, struct arena *a, const char **ret,
                    struct err *e)
{
    const struct part *def = default_partition(c);
    char *list = arena_alloc(a, (asked ? strlen(asked) : 0) + 1);
    size_t used = 0;

    if (!asked || !*asked) {
        if (!def)
            return err_set(e, ESLURM_DEFAULT_PARTITION_NOT_SET, "name one with -p: %s",
                           all_partitions(c, a));
        *ret = arena_strdup(a, def->info->name);
        return 0;
    }
    for (const char *s = asked; *s;) {
        size_t len = strcspn(s, ",");
        const char *name = arena_strndup(a, s, len);
        const struct part *p = part_find(c, name);
        if (!p || p->is_gone)
            return err_set(e, ESLURM_INVALID_PARTITION_NAME, "asked: -p %.80s\nthere are: %s", name,
                           all_partitions(c, a));
        if (!listed(list, name, len)) {
            list[used] = ',';
            memcpy(list + used + (used > 0), name, len);
            used += len + (used > 0);
        }
        s += len + (s[len] == ',');
    }
    if (used == 0)
        return err_set(e, ESLURM_INVALID_PARTITION_NAME, "asked: -p %.80s\nthere are: %s", asked,
                       all_partitions(c, a));
    *ret = list;
    return 0;
}

static uint32_t or_zero(struct opt_u32 v)
{
    return v.set ? v.v : 0;
}

static const char *or_empty(const char *s)
{
    return s ? s : "";
}

/* How many of the listed nodes exist; an unknown one is refused. */
static int check_nodes(const struct core *c, const char *list, const char *option, uint32_t *ret_n,
                       struct err *e)
{
    struct arena a = { 0 };
    struct hostlist names = { 0 };
    int r = list && *list ? hostlist_expand(&a, list, &names, NULL) : 0;

    if (r < 0)
        r = err_set(e, ESLURM_INVALID_NODE_NAME, "asked: %s %.100s\nthat is no host list", option,
                    list);
    for (uint32_t i = 0; r == 0 && i < names.n; i++) {
        const struct node *n = node_find(c, names.v[i]);
        if (!n || n->is_gone)
            r = err_set(e, ESLURM_INVALID_NODE_NAME, "asked: %s %.100s\nno node is called %.60s",
                        option, list, names.v[i]);
    }
    hostlist_sort_unique(&names);
    if (r == 0 && ret_n)
        *ret_n = names.n;
    arena_fini(&a);
    return r;
}

/* -N, -n, --ntasks-per-node and -w speak of the same thing; here they are brought together. */
static int count_nodes(const struct job_spec *s, uint32_t named, struct job_wish *w, struct err *e)
{
    uint32_t each = or_zero(s->ntasks_per_node);

    w->min_nodes = s->min_nodes.set ? s->min_nodes.v : 1;
    w->max_nodes = s->max_nodes.set && s->max_nodes.v ? s->max_nodes.v : UINT32_MAX;
    if (s->min_nodes.set && s->min_nodes.v == 0 && !s->max_nodes.set)
        return err_set(e, ESLURM_INVALID_NODE_COUNT, "asked: -N 0\na job needs one node at least");
    w->min_nodes = w->min_nodes ? w->min_nodes : 1;
    if (s->min_nodes.set && !s->max_nodes.set)
        w->max_nodes = w->min_nodes;
    if (w->max_nodes < w->min_nodes)
        return err_set(e, ESLURM_INVALID_NODE_COUNT,
                       "asked: -N %u-%u\nthe second number is the larger one", w->min_nodes,
                       w->max_nodes);
    if (s->ntasks.set && s->ntasks.v == 0)
        return err_set(e, ESLURM_BAD_TASK_COUNT, "asked: -n 0\na job needs one task at least");
    if (named > w->min_nodes)
        w->min_nodes = named;
    if (w->max_nodes < w->min_nodes)
        return err_set(e, ESLURM_INVALID_NODE_COUNT, "asked: at most %u nodes, but %u are needed",
                       w->max_nodes, w->min_nodes);
    w->ntasks = s->ntasks.set ? s->ntasks.v : w->min_nodes * (each ? each : 1);
    w->has_ntasks = s->ntasks.set;
    return 0;
}

static void copy_rest(const struct job_spec *s, struct job_wish *w)
{
    bool is_exclusive = s->exclusive && *s->exclusive;

    w->cpus_per_task = s->cpus_per_task;
    w->ntasks_per_node = s->ntasks_per_node;
    w->ntasks_per_core = s->ntasks_per_core;
    w->ntasks_per_socket = s->ntasks_per_socket;
    w->min_cpus_node = s->min_cpus_per_node;
    w->mem_per_node_mb = s->mem_per_node_mb;
    w->mem_per_cpu_mb = s->mem_per_cpu_mb;
    w->tmp_disk_mb = s->tmp_disk_mb.set ? s->tmp_disk_mb.v : 0;
    w->features = or_empty(s->features);
    w->req_nodes = or_empty(s->req_nodes);
    w->exc_nodes = or_empty(s->exc_nodes);
    w->is_exclusive = is_exclusive && strcasecmp(s->exclusive, "user") != 0 &&
                      strcasecmp(s->exclusive, "mcs") != 0;
    w->exclusive = or_empty(s->exclusive);
    w->overcommit = s->overcommit;
    w->oversubscribe = s->oversubscribe;
    w->contiguous = s->contiguous;
    w->sockets = or_zero(s->sockets_per_node);
    w->cores = or_zero(s->cores_per_socket);
    w->threads = or_zero(s->threads_per_core);
    w->licenses = or_empty(s->licenses);
    w->tres_per_node = or_empty(s->tres_per_node);
    w->tres_per_job = or_empty(s->tres_per_job);
    w->tres_per_task = or_empty(s->tres_per_task);
    w->reservation = or_empty(s->reservation);
    w->distribution = or_empty(s->distribution);
    w->prefer = or_empty(s->prefer);
    w->core_spec = or_zero(s->core_spec);
    w->min_cpus = or_zero(s->cpus_min);
    w->tres_per_socket = or_empty(s->tres_per_socket);
    w->cpus_per_gpu = s->cpus_per_gpu;
    w->mem_per_gpu_mb = s->mem_per_gpu_mb;
    w->gres_flags = or_empty(s->gres_flags);
    w->ntasks_per_gpu = s->ntasks_per_gpu;
    w->hint = or_empty(s->hint);
    w->thread_spec = or_zero(s->thread_spec);
    w->spread_job = s->spread_job;
    w->use_min_nodes = s->use_min_nodes;
    w->switches = or_zero(s->switches);
    w->switches_wait_s = s->switches_wait_s;
    w->segment = or_zero(s->segment);
}

static int check_features(const struct core *c, const char *want, int code, struct err *e)
{
    struct features grammar;
    size_t len;

    if (!features_read(want, &grammar))
        return err_set(e, code,
                       "asked: -C \"%.100s\"\nnames joined by & and |, with ( ), [a|b] and a*2",
                       want);
    for (const char *s = want; s && (s = features_next(s, &len)); s += len) {
        char name[128] = "";
        memcpy(name, s, len < sizeof name ? len : sizeof name - 1);
        bool is_known = false;
        for (uint32_t i = 0; i < c->node_count && !is_known; i++)
            is_known = !c->nodes[i]->is_gone &&
                       features_match(name, node_features(c->nodes[i]), 0, NULL);
        if (!is_known)
            return err_set(e, code, "asked: -C %.100s\nno node has the feature \"%s\"", want, name);
    }
    return 0;
}

/* --ntasks-per-gpu without a number of GPUs: as many as the tasks need. */
static int shape_gpus(const struct job_spec *s, struct arena *a, struct job_wish *w, struct err *e)
{
    bool is_counted = s->ntasks.set || *w->tres_per_job || s->ntasks_per_node.set;

    bool has_nodes = s->min_nodes.set && w->max_nodes == w->min_nodes;

    if (*w->tres_per_task && !is_counted && !has_nodes)
        return err_set(e, ESLURM_INVALID_GRES,
                       "asked: --gpus-per-task=%.80s\nsay how many tasks (-n) or GPUs (--gpus) too",
                       w->tres_per_task);
    if (s->cpus_per_gpu.set && s->cpus_per_task.set)
        return err_set(e, ESLURM_INVALID_GRES,
                       "asked: --cpus-per-gpu=%u and --cpus-per-task=%u\nuse one of them",
                       s->cpus_per_gpu.v, s->cpus_per_task.v);
    if (!s->ntasks_per_gpu.set)
        return 0;
    if (s->ntasks_per_gpu.v == 0)
        return err_set(e, ESLURM_INVALID_GRES, "asked: --ntasks-per-gpu=0\nuse 1 or more");
    if (!*w->tres_per_job && !*w->tres_per_node && !*w->tres_per_task && !*w->tres_per_socket &&
        w->has_ntasks)
        w->tres_per_job =
            arena_printf(a, "gpu:%u", (w->ntasks + s->ntasks_per_gpu.v - 1) / s->ntasks_per_gpu.v);
    return 0;
}

int wish_from_spec(const struct core *c, const struct job_spec *s, struct arena *a,
                   struct job_wish *ret, struct err *e)
{
    struct job_wish w = { 0 };
    uint32_t named = 0;
    int r = wish_partitions(c, s->partition, a, &w.partitions, e);

    if (r == 0)
        r = check_nodes(c, s->req_nodes, "-w", &named, e);
    if (r == 0)
        r = check_nodes(c, s->exc_nodes, "-x", NULL, e);
    if (r == 0)
        r = check_features(c, s->features, ESLURM_INVALID_FEATURE, e);
    if (r == 0)
        r = check_features(c, s->prefer, ESLURM_INVALID_PREFER, e);
    if (r == 0)
        r = count_nodes(s, named, &w, e);
    if (r == 0 && s->cpus_per_task.set && s->cpus_per_task.v == 0)
        r = err_set(e, ESLURM_INVALID_CPU_COUNT, "asked: -c 0\na task needs one CPU at least");
    if (r < 0)
        return r;
    copy_rest(s, &w);
    r = known_check(c, &w, e);
    if (r == 0)
        r = shape_gpus(s, a, &w, e);
    if (r == 0)
        r = gres_shape(c, &w, e);
    if (r < 0)
        return r;
    if (w.min_cpus > w.ntasks * (w.cpus_per_task.set ? w.cpus_per_task.v : 1))
        w.ntasks = w.min_cpus / (w.cpus_per_task.set ? w.cpus_per_task.v : 1);
    *ret = w;
    return 0;
}

/* What a node would have to give and too few do. */
static void explain_memory(const struct core *c, const struct part *p, const struct job_wish *w,
                           const struct place_why *why, struct buf *b)
{
    struct mem_need need = place_memory(c, p, w);

    buf_printf(b, "\n%u have less than the %llu MB%s that were asked; the largest has %llu MB",
               why->memory, (unsigned long long)need.mb, need.is_per_cpu ? " for each CPU" : "",
               (unsigned long long)why->most_mem_mb);
}

/* The counts of the search, as lines that say what to change. */
static int explain(const struct core *c, const struct part *p, const struct job_wish *w,
                   const struct place_why *why, struct err *e)
{
    uint32_t each = w->cpus_per_task.set ? w->cpus_per_task.v : 1;
    struct buf b = { 0 };

    buf_printf(
        &b, "asked: %u task%s of %u CPU%s on %u node%s or more in partition %s, which has %u nodes",
        w->ntasks, w->ntasks == 1 ? "" : "s", each, each == 1 ? "" : "s", w->min_nodes,
        w->min_nodes == 1 ? "" : "s", p->info->name, why->nodes);
    if (why->excluded + why->features + why->hardware > 0)
        buf_printf(
            &b,
            "\n%u are excluded, %u lack the features, %u lack the sockets, cores, threads or disk",
            why->excluded, why->features, why->hardware);
    if (why->memory > 0)
        explain_memory(c, p, w, why, &b);
    if (why->gres > 0)
        buf_printf(&b, "\n%u have less than the generic resources that were asked", why->gres);
    if (why->sum_cpus > 0)
        buf_printf(&b, "\nthe largest node that could be used has %u CPUs, all together have %u",
                   why->most_cpus, why->sum_cpus);
    int r = err_set(e, ESLURM_REQUESTED_NODE_CONFIG_UNAVAILABLE, "%s", buf_str(&b));
    buf_fini(&b);
    return r;
}

static int check_limits(const struct part *p, const struct job_wish *w, struct err *e)
{
    const struct part_info *pi = p->info;

    if (pi->max_nodes && w->min_nodes > pi->max_nodes)
        return err_set(e, ESLURM_INVALID_NODE_COUNT,
                       "asked: %u nodes\npartition %s allows %u at most: use -N %u", w->min_nodes,
                       pi->name, pi->max_nodes, pi->max_nodes);
    if (w->max_nodes < pi->min_nodes)
        return err_set(e, ESLURM_INVALID_NODE_COUNT,
                       "asked: %u nodes at most\npartition %s wants %u at least", w->max_nodes,
                       pi->name, pi->min_nodes);
    return 0;
}

static int check_in_partition(const struct core *c, const struct part *p, const struct job_wish *w,
                              struct err *e)
{
    struct arena a = { 0 };
    struct hostlist names = { 0 };
    int r = 0;

    if (*w->req_nodes)
        r = hostlist_expand(&a, w->req_nodes, &names, e);
    for (uint32_t i = 0; r == 0 && i < names.n; i++) {
        const struct node *n = node_find(c, names.v[i]);
        if (n && !bits_test(&p->nodes, n->index))
            r = err_set(e, ESLURM_REQUESTED_NODES_NOT_IN_PARTITION,
                        "asked: -w %.100s\n%s is not in partition %s", w->req_nodes, names.v[i],
                        p->info->name);
    }
    arena_fini(&a);
    return r;
}

/* One partition that could run it is enough; the first one's refusal is told otherwise. */
int wish_can_run(const struct core *c, const struct job_wish *w, struct arena *a, struct err *e)
{
    const char *list = w->partitions;
    struct err first = { 0 };

    for (struct part *p; (p = part_next(c, &list));) {
        struct place place = { .c = c, .part = p, .wish = w, .when = PLACE_EVER, .a = a };
        struct place_why why = { 0 };
        struct placement at;
        struct err here = { 0 };
        int r = check_limits(p, w, &here);
        if (r == 0)
            r = check_in_partition(c, p, w, &here);
        if (r == 0 && !place_job(&place, &at, &why))
            r = explain(c, p, w, &why, &here);
        if (r == 0)
            return 0;
        first = first.code ? first : here;
    }
    return err_set(e, first.code ? first.code : ESLURM_INVALID_PARTITION_NAME, "%s", first.text);
}

int wish_check(const struct core *c, struct job_wish *w, struct arena *a, struct err *e)
{
    uint32_t named = 0;
    int r = check_nodes(c, w->req_nodes, "ReqNodeList", &named, e);

    if (r == 0)
        r = check_nodes(c, w->exc_nodes, "ExcNodeList", NULL, e);
    if (r == 0)
        r = check_features(c, w->features, ESLURM_INVALID_FEATURE, e);
    if (r == 0)
        r = known_check(c, w, e);
    if (r == 0 && named > w->min_nodes)
        w->min_nodes = named;
    if (r == 0 && w->max_nodes < w->min_nodes)
        r = err_set(e, ESLURM_INVALID_NODE_COUNT, "%s", errors_text(ESLURM_INVALID_NODE_COUNT));
    return r == 0 ? wish_can_run(c, w, a, e) : r;
}
