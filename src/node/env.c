/* The environment of a task.  One row a variable: its name, when it is there, and what it says.
 * Rows are in the order of contracts/slurm.md section 4. */
#include "node/env.h"

#include "base/limits.h"
#include "base/map.h"
#include "schema/rpc.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define VARIABLE_MAX \
    (128u * 1024) /* the kernel's MAX_ARG_STRLEN: a longer one would make execve fail */
#define PID_VARIABLE "SLURM_TASK_PID="
#define PID_ROOM 12

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
FIXED(zero, l->step_id == STEP_BATCH, "0")
FIXED(overcommit, l->overcommit, "1")
FIXED(batch, l->step_id == STEP_BATCH, "BATCH")
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

/* ---- building */

struct building {
    char **v;
    uint32_t n;
    struct smap seen; /* NAME -> the name itself: the first to say it wins */
};

static void add(struct building *b, struct arena *a, const char *name, size_t name_len, char *whole)
{
    char *key = arena_strndup(a, name, name_len);

    if (smap_get(&b->seen, key))
        return;
    smap_put(&b->seen, key, key);
    b->v[b->n++] = whole;
}

static void add_ours(struct building *b, const struct launch *l, const struct env_node *node,
                     struct arena *a)
{
    for (size_t i = 0; i < VARIABLES; i++) {
        const struct variable *v = &variables[i];
        const char *value = v->value(l, node, a);
        if (value)
            add(b, a, v->name, strlen(v->name), arena_printf(a, "%s=%s", v->name, value));
    }
}

static void add_more(struct building *b, const struct strs *more, struct arena *a)
{
    for (uint32_t i = 0; i < more->n; i++)
        add(b, a, more->v[i], strcspn(more->v[i], "="), (char *)more->v[i]);
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

int env_build(const struct launch *l, const struct env_node *node, struct arena *a, char ***ret,
              struct err *e)
{
    struct building b = { 0 };
    char *pid = arena_alloc(a, sizeof PID_VARIABLE + PID_ROOM);

    b.v = arena_calloc(a, l->environment.n + node->more.n + VARIABLES + 3, sizeof *b.v);
    memcpy(pid, PID_VARIABLE, sizeof PID_VARIABLE);
    add(&b, a, PID_VARIABLE, sizeof PID_VARIABLE - 2, pid);
    add_ours(&b, l, node, a);
    add_more(&b, &node->more, a);
    int err = add_users(&b, l, a, e);
    if (err == 0)
        add(&b, a, "TMPDIR", strlen("TMPDIR"), arena_strdup(a, "TMPDIR=/tmp"));
    smap_fini(&b.seen);
    if (err < 0)
        return err;

    *ret = b.v;
    return 0;
}

/* env_build puts the variable first, with room behind the '='. */
void env_task_pid(char **env, long pid)
{
    snprintf(env[0] + strlen(PID_VARIABLE), PID_ROOM, "%ld", pid);
}
