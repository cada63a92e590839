/* sacctmgr show of what is no rule (rule_show.h). */
#include "cli/rule_show.h"

#include "base/clock.h"
#include "base/times.h"
#include "schema/rpc.h"
#include "schema/states.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A heading without rows: kinds of things that there are none of yet. */
int show_empty(struct sacctmgr *s, const struct rule_entity *entity, struct rule_words *w)
{
    const char *bad, *format = rule_format(w->format ? w->format : entity->format, &s->arena, &bad);
    struct rule_lines none = { NULL, 0 };
    struct text_format f;

    if (bad)
        return sacctmgr_fail(s, arena_printf(&s->arena, "Unknown field '%s'", bad));
    text_fields(&rule_table, format, &s->arena, &f);
    f.cut_mark = '+';
    sacctmgr_print(s, &f, &none);
    return 0;
}

/* ---- runaway jobs: those the archive has as not ended, and the controller does not know */

static bool is_live(const struct job_infos *live, uint32_t job_id)
{
    for (uint32_t i = 0; i < live->jobs.n; i++)
        if (live->jobs.v[i].job_id == job_id || live->jobs.v[i].array_job_id == job_id)
            return true;
    return false;
}

static void put_line(struct sacctmgr *s, struct rule_line *l, const struct acct_record *rec)
{
    *l = (struct rule_line){ .cluster_name = rec->cluster,
                             .name = rec->job->name,
                             .id = rec->job->job_id,
                             .state = rec->job->start ? "RUNNING" : "PENDING",
                             .start = rec->job->start,
                             .account_name = "",
                             .user_name = rec->job->user,
                             .type = "",
                             .description = "",
                             .coords = "",
                             .parent_name = "",
                             .problem = "",
                             .node = "",
                             .reason = "",
                             .event = "" };
    l->line = l;
    struct rule_assoc *a = arena_alloc(&s->arena, sizeof *a);
    a->partition = rec->job->partition;
    l->assoc = a;
}

int show_runaway(struct sacctmgr *s, const struct rule_entity *entity, struct rule_words *w)
{
    const char *states[] = { "RUNNING", "PENDING" };
    const char *cluster = conf_str(s->conn.conf, "ClusterName"), *clusters[] = { cluster };
    struct acct_query q = { .clusters = { clusters, 1 }, .states = { states, 2 }, .nodes = "" };
    struct connection ctld = { 0 };
    struct job_query all = { 0 };
    struct acct_records *records;
    struct job_infos *live;
    struct rule_lines lines = { NULL, 0 };
    struct text_format f;
    struct err e = { 0 };
    const char *bad;
    int r = client_call(s->conn.client, OP_acct_list, &q, &s->arena, (void **)&records, &e);

    if (r == 0)
        r = connection_open(&ctld, &e);
    if (r == 0)
        r = client_call(ctld.client, OP_job_list, &all, &s->arena, (void **)&live, &e);
    connection_close(&ctld);
    if (r < 0)
        return sacctmgr_fail(s, e.text);
    lines.v = arena_calloc(&s->arena, records->records.n + 1, sizeof *lines.v);
    for (uint32_t i = 0; i < records->records.n; i++)
        if (!is_live(live, records->records.v[i].job->job_id))
            put_line(s, &lines.v[lines.n++], &records->records.v[i]);
    if (!lines.n)
        return printf("Runaway Jobs: No runaway jobs found on cluster %s\n", cluster), 0;
    puts("NOTE: Runaway jobs are jobs that don't exist in the controller but have a start time and "
         "no end time in the database");
    text_fields(&rule_table, rule_format(w->format ? w->format : entity->format, &s->arena, &bad),
                &s->arena, &f);
    f.cut_mark = '+';
    sacctmgr_print(s, &f, &lines);
    return 0;
}

/* ---- statistics and configuration */

int show_stats(struct sacctmgr *s, const struct rule_entity *entity, struct rule_words *w)
{
    struct empty nothing = {};
    struct acct_stats *stats;
    char now[TIMES_TEXT];
    struct err e = { 0 };

    if (client_call(s->conn.client, OP_acct_status, &nothing, &s->arena, (void **)&stats, &e) < 0)
        return sacctmgr_fail(s, e.text);
    printf("*******************************************************************\n"
           "sacctmgr show stats output at %s (%lld)\n"
           "*******************************************************************\n\n"
           "Archive               %s\n"
           "Jobs                  %llu\n"
           "Events since start    %llu\n"
           "Events sent again     %llu\n",
           times_iso(clock_wall_s(), now), (long long)clock_wall_s(), stats->store,
           (unsigned long long)stats->jobs, (unsigned long long)stats->events,
           (unsigned long long)stats->repeats);
    return 0;
}

int show_config(struct sacctmgr *s, const struct rule_entity *entity, struct rule_words *w)
{
    static const char *const keys[] = {
        "AccountingStorageBackupHost",
        "AccountingStorageHost",
        "AccountingStorageParameters",
        "AccountingStoragePort",
        "AccountingStorageType",
        "AuthType",
        "MessageTimeout",
        "PluginDir",
        "PrivateData",
        "SlurmUser",
        "TCPTimeout",
        "TrackWCKey",
    };
    char now[TIMES_TEXT];

    printf("Configuration data as of %s\n", times_iso(clock_wall_s(), now));
    for (unsigned i = 0; i < sizeof keys / sizeof *keys; i++) {
        const char *value = conf_str(s->conn.conf, keys[i]);

        printf("%-22s = %s\n", keys[i], *value ? value : "(null)");
    }
    printf("%-22s = %s\n", "SLURM_CONF", conf_path(s->conn.conf));
    return 0;
}
