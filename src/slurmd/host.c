/* What this node is, as its steps will need it: SPOOL/host. */
#include "slurmd/host.h"

#include "base/cleanup.h"
#include "base/crc32c.h"
#include "base/log.h"
#include "node/cgroup.h"
#include "node/gpus.h"
#include "node/gres.h"
#include "node/topology.h"

#include <string.h>
#include <unistd.h>

/* Several slurmds may live on one machine; only the one that has the machine's name has the plain
 * group names that monitoring looks for. */
static const char *suffix(const struct launcher_conf *l, struct arena *a)
{
    char host[256] = "";

    gethostname(host, sizeof host - 1);
    host[strcspn(host, ".")] = '\0';
    if (strcmp(host, l->node) == 0)
        return "";
    return arena_printf(a, "_%.64s_%08x", l->node, crc32c(0, l->spool_path, strlen(l->spool_path)));
}

/* The configuration is dropped; what was taken from it is copied. */
static int cgroup_plan(const struct conf *c, struct arena *a, struct cgroup_plan *ret,
                       struct err *e)
{
    struct conf *own;

    int err = conf_load_cgroup(conf_path(c), &own, e);
    if (err < 0)
        return err;
    const struct strs *warnings = conf_warnings(own);
    for (uint32_t i = 0; i < warnings->n; i++)
        log_verbose("%s", warnings->v[i]);
    conf_to_cgroup(c, own, ret);
    ret->mount = arena_strdup(a, ret->mount);
    ret->base = arena_strdup(a, ret->base);
    conf_free(own);
    return 0;
}

/* The controller's CPU numbers mean something here only when it knows the machine as it is. */
static bool is_as_configured(const struct host_topology *t, const struct conf_node *node)
{
    if (t->os.n == 0)
        return false;
    uint32_t last = t->os.n - 1, cores = t->core.v[last] + 1, sockets = t->socket.v[last] + 1;
    return node->cpus == t->os.n || (node->cpus == cores && node->sockets == sockets);
}

static void topology(const struct conf_node *node, struct arena *a, struct host *ret)
{
    ret->topology = arena_alloc(a, sizeof *ret->topology);
    topology_read(a, ret->topology);
    if (is_as_configured(ret->topology, node))
        return;
    if ((ret->cgroup && ret->cgroup->cores) || ret->affinity)
        log_info("CPUs=%u of slurm.conf are not the %u of this machine: steps are not bound to "
                 "CPUs",
                 node->cpus, ret->topology->os.n);
    *ret->topology = (struct host_topology){ 0 };
}

int host_find(const struct conf *c, const struct launcher_conf *l, const struct conf_node *node,
              struct arena *a, struct host *ret, struct err *e)
{
    *ret = (struct host){
        .cgroup = arena_alloc(a, sizeof *ret->cgroup),
        .acct_freq = conf_str(c, "JobAcctGatherFrequency"),
        .task_params = conf_str(c, "TaskPluginParam"),
        .mpi_default = conf_str(c, "MpiDefault"),
        .mpi_params = conf_str(c, "MpiParams"),
        .affinity =
            conf_flag(c, "TaskPlugin", "task/affinity") || conf_flag(c, "TaskPlugin", "affinity"),
    };
    int err = cgroup_plan(c, a, ret->cgroup, e);
    if (err < 0)
        return err;
    cgroup_find(ret->cgroup, suffix(l, a), a);
    if (ret->cgroup->version)
        log_verbose("cgroup v%u, group %s", ret->cgroup->version, ret->cgroup->base);
    if (ret->cgroup->why[0])
        log_info("steps are held by process tree, limits and affinity only: %s", ret->cgroup->why);
    topology(node, a, ret);
    return 0;
}

/* ---- generic resources */

int host_gres(const struct conf *c, const struct conf_node *node, struct arena *a, struct host *h,
              const char **ret_text, struct err *e)
{
    struct gres_conf written, found;

    if (!h->topology)
        topology(node, a, h);
    CLEANUP(buf_fini) struct buf why = { 0 };
    int err = conf_load_gres(conf_path(c), node->name, a, &written, e);
    if (err < 0)
        return err;
    const struct gpus_find find = { written.autodetect, "", h->topology, a };
    gpus_find(&find, &found, &why);
    gres_merge(&(struct gres_said){ node->gres, &written, &found }, a, h, ret_text, &why);
    if (why.len)
        log_error("gres: %s", buf_str(&why));
    return 0;
}

/* "gpu:nvidia_a100:4": runs of one type. */
const char *host_gres_found(struct arena *a)
{
    const struct gpus_find find = { "full", "", NULL, a };
    struct gres_conf found;
    struct buf why = { 0 }, out = { 0 };

    gpus_find(&find, &found, &why);
    for (uint32_t i = 0, run = 1; i < found.lines.n; i++, run++) {
        const char *type = found.lines.v[i].type;
        if (i + 1 < found.lines.n && strcmp(found.lines.v[i + 1].type, type) == 0)
            continue;
        buf_printf(&out, "%s%s:%s:%u", out.len ? "," : "", found.lines.v[i].name, type, run);
        run = 0;
    }
    const char *text = arena_strdup(a, buf_str(&out));
    buf_fini(&why);
    buf_fini(&out);
    return text;
}
