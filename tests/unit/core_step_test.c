/* Steps: what a step gets out of its job, who is in whose way, and how they end. */
#include "core/core.h"
#include "schema/errors.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* Two nodes of four CPUs and 1000 MB, all of both given to job 1 of uid 1000. */
struct bed {
    struct core *core;
    struct arena arena;
    struct facts facts;
    struct effects effects;
    int64_t now;
    uid_t user;
};

static void step(struct bed *b, uint16_t kind, const void *body)
{
    struct input in = { .kind = kind,
                        .now = b->now,
                        .body = body,
                        .reply_to = 7,
                        .who = { .uid = b->user, .gid = 1000, .user_name = "ann" } };
    struct err e = { 0 };

    arena_reset(&b->arena);
    b->facts = (struct facts){ .arena = &b->arena };
    b->effects = (struct effects){ .arena = &b->arena };
    core_step(b->core, &in, &b->facts, &b->effects);
    while (core_schedule(b->core, b->now, 100, &b->facts, &b->effects))
        ;
    if (core_check(b->core, &e) < 0)
        fail_msg("%s", e.text);
}

static const struct effect *effect(const struct bed *b, enum effect_kind kind)
{
    for (unsigned i = 0; i < b->effects.n; i++)
        if (b->effects.v[i].kind == kind)
            return &b->effects.v[i];
    return NULL;
}

static void hello(struct bed *b, const char *name, struct step_ident *steps, uint32_t n)
{
    struct node_register reg = {
        .name = name, .boot_id = "boot", .cpus = 4, .real_memory_mb = 1000, .gres = "gpu:a100:2"
    };

    reg.steps.v = steps;
    reg.steps.n = n;
    step(b, OP_node_hello, &reg);
}

static int set_up(void **state)
{
    static struct bed bed;
    struct conf_node nodes[2];
    struct part_info part = { .name = "main",
                              .nodes = "n[1-2]",
                              .state = "UP",
                              .is_default = true,
                              .max_time_min = UINT32_MAX,
                              .max_nodes = UINT32_MAX,
                              .min_nodes = 1 };
    struct core_conf conf = { .cluster = "c",
                              .select_type = "cons_tres",
                              .select_params = "CR_CPU_Memory",
                              .max_job_count = 100,
                              .min_job_age_s = 300,
                              .kill_wait_s = 30,
                              .slurmd_timeout_s = 300,
                              .max_step_count = 40,
                              .gres_types = "gpu",
                              .acct_enabled = true };
    const struct job_spec all = { .name = "alloc",
                                  .user_name = "ann",
                                  .min_nodes = { true, 2 },
                                  .ntasks = { true, 8 },
                                  .tres_per_node = "gres:gpu:2",
                                  .mem_per_node_mb = { true, 800 } };

    for (int i = 0; i < 2; i++)
        nodes[i] = (struct conf_node){ .name = i ? "n2" : "n1",
                                       .cpus = 4,
                                       .sockets = 1,
                                       .cores = 4,
                                       .threads = 1,
                                       .real_memory_mb = 1000,
                                       .weight = 1,
                                       .gres = "gpu:a100:2",
                                       .state = "UNKNOWN" };
    conf.nodes.v = nodes;
    conf.nodes.n = 2;
    conf.parts.v = &part;
    conf.parts.n = 1;
    bed = (struct bed){ .core = core_new(), .now = 1000, .user = 1000 };
    step(&bed, INPUT_CONFIGURE, &conf);
    hello(&bed, "n1", NULL, 0);
    hello(&bed, "n2", NULL, 0);
    step(&bed, OP_job_submit, &all);
    *state = &bed;
    return 0;
}

static int tear_down(void **state)
{
    struct bed *b = *state;

    core_free(b->core);
    arena_fini(&b->arena);
    return 0;
}

static struct step_spec spec(uint32_t ntasks)
{
    return (struct step_spec){ .job_id = 1,
                               .name = "a.out",
                               .ntasks = { ntasks > 0, ntasks },
                               .distribution = "",
                               .client_addr = "",
                               .client_host = "h:1",
                               .submit_line = "" };
}

static const struct step_created *created(struct bed *b, const struct step_spec *s)
{
    step(b, OP_step_create, s);
    const struct effect *ef = effect(b, EFFECT_REPLY);
    assert_non_null(ef);
    if (ef->code)
        print_message("refused: %s\n", ((const struct error_info *)ef->body)->hints.v[0]);
    assert_int_equal(ef->code, 0);
    assert_ptr_equal(ef->desc, &desc_step_created);
    assert_non_null(effect(b, EFFECT_STEP_START));
    return ef->body;
}

static const struct error_info *refused(struct bed *b, const struct step_spec *s, int code)
{
    step(b, OP_step_create, s);
    const struct effect *ef = effect(b, EFFECT_REPLY);
    assert_non_null(ef);
    assert_int_equal(ef->code, code);
    return ef->body;
}

static void part_ends(struct bed *b, uint32_t step_id, const char *node, int32_t status)
{
    const struct step_done done = {
        .job_id = 1, .step_id = step_id, .wait_status = status, .node = node
    };

    step(b, OP_step_ended, &done);
}

/* One task on a node takes all that the job has there, as Slurm's steps do since 20.11. */
static void a_step_is_alone_on_its_nodes(void **state)
{
    struct bed *b = *state;
    struct step_spec s = spec(1);

    const struct step_created *first = created(b, &s);
    assert_int_equal(first->step_id, 0);
    assert_string_equal(first->nodes, "n1");
    assert_int_equal(first->parts.v[0].cpus.p[0], 0xf);
    assert_string_equal(created(b, &s)->nodes, "n2");
    const struct error_info *why = refused(b, &s, ESLURM_NODES_BUSY);
    assert_string_equal(why->text, "Requested nodes are busy");
    assert_string_equal(why->hints.v[0], "step 1.0 (a.out) holds 4 of 4 CPUs of n1");
    assert_non_null(strstr(why->hints.v[1], "--overlap"));
}

static void exact_steps_share_a_node(void **state)
{
    struct bed *b = *state;
    struct step_spec s = spec(2);

    s.exact = true;
    assert_int_equal(created(b, &s)->parts.v[0].cpus.p[0], 0x3);
    assert_int_equal(created(b, &s)->parts.v[0].cpus.p[0], 0xc);
    assert_string_equal(created(b, &s)->nodes, "n2");
    s.ntasks.v = 3;
    refused(b, &s, ESLURM_NODES_BUSY);
    s.overlap = true;
    assert_string_equal(created(b, &s)->nodes, "n1");
}

static void what_never_fits_is_refused_with_numbers(void **state)
{
    struct bed *b = *state;
    struct step_spec s = spec(9);

    const struct error_info *why = refused(b, &s, ESLURM_TOO_MANY_REQUESTED_CPUS);
    assert_non_null(strstr(why->hints.v[1], "use -n 8"));
    s.overcommit = true;
    assert_int_equal(created(b, &s)->ntasks, 9);
    s = spec(1);
    s.mem_per_node_mb = (struct opt_u64){ true, 900 };
    refused(b, &s, ESLURM_INVALID_TASK_MEMORY);
    s = spec(3);
    s.min_nodes = s.max_nodes = (struct opt_u32){ true, 3 };
    refused(b, &s, ESLURM_REQUESTED_NODE_CONFIG_UNAVAILABLE);
    s = spec(1);
    s.req_nodes = "n9";
    refused(b, &s, ESLURM_REQUESTED_NODE_CONFIG_UNAVAILABLE);
    s = spec(1);
    s.job_id = 77;
    refused(b, &s, ESLURM_INVALID_JOB_ID);
    s = spec(1);
    b->user = 1001;
    refused(b, &s, ESLURM_ACCESS_DENIED);
    b->user = 1000;
}

/* Who asks for GPUs has them alone; who asks for none shares all. */
static void devices_are_held_by_who_asked(void **state)
{
    struct bed *b = *state;
    struct step_spec s = spec(1);

    s.exact = true;
    const struct step_created *all = created(b, &s);
    assert_int_equal(all->parts.v[0].gres.v[0].count, 2);
    s.tres_per_node = "gres:gpu:1";
    assert_int_equal(created(b, &s)->parts.v[0].gres.v[0].units.p[0], 0x1);
    assert_int_equal(created(b, &s)->parts.v[0].gres.v[0].units.p[0], 0x2);
    assert_string_equal(created(b, &s)->nodes, "n2");
    s.tres_per_node = "gres:gpu:3";
    refused(b, &s, ESLURM_REQUESTED_NODE_CONFIG_UNAVAILABLE);
    s.tres_per_node = "gres:none";
    assert_int_equal(created(b, &s)->parts.v[0].gres.n, 0);
}

/* Memory is held too: the words say so, since more CPUs would not help. */
static void memory_is_what_a_step_waits_for(void **state)
{
    struct bed *b = *state;
    struct step_spec s = spec(2);

    s.exact = true;
    s.min_nodes = (struct opt_u32){ true, 2 };
    s.mem_per_node_mb = (struct opt_u64){ true, 500 };
    created(b, &s);
    const struct error_info *why = refused(b, &s, ESLURM_NODES_BUSY);
    assert_string_equal(why->hints.v[0], "step 1.0 (a.out) holds 500 of 800 MB of memory of n1");
    s.mem_per_node_mb.v = 300;
    created(b, &s);
}

/* Whoever asked to wait is asked again when something of the job changed. */
static void a_step_waits_for_another(void **state)
{
    struct bed *b = *state;
    struct step_spec s = spec(8);

    created(b, &s);
    s.wait = true;
    step(b, OP_step_create, &s);
    assert_null(effect(b, EFFECT_REPLY));
    assert_int_equal(effect(b, EFFECT_WAIT)->job_id, 1);
    part_ends(b, 0, "n1", 0);
    part_ends(b, 0, "n2", 0);
    assert_int_equal(created(b, &s)->step_id, 1);
}

/* A step ends with its last part; the worst status is its own, and the job's derived one. */
static void a_step_ends_with_its_last_part(void **state)
{
    struct bed *b = *state;
    struct step_spec s = spec(8);

    created(b, &s);
    part_ends(b, 0, "n2", 3 << 8);
    assert_null(effect(b, EFFECT_ACCOUNT));
    part_ends(b, 0, "n2", 3 << 8); /* repeated until acknowledged */
    assert_int_equal(b->facts.n, 0);
    part_ends(b, 0, "n1", 0);
    const struct acct_event *ev = effect(b, EFFECT_ACCOUNT)->body;
    assert_int_equal(ev->step->exit_code, 3 << 8);
    assert_int_equal(ev->step->nnodes, 2);
    assert_int_equal(ev->step->end, b->now);
}

/* A retry after a lost answer gets the step that was made, not a second one. */
static void a_request_makes_one_step(void **state)
{
    struct bed *b = *state;
    struct step_spec s = spec(1);

    s.request_key = 5;
    assert_int_equal(created(b, &s)->step_id, 0);
    assert_int_equal(created(b, &s)->step_id, 0);
    assert_int_equal(b->facts.n, 0);
}

static void the_limit_of_a_step_ends_it(void **state)
{
    struct bed *b = *state;
    struct step_spec s = spec(8);

    s.time_limit_min = (struct opt_u32){ true, 1 };
    created(b, &s);
    assert_int_equal(core_next_timer(b->core), 1060);
    b->now = 1060;
    step(b, INPUT_TICK, NULL);
    const struct job_terminate *end = effect(b, EFFECT_TERMINATE)->body;
    assert_int_equal(end->step_id.v, 0);
    assert_string_equal(end->why, "CANCELLED AT %s DUE TO TIME LIMIT");
    assert_true(core_next_timer(b->core) > 1060);
    part_ends(b, 0, "n1", 15);
    part_ends(b, 0, "n2", 15);
    assert_int_equal(((const struct acct_event *)effect(b, EFFECT_ACCOUNT)->body)->step->state, 6);
}

static void scancel_names_a_step(void **state)
{
    struct bed *b = *state;
    struct step_spec s = spec(8);
    const char *names[] = { "1.0" };
    struct job_kill kill = { .jobs = { names, 1 }, .signal = { true, 10 } };

    created(b, &s);
    step(b, OP_job_cancel, &kill);
    assert_int_equal(((const struct step_signal *)effect(b, EFFECT_SIGNAL)->body)->signal, 10);
    kill.signal.set = false;
    step(b, OP_job_cancel, &kill);
    assert_int_equal(((const struct job_terminate *)effect(b, EFFECT_TERMINATE)->body)->step_id.v,
                     0);
    names[0] = "1.9";
    step(b, OP_job_cancel, &kill);
    const struct job_results *results = effect(b, EFFECT_REPLY)->body;
    assert_int_equal(results->jobs.v[0].code, ESLURM_INVALID_JOB_ID);
}

/* The fact was not on disk when we died, but the node runs it: its CPUs are taken again. */
static void a_forgotten_step_is_taken_up(void **state)
{
    struct bed *b = *state;
    static const uint8_t two[] = { 0x3 };
    uint32_t ranks[] = { 0, 1 };
    struct step_ident known = {
        .job_id = 1, .step_id = 4, .cpus = { two, 1 }, .tasks = { ranks, 2 }, .name = "old"
    };
    struct step_spec s = spec(3);

    hello(b, "n1", &known, 1);
    s.exact = true;
    s.req_nodes = "n1";
    s.max_nodes = (struct opt_u32){ true, 1 };
    refused(b, &s, ESLURM_NODES_BUSY);
    s.ntasks.v = 2;
    assert_int_equal(created(b, &s)->step_id, 5);
}

/* What a node that came back does not know of never began there. */
static void a_lost_order_ends_the_step(void **state)
{
    struct bed *b = *state;
    struct step_spec s = spec(1);

    created(b, &s);
    hello(b, "n1", NULL, 0);
    const struct acct_event *ev = NULL;
    for (unsigned i = 0; i < b->effects.n; i++)
        if (b->effects.v[i].kind == EFFECT_ACCOUNT)
            ev = b->effects.v[i].body;
    assert_non_null(ev);
    assert_int_equal(ev->step->exit_code, 9);
}

/* The allocation has no script: its owner ends it, and its steps end with it. */
static void the_owner_ends_an_allocation(void **state)
{
    struct bed *b = *state;
    struct step_spec s = spec(8);
    const struct alloc_end end = { .job_id = 1, .wait_status = 5 << 8 };
    const struct job_clean n1 = { .job_id = 1, .node = "n1" }, n2 = { .job_id = 1, .node = "n2" };

    created(b, &s);
    step(b, OP_job_through, &end);
    assert_non_null(effect(b, EFFECT_TERMINATE));
    step(b, OP_job_cleaned, &n1);
    step(b, OP_job_cleaned, &n2);
    struct alloc_info info;
    const struct alloc_wait now = { .job_id = 1, .now = true };
    struct who who = { .uid = 1000 };
    assert_int_equal(core_alloc(b->core, &now, &who, &b->arena, &info, NULL), 0);
    assert_int_equal(info.state, 5);
    assert_int_equal(info.exit_code, 5 << 8);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        CASE(a_step_is_alone_on_its_nodes),
        CASE(exact_steps_share_a_node),
        CASE(what_never_fits_is_refused_with_numbers),
        CASE(devices_are_held_by_who_asked),
        CASE(memory_is_what_a_step_waits_for),
        CASE(a_step_waits_for_another),
        CASE(a_step_ends_with_its_last_part),
        CASE(a_request_makes_one_step),
        CASE(the_limit_of_a_step_ends_it),
        CASE(scancel_names_a_step),
        CASE(a_forgotten_step_is_taken_up),
        CASE(a_lost_order_ends_the_step),
        CASE(the_owner_ends_an_allocation),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
