/* The controller's copy of the rule book: associations, QOS, users (slurmdbd owns it).
 *
 * It changes by facts alone, whole or by rows, so the journal and its snapshots hold it and a
 * restart decides by it although slurmdbd is away.  A whole book comes in parts that are kept aside
 * until the last one is there: nobody ever decides by half a book.
 *
 * An association or QOS is an *owner*: it has limits, counts what runs and waits under it,
 * remembers what was used, and keeps the jobs that wait for room under it (limits.h, usage.h). */
#ifndef CORE_RULES_H
#define CORE_RULES_H

#include "base/map.h"
#include "core/queue.h"
#include "core/tres.h"
#include "schema/messages.h"
#include <stdbool.h>
#include <stdint.h>

/* One limit that is set.  An owner's are sorted by row. */
struct limit {
    uint8_t row;  /* enum limit_row of limits.h */
    uint8_t tres; /* place; 0 for rows that count no resource */
    uint64_t most;
};

/* What runs at this moment.  Ends are sums of amount times end of the time limit, in seconds: what
 * is still to run is that less the time times the amounts.  Paid are the same sums of the moments
 * up to which usage was charged: what will still be charged is ends less paid. */
struct load {
    struct amounts tres;
    __int128 ends[TRES_MAX], paid[TRES_MAX];
};

struct gauge {
    uint32_t running, submitted;
    struct load *sums;    /* NULL: nothing runs */
    struct queue waiting; /* jobs parked here, best first; the scheduler's memory */
    bool is_freed;        /* something ended; listed in core.freed */
    bool has_held;        /* a placement was too large for it: another one may not be */
};

struct spent {
    double tres_s[TRES_MAX]; /* by place; decayed */
    double wall_s;
};

struct owner {
    struct limit *limits;
    uint32_t limit_n;
    struct gauge now;
    struct spent *used; /* NULL: nothing */
};

struct assoc {
    struct owner owner;
    const struct rule_assoc *row; /* one block */
    struct assoc *up;             /* NULL: the root */
    char *name;                   /* its key in the book */
    uint64_t seen;
    uint32_t share; /* its place in the fair-share tree */
};

enum qos_flag {
    QOS_DENY_ON_LIMIT = 1,
    QOS_ENFORCE_THRESHOLD = 2,
    QOS_NO_DECAY = 4,
    QOS_NO_RESERVE = 8,
    QOS_OVER_PART = 16,
    QOS_PART_MAX_NODES = 32,
    QOS_PART_MIN_NODES = 64,
    QOS_PART_TIME = 128,
    QOS_NEEDS_RESERVATION = 256,
    QOS_FACTOR_SAFE = 512,
};

struct qos {
    struct owner owner;
    const struct rule_qos *row; /* one block */
    uint32_t flags;             /* enum qos_flag */
    uint64_t seen;
    struct map users;    /* uid + 1 to struct gauge */
    struct map accounts; /* hash of the name to struct gauge */
};

struct rulebook {
    uint64_t version;    /* 0: there is no book */
    struct map assocs;   /* id to struct assoc */
    struct smap by_name; /* "account user partition" to struct assoc */
    struct map qos;      /* id to struct qos */
    struct smap qos_names;
    struct smap users;     /* name to struct rule_user: one block */
    struct smap resources; /* "name@server" to struct rule_res: one block */
    struct rules *wckeys;  /* of it the wckeys, "user=wckey"; one block; NULL: none */
    struct assoc **order;  /* by id */
    uint32_t assoc_n;
    struct qos **qos_order; /* by id */
    uint32_t qos_n;
    uint32_t qos_most, assoc_most; /* the highest priorities */
    uint64_t seen;                 /* counts whole books, to find what the last one left out */
    struct rules **parts;          /* of a whole book that is not complete yet; one block each */
    uint32_t part_n;
};

struct rulebook *rules_new(void);
void rules_free(struct rulebook *r); /* accepts NULL */

/* More than numbers change: whoever keeps a pointer into the book must let go of it first, and look
 * again after rules_put. */
bool rules_is_structural(const struct rulebook *r, const struct rules *change);
void rules_put(struct rulebook *r, const struct tres_table *t, const struct rules *change);
void rules_read_limits(struct rulebook *r, const struct tres_table *t); /* after the table grew */

/* The association of the user in the account, in the partition if there is one for it; NULL. */
struct assoc *rules_assoc(const struct rulebook *r, const char *account, const char *user,
                          const char *partition);
struct qos *rules_qos(const struct rulebook *r, const char *name);
const struct rule_user *rules_user(const struct rulebook *r, const char *name);
bool rules_has_wckey(const struct rulebook *r, const char *user, const char *wckey);

/* The account a user means who names none; "" when there is none. */
const char *rules_default_account(const struct rulebook *r, const char *user);
/* Inherited: the nearest that has any.  The text is comma separated, for hints. */
bool rules_may_use(const struct assoc *as, const char *qos);
const char *rules_default_qos(const struct rulebook *r, const struct assoc *as);
char *rules_qos_text(const struct rulebook *r, const struct assoc *as, struct arena *a);
char *rules_accounts_text(const struct rulebook *r, const char *user, struct arena *a);
uint32_t rules_priority(const struct assoc *as); /* 0: none */

/* The whole book as changes of at most so many rows each, the last without `more`. */
void rules_dump(const struct rulebook *r, void (*emit)(void *ctx, const struct rules *c),
                void *ctx);

#endif
