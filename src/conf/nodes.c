/* NodeName, NodeSet and DownNodes lines.  A line describes many nodes that differ only in name,
 * host, address and port: those four are lists walked in parallel. */
#include "conf/internal.h"
#include "base/hostlist.h"
#include "base/limits.h"

#include <errno.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

enum node_kind {
    NODE_hosts,
    NODE_ports,
    NODE_u32,
    NODE_u64,
    NODE_str,
    NODE_state,
    NODE_per_board,
    NODE_none
};

static const struct node_key {
    const char *name;
    enum node_kind kind;
    size_t offset;
    unsigned use;
} node_keys[] = {
#define NODE(name, kind, member, use) \
    { #name, NODE_##kind, offsetof(struct conf_node, member), use },
#include "schema/conf_node.def"
#undef NODE
};
#define NODE_KEYS (sizeof node_keys / sizeof node_keys[0])

/* A line while it is read: the common part, and the lists that are not common. */
struct node_line {
    struct conf_node node;
    const char *ports;
    uint32_t per_board;
};

static int node_apply(struct conf *c, const struct conf_line *line, struct node_line *nl,
                      struct err *e);
static int node_set_key(const struct conf *c, const struct node_key *key, const char *value,
                        struct node_line *nl);
static void node_shape(struct conf *c, const struct conf_line *line, struct node_line *nl);
static int node_add_all(struct conf *c, const struct conf_line *line, struct node_line *nl,
                        struct err *e);
static int parallel(const struct conf *c, const char *what, const char *text, uint32_t n,
                    struct hostlist *ret, struct err *e);

int conf_node_line(struct conf *c, const struct conf_line *line, struct err *e)
{
    struct node_line nl = { .node = c->node_default };

    int r = node_apply(c, line, &nl, e);
    if (r < 0)
        return r;
    if (strcasecmp(line->pairs[0].value, "DEFAULT") == 0) {
        if (nl.per_board)
            nl.node.sockets = nl.per_board * (nl.node.boards ? nl.node.boards : 1);
        if (nl.ports && conf_number(nl.ports, &nl.node.port) < 0)
            return err_set(e, EINVAL, "NodeName=DEFAULT: Port=%.60s: give one port", nl.ports);
        c->node_default = nl.node;
        return 0;
    }
    node_shape(c, line, &nl);
    return node_add_all(c, line, &nl, e);
}

/* Every pair after NodeName itself. */
static int node_apply(struct conf *c, const struct conf_line *line, struct node_line *nl,
                      struct err *e)
{
    for (uint32_t i = 1; i < line->n; i++) {
        const struct conf_pair *pair = &line->pairs[i];
        struct conf_nearest near = { .wrong = pair->key, .distance = UINT32_MAX };
        const struct node_key *key = NULL;

        for (size_t k = 0; k < NODE_KEYS && !key; k++) {
            conf_nearest_try(&near, node_keys[k].name);
            if (strcasecmp(node_keys[k].name, pair->key) == 0)
                key = &node_keys[k];
        }
        if (!key)
            return conf_unknown(&near, "key of a NodeName line", e);
        if (node_set_key(c, key, pair->value, nl) < 0)
            return err_set(e, EINVAL, "NodeName=%.60s: %s=%.60s is not valid; give %s",
                           line->pairs[0].value, key->name, pair->value,
                           key->kind == NODE_state ? "UNKNOWN, CLOUD, FUTURE, DOWN, DRAIN or FAIL"
                                                   : "a whole number");
        if (key->use & LATER)
            conf_warn(c, line, "%s of a node is accepted, but not acted on yet", key->name);
    }
    return 0;
}

static int node_state(const char *value, const char **ret)
{
    static const char *const words[][2] = {
        { "UNKNOWN", "UNKNOWN" }, { "IDLE", "UNKNOWN" }, { "CLOUD", "CLOUD" },
        { "FUTURE", "FUTURE" },   { "DOWN", "DOWN" },    { "DRAIN", "DRAIN" },
        { "DRAINED", "DRAIN" },   { "FAIL", "FAIL" },    { "FAILING", "FAIL" },
    };

    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        if (strcasecmp(words[i][0], value) == 0) {
            *ret = words[i][1];
            return 0;
        }
    return -EINVAL;
}

static int node_set_key(const struct conf *c, const struct node_key *key, const char *value,
                        struct node_line *nl)
{
    void *member = (char *)&nl->node + key->offset;
    uint32_t n = 0;

    switch (key->kind) {
    case NODE_hosts:
    case NODE_str:
        *(const char **)member = value;
        return 0;
    case NODE_ports:
        nl->ports = value;
        return 0;
    case NODE_state:
        return node_state(value, member);
    case NODE_none:
        return 0;
    case NODE_u32:
    case NODE_u64:
    case NODE_per_board:
        break;
    }
    if (conf_number(value, &n) < 0 || n == UINT32_MAX)
        return -EINVAL;
    if (key->kind == NODE_u64)
        *(uint64_t *)member = n;
    else if (key->kind == NODE_u32)
        *(uint32_t *)member = n;
    else
        nl->per_board = n;
    return 0;
}

/* What is not said follows from what is, as in Slurm: sockets from CPUs, or CPUs from all the rest.
 */
static void node_shape(struct conf *c, const struct conf_line *line, struct node_line *nl)
{
    struct conf_node *n = &nl->node;

    n->boards = n->boards ? n->boards : 1;
    n->cores = n->cores ? n->cores : 1;
    n->threads = n->threads ? n->threads : 1;
    if (nl->per_board)
        n->sockets = n->boards * nl->per_board;
    if (!n->sockets)
        n->sockets = n->cpus / n->cores / n->threads;
    if (!n->sockets)
        n->sockets = n->boards;

    uint32_t cores = n->sockets * n->cores, all = cores * n->threads;
    if (n->cpus && n->cpus != n->sockets && n->cpus != cores && n->cpus != all)
        conf_warn(c, line,
                  "NodeName=%.60s: CPUs=%u match no Sockets (%u), Sockets*CoresPerSocket (%u) or"
                  " Sockets*CoresPerSocket*ThreadsPerCore (%u); using %u",
                  line->pairs[0].value, n->cpus, n->sockets, cores, all, all);
    if (n->cpus != n->sockets && n->cpus != cores)
        n->cpus = all;
}

/* One struct conf_node for each name, with its own host, address and port. */
static int node_add_all(struct conf *c, const struct conf_line *line, struct node_line *nl,
                        struct err *e)
{
    struct hostlist names = { 0 }, hosts = { 0 }, addresses = { 0 }, ports = { 0 };
    const char *text = line->pairs[0].value;

    int r = hostlist_expand(c->arena, text, &names, e);
    if (r < 0)
        return err_at(e, r, "NodeName=%.60s", text);
    if (names.n == 0 || strpbrk(text, "=/\"'()"))
        return err_set(e, EINVAL, "NodeName= needs a name or a list as in n[1-4]");
    if ((r = parallel(c, "NodeHostname", nl->node.hostname, names.n, &hosts, e)) < 0 ||
        (r = parallel(c, "NodeAddr", nl->node.address, names.n, &addresses, e)) < 0 ||
        (r = parallel(c, "Port", nl->ports, names.n, &ports, e)) < 0)
        return r;

    for (uint32_t i = 0; i < names.n; i++) {
        struct conf_node node = nl->node;

        if (smap_get(&c->node_names, names.v[i]))
            return err_set(e, EEXIST,
                           "NodeName=%.60s: node %.60s was defined before; remove it from"
                           " one of the two lines",
                           text, names.v[i]);
        if (c->node_count == NODES_MAX)
            return err_set(e, E2BIG, "NodeName=%.60s: more than %u nodes", text, NODES_MAX);
        node.name = names.v[i];
        node.hostname = hosts.n ? hosts.v[hosts.n > 1 ? i : 0] : node.name;
        node.address = addresses.n ? addresses.v[addresses.n > 1 ? i : 0] : node.hostname;
        if (ports.n && (conf_number(ports.v[ports.n > 1 ? i : 0], &node.port) < 0 ||
                        node.port < 1 || node.port > 65535))
            return err_set(e, EINVAL, "NodeName=%.60s: Port=%.60s: give ports from 1 to 65535",
                           text, nl->ports);
        c->nodes = conf_grow(c->arena, c->nodes, c->node_count, sizeof *c->nodes);
        c->nodes[c->node_count++] = node;
        smap_put(&c->node_names, node.name, (void *)(uintptr_t)c->node_count);
    }
    return 0;
}

/* A list that must hold one name for all nodes, or one for each. */
static int parallel(const struct conf *c, const char *what, const char *text, uint32_t n,
                    struct hostlist *ret, struct err *e)
{
    if (!text || !*text)
        return 0;
    int r = hostlist_expand(c->arena, text, ret, e);
    if (r < 0)
        return err_at(e, r, "%s=%.60s", what, text);
    if (ret->n != n && ret->n != 1)
        return err_set(e, EINVAL, "%s=%.60s: %u names for %u nodes; give one, or one for each",
                       what, text, ret->n, n);
    return 0;
}

int conf_node_set_line(struct conf *c, const struct conf_line *line, struct err *e)
{
    struct conf_set set = { .name = line->pairs[0].value };

    for (uint32_t i = 1; i < line->n; i++) {
        struct conf_nearest near = { .wrong = line->pairs[i].key, .distance = UINT32_MAX };
        conf_nearest_try(&near, "Nodes");
        conf_nearest_try(&near, "Feature");
        if (strcasecmp(near.wrong, "Nodes") == 0)
            set.nodes = line->pairs[i].value;
        else if (strcasecmp(near.wrong, "Feature") == 0)
            set.feature = line->pairs[i].value;
        else
            return conf_unknown(&near, "key of a NodeSet line", e);
    }
    if (!set.nodes && !set.feature)
        return err_set(e, EINVAL, "NodeSet=%.60s: give Nodes= or Feature=", set.name);
    c->sets = conf_grow(c->arena, c->sets, c->set_count, sizeof *c->sets);
    c->sets[c->set_count++] = set;
    return 0;
}

/* DownNodes=list State=DOWN Reason=text: marks nodes defined above it. */
int conf_down_line(struct conf *c, const struct conf_line *line, struct err *e)
{
    struct node_line nl = { .node = { .state = "DOWN", .reason = "" } };
    struct hostlist names = { 0 };

    int r = node_apply(c, line, &nl, e);
    if (r == 0)
        r = hostlist_expand(c->arena, line->pairs[0].value, &names, e);
    for (uint32_t i = 0; i < names.n && r == 0; i++) {
        uintptr_t at = (uintptr_t)smap_get(&c->node_names, names.v[i]);
        if (at == 0)
            return err_set(e, ENOENT, "DownNodes=%.60s: node %.60s is not defined above this line",
                           line->pairs[0].value, names.v[i]);
        c->nodes[at - 1].state = nl.node.state;
        c->nodes[at - 1].reason = nl.node.reason;
    }
    return r;
}

/* What other lines of the file decide: the default port. */
void conf_nodes_finish(struct conf *c)
{
    uint32_t port = conf_u32(c, "SlurmdPort");

    for (uint32_t i = 0; i < c->node_count; i++)
        if (!c->nodes[i].port)
            c->nodes[i].port = port;
}
