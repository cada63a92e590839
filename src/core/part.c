/* Partitions as state. */
#include "core/state.h"

#include "base/hostlist.h"
#include "base/xalloc.h"
#include "core/msgs.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

bool part_is(const struct part *p, const char *state)
{
    const char *is = p->info->state && *p->info->state ? p->info->state : "UP";

    return strcasecmp(is, state) == 0;
}

bool part_starts_jobs(const struct part *p)
{
    return !p->is_gone && (part_is(p, "UP") || part_is(p, "DRAIN"));
}

struct part *part_find(const struct core *c, const char *name)
{
    return smap_get(&c->part_names, name);
}

struct part *part_ensure(struct core *c, const char *name)
{
    struct part *p = part_find(c, name);

    if (p)
        return p;
    p = xcalloc(1, sizeof *p);
    p->index = c->part_count;
    p->info = msg_clone(&desc_part_info, &(struct part_info){ .name = name });
    bits_init(&p->nodes, c->node_count);
    c->parts = xrealloc(c->parts, c->part_count + 1, sizeof *c->parts);
    c->parts[c->part_count++] = p;
    smap_put(&c->part_names, intern(&c->names, name), p);
    return p;
}

void part_free(struct part *p)
{
    queue_fini(&p->queue);
    bits_fini(&p->nodes);
    bits_fini(&p->open);
    free(p->order);
    free(p->place);
    free(p->info);
    free(p);
}

static int by_weight(const void *a, const void *b, void *ctx)
{
    const struct core *c = ctx;
    uint32_t i = *(const uint32_t *)a, k = *(const uint32_t *)b;
    uint32_t wi = node_weight(c->nodes[i]), wk = node_weight(c->nodes[k]);

    if (wi != wk)
        return wi < wk ? -1 : 1;
    return i < k ? -1 : i > k;
}

static void order_nodes(struct core *c, struct part *p)
{
    p->order = xrealloc(p->order, p->nodes.n ? p->nodes.n : 1, sizeof *p->order);
    p->order_n = p->most_cpus = 0;
    p->most_mem_mb = 0;
    BITS_FOREACH(i, &p->nodes)
        p->order[p->order_n++] = (uint32_t)i;
    qsort_r(p->order, p->order_n, sizeof *p->order, by_weight, c);
    p->place = xrealloc(p->place, c->node_count ? c->node_count : 1, sizeof *p->place);
    bits_fini(&p->open);
    bits_init(&p->open, p->order_n);
    for (uint32_t i = 0; i < p->order_n; i++) {
        const struct node *n = c->nodes[p->order[i]];
        p->place[n->index] = i;
        p->most_cpus = n->conf->cpus > p->most_cpus ? n->conf->cpus : p->most_cpus;
        p->most_mem_mb = node_memory(n) > p->most_mem_mb ? node_memory(n) : p->most_mem_mb;
        if (node_is_usable(c->nodes[p->order[i]]))
            bits_set(&p->open, i);
    }
}

void part_open(struct core *c, const struct node *n)
{
    bool is_open = node_is_usable(n);

    for (uint32_t i = 0; i < n->parts.n; i++) {
        struct part *p = c->parts[n->parts.v[i]];
        if (is_open)
            bits_set(&p->open, p->place[n->index]);
        else
            bits_clear(&p->open, p->place[n->index]);
    }
}

void part_reorder(struct core *c, const struct node *n)
{
    for (uint32_t i = 0; i < n->parts.n; i++)
        order_nodes(c, c->parts[n->parts.v[i]]);
}

/* Names that are no nodes are passed over: the configuration reader has refused them already. */
void part_set(struct core *c, struct part *p, const struct part_info *info)
{
    struct part_info *old = p->info;
    struct arena a = { 0 };
    struct hostlist names = { 0 };

    p->info = msg_clone(&desc_part_info, info);
    free(old);
    p->is_gone = false;
    bits_fini(&p->nodes);
    bits_init(&p->nodes, c->node_count);
    for (uint32_t i = 0; i < c->node_count; i++)
        ids_remove(&c->nodes[i]->parts, p->index);
    if (hostlist_expand(&a, p->info->nodes, &names, NULL) < 0)
        names.n = 0;
    for (uint32_t i = 0; i < names.n; i++) {
        struct node *n = node_find(c, names.v[i]);
        if (!n || n->is_gone || bits_test(&p->nodes, n->index))
            continue;
        bits_set(&p->nodes, n->index);
        ids_add(&n->parts, p->index);
    }
    arena_fini(&a);
    order_nodes(c, p);
    c->shape_gen++;
    c->void_gen++;
    c->fleet_gen++;
    part_touch(c, p, (struct queue_key){ 0, 0 });
}

struct part *part_next(const struct core *c, const char **list)
{
    while (**list) {
        char name[256];
        size_t len = strcspn(*list, ",");
        size_t keep = len < sizeof name ? len : sizeof name - 1;
        memcpy(name, *list, keep);
        name[keep] = '\0';
        *list += len + ((*list)[len] == ',');
        struct part *p = part_find(c, name);
        if (p)
            return p;
    }
    return NULL;
}

/* The pass goes back to the key; everything before it was looked at already. */
void part_touch(struct core *c, struct part *p, struct queue_key key)
{
    p->is_dirty = c->is_dirty = true;
    if (queue_compare(key, c->cursor) < 0)
        c->cursor = key;
}

void part_freed(struct core *c, const struct node *n)
{
    c->shape_gen++;
    for (uint32_t i = 0; i < n->parts.n; i++)
        part_touch(c, c->parts[n->parts.v[i]], (struct queue_key){ 0, 0 });
}

void part_mark_dirty(struct core *c, const struct node *n)
{
    c->void_gen++;
    part_freed(c, n);
}
