/* The daemon's own state; main.c starts and stops it, serve.c answers, rulebook.c keeps the rules.
 */
#ifndef SLURMDBD_DBD_H
#define SLURMDBD_DBD_H

#include "auth/server.h"
#include "conf/conf.h"
#include "net/conn.h"
#include "slurmdbd/rulebook.h"
#include "slurmdbd/store.h"

/* A reply that waits for the commit: nobody may see what a crash could undo. */
struct held {
    uint64_t conn;
    uint32_t request;
    uint16_t opcode, flags;
    const struct desc *desc;
    void *msg; /* in the arena of the turn */
};

struct dbd {
    struct conf *conf;
    struct loop *loop;
    struct sql_place place;
    struct store *store;
    struct rulebook rules;
    struct munge_async *munge;
    struct auth_server *auth;
    struct listener *tcp, *local;
    uid_t slurm_uid;
    struct arena arena;   /* of the turn */
    struct arena forever; /* paths */
    struct held *held;
    unsigned held_count, held_cap;
};

extern const struct conn_ops dbd_conn_ops;

#endif
