/* Printers of job and step columns, and the tables made from their rows. */
#include "cli/job_print.h"

#include "base/times.h"
#include "cli/job_path.h"
#include "schema/rpc.h"
#include "schema/states.h"

#include <inttypes.h>
#include <string.h>

int64_t job_used_s(const struct job_info *job, int64_t now)
{
    if (job->state == STATE_PENDING || job->start_time == 0)
        return 0;
    if (job->state == STATE_SUSPENDED)
        return job->pre_suspend_s;

    int64_t end = job->state == STATE_RUNNING ? now : job->end_time;
    int64_t from = job->suspend_time ? job->suspend_time : job->start_time;
    int64_t used = end - from + (job->suspend_time ? job->pre_suspend_s : 0);

    return used > 0 ? used : 0;
}

void job_id_put(const struct job_info *job, struct buf *out)
{
    if (job->array_task_id.set)
        buf_printf(out, "%" PRIu32 "_%" PRIu32, job->array_job_id, job->array_task_id.v);
    else if (job->array_job_id && *job->array_tasks)
        buf_printf(out, "%" PRIu32 "_[%s]", job->array_job_id, job->array_tasks);
    else
        buf_printf(out, "%" PRIu32, job->job_id);
}

/* The reason alone, or the longer text when that begins with it: "ReqNodeNotAvail,
 * UnavailableNodes:n2". Sentences in other words are for sluice why; scripts compare this one. */
void job_reason_put(const struct job_info *job, struct buf *out)
{
    const char *reason = job->reason && *job->reason ? job->reason : "None";
    const char *text = job->reason_text ? job->reason_text : "";
    bool longer = strncmp(text, reason, strlen(reason)) == 0 && text[strlen(reason)] == ',';

    buf_puts(out, longer ? text : reason);
}

static void elapsed_put(int64_t seconds, struct buf *out)
{
    char text[TIMES_TEXT];

    buf_puts(out, times_elapsed(seconds, text));
}

static void print_job_id(const struct text_cell *cell, struct buf *out)
{
    job_id_put(cell->row, out);
}

static void print_job_master(const struct text_cell *cell, struct buf *out)
{
    const struct job_info *job = cell->row;

    buf_printf(out, "%" PRIu32, job->array_job_id ? job->array_job_id : job->job_id);
}

static void print_job_task(const struct text_cell *cell, struct buf *out)
{
    const struct job_info *job = cell->row;

    if (job->array_task_id.set)
        buf_printf(out, "%" PRIu32, job->array_task_id.v);
    else
        buf_puts(out, *job->array_tasks ? job->array_tasks : "N/A");
}

static void print_job_user(const struct text_cell *cell, struct buf *out)
{
    const struct job_info *job = cell->row;
    struct text_cell uid = { job, &job->user_id, KIND_U32, cell->env };

    if (*job->user_name)
        buf_puts(out, job->user_name);
    else
        print_user(&uid, out);
}

static void print_job_end(const struct text_cell *cell, struct buf *out)
{
    const struct job_info *job = cell->row;

    if (job->end_time)
        print_time(cell, out);
    else
        buf_puts(out, job->state == STATE_PENDING ? "N/A" : "NONE");
}

static void print_job_left(const struct text_cell *cell, struct buf *out)
{
    const struct job_info *job = cell->row;
    int64_t left = (int64_t)job->time_limit_min * 60 - job_used_s(job, cell->env->now);

    if (job->time_limit_min == TIMES_INFINITE)
        buf_puts(out, "UNLIMITED");
    else if (left < 0)
        buf_puts(out, "INVALID");
    else
        elapsed_put(left, out);
}

static void print_job_used(const struct text_cell *cell, struct buf *out)
{
    elapsed_put(job_used_s(cell->row, cell->env->now), out);
}

static void print_job_waited(const struct text_cell *cell, struct buf *out)
{
    const struct job_info *job = cell->row;
    int64_t until = job->state == STATE_PENDING ? cell->env->now : job->start_time;

    buf_printf(out, "%" PRId64, until - job->submit_time);
}

static void print_job_max_nodes(const struct text_cell *cell, struct buf *out)
{
    const struct job_info *job = cell->row;
    const struct job_spec *spec = job->spec;

    buf_printf(out, "%" PRIu32, spec && spec->max_nodes.set ? spec->max_nodes.v : job->num_nodes);
}

static void print_job_memory(const struct text_cell *cell, struct buf *out)
{
    const struct job_info *job = cell->row;
    uint64_t mb =
        job->min_mem_per_cpu_mb.set ? job->min_mem_per_cpu_mb.v : job->min_mem_per_node_mb.v;

    text_size((double)mb, 'M', cell->env, out);
}

static void print_per_gpu(const struct text_cell *cell, struct buf *out)
{
    buf_puts(out, "gres:gpu:");
    print_value(cell, out);
}

static void print_job_priority(const struct text_cell *cell, struct buf *out)
{
    buf_printf(out, "%.14f",
               (double)((const struct job_info *)cell->row)->priority / (double)UINT32_MAX);
}

static void print_job_reason(const struct text_cell *cell, struct buf *out)
{
    job_reason_put(cell->row, out);
}

/* In a record of Key=Value words the blank of a longer reason is an underscore. */
static void print_job_reason_word(const struct text_cell *cell, struct buf *out)
{
    size_t from = out->len;

    job_reason_put(cell->row, out);
    for (size_t i = from; i < out->len; i++)
        if (out->data[i] == ' ')
            out->data[i] = '_';
}

/* The states in which the reason tells more than the nodes do. */
static bool is_reason_shown(uint32_t state)
{
    return state == STATE_PENDING || state == STATE_TIMEOUT || state == STATE_OUT_OF_MEMORY ||
           state == STATE_DEADLINE || state == STATE_FAILED;
}

static void print_job_where(const struct text_cell *cell, struct buf *out)
{
    const struct job_info *job = cell->row;

    if (!is_reason_shown(job->state) || (job->state_flags & STATE_FLAG_COMPLETING)) {
        buf_puts(out, job->nodes);
        return;
    }
    buf_putc(out, '(');
    job_reason_put(job, out);
    buf_putc(out, ')');
}

static void print_job_state(const struct text_cell *cell, struct buf *out)
{
    const struct job_info *job = cell->row;

    buf_puts(out, state_long(job->state, job->state_flags));
}

static void print_job_state_short(const struct text_cell *cell, struct buf *out)
{
    const struct job_info *job = cell->row;

    buf_puts(out, state_short(job->state, job->state_flags));
}

static void asked_put(const struct opt_u32 *asked, struct buf *out)
{
    if (asked && asked->set)
        buf_printf(out, "%" PRIu32, asked->v);
    else
        buf_putc(out, '*');
}

static void print_job_sct(const struct text_cell *cell, struct buf *out)
{
    const struct job_spec *spec = ((const struct job_info *)cell->row)->spec;

    asked_put(spec ? &spec->sockets_per_node : NULL, out);
    buf_putc(out, ':');
    asked_put(spec ? &spec->cores_per_socket : NULL, out);
    buf_putc(out, ':');
    asked_put(spec ? &spec->threads_per_core : NULL, out);
}

static void print_cluster(const struct text_cell *cell, struct buf *out)
{
    buf_puts(out, cell->env->cluster ? cell->env->cluster : "");
}

static void print_federation(const struct text_cell *cell, struct buf *out)
{
    buf_puts(out, "NA");
}

/* ---- what only scontrol shows */

static void print_value_blank(const struct text_cell *cell, struct buf *out)
{
    print_value(cell, out);
    buf_putc(out, ' ');
}

static void print_job_user_id(const struct text_cell *cell, struct buf *out)
{
    print_job_user(cell, out);
    buf_printf(out, "(%" PRIu32 ")", ((const struct job_info *)cell->row)->user_id);
}

static void print_group_id(const struct text_cell *cell, struct buf *out)
{
    print_group(cell, out);
    buf_printf(out, "(%" PRIu32 ")", ((const struct job_info *)cell->row)->group_id);
}

static void print_job_derived(const struct text_cell *cell, struct buf *out)
{
    if (!cell->env->detail)
        return;
    buf_puts(out, "DerivedExitCode=");
    print_wait_status(cell, out);
}

static void print_job_run_time(const struct text_cell *cell, struct buf *out)
{
    char text[TIMES_TEXT];

    buf_puts(out, times_hms(job_used_s(cell->row, cell->env->now), text));
}

static void print_scheduler(const struct text_cell *cell, struct buf *out)
{
    buf_puts(out, "Main");
}

static void print_job_sid(const struct text_cell *cell, struct buf *out)
{
    const struct job_spec *spec = ((const struct job_info *)cell->row)->spec;

    buf_printf(out, "%s:%" PRIu32, spec ? spec->submit_host : "", spec ? spec->submit_sid : 0);
}

static void print_job_nodes(const struct text_cell *cell, struct buf *out)
{
    const struct job_info *job = cell->row;
    const struct job_spec *spec = job->spec;

    if (job->state != STATE_PENDING || !spec || !spec->min_nodes.set)
        buf_printf(out, "%" PRIu32, job->num_nodes);
    else
        buf_printf(out, "%" PRIu32 "-%" PRIu32, spec->min_nodes.v,
                   spec->max_nodes.set ? spec->max_nodes.v : spec->min_nodes.v);
}

static void print_job_bsct(const struct text_cell *cell, struct buf *out)
{
    const struct job_spec *spec = ((const struct job_info *)cell->row)->spec;

    buf_printf(out, "0:%" PRIu32 ":", spec ? spec->sockets_per_node.v : 0);
    asked_put(spec ? &spec->cores_per_socket : NULL, out);
    buf_putc(out, ':');
    asked_put(spec ? &spec->threads_per_core : NULL, out);
}

static void print_job_ntasks_per(const struct text_cell *cell, struct buf *out)
{
    const struct job_spec *spec = ((const struct job_info *)cell->row)->spec;

    buf_printf(out, "%" PRIu32 ":0:", spec ? spec->ntasks_per_node.v : 0);
    asked_put(spec ? &spec->ntasks_per_socket : NULL, out);
    buf_putc(out, ':');
    asked_put(spec ? &spec->ntasks_per_core : NULL, out);
}

/* -d: where the job's CPUs and memory are, a line for each group of nodes. */
static void print_job_details(const struct text_cell *cell, struct buf *out)
{
    const struct job_info *job = cell->row;

    if (!cell->env->detail || !job->node_cpus.n)
        return;
    buf_puts(out, "JOB_GRES=(null)");
    for (uint32_t i = 0; i < job->node_cpus.n; i++)
        buf_printf(out, "%s%s", cell->env->one_line ? " " : "\n     ", job->node_cpus.v[i]);
}

static void print_job_stdin(const struct text_cell *cell, struct buf *out)
{
    job_path_put(cell->row, JOB_STDIN, out);
}

static void print_job_stdout(const struct text_cell *cell, struct buf *out)
{
    job_path_put(cell->row, JOB_STDOUT, out);
}

static void print_job_stderr(const struct text_cell *cell, struct buf *out)
{
    job_path_put(cell->row, JOB_STDERR, out);
}

static void print_job_min_cpus(const struct text_cell *cell, struct buf *out)
{
    const struct job_spec *spec = ((const struct job_info *)cell->row)->spec;
    uint32_t per_task = spec && spec->cpus_per_task.set ? spec->cpus_per_task.v : 1;
    uint32_t least = spec && spec->min_cpus_per_node.set ? spec->min_cpus_per_node.v : 1;

    buf_printf(out, "%" PRIu32, least > per_task ? least : per_task);
}

static void print_job_min_memory(const struct text_cell *cell, struct buf *out)
{
    const struct job_info *job = cell->row;

    buf_puts(out, job->min_mem_per_cpu_mb.set ? "MinMemoryCPU=" : "MinMemoryNode=");
    print_job_memory(cell, out);
}

/* ---- steps: what is the job's is printed by the job's own printer */

static void by_job(const struct text_cell *cell, text_printer print, struct buf *out)
{
    const struct job_step *step = cell->row;
    struct text_cell job = { step->job, step->job, KIND_BYTES, cell->env };

    print(&job, out);
}

void step_id_put(const struct job_step *step, struct buf *out)
{
    static const struct {
        uint32_t id;
        const char *word;
    } words[] = { { STEP_BATCH, "batch" },
                  { STEP_EXTERN, "extern" },
                  { STEP_INTERACTIVE, "interactive" } };

    job_id_put(step->job, out);
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        if (words[i].id == step->step_id) {
            buf_printf(out, ".%s", words[i].word);
            return;
        }
    buf_printf(out, ".%" PRIu32, step->step_id);
}

static void print_step_id(const struct text_cell *cell, struct buf *out)
{
    step_id_put(cell->row, out);
}

static void print_step_partition(const struct text_cell *cell, struct buf *out)
{
    buf_puts(out, ((const struct job_step *)cell->row)->job->partition);
}

static void print_step_user(const struct text_cell *cell, struct buf *out)
{
    by_job(cell, print_job_user, out);
}

static void print_step_uid(const struct text_cell *cell, struct buf *out)
{
    buf_printf(out, "%" PRIu32, ((const struct job_step *)cell->row)->job->user_id);
}

static void print_step_used(const struct text_cell *cell, struct buf *out)
{
    const struct job_step *step = cell->row;

    if (step->step_id == STEP_BATCH)
        by_job(cell, print_job_used, out);
    else
        elapsed_put(cell->env->now - step->start_time, out);
}

static void print_step_master(const struct text_cell *cell, struct buf *out)
{
    by_job(cell, print_job_master, out);
}

static void print_step_task(const struct text_cell *cell, struct buf *out)
{
    by_job(cell, print_job_task, out);
}

static void print_step_state(const struct text_cell *cell, struct buf *out)
{
    by_job(cell, print_job_state, out);
}

/* ---- tables */

#define COUNT(a) (unsigned)(sizeof(a) / sizeof(a)[0])
#define LEFT TEXT_LEFT
#define KEEP TEXT_KEEP
#define COL(name, letter, heading, width, align, member, printer, none, help) \
    { #name,                                                                  \
      letter,                                                                 \
      heading,                                                                \
      width,                                                                  \
      align,                                                                  \
      TEXT_DIRECT,                                                            \
      offsetof(struct job_info, member),                                      \
      TEXT_KIND(job_info, member),                                            \
      print_##printer,                                                        \
      none,                                                                   \
      help },
#define SPEC(name, letter, heading, width, align, member, printer, none, help) \
    { #name,                                                                   \
      letter,                                                                  \
      heading,                                                                 \
      width,                                                                   \
      align,                                                                   \
      offsetof(struct job_info, spec),                                         \
      offsetof(struct job_spec, member),                                       \
      TEXT_KIND(job_spec, member),                                             \
      print_##printer,                                                         \
      none,                                                                    \
      help },
static const struct text_column job_rows[] = {
#include "schema/cols_job.def"
};
#undef COL
#undef SPEC

#define COL(name, letter, heading, width, align, member, printer, none, help) \
    { #name,                                                                  \
      letter,                                                                 \
      heading,                                                                \
      width,                                                                  \
      align,                                                                  \
      TEXT_DIRECT,                                                            \
      offsetof(struct job_step, member),                                      \
      TEXT_KIND(job_step, member),                                            \
      print_##printer,                                                        \
      none,                                                                   \
      help },
static const struct text_column step_rows[] = {
#include "schema/cols_step.def"
};
#undef COL

#define SKIP text_skip
#define LINE(end) { end, 0, "\n", 0, LEFT, TEXT_DIRECT, 0, KIND_BYTES, print_nothing, NULL, "" },
#define KEY(key, member, printer, none)  \
    { key,                               \
      0,                                 \
      key,                               \
      0,                                 \
      LEFT,                              \
      TEXT_DIRECT,                       \
      offsetof(struct job_info, member), \
      TEXT_KIND(job_info, member),       \
      print_##printer,                   \
      none,                              \
      "" },
#define SPEC(key, member, printer, none) \
    { key,                               \
      0,                                 \
      key,                               \
      0,                                 \
      LEFT,                              \
      offsetof(struct job_info, spec),   \
      offsetof(struct job_spec, member), \
      TEXT_KIND(job_spec, member),       \
      print_##printer,                   \
      none,                              \
      "" },
static const struct text_column record_rows[] = {
#include "schema/show_job.def"
};
#undef KEY
#undef SPEC

const struct text_table job_record = { "job", record_rows, COUNT(record_rows) };
const struct text_table job_columns = { "job", job_rows, COUNT(job_rows) };
const struct text_table step_columns = { "job step", step_rows, COUNT(step_rows) };
