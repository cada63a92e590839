/* What an association has once everything above it counts (inherit.h). */
#include "slurmdbd/inherit.h"

#include "slurmdbd/change.h"
#include "wire/number.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#define DEPTH_MAX 64u

/* Limits that pass down where they are not set. */
static const size_t counts[] = {
    offsetof(struct rule_limits, max_jobs),   offsetof(struct rule_limits, max_jobs_accrue),
    offsetof(struct rule_limits, max_submit), offsetof(struct rule_limits, max_wall_min),
    offsetof(struct rule_limits, min_prio),
};
static const size_t lists[] = {
    offsetof(struct rule_limits, max_tres),
    offsetof(struct rule_limits, max_tres_node),
    offsetof(struct rule_limits, max_tres_mins),
    offsetof(struct rule_limits, max_tres_run_mins),
};

bool qos_is_delta(const struct strs *list)
{
    return list->n && strchr("+-", *list->v[0]);
}

static const struct rule_assoc *above(const struct plan *p, const struct rule_assoc *a)
{
    return a->parent ? plan_by_id(p, RULE_ASSOC, a->parent) : NULL;
}

static void work_in(struct strs *list, const struct strs *delta, struct arena *a)
{
    for (uint32_t i = 0; i < delta->n; i++) {
        const char *name = delta->v[i] + 1;
        struct strs left = { 0 };

        for (uint32_t k = 0; k < list->n; k++)
            if (strcmp(list->v[k], name) != 0)
                strs_add(&left, list->v[k], a);
        if (*delta->v[i] == '+')
            strs_add(&left, name, a);
        *list = left;
    }
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

struct strs assoc_qos(const struct plan *p, const struct rule_assoc *a)
{
    const struct rule_assoc *way[DEPTH_MAX];
    struct strs ret = { 0 };
    unsigned n = 0;

    for (; a && n < DEPTH_MAX; a = above(p, a)) {
        if (!a->qos.n)
            continue;
        way[n++] = a;
        if (!qos_is_delta(&a->qos))
            break;
    }
    while (n--)
        if (qos_is_delta(&way[n]->qos))
            work_in(&ret, &way[n]->qos, p->arena);
        else
            for (uint32_t i = 0; i < way[n]->qos.n; i++)
                strs_add(&ret, way[n]->qos.v[i], p->arena);
    if (ret.n)
        qsort(ret.v, ret.n, sizeof *ret.v, by_name);
    return ret;
}

static bool has_tres(const char *list, const char *item, size_t name_len)
{
    for (const char *at = list; at && *at; at = strchr(at, ',') ? strchr(at, ',') + 1 : NULL)
        if (strncmp(at, item, name_len) == 0 && at[name_len] == '=')
            return true;
    return false;
}

/* Each TRES on its own: what the child does not limit, the parent may. */
static const char *merged(const char *own, const char *up, struct arena *a)
{
    const char *text = own ? own : "";

    while (up && *up) {
        size_t len = strcspn(up, ","), name = strcspn(up, "=");

        if (!has_tres(text, up, name))
            text = arena_printf(a, "%s%s%.*s", text, *text ? "," : "", (int)len, up);
        up += len + (up[len] == ',');
    }
    return text;
}

static void take_limits(struct rule_limits *own, const struct rule_limits *up, struct arena *a)
{
    for (unsigned i = 0; i < sizeof counts / sizeof *counts; i++) {
        struct opt_u32 *to = (struct opt_u32 *)((char *)own + counts[i]);
        const struct opt_u32 *from = (const struct opt_u32 *)((const char *)up + counts[i]);

        if (!to->set)
            *to = *from;
    }
    for (unsigned i = 0; i < sizeof lists / sizeof *lists; i++) {
        const char **to = (const char **)((char *)own + lists[i]);

        *to = merged(*to, *(const char *const *)((const char *)up + lists[i]), a);
    }
}

struct rule_assoc *assoc_effective(const struct plan *p, const struct rule_assoc *a)
{
    struct rule_assoc *ret = arena_memdup(p->arena, a, sizeof *a);
    const struct rule_assoc *up = above(p, a);

    ret->limits = a->limits ? arena_memdup(p->arena, a->limits, sizeof *a->limits)
                            : arena_alloc(p->arena, sizeof *a->limits);
    ret->qos = assoc_qos(p, a);
    for (unsigned depth = 0; up && depth < DEPTH_MAX; up = above(p, up), depth++) {
        if (up->limits)
            take_limits(ret->limits, up->limits, p->arena);
        if (!*ret->def_qos)
            ret->def_qos = up->def_qos;
        if (!ret->priority.set)
            ret->priority = up->priority;
    }
    return ret;
}
