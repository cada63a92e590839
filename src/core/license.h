/* Licenses: counts of what the whole cluster shares, held by running jobs. */
#ifndef CORE_LICENSE_H
#define CORE_LICENSE_H

#include "base/arena.h"
#include "base/err.h"
#include "schema/messages.h"
#include <stdbool.h>
#include <stdint.h>

struct core;
struct job;

struct license {
    const char *name; /* of core.names */
    uint64_t total, used;
};

struct licenses {
    struct license *v;
    uint32_t n;
};

/* What the configuration has, with what the jobs hold. */
void license_configure(struct core *c);
void licenses_fini(struct licenses *l);
void license_hold(struct core *c, const struct job *job);
void license_give_back(struct core *c, const struct job *job);
/* What a wish gets now: all of "a:1,b:2", the first that is free of "a:1;b:2".  NULL: it waits. */
const char *license_pick(const struct core *c, const char *wish, struct arena *a);
bool license_is_free(const struct core *c, const char *wish);
/* Refuses what could never be given. */
int license_check(const struct core *c, const char *wish, struct err *e);
/* Whether the jobs hold what is in use. */
int license_audit(const struct core *c, struct err *e);

#endif
