/* One turn of the controller (HOUSE section 2): decide, remember, speak.
 *
 * A round takes at most TURN_INPUTS_MAX inputs, lets the scheduler look at one slice of the queue,
 * writes every fact with one sync, and only then lets anybody hear of it: answers to questions
 * included, for nobody may see what a crash could undo. */
#include "slurmctld/ctld.h"

#include "base/clock.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/xalloc.h"
#include "net/rpc.h"
#include "wire/wire.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#define LAZY_MS 50 /* so long at most a step's start waits for a sync of others */

/* Less than this free, and new jobs are refused: the rest is for what happens to those that run. */
#define SPACE_KEPT (16u << 20)

static void round_of(struct ctld *c);
static void take(struct ctld *c, struct pending *p);
static bool schedule(struct ctld *c);
static void commit(struct ctld *c);
static void answer_questions(struct ctld *c);
static void arm_timer(struct ctld *c);

void ctld_turn(void *ctx)
{
    struct ctld *c = ctx;

    do {
        round_of(c);
    } while (c->queue.next < c->queue.n);
    c->queue.n = c->queue.next = 0;
    fair_next_turn(c->fair);
    arena_reset(&c->queue_arena);
    arm_timer(c);
    if (c->is_lazy)
        return; /* nobody may have what is not on disk yet */
    dbd_pump(c->dbd);
    state_snapshot(c);
}

static void begin(struct ctld *c)
{
    c->facts = (struct facts){ .arena = &c->arena };
    c->effects = (struct effects){ .arena = &c->arena };
    c->call_count = c->held_count = c->question_count = 0;
    c->space =
        wal_has_space(c->wal, SPACE_KEPT) ? (int64_t)(wal_free_bytes(c->wal) - SPACE_KEPT) : 0;
}

/* After -c: the ids of the state that was discarded are never given out again. */
static int reserve_old_ids(struct ctld *c, struct err *e)
{
    struct fact_ids ids = { .first = c->ids_end + 1, .end = c->ids_end };
    struct fact fact = { FACT_ids_reserved, &ids };

    if (!c->clean_start || c->ids_end == 0)
        return 0;
    int r = core_apply(c->core, &fact, NULL, e);
    if (r == 0)
        wal_append(c->wal, &fact);
    return r;
}

/* The first round of a life: the configuration, before anybody can connect. */
int turn_start(struct ctld *c, struct err *e)
{
    const struct call nobody = { 0 };

    begin(c);
    int r = configure_core(c, c->conf, &nobody, e);
    if (r > 0)
        r = err_set(e, EINVAL, "%s is not possible with the jobs and nodes there are",
                    c->conf_path);
    if (r == 0)
        r = reserve_old_ids(c, e);
    if (r < 0)
        return r;
    turn_step(c, &(struct input){ .kind = INPUT_STARTED }, NULL);
    commit(c);
    release_effects(c);
    arena_reset(&c->arena);
    return r;
}

static void round_of(struct ctld *c)
{
    begin(c);
    if (c->is_due) {
        c->is_due = false;
        turn_step(c, &(struct input){ .kind = INPUT_TICK }, NULL);
    }
    for (unsigned n = 0; n < TURN_INPUTS_MAX && c->queue.next < c->queue.n; n++) {
        struct pending p = c->queue.v[c->queue.next++];
        take(c, &p);
    }
    bool is_unfinished = schedule(c);
    commit(c);
    release_effects(c);
    answer_questions(c);
    waits_wake(c);
    loop_set_timer(c->again, is_unfinished ? 0 : -1);
    arena_reset(&c->arena);
}

/* ---- inputs */

static void keep_question(struct ctld *c, const struct pending *p)
{
    if (c->question_count == c->question_cap) {
        c->question_cap = c->question_cap ? c->question_cap * 2 : 16;
        c->questions = xrealloc(c->questions, c->question_cap, sizeof *c->questions);
    }
    c->questions[c->question_count++] = *p;
}

static int step(struct ctld *c, struct pending *p, struct err *e)
{
    const struct route *route = p->route;

    if (route && route->instead)
        return route->instead(c, p, e);
    const struct user *user = names_user(c->names, p->in.who.uid);
    if (user->is_late && p->in.who.role < ROLE_SLURM)
        return err_set(e, EAGAIN, "the user database does not answer: who is uid %u?",
                       p->in.who.uid);
    p->in.who.user_name = user->name;
    int r = route && route->prepare ? route->prepare(c, p, e) : 0;
    if (r == 0 && !turn_step(c, &p->in, &p->call) && p->in.kind == OP_node_hello)
        nodes_unbind(c, p->in.node);
    return r;
}

static void take(struct ctld *c, struct pending *p)
{
    struct err e = { 0 };

    c->taken_ns = clock_mono_ns();
    if (p->route && p->route->ask) {
        keep_question(c, p);
        return;
    }
    int r = step(c, p, &e);
    if (r < 0)
        turn_hold_error(c, &p->call, &e);
    /* The facts that name them count their own uses. */
    blobs_drop(c->blobs, p->in.script);
    blobs_drop(c->blobs, p->in.environment);
}

static uint64_t token_of(struct ctld *c, const struct call *call)
{
    if (!call)
        return 0;
    if (c->call_count == c->call_cap) {
        c->call_cap = c->call_cap ? c->call_cap * 2 : 64;
        c->calls = xrealloc(c->calls, c->call_cap, sizeof *c->calls);
    }
    c->calls[c->call_count++] = *call;
    return c->call_count;
}

static void note_facts(struct ctld *c, unsigned from)
{
    for (unsigned i = from; i < c->facts.n; i++) {
        wal_append(c->wal, &c->facts.v[i]);
        waits_note(c, &c->facts.v[i]);
        samples_note(c, &c->facts.v[i]);
        turn_note_fact(c, &c->facts.v[i]);
        trace_fact(c, &c->facts.v[i]);
    }
}

static bool was_refused(const struct ctld *c, unsigned from, uint64_t token)
{
    for (unsigned i = from; i < c->effects.n; i++)
        if (c->effects.v[i].kind == EFFECT_REPLY && c->effects.v[i].reply_to == token)
            return c->effects.v[i].code != 0;
    return false;
}

bool turn_step(struct ctld *c, struct input *in, const struct call *call)
{
    unsigned facts = c->facts.n;
    unsigned effects = c->effects.n;

    in->now = ctld_now(c);
    in->reply_to = token_of(c, call);
    core_step(c->core, in, &c->facts, &c->effects);
    turn_account(c, &c->effects, effects);
    note_facts(c, facts);
    return !in->reply_to || !was_refused(c, effects, in->reply_to);
}

/* A job that is created, split off an array, or loaded from a snapshot needs its script;
 * EFFECT_DROP_BLOBS ends that. */
void turn_note_fact(struct ctld *c, const struct fact *f)
{
    const struct job_record *rec = f->body;
    const struct fact_job_split *split = f->body;
    struct bytes cold;
    uint64_t script, environment;

    if (f->kind == FACT_job_created || f->kind == FACT_snap_job) {
        blobs_use(c->blobs, rec->script);
        blobs_use(c->blobs, rec->environment);
        names_ready(c->names, rec->uid); /* after a restart: known by when the job starts */
    } else if (f->kind == FACT_job_split && split->new_id != split->job_id &&
               core_job_cold(c->core, split->new_id, &cold, &script, &environment)) {
        blobs_use(c->blobs, script);
        blobs_use(c->blobs, environment);
    }
}

/* Known since the owner was looked up; waits only where replay makes an event again. */
static const char *group_of(struct ctld *c, const struct acct_job *job)
{
    const char *name = names_group(c->names, job->gid);

    if (!name) {
        names_wait(c->names, job->uid);
        name = names_group(c->names, job->gid);
    }
    return name ? arena_strdup(&c->arena, name) : arena_printf(&c->arena, "%u", job->gid);
}

static void account(struct ctld *c, const struct effect *ef)
{
    struct acct_event event = { 0 };
    struct job_spec cold = { 0 };

    if (ef->acct_seq <= outbox_last(c->outbox))
        return;
    core_account(c->core, ef, &c->arena, &event);
    if (event.job) {
        if (cold_spec(c, event.job->job_id, &c->arena, &cold, NULL, NULL))
            copy_missing(&c->acct_twins, event.job, &cold);
        if (!*event.job->group)
            event.job->group = group_of(c, event.job);
    }
    outbox_append(c->outbox, &event);
}

void turn_account(struct ctld *c, const struct effects *ef, unsigned from)
{
    for (unsigned i = from; i < ef->n; i++)
        if (ef->v[i].kind == EFFECT_ACCOUNT)
            account(c, &ef->v[i]);
}

static bool schedule(struct ctld *c)
{
    unsigned facts = c->facts.n;
    unsigned effects = c->effects.n;
    bool is_unfinished = core_schedule(c->core, ctld_now(c), SLICE_JOBS, &c->facts, &c->effects);

    turn_account(c, &c->effects, effects);
    note_facts(c, facts);
    return is_unfinished;
}

/* ---- the commit */

/* A step's start may be forgotten: its nodes tell of it (docs/steps.md).  So a round that brought
 * nothing else shares the sync of a later one. */
static bool may_be_lazy(const struct ctld *c)
{
    for (unsigned i = 0; i < c->facts.n; i++)
        if (c->facts.v[i].kind != FACT_step_created)
            return false;
    return c->facts.n > 0 || (c->is_lazy && !c->is_late);
}

/* When it fails memory is ahead of the disk, and what reached the disk is unknown: the only honest
 * thing is to stop without a word to anybody and to replay. */
static void commit(struct ctld *c)
{
    struct err e = { 0 };

    if (may_be_lazy(c)) {
        if (!c->is_lazy)
            loop_set_timer(c->lazy, LAZY_MS);
        c->is_lazy = true;
        return;
    }
    c->is_lazy = c->is_late = false;
    if (blobs_commit(c->blobs, &e) < 0 || wal_commit(c->wal, &e) < 0)
        die("journal: %s", e.text);
    if (c->facts.n > 0)
        c->commits++;
    if (outbox_flush(c->outbox, &e) < 0)
        die("outbox: %s", e.text);
}

/* ---- answers */

static void hold(struct ctld *c, const struct held *h)
{
    if (c->held_count == c->held_cap) {
        c->held_cap = c->held_cap ? c->held_cap * 2 : 16;
        c->held = xrealloc(c->held, c->held_cap, sizeof *c->held);
    }
    c->held[c->held_count++] = *h;
}

void turn_hold(struct ctld *c, const struct call *call, const struct desc *d, const void *msg)
{
    if (call->conn)
        hold(c, &(struct held){ *call, FRAME_REPLY, d, msg });
}

/* The first line of the text is the sentence, the others are hints. */
void turn_hold_error(struct ctld *c, const struct call *call, const struct err *e)
{
    struct error_info *why = arena_alloc(&c->arena, sizeof *why);
    char *text = arena_strdup(&c->arena, e->text);

    if (!call->conn) {
        log_error("%s", e->text);
        return;
    }
    log_verbose("request %u refused: %s", call->opcode, e->text);
    why->code = (uint32_t)e->code;
    why->text = strsep(&text, "\n");
    why->hints.v = arena_calloc(&c->arena, 8, sizeof *why->hints.v);
    for (char *line; why->hints.n < 8 && (line = strsep(&text, "\n"));)
        why->hints.v[why->hints.n++] = line;
    hold(c, &(struct held){ *call, FRAME_REPLY | FRAME_ERROR, &desc_error_info, why });
}

static void answer(struct ctld *c, const struct pending *p)
{
    struct conn *conn = conn_find(c->loop, p->call.conn);
    const struct rpc *rpc = rpc_find(p->call.opcode);
    struct err e = { 0 };

    if (!conn)
        return;
    void *ret = arena_alloc(&c->arena, rpc->reply->size);
    int r = p->route->ask(c, p, ret, &e);
    if (r == 0) {
        rpc_send(conn, p->call.opcode, FRAME_REPLY, p->call.request, rpc->reply, ret);
    } else if (r < 0) {
        struct error_info why = { .code = (uint32_t)e.code, .text = e.text };
        rpc_refuse(conn, p->call.opcode, p->call.request, &why);
    }
    /* Large answers: one at a time in memory. */
    arena_reset(&c->arena);
}

static void answer_questions(struct ctld *c)
{
    for (unsigned i = 0; i < c->question_count; i++)
        answer(c, &c->questions[i]);
}

/* ---- timers */

static void arm_timer(struct ctld *c)
{
    int64_t timer = core_next_timer(c->core), pass = core_next_pass(c->core);
    int64_t due = timer < pass ? timer : pass;
    int64_t now = ctld_now(c);

    if (due == INT64_MAX)
        loop_set_timer(c->timer, -1);
    else
        loop_set_timer(c->timer, due <= now ? 0 : (due - now) * 1000);
}
