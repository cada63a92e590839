/* Grouping: two pairs of node and partition share a line when they print the same in every column
 * that tells nodes apart.  The printed text is the key, so no column needs code of its own for
 * grouping. */
#include "cli/sinfo_group.h"

#include "base/hostlist.h"
#include "base/times.h"
#include "cli/node_state.h"

#include <ctype.h>
#include <inttypes.h>
#include <string.h>

static struct range range_of(uint64_t value)
{
    return (struct range){ value, value };
}

static void widen(struct range *r, const struct range *by)
{
    r->low = by->low < r->low ? by->low : r->low;
    r->high = by->high > r->high ? by->high : r->high;
}

void sinfo_group_init(struct sinfo_group *g, const struct part_info *part,
                      const struct node_info *node, struct arena *a)
{
    *g = (struct sinfo_group){ .part = part, .node = node };
    if (!node)
        return;

    uint32_t used = node->alloc_cpus < node->cpus ? node->alloc_cpus : node->cpus;
    bool out = node_is_out(node) || node_has(node, "DRAIN");

    g->total = 1;
    g->alloc = node_is_busy(node);
    g->other = node_is_out(node);
    g->idle = !g->alloc && !g->other;
    g->cpus_total = node->cpus;
    g->cpus_alloc = used;
    g->cpus_other = out ? node->cpus - used : 0;
    g->cpus_idle = out ? 0 : node->cpus - used;
    g->state_number = node_state_number(node);
    g->cpus = range_of(node->cpus);
    g->mem_mb = range_of(node->real_memory_mb);
    g->disk_mb = range_of(node->tmp_disk_mb);
    g->weight = range_of(node->weight);
    g->sockets = range_of(node->sockets);
    g->cores = range_of(node->cores);
    g->threads = range_of(node->threads);
    g->cpu_load = range_of(node->cpu_load.set ? node->cpu_load.v : UINT64_MAX);
    g->free_mem_mb = range_of(node->free_mem_mb ? node->free_mem_mb : UINT64_MAX);
    g->alloc_mem_mb = range_of(node->alloc_mem_mb);
    g->names = arena_calloc(a, 1, sizeof *g->names);
    g->names[0] = node->name;
}

static void merge(struct sinfo_group *into, const struct sinfo_group *one, struct arena *a)
{
    static const size_t ranges[] = {
        offsetof(struct sinfo_group, cpus),        offsetof(struct sinfo_group, mem_mb),
        offsetof(struct sinfo_group, disk_mb),     offsetof(struct sinfo_group, weight),
        offsetof(struct sinfo_group, sockets),     offsetof(struct sinfo_group, cores),
        offsetof(struct sinfo_group, threads),     offsetof(struct sinfo_group, cpu_load),
        offsetof(struct sinfo_group, free_mem_mb), offsetof(struct sinfo_group, alloc_mem_mb),
    };

    if (!one->total)
        return;
    for (size_t i = 0; i < sizeof ranges / sizeof ranges[0]; i++)
        widen((struct range *)(void *)((char *)into + ranges[i]),
              (const struct range *)(const void *)((const char *)one + ranges[i]));
    if ((into->total & (into->total - 1)) == 0) { /* room doubles at powers of two */
        const char **names = arena_calloc(a, into->total ? into->total * 2u : 1u, sizeof *names);

        if (into->total)
            memcpy(names, into->names, into->total * sizeof *names);
        into->names = names;
    }
    into->names[into->total++] = one->names[0];
    into->alloc += one->alloc;
    into->idle += one->idle;
    into->other += one->other;
    into->cpus_total += one->cpus_total;
    into->cpus_alloc += one->cpus_alloc;
    into->cpus_idle += one->cpus_idle;
    into->cpus_other += one->cpus_other;
    into->name_rank = one->name_rank < into->name_rank ? one->name_rank : into->name_rank;
}

/* ---- columns */

static const struct sinfo_group *group_of(const struct text_cell *cell)
{
    return cell->row;
}

static void lower_put(const char *s, struct buf *out)
{
    for (; *s; s++)
        buf_putc(out, (char)tolower((unsigned char)*s));
}

static void print_lower(const struct text_cell *cell, struct buf *out)
{
    lower_put(*(const char *const *)cell->at, out);
}

static void print_yes_no_low(const struct text_cell *cell, struct buf *out)
{
    buf_puts(out, text_number(cell->kind, cell->at) ? "yes" : "no");
}

static void print_nodes_ai(const struct text_cell *cell, struct buf *out)
{
    const struct sinfo_group *g = group_of(cell);

    buf_printf(out, "%" PRIu32 "/%" PRIu32, g->alloc, g->idle);
}

static void print_nodes_aiot(const struct text_cell *cell, struct buf *out)
{
    const struct sinfo_group *g = group_of(cell);

    print_nodes_ai(cell, out);
    buf_printf(out, "/%" PRIu32 "/%" PRIu32, g->other, g->total);
}

static void print_cpus_aiot(const struct text_cell *cell, struct buf *out)
{
    const struct sinfo_group *g = group_of(cell);

    buf_printf(out, "%" PRIu64 "/%" PRIu64 "/%" PRIu64 "/%" PRIu64, g->cpus_alloc, g->cpus_idle,
               g->cpus_other, g->cpus_total);
}

static void range_put(const struct range *r, struct buf *out)
{
    buf_printf(out, "%" PRIu64 "%s", r->low, r->high > r->low ? "+" : "");
}

static void print_range(const struct text_cell *cell, struct buf *out)
{
    range_put(cell->at, out);
}

/* Like a range, but telling nodes apart even without --exact: the group then has one value. */
static void print_range_key(const struct text_cell *cell, struct buf *out)
{
    buf_printf(out, "%" PRIu64, ((const struct range *)cell->at)->low);
}

static void known_put(uint64_t value, double divisor, struct buf *out)
{
    if (value == UINT64_MAX)
        buf_puts(out, "N/A");
    else if (divisor > 1)
        buf_printf(out, "%.2f", (double)value / divisor);
    else
        buf_printf(out, "%" PRIu64, value);
}

static void span_put(const struct range *r, double divisor, struct buf *out)
{
    known_put(r->low, divisor, out);
    if (r->high != r->low) {
        buf_putc(out, '-');
        known_put(r->high, divisor, out);
    }
}

static void print_span(const struct text_cell *cell, struct buf *out)
{
    span_put(cell->at, 1, out);
}

static void print_load(const struct text_cell *cell, struct buf *out)
{
    span_put(cell->at, 100, out);
}

static void print_sct(const struct text_cell *cell, struct buf *out)
{
    const struct sinfo_group *g = group_of(cell);

    range_put(&g->sockets, out);
    buf_putc(out, ':');
    range_put(&g->cores, out);
    buf_putc(out, ':');
    range_put(&g->threads, out);
}

static void print_part_time(const struct text_cell *cell, struct buf *out)
{
    uint32_t minutes = (uint32_t)text_number(cell->kind, cell->at);
    char text[TIMES_TEXT];

    buf_puts(out,
             minutes == TIMES_INFINITE ? "infinite" : times_elapsed((int64_t)minutes * 60, text));
}

static void print_part_star(const struct text_cell *cell, struct buf *out)
{
    const struct part_info *part = group_of(cell)->part;

    buf_printf(out, "%s%s", part->name, part->is_default ? "*" : "");
}

static void print_job_size(const struct text_cell *cell, struct buf *out)
{
    const struct part_info *part = group_of(cell)->part;
    uint32_t low = part->min_nodes ? part->min_nodes : 1;

    if (part->max_nodes == UINT32_MAX)
        buf_printf(out, "%" PRIu32 "-infinite", low);
    else if (part->max_nodes == low)
        buf_printf(out, "%" PRIu32, low);
    else
        buf_printf(out, "%" PRIu32 "-%" PRIu32, low, part->max_nodes);
}

/* Names sorted naturally and compressed. */
static void print_names(const struct text_cell *cell, struct buf *out)
{
    const struct sinfo_group *g = group_of(cell);
    struct arena a = { 0 };

    if (!g->total)
        return;

    struct hostlist list = { arena_memdup(&a, g->names, g->total * sizeof *g->names), g->total };

    hostlist_sort_unique(&list);
    buf_puts(out, hostlist_compress(&a, list.v, list.n));
    arena_fini(&a);
}

static void print_state_short(const struct text_cell *cell, struct buf *out)
{
    if (group_of(cell)->node)
        node_state_put(group_of(cell)->node, true, out);
    else
        buf_puts(out, "n/a");
}

static void print_state_long(const struct text_cell *cell, struct buf *out)
{
    if (group_of(cell)->node)
        node_state_put(group_of(cell)->node, false, out);
    else
        buf_puts(out, "n/a");
}

static void print_reason_user(const struct text_cell *cell, struct buf *out)
{
    const struct node_info *node = group_of(cell)->node;

    if (!node || !*node->reason) {
        buf_puts(out, "Unknown");
        return;
    }
    print_user(&(struct text_cell){ node, &node->reason_uid, KIND_U32, cell->env }, out);
}

static void print_reason_uid(const struct text_cell *cell, struct buf *out)
{
    const struct node_info *node = group_of(cell)->node;

    print_reason_user(cell, out);
    if (node && *node->reason)
        buf_printf(out, "(%" PRIu32 ")", node->reason_uid);
}

static void print_cluster(const struct text_cell *cell, struct buf *out)
{
    buf_puts(out, cell->env->cluster ? cell->env->cluster : "N/A");
}

/* ---- the table, and which of its columns tell nodes apart */

enum role { ROLE_KEY, ROLE_SPAN, ROLE_SUM };

#define LEFT TEXT_LEFT
#define ROW(name, letter, heading, width, align, through, type, member, printer, none, help) \
    { #name,                                                                                 \
      letter,                                                                                \
      heading,                                                                               \
      width,                                                                                 \
      align,                                                                                 \
      through,                                                                               \
      offsetof(struct type, member),                                                         \
      TEXT_KIND(type, member),                                                               \
      print_##printer,                                                                       \
      none,                                                                                  \
      help },
#define PART(name, letter, heading, width, align, member, ...)                              \
    ROW(name, letter, heading, width, align, offsetof(struct sinfo_group, part), part_info, \
        member, __VA_ARGS__)
#define NODE(name, letter, heading, width, align, member, ...)                              \
    ROW(name, letter, heading, width, align, offsetof(struct sinfo_group, node), node_info, \
        member, __VA_ARGS__)
#define GROUP(name, letter, heading, width, align, member, ...) \
    ROW(name, letter, heading, width, align, TEXT_DIRECT, sinfo_group, member, __VA_ARGS__)
#define SPAN GROUP
#define SUM GROUP
static const struct text_column rows[] = {
#include "schema/cols_node.def"
};
#undef PART
#undef NODE
#undef GROUP
#undef SPAN
#undef SUM
#define PART(...) ROLE_KEY,
#define NODE(...) ROLE_KEY,
#define GROUP(...) ROLE_KEY,
#define SPAN(...) ROLE_SPAN,
#define SUM(...) ROLE_SUM,
static const enum role roles[] = {
#include "schema/cols_node.def"
};

const struct text_table sinfo_columns = { "node", rows, sizeof rows / sizeof rows[0] };

static const char *key_of(const struct sinfo_group *one, const struct sinfo_wish *wish,
                          struct arena *a)
{
    struct buf key = { 0 };

    for (uint32_t i = 0; i < wish->format->n; i++) {
        const struct text_column *c = wish->format->v[i].column;
        enum role role = roles[c - rows];

        if (role == ROLE_SUM || (role == ROLE_SPAN && !wish->exact && c->print != print_range_key))
            continue;
        text_cell_print(c, one, wish->env, &key);
        buf_putc(&key, '\n');
    }

    const char *text = arena_strdup(a, buf_str(&key));

    buf_fini(&key);
    return text;
}

/* Notes that the node stands in the line; false when it did before. */
static bool is_new_member(struct sinfo_groups *groups, const char *key,
                          const struct node_info *node, struct arena *a)
{
    const char *member = arena_printf(a, "%s%s", key, node ? node->name : "");

    if (smap_get(&groups->members, member))
        return false;
    smap_put(&groups->members, member, groups);
    return true;
}

void sinfo_groups_fini(struct sinfo_groups *groups)
{
    smap_fini(&groups->places);
    smap_fini(&groups->members);
}

void sinfo_group_add(struct sinfo_groups *groups, const struct sinfo_wish *wish,
                     struct sinfo_group *one, struct arena *a)
{
    const char *key = key_of(one, wish, a);
    uintptr_t place = wish->each_node ? 0 : (uintptr_t)smap_get(&groups->places, key);

    if (!wish->each_node && !is_new_member(groups, key, one->node, a))
        return;
    if (place) {
        merge(&groups->v[place - 1], one, a);
        return;
    }
    if (groups->n == groups->cap) {
        uint32_t cap = groups->cap ? groups->cap * 2 : 16;
        struct sinfo_group *v = arena_calloc(a, cap, sizeof *v);

        if (groups->n)
            memcpy(v, groups->v, groups->n * sizeof *v);
        groups->v = v;
        groups->cap = cap;
    }
    groups->v[groups->n++] = *one;
    smap_put(&groups->places, key, (void *)(uintptr_t)groups->n);
}
