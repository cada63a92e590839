/* sacctmgr's wishes, decided: a request and the book give new rows, or a sentence that says why
 * not.  No database, no clock, no socket. */
#ifndef SLURMDBD_CHANGE_H
#define SLURMDBD_CHANGE_H

#include "schema/rpc.h"
#include "slurmdbd/keys.h"
#include "slurmdbd/plan.h"

/* Who asks. */
struct caller {
    const char *name; /* login name */
    enum role role;   /* root, SlurmUser: SLURM; else his AdminLevel */
};

struct change {
    struct plan *plan;
    const struct rule_change *wish;
    struct want want;
    struct arena *arena;
    struct rule_changed *ret;
};

/* Fills the plan and the answer.  Whether the caller may is decided from the rows, at the end
 * (may.c). */
int change_decide(struct plan *p, const struct caller *who, const struct rule_change *wish,
                  struct rule_changed *ret, struct err *e);

/* What each entity does; every one fills plan and answer. */
typedef int change_fn(struct change *c, struct err *e);
int add_cluster(struct change *c, struct err *e);
int modify_cluster(struct change *c, struct err *e);
int delete_cluster(struct change *c, struct err *e);
int add_account(struct change *c, struct err *e);
int modify_account(struct change *c, struct err *e);
int delete_account(struct change *c, struct err *e);
int add_user(struct change *c, struct err *e);
int modify_user(struct change *c, struct err *e);
int delete_user(struct change *c, struct err *e);
int add_coordinator(struct change *c, struct err *e);
int delete_coordinator(struct change *c, struct err *e);
int add_qos(struct change *c, struct err *e);
int modify_qos(struct change *c, struct err *e);
int delete_qos(struct change *c, struct err *e);
int add_resource(struct change *c, struct err *e);
int modify_resource(struct change *c, struct err *e);
int delete_resource(struct change *c, struct err *e);

/* ---- what they share (change.c) */

void strs_add(struct strs *list, const char *word, struct arena *a);

/* The value of a setting that is no column ("Parent"), or NULL. */
const char *change_word(const struct change *c, const char *name, unsigned least);
/* Applies every setting of the group to the row, the words that `apart` names left out; the first
 * time they are listed in the answer. */
int change_apply(struct change *c, enum key_group group, void *row, struct err *e);
bool change_has(const struct change *c, unsigned groups); /* is there a setting of these? */

/* A name that can be stored, shown and dumped: no control characters, quotes, commas or '='. */
int change_check_names(const struct strs *names, const char *what, struct err *e);

struct rule_assoc *change_assoc(struct change *c, const struct rule_assoc *like);
const struct rule_assoc *assoc_find(const struct plan *p, const char *cluster, const char *account,
                                    const char *user, const char *partition);
void change_report(struct change *c, const struct rule_assoc *a); /* into ret->assocs */
/* Takes an association and all below it away.  Only the topmost is reported. */
void change_drop(struct change *c, const struct rule_assoc *a);
bool assoc_is_below(const struct plan *p, const struct rule_assoc *a, uint32_t ancestor_id);
/* Clusters meant: those named (each must exist), else all. */
int change_clusters(struct change *c, struct strs *ret, struct err *e);
int change_nothing(struct err *e, const char *verb); /* " Nothing modified" */

/* Whether these edits are the caller's to make (may.c). */
int may_edit(const struct plan *p, const struct caller *who, struct err *e);

/* Live associations in the order sacctmgr shows them: a parent, its users, its sub-accounts. */
struct assoc_tree {
    const struct rule_assoc **v;
    uint32_t n;
};
struct assoc_tree tree_order(const struct plan *p);

#endif
