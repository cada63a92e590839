/* From slurm.conf to an open client. */
#include "cli/connect.h"

#include "base/xalloc.h"

#include <errno.h>
#include <stdlib.h>
#include <strings.h>

static int load(struct connection *c, uid_t *ret_uid, struct err *e)
{
    int r = conf_load(conf_default_path(NULL), &c->conf, e);

    return r < 0 ? r : conf_slurm_uid(c->conf, ret_uid, e);
}

int connection_open(struct connection *c, struct err *e)
{
    const struct conf_host *hosts;
    struct client_target t = { .service = "slurmctld" };
    int r = load(c, &t.server_uid, e);

    if (r < 0)
        return r;
    t.host_count = conf_controllers(c->conf, &hosts);
    c->hosts = xcalloc(t.host_count, sizeof *c->hosts);
    for (unsigned i = 0; i < t.host_count; i++)
        c->hosts[i] = (struct client_host){ hosts[i].name, hosts[i].address };
    t.hosts = c->hosts;
    t.port = (uint16_t)conf_u32(c->conf, "SlurmctldPort");
    t.munge_socket = conf_munge_socket(c->conf);
    t.cluster = conf_str(c->conf, "ClusterName");
    t.timeout_ms = (int)conf_u32(c->conf, "MessageTimeout") * 1000;
    client_open(&t, &c->client);
    return 0;
}

int connection_open_dbd(struct connection *c, struct err *e)
{
    struct client_target t = { .service = "slurmdbd", .host_count = 1 };
    int r = load(c, &t.server_uid, e);

    if (r < 0)
        return r;
    if (strcasecmp(conf_str(c->conf, "AccountingStorageType"), "accounting_storage/slurmdbd") != 0)
        return err_set(e, ENOTSUP,
                       "Slurm accounting storage is disabled\nAccountingStorageType is not "
                       "accounting_storage/slurmdbd in %s",
                       conf_path(c->conf));
    c->hosts = xcalloc(1, sizeof *c->hosts);
    c->hosts[0].name = conf_str(c->conf, "AccountingStorageHost");
    t.hosts = c->hosts;
    t.port = (uint16_t)conf_u32(c->conf, "AccountingStoragePort");
    t.munge_socket = conf_dbd_munge_socket(c->conf);
    t.cluster = conf_str(c->conf, "ClusterName");
    t.timeout_ms = (int)conf_u32(c->conf, "MessageTimeout") * 1000;
    t.unreachable = "Unable to contact the accounting storage (slurmdbd)";
    client_open(&t, &c->client);
    return 0;
}

void connection_close(struct connection *c)
{
    client_close(c->client);
    conf_free(c->conf);
    free(c->hosts);
}
