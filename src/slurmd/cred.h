/* What slurmd says first to the controller: who it is, by a MUNGE credential of the user that
 * started it. */
#ifndef SLURMD_CRED_H
#define SLURMD_CRED_H

#include "base/buf.h"
#include "base/err.h"
#include "slurmd/launcher.h"

#define CRED_PSK 32

/* CRED_PSK secret bytes, then the packed hello.  Asks munged; may take seconds. */
int cred_hello(const struct launcher_conf *c, struct buf *ret, struct err *e);

#endif
