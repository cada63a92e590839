/* Limits of associations and QOS, and the counters that they are compared with.
 *
 * The one idea: a limit is a row (what is counted, over whom, which reason), an owner has a short
 * list of those that are set, and a job walks the owners that it stands under: partition QOS, job
 * QOS (the other way round with OverPartQOS), its association, the accounts above.  A QOS that sets
 * a limit hides the same limit of those behind it; of limits on single jobs the nearest counts.
 *
 * Counters move with the facts about jobs and are never polled.  A job that a limit holds leaves
 * the queues and waits with the counter that was full; when something under that counter ends,
 * those that fit now go back to their queues. */
#ifndef CORE_LIMITS_H
#define CORE_LIMITS_H

#include "base/err.h"
#include "core/claim.h"
#include "core/job.h"
#include "core/rules.h"

struct core;
struct part;
struct placement;

enum enforce_bit {
    ENFORCE_ASSOCS = 1,
    ENFORCE_LIMITS = 2,
    ENFORCE_QOS = 4,
    ENFORCE_SAFE = 8,
    ENFORCE_WCKEYS = 16,
    ENFORCE_NOJOBS = 32,
    ENFORCE_NOSTEPS = 64,
};
uint32_t enforce_parse(const char *text); /* AccountingStorageEnforce; what implies what included */

enum limit_when {
    LIMIT_SUBMIT, /* how many may be there at all */
    LIMIT_ALONE,  /* DenyOnLimit: could it ever run, were it alone? */
    LIMIT_START,
};

struct limit_why {
    enum reason reason;
    const char *limit; /* GrpTRES */
    const char *what;  /* gres/gpu; "" */
    const char *owner; /* of the book: account or QOS */
    bool is_qos;
    uint64_t asked, most, used;
    struct gauge *gauge; /* what has to become less; NULL: that helps nothing */
    bool is_timed;       /* it becomes less as time goes by */
};

/* Who asks: the standing, and the user behind it. */
struct asker {
    struct standing at;
    uint32_t uid;
    const char *account;
    int64_t now;
};

struct asker limits_asker(const struct core *c, const struct job *job);
bool limits_allow(const struct core *c, const struct asker *who, const struct claim *claim,
                  enum limit_when when, struct limit_why *ret);
/* Whether a waiting job could start as far as the rules go; placement NULL: by what it asks. */
bool limits_may_start(const struct core *c, const struct job *job, const struct part *p,
                      const struct claim *placed, struct limit_why *ret);
char *limits_words(const struct core *c, const struct limit_why *why, struct arena *a);
/* The longest that a job may run by its rules, minutes; NO_LIMIT. */
uint32_t limits_wall(const struct core *c, const struct standing *at);

/* The limits of the message in the order of their rows. */
void limits_read(struct owner *o, const struct tres_table *t, const struct rule_limits *l);

void gauge_fini(struct gauge *t);

/* ---- who a job stands under, and its part of the counters */

uint64_t limits_account_key(const char *account);                 /* of qos.accounts */
struct qos *part_qos(const struct core *c, const struct part *p); /* NULL: it has none */
struct standing limits_standing(const struct core *c, const struct job *job);
void limits_settle(struct core *c, struct job *job); /* the counters follow its present state */
void limits_drop(struct core *c, struct job *job);   /* nothing of it counts any more */
void limits_freed(struct core *c, struct job *job);  /* it ended: look at those who wait */

/* Out of its queues until something changes; gauge NULL: until the rules do. */
void limits_park(struct core *c, struct job *job, const struct limit_why *why);
/* True: the rules keep it from starting there.  Without a placement, by what it asks, it is parked.
 * One that only its placement makes too large stays in its queues, for another may be smaller; so
 * does one of several partitions, since each may have rules of its own, and one that holds a
 * promise, for the plan to take it back. */
bool limits_hold(struct core *c, const struct job *job, const struct part *p,
                 const struct placement *at);
void limits_unpark(struct core *c, struct job *job);
void limits_wake(struct core *c, int64_t now); /* those for whom there is room now */
void limits_wake_all(struct core *c);
void limits_paid(struct core *c, int64_t now); /* usage of all that runs was charged up to now */
int64_t limits_due(const struct core *c);      /* when time alone may make room; INT64_MAX: never */

int limits_check(const struct core *c, struct err *e); /* counters are the sums over jobs */

#endif
