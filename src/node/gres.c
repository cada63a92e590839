/* Devices of the node: slurm.conf's counts are filled with the devices that gres.conf names or that
 * were found, in the order in which the controller counts them. */
#include "node/gres.h"

#include "schema/gres.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#define SOCKETS_MAX 64u

/* "gpu:a100:2" of slurm.conf. */
struct wanted {
    const char *name, *type;
    uint64_t count;
};

struct merge {
    const struct gres_conf *conf, *found;
    struct arena *arena;
    struct host *host;
    uint32_t cap;
    bool *used;      /* devices of `found`, by line: given to an earlier piece */
    struct buf text; /* for the registration */
    struct buf *why;
};

static uint64_t number(const char *text)
{
    static const char units[] = "KMGTP";
    char *end;
    unsigned long long n = strtoull(text, &end, 10);
    const char *unit = *end ? strchr(units, toupper((unsigned char)*end)) : NULL;

    return unit ? n << 10 * (unit - units + 1) : n;
}

/* One piece of Gres=: name[:type][:no_consume][:count]. */
static struct wanted piece(const char *text, size_t len, struct arena *a)
{
    struct wanted w = { .name = "", .type = "", .count = 1 };
    char *copy = arena_strndup(a, text, len);

    copy[strcspn(copy, "(")] = '\0'; /* (S:0-1) is ours to say */
    for (unsigned i = 0; copy; i++) {
        char *colon = strchr(copy, ':');
        if (colon)
            *colon = '\0';
        if (i == 0)
            w.name = copy;
        else if (isdigit((unsigned char)copy[0]))
            w.count = number(copy);
        else if (strcmp(copy, "no_consume") != 0)
            w.type = copy;
        copy = colon ? colon + 1 : NULL;
    }
    return w;
}

static struct host_device *device_add(struct merge *m)
{
    struct host *h = m->host;

    if (h->devices.n == m->cap) {
        struct host_device *old = h->devices.v;
        m->cap = m->cap ? m->cap * 2 : 16;
        h->devices.v = arena_calloc(m->arena, m->cap, sizeof *old);
        for (uint32_t i = 0; i < h->devices.n; i++)
            h->devices.v[i] = old[i];
    }
    return &h->devices.v[h->devices.n++];
}

static uint32_t count_name(const struct host *h, const char *name)
{
    uint32_t n = 0;

    for (uint32_t i = 0; i < h->devices.n; i++)
        n += strcmp(h->devices.v[i].name, name) == 0;
    return n;
}

/* The number behind the name of a device file: nvidia3. */
static uint32_t minor_of(const char *path, uint32_t otherwise)
{
    const char *p = path + strlen(path);

    while (p > path && isdigit((unsigned char)p[-1]))
        p--;
    return *p ? (uint32_t)strtoul(p, NULL, 10) : otherwise;
}

static unsigned flags_of(const struct gres_row *l)
{
    bool says = l->flags & (GRES_ENV_FLAGS | GRES_no_gpu_env);

    return l->flags | (says ? 0 : GRES_ENV_FLAGS);
}

static void device_from(struct merge *m, const struct gres_row *l, struct strs paths,
                        const char *type)
{
    uint32_t index = count_name(m->host, l->name);

    *device_add(m) = (struct host_device){
        .name = l->name,
        .type = type,
        .index = index,
        .paths = paths,
        .unique = l->unique,
        .flags = flags_of(l),
        .cores = l->cores,
        .links = l->links,
        .count = 1,
        .minor = paths.n ? minor_of(paths.v[0], index) : index,
    };
}

static bool is_of(const struct gres_row *l, const struct wanted *w)
{
    return strcmp(l->name, w->name) == 0 &&
           (!w->type[0] || !l->type[0] || strcasestr(l->type, w->type) != NULL);
}

/* What was found and what gres.conf says of the same file belong together: the file's word on
 * cores, links and flags wins over what was measured only where it says something. */
static struct gres_row with_found(const struct merge *m, const struct gres_row *l, const char *path)
{
    struct gres_row both = *l;

    for (uint32_t i = 0; i < m->found->lines.n; i++) {
        const struct gres_row *f = &m->found->lines.v[i];
        if (f->files.n == 0 || strcmp(f->files.v[0], path) != 0)
            continue;
        m->used[i] = true;
        both.cores = l->cores[0] ? l->cores : f->cores;
        both.links = l->links[0] ? l->links : f->links;
        both.unique = f->unique;
        both.flags = l->flags & (GRES_ENV_FLAGS | GRES_no_gpu_env) ? l->flags : l->flags | f->flags;
    }
    return both;
}

/* Devices of gres.conf's lines for this piece; returns how many. */
static uint64_t take_written(struct merge *m, const struct wanted *w)
{
    uint64_t taken = 0;

    for (uint32_t i = 0; i < m->conf->lines.n; i++) {
        const struct gres_row *l = &m->conf->lines.v[i];
        if (!is_of(l, w) || l->files.n == 0)
            continue;
        uint32_t devices = l->multiple ? 1 : l->files.n;
        for (uint32_t d = 0; d < devices && taken < w->count; d++, taken++) {
            struct strs paths = { arena_memdup(m->arena, l->files.v + d, sizeof *l->files.v), 1 };
            struct gres_row line = with_found(m, l, paths.v[0]);
            device_from(m, &line, l->multiple ? l->files : paths, w->type[0] ? w->type : l->type);
        }
    }
    return taken;
}

static uint64_t take_found(struct merge *m, const struct wanted *w, uint64_t taken)
{
    for (uint32_t i = 0; i < m->found->lines.n && taken < w->count; i++) {
        const struct gres_row *l = &m->found->lines.v[i];
        if (m->used[i] || !is_of(l, w))
            continue;
        m->used[i] = true;
        device_from(m, l, l->files, w->type[0] ? w->type : l->type);
        taken++;
    }
    return taken;
}

/* ---- words for the registration */

static bool in_list(const char *list, uint32_t n)
{
    for (const char *p = list; isdigit((unsigned char)*p); p += *p == ',') {
        char *end;
        unsigned long first = strtoul(p, &end, 10), last = first;
        if (*end == '-')
            last = strtoul(end + 1, &end, 10);
        if (n >= first && n <= last)
            return true;
        p = end;
    }
    return false;
}

/* Sockets whose cores are near to a device. */
static uint64_t sockets_near(const struct host *h, const struct host_device *d)
{
    const struct host_topology *t = h->topology;
    uint64_t set = 0;

    for (uint32_t i = 0; t && i < t->core.n; i++)
        if (t->socket.v[i] < SOCKETS_MAX && in_list(d->cores, t->core.v[i]))
            set |= 1ull << t->socket.v[i];
    return set;
}

static void put_ranges(struct buf *out, uint64_t set)
{
    const char *comma = "";

    for (unsigned i = 0; i < 64; i++) {
        unsigned last = i;
        if (!(set >> i & 1))
            continue;
        while (last < 63 && set >> (last + 1) & 1)
            last++;
        buf_printf(out, last > i ? "%s%u-%u" : "%s%u", comma, i, last);
        comma = ",";
        i = last;
    }
}

static void say_piece(struct merge *m, const struct wanted *w, uint64_t count, uint32_t first)
{
    const struct host *h = m->host;
    uint64_t sockets = 0;

    for (uint32_t i = first; i < h->devices.n; i++)
        sockets |= sockets_near(h, &h->devices.v[i]);
    buf_printf(&m->text, "%s%s%s%s:%" PRIu64, m->text.len ? "," : "", w->name,
               w->type[0] ? ":" : "", w->type, count);
    if (!sockets)
        return;
    buf_puts(&m->text, "(S:");
    put_ranges(&m->text, sockets);
    buf_puts(&m->text, ")");
}

/* ---- pieces */

static bool is_shared(const char *name)
{
    return strcmp(name, "shard") == 0 || strcmp(name, "mps") == 0;
}

static const struct gres_row *line_of(const struct gres_conf *c, const struct wanted *w,
                                      bool with_files)
{
    for (uint32_t i = 0; i < c->lines.n; i++)
        if (is_of(&c->lines.v[i], w) && (c->lines.v[i].files.n > 0) == with_files)
            return &c->lines.v[i];
    return NULL;
}

/* Shares of a GPU, as a line with its file says; without such lines they are spread evenly. */
static uint64_t shares_of(const struct merge *m, const struct wanted *w,
                          const struct host_device *gpu, uint32_t gpus)
{
    const struct gres_row *written = NULL;

    for (uint32_t i = 0; i < m->conf->lines.n && !written; i++) {
        const struct gres_row *l = &m->conf->lines.v[i];
        for (uint32_t f = 0; is_of(l, w) && f < l->files.n; f++)
            if (gpu->paths.n && strcmp(l->files.v[f], gpu->paths.v[0]) == 0)
                written = l;
    }
    if (written)
        return written->count.set ? written->count.v / written->files.n : 0;
    if (line_of(m->conf, w, true))
        return 0;
    return w->count / gpus + (gpu->index < w->count % gpus);
}

/* Shares are cut from GPUs and have their numbers; gpu pieces come first for that. */
static uint64_t take_shares(struct merge *m, const struct wanted *w)
{
    uint32_t gpus = count_name(m->host, "gpu"), devices = m->host->devices.n;
    uint64_t taken = 0;

    for (uint32_t i = 0; i < devices; i++) {
        struct host_device share = m->host->devices.v[i];
        if (strcmp(share.name, "gpu") != 0)
            continue;
        share.count = shares_of(m, w, &share, gpus);
        share.name = w->name;
        taken += share.count;
        if (share.count)
            *device_add(m) = share;
    }
    return taken;
}

/* Nothing but a number: what slurm.conf says, or gres.conf where it says less. */
static uint64_t take_count(struct merge *m, const struct wanted *w)
{
    const struct gres_row *l = line_of(m->conf, w, false);
    uint64_t count = l && l->count.set && l->count.v < w->count ? l->count.v : w->count;

    *device_add(m) = (struct host_device){ .name = w->name,
                                           .type = w->type,
                                           .unique = "",
                                           .cores = l ? l->cores : "",
                                           .links = "",
                                           .flags = GRES_CountOnly,
                                           .count = count };
    return count;
}

static bool has_devices(const struct merge *m, const char *name)
{
    const struct wanted any = { .name = name, .type = "" };

    if (line_of(m->conf, &any, true) || line_of(m->found, &any, true))
        return true;
    return strcmp(name, "gpu") == 0 && m->conf->autodetect[0] &&
           strcmp(m->conf->autodetect, "off") != 0;
}

static void take_piece(struct merge *m, const struct wanted *w)
{
    uint32_t first = m->host->devices.n;
    uint64_t count;

    if (is_shared(w->name) && count_name(m->host, "gpu"))
        count = take_shares(m, w);
    else if (has_devices(m, w->name))
        count = take_found(m, w, take_written(m, w));
    else
        count = take_count(m, w);
    if (count < w->count)
        buf_printf(m->why,
                   "%sgres/%s count reported lower than configured (%" PRIu64 " < %" PRIu64 ")",
                   m->why->len ? "; " : "", w->name, count, w->count);
    say_piece(m, w, count, first);
}

void gres_merge(const struct gres_said *said, struct arena *a, struct host *host,
                const char **ret_text, struct buf *why)
{
    struct merge m = { said->written, said->found, a, host, .why = why };

    host->devices.n = 0;
    m.used = arena_calloc(a, said->found->lines.n + 1, sizeof *m.used);
    for (const char *p = said->configured; *p; p += *p == ',') {
        size_t len = strcspn(p, ",");
        struct wanted w = piece(p, len, a);
        p += len;
        if (w.name[0])
            take_piece(&m, &w);
    }
    *ret_text = arena_strdup(a, buf_str(&m.text));
    buf_fini(&m.text);
}

/* ---- slurmd -G */

static void put_flags(struct buf *out, const struct host_device *d)
{
    static const struct {
        const char *word;
        unsigned bit;
    } words[] = {
#define GRES_FLAG(word, bit, doc) { #word, 1u << (bit) },
#include "schema/gres_flags.def"
#undef GRES_FLAG
    };
    const char *before = " Flags=";

    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (!(d->flags & words[i].bit))
            continue;
        buf_printf(out, "%s%s", before, words[i].word);
        before = ",";
    }
}

void gres_print(const struct host *host, const char *node, struct buf *out)
{
    for (uint32_t i = 0; i < host->devices.n; i++) {
        const struct host_device *d = &host->devices.v[i];
        buf_printf(out, "slurmd-%s: Gres Name=%s Type=%s Count=%" PRIu64, node, d->name,
                   d->type[0] ? d->type : "(null)", d->count);
        if (d->paths.n)
            buf_printf(out, " Index=%u File=%s", d->index, d->paths.v[0]);
        for (uint32_t f = 1; f < d->paths.n; f++)
            buf_printf(out, ",%s", d->paths.v[f]);
        if (d->cores[0])
            buf_printf(out, " Cores=%s", d->cores);
        if (d->links[0])
            buf_printf(out, " Links=%s", d->links);
        if (d->unique[0])
            buf_printf(out, " UniqueId=%s", d->unique);
        put_flags(out, d);
        buf_puts(out, "\n");
    }
}

/* ---- what a step may open */

uint64_t gres_units(const struct gres_part *parts, uint32_t n, const char *name)
{
    uint64_t set = 0;

    for (uint32_t i = 0; i < n; i++)
        for (uint32_t b = 0; strcmp(parts[i].name, name) == 0 && b < parts[i].units.len && b < 8;
             b++)
            set |= (uint64_t)parts[i].units.p[b] << 8 * b;
    return set;
}

static bool is_held(const struct host_device *d, const struct gres_part *parts, uint32_t n)
{
    return d->index < 64 && gres_units(parts, n, d->name) >> d->index & 1;
}

/* A GPU of which the step holds shares is another device with the same file. */
static bool may_open(const struct host *h, const char *path, const struct gres_part *parts,
                     uint32_t n)
{
    for (uint32_t i = 0; i < h->devices.n; i++) {
        const struct host_device *d = &h->devices.v[i];
        for (uint32_t f = 0; f < d->paths.n && is_held(d, parts, n); f++)
            if (strcmp(d->paths.v[f], path) == 0)
                return true;
    }
    return false;
}

static void deny(struct cgroup_device *v, uint32_t *n, const char *path)
{
    struct stat st;

    if (stat(path, &st) == 0 && (S_ISCHR(st.st_mode) || S_ISBLK(st.st_mode)))
        v[(*n)++] =
            (struct cgroup_device){ S_ISBLK(st.st_mode), major(st.st_rdev), minor(st.st_rdev) };
}

void gres_denied(const struct host *h, const struct gres_part *parts, uint32_t n, struct arena *a,
                 struct cgroup_limits *ret)
{
    uint32_t files = 0;

    for (uint32_t i = 0; i < h->devices.n; i++)
        files += h->devices.v[i].paths.n;
    struct cgroup_device *v = arena_calloc(a, files + 1, sizeof *v);
    ret->denied = v;
    ret->denied_count = 0;
    for (uint32_t i = 0; i < h->devices.n; i++)
        for (uint32_t f = 0; f < h->devices.v[i].paths.n; f++) {
            const char *path = h->devices.v[i].paths.v[f];
            if (!may_open(h, path, parts, n))
                deny(v, &ret->denied_count, path);
        }
}
