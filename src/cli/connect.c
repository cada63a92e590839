/* From slurm.conf to an open client. */
#include "cli/connect.h"

#include "base/xalloc.h"
#include "schema/rpc.h"

#include <errno.h>
#include <stdlib.h>
#include <strings.h>

#define DBD_PORT 6819

static int load(struct connection *c, struct client_target *t, struct err *e)
{
    int r = conf_load_keys(conf_default_path(NULL), &c->conf, e);

    if (r < 0)
        return r;
    t->to.cluster = conf_str(c->conf, "ClusterName");
    t->timeout_ms = (int)conf_u32(c->conf, "MessageTimeout") * 1000;
    return conf_slurm_uid(c->conf, &t->to.server_uid, e);
}

int connection_open(struct connection *c, struct err *e)
{
    struct client_target t = { .to.service = "slurmctld" };
    const struct conf_host *hosts;
    int r = load(c, &t, e);

    if (r < 0)
        return r;
    t.to.host_count = conf_controllers(c->conf, &hosts);
    c->hosts = xcalloc(t.to.host_count, sizeof *c->hosts);
    for (unsigned i = 0; i < t.to.host_count; i++)
        c->hosts[i] = (struct target_host){ hosts[i].name, hosts[i].address };
    t.to.hosts = c->hosts;
    t.to.port = (uint16_t)conf_u32(c->conf, "SlurmctldPort");
    t.munge_socket = conf_munge_socket(c->conf);
    c->cluster = t.to.cluster;
    client_open(&t, &c->client);
    return 0;
}

/* Asks slurmdbd where a cluster's controller is; none of that name: an error as Slurm words it. */
static int find_cluster(struct connection *c, const char *name, struct rule_cluster *ret,
                        struct err *e)
{
    struct connection dbd = { 0 };
    struct key_value where = { "Names", name, "" };
    struct rule_query q = { .entity = "cluster", .where = { &where, 1 } };
    struct rule_book *book = NULL;
    int r = connection_open_dbd(&dbd, e);

    if (r == 0)
        r = client_call(dbd.client, OP_rule_list, &q, &c->arena, (void **)&book, e);
    connection_close(&dbd);
    if (r == -ENOTSUP) /* no accounting: no other clusters */
        r = 0;
    if (r == 0 && (!book || !book->clusters.n || !book->clusters.v[0].control_port))
        return err_set(e, ENOENT,
                       "'%s' can't be reached now, or it is an invalid entry for --cluster.  "
                       "Use 'sacctmgr list clusters' to see available clusters.",
                       name);
    if (r == 0)
        *ret = book->clusters.v[0];
    return r;
}

int connection_open_cluster(struct connection *c, const struct strs *cluster, struct err *e)
{
    struct client_target t = { .to.service = "slurmctld" };
    struct rule_cluster at = { .control_port = 0 };
    int r = load(c, &t, e);

    if (r < 0)
        return r;
    if (!cluster->n || strcasecmp(cluster->v[0], t.to.cluster) == 0 ||
        strcasecmp(cluster->v[0], "all") == 0) {
        conf_free(c->conf);
        return connection_open(c, e);
    }
    r = find_cluster(c, cluster->v[0], &at, e);
    if (r < 0)
        return r;
    c->cluster = t.to.cluster = at.name;
    c->hosts = xcalloc(1, sizeof *c->hosts);
    c->hosts[0].name = at.control_host;
    t.to.hosts = c->hosts;
    t.to.host_count = 1;
    t.to.port = (uint16_t)at.control_port;
    t.munge_socket = conf_munge_socket(c->conf);
    client_open(&t, &c->client);
    return 0;
}

int connection_open_dbd(struct connection *c, struct err *e)
{
    struct client_target t = { .to.service = "slurmdbd" };
    int r = load(c, &t, e);

    if (r < 0)
        return r;
    if (strcasecmp(conf_str(c->conf, "AccountingStorageType"), "accounting_storage/slurmdbd") != 0)
        return err_set(e, ENOTSUP,
                       "Slurm accounting storage is disabled\n"
                       "AccountingStorageType in %s is not accounting_storage/slurmdbd",
                       conf_path(c->conf));
    c->hosts = xcalloc(1, sizeof *c->hosts);
    c->hosts[0].name = conf_str(c->conf, "AccountingStorageHost");
    t.to.hosts = c->hosts;
    t.to.host_count = 1;
    uint16_t port = (uint16_t)conf_u32(c->conf, "AccountingStoragePort");
    t.to.port = port ? port : DBD_PORT;
    t.munge_socket = conf_dbd_munge_socket(c->conf);
    t.unreachable = "Unable to contact the accounting storage (slurmdbd)";
    client_open(&t, &c->client);
    return 0;
}

void connection_close(struct connection *c)
{
    client_close(c->client);
    conf_free(c->conf);
    free(c->hosts);
    arena_fini(&c->arena);
}
