/* The RPC table; rows in rpc.def. */
#include "schema/rpc.h"

#define RPC(number, name, request, reply, role, doc) \
    { number, #name, &desc_##request, &desc_##reply, ROLE_##role, doc },
const struct rpc all_rpcs[] = {
#include "schema/rpc.def"
};
#undef RPC
const unsigned all_rpcs_count = sizeof all_rpcs / sizeof all_rpcs[0];

const struct rpc *rpc_find(uint16_t opcode)
{
    for (unsigned i = 0; i < all_rpcs_count; i++)
        if (all_rpcs[i].opcode == opcode)
            return &all_rpcs[i];
    return NULL;
}
