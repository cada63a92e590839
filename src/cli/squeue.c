/* squeue: fetch jobs, filter, sort, print columns. */
#include "base/clock.h"
#include "base/xalloc.h"
#include "cli/args.h"
#include "cli/clusters.h"
#include "cli/connect.h"
#include "cli/job_filter.h"
#include "cli/job_print.h"
#include "cli/order.h"
#include "cli/output.h"
#include "cli/words.h"
#include "schema/errors.h"
#include "schema/rpc.h"
#include "schema/states.h"
#include "wire/json.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>
#include <pwd.h>

struct options {
    struct strs accounts, jobs, licenses, names, partitions, qos, states, users, clusters;
    const char *steps, *format, *format_long, *reservation, *sort, *nodes;
    bool all, hide, no_header, is_long, wants_array, array_unique, me, start, json, yaml, noconvert,
        ignored;
    int iterate, verbose;
};

#define O(member) offsetof(struct options, member)
static const struct arg arg_rows[] = {
    { "account", 'A', ARG_LIST, O(accounts), "SQUEUE_ACCOUNT", "list",
      "only jobs of these accounts" },
    { "all", 'a', ARG_FLAG, O(all), "SQUEUE_ALL", NULL, "hidden partitions too" },
    { "array", 'r', ARG_FLAG, O(wants_array), "SQUEUE_ARRAY", NULL,
      "one line for each array task" },
    { "array-unique", 0, ARG_FLAG, O(array_unique), "SQUEUE_ARRAY_UNIQUE", NULL,
      "one line for each waiting array task" },
    { "clusters", 'M', ARG_LIST, O(clusters), "SLURM_CLUSTERS", "list", "ask these clusters" },
    { "federation", 0, ARG_FLAG, O(ignored), NULL, NULL, "accepted; there is one cluster" },
    { "format", 'o', ARG_TEXT, O(format), NULL, "format", "columns by letter: %.18i %9P" },
    { "Format", 'O', ARG_TEXT, O(format_long), NULL, "format", "columns by name: jobid:8,name" },
    { "hide", 0, ARG_FLAG, O(hide), NULL, NULL, "no hidden partitions" },
    { "iterate", 'i', ARG_NUMBER, O(iterate), NULL, "seconds", "again and again" },
    { "jobs", 'j', ARG_OPTIONAL_LIST, O(jobs), NULL, "list", "only these jobs" },
    { "json", 0, ARG_FLAG, O(json), NULL, NULL, "as JSON" },
    { "licenses", 'L', ARG_LIST, O(licenses), "SQUEUE_LICENSES", "list",
      "only jobs using these licences" },
    { "local", 0, ARG_FLAG, O(ignored), NULL, NULL, "accepted; there is one cluster" },
    { "long", 'l', ARG_FLAG, O(is_long), NULL, NULL, "more columns" },
    { "me", 0, ARG_FLAG, O(me), NULL, NULL, "only my jobs" },
    { "name", 'n', ARG_LIST, O(names), "SQUEUE_NAMES", "list", "only jobs of these names" },
    { "noconvert", 0, ARG_FLAG, O(noconvert), NULL, NULL, "keep sizes in their unit" },
    { "nodelist", 'w', ARG_TEXT, O(nodes), NULL, "hosts", "only jobs on these nodes" },
    { "noheader", 'h', ARG_FLAG, O(no_header), NULL, NULL, "no headings" },
    { "only-job-state", 0, ARG_FLAG, O(ignored), NULL, NULL, "accepted; every answer is quick" },
    { "partition", 'p', ARG_LIST, O(partitions), "SQUEUE_PARTITION", "list",
      "only jobs of these partitions" },
    { "priority", 'P', ARG_FLAG, O(ignored), "SQUEUE_PRIORITY", NULL,
      "accepted; a job is one line" },
    { "qos", 'q', ARG_LIST, O(qos), "SQUEUE_QOS", "list", "only jobs of these QOS" },
    { "reservation", 'R', ARG_TEXT, O(reservation), NULL, "name", "only jobs of this reservation" },
    { "sibling", 0, ARG_FLAG, O(ignored), NULL, NULL, "accepted; there is one cluster" },
    { "sort", 'S', ARG_TEXT, O(sort), "SQUEUE_SORT", "letters", "order: P,t,-p" },
    { "start", 0, ARG_FLAG, O(start), NULL, NULL, "when waiting jobs will probably start" },
    { "states", 't', ARG_LIST, O(states), "SQUEUE_STATES", "list",
      "only jobs in these states, or all" },
    { "steps", 's', ARG_OPTIONAL, O(steps), NULL, "list", "job steps" },
    { "user", 'u', ARG_LIST, O(users), "SQUEUE_USERS", "list", "only jobs of these users" },
    { "verbose", 'v', ARG_COUNT, O(verbose), NULL, NULL, "say more" },
    { "yaml", 0, ARG_FLAG, O(yaml), NULL, NULL, "as YAML (JSON is YAML)" },
};
static const struct args args = { "squeue", "", "Shows jobs that wait or run.", arg_rows,
                                  sizeof arg_rows / sizeof arg_rows[0] };

/* Jobs stay where they were unpacked: a queue of 100,000 is not copied around. */
struct rows {
    const void **v;
    uint32_t n, cap;
};

struct squeue {
    struct arena arena;
    struct options o;
    struct connection connection;
    struct job_filter filter;
    struct text_format format;
    const struct text_table *table;
    struct rows jobs; /* those that passed the filters */
    int64_t now;      /* the controller's clock */
    struct buf out;
};

static const char *default_letters(const struct options *o)
{
    if (o->steps)
        return "%.15i %.8j %.9P %.8u %.9M %N";
    if (o->start)
        return "%.18i %.9P %.8j %.8u %.2t %.19S %.6D %20Y %R";
    return o->is_long ? "%.18i %.9P %.8j %.8u %.8T %.10M %.9l %.6D %R"
                      : "%.18i %.9P %.8j %.8u %.2t %.10M %.6D %R";
}

/* The command line's format, else the environment's, else the default of the kind of list. */
static void format_choose(struct squeue *q)
{
    const char *letters = q->o.format, *names = q->o.format_long;
    bool is_plain = !q->o.is_long && !q->o.steps && !q->o.start;

    if (!letters && !names && is_plain) {
        letters = getenv("SQUEUE_FORMAT");
        names = letters ? NULL : getenv("SQUEUE_FORMAT2");
    }
    q->table = q->o.steps ? &step_columns : &job_columns;
    if (names)
        text_names(q->table, names, &q->arena, &q->format);
    else
        text_letters(q->table, letters ? letters : default_letters(&q->o), &q->arena, &q->format);
    output_bad_format("squeue", q->table, &q->format);
}

/* Some printers look into the request although their column's member is in the job: those with the
 * letters c, m and z, and those without a letter. */
static bool needs_spec(const struct squeue *q)
{
    for (uint32_t i = 0; i < q->format.n && q->table == &job_columns; i++) {
        const struct text_column *c = q->format.v[i].column;

        if (c->through != TEXT_DIRECT || !c->letter || strchr("cmz", c->letter))
            return true;
    }
    return q->o.reservation || q->o.licenses.n || q->o.json || q->o.yaml;
}

/* ---- filters */

static int states_check(const struct strs *states)
{
    uint32_t state, flag;

    for (uint32_t i = 0; i < states->n; i++) {
        if (strcasecmp(states->v[i], "all") == 0 || state_parse(states->v[i], &state, &flag))
            continue;
        fprintf(stderr,
                "squeue: error: Invalid job state specified: %s\n"
                "squeue: error: Valid job states include: "
                "PENDING,RUNNING,SUSPENDED,COMPLETED,CANCELLED,"
                "FAILED,TIMEOUT,NODE_FAIL,PREEMPTED,BOOT_FAIL,DEADLINE,OUT_OF_MEMORY,COMPLETING,"
                "CONFIGURING,RESIZING,RESV_DEL_HOLD,REQUEUED,REQUEUE_FED,REQUEUE_HOLD,REVOKED,"
                "SIGNALING,"
                "SPECIAL_EXIT,STAGE_OUT,STOPPED\n\n",
                states->v[i]);
        return -1;
    }
    return 0;
}

static int ids_check(const struct strs *ids)
{
    for (uint32_t i = 0; i < ids->n; i++) {
        if (strspn(ids->v[i], "0123456789") > 0)
            continue;
        fprintf(stderr, "squeue: error: Invalid job id: %s\n", ids->v[i]);
        return -1;
    }
    return 0;
}

/* A name nobody has is only complained about: the list is then empty, and the exit code 0, as
 * Slurm's. */
static void users_check(const struct strs *users)
{
    for (uint32_t i = 0; i < users->n; i++)
        if (users->v[i][strspn(users->v[i], "0123456789")] && !getpwnam(users->v[i]))
            fprintf(stderr, "squeue: error: Invalid user: %s\n\n", users->v[i]);
}

/* Every node named by -w must exist. */
static int nodes_check(struct squeue *q, struct err *e)
{
    struct hostlist *wanted = &q->filter.nodes;
    struct node_infos *known;
    int r = hostlist_expand(&q->arena, q->o.nodes, wanted, e);

    if (r < 0 ||
        (r = client_call(q->connection.client, OP_node_list, &(struct node_query){ .nodes = "" },
                         &q->arena, (void **)&known, e)) < 0)
        return r;
    for (uint32_t i = 0; i < wanted->n; i++) {
        uint32_t k = 0;

        while (k < known->nodes.n && strcmp(known->nodes.v[k].name, wanted->v[i]) != 0)
            k++;
        if (k == known->nodes.n)
            return err_set(e, ESLURM_INVALID_NODE_NAME, "Invalid node name %s", wanted->v[i]);
    }
    return 0;
}

/* Partitions that are not shown unless they are named.  root sees everything, as an operator does.
 */
static int hidden_load(struct squeue *q, struct err *e)
{
    struct part_infos *parts;

    if (q->o.all || (geteuid() == 0 && !q->o.hide))
        return 0;

    int r =
        client_call(q->connection.client, OP_part_list,
                    &(struct part_query){ .name = "", .all = true }, &q->arena, (void **)&parts, e);

    if (r < 0)
        return r;
    q->filter.hidden.v = arena_calloc(&q->arena, parts->parts.n + 1u, sizeof(char *));
    for (uint32_t i = 0; i < parts->parts.n; i++)
        if (parts->parts.v[i].hidden)
            q->filter.hidden.v[q->filter.hidden.n++] = parts->parts.v[i].name;
    return 0;
}

static int filter_fill(struct squeue *q, struct err *e)
{
    struct options *o = &q->o;
    int r = hidden_load(q, e);

    if (r < 0)
        return r;
    if (o->me) {
        o->users.n = 0;
        words_add(&o->users, arena_printf(&q->arena, "%u", getuid()), &q->arena);
    }
    if (o->start && !o->states.n)
        words_add(&o->states, "PENDING", &q->arena);
    q->filter.jobs = o->jobs;
    q->filter.users = o->users;
    q->filter.accounts = o->accounts;
    q->filter.partitions = o->partitions;
    q->filter.qos = o->qos;
    q->filter.names = o->names;
    q->filter.states = o->states;
    q->filter.licenses = o->licenses;
    q->filter.reservation = o->reservation;
    return o->nodes ? nodes_check(q, e) : 0;
}

/* ---- fetching */

static void rows_add(struct rows *rows, const void *row)
{
    if (rows->n == rows->cap) {
        rows->cap = rows->cap ? rows->cap * 2 : 1024;
        rows->v = xrealloc(rows->v, rows->cap, sizeof *rows->v);
    }
    rows->v[rows->n++] = row;
}

static bool names_tasks(const struct strs *ids)
{
    for (uint32_t i = 0; i < ids->n; i++)
        if (strchr(ids->v[i], '_'))
            return true;
    return false;
}

/* What is left of a page after the filters, arrays taken apart where asked. */
static void choose(struct squeue *q, const struct job_infos *page)
{
    static const struct strs every;
    bool names = names_tasks(&q->o.jobs);
    const struct strs *apart = names                                   ? &q->o.jobs
                               : q->o.wants_array || q->o.array_unique ? &every
                                                                       : NULL;

    for (uint32_t i = 0; i < page->jobs.n; i++) {
        const struct job_info *job = &page->jobs.v[i];
        struct job_infos tasks = { 0 };

        if (!job_wanted(&q->filter, job, &q->arena))
            continue;
        if (!apart) {
            rows_add(&q->jobs, job);
            continue;
        }
        job_expand(job, apart, &q->arena, &tasks);
        for (uint32_t k = 0; k < tasks.jobs.n; k++)
            rows_add(&q->jobs, &tasks.jobs.v[k]);
    }
}

/* All pages.  One unknown id is an error; among several it is passed over (clients.md rule 4). */
static int fetch(struct squeue *q, struct err *e)
{
    const char *all = "all";
    bool wants_ended = q->o.states.n || q->o.jobs.n;
    struct job_query query = {
        .jobs = q->o.jobs,
        .states = wants_ended ? (struct strs){ &all, 1 } : (struct strs){ 0 },
        .detail = needs_spec(q),
        .start = q->o.start,
    };
    struct job_infos *page;
    bool is_any = false;

    q->jobs.n = 0;
    q->now = clock_wall_s();
    do {
        int r =
            client_call(q->connection.client, OP_job_list, &query, &q->arena, (void **)&page, e);

        if (r == -ESLURM_INVALID_JOB_ID && q->o.jobs.n > 1)
            return 0;
        if (r < 0)
            return r;
        choose(q, page);
        q->now = page->now;
        is_any = is_any || page->jobs.n;
        query.after_job = page->jobs.n ? page->jobs.v[page->jobs.n - 1].record : 0;
    } while (page->more && page->jobs.n);

    if (!is_any && q->o.jobs.n == 1)
        return err_set(e, ESLURM_INVALID_JOB_ID, "%s", errors_text(ESLURM_INVALID_JOB_ID));
    return 0;
}

/* ---- printing */

static const struct job_info *job_of(const struct squeue *q, const struct step_info *step)
{
    for (uint32_t i = 0; i < q->jobs.n; i++) {
        const struct job_info *job = q->jobs.v[i];
        if (job->record == step->job_id)
            return job;
    }
    return NULL;
}

/* -s 12.0,13.batch: those; -s alone: all. */
static bool is_asked(struct squeue *q, const struct job_step *step)
{
    struct buf id = { 0 };
    struct strs asked = { 0 };
    bool is_in = false;

    words_add(&asked, q->o.steps, &q->arena);
    step_id_put(step, &id);
    for (uint32_t i = 0; i < asked.n; i++)
        is_in = is_in || strcasecmp(asked.v[i], buf_str(&id)) == 0;
    buf_fini(&id);
    return is_in || asked.n == 0;
}

/* The steps of the jobs that the other options choose. */
static int steps_of(struct squeue *q, struct rows *ret, struct err *e)
{
    const struct step_query query = { 0 };
    struct step_infos *all;

    int r = client_call(q->connection.client, OP_step_list, &query, &q->arena, (void **)&all, e);
    for (uint32_t i = 0; r == 0 && i < all->steps.n; i++) {
        const struct step_info *info = &all->steps.v[i];
        const struct job_info *job = job_of(q, info);
        struct job_step *step = arena_alloc(&q->arena, sizeof *step);
        *step = (struct job_step){ job,           info->name,        info->nodes,
                                   info->step_id, info->start_time,  info->time_limit_min,
                                   info->num_tasks, info->num_cpus };
        if (job && is_asked(q, step))
            rows_add(ret, step);
    }
    return r;
}

static void print_json(struct squeue *q)
{
    output_json_open("jobs", &q->out);
    for (uint32_t i = 0; i < q->jobs.n; i++) {
        const struct job_info *job = q->jobs.v[i];

        output_json_item(i == 0, &q->out);
        json_write(&desc_job_info, job, JSON_ALL | JSON_SLURM, &q->out);
        q->out.len--; /* the closing brace, to add what readers look for first */
        buf_printf(&q->out, ",\"job_state\":[\"%s\"]}", state_long(job->state, job->state_flags));
    }
    output_json_close("squeue", q->connection.cluster, &q->out);
}

static const char *default_sort(const struct options *o)
{
    return o->steps ? "P,i" : o->start ? "S" : "P,t,-p";
}

/* With --start, jobs whose start nobody knows come last. */
static void unknown_last(const void **rows, uint32_t n)
{
    const void **late = xcalloc(n + 1u, sizeof *late);
    uint32_t kept = 0, moved = 0;

    for (uint32_t i = 0; i < n; i++)
        if (((const struct job_info *)rows[i])->start_time)
            rows[kept++] = rows[i];
        else
            late[moved++] = rows[i];
    memcpy(rows + kept, late, moved * sizeof *late);
    free(late);
}

static int print_rows(struct squeue *q, struct rows *rows, struct err *e)
{
    struct text_env env = output_env(q->now, q->connection.cluster, q->o.noconvert);
    int r = order_rows(q->table, q->o.sort ? q->o.sort : default_sort(&q->o), rows->v, rows->n, e);

    if (r < 0)
        return r;
    if (q->o.start && !q->o.sort)
        unknown_last(rows->v, rows->n);
    if (q->o.clusters.n && !q->o.no_header)
        buf_printf(&q->out, "CLUSTER: %s\n", env.cluster);
    if ((q->o.is_long && !q->o.no_header) || q->o.iterate)
        output_date(q->now, &q->out);
    if (!q->o.no_header)
        text_header(&q->format, &q->out);
    for (uint32_t i = 0; i < rows->n; i++)
        text_row(&q->format, rows->v[i], &env, &q->out);
    return 0;
}

static int print(struct squeue *q, struct err *e)
{
    struct rows steps = { 0 };

    if (q->o.json || q->o.yaml) {
        print_json(q);
        return 0;
    }
    if (!q->o.steps)
        return print_rows(q, &q->jobs, e);
    int r = steps_of(q, &steps, e);
    if (r == 0)
        r = print_rows(q, &steps, e);
    free(steps.v);
    return r;
}

/* ---- the program */

static int show_once(struct squeue *q)
{
    struct err e = { 0 };

    if (fetch(q, &e) < 0) {
        output_load_error("slurm_load_jobs", &e);
        return 1;
    }
    if (print(q, &e) < 0) {
        fprintf(stderr, "squeue: error: %s\n", e.text);
        return 1;
    }
    output_flush(&q->out);
    return 0;
}

/* Turns "12", "12.batch" of -s into job ids. */
static int steps_to_jobs(struct squeue *q)
{
    struct strs steps = { 0 };

    words_add(&steps, q->o.steps, &q->arena);
    for (uint32_t i = 0; i < steps.n; i++) {
        if (!strchr(steps.v[i], '.')) {
            fprintf(stderr, "squeue: error: Invalid job_step id: %s.??\n", steps.v[i]);
            return -1;
        }
        words_add(&q->o.jobs, arena_strndup(&q->arena, steps.v[i], strcspn(steps.v[i], ".")),
                  &q->arena);
    }
    return 0;
}

static int prepare(struct squeue *q)
{
    struct err e = { 0 };

    if ((q->o.steps && steps_to_jobs(q) < 0) || ids_check(&q->o.jobs) < 0 ||
        states_check(&q->o.states) < 0)
        return -1;
    users_check(&q->o.users);
    format_choose(q);
    if (connection_open_cluster(&q->connection, &q->o.clusters, &e) < 0) {
        fprintf(stderr, "squeue: error: %s\n", e.text);
        return -1;
    }
    int r = filter_fill(q, &e);

    if (r == -ESLURM_INVALID_NODE_NAME)
        fprintf(stderr, "squeue: error: %s\n", e.text);
    else if (r < 0)
        output_load_error("slurm_load_jobs", &e);
    return r;
}

static int run(struct squeue *q, int argc, char **argv)
{
    int first = args_parse(&args, argc, argv, &q->arena, &q->o), status;

    if (first < 0)
        return first == ARGS_DONE ? 0 : 1;
    if (first < argc) {
        fprintf(stderr, "squeue: error: Unrecognized option: %s\n", argv[first]);
        args_usage(&args, stderr);
        return 1;
    }
    if (clusters_split("squeue", &q->o.clusters, &q->arena, &status))
        return status;
    if (prepare(q) < 0)
        return 1;
    for (;;) {
        int rc = show_once(q);

        if (!q->o.iterate)
            return rc;
        sleep((unsigned)q->o.iterate);
    }
}

int main(int argc, char **argv)
{
    struct squeue q = { 0 };
    int rc = run(&q, argc, argv);

    buf_fini(&q.out);
    free(q.jobs.v);
    connection_close(&q.connection);
    arena_fini(&q.arena);
    return rc;
}
