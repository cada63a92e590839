/* The environment of a task.  One row a variable: its name, when it is there, and what it says.
 * Rows are in the order of contracts/slurm.md section 4. */
#include "node/env.h"

#include "base/buf.h"
#include "base/bits.h"
#include "base/limits.h"
#include "base/map.h"
#include "node/layout.h"
#include "schema/rpc.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define VARIABLE_MAX \
    (128u * 1024) /* the kernel's MAX_ARG_STRLEN: a longer one would make execve fail */
#define SPARE 64  /* room for what is put later */

/* The value, or NULL when the variable does not apply to this launch. */
typedef const char *value_fn(const struct launch *l, const struct env_node *node, struct arena *a);

struct variable {
    const char *name;
    value_fn *value;
};

/* ---- values.  TEXT and NUMBER are the two plain shapes: a member of the launch message, left out
 * when empty or when `when` does not hold. */

#define TEXT(member)                                                                    \
    static const char *member##_value(const struct launch *l, const struct env_node *n, \
                                      struct arena *a)                                  \
    {                                                                                   \
        return l->member[0] ? l->member : NULL;                                         \
    }
#define NUMBER(name, when, number)                                                    \
    static const char *name##_value(const struct launch *l, const struct env_node *n, \
                                    struct arena *a)                                  \
    {                                                                                 \
        return (when) ? arena_printf(a, "%llu", (unsigned long long)(number)) : NULL; \
    }
#define FIXED(name, when, text)                                                       \
    static const char *name##_value(const struct launch *l, const struct env_node *n, \
                                    struct arena *a)                                  \
    {                                                                                 \
        return (when) ? (text) : NULL;                                                \
    }

TEXT(job_name)
TEXT(nodes)
TEXT(partition)
TEXT(account)
TEXT(qos)
TEXT(user_name)
TEXT(cpus_per_node)
TEXT(tasks_per_node)
TEXT(submit_dir)
TEXT(submit_host)
TEXT(cluster)
TEXT(node_name)
TEXT(dependency)
TEXT(reservation)
TEXT(licenses)
TEXT(distribution)
TEXT(export_env)
NUMBER(job_id, true, l->job_id)
NUMBER(num_nodes, true, l->num_nodes)
NUMBER(uid, true, l->uid)
NUMBER(gid, true, l->gid)
NUMBER(cpus, true, l->cpus)
NUMBER(ntasks, l->ntasks_given, l->ntasks)
NUMBER(cpus_per_task, l->cpus_per_task.set, l->cpus_per_task.v)
NUMBER(ntasks_per_node, l->ntasks_per_node.set, l->ntasks_per_node.v)
NUMBER(ntasks_per_core, l->ntasks_per_core.set, l->ntasks_per_core.v)
NUMBER(ntasks_per_socket, l->ntasks_per_socket.set, l->ntasks_per_socket.v)
NUMBER(mem_per_node, l->mem_per_node_mb.set, l->mem_per_node_mb.v)
NUMBER(mem_per_cpu, l->mem_per_cpu_mb.set, l->mem_per_cpu_mb.v)
NUMBER(node_index, true, l->node_index)
NUMBER(restart, l->restart > 0, l->restart)
NUMBER(start_time, l->start_time > 0, l->start_time)
NUMBER(end_time, l->end_time > 0, l->end_time)
NUMBER(array_job_id, l->array_task_id.set, l->array_job_id)
NUMBER(array_task_id, l->array_task_id.set, l->array_task_id.v)
NUMBER(array_count, l->array_task_id.set, l->array_count)
NUMBER(array_min, l->array_task_id.set, l->array_min)
NUMBER(array_max, l->array_task_id.set, l->array_max)
NUMBER(array_step, l->array_task_id.set, l->array_step)
FIXED(zero, !n->step, "0")
FIXED(overcommit, l->overcommit, "1")
FIXED(batch, !n->step, "BATCH")
FIXED(topology, true, "node")
FIXED(conf, n->conf_path[0], n->conf_path)

static const struct variable variables[] = {
    { "SLURM_JOB_ID", job_id_value },
    { "SLURM_JOBID", job_id_value },
    { "SLURM_JOB_NAME", job_name_value },
    { "SLURM_JOB_NODELIST", nodes_value },
    { "SLURM_NODELIST", nodes_value },
    { "SLURM_JOB_NUM_NODES", num_nodes_value },
    { "SLURM_NNODES", num_nodes_value },
    { "SLURM_JOB_PARTITION", partition_value },
    { "SLURM_JOB_ACCOUNT", account_value },
    { "SLURM_JOB_QOS", qos_value },
    { "SLURM_JOB_UID", uid_value },
    { "SLURM_JOB_USER", user_name_value },
    { "SLURM_JOB_GID", gid_value },
    { "SLURM_JOB_CPUS_PER_NODE", cpus_per_node_value },
    { "SLURM_TASKS_PER_NODE", tasks_per_node_value },
    { "SLURM_CPUS_ON_NODE", cpus_value },
    { "SLURM_NTASKS", ntasks_value },
    { "SLURM_NPROCS", ntasks_value },
    { "SLURM_CPUS_PER_TASK", cpus_per_task_value },
    { "SLURM_NTASKS_PER_NODE", ntasks_per_node_value },
    { "SLURM_NTASKS_PER_CORE", ntasks_per_core_value },
    { "SLURM_NTASKS_PER_SOCKET", ntasks_per_socket_value },
    { "SLURM_MEM_PER_NODE", mem_per_node_value },
    { "SLURM_MEM_PER_CPU", mem_per_cpu_value },
    { "SLURM_SUBMIT_DIR", submit_dir_value },
    { "SLURM_SUBMIT_HOST", submit_host_value },
    { "SLURM_CLUSTER_NAME", cluster_value },
    { "SLURMD_NODENAME", node_name_value },
    { "HOSTNAME", node_name_value },
    { "SLURM_NODEID", node_index_value },
    { "SLURM_LOCALID", zero_value },
    { "SLURM_PROCID", zero_value },
    { "SLURM_GTIDS", zero_value },
    { "SLURM_TOPOLOGY_ADDR", node_name_value },
    { "SLURM_TOPOLOGY_ADDR_PATTERN", topology_value },
    { "SLURM_CONF", conf_value },
    { "SLURM_JOB_DEPENDENCY", dependency_value },
    { "SLURM_JOB_RESERVATION", reservation_value },
    { "SLURM_JOB_LICENSES", licenses_value },
    { "SLURM_RESTART_COUNT", restart_value },
    { "SLURM_DISTRIBUTION", distribution_value },
    { "SLURM_OVERCOMMIT", overcommit_value },
    { "SLURM_EXPORT_ENV", export_env_value },
    { "SLURM_JOB_START_TIME", start_time_value },
    { "SLURM_JOB_END_TIME", end_time_value },
    { "SLURM_ARRAY_JOB_ID", array_job_id_value },
    { "SLURM_ARRAY_TASK_ID", array_task_id_value },
    { "SLURM_ARRAY_TASK_COUNT", array_count_value },
    { "SLURM_ARRAY_TASK_MIN", array_min_value },
    { "SLURM_ARRAY_TASK_MAX", array_max_value },
    { "SLURM_ARRAY_TASK_STEP", array_step_value },
    { "ENVIRONMENT", batch_value },
};
#define VARIABLES (sizeof variables / sizeof variables[0])

/* ---- of a numbered step.  These come first, so that they stand before what the job says under the
 * same name. */

#define STEP_NUMBER(name, number)                                                     \
    static const char *name##_value(const struct launch *l, const struct env_node *n, \
                                    struct arena *a)                                  \
    {                                                                                 \
        const struct step_launch *s = n->step;                                        \
        return arena_printf(a, "%llu", (unsigned long long)(number));                 \
    }

static const struct step_node *self(const struct step_launch *s)
{
    return &s->parts.v[s->self];
}

STEP_NUMBER(step_id, s->step_id)
STEP_NUMBER(step_nodes, s->parts.n)
STEP_NUMBER(step_node_rank, s->self)
STEP_NUMBER(step_tasks, layout_ntasks(s))
STEP_NUMBER(step_cpus,
            self(s)->cpus.len ? bits_count_bytes(self(s)->cpus.p, self(s)->cpus.len) : l->cpus)

static const char *step_nodelist_value(const struct launch *l, const struct env_node *n,
                                       struct arena *a)
{
    return layout_nodes(n->step, a);
}

static const char *step_layout_value(const struct launch *l, const struct env_node *n,
                                     struct arena *a)
{
    return layout_tasks_per_node(n->step, a);
}

static const char *gtids_value(const struct launch *l, const struct env_node *n, struct arena *a)
{
    const struct u32s *tasks = &self(n->step)->tasks;
    struct buf b = { 0 };

    for (uint32_t i = 0; i < tasks->n; i++)
        buf_printf(&b, "%s%u", i ? "," : "", tasks->v[i]);
    const char *text = arena_strdup(a, buf_str(&b));
    buf_fini(&b);
    return text;
}

static const char *umask_value(const struct launch *l, const struct env_node *n, struct arena *a)
{
    const struct opt_u32 *mask = &n->step->spec->umask;

    return mask->set ? arena_printf(a, "%04o", mask->v) : NULL;
}

static const char *step_cpus_per_task_value(const struct launch *l, const struct env_node *n,
                                            struct arena *a)
{
    const struct opt_u32 *cpus = &n->step->spec->cpus_per_task;

    return cpus->set ? arena_printf(a, "%u", cpus->v) : NULL;
}

static const char *step_distribution_value(const struct launch *l, const struct env_node *n,
                                           struct arena *a)
{
    return n->step->spec->distribution[0] ? n->step->spec->distribution : NULL;
}

/* host:port of the client, from its list of places; the last colon parts them. */
static const char *client_place(const struct env_node *n, struct arena *a, char **ret_port)
{
    char *all = arena_strdup(a, n->step->spec->client_addr), *rest = NULL;

    for (char *p = strtok_r(all, ",", &rest); p; p = strtok_r(NULL, ",", &rest)) {
        char *colon = strrchr(p, ':');
        if (p[0] == '@' || !colon)
            continue;
        *colon = '\0';
        *ret_port = colon + 1;
        return p;
    }
    return NULL;
}

static const char *client_host_value(const struct launch *l, const struct env_node *n,
                                     struct arena *a)
{
    char *port;

    return client_place(n, a, &port);
}

static const char *client_port_value(const struct launch *l, const struct env_node *n,
                                     struct arena *a)
{
    char *port;

    return client_place(n, a, &port) ? port : NULL;
}

static const struct variable step_variables[] = {
    { "SLURM_STEP_ID", step_id_value },
    { "SLURM_STEPID", step_id_value },
    { "SLURM_STEP_NODELIST", step_nodelist_value },
    { "SLURM_STEP_NUM_NODES", step_nodes_value },
    { "SLURM_STEP_NUM_TASKS", step_tasks_value },
    { "SLURM_STEP_TASKS_PER_NODE", step_layout_value },
    { "SLURM_STEP_LAUNCHER_PORT", client_port_value },
    { "SLURM_SRUN_COMM_HOST", client_host_value },
    { "SLURM_SRUN_COMM_PORT", client_port_value },
    { "SLURM_LAUNCH_NODE_IPADDR", client_host_value },
    { "SLURM_NODELIST", step_nodelist_value },
    { "SLURM_NNODES", step_nodes_value },
    { "SLURM_NTASKS", step_tasks_value },
    { "SLURM_NPROCS", step_tasks_value },
    { "SLURM_TASKS_PER_NODE", step_layout_value },
    { "SLURM_CPUS_PER_TASK", step_cpus_per_task_value },
    { "SLURM_CPUS_ON_NODE", step_cpus_value },
    { "SLURM_NODEID", step_node_rank_value },
    { "SLURM_GTIDS", gtids_value },
    { "SLURM_UMASK", umask_value },
    { "SLURM_DISTRIBUTION", step_distribution_value },
};
#define STEP_VARIABLES (sizeof step_variables / sizeof step_variables[0])

/* ---- building */

struct building {
    struct env env;
    struct smap seen; /* NAME -> the name itself: the first to say it wins */
};

static void add(struct building *b, struct arena *a, const char *name, size_t name_len, char *whole)
{
    char *key = arena_strndup(a, name, name_len);

    if (smap_get(&b->seen, key))
        return;
    smap_put(&b->seen, key, key);
    b->env.v[b->env.n++] = whole;
}

static void add_table(struct building *b, const struct launch *l, const struct env_node *node,
                      struct arena *a)
{
    const bool is_step = node->step != NULL;

    for (size_t i = is_step ? 0 : STEP_VARIABLES; i < STEP_VARIABLES + VARIABLES; i++) {
        const struct variable *v =
            i < STEP_VARIABLES ? &step_variables[i] : &variables[i - STEP_VARIABLES];
        const char *value = v->value(l, node, a);
        if (value)
            add(b, a, v->name, strlen(v->name), arena_printf(a, "%s=%s", v->name, value));
    }
}

static int add_users(struct building *b, const struct launch *l, struct arena *a, struct err *e)
{
    size_t total = 0;

    for (uint32_t i = 0; i < l->environment.n; i++) {
        const char *text = l->environment.v[i];
        const char *equals = strchr(text, '=');
        size_t len = strlen(text);
        if (!equals || equals == text)
            return err_set(e, EINVAL, "environment: \"%.40s\" is not NAME=value", text);
        if (len >= VARIABLE_MAX)
            return err_set(e, E2BIG,
                           "environment: %.60s has %zu bytes, the kernel takes at most %u",
                           arena_strndup(a, text, (size_t)(equals - text)), len, VARIABLE_MAX);
        if ((total += len) > ENV_MAX)
            return err_set(e, E2BIG, "environment: more than %u bytes", ENV_MAX);
        add(b, a, text, (size_t)(equals - text), (char *)text);
    }
    return 0;
}

int env_build(const struct launch *l, const struct env_node *node, struct arena *a, struct env *ret,
              struct err *e)
{
    struct building b = { 0 };

    b.env.cap = l->environment.n + VARIABLES + STEP_VARIABLES + SPARE;
    b.env.v = arena_calloc(a, b.env.cap, sizeof *b.env.v);
    add_table(&b, l, node, a);
    int err = add_users(&b, l, a, e);
    if (err == 0)
        add(&b, a, "TMPDIR", strlen("TMPDIR"), arena_strdup(a, "TMPDIR=/tmp"));
    smap_fini(&b.seen);
    if (err < 0)
        return err;

    *ret = b.env;
    return 0;
}

/* ---- single variables */

static uint32_t find(const struct env *env, const char *name)
{
    size_t len = strlen(name);
    uint32_t i = 0;

    while (i < env->n && (strncmp(env->v[i], name, len) != 0 || env->v[i][len] != '='))
        i++;
    return i;
}

void env_put(struct env *env, struct arena *a, const char *name, const char *value)
{
    uint32_t at = find(env, name);

    if (!value) {
        if (at < env->n) {
            env->v[at] = env->v[--env->n];
            env->v[env->n] = NULL;
        }
        return;
    }
    if (env->n + 2 > env->cap) { /* the last one stays NULL */
        char **bigger = arena_calloc(a, env->cap * 2 + SPARE, sizeof *bigger);
        if (env->n)
            memcpy(bigger, env->v, env->n * sizeof *bigger);
        env->v = bigger;
        env->cap = env->cap * 2 + SPARE;
    }
    env->v[at] = arena_printf(a, "%s=%s", name, value);
    env->n += at == env->n;
}

void env_put_number(struct env *env, struct arena *a, const char *name, uint64_t value)
{
    char text[24];

    snprintf(text, sizeof text, "%llu", (unsigned long long)value);
    env_put(env, a, name, text);
}

const char *env_get(const struct env *env, const char *name)
{
    uint32_t at = find(env, name);

    return at < env->n ? env->v[at] + strlen(name) + 1 : NULL;
}
