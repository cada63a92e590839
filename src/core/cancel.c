/* scancel: by name, by filter, or both; a signal, or the end. */
#include "core/finish.h"
#include "core/pick.h"
#include "core/step.h"
#include "core/state.h"

#include "base/hostlist.h"
#include "core/msgs.h"
#include "schema/states.h"

#include <string.h>
#include <strings.h>

#define SIGNAL_KILL 9u /* as Linux numbers it: the node delivers it */

struct request {
    const struct job_kill *kill;
    struct bits nodes; /* of the filter by nodes; 0 bits: no such filter */
    const char *own; /* only jobs of this uid, when nobody was named and the asker is no operator */
};

static void put_signals(struct turn *t, const struct job *job, struct step_signal body)
{
    for (uint32_t i = 0; i < job->alloc->nodes.n; i++) {
        if (job->alloc->nodes.v[i].is_clean || (body.step_id == STEP_BATCH && i > 0))
            continue;
        struct effect *ef = effects_add(t->effects, EFFECT_SIGNAL);
        ef->job_id = job->id;
        ef->restart = job->restarts;
        ef->node = job->alloc->nodes.v[i].node;
        ef->desc = &desc_step_signal;
        ef->body = msg_copy(t->effects->arena, &desc_step_signal, &body);
    }
}

/* Without -b or -f the batch shell is spared and everything below it is signalled. */
static int signal_job(struct turn *t, const struct pick *p, const struct job_kill *kill)
{
    struct step_signal body = { .job_id = p->job->id,
                                .step_id = p->step,
                                .signal = kill->signal.set ? kill->signal.v : SIGNAL_KILL };

    if (p->job->phase == PHASE_PENDING)
        return ESLURM_JOB_PENDING;
    if (p->job->phase != PHASE_RUNNING)
        return ESLURM_ALREADY_DONE;
    if (p->has_step && p->step < STEP_BATCH)
        return decide_step_signal(t, p->job, p->step, kill);
    if (kill->batch) {
        body.step_id = STEP_BATCH;
        body.shell_only = true;
    }
    body.children_only = !p->has_step && !kill->batch && !kill->full;
    put_signals(t, p->job, body);
    return 0;
}

static int end_job(struct turn *t, const struct pick *p)
{
    struct fact_job_end end = { .result = RESULT_CANCELLED,
                                .killed_by = { true, t->in->who.uid },
                                .why = "CANCELLED AT %s",
                                .kill_wait_s = t->c->conf->kill_wait_s,
                                .now = t->in->now };
    bool goes_back = p->job->phase == PHASE_ENDING && p->job->flags & JOB_WILL_REQUEUE;

    if (p->job->phase == PHASE_RUNNING) {
        end_running(t, p->job, end);
        return 0;
    }
    if (p->job->phase != PHASE_PENDING && !goes_back)
        return ESLURM_ALREADY_DONE;
    end.job_id = pick_id(t, p);
    if (end.job_id == 0)
        return ESLURM_ERROR_ON_DESC_TO_RECORD_COPY;
    turn_fact(t, FACT_job_cancel, &end);
    return 0;
}

static int cancel_one(struct turn *t, const struct pick *p, void *ctx, struct job_result *ret)
{
    const struct request *r = ctx;
    const struct job_kill *kill = r->kill;
    bool is_end =
        !p->has_step && !kill->batch && (!kill->signal.set || kill->signal.v == SIGNAL_KILL);

    ret->partition = p->job->wish->ask->partitions;
    if (kill->list_only)
        return 0;
    return is_end ? end_job(t, p) : signal_job(t, p, kill);
}

static bool word_in(const struct strs *set, const char *word)
{
    for (uint32_t i = 0; i < set->n; i++)
        if (strcasecmp(set->v[i], word) == 0)
            return true;
    return set->n == 0;
}

static bool same(const char *want, const char *is)
{
    return !want || !*want || strcmp(want, is) == 0;
}

static bool in_list(const char *want, const char *list)
{
    size_t len = want ? strlen(want) : 0;

    for (const char *s = list; len && *s;) {
        size_t n = strcspn(s, ",");
        if (n == len && strncmp(s, want, n) == 0)
            return true;
        s += n + (s[n] == ',');
    }
    return len == 0;
}

static bool state_in(const struct strs *states, const struct job *job)
{
    uint32_t state, flags, base, flag;

    job_view(job, &state, &flags);
    for (uint32_t i = 0; i < states->n; i++)
        if (state_parse(states->v[i], &base, &flag) && (flag ? (flags & flag) != 0 : base == state))
            return true;
    return states->n == 0;
}

static bool uses_node(const struct request *r, const struct job *job)
{
    if (r->nodes.n == 0)
        return true;
    for (uint32_t i = 0; job->alloc && i < job->alloc->nodes.n; i++)
        if (bits_test(&r->nodes, job->alloc->nodes.v[i].node))
            return true;
    return false;
}

static bool matches(const struct request *r, const struct job *job, struct arena *a)
{
    const struct job_kill *k = r->kill;
    char *uid = arena_printf(a, "%u", job->uid);

    if (k->users.n && !word_in(&k->users, job->user) && !word_in(&k->users, uid))
        return false;
    if (r->own && strcmp(r->own, uid) != 0)
        return false;
    return same(k->name, job->name) && same(k->account, job->account) && same(k->qos, job->qos) &&
           same(k->wckey, job->wckey) && same(k->reservation, job->wish->ask->reservation) &&
           in_list(k->partition, job->alloc ? job->alloc->partition : job->wish->ask->partitions) &&
           state_in(&k->states, job) && uses_node(r, job);
}

static void node_filter(const struct core *c, const char *list, struct arena *a, struct bits *ret)
{
    struct hostlist names = { 0 };

    if (!list || !*list)
        return;
    bits_init(ret, c->node_count ? c->node_count : 1);
    if (hostlist_expand(a, list, &names, NULL) < 0)
        return;
    for (uint32_t i = 0; i < names.n; i++) {
        const struct node *n = node_find(c, names.v[i]);
        if (n)
            bits_set(ret, n->index);
    }
}

/* Without names the filters choose among all jobs that are not over. */
static void gather(struct turn *t, const struct request *r, struct picks *picks,
                   struct job_results *results)
{
    const struct job_kill *k = r->kill;
    uint32_t kept = 0;

    for (uint32_t i = 0; i < k->jobs.n; i++) {
        int bad = picks_add_name(t->c, k->jobs.v[i], picks);
        if (bad < 0)
            results->jobs.v[results->jobs.n++] = (struct job_result){ .job = k->jobs.v[i],
                                                                      .code = (uint32_t)-bad,
                                                                      .text = errors_text(bad) };
    }
    if (k->jobs.n == 0)
        QUEUE_FOREACH(it, &t->c->jobs)
    if (it->job->phase != PHASE_DONE && it->job->phase != PHASE_ENDING)
        picks_add(picks, (struct pick){ .job = it->job, .task = NO_TASK, .step = STEP_ALL });
    for (uint32_t i = 0; i < picks->n; i++)
        if (matches(r, picks->v[i].job, t->a))
            picks->v[kept++] = picks->v[i];
    picks->n = kept;
}

void decide_cancel(struct turn *t, const struct job_kill *kill)
{
    const struct who *who = &t->in->who;
    bool is_alone =
        kill->jobs.n == 0 && kill->users.n == 0 && who->uid != 0 && who->role < ROLE_OPERATOR;
    struct request r = { .kill = kill,
                         .own = is_alone ? arena_printf(t->a, "%u", who->uid) : NULL };
    struct picks picks = { .a = t->a };
    struct job_results results = { 0 };

    results.jobs.v = arena_calloc(t->a, kill->jobs.n + 1, sizeof *results.jobs.v);
    node_filter(t->c, kill->nodes, t->a, &r.nodes);
    gather(t, &r, &picks, &results);
    bits_fini(&r.nodes);
    picks_tidy(&picks);
    struct job_result *all = arena_calloc(t->a, results.jobs.n + picks.n + 1, sizeof *all);
    memcpy(all, results.jobs.v, results.jobs.n * sizeof *all);
    results.jobs.v = all;
    picks_answer(t, &picks, &results, cancel_one, &r);
}
