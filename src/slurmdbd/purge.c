/* Purge*After of slurmdbd.conf: once an hour, a slice at a time, so that nobody waits for it. */
#include "slurmdbd/dbd.h"

#include "base/clock.h"
#include "slurmdbd/period.h"

#define EVERY_MS (3600 * 1000)
#define SLICE_MS 20

/* What each key forgets; with its Archive key set nothing is forgotten before it was archived, and
 * slurmdbd does not archive yet. */
static const struct {
    const char *key, *archive;
} purges[PURGE_COUNT] = {
    [PURGE_JOB] = { "PurgeJobAfter", "ArchiveJobs" },
    [PURGE_STEP] = { "PurgeStepAfter", "ArchiveSteps" },
    [PURGE_TXN] = { "PurgeTXNAfter", "ArchiveTXN" },
    [PURGE_USAGE] = { "PurgeUsageAfter", "ArchiveUsage" },
};

static bool cut_of(const struct dbd *d, enum purge what, int64_t *ret)
{
    enum period p;
    unsigned n;

    if (!period_parse(conf_str(d->conf, purges[what].key), &p, &n) ||
        conf_u32(d->conf, purges[what].archive))
        return false;
    *ret = period_back(p, clock_wall_s(), n);
    return true;
}

static void on_timer(void *ctx)
{
    struct dbd *d = ctx;
    bool any = false;

    for (enum purge what = 0; what < PURGE_COUNT && d->store; what++) {
        struct err e = { 0 };
        bool more = false;
        int64_t cut;

        if (!cut_of(d, what, &cut))
            continue;
        if (store_purge(d->store, what, cut, &more, &e) < 0)
            log_error("%s: %s", purges[what].key, e.text);
        any |= more;
    }
    loop_set_timer(d->purge, any ? SLICE_MS : EVERY_MS);
}

void purge_start(struct dbd *d)
{
    d->purge = loop_add_timer(d->loop, SLICE_MS, on_timer, d);
}

void purge_stop(struct dbd *d)
{
    loop_remove_timer(d->purge);
}
