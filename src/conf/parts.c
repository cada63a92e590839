/* PartitionName lines.  Their node lists are resolved when the whole file is known: ALL, node sets
 * and host lists become one compressed list in the order of the nodes. */
#include "conf/internal.h"
#include "base/bits.h"
#include "base/cleanup.h"
#include "base/hostlist.h"
#include "base/times.h"
#include "base/xalloc.h"

#include <errno.h>
#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

/* Readers of values; each fills one member. */
typedef int (*read_fn)(struct conf *c, const char *value, void *member);

static int read_str(struct conf *c, const char *value, void *member);
static int read_all(struct conf *c, const char *value, void *member);
static int read_none(struct conf *c, const char *value, void *member);
static int read_u32(struct conf *c, const char *value, void *member);
static int read_limit(struct conf *c, const char *value, void *member);
static int read_opt_limit(struct conf *c, const char *value, void *member);
static int read_opt_u32(struct conf *c, const char *value, void *member);
static int read_yesno(struct conf *c, const char *value, void *member);
static int read_minutes(struct conf *c, const char *value, void *member);
static int read_opt_minutes(struct conf *c, const char *value, void *member);
static int read_mem(struct conf *c, const char *value, void *member);
static int read_state(struct conf *c, const char *value, void *member);
static int read_share(struct conf *c, const char *value, void *member);
static int read_gpu_cpus(struct conf *c, const char *value, void *member);
static int read_gpu_mem(struct conf *c, const char *value, void *member);
#define read_priority read_u32

static const struct part_key {
    const char *name;
    read_fn read;
    size_t offset;
    unsigned use;
} part_keys[] = {
#define PART(name, kind, member, use) \
    { #name, read_##kind, offsetof(struct part_info, member), use },
#include "schema/conf_part.def"
#undef PART
};
#define PART_KEYS (sizeof part_keys / sizeof part_keys[0])

static const struct {
    read_fn read;
    const char *wanted;
} wanted[] = {
    { read_u32, "a whole number" },
    { read_opt_u32, "a whole number" },
    { read_limit, "a whole number, or UNLIMITED" },
    { read_opt_limit, "a whole number, or UNLIMITED" },
    { read_yesno, "YES or NO" },
    { read_minutes, "a time as in 60, 1:30:00, 2-12, or UNLIMITED" },
    { read_opt_minutes, "a time as in 60, 1:30:00, 2-12, or NONE" },
    { read_mem, "a number of megabytes, or UNLIMITED" },
    { read_gpu_cpus, "a whole number" },
    { read_gpu_mem, "a number of megabytes" },
    { read_state, "UP, DOWN, DRAIN or INACTIVE" },
    { read_share, "NO, YES[:n], FORCE[:n] or EXCLUSIVE" },
};

static int part_apply(struct conf *c, const struct conf_line *line, struct part_info *p,
                      struct err *e);
static const char *wanted_by(read_fn read);
static int part_resolve(struct conf *c, struct part_info *p, struct err *e);
static int add_nodes(const struct conf *c, const char *text, struct bits *in, struct err *e);
static int add_set(const struct conf *c, const struct conf_set *set, struct bits *in,
                   struct err *e);
static void part_totals(const struct conf *c, const struct bits *in, struct part_info *p);

/* What Slurm assumes of a partition that says nothing. */
void conf_part_defaults(struct conf *c)
{
    c->part_default = (struct part_info){
        .name = "",
        .nodes = "",
        .node_sets = "",
        .state = "UP",
        .max_time_min = UINT32_MAX,
        .max_nodes = UINT32_MAX,
        .allow_groups = "",
        .allow_accounts = "",
        .deny_accounts = "",
        .allow_qos = "",
        .deny_qos = "",
        .alloc_nodes = "",
        .qos = "",
        .oversubscribe = "NO",
        .priority_job_factor = 1,
        .priority_tier = 1,
        .preempt_mode = "",
        .select_type_parameters = "",
        .alternate = "",
        .job_defaults = "",
        .tres = "",
        .billing_weights = "",
    };
}

int conf_part_line(struct conf *c, const struct conf_line *line, struct err *e)
{
    const char *name = line->pairs[0].value;
    struct part_info p = c->part_default;

    int r = part_apply(c, line, &p, e);
    if (r < 0)
        return r;
    if (strcasecmp(name, "DEFAULT") == 0) {
        c->part_default = p;
        return 0;
    }
    if (!*name || strpbrk(name, ", []"))
        return err_set(e, EINVAL,
                       "PartitionName=%.60s: one name without blanks, commas and brackets", name);
    for (uint32_t i = 0; i < c->part_count; i++)
        if (strcmp(c->parts[i].name, name) == 0)
            return err_set(e, EEXIST,
                           "PartitionName=%.60s was defined before (line %u); join the two"
                           " lines",
                           name, c->part_places[i].number);
    p.name = name;
    c->parts = conf_grow(c->arena, c->parts, c->part_count, sizeof *c->parts);
    c->part_places = conf_grow(c->arena, c->part_places, c->part_count, sizeof *c->part_places);
    c->part_places[c->part_count] = (struct conf_place){ line->file, line->number };
    c->parts[c->part_count++] = p;
    return 0;
}

static int part_apply(struct conf *c, const struct conf_line *line, struct part_info *p,
                      struct err *e)
{
    for (uint32_t i = 1; i < line->n; i++) {
        const struct conf_pair *pair = &line->pairs[i];
        struct conf_nearest near = { .wrong = pair->key, .distance = UINT32_MAX };
        const struct part_key *key = NULL;

        for (size_t k = 0; k < PART_KEYS && !key; k++) {
            conf_nearest_try(&near, part_keys[k].name);
            if (strcasecmp(part_keys[k].name, pair->key) == 0)
                key = &part_keys[k];
        }
        if (!key)
            return conf_unknown(&near, "key of a PartitionName line", e);
        if (key->read(c, pair->value, (char *)p + key->offset) < 0)
            return err_set(e, EINVAL, "PartitionName=%.60s: %s=%.60s is not valid; give %s",
                           line->pairs[0].value, key->name, pair->value, wanted_by(key->read));
        if (key->use & LATER)
            conf_warn(c, line, "%s of a partition is accepted, but not acted on yet", key->name);
    }
    return 0;
}

static const char *wanted_by(read_fn read)
{
    for (size_t i = 0; i < sizeof wanted / sizeof wanted[0]; i++)
        if (wanted[i].read == read)
            return wanted[i].wanted;
    return "another value";
}

/* After the last line: node lists, totals, and what the rest of the file decides for all
 * partitions. */
int conf_parts_finish(struct conf *c, struct err *e)
{
    for (uint32_t i = 0; i < c->part_count; i++) {
        struct part_info *p = &c->parts[i];

        if (conf_u32(c, "DisableRootJobs"))
            p->disable_root = true;
        int r = part_resolve(c, p, e);
        if (r < 0)
            return err_at(e, r, "%s:%u: PartitionName=%s", c->part_places[i].file,
                          c->part_places[i].number, p->name);
    }
    return 0;
}

static void bits_finip(struct bits *b)
{
    bits_fini(b);
}

static int part_resolve(struct conf *c, struct part_info *p, struct err *e)
{
    CLEANUP(bits_finip) struct bits in = { 0 };
    CLEANUP(freep) const char **names = xcalloc(c->node_count + 1, sizeof *names);
    uint32_t n = 0;

    bits_init(&in, c->node_count);
    int r = add_nodes(c, p->node_sets, &in, e);
    if (r < 0)
        return r;
    BITS_FOREACH(i, &in)
        names[n++] = c->nodes[i].name;
    p->nodes = hostlist_compress(c->arena, names, n);
    part_totals(c, &in, p);
    return 0;
}

static const struct conf_set *find_set(const struct conf *c, const char *name)
{
    for (uint32_t i = 0; i < c->set_count; i++)
        if (strcmp(c->sets[i].name, name) == 0)
            return &c->sets[i];
    return NULL;
}

/* A Nodes= value: ALL, node sets and host lists in any mixture. */
static int add_nodes(const struct conf *c, const char *text, struct bits *in, struct err *e)
{
    CLEANUP(arena_fini) struct arena scratch = { 0 };
    struct hostlist list = { 0 };

    int r = hostlist_expand(&scratch, text, &list, e);
    if (r < 0)
        return err_at(e, r, "Nodes=%.60s", text);
    for (uint32_t i = 0; i < list.n && r == 0; i++) {
        uintptr_t at = (uintptr_t)smap_get(&c->node_names, list.v[i]);
        const struct conf_set *set = find_set(c, list.v[i]);

        if (at)
            bits_set(in, (uint32_t)at - 1);
        else if (set)
            r = add_set(c, set, in, e);
        else if (strcasecmp(list.v[i], "ALL") == 0)
            bits_set_all(in);
        else
            return err_set(e, ENOENT,
                           "Nodes=%.60s: there is no node or node set \"%.60s\"; add a"
                           " NodeName line or correct the name",
                           text, list.v[i]);
    }
    return r;
}

static bool has_word(const char *list, const char *word)
{
    size_t len = strlen(word);

    for (const char *w = list; *w; w += strcspn(w, ","), w += *w == ',')
        if (strcspn(w, ",") == len && strncmp(w, word, len) == 0)
            return true;
    return false;
}

/* A set does not contain other sets, so this ends. */
static int add_set(const struct conf *c, const struct conf_set *set, struct bits *in, struct err *e)
{
    CLEANUP(arena_fini) struct arena scratch = { 0 };
    struct hostlist list = { 0 };

    for (uint32_t i = 0; set->feature && i < c->node_count; i++)
        if (has_word(c->nodes[i].features, set->feature))
            bits_set(in, i);
    int r = set->nodes ? hostlist_expand(&scratch, set->nodes, &list, e) : 0;
    if (r < 0)
        return err_at(e, r, "NodeSet=%.60s", set->name);
    for (uint32_t i = 0; i < list.n; i++) {
        uintptr_t at = (uintptr_t)smap_get(&c->node_names, list.v[i]);
        if (!at && strcasecmp(list.v[i], "ALL") != 0)
            return err_set(e, ENOENT,
                           "NodeSet=%.60s: there is no node \"%.60s\"; add a NodeName line"
                           " or correct the name",
                           set->name, list.v[i]);
        if (at)
            bits_set(in, (uint32_t)at - 1);
        else
            bits_set_all(in);
    }
    return 0;
}

static void part_totals(const struct conf *c, const struct bits *in, struct part_info *p)
{
    uint64_t mem = 0;

    p->total_nodes = p->total_cpus = 0;
    BITS_FOREACH(i, in) {
        p->total_nodes++;
        p->total_cpus += c->nodes[i].cpus;
        mem += c->nodes[i].real_memory_mb;
    }
    if (p->total_nodes)
        p->tres = arena_printf(c->arena, "cpu=%u,mem=%" PRIu64 "M,node=%u,billing=%u",
                               p->total_cpus, mem, p->total_nodes, p->total_cpus);
}

static int read_str(struct conf *c, const char *value, void *member)
{
    *(const char **)member = value;
    return 0;
}

static int read_all(struct conf *c, const char *value, void *member)
{
    *(const char **)member = strcasecmp(value, "ALL") == 0 ? "" : value;
    return 0;
}

static int read_none(struct conf *c, const char *value, void *member)
{
    return 0;
}

static int read_limit(struct conf *c, const char *value, void *member)
{
    return conf_number(value, member);
}

static int read_u32(struct conf *c, const char *value, void *member)
{
    uint32_t n = 0;

    if (conf_number(value, &n) < 0 || n == UINT32_MAX)
        return -EINVAL;
    *(uint32_t *)member = n;
    return 0;
}

static int read_opt_u32(struct conf *c, const char *value, void *member)
{
    uint32_t n = 0;

    if (conf_number(value, &n) < 0)
        return -EINVAL;
    *(struct opt_u32 *)member = (struct opt_u32){ true, n };
    return 0;
}

static int read_opt_limit(struct conf *c, const char *value, void *member)
{
    uint32_t n = 0;

    if (conf_number(value, &n) < 0)
        return -EINVAL;
    *(struct opt_u32 *)member = (struct opt_u32){ n != UINT32_MAX, n == UINT32_MAX ? 0 : n };
    return 0;
}

static int read_yesno(struct conf *c, const char *value, void *member)
{
    return conf_yes(value, member);
}

static int read_minutes(struct conf *c, const char *value, void *member)
{
    return times_parse_minutes(value, member, NULL);
}

static int read_opt_minutes(struct conf *c, const char *value, void *member)
{
    uint32_t min = 0;

    if (strcasecmp(value, "NONE") == 0) {
        *(struct opt_u32 *)member = (struct opt_u32){ 0 };
        return 0;
    }
    if (times_parse_minutes(value, &min, NULL) < 0)
        return -EINVAL;
    *(struct opt_u32 *)member = (struct opt_u32){ true, min };
    return 0;
}

static int read_mem(struct conf *c, const char *value, void *member)
{
    uint32_t mb = 0;

    if (conf_number(value, &mb) < 0)
        return -EINVAL;
    *(struct opt_u64 *)member = (struct opt_u64){ mb != UINT32_MAX, mb == UINT32_MAX ? 0 : mb };
    return 0;
}

/* Two keys that are kept and shown as one list. */
static int add_default(struct conf *c, const char *key, const char *value, const char **list)
{
    uint32_t n = 0;

    if (conf_number(value, &n) < 0 || n == UINT32_MAX)
        return -EINVAL;
    *list = arena_printf(c->arena, "%s%s%s=%u", *list, **list ? "," : "", key, n);
    return 0;
}

static int read_gpu_cpus(struct conf *c, const char *value, void *member)
{
    return add_default(c, "DefCpuPerGPU", value, member);
}

static int read_gpu_mem(struct conf *c, const char *value, void *member)
{
    return add_default(c, "DefMemPerGPU", value, member);
}

static int read_state(struct conf *c, const char *value, void *member)
{
    static const char *const states[] = { "UP", "DOWN", "DRAIN", "INACTIVE" };

    for (size_t i = 0; i < sizeof states / sizeof states[0]; i++)
        if (strcasecmp(states[i], value) == 0) {
            *(const char **)member = states[i];
            return 0;
        }
    return -EINVAL;
}

/* NO, YES:4, FORCE:4, EXCLUSIVE: the count is always written out. */
static int read_share(struct conf *c, const char *value, void *member)
{
    static const char *const words[] = { "NO", "EXCLUSIVE", "YES", "FORCE" };
    size_t len = strcspn(value, ":");
    uint32_t n = 4;

    if (value[len] && (conf_number(value + len + 1, &n) < 0 || n == 0 || n > 32767))
        return -EINVAL;
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (strlen(words[i]) != len || strncasecmp(words[i], value, len) != 0)
            continue;
        if (i < 2 && value[len])
            return -EINVAL;
        *(const char **)member = i < 2 ? words[i] : arena_printf(c->arena, "%s:%u", words[i], n);
        return 0;
    }
    return -EINVAL;
}
