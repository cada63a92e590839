/* From slurm.conf to an open client: what every command does first. */
#ifndef CLI_CONNECT_H
#define CLI_CONNECT_H

#include "client/client.h"
#include "conf/conf.h"

struct connection {
    struct conf *conf;
    struct client *client;
    struct target_host *hosts;
    const char *cluster; /* whose controller it is */
    struct arena arena;  /* of a cluster that slurmdbd told us of */
};

/* Reads slurm.conf and prepares a client for the controller, or for slurmdbd.  Nothing is sent
 * before the first call. connection_open_dbd refuses when the site keeps no accounting ("Slurm
 * accounting storage is disabled"). */
int connection_open(struct connection *c, struct err *e);
/* The same for the controller of a cluster by name, or of our own when the list is empty; slurmdbd
 * knows where it is. */
int connection_open_cluster(struct connection *c, const struct strs *cluster, struct err *e);
int connection_open_dbd(struct connection *c, struct err *e);
void connection_close(struct connection *c);

#endif
