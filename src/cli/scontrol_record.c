/* Node and partition records of scontrol show; the job's are beside its columns. */
#include "cli/scontrol.h"

#include "base/times.h"
#include "schema/rpc.h"

#include <inttypes.h>
#include <string.h>

static const struct node_info *node_of(const struct text_cell *cell)
{
    return cell->row;
}

static const struct part_info *part_of(const struct text_cell *cell)
{
    return cell->row;
}

static void print_value_blank(const struct text_cell *cell, struct buf *out)
{
    print_value(cell, out);
    buf_putc(out, ' ');
}

static void print_node_efctv(const struct text_cell *cell, struct buf *out)
{
    const struct node_info *node = node_of(cell);
    uint32_t kept = node->core_spec * (node->threads ? node->threads : 1);

    buf_printf(out, "%" PRIu32, kept < node->cpus ? node->cpus - kept : 0);
}

static void print_hundredths(const struct text_cell *cell, struct buf *out)
{
    buf_printf(out, "%.2f", (double)text_number(cell->kind, cell->at) / 100);
}

static void print_node_gres_used(const struct text_cell *cell, struct buf *out)
{
    const struct node_info *node = node_of(cell);

    if (cell->env->detail && *node->gres)
        buf_printf(out, "GresDrain=N/A%sGresUsed=%s", cell->env->one_line ? " " : "\n   ",
                   node->gres_used);
}

/* 1:00:00 as 01:00:00, with days in front. */
static void print_resv_duration(const struct text_cell *cell, struct buf *out)
{
    const struct resv_info *r = cell->row;
    char text[TIMES_TEXT];

    buf_puts(out, times_hms(r->end - r->start, text));
}

static void print_resv_flags(const struct text_cell *cell, struct buf *out)
{
    static const struct {
        const char *name;
        unsigned bit;
    } flags[] = {
#define RESV(bit, name, can_lose) { #name, bit },
#include "schema/resv_flags.def"
#undef RESV
    };
    const struct resv_info *r = cell->row;
    size_t start = out->len;

    for (size_t i = 0; i < sizeof flags / sizeof flags[0]; i++) {
        if (!(r->flags >> flags[i].bit & 1))
            continue;
        buf_printf(out, "%s%s", out->len > start ? "," : "", flags[i].name);
        if (strcmp(flags[i].name, "PURGE_COMP") == 0) {
            char text[TIMES_TEXT];
            buf_printf(out, "=%s", times_hms(r->purge_s, text));
        }
    }
}

/* A node that never registered has no version; Slurm leaves the blank before it.  Of
 * "slurm 25.11.0" only the number: readers split records at blanks. */
static void print_node_port(const struct text_cell *cell, struct buf *out)
{
    const struct node_info *node = node_of(cell);
    const char *blank = strrchr(node->version, ' ');

    buf_printf(out, "%" PRIu32 " %s%s", node->port, *node->version ? "Version=" : "",
               blank ? blank + 1 : node->version);
}

static void print_na_low(const struct text_cell *cell, struct buf *out)
{
    buf_puts(out, "n/a");
}

static void print_zero(const struct text_cell *cell, struct buf *out)
{
    buf_putc(out, '0');
}

static void print_ns(const struct text_cell *cell, struct buf *out)
{
    buf_puts(out, "n/s");
}

static void print_node_reason(const struct text_cell *cell, struct buf *out)
{
    const struct node_info *node = node_of(cell);

    buf_puts(out, node->reason);
    if (!node->reason_time)
        return;
    buf_puts(out, " [");
    print_user(&(struct text_cell){ node, &node->reason_uid, KIND_U32, cell->env }, out);
    buf_putc(out, '@');
    print_time(&(struct text_cell){ node, &node->reason_time, KIND_I64, cell->env }, out);
    buf_putc(out, ']');
}

static void allow_put(const char *what, const char *allowed, const char *denied, struct buf *out)
{
    bool denies = *denied;

    buf_printf(out, "%s%s=%s", denies ? "Deny" : "Allow", what,
               denies     ? denied
               : *allowed ? allowed
                          : "ALL");
}

static void print_part_accounts(const struct text_cell *cell, struct buf *out)
{
    allow_put("Accounts", part_of(cell)->allow_accounts, part_of(cell)->deny_accounts, out);
}

static void print_part_qos(const struct text_cell *cell, struct buf *out)
{
    allow_put("Qos", part_of(cell)->allow_qos, part_of(cell)->deny_qos, out);
}

static void mem_put(const char *what, struct opt_u64 per_cpu, struct opt_u64 per_node,
                    struct buf *out)
{
    buf_printf(out, "%sPer%s=", what, per_cpu.set ? "CPU" : "Node");
    if (per_cpu.set || (per_node.set && per_node.v))
        buf_printf(out, "%" PRIu64, per_cpu.set ? per_cpu.v : per_node.v);
    else
        buf_puts(out, "UNLIMITED");
}

static void print_part_def_mem(const struct text_cell *cell, struct buf *out)
{
    mem_put("DefMem", part_of(cell)->def_mem_per_cpu_mb, part_of(cell)->def_mem_per_node_mb, out);
}

static void print_part_max_mem(const struct text_cell *cell, struct buf *out)
{
    mem_put("MaxMem", part_of(cell)->max_mem_per_cpu_mb, part_of(cell)->max_mem_per_node_mb, out);
}

static void print_step_id(const struct text_cell *cell, struct buf *out)
{
    const struct step_info *step = cell->row;

    if (step->array_task_id.set)
        buf_printf(out, "%" PRIu32 "_%" PRIu32, step->array_job_id, step->array_task_id.v);
    else
        buf_printf(out, "%" PRIu32, step->job_id);
    if (step->step_id == STEP_BATCH || step->step_id == STEP_INTERACTIVE)
        buf_puts(out, step->step_id == STEP_BATCH ? ".batch" : ".interactive");
    else
        buf_printf(out, ".%" PRIu32, step->step_id);
}

static void print_default(const struct text_cell *cell, struct buf *out)
{
    buf_puts(out, "Default");
}

/* cyclic:... as Cyclic; nothing asked is Block. */
static void print_layout(const struct text_cell *cell, struct buf *out)
{
    const struct step_info *step = cell->row;
    size_t len = strcspn(step->distribution, ":=,");

    if (len == 0)
        buf_puts(out, "Block");
    else
        buf_printf(out, "%c%.*s", step->distribution[0] & ~0x20, (int)len - 1,
                   step->distribution + 1);
}

#define SKIP text_skip
#define LINE(end) \
    { end, 0, "\n", 0, TEXT_LEFT, TEXT_DIRECT, 0, KIND_BYTES, print_nothing, NULL, "" },
#define ROW(key, type, member, printer, none) \
    { key,                                    \
      0,                                      \
      key,                                    \
      0,                                      \
      TEXT_LEFT,                              \
      TEXT_DIRECT,                            \
      offsetof(struct type, member),          \
      TEXT_KIND(type, member),                \
      print_##printer,                        \
      none,                                   \
      "" },
#define KEY(key, member, printer, none) ROW(key, node_info, member, printer, none)
static const struct text_column node_rows[] = {
#include "schema/show_node.def"
};
#undef KEY
#define KEY(key, member, printer, none) ROW(key, part_info, member, printer, none)
static const struct text_column part_rows[] = {
#include "schema/show_part.def"
};
#undef KEY

#define KEY(key, member, printer, none) ROW(key, resv_info, member, printer, none)
static const struct text_column resv_rows[] = {
#include "schema/show_resv.def"
};
#undef KEY

#define KEY(key, member, printer, none) ROW(key, step_info, member, printer, none)
static const struct text_column step_rows[] = {
#include "schema/show_step.def"
};
#undef KEY

const struct text_table step_record = { "step", step_rows, sizeof step_rows / sizeof step_rows[0] };
const struct text_table node_record = { "node", node_rows, sizeof node_rows / sizeof node_rows[0] };
const struct text_table part_record = { "partition", part_rows,
                                        sizeof part_rows / sizeof part_rows[0] };
const struct text_table resv_record = { "reservation", resv_rows,
                                        sizeof resv_rows / sizeof resv_rows[0] };
