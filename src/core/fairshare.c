/* Fair tree, classic fair share, and usage that fades; the ideas are explained in fairshare.h. */
#include "core/fairshare.h"

#include "base/map.h"
#include "base/xalloc.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* The scale stays within [SCALE_LEAST, SCALE_MOST).  256 parts of a billing second are kept at
 * least, and 48 bits are left for billing seconds: a million CPUs for nine years. */
#define SCALE_LEAST 256.0
#define SCALE_MOST 65536.0

/* Level values that differ by more than this part of themselves differ whatever was rounded. */
#define LEVEL_TOLERANCE 1e-9

/* Level values side by side with places: sorting touches nothing else. */
struct member {
    double level;
    uint32_t at;
};

struct fairshare {
    struct share *v; /* parents before their members */
    uint32_t n, cap;
    uint32_t users;
    double scale;
    struct smap accounts;   /* name to place + 1 */
    struct smap members_of; /* "PLACE/NAME" of a user and its account's place, to place + 1 */
    char **keys;            /* the strings of these maps, one for each place */
    struct member *members; /* of every group in turn: share.first, share.count; best first */
    bool is_stale;          /* members must be gathered again */
    double ranked_as;       /* what the factors are: RANKED_NOT, RANKED_BY_TREE, or the dampening */
};

#define RANKED_NOT 0.0
#define RANKED_BY_TREE (-1.0)

/* A level value as an exact fraction. */
struct ratio {
    unsigned __int128 over, under;
};

/* The walk over the tree: the next rank to give, and the rank that the next users met share with a
 * user already ranked. */
struct walk {
    struct fairshare *fs;
    uint32_t next;
    uint32_t shared; /* 0: none */
};

static uint32_t add(struct fairshare *fs, struct share_row row, char *key);
static void gather(struct fairshare *fs);
static void bring_down(struct fairshare *fs);
static int compare_levels(const struct fairshare *fs, struct member a, struct member b);
static void sort_members(struct fairshare *fs, struct member *v, uint32_t n);
static void walk_list(struct walk *w, const struct member *v, uint32_t n);

/* ---- the tree */

struct fairshare *fairshare_new(void)
{
    struct fairshare *fs = xcalloc(1, sizeof *fs);

    fs->scale = SCALE_LEAST;
    add(fs, (struct share_row){ .name = "root", .shares = 1 }, xstrdup("root"));
    return fs;
}

void fairshare_free(struct fairshare *fs)
{
    if (!fs)
        return;
    for (uint32_t i = 0; i < fs->n; i++) {
        free(fs->v[i].name);
        free(fs->keys[i]);
    }
    smap_fini(&fs->accounts);
    smap_fini(&fs->members_of);
    free(fs->v);
    free(fs->keys);
    free(fs->members);
    free(fs);
}

static char *user_key(uint32_t account, const char *user)
{
    return xasprintf("%u/%s", account, user);
}

uint32_t fairshare_add(struct fairshare *fs, struct share_row row)
{
    assert(row.parent < fs->n && !fs->v[row.parent].is_user);
    return add(fs, row, row.is_user ? user_key(row.parent, row.name) : xstrdup(row.name));
}

static uint32_t add(struct fairshare *fs, struct share_row row, char *key)
{
    if (fs->n == fs->cap) {
        fs->cap = fs->cap ? fs->cap * 2 : 64;
        fs->v = xrealloc(fs->v, fs->cap, sizeof *fs->v);
        fs->keys = xrealloc(fs->keys, fs->cap, sizeof *fs->keys);
    }
    uint32_t at = fs->n++;
    fs->v[at] = (struct share){ .name = xstrdup(row.name),
                                .parent = row.parent,
                                .shares = row.shares,
                                .is_user = row.is_user };
    fs->keys[at] = key;
    smap_put(row.is_user ? &fs->members_of : &fs->accounts, key, (void *)(uintptr_t)(at + 1));
    fs->users += row.is_user;
    fs->is_stale = true;
    fs->ranked_as = RANKED_NOT;
    return at;
}

void fairshare_set_shares(struct fairshare *fs, uint32_t at, uint32_t shares)
{
    assert(at < fs->n && at != FAIRSHARE_ROOT);
    fs->v[at].shares = shares;
    fs->is_stale = true;
    fs->ranked_as = RANKED_NOT;
}

uint32_t fairshare_count(const struct fairshare *fs)
{
    return fs->n;
}

uint32_t fairshare_users(const struct fairshare *fs)
{
    return fs->users;
}

const struct share *fairshare_at(const struct fairshare *fs, uint32_t at)
{
    assert(at < fs->n);
    return &fs->v[at];
}

static uint32_t found(void *value)
{
    return value ? (uint32_t)((uintptr_t)value - 1) : FAIRSHARE_NONE;
}

uint32_t fairshare_account(const struct fairshare *fs, const char *account)
{
    return found(smap_get(&fs->accounts, account));
}

uint32_t fairshare_user(const struct fairshare *fs, uint32_t account, const char *user)
{
    char *key = user_key(account, user);
    uint32_t at = found(smap_get(&fs->members_of, key));

    free(key);
    return at;
}

/* The members of Fairshare=parent accounts are lifted into the group above. */
static bool is_lifted(const struct share *s)
{
    return s->shares == SHARES_PARENT && !s->is_user;
}

static bool is_member(const struct fairshare *fs, uint32_t at)
{
    return at != FAIRSHARE_ROOT && !is_lifted(&fs->v[at]);
}

/* What it weighs among its siblings. */
static uint64_t weight(const struct share *s)
{
    return s->shares == SHARES_PARENT ? 0 : s->shares;
}

/* Members of one group side by side, in the order of their places. */
static void gather(struct fairshare *fs)
{
    uint32_t next = 0;

    fs->members = xrealloc(fs->members, fs->n, sizeof *fs->members);
    for (uint32_t i = 0; i < fs->n; i++) {
        struct share *s = &fs->v[i];
        uint32_t up = s->parent;
        s->group = is_lifted(&fs->v[up]) ? fs->v[up].group : up;
        s->count = 0;
        s->shares_below = 0;
        fs->v[s->group].count += is_member(fs, i);
        fs->v[s->group].shares_below += is_member(fs, i) ? weight(s) : 0;
    }
    for (uint32_t i = 0; i < fs->n; i++) {
        fs->v[i].first = next;
        next += fs->v[i].count;
        fs->v[i].count = 0;
    }
    for (uint32_t i = 0; i < fs->n; i++) {
        struct share *g = &fs->v[fs->v[i].group];
        if (is_member(fs, i))
            fs->members[g->first + g->count++].at = i;
        fs->v[i].is_ordered = false;
    }
    fs->is_stale = false;
}

/* ---- usage */

static uint64_t add_saturating(uint64_t a, uint64_t b)
{
    return a > UINT64_MAX - b ? UINT64_MAX : a + b;
}

void fairshare_charge(struct fairshare *fs, uint32_t at, double billing_s)
{
    double scaled = billing_s * fs->scale;

    assert(billing_s >= 0);
    fairshare_restore(fs, at, scaled >= 0x1p63 ? INT64_MAX : (uint64_t)(scaled + 0.5));
}

void fairshare_restore(struct fairshare *fs, uint32_t at, uint64_t units)
{
    assert(at < fs->n);
    fs->ranked_as = RANKED_NOT;
    fs->v[at].own = add_saturating(fs->v[at].own, units);
    for (uint32_t i = at;; i = fs->v[i].parent) {
        fs->v[i].usage = add_saturating(fs->v[i].usage, units);
        fs->v[fs->v[i].group].is_ordered = false;
        if (i == FAIRSHARE_ROOT)
            return;
    }
}

double fairshare_usage(const struct fairshare *fs, uint32_t at)
{
    return (double)fairshare_at(fs, at)->usage / fs->scale;
}

double fairshare_scale(const struct fairshare *fs)
{
    return fs->scale;
}

void fairshare_decay(struct fairshare *fs, double half_life_s, uint64_t seconds)
{
    fairshare_set_scale(fs, fairshare_aged(fs, half_life_s, seconds));
}

/* After 2^64 nothing of any usage is left, so a pause of years needs no care. */
double fairshare_aged(const struct fairshare *fs, double half_life_s, uint64_t seconds)
{
    if (half_life_s == 0 || seconds == 0)
        return fs->scale;
    double left = 1 - 0.693 / half_life_s;
    return left > 0 ? fs->scale * fmin(pow(left, -(double)seconds), 0x1p64) : 0;
}

void fairshare_set_scale(struct fairshare *fs, double scale)
{
    if (!(scale >= SCALE_LEAST)) {
        fairshare_reset(fs);
        return;
    }
    fs->scale = fmin(scale, SCALE_MOST * 0x1p64);
    while (fs->scale >= SCALE_MOST)
        bring_down(fs);
}

/* Divides all numbers alike.  Accounts are added up anew, so that they stay the sums of what is in
 * them. */
static void bring_down(struct fairshare *fs)
{
    fs->scale /= SCALE_MOST / SCALE_LEAST;
    fs->ranked_as = RANKED_NOT;
    for (uint32_t i = 0; i < fs->n; i++) {
        fs->v[i].own /= (uint64_t)(SCALE_MOST / SCALE_LEAST);
        fs->v[i].usage = fs->v[i].own;
        fs->v[i].is_ordered = false;
    }
    for (uint32_t i = fs->n - 1; i > FAIRSHARE_ROOT; i--)
        fs->v[fs->v[i].parent].usage = add_saturating(fs->v[fs->v[i].parent].usage, fs->v[i].usage);
}

void fairshare_reset(struct fairshare *fs)
{
    fs->scale = SCALE_LEAST;
    fs->ranked_as = RANKED_NOT;
    for (uint32_t i = 0; i < fs->n; i++) {
        fs->v[i].own = fs->v[i].usage = 0;
        fs->v[i].is_ordered = false;
    }
}

/* ---- levels */

static double level_in(const struct share *g, const struct share *s)
{
    if (s->usage == 0 || s->shares == SHARES_PARENT)
        return INFINITY;
    if (g->shares_below == 0)
        return 0;
    return (double)s->shares / (double)g->shares_below *
           ((double)g->usage_below / (double)s->usage);
}

static void order_group(struct fairshare *fs, struct share *g)
{
    struct member *v = fs->members + g->first;

    g->usage_below = 0;
    for (uint32_t i = 0; i < g->count; i++)
        g->usage_below = add_saturating(g->usage_below, fs->v[v[i].at].usage);
    for (uint32_t i = 0; i < g->count; i++)
        fs->v[v[i].at].level = v[i].level = level_in(g, &fs->v[v[i].at]);
    sort_members(fs, v, g->count);
    g->is_ordered = true;
}

/* Within a group level values depend on nothing outside of it, so a group in which nothing was
 * charged is still in order. */
static void order_groups(struct fairshare *fs)
{
    if (fs->is_stale)
        gather(fs);
    for (uint32_t i = 0; i < fs->n; i++)
        if (!fs->v[i].is_ordered)
            order_group(fs, &fs->v[i]);
}

static struct ratio level_of(const struct fairshare *fs, const struct share *s)
{
    const struct share *g = &fs->v[s->group];

    return (struct ratio){ (unsigned __int128)weight(s) * g->usage_below,
                           (unsigned __int128)g->shares_below * s->usage };
}

/* The products of two such fractions do not fit, so they are unfolded as Euclid does: whole parts
 * first, then what remains upside down. */
static int compare_ratios(struct ratio a, struct ratio b)
{
    for (int sign = 1;; sign = -sign) {
        unsigned __int128 p = a.over / a.under, q = b.over / b.under;
        if (p != q)
            return p < q ? -sign : sign;
        struct ratio c = { a.under, a.over % a.under }, d = { b.under, b.over % b.under };
        if (c.under == 0 || d.under == 0)
            return sign * ((c.under != 0) - (d.under != 0));
        a = c;
        b = d;
    }
}

/* Negative: a has the lower level value. */
static int compare_levels(const struct fairshare *fs, struct member a, struct member b)
{
    if (isinf(a.level) || isinf(b.level))
        return !!isinf(a.level) - !!isinf(b.level);
    if (fabs(a.level - b.level) > LEVEL_TOLERANCE * fmax(a.level, b.level))
        return a.level < b.level ? -1 : 1;
    if (a.level == 0)
        return 0;
    const struct share *x = &fs->v[a.at], *y = &fs->v[b.at];
    if (x->group != y->group)
        return compare_ratios(level_of(fs, x), level_of(fs, y));
    unsigned __int128 p = (unsigned __int128)x->shares * y->usage;
    unsigned __int128 q = (unsigned __int128)y->shares * x->usage;
    return p == q ? 0 : p < q ? -1 : 1;
}

/* Falling level values; the place decides among equals, so that equal trees give equal lists. */
static int best_first(const void *a, const void *b, void *fs)
{
    const struct member *x = a, *y = b;
    int order = compare_levels(fs, *y, *x);

    return order ? order : x->at < y->at ? -1 : 1;
}

static void sort_members(struct fairshare *fs, struct member *v, uint32_t n)
{
    if (n > 1)
        qsort_r(v, n, sizeof *v, best_first, fs);
}

/* ---- fair tree */

void fairshare_rank(struct fairshare *fs)
{
    struct walk w = { .fs = fs, .next = fs->users };
    const struct share *root = &fs->v[FAIRSHARE_ROOT];

    if (fs->ranked_as == RANKED_BY_TREE)
        return;
    fs->ranked_as = RANKED_BY_TREE;
    order_groups(fs);
    walk_list(&w, fs->members + root->first, root->count);
    assert(w.next == 0);
}

/* How many at the front of the list have the same level value. */
static uint32_t run_length(const struct fairshare *fs, const struct member *v, uint32_t n)
{
    uint32_t len = 1;

    while (len < n && compare_levels(fs, v[0], v[len]) == 0)
        len++;
    return len;
}

/* Equal accounts as one: their members in one list. */
static void walk_merged(struct walk *w, const struct member *run, uint32_t len, uint32_t total)
{
    struct member *all = xmalloc(total * sizeof *all);
    uint32_t n = 0;

    for (uint32_t i = 0; i < len; i++) {
        const struct share *s = &w->fs->v[run[i].at];
        if (s->count > 0)
            memcpy(all + n, w->fs->members + s->first, s->count * sizeof *all);
        n += s->count;
    }
    sort_members(w->fs, all, n);
    walk_list(w, all, n);
    free(all);
}

/* Members with the same level value: users first, which all get the same rank, then what is in the
 * accounts, whose first users get it too. */
static void walk_run(struct walk *w, const struct member *run, uint32_t len)
{
    uint32_t rank = w->shared ? w->shared : w->next;
    uint32_t users = 0, accounts = 0, below = 0;
    const struct share *account = NULL;

    for (uint32_t i = 0; i < len; i++) {
        struct share *s = &w->fs->v[run[i].at];
        if (s->is_user) {
            s->rank = rank;
            s->factor = (double)rank / w->fs->users;
            users++;
        } else if (s->count > 0) {
            account = s;
            accounts++;
            below += s->count;
        }
    }
    w->next -= users;
    if (users > 0)
        w->shared = rank;
    if (accounts == 1)
        walk_list(w, w->fs->members + account->first, account->count);
    else if (accounts > 1)
        walk_merged(w, run, len, below);
    if (users > 0)
        w->shared = 0;
}

static void walk_list(struct walk *w, const struct member *v, uint32_t n)
{
    uint32_t len;

    for (uint32_t at = 0; at < n; at += len) {
        uint32_t before = w->next;
        len = run_length(w->fs, v + at, n - at);
        walk_run(w, v + at, len);
        if (w->next != before) /* somebody took the shared rank: it goes no further */
            w->shared = 0;
    }
}

/* ---- classic */

/* Parents come before their members, so one pass from the front carries both numbers down.
 * Directly below the root the effective usage is the usage itself. */
void fairshare_classic(struct fairshare *fs, double dampening)
{
    if (fs->ranked_as == dampening)
        return;
    fs->ranked_as = dampening;
    struct {
        double share, effective;
    } *norm = xcalloc(fs->n, sizeof *norm);
    double whole;

    order_groups(fs);
    whole = (double)fs->v[FAIRSHARE_ROOT].usage;
    norm[FAIRSHARE_ROOT].share = norm[FAIRSHARE_ROOT].effective = 1;
    for (uint32_t i = 0; i < fs->n; i++) {
        struct share *s = &fs->v[i];
        const struct share *g = &fs->v[s->group];
        if (i != FAIRSHARE_ROOT && s->shares == SHARES_PARENT) {
            norm[i] = norm[s->parent];
        } else if (i != FAIRSHARE_ROOT) {
            double part = g->shares_below ? s->shares / (double)g->shares_below : 0;
            double used = whole > 0 ? (double)s->usage / whole : 0;
            norm[i].share = norm[s->group].share * part;
            norm[i].effective = used;
            if (s->group != FAIRSHARE_ROOT)
                norm[i].effective += (norm[s->group].effective - used) * part;
        }
        s->factor = norm[i].share > 0 ? exp2(-norm[i].effective / norm[i].share / dampening) : 0;
    }
    free(norm);
}

/* ---- resets */

/* Days since 1970 of the first of a month; the month may be beyond 12.  The year is taken to begin
 * in March, so that the leap day is its last. */
static int64_t first_of(int64_t year, int64_t month)
{
    year += (month - 1) / 12;
    month = (month - 1) % 12 + 1;
    int64_t y = month > 2 ? year : year - 1;
    int64_t from_march = (month + 9) % 12;

    return y * 365 + y / 4 - y / 100 + y / 400 + (153 * from_march + 2) / 5 - 719468;
}

/* The first day of the next period of so many months. */
static int64_t next_months(int64_t day, int64_t months)
{
    int64_t year = 1970 + day / 366;
    int64_t month = 1;

    while (first_of(year + 1, 1) <= day)
        year++;
    while (first_of(year, month + months) <= day)
        month += months;
    return first_of(year, month + months);
}

int64_t fairshare_next_reset(enum reset_period period, int64_t last, int32_t utc_offset_s)
{
    int64_t day = (last + utc_offset_s) / 86400;
    const int64_t next[] = {
        [RESET_DAILY] = day + 1,
        [RESET_WEEKLY] = day + 7 - (day + 4) % 7, /* 1970 began on a Thursday */
        [RESET_MONTHLY] = next_months(day, 1),
        [RESET_QUARTERLY] = next_months(day, 3),
        [RESET_YEARLY] = next_months(day, 12),
    };

    if (period == RESET_NONE)
        return INT64_MAX;
    return period == RESET_NOW ? last : next[period] * 86400 - utc_offset_s;
}
