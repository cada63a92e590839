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

bool role_may_call(enum role have, uint16_t opcode)
{
    const struct rpc *rpc = opcode == OP_hello ? NULL : rpc_find(opcode);

    return rpc && role_allows(rpc->least, have);
}
