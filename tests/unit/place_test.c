/* Where jobs fit: each case is a submission on a small cluster and what it gets there, as text. */
#include "base/buf.h"
#include "core/core.h"
#include "core/gres.h"
#include "core/sched.h"
#include "core/state.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct bed {
    struct core *core;
    struct arena arena;
    struct facts facts;
    struct effects effects;
    int64_t now;
    uint32_t uid;
};

static void step(struct bed *b, uint16_t kind, const void *body, uint32_t node)
{
    struct input in = { .kind = kind,
                        .now = ++b->now,
                        .body = body,
                        .reply_to = 1,
                        .node = node,
                        .script = 1,
                        .environment = 2,
                        .who = { .uid = b->uid, .user_name = "u", .role = ROLE_ADMIN } };
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

/* Nodes as conf_node rows, one partition. */
static void open_cluster(struct bed *b, struct conf_node *nodes, uint32_t n, struct core_conf conf)
{
    struct part_info part = { .name = "main",
                              .state = "UP",
                              .is_default = true,
                              .max_time_min = UINT32_MAX,
                              .max_nodes = UINT32_MAX,
                              .min_nodes = 1 };
    struct arena a = { 0 };

    part.nodes = arena_printf(&a, "n[1-%u]", n);
    conf.cluster = "c";
    conf.select_type = conf.select_type ? conf.select_type : "cons_tres";
    conf.select_params = conf.select_params ? conf.select_params : "CR_CPU";
    conf.max_job_count = 1000;
    conf.min_job_age_s = 1;
    conf.gres_types = "gpu,shard,nic,lustre";
    for (uint32_t i = 0; i < n; i++) {
        nodes[i].name = arena_printf(&a, "n%u", i + 1);
        nodes[i].state = "UNKNOWN";
        nodes[i].sockets = nodes[i].sockets ? nodes[i].sockets : 1;
        nodes[i].threads = nodes[i].threads ? nodes[i].threads : 1;
        nodes[i].cores = nodes[i].cores ? nodes[i].cores
                                        : nodes[i].cpus / nodes[i].sockets / nodes[i].threads;
        nodes[i].real_memory_mb = nodes[i].real_memory_mb ? nodes[i].real_memory_mb : 1000;
    }
    conf.nodes.v = nodes;
    conf.nodes.n = n;
    if (!conf.parts.n) {
        conf.parts.v = &part;
        conf.parts.n = 1;
    }
    *b = (struct bed){ .core = core_new(), .now = 1000 };
    step(b, INPUT_CONFIGURE, &conf, 0);
    for (uint32_t i = 0; i < n; i++) {
        struct node_register reg = { .name = nodes[i].name,
                                     .boot_id = "b",
                                     .cpus = nodes[i].cpus,
                                     .real_memory_mb = nodes[i].real_memory_mb,
                                     .gres = nodes[i].gres };
        step(b, OP_node_hello, &reg, i);
    }
    arena_fini(&a);
}

static void close_cluster(struct bed *b)
{
    core_free(b->core);
    arena_fini(&b->arena);
}

/* What the job got: "n1 2 gpu:a100:1(IDX:0); n2 ...": node, CPUs, devices; or its reason. */
static const char *got(struct bed *b, uint32_t id)
{
    const struct job *job = core_job(b->core, id);
    struct buf out = { 0 };

    if (!job->alloc)
        buf_puts(&out, "waits");
    for (uint32_t i = 0; job->alloc && i < job->alloc->nodes.n; i++) {
        const struct alloc_node *part = &job->alloc->nodes.v[i];
        buf_printf(&out, "%s%s %u/%u", i ? "; " : "", core_node_name(b->core, part->node),
                   part->ntasks, alloc_cpus(part));
        if (part->gres.n)
            buf_printf(&out, " %s", gres_held_text(part, &b->arena));
    }
    const char *text = arena_strdup(&b->arena, buf_str(&out));
    buf_fini(&out);
    return text;
}

/* The id, or minus the number of the refusal. */
static int64_t submit(struct bed *b, struct job_spec spec)
{
    spec.batch = true;
    step(b, OP_job_submit, &spec, 0);
    for (unsigned i = 0; i < b->effects.n; i++) {
        const struct effect *ef = &b->effects.v[i];
        if (ef->kind == EFFECT_REPLY)
            return ef->code ? -(int64_t)ef->code
                            : (int64_t)((const struct job_submitted *)ef->body)->job_id;
    }
    fail_msg("no answer");
    return 0;
}

#define N(x) { true, (x) }

static void check(struct bed *b, struct job_spec spec, const char *want)
{
    int64_t id = submit(b, spec);

    if (id < 0)
        fail_msg("refused: %lld", (long long)id);
    assert_string_equal(got(b, (uint32_t)id), want);
}

static struct conf_node *gpu_nodes(void)
{
    static struct conf_node v[3];

    v[0] = (struct conf_node){ .cpus = 8, .gres = "gpu:a100:4,shard:8" };
    v[1] = (struct conf_node){ .cpus = 8, .gres = "gpu:a100:2,gpu:v100:2,nic:2,lustre:1k" };
    v[2] = (struct conf_node){ .cpus = 8 };
    return v;
}

static void gpus_are_counted_by_name_and_type(void **state)
{
    struct bed b;

    open_cluster(&b, gpu_nodes(), 3, (struct core_conf){ 0 });
    check(&b, (struct job_spec){ .tres_per_node = "gres:gpu:1" }, "n1 1/1 gpu:a100:1(IDX:0)");
    check(&b, (struct job_spec){ .tres_per_node = "gpu:v100:1" }, "n2 1/1 gpu:v100:1(IDX:2)");
    check(&b, (struct job_spec){ .tres_per_node = "gpu:a100:2", .req_nodes = "n1" },
          "n1 1/1 gpu:a100:2(IDX:1-2)");
    check(&b, (struct job_spec){ .tres_per_node = "gpu:3" },
          "n2 1/1 gpu:a100:2(IDX:0-1),gpu:v100:1(IDX:3)");
    check(&b, (struct job_spec){ .tres_per_node = "gpu:1", .req_nodes = "n2" }, "waits");
    assert_int_equal(submit(&b, (struct job_spec){ .tres_per_node = "gpu:5" }), -2014);
    assert_int_equal(submit(&b, (struct job_spec){ .tres_per_node = "gpu:1", .req_nodes = "n3" }),
                     -2014);
    close_cluster(&b);
}

static void options_about_gpus_are_brought_together(void **state)
{
    static const struct {
        struct job_spec spec;
        const char *want;
    } cases[] = {
        { { .tres_per_job = "gpu:6" },
          "n1 1/1 gpu:a100:4(IDX:0-3); n2 1/1 gpu:a100:2(IDX:0-1)" },
        { { .tres_per_job = "gpu:4", .tres_per_node = "gpu:2" },
          "n1 1/1 gpu:a100:2(IDX:0-1); n2 1/1 gpu:a100:2(IDX:0-1)" },
        { { .tres_per_task = "gpu:2", .ntasks = N(4) },
          "n1 2/2 gpu:a100:4(IDX:0-3); n2 2/2 gpu:a100:2(IDX:0-1),gpu:v100:2(IDX:2-3)" },
        { { .tres_per_task = "gpu:1", .tres_per_job = "gpu:3" },
          "n1 3/3 gpu:a100:3(IDX:0-2)" },
        { { .tres_per_job = "gpu:2", .ntasks_per_gpu = N(2) }, "n1 4/4 gpu:a100:2(IDX:0-1)" },
        { { .ntasks = N(6), .ntasks_per_gpu = N(2) }, "n1 6/6 gpu:a100:3(IDX:0-2)" },
        { { .tres_per_node = "gpu:2", .cpus_per_gpu = N(3) }, "n1 1/6 gpu:a100:2(IDX:0-1)" },
        { { .tres_per_job = "gpu:4", .cpus_per_gpu = N(3) },
          "n1 1/6 gpu:a100:2(IDX:0-1); n2 1/6 gpu:a100:2(IDX:0-1)" },
        { { .tres_per_node = "shard:3" }, "n1 1/1 shard:2(IDX:0)" },
        { { .tres_per_node = "nic,lustre:600" }, "n2 1/1 nic:1,lustre:600" },
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct bed b;
        open_cluster(&b, gpu_nodes(), 3, (struct core_conf){ 0 });
        if (i == 8)
            assert_int_equal(submit(&b, cases[i].spec), -2014);
        else
            check(&b, cases[i].spec, cases[i].want);
        close_cluster(&b);
    }
}

static void a_gpu_is_whole_or_cut(void **state)
{
    struct bed b;

    open_cluster(&b, gpu_nodes(), 3, (struct core_conf){ 0 });
    check(&b, (struct job_spec){ .tres_per_node = "shard:1" }, "n1 1/1 shard:1(IDX:0)");
    check(&b, (struct job_spec){ .tres_per_node = "gpu:3", .req_nodes = "n1" },
          "n1 1/1 gpu:a100:3(IDX:1-3)");
    check(&b, (struct job_spec){ .tres_per_node = "shard:1" }, "n1 1/1 shard:1(IDX:0)");
    check(&b, (struct job_spec){ .tres_per_node = "shard:1" }, "waits");
    assert_int_equal(submit(&b, (struct job_spec){ .tres_per_node = "shard:1,gpu:1" }), -2072);
    struct node_infos nodes;
    core_list_nodes(b.core, &(struct node_query){ .nodes = "n1" }, &b.arena, &nodes);
    assert_string_equal(nodes.nodes.v[0].gres, "gpu:a100:4,shard:8");
    assert_string_equal(nodes.nodes.v[0].gres_used,
                        "gpu:a100:3(IDX:1-3),shard:2(2/2,0/2,0/2,0/2),nic:0,lustre:0");
    close_cluster(&b);
}

static void memory_and_cpus_come_with_gpus(void **state)
{
    struct bed b;

    open_cluster(&b, gpu_nodes(), 3,
                 (struct core_conf){ .select_params = "CR_CPU_Memory",
                                     .job_defaults = "DefCpuPerGPU=2,DefMemPerGPU=300" });
    check(&b, (struct job_spec){ .tres_per_node = "gpu:2" }, "n1 1/4 gpu:a100:2(IDX:0-1)");
    assert_int_equal(core_job(b.core, 1)->alloc->nodes.v[0].mem_mb, 600);
    check(&b, (struct job_spec){ .tres_per_node = "gpu:2" },
          "n2 1/4 gpu:a100:2(IDX:0-1)");
    check(&b, (struct job_spec){ .tres_per_node = "gpu:1" }, "n1 1/2 gpu:a100:1(IDX:2)");
    check(&b, (struct job_spec){ .tres_per_job = "gpu:1", .mem_per_gpu_mb = N(101) }, "n2 1/2 gpu:v100:1(IDX:2)");
    close_cluster(&b);
}

static void end_job(struct bed *b, const char *id)
{
    step(b, OP_job_cancel, &(struct job_kill){ .jobs = { (const char *[]){ id }, 1 } }, 0);
}

/* Without its licenses a job waits, and lets others pass; of "a;b" it gets the first that is free.
 */
static void licenses_are_counted_while_jobs_run(void **state)
{
    struct bed b;
    struct license_infos all;

    open_cluster(&b, gpu_nodes(), 3, (struct core_conf){ .licenses = "matlab:4,ansys:1,big" });
    check(&b, (struct job_spec){ .licenses = "matlab:3,ansys" }, "n1 1/1");
    check(&b, (struct job_spec){ .licenses = "matlab:2" }, "waits");
    assert_int_equal(sched_reason(b.core, core_job(b.core, 2)), REASON_Licenses);
    check(&b, (struct job_spec){ .licenses = "ansys:1;big" }, "n1 1/1");
    assert_string_equal(core_job(b.core, 3)->alloc->licenses, "big");
    check(&b, (struct job_spec){ 0 }, "n1 1/1");
    assert_int_equal(submit(&b, (struct job_spec){ .licenses = "matlab:5" }), -2048);
    assert_int_equal(submit(&b, (struct job_spec){ .licenses = "matlab:5;big:2" }), -2048);
    assert_int_equal(submit(&b, (struct job_spec){ .licenses = "maple" }), -2048);
    core_list_licenses(b.core, &b.arena, &all);
    assert_string_equal(all.licenses.v[2].name, "matlab");
    assert_int_equal(all.licenses.v[2].used, 3);
    end_job(&b, "1");
    assert_string_equal(got(&b, 2), "n1 1/1");
    close_cluster(&b);
}

static struct conf_node *plain_nodes(uint32_t n);

/* --exclusive=user: others stay away, from nodes that it has and it from theirs. */
static void a_user_can_have_nodes_for_himself(void **state)
{
    struct bed b;

    open_cluster(&b, plain_nodes(3), 3, (struct core_conf){ 0 });
    b.uid = 1;
    check(&b, (struct job_spec){ .exclusive = "user" }, "n1 1/1");
    b.uid = 2;
    check(&b, (struct job_spec){ 0 }, "n2 1/1");
    b.uid = 1;
    check(&b, (struct job_spec){ .exclusive = "user", .ntasks = N(4) }, "n3 4/4");
    check(&b, (struct job_spec){ 0 }, "n1 1/1");
    b.uid = 2;
    check(&b, (struct job_spec){ .ntasks = N(4) }, "waits");
    close_cluster(&b);
}

static struct conf_node *plain_nodes(uint32_t n)
{
    static struct conf_node v[12];

    for (uint32_t i = 0; i < n; i++)
        v[i] = (struct conf_node){ .cpus = 4 };
    return v;
}

static void jobs_stay_under_few_switches(void **state)
{
    static struct topo_switch tree[] = {
        { .name = "top", .switches = "s[1-3]" },
        { .name = "s1", .nodes = "n[1-2]" },
        { .name = "s2", .nodes = "n[3-6]" },
        { .name = "s3", .nodes = "n[7-8]" },
    };
    struct core_conf conf = { .topology = "tree", .switches = { tree, 4 } };
    struct bed b;

    open_cluster(&b, plain_nodes(8), 8, conf);
    check(&b, (struct job_spec){ .min_nodes = N(3), .cpus_per_task = N(4) },
          "n3 1/4; n4 1/4; n5 1/4");
    check(&b, (struct job_spec){ .min_nodes = N(2), .cpus_per_task = N(4) }, "n1 1/4; n2 1/4");
    check(&b, (struct job_spec){ .min_nodes = N(3), .cpus_per_task = N(4), .switches = N(1) },
          "waits");
    close_cluster(&b);

    open_cluster(&b, plain_nodes(8), 8, conf);
    check(&b, (struct job_spec){ .min_nodes = N(5), .cpus_per_task = N(4) },
          "n1 1/4; n3 1/4; n4 1/4; n5 1/4; n6 1/4");
    check(&b,
          (struct job_spec){
              .min_nodes = N(3), .cpus_per_task = N(4), .switches = N(1), .switches_wait_s = N(60) },
          "waits");
    b.now += 61;
    step(&b, INPUT_TICK, NULL, 0);
    assert_string_equal(got(&b, 2), "n2 1/4; n7 1/4; n8 1/4");
    close_cluster(&b);
}

static void blocks_are_filled_and_segments_kept_whole(void **state)
{
    static struct topo_switch blocks[] = {
        { .name = "b1", .nodes = "n[1-4]" },
        { .name = "b2", .nodes = "n[5-8]" },
        { .name = "b3", .nodes = "n[9-12]" },
    };
    struct core_conf conf = { .topology = "block", .switches = { blocks, 3 } };
    struct bed b;

    open_cluster(&b, plain_nodes(12), 12, conf);
    check(&b, (struct job_spec){ .min_nodes = N(1), .cpus_per_task = N(4) }, "n1 1/4");
    check(&b, (struct job_spec){ .min_nodes = N(3), .cpus_per_task = N(4) },
          "n2 1/4; n3 1/4; n4 1/4");
    end_job(&b, "1");
    check(&b, (struct job_spec){ .min_nodes = N(4), .cpus_per_task = N(4), .segment = N(2) },
          "n5 1/4; n6 1/4; n7 1/4; n8 1/4");
    check(&b, (struct job_spec){ .min_nodes = N(2), .cpus_per_task = N(4), .segment = N(2) },
          "n9 1/4; n10 1/4");
    assert_int_equal(submit(&b, (struct job_spec){ .min_nodes = N(3), .segment = N(2) }), -2014);
    close_cluster(&b);
}

static void sockets_threads_and_reserved_cpus(void **state)
{
    static const struct {
        struct conf_node node;
        struct job_spec spec;
        const char *want;
    } cases[] = {
        { { .cpus = 16, .sockets = 2, .threads = 2 }, { .ntasks = N(3) }, "n1 3/4" },
        { { .cpus = 16, .sockets = 2, .threads = 2 },
          { .ntasks = N(4), .hint = "nomultithread" },
          "n1 4/8" },
        { { .cpus = 16, .sockets = 2, .threads = 2 },
          { .ntasks = N(4), .ntasks_per_core = N(1) },
          "n1 4/8" },
        { { .cpus = 8, .core_spec = 2 }, { .exclusive = "exclusive" }, "n1 1/6" },
        { { .cpus = 8, .cpu_spec_list = "0-1" }, { .ntasks = N(6) }, "n1 6/6" },
        { { .cpus = 8 }, { .min_cpus_per_node = N(5) }, "n1 1/5" },
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct conf_node node = cases[i].node;
        struct bed b;
        open_cluster(&b, &node, 1, (struct core_conf){ 0 });
        check(&b, cases[i].spec, cases[i].want);
        close_cluster(&b);
    }
}

/* As many nodes as the range allows; one task each, and the rest node by node, as in Slurm. */
static void ranges_take_what_they_can(void **state)
{
    static const struct {
        struct job_spec spec;
        const char *want;
    } cases[] = {
        { { .min_nodes = N(1), .max_nodes = N(3) }, "n1 1/1; n2 1/1; n3 1/1" },
        { { .min_nodes = N(2), .max_nodes = N(3), .use_min_nodes = true }, "n1 1/1; n2 1/1" },
        { { .min_nodes = N(2), .ntasks = N(5) }, "n1 4/4; n2 1/1" },
        { { .min_nodes = N(2), .ntasks = N(3), .ntasks_per_node = N(2) }, "n1 2/2; n2 2/2" },
        { { .ntasks = N(3), .spread_job = true }, "n1 1/1; n2 1/1; n3 1/1" },
        { { .features = "[red*1&blue*1]" }, "n1 1/1; n3 1/1" },
        { { .min_nodes = N(2), .features = "[red|blue]" }, "n3 1/1; n4 1/1" },
        { { .prefer = "blue" }, "n3 1/1" },
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct conf_node *nodes = plain_nodes(4);
        struct bed b;
        nodes[0].features = "red";
        nodes[2].features = nodes[3].features = "blue";
        open_cluster(&b, nodes, 4, (struct core_conf){ 0 });
        check(&b, cases[i].spec, cases[i].want);
        close_cluster(&b);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gpus_are_counted_by_name_and_type),
        cmocka_unit_test(options_about_gpus_are_brought_together),
        cmocka_unit_test(a_gpu_is_whole_or_cut),
        cmocka_unit_test(memory_and_cpus_come_with_gpus),
        cmocka_unit_test(licenses_are_counted_while_jobs_run),
        cmocka_unit_test(a_user_can_have_nodes_for_himself),
        cmocka_unit_test(jobs_stay_under_few_switches),
        cmocka_unit_test(blocks_are_filled_and_segments_kept_whole),
        cmocka_unit_test(sockets_threads_and_reserved_cpus),
        cmocka_unit_test(ranges_take_what_they_can),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
