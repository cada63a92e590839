/* Lines of generic resources on nodes; the idea is explained in gres.h. */
#include "core/gres.h"

#include "base/buf.h"
#include "base/xalloc.h"
#include "core/state.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Kinds whose units are shares of a GPU. */
static const char *const shared[] = { "shard", "mps" };

bool gres_same(struct gres_word a, struct gres_word b)
{
    return a.len == b.len && (a.len == 0 || strncmp(a.s, b.s, a.len) == 0);
}

static struct gres_word word_of(const char *s)
{
    return (struct gres_word){ s, strlen(s) };
}

static bool is_shared(struct gres_word name)
{
    for (size_t i = 0; i < sizeof shared / sizeof shared[0]; i++)
        if (gres_same(name, word_of(shared[i])))
            return true;
    return false;
}

bool gres_is_shares(const char *name)
{
    return is_shared(word_of(name));
}

static uint64_t read_count(struct gres_word w)
{
    static const char units[] = "kmgt";
    char *end;
    uint64_t n = strtoull(w.s, &end, 10);
    const char *unit = end < w.s + w.len ? strchr(units, *end | 0x20) : NULL;

    return unit ? n << 10 * (unit - units + 1) : n;
}

/* "(S:0-1,3)": the sockets as bits. */
static uint64_t read_sockets(const char *s, const char *end)
{
    uint64_t all = 0;

    while (s < end && *s != ')') {
        char *next;
        unsigned long from = strtoul(s, &next, 10), to = from;
        if (next == s)
            return all;
        if (*next == '-')
            to = strtoul(next + 1, &next, 10);
        for (unsigned long i = from; i <= to && i < 64; i++)
            all |= UINT64_C(1) << i;
        s = next + (*next == ',');
    }
    return all;
}

/* Pieces are parted by commas, but not by those within brackets. */
static const char *piece_end(const char *s)
{
    bool is_inside = false;

    for (; *s && (is_inside || !strchr(",;|", *s)); s++)
        is_inside = *s == '(' || (is_inside && *s != ')');
    return s;
}

static struct gres_word next_field(const char **at, const char *end)
{
    struct gres_word w = { *at, strcspn(*at, ":=,;|(") };

    if (w.s + w.len > end)
        w.len = (size_t)(end - w.s);
    *at += w.len;
    *at += *at < end && (**at == ':' || **at == '=');
    return w;
}

bool gres_next(const char **list, struct gres_piece *ret)
{
    const char *at = *list + strspn(*list, ",;|");

    if (!*at)
        return false;
    *list = piece_end(at);
    if (strncmp(at, "gres:", 5) == 0 || strncmp(at, "gres/", 5) == 0)
        at += 5;
    *ret = (struct gres_piece){ .name = next_field(&at, *list), .count = 1 };
    for (struct gres_word w; at < *list && (w = next_field(&at, *list)).len > 0;) {
        ret->has_count = *w.s >= '0' && *w.s <= '9';
        if (ret->has_count)
            ret->count = read_count(w);
        else
            ret->type = w;
    }
    for (; at < *list; at++) {
        if (strncmp(at, "(S:", 3) == 0)
            ret->sockets = read_sockets(at + 3, *list);
        ret->has_files = ret->has_files || strncmp(at, "(F)", 3) == 0;
    }
    return true;
}

void gres_fini(struct node_gres *g)
{
    for (uint32_t i = 0; i < g->n; i++)
        free(g->v[i].cut);
    free(g->v);
    *g = (struct node_gres){ 0 };
}

static uint32_t bits_of(uint64_t v)
{
    return (uint32_t)__builtin_popcountll(v);
}

static uint64_t low_bits(uint64_t n)
{
    return n >= 64 ? UINT64_MAX : (UINT64_C(1) << n) - 1;
}

/* What is configured, or what was reported where a node said more exactly what it has. */
static const char *list_of(const struct node *n)
{
    const char *conf = n->conf->gres ? n->conf->gres : "";

    return *conf && n->rec->gres && *n->rec->gres ? n->rec->gres : conf;
}

static uint64_t gpus_of(const struct node_gres *g)
{
    uint64_t all = 0;

    for (uint32_t i = 0; i < g->n; i++)
        if (strcmp(g->v[i].name, "gpu") == 0)
            all |= g->v[i].units;
    return all;
}

/* Shares are spread evenly over the GPUs; the first ones get what is left over. */
static void cut_line(struct gres_line *line, uint64_t gpus)
{
    uint32_t n = bits_of(gpus), at = 0;

    line->units = gpus;
    if (n == 0)
        return;
    line->cut = xcalloc(GRES_DEVICES_MAX, sizeof *line->cut);
    for (uint32_t d = 0; d < GRES_DEVICES_MAX; d++)
        if (gpus >> d & 1) {
            line->cut[d].size = (uint32_t)(line->count / n + (at < line->count % n));
            at++;
        }
}

static void add_line(struct core *c, struct node_gres *g, const struct gres_piece *p)
{
    char name[64], type[64];

    snprintf(name, sizeof name, "%.*s", (int)p->name.len, p->name.s);
    snprintf(type, sizeof type, "%.*s", (int)p->type.len, p->type.s ? p->type.s : "");
    g->v[g->n++] = (struct gres_line){ .name = intern(&c->names, name),
                                       .type = intern(&c->names, type),
                                       .count = p->count,
                                       .has_devices =
                                           p->has_files || gres_same(p->name, word_of("gpu")),
                                       .sockets = p->sockets };
}

/* Devices are numbered through all lines of a name; where they are too many they are counted. */
static void number_devices(struct node_gres *g, const char *name)
{
    uint64_t all = 0, at = 0;

    for (uint32_t i = 0; i < g->n; i++)
        all += g->v[i].name == name ? g->v[i].count : 0;
    for (uint32_t i = 0; i < g->n && all <= GRES_DEVICES_MAX; i++)
        if (g->v[i].name == name && g->v[i].count > 0 && g->v[i].has_devices) {
            g->v[i].units = low_bits(g->v[i].count) << at;
            at += g->v[i].count;
        }
}

void gres_configure(struct core *c, struct node *n)
{
    const char *list = list_of(n);
    struct gres_piece p;

    gres_fini(&n->gres);
    if (!*list)
        return;
    n->gres.v = xcalloc(GRES_LINES_MAX, sizeof *n->gres.v);
    while (n->gres.n < GRES_LINES_MAX && gres_next(&list, &p))
        add_line(c, &n->gres, &p);
    for (uint32_t i = 0; i < n->gres.n; i++)
        if (n->gres.v[i].units == 0 && !is_shared(word_of(n->gres.v[i].name)))
            number_devices(&n->gres, n->gres.v[i].name);
    for (uint32_t i = 0; i < n->gres.n; i++)
        if (is_shared(word_of(n->gres.v[i].name)))
            cut_line(&n->gres.v[i], gpus_of(&n->gres));
    for (uint32_t i = 0; i < n->jobs.n; i++) {
        const struct job *job = job_find(c, n->jobs.v[i]);
        const struct alloc_node *part = job ? alloc_find(job, n->index) : NULL;
        if (part)
            gres_hold(n, part);
    }
}

static uint64_t units_of(const struct gres_part *g)
{
    uint64_t v = 0;

    for (uint32_t i = 0; i < g->units.len && i < 8; i++)
        v |= (uint64_t)g->units.p[i] << 8 * i;
    return v;
}

/* The line that a job's part was taken from; NULL when the node has it no longer. */
static struct gres_line *line_of(const struct node_gres *g, const struct gres_part *part)
{
    uint64_t units = units_of(part);

    for (uint32_t i = 0; i < g->n; i++)
        if (strcmp(g->v[i].name, part->name) == 0 && strcmp(g->v[i].type, part->type) == 0 &&
            (units & ~g->v[i].units) == 0)
            return &g->v[i];
    return NULL;
}

/* Adds to (sign 1) or takes from (-1) the shares of each device. */
static void share(struct gres_line *line, const struct gres_part *part, int sign)
{
    uint64_t units = units_of(part);

    for (uint32_t d = 0, i = 0; d < GRES_DEVICES_MAX && i < part->shares.n; d++)
        if (units >> d & 1)
            line->cut[d].used += (uint32_t)sign * part->shares.v[i++];
}

void gres_hold(struct node *n, const struct alloc_node *part)
{
    for (uint32_t i = 0; i < part->gres.n; i++) {
        const struct gres_part *g = &part->gres.v[i];
        struct gres_line *line = line_of(&n->gres, g);
        if (!line)
            continue;
        line->used += g->count;
        if (line->cut)
            share(line, g, 1);
        else
            line->busy |= units_of(g);
    }
}

void gres_give_back(struct node *n, const struct alloc_node *part)
{
    for (uint32_t i = 0; i < part->gres.n; i++) {
        const struct gres_part *g = &part->gres.v[i];
        struct gres_line *line = line_of(&n->gres, g);
        if (!line)
            continue;
        line->used -= g->count < line->used ? g->count : line->used;
        if (line->cut)
            share(line, g, -1);
        else
            line->busy &= ~units_of(g);
    }
}

/* GPUs of which some job holds a share. */
static uint64_t cut_units(const struct node_gres *g)
{
    uint64_t all = 0;

    for (uint32_t i = 0; i < g->n; i++)
        for (uint32_t d = 0; g->v[i].cut && d < GRES_DEVICES_MAX; d++)
            all |= (uint64_t)(g->v[i].cut[d].used > 0) << d;
    return all;
}

static uint64_t busy_gpus(const struct node_gres *g)
{
    uint64_t all = 0;

    for (uint32_t i = 0; i < g->n; i++)
        if (strcmp(g->v[i].name, "gpu") == 0)
            all |= g->v[i].busy;
    return all;
}

uint64_t gres_free_units(const struct node *n, const struct gres_line *line)
{
    uint64_t left = line->units & ~line->busy;

    if (line->cut)
        return line->units & ~busy_gpus(&n->gres);
    return strcmp(line->name, "gpu") == 0 ? left & ~cut_units(&n->gres) : left;
}

uint64_t gres_free(const struct node *n, const struct gres_line *line)
{
    uint64_t units = gres_free_units(n, line), sum = 0;

    if (line->units == 0)
        return line->count > line->used ? line->count - line->used : 0;
    if (!line->cut)
        return bits_of(units);
    for (uint32_t d = 0; d < GRES_DEVICES_MAX; d++)
        if (units >> d & 1)
            sum += line->cut[d].size - line->cut[d].used;
    return sum;
}

static bool part_is_free(const struct node *n, const struct gres_part *g)
{
    const struct gres_line *line = line_of(&n->gres, g);
    uint64_t units = units_of(g);

    if (!line || g->count > gres_free(n, line) || (units & ~gres_free_units(n, line)))
        return false;
    if (line->units && !line->cut)
        return bits_of(units) == g->count;
    for (uint32_t d = 0, i = 0; line->cut && d < GRES_DEVICES_MAX && i < g->shares.n; d++)
        if (units >> d & 1 && g->shares.v[i++] > line->cut[d].size - line->cut[d].used)
            return false;
    return true;
}

bool gres_is_free(const struct node *n, const struct alloc_node *part)
{
    for (uint32_t i = 0; i < part->gres.n; i++)
        if (!part_is_free(n, &part->gres.v[i]))
            return false;
    return true;
}

static int check_job(const struct node *n, const struct job *job, const struct alloc_node *part,
                     uint64_t *given, struct err *e)
{
    for (uint32_t i = 0; i < part->gres.n; i++) {
        const struct gres_line *line = line_of(&n->gres, &part->gres.v[i]);
        uint64_t units = units_of(&part->gres.v[i]);
        if (!line || line->cut)
            continue;
        if (given[line - n->gres.v] & units)
            return err_set(e, ESTATE, "job %u: a device %s of node %s is given twice", job->id,
                           line->name, n->conf->name);
        given[line - n->gres.v] |= units;
    }
    return 0;
}

int gres_check(const struct core *c, const struct node *n, struct err *e)
{
    uint64_t given[GRES_LINES_MAX] = { 0 };

    for (uint32_t i = 0; i < n->jobs.n; i++) {
        const struct job *job = job_find(c, n->jobs.v[i]);
        const struct alloc_node *part = job ? alloc_find(job, n->index) : NULL;
        int r = part ? check_job(n, job, part, given, e) : 0;
        if (r < 0)
            return r;
    }
    uint64_t whole = busy_gpus(&n->gres);
    for (uint32_t i = 0; i < n->gres.n; i++) {
        const struct gres_line *line = &n->gres.v[i];
        if (line->busy != given[i])
            return err_set(e, ESTATE, "node %s: %s in use is not what its jobs hold",
                           n->conf->name, line->name);
        for (uint32_t d = 0; line->cut && d < GRES_DEVICES_MAX; d++)
            if (line->cut[d].used && whole >> d & 1)
                return err_set(e, ESTATE, "node %s: GPU %u is given whole and cut",
                               n->conf->name, d);
    }
    return 0;
}

static uint64_t total_in(const char *list, const struct gres_piece *want)
{
    struct gres_piece have;
    uint64_t sum = 0;

    while (list && gres_next(&list, &have))
        if (gres_same(have.name, want->name) &&
            (!want->type.len || gres_same(have.type, want->type)))
            sum += have.count;
    return sum;
}

const char *gres_misfit(const struct conf_node *conf, const char *reported, struct arena *a)
{
    struct gres_piece want;

    for (const char *list = conf->gres; list && gres_next(&list, &want);) {
        uint64_t have = total_in(reported, &want), all = total_in(conf->gres, &want);
        if (have < all)
            return arena_printf(a, "gres/%.*s count reported lower than configured (%llu < %llu)",
                                (int)want.name.len, want.name.s, (unsigned long long)have,
                                (unsigned long long)all);
    }
    return NULL;
}

static uint32_t as_count(uint64_t n)
{
    return n < UINT32_MAX ? (uint32_t)n : UINT32_MAX;
}

void gres_room(const struct node *n, struct room *ret)
{
    for (uint32_t i = 0; i < n->gres.n && i < ROOM_GRES; i++)
        ret->gres[i] = as_count(gres_free(n, &n->gres.v[i]));
}

void gres_room_of(const struct node *n, const struct alloc_node *part, struct room *ret)
{
    for (uint32_t i = 0; i < part->gres.n; i++) {
        const struct gres_line *line = line_of(&n->gres, &part->gres.v[i]);
        if (line && line - n->gres.v < ROOM_GRES)
            ret->gres[line - n->gres.v] += as_count(part->gres.v[i].count);
    }
}
