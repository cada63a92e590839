/* --gres, --gpus, --gpus-per-node, -socket and -task, --ntasks-per-gpu speak of the same things;
 * here each kind and type becomes one ask with one way to count. */
#include "core/gres_ask.h"

#include "core/state.h"

#include <stdio.h>
#include <string.h>

enum way { WAY_NODE, WAY_SOCKET, WAY_TASK, WAY_JOB, WAYS };

/* A kind and type with all that was said about it; 0: nothing. */
struct said {
    struct gres_word name, type;
    uint64_t count[WAYS];
};

struct sayings {
    struct said v[GRES_ASKS_MAX];
    uint32_t n;
};

static bool is_word(struct gres_word w, const char *s)
{
    return w.len == strlen(s) && strncmp(w.s, s, w.len) == 0;
}

static struct said *said_of(struct sayings *all, const struct gres_piece *p)
{
    for (uint32_t i = 0; i < all->n; i++)
        if (gres_same(all->v[i].name, p->name) && gres_same(all->v[i].type, p->type))
            return &all->v[i];
    if (all->n == GRES_ASKS_MAX)
        return NULL;
    all->v[all->n] = (struct said){ .name = p->name, .type = p->type };
    return &all->v[all->n++];
}

/* Of one list a kind may be named once; what is neither a generic resource is no business of ours.
 */
static int collect(struct sayings *all, const char *list, enum way way, struct err *e)
{
    struct gres_piece p;

    for (const char *at = list; at && gres_next(&at, &p);) {
        if (is_word(p.name, "none") || (p.has_count && p.count == 0))
            continue;
        struct said *s = said_of(all, &p);
        if (!s)
            return err_set(e, ESLURM_INVALID_GRES,
                           "asked: %.80s\nof generic resources %u kinds and types are allowed",
                           list, GRES_ASKS_MAX);
        s->count[way] += p.count;
    }
    return 0;
}

/* "gpu:1,gpu:a100:1" could mean one or two. */
static int check_mix(const struct sayings *all, struct err *e)
{
    for (uint32_t i = 0; i < all->n; i++)
        for (uint32_t k = 0; k < all->n; k++) {
            const struct said *x = &all->v[i], *y = &all->v[k];
            bool is_same = gres_same(x->name, y->name);
            if (is_same && !x->type.len && y->type.len)
                return err_set(e, ESLURM_INVALID_GRES_TYPE,
                               "asked: %.*s with the type %.*s and without any\ngive a type to all "
                               "of them or to none",
                               (int)x->name.len, x->name.s, (int)y->type.len, y->type.s);
            if (is_word(x->name, "gpu") &&
                (is_word(y->name, "shard") || is_word(y->name, "mps")))
                return err_set(e, ESLURM_INVALID_GRES,
                               "asked: gpu and %.*s\na job gets GPUs whole or in shares",
                               (int)y->name.len, y->name.s);
        }
    return 0;
}

static int read_all(const struct job_wish *w, struct sayings *all, struct err *e)
{
    const char *const lists[WAYS] = { w->tres_per_node, w->tres_per_socket, w->tres_per_task,
                                      w->tres_per_job };
    int r = 0;

    all->n = 0;
    for (int i = 0; i < WAYS && r == 0; i++)
        if (lists[i] && *lists[i])
            r = collect(all, lists[i], (enum way)i, e);
    return r == 0 && all->n > 1 ? check_mix(all, e) : r;
}

static const char *known_name(const struct core *c, struct gres_word w)
{
    char name[64];

    snprintf(name, sizeof name, "%.*s", (int)w.len, w.s ? w.s : "");
    return w.len ? intern_find(&c->names, name) : "";
}

static struct gres_ask ask_of(const struct core *c, const struct job_wish *w, const struct said *s)
{
    uint32_t sockets = w->sockets ? w->sockets : 1;
    struct gres_ask ask = { .name = known_name(c, s->name),
                            .type = known_name(c, s->type),
                            .is_gpu = is_word(s->name, "gpu"),
                            .per = GRES_PER_JOB,
                            .count = s->count[WAY_JOB],
                            .tasks = 1 };
    uint32_t together = ask.is_gpu && w->ntasks_per_gpu.set ? w->ntasks_per_gpu.v : 0;

    if (s->count[WAY_NODE] || s->count[WAY_SOCKET]) {
        ask.per = GRES_PER_NODE;
        ask.count = s->count[WAY_NODE] ? s->count[WAY_NODE] : s->count[WAY_SOCKET] * sockets;
    } else if (s->count[WAY_TASK]) {
        ask.per = GRES_PER_TASK;
        ask.count = s->count[WAY_TASK];
    } else if (together) {
        ask.per = GRES_PER_TASK;
        ask.count = 1;
        ask.tasks = together;
    }
    return ask;
}

int gres_asks_read(const struct core *c, const struct job_wish *w, struct gres_asks *ret,
                   struct err *e)
{
    struct sayings all;
    int r = read_all(w, &all, e);

    ret->n = 0;
    for (uint32_t i = 0; r == 0 && i < all.n; i++)
        ret->v[ret->n++] = ask_of(c, w, &all.v[i]);
    return r;
}

static int contradiction(const struct said *s, const char *a, uint64_t x, const char *b,
                         uint64_t y, struct err *e)
{
    return err_set(e, ESLURM_INVALID_GRES, "asked: %llu %.*s %s and %llu %s\nthat cannot be both",
                   (unsigned long long)x, (int)s->name.len, s->name.s, a, (unsigned long long)y,
                   b);
}

/* In all and on each node: that is a number of nodes. */
static int shape_nodes(const struct said *s, struct job_wish *w, struct err *e)
{
    uint64_t job = s->count[WAY_JOB], node = s->count[WAY_NODE];

    if (!node && s->count[WAY_SOCKET])
        node = s->count[WAY_SOCKET] * (w->sockets ? w->sockets : 1);
    if (!job || !node)
        return 0;
    if (job % node || job / node < w->min_nodes || job / node > w->max_nodes)
        return contradiction(s, "for the job", job, "on each node", node, e);
    w->min_nodes = w->max_nodes = (uint32_t)(job / node);
    return 0;
}

/* In all, or on each node, and for each task: that is a number of tasks. */
static int shape_tasks(const struct said *s, struct job_wish *w, struct err *e)
{
    bool is_gpu = is_word(s->name, "gpu") && w->ntasks_per_gpu.set;
    uint64_t job = s->count[WAY_JOB], node = s->count[WAY_NODE], task = s->count[WAY_TASK];
    uint64_t times = is_gpu ? w->ntasks_per_gpu.v : 1;

    if (!task && !is_gpu)
        return 0;
    task = task ? task : 1;
    if (job && (job % task || (w->has_ntasks && !is_gpu && w->ntasks * task != job)))
        return contradiction(s, "for the job", job, "for each task", task, e);
    if (job && !node && (is_gpu || !w->has_ntasks))
        w->ntasks = (uint32_t)(job * times / task);
    if (node && node < task)
        return contradiction(s, "on each node", node, "for each task", task, e);
    if (node && !w->ntasks_per_node.set)
        w->ntasks_per_node = (struct opt_u32){ true, (uint32_t)(node * times / task) };
    if (node && !w->has_ntasks)
        w->ntasks = w->min_nodes * w->ntasks_per_node.v;
    return 0;
}

int gres_shape(const struct core *c, struct job_wish *w, struct err *e)
{
    struct sayings all;
    int r = read_all(w, &all, e);

    for (uint32_t i = 0; r == 0 && i < all.n; i++) {
        r = shape_nodes(&all.v[i], w, e);
        if (r == 0)
            r = shape_tasks(&all.v[i], w, e);
    }
    if (w->ntasks < w->min_nodes && !w->has_ntasks)
        w->ntasks = w->min_nodes;
    return r;
}

uint64_t gres_for_tasks(const struct gres_ask *ask, uint32_t tasks)
{
    return (tasks + ask->tasks - 1) / ask->tasks * ask->count;
}

uint64_t gres_asked(const struct core *c, const struct job_wish *w, const char *name,
                    const char *type)
{
    struct gres_asks asks;
    uint64_t sum = 0;

    if (gres_asks_read(c, w, &asks, NULL) < 0)
        return 0;
    for (uint32_t i = 0; i < asks.n; i++) {
        const struct gres_ask *ask = &asks.v[i];
        if (!ask->name || strcmp(ask->name, name) != 0 ||
            (type && *type && (!ask->type || strcmp(ask->type, type) != 0)))
            continue;
        sum += ask->per == GRES_PER_NODE   ? ask->count * w->min_nodes
               : ask->per == GRES_PER_TASK ? gres_for_tasks(ask, w->ntasks)
                                           : ask->count;
    }
    return sum;
}

bool gres_serves(const struct gres_ask *ask, const struct gres_line *line)
{
    return ask->name == line->name && ask->type && (!*ask->type || ask->type == line->type);
}
