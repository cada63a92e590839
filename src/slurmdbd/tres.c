/* TRES lists as text: "cpu=4,mem=10240,gres/gpu=16", one number each, in order of id. */
#include "slurmdbd/keys.h"

#include "base/times.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define TRES_MAX 64u

/* Types whose names come from the site; the rest are the program's and always there. */
static const char *const open_types[] = { "gres", "license", "fs", "bb", "ic", "interconnect" };

struct entry {
    uint32_t id;
    const char *name; /* cpu, gres/gpu */
    uint64_t count;
};

struct tres_list {
    struct entry v[TRES_MAX];
    unsigned n;
};

static const struct rule_tres *find(struct plan *p, const char *type, const char *name)
{
    return plan_find(p, RULE_TRES, KEY_OF(p->arena, type, name));
}

/* "gres/gpu", or an id.  What nobody knew before is known from now on, where the type allows. */
static const struct rule_tres *lookup(struct plan *p, const char *word, struct err *e)
{
    const char *slash = strchr(word, '/');
    const char *type = slash ? arena_strndup(p->arena, word, (size_t)(slash - word)) : word;
    const struct rule_tres *t;

    if (isdigit((unsigned char)*word))
        t = plan_by_id(p, RULE_TRES, (uint32_t)strtoul(word, NULL, 10));
    else
        t = find(p, type, slash ? slash + 1 : "");
    for (unsigned i = 0; !t && slash && slash[1] && i < sizeof open_types / sizeof *open_types; i++)
        if (strcmp(open_types[i], type) == 0)
            t = plan_edit(p, RULE_TRES, &(struct rule_tres){ .type = type, .name = slash + 1 });
    if (!t)
        err_set(e, EINVAL, "slurmdb_format_tres_str: no TRES %s %s",
                isdigit((unsigned char)*word) || *word == '-' ? "id found for" : "known by type",
                word);
    return t;
}

static int count_of(const struct rule_tres *t, const char *text, uint64_t *ret, struct err *e)
{
    char *end;

    *ret = strtoull(text, &end, 10);
    if (isdigit((unsigned char)*text) && !*end)
        return 0;
    if (strcmp(t->type, "mem") == 0 && isdigit((unsigned char)*text) &&
        times_parse_size_mb(text, 'M', ret, NULL) == 0)
        return 0;
    return err_set(e, EINVAL, "Invalid value for TRES %s (%s)", t->type, text);
}

static void put(struct tres_list *l, const struct entry *new)
{
    unsigned at = 0;

    while (at < l->n && l->v[at].id < new->id)
        at++;
    if (at == l->n || l->v[at].id != new->id) {
        memmove(&l->v[at + 1], &l->v[at], (l->n - at) * sizeof *l->v);
        l->n++;
    }
    l->v[at] = *new;
}

static void drop(struct tres_list *l, uint32_t id)
{
    unsigned n = 0;

    for (unsigned i = 0; i < l->n; i++)
        if (l->v[i].id != id)
            l->v[n++] = l->v[i];
    l->n = n;
}

static int add_item(struct plan *p, struct tres_list *l, const char *item, struct err *e)
{
    const char *equals = strchr(item, '=');
    const char *word = equals ? arena_strndup(p->arena, item, (size_t)(equals - item)) : item;
    const struct rule_tres *t;
    struct entry new;

    if (!equals)
        return err_set(e, EINVAL, "slurmdb_format_tres_str: no TRES id found for %s", item);
    t = lookup(p, word, e);
    if (!t)
        return -EINVAL;
    if (strcmp(equals + 1, "-1") == 0)
        return drop(l, t->id), 0;
    if (l->n == TRES_MAX - 1)
        return err_set(e, EINVAL, "More than %u TRES in one limit", TRES_MAX);
    new.id = t->id;
    new.name = *t->name ? arena_printf(p->arena, "%s/%s", t->type, t->name) : t->type;
    if (count_of(t, equals + 1, &new.count, e) < 0)
        return -EINVAL;
    put(l, &new);
    return 0;
}

static int add_list(struct plan *p, struct tres_list *l, const char *text, struct err *e)
{
    int r = 0;

    while (text && *text && r == 0) {
        size_t len = strcspn(text, ",");
        char *item = arena_strndup(p->arena, text, len);

        for (char *c = item; *c; c++)
            *c = (char)(*c == '=' ? *c : tolower((unsigned char)*c));
        r = *item ? add_item(p, l, item, e) : 0;
        text += len + (text[len] == ',');
    }
    return r;
}

int tres_merge(struct plan *p, const char *now, const char *text, const char **ret, struct err *e)
{
    struct tres_list l = { .n = 0 };
    const char *made = "";
    int r = add_list(p, &l, now, e);

    if (r == 0)
        r = add_list(p, &l, text, e);
    for (unsigned i = 0; i < l.n; i++)
        made = arena_printf(p->arena, "%s%s%s=%llu", made, i ? "," : "", l.v[i].name,
                            (unsigned long long)l.v[i].count);
    if (r == 0)
        *ret = made;
    return r;
}
