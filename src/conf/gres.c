/* gres.conf: which device files stand for which generic resources of this node. */
#include "conf/internal.h"

#include "base/hostlist.h"
#include "schema/gres.h"

#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

/* While the file is read. */
struct reading {
    struct arena *arena; /* the caller's */
    const char *node;
    struct gres_conf *ret;
    bool is_node_auto; /* an AutoDetect for this very node trumps one for all */
};

/* One line while it is read. */
struct line {
    struct gres_row gres;
    const char *nodes, *autodetect;
};

typedef int value_fn(struct reading *r, struct line *l, const char *value, struct err *e);

static int read_nodes(struct reading *r, struct line *l, const char *value, struct err *e);
static int read_autodetect(struct reading *r, struct line *l, const char *value, struct err *e);
static int read_name(struct reading *r, struct line *l, const char *value, struct err *e);
static int read_type(struct reading *r, struct line *l, const char *value, struct err *e);
static int read_file(struct reading *r, struct line *l, const char *value, struct err *e);
static int read_files(struct reading *r, struct line *l, const char *value, struct err *e);
static int read_count(struct reading *r, struct line *l, const char *value, struct err *e);
static int read_cores(struct reading *r, struct line *l, const char *value, struct err *e);
static int read_links(struct reading *r, struct line *l, const char *value, struct err *e);
static int read_flags(struct reading *r, struct line *l, const char *value, struct err *e);

static const struct {
    const char *name;
    value_fn *read;
} keys[] = {
    { "NodeName", read_nodes },      { "AutoDetect", read_autodetect },
    { "Name", read_name },           { "Type", read_type },
    { "File", read_file },           { "Files", read_file },
    { "MultipleFiles", read_files }, { "Count", read_count },
    { "Cores", read_cores },         { "CPUs", read_cores },
    { "Links", read_links },         { "Flags", read_flags },
};

static const struct {
    const char *word;
    unsigned bit;
} flags[] = {
#define GRES_FLAG(word, bit, doc) { #word, 1u << (bit) },
#include "schema/gres_flags.def"
#undef GRES_FLAG
};

static const char *const detectors[] = { "nvml", "nvidia", "rsmi", "oneapi", "nrt", "full", "off" };

#define COUNT_OF(a) (sizeof(a) / sizeof((a)[0]))

/* ---- values */

static int read_nodes(struct reading *r, struct line *l, const char *value, struct err *e)
{
    l->nodes = value;
    return 0;
}

static int read_autodetect(struct reading *r, struct line *l, const char *value, struct err *e)
{
    for (size_t i = 0; i < COUNT_OF(detectors); i++)
        if (strcasecmp(value, detectors[i]) == 0) {
            l->autodetect = detectors[i];
            return 0;
        }
    return err_set(e, EINVAL,
                   "AutoDetect=%.40s: give one of nvml, nvidia, rsmi, oneapi, nrt, full, off",
                   value);
}

static int read_name(struct reading *r, struct line *l, const char *value, struct err *e)
{
    l->gres.name = arena_strdup(r->arena, value);
    return 0;
}

static int read_type(struct reading *r, struct line *l, const char *value, struct err *e)
{
    l->gres.type = arena_strdup(r->arena, value);
    return 0;
}

static int read_file(struct reading *r, struct line *l, const char *value, struct err *e)
{
    struct hostlist names;

    if (l->gres.files.n)
        return err_set(e, EINVAL, "File and MultipleFiles exclude each other");
    if (value[0] != '/')
        return err_set(e, EINVAL, "File=%.80s: give an absolute path", value);
    int err = hostlist_expand(r->arena, value, &names, e);
    if (err == 0)
        l->gres.files = (struct strs){ names.v, names.n };
    return err;
}

static int read_files(struct reading *r, struct line *l, const char *value, struct err *e)
{
    l->gres.multiple = true;
    return read_file(r, l, value, e);
}

/* "4", "10G": K, M, G, T, P multiply by 1024 and its powers. */
static int read_count(struct reading *r, struct line *l, const char *value, struct err *e)
{
    static const char units[] = "KMGTP";
    char *end;

    unsigned long long n = strtoull(value, &end, 10);
    const char *unit = *end ? strchr(units, toupper((unsigned char)*end)) : NULL;
    if (end == value || (*end && (!unit || end[1])))
        return err_set(e, EINVAL, "Count=%.40s: give a number, with K, M, G, T or P if need be",
                       value);
    l->gres.count = (struct opt_u64){ true, unit ? n << 10 * (unit - units + 1) : n };
    return 0;
}

static int read_cores(struct reading *r, struct line *l, const char *value, struct err *e)
{
    if (value[strspn(value, "0123456789,-")])
        return err_set(e, EINVAL, "Cores=%.80s: give numbers and ranges as in 0-3,8", value);
    l->gres.cores = arena_strdup(r->arena, value);
    return 0;
}

static int read_links(struct reading *r, struct line *l, const char *value, struct err *e)
{
    l->gres.links = arena_strdup(r->arena, value);
    return 0;
}

static int read_flags(struct reading *r, struct line *l, const char *value, struct err *e)
{
    for (const char *p = value; *p; p += *p == ',') {
        size_t len = strcspn(p, ","), i = 0;
        while (i < COUNT_OF(flags) &&
               (strlen(flags[i].word) != len || strncasecmp(flags[i].word, p, len) != 0))
            i++;
        if (i == COUNT_OF(flags))
            return err_set(e, EINVAL, "Flags=%.80s: %.*s is no flag", value, (int)len, p);
        l->gres.flags |= flags[i].bit;
        p += len;
    }
    if ((l->gres.flags & GRES_no_gpu_env) && (l->gres.flags & GRES_ENV_FLAGS))
        return err_set(e, EINVAL, "Flags=%.80s: no_gpu_env excludes the others", value);
    return 0;
}

/* ---- lines */

static int set_key(struct reading *r, struct line *l, const struct conf_pair *pair, struct err *e)
{
    struct conf_nearest near = { .wrong = pair->key, .distance = UINT32_MAX };

    for (size_t i = 0; i < COUNT_OF(keys); i++) {
        if (strcasecmp(pair->key, keys[i].name) == 0)
            return keys[i].read(r, l, pair->value, e);
        conf_nearest_try(&near, keys[i].name);
    }
    return conf_unknown(&near, "keyword", e);
}

static bool is_shared(const struct gres_row *g)
{
    return strcasecmp(g->name, "shard") == 0 || strcasecmp(g->name, "mps") == 0;
}

static int check(const struct line *l, struct err *e)
{
    const struct gres_row *g = &l->gres;
    uint64_t devices = g->multiple ? 1 : g->files.n;

    if (!g->name[0])
        return l->autodetect ? 0 : err_set(e, EINVAL, "the line has no Name=");
    if (g->files.n && g->count.set && g->count.v != devices && !is_shared(g))
        return err_set(e, EINVAL, "%s: Count=%llu does not match its %llu device files", g->name,
                       (unsigned long long)g->count.v, (unsigned long long)devices);
    if (g->links[0] && devices > 1)
        return err_set(e, EINVAL, "%s: Links are those of one device; give each its own line",
                       g->name);
    return 0;
}

static bool is_for_us(struct reading *r, const struct line *l)
{
    struct hostlist names;

    if (!l->nodes)
        return true;
    if (hostlist_expand(r->arena, l->nodes, &names, NULL) < 0)
        return false;
    return hostlist_overlaps(r->arena, &names, r->node);
}

/* Flags for variables hold for the lines of the same name and type below, too. */
static void inherit(const struct gres_conf *c, struct gres_row *g)
{
    const unsigned env = GRES_ENV_FLAGS | GRES_no_gpu_env;
    const struct gres_row *above = c->lines.n ? &c->lines.v[c->lines.n - 1] : NULL;

    if (above && !(g->flags & env) && strcmp(above->name, g->name) == 0 &&
        strcmp(above->type, g->type) == 0)
        g->flags |= above->flags & env;
}

static void keep(struct reading *r, struct line *l)
{
    struct gres_conf *c = r->ret;

    if (l->autodetect && (l->nodes || !r->is_node_auto)) {
        c->autodetect = l->autodetect;
        r->is_node_auto = l->nodes != NULL;
    }
    if (!l->gres.name[0])
        return;
    inherit(c, &l->gres);
    c->lines.v = conf_grow(r->arena, c->lines.v, c->lines.n, sizeof *c->lines.v);
    c->lines.v[c->lines.n++] = l->gres;
}

static int gres_line(void *arg, const struct conf_line *line, struct err *e)
{
    struct reading *r = arg;
    struct line l = {
        .gres = { .name = "", .type = "", .cores = "", .links = "", .unique = "" },
    };
    int err = 0;

    for (uint32_t i = 0; i < line->n && err == 0; i++)
        err = set_key(r, &l, &line->pairs[i], e);
    if (err == 0)
        err = check(&l, e);
    if (err == 0 && is_for_us(r, &l))
        keep(r, &l);
    return err;
}

int conf_load_gres(const char *slurm_path, const char *node, struct arena *a, struct gres_conf *ret,
                   struct err *e)
{
    const char *cluster = NULL;
    struct reading r = { .arena = a, .node = node, .ret = ret };
    struct conf_parser p = { .arena = a, .each = gres_line, .arg = &r, .cluster = &cluster };
    char path[PATH_MAX];

    *ret = (struct gres_conf){ .autodetect = "" };
    conf_beside(slurm_path, "gres.conf", path, sizeof path);
    if (access(path, F_OK) < 0 && errno == ENOENT)
        return 0;
    return conf_parse_file(&p, path, e);
}
