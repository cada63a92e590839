/* From slurm.conf to an open client: what every command does first. */
#ifndef CLI_CONNECT_H
#define CLI_CONNECT_H

#include "client/client.h"
#include "conf/conf.h"

struct connection {
    struct conf *conf;
    struct client *client;
    struct target_host *hosts;
};

/* Reads slurm.conf and prepares a client for the controller, or for slurmdbd.  Nothing is sent
 * before the first call. connection_open_dbd refuses when the site keeps no accounting ("Slurm
 * accounting storage is disabled"). */
int connection_open(struct connection *c, struct err *e);
int connection_open_dbd(struct connection *c, struct err *e);
void connection_close(struct connection *c);

#endif
