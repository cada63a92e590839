/* A server and a kept connection to it in one process, each with its own munged: peers_driver
 * SERVER CLIENT. Prints every new trouble of the connection, and "joined" when it is usable; then
 * ends. */
#include "auth/server.h"
#include "auth/uplink.h"
#include "base/log.h"
#include "net/conn.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

static void on_hello(void *ctx, struct conn *c, const struct frame *f)
{
    auth_server_hello(ctx, c, f);
}

static void on_ready(void *ctx, struct conn *c)
{
    puts("joined");
    loop_stop(ctx);
}

int main(int argc, char **argv)
{
    const struct tcp_address at = { "127.0.0.1", 0 };
    const struct target_host host = { "not-this-machine", "127.0.0.1" };
    const struct conn_ops serving = { .hello = on_hello }, joining = { .ready = on_ready };
    struct listener *listener;
    struct loop *loop;
    char told[256] = "";

    log_init("peers_driver", LOG_QUIET);
    if (argc != 3 || loop_new(&loop, NULL) < 0)
        return 2;
    struct munge_async *server = munge_async_new(loop, argv[1]);
    struct munge_async *client = munge_async_new(loop, argv[2]);
    struct auth_server *auth = auth_server_new(loop, server, geteuid());
    if (listener_tcp(loop, &at, &serving, auth, &listener, NULL) < 0)
        return 2;
    const struct target target = { .service = "slurmctld",
                                   .hosts = &host,
                                   .host_count = 1,
                                   .port = listener_port(listener),
                                   .server_uid = geteuid(),
                                   .role = "node" };
    struct uplink *up = uplink_new(loop, client, &target, &joining, loop);
    while (!loop_stopped(loop)) {
        loop_once(loop, 100);
        const char *trouble = uplink_trouble(up);
        if (*trouble && strcmp(trouble, told) != 0)
            puts(trouble);
        if (*trouble)
            snprintf(told, sizeof told, "%s", trouble);
        fflush(stdout);
    }
    uplink_free(up);
    auth_server_free(auth);
    listener_free(listener);
    munge_async_free(client);
    munge_async_free(server);
    loop_free(loop);
    return 0;
}
