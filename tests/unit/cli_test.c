/* Jobs and nodes as squeue, sinfo and scontrol show them.  Expected texts were printed by
 * Debian's 22.05.8 for the same jobs. */
#include "test.h"

#include "cli/job_filter.h"
#include "cli/job_print.h"
#include "cli/node_state.h"
#include "cli/order.h"
#include "cli/sinfo_group.h"
#include "schema/errors.h"
#include "schema/states.h"
#include "wire/wire.h"

#include <string.h>

#define NOW 1795415200

static struct arena arena;
static const struct text_env env = { .now = NOW };

/* A job as it comes from the wire: no string is NULL. */
static struct job_info *job_new(uint32_t id, uint32_t job_state)
{
    struct job_info *job;
    struct job_spec *spec;

    assert_int_equal(wire_unpack_new(&desc_job_info, "", 0, &arena, (void **)&job, NULL), 0);
    assert_int_equal(wire_unpack_new(&desc_job_spec, "", 0, &arena, (void **)&spec, NULL), 0);
    job->job_id = id;
    job->state = job_state;
    job->name = "short1";
    job->partition = "debug";
    job->user_name = "root";
    job->num_nodes = 1;
    job->time_limit_min = 10;
    job->spec = spec;
    if (job_state != STATE_PENDING) {
        job->start_time = NOW - 61;
        job->nodes = "n1";
    }
    return job;
}

static struct job_info *array_rest(void)
{
    struct job_info *job = job_new(2, STATE_PENDING);

    job->array_job_id = 2;
    job->array_tasks = "2-9%2";
    job->reason = "JobArrayTaskLimit";
    return job;
}

static void expect_row(const char *letters, const struct job_info *job, const char *want)
{
    struct text_format f;
    struct buf out = { 0 };

    text_letters(&job_columns, letters, &arena, &f);
    text_row(&f, job, &env, &out);
    assert_string_equal(buf_str(&out), want);
    buf_fini(&out);
}

static void squeue_lines(void **state)
{
    struct job_info *ended = job_new(4, STATE_FAILED);

    expect_row("%.18i %.9P %.8j %.8u %.2t %.10M %.6D %R", array_rest(),
               "         2_[2-9%2]     debug   short1     root PD       0:00      1 "
               "(JobArrayTaskLimit)\n");
    expect_row(
        "%.18i %.9P %.8j %.8u %.8T %.10M %.9l %.6D %R", job_new(1, STATE_RUNNING),
        "                 1     debug   short1     root  RUNNING       1:01     10:00      1 n1\n");
    ended->reason = "NonZeroExitCode";
    expect_row("%t %R %F %K %L", ended, "F (NonZeroExitCode) 4 N/A 10:00\n");
    expect_row("%i|%K|%F", array_rest(), "2_[2-9%2]|2-9%2|2\n");
}

/* Debian's squeue -l does not cut the limit, though its heading is cut. */
static void times_on_the_right_are_not_cut(void **state)
{
    struct job_info *job = job_new(1, STATE_PENDING);

    job->time_limit_min = 1560;
    expect_row("%.9l|%4l|", job, "1-02:00:00|1-02|\n");
}

static void only_a_longer_reason_of_the_same_name_is_shown(void **state)
{
    struct job_info *job = job_new(7, STATE_PENDING);

    job->reason = "ReqNodeNotAvail";
    job->reason_text = "ReqNodeNotAvail, UnavailableNodes:m2";
    expect_row("%R", job, "(ReqNodeNotAvail, UnavailableNodes:m2)\n");
    job->reason_text = "wants m2, which is down since noon";
    expect_row("%r", job, "ReqNodeNotAvail\n");
}

static void times_of_suspended_and_unlimited_jobs(void **state)
{
    struct job_info *job = job_new(1, STATE_SUSPENDED);

    job->suspend_time = NOW - 30;
    job->pre_suspend_s = 469;
    expect_row("%M %L", job, "7:49 2:11\n");
    job->state = STATE_RUNNING; /* resumed at suspend_time */
    expect_row("%M", job, "8:19\n");
    job->time_limit_min = UINT32_MAX;
    expect_row("%l %L %e", job, "UNLIMITED UNLIMITED NONE\n");
}

/* Does the record hold this text? */
static void expect_in_record(const struct job_info *job, const char *part)
{
    struct buf out = { 0 };

    text_record(&job_record, job, &env, &out);
    assert_non_null(strstr(buf_str(&out), part));
    buf_fini(&out);
}

static void job_records(void **state)
{
    struct job_info *job = array_rest();

    job->array_max_tasks = 2;
    job->spec->work_dir = "/w";
    job->batch = true;
    job->array_task_id = (struct opt_u32){ true, 7 };
    expect_in_record(job, "JobId=2 ArrayJobId=2 ArrayTaskId=7 ArrayTaskThrottle=2 JobName=short1\n "
                          "  UserId=root(0) ");
    expect_in_record(job, "\n   JobState=PENDING Reason=JobArrayTaskLimit Dependency=(null)\n");
    expect_in_record(
        job, "\n   NodeList=\n   NumNodes=1 NumCPUs=0 NumTasks=0 CPUs/Task=1 ReqB:S:C:T=0:0:*:*\n");
    expect_in_record(
        job,
        "\n   StdErr=/w/slurm-2_7.out\n   StdIn=/dev/null\n   StdOut=/w/slurm-2_7.out\n   Power=");
    job->spec->std_out = "/o/%x-%3j.%a";
    job->min_mem_per_cpu_mb = (struct opt_u64){ true, 1024 };
    job->comment = "hi there";
    expect_in_record(job, "StdOut=/o/short1-002.7\n");
    expect_in_record(job, "MinMemoryCPU=1G ");
    expect_in_record(job, "\n   Comment=hi there \n   StdErr=");
}

static void ids_name_jobs_and_tasks(void **state)
{
    const struct job_info *rest = array_rest();

    assert_true(job_id_names("2", rest));
    assert_true(job_id_names("2_5", rest));
    assert_true(job_id_names("2_[0,9]", rest));
    assert_false(job_id_names("2_1", rest));
    assert_false(job_id_names("2_99", rest));
    assert_false(job_id_names("3", rest));
}

static void array_records_come_apart(void **state)
{
    const char *wanted = "2_[5,8]";
    struct strs every = { 0 }, some = { &wanted, 1 };
    struct job_infos all = { 0 }, two = { 0 }, whole = { 0 };

    job_expand(array_rest(), &every, &arena, &all);
    job_expand(array_rest(), &some, &arena, &two);
    job_expand(array_rest(), NULL, &arena, &whole);
    assert_int_equal(all.jobs.n, 8);
    assert_int_equal(two.jobs.n, 2);
    assert_int_equal(two.jobs.v[1].array_task_id.v, 8);
    assert_int_equal(whole.jobs.n, 1);
    expect_row("%i %K", &two.jobs.v[0], "2_5 5\n");
}

static void filters(void **state)
{
    const char *completed = "CD", *all = "all", *alice = "alice", *zero = "0", *hid = "debug";
    struct job_info *job = job_new(1, STATE_COMPLETED);

    assert_false(job_wanted(&(struct job_filter){ 0 }, job, &arena));
    assert_true(job_wanted(&(struct job_filter){ .states = { &completed, 1 } }, job, &arena));
    assert_true(job_wanted(&(struct job_filter){ .states = { &all, 1 } }, job, &arena));
    job->state_flags = STATE_FLAG_COMPLETING;
    assert_true(job_wanted(&(struct job_filter){ 0 }, job, &arena));
    assert_false(job_wanted(&(struct job_filter){ .users = { &alice, 1 } }, job, &arena));
    assert_true(job_wanted(&(struct job_filter){ .users = { &zero, 1 } }, job, &arena));
    assert_false(job_wanted(&(struct job_filter){ .hidden = { &hid, 1 } }, job, &arena));
    assert_true(job_wanted(&(struct job_filter){ .hidden = { &hid, 1 }, .partitions = { &hid, 1 } },
                           job, &arena));
}

static void rows_are_ordered_stably(void **state)
{
    struct job_info *a = job_new(1, STATE_RUNNING), *b = job_new(2, STATE_PENDING);
    struct job_info *c = job_new(3, STATE_PENDING);
    const void *rows[] = { a, b, c };
    struct err e = { 0 };

    c->priority = 9;
    assert_int_equal(order_rows(&job_columns, "P,t,-p", rows, 3, &e), 0);
    assert_ptr_equal(rows[0], c);
    assert_ptr_equal(rows[1], b);
    assert_ptr_equal(rows[2], a);
    assert_true(order_rows(&job_columns, "P,?", rows, 3, &e) < 0);
    assert_string_equal(e.text, "Invalid sort specification: ?");
}

/* ---- nodes */

static struct node_info *node_new(const char *name, const char *base, const char *flag)
{
    struct node_info *node;
    const char **flags = arena_calloc(&arena, 1, sizeof *flags);

    assert_int_equal(wire_unpack_new(&desc_node_info, "", 0, &arena, (void **)&node, NULL), 0);
    flags[0] = flag;
    node->name = name;
    node->base = base;
    node->flags = (struct strs){ flags, flag ? 1 : 0 };
    node->cpus = 4;
    node->real_memory_mb = 4000;
    return node;
}

static void node_states(void **state)
{
    static const struct {
        const char *base, *flag, *brief, *text;
    } cases[] = {
        { "IDLE", NULL, "idle", "idle" },
        { "UNKNOWN", "NOT_RESPONDING", "unk*", "unknown*" },
        { "MIXED", NULL, "mix", "mixed" },
        { "MIXED", "DRAIN", "drng", "draining" },
        { "IDLE", "DRAIN", "drain", "drained" },
        { "ALLOCATED", NULL, "alloc", "allocated" },
        { "DOWN", "NOT_RESPONDING", "down*", "down*" },
        { "IDLE", "POWERED_DOWN", "idle~", "idle~" },
        { "IDLE", "COMPLETING", "comp", "completing" },
        { "IDLE", "PLANNED", "plnd", "planned" },
        { "IDLE", "MAINTENANCE", "maint$", "maint$" },
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const struct node_info *node = node_new("n1", cases[i].base, cases[i].flag);
        struct buf out = { 0 };

        node_state_put(node, true, &out);
        buf_putc(&out, ' ');
        node_state_put(node, false, &out);
        assert_memory_equal(buf_str(&out), cases[i].brief, strlen(cases[i].brief));
        assert_string_equal(buf_str(&out) + strlen(cases[i].brief) + 1, cases[i].text);
        buf_fini(&out);
    }
    assert_true(node_state_is(node_new("n1", "MIXED", "DRAIN"), "drain"));
    assert_false(node_state_is(node_new("n1", "MIXED", "DRAIN"), "drained"));
    assert_true(node_state_is(node_new("n1", "MIXED", "DRAIN"), "DRNG"));
    assert_false(node_state_known("foo"));
}

static void expect_groups(const char *letters, bool exact, const char *want)
{
    struct part_info *part;
    struct text_format f;
    struct sinfo_wish wish = { &f, &env, exact, false };
    struct sinfo_groups groups = { 0 };
    struct buf out = { 0 };
    struct node_info *nodes[] = { node_new("n1", "MIXED", NULL), node_new("n2", "MIXED", NULL),
                                  node_new("n10", "IDLE", NULL), node_new("n3", "IDLE", "DRAIN") };

    assert_int_equal(wire_unpack_new(&desc_part_info, "", 0, &arena, (void **)&part, NULL), 0);
    part->name = "debug";
    part->is_default = true;
    part->max_time_min = UINT32_MAX;
    nodes[0]->alloc_cpus = 2;
    nodes[1]->alloc_cpus = 1;
    nodes[2]->cpus = 8;
    text_letters(&sinfo_columns, letters, &arena, &f);
    for (size_t i = 0; i < 8; i++) { /* twice, as in two partitions that look alike */
        struct sinfo_group one;

        sinfo_group_init(&one, part, nodes[i % 4], &arena);
        sinfo_group_add(&groups, &wish, &one, &arena);
    }
    for (uint32_t i = 0; i < groups.n; i++)
        text_row(&f, &groups.v[i], &env, &out);
    assert_string_equal(buf_str(&out), want);
    sinfo_groups_fini(&groups);
    buf_fini(&out);
}

static void nodes_that_look_alike_share_a_line(void **state)
{
    expect_groups("%9P %.5a %.10l %.6D %.6t %N", false,
                  "debug*       up   infinite      2    mix n[1-2]\n"
                  "debug*       up   infinite      1   idle n10\n"
                  "debug*       up   infinite      1  drain n3\n");
    expect_groups("%P %F %C %N", false, "debug* 2/1/1/4 3/13/4/20 n[1-3,10]\n");
    expect_groups("%c %m", false, "4+ 4000\n");
    expect_groups("%c %D", true, "4 3\n8 1\n");
    expect_groups("%O %e", false, "N/A N/A\n");
}

static void errors_have_slurms_numbers(void **state)
{
    assert_int_equal(ESLURM_INVALID_JOB_ID, 2017);
    assert_string_equal(errors_text(-2017), "Invalid job id specified");
    assert_string_equal(errors_text(2000), "Invalid partition name specified");
    assert_string_equal(errors_text(123456), "Unknown error 123456");
    assert_string_equal(errors_name(2002), "ESLURM_ACCESS_DENIED");
    assert_int_equal(errors_http(2017), 404);
    assert_int_equal(errors_http(123456), 500);
}

static int teardown(void **state)
{
    arena_fini(&arena);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(squeue_lines),
        T(times_on_the_right_are_not_cut),
        T(only_a_longer_reason_of_the_same_name_is_shown),
        T(times_of_suspended_and_unlimited_jobs),
        T(job_records),
        T(ids_name_jobs_and_tasks),
        T(array_records_come_apart),
        T(filters),
        T(rows_are_ordered_stably),
        T(node_states),
        T(nodes_that_look_alike_share_a_line),
        T(errors_have_slurms_numbers),
    };

    return cmocka_run_group_tests(tests, NULL, teardown);
}
