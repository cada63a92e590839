/* Fair share: who was promised how much, who has used how much, and so whose turn it is
 * (contracts/priority.md sections 1 and 2).
 *
 * Associations form a tree: accounts, and the users in them.  Everybody holds raw shares and has
 * used something; what an account has used is all that was used below it.
 *
 * Fair tree looks at one group of siblings at a time.  A member's level value is its part of the
 * shares over its part of the usage: above 1 it got less than promised.  The tree is walked in
 * falling order of level values, going down into accounts as they come, and users are ranked as
 * they are met.  So nobody suffers from a greedy user in another account.
 *
 * Two things keep this cheap and exact:
 * - Ageing all usage by one factor changes no ratio, so usage is kept multiplied by a scale, and a
 *   decay only raises the scale.  Once in a long while the numbers are brought down again.
 * - Scaled usage is an integer.  Sums are then the same in whatever order they were made, and equal
 *   level values are found by multiplying crosswise, not by comparing rounded quotients. */
#ifndef CORE_FAIRSHARE_H
#define CORE_FAIRSHARE_H

#include <stdbool.h>
#include <stdint.h>

#define FAIRSHARE_ROOT 0u         /* where the root account is */
#define FAIRSHARE_NONE UINT32_MAX /* no such association */
#define SHARES_PARENT UINT32_MAX  /* Fairshare=parent */

struct share_row {
    const char *name; /* of the account or user; copied */
    uint32_t parent;  /* the account it is in */
    uint32_t shares;  /* SHARES_PARENT: an account's members count as its parent's, a user stands
                       * where its account stands */
    bool is_user;
};

/* An association as it is now; level and factor as of the last fairshare_rank or _classic. */
struct share {
    char *name;
    uint32_t parent;
    uint32_t group; /* the account among whose members it competes; parent unless lifted */
    uint32_t shares;
    bool is_user;
    uint64_t own;   /* scaled usage charged right here */
    uint64_t usage; /* the same and all below */
    double level;   /* INFINITY: nothing used; 0 for the root and for lifted accounts */
    uint32_t rank;  /* of a user: n is the best */
    double factor;  /* of a user: rank / n; classic: of everybody */
    /* Of an account: its members, and what they add up to. */
    uint32_t first, count;
    uint64_t shares_below, usage_below;
    bool is_ordered; /* no member was charged since they were put in order */
};

struct fairshare;

struct fairshare *fairshare_new(void); /* the root account, with nothing in it */
void fairshare_free(struct fairshare *fs);

/* The place of the new association.  The parent must be an account that is there. */
uint32_t fairshare_add(struct fairshare *fs, struct share_row row);
void fairshare_set_shares(struct fairshare *fs, uint32_t at, uint32_t shares);
uint32_t fairshare_count(const struct fairshare *fs);
uint32_t fairshare_users(const struct fairshare *fs);
const struct share *fairshare_at(const struct fairshare *fs, uint32_t at);
/* An account anywhere in the tree, or a user in the account at a place; FAIRSHARE_NONE. */
uint32_t fairshare_account(const struct fairshare *fs, const char *account);
uint32_t fairshare_user(const struct fairshare *fs, uint32_t account, const char *user);

/* Usage is told and read in billing seconds as of now; inside it is scaled.  It never overflows:
 * what is beyond 2^48 stays there. */
void fairshare_charge(struct fairshare *fs, uint32_t at, double billing_s); /* ancestors too */
double fairshare_usage(const struct fairshare *fs, uint32_t at);
/* Ages everything by (1 - 0.693/half_life)^seconds.  A half-life of 0 never forgets; one below a
 * second forgets at once. */
void fairshare_decay(struct fairshare *fs, double half_life_s, uint64_t seconds);
void fairshare_reset(struct fairshare *fs); /* nobody has used anything */

/* Decay in two halves, to decide it in one place and do it in another: the scale that is to be set,
 * 0 when nothing is left.  And a tree written down, read again: its scale, and everybody's own. */
double fairshare_aged(const struct fairshare *fs, double half_life_s, uint64_t seconds);
void fairshare_set_scale(struct fairshare *fs, double scale);
double fairshare_scale(const struct fairshare *fs);
void fairshare_restore(struct fairshare *fs, uint32_t at, uint64_t own);

/* Gives every user its rank and factor by the fair tree; free of cost when nothing was charged or
 * added since.  Equal level values: users share the higher rank, a user shares that of the first
 * user of an equal account, and equal accounts are taken as one (Slurm's document; its program
 * takes them in turn). */
void fairshare_rank(struct fairshare *fs);
/* NO_FAIR_TREE: 2^(-(effective usage / share of the whole) / dampening). */
void fairshare_classic(struct fairshare *fs, double dampening);

enum reset_period {
    RESET_NONE,
    RESET_NOW,
    RESET_DAILY,
    RESET_WEEKLY,
    RESET_MONTHLY,
    RESET_QUARTERLY,
    RESET_YEARLY
};

/* The first moment after `last` at which usage is forgotten: midnight at the start of a day, a
 * Sunday, a month, a quarter, a year, local time being utc_offset_s ahead of UTC.  RESET_NOW is due
 * at once, RESET_NONE at INT64_MAX. */
int64_t fairshare_next_reset(enum reset_period period, int64_t last, int32_t utc_offset_s);

#endif
