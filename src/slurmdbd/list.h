/* sacctmgr's questions, answered from the book. */
#ifndef SLURMDBD_LIST_H
#define SLURMDBD_LIST_H

#include "slurmdbd/change.h"

/* Who may see what of others: PrivateData of slurmdbd.conf. */
struct privacy {
    bool users, accounts, jobs, usage;
};

/* Transactions are not in the book: the caller reads them with `want`. */
int list_decide(struct plan *p, const struct caller *who, const struct privacy *hide,
                const struct rule_query *q, struct rule_book *ret, struct err *e);
int list_want(struct arena *a, const struct rule_query *q, struct want *ret, struct err *e);

/* The rules of one cluster for its controller: what changed since `have`, or all when have is 0 or
 * more than the book has. */
void rules_for(const struct book *b, const char *cluster, uint64_t have, struct arena *a,
               struct rules *ret);

#endif
