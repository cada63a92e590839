/* What slurmd says first: 32 fresh secret bytes, and a credential around them that only SlurmUser
 * can open. */
#include "slurmd/cred.h"

#include "auth/munge_client.h"
#include "auth/target.h"
#include "base/cleanup.h"

#include <string.h>
#include <sys/random.h>

int cred_hello(const struct launcher_conf *c, struct buf *ret, struct err *e)
{
    const struct target me = { .role = "node", .node = c->node, .cluster = c->cluster };
    uint8_t psk[CRED_PSK];

    CLEANUP(freep) char *cred = NULL;
    if (getrandom(psk, sizeof psk, 0) != sizeof psk)
        return err_errno(e, "random bytes");
    int err = munge_encode(c->munge_socket, c->controller_uid, psk, sizeof psk, &cred, e);
    if (err < 0)
        return err;
    buf_put(ret, psk, sizeof psk);
    explicit_bzero(psk, sizeof psk);
    target_hello(&me, cred, ret);
    return 0;
}
