/* Reservations as state, and the questions that placement and planning ask. */
#include "core/resv.h"

#include "base/hostlist.h"
#include "base/xalloc.h"
#include "core/msgs.h"
#include "core/state.h"

#include <stdlib.h>
#include <string.h>

#define HOUR 3600
#define DAY 86400

static int index_of(const struct core *c, const char *name)
{
    for (uint32_t i = 0; i < c->resv_count; i++)
        if (strcmp(c->resvs[i]->info->name, name) == 0)
            return (int)i;
    return -1;
}

struct resv *resv_find(const struct core *c, const char *name)
{
    int i = name && *name ? index_of(c, name) : -1;

    return i < 0 ? NULL : c->resvs[i];
}

static void resv_free(struct resv *r)
{
    bits_fini(&r->nodes);
    free(r->info);
    free(r);
}

void resvs_free(struct core *c)
{
    for (uint32_t i = 0; i < c->resv_count; i++)
        resv_free(c->resvs[i]);
    free(c->resvs);
}

/* Names that are no nodes any more are passed over. */
static void set_nodes(struct core *c, struct resv *r)
{
    struct arena a = { 0 };
    struct hostlist names = { 0 };

    bits_fini(&r->nodes);
    bits_init(&r->nodes, c->node_count);
    if (hostlist_expand(&a, r->info->nodes, &names, NULL) < 0)
        names.n = 0;
    for (uint32_t i = 0; i < names.n; i++) {
        const struct node *n = node_find(c, names.v[i]);
        if (n)
            bits_set(&r->nodes, n->index);
    }
    arena_fini(&a);
}

static struct resv *add(struct core *c)
{
    struct resv *r = xcalloc(1, sizeof *r);

    c->resvs = xrealloc(c->resvs, c->resv_count + 1, sizeof *c->resvs);
    c->resvs[c->resv_count++] = r;
    return r;
}

static void drop(struct core *c, int at)
{
    resv_free(c->resvs[at]);
    c->resv_count--;
    memmove(c->resvs + at, c->resvs + at + 1,
            (c->resv_count - (uint32_t)at) * sizeof *c->resvs);
}

void resv_put(struct core *c, const struct resv_info *info, bool is_gone)
{
    int at = index_of(c, info->name);

    if (is_gone) {
        if (at >= 0)
            drop(c, at);
        return;
    }
    struct resv *r = at >= 0 ? c->resvs[at] : add(c);
    struct resv_info *old = r->info;

    r->info = msg_clone(&desc_resv_info, info);
    free(old);
    set_nodes(c, r);
}

/* ---- when */

int64_t resv_start(const struct resv *r, int64_t now)
{
    return r->info->flags & RESV_TIME_FLOAT ? now + r->info->first_start : r->info->start;
}

int64_t resv_end(const struct resv *r, int64_t now)
{
    return resv_start(r, now) + (r->info->end - r->info->start);
}

bool resv_is_active(const struct resv *r, int64_t now)
{
    return resv_start(r, now) <= now && now < resv_end(r, now);
}

/* The first day of the epoch was a Thursday. */
static bool is_weekend(int64_t t)
{
    int64_t day = (t / DAY + 4) % 7; /* 0: Sunday */

    return day == 0 || day == 6;
}

static int64_t step_of(uint64_t flags)
{
    return flags & RESV_HOURLY ? HOUR : flags & RESV_WEEKLY ? 7 * DAY : DAY;
}

int64_t resv_next_start(uint64_t flags, int64_t start, int64_t after)
{
    int64_t step = step_of(flags);

    if (after >= start)
        start += ((after - start) / step + 1) * step;
    while ((flags & RESV_WEEKDAY && is_weekend(start)) ||
           (flags & RESV_WEEKEND && !is_weekend(start)))
        start += DAY;
    return start;
}

int64_t resv_next_end(const struct core *c)
{
    int64_t next = INT64_MAX;

    for (uint32_t i = 0; i < c->resv_count; i++) {
        const struct resv_info *r = c->resvs[i]->info;

        if (!(r->flags & RESV_TIME_FLOAT) && r->end < next)
            next = r->end;
    }
    return next;
}

/* ---- who */

static bool list_has(const char *list, const char *word)
{
    size_t len = strlen(word);

    for (const char *at = list; *at; at += strcspn(at, ","), at += *at == ',')
        if (strcspn(at, ",") == len && strncmp(at, word, len) == 0)
            return true;
    return false;
}

/* A list says who may; with - in front of its names, who may not.  None is no condition. */
static bool list_admits(const char *list, const char *word)
{
    char denied[256];

    if (*list == '\0')
        return true;
    if (*list != '-')
        return list_has(list, word);
    size_t len = strlen(word);
    if (len + 2 > sizeof denied)
        return false;
    denied[0] = '-';
    memcpy(denied + 1, word, len + 1);
    return !list_has(list, denied);
}

static bool shares_a_name(const char *list, const char *groups)
{
    char name[256];

    for (const char *at = groups; *at; at += strcspn(at, ","), at += *at == ',') {
        size_t len = strcspn(at, ",");
        if (len >= sizeof name)
            continue;
        memcpy(name, at, len);
        name[len] = '\0';
        if (list_has(list, name))
            return true;
    }
    return false;
}

bool resv_allows(const struct resv_info *r, const struct resv_guest *g)
{
    return list_admits(r->users, g->user) && list_admits(r->accounts, g->account) &&
           (*r->groups == '\0' || shares_a_name(r->groups, g->groups));
}

/* ---- what it keeps others from */

/* One whose cores or licences alone are kept bars no node. */
static bool bars_nodes(const struct resv *r)
{
    return r->info->core_count == 0 && !(r->info->flags & RESV_ANY_NODES);
}

static bool meets(const struct resv *r, int64_t from, int64_t until)
{
    int64_t start = resv_start(r, from);

    if (start < until && resv_end(r, from) > from)
        return true;
    return r->info->flags & RESV_REPEATS && resv_next_start(r->info->flags, start, start) < until;
}

bool resv_bar(const struct core *c, const struct resv *mine, int64_t from, int64_t until,
              struct bits *ret)
{
    bool any = false;

    for (uint32_t i = 0; i < c->resv_count; i++) {
        const struct resv *r = c->resvs[i];

        if (r == mine || !bars_nodes(r) || !meets(r, from, until))
            continue;
        if (!any)
            bits_clear_all(ret);
        bits_or(ret, &r->nodes);
        any = true;
    }
    return any;
}
