/* Counting licenses; the idea is explained in license.h. */
#include "core/license.h"

#include "base/xalloc.h"
#include "core/gres.h"
#include "core/state.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct license *find(const struct licenses *l, struct gres_word name)
{
    for (uint32_t i = 0; i < l->n; i++)
        if (strlen(l->v[i].name) == name.len && strncmp(l->v[i].name, name.s, name.len) == 0)
            return &l->v[i];
    return NULL;
}

void licenses_fini(struct licenses *l)
{
    free(l->v);
    *l = (struct licenses){ 0 };
}

static bool is_holding(const struct job *job)
{
    return job->phase == PHASE_RUNNING && job->alloc;
}

static void add(struct core *c, const struct gres_piece *p)
{
    char name[128];
    struct license *old = find(&c->licenses, p->name);

    if (old) {
        old->total += p->count;
        return;
    }
    snprintf(name, sizeof name, "%.*s", (int)p->name.len, p->name.s);
    c->licenses.v = xrealloc(c->licenses.v, c->licenses.n + 1, sizeof *c->licenses.v);
    c->licenses.v[c->licenses.n++] =
        (struct license){ .name = intern(&c->names, name), .total = p->count };
}

void license_configure(struct core *c)
{
    struct gres_piece p;

    licenses_fini(&c->licenses);
    for (const char *list = c->conf->licenses; list && gres_next(&list, &p);)
        add(c, &p);
    QUEUE_FOREACH(it, &c->jobs)
    if (is_holding(it->job))
        license_hold(c, it->job);
}

/* A license that the configuration no longer has is held and given back without a trace. */
static void change(struct core *c, const char *list, int sign)
{
    struct gres_piece p;

    while (list && gres_next(&list, &p)) {
        struct license *l = find(&c->licenses, p.name);
        if (l && (sign > 0 || l->used >= p.count))
            l->used += (uint64_t)sign * p.count;
    }
}

void license_hold(struct core *c, const struct job *job)
{
    change(c, job->alloc->licenses, 1);
}

/* Jobs of any partition may have waited for them. */
void license_give_back(struct core *c, const struct job *job)
{
    if (!job->alloc->licenses || !*job->alloc->licenses)
        return;
    change(c, job->alloc->licenses, -1);
    c->shape_gen++;
    c->void_gen++;
    for (uint32_t i = 0; i < c->part_count; i++)
        part_touch(c, c->parts[i], (struct queue_key){ 0, 0 });
}

/* Whether all of the part up to `end` are there: free, or at all. */
static bool all_there(const struct core *c, const char *from, size_t len, bool is_now)
{
    struct gres_piece p;

    for (const char *at = from; at < from + len && gres_next(&at, &p) && p.name.s < from + len;) {
        const struct license *l = find(&c->licenses, p.name);
        uint64_t used = l && is_now ? l->used : 0;
        if (!l || l->total < used || l->total - used < p.count)
            return false;
    }
    return true;
}

/* The first part, of those parted by ';' or '|', that is there; NULL: none. */
static const char *first_there(const struct core *c, const char *wish, bool is_now, size_t *ret_len)
{
    for (const char *at = wish; *at; at += strcspn(at, ";|"), at += *at != '\0') {
        *ret_len = strcspn(at, ";|");
        if (*ret_len && all_there(c, at, *ret_len, is_now))
            return at;
    }
    return NULL;
}

const char *license_pick(const struct core *c, const char *wish, struct arena *a)
{
    size_t len = 0;
    const char *at = wish && *wish ? first_there(c, wish, true, &len) : "";

    return at ? arena_strndup(a, at, len) : NULL;
}

bool license_is_free(const struct core *c, const char *wish)
{
    size_t len;

    return !wish || !*wish || first_there(c, wish, true, &len);
}

int license_check(const struct core *c, const char *wish, struct err *e)
{
    const char *have = c->conf->licenses && *c->conf->licenses ? c->conf->licenses : "none";
    size_t len;

    if (!wish || !*wish || first_there(c, wish, false, &len))
        return 0;
    return err_set(e, ESLURM_INVALID_LICENSES, "asked: -L %.80s\nlicenses of this cluster: %.120s",
                   wish, have);
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct license_info *)a)->name, ((const struct license_info *)b)->name);
}

void core_list_licenses(const struct core *c, struct arena *a, struct license_infos *ret)
{
    *ret = (struct license_infos){ .now = c->now };
    ret->licenses.v = arena_calloc(a, c->licenses.n + 1, sizeof *ret->licenses.v);
    for (uint32_t i = 0; i < c->licenses.n; i++)
        ret->licenses.v[ret->licenses.n++] =
            (struct license_info){ .name = c->licenses.v[i].name,
                                   .total = c->licenses.v[i].total,
                                   .used = c->licenses.v[i].used };
    if (ret->licenses.n)
        qsort(ret->licenses.v, ret->licenses.n, sizeof *ret->licenses.v, by_name);
}

int license_audit(const struct core *c, struct err *e)
{
    for (uint32_t i = 0; i < c->licenses.n; i++) {
        const struct license *l = &c->licenses.v[i];
        uint64_t sum = 0;
        QUEUE_FOREACH(it, &c->jobs)
        {
            struct gres_piece p;
            const char *list = is_holding(it->job) ? it->job->alloc->licenses : NULL;
            while (list && gres_next(&list, &p))
                sum += strlen(l->name) == p.name.len && !strncmp(l->name, p.name.s, p.name.len)
                           ? p.count
                           : 0;
        }
        if (sum != l->used)
            return err_set(e, ESTATE, "license %s: %llu are in use, the jobs hold %llu", l->name,
                           (unsigned long long)l->used, (unsigned long long)sum);
    }
    return 0;
}
