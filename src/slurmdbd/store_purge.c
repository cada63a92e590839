/* Forgetting: what is older than the site wants to keep goes, a day's worth at a time. */
#include "slurmdbd/store_impl.h"

#include "base/cleanup.h"

#define SLICE_S 86400

/* Rows that may go are behind the cut; open jobs never are. */
static const struct {
    const char *oldest, *drop;
} purges[] = {
    [PURGE_JOB] = { "SELECT MIN(`end`) FROM job WHERE `end`>0",
                    "DELETE FROM job WHERE `end`>0 AND `end`<?" },
    [PURGE_STEP] = { "SELECT MIN(`end`) FROM step WHERE `end`>0",
                     "DELETE FROM step WHERE `end`>0 AND `end`<?" },
    [PURGE_TXN] = { "SELECT MIN(`time`) FROM txn", "DELETE FROM txn WHERE `time`<?" },
    [PURGE_USAGE] = { "SELECT MIN(`start`) FROM used", "DELETE FROM used WHERE `start`<?" },
};

/* Nothing older than the cut, or of an empty table: nothing to do. */
static int oldest_of(struct store *s, enum purge what, int64_t cut, int64_t *ret, struct err *e)
{
    CLEANUP(sql_finishp) struct sql_stmt *st = NULL;
    int r = sql_prepare(s->sql, purges[what].oldest, &st, e);

    *ret = cut;
    if (r == 0)
        r = sql_step(st, e);
    if (r == 1 && !sql_is_null(st, 0))
        *ret = sql_number(st, 0);
    return r < 0 ? r : 0;
}

int store_purge(struct store *s, enum purge what, int64_t cut, bool *ret_more, struct err *e)
{
    CLEANUP(sql_finishp) struct sql_stmt *st = NULL;
    int64_t oldest;
    int r = oldest_of(s, what, cut, &oldest, e);

    *ret_more = false;
    if (r < 0 || oldest >= cut)
        return r;
    *ret_more = oldest + SLICE_S < cut;
    r = store_begin(s, e);
    if (r == 0)
        r = sql_prepare(s->sql, purges[what].drop, &st, e);
    if (r == 0) {
        sql_bind_number(st, 0, *ret_more ? oldest + SLICE_S : cut);
        r = sql_run(st, e);
    }
    return store_spoil(s, r, e);
}
