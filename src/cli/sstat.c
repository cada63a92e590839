/* sstat: what running steps use now, in sacct's columns. */
#include "base/cleanup.h"
#include "base/log.h"
#include "cli/acct_line.h"
#include "cli/args.h"
#include "cli/connect.h"
#include "cli/output.h"
#include "cli/say.h"
#include "schema/rpc.h"
#include "schema/states.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#define NAME "sstat"
#define FIELDS                                                                                    \
    "JobID,MaxVMSize,MaxVMSizeNode,MaxVMSizeTask,AveVMSize,MaxRSS,MaxRSSNode,MaxRSSTask,AveRSS,"  \
    "MaxPages,MaxPagesNode,MaxPagesTask,AvePages,MinCPU,MinCPUNode,MinCPUTask,AveCPU,NTasks,"     \
    "AveCPUFreq,ReqCPUFreqMin,ReqCPUFreqMax,ReqCPUFreqGov,ConsumedEnergy,MaxDiskRead,"            \
    "MaxDiskReadNode,MaxDiskReadTask,AveDiskRead,MaxDiskWrite,MaxDiskWriteNode,MaxDiskWriteTask," \
    "AveDiskWrite,TRESUsageInAve,TRESUsageInMax,TRESUsageInMaxNode,TRESUsageInMaxTask,"           \
    "TRESUsageInMin,TRESUsageInMinNode,TRESUsageInMinTask,TRESUsageInTot,TRESUsageOutAve,"        \
    "TRESUsageOutMax,TRESUsageOutMaxNode,TRESUsageOutMaxTask,TRESUsageOutMin,"                    \
    "TRESUsageOutMinNode,TRESUsageOutMinTask,TRESUsageOutTot"

struct options {
    struct strs jobs;
    const char *format;
    bool all, fields, no_header, noconvert, bars, bars_between, pids;
    int verbose;
};

#define O(member) offsetof(struct options, member)
static const struct arg rows[] = {
    { "allsteps", 'a', ARG_FLAG, O(all), NULL, NULL, "all running steps of the jobs" },
    { "helpformat", 'e', ARG_FLAG, O(fields), NULL, NULL, "the fields that --format knows" },
    { "jobs", 'j', ARG_LIST, O(jobs), NULL, "job(.step)", "these; the lowest step of a job" },
    { "noheader", 'n', ARG_FLAG, O(no_header), NULL, NULL, "no heading" },
    { "noconvert", 0, ARG_FLAG, O(noconvert), NULL, NULL, "sizes as they come" },
    { "format", 'o', ARG_TEXT, O(format), "SSTAT_FORMAT", "list", "fields, comma separated" },
    { "parsable", 'p', ARG_FLAG, O(bars), NULL, NULL, "parted by |, one at the end" },
    { "parsable2", 'P', ARG_FLAG, O(bars_between), NULL, NULL, "parted by |" },
    { "pidformat", 'i', ARG_FLAG, O(pids), NULL, NULL, "JobID,Nodelist,Pids" },
    { "verbose", 'v', ARG_COUNT, O(verbose), NULL, NULL, "say more" },
};

static const struct args spec = { NAME, "[job(.step)]", "shows what running job steps use", rows,
                                  sizeof rows / sizeof rows[0] };

struct sstat {
    struct options o;
    struct arena arena;
    struct connection conn;
    struct text_env env;
    struct text_format format;
    struct buf out;
};

static void sstat_fini(struct sstat *s)
{
    connection_close(&s->conn);
    buf_fini(&s->out);
    arena_fini(&s->arena);
}

static void print_fields(void)
{
    for (unsigned i = 0; i < acct_table.n; i++)
        printf("%-20s%s", acct_table.v[i].name, i % 4 == 3 || i + 1 == acct_table.n ? "\n" : "");
}

static void put_line(struct sstat *s, const struct acct_line *l)
{
    if (s->o.bars || s->o.bars_between)
        text_parsable(&s->format, l, &s->env, "|", s->o.bars, &s->out);
    else
        text_row(&s->format, l, &s->env, &s->out);
}

static void put_header(struct sstat *s)
{
    if (s->o.no_header)
        return;
    if (s->o.bars || s->o.bars_between) {
        text_parsable(&s->format, NULL, &s->env, "|", s->o.bars, &s->out);
        return;
    }
    text_header(&s->format, &s->out);
    text_rule(&s->format, &s->out);
}

/* A line of sacct's table, made of a running step. */
static void put_step(struct sstat *s, const struct step_info *info)
{
    struct acct_job job = { .job_id = info->job_id,
                            .array_job_id = info->array_job_id,
                            .array_task_id = info->array_task_id,
                            .state = STATE_RUNNING };
    struct acct_step step = { .step_id = info->step_id,
                              .name = info->name,
                              .state = STATE_RUNNING,
                              .start = info->start_time,
                              .nodes = info->nodes,
                              .nnodes = info->num_nodes,
                              .ntasks = info->num_tasks,
                              .ncpus = info->num_cpus,
                              .tres = info->tres,
                              .used = info->used };
    struct acct_record record = { .cluster = s->env.cluster, .job = &job };

    record.steps.v = &step;
    record.steps.n = 1;
    put_line(s, &(struct acct_line){
                    .cluster = s->env.cluster, .record = &record, .job = &job, .step = &step });
}

/* Without a step and without -a: the lowest number that runs. */
static int show(struct sstat *s, const char *name)
{
    const struct step_query query = { .steps = { &name, 1 }, .usage = true };
    struct step_infos *got = NULL;
    struct err e = { 0 };
    bool is_any = s->o.all || strchr(name, '.');

    int r = client_call(s->conn.client, OP_step_list, &query, &s->arena, (void **)&got, &e);
    if (r < 0 || got->steps.n == 0) {
        fprintf(stderr, "%s: error: couldn't get steps for job %s\n", NAME, name);
        return 1;
    }
    s->env.now = got->now;
    for (uint32_t i = 0; i < got->steps.n && (is_any || i == 0); i++)
        put_step(s, &got->steps.v[i]);
    return 0;
}

int main(int argc, char **argv)
{
    CLEANUP(sstat_fini) struct sstat s = { 0 };
    struct err e = { 0 };

    log_init(NAME, LOG_INFO);
    int at = args_parse(&spec, argc, argv, &s.arena, &s.o);
    if (at < 0)
        return at == ARGS_DONE ? 0 : 1;
    if (s.o.fields) {
        print_fields();
        return 0;
    }
    if (s.o.jobs.n == 0 && at >= argc) {
        say_error(NAME, "You didn't give me any jobs to stat.");
        return 1;
    }
    if (connection_open(&s.conn, &e) < 0) {
        say_error(NAME, e.text);
        return 1;
    }
    s.env = output_env(0, conf_str(s.conn.conf, "ClusterName"), s.o.noconvert);
    const char *fields = s.o.pids ? "JobID,NodeList" : s.o.format ? s.o.format : FIELDS;
    text_fields(&acct_table, fields, &s.arena, &s.format);
    put_header(&s);
    for (uint32_t i = 0; i < s.o.jobs.n; i++)
        show(&s, s.o.jobs.v[i]);
    for (; at < argc; at++)
        show(&s, argv[at]);
    output_flush(&s.out);
    return 0;
}
