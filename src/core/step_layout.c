/* Tasks over nodes.  Block, cyclic and plane are one walk: round and round, so many at a time;
 * block only takes the counts of that walk and numbers the tasks node by node, as Slurm does. */
#include "core/step_layout.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

static bool starts(const char *text, const char *word)
{
    return text && strncasecmp(text, word, strlen(word)) == 0;
}

bool layout_is_arbitrary(const char *distribution)
{
    return starts(distribution, "arbitrary");
}

static bool is_pack(const char *distribution)
{
    const char *comma = distribution ? strchr(distribution, ',') : NULL;

    return comma && strcasecmp(comma + 1, "pack") == 0;
}

/* How many tasks a node gets in one round. */
static uint32_t chunk_of(const char *distribution)
{
    const char *equals = starts(distribution, "plane") ? strchr(distribution, '=') : NULL;
    unsigned long n = equals ? strtoul(equals + 1, NULL, 10) : 1;

    return n < 1 || n >= LAYOUT_ANY ? 1 : (uint32_t)n;
}

/* The node of each task; taken: zeros.  Every node gets one in the first round if there are enough,
 * and nobody more than it has room for while others have some. */
static void go_round(const struct layout *l, uint32_t *taken, uint32_t *node_of)
{
    uint32_t chunk = chunk_of(l->distribution), next = 0;
    bool is_full = false;

    while (next < l->ntasks) {
        uint32_t before = next;
        for (uint32_t i = 0; i < l->nodes && next < l->ntasks; i++)
            for (uint32_t k = 0; k < chunk && next < l->ntasks; k++)
                if (is_full || taken[i] < l->room[i]) {
                    node_of[next++] = i;
                    taken[i]++;
                }
        is_full = next == before;
    }
}

/* One for each node first, then each is filled before the next. */
static void fill_up(const struct layout *l, uint32_t *count)
{
    uint32_t left = l->ntasks;

    for (uint32_t i = 0; i < l->nodes && left > 0; i++, left--)
        count[i] = 1;
    for (uint32_t i = 0; i < l->nodes && left > 0; i++) {
        uint32_t room = l->room[i] > count[i] ? l->room[i] - count[i] : 0;
        uint32_t more = room < left ? room : left;
        count[i] += more;
        left -= more;
    }
    for (uint32_t i = 0; left > 0; i = (i + 1) % l->nodes, left--)
        count[i]++;
}

static void number_blocks(const uint32_t *count, const struct layout *l, uint32_t *node_of)
{
    uint32_t next = 0;

    for (uint32_t i = 0; i < l->nodes; i++)
        for (uint32_t k = 0; k < count[i] && next < l->ntasks; k++)
            node_of[next++] = i;
}

struct u32s *layout_tasks(const struct layout *l, struct arena *a)
{
    uint32_t *node_of = arena_calloc(a, l->ntasks + 1, sizeof *node_of);
    uint32_t *count = arena_calloc(a, l->nodes + 1, sizeof *count);
    struct u32s *ret = arena_calloc(a, l->nodes + 1, sizeof *ret);
    const char *d = l->distribution ? l->distribution : "";
    bool is_round = starts(d, "cyclic") || starts(d, "plane");

    if (l->order)
        memcpy(node_of, l->order, l->ntasks * sizeof *node_of);
    else
        go_round(l, arena_calloc(a, l->nodes + 1, sizeof *count), node_of);
    for (uint32_t t = 0; t < l->ntasks; t++)
        count[node_of[t]]++;
    if (!l->order && is_pack(d)) {
        memset(count, 0, l->nodes * sizeof *count);
        fill_up(l, count);
    }
    if (!l->order && !is_round)
        number_blocks(count, l, node_of);
    for (uint32_t i = 0; i < l->nodes; i++)
        ret[i].v = arena_calloc(a, count[i] + 1, sizeof *ret[i].v);
    for (uint32_t t = 0; t < l->ntasks; t++)
        ret[node_of[t]].v[ret[node_of[t]].n++] = t;
    return ret;
}
