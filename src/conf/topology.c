/* topology.conf beside slurm.conf: switches or blocks, and which nodes are on them. */
#include "conf/internal.h"

#include "base/hostlist.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <strings.h>

#define NONE SIZE_MAX

/* LinkSpeed changes nothing, as in Slurm. */
static const struct {
    const char *name;
    size_t offset;
} keys[] = {
    { "SwitchName", offsetof(struct topo_switch, name) },
    { "BlockName", offsetof(struct topo_switch, name) },
    { "Nodes", offsetof(struct topo_switch, nodes) },
    { "Switches", offsetof(struct topo_switch, switches) },
    { "LinkSpeed", NONE },
};

static int set_key(struct topo_switch *s, const struct conf_pair *pair, struct err *e)
{
    struct conf_nearest near = { .wrong = pair->key, .distance = UINT32_MAX };

    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        conf_nearest_try(&near, keys[i].name);
        if (strcasecmp(keys[i].name, pair->key) != 0)
            continue;
        if (keys[i].offset != NONE)
            *(const char **)((char *)s + keys[i].offset) = pair->value;
        return 0;
    }
    return conf_unknown(&near, "key of topology.conf", e);
}

static int check_nodes(struct conf *c, const struct topo_switch *s, struct err *e)
{
    struct hostlist names = { 0 };
    int r = hostlist_expand(c->arena, s->nodes, &names, e);

    if (r < 0)
        return err_at(e, r, "%s: Nodes=%.60s", s->name, s->nodes);
    for (uint32_t i = 0; i < names.n; i++)
        if (!smap_get(&c->node_names, names.v[i]))
            return err_set(e, ENOENT, "%s: node %.60s is not in slurm.conf", s->name, names.v[i]);
    return 0;
}

static int read_line(void *arg, const struct conf_line *line, struct err *e)
{
    struct conf *c = arg;
    struct topo_switch s = { .name = "", .nodes = "", .switches = "" };
    struct hostlist names = { 0 };
    int r = 0;

    if (strcasecmp(line->pairs[0].key, "BlockSizes") == 0) {
        c->block_sizes = line->pairs[0].value;
        return 0;
    }
    for (uint32_t i = 0; i < line->n && r == 0; i++)
        r = set_key(&s, &line->pairs[i], e);
    if (r == 0)
        r = hostlist_expand(c->arena, s.name, &names, e);
    if (r == 0 && names.n != 1)
        r = err_set(e, EINVAL, "a line begins with SwitchName=name or BlockName=name");
    if (r == 0 && !*s.nodes == !*s.switches)
        r = err_set(e, EINVAL, "%s: give Nodes= or Switches=", s.name);
    if (r == 0 && *s.nodes)
        r = check_nodes(c, &s, e);
    if (r < 0)
        return r;
    c->switches = conf_grow(c->arena, c->switches, c->switch_count, sizeof *c->switches);
    c->switches[c->switch_count++] = s;
    return 0;
}

const char *conf_topology_kind(const struct conf *c)
{
    const char *s = conf_str(c, "TopologyPlugin"), *slash = strchr(s, '/');

    return slash ? slash + 1 : s;
}

int conf_topology_read(struct conf *c, struct err *e)
{
    const char *kind = conf_topology_kind(c), *slash = strrchr(c->path, '/');
    struct conf_parser p = { .arena = c->arena,
                             .each = read_line,
                             .arg = c,
                             .cluster = &c->cluster };

    if (strcasecmp(kind, "tree") != 0 && strcasecmp(kind, "block") != 0)
        return 0;
    return conf_parse_file(&p,
                           arena_printf(c->arena, "%.*stopology.conf",
                                        slash ? (int)(slash - c->path) + 1 : 0, c->path),
                           e);
}
