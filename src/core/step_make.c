/* srun asks for a step: who may, whether the job can give it one now, and what it then gets. */
#include "core/step.h"

#include "core/list.h"
#include "core/msgs.h"
#include "core/step_gres.h"

static void wait_or_refuse(struct turn *t, const struct job *job, const struct step_spec *spec,
                           const struct err *e)
{
    if (!spec->wait) {
        turn_refuse_err(t, e);
        return;
    }
    struct effect *ef = effects_add(t->effects, EFFECT_WAIT);
    ef->reply_to = t->in->reply_to;
    ef->job_id = job->id;
    ef->desc = &desc_step_spec;
    ef->body = spec;
}

static void reply_created(struct turn *t, const struct step_memo *rec)
{
    uint32_t *counts = arena_calloc(t->a, rec->parts.n + 1, sizeof *counts);

    for (uint32_t i = 0; i < rec->parts.n; i++)
        counts[i] = rec->parts.v[i].tasks.n;
    struct step_created body = { .job_id = rec->job_id,
                                 .step_id = rec->step_id,
                                 .nodes = step_nodes(rec, t->a),
                                 .ntasks = rec->ntasks,
                                 .tasks_per_node = counts_text(counts, rec->parts.n, t->a) };
    body.parts.v = rec->parts.v;
    body.parts.n = rec->parts.n;
    turn_reply(t, &desc_step_created, &body);
}

/* The orders to the nodes are built from the request, which is in nobody's memory afterwards. */
static void start(struct turn *t, const struct job *job, uint32_t step_id,
                  const struct step_spec *spec)
{
    struct effect *ef = effects_add(t->effects, EFFECT_STEP_START);

    ef->job_id = job->id;
    ef->restart = job->restarts;
    ef->step_id = step_id;
    ef->desc = &desc_step_spec;
    ef->body = spec;
}

/* 0 when the asker may have a step of this job now. */
static int check_job(const struct turn *t, const struct job *job, const struct step_spec *spec,
                     struct err *e)
{
    uint32_t most = t->c->conf->max_step_count;

    if (!job)
        return err_set(e, ESLURM_INVALID_JOB_ID, "there is no job %u", spec->job_id);
    if (t->in->who.uid != job->uid)
        return err_set(e, ESLURM_ACCESS_DENIED, "job %u is %s's: only its owner starts steps in it",
                       job->id, job->user);
    if (job->phase == PHASE_PENDING)
        return err_set(e, ESLURM_JOB_PENDING, "job %u has no nodes yet", job->id);
    if (job->phase != PHASE_RUNNING)
        return err_set(e, ESLURM_ALREADY_DONE, "job %u is over", job->id);
    if (most && job->next_step >= most)
        return err_set(e, ESLURM_STEP_LIMIT, "asked: step %u of job %u\nMaxStepCount is %u",
                       job->next_step, job->id, most);
    return 0;
}

/* Until each node of the job has said what it runs, its steps are not all known, nor which numbers
 * are free. */
static int check_nodes(const struct turn *t, const struct job *job, struct err *e)
{
    for (uint32_t i = 0; i < job->alloc->nodes.n; i++) {
        const struct alloc_node *part = &job->alloc->nodes.v[i];
        const struct node *n = node_at(t->c, part->node);
        if (!part->is_clean && n->lost_at != 0)
            return err_set(e, ESLURM_NODES_BUSY, "node %s is not connected", n->conf->name);
    }
    return 0;
}

static char *tres_of(const struct step_fit *fit, struct arena *a)
{
    uint64_t mem = 0;
    uint32_t cpus = 0;

    for (uint32_t i = 0; i < fit->n; i++) {
        cpus += bits_count_bytes(fit->v[i].cpus.p, fit->v[i].cpus.len);
        mem += fit->v[i].mem_mb;
    }
    if (mem == 0)
        return arena_printf(a, "cpu=%u,node=%u", cpus, fit->n);
    return arena_printf(a, "cpu=%u,mem=%lluM,node=%u", cpus, (unsigned long long)mem, fit->n);
}

static uint32_t number_of(const struct job *job, const struct step_spec *spec)
{
    return spec->step_kind == STEP_INTERACTIVE || spec->step_kind == STEP_EXTERN ? spec->step_kind
                                                                                 : job->next_step;
}

static void create(struct turn *t, const struct job *job, const struct step_spec *spec,
                   const struct step_fit *fit)
{
    struct step_spec *settled = arena_memdup(t->a, spec, sizeof *spec);
    struct step_memo rec = {
        .job_id = job->id,
        .now = t->in->now,
        .step_id = number_of(job, spec),
        .name = spec->name,
        .start = t->in->now,
        .ntasks = fit->ntasks,
        .limit_min =
            spec->time_limit_min.set && spec->time_limit_min.v ? spec->time_limit_min.v : NO_LIMIT,
        .is_overlap = spec->overlap,
        .distribution = spec->distribution,
        .client = spec->client_host,
        .request_key = spec->request_key,
        .submit_line = spec->submit_line,
        .tres = tres_of(fit, t->a),
        .no_kill = spec->no_kill,
        .has_gres = step_gres_is_asked(spec),
    };

    rec.parts.v = fit->v;
    rec.parts.n = fit->n;
    settled->ntasks = (struct opt_u32){ true, fit->ntasks };
    turn_fact(t, FACT_step_created, &rec);
    reply_created(t, &rec);
    start(t, job, rec.step_id, settled);
}

void decide_step_create(struct turn *t, const struct step_spec *spec)
{
    const struct job *job = job_find(t->c, spec->job_id);
    const struct step_ask ask = { .c = t->c, .job = job, .spec = spec, .a = t->a };
    struct step_fit fit = { 0 };
    struct err e = { 0 };

    int r = check_job(t, job, spec, &e);
    const struct step *same = r == 0 ? step_find_key(job, spec->request_key) : NULL;
    if (same) {
        reply_created(t, same->rec);
        start(t, job, same->rec->step_id, spec); /* a node refuses what it has seen */
        return;
    }
    if (r == 0)
        r = check_nodes(t, job, &e);
    if (r == 0 && spec->step_kind && step_find(job, spec->step_kind))
        r = err_set(&e, ESLURM_DUPLICATE_STEP_ID, "job %u has such a step already", job->id);
    if (r == 0)
        r = step_place(&ask, &fit, &e);
    if (r == 0)
        create(t, job, spec, &fit);
    else if (r == -ESLURM_NODES_BUSY)
        wait_or_refuse(t, job, spec, &e);
    else
        turn_refuse_err(t, &e);
}

void decide_step_watch(struct turn *t, const struct step_attach *want)
{
    const struct job *job = job_find(t->c, want->job_id);
    const struct step *s = job ? step_find(job, want->step_id) : NULL;
    const struct who *who = &t->in->who;

    if (!s) {
        turn_refuse(t, ESLURM_INVALID_JOB_ID, "step %u.%u does not run", want->job_id,
                    want->step_id);
        return;
    }
    if (who->uid != job->uid && who->uid != 0) {
        turn_refuse(t, ESLURM_ACCESS_DENIED, "job %u is %s's", job->id, job->user);
        return;
    }
    reply_created(t, s->rec);
    for (uint32_t i = 0; i < s->rec->parts.n && *want->client_addr; i++) {
        if (s->rec->parts.v[i].is_done)
            continue;
        struct effect *ef = effects_add(t->effects, EFFECT_STEP_ATTACH);
        ef->job_id = job->id;
        ef->node = s->rec->parts.v[i].node;
        ef->desc = &desc_step_attach;
        ef->body = msg_copy(t->effects->arena, &desc_step_attach, want);
    }
}
