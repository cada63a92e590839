/* The rule book at work: the book in memory, its rows in the store, and the controllers that hold a
 * copy. */
#ifndef SLURMDBD_RULEBOOK_H
#define SLURMDBD_RULEBOOK_H

#include "conf/conf.h"
#include "net/conn.h"
#include "slurmdbd/list.h"
#include "slurmdbd/store.h"

/* A controller that asked for its rules, and how far its copy is. */
struct subscriber {
    uint64_t conn;
    char *cluster;
    uint64_t version;
};

struct rulebook {
    struct book book;
    struct store *store;
    const struct conf *conf;
    struct subscriber *v;
    unsigned n, cap;
    uint32_t request;
    struct privacy hide;
};

/* Loads the book; an empty one gets root, the QOS normal and the TRES that always are. */
int rulebook_open(struct rulebook *r, struct store *s, const struct conf *c, struct err *e);
void rulebook_close(struct rulebook *r);

enum role rulebook_role(const struct rulebook *r, const char *user); /* by his AdminLevel */

/* PrivateData=jobs: may he see those of others?  An operator may, and a coordinator those of
 * accounts that are his. */
bool rulebook_may_see_jobs(const struct rulebook *r, const struct caller *who,
                           const struct strs *accounts);

struct strs rulebook_clusters(const struct rulebook *r, struct arena *a);

/* A controller registered: the cluster is known from now on, and where its controller is. */
int rulebook_register(struct rulebook *r, const struct acct_register *reg, struct err *e);

/* The rules since the version that the controller has; later changes are pushed to it. */
int rulebook_subscribe(struct rulebook *r, uint64_t conn, const struct rules_have *have,
                       struct arena *a, struct rules *ret, struct err *e);
/* After a commit: every controller whose copy is behind hears what changed. */
void rulebook_push(struct rulebook *r, struct loop *loop);

int rulebook_change(struct rulebook *r, const struct caller *who, const struct rule_change *wish,
                    struct arena *a, struct rule_changed *ret, struct err *e);
int rulebook_list(struct rulebook *r, const struct caller *who, const struct rule_query *q,
                  struct arena *a, struct rule_book *ret, struct err *e);

#endif
