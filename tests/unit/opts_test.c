/* Options of sbatch, salloc and srun: sources and their order, values, scripts, environment, help.
 */
#include "base/buf.h"
#include "base/cleanup.h"
#include "cli/opts.h"
#include "cli/script.h"
#include "cli/submit.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define NOW 1700000000

struct box {
    struct arena arena;
    struct opts o;
    struct err e;
    int rest;
};

static void box_init(struct box *b, enum opts_tool tool)
{
    *b = (struct box){ 0 };
    opts_init(&b->o, tool, NOW, &b->arena);
}

/* A command line in one string, cut at blanks. */
static int words(struct box *b, enum opts_source source, const char *line)
{
    char *argv[64] = { (char *)b->o.name }, *save = NULL;
    int argc = 1;

    for (char *w = strtok_r(arena_strdup(&b->arena, line), " ", &save); w;
         w = strtok_r(NULL, " ", &save))
        argv[argc++] = w;
    argv[argc] = NULL;
    return opts_words(&b->o, source, argc, argv, &b->rest, &b->e);
}

static int directives(struct box *b, const char *text)
{
    const struct script s = { { (const uint8_t *)text, (uint32_t)strlen(text) }, "x", "" };

    return script_directives(&s, &b->o, &b->e);
}

static void values_fill_the_request(void **state)
{
    struct box b;

    box_init(&b, BATCH);
    assert_int_equal(
        words(&b, OPTS_COMMAND,
              "-J name -N2-4 -n 8 -c2 -t 1-2:30 --mem=4G --tmp 1T -p a,b --signal=RB:SIGUSR1@120 "
              "-B 2:*:1 --nice -H"
              " --gres=gpu:a100:1 --gpus-per-node=2 --gpus=4 --begin=now+1hour --open-mode=a "
              "--exclusive --time-m 5"
              " --no-requeue --mail-type=end,nonsense,FAIL --switches=2@10:00 script -n 3"),
        0);
    const struct job_spec *j = &b.o.job;
    assert_string_equal(j->name, "name");
    assert_int_equal(j->min_nodes.v, 2);
    assert_int_equal(j->max_nodes.v, 4);
    assert_int_equal(j->ntasks.v, 8);
    assert_int_equal(j->cpus_per_task.v, 2);
    assert_int_equal(j->time_limit_min.v, 26 * 60 + 30);
    assert_int_equal(j->time_min_min.v, 5);
    assert_int_equal(j->mem_per_node_mb.v, 4096);
    assert_int_equal(j->tmp_disk_mb.v, 1048576);
    assert_string_equal(j->partition, "a,b");
    assert_int_equal(j->signal_num.v, 10);
    assert_int_equal(j->signal_before_s.v, 120);
    assert_string_equal(j->signal_flags, "RB");
    assert_int_equal(j->sockets_per_node.v, 2);
    assert_false(j->cores_per_socket.set);
    assert_int_equal(j->threads_per_core.v, 1);
    assert_int_equal(j->nice.v, 100);
    assert_true(j->hold);
    assert_string_equal(j->tres_per_node, "gres:gpu:a100:1,gres:gpu:2");
    assert_string_equal(j->tres_per_job, "gres:gpu:4");
    assert_int_equal(j->begin_time.v, NOW + 3600);
    assert_string_equal(j->open_mode, "append");
    assert_string_equal(j->exclusive, "exclusive");
    assert_true(j->requeue.set && !j->requeue.v);
    assert_string_equal(j->mail_type, "end,FAIL");
    assert_int_equal(j->switches.v, 2);
    assert_int_equal(j->switches_wait_s.v, 600);
    assert_string_equal(j->account, "");
    arena_fini(&b.arena);
}

/* default < #SBATCH < environment < command line, whatever order somebody thinks of. */
static void the_command_line_beats_the_environment_beats_the_script(void **state)
{
    struct box b;

    box_init(&b, BATCH);
    setenv("SBATCH_PARTITION", "from_env", 1);
    setenv("SBATCH_QOS", "from_env", 1);
    setenv("SALLOC_ACCOUNT", "not_for_sbatch", 1);
    setenv("SBATCH_NO_REQUEUE", "", 1);
    assert_int_equal(directives(&b, "#!/bin/sh\n#SBATCH -p script -q script -A script -J script\n"),
                     0);
    assert_int_equal(opts_environment(&b.o, &b.e), 0);
    assert_int_equal(words(&b, OPTS_COMMAND, "-p command"), 0);
    assert_string_equal(b.o.job.partition, "command");
    assert_string_equal(b.o.job.qos, "from_env");
    assert_string_equal(b.o.job.account, "script");
    assert_string_equal(b.o.job.name, "script");
    assert_true(b.o.job.requeue.set && !b.o.job.requeue.v);
    assert_true(opts_is_set(&b.o, "qos"));
    assert_false(opts_is_set(&b.o, "wckey"));
    unsetenv("SBATCH_PARTITION");
    unsetenv("SBATCH_QOS");
    unsetenv("SALLOC_ACCOUNT");
    unsetenv("SBATCH_NO_REQUEUE");
    arena_fini(&b.arena);
}

static void memory_options_exclude_each_other_within_a_source(void **state)
{
    struct box b;

    box_init(&b, BATCH);
    assert_int_equal(directives(&b, "#!/bin/sh\n#SBATCH --mem=10\n"), 0);
    assert_int_equal(words(&b, OPTS_COMMAND, "--mem-per-cpu=5"), 0);
    assert_int_equal(opts_finish(&b.o, &b.e), 0);
    assert_false(b.o.job.mem_per_node_mb.set);
    assert_int_equal(b.o.job.mem_per_cpu_mb.v, 5);
    assert_int_equal(words(&b, OPTS_COMMAND, "--mem=7"), 0);
    assert_true(opts_finish(&b.o, &b.e) < 0);
    assert_int_equal(b.o.exit_code, 1);
    assert_non_null(strstr(b.e.text, "mutually exclusive."));
    arena_fini(&b.arena);
}

/* As observed with Debian's sbatch. */
static void directives_end_at_the_first_command(void **state)
{
    struct box b;

    box_init(&b, BATCH);
    assert_int_equal(
        directives(&b,
                   "#!/bin/sh\n#SBATCH --job-name=\"a b\" --comment='c d' # -n 4\n\n# SBATCH -n 5\n"
                   "  #SBATCH -n 6\n#SBATCH -D a\\ b\necho\n#SBATCH -J late\n"),
        0);
    assert_string_equal(b.o.job.name, "a b");
    assert_string_equal(b.o.job.comment, "c d");
    assert_string_equal(b.o.job.work_dir, "a b");
    assert_false(b.o.job.ntasks.set);
    arena_fini(&b.arena);
}

static void pbs_and_bsub_lines_are_read_unless_told_otherwise(void **state)
{
    static const char script[] =
        "#!/bin/sh\n#PBS -N pbs -q batch\n#PBS -l walltime=1:00:00,nodes=2:ppn=4,mem=2gb\n"
        "#PBS -W x=y\n#BSUB -n 3\n";
    struct box b;

    box_init(&b, BATCH);
    assert_int_equal(directives(&b, script), 0);
    assert_string_equal(b.o.job.name, "pbs");
    assert_int_equal(b.o.job.time_limit_min.v, 60);
    assert_int_equal(b.o.job.min_nodes.v, 2);
    assert_int_equal(b.o.job.ntasks_per_node.v, 4);
    assert_int_equal(b.o.job.mem_per_node_mb.v, 2048);
    assert_int_equal(b.o.job.ntasks.v, 3);
    arena_fini(&b.arena);

    box_init(&b, BATCH);
    b.o.own.ignore_pbs = true;
    assert_int_equal(directives(&b, script), 0);
    assert_string_equal(b.o.job.name, "");
    arena_fini(&b.arena);
}

/* The words come first, the exit code is Slurm's, and a hint follows in its own line. */
static void refusals_are_slurms_words_then_a_hint(void **state)
{
    static const struct {
        const char *line, *first;
        int code;
    } rows[] = {
        { "--mem=1X", "Invalid --mem specification\n", 255 },
        { "-n 0", "Invalid numeric value \"0\" for --ntasks.", 1 },
        { "-N 3-1", "Maximum node count 1 is less than minimum node count 3", 255 },
        { "--time=abc", "Invalid --time specification\n", 255 },
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct box b;
        box_init(&b, BATCH);
        assert_true(words(&b, OPTS_COMMAND, rows[i].line) < 0);
        assert_int_equal(strncmp(b.e.text, rows[i].first, strlen(rows[i].first)), 0);
        assert_int_equal(b.o.exit_code, rows[i].code);
        arena_fini(&b.arena);
    }
}

/* Found by the fuzzer; Nextflow writes it this way. */
static void a_required_value_may_be_the_next_word(void **state)
{
    struct box b;

    box_init(&b, BATCH);
    assert_int_equal(words(&b, OPTS_COMMAND, "--signal B:USR2@30 --export NONE s.sh"), 0);
    assert_int_equal(b.o.job.signal_num.v, 12);
    assert_int_equal(b.o.job.signal_before_s.v, 30);
    assert_string_equal(b.o.job.export_env, "NONE");
    assert_int_equal(b.rest, 5);
    assert_true(words(&b, OPTS_COMMAND, "--signal") < 0);
    arena_fini(&b.arena);
}

static void each_tool_has_its_own_meaning_of_a_letter(void **state)
{
    struct box b;

    box_init(&b, RUN);
    assert_int_equal(words(&b, OPTS_COMMAND, "-W 30 -K -l --pty -I hostname -l"), 0);
    assert_int_equal(b.o.own.wait_s.v, 30);
    assert_int_equal(b.o.own.kill_on_bad_exit.v, 1);
    assert_true(b.o.own.label && b.o.own.pty);
    assert_int_equal(b.o.job.immediate_s.v, 1);
    assert_int_equal(b.rest, 7);
    arena_fini(&b.arena);

    box_init(&b, BATCH);
    assert_int_equal(words(&b, OPTS_COMMAND, "-W s.sh"), 0);
    assert_true(b.o.own.wait);
    arena_fini(&b.arena);
}

static int count_warnings;

static void count_warning(const char *tool, const char *text)
{
    assert_string_equal(tool, "sbatch");
    assert_non_null(strstr(text, "is stored but not acted on yet"));
    count_warnings++;
}

static void only_used_options_warn(void **state)
{
    struct box b;

    box_init(&b, BATCH);
    assert_int_equal(words(&b, OPTS_COMMAND, "-n 2 --mem=3 --power=level --reboot"), 0);
    count_warnings = 0;
    opts_warn_later(&b.o, count_warning);
    assert_int_equal(count_warnings, 1);
    arena_fini(&b.arena);
}

static const char *env_of(const struct opts *o, const char *name)
{
    size_t len = strlen(name);

    for (uint32_t i = 0; i < o->job.environment.n; i++)
        if (strncmp(o->job.environment.v[i], name, len) == 0 && o->job.environment.v[i][len] == '=')
            return o->job.environment.v[i] + len + 1;
    return NULL;
}

static void export_picks_what_travels(void **state)
{
    static const struct {
        const char *export, *home, *extra;
        bool slurm;
    } rows[] = {
        { "", "/h", NULL, true },
        { "ALL", "/h", NULL, true },
        { "NONE", NULL, NULL, true },
        { "NIL", NULL, NULL, true },
        { "HOME", "/h", NULL, true },
        { "EXTRA='a,b'", NULL, "a,b", true },
        { "ALL,EXTRA=1,HOME=/other", "/other", "1", true },
        { "PATH,NOTTHERE", NULL, NULL, true },
    };
    char *environment[] = { (char *)"HOME=/h", (char *)"PATH=/bin", (char *)"SLURM_X=1", NULL };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct box b;
        box_init(&b, BATCH);
        b.o.job.export_env = rows[i].export;
        assert_int_equal(submit_environment(&b.o, environment, &b.e), 0);
        const char *home = env_of(&b.o, "HOME"), *extra = env_of(&b.o, "EXTRA");
        assert_int_equal(rows[i].home != NULL, home != NULL);
        assert_int_equal(rows[i].extra != NULL, extra != NULL);
        if (home)
            assert_string_equal(home, rows[i].home);
        if (extra)
            assert_string_equal(extra, rows[i].extra);
        assert_int_equal(env_of(&b.o, "SLURM_X") != NULL, rows[i].slurm);
        arena_fini(&b.arena);
    }
}

/* After a change of the table: write the new text with tests/golden/sbatch_help.txt in hand, and
 * look at it. */
static void help_is_the_golden_text(void **state)
{
    static const struct {
        const char *path;
        void (*print)(enum opts_tool tool, FILE *out);
    } rows[] = {
        { SOURCE_DIR "/tests/golden/sbatch_help.txt", opts_help },
        { SOURCE_DIR "/tests/golden/sbatch_usage.txt", opts_usage },
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char *text = NULL, golden[32768] = "";
        size_t len = 0;
        FILE *out = open_memstream(&text, &len);
        rows[i].print(BATCH, out);
        fclose(out);
        FILE *in = fopen(rows[i].path, "r");
        assert_non_null(in);
        assert_true(fread(golden, 1, sizeof golden - 1, in) > 0);
        fclose(in);
        assert_string_equal(text, golden);
        free(text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_fill_the_request),
        cmocka_unit_test(the_command_line_beats_the_environment_beats_the_script),
        cmocka_unit_test(memory_options_exclude_each_other_within_a_source),
        cmocka_unit_test(directives_end_at_the_first_command),
        cmocka_unit_test(pbs_and_bsub_lines_are_read_unless_told_otherwise),
        cmocka_unit_test(refusals_are_slurms_words_then_a_hint),
        cmocka_unit_test(a_required_value_may_be_the_next_word),
        cmocka_unit_test(each_tool_has_its_own_meaning_of_a_letter),
        cmocka_unit_test(only_used_options_warn),
        cmocka_unit_test(export_picks_what_travels),
        cmocka_unit_test(help_is_the_golden_text),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
