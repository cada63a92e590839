/* The daemon's own state; main.c starts and stops it, serve.c answers, rulebook.c keeps the rules.
 */
#ifndef SLURMDBD_DBD_H
#define SLURMDBD_DBD_H

#include "auth/server.h"
#include "base/log.h"
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
    struct store *store; /* NULL: the database is away */
    struct rulebook rules;
    struct loop_timer *retry, *purge;
    struct log_limit trouble;
    uint64_t *controllers; /* connections that must say hello again when the database is back */
    unsigned controller_count, controller_cap;
    struct munge_async *munge;
    struct auth_server *auth;
    struct listener *tcp, *local;
    uid_t slurm_uid;
    struct arena arena;   /* of the turn */
    struct arena forever; /* paths */
    struct held *held;
    unsigned held_count, held_cap;
};

/* ---- database.c */

/* Opens the archive.  A database that cannot be reached is tried again every second; everything
 * else that is wrong with it is a failure. */
int database_open(struct dbd *d, struct err *e);
void database_close(struct dbd *d);
/* The commit of a turn.  A SQLite file that fails ends the daemon; a server that is gone turns the
 * held answers into refusals, and is waited for. */
void database_commit(struct dbd *d);
void database_note_controller(struct dbd *d, const struct conn *c);

/* ---- purge.c */

void purge_start(struct dbd *d);
void purge_stop(struct dbd *d);

/* ---- serve.c */

void serve_refuse_held(struct dbd *d, const struct err *e); /* all answers become this error */
extern const struct conn_ops dbd_conn_ops;

#endif
