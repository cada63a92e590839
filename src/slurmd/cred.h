/* What slurmd says first to the controller: who it is, by a MUNGE credential of the user that
 * started it. */
#ifndef SLURMD_CRED_H
#define SLURMD_CRED_H

#include "auth/seal.h"
#include "base/buf.h"
#include "base/err.h"
#include "slurmd/launcher.h"

#define CRED_PSK 32

/* CRED_PSK secret bytes, then the packed hello.  The controller finds the seal's key in the
 * credential; the other half of slurmd does not get it.  Asks munged; may take seconds. */
int cred_hello(const struct launcher_conf *c, const uint8_t seal_key[SEAL_KEY], struct buf *ret,
               struct err *e);

#endif
