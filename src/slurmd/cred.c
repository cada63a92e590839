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
    struct target me = { .role = "node", .node = c->node, .cluster = c->cluster };
    char fingerprint[FINGERPRINT_LEN + 1] = "";
    uint8_t psk[CRED_PSK];
    struct err ignored;

    CLEANUP(freep) char *cred = NULL;
    CLEANUP(freep) char *status = NULL;
    if (getrandom(psk, sizeof psk, 0) != sizeof psk)
        return err_errno(e, "random bytes");
    int err = munge_encode(c->munge_socket, c->controller_uid, psk, sizeof psk, &cred, e);
    if (err < 0)
        return err;
    buf_put(ret, psk, sizeof psk);
    explicit_bzero(psk, sizeof psk);
    /* A stock munged does not tell its key's fingerprint; it only words a refusal. */
    if (munge_status(c->munge_socket, &status, &ignored) == 0)
        munge_status_get(status, "fingerprint", fingerprint, sizeof fingerprint);
    me.fingerprint = fingerprint;
    target_hello(&me, cred, ret);
    return 0;
}
