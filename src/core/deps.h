/* Dependencies: conditions on other jobs, and who waits for whom. */
#ifndef CORE_DEPS_H
#define CORE_DEPS_H

#include "base/arena.h"
#include "base/err.h"
#include "schema/messages.h"
#include <stdbool.h>
#include <stdint.h>

struct core;
struct job;

enum dep_type {
    DEP_AFTER,
    DEP_AFTERANY,
    DEP_AFTEROK,
    DEP_AFTERNOTOK,
    DEP_AFTERCORR,
    DEP_SINGLETON,
    DEP_EXPAND,
    DEP_BURST
};
enum dep_state { DEP_OPEN, DEP_MET, DEP_FAILED };

struct deps {
    struct job_dep *v;
    uint32_t n;
    bool is_any; /* joined by ?, one is enough */
};

/* "afterok:12:13_4,singleton".  Targets must exist, or have existed where their end is all that is
 * asked. */
int deps_parse(const struct core *c, const char *text, int64_t now, struct arena *a,
               struct deps *ret, struct err *e);
char *deps_text(const struct job *job,
                struct arena *a); /* what is still open: afterok:12(unfulfilled) */

bool deps_are_met(const struct core *c, const struct job *job);
bool deps_are_hopeless(const struct job *job);
int64_t deps_due(const struct job *job); /* when an after:+minutes is over; INT64_MAX: none */
void deps_attach(struct core *c,
                 struct job *job); /* enters the index; deps_refresh looks at what is known */
void deps_detach(struct core *c, struct job *job);
void deps_wake(struct core *c, const struct job *target); /* the target started or is done */
void deps_refresh(struct core *c, struct job *job, int64_t now);
void deps_index_fini(struct core *c);
/* Some job must be cancelled because its dependencies cannot be met: its id, or 0. */
uint32_t deps_next_doomed(const struct core *c);
/* A task of the rest that may start as far as aftercorr is concerned, or NO_TASK. */
uint32_t deps_ready_task(const struct core *c, const struct job *rest);

#endif
