/* Requests over connections; what each function promises is in rpc.h. */
#include "net/rpc.h"

#include "base/cleanup.h"
#include "wire/wire.h"

#include <errno.h>

void rpc_send(struct conn *c, uint16_t opcode, uint16_t flags, uint32_t request,
              const struct desc *d, const void *msg)
{
    CLEANUP(buf_fini) struct buf b = { 0 };

    wire_pack(d, msg, &b);
    conn_send(c, opcode, flags, request, b.data, b.len);
}

void rpc_refuse(struct conn *c, uint16_t opcode, uint32_t request, const struct error_info *why)
{
    rpc_send(c, opcode, FRAME_REPLY | FRAME_ERROR, request, &desc_error_info, why);
}

static int refuse(struct conn *c, const struct frame *f, const struct err *e, int r)
{
    struct error_info why = { .code = (uint32_t)-r, .text = e->text };

    rpc_refuse(c, f->opcode, f->request, &why);
    return r;
}

int rpc_decode(struct conn *c, const struct frame *f, enum role have, struct arena *a,
               struct rpc_call *ret, struct err *e)
{
    const struct rpc *rpc = rpc_find(f->opcode);
    struct err local;
    void *msg;
    int r;

    e = e ? e : &local;
    if (!rpc)
        return refuse(c, f, e, err_set(e, ENOSYS, "unknown request %u", f->opcode));
    if (have < rpc->least)
        return refuse(c, f, e, err_set(e, EACCES, "Access/permission denied"));
    r = wire_unpack_new(rpc->request, f->body, f->len, a, &msg, e);
    if (r < 0)
        return refuse(c, f, e, r);
    *ret = (struct rpc_call){ rpc, msg };
    return 0;
}
