/* TLS 1.3 with an external pre-shared key (tls.h).
 *
 * Both ends know 32 secret bytes from one MUNGE credential (conn.h), so there is nothing to
 * negotiate: one cipher suite, one key, an ephemeral exchange for forward secrecy.  A peer that
 * tries anything else (a certificate, an older version, no PSK) fails: the server has no
 * certificate to show, the client trusts none, and a handshake that did not use the key is
 * refused on top of that. */
#include "net/tls.h"

#include "base/xalloc.h"
#include "net/frame.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

static const unsigned char identity[] = "sluice";
static const unsigned char suite[] = { 0x13, 0x01 }; /* TLS_AES_128_GCM_SHA256 */

struct tls_ctx {
    SSL_CTX *ssl;
    BIO_METHOD *io;
};

struct tls {
    SSL *ssl;
    bool is_up;
    uint8_t psk[TLS_PSK_LEN];
    char why[160];
};

static int client_psk(SSL *ssl, const EVP_MD *md, const unsigned char **id, size_t *id_len,
                      SSL_SESSION **ret);
static int server_psk(SSL *ssl, const unsigned char *id, size_t id_len, SSL_SESSION **ret);
static BIO_METHOD *io_method(void);
static int outcome(struct tls *t, int r);
static int broken(struct tls *t, const char *what);

int tls_ctx_new(struct tls_ctx **ret, struct err *e)
{
    /* No openssl.cnf: it costs a command a millisecond and a site's policy for HTTPS is not
     * ours. */
    OPENSSL_init_ssl(OPENSSL_INIT_NO_LOAD_CONFIG, NULL);
    SSL_CTX *ssl = SSL_CTX_new(TLS_method());
    if (!ssl)
        return err_set(e, ENOMEM, "TLS is not available");

    SSL_CTX_set_min_proto_version(ssl, TLS1_3_VERSION);
    SSL_CTX_set_ciphersuites(ssl, "TLS_AES_128_GCM_SHA256");
    SSL_CTX_set_options(ssl, SSL_OP_NO_TICKET);
    SSL_CTX_set_num_tickets(ssl, 0);
    SSL_CTX_set_session_cache_mode(ssl, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_mode(ssl, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                              SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_psk_use_session_callback(ssl, client_psk);
    SSL_CTX_set_psk_find_session_callback(ssl, server_psk);

    struct tls_ctx *c = xcalloc(1, sizeof *c);
    c->ssl = ssl;
    c->io = io_method();
    *ret = c;
    return 0;
}

void tls_ctx_free(struct tls_ctx *c)
{
    if (!c)
        return;
    SSL_CTX_free(c->ssl);
    BIO_meth_free(c->io);
    free(c);
}

struct tls *tls_new(struct tls_ctx *c, int fd, int is_server, const uint8_t psk[TLS_PSK_LEN])
{
    SSL *ssl = SSL_new(c->ssl);

    BIO *io = c->io ? BIO_new(c->io) : NULL;
    if (!ssl || !io) {
        SSL_free(ssl);
        BIO_free(io);
        return NULL;
    }
    BIO_set_fd(io, fd, BIO_NOCLOSE);
    SSL_set_bio(ssl, io, io);
    struct tls *t = xcalloc(1, sizeof *t);
    t->ssl = ssl;
    memcpy(t->psk, psk, TLS_PSK_LEN);
    SSL_set_app_data(ssl, t);
    if (is_server) {
        SSL_set_accept_state(ssl);
    } else {
        SSL_set_connect_state(ssl);
        BIO_set_app_data(io, t);
        SSL_set_verify(ssl, SSL_VERIFY_PEER, NULL); /* no certificate is good enough */
    }
    return t;
}

void tls_free(struct tls *t)
{
    if (!t)
        return;
    ERR_clear_error();
    if (t->is_up)
        SSL_shutdown(t->ssl);
    SSL_free(t->ssl);
    OPENSSL_cleanse(t->psk, sizeof t->psk);
    free(t);
}

int tls_handshake(struct tls *t)
{
    ERR_clear_error();
    int r = SSL_do_handshake(t->ssl);
    if (r != 1)
        r = outcome(t, r);
    if (r <= 0)
        return r ? r : broken(t, "closed by the peer");
    OPENSSL_cleanse(t->psk, sizeof t->psk);
    if (!SSL_session_reused(t->ssl))
        return broken(t, "the peer does not know the key");
    t->is_up = true;
    return 0;
}

long tls_read(struct tls *t, void *p, size_t len)
{
    size_t n;

    ERR_clear_error();
    int r = SSL_read_ex(t->ssl, p, len, &n);
    return r == 1 ? (long)n : outcome(t, r);
}

long tls_write(struct tls *t, const void *p, size_t len)
{
    size_t n;

    ERR_clear_error();
    int r = SSL_write_ex(t->ssl, p, len, &n);
    return r == 1 ? (long)n : outcome(t, r);
}

const char *tls_why(const struct tls *t)
{
    return t->why;
}

static int outcome(struct tls *t, int r)
{
    int saved = errno;

    switch (SSL_get_error(t->ssl, r)) {
    case SSL_ERROR_WANT_READ:
        return TLS_WANT_READ;
    case SSL_ERROR_WANT_WRITE:
        return TLS_WANT_WRITE;
    case SSL_ERROR_ZERO_RETURN:
        return 0;
    case SSL_ERROR_SYSCALL:
        return broken(t, saved ? strerror(saved) : "connection lost");
    default:
        return broken(t, ERR_reason_error_string(ERR_peek_last_error()));
    }
}

static int broken(struct tls *t, const char *what)
{
    snprintf(t->why, sizeof t->why, "TLS: %s", what ? what : "failed");
    t->is_up = false;
    return TLS_BROKEN;
}

/* ---- the key, as OpenSSL wants it: a session made by hand */

static SSL_SESSION *session_of(SSL *ssl)
{
    const struct tls *t = SSL_get_app_data(ssl);
    const SSL_CIPHER *cipher = SSL_CIPHER_find(ssl, suite);
    SSL_SESSION *s = SSL_SESSION_new();

    if (s && cipher && SSL_SESSION_set1_master_key(s, t->psk, sizeof t->psk) &&
        SSL_SESSION_set_cipher(s, cipher) && SSL_SESSION_set_protocol_version(s, TLS1_3_VERSION))
        return s;
    SSL_SESSION_free(s);
    return NULL;
}

/* md is set after a retry request and is then the suite's hash, which is the only one we offer. */
static int client_psk(SSL *ssl, const EVP_MD *md, const unsigned char **id, size_t *id_len,
                      SSL_SESSION **ret)
{
    *ret = session_of(ssl);
    *id = identity;
    *id_len = sizeof identity - 1;
    return *ret != NULL;
}

static int server_psk(SSL *ssl, const unsigned char *id, size_t id_len, SSL_SESSION **ret)
{
    bool known = id_len == sizeof identity - 1 && memcmp(id, identity, id_len) == 0;

    *ret = known ? session_of(ssl) : NULL;
    return 1;
}

/* ---- the descriptor, as OpenSSL wants it.  Its own socket BIO would raise SIGPIPE, which a
 * command must keep for its standard output. */

static int io_result(BIO *b, ssize_t n, int retry)
{
    BIO_clear_retry_flags(b);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        BIO_set_flags(b, retry | BIO_FLAGS_SHOULD_RETRY);
    return (int)n;
}

static int io_fd(BIO *b)
{
    return (int)(intptr_t)BIO_get_data(b);
}

static int io_write(BIO *b, const char *p, int len)
{
    return io_result(b, send(io_fd(b), p, (size_t)len, MSG_NOSIGNAL), BIO_FLAGS_WRITE);
}

/* A server that refuses says so in plain where its first record was due, at any moment: those bytes
 * are not TLS's, and stay in the kernel for conn.c.  Only before the first read of a client. */
static bool is_refusal(BIO *b)
{
    uint8_t first;

    return BIO_get_app_data(b) && recv(io_fd(b), &first, 1, MSG_PEEK | MSG_DONTWAIT) == 1 &&
           first == (uint8_t)(FRAME_MAGIC >> 24);
}

static int io_read(BIO *b, char *p, int len)
{
    if (is_refusal(b)) {
        errno = EAGAIN;
        return io_result(b, -1, BIO_FLAGS_READ);
    }
    ssize_t n = recv(io_fd(b), p, (size_t)len, 0);
    if (n > 0)
        BIO_set_app_data(b, NULL);
    return io_result(b, n, BIO_FLAGS_READ);
}

static long io_control(BIO *b, int what, long number, void *p)
{
    if (what == BIO_C_SET_FD) {
        BIO_set_data(b, (void *)(intptr_t)(*(int *)p));
        BIO_set_init(b, 1);
    }
    return what == BIO_C_SET_FD || what == BIO_CTRL_FLUSH;
}

static BIO_METHOD *io_method(void)
{
    BIO_METHOD *m = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "sluice");

    if (m && BIO_meth_set_write(m, io_write) && BIO_meth_set_read(m, io_read) &&
        BIO_meth_set_ctrl(m, io_control))
        return m;
    BIO_meth_free(m);
    return NULL;
}
