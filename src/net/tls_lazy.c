/* tls.h for commands: OpenSSL is loaded when the first TCP connection needs it.
 *
 * A command on the controller's own machine never does: it uses the unix socket.  Linked in the
 * ordinary way, libcrypto and libssl cost every command more than all else that it does (23,000
 * relocations, 1.2 ms of CPU of 2.5; docs/performance.md). */
#include "net/tls_api.h"

#include "base/xalloc.h"

#include <dlfcn.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct tls_ctx {
    const struct tls_api *api;
    struct tls_ctx *real; /* the module's: another struct of that name */
};

struct tls {
    const struct tls_api *api;
    struct tls *real;
};

/* Beside the command (a build folder), else where `meson install` puts it.  The path comes from the
 * kernel's name of our program: $ORIGIN would be that of whoever stands between us and dlopen (ASan
 * does). */
static void *open_module(void)
{
    static const char *const places[] = { "sluice-tls.so", "../" TLS_MODULE_DIR "/sluice-tls.so" };
    char self[PATH_MAX], path[PATH_MAX + 128];
    ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
    void *module = NULL;

    if (n < 0)
        return NULL;
    self[n] = '\0';
    *(strrchr(self, '/') + 1) = '\0';
    for (unsigned i = 0; !module && i < sizeof places / sizeof places[0]; i++) {
        snprintf(path, sizeof path, "%s%s", self, places[i]);
        module = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    }
    return module;
}

static const struct tls_api *load(struct err *e)
{
    void *module = open_module();
    const struct tls_api *api = module ? dlsym(module, TLS_API_NAME) : NULL;
    const char *why = api ? NULL : dlerror();

    if (!api)
        err_set(e, ENOENT, "TLS is not available: %s", why ? why : "no module");
    return api;
}

int tls_ctx_new(struct tls_ctx **ret, struct err *e)
{
    const struct tls_api *api = load(e);
    struct tls_ctx *real;

    if (!api)
        return -ENOENT;
    int r = api->ctx_new(&real, e);
    if (r < 0)
        return r;
    *ret = xmalloc(sizeof **ret);
    **ret = (struct tls_ctx){ api, real };
    return 0;
}

void tls_ctx_free(struct tls_ctx *c)
{
    if (!c)
        return;
    c->api->ctx_free(c->real);
    free(c);
}

struct tls *tls_new(struct tls_ctx *c, int fd, int is_server, const uint8_t psk[TLS_PSK_LEN])
{
    struct tls *real = c->api->new (c->real, fd, is_server, psk);

    if (!real)
        return NULL;
    struct tls *t = xmalloc(sizeof *t);
    *t = (struct tls){ c->api, real };
    return t;
}

void tls_free(struct tls *t)
{
    if (!t)
        return;
    t->api->free(t->real);
    free(t);
}

int tls_handshake(struct tls *t)
{
    return t->api->handshake(t->real);
}

long tls_read(struct tls *t, void *p, size_t len)
{
    return t->api->read(t->real, p, len);
}

long tls_write(struct tls *t, const void *p, size_t len)
{
    return t->api->write(t->real, p, len);
}

const char *tls_why(const struct tls *t)
{
    return t->api->why(t->real);
}
