/* What slurmd says first: 32 fresh secret bytes, and a credential around them and the key of the
 * seal that only SlurmUser can open. */
#include "slurmd/cred.h"

#include "auth/munge_client.h"
#include "auth/target.h"
#include "base/cleanup.h"

#include <string.h>
#include <sys/random.h>

int cred_hello(const struct launcher_conf *c, const uint8_t seal_key[SEAL_KEY], struct buf *ret,
               struct err *e)
{
    struct target me = { .role = "node", .node = c->node, .cluster = c->cluster };
    char fingerprint[FINGERPRINT_LEN + 1] = "";
    uint8_t secrets[CRED_PSK + SEAL_KEY], *psk = secrets;
    struct err ignored;

    CLEANUP(freep) char *cred = NULL;
    CLEANUP(freep) char *status = NULL;
    if (getrandom(psk, CRED_PSK, 0) != CRED_PSK)
        return err_errno(e, "random bytes");
    memcpy(secrets + CRED_PSK, seal_key, SEAL_KEY);
    int err = munge_encode(c->munge_socket, c->controller_uid, secrets, sizeof secrets, &cred, e);
    if (err < 0)
        return err;
    buf_put(ret, psk, CRED_PSK);
    explicit_bzero(secrets, sizeof secrets);
    /* A stock munged does not tell its key's fingerprint; it only words a refusal. */
    if (munge_status(c->munge_socket, &status, &ignored) == 0)
        munge_status_get(status, "fingerprint", fingerprint, sizeof fingerprint);
    me.fingerprint = fingerprint;
    target_hello(&me, cred, ret);
    return 0;
}
