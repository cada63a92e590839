/* Questions.  The state they read is committed; bodies live in the arena of the round. */
#include "slurmctld/ctld.h"

#include "base/cleanup.h"
#include "base/xalloc.h"
#include "schema/errors.h"
#include "wire/wire.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

int ask_ping(struct ctld *c, const struct pending *p, void *ret, struct err *e)
{
    const struct conf_host *hosts;
    uint32_t n = conf_controllers(c->conf, &hosts);

    *(struct ping_info *)ret = (struct ping_info){
        .host = n > 0 ? hosts[0].name : "",
        .mode = "primary",
        .epoch = wal_epoch(c->wal),
        .boot = c->boot_s,
        .pid = (uint32_t)getpid(),
        .version = SLURM_COMPAT_VERSION,
    };
    return 0;
}

/* The request as it was made; the script only for who may see it. */
static void add_spec(struct ctld *c, const struct pending *p, struct job_info *job)
{
    const struct job_query *q = p->in.body;
    const struct who *who = &p->in.who;
    struct job_spec *spec = arena_alloc(&c->arena, sizeof *spec);
    uint64_t script, environment;
    struct err ignored;

    if (!cold_spec(c, job->job_id, &c->arena, spec, &script, &environment))
        return;
    if (q->script && script && (who->uid == job->user_id || who->role >= ROLE_OPERATOR))
        blobs_get(c->blobs, script, &c->arena, &spec->script, &ignored);
    job->spec = spec;
}

int ask_jobs(struct ctld *c, const struct pending *p, void *ret, struct err *e)
{
    const struct job_query *q = p->in.body;
    struct job_infos *infos = ret;

    core_list_jobs(c->core, q, &p->in.who, ctld_now(c), &c->arena, infos);
    if (q->detail || q->script)
        for (uint32_t i = 0; i < infos->jobs.n; i++)
            add_spec(c, p, &infos->jobs.v[i]);
    infos->now = ctld_now(c);
    return 0;
}

int ask_why(struct ctld *c, const struct pending *p, void *ret, struct err *e)
{
    core_why(c->core, p->in.body, &p->in.who, ctld_now(c), &c->arena, ret);
    return 0;
}

int ask_nodes(struct ctld *c, const struct pending *p, void *ret, struct err *e)
{
    struct node_infos *infos = ret;

    core_list_nodes(c->core, p->in.body, &c->arena, infos);
    for (uint32_t i = 0; i < infos->nodes.n; i++)
        nodes_explain(c, &infos->nodes.v[i]);
    infos->now = ctld_now(c);
    return 0;
}

int ask_parts(struct ctld *c, const struct pending *p, void *ret, struct err *e)
{
    struct part_infos *infos = ret;

    core_list_parts(c->core, p->in.body, &c->arena, infos);
    infos->now = ctld_now(c);
    return 0;
}

int ask_licenses(struct ctld *c, const struct pending *p, void *ret, struct err *e)
{
    struct license_infos *infos = ret;

    core_list_licenses(c->core, &c->arena, infos);
    infos->now = ctld_now(c);
    return 0;
}

int ask_resvs(struct ctld *c, const struct pending *p, void *ret, struct err *e)
{
    struct resv_infos *infos = ret;
    const struct resv_query *q = p->in.body;

    infos->now = ctld_now(c);
    core_list_resvs(c->core, q, infos->now, &c->arena, infos);
    if (*q->name && infos->reservations.n == 0)
        return err_set(e, ESLURM_RESERVATION_INVALID, "no reservation is called %.100s", q->name);
    return 0;
}

int ask_conf(struct ctld *c, const struct pending *p, void *ret, struct err *e)
{
    struct conf_info *info = ret;
    const struct conf_host *hosts;
    uint32_t n = conf_controllers(c->conf, &hosts);

    conf_show(c->conf, &c->arena, info);
    info->cluster = conf_str(c->conf, "ClusterName");
    info->path = conf_path(c->conf);
    info->now = ctld_now(c);
    info->slurmctld =
        arena_printf(&c->arena, "Slurmctld(primary) at %s is UP", n > 0 ? hosts[0].name : "?");
    return 0;
}

static struct key_value row(struct arena *a, const char *key, uint64_t value)
{
    return (struct key_value){ .key = key,
                               .value = arena_printf(a, "%llu", (unsigned long long)value),
                               .op = "" };
}

int ask_stats(struct ctld *c, const struct pending *p, void *ret, struct err *e)
{
    struct stats_info *info = ret;

    core_stats(c->core, &c->arena, info);
    const uint32_t own = 7;
    struct key_value *rows = arena_calloc(&c->arena, info->rows.n + own, sizeof *rows);
    if (info->rows.n)
        memcpy(rows, info->rows.v, info->rows.n * sizeof *rows);
    struct key_value *at = rows + info->rows.n;
    *at++ = row(&c->arena, "requests", c->requests);
    *at++ = row(&c->arena, "journal_commits", c->commits);
    *at++ = row(&c->arena, "journal_facts", wal_sequence(c->wal) - 1);
    *at++ = row(&c->arena, "journal_epoch", wal_epoch(c->wal));
    dbd_stats(c->dbd, &c->arena, at);
    info->rows.v = rows;
    info->rows.n += own;
    info->now = ctld_now(c);
    info->since = c->boot_s;
    return 0;
}

int ask_shares(struct ctld *c, const struct pending *p, void *ret, struct err *e)
{
    core_list_shares(c->core, &c->arena, ret);
    return 0;
}

int ask_prio(struct ctld *c, const struct pending *p, void *ret, struct err *e)
{
    core_list_prio(c->core, &p->in.who, ctld_now(c), &c->arena, ret);
    return 0;
}

int ask_book(struct ctld *c, const struct pending *p, void *ret, struct err *e)
{
    core_list_book(c->core, &c->arena, ret);
    return 0;
}
