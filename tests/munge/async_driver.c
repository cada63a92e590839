/* Drives the event-loop client against a real munged: async_driver SOCKET COUNT.  Each round
 * encodes a number, decodes it again and compares; prints "COUNT round trips" when all came back
 * right, and ends with 1 otherwise. */
#include "auth/munge_client.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct driver {
    struct loop *loop;
    struct munge_async *client;
    unsigned wanted, started, done;
    int fingerprints;
};

static void finish(struct driver *d, const char *why)
{
    printf("failed: %s\n", why);
    exit(EXIT_FAILURE);
}

static void on_decoded(void *ctx, const struct munge_found *found, const char *text)
{
    struct driver *d = ctx;

    if (found->code || found->len != sizeof(unsigned) || found->uid != geteuid())
        finish(d, text);
    if (++d->done == d->wanted && d->fingerprints)
        loop_stop(d->loop);
}

static void on_encoded(void *ctx, int code, const char *cred, const char *text)
{
    struct driver *d = ctx;

    if (code)
        finish(d, text);
    if (munge_async_decode(d->client, cred, strlen(cred), on_decoded, d) < 0)
        finish(d, "decode was not taken");
}

static void on_status(void *ctx, int code, const char *status)
{
    struct driver *d = ctx;

    if (code || strncmp(status, "version=", 8) != 0)
        finish(d, "no status");
    d->fingerprints++;
    if (d->done == d->wanted)
        loop_stop(d->loop);
}

static void never(void *ctx, int code, const char *cred, const char *text)
{
    finish(ctx, "a cancelled call was answered");
}

int main(int argc, char **argv)
{
    struct driver d = { 0 };
    int other = 0;

    if (argc != 3 || loop_new(&d.loop, NULL) < 0)
        return 2;
    d.wanted = (unsigned)atoi(argv[2]);
    d.client = munge_async_new(d.loop, argv[1]);
    munge_async_encode(d.client, geteuid(), "x", 1, never, &other);
    for (; d.started < d.wanted; d.started++)
        if (munge_async_encode(d.client, geteuid(), &d.started, sizeof d.started, on_encoded, &d) <
            0)
            finish(&d, "encode was not taken");
    munge_async_status(d.client, on_status, &d);
    munge_async_cancel(d.client, &other);
    while (!loop_stopped(d.loop))
        loop_once(d.loop, -1);
    munge_async_free(d.client);
    loop_free(d.loop);
    printf("%u round trips\n", d.done);
    return EXIT_SUCCESS;
}
