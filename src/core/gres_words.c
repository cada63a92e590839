/* Generic resources as commands show them, and counts of them for limits and billing. */
#include "core/gres.h"

#include "base/buf.h"
#include "core/list.h"
#include "core/state.h"

#include <string.h>

static const char *index_text(uint64_t units, struct arena *a)
{
    uint8_t bytes[8];

    for (int i = 0; i < 8; i++)
        bytes[i] = (uint8_t)(units >> 8 * i);
    return units ? cpu_ids_text((struct bytes){ bytes, sizeof bytes }, a) : "N/A";
}

static void put_name(struct buf *b, const char *name, const char *type, uint64_t count)
{
    buf_printf(b, "%s%s%s%s:%llu", b->len ? "," : "", name, *type ? ":" : "", type,
               (unsigned long long)count);
}

static bool is_first(const struct node_gres *g, uint32_t at)
{
    for (uint32_t i = 0; i < at; i++)
        if (g->v[i].name == g->v[at].name && g->v[i].type == g->v[at].type)
            return false;
    return true;
}

/* Lines that differ only in where they sit are one to those who look. */
static struct gres_line merged(const struct node_gres *g, uint32_t at)
{
    struct gres_line all = g->v[at];

    for (uint32_t i = at + 1; i < g->n; i++)
        if (g->v[i].name == all.name && g->v[i].type == all.type) {
            all.count += g->v[i].count;
            all.used += g->v[i].used;
            all.units |= g->v[i].units;
            all.busy |= g->v[i].busy;
            all.sockets |= g->v[i].sockets;
        }
    return all;
}

const char *gres_text(const struct node *n, struct arena *a)
{
    struct buf b = { 0 };

    for (uint32_t i = 0; i < n->gres.n; i++) {
        if (!is_first(&n->gres, i))
            continue;
        struct gres_line line = merged(&n->gres, i);
        put_name(&b, line.name, line.type, line.count);
        if (line.sockets)
            buf_printf(&b, "(S:%s)", index_text(line.sockets, a));
    }
    char *text = arena_strdup(a, buf_str(&b));
    buf_fini(&b);
    return text;
}

/* Of shares, how many of each device's are in use. */
static void put_cuts(struct buf *b, const struct gres_line *line)
{
    const char *sep = "(";

    for (uint32_t d = 0; d < GRES_DEVICES_MAX; d++)
        if (line->cut[d].size) {
            buf_printf(b, "%s%u/%u", sep, line->cut[d].used, line->cut[d].size);
            sep = ",";
        }
    buf_puts(b, ")");
}

static void put_used(struct buf *b, const struct gres_line *line, struct arena *a)
{
    put_name(b, line->name, line->type, line->used);
    if (line->cut)
        put_cuts(b, line);
    else if (line->units)
        buf_printf(b, "(IDX:%s)", index_text(line->busy, a));
}

/* Kind by kind, as the configuration names them; also of those that the node has nothing of. */
const char *gres_used_text(const struct core *c, const struct node *n, struct arena *a)
{
    struct buf b = { 0 };

    for (const char *at = c->conf->gres_types ? c->conf->gres_types : ""; *at;) {
        const char *kind = arena_strndup(a, at, strcspn(at, ","));
        bool is_any = false;
        at += strlen(kind);
        at += *at == ',';
        for (uint32_t i = 0; i < n->gres.n; i++) {
            struct gres_line line = merged(&n->gres, i);
            if (strcmp(line.name, kind) != 0 || !is_first(&n->gres, i))
                continue;
            put_used(&b, &line, a);
            is_any = true;
        }
        if (!is_any)
            put_name(&b, kind, "", 0);
    }
    char *text = arena_strdup(a, buf_str(&b));
    buf_fini(&b);
    return text;
}

const char *gres_held_text(const struct alloc_node *part, struct arena *a)
{
    struct buf b = { 0 };

    for (uint32_t i = 0; i < part->gres.n; i++) {
        const struct gres_part *g = &part->gres.v[i];
        put_name(&b, g->name, g->type, g->count);
        if (g->units.len)
            buf_printf(&b, "(IDX:%s)", cpu_ids_text(g->units, a));
    }
    char *text = arena_strdup(a, buf_str(&b));
    buf_fini(&b);
    return text;
}

static bool is_kind(const char *name, const char *type, const char *want, const char *want_type)
{
    return strcmp(name, want) == 0 && (!want_type || !*want_type || strcmp(type, want_type) == 0);
}

uint64_t gres_held(const struct alloc_node *part, const char *name, const char *type)
{
    uint64_t sum = 0;

    for (uint32_t i = 0; i < part->gres.n; i++)
        if (is_kind(part->gres.v[i].name, part->gres.v[i].type, name, type))
            sum += part->gres.v[i].count;
    return sum;
}
