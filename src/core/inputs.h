/* Everything that can happen to the core. */
#ifndef CORE_INPUTS_H
#define CORE_INPUTS_H

#include "schema/messages.h"
#include "schema/rpc.h"
#include <sys/types.h>

struct who {
    uid_t uid;
    gid_t gid;
    enum role role;        /* from auth/roles: ANY, OPERATOR, ADMIN, SLURM */
    const char *user_name; /* resolved by the daemon; may be the number as text */
    bool is_member_known;  /* groups below were resolved */
    const char *groups;    /* comma list of the user's group names, for AllowGroups */
};

/* Inputs that are not requests; requests use their opcode (< 60000). */
enum {
    INPUT_CONFIGURE = 60001, /* body: struct core_conf */
    INPUT_TICK = 60002,      /* a timer of the state is due */
    INPUT_NODE_LOST = 60003, /* the connection of node `node` closed or went silent */
    INPUT_STARTED = 60004,   /* the daemon came up: every node must show itself again, from now */
};

/* INPUT kinds with a body are the RPC requests themselves: OP_job_submit (job_spec), OP_job_cancel
 * (job_kill), OP_job_hold... (job_op), OP_job_modify, OP_node_hello, OP_node_beat, OP_step_ended,
 * OP_job_cleaned, OP_node_modify, OP_part_modify, OP_shutdown. */
struct input {
    uint16_t kind;
    int64_t now; /* wall clock, seconds; never goes backwards by more than the daemon corrected */
    struct who who;
    const void *body;  /* the decoded message; read only during the call */
    uint64_t reply_to; /* token for EFFECT_REPLY; 0: nobody waits */
    uint32_t node;     /* reports of nodes: which (bound to the connection at node_hello) */

    /* job_submit and job_modify: the cold part of the spec, already packed by the daemon; and where
     * the script and the environment were stored (content hashes). */
    struct bytes cold;
    uint64_t script, environment;
};

#endif
