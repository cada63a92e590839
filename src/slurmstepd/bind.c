/* Binding tasks: the words of --cpu-bind, --mem-bind, --hint, --distribution and --gpu-bind meet
 * what the step has on this node. */
#include "slurmstepd/bind.h"

#include "node/gres.h"
#include "node/topology.h"
#include "slurmstepd/step.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

/* What of the job is the step's here; NULL for the batch script, which has all of it. */
static const struct step_node *part_of(const struct step *s)
{
    return s->order ? &s->order->parts.v[s->order->self] : NULL;
}

/* ---- CPUs */

static void set_from_text(struct bits *set, const char *ids)
{
    for (const char *p = ids; isdigit((unsigned char)*p); p += *p == ',') {
        char *end;
        unsigned long first = strtoul(p, &end, 10), last = first;
        if (*end == '-')
            last = strtoul(end + 1, &end, 10);
        for (unsigned long i = first; i <= last && i < set->n; i++)
            bits_set(set, (uint32_t)i);
        p = end;
    }
}

static void find_cpus(struct step *s)
{
    const struct host_topology *t = s->confine.host->topology;
    const struct step_node *part = part_of(s);
    struct bits *set = &s->bind.cpus;

    if (set->n)
        return;
    bits_init(set, t ? t->os.n : 0);
    if (part)
        bits_or_bytes(set, part->cpus.p, part->cpus.len);
    else
        set_from_text(set, s->launch->cpu_ids);
}

void bind_cpus(struct step *s, struct buf *ret)
{
    const struct host_topology *t = s->confine.host->topology;

    find_cpus(s);
    buf_reset(ret);
    BITS_FOREACH(cpu, &s->bind.cpus)
        buf_printf(ret, "%s%u", ret->len ? "," : "", t->os.v[cpu]);
}

/* The batch script may use all of the job's CPUs; what it starts binds itself, through srun. */
static int plan(struct step *s, struct err *e)
{
    const struct step_spec *spec = s->order ? s->order->spec : NULL;
    const struct affinity_ask ask = {
        .topology = s->confine.host->topology,
        .cpus = &s->bind.cpus,
        .tasks = s->task_count,
        .cpus_per_task = spec && spec->cpus_per_task.set ? spec->cpus_per_task.v : 1,
        .cpu_bind = spec ? spec->cpu_bind : "none",
        .mem_bind = spec ? spec->mem_bind : "",
        .hint = spec ? spec->hint : "",
        .distribution = spec ? spec->distribution : "",
        .defaults = s->confine.host->task_params,
    };

    return affinity_plan(&ask, &s->arena, &s->bind.plan, e);
}

/* ---- GPUs */

/* --gpu-bind, or what --gpus-per-task stands for when nothing else is said. */
static const char *gpu_bind_of(const struct step *s)
{
    const struct step_spec *spec = s->order->spec;
    const char *bind = spec->tres_bind, *per_task = strstr(spec->tres_per_task, "gpu");

    bind += strncmp(bind, "gres/", 5) == 0 ? 5 : 0;
    bind += strncmp(bind, "gpu:", 4) == 0 ? 4 : 0;
    if (bind[0] || !per_task)
        return bind;
    size_t len = strcspn(per_task, ",");
    while (len > 0 && isdigit((unsigned char)per_task[len - 1]))
        len--;
    return arena_printf((struct arena *)&s->arena, "per_task:%lu",
                        isdigit((unsigned char)per_task[len]) ? strtoul(per_task + len, NULL, 10)
                                                              : 1ul);
}

static int bind_gpus(struct step *s, uint32_t local, uint64_t *ret, struct err *e)
{
    const struct step_node *part = part_of(s);
    const struct affinity *p = &s->bind.plan;

    *ret = 0;
    if (!part)
        return 0;
    struct gres_place at = { .host = s->confine.host,
                             .parts = part->gres.v,
                             .part_n = part->gres.n,
                             .local_rank = local,
                             .local_tasks = s->task_count };
    uint32_t *cpus = arena_calloc(&s->arena, s->bind.cpus.n + 1, sizeof *cpus);
    const struct bits *set = p->n ? &p->tasks[local].cpus : &s->bind.cpus;
    BITS_FOREACH(cpu, set)
        cpus[at.cpu_n++] = (uint32_t)cpu;
    at.cpus = cpus;
    return gres_bind(gpu_bind_of(s), &at, ret, e);
}

/* ---- telling */

static void put_all(struct step *s, struct step_task *t, const struct strs *more)
{
    for (uint32_t i = 0; i < more->n; i++) {
        size_t len = strcspn(more->v[i], "=");
        env_put(&t->start.env, &s->arena, arena_strndup(&s->arena, more->v[i], len),
                more->v[i] + len + 1);
    }
}

static int tell(struct step *s, uint32_t local, struct err *e)
{
    const struct host *h = s->confine.host;
    const struct step_node *part = part_of(s);
    struct step_task *t = &s->tasks[local];
    struct strs more;
    struct gres_task gpus = {
        .job = s->launch->gres_parts.v,
        .job_n = s->launch->gres_parts.n,
        .step = part ? part->gres.v : NULL,
        .step_n = part ? part->gres.n : 0,
        .is_confined = h->cgroup && h->cgroup->version && h->cgroup->devices,
    };

    int err = bind_gpus(s, local, &gpus.only, e);
    if (err < 0)
        return err;
    gres_env(h, &gpus, &s->arena, &more);
    put_all(s, t, &more);
    if (s->bind.plan.n == 0)
        return 0;
    t->start.bind = &s->bind.plan;
    affinity_env(&s->bind.plan, local, &s->arena, &more);
    if (s->order)
        put_all(s, t, &more);
    return 0;
}

int bind_tasks(struct step *s, struct err *e)
{
    int err = 0;

    if (!s->confine.host)
        return 0;
    find_cpus(s);
    if (s->confine.host->affinity && s->bind.cpus.n)
        err = plan(s, e);
    for (uint32_t i = 0; i < s->task_count && err == 0; i++)
        err = tell(s, i, e);
    return err;
}
