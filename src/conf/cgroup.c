/* cgroup.conf: its keys, and what they mean together with those of slurm.conf.  As in Slurm,
 * confinement needs TaskPlugin=task/cgroup, tracking ProctrackType=proctrack/cgroup and measuring
 * JobAcctGatherType=jobacct_gather/cgroup; a file that asks for more than slurm.conf does is told
 * so. */
#include "conf/internal.h"

#include "base/cleanup.h"
#include "base/xalloc.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

static int cgroup_line(void *arg, const struct conf_line *line, struct err *e)
{
    return conf_key_set(arg, line, e);
}

void conf_beside(const char *slurm_path, const char *name, char *ret, size_t size)
{
    const char *slash = strrchr(slurm_path, '/');

    snprintf(ret, size, "%.*s%s", slash ? (int)(slash + 1 - slurm_path) : 0, slurm_path, name);
}

int conf_load_cgroup(const char *slurm_path, struct conf **ret, struct err *e)
{
    CLEANUP(conf_freep) struct conf *c = conf_new(conf_cgroup_keys, conf_cgroup_key_count);
    char path[PATH_MAX];

    conf_beside(slurm_path, "cgroup.conf", path, sizeof path);
    if (access(path, F_OK) == 0 || errno != ENOENT) {
        int err = conf_read(c, path, cgroup_line, e);
        if (err < 0)
            return err;
    }
    *ret = TAKE(c);
    return 0;
}

static double ratio(const struct conf *c, const char *key)
{
    return strtod(conf_str(c, key), NULL);
}

/* The word after "cgroup/", as the file may be written either way. */
static uint32_t version_asked(const struct conf *c, struct cgroup_plan *ret)
{
    const char *text = conf_str(c, "CgroupPlugin"), *slash = strchr(text, '/');
    const char *word = slash ? slash + 1 : text;

    if (strcasecmp(word, "disabled") == 0)
        ret->why = "CgroupPlugin=disabled";
    return strcasecmp(word, "v1") == 0 ? 1 : strcasecmp(word, "v2") == 0 ? 2 : 0;
}

void conf_to_cgroup(const struct conf *slurm, const struct conf *cgroup, struct cgroup_plan *ret)
{
    bool confines =
        conf_flag(slurm, "TaskPlugin", "task/cgroup") || conf_flag(slurm, "TaskPlugin", "cgroup");
    const char *swappiness = conf_str(cgroup, "MemorySwappiness");
    uint32_t number = 0;

    *ret = (struct cgroup_plan){
        .why = "",
        .mount = conf_str(cgroup, "CgroupMountpoint"),
        .base = conf_str(cgroup, "CgroupSlice"),
        .track = conf_flag(slurm, "ProctrackType", "proctrack/cgroup"),
        .account = conf_flag(slurm, "JobAcctGatherType", "jobacct_gather/cgroup"),
        .cores = confines && conf_u32(cgroup, "ConstrainCores"),
        .devices = confines && conf_u32(cgroup, "ConstrainDevices"),
        .ram = confines && conf_u32(cgroup, "ConstrainRAMSpace"),
        .swap = confines && conf_u32(cgroup, "ConstrainSwapSpace"),
        .allowed_ram = ratio(cgroup, "AllowedRAMSpace"),
        .allowed_swap = ratio(cgroup, "AllowedSwapSpace"),
        .max_ram = ratio(cgroup, "MaxRAMPercent"),
        .max_swap = ratio(cgroup, "MaxSwapPercent"),
        .min_ram_mb = conf_u32(cgroup, "MinRAMSpace"),
        .pids_max = confines ? conf_u32(cgroup, "MaxPidsPerStep") : 0,
        .signal_children = conf_u32(cgroup, "SignalChildrenProcesses"),
    };
    if (swappiness[0] && conf_number(swappiness, &number) == 0)
        ret->swappiness = (struct opt_u32){ true, number };
    ret->version = version_asked(cgroup, ret);
}
