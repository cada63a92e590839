/* sinfo: fetch nodes and partitions, group what looks the same, sort, print columns. */
#include "base/clock.h"
#include "base/hostlist.h"
#include "cli/args.h"
#include "cli/clusters.h"
#include "cli/connect.h"
#include "cli/node_state.h"
#include "cli/order.h"
#include "cli/output.h"
#include "cli/sinfo_group.h"
#include "schema/rpc.h"
#include "wire/json.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

struct options {
    struct strs partitions, states, clusters;
    const char *nodes, *format, *format_long, *sort;
    bool all, hide, dead, exact, responding, no_header, is_long, each_node, summarize, reasons,
        reservations;
    bool json, yaml, noconvert, ignored;
    int iterate, verbose;
};

#define O(member) offsetof(struct options, member)
static const struct arg arg_rows[] = {
    { "all", 'a', ARG_FLAG, O(all), "SINFO_ALL", NULL, "hidden partitions too" },
    { "clusters", 'M', ARG_LIST, O(clusters), "SLURM_CLUSTERS", "list", "ask these clusters" },
    { "dead", 'd', ARG_FLAG, O(dead), NULL, NULL, "only nodes that do not respond" },
    { "exact", 'e', ARG_FLAG, O(exact), NULL, NULL, "group only what is exactly equal" },
    { "federation", 0, ARG_FLAG, O(ignored), NULL, NULL, "accepted; there is one cluster" },
    { "format", 'o', ARG_TEXT, O(format), NULL, "format", "columns by letter: %9P %.5a" },
    { "Format", 'O', ARG_TEXT, O(format_long), NULL, "format",
      "columns by name: nodehost:20,gres" },
    { "hide", 0, ARG_FLAG, O(hide), NULL, NULL, "no hidden partitions" },
    { "iterate", 'i', ARG_NUMBER, O(iterate), NULL, "seconds", "again and again" },
    { "json", 0, ARG_FLAG, O(json), NULL, NULL, "as JSON" },
    { "list-reasons", 'R', ARG_FLAG, O(reasons), NULL, NULL, "why nodes are down or drained" },
    { "local", 0, ARG_FLAG, O(ignored), NULL, NULL, "accepted; there is one cluster" },
    { "long", 'l', ARG_FLAG, O(is_long), NULL, NULL, "more columns" },
    { "noconvert", 0, ARG_FLAG, O(noconvert), NULL, NULL, "keep sizes in their unit" },
    { "Node", 'N', ARG_FLAG, O(each_node), NULL, NULL, "a line for each node and partition" },
    { "nodes", 'n', ARG_TEXT, O(nodes), NULL, "hosts", "only these nodes" },
    { "noheader", 'h', ARG_FLAG, O(no_header), NULL, NULL, "no headings" },
    { "partition", 'p', ARG_LIST, O(partitions), "SINFO_PARTITION", "list",
      "only these partitions" },
    { "reservation", 'T', ARG_FLAG, O(reservations), NULL, NULL, "reservations" },
    { "responding", 'r', ARG_FLAG, O(responding), NULL, NULL, "only nodes that respond" },
    { "sort", 'S', ARG_TEXT, O(sort), "SINFO_SORT", "letters", "order: #P,-t" },
    { "states", 't', ARG_LIST, O(states), NULL, "list", "only nodes in these states" },
    { "summarize", 's', ARG_FLAG, O(summarize), NULL, NULL, "a line for each partition" },
    { "verbose", 'v', ARG_COUNT, O(verbose), NULL, NULL, "say more" },
    { "yaml", 0, ARG_FLAG, O(yaml), NULL, NULL, "as YAML (JSON is YAML)" },
};
static const struct args args = { "sinfo", "", "Shows partitions and nodes.", arg_rows,
                                  sizeof arg_rows / sizeof arg_rows[0] };

struct sinfo {
    struct arena arena;
    struct options o;
    struct connection connection;
    struct text_format format;
    struct hostlist wanted; /* -n, expanded */
    struct node_infos *nodes;
    struct part_infos *parts;
    struct sinfo_groups groups;
    struct buf out;
};

/* ---- the format */

static const char *default_letters(const struct options *o)
{
    if (o->summarize)
        return "%#P %.5a %.10l %.16F %N";
    if (o->reasons)
        return o->is_long ? "%20E %12U %19H %6t %N" : "%20E %9u %19H %N";
    if (o->each_node)
        return o->is_long ? "%#N %.6D %#.P %.11T %4c %.8z %.6m %.8d %.6w %.8f %20E"
                          : "%#N %.6D %#.P %6t";
    return o->is_long ? "%#P %.5a %.10l %.10s %.4r %.8h %.10g %.6D %.11T %N"
                      : "%#P %.5a %.10l %.6D %.6t %N";
}

static void format_choose(struct sinfo *s)
{
    const char *letters = s->o.format, *names = s->o.format_long;
    bool is_plain = !s->o.summarize && !s->o.reasons && !s->o.is_long && !s->o.each_node;

    if (!letters && !names && is_plain) {
        letters = getenv("SINFO_FORMAT");
        names = letters ? NULL : getenv("SINFO_FORMAT2");
    }
    if (names)
        text_names(&sinfo_columns, names, &s->arena, &s->format);
    else
        text_letters(&sinfo_columns, letters ? letters : default_letters(&s->o), &s->arena,
                     &s->format);
    for (uint32_t i = 0; i < s->format.n; i++)
        if (s->format.v[i].fit) /* what is fitted is at least as wide as PARTITION */
            s->format.v[i].width = (int)strlen("PARTITION");
    output_bad_format("sinfo", &sinfo_columns, &s->format);
}

static bool shows_partition(const struct sinfo *s)
{
    for (uint32_t i = 0; i < s->format.n; i++)
        if (strchr("PR", s->format.v[i].column->letter) && s->format.v[i].column->letter)
            return true;
    return false;
}

/* ---- filters */

static int states_check(const struct strs *states)
{
    for (uint32_t i = 0; i < states->n; i++) {
        if (node_state_known(states->v[i]))
            continue;
        fprintf(stderr,
                "sinfo: error: Bad state string: \"%s\"\n"
                "sinfo: error: valid states: "
                "unknown,down,idle,allocated,mixed,future,drain,drained,draining,"
                "no_respond,reserved,cloud,completing,powering_down,powered_down,power_down,"
                "powering_up,fail,"
                "maint,reboot,planned\n",
                states->v[i]);
        return -1;
    }
    return 0;
}

static bool part_wanted(const struct sinfo *s, const struct part_info *part)
{
    bool shows_hidden = s->o.all || (geteuid() == 0 && !s->o.hide);

    if (s->o.partitions.n)
        return args_list_has(&s->o.partitions, part->name);
    return shows_hidden || !part->hidden;
}

static bool node_wanted(const struct sinfo *s, const struct node_info *node)
{
    bool dead = node_has(node, "NOT_RESPONDING"), named = !s->o.nodes, in_state = !s->o.states.n;

    for (uint32_t i = 0; i < s->wanted.n && !named; i++)
        named = strcmp(s->wanted.v[i], node->name) == 0;
    for (uint32_t i = 0; i < s->o.states.n && !in_state; i++)
        in_state = node_state_is(node, s->o.states.v[i]);
    return named && in_state && !(s->o.dead && !dead) && !(s->o.responding && dead) &&
           !(s->o.reasons && !*node->reason);
}

/* ---- fetching and grouping */

static int fetch(struct sinfo *s, struct err *e)
{
    struct client *c = s->connection.client;
    int r = client_call(c, OP_part_list, &(struct part_query){ .name = "", .all = true }, &s->arena,
                        (void **)&s->parts, e);

    if (r < 0)
        return r;
    return client_call(c, OP_node_list, &(struct node_query){ .nodes = "", .detail = true },
                       &s->arena, (void **)&s->nodes, e);
}

static bool is_member(const struct node_info *node, const struct part_info *part)
{
    return args_list_has(&node->partitions, part->name);
}

/* Where each node stands among all names in natural order. */
static uint32_t *name_ranks(struct sinfo *s)
{
    uint32_t n = s->nodes->nodes.n;
    struct hostlist sorted = { arena_calloc(&s->arena, n + 1u, sizeof(char *)), n };
    uint32_t *ranks = arena_calloc(&s->arena, n + 1u, sizeof *ranks);
    struct smap places = { 0 };

    for (uint32_t i = 0; i < n; i++)
        sorted.v[i] = s->nodes->nodes.v[i].name;
    hostlist_sort_unique(&sorted);
    for (uint32_t i = 0; i < sorted.n; i++)
        smap_put(&places, sorted.v[i], (void *)(uintptr_t)(i + 1u));
    for (uint32_t i = 0; i < n; i++)
        ranks[i] = (uint32_t)(uintptr_t)smap_get(&places, s->nodes->nodes.v[i].name);
    smap_fini(&places);
    return ranks;
}

/* One partition's nodes into groups; a partition that has none to show still gets its line. */
static void group_part(struct sinfo *s, const struct sinfo_wish *wish, uint32_t place,
                       const uint32_t *ranks)
{
    const struct part_info *part = &s->parts->parts.v[place];
    struct sinfo_group one;
    bool is_empty = true;

    for (uint32_t i = 0; i < s->nodes->nodes.n; i++) {
        const struct node_info *node = &s->nodes->nodes.v[i];

        if (!is_member(node, part) || !node_wanted(s, node))
            continue;
        sinfo_group_init(&one, part, node, &s->arena);
        one.part_place = place;
        one.name_rank = ranks[i];
        sinfo_group_add(&s->groups, wish, &one, &s->arena);
        is_empty = false;
    }
    if (!is_empty || wish->each_node || s->o.reasons || !shows_partition(s))
        return;
    sinfo_group_init(&one, part, NULL, &s->arena);
    one.part_place = place;
    sinfo_group_add(&s->groups, wish, &one, &s->arena);
}

/* ---- printing */

/* "#P" means the order of slurm.conf, a column of its own. */
static const char *sort_spec(struct sinfo *s)
{
    const char *spec = s->o.sort        ? s->o.sort
                       : s->o.reasons   ? "H,N"
                       : s->o.each_node ? "N,#P"
                                        : "#P,-t";
    char *copy = arena_strdup(&s->arena, spec);
    char *at;

    while ((at = strstr(copy, "#P")))
        at[0] = ' ', at[1] = '1';
    return copy;
}

static int print_rows(struct sinfo *s, const struct text_env *env, struct err *e)
{
    uint32_t n = s->groups.n;
    const void **rows = arena_calloc(&s->arena, n + 1u, sizeof *rows);

    for (uint32_t i = 0; i < n; i++)
        rows[i] = &s->groups.v[i];

    int r = order_rows(&sinfo_columns, sort_spec(s), rows, n, e);

    if (r < 0)
        return r;
    if (s->o.clusters.n && !s->o.no_header)
        buf_printf(&s->out, "CLUSTER: %s\n", env->cluster);
    if ((s->o.is_long && !s->o.no_header) || s->o.iterate)
        output_date(env->now, &s->out);
    for (uint32_t i = 0; i < n; i++)
        text_fit(&s->format, rows[i], env);
    if (!s->o.no_header)
        text_header(&s->format, &s->out);
    for (uint32_t i = 0; i < n; i++)
        text_row(&s->format, rows[i], env, &s->out);
    return 0;
}

static void print_json(struct sinfo *s)
{
    bool first = true;

    output_json_open("nodes", &s->out);
    for (uint32_t i = 0; i < s->nodes->nodes.n; i++) {
        if (!node_wanted(s, &s->nodes->nodes.v[i]))
            continue;
        output_json_item(first, &s->out);
        json_write(&desc_node_info, &s->nodes->nodes.v[i], JSON_ALL | JSON_SLURM, &s->out);
        first = false;
    }
    output_json_close("sinfo", s->connection.cluster, &s->out);
}

/* ---- the program */

static int show_once(struct sinfo *s)
{
    struct err e = { 0 };

    if (fetch(s, &e) < 0) {
        output_load_error("slurm_load_partitions", &e);
        return 1;
    }

    struct text_env env = output_env(s->nodes->now ? s->nodes->now : clock_wall_s(),
                                     s->connection.cluster, s->o.noconvert);
    struct sinfo_wish wish = { &s->format, &env, s->o.exact, s->o.each_node };
    uint32_t *ranks = name_ranks(s);

    sinfo_groups_fini(&s->groups);
    s->groups = (struct sinfo_groups){ 0 };
    for (uint32_t i = 0; i < s->parts->parts.n; i++)
        if (part_wanted(s, &s->parts->parts.v[i]))
            group_part(s, &wish, i, ranks);
    if (s->o.json || s->o.yaml)
        print_json(s);
    else if (print_rows(s, &env, &e) < 0) {
        fprintf(stderr, "sinfo: error: %s\n", e.text);
        return 1;
    }
    output_flush(&s->out);
    return 0;
}

static int prepare(struct sinfo *s)
{
    struct err e = { 0 };

    if (states_check(&s->o.states) < 0)
        return -1;
    format_choose(s);
    if (hostlist_expand(&s->arena, s->o.nodes ? s->o.nodes : "", &s->wanted, &e) < 0) {
        fprintf(stderr, "sinfo: error: %s\n", e.text);
        return -1;
    }
    if (connection_open_cluster(&s->connection, &s->o.clusters, &e) < 0) {
        fprintf(stderr, "sinfo: error: %s\n", e.text);
        return -1;
    }
    return 0;
}

static int run(struct sinfo *s, int argc, char **argv)
{
    int first = args_parse(&args, argc, argv, &s->arena, &s->o), status;

    if (first < 0)
        return first == ARGS_DONE ? 0 : 1;
    if (clusters_split("sinfo", &s->o.clusters, &s->arena, &status))
        return status;
    if (prepare(s) < 0)
        return 1;
    if (s->o.reservations) {
        puts("No reservations in the system");
        return 0;
    }
    for (;;) {
        int rc = show_once(s);

        if (!s->o.iterate)
            return rc;
        sleep((unsigned)s->o.iterate);
    }
}

int main(int argc, char **argv)
{
    struct sinfo s = { 0 };
    int rc = run(&s, argc, argv);

    sinfo_groups_fini(&s.groups);
    buf_fini(&s.out);
    connection_close(&s.connection);
    arena_fini(&s.arena);
    return rc;
}
