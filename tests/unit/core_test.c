/* The core by its face: inputs in, facts and effects out. */
#include "core/core.h"
#include "schema/errors.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* A core with some nodes, and what the last step said. */
struct bed {
    struct core *core;
    struct arena arena;
    struct facts facts;
    struct effects effects;
    int64_t now;
    uid_t user;
    enum role role;
};

static struct conf_node node_conf(const char *name, uint32_t cpus)
{
    return (struct conf_node){ .name = name,
                               .cpus = cpus,
                               .sockets = 1,
                               .cores = cpus,
                               .threads = 1,
                               .real_memory_mb = 1000,
                               .weight = 1,
                               .state = "UNKNOWN" };
}

static void reset(struct bed *b)
{
    arena_reset(&b->arena);
    b->facts = (struct facts){ .arena = &b->arena };
    b->effects = (struct effects){ .arena = &b->arena };
}

static void step(struct bed *b, uint16_t kind, const void *body)
{
    struct input in = { .kind = kind,
                        .now = b->now,
                        .body = body,
                        .reply_to = 7,
                        .script = 1,
                        .environment = 2,
                        .who = {
                            .uid = b->user, .gid = 1000, .user_name = "ann", .role = b->role } };

    reset(b);
    core_step(b->core, &in, &b->facts, &b->effects);
    while (core_schedule(b->core, b->now, 100, &b->facts, &b->effects))
        ;
}

static const struct effect *effect(const struct bed *b, enum effect_kind kind)
{
    for (unsigned i = 0; i < b->effects.n; i++)
        if (b->effects.v[i].kind == kind)
            return &b->effects.v[i];
    return NULL;
}

static void hello(struct bed *b, const char *name, uint32_t cpus, const char *boot)
{
    struct node_register reg = {
        .name = name, .boot_id = boot, .cpus = cpus, .real_memory_mb = 1000, .gres = "gpu:a100:2"
    };

    step(b, OP_node_hello, &reg);
    assert_int_equal(effect(b, EFFECT_REPLY)->code, 0);
}

static int set_up(void **state)
{
    static struct bed bed;
    struct conf_node nodes[] = { node_conf("n1", 4), node_conf("n2", 4) };
    struct part_info part = { .name = "main",
                              .nodes = "n[1-2]",
                              .state = "UP",
                              .is_default = true,
                              .max_time_min = UINT32_MAX,
                              .max_nodes = UINT32_MAX,
                              .min_nodes = 1 };
    struct core_conf conf = { .cluster = "c",
                              .select_type = "cons_tres",
                              .select_params = "CR_CPU",
                              .max_job_count = 1000,
                              .max_array_size = 1001,
                              .min_job_age_s = 300,
                              .kill_wait_s = 30,
                              .slurmd_timeout_s = 300,
                              .job_requeue = true,
                              .return_to_service = 1,
                              .acct_enabled = true,
                              .gres_types = "gpu,fpga",
                              .licenses = "ansys,matlab:2" };

    nodes[0].gres = "gpu:a100:2";
    conf.nodes.v = nodes;
    conf.nodes.n = 2;
    conf.parts.v = &part;
    conf.parts.n = 1;
    bed = (struct bed){ .core = core_new(), .now = 1000, .user = 1000 };
    step(&bed, INPUT_CONFIGURE, &conf);
    hello(&bed, "n1", 4, "boot1");
    hello(&bed, "n2", 4, "boot1");
    *state = &bed;
    return 0;
}

static int tear_down(void **state)
{
    struct bed *b = *state;
    struct err e;

    assert_int_equal(core_check(b->core, &e), 0);
    core_free(b->core);
    arena_fini(&b->arena);
    return 0;
}

static uint32_t submit(struct bed *b, struct job_spec spec)
{
    spec.batch = true;
    step(b, OP_job_submit, &spec);
    const struct effect *ef = effect(b, EFFECT_REPLY);
    assert_non_null(ef);
    if (ef->code)
        print_message("refused: %s\n", ((const struct error_info *)ef->body)->text);
    assert_int_equal(ef->code, 0);
    return ((const struct job_submitted *)ef->body)->job_id;
}

static const struct job_info *info(struct bed *b, uint32_t job_id)
{
    char name[16];
    const char *names[] = { name };
    struct job_query q = { .jobs = { names, 1 } };
    struct job_infos *all = arena_alloc(&b->arena, sizeof *all);

    snprintf(name, sizeof name, "%u", job_id);
    core_list_jobs(b->core, &q, NULL, b->now, &b->arena, all);
    return all->jobs.n ? &all->jobs.v[0] : NULL;
}

static void a_job_runs_and_ends_in_four_facts(void **state)
{
    struct bed *b = *state;
    uint32_t id = submit(b, (struct job_spec){ .name = "hello", .ntasks = { true, 2 } });
    const struct effect *launch = effect(b, EFFECT_LAUNCH);

    assert_int_equal(id, 1);
    assert_non_null(launch);
    assert_string_equal(core_node_name(b->core, launch->node), "n1");
    struct launch l;
    assert_int_equal(core_launch(b->core, id, launch->node, &b->arena, &l), 0);
    assert_string_equal(l.cpu_ids, "0-1");
    assert_string_equal(l.nodes, "n1");
    struct step_done done = { .job_id = id, .step_id = STEP_BATCH, .is_clean = true, .node = "n1" };
    b->now = 1010;
    step(b, OP_step_ended, &done);
    assert_int_equal(b->facts.n, 1);
    assert_int_equal(info(b, id)->state, 3);
    step(b, OP_step_ended, &done);
    assert_int_equal(b->facts.n, 0);
    assert_int_equal(effect(b, EFFECT_REPLY)->code, 0);
    b->now = core_next_timer(b->core);
    assert_int_equal(b->now, 1310);
    step(b, INPUT_TICK, NULL);
    assert_null(info(b, id));
}

static void load(void *ctx, const struct fact *f)
{
    struct err e = { 0 };

    assert_int_equal(core_apply(ctx, f, NULL, &e), 0);
}

static void a_snapshot_rebuilds_the_state(void **state)
{
    struct bed *b = *state;

    submit(b, (struct job_spec){ .name = "a" });
    submit(b, (struct job_spec){ .name = "b", .array = "0-9%2", .request_key = 5 });
    submit(b, (struct job_spec){ .name = "c", .dependency = "afterok:1,singleton" });
    struct core *copy = core_new();
    core_dump(b->core, load, copy);
    assert_true(core_hash(copy) == core_hash(b->core));
    core_free(copy);
}

static void end_batch(struct bed *b, uint32_t id, int32_t status)
{
    const struct job_info *job = info(b, id);
    struct step_done done = { .job_id = id,
                              .step_id = STEP_BATCH,
                              .is_clean = true,
                              .restart = job->restarts,
                              .node = job->batch_host,
                              .wait_status = status };

    step(b, OP_step_ended, &done);
}

static int refusal(struct bed *b, struct job_spec spec)
{
    spec.batch = true;
    step(b, OP_job_submit, &spec);
    assert_int_equal(b->facts.n, 0);
    const struct effect *ef = effect(b, EFFECT_REPLY);
    const struct error_info *why = ef->body;
    assert_true(ef->code != 0 && why->hints.n > 0 && *why->text);
    return ef->code;
}

static const struct job_result *result(const struct bed *b, unsigned i)
{
    const struct job_results *all = effect(b, EFFECT_REPLY)->body;

    return i < all->jobs.n ? &all->jobs.v[i] : NULL;
}

static void name_op(struct bed *b, uint16_t op, const char *name)
{
    struct job_op body = { .jobs = { &name, 1 } };

    step(b, op, &body);
}

static void cancel(struct bed *b, const char *name)
{
    struct job_kill kill = { .jobs = { &name, 1 } };

    step(b, OP_job_cancel, &kill);
}

/* Full of other people's work: what is submitted afterwards waits. */
static void fill(struct bed *b)
{
    submit(b,
           (struct job_spec){ .name = "full", .min_nodes = { true, 2 }, .exclusive = "exclusive" });
}

static void what_can_never_run_is_refused_with_a_way_out(void **state)
{
    struct bed *b = *state;

    assert_int_equal(refusal(b, (struct job_spec){ .partition = "nope" }), 2000);
    assert_int_equal(refusal(b, (struct job_spec){ .ntasks = { true, 9 } }), 2014);
    assert_int_equal(refusal(b, (struct job_spec){ .cpus_per_task = { true, 5 } }), 2014);
    assert_int_equal(refusal(b, (struct job_spec){ .min_nodes = { true, 3 } }), 2014);
    assert_int_equal(refusal(b, (struct job_spec){ .mem_per_node_mb = { true, 5000 } }), 2014);
    assert_int_equal(refusal(b, (struct job_spec){ .req_nodes = "n9" }), 2018);
    assert_int_equal(refusal(b, (struct job_spec){ .features = "gold" }), 2029);
    assert_int_equal(refusal(b, (struct job_spec){ .array = "0-5000" }), 2081);
    assert_int_equal(refusal(b, (struct job_spec){ .array = "5-1" }), 2081);
    assert_int_equal(refusal(b, (struct job_spec){ .dependency = "afterok:99" }), 2038);
    assert_int_equal(refusal(b, (struct job_spec){ .nice = { true, -5 } }), 2123);
    assert_int_equal(refusal(b, (struct job_spec){ .user_id = { true, 5 } }), 2010);
    assert_string_equal(((const struct error_info *)effect(b, EFFECT_REPLY)->body)->text,
                        "Invalid user id");
}

/* GRES, licenses and reservations that nobody has, or of which there is less. */
static void names_that_nobody_knows_are_refused(void **state)
{
    struct bed *b = *state;

    assert_int_equal(refusal(b, (struct job_spec){ .tres_per_node = "tpu:1" }), 2072);
    assert_int_equal(refusal(b, (struct job_spec){ .tres_per_job = "fpga" }), 2072);
    assert_int_equal(refusal(b, (struct job_spec){ .tres_per_task = "gpu:h100:1" }), 2072);
    assert_int_equal(refusal(b, (struct job_spec){ .tres_per_socket = "gres:tpu:1" }), 2072);
    assert_int_equal(refusal(b, (struct job_spec){ .licenses = "nosuch:1" }), 2048);
    assert_int_equal(refusal(b, (struct job_spec){ .licenses = "ansys:1,matlab:3" }), 2048);
    assert_int_equal(refusal(b, (struct job_spec){ .reservation = "r1" }), 2053);
    assert_int_equal(refusal(b, (struct job_spec){ .tres_per_node = "gpu:1,gpu:a100:1" }), 2119);
    submit(b, (struct job_spec){ .tres_per_node = "gres:gpu:a100:1", .licenses = "ansys;matlab=2" });
}

static void a_retried_submit_makes_one_job(void **state)
{
    struct bed *b = *state;
    uint32_t first = submit(b, (struct job_spec){ .request_key = 77 });

    assert_int_equal(submit(b, (struct job_spec){ .request_key = 77 }), first);
    assert_int_equal(b->facts.n, 0);
    b->now += 601;
    submit(b, (struct job_spec){ .request_key = 78 });
    assert_true(submit(b, (struct job_spec){ .request_key = 77 }) != first);
}

static void after_a_restart_ids_begin_with_a_fresh_block(void **state)
{
    struct bed *b = *state;

    assert_int_equal(submit(b, (struct job_spec){ 0 }), 1);
    struct core *copy = core_new();
    core_dump(b->core, load, copy);
    core_free(b->core);
    b->core = copy;
    assert_int_equal(submit(b, (struct job_spec){ 0 }), 1001);
    assert_int_equal(submit(b, (struct job_spec){ 0 }), 1002);
}

static void a_time_limit_ends_a_job_on_all_its_nodes(void **state)
{
    struct bed *b = *state;
    uint32_t id =
        submit(b, (struct job_spec){ .min_nodes = { true, 2 }, .time_limit_min = { true, 1 } });
    unsigned ends = 0;

    assert_string_equal(info(b, id)->nodes, "n[1-2]");
    b->now = core_next_timer(b->core);
    assert_int_equal(b->now, 1060);
    step(b, INPUT_TICK, NULL);
    for (unsigned i = 0; i < b->effects.n; i++)
        ends += b->effects.v[i].kind == EFFECT_TERMINATE;
    assert_int_equal(ends, 2);
    assert_int_equal(info(b, id)->state, 6);
    assert_true(info(b, id)->state_flags & 1u << 15);
    cancel(b, "1");
    assert_int_equal(result(b, 0)->code, 2021);
    step(b, OP_job_cleaned, &(struct job_clean){ .job_id = id, .node = "n2" });
    step(b, OP_job_cleaned, &(struct job_clean){ .job_id = id, .node = "n1" });
    assert_int_equal(info(b, id)->state, 6);
    assert_int_equal(info(b, id)->state_flags, 0);
    assert_string_equal(info(b, id)->reason, "TimeLimit");
}

static void a_cancelled_job_is_cancelled_by_somebody(void **state)
{
    struct bed *b = *state;

    fill(b);
    uint32_t waits = submit(b, (struct job_spec){ 0 });
    assert_string_equal(info(b, waits)->reason, "Resources");
    cancel(b, "2");
    assert_int_equal(info(b, waits)->state, 4);
    assert_int_equal(info(b, waits)->cancelled_by, 1001);
    cancel(b, "999");
    assert_int_equal(result(b, 0)->code, 2017);
    b->user = 1001;
    cancel(b, "1");
    assert_int_equal(result(b, 0)->code, 2002);
    b->user = 1000;
    cancel(b, "1");
    assert_int_equal(result(b, 0)->code, 0);
    assert_non_null(effect(b, EFFECT_TERMINATE));
}

static void an_array_is_one_record_until_its_tasks_start(void **state)
{
    struct bed *b = *state;
    uint32_t id = submit(b, (struct job_spec){ .array = "0-9%2", .name = "arr" });
    const struct job_info *rest = info(b, id);

    assert_string_equal(rest->array_tasks, "2-9%2");
    assert_string_equal(rest->reason, "JobArrayTaskLimit");
    assert_int_equal(b->facts.n, 6); /* ids, record, and for two tasks: split off, start */
    struct launch l;
    assert_int_equal(core_launch(b->core, 2, 0, &b->arena, &l), 0);
    assert_int_equal(l.array_job_id, 1);
    assert_int_equal(l.array_task_id.v, 0);
    assert_int_equal(l.array_count, 10);
    assert_int_equal(l.array_max, 9);
    end_batch(b, 2, 0);
    assert_int_equal(info(b, 4)->array_task_id.v, 2);
    cancel(b, "1_[4-5,8]");
    assert_string_equal(info(b, id)->array_tasks, "3,6-7,9%2");
    cancel(b, "1_[3,6-7,9]");
    assert_int_equal(info(b, id)->state, 4);
    assert_string_equal(info(b, id)->array_tasks, "3,6-7,9%2");
}

static void the_last_task_keeps_the_record(void **state)
{
    struct bed *b = *state;
    uint32_t id = submit(b, (struct job_spec){ .array = "1-3" });

    assert_int_equal(info(b, id)->array_task_id.v, 3);
    assert_int_equal(info(b, 2)->array_task_id.v, 1);
    assert_int_equal(info(b, 3)->array_task_id.v, 2);
}

static void holds_know_who_set_them(void **state)
{
    struct bed *b = *state;
    uint32_t id = submit(b, (struct job_spec){ .hold = true });

    assert_string_equal(info(b, id)->reason, "JobHeldUser");
    assert_int_equal(info(b, id)->priority, 0);
    b->role = ROLE_OPERATOR;
    name_op(b, OP_job_hold, "1");
    assert_string_equal(info(b, id)->reason, "JobHeldAdmin");
    b->role = ROLE_ANY;
    name_op(b, OP_job_release, "1");
    assert_int_equal(result(b, 0)->code, 2002);
    b->role = ROLE_OPERATOR;
    name_op(b, OP_job_release, "1");
    assert_int_equal(info(b, id)->state, 1);
    name_op(b, OP_job_hold, "1");
    assert_int_equal(result(b, 0)->code, 2073);
    name_op(b, OP_job_suspend, "1");
    assert_int_equal(result(b, 0)->code, 2036);
}

static void dependencies_follow_how_a_job_ended(void **state)
{
    struct bed *b = *state;
    uint32_t first = submit(b, (struct job_spec){ .name = "first" });
    uint32_t ok = submit(b, (struct job_spec){ .dependency = "afterok:1" });
    uint32_t bad = submit(b, (struct job_spec){ .dependency = "afternotok:1" });
    uint32_t doomed = submit(
        b, (struct job_spec){ .dependency = "afterok:1", .kill_on_invalid_dep = { true, true } });

    assert_string_equal(info(b, ok)->reason, "Dependency");
    assert_string_equal(info(b, ok)->dependency, "afterok:1(unfulfilled)");
    end_batch(b, first, 3 << 8);
    assert_int_equal(info(b, first)->state, 5);
    assert_string_equal(info(b, first)->reason, "NonZeroExitCode");
    assert_string_equal(info(b, ok)->reason, "DependencyNeverSatisfied");
    assert_string_equal(info(b, ok)->dependency, "afterok:1(failed)");
    assert_int_equal(info(b, bad)->state, 1);
    assert_int_equal(info(b, doomed)->state, 4);
}

static void a_corresponding_task_waits_for_its_own(void **state)
{
    struct bed *b = *state;

    submit(b, (struct job_spec){ .array = "0-1", .ntasks = { true, 4 } });
    uint32_t second = submit(b, (struct job_spec){ .array = "0-1", .dependency = "aftercorr:1" });
    assert_string_equal(info(b, second)->array_tasks, "0-1");
    end_batch(b, 1, 0); /* the last one kept the record: task 1 */
    assert_string_equal(info(b, second)->array_tasks, "0");
}

static void a_rebooted_node_ends_its_jobs_once(void **state)
{
    struct bed *b = *state;
    uint32_t keeps = submit(b, (struct job_spec){ .requeue = { true, false } });
    uint32_t again = submit(b, (struct job_spec){ 0 });

    hello(b, "n1", 4, "boot2");
    assert_int_equal(info(b, keeps)->state, 7);
    assert_string_equal(info(b, keeps)->failed_node, "n1");
    assert_int_equal(info(b, again)->state, 1); /* requeued, and started again */
    assert_int_equal(info(b, again)->restarts, 1);
    hello(b, "n1", 4, "boot2");
    assert_int_equal(info(b, again)->restarts, 1);
}

static void a_lost_launch_is_sent_again_and_foreign_steps_are_told(void **state)
{
    struct bed *b = *state;
    uint32_t id = submit(b, (struct job_spec){ 0 });
    struct step_ident steps[] = { { .job_id = 55, .step_id = STEP_BATCH } };
    struct node_register reg = {
        .name = "n1",
        .boot_id = "boot1",
        .cpus = 4,
        .real_memory_mb = 1000,
        .gres = "gpu:a100:2",
    };

    reg.steps.v = steps;
    reg.steps.n = 1;
    step(b, OP_node_hello, &reg);
    assert_int_equal(effect(b, EFFECT_LAUNCH)->job_id, id);
    const struct node_welcome *welcome = effect(b, EFFECT_REPLY)->body;
    assert_int_equal(welcome->foreign.n, 1);
    assert_int_equal(welcome->foreign.v[0].job_id, 55);
    steps[0] = (struct step_ident){ .job_id = id, .step_id = STEP_BATCH };
    step(b, OP_node_hello, &reg);
    assert_null(effect(b, EFFECT_LAUNCH));
    assert_int_equal(((const struct node_welcome *)effect(b, EFFECT_REPLY)->body)->foreign.n, 0);
}

static const struct node_info *node(struct bed *b, const char *name)
{
    struct node_query q = { .nodes = name };
    struct node_infos *all = arena_alloc(&b->arena, sizeof *all);

    core_list_nodes(b->core, &q, &b->arena, all);
    return &all->nodes.v[0];
}

static void a_silent_node_goes_down_after_its_time(void **state)
{
    struct bed *b = *state;
    uint32_t id = submit(b, (struct job_spec){ .requeue = { true, false } });
    struct input in = { .kind = INPUT_NODE_LOST, .now = b->now, .node = 0 };

    reset(b);
    core_step(b->core, &in, &b->facts, &b->effects);
    assert_string_equal(node(b, "n1")->state, "MIXED+NOT_RESPONDING");
    assert_int_equal(info(b, id)->state, 1);
    b->now = core_next_timer(b->core);
    assert_int_equal(b->now, 1300);
    step(b, INPUT_TICK, NULL);
    assert_string_equal(node(b, "n1")->base, "DOWN");
    assert_string_equal(node(b, "n1")->reason, "Not responding");
    assert_int_equal(info(b, id)->state, 7);
    hello(b, "n1", 4, "boot1"); /* ReturnToService=1: it was only silent */
    assert_string_equal(node(b, "n1")->state, "IDLE");
}

static void a_small_node_is_drained_with_the_cause(void **state)
{
    struct bed *b = *state;
    struct node_register reg = {
        .name = "n1", .boot_id = "boot1", .cpus = 4, .real_memory_mb = 10
    };

    step(b, OP_node_hello, &reg);
    assert_string_equal(node(b, "n1")->state, "IDLE+DRAIN");
    assert_string_equal(node(b, "n1")->reason, "Low RealMemory");
    hello(b, "n1", 4, "boot1");
    assert_string_equal(node(b, "n1")->state, "IDLE");
}

static void drain_needs_a_reason_and_keeps_jobs_away(void **state)
{
    struct bed *b = *state;
    struct key_value set[] = { { "State", "DRAIN", "" }, { "Reason", "disk", "" } };
    struct node_update up = { .nodes = "n[1-2]" };

    b->role = ROLE_OPERATOR;
    up.set.v = set;
    up.set.n = 1;
    step(b, OP_node_modify, &up);
    assert_int_equal(effect(b, EFFECT_REPLY)->code, 2028);
    up.set.n = 2;
    step(b, OP_node_modify, &up);
    uint32_t id = submit(b, (struct job_spec){ 0 });
    assert_string_equal(info(b, id)->reason, "ReqNodeNotAvail");
    set[0].value = "RESUME";
    up.set.n = 1;
    step(b, OP_node_modify, &up);
    assert_int_equal(info(b, id)->state, 1);
}

static void owners_lower_and_operators_raise(void **state)
{
    struct bed *b = *state;
    const char *jobs[] = { "1" };
    struct key_value set = { "TimeLimit", "20", "" };
    struct job_update up = { .jobs = { jobs, 1 } };

    fill(b);
    cancel(b, "1");
    uint32_t id = submit(b, (struct job_spec){ .time_limit_min = { true, 10 } });
    jobs[0] = "2";
    up.set.v = &set;
    up.set.n = 1;
    step(b, OP_job_modify, &up);
    assert_int_equal(result(b, 0)->code, 2002);
    b->role = ROLE_OPERATOR;
    step(b, OP_job_modify, &up);
    assert_int_equal(info(b, id)->time_limit_min, 20);
    set = (struct key_value){ "TimeLimit", "5", "-" };
    step(b, OP_job_modify, &up);
    assert_int_equal(info(b, id)->time_limit_min, 15);
    set = (struct key_value){ "Nonsense", "5", "" };
    step(b, OP_job_modify, &up);
    assert_true(result(b, 0)->code != 0);
}

static void requeued_jobs_get_a_new_life(void **state)
{
    struct bed *b = *state;
    uint32_t id = submit(b, (struct job_spec){ 0 });

    name_op(b, OP_job_requeue, "1");
    assert_int_equal(info(b, id)->state, 0);
    assert_true(info(b, id)->state_flags & 1u << 15);
    step(b, OP_job_cleaned, &(struct job_clean){ .job_id = id, .node = "n1" });
    assert_int_equal(info(b, id)->restarts, 1);
    assert_int_equal(effect(b, EFFECT_LAUNCH)->restart, 1);
    name_op(b, OP_job_requeue, "1");
    cancel(b, "1"); /* before it is clean: it must not start again */
    step(b, OP_job_cleaned, &(struct job_clean){ .job_id = id, .node = "n1", .restart = 1 });
    assert_int_equal(info(b, id)->state, 4);
}

/* Requeued and held, unless the site says otherwise; the node is not tried with the next job. */
static void a_failed_prolog_drains_and_holds(void **state)
{
    struct bed *b = *state;
    uint32_t id = submit(b, (struct job_spec){ 0 });
    struct step_done done = { .job_id = id,
                              .step_id = STEP_BATCH,
                              .node = "n1",
                              .is_clean = true,
                              .error = "Prolog error: job 1, wait status 256",
                              .error_code = ESLURMD_PROLOG_FAILED };

    step(b, OP_step_ended, &done);
    assert_string_equal(info(b, id)->reason, "launch failed requeued held");
    assert_int_equal(info(b, id)->priority, 0);
    assert_int_equal(info(b, id)->restarts, 1);
    struct node_infos nodes;
    core_list_nodes(b->core, &(struct node_query){ .nodes = "n1" }, &b->arena, &nodes);
    assert_string_equal(nodes.nodes.v[0].reason, "Prolog error");
    name_op(b, OP_job_release, "1");
    assert_int_equal(info(b, id)->state, 1);
    assert_string_equal(core_node_name(b->core, effect(b, EFFECT_LAUNCH)->node), "n2");
}

/* A waiting job ends when it could no longer end in time, a running one at the moment itself. */
static void deadlines_end_what_would_be_late(void **state)
{
    struct bed *b = *state;
    struct job_spec whole = { .min_nodes = { true, 2 }, .ntasks = { true, 8 } };
    uint32_t runs = submit(b, (struct job_spec){ .min_nodes = { true, 2 },
                                                 .ntasks = { true, 8 },
                                                 .deadline = { true, b->now + 900 } });
    whole.deadline = (struct opt_i64){ true, b->now + 600 };
    whole.time_limit_min = (struct opt_u32){ true, 5 };
    uint32_t waits = submit(b, whole);

    assert_int_equal(info(b, runs)->end_time, b->now + 900);
    assert_int_equal(core_next_timer(b->core), b->now + 301);
    b->now += 301;
    step(b, INPUT_TICK, NULL);
    assert_int_equal(info(b, waits)->state, 10);
    assert_string_equal(info(b, waits)->reason, "DeadLine");
    assert_int_equal(info(b, runs)->state, 1);
    b->now += 599;
    step(b, INPUT_TICK, NULL);
    assert_int_equal(info(b, runs)->state, 10);
    assert_non_null(effect(b, EFFECT_TERMINATE));
    whole.time_limit_min.v = 12;
    whole.deadline.v = b->now + 600;
    assert_int_equal(refusal(b, whole), ESLURM_INVALID_TIME_VALUE);
}

/* An ended task counts as open again, or those that wait for the whole array would be misled. */
static void what_ended_can_begin_anew(void **state)
{
    struct bed *b = *state;
    uint32_t last = submit(b, (struct job_spec){ .name = "a", .array = "0-1" });
    uint32_t after = submit(b, (struct job_spec){ .name = "b", .dependency = "afterok:1" });

    end_batch(b, last + 1, 0x100);
    assert_int_equal(info(b, last + 1)->state, 5);
    name_op(b, OP_job_requeue, "1_0");
    assert_int_equal(info(b, last + 1)->state, 1);
    assert_int_equal(info(b, last + 1)->restarts, 1);
    end_batch(b, last + 1, 0);
    end_batch(b, last, 0);
    assert_int_equal(info(b, after)->state, 1);
    name_op(b, OP_job_requeuehold, "1_1");
    assert_string_equal(info(b, last)->reason, "JobHeldUser");
}

static void jobs_behind_a_blocked_one_wait_for_their_turn(void **state)
{
    struct bed *b = *state;

    submit(b, (struct job_spec){ .ntasks = { true, 3 }, .req_nodes = "n1" });
    uint32_t big = submit(b, (struct job_spec){ .min_nodes = { true, 2 }, .exclusive = "x" });
    uint32_t small = submit(b, (struct job_spec){ 0 });
    assert_string_equal(info(b, big)->reason, "Resources");
    assert_string_equal(info(b, small)->reason, "Priority");
    end_batch(b, 1, 0);
    assert_int_equal(info(b, big)->state, 1);
    assert_string_equal(info(b, big)->cpus_per_node, "4(x2)");
    assert_string_equal(info(b, small)->reason, "Resources");
}

static void what_does_nothing_yet_is_named(void **state)
{
    struct bed *b = *state;

    submit(b, (struct job_spec){ .network = "ib", .reboot = true });
    const struct job_submitted *reply = effect(b, EFFECT_REPLY)->body;
    assert_int_equal(reply->warnings.n, 2);
    assert_non_null(strstr(reply->warnings.v[0], "--network"));
}

static void a_test_submits_nothing_and_says_where(void **state)
{
    struct bed *b = *state;

    submit(b, (struct job_spec){ .test_only = true, .ntasks = { true, 2 } });
    const struct job_submitted *reply = effect(b, EFFECT_REPLY)->body;
    assert_int_equal(b->facts.n, 0);
    assert_string_equal(reply->nodes, "n1");
    assert_true(reply->start_time.set && reply->start_time.v == b->now);
}

static void accounting_events_have_no_holes(void **state)
{
    struct bed *b = *state;
    uint64_t first = core_acct_seq(b->core), seen = first;

    submit(b, (struct job_spec){ .name = "counted" });
    for (unsigned i = 0; i < b->effects.n; i++)
        if (b->effects.v[i].kind == EFFECT_ACCOUNT) {
            struct acct_event ev;
            core_account(b->core, &b->effects.v[i], &b->arena, &ev);
            assert_int_equal(ev.seq, ++seen);
            assert_string_equal(ev.job->name, "counted");
        }
    assert_int_equal(seen, first + 2); /* submitted; started */
    end_batch(b, 1, 0);
    assert_int_equal(core_acct_seq(b->core), first + 3);
    const struct acct_event *end = effect(b, EFFECT_ACCOUNT)->body;
    assert_int_equal(end->job->state, 3);
    assert_int_equal(end->step->step_id, STEP_BATCH);
}

int main(void)
{
#define CASE(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        CASE(a_job_runs_and_ends_in_four_facts),
        CASE(a_snapshot_rebuilds_the_state),
        CASE(what_can_never_run_is_refused_with_a_way_out),
        CASE(names_that_nobody_knows_are_refused),
        CASE(a_retried_submit_makes_one_job),
        CASE(after_a_restart_ids_begin_with_a_fresh_block),
        CASE(a_time_limit_ends_a_job_on_all_its_nodes),
        CASE(a_cancelled_job_is_cancelled_by_somebody),
        CASE(an_array_is_one_record_until_its_tasks_start),
        CASE(the_last_task_keeps_the_record),
        CASE(holds_know_who_set_them),
        CASE(dependencies_follow_how_a_job_ended),
        CASE(a_corresponding_task_waits_for_its_own),
        CASE(a_rebooted_node_ends_its_jobs_once),
        CASE(a_lost_launch_is_sent_again_and_foreign_steps_are_told),
        CASE(a_silent_node_goes_down_after_its_time),
        CASE(a_small_node_is_drained_with_the_cause),
        CASE(drain_needs_a_reason_and_keeps_jobs_away),
        CASE(owners_lower_and_operators_raise),
        CASE(requeued_jobs_get_a_new_life),
        CASE(a_failed_prolog_drains_and_holds),
        CASE(deadlines_end_what_would_be_late),
        CASE(what_ended_can_begin_anew),
        CASE(jobs_behind_a_blocked_one_wait_for_their_turn),
        CASE(what_does_nothing_yet_is_named),
        CASE(a_test_submits_nothing_and_says_where),
        CASE(accounting_events_have_no_holes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
