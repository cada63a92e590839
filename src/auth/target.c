/* Where a daemon is and what we say to it first (target.h). */
#include "auth/target.h"

#include "schema/messages.h"
#include "wire/wire.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

void target_unix_path(const char *service, uint16_t port, char ret[TARGET_PATH_MAX])
{
    snprintf(ret, TARGET_PATH_MAX, "@sluice/%s/%u", service, port);
}

const char *target_address(const struct target_host *h)
{
    return h->address && *h->address ? h->address : h->name;
}

/* Names are compared as written in full, or by their first part when one of the two is short. */
bool target_is_here(const struct target_host *h)
{
    const char *name = h->name;
    char own[256];

    if (strcmp(name, "localhost") == 0 || strcmp(name, "127.0.0.1") == 0)
        return true;
    if (gethostname(own, sizeof own) < 0)
        return false;
    own[sizeof own - 1] = '\0';
    size_t len = strcspn(own, ".");
    if (len != strcspn(name, ".") || strncasecmp(own, name, len) != 0)
        return false;
    return !own[len] || !name[len] || strcasecmp(own, name) == 0;
}

bool target_trusts(const struct target *t, uid_t peer)
{
    return peer == t->server_uid || peer == 0 || peer == geteuid();
}

void target_hello(const struct target *t, const char *cred, struct buf *out)
{
    const struct hello hello = {
        .version = "0.1.0",
        .role = t->role ? t->role : "client",
        .node = t->node ? t->node : "",
        .cred = cred,
        .cluster = t->cluster ? t->cluster : "",
        .fingerprint = t->fingerprint ? t->fingerprint : "",
    };

    wire_pack(&desc_hello, &hello, out);
}
