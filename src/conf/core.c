/* The part of slurm.conf that the core decides with.  The core gets a copy: it outlives this
 * configuration. */
#include "conf/internal.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <time.h>

static void copy_strings(struct arena *a, const struct desc *d, void *message);
static void fill_scalars(const struct conf *c, struct arena *a, struct core_conf *r);

/* "select/cons_tres" is "cons_tres". */
static const char *plugin(const char *s)
{
    const char *slash = strchr(s, '/');

    return slash ? slash + 1 : s;
}

/* Of the winter half of the year: reset periods may begin an hour off in summer. */
static int32_t utc_offset(void)
{
    tzset();
    return (int32_t)-timezone;
}

/* In the form that a partition has them. */
static const char *conf_job_defaults(const struct conf *c, struct arena *a)
{
    uint32_t cpus = conf_u32(c, "DefCPUPerGPU"), mb = conf_u32(c, "DefMemPerGPU");
    const char *s = cpus ? arena_printf(a, "DefCpuPerGPU=%u", cpus) : "";

    return mb == UINT32_MAX || mb == 0
               ? s
               : arena_printf(a, "%s%sDefMemPerGPU=%u", s, *s ? "," : "", mb);
}

static struct opt_u64 memory(const struct conf *c, const char *key)
{
    uint32_t mb = conf_u32(c, key);

    return mb == UINT32_MAX ? (struct opt_u64){ 0 } : (struct opt_u64){ true, mb };
}

int conf_to_core(const struct conf *c, struct arena *a, struct core_conf *ret, struct err *e)
{
    struct core_conf r = { 0 };
    uid_t uid = 0;

    int rc = conf_slurm_uid(c, &uid, e);
    if (rc < 0)
        return rc;
    r.slurm_uid = uid;
    fill_scalars(c, a, &r);
    r.nodes.n = c->node_count;
    r.nodes.v = arena_memdup(a, c->nodes, c->node_count * sizeof *c->nodes);
    for (uint32_t i = 0; i < r.nodes.n; i++)
        copy_strings(a, &desc_conf_node, &r.nodes.v[i]);
    r.parts.n = c->part_count;
    r.parts.v = arena_memdup(a, c->parts, c->part_count * sizeof *c->parts);
    for (uint32_t i = 0; i < r.parts.n; i++)
        copy_strings(a, &desc_part_info, &r.parts.v[i]);
    r.switches.n = c->switch_count;
    r.switches.v = arena_memdup(a, c->switches, c->switch_count * sizeof *c->switches);
    for (uint32_t i = 0; i < r.switches.n; i++)
        copy_strings(a, &desc_topo_switch, &r.switches.v[i]);
    copy_strings(a, &desc_core_conf, &r);
    *ret = r;
    return 0;
}

static void fill_scalars(const struct conf *c, struct arena *a, struct core_conf *r)
{
    const char *select = plugin(conf_str(c, "SelectType"));

    *r = (struct core_conf){
        .slurm_uid = r->slurm_uid,
        .cluster = c->cluster,
        .select_type = strcasecmp(select, "linear") == 0 ? "linear" : "cons_tres",
        .select_params = conf_str(c, "SelectTypeParameters"),
        .priority_type = plugin(conf_str(c, "PriorityType")),
        .scheduler_type = plugin(conf_str(c, "SchedulerType")),
        .sched_params = conf_str(c, "SchedulerParameters"),
        .first_job_id = conf_u32(c, "FirstJobId"),
        .max_job_id = conf_u32(c, "MaxJobId"),
        .max_job_count = conf_u32(c, "MaxJobCount"),
        .max_array_size = conf_u32(c, "MaxArraySize"),
        .min_job_age_s = conf_u32(c, "MinJobAge"),
        .kill_wait_s = conf_u32(c, "KillWait"),
        .over_time_limit_min = conf_u32(c, "OverTimeLimit"),
        .slurmd_timeout_s = conf_u32(c, "SlurmdTimeout"),
        .return_to_service = (uint32_t)(*conf_str(c, "ReturnToService") - '0'),
        .job_requeue = conf_u32(c, "JobRequeue") != 0,
        .max_batch_requeue = conf_u32(c, "MaxBatchRequeue"),
        .max_step_count = conf_u32(c, "MaxStepCount"),
        .enforce_part_limits = conf_str(c, "EnforcePartLimits"),
        .def_mem_per_cpu_mb = memory(c, "DefMemPerCPU"),
        .def_mem_per_node_mb = memory(c, "DefMemPerNode"),
        .max_mem_per_cpu_mb = memory(c, "MaxMemPerCPU"),
        .max_mem_per_node_mb = memory(c, "MaxMemPerNode"),
        .batch_start_timeout_s = conf_u32(c, "BatchStartTimeout"),
        .unkillable_timeout_s = conf_u32(c, "UnkillableStepTimeout"),
        .requeue_exit = conf_str(c, "RequeueExit"),
        .requeue_exit_hold = conf_str(c, "RequeueExitHold"),
        .config_overrides = conf_flag(c, "SlurmdParameters", "config_overrides") ||
                            conf_u32(c, "FastSchedule") == 2,
        .private_data = conf_str(c, "PrivateData"),
        .licenses = conf_str(c, "Licenses"),
        .job_defaults = conf_job_defaults(c, a),
        .topology = conf_topology_kind(c),
        .topology_param = conf_str(c, "TopologyParam"),
        .block_sizes = c->block_sizes ? c->block_sizes : "",
        .gres_types = conf_str(c, "GresTypes"),
        .disable_root_jobs = conf_u32(c, "DisableRootJobs") != 0,
        .kill_invalid_depend = conf_flag(c, "DependencyParameters", "kill_invalid_depend"),
        .complete_wait_s = conf_u32(c, "CompleteWait"),
        .max_tasks_per_node = conf_u32(c, "MaxTasksPerNode"),
        .resume_timeout_s = conf_u32(c, "ResumeTimeout"),
        .prio_weight_age = conf_u32(c, "PriorityWeightAge"),
        .prio_weight_assoc = conf_u32(c, "PriorityWeightAssoc"),
        .prio_weight_fairshare = conf_u32(c, "PriorityWeightFairShare"),
        .prio_weight_job_size = conf_u32(c, "PriorityWeightJobSize"),
        .prio_weight_partition = conf_u32(c, "PriorityWeightPartition"),
        .prio_weight_qos = conf_u32(c, "PriorityWeightQOS"),
        .prio_weight_tres = conf_str(c, "PriorityWeightTRES"),
        .prio_max_age_s = conf_u32(c, "PriorityMaxAge"),
        .prio_favors_small = conf_u32(c, "PriorityFavorSmall") != 0,
        .prio_flags = conf_str(c, "PriorityFlags"),
        .prio_half_life_s = conf_u32(c, "PriorityDecayHalfLife"),
        .prio_period_s = conf_u32(c, "PriorityCalcPeriod"),
        .prio_dampening = conf_u32(c, "FairShareDampeningFactor"),
        .prio_reset = conf_str(c, "PriorityUsageResetPeriod"),
        .utc_offset_s = utc_offset(),
        .acct_enforce = conf_str(c, "AccountingStorageEnforce"),
        .acct_tres = conf_str(c, "AccountingStorageTRES"),
        .acct_enabled = strcasecmp(plugin(conf_str(c, "AccountingStorageType")), "slurmdbd") == 0,
    };
}

/* Gives a message its own strings; the lists in it are the caller's business. */
static void copy_strings(struct arena *a, const struct desc *d, void *message)
{
    const struct field *fields = d->fields();

    for (unsigned i = 0; i < d->count; i++) {
        if (fields[i].kind != KIND_STR)
            continue;
        const char **s = (const char **)((char *)message + fields[i].offset);
        *s = arena_strdup(a, *s);
    }
}
