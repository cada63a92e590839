/* Steps on their way out: what each node of one is told, and questions about allocations and steps.
 */
#include "slurmctld/ctld.h"

#include "base/log.h"
#include "schema/errors.h"

#include <string.h>

/* One order for each node; they differ in what the job has there. */
static int send_to(struct ctld *c, const struct effect *ef, struct step_launch *l, uint32_t self)
{
    struct launch job = { 0 };
    struct err e = { 0 };

    int r = launch_job(c, ef->job_id, l->parts.v[self].node, &c->arena, &job, &e);
    if (r != 0)
        return r;
    job.step_id = ef->step_id;
    job.is_single_node = false; /* the job goes on when the step has ended */
    l->job = &job;
    l->self = self;
    nodes_send_step(c, l->parts.v[self].node, l);
    l->job = NULL;
    return 0;
}

/* Ended meanwhile is fine: its nodes were told so after this. */
void steps_start(struct ctld *c, const struct effect *ef)
{
    struct step_launch l;

    if (core_step_launch(c->core, ef->job_id, ef->step_id, &c->arena, &l) < 0)
        return;
    l.spec = (struct step_spec *)(uintptr_t)ef->body;
    for (uint32_t i = 0; i < l.parts.n; i++)
        if (!l.parts.v[i].is_done)
            send_to(c, ef, &l, i);
}

/* ---- questions */

int ask_steps(struct ctld *c, const struct pending *p, void *ret, struct err *e)
{
    const struct step_query *q = p->in.body;
    struct step_infos *infos = ret;

    core_list_steps(c->core, p->in.body, &p->in.who, &c->arena, infos);
    for (uint32_t i = 0; q->usage && i < infos->steps.n; i++)
        samples_fill(c, &infos->steps.v[i]);
    infos->now = ctld_now(c);
    return 0;
}

int ask_alloc(struct ctld *c, const struct pending *p, void *ret, struct err *e)
{
    const struct alloc_wait *want = p->in.body;
    struct alloc_info *info = ret;

    int r = core_alloc(c->core, want, &p->in.who, &c->arena, info, e);
    if (r < 0)
        return r;
    if (r > 0)
        return waits_park(c, &p->call, want->job_id, &desc_alloc_wait, want);
    if (want->step_id.set)
        waits_recall(c, want->job_id, want->step_id.v, &info->errors);
    uint32_t first = core_first_node(c->core, want->job_id);
    struct launch *job = arena_alloc(&c->arena, sizeof *job);
    if (first != UINT32_MAX && launch_job(c, want->job_id, first, &c->arena, job, NULL) == 0)
        info->job = job;
    return 0;
}
