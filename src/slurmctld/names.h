/* Who a uid is: user name, groups.  Behind them may be LDAP, so a helper process asks (HOUSE
 * section 2) and answers are kept for some minutes; an old one serves until the new one is there.
 * A user whose name is not known yet waits alone (names_ready, ingest.c). */
#ifndef SLURMCTLD_NAMES_H
#define SLURMCTLD_NAMES_H

#include "net/loop.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct names;

struct user {
    char *name; /* the number as text when nobody knows it */
    bool is_known;
    bool is_late;     /* the database has not answered: the number stands for the name */
    gid_t gid;        /* primary group */
    uint32_t *groups; /* all of them, the primary one included */
    uint32_t group_count;
    char *group_names; /* comma list */
};

#define NAMES_PATIENCE_MS 5000

/* Starts the helper, so: before the process has anything that a copy of it should not have. */
struct names *names_new(struct loop *l);
void names_free(struct names *n); /* accepts NULL */
/* Asks when it must.  False: the answer is on its way, and less than NAMES_PATIENCE_MS late. */
bool names_ready(struct names *n, uid_t uid);
/* What is known, at once.  Valid until the loop is next run or names_wait is called. */
const struct user *names_user(struct names *n, uid_t uid);
/* The same, after waiting for the first answer up to NAMES_PATIENCE_MS: only for what concerns
 * somebody who did not ask himself. */
const struct user *names_wait(struct names *n, uid_t uid);
/* NULL: no user that was asked about is in it. */
const char *names_group(struct names *n, gid_t gid);
bool user_is_in(const struct user *u, gid_t gid);

#endif
