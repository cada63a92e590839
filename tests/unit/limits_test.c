/* The rule book in the core: who may submit as what, every limit with its reason, and that those
 * who wait at a limit start the moment there is room. */
#include "core/core.h"
#include "core/limits.h"
#include "core/state.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define START 1700000000
#define NODES 4

struct bed {
    struct core *core;
    struct arena arena;
    struct facts facts;
    struct effects effects;
    int64_t now;
    int code; /* of the last refusal */
    char hints[512];
};

static void note_answer(struct bed *b)
{
    b->code = 0;
    b->hints[0] = '\0';
    for (unsigned i = 0; i < b->effects.n; i++) {
        const struct effect *ef = &b->effects.v[i];
        if (ef->kind != EFFECT_REPLY || ef->code == 0)
            continue;
        const struct error_info *info = ef->body;
        b->code = ef->code;
        for (uint32_t k = 0; k < info->hints.n; k++)
            strncat(b->hints, info->hints.v[k], sizeof b->hints - strlen(b->hints) - 1);
    }
}

static void step(struct bed *b, uint16_t kind, const void *body, uint32_t node)
{
    struct input in = { .kind = kind,
                        .now = b->now,
                        .body = body,
                        .reply_to = 7,
                        .node = node,
                        .script = 1,
                        .environment = 2,
                        .who = { .uid = 0, .user_name = "root", .role = ROLE_ADMIN } };
    struct err e = { 0 };

    arena_reset(&b->arena);
    b->facts = (struct facts){ .arena = &b->arena };
    b->effects = (struct effects){ .arena = &b->arena };
    core_step(b->core, &in, &b->facts, &b->effects);
    note_answer(b);
    while (core_schedule(b->core, b->now, 100, &b->facts, &b->effects))
        ;
    if (core_check(b->core, &e) < 0)
        fail_msg("%s", e.text);
}

static void hello(struct bed *b)
{
    for (uint32_t i = 0; i < NODES; i++) {
        char name[4], boot[8];
        snprintf(name, sizeof name, "n%u", i);
        snprintf(boot, sizeof boot, "b%u", i);
        struct node_register reg = { .name = name,
                                     .boot_id = boot,
                                     .cpus = 16,
                                     .sockets = 1,
                                     .cores = 16,
                                     .threads = 1,
                                     .real_memory_mb = 64000,
                                     .gres = "gpu:16" };
        step(b, OP_node_hello, &reg, i);
    }
}

static void configure(struct bed *b, struct core_conf conf, const char *part_qos)
{
    struct conf_node nodes[NODES];
    char names[NODES][4];
    struct part_info parts[] = {
        { .name = "main",
          .nodes = "n[0-3]",
          .state = "UP",
          .is_default = true,
          .max_time_min = 2880,
          .max_nodes = UINT32_MAX,
          .qos = part_qos },
        { .name = "p4",
          .nodes = "n[0-3]",
          .state = "UP",
          .max_time_min = 2880,
          .max_nodes = UINT32_MAX,
          .allow_accounts = "phys",
          .deny_qos = "slow" },
    };

    for (unsigned i = 0; i < NODES; i++) {
        snprintf(names[i], sizeof names[i], "n%u", i);
        nodes[i] = (struct conf_node){ .name = names[i],
                                       .cpus = 16,
                                       .sockets = 1,
                                       .cores = 16,
                                       .threads = 1,
                                       .real_memory_mb = 64000,
                                       .gres = "gpu:16",
                                       .weight = 1 };
    }
    conf.cluster = "c";
    conf.select_params = "CR_CPU_Memory";
    conf.gres_types = "gpu";
    conf.acct_tres = "cpu,mem,energy,node,billing,fs/disk,vmem,pages,gres/gpu";
    conf.acct_enforce = conf.acct_enforce ? conf.acct_enforce : "limits,qos";
    conf.nodes.v = nodes;
    conf.nodes.n = NODES;
    conf.parts.v = parts;
    conf.parts.n = 2;
    step(b, INPUT_CONFIGURE, &conf, 0);
}

/* Rows of the book; the tree is root - {phys - {ann, bob}, bio - ann}. */
struct book {
    struct rule_limits root, phys, phys_ann, phys_bob, bio_ann, normal, gold, slow;
    const char *gold_flags, *normal_flags;
    double limit_factor;
};

static void tell(struct bed *b, const struct book *book)
{
    static uint64_t version;
    const char *both[] = { "normal", "gold" };
    const char *gold_flag[] = { book->gold_flags }, *normal_flag[] = { book->normal_flags };
    struct rule_limits l[8] = { book->root,    book->phys,   book->phys_ann, book->phys_bob,
                                book->bio_ann, book->normal, book->gold,     book->slow };
    struct rule_assoc as[] = {
        { .id = 1, .account = "root", .shares = 1, .limits = &l[0], .qos = { both, 2 } },
        { .id = 2, .account = "root", .user = "root", .parent = 1, .shares = 1 },
        { .id = 3, .account = "phys", .parent = 1, .shares = 30, .limits = &l[1] },
        { .id = 4, .account = "bio", .parent = 1, .shares = 10 },
        { .id = 5, .account = "phys", .user = "ann", .parent = 3, .shares = 1, .limits = &l[2] },
        { .id = 6, .account = "phys", .user = "bob", .parent = 3, .shares = 1, .limits = &l[3] },
        { .id = 7, .account = "bio", .user = "ann", .parent = 4, .shares = 1, .limits = &l[4] },
    };
    struct rule_qos qos[] = {
        { .id = 1,
          .name = "normal",
          .usage_factor = 1,
          .limits = &l[5],
          .flags = { normal_flag, book->normal_flags != NULL },
          .limit_factor = book->limit_factor },
        { .id = 2,
          .name = "gold",
          .priority = 10,
          .usage_factor = 1,
          .limits = &l[6],
          .flags = { gold_flag, book->gold_flags != NULL } },
        { .id = 3, .name = "slow", .usage_factor = 1, .limits = &l[7] },
    };
    struct rule_user users[] = { { .name = "ann", .def_account = "phys" },
                                 { .name = "bob", .def_account = "phys" },
                                 { .name = "root", .def_account = "root" } };
    struct rules all = { .version = ++version, .is_whole = true };

    all.assocs.v = as;
    all.assocs.n = sizeof as / sizeof as[0];
    all.qos.v = qos;
    all.qos.n = 3;
    all.users.v = users;
    all.users.n = 3;
    step(b, OP_rules_push, &all, 0);
}

static void open_bed(struct bed *b, const struct book *book)
{
    *b = (struct bed){ .core = core_new(), .now = START };
    configure(b, (struct core_conf){ 0 }, "");
    tell(b, book);
    hello(b);
}

static void close_bed(struct bed *b)
{
    core_free(b->core);
    arena_fini(&b->arena);
}

/* The id, or 0 when it was refused. */
static uint32_t submit(struct bed *b, struct job_spec spec)
{
    spec.batch = true;
    spec.name = "x";
    spec.user_name = spec.user_name ? spec.user_name : "ann";
    spec.user_id = (struct opt_u32){ true, strcmp(spec.user_name, "ann") == 0 ? 1000 : 1001 };
    spec.group_id = (struct opt_u32){ true, 1000 };
    if (!spec.mem_per_node_mb.set)
        spec.mem_per_node_mb = (struct opt_u64){ true, 100 };
    if (!spec.time_limit_min.set)
        spec.time_limit_min = (struct opt_u32){ true, 60 };
    step(b, OP_job_submit, &spec, 0);
    for (unsigned i = 0; i < b->effects.n; i++)
        if (b->effects.v[i].desc == &desc_job_submitted)
            return ((const struct job_submitted *)b->effects.v[i].body)->job_id;
    return 0;
}

static struct job_info shown(struct bed *b, uint32_t id)
{
    char text[16];
    const char *ids[] = { text };
    struct job_query q = { .jobs = { ids, 1 } };
    struct who root = { .uid = 0, .role = ROLE_ADMIN };
    struct job_infos all;

    snprintf(text, sizeof text, "%u", id);
    core_list_jobs(b->core, &q, &root, b->now, &b->arena, &all);
    assert_int_equal(all.jobs.n, 1);
    return all.jobs.v[0];
}

static bool runs(struct bed *b, uint32_t id)
{
    return core_job(b->core, id)->phase == PHASE_RUNNING;
}

static void end(struct bed *b, uint32_t id)
{
    const struct job *job = core_job(b->core, id);
    uint32_t node = job->alloc->nodes.v[0].node;
    struct step_done done = { .job_id = id, .step_id = STEP_BATCH, .end_time = b->now };
    struct job_clean clean = { .job_id = id };

    step(b, OP_step_ended, &done, node);
    if (core_job(b->core, id)->phase == PHASE_ENDING)
        step(b, OP_job_cleaned, &clean, node);
}

#define OPT(v)  \
    {           \
        true, v \
    }

static void defaults_come_from_the_book(void **state)
{
    struct bed b;

    open_bed(&b, &(struct book){ 0 });
    uint32_t id = submit(&b, (struct job_spec){ 0 });
    assert_string_equal(shown(&b, id).account, "phys");
    assert_string_equal(shown(&b, id).qos, "normal");
    assert_true(runs(&b, id));
    id = submit(&b, (struct job_spec){ .account = "BIO", .qos = "gold" });
    assert_string_equal(shown(&b, id).account, "bio");
    assert_string_equal(shown(&b, id).qos, "gold");
    close_bed(&b);
}

static void refusals_say_what_may_be_used(void **state)
{
    struct bed b;

    open_bed(&b, &(struct book){ 0 });
    assert_int_equal(submit(&b, (struct job_spec){ .user_name = "eve" }), 0);
    assert_int_equal(b.code, ESLURM_INVALID_ACCOUNT);
    assert_int_equal(submit(&b, (struct job_spec){ .user_name = "bob", .account = "bio" }), 0);
    assert_int_equal(b.code, ESLURM_INVALID_ACCOUNT);
    assert_non_null(strstr(b.hints, "may use: phys"));
    assert_int_equal(submit(&b, (struct job_spec){ .qos = "slow" }), 0);
    assert_int_equal(b.code, ESLURM_INVALID_QOS);
    assert_non_null(strstr(b.hints, "may use: normal,gold"));
    assert_int_equal(submit(&b, (struct job_spec){ .qos = "none" }), 0);
    assert_int_equal(b.code, ESLURM_INVALID_QOS);
    assert_int_equal(submit(&b, (struct job_spec){ .account = "bio", .partition = "p4" }), 0);
    assert_int_equal(b.code, ESLURM_INVALID_ACCOUNT);
    assert_int_not_equal(submit(&b, (struct job_spec){ .partition = "p4" }), 0);
    close_bed(&b);
}

/* The seed's first rule. */
static void sixteen_gpus_for_a_team(void **state)
{
    struct bed b;
    uint32_t ids[17];

    open_bed(&b, &(struct book){ .gold = { .grp_tres = "gres/gpu=16" } });
    for (unsigned i = 0; i < 17; i++)
        ids[i] = submit(&b, (struct job_spec){ .qos = "gold", .tres_per_node = "gpu:1" });
    for (unsigned i = 0; i < 16; i++)
        assert_true(runs(&b, ids[i]));
    assert_false(runs(&b, ids[16]));
    assert_string_equal(shown(&b, ids[16]).reason, "QOSGrpGRES");
    assert_non_null(strstr(shown(&b, ids[0]).tres, "gres/gpu=1"));
    end(&b, ids[3]);
    assert_true(runs(&b, ids[16]));
    close_bed(&b);
}

/* The second: refused with DenyOnLimit, waiting otherwise. */
static void a_day_for_each_job(void **state)
{
    struct job_spec two_days = { .time_limit_min = OPT(2000) };
    struct bed b;

    open_bed(&b, &(struct book){ .normal = { .max_wall_min = OPT(1440) } });
    uint32_t id = submit(&b, two_days);
    assert_string_equal(shown(&b, id).reason, "QOSMaxWallDurationPerJobLimit");
    tell(&b,
         &(struct book){ .normal = { .max_wall_min = OPT(1440) }, .normal_flags = "DenyOnLimit" });
    assert_int_equal(submit(&b, two_days), 0);
    assert_int_equal(b.code, ESLURM_ACCOUNTING_POLICY);
    assert_non_null(strstr(b.hints, "asked 2000"));
    tell(&b, &(struct book){ .normal = { .max_wall_min = OPT(2000) } });
    assert_true(runs(&b, id));
    close_bed(&b);
}

/* Each row of the table: with this limit the second of two equal jobs (or the first) waits for this
 * reason. */
static void every_limit_has_its_reason(void **state)
{
    static const struct {
        struct book book;
        bool is_first; /* even the first waits */
        const char *reason;
    } cases[] = {
        { { .gold = { .grp_jobs = OPT(1) } }, false, "QOSGrpJobsLimit" },
        { { .phys = { .grp_jobs = OPT(1) } }, false, "AssocGrpJobsLimit" },
        { { .root = { .grp_jobs = OPT(1) } }, false, "AssocGrpJobsLimit" },
        { { .gold = { .max_jobs = OPT(1) } }, false, "QOSMaxJobsPerUserLimit" },
        { { .phys_ann = { .max_jobs = OPT(1) } }, false, "AssocMaxJobsLimit" },
        { { .phys = { .max_jobs = OPT(1) } }, false, "AssocMaxJobsLimit" },
        { { .gold = { .max_jobs_account = OPT(1) } }, false, "MaxJobsPerAccount" },
        { { .gold = { .grp_tres = "cpu=3" } }, false, "QOSGrpCpuLimit" },
        { { .gold = { .grp_tres = "mem=150" } }, false, "QOSGrpMemLimit" },
        { { .gold = { .grp_tres = "node=1" } }, false, "QOSGrpNodeLimit" },
        { { .gold = { .grp_tres = "billing=2" } }, false, "QOSGrpBilling" },
        { { .phys = { .grp_tres = "cpu=3" } }, false, "AssocGrpCpuLimit" },
        { { .phys = { .grp_tres = "mem=150" } }, false, "AssocGrpMemLimit" },
        { { .phys = { .grp_tres = "gres/gpu=1" } }, false, "AssocGrpGRES" },
        { { .gold = { .max_tres_user = "cpu=3" } }, false, "QOSMaxCpuPerUserLimit" },
        { { .gold = { .max_tres_user = "gres/gpu=1" } }, false, "QOSMaxGRESPerUser" },
        { { .gold = { .max_tres_user = "node=1" } }, false, "QOSMaxNodePerUserLimit" },
        { { .gold = { .max_tres_account = "cpu=3" } }, false, "MaxCpuPerAccount" },
        { { .gold = { .max_tres = "cpu=1" } }, true, "QOSMaxCpuPerJobLimit" },
        { { .gold = { .max_tres = "mem=99" } }, true, "QOSMaxMemoryPerJob" },
        { { .phys = { .max_tres = "cpu=1" } }, true, "AssocMaxCpuPerJobLimit" },
        { { .gold = { .max_tres_node = "cpu=1" } }, true, "QOSMaxCpuPerNode" },
        { { .gold = { .max_tres_mins = "cpu=119" } }, true, "QOSMaxCpuMinutesPerJobLimit" },
        { { .phys = { .max_tres_mins = "cpu=119" } }, true, "AssocMaxCpuMinutesPerJobLimit" },
        { { .gold = { .max_wall_min = OPT(59) } }, true, "QOSMaxWallDurationPerJobLimit" },
        { { .phys = { .max_wall_min = OPT(59) } }, true, "AssocMaxWallDurationPerJobLimit" },
        { { .gold = { .min_tres = "cpu=3" } }, true, "QOSMinCpuNotSatisfied" },
        { { .gold = { .min_tres = "gres/gpu=2" } }, true, "QOSMinGRES" },
        { { .gold = { .grp_tres_run_mins = "cpu=200" } }, false, "QOSGrpCPURunMinutesLimit" },
        { { .phys = { .grp_tres_run_mins = "cpu=200" } }, false, "AssocGrpCPURunMinutesLimit" },
        { { .gold = { .grp_tres_mins = "cpu=0" } }, true, "QOSGrpCPUMinutesLimit" },
        { { .gold = { .grp_wall_min = OPT(0) } }, true, "QOSGrpWallLimit" },
        { { .phys = { .grp_wall_min = OPT(0) } }, true, "AssocGrpWallLimit" },
    };
    struct job_spec spec = {
        .qos = "gold", .tres_per_node = "gpu:1", .ntasks = OPT(2), .mem_per_node_mb = OPT(100)
    };

    for (unsigned i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct bed b;
        open_bed(&b, &cases[i].book);
        uint32_t one = submit(&b, spec), two = submit(&b, spec);
        if (runs(&b, one) == cases[i].is_first || runs(&b, two) ||
            strcmp(shown(&b, two).reason, cases[i].reason) != 0)
            fail_msg("%s: the first %s, the second waits for %s", cases[i].reason,
                     runs(&b, one) ? "runs" : "waits", shown(&b, two).reason);
        if (!cases[i].is_first)
            end(&b, one);
        if (!cases[i].is_first && !runs(&b, two))
            fail_msg("%s: it waits on although the limit is free", cases[i].reason);
        close_bed(&b);
    }
}

static void too_many_are_refused(void **state)
{
    struct bed b;

    open_bed(&b,
             &(struct book){ .phys = { .grp_submit = OPT(3) }, .gold = { .max_submit = OPT(1) } });
    assert_int_not_equal(submit(&b, (struct job_spec){ .qos = "gold" }), 0);
    assert_int_equal(submit(&b, (struct job_spec){ .qos = "gold" }), 0);
    assert_int_equal(b.code, ESLURM_ACCOUNTING_POLICY);
    assert_int_equal(submit(&b, (struct job_spec){ .array = "0-2" }), 0);
    assert_int_not_equal(submit(&b, (struct job_spec){ .array = "0-1" }), 0);
    assert_int_equal(submit(&b, (struct job_spec){ .user_name = "bob" }), 0);
    close_bed(&b);
}

/* Partition QOS before job QOS before association; OverPartQOS turns the first two round. */
static void the_first_that_sets_a_limit_wins(void **state)
{
    struct book book = { .slow = { .grp_jobs = OPT(2) },
                         .gold = { .grp_jobs = OPT(1) },
                         .phys = { .grp_jobs = OPT(0) } };
    struct job_spec spec = { .qos = "gold" };
    struct bed b = { .core = core_new(), .now = START };

    configure(&b, (struct core_conf){ 0 }, "slow");
    tell(&b, &book);
    hello(&b);
    assert_true(runs(&b, submit(&b, spec)));
    assert_true(runs(&b, submit(&b, spec)));
    uint32_t third = submit(&b, spec);
    assert_string_equal(shown(&b, third).reason, "QOSGrpJobsLimit");
    close_bed(&b);

    b = (struct bed){ .core = core_new(), .now = START };
    book.gold_flags = "OverPartQOS";
    configure(&b, (struct core_conf){ 0 }, "slow");
    tell(&b, &book);
    hello(&b);
    assert_true(runs(&b, submit(&b, spec)));
    assert_false(runs(&b, submit(&b, spec)));
    close_bed(&b);
}

static void limit_factor_widens_an_association(void **state)
{
    struct bed b;

    open_bed(&b, &(struct book){ .phys = { .grp_tres = "cpu=2" }, .limit_factor = 1.5 });
    for (unsigned i = 0; i < 3; i++)
        assert_true(runs(&b, submit(&b, (struct job_spec){ 0 })));
    assert_false(runs(&b, submit(&b, (struct job_spec){ 0 })));
    close_bed(&b);
}

static void copy_fact(void *ctx, const struct fact *f)
{
    struct err e = { 0 };

    if (core_apply(ctx, f, NULL, &e) < 0)
        fail_msg("%s", e.text);
}

/* A restart without slurmdbd: the snapshot has the book, and counts the same. */
static void the_book_survives(void **state)
{
    struct core *again = core_new();
    struct err e = { 0 };
    struct bed b;

    open_bed(&b, &(struct book){ .gold = { .grp_jobs = OPT(1) } });
    submit(&b, (struct job_spec){ .qos = "gold" });
    uint32_t waits = submit(&b, (struct job_spec){ .qos = "gold" });
    core_dump(b.core, copy_fact, again);
    assert_true(core_hash(again) == core_hash(b.core));
    assert_int_equal(core_check(again, &e), 0);
    core_free(b.core);
    b.core = again;
    step(&b, INPUT_TICK, NULL, 0);
    assert_string_equal(shown(&b, waits).reason, "QOSGrpJobsLimit");
    close_bed(&b);
}

/* A change by rows: a limit, a new user, one who is gone. */
static void changes_by_rows(void **state)
{
    struct rule_limits two = { .grp_jobs = OPT(2) };
    struct rule_qos gold = { .id = 2, .name = "gold", .usage_factor = 1, .limits = &two };
    struct rule_assoc rows[] = {
        { .id = 9, .account = "bio", .user = "eve", .parent = 4, .shares = 1 },
        { .id = 6, .is_deleted = true },
    };
    struct rule_user eve = { .name = "eve", .def_account = "bio" };
    struct rules change = { .version = 1000 };
    struct bed b;

    open_bed(&b, &(struct book){ .gold = { .grp_jobs = OPT(1) } });
    submit(&b, (struct job_spec){ .qos = "gold" });
    uint32_t waits = submit(&b, (struct job_spec){ .qos = "gold" });
    uint32_t bobs = submit(&b, (struct job_spec){ .user_name = "bob", .hold = true });
    change.qos.v = &gold;
    change.qos.n = 1;
    step(&b, OP_rules_push, &change, 0);
    assert_true(runs(&b, waits));
    change = (struct rules){ .version = 1001 };
    change.assocs.v = rows;
    change.assocs.n = 2;
    change.users.v = &eve;
    change.users.n = 1;
    step(&b, OP_rules_push, &change, 0);
    assert_int_equal(core_rules_version(b.core), 1001);
    assert_string_equal(shown(&b, submit(&b, (struct job_spec){ .user_name = "eve" })).account,
                        "bio");
    assert_int_equal(submit(&b, (struct job_spec){ .user_name = "bob" }), 0);
    char text[16];
    const char *name[] = { text };
    snprintf(text, sizeof text, "%u", bobs);
    struct job_op op = { .jobs = { name, 1 } };
    step(&b, OP_job_release, &op, 0);
    assert_string_equal(shown(&b, bobs).reason, "InvalidAccount");
    close_bed(&b);
}

/* An update is no way round the rules. */
static void an_update_is_checked_too(void **state)
{
    struct bed b;
    char text[16];
    const char *name[] = { text };
    struct key_value set = { "QOS", "slow", "" };
    struct job_update up = { .jobs = { name, 1 } };

    open_bed(&b, &(struct book){ 0 });
    uint32_t id = submit(&b, (struct job_spec){ .hold = true });
    snprintf(text, sizeof text, "%u", id);
    up.set.v = &set;
    up.set.n = 1;
    step(&b, OP_job_modify, &up, 0);
    assert_string_equal(shown(&b, id).qos, "normal");
    set.value = "gold";
    step(&b, OP_job_modify, &up, 0);
    assert_string_equal(shown(&b, id).qos, "gold");
    set = (struct key_value){ "Account", "nobody", "" };
    step(&b, OP_job_modify, &up, 0);
    assert_string_equal(shown(&b, id).account, "phys");
    close_bed(&b);
}

/* A hundred jobs at a limit of one: each end starts exactly the next. */
static void those_who_wait_go_in_order(void **state)
{
    struct bed b;
    uint32_t ids[100];

    open_bed(&b, &(struct book){ .gold = { .max_jobs = OPT(1) } });
    for (unsigned i = 0; i < 100; i++)
        ids[i] = submit(&b, (struct job_spec){ .qos = "gold" });
    for (unsigned i = 0; i + 1 < 100; i++) {
        assert_true(runs(&b, ids[i]));
        assert_false(runs(&b, ids[i + 1]));
        end(&b, ids[i]);
    }
    assert_true(runs(&b, ids[99]));
    close_bed(&b);
}

/* A small job passes a large one that waits for more room. */
static void what_fits_goes(void **state)
{
    struct bed b;

    open_bed(&b, &(struct book){ .gold = { .grp_tres = "cpu=8" } });
    uint32_t four = submit(&b, (struct job_spec){ .qos = "gold", .ntasks = OPT(4) });
    submit(&b, (struct job_spec){ .qos = "gold", .ntasks = OPT(4) });
    uint32_t eight = submit(&b, (struct job_spec){ .qos = "gold", .ntasks = OPT(8) });
    uint32_t two = submit(&b, (struct job_spec){ .qos = "gold", .ntasks = OPT(2) });
    assert_false(runs(&b, eight));
    assert_false(runs(&b, two));
    end(&b, four);
    assert_false(runs(&b, eight));
    assert_true(runs(&b, two));
    close_bed(&b);
}

static struct share_info share(struct bed *b, const char *account, const char *user)
{
    struct share_infos all;

    core_list_shares(b->core, &b->arena, &all);
    for (uint32_t i = 0; i < all.shares.n; i++)
        if (strcmp(all.shares.v[i].account, account) == 0 &&
            strcmp(all.shares.v[i].user, user) == 0)
            return all.shares.v[i];
    fail_msg("no share of %s in %s", user, account);
    return (struct share_info){ 0 };
}

static void open_multifactor(struct bed *b, const struct book *book)
{
    *b = (struct bed){ .core = core_new(), .now = START };
    configure(b,
              (struct core_conf){ .priority_type = "multifactor",
                                  .prio_weight_fairshare = 1000,
                                  .prio_weight_qos = 500,
                                  .prio_period_s = 60 },
              "");
    tell(b, book);
    hello(b);
}

/* Two CPUs for ten minutes are twenty CPU minutes, for the user and all accounts above; then the
 * budget is gone, and who used nothing ranks first. */
static void what_was_used_counts(void **state)
{
    struct bed b;

    open_multifactor(&b, &(struct book){ .phys = { .grp_tres_mins = "cpu=20" } });
    uint32_t id = submit(&b, (struct job_spec){ .ntasks = OPT(2) });
    assert_true(share(&b, "phys", "").norm_shares > 0.7); /* 30 of 41 */
    for (unsigned i = 0; i < 10; i++) {
        b.now += 60;
        do
            step(&b, INPUT_TICK, NULL, 0);
        while (core_next_timer(b.core) <= b.now);
    }
    end(&b, id);
    assert_int_equal((int64_t)share(&b, "phys", "ann").usage, 1200);
    assert_int_equal((int64_t)share(&b, "root", "").usage, 1200);
    assert_int_equal((int64_t)share(&b, "phys", "bob").usage, 0);
    assert_string_equal(shown(&b, submit(&b, (struct job_spec){ 0 })).reason,
                        "AssocGrpCPUMinutesLimit");
    assert_true(share(&b, "bio", "ann").factor > share(&b, "phys", "bob").factor);
    assert_true(share(&b, "phys", "bob").factor > share(&b, "phys", "ann").factor);

    struct core *again = core_new();
    core_dump(b.core, copy_fact, again);
    assert_true(core_hash(again) == core_hash(b.core));
    core_free(again);
    close_bed(&b);
}

/* With `safe` a job starts only when the budget lasts to its end. */
static void safe_looks_ahead(void **state)
{
    struct book book = { .phys = { .grp_tres_mins = "cpu=100" } };
    struct bed b = { .core = core_new(), .now = START };

    configure(&b, (struct core_conf){ .acct_enforce = "safe" }, "");
    tell(&b, &book);
    hello(&b);
    assert_true(runs(&b, submit(&b, (struct job_spec){ .time_limit_min = OPT(60) })));
    uint32_t waits = submit(&b, (struct job_spec){ .time_limit_min = OPT(60) });
    assert_string_equal(shown(&b, waits).reason, "AssocGrpCPUMinutesLimit");
    assert_true(runs(&b, submit(&b, (struct job_spec){ .time_limit_min = OPT(40) })));
    close_bed(&b);
}

static void qos_gives_priority(void **state)
{
    struct bed b;

    open_multifactor(&b, &(struct book){ 0 });
    uint32_t low = submit(&b, (struct job_spec){ .begin_time = OPT(START + 100) });
    uint32_t high = submit(&b, (struct job_spec){ .qos = "gold", .begin_time = OPT(START + 100) });
    assert_int_equal(shown(&b, low).priority, 1000);
    assert_int_equal(shown(&b, high).priority, 1500);
    close_bed(&b);
}

/* A job without a limit of its own gets what its QOS allows. */
static void the_rules_limit_those_who_name_none(void **state)
{
    struct job_spec spec = {
        .batch = true, .name = "x", .user_name = "ann", .user_id = OPT(1000), .group_id = OPT(1000)
    };
    struct bed b;

    open_bed(
        &b, &(struct book){ .normal = { .max_wall_min = OPT(30) }, .normal_flags = "DenyOnLimit" });
    step(&b, OP_job_submit, &spec, 0);
    assert_int_equal(b.code, 0);
    assert_int_equal(shown(&b, 1).time_limit_min, 30);
    close_bed(&b);
}

static void enforcement_is_read(void **state)
{
    assert_int_equal(enforce_parse("none"), 0);
    assert_int_equal(enforce_parse("limits"), ENFORCE_LIMITS | ENFORCE_ASSOCS);
    assert_int_equal(enforce_parse("safe,qos"),
                     ENFORCE_SAFE | ENFORCE_LIMITS | ENFORCE_ASSOCS | ENFORCE_QOS);
    assert_int_equal(enforce_parse("all") & (ENFORCE_NOJOBS | ENFORCE_NOSTEPS), 0);
}

static void amounts_as_text(void **state)
{
    struct tres_table t = { 0 };
    struct amounts a, sum = { 0 };
    struct arena arena = { 0 };
    uint32_t mask;
    struct err e = { 0 };

    tres_table_set(&t, "cpu,mem,gres/gpu,gres/gpu:a100,license/matlab");
    assert_int_equal(t.n, 11);
    assert_int_equal(tres_id(0), 1);
    assert_int_equal(tres_id(8), 1001);
    assert_int_equal(tres_parse(&t, "cpu=10,mem=4G,gres/gpu=2,gres/none=3", &a, &mask, &e), 0);
    assert_string_equal(tres_text(&t, &a, 0, &arena), "cpu=10,mem=4G,gres/gpu=2");
    assert_int_equal(tres_parse(&t, "mem=4000", &a, &mask, &e), 0);
    assert_string_equal(tres_text(&t, &a, 0, &arena), "mem=4000M");
    assert_int_equal(tres_parse(&t, "cpu=0", &a, &mask, &e), 0);
    assert_string_equal(tres_text(&t, &a, mask, &arena), "cpu=0");
    assert_true(tres_parse(&t, "cpu", &a, &mask, &e) < 0);
    assert_true(tres_parse(&t, "cpu=x", &a, &mask, &e) < 0);
    tres_add_gres(&t, "gpu", "a100", 6, &sum);
    tres_add_gres(&t, "gpu", "", 4, &sum);
    tres_add_licenses(&t, "matlab:2,abaqus", &sum);
    assert_string_equal(tres_text(&t, &sum, 0, &arena),
                        "gres/gpu=10,gres/gpu:a100=6,license/matlab=2");
    tres_table_fini(&t);
    arena_fini(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(amounts_as_text),
        cmocka_unit_test(enforcement_is_read),
        cmocka_unit_test(defaults_come_from_the_book),
        cmocka_unit_test(refusals_say_what_may_be_used),
        cmocka_unit_test(sixteen_gpus_for_a_team),
        cmocka_unit_test(a_day_for_each_job),
        cmocka_unit_test(every_limit_has_its_reason),
        cmocka_unit_test(too_many_are_refused),
        cmocka_unit_test(the_first_that_sets_a_limit_wins),
        cmocka_unit_test(limit_factor_widens_an_association),
        cmocka_unit_test(the_book_survives),
        cmocka_unit_test(changes_by_rows),
        cmocka_unit_test(an_update_is_checked_too),
        cmocka_unit_test(those_who_wait_go_in_order),
        cmocka_unit_test(what_fits_goes),
        cmocka_unit_test(what_was_used_counts),
        cmocka_unit_test(safe_looks_ahead),
        cmocka_unit_test(qos_gives_priority),
        cmocka_unit_test(the_rules_limit_those_who_name_none),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
