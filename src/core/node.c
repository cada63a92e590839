/* Nodes as state: configuration, reports, what is in use. */
#include "core/state.h"

#include "base/xalloc.h"
#include "core/cores.h"
#include "core/msgs.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

struct node *node_find(const struct core *c, const char *name)
{
    return smap_get(&c->node_names, name);
}

struct node *node_ensure(struct core *c, const char *name)
{
    struct node *n = node_find(c, name);

    if (n)
        return n;
    n = xcalloc(1, sizeof *n);
    n->index = c->node_count;
    n->unit = n->threads = 1;
    n->conf = msg_clone(&desc_conf_node, &(struct conf_node){ .name = name });
    n->rec = msg_clone(&desc_node_record, &(struct node_record){ .node = n->index, .name = name });
    n->is_gone = true;
    bits_init(&n->used, 1);
    c->nodes = xrealloc(c->nodes, c->node_count + 1, sizeof *c->nodes);
    c->nodes[c->node_count++] = n;
    smap_put(&c->node_names, intern(&c->names, name), n);
    return n;
}

void node_free(struct node *n)
{
    bits_fini(&n->used);
    bits_fini(&n->spec);
    gres_fini(&n->gres);
    ids_fini(&n->jobs);
    ids_fini(&n->parts);
    free(n->conf);
    free(n->rec);
    free(n);
}

/* Hardware threads of a core are given together, unless the configuration counts cores as CPUs. */
static uint32_t threads_of(const struct conf_node *conf)
{
    uint64_t threads = (uint64_t)conf->sockets * conf->cores * conf->threads;

    return conf->threads > 1 && conf->cpus > 0 && threads == conf->cpus ? conf->threads : 1;
}

/* CR_Socket gives whole sockets. */
static uint32_t unit_of(const struct core *c, const struct conf_node *conf)
{
    bool is_socket = c->conf && c->conf->select_params &&
                     strcasestr(c->conf->select_params, "CR_SOCKET") && conf->sockets > 0 &&
                     conf->cpus > 0 && conf->cpus % conf->sockets == 0;

    return is_socket ? conf->cpus / conf->sockets : threads_of(conf);
}

static uint32_t first_state(const struct conf_node *conf)
{
    static const struct {
        const char *word;
        uint32_t bits;
    } words[] = {
        { "DOWN", NODE_DOWN },
        { "DRAIN", NODE_DRAIN | NODE_UNKNOWN },
        { "FAIL", NODE_FAIL | NODE_UNKNOWN },
        { "FUTURE", NODE_FUTURE },
    };

    for (size_t i = 0; conf->state && i < sizeof words / sizeof words[0]; i++)
        if (strcasecmp(conf->state, words[i].word) == 0)
            return words[i].bits;
    return NODE_UNKNOWN;
}

/* CPUs in use keep their numbers; a node that shrank below them keeps the larger map until they are
 * given back. */
static void resize_used(struct node *n, uint32_t cpus)
{
    struct bits used;
    uint32_t size = cpus ? cpus : 1;

    BITS_FOREACH(i, &n->used)
        if (i >= size)
            size = (uint32_t)i + 1;
    bits_init(&used, size);
    BITS_FOREACH(i, &n->used)
        bits_set(&used, (uint32_t)i);
    bits_fini(&n->used);
    n->used = used;
}

static void shape(const struct core *c, struct node *n)
{
    n->threads = threads_of(n->conf);
    n->unit = unit_of(c, n->conf);
    resize_used(n, n->conf->cpus);
    cores_reserve(n);
    n->cpus_all = cores_all(n);
}

void node_configure(struct core *c, struct node *n, const struct conf_node *conf, int64_t now)
{
    bool is_new = n->is_gone;

    free(n->conf);
    n->conf = msg_clone(&desc_conf_node, conf);
    n->is_gone = false;
    shape(c, n);
    gres_configure(c, n);
    c->fleet_gen++;
    part_open(c, n);
    if (!is_new || (n->rec->boot_id && *n->rec->boot_id))
        return;
    struct node_record rec = { .node = n->index,
                               .name = conf->name,
                               .state = first_state(conf),
                               .reason = conf->reason,
                               .reason_time = conf->reason && *conf->reason ? now : 0,
                               .lost_at = now };
    node_set_record(c, n, &rec);
}

static void arm_timer(struct core *c, struct node *n)
{
    bool is_waiting = n->lost_at && !(n->rec->state & (NODE_DOWN | NODE_FUTURE)) && !n->is_gone;

    heap_remove(&c->node_timers, n->timer_at);
    if (is_waiting && c->conf->slurmd_timeout_s)
        heap_push(&c->node_timers, (n->lost_at + c->conf->slurmd_timeout_s) << 26 | n->index, n,
                  &n->timer_at);
}

void node_set_lost(struct core *c, struct node *n, int64_t at)
{
    n->lost_at = at;
    n->rec->lost_at = at;
    arm_timer(c, n);
    c->fleet_gen++;
    part_open(c, n);
}

/* The old record's strings may be what the new one points to, so it goes last. */
void node_set_record(struct core *c, struct node *n, const struct node_record *rec)
{
    struct node_record *old = n->rec;
    uint32_t weight = node_weight(n);
    bool was_up = node_is_up(n), was_kept = node_is_kept(n);

    n->rec = msg_clone(&desc_node_record, rec);
    n->lost_at = rec->lost_at;
    if (rec->is_gone && rec->conf) {
        free(n->conf);
        n->conf = msg_clone(&desc_conf_node, rec->conf);
        shape(c, n);
    }
    bool has_other_gres = strcmp(old->gres ? old->gres : "", n->rec->gres ? n->rec->gres : "") != 0;
    if (has_other_gres || rec->is_gone)
        gres_configure(c, n);
    c->fleet_gen += was_up != node_is_up(n) || was_kept != node_is_kept(n) ||
                    rec->has_features.set || has_other_gres;
    free(old);
    arm_timer(c, n);
    part_open(c, n);
    if (node_weight(n) != weight)
        part_reorder(c, n);
}

bool node_is_kept(const struct node *n)
{
    return !n->is_gone &&
           !(n->rec->state & (NODE_DOWN | NODE_DRAIN | NODE_FUTURE | NODE_UNKNOWN | NODE_FAIL));
}

bool node_is_up(const struct node *n)
{
    return !n->is_gone && n->lost_at == 0 &&
           !(n->rec->state & (NODE_DOWN | NODE_DRAIN | NODE_FUTURE | NODE_UNKNOWN | NODE_FAIL));
}

bool node_is_usable(const struct node *n)
{
    return node_is_up(n) && n->cpus_used < n->cpus_all;
}

uint64_t node_memory(const struct node *n)
{
    uint64_t all = n->conf->real_memory_mb ? n->conf->real_memory_mb : 1;

    return n->conf->mem_spec_mb < all ? all - n->conf->mem_spec_mb : 0;
}

const char *node_features(const struct node *n)
{
    const char *s = n->rec->has_features.set ? n->rec->features : n->conf->features;

    return s ? s : "";
}

uint32_t node_weight(const struct node *n)
{
    return n->rec->weight.set ? n->rec->weight.v : n->conf->weight;
}

int core_node_index(const struct core *c, const char *name)
{
    const struct node *n = node_find(c, name);

    return n ? (int)n->index : -1;
}

const char *core_node_name(const struct core *c, uint32_t node)
{
    return node < c->node_count ? c->nodes[node]->conf->name : "?";
}

uint32_t core_node_count(const struct core *c)
{
    return c->node_count;
}
