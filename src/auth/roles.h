/* Who may call what: the rows of rpc.def and nothing else (security R4). */
#ifndef AUTH_ROLES_H
#define AUTH_ROLES_H

#include "schema/rpc.h"
#include <stdbool.h>
#include <sys/types.h>

/* root and SlurmUser have everything; anybody else what the site granted (AdminLevel in slurmdbd).
 */
enum role role_of(uid_t uid, uid_t slurm_uid, enum role granted);

bool role_allows(enum role least, enum role have);

#endif
