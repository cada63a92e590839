/* Steps in the state: the list of each job, and what each fact does to one. */
#include "core/step.h"

#include "base/hostlist.h"
#include "base/xalloc.h"
#include "core/msgs.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

struct step *step_find(const struct job *job, uint32_t step_id)
{
    STEP_FOREACH(s, job)
    if (s->rec->step_id == step_id)
        return s;
    return NULL;
}

struct step *step_find_key(const struct job *job, uint64_t key)
{
    if (!key)
        return NULL;
    STEP_FOREACH(s, job)
    if (s->rec->request_key == key)
        return s;
    return NULL;
}

static struct step_node *part_on(const struct step *s, uint32_t node)
{
    for (uint32_t i = 0; i < s->rec->parts.n; i++)
        if (s->rec->parts.v[i].node == node)
            return &s->rec->parts.v[i];
    return NULL;
}

const struct step_node *step_part_on(const struct step *s, uint32_t node)
{
    return part_on(s, node);
}

bool step_holds(const struct step *s, const struct step_node *part)
{
    return !s->rec->is_overlap && !part->is_done;
}

bool step_is_over(const struct step *s)
{
    return s->open == 0;
}

uint32_t step_cpus(const struct step *s)
{
    uint32_t n = 0;

    for (uint32_t i = 0; i < s->rec->parts.n; i++)
        n += bits_count_bytes(s->rec->parts.v[i].cpus.p, s->rec->parts.v[i].cpus.len);
    return n;
}

const char *step_nodes(const struct step_memo *rec, struct arena *a)
{
    const char **names = arena_calloc(a, rec->parts.n + 1, sizeof *names);

    for (uint32_t i = 0; i < rec->parts.n; i++)
        names[i] = rec->parts.v[i].name;
    return hostlist_compress(a, names, rec->parts.n);
}

int64_t step_due(const struct step *s)
{
    const struct step_memo *rec = s->rec;

    return rec->state == STEP_IS_ENDING || rec->limit_min == NO_LIMIT
               ? INT64_MAX
               : rec->start + 60 * (int64_t)rec->limit_min;
}

int64_t steps_due(const struct job *job)
{
    int64_t due = INT64_MAX;

    STEP_FOREACH(s, job)
    if (step_due(s) < due)
        due = step_due(s);
    return due;
}

static void step_free(struct step *s)
{
    free(s->rec);
    free(s);
}

void steps_free(struct core *c, struct job *job)
{
    while (job->steps) {
        struct step *s = job->steps;
        job->steps = s->next;
        step_free(s);
    }
}

static void step_remove(struct job *job, struct step *gone)
{
    struct step **at = &job->steps;

    while (*at != gone)
        at = &(*at)->next;
    *at = gone->next;
    step_free(gone);
}

static void step_add(struct job *job, const struct step_memo *rec)
{
    struct step *s = xcalloc(1, sizeof *s);
    struct step **at = &job->steps;
    struct step_memo with = *rec;
    struct usage none = { 0 };

    if (!with.used)
        with.used = &none; /* room in its block */
    s->rec = msg_clone(&desc_step_memo, &with);
    for (uint32_t i = 0; i < rec->parts.n; i++)
        s->open += !rec->parts.v[i].is_done;
    while (*at && (*at)->rec->step_id < rec->step_id)
        at = &(*at)->next;
    s->next = *at;
    *at = s;
    if (rec->step_id < STEP_INTERACTIVE && rec->step_id >= job->next_step)
        job->next_step = rec->step_id + 1;
}

/* ---- what must hold */

static bool is_inside(struct bytes inner, struct bytes outer)
{
    for (uint32_t i = 0; i < inner.len; i++)
        if (inner.p[i] & ~(i < outer.len ? outer.p[i] : 0))
            return false;
    return true;
}

static bool is_shared(struct bytes a, struct bytes b)
{
    for (uint32_t i = 0; i < a.len && i < b.len; i++)
        if (a.p[i] & b.p[i])
            return true;
    return false;
}

/* What a step holds on a node is of its job, and of nobody else. */
static int check_part(const struct job *job, const struct step_memo *rec,
                      const struct step_node *part, struct err *e)
{
    const struct alloc_node *of = alloc_find(job, part->node);

    if (!of || !is_inside(part->cpus, of->cpus))
        return err_set(e, ESTATE, "step %u.%u: node %u gives it what the job does not have",
                       rec->job_id, rec->step_id, part->node);
    STEP_FOREACH(s, job)
    {
        const struct step_node *other = rec->is_overlap ? NULL : step_part_on(s, part->node);
        if (other && step_holds(s, other) && is_shared(part->cpus, other->cpus))
            return err_set(e, ESTATE, "step %u.%u: CPUs of node %u are step %u's", rec->job_id,
                           rec->step_id, part->node, s->rec->step_id);
    }
    return 0;
}

static int check_new(const struct core *c, const struct job *job, const struct step_memo *rec,
                     struct err *e)
{
    int r = 0;

    if (job->phase != PHASE_RUNNING && job->phase != PHASE_ENDING)
        return err_set(e, ESTATE, "job %u: a step in phase %u", job->id, job->phase);
    if (rec->parts.n == 0 || step_find(job, rec->step_id))
        return err_set(e, ESTATE, "step %u.%u exists, or is nowhere", job->id, rec->step_id);
    for (uint32_t i = 0; i < rec->parts.n && r == 0; i++)
        if (!rec->parts.v[i].is_done)
            r = check_part(job, rec, &rec->parts.v[i], e);
    return r;
}

static int check_pair(const struct job *job, const struct step *a, const struct step *b,
                      struct err *e)
{
    for (uint32_t i = 0; i < a->rec->parts.n; i++) {
        const struct step_node *part = &a->rec->parts.v[i];
        const struct step_node *other = step_part_on(b, part->node);
        if (other && step_holds(a, part) && step_holds(b, other) &&
            is_shared(part->cpus, other->cpus))
            return err_set(e, ESTATE, "job %u: steps %u and %u hold the same CPU of node %u",
                           job->id, a->rec->step_id, b->rec->step_id, part->node);
    }
    return 0;
}

static int check_step(const struct job *job, const struct step *s, struct err *e)
{
    uint32_t open = 0;
    int r = 0;

    for (uint32_t i = 0; i < s->rec->parts.n; i++)
        open += !s->rec->parts.v[i].is_done;
    if (open == 0 || open != s->open || (s->next && s->next->rec->step_id <= s->rec->step_id))
        return err_set(e, ESTATE, "step %u.%u: its parts, or its place, are wrong", job->id,
                       s->rec->step_id);
    for (const struct step *other = s->next; other && r == 0; other = other->next)
        r = check_pair(job, s, other, e);
    return r;
}

int steps_check(const struct core *c, const struct job *job, struct err *e)
{
    int r = 0;

    if (job->steps && !job->alloc)
        return err_set(e, ESTATE, "job %u has steps and no nodes", job->id);
    STEP_FOREACH(s, job)
    if (r == 0)
        r = check_step(job, s, e);
    return r;
}

/* ---- facts */

static int apply_created(struct core *c, struct job *job, const void *body, struct effects *effects,
                         struct err *e)
{
    const struct step_memo *rec = body;

    int r = check_new(c, job, rec, e);
    if (r < 0)
        return r;
    step_add(job, rec);
    account_numbered_step(c, job, step_find(job, rec->step_id), effects);
    return 0;
}

/* Only ever one part more: it is of the node that just came back. */
static int apply_grown(struct core *c, struct job *job, const void *body, struct effects *effects,
                       struct err *e)
{
    const struct step_memo *more = body;
    struct step *s = step_find(job, more->step_id);
    struct arena a = { 0 };

    if (!s || more->parts.n != 1 || part_on(s, more->parts.v[0].node))
        return err_set(e, ESTATE, "step %u.%u does not grow", job->id, more->step_id);
    int r = check_part(job, more, &more->parts.v[0], e);
    if (r < 0)
        return r;
    struct step_memo rec = *s->rec;
    rec.parts.v = arena_calloc(&a, rec.parts.n + 1, sizeof *rec.parts.v);
    memcpy(rec.parts.v, s->rec->parts.v, rec.parts.n * sizeof *rec.parts.v);
    rec.parts.v[rec.parts.n++] = more->parts.v[0];
    rec.ntasks += more->ntasks;
    rec.is_overlap |= more->is_overlap;
    struct step_memo *grown = msg_clone(&desc_step_memo, &rec);
    free(s->rec);
    s->rec = grown;
    s->open++;
    arena_fini(&a);
    return 0;
}

static int apply_snap(struct core *c, struct job *job, const void *body, struct effects *effects,
                      struct err *e)
{
    int r = check_new(c, job, body, e);

    if (r == 0)
        step_add(job, body);
    return r;
}

/* The worst of two: a signal is worse than any code, of codes the highest. */
static int32_t worse(int32_t a, int32_t b)
{
    int signal_a = a & 0x7f, signal_b = b & 0x7f;

    if (signal_a || signal_b)
        return signal_a ? a : b;
    return (a >> 8 & 0xff) >= (b >> 8 & 0xff) ? a : b;
}

static uint64_t larger(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

/* Times and bytes add up; a peak is that of the node where it was highest. */
static void add_usage(struct usage *sum, const struct usage *more)
{
    sum->user_us += more->user_us;
    sum->system_us += more->system_us;
    sum->read_bytes += more->read_bytes;
    sum->write_bytes += more->write_bytes;
    sum->max_rss_kb = larger(sum->max_rss_kb, more->max_rss_kb);
    sum->max_vsize_kb = larger(sum->max_vsize_kb, more->max_vsize_kb);
    sum->max_pages = larger(sum->max_pages, more->max_pages);
}

static int apply_part(struct core *c, struct job *job, const void *body, struct effects *effects,
                      struct err *e)
{
    const struct fact_step_part *f = body;
    struct step *s = f->step ? step_find(job, f->step->step_id) : NULL;
    struct step_node *part = s ? part_on(s, f->node) : NULL;

    if (!part || part->is_done)
        return err_set(e, ESTATE, "job %u: no such step runs on node %u", job->id, f->node);
    part->is_done = true;
    s->open--;
    s->rec->exit_code = worse(s->rec->exit_code, f->step->wait_status);
    s->rec->oom |= f->step->oom;
    if (f->step->used)
        add_usage(s->rec->used, f->step->used);
    if (!step_is_over(s))
        return 0;
    job->derived_exit = worse(job->derived_exit, s->rec->exit_code);
    account_numbered_step(c, job, s, effects);
    step_remove(job, s);
    return 0;
}

void step_terminate(const struct job *job, const struct step *s, const char *why, uint32_t wait_s,
                    struct effects *effects)
{
    struct job_terminate body = { .job_id = job->id,
                                  .restart = job->restarts,
                                  .kill_wait_s = wait_s,
                                  .why = why,
                                  .uid = job->uid,
                                  .step_id = { true, s->rec->step_id } };

    for (uint32_t i = 0; effects && i < s->rec->parts.n; i++) {
        if (s->rec->parts.v[i].is_done)
            continue;
        struct effect *ef = effects_add(effects, EFFECT_TERMINATE);
        ef->job_id = job->id;
        ef->restart = job->restarts;
        ef->node = s->rec->parts.v[i].node;
        ef->desc = &desc_job_terminate;
        ef->body = msg_copy(effects->arena, &desc_job_terminate, &body);
    }
}

static int apply_set(struct core *c, struct job *job, const void *body, struct effects *effects,
                     struct err *e)
{
    const struct fact_step_set *f = body;
    struct step *s = step_find(job, f->step_id);

    if (!s)
        return err_set(e, ESTATE, "there is no step %u.%u", job->id, f->step_id);
    if (f->limit_min.set)
        s->rec->limit_min = f->limit_min.v;
    if (f->state == STEP_IS_ENDING) {
        s->rec->state = f->state;
        s->rec->result = f->result ? f->result : s->rec->result;
        s->rec->killed_by = f->killed_by ? f->killed_by : s->rec->killed_by;
        step_terminate(job, s, f->why, f->kill_wait_s, effects);
    }
    return 0;
}

typedef int (*applier)(struct core *c, struct job *job, const void *body, struct effects *effects,
                       struct err *e);

static applier applier_of(unsigned kind)
{
    switch (kind) {
    case FACT_step_created:
        return apply_created;
    case FACT_step_part:
        return apply_part;
    case FACT_step_set:
        return apply_set;
    case FACT_step_grown:
        return apply_grown;
    default:
        assert(kind == FACT_snap_step);
        return apply_snap;
    }
}

/* The members that every fact about a step begins with. */
struct head {
    uint32_t job_id;
    int64_t now;
};

int apply_step_fact(struct core *c, const struct fact *f, struct effects *effects, struct err *e)
{
    const struct head *head = f->body;
    struct job *job = job_find(c, head->job_id);

    if (!job || !job->alloc)
        return err_set(e, ESTATE, "%s: no job %u holds anything", fact_name(f->kind), head->job_id);
    int64_t before = c->now;
    c->now = head->now;
    int r = applier_of(f->kind)(c, job, f->body, effects, e);
    if (r < 0)
        c->now = before;
    else
        job_settle(c, job);
    return r;
}

void steps_end_with_job(struct core *c, struct job *job, struct effects *effects)
{
    STEP_FOREACH(s, job)
    {
        s->open = 0;
        account_numbered_step(c, job, s, effects);
    }
    steps_free(c, job);
}
