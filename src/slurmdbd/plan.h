/* A change of the rule book before it happens: new rows beside the book, which is only read.  A
 * wish that is refused leaves nothing behind; one that is granted is applied as a whole, to the
 * database first. */
#ifndef SLURMDBD_PLAN_H
#define SLURMDBD_PLAN_H

#include "base/err.h"
#include "slurmdbd/book.h"

struct edit {
    enum rule_kind kind;
    void *msg;
};

struct plan {
    const struct book *book;
    struct arena *arena;
    const char *actor;
    int64_t now;
    struct edit *v;
    unsigned n, cap;
    struct smap at[RULE_KINDS]; /* key text -> index + 1 of the edit */
    uint32_t last_id[RULE_KINDS];
    struct rule_txn *txns;
    unsigned txn_count, txn_cap;
};

void plan_init(struct plan *p, const struct book *b, struct arena *a);
void plan_fini(struct plan *p); /* the rows are the arena's */

/* The row as it will be; NULL when there is none or it is deleted. */
const void *plan_find(const struct plan *p, enum rule_kind kind, const char *key);
const void *plan_by_id(const struct plan *p, enum rule_kind kind, uint32_t id);

/* A copy to change.  `like` has at least the key; a deleted row of that key comes back to life as
 * `like` with its old id, a new one gets the next id. */
void *plan_edit(struct plan *p, enum rule_kind kind, const void *like);
void plan_delete(struct plan *p, enum rule_kind kind, const void *row);

/* Rows that are not deleted, as they will be, in order of birth.  *at starts at 0. */
const void *plan_next(const struct plan *p, enum rule_kind kind, uint32_t *at);

/* Remembers what was done, for `sacctmgr list transactions`. */
void plan_note(struct plan *p, const char *action, const char *where, const char *info);

#endif
