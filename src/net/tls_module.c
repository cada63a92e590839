/* tls.c as a module of its own, for commands (tls_lazy.c). */
#include "net/tls_api.h"

const struct tls_api sluice_tls_api = {
    .ctx_new = tls_ctx_new,
    .ctx_free = tls_ctx_free,
    .new = tls_new,
    .free = tls_free,
    .handshake = tls_handshake,
    .read = tls_read,
    .write = tls_write,
    .why = tls_why,
};
