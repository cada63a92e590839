/* The RPC table as data: opcode to descriptors and least role. */
#ifndef SCHEMA_RPC_H
#define SCHEMA_RPC_H

#include "schema/messages.h"

#define RPC(number, name, request, reply, role, doc) OP_##name = number,
enum opcode {
#include "schema/rpc.def"
};
#undef RPC

/* Who may call at least.  Ordered: a higher role may do what a lower one may. */
enum role { ROLE_ANY, ROLE_OPERATOR, ROLE_ADMIN, ROLE_SLURM };

struct rpc {
    uint16_t opcode;
    const char *name;
    const struct desc *request, *reply;
    enum role least;
    const char *doc;
};

const struct rpc *rpc_find(uint16_t opcode); /* NULL when there is none */
extern const struct rpc all_rpcs[];
extern const unsigned all_rpcs_count;

/* Step ids that are not numbers, as Slurm numbers them in its API. */
#define STEP_INTERACTIVE 0xfffffffau
#define STEP_BATCH 0xfffffffbu
#define STEP_EXTERN 0xfffffffcu
#define STEP_ALL 0xffffffffu

#endif
