/* What sacctmgr asks of the archive itself: nodes that were away, and comments on jobs of the past.
 */
#include "slurmdbd/store_impl.h"

#include "base/cleanup.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* ---- events */

static void add_event(struct rule_book *ret, uint32_t *cap, const struct rule_event *ev,
                      struct arena *a)
{
    if (ret->events.n == *cap) {
        struct rule_event *more = arena_calloc(a, *cap ? *cap * 2 : 32, sizeof *more);

        if (*cap)
            memcpy(more, ret->events.v, *cap * sizeof *more);
        ret->events.v = more;
        *cap = *cap ? *cap * 2 : 32;
    }
    ret->events.v[ret->events.n++] = *ev;
}

static bool is_of(const struct rule_event *ev, struct sql_stmt *st)
{
    return ev->start && strcmp(ev->cluster, sql_text(st, 0)) == 0 &&
           strcmp(ev->node, sql_text(st, 1)) == 0;
}

int store_events(struct store *s, int64_t start, int64_t end, struct arena *a,
                 struct rule_book *ret, struct err *e)
{
    CLEANUP(sql_finishp) struct sql_stmt *st = NULL;
    struct rule_event now = { .start = 0 };
    uint32_t cap = 0;
    int r = sql_prepare(s->sql,
                        "SELECT cluster,node,state,reason,uid,`time`,cpus FROM node_event"
                        " WHERE `time`<=? ORDER BY cluster,node,`time`,seq",
                        &st, e);

    if (r < 0)
        return r;
    sql_bind_number(st, 0, end ? end : INT64_MAX);
    for (bool more = true; more;) {
        r = sql_step(st, e);
        more = r == 1;
        if (more && is_of(&now, st))
            now.end = sql_number(st, 5);
        if (now.start && (!now.end || now.end >= start))
            add_event(ret, &cap, &now, a);
        now = (struct rule_event){ .start = 0 };
        if (!more || !*sql_text(st, 2))
            continue;
        now = (struct rule_event){ .cluster = arena_strdup(a, sql_text(st, 0)),
                                   .node = arena_strdup(a, sql_text(st, 1)),
                                   .state = arena_strdup(a, sql_text(st, 2)),
                                   .reason = arena_strdup(a, sql_text(st, 3)),
                                   .uid = (uint32_t)sql_number(st, 4),
                                   .start = sql_number(st, 5),
                                   .cpus = (uint32_t)sql_number(st, 6) };
    }
    return r;
}

/* ---- jobs */

const char *const store_job_columns[] = { "Comment", "AdminComment", "DerivedExitCode", "WCKey",
                                          NULL };

static const char *const updates[] = {
    "UPDATE job SET comment=? WHERE cluster=? AND job_id=?",
    "UPDATE job SET admin_comment=? WHERE cluster=? AND job_id=?",
    "UPDATE job SET derived_exit_code=? WHERE cluster=? AND job_id=?",
    "UPDATE job SET wckey=? WHERE cluster=? AND job_id=?",
};

static int owner_of(struct store *s, const struct job_change *c, int64_t id, bool *ret,
                    struct err *e)
{
    CLEANUP(sql_finishp) struct sql_stmt *st = NULL;
    int r = sql_prepare(s->sql, "SELECT `user` FROM job WHERE job_id=? AND cluster=?", &st, e);

    if (r < 0)
        return r;
    sql_bind_number(st, 0, id);
    sql_bind_text(st, 1, c->cluster);
    r = sql_step(st, e);
    *ret = r == 1 && (!c->user || strcmp(sql_text(st, 0), c->user) == 0);
    return r < 0 ? r : 0;
}

int store_modify_job(struct store *s, const struct job_change *c, unsigned *ret_count,
                     struct err *e)
{
    CLEANUP(sql_finishp) struct sql_stmt *st = NULL;
    int64_t id = strtoll(c->job, NULL, 10);
    bool is_his = false;
    int r = store_begin(s, e);

    if (!isdigit((unsigned char)*c->job))
        return err_set(e, EINVAL, " Invalid job id: %.60s", c->job);
    if (r == 0)
        r = owner_of(s, c, id, &is_his, e);
    if (r < 0 || !is_his)
        return r;
    r = sql_prepare(s->sql, updates[c->column], &st, e);
    if (r < 0)
        return r;
    if (strcmp(store_job_columns[c->column], "DerivedExitCode") == 0)
        sql_bind_number(st, 0, strtoll(c->value, NULL, 10) << 8);
    else
        sql_bind_text(st, 0, c->value);
    sql_bind_text(st, 1, c->cluster);
    sql_bind_number(st, 2, id);
    r = sql_run(st, e);
    *ret_count += r == 0;
    return store_spoil(s, r, e);
}
