/* Properties of the core under random inputs: after each step the invariants hold, deciding changed
 * nothing, the same inputs gave the same facts, replay of the facts gives the live state at every
 * prefix, and a snapshot rebuilds it. At the end every job can be brought to its end and nothing is
 * left behind.
 *
 * core_prop [--seeds N] [--first SEED] [--steps N]; a failure prints its seed. */
#include "base/map.h"
#include "core/bf.h"
#include "core/plan.h"
#include "core/core.h"
#include "core/msgs.h"
#include "core/state.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NODES 5
#define PARTS 3
#define RUNS_MAX 4096

/* What a node of the world has been told to run. */
struct task {
    uint32_t job_id, restart, node, step_id;
    bool is_ended; /* its step's end was reported */
    bool is_gone;  /* nothing left of it */
};

struct world {
    uint64_t seed, random;
    unsigned step;
    struct core *live, *mirror;
    struct arena in, out, again;
    struct facts facts, facts2;
    struct effects effects;
    int64_t now;
    unsigned boot[NODES];
    bool is_connected[NODES];
    struct task tasks[RUNS_MAX];
    unsigned task_count;
    uint64_t rules;      /* version of the book; 0: this world has none */
    struct map launched; /* job << 16 | restart: nothing starts twice */
    uint32_t last_job;
    unsigned conf_turn;
    unsigned fills; /* promises that were held, over all slices */
    uint32_t asker; /* 0: anybody */
};

static void fail(const struct world *w, const char *what, const char *detail)
{
    printf("core_prop: seed %llu step %u: %s: %s\nthe step's facts:", (unsigned long long)w->seed,
           w->step, what, detail);
    for (unsigned i = 0; i < w->facts.n && i < 40; i++)
        printf(" %s(%u)", fact_name(w->facts.v[i].kind), *(const uint32_t *)w->facts.v[i].body);
    printf("\n");
    exit(1);
}

static uint32_t pick(struct world *w, uint32_t below)
{
    w->random += 0x9e3779b97f4a7c15u;
    return (uint32_t)(hash_u64(w->random) % below);
}

static bool chance(struct world *w, uint32_t percent)
{
    return pick(w, 100) < percent;
}

static void reset(struct world *w)
{
    arena_reset(&w->out);
    arena_reset(&w->again);
    w->facts = (struct facts){ .arena = &w->out };
    w->effects = (struct effects){ .arena = &w->out };
    w->facts2 = (struct facts){ .arena = &w->again };
}

static void check_core(const struct world *w, const struct core *c)
{
    struct err e = { 0 };

    if (core_check(c, &e) < 0)
        fail(w, "invariant", e.text);
}

static void note_launch(struct world *w, const struct effect *ef)
{
    uint64_t key = (uint64_t)ef->job_id << 16 | (ef->restart + 1);

    /* Sent again after a lost connection: the node refuses what it has seen. */
    if (map_get(&w->launched, key))
        return;
    map_put(&w->launched, key, w);
    if (w->task_count == RUNS_MAX)
        return;
    w->tasks[w->task_count++] =
        (struct task){ .job_id = ef->job_id,
                       .restart = ef->restart,
                       .node = ef->node,
                       .step_id = STEP_BATCH };
}

static void note_step(struct world *w, const struct effect *ef)
{
    struct step_launch l;

    if (core_step_launch(w->live, ef->job_id, ef->step_id, &w->again, &l) < 0)
        return;
    for (uint32_t i = 0; i < l.parts.n && w->task_count < RUNS_MAX; i++) {
        const struct task t = { .job_id = ef->job_id,
                                .restart = ef->restart,
                                .node = l.parts.v[i].node,
                                .step_id = ef->step_id };
        uint64_t key = hash_bytes(&t, sizeof t, 1);
        if (map_get(&w->launched, key))
            continue;
        map_put(&w->launched, key, w);
        w->tasks[w->task_count] = t;
        w->tasks[w->task_count++].is_gone = !w->is_connected[t.node]; /* the order is lost */
    }
}

static void note_effects(struct world *w)
{
    struct launch l;

    for (unsigned i = 0; i < w->effects.n; i++) {
        const struct effect *ef = &w->effects.v[i];
        if (ef->kind == EFFECT_LAUNCH &&
            core_launch(w->live, ef->job_id, ef->node, &w->again, &l) == 0)
            note_launch(w, ef);
        if (ef->kind == EFFECT_STEP_START)
            note_step(w, ef);
        if (ef->kind == EFFECT_REPLY && ef->code == 0 && ef->desc == &desc_job_submitted)
            w->last_job = ((const struct job_submitted *)ef->body)->job_id;
    }
}

/* The mirror sees facts only, as a journal's reader does. */
static void replay(struct world *w)
{
    struct err e = { 0 };

    for (unsigned i = 0; i < w->facts.n; i++)
        if (core_apply(w->mirror, &w->facts.v[i], NULL, &e) < 0)
            fail(w, fact_name(w->facts.v[i].kind), e.text);
    if (core_hash(w->mirror) != core_hash(w->live))
        fail(w, "replay", "the facts do not give the live state");
}

static void same_facts(const struct world *w, unsigned n)
{
    if (w->facts2.n != n)
        fail(w, "repeat", "the same input gave another number of facts");
    for (unsigned i = 0; i < n; i++)
        if (w->facts.v[i].kind != w->facts2.v[i].kind ||
            !msg_equal(fact_desc(w->facts.v[i].kind), w->facts.v[i].body, w->facts2.v[i].body))
            fail(w, "repeat", "the same input gave other facts");
}

static const struct fact_job_promise *last_promise(const struct world *w, uint32_t job_id,
                                                   uint32_t from)
{
    const struct fact_job_promise *last = NULL;

    for (uint32_t i = from; i < w->facts.n; i++) {
        const struct fact_job_promise *f = w->facts.v[i].body;
        if (w->facts.v[i].kind == FACT_job_promise && f->job_id == job_id)
            last = f;
    }
    return last;
}

/* A promise moves to later only for a cause, which stands in the fact. */
static void promises_hold(struct world *w, const int64_t *starts, uint32_t jobs, uint32_t from)
{
    for (uint32_t id = 0; id < jobs; id++) {
        const struct fact_job_promise *f = starts[id] ? last_promise(w, id, from) : NULL;
        if (f && f->start > starts[id] && f->first != f->start && !*f->cause)
            fail(w, "backfill", "a promise moved later, and nothing says why");
    }
}

/* Backfill keeps its promises, and its plan is what one made from nothing would be. */
static bool schedule_some(struct world *w)
{
    uint32_t jobs = w->live->next_id, from = w->facts.n;
    int64_t *starts = calloc(jobs + 1, sizeof *starts);
    struct err e = { 0 };

    QUEUE_FOREACH(it, &w->live->promised)
    starts[it->job->id] = it->job->promise->start;
    bool is_more = core_schedule(w->live, w->now, 1 + pick(w, 8), &w->facts, &w->effects);
    promises_hold(w, starts, jobs, from);
    free(starts);
    w->fills += w->live->promised.count;
    if (plan_check(w->live, w->now, &e) < 0)
        fail(w, "plan", e.text);
    return is_more;
}

static void schedule(struct world *w)
{
    unsigned n = 0;

    while (schedule_some(w))
        if (++n > 100000)
            fail(w, "schedule", "a pass does not end");
}

static void step(struct world *w, uint16_t kind, const void *body, uint32_t node)
{
    struct input in = { .kind = kind,
                        .now = w->now,
                        .body = body,
                        .node = node,
                        .reply_to = 1,
                        .script = 5,
                        .environment = 6,
                        .cold = { (const uint8_t *)"cold", 4 },
                        .who = { .uid = chance(w, 20) ? 0 : 1000 + pick(w, 3), .user_name = "u" } };

    if (w->asker)
        in.who.uid = w->asker;
    in.who.role = in.who.uid == 0 ? ROLE_ADMIN : ROLE_ANY;
    if (kind >= 5000)
        in.who = (struct who){ .uid = 0, .role = ROLE_SLURM, .user_name = "root" };
    reset(w);
    uint64_t before = core_hash(w->live);
    struct effects unused = { .arena = &w->again };
    core_decide(w->live, &in, &w->facts2, &unused);
    if (core_hash(w->live) != before)
        fail(w, "decide", "it changed the state");
    core_step(w->live, &in, &w->facts, &w->effects);
    same_facts(w, w->facts.n);
    schedule(w);
    check_core(w, w->live);
    replay(w);
    note_effects(w);
    w->step++;
}

static void load(void *ctx, const struct fact *f)
{
    struct err e = { 0 };

    if (core_apply(ctx, f, NULL, &e) < 0) {
        printf("core_prop: snapshot: %s: %s\n", fact_name(f->kind), e.text);
        exit(1);
    }
}

/* A rebuilt core is the same, and its first whole pass finds nothing that the live one has
 * overlooked. */
static struct core *rebuild(struct world *w)
{
    struct core *copy = core_new();

    core_dump(w->live, load, copy);
    if (core_hash(copy) != core_hash(w->live))
        fail(w, "snapshot", "it does not rebuild the state");
    check_core(w, copy);
    reset(w);
    while (core_schedule(copy, w->now, 7, &w->facts, &w->effects))
        ;
    /* Not when times are guessed anew: of jobs by prediction, or that are being cleaned up; and
     * what follows a promise that moved is not for this pass. */
    bool is_guessed = bf_of(copy)->predict || bf_of(copy)->interval_s > 0 ||
                      w->live->phase_count[PHASE_ENDING] > 0;
    QUEUE_FOREACH(it, &w->live->promised)
    is_guessed = is_guessed || it->job->promise->start <= w->now; /* its time came, and no event */
    for (unsigned i = 0; i < w->facts.n && !is_guessed; i++) {
        if (w->facts.v[i].kind == FACT_job_promise)
            break;
        fail(w, "overlooked", fact_name(w->facts.v[i].kind));
    }
    core_free(copy);
    copy = core_new();
    core_dump(w->live, load, copy);
    return copy;
}

static const char *node_name(unsigned i)
{
    static const char *const names[] = { "n1", "n2", "n3", "n4", "n5" };

    return names[i];
}

static void configure(struct world *w)
{
    static const char *const params[] = { "CR_CPU", "CR_CPU_Memory", "CR_Core_Memory", "CR_CPU" };
    static const char *const flags[] = { "", "NO_FAIR_TREE", "SMALL_RELATIVE_TO_TIME",
                                         "INCR_ONLY" };
    static struct topo_switch tree[] = { { .name = "s1", .nodes = "n[1-2]" },
                                         { .name = "s2", .nodes = "n[3-5]" },
                                         { .name = "top", .switches = "s[1-2]" } };
    static const char *const gres[] = { "", "gpu:a:1,gpu:b:2,lic:100", "gpu:3,shard:7" };
    static const char *const levels[] = { "", "limits", "associations", "safe,qos" };
    struct conf_node nodes[NODES];
    struct part_info parts[3] = { 0 };
    static const char *const plans[] = { "",
                                         "bf_shortest_first,bf_interval=0",
                                         "bf_promises=1,bf_interval=0",
                                         "bf_interval=0,bf_promises=3",
                                         "bf_replan,bf_interval=0,bf_resolution=60",
                                         "bf_predict,bf_predict_guard=20",
                                         "bf_window=10,bf_shortest_first,bf_interval=0" };
    struct core_conf conf = { .cluster = "c",
                              .select_params = params[w->seed % 4],
                              .max_job_count = 200,
                              .scheduler_type = w->seed % 4 ? "backfill" : "builtin",
                              .sched_params = plans[w->seed % 7],
                              .gres_types = "gpu,shard,lic",
                              .licenses = "x:2,y:3",
                              .topology = w->seed % 3 ? "none" : "tree",
                              .switches = { tree, w->seed % 3 ? 0 : 3 },
                              .select_type = w->seed % 7 == 0 ? "linear" : "cons_tres",
                              .max_array_size = 100,
                              .min_job_age_s = 50,
                              .kill_wait_s = 5,
                              .slurmd_timeout_s = 60,
                              .return_to_service = (uint32_t)(w->seed % 3),
                              .job_requeue = w->seed % 2,
                              .acct_enabled = true,
                              .kill_invalid_depend = w->seed % 5 == 0,
                              .max_batch_requeue = 2,
                              .requeue_exit = "7",
                              .requeue_exit_hold = "8",
                              .priority_type = w->seed % 3 == 0 ? "basic" : "multifactor",
                              .prio_weight_age = 500,
                              .prio_weight_fairshare = 10000,
                              .prio_weight_job_size = 300,
                              .prio_weight_partition = 50,
                              .prio_weight_tres = "mem=70,CPU=10",
                              .prio_max_age_s = 200,
                              .prio_flags = flags[w->seed % 4],
                              .prio_half_life_s = 600,
                              .prio_weight_qos = 100,
                              .prio_reset = w->seed % 5 == 4 ? "DAILY" : "NONE",
                              .acct_enforce = levels[w->seed % 4],
                              .prio_period_s = 60 };
    uint32_t n = NODES - w->conf_turn % 2;

    for (uint32_t i = 0; i < n; i++)
        nodes[i] = (struct conf_node){ .name = node_name(i),
                                       .cpus = 2 + 2 * (i % 3),
                                       .sockets = 1,
                                       .cores = (2 + 2 * (i % 3)) / (1 + (uint32_t)(w->seed % 2)),
                                       .threads = 1 + (uint32_t)(w->seed % 2),
                                       .real_memory_mb = 1000 + 500 * i,
                                       .weight = i % 2,
                                       .gres = gres[i % 3],
                                       .features = i % 2 ? "red,big" : "blue" };
    for (uint32_t i = 0; i < 3; i++)
        parts[i] = (struct part_info){ .name = i == 0   ? "a"
                                               : i == 1 ? "b"
                                                        : "c",
                                       .state = "UP",
                                       .nodes = i == 0   ? "n[1-3]"
                                                : i == 1 ? "n[2-4]"
                                                         : "n[1-5]",
                                       .is_default = i == 0,
                                       .max_time_min = 100 + 100 * i,
                                       .max_nodes = UINT32_MAX,
                                       .min_nodes = 1,
                                       .qos = i == 2 ? "slow" : "",
                                       .priority_tier = 1 + i / 2,
                                       .priority_job_factor = i,
                                       .billing_weights = i == 1 ? "CPU=2,Mem=1G" : "",
                                       .default_time_min = { i == 1, 10 } };
    conf.nodes.v = nodes;
    conf.nodes.n = n;
    conf.parts.v = parts;
    conf.parts.n = 3;
    step(w, INPUT_CONFIGURE, &conf, 0);
}

static void hello(struct world *w, uint32_t i)
{
    char boot[32];
    struct step_ident steps[64];
    struct node_register reg = {
        .name = node_name(i), .boot_id = boot, .cpus = 8, .real_memory_mb = 9000
    };

    reg.gres = w->live->nodes[i]->conf->gres;

    if (chance(w, 5))
        reg.cpus = 1;
    if (!w->is_connected[i] && chance(w, 20)) {
        w->boot[i]++;
        for (unsigned k = 0; k < w->task_count; k++)
            if (w->tasks[k].node == i)
                w->tasks[k].is_gone = true;
    }
    snprintf(boot, sizeof boot, "boot%u", w->boot[i]);
    reg.steps.v = steps;
    for (unsigned k = 0; k < w->task_count && reg.steps.n < 64; k++)
        if (w->tasks[k].node == i && !w->tasks[k].is_gone)
            steps[reg.steps.n++] = (struct step_ident){ .job_id = w->tasks[k].job_id,
                                                        .step_id = w->tasks[k].step_id,
                                                        .restart = w->tasks[k].restart };
    w->is_connected[i] = true;
    step(w, OP_node_hello, &reg, i);
}

static uint32_t some(struct world *w, uint32_t below)
{
    return chance(w, 25) ? pick(w, below) : UINT32_MAX;
}

/* Most of them unset; what is set is small, so that jobs run into it. */
static struct rule_limits some_limits(struct world *w)
{
    static const char *const tres[] = { "cpu=2", "cpu=4,mem=900", "node=1", "billing=5",
                                        "mem=300" };
    static const char *const mins[] = { "cpu=50", "cpu=500", "billing=300,node=200" };
    struct rule_limits l = { .grp_jobs = { true, some(w, 4) },
                             .grp_submit = { true, some(w, 30) },
                             .grp_wall_min = { true, some(w, 100) },
                             .max_jobs = { true, some(w, 3) },
                             .max_submit = { true, some(w, 20) },
                             .max_wall_min = { true, some(w, 200) },
                             .max_jobs_account = { true, some(w, 3) } };
    const char **texts[] = { &l.grp_tres, &l.max_tres, &l.max_tres_node, &l.max_tres_user,
                             &l.max_tres_account };
    const char **spans[] = { &l.grp_tres_mins, &l.grp_tres_run_mins, &l.max_tres_mins,
                             &l.max_tres_run_mins, &l.max_tres_run_mins_account };

    for (unsigned i = 0; i < 5; i++) {
        *texts[i] = chance(w, 15) ? tres[pick(w, 5)] : "";
        *spans[i] = chance(w, 10) ? mins[pick(w, 3)] : "";
    }
    l.min_tres = chance(w, 5) ? "cpu=2" : "";
    return l;
}

/* A book of 3 accounts with up to 3 users each, and 3 QOS: whole, or some of its rows. */
static void tell_rules(struct world *w)
{
    static const char *const accounts[] = { "acc", "lab", "sub" };
    static const char *const users[] = { "x", "y", "z" };
    static const char *const flags[] = { "DenyOnLimit", "NoDecay", "OverPartQOS",
                                         "PartitionTimeLimit" };
    static const char *const names[] = { "normal", "gold", "slow" };
    struct rule_limits limits[16];
    struct rule_assoc as[16] = {
        { .id = 1, .account = "root", .shares = 1, .qos = { (const char **)(uintptr_t)names, 3 } }
    };
    struct rule_qos qos[3];
    const char *flag[3];
    struct rule_user u[3];
    struct rules all = { .version = ++w->rules, .is_whole = w->rules == 1 || chance(w, 20) };
    uint32_t n = all.is_whole;

    for (uint32_t i = 0; i < 16; i++)
        limits[i] = some_limits(w);
    for (uint32_t i = 0; i < 3; i++) {
        if (all.is_whole || chance(w, 20))
            as[n++] = (struct rule_assoc){ .id = 2 + i,
                                           .account = accounts[i],
                                           .parent = i == 2 ? 2 + pick(w, 2) : 1,
                                           .shares = 1 + pick(w, 5),
                                           .limits = &limits[i] };
        flag[i] = flags[pick(w, 4)];
        qos[i] = (struct rule_qos){ .id = 1 + i,
                                    .name = names[i],
                                    .priority = i,
                                    .usage_factor = 0.5 * i,
                                    .limit_factor = i,
                                    .flags = { &flag[i], chance(w, 40) },
                                    .limits = &limits[12 + i] };
        u[i] = (struct rule_user){ .name = users[i], .def_account = accounts[pick(w, 3)] };
    }
    for (uint32_t i = 0; i < 9; i++)
        if (chance(w, all.is_whole ? 85 : 15))
            as[n++] = (struct rule_assoc){ .id = 10 + i,
                                           .account = accounts[i / 3],
                                           .user = users[i % 3],
                                           .parent = 2 + i / 3,
                                           .shares = chance(w, 10) ? UINT32_MAX : 1 + pick(w, 3),
                                           .partition = i == 8 ? "b" : "",
                                           .limits = &limits[3 + i],
                                           .is_deleted = !all.is_whole && chance(w, 30) };
    all.assocs.v = as;
    all.assocs.n = n;
    all.qos.v = qos;
    all.qos.n = all.is_whole ? 3 : pick(w, 4);
    all.users.v = u;
    all.users.n = 3;
    step(w, OP_rules_push, &all, 0);
}

static const char *job_text(struct world *w, char *buf, size_t size)
{
    uint32_t id = w->last_job > 12 ? w->last_job - pick(w, 12) : 1 + pick(w, 12);

    if (chance(w, 15))
        snprintf(buf, size, "%u_%u", id, pick(w, 6));
    else if (chance(w, 8))
        snprintf(buf, size, "%u_[0-%u]", id, pick(w, 5));
    else
        snprintf(buf, size, "%u", id);
    return buf;
}

static void ask_gres(struct world *w, struct job_spec *s)
{
    static const char *const node[] = { "gpu:1", "gpu:b:2", "shard:2", "lic:60", "gpu:3", "lic" };
    static const char *const job[] = { "gpu:2", "gpu:a:1", "gpu:4", "lic:150" };

    if (chance(w, 60))
        s->tres_per_node = node[pick(w, 6)];
    else if (chance(w, 60))
        s->tres_per_job = job[pick(w, 4)];
    else
        s->tres_per_task = job[pick(w, 2)];
    if (chance(w, 20))
        s->cpus_per_gpu = (struct opt_u32){ true, 1 + pick(w, 2) };
    if (chance(w, 20))
        s->ntasks_per_gpu = (struct opt_u32){ true, 1 + pick(w, 2) };
}

static void submit(struct world *w)
{
    static const char *const names[] = { "x", "y", "z" };
    static const char *const accounts[] = { "acc", "lab", "", "root" };
    static const char *const qos[] = { "", "normal", "gold", "slow" };
    static const char *const parts[] = { "", "a", "b", "c", "a,b", "c,a" };
    static const char *const arrays[] = { "0-3", "0-9:2%2", "1,3,5", "0-20%1" };
    static const char *const before[] = { "afterok:", "afterany:",         "afternotok:",
                                          "after:",   "aftercorr:",        "singleton,after:",
                                          "afterok:", "singleton?afterok:" };
    static const char *const after[] = { "", "", "", "+1", "", "", ",singleton", "" };
    char dep[64] = "";
    struct job_spec s = { .batch = !chance(w, 25),
                          .name = names[pick(w, 3)],
                          .partition = parts[pick(w, 6)],
                          .user_name = names[pick(w, 3)],
                          .account = accounts[pick(w, 4)],
                          .kill_on_invalid_dep = { chance(w, 30), true } };

    if (w->rules)
        s.qos = qos[pick(w, 4)];
    if (chance(w, 50))
        s.ntasks = (struct opt_u32){ true, 1 + pick(w, 5) };
    if (chance(w, 20))
        s.min_nodes = (struct opt_u32){ true, 1 + pick(w, 3) };
    if (chance(w, 20))
        s.cpus_per_task = (struct opt_u32){ true, 1 + pick(w, 3) };
    if (chance(w, 30))
        s.mem_per_node_mb = (struct opt_u64){ true, pick(w, 1200) };
    else if (chance(w, 30))
        s.mem_per_cpu_mb = (struct opt_u64){ true, 1 + pick(w, 300) };
    if (chance(w, 40))
        s.time_limit_min = (struct opt_u32){ true, 1 + pick(w, 250) };
    if (chance(w, 10))
        s.features = chance(w, 50) ? "red" : "blue|big";
    if (chance(w, 8))
        s.req_nodes = node_name(pick(w, NODES));
    if (chance(w, 8))
        s.exc_nodes = node_name(pick(w, NODES));
    if (chance(w, 10))
        s.exclusive = chance(w, 50) ? "exclusive" : "user";
    if (chance(w, 15))
        ask_gres(w, &s);
    if (chance(w, 10))
        s.switches = (struct opt_u32){ true, 1 + pick(w, 2) };
    if (s.switches.set && chance(w, 60))
        s.switches_wait_s = (struct opt_u32){ true, pick(w, 200) };
    if (chance(w, 8))
        s.licenses = chance(w, 50) ? "x:1,y" : "x:2;y:2";
    if (chance(w, 15))
        s.array = arrays[pick(w, 4)];
    if (chance(w, 10))
        s.begin_time = (struct opt_i64){ true, w->now + pick(w, 300) };
    if (chance(w, 10))
        s.hold = true;
    if (chance(w, 15))
        s.request_key = 1 + pick(w, 50);
    if (chance(w, 25) && w->last_job) {
        uint32_t target = w->last_job > 5 ? w->last_job - pick(w, 5) : w->last_job;
        uint32_t k = pick(w, 8);
        snprintf(dep, sizeof dep, "%s%u%s", before[k], target, after[k]);
        s.dependency = dep;
    }
    step(w, OP_job_submit, &s, 0);
}

static void operate(struct world *w)
{
    static const uint16_t ops[] = { OP_job_hold,    OP_job_uhold,   OP_job_release,
                                    OP_job_release, OP_job_requeue, OP_job_requeuehold,
                                    OP_job_suspend };
    char buf[32];
    const char *jobs[] = { job_text(w, buf, sizeof buf) };
    struct job_op op = { .jobs = { jobs, 1 } };

    step(w, ops[pick(w, 7)], &op, 0);
}

static void cancel(struct world *w)
{
    char buf[32], buf2[32];
    const char *jobs[] = { job_text(w, buf, sizeof buf), job_text(w, buf2, sizeof buf2) };
    struct job_kill kill = { .jobs = { jobs, 2 } };

    if (chance(w, 10))
        kill = (struct job_kill){ .name = "y", .partition = "a" };
    if (chance(w, 10))
        kill.signal = (struct opt_u32){ true, 10 };
    step(w, OP_job_cancel, &kill, 0);
}

static void update(struct world *w)
{
    static const struct key_value values[] = {
        { "TimeLimit", "5", "" },       { "TimeLimit", "7", "+" },
        { "Priority", "77", "" },       { "Nice", "10", "" },
        { "JobName", "z", "" },         { "Comment", "hi", "" },
        { "Partition", "b,c", "" },     { "NumNodes", "2", "" },
        { "Requeue", "1", "" },         { "ArrayTaskThrottle", "1", "" },
        { "MinMemoryNode", "100", "" }, { "Features", "red", "" },
        { "Dependency", "", "" },       { "StartTime", "now+60", "" },
        { "Priority", "0", "" },        { "NoSuch", "1", "" },
        { "EndTime", "now+90", "" },    { "Account", "lab", "" },
        { "QOS", "gold", "" },
    };
    char buf[32];
    const char *jobs[] = { job_text(w, buf, sizeof buf) };
    struct key_value set[] = { values[pick(w, 19)], values[pick(w, 19)] };
    struct job_update up = { .jobs = { jobs, 1 } };

    up.set.v = set;
    up.set.n = 1 + pick(w, 2);
    step(w, OP_job_modify, &up, 0);
}

static void change_node(struct world *w)
{
    static const char *const states[] = {
        "DRAIN", "DOWN", "RESUME", "RESUME", "FAIL", "IDLE", "bad"
    };
    struct key_value set[] = { { "State", states[pick(w, 7)], "" }, { "Reason", "test", "" } };
    struct node_update up = { .nodes = chance(w, 20) ? "n[1-2]" : node_name(pick(w, NODES)) };

    up.set.v = set;
    up.set.n = 2;
    if (chance(w, 15))
        set[1] = (struct key_value){ "Weight", chance(w, 50) ? "3" : "0", "" };
    step(w, OP_node_modify, &up, 0);
}

static void change_part(struct world *w)
{
    static const struct key_value values[] = {
        { "State", "DOWN", "" }, { "State", "UP", "" },           { "State", "UP", "" },
        { "MaxNodes", "1", "" }, { "MaxNodes", "UNLIMITED", "" }, { "PriorityTier", "5", "" },
        { "MaxTime", "50", "" }
    };
    struct key_value set = values[pick(w, 7)];
    struct part_update up = { .name = chance(w, 50) ? "a" : "b" };

    up.set.v = &set;
    up.set.n = 1;
    step(w, OP_part_modify, &up, 0);
}

static struct task *some_task(struct world *w)
{
    for (unsigned tries = 0; tries < 20 && w->task_count; tries++) {
        struct task *t = &w->tasks[pick(w, w->task_count)];
        if (!t->is_gone && w->is_connected[t->node])
            return t;
    }
    return NULL;
}

static void end_step(struct world *w, struct task *t)
{
    static const int32_t status[] = { 0, 0, 0, 3 << 8, 9, 7 << 8, 8 << 8 };
    struct usage used = { .user_us = 5 };
    struct step_done done = { .job_id = t->job_id,
                              .step_id = t->step_id,
                              .restart = t->restart,
                              .used = &used,
                              .wait_status = status[pick(w, 7)],
                              .node = node_name(t->node),
                              .is_clean = t->step_id == STEP_BATCH && chance(w, 70),
                              .oom = chance(w, 5) };

    if (chance(w, 5)) {
        done.error = "chdir failed";
        done.error_code = chance(w, 50) ? 12 : 4000;
    }
    t->is_ended = true;
    t->is_gone = done.is_clean || t->step_id != STEP_BATCH;
    step(w, OP_step_ended, &done, t->node);
    if (chance(w, 10))
        step(w, OP_step_ended, &done, t->node);
}

/* A step in some running job, by its owner. */
static void create_step(struct world *w)
{
    static const char *const layouts[] = { "", "cyclic", "plane=2", "block,Pack", "arbitrary" };
    const struct job *job = NULL;

    for (uint32_t tries = 0; tries < 20 && !(job && job->phase == PHASE_RUNNING); tries++)
        job = core_job(w->live, w->last_job > 30 ? w->last_job - pick(w, 30) : 1 + pick(w, 30));
    if (!job)
        return;
    struct step_spec s = { .job_id = job->id,
                           .name = "s",
                           .ntasks = { chance(w, 80), 1 + pick(w, 6) },
                           .min_nodes = { chance(w, 40), 1 + pick(w, 3) },
                           .cpus_per_task = { chance(w, 30), 1 + pick(w, 2) },
                           .exact = chance(w, 60),
                           .overlap = chance(w, 15),
                           .overcommit = chance(w, 10),
                           .wait = chance(w, 50),
                           .distribution = layouts[pick(w, 5)],
                           .time_limit_min = { chance(w, 30), 1 + pick(w, 3) },
                           .relative = { chance(w, 10), pick(w, 2) },
                           .req_nodes = chance(w, 10) ? node_name(pick(w, NODES)) : "",
                           .exc_nodes = chance(w, 10) ? node_name(pick(w, NODES)) : "",
                           .mem_per_node_mb = { chance(w, 30), pick(w, 600) },
                           .request_key = 1 + pick(w, 4000) };

    w->asker = job->uid;
    step(w, OP_step_create, &s, 0);
    w->asker = 0;
}

static void signal_step(struct world *w)
{
    char name[32];
    const char *names[] = { name };
    struct job_kill kill = { .jobs = { names, 1 }, .signal = { chance(w, 30), 9 + pick(w, 2) } };
    struct task *t = some_task(w);

    if (!t)
        return;
    snprintf(name, sizeof name, "%u.%u", t->job_id,
             t->step_id == STEP_BATCH ? pick(w, 3) : t->step_id);
    step(w, OP_job_cancel, &kill, 0);
}

static void end_alloc(struct world *w)
{
    struct alloc_end end = { .job_id = w->last_job > 20 ? w->last_job - pick(w, 20) : 1 };

    end.wait_status = chance(w, 30) ? 5 << 8 : 0;
    step(w, OP_job_through, &end, 0);
}

/* Any node may say that any job is clean; what it does not hold is ignored. */
static void clean(struct world *w, uint32_t node, uint32_t job, uint32_t restart)
{
    struct job_clean body = { .job_id = job, .restart = restart, .node = node_name(node) };

    if (chance(w, 3))
        body.error = "Kill task failed";
    step(w, OP_job_cleaned, &body, node);
}

static void clean_ending(struct world *w)
{
    struct effects owed = { .arena = &w->in };

    arena_reset(&w->in);
    core_owed(w->live, &owed);
    if (owed.n == 0)
        return;
    struct effect ef = owed.v[pick(w, owed.n)];
    for (unsigned k = 0; k < w->task_count; k++)
        if (w->tasks[k].job_id == ef.job_id && w->tasks[k].node == ef.node)
            w->tasks[k].is_gone = true;
    clean(w, ef.node, ef.job_id, ef.restart);
}

static void tick(struct world *w)
{
    int64_t due = core_next_timer(w->live);

    if (chance(w, 50) && due != INT64_MAX)
        w->now = due > w->now ? due : w->now;
    else
        w->now += pick(w, 40);
    step(w, INPUT_TICK, NULL, 0);
}

static void restart(struct world *w)
{
    struct core *copy = rebuild(w);

    core_free(w->live);
    w->live = copy;
    configure(w);
    for (uint32_t i = 0; i < NODES; i++)
        if (chance(w, 80))
            hello(w, i);
}

static void beat(struct world *w)
{
    struct node_status s = { .free_mem_mb = pick(w, 2000),
                             .cpu_load = pick(w, 900),
                             .health = chance(w, 3) ? "bad disk" : "" };

    step(w, OP_node_beat, &s, pick(w, NODES));
}

static void lose_node(struct world *w)
{
    uint32_t i = pick(w, NODES);

    w->is_connected[i] = false;
    step(w, INPUT_NODE_LOST, NULL, i);
}

static void random_step(struct world *w)
{
    uint32_t r = pick(w, 100);
    struct task *t = some_task(w);

    if (r < 28)
        submit(w);
    else if (r < 50 && t)
        end_step(w, t);
    else if (r < 62)
        clean_ending(w);
    else if (r < 72)
        tick(w);
    else if (r < 76)
        cancel(w);
    else if (r < 81)
        operate(w);
    else if (r < 86)
        update(w);
    else if (r < 89)
        hello(w, pick(w, NODES));
    else if (r < 91)
        lose_node(w);
    else if (r < 94)
        change_node(w);
    else if (r < 95)
        change_part(w);
    else if (r < 97)
        beat(w);
    else if (r < 98)
        restart(w);
    else
        core_free(rebuild(w));
    if (chance(w, 25))
        create_step(w);
    if (chance(w, 4))
        signal_step(w);
    if (chance(w, 3))
        end_alloc(w);
    if (w->rules && chance(w, 2))
        tell_rules(w);
    if (chance(w, 1) && chance(w, 30)) {
        w->conf_turn++;
        configure(w);
    }
}

static unsigned count_jobs(struct world *w, const char *state)
{
    const char *states[] = { state };
    struct job_query q = { .states = { states, 1 } };
    struct job_infos all;

    arena_reset(&w->in);
    core_list_jobs(w->live, &q, NULL, w->now, &w->in, &all);
    return all.jobs.n;
}

/* Shared texts and wishes go with the last job that names them. */
static void nothing_is_left(struct world *w)
{
    struct stats_info stats;

    core_stats(w->live, &w->in, &stats);
    for (uint32_t i = 0; i < stats.rows.n; i++)
        if (strncmp(stats.rows.v[i].key, "Distinct", 8) == 0 &&
            strcmp(stats.rows.v[i].value, "0") != 0)
            fail(w, "left behind", stats.rows.v[i].key);
}

/* Everything is cancelled, every node cleans up, and time passes: nothing may be left. */
static void bring_to_an_end(struct world *w)
{
    struct job_kill everything = { .users = { (const char *[]){ "0", "1000", "1001", "1002" },
                                              4 } };

    for (unsigned n = 0; count_jobs(w, "all") > 0; n++) {
        if (n > 5000)
            fail(w, "end", "some job cannot be brought to its end");
        step(w, OP_job_cancel, &everything, 0);
        clean_ending(w);
        w->now += 10;
        step(w, INPUT_TICK, NULL, 0);
    }
    check_core(w, w->live);
    nothing_is_left(w);
}

/* Returns how many promises were seen. */
static unsigned run(uint64_t seed, unsigned steps)
{
    struct world *w = calloc(1, sizeof *w);

    w->seed = w->random = seed;
    w->now = 1000000;
    w->live = core_new();
    w->mirror = core_new();
    configure(w);
    if (seed % 4)
        tell_rules(w);
    for (uint32_t i = 0; i < NODES; i++)
        hello(w, i);
    while (w->step < steps)
        random_step(w);
    bring_to_an_end(w);
    core_free(w->live);
    core_free(w->mirror);
    map_fini(&w->launched);
    arena_fini(&w->in);
    arena_fini(&w->out);
    arena_fini(&w->again);
    unsigned fills = w->fills;
    free(w);
    return fills;
}

int main(int argc, char **argv)
{
    uint64_t first = 1, seeds = 8;
    unsigned steps = 600, fills = 0;

    for (int i = 1; i + 1 < argc; i += 2) {
        if (strcmp(argv[i], "--seeds") == 0)
            seeds = strtoull(argv[i + 1], NULL, 10);
        else if (strcmp(argv[i], "--first") == 0)
            first = strtoull(argv[i + 1], NULL, 10);
        else if (strcmp(argv[i], "--steps") == 0)
            steps = (unsigned)strtoul(argv[i + 1], NULL, 10);
    }
    for (uint64_t s = first; s < first + seeds; s++)
        fills += run(s, steps);
    if (fills == 0 && seeds >= 8) {
        printf("core_prop: nothing was ever promised\n");
        return 1;
    }
    printf("core_prop: %llu seeds of %u steps\n", (unsigned long long)seeds, steps);
    return 0;
}
