/* sluice why: what keeps jobs from starting, in plain words. */
#include "sluice/words.h"

#include "base/cleanup.h"
#include "base/times.h"
#include "cli/connect.h"
#include "schema/rpc.h"

#include <stdio.h>
#include <string.h>

static void print_promise(const struct job_why *w, int64_t now)
{
    char when[TIMES_TEXT], first[TIMES_TEXT], wait[TIMES_TEXT];

    if (w->start == 0) {
        printf("  No start is promised yet.\n");
        return;
    }
    printf("  It starts at %s at the latest (in %s), on %s.\n", times_iso(w->start, when),
           times_hms(w->start > now ? w->start - now : 0, wait), w->nodes);
    if (*w->cause && w->start > w->first)
        printf("  First promised was %s; it moved later because %s.\n", times_iso(w->first, first),
               w->cause);
}

static void print_job(const struct job_why *w, int64_t now)
{
    printf("Job %u is %s", w->job_id, w->state);
    if (strcmp(w->state, "PENDING") != 0) {
        printf(".\n");
        return;
    }
    printf(" (%s).\n", w->reason);
    print_promise(w, now);
    for (uint32_t i = 0; i < w->blockers.n; i++) {
        const struct blocker *b = &w->blockers.v[i];
        char until[TIMES_TEXT];
        printf("  %u. %s: %s", i + 1, b->reason, b->text);
        if (b->until)
            printf(", until %s", times_iso(b->until, until));
        printf(".\n");
    }
    if (w->blockers.n == 0)
        printf("  Nothing is in its way: it starts with the next pass.\n");
}

static int ask(const struct strs *jobs, struct arena *a, struct err *e)
{
    CLEANUP(connection_close) struct connection c = { 0 };
    struct why_query q = { .jobs = *jobs };
    void *reply = NULL;
    int r = connection_open(&c, e);

    if (r == 0)
        r = client_call(c.client, OP_job_why, &q, a, &reply, e);
    if (r < 0)
        return r;
    const struct job_whys whys = *(const struct job_whys *)reply;
    for (uint32_t i = 0; i < whys.jobs.n; i++)
        print_job(&whys.jobs.v[i], whys.now);
    if (whys.jobs.n == 0)
        fprintf(stderr, "sluice why: no such job\n");
    return whys.jobs.n ? 0 : 1;
}

int word_why(int argc, char **argv)
{
    CLEANUP(arena_fini) struct arena a = { 0 };
    struct strs jobs = { .v = (const char **)(argv + 1), .n = (uint32_t)(argc - 1) };
    struct err e = { 0 };

    if (argc < 2 || strncmp(argv[1], "--help", 6) == 0) {
        printf("usage: sluice why JOBID...\n\nSays what keeps jobs from starting, and when they "
               "start at the latest.\n");
        return argc < 2;
    }
    int r = ask(&jobs, &a, &e);
    if (r < 0)
        fprintf(stderr, "sluice why: %s\n", e.text);
    return r != 0;
}
