/* sacct --json (acct_json.h).  Members that are plain are rows; what nests is written by hand. */
#include "cli/acct_json.h"

#include "schema/rpc.h"
#include "schema/states.h"
#include "wire/json.h"

#include <inttypes.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

static void text(struct buf *out, const char *key, const char *value)
{
    buf_printf(out, "\"%s\": ", key);
    json_write_string(value ? value : "", out);
}

/* Slurm's numbers that may be unset or without end. */
static void number(struct buf *out, const char *key, bool is_set, int64_t value)
{
    bool infinite = is_set && value == UINT32_MAX;

    buf_printf(out, "\"%s\": {\"set\": %s, \"infinite\": %s, \"number\": %" PRId64 "}", key,
               is_set && !infinite ? "true" : "false", infinite ? "true" : "false",
               is_set && !infinite ? value : 0);
}

static void cpu(struct buf *out, const char *key, uint64_t us)
{
    buf_printf(out, "\"%s\": {\"seconds\": %" PRIu64 ", \"microseconds\": %" PRIu64 "}", key,
               us / 1000000, us % 1000000);
}

static const char *state_word(uint32_t state)
{
    return state_long(state & ~STATE_FLAG_REQUEUED, state & STATE_FLAG_REQUEUED);
}

static void exit_code(struct buf *out, const char *key, int32_t status)
{
    int signo = status & 0x7f;

    buf_printf(out, "\"%s\": {\"status\": [\"%s\"], ", key,
               !status ? "SUCCESS"
               : signo ? "SIGNALED"
                       : "ERROR");
    number(out, "return_code", true, status >> 8 & 0xff);
    buf_puts(out, ", \"signal\": {");
    number(out, "id", signo != 0, signo);
    buf_puts(out, "}}");
}

/* "cpu=2,mem=200M" as a list of objects; sizes are in megabytes, ids as slurmdbd numbers them. */
static void tres(struct buf *out, const char *key, const char *list)
{
    static const char *const known[] = { "", "cpu", "mem", "energy", "node", "billing" };
    const char *comma = "";

    buf_printf(out, "\"%s\": [", key);
    while (*list) {
        size_t len = strcspn(list, ","), name = strcspn(list, "=,");
        unsigned id = 0;

        for (unsigned i = 1; i < sizeof known / sizeof *known; i++)
            if (strlen(known[i]) == name && strncmp(known[i], list, name) == 0)
                id = i;
        buf_printf(out, "%s{\"type\": \"%.*s\", \"name\": \"\", \"id\": %u, \"count\": %lld}",
                   comma, (int)name, list, id, name < len ? strtoll(list + name + 1, NULL, 10) : 0);
        list += len + (list[len] == ',');
        comma = ", ";
    }
    buf_puts(out, "]");
}

static int64_t elapsed(int64_t start, int64_t end, int64_t suspended, int64_t now)
{
    int64_t s = start ? (end ? end : now) - start - suspended : 0;

    return s > 0 ? s : 0;
}

static void used(struct buf *out, uint64_t user_us, uint64_t system_us)
{
    cpu(out, "system", system_us);
    buf_puts(out, ", ");
    cpu(out, "user", user_us);
    buf_puts(out, ", ");
    cpu(out, "total", user_us + system_us);
}

static void step_name(struct buf *out, const struct acct_job *j, uint32_t id)
{
    const char *word = id == STEP_BATCH ? "batch" : id == STEP_EXTERN ? "extern" : "interactive";

    if (id == STEP_BATCH || id == STEP_EXTERN || id == STEP_INTERACTIVE)
        buf_printf(out, "\"id\": \"%" PRIu32 ".%s\"", j->job_id, word);
    else
        buf_printf(out, "\"id\": \"%" PRIu32 ".%" PRIu32 "\"", j->job_id, id);
}

static void step(struct buf *out, const struct acct_job *j, const struct acct_step *s, int64_t now)
{
    buf_puts(out, "{\"step\": {");
    step_name(out, j, s->step_id);
    buf_puts(out, ", ");
    text(out, "name", s->name);
    buf_printf(out, "}, \"state\": [\"%s\"], ", state_word(s->state));
    exit_code(out, "exit_code", s->exit_code);
    buf_printf(out, ", \"nodes\": {\"count\": %" PRIu32 ", ", s->nnodes);
    text(out, "range", s->nodes);
    buf_printf(out, "}, \"tasks\": {\"count\": %" PRIu32 "}, \"tres\": {", s->ntasks);
    tres(out, "allocated", s->tres);
    buf_printf(out, "}, \"time\": {\"elapsed\": %" PRId64 ", ", elapsed(s->start, s->end, 0, now));
    number(out, "start", s->start != 0, s->start);
    buf_puts(out, ", ");
    number(out, "end", s->end != 0, s->end);
    buf_puts(out, ", ");
    used(out, s->used ? s->used->user_us : 0, s->used ? s->used->system_us : 0);
    buf_puts(out, "}}");
}

static void times(struct buf *out, const struct acct_record *r, int64_t now)
{
    const struct acct_job *j = r->job;
    uint64_t user_us = 0, system_us = 0;

    for (uint32_t i = 0; i < r->steps.n; i++)
        if (r->steps.v[i].used) {
            user_us += r->steps.v[i].used->user_us;
            system_us += r->steps.v[i].used->system_us;
        }
    buf_printf(out,
               "\"time\": {\"elapsed\": %" PRId64 ", \"eligible\": %" PRId64 ", \"end\": %" PRId64
               ", \"start\": %" PRId64 ", \"submission\": %" PRId64 ", \"suspended\": %" PRId64
               ", ",
               elapsed(j->start, j->end, j->suspended_s, now), j->eligible, j->end, j->start,
               j->submit, j->suspended_s);
    number(out, "limit", true, j->time_limit_min);
    buf_puts(out, ", ");
    used(out, user_us, system_us);
    buf_puts(out, "}");
}

/* Members whose value is the record's own text. */
#define TEXT(key, member)                      \
    {                                          \
        key, offsetof(struct acct_job, member) \
    }
static const struct {
    const char *key;
    size_t offset;
} texts[] = {
    TEXT("account", account),
    TEXT("constraints", constraints),
    TEXT("container", container),
    TEXT("failed_node", failed_node),
    TEXT("group", group),
    TEXT("licenses", licenses),
    TEXT("name", name),
    TEXT("partition", partition),
    TEXT("qos", qos),
    TEXT("stderr", std_err),
    TEXT("stdin", std_in),
    TEXT("stdout", std_out),
    TEXT("submit_line", submit_line),
    TEXT("user", user),
    TEXT("working_directory", work_dir),
};

static void identity(struct buf *out, const struct acct_record *r)
{
    const struct acct_job *j = r->job;

    for (unsigned i = 0; i < sizeof texts / sizeof *texts; i++) {
        const char *const *value = (const void *)((const char *)j + texts[i].offset);

        text(out, texts[i].key, *value);
        buf_puts(out, ", ");
    }
    text(out, "cluster", r->cluster);
    buf_puts(out, ", ");
    text(out, "nodes", *j->nodes ? j->nodes : "None assigned");
    buf_printf(out,
               ", \"job_id\": %" PRIu32 ", \"allocation_nodes\": %" PRIu32
               ", \"restart_cnt\": %" PRIu32 ", \"kill_request_user\": ",
               j->job_id, *j->nodes ? j->nnodes : 0, j->restarts);
    if (j->killed_by.set)
        buf_printf(out, "\"%" PRIu32 "\"", j->killed_by.v);
    else
        buf_puts(out, "\"\"");
    buf_printf(out, ", \"array\": {\"job_id\": %" PRIu32 ", ", j->array_job_id);
    number(out, "task_id", j->array_task_id.set, j->array_task_id.v);
    buf_puts(out, ", ");
    text(out, "task", j->array_tasks);
    buf_puts(out, "}, \"comment\": {");
    text(out, "administrator", j->admin_comment);
    buf_puts(out, ", ");
    text(out, "job", j->comment);
    buf_puts(out, ", \"system\": \"\"}, \"wckey\": {");
    text(out, "wckey", j->wckey);
    buf_puts(out, "}, ");
}

void acct_json_job(const struct acct_record *r, int64_t now, struct buf *out)
{
    const struct acct_job *j = r->job;

    buf_puts(out, "{");
    identity(out, r);
    times(out, r, now);
    buf_printf(out, ", \"state\": {\"current\": [\"%s\"], ", state_word(j->state));
    text(out, "reason", j->reason);
    buf_puts(out, "}, ");
    exit_code(out, "exit_code", j->exit_code);
    buf_puts(out, ", ");
    exit_code(out, "derived_exit_code", j->derived_exit_code);
    buf_puts(out, ", ");
    number(out, "priority", true, j->priority);
    buf_printf(out, ", \"required\": {\"CPUs\": %" PRIu32 ", ", j->req_cpus);
    number(out, "memory_per_node", true, (int64_t)j->req_mem_mb);
    buf_puts(out, "}, \"tres\": {");
    tres(out, "allocated", j->tres_alloc);
    buf_puts(out, ", ");
    tres(out, "requested", j->tres_req);
    buf_puts(out, "}, \"steps\": [");
    for (uint32_t i = 0; i < r->steps.n; i++) {
        buf_puts(out, i ? ", " : "");
        step(out, j, &r->steps.v[i], now);
    }
    buf_puts(out, "]}");
}
