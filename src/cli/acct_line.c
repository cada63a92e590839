/* The columns of sacct: one printer each, over a line.  Rows are in schema/cols_acct.def. */
#include "cli/acct_line.h"

#include "base/arena.h"
#include "base/cleanup.h"
#include "base/times.h"
#include "schema/rpc.h"
#include "schema/states.h"

#include <grp.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static const struct acct_line *line_of(const struct text_cell *cell)
{
    return cell->row;
}

/* ---- text that stands in the job's record: on every line, or on the job's own only */

#define TEXT_BOTH(member)                                                    \
    static void acct_##member(const struct text_cell *cell, struct buf *out) \
    {                                                                        \
        buf_puts(out, line_of(cell)->job->member);                           \
    }
#define TEXT_JOB(member)                                                     \
    static void acct_##member(const struct text_cell *cell, struct buf *out) \
    {                                                                        \
        if (!line_of(cell)->step)                                            \
            buf_puts(out, line_of(cell)->job->member);                       \
    }
#define NUMBER_JOB(member)                                                     \
    static void acct_##member(const struct text_cell *cell, struct buf *out)   \
    {                                                                          \
        if (!line_of(cell)->step)                                              \
            buf_printf(out, "%" PRIu64, (uint64_t)line_of(cell)->job->member); \
    }

TEXT_BOTH(account)
TEXT_JOB(admin_comment)
TEXT_JOB(comment)
TEXT_JOB(constraints)
TEXT_JOB(container)
TEXT_JOB(failed_node)
TEXT_JOB(flags)
TEXT_JOB(licenses)
TEXT_JOB(mcs_label)
TEXT_JOB(partition)
TEXT_JOB(qos)
TEXT_JOB(reason)
TEXT_JOB(reservation)
TEXT_JOB(std_err)
TEXT_JOB(std_in)
TEXT_JOB(std_out)
TEXT_JOB(user)
TEXT_JOB(wckey)
TEXT_JOB(work_dir)
NUMBER_JOB(gid)
NUMBER_JOB(uid)
NUMBER_JOB(priority)
NUMBER_JOB(restarts)
NUMBER_JOB(req_nodes)

static void acct_nothing(const struct text_cell *cell, struct buf *out)
{
}

/* Frequencies are never asked for here: Slurm says Unknown for a job and 0 for a step. */
static void acct_freq(const struct text_cell *cell, struct buf *out)
{
    buf_puts(out, line_of(cell)->step ? "0" : "Unknown");
}

static void acct_cluster(const struct text_cell *cell, struct buf *out)
{
    buf_puts(out, line_of(cell)->cluster);
}

static void acct_group(const struct text_cell *cell, struct buf *out)
{
    const struct acct_line *l = line_of(cell);
    const struct group *g;

    if (l->step)
        return;
    g = *l->job->group ? NULL : getgrgid(l->job->gid);
    if (*l->job->group || g)
        buf_puts(out, g ? g->gr_name : l->job->group);
    else
        buf_printf(out, "%u", l->job->gid);
}

static void acct_db_index(const struct text_cell *cell, struct buf *out)
{
    buf_printf(out, "%" PRIu64, line_of(cell)->job->db_id);
}

/* ---- identity */

static void step_suffix(uint32_t id, struct buf *out)
{
    if (id == STEP_BATCH)
        buf_puts(out, ".batch");
    else if (id == STEP_EXTERN)
        buf_puts(out, ".extern");
    else if (id == STEP_INTERACTIVE)
        buf_puts(out, ".interactive");
    else
        buf_printf(out, ".%u", id);
}

void acct_line_id(const struct acct_line *l, bool raw, struct buf *out)
{
    const struct acct_job *j = l->job;

    if (raw || !j->array_job_id)
        buf_printf(out, "%u", j->job_id);
    else if (j->array_task_id.set)
        buf_printf(out, "%u_%u", j->array_job_id, j->array_task_id.v);
    else
        buf_printf(out, "%u_[%s]", j->array_job_id, j->array_tasks);
    if (l->step)
        step_suffix(l->step->step_id, out);
}

static void acct_job_id(const struct text_cell *cell, struct buf *out)
{
    acct_line_id(line_of(cell), false, out);
}

static void acct_job_id_raw(const struct text_cell *cell, struct buf *out)
{
    acct_line_id(line_of(cell), true, out);
}

static void acct_name(const struct text_cell *cell, struct buf *out)
{
    const struct acct_line *l = line_of(cell);

    buf_puts(out, l->step ? l->step->name : l->job->name);
}

/* ---- times */

/* A job that ended without nodes never started, whatever its record says. */
static bool never_started(const struct acct_line *l)
{
    return !l->step && l->job->end && !*l->job->nodes;
}

static int64_t start_of(const struct acct_line *l)
{
    int64_t t = l->step ? l->step->start : never_started(l) ? 0 : l->job->start;

    return t && l->cut_start > t ? l->cut_start : t;
}

static int64_t end_of(const struct acct_line *l)
{
    int64_t t = l->step ? l->step->end : l->job->end;

    return l->cut_end && (!t || l->cut_end < t) && start_of(l) ? l->cut_end : t;
}

static void point(const struct text_cell *cell, int64_t t, struct buf *out)
{
    char text[TIMES_TEXT];

    buf_puts(out, times_point(t, cell->env->now, cell->env->time_format, "Unknown", text));
}

static void acct_start(const struct text_cell *cell, struct buf *out)
{
    if (never_started(line_of(cell)))
        buf_puts(out, "None");
    else
        point(cell, start_of(line_of(cell)), out);
}

static void acct_end(const struct text_cell *cell, struct buf *out)
{
    point(cell, end_of(line_of(cell)), out);
}

static void acct_submit(const struct text_cell *cell, struct buf *out)
{
    const struct acct_line *l = line_of(cell);

    point(cell, l->step ? l->step->start : l->job->submit, out);
}

static void acct_eligible(const struct text_cell *cell, struct buf *out)
{
    const struct acct_line *l = line_of(cell);

    point(cell, l->step ? l->step->start : l->job->eligible, out);
}

/* Seconds run so far or in all, suspension left out. */
static int64_t elapsed_of(const struct text_cell *cell)
{
    const struct acct_line *l = line_of(cell);
    int64_t start = start_of(l), end = end_of(l);

    if (!start)
        return 0;
    if (!end)
        end = cell->env->now;
    end -= l->step ? 0 : l->job->suspended_s;
    return end > start ? end - start : 0;
}

static void span(int64_t s, struct buf *out)
{
    char text[TIMES_TEXT];

    buf_puts(out, times_hms(s, text));
}

static void acct_elapsed(const struct text_cell *cell, struct buf *out)
{
    span(elapsed_of(cell), out);
}

static void acct_elapsed_raw(const struct text_cell *cell, struct buf *out)
{
    buf_printf(out, "%" PRId64, elapsed_of(cell));
}

static void acct_suspended(const struct text_cell *cell, struct buf *out)
{
    span(line_of(cell)->job->suspended_s, out);
}

static uint32_t cpus_of(const struct acct_line *l)
{
    uint32_t n = l->step ? l->step->ncpus : l->job->ncpus;

    return n ? n : l->job->req_cpus;
}

static void acct_cpu_time(const struct text_cell *cell, struct buf *out)
{
    span(elapsed_of(cell) * cpus_of(line_of(cell)), out);
}

static void acct_cpu_time_raw(const struct text_cell *cell, struct buf *out)
{
    buf_printf(out, "%" PRId64, elapsed_of(cell) * cpus_of(line_of(cell)));
}

/* From eligible to start, or to the end of a job that never started, or to now. */
static int64_t planned_of(const struct text_cell *cell)
{
    const struct acct_job *j = line_of(cell)->job;
    int64_t until = j->start ? j->start : j->end ? j->end : cell->env->now;

    return j->eligible && until > j->eligible ? until - j->eligible : 0;
}

static void acct_planned(const struct text_cell *cell, struct buf *out)
{
    if (!line_of(cell)->step)
        span(planned_of(cell), out);
}

static void acct_planned_cpu(const struct text_cell *cell, struct buf *out)
{
    if (!line_of(cell)->step)
        span(planned_of(cell) * line_of(cell)->job->req_cpus, out);
}

static void acct_planned_cpu_raw(const struct text_cell *cell, struct buf *out)
{
    if (!line_of(cell)->step)
        buf_printf(out, "%" PRId64, planned_of(cell) * line_of(cell)->job->req_cpus);
}

static void acct_time_limit(const struct text_cell *cell, struct buf *out)
{
    char text[TIMES_TEXT];

    if (!line_of(cell)->step)
        buf_puts(out, times_minutes(line_of(cell)->job->time_limit_min, text));
}

static void acct_time_limit_raw(const struct text_cell *cell, struct buf *out)
{
    uint32_t min = line_of(cell)->job->time_limit_min;

    if (line_of(cell)->step)
        return;
    if (min == TIMES_INFINITE)
        buf_puts(out, "UNLIMITED");
    else
        buf_printf(out, "%u", min);
}

/* ---- state and exit */

static void acct_state(const struct text_cell *cell, struct buf *out)
{
    const struct acct_line *l = line_of(cell);
    uint32_t state = l->step ? l->step->state : l->job->state;

    buf_puts(out, state_long(state & ~STATE_FLAG_REQUEUED, state & STATE_FLAG_REQUEUED));
    if (state == STATE_CANCELLED && !l->step && l->job->killed_by.set)
        buf_printf(out, " by %u", l->job->killed_by.v);
}

static void wait_status(int32_t status, struct buf *out)
{
    buf_printf(out, "%d:%d", status >> 8 & 0xff, status & 0x7f);
}

static void acct_exit_code(const struct text_cell *cell, struct buf *out)
{
    const struct acct_line *l = line_of(cell);

    wait_status(l->step ? l->step->exit_code : l->job->exit_code, out);
}

static void acct_derived_exit(const struct text_cell *cell, struct buf *out)
{
    if (!line_of(cell)->step)
        wait_status(line_of(cell)->job->derived_exit_code, out);
}

/* ---- resources */

static void acct_ncpus(const struct text_cell *cell, struct buf *out)
{
    const struct acct_line *l = line_of(cell);

    buf_printf(out, "%u", l->step ? l->step->ncpus : l->job->ncpus);
}

static void acct_req_cpus(const struct text_cell *cell, struct buf *out)
{
    const struct acct_line *l = line_of(cell);

    buf_printf(out, "%u", l->step ? l->step->ncpus : l->job->req_cpus);
}

static void acct_alloc_nodes(const struct text_cell *cell, struct buf *out)
{
    const struct acct_line *l = line_of(cell);

    buf_printf(out, "%u", l->step ? l->step->nnodes : *l->job->nodes ? l->job->nnodes : 0);
}

static void acct_nnodes(const struct text_cell *cell, struct buf *out)
{
    const struct acct_line *l = line_of(cell);
    uint32_t n = l->step ? l->step->nnodes : l->job->nnodes;

    buf_printf(out, "%u", n ? n : l->job->req_nodes);
}

static void acct_nodes(const struct text_cell *cell, struct buf *out)
{
    const struct acct_line *l = line_of(cell);
    const char *nodes = l->step ? l->step->nodes : l->job->nodes;

    buf_puts(out, *nodes ? nodes : "None assigned");
}

static void acct_ntasks(const struct text_cell *cell, struct buf *out)
{
    if (line_of(cell)->step)
        buf_printf(out, "%u", line_of(cell)->step->ntasks);
}

static void acct_layout(const struct text_cell *cell, struct buf *out)
{
    const struct acct_step *s = line_of(cell)->step;

    buf_puts(out, s ? *s->layout ? s->layout : "Unknown" : "");
}

#define TRES_MAX 32 /* kinds in one list; more are left as they stand */

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* sacct sorts by name: billing=2,cpu=2,mem=200M,node=1. */
static void sorted_tres(const char *tres, struct buf *out)
{
    CLEANUP(arena_fini) struct arena a = { 0 };
    char *words[TRES_MAX], *at = arena_strdup(&a, tres);
    unsigned n = 0;

    while (at && *at && n < TRES_MAX)
        words[n++] = strsep(&at, ",");
    qsort(words, n, sizeof *words, by_name);
    for (unsigned i = 0; i < n; i++)
        buf_printf(out, "%s%s", i ? "," : "", words[i]);
    if (at && *at)
        buf_printf(out, ",%s", at);
}

static void acct_alloc_tres(const struct text_cell *cell, struct buf *out)
{
    const struct acct_line *l = line_of(cell);

    sorted_tres(l->step ? l->step->tres : l->job->tres_alloc, out);
}

static void acct_req_tres(const struct text_cell *cell, struct buf *out)
{
    if (!line_of(cell)->step)
        sorted_tres(line_of(cell)->job->tres_req, out);
}

static void acct_req_mem(const struct text_cell *cell, struct buf *out)
{
    if (!line_of(cell)->step)
        text_size((double)line_of(cell)->job->req_mem_mb, 'M', cell->env, out);
}

static void acct_submit_line(const struct text_cell *cell, struct buf *out)
{
    const struct acct_line *l = line_of(cell);

    buf_puts(out, l->step ? l->step->submit_line : l->job->submit_line);
}

/* ---- usage: a step's own; for the job, CPU is the sum over its steps */

static void acct_max_rss(const struct text_cell *cell, struct buf *out)
{
    const struct acct_step *s = line_of(cell)->step;

    if (s && s->used)
        text_size((double)s->used->max_rss_kb, 'K', cell->env, out);
}

static void acct_max_vsize(const struct text_cell *cell, struct buf *out)
{
    const struct acct_step *s = line_of(cell)->step;

    if (s && s->used)
        text_size((double)s->used->max_vsize_kb, 'K', cell->env, out);
}

static void acct_max_pages(const struct text_cell *cell, struct buf *out)
{
    const struct acct_step *s = line_of(cell)->step;

    if (s && s->used)
        buf_printf(out, "%" PRIu64, s->used->max_pages);
}

static void megabytes(uint64_t bytes, struct buf *out)
{
    buf_printf(out, "%.2fM", (double)bytes / (1 << 20));
}

static void acct_disk_read(const struct text_cell *cell, struct buf *out)
{
    const struct acct_step *s = line_of(cell)->step;

    if (s && s->used)
        megabytes(s->used->read_bytes, out);
}

static void acct_disk_write(const struct text_cell *cell, struct buf *out)
{
    const struct acct_step *s = line_of(cell)->step;

    if (s && s->used)
        megabytes(s->used->write_bytes, out);
}

/* Sum over the step of the line, or over all steps of the job. */
static struct usage cpu_of(const struct acct_line *l)
{
    struct usage sum = { 0 };

    for (uint32_t i = 0; i < l->record->steps.n; i++) {
        const struct acct_step *s = &l->record->steps.v[i];

        if (!s->used || (l->step && s != l->step))
            continue;
        sum.user_us += s->used->user_us;
        sum.system_us += s->used->system_us;
    }
    return sum;
}

/* CPU fields have fractions while they are short: MM:SS.mmm, else [D-]HH:MM:SS; nothing used is
 * 00:00:00. */
static void cpu_span(uint64_t us, struct buf *out)
{
    uint64_t s = us / 1000000;

    if (us && s < 3600)
        buf_printf(out, "%02" PRIu64 ":%02" PRIu64 ".%03" PRIu64, s / 60, s % 60, us / 1000 % 1000);
    else
        span((int64_t)s, out);
}

static void acct_user_cpu(const struct text_cell *cell, struct buf *out)
{
    cpu_span(cpu_of(line_of(cell)).user_us, out);
}

static void acct_system_cpu(const struct text_cell *cell, struct buf *out)
{
    cpu_span(cpu_of(line_of(cell)).system_us, out);
}

static void acct_total_cpu(const struct text_cell *cell, struct buf *out)
{
    struct usage u = cpu_of(line_of(cell));

    cpu_span(u.user_us + u.system_us, out);
}

static void acct_ave_cpu(const struct text_cell *cell, struct buf *out)
{
    const struct acct_step *s = line_of(cell)->step;

    if (s && s->used)
        span((int64_t)((s->used->user_us + s->used->system_us) / 1000000), out);
}

/* ---- the table */

#define COL(field, wide, printer)                   \
    { .name = #field,                               \
      .heading = #field,                            \
      .width = (wide) < 0 ? -(wide) : (wide),       \
      .align = (wide) < 0 ? TEXT_LEFT : TEXT_RIGHT, \
      .through = TEXT_DIRECT,                       \
      .kind = KIND_STR,                             \
      .print = acct_##printer,                      \
      .help = "" },
static const struct text_column columns[] = {
#include "schema/cols_acct.def"
};
#undef COL

const struct text_table acct_table = { "sacct", columns, sizeof columns / sizeof *columns };
