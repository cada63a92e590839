/* Who a uid is: user name, groups.  Answers are kept for some minutes, because behind them may be
 * LDAP. */
#ifndef SLURMCTLD_NAMES_H
#define SLURMCTLD_NAMES_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct names;

struct user {
    char *name; /* the number as text when nobody knows it */
    bool is_known;
    gid_t gid;        /* primary group */
    uint32_t *groups; /* all of them, the primary one included */
    uint32_t group_count;
    char *group_names; /* comma list */
    int64_t until_ns;
};

struct names *names_new(void);
void names_free(struct names *n);                          /* accepts NULL */
const struct user *names_user(struct names *n, uid_t uid); /* valid until the next call */
const char *names_group(struct names *n, gid_t gid);       /* valid until the next call */
bool user_is_in(const struct user *u, gid_t gid);

#endif
