/* The rule book in memory (book.h). */
#include "slurmdbd/book.h"

#include "base/xalloc.h"
#include "wire/wire.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define SEPARATOR "\x1f" /* in no name: names hold no control characters */

const struct table rule_tables[RULE_KINDS] = {
    [RULE_CLUSTER] = { "rule_cluster", { "version:n" }, &desc_rule_cluster, { "name" } },
    [RULE_ACCOUNT] = { "rule_account", { "version:n" }, &desc_rule_account, { "name" } },
    [RULE_USER] = { "rule_user", { "version:n" }, &desc_rule_user, { "name" } },
    [RULE_ASSOC] = { "rule_assoc",
                     { "version:n" },
                     &desc_rule_assoc,
                     { "cluster", "account", "user", "partition" } },
    [RULE_QOS] = { "rule_qos", { "version:n" }, &desc_rule_qos, { "name" } },
    [RULE_WCKEY] = { "rule_wckey",
                     { "version:n" },
                     &desc_rule_wckey,
                     { "cluster", "user", "name" } },
    [RULE_TRES] = { "rule_tres", { "version:n" }, &desc_rule_tres, { "type", "name" } },
    [RULE_RESOURCE] = { "rule_resource",
                        { "version:n" },
                        &desc_rule_resource,
                        { "name", "server" } },
    [RULE_SHARE] = { "rule_share",
                     { "version:n" },
                     &desc_rule_share,
                     { "name", "server", "cluster" } },
};

void book_fini(struct book *b)
{
    for (unsigned k = 0; k < RULE_KINDS; k++) {
        free(b->of[k].v);
        smap_fini(&b->of[k].at);
        map_fini(&b->of[k].by_id);
    }
    arena_fini(&b->arena);
    *b = (struct book){ 0 };
}

static const void *member(enum rule_kind kind, const void *msg, const char *name)
{
    const struct field *f = desc_field(rule_tables[kind].desc, name);

    return f ? (const char *)msg + f->offset : NULL;
}

bool rule_is_deleted(enum rule_kind kind, const void *msg)
{
    return *(const bool *)member(kind, msg, "is_deleted");
}

void rule_set_deleted(enum rule_kind kind, void *msg, bool is_deleted)
{
    *(bool *)(uintptr_t)member(kind, msg, "is_deleted") = is_deleted;
}

uint32_t rule_id(enum rule_kind kind, const void *msg)
{
    const uint32_t *id = member(kind, msg, "id");

    return id ? *id : 0;
}

const char *book_key_of(struct arena *a, const char *const *parts, unsigned n)
{
    const char *text = parts[0];

    for (unsigned i = 1; i < n; i++)
        text = arena_printf(a, "%s" SEPARATOR "%s", text, parts[i]);
    return text;
}

const char *book_key(enum rule_kind kind, const void *msg, struct arena *a)
{
    const char *parts[8];
    unsigned n = 0;

    for (; rule_tables[kind].key[n]; n++)
        parts[n] = *(const char *const *)member(kind, msg, rule_tables[kind].key[n]);
    return book_key_of(a, parts, n);
}

static uint32_t place_for(struct book *b, enum rule_kind kind, const char *key)
{
    struct rule_list *l = &b->of[kind];
    uintptr_t at = (uintptr_t)smap_get(&l->at, key);

    if (at)
        return (uint32_t)at - 1;
    if (l->n == l->cap) {
        l->cap = l->cap ? l->cap * 2 : 64;
        l->v = xrealloc(l->v, l->cap, sizeof *l->v);
    }
    smap_put(&l->at, arena_strdup(&b->arena, key), (void *)(uintptr_t)(l->n + 1));
    return l->n++;
}

void book_put(struct book *b, enum rule_kind kind, const void *msg, uint64_t version)
{
    struct arena scratch = { 0 };
    struct rule_list *l = &b->of[kind];
    uint32_t at = place_for(b, kind, book_key(kind, msg, &scratch));
    uint32_t id = rule_id(kind, msg);

    arena_fini(&scratch);
    l->v[at] = (struct rule){ wire_dup(rule_tables[kind].desc, msg, &b->arena), version };
    if (id)
        map_put(&l->by_id, id, (void *)(uintptr_t)(at + 1));
    if (id > l->last_id)
        l->last_id = id;
    if (version > b->version)
        b->version = version;
}

const void *book_find(const struct book *b, enum rule_kind kind, const char *key)
{
    uintptr_t at = (uintptr_t)smap_get(&b->of[kind].at, key);

    return at ? b->of[kind].v[at - 1].msg : NULL;
}

const void *book_by_id(const struct book *b, enum rule_kind kind, uint32_t id)
{
    uintptr_t at = (uintptr_t)map_get(&b->of[kind].by_id, id);

    return at ? b->of[kind].v[at - 1].msg : NULL;
}
