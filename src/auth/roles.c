/* Who may call what (roles.h). */
#include "auth/roles.h"

enum role role_of(uid_t uid, uid_t slurm_uid, enum role granted)
{
    return uid == 0 || uid == slurm_uid ? ROLE_SLURM : granted;
}

/* Roles are ordered, which is what makes one column enough. */
bool role_allows(enum role least, enum role have)
{
    return have >= least;
}
