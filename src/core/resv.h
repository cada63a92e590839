/* Reservations: nodes, cores or licences kept for some between two times. */
#ifndef CORE_RESV_H
#define CORE_RESV_H

#include "base/arena.h"
#include "base/bits.h"
#include "core/inputs.h"
#include "schema/messages.h"
#include <stdbool.h>
#include <stdint.h>

struct core;
struct job;

#define RESV(bit, name, can_lose) RESV_##name = 1ull << (bit),
enum resv_bit {
#include "schema/resv_flags.def"
};
#undef RESV

#define RESV_REPEATS (RESV_HOURLY | RESV_DAILY | RESV_WEEKDAY | RESV_WEEKEND | RESV_WEEKLY)

struct resv {
    struct resv_info *info; /* one block */
    struct bits nodes;      /* of the size core.node_count */
};

/* ---- state */

struct resv *resv_find(const struct core *c, const char *name); /* NULL: there is none */
/* Replaces the one of that name, or removes it. */
void resv_put(struct core *c, const struct resv_info *info, bool is_gone);
void resvs_free(struct core *c);

/* ---- questions */

/* When it begins if nothing changes: with TIME_FLOAT that moves on with the clock. */
int64_t resv_start(const struct resv *r, int64_t now);
int64_t resv_end(const struct resv *r, int64_t now);
bool resv_is_active(const struct resv *r, int64_t now);

/* Who asks to use it. */
struct resv_guest {
    const char *user, *account, *groups; /* groups: comma list */
};
bool resv_allows(const struct resv_info *r, const struct resv_guest *g);

/* Nodes that a job outside of every reservation but `mine` (NULL: of all) may not use if it ran
 * from `from` until `until`.  False: no node is barred and ret was not touched. */
bool resv_bar(const struct core *c, const struct resv *mine, int64_t from, int64_t until,
              struct bits *ret);
/* When the first of them ends; INT64_MAX: never. */
int64_t resv_next_end(const struct core *c);
/* The first start of this or a later occurrence after `after`. */
int64_t resv_next_start(uint64_t flags, int64_t start, int64_t after);

/* ---- requests */

void resv_describe(const struct core *c, const struct resv *r, int64_t now, struct arena *a,
                   struct resv_info *ret);
struct turn;
void decide_resv_create(struct turn *t, const struct resv_update *up);
void decide_resv_modify(struct turn *t, const struct resv_update *up);
void decide_resv_remove(struct turn *t, const struct resv_delete *del);
void decide_resv_tick(struct turn *t); /* what is over ends, or begins anew */

#endif
