/* scontrol show: entities as rows, each fetched and printed as records or JSON. */
#include "cli/scontrol.h"

#include "base/clock.h"
#include "base/hostlist.h"
#include "cli/job_filter.h"
#include "cli/job_print.h"
#include "cli/words.h"
#include "schema/errors.h"
#include "schema/rpc.h"
#include "schema/states.h"
#include "wire/json.h"

#include <stdio.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

static struct text_env env_of(const struct scontrol *s, int64_t now)
{
    struct text_env env = output_env(now ? now : clock_wall_s(),
                                     s->connection.cluster ? s->connection.cluster : "", false);

    env.detail = s->detail;
    env.one_line = s->one_line;
    return env;
}

/* A record and the blank line behind it.  `tail` is what some records have after their last line.
 */
static void record_put(struct scontrol *s, const struct text_table *t, const void *row,
                       const struct text_env *env, bool has_tail)
{
    text_record(t, row, env, &s->out);
    if (has_tail)
        buf_puts(&s->out, s->one_line ? " " : "\n   ");
    buf_puts(&s->out, s->one_line ? "\n" : "\n\n");
}

static void json_put(struct scontrol *s, const char *name, const struct desc *d, const void *v,
                     uint32_t n)
{
    output_json_open(name, &s->out);
    for (uint32_t i = 0; i < n; i++) {
        output_json_item(i == 0, &s->out);
        json_write(d, (const char *)v + i * d->size, JSON_ALL | JSON_SLURM, &s->out);
    }
    output_json_close("scontrol", s->connection.cluster, &s->out);
}

/* ---- jobs */

static int jobs_load(struct scontrol *s, const char *id, struct job_infos *ret, struct err *e)
{
    const char *all = "all";
    struct job_query query = { .jobs = { &id, id ? 1 : 0 }, .states = { &all, 1 }, .detail = true };
    struct strs ids = { &id, 1 };
    bool apart = id && strchr(id, '_');
    struct job_infos *page;

    do {
        int r = scontrol_call(s, OP_job_list, &query, (void **)&page, e);

        if (r < 0)
            return r;
        ret->now = page->now;
        for (uint32_t i = 0; i < page->jobs.n; i++)
            if (!id || job_id_names(id, &page->jobs.v[i]))
                job_expand(&page->jobs.v[i], apart ? &ids : NULL, &s->arena, ret);
        query.after_job = page->jobs.n ? page->jobs.v[page->jobs.n - 1].record : 0;
    } while (page->more && page->jobs.n);
    if (id && !ret->jobs.n && !apart)
        return err_set(e, ESLURM_INVALID_JOB_ID, "%s", errors_text(ESLURM_INVALID_JOB_ID));
    return 0;
}

static int show_jobs(struct scontrol *s, const char *id)
{
    struct job_infos jobs = { 0 };
    struct err e = { 0 };

    if (id && id[strspn(id, "0123456789")] && !strchr("_+", id[strspn(id, "0123456789")])) {
        err_set(&e, ESLURM_INVALID_JOB_ID, "%s", errors_text(ESLURM_INVALID_JOB_ID));
        return scontrol_fail(s, "scontrol_print_job", &e);
    }
    if (jobs_load(s, id, &jobs, &e) < 0)
        return scontrol_fail(s, "slurm_load_jobs", &e);
    if (id && !jobs.jobs.n) {
        printf("Job %s not found\n", id);
        return 1;
    }

    struct text_env env = env_of(s, jobs.now);

    if (s->json)
        json_put(s, "jobs", &desc_job_info, jobs.jobs.v, jobs.jobs.n);
    else if (!jobs.jobs.n)
        puts("No jobs in the system");
    for (uint32_t i = 0; i < jobs.jobs.n && !s->json; i++)
        record_put(s, &job_record, &jobs.jobs.v[i], &env, true);
    return 0;
}

/* ---- nodes and partitions */

static const struct node_info *node_named(const struct node_infos *nodes, const char *name)
{
    for (uint32_t i = 0; i < nodes->nodes.n; i++)
        if (strcmp(nodes->nodes.v[i].name, name) == 0)
            return &nodes->nodes.v[i];
    return NULL;
}

static int show_named_nodes(struct scontrol *s, const struct node_infos *nodes, const char *list,
                            const struct text_env *env)
{
    struct hostlist names;
    struct err e = { 0 };
    int rc = 0;

    if (hostlist_expand(&s->arena, list, &names, &e) < 0)
        return scontrol_fail(s, "scontrol show node", &e);
    for (uint32_t i = 0; i < names.n; i++) {
        const struct node_info *node = node_named(nodes, names.v[i]);

        if (node) {
            record_put(s, &node_record, node, env, false);
            continue;
        }
        buf_printf(&s->out, "Node %s not found\n", names.v[i]);
        rc = 1;
    }
    return rc;
}

static int show_nodes(struct scontrol *s, const char *list)
{
    struct node_query query = { .nodes = "", .detail = true };
    struct node_infos *nodes;
    struct err e = { 0 };

    if (scontrol_call(s, OP_node_list, &query, (void **)&nodes, &e) < 0)
        return scontrol_fail(s, "slurm_load_node", &e);

    struct text_env env = env_of(s, nodes->now);

    if (s->json)
        json_put(s, "nodes", &desc_node_info, nodes->nodes.v, nodes->nodes.n);
    else if (list)
        return show_named_nodes(s, nodes, list, &env);
    else if (!nodes->nodes.n)
        puts("No nodes in the system");
    for (uint32_t i = 0; i < nodes->nodes.n && !s->json; i++)
        record_put(s, &node_record, &nodes->nodes.v[i], &env, false);
    return 0;
}

static bool part_shown(const struct scontrol *s, const struct part_info *part, const char *name)
{
    if (name)
        return strcmp(part->name, name) == 0;
    return !part->hidden || s->all || (geteuid() == 0 && !s->hide);
}

static int show_parts(struct scontrol *s, const char *name)
{
    struct part_query query = { .name = "", .all = true };
    struct part_infos *parts;
    struct err e = { 0 };
    unsigned shown = 0;

    if (scontrol_call(s, OP_part_list, &query, (void **)&parts, &e) < 0)
        return scontrol_fail(s, "slurm_load_partitions", &e);

    struct text_env env = env_of(s, parts->now);

    if (s->json) {
        json_put(s, "partitions", &desc_part_info, parts->parts.v, parts->parts.n);
        return 0;
    }
    for (uint32_t i = 0; i < parts->parts.n; i++) {
        if (!part_shown(s, &parts->parts.v[i], name))
            continue;
        record_put(s, &part_record, &parts->parts.v[i], &env, false);
        shown++;
    }
    if (!shown && name)
        buf_printf(&s->out, "Partition %s not found\n", name);
    else if (!shown)
        buf_puts(&s->out, "No partitions in the system\n");
    return shown || !name ? 0 : 1;
}

/* ---- configuration and what follows from it */

static int show_config(struct scontrol *s, const char *unused)
{
    struct conf_info *conf;
    struct err e = { 0 };

    if (scontrol_call(s, OP_conf_show, &(struct empty){}, (void **)&conf, &e) < 0)
        return scontrol_fail(s, "slurm_load_ctl_conf", &e);

    struct text_env env = env_of(s, conf->now);

    buf_puts(&s->out, "Configuration data as of ");
    print_time(&(struct text_cell){ conf, &conf->now, KIND_I64, &env }, &s->out);
    buf_putc(&s->out, '\n');
    for (uint32_t i = 0; i < conf->rows.n; i++)
        buf_printf(&s->out, "%-23s = %s\n", conf->rows.v[i].key, conf->rows.v[i].value);
    buf_putc(&s->out, '\n');
    output_flush(&s->out);
    return scontrol_ping(s, 0, NULL);
}

static int show_licenses(struct scontrol *s, const char *wanted)
{
    struct license_infos *all;
    struct err e = { 0 };

    if (scontrol_call(s, OP_license_list, &(struct empty){}, (void **)&all, &e) < 0)
        return scontrol_fail(s, "slurm_load_licenses", &e);
    if (!all->licenses.n)
        puts("No licenses configured in Slurm.");
    for (uint32_t i = 0; i < all->licenses.n; i++) {
        const struct license_info *l = &all->licenses.v[i];
        uint64_t held = l->used + l->reserved;

        if (wanted && strcmp(wanted, l->name) != 0)
            continue;
        buf_printf(&s->out,
                   "LicenseName=%s%sTotal=%" PRIu64 " Used=%" PRIu64 " Free=%" PRIu64
                   " Reserved=%" PRIu64 " Remote=no\n",
                   l->name, s->one_line ? " " : "\n    ", l->total, l->used,
                   l->total > held ? l->total - held : 0, l->reserved);
    }
    return 0;
}

static int show_daemons(struct scontrol *s, const char *unused)
{
    char host[256] = "";
    const struct conf_host *hosts;
    struct err e = { 0 };
    struct conf *conf;
    bool controls = false;

    if (conf_load(conf_default_path(NULL), &conf, &e) < 0)
        return scontrol_fail(s, "scontrol", &e);
    gethostname(host, sizeof host - 1);
    host[strcspn(host, ".")] = '\0';
    for (uint32_t i = 0, n = conf_controllers(conf, &hosts); i < n; i++)
        controls |= strcmp(hosts[i].name, host) == 0 || strcmp(hosts[i].name, "localhost") == 0;

    bool works = conf_node_of_host(conf, host) != NULL;

    buf_printf(&s->out, "%s%s%s\n", controls ? "slurmctld" : "", controls && works ? " " : "",
               works ? "slurmd" : "");
    conf_free(conf);
    return 0;
}

/* ---- host lists: no daemon needed */

static const char *list_or_env(const char *list)
{
    if (!list)
        list = getenv("SLURM_JOB_NODELIST");
    if (!list)
        list = getenv("SLURM_NODELIST");
    return list;
}

static int hosts_load(struct scontrol *s, const char *list, struct hostlist *ret)
{
    struct err e = { 0 };

    list = list_or_env(list);
    if (!list || !*list) {
        fprintf(stderr, "scontrol: error: host list is empty\n");
        return -1;
    }
    if (hostlist_expand(&s->arena, list, ret, &e) < 0) {
        fprintf(stderr, "scontrol: error: Invalid hostlist: %s\n%s\n", list, e.text);
        return -1;
    }
    return 0;
}

static int show_hostnames(struct scontrol *s, const char *list)
{
    struct hostlist hosts;

    if (hosts_load(s, list, &hosts) < 0)
        return 0;
    for (uint32_t i = 0; i < hosts.n; i++)
        buf_printf(&s->out, "%s\n", hosts.v[i]);
    return 0;
}

static int show_hostlist(struct scontrol *s, const char *list)
{
    struct hostlist hosts;

    if (hosts_load(s, list, &hosts) == 0)
        buf_printf(&s->out, "%s\n", hostlist_compress(&s->arena, hosts.v, hosts.n));
    return 0;
}

static int show_hostlistsorted(struct scontrol *s, const char *list)
{
    struct hostlist hosts;

    if (hosts_load(s, list, &hosts) < 0)
        return 0;
    hostlist_sort_unique(&hosts);
    buf_printf(&s->out, "%s\n", hostlist_compress(&s->arena, hosts.v, hosts.n));
    return 0;
}

/* ---- what there is none of */

static int show_steps(struct scontrol *s, const char *id)
{
    const struct step_query query = { .steps = { &id, id ? 1 : 0 } };
    struct step_infos *all;
    struct err e = { 0 };

    if (scontrol_call(s, OP_step_list, &query, (void **)&all, &e) < 0)
        return scontrol_fail(s, "slurm_get_job_steps", &e);
    struct text_env env = env_of(s, all->now);
    if (s->json)
        json_put(s, "steps", &desc_step_info, all->steps.v, all->steps.n);
    else if (all->steps.n == 0 && id)
        printf("Job step %s not found\n", id);
    else if (all->steps.n == 0)
        puts("No job steps in the system");
    for (uint32_t i = 0; i < all->steps.n && !s->json; i++)
        record_put(s, &step_record, &all->steps.v[i], &env, false);
    return id && all->steps.n == 0;
}

static int show_reservations(struct scontrol *s, const char *name)
{
    struct resv_query query = { .name = "" };
    struct resv_infos *all;
    struct err e = { 0 };
    uint32_t shown = 0;

    if (scontrol_call(s, OP_resv_list, &query, (void **)&all, &e) < 0)
        return scontrol_fail(s, "slurm_load_reservations", &e);

    struct text_env env = env_of(s, all->now);
    const struct resv_info *v = all->reservations.v;

    if (s->json) {
        json_put(s, "reservations", &desc_resv_info, v, all->reservations.n);
        return 0;
    }
    for (uint32_t i = 0; i < all->reservations.n; i++) {
        if (name && strcmp(v[i].name, name) != 0)
            continue;
        record_put(s, &resv_record, &v[i], &env, false);
        shown++;
    }
    if (!shown && name)
        buf_printf(&s->out, "Reservation %s not found\n", name);
    else if (!shown)
        buf_puts(&s->out, "No reservations in the system\n");
    return shown || !name ? 0 : 1;
}

static int show_topology(struct scontrol *s, const char *name)
{
    fprintf(stderr, "scontrol: error: No topology information available\n");
    return 0;
}

static int show_nothing(struct scontrol *s, const char *name)
{
    return 0;
}

/* Any beginning of a name will do; the first row wins. */
static const struct entity {
    const char *name;
    int (*show)(struct scontrol *s, const char *which);
} entities[] = {
    { "jobs", show_jobs },
    { "jobids", show_jobs },
    { "nodes", show_nodes },
    { "partitions", show_parts },
    { "configuration", show_config },
    { "hostnames", show_hostnames },
    { "hostlist", show_hostlist },
    { "hostlistsorted", show_hostlistsorted },
    { "licenses", show_licenses },
    { "assoc_mgr", show_assoc_mgr },
    { "lics", show_licenses },
    { "daemons", show_daemons },
    { "steps", show_steps },
    { "reservations", show_reservations },
    { "topology", show_topology },
    { "aliases", show_nothing },
    { "burstbuffers", show_nothing },
    { "federations", show_nothing },
};

int scontrol_show(struct scontrol *s, int count, char **words)
{
    size_t len = strlen(words[0]);

    for (size_t i = 0; i < sizeof entities / sizeof entities[0]; i++)
        if (len && strncasecmp(words[0], entities[i].name, len) == 0)
            return entities[i].show(s, count > 1 ? words[1] : NULL);
    if (!s->quiet)
        fprintf(stderr, "invalid entity:%s for keyword:show \n", words[0]);
    return 1;
}
