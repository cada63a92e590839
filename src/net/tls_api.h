/* The functions of tls.h as a table: what the module of tls_module.c hands to tls_lazy.c. */
#ifndef NET_TLS_API_H
#define NET_TLS_API_H

#include "net/tls.h"

#define TLS_API_NAME "sluice_tls_api"

struct tls_api {
    __typeof__(&tls_ctx_new) ctx_new;
    __typeof__(&tls_ctx_free) ctx_free;
    __typeof__(&tls_new) new;
    __typeof__(&tls_free) free;
    __typeof__(&tls_handshake) handshake;
    __typeof__(&tls_read) read;
    __typeof__(&tls_write) write;
    __typeof__(&tls_why) why;
};

extern const struct tls_api sluice_tls_api;

#endif
