/* Answers about nodes and partitions, and the counters of sdiag. */
#include "core/state.h"

#include "base/hostlist.h"

#include <string.h>
#include <strings.h>

static const char *base_state(const struct node *n)
{
    uint32_t s = n->rec->state;

    if (s & NODE_FUTURE)
        return "FUTURE";
    if (s & NODE_DOWN)
        return "DOWN";
    if (s & NODE_UNKNOWN)
        return "UNKNOWN";
    if (n->cpus_used == 0)
        return "IDLE";
    return n->cpus_used >= n->cpus_all ? "ALLOCATED" : "MIXED";
}

static void add_flag(struct arena *a, struct node_info *ret, const char *flag)
{
    ret->flags.v[ret->flags.n++] = flag;
    ret->state = arena_printf(a, "%s+%s", ret->state, flag);
}

static void node_states(const struct node *n, struct arena *a, struct node_info *ret)
{
    ret->base = ret->state = base_state(n);
    ret->flags.v = arena_calloc(a, 4, sizeof *ret->flags.v);
    if (n->rec->state & NODE_DRAIN)
        add_flag(a, ret, "DRAIN");
    if (n->rec->state & NODE_FAIL)
        add_flag(a, ret, "FAIL");
    if (n->ending > 0)
        add_flag(a, ret, "COMPLETING");
    if (n->lost_at && !(n->rec->state & NODE_FUTURE))
        add_flag(a, ret, "NOT_RESPONDING");
}

static void node_parts(const struct core *c, const struct node *n, struct arena *a,
                       struct node_info *ret)
{
    ret->partitions.v = arena_calloc(a, n->parts.n + 1, sizeof *ret->partitions.v);
    for (uint32_t i = 0; i < n->parts.n; i++)
        ret->partitions.v[ret->partitions.n++] = c->parts[n->parts.v[i]]->info->name;
}

static const char *first_of(const char *a, const char *b)
{
    return a && *a ? a : b ? b : "";
}

/* The user who has it for himself. */
static const char *owner_of(const struct core *c, const struct node *n, struct arena *a)
{
    const struct job *job = n->owned ? job_find(c, n->jobs.v[0]) : NULL;

    return job ? arena_printf(a, "%s(%u)", job->user, job->uid) : "";
}

void node_describe(const struct core *c, const struct node *n, struct arena *a,
                   struct node_info *ret)
{
    const struct node_record *r = n->rec;
    const struct conf_node *k = n->conf;

    *ret = (struct node_info){
        .name = k->name,
        .address = first_of(k->address, k->name),
        .hostname = first_of(r->hostname, k->hostname),
        .port = k->port,
        .reason = r->reason,
        .reason_uid = r->reason_uid,
        .reason_time = r->reason_time,
        .cpus = k->cpus,
        .alloc_cpus = n->cpus_used,
        .boards = k->boards,
        .sockets = k->sockets,
        .cores = k->cores,
        .threads = k->threads,
        .real_memory_mb = k->real_memory_mb,
        .alloc_mem_mb = n->mem_used,
        .free_mem_mb = r->free_mem_mb,
        .cpu_load = { r->boot_id && *r->boot_id, r->cpu_load },
        .tmp_disk_mb = k->tmp_disk_mb,
        .weight = node_weight(n),
        .features = node_features(n),
        .active_features = node_features(n),
        .gres = gres_text(n, a),
        .arch = r->arch,
        .os = r->os,
        .version = r->version,
        .boot_time = r->boot_time,
        .slurmd_start = r->slurmd_start,
        .last_busy = r->last_busy,
        .comment = r->comment,
        .extra = r->extra,
        .core_spec = k->core_spec,
        .mem_spec_mb = k->mem_spec_mb,
        .last_response = r->last_response,
        .gres_used = gres_used_text(c, n, a),
        .owner = owner_of(c, n, a),
        .alloc_tres = "",
    };
    ret->tres = arena_printf(a, "cpu=%u,mem=%lluM,billing=%u", k->cpus,
                             (unsigned long long)k->real_memory_mb, k->cpus);
    if (n->cpus_used && n->mem_used)
        ret->alloc_tres =
            arena_printf(a, "cpu=%u,mem=%lluM", n->cpus_used, (unsigned long long)n->mem_used);
    else if (n->cpus_used)
        ret->alloc_tres = arena_printf(a, "cpu=%u", n->cpus_used);
    node_states(n, a, ret);
    node_parts(c, n, a, ret);
}

void core_list_nodes(const struct core *c, const struct node_query *q, struct arena *a,
                     struct node_infos *ret)
{
    struct hostlist names = { 0 };
    bool has_names = q->nodes && *q->nodes;

    *ret = (struct node_infos){ .now = c->now };
    if (has_names && hostlist_expand(a, q->nodes, &names, NULL) < 0)
        return;
    ret->nodes.v = arena_calloc(a, (has_names ? names.n : c->node_count) + 1, sizeof *ret->nodes.v);
    for (uint32_t i = 0; i < (has_names ? names.n : c->node_count); i++) {
        const struct node *n = has_names ? node_find(c, names.v[i]) : c->nodes[i];
        if (n && !n->is_gone)
            node_describe(c, n, a, &ret->nodes.v[ret->nodes.n++]);
    }
}

static void part_describe(const struct core *c, const struct part *p, struct arena *a,
                          struct part_info *ret)
{
    uint32_t cpus = 0;
    uint64_t mem = 0;

    *ret = *p->info;
    for (uint32_t i = 0; i < p->order_n; i++) {
        cpus += c->nodes[p->order[i]]->conf->cpus;
        mem += c->nodes[p->order[i]]->conf->real_memory_mb;
    }
    ret->total_cpus = cpus;
    ret->total_nodes = p->order_n;
    ret->tres = arena_printf(a, "cpu=%u,mem=%lluM,node=%u,billing=%u", cpus,
                             (unsigned long long)mem, p->order_n, cpus);
}

void core_list_parts(const struct core *c, const struct part_query *q, struct arena *a,
                     struct part_infos *ret)
{
    *ret = (struct part_infos){ .now = c->now };
    if (!c->conf)
        return;
    ret->parts.v = arena_calloc(a, c->conf->parts.n + 1, sizeof *ret->parts.v);
    for (uint32_t i = 0; i < c->conf->parts.n; i++) {
        const struct part *p = part_find(c, c->conf->parts.v[i].name);
        bool is_wanted =
            q->name && *q->name ? strcmp(q->name, p->info->name) == 0 : q->all || !p->info->hidden;
        if (is_wanted)
            part_describe(c, p, a, &ret->parts.v[ret->parts.n++]);
    }
}

void core_stats(const struct core *c, struct arena *a, struct stats_info *ret)
{
    const struct {
        const char *key;
        uint64_t value;
    } rows[] = {
        { "Jobs pending", c->phase_count[PHASE_PENDING] },
        { "Jobs running", c->phase_count[PHASE_RUNNING] },
        { "Jobs completing", c->phase_count[PHASE_ENDING] },
        { "Jobs done", c->phase_count[PHASE_DONE] },
        { "Jobs started", c->started },
        { "Scheduling passes", c->passes },
        { "Jobs considered", c->considered },
        { "Accounting events", c->acct_seq },
        { "Distinct wishes", c->wishes.items.count },
        { "Distinct texts", c->texts.count },
    };
    size_t n = sizeof rows / sizeof rows[0];

    *ret = (struct stats_info){ .now = c->now };
    ret->rows.v = arena_calloc(a, n, sizeof *ret->rows.v);
    for (size_t i = 0; i < n; i++)
        ret->rows.v[ret->rows.n++] =
            (struct key_value){ .key = rows[i].key,
                                .value = arena_printf(a, "%llu", (unsigned long long)rows[i].value),
                                .op = "" };
}
