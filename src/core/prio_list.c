/* What priorities are made of: the answer to sprio. */
#include "core/prio_job.h"
#include "core/state.h"

#include "base/buf.h"

#include <math.h>
#include <string.h>
#include <strings.h>

static char *tres_factors(const struct core *c, const double *v, bool is_weighted, struct arena *a)
{
    struct buf b = { 0 };

    for (uint32_t i = 0; i < c->prio.tres.n; i++) {
        const struct tres *w = &c->prio.tres.v[i];
        if (is_weighted && prio_column(v[i] * w->amount) != 0)
            buf_printf(&b, "%s%s=%lld", b.len ? "," : "", w->name,
                       (long long)prio_column(v[i] * w->amount));
        else if (!is_weighted && v[i] > 0)
            buf_printf(&b, "%s%s=%.2f", b.len ? "," : "", w->name, v[i]);
    }
    char *text = arena_strdup(a, buf_str(&b));
    buf_fini(&b);
    return text;
}

static void explain(const struct core *c, const struct job *job, const struct part *p, int64_t now,
                    struct arena *a, struct prio_info *ret)
{
    struct job_record rec = prio_record(job);
    struct prio_job made = prio_describe(c, &rec);
    struct prio_factors f = prio_in_part(c, p, job->wish->ask, now, &made);
    struct prio_parts parts = prio_weigh(&c->prio, &f, &made);

    *ret = (struct prio_info){ .job_id = job->id,
                               .user = job->user,
                               .uid = job->uid,
                               .partition = p->info->name,
                               .account = job->account,
                               .qos = job->qos,
                               .priority = job_priority(job),
                               .nice = job->nice,
                               .tres = "",
                               .tres_weighted = "" };
    ret->is_direct = job->flags & JOB_PRIO_DIRECT;
    if (ret->is_direct)
        return;
    int64_t number = (int64_t)prio_number(&c->prio, &parts, job->base) - job->nice;
    ret->priority = number < 1 ? 1 : (uint32_t)number;
    ret->age = f.age;
    ret->assoc = f.assoc;
    ret->fairshare = f.fairshare;
    ret->size = f.size;
    ret->part = f.part;
    ret->qos_factor = f.qos;
    ret->tres = tres_factors(c, f.tres, false, a);
    ret->tres_weighted = tres_factors(c, f.tres, true, a);
}

static bool is_hidden(const struct core *c, const struct who *who, const struct job *job)
{
    return c->conf->private_data && strcasestr(c->conf->private_data, "jobs") &&
           who->uid != job->uid && who->role < ROLE_OPERATOR;
}

/* A line for each waiting job and partition; held jobs have no priority to speak of. */
void core_list_prio(const struct core *c, const struct who *who, int64_t now, struct arena *a,
                    struct prio_infos *ret)
{
    uint32_t cap = 0;

    *ret = (struct prio_infos){ .age = c->prio.age,
                                .assoc = c->prio.assoc,
                                .fairshare = c->prio.fairshare,
                                .size = c->prio.size,
                                .part = c->prio.part,
                                .qos = c->prio.qos,
                                .tres = c->conf->prio_weight_tres,
                                .is_multifactor = prio_is_multifactor(c) };
    if (!ret->is_multifactor)
        return;
    for (int is_filling = 0; is_filling < 2; is_filling++) {
        QUEUE_FOREACH(it, &c->jobs)
        {
            const char *list = it->job->wish->ask->partitions;
            if (it->job->phase != PHASE_PENDING || job_priority(it->job) == 0 ||
                is_hidden(c, who, it->job))
                continue;
            for (const struct part *p; (p = part_next(c, &list)); cap += !is_filling)
                if (is_filling)
                    explain(c, it->job, p, now, a, &ret->jobs.v[ret->jobs.n++]);
        }
        if (!is_filling)
            ret->jobs.v = arena_calloc(a, cap + 1, sizeof *ret->jobs.v);
    }
}
