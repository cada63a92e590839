/* sluice simulate: a job trace through the live scheduler. */
#include "sluice/words.h"

#include "base/cleanup.h"
#include "cli/args.h"
#include "conf/conf.h"
#include "sim/draw.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct options {
    const char *conf, *load, *scheduler, *params, *svg;
    int seed, seeds, shake, cores;
    struct strs compare;
    bool json;
};

#define O(member) offsetof(struct options, member)

static const struct arg rows[] = {
    { "conf", 'f', ARG_TEXT, O(conf), NULL, "slurm.conf",
      "the cluster and its rules; else one partition with the cores of the trace" },
    { "scheduler", 0, ARG_TEXT, O(scheduler), NULL, "name", "SchedulerType: backfill or builtin" },
    { "params", 0, ARG_TEXT, O(params), NULL, "list", "SchedulerParameters" },
    { "compare", 0, ARG_LIST, O(compare), NULL, "A.conf,B.conf",
      "two configurations, side by side" },
    { "cores", 0, ARG_NUMBER, O(cores), NULL, "n", "cores of the machine, if not MaxProcs" },
    { "load", 0, ARG_TEXT, O(load), NULL, "factor", "run times and limits times this" },
    { "shake", 0, ARG_NUMBER, O(shake), NULL, "seconds", "arrivals later by a random 0 to this" },
    { "seed", 0, ARG_NUMBER, O(seed), NULL, "n", "of the shaking" },
    { "seeds", 0, ARG_NUMBER, O(seeds), NULL, "n",
      "so many runs from that seed on, and their mean" },
    { "svg", 0, ARG_TEXT, O(svg), NULL, "file", "a picture of the run" },
    { "json", 0, ARG_FLAG, O(json), NULL, NULL, "figures as JSON" },
};

struct run {
    const struct options *o;
    struct trace trace;
    struct played played;
    struct summary sum;
};

static void run_fini(struct run *r)
{
    summary_fini(&r->sum);
    played_fini(&r->played);
    trace_fini(&r->trace);
}

static void show_progress(void *ctx, uint32_t done, uint32_t all)
{
    unsigned percent = (unsigned)((uint64_t)done * 100 / all);
    static const char bar[] = "########################################";

    fprintf(stderr, "\r[%-40.*s] %3u %%", (int)(percent * 40 / 100), bar, percent);
}

static int play_once(struct run *r, const char *conf_path, struct err *e)
{
    struct core_conf core_conf;
    struct conf *conf = NULL;
    struct arena a = { 0 };
    struct play play = { .trace = &r->trace,
                         .scheduler = r->o->scheduler,
                         .params = r->o->params,
                         .progress = isatty(STDERR_FILENO) ? show_progress : NULL };
    int rc = conf_path ? conf_load(conf_path, &conf, e) : 0;

    if (rc == 0 && conf)
        rc = conf_to_core(conf, &a, &core_conf, e);
    summary_fini(&r->sum);
    played_fini(&r->played);
    play.conf = conf ? &core_conf : NULL;
    if (rc == 0)
        rc = play_trace(&play, &r->played, e);
    if (play.progress)
        fprintf(stderr, "\r%60s\r", "");
    if (rc == 0)
        summarise(&r->trace, &r->played, &r->sum);
    conf_free(conf);
    arena_fini(&a);
    return rc;
}

/* The figures of many shaken runs: single ones differ by a tenth for no reason. */
static int play_seeds(struct run *r, struct err *e)
{
    double slowdown = 0, wait = 0, longest = 0, used = 0;
    int n = r->o->seeds;

    for (int i = 0; i < n; i++) {
        trace_shake(&r->trace, (uint32_t)r->o->shake, (uint64_t)(r->o->seed + i));
        int rc = play_once(r, r->o->conf, e);
        if (rc < 0)
            return rc;
        printf("seed %-4d mean slowdown %10.4f  mean wait %8.0f s  utilisation %.4f\n",
               r->o->seed + i, r->sum.slowdown.mean, r->sum.wait.mean, r->sum.utilisation);
        slowdown += r->sum.slowdown.mean / n;
        wait += r->sum.wait.mean / n;
        used += r->sum.utilisation / n;
        longest = r->sum.wait.max > longest ? r->sum.wait.max : longest;
    }
    printf("mean      mean slowdown %10.4f  mean wait %8.0f s  utilisation %.4f  longest wait "
           "%.0f s\n",
           slowdown, wait, used, longest);
    return 0;
}

static int compare(struct run *r, struct err *e)
{
    CLEANUP(summary_fini) struct summary first = { 0 };
    int rc = play_once(r, r->o->compare.v[0], e);

    if (rc < 0)
        return rc;
    first = r->sum;
    r->sum = (struct summary){ 0 };
    rc = play_once(r, r->o->compare.v[1], e);
    if (rc == 0)
        summary_compare(&first, &r->sum, stdout);
    return rc;
}

static int simulate(struct run *r, const char *path, struct err *e)
{
    const struct options *o = r->o;
    int rc = trace_load(path, (uint32_t)o->cores, &r->trace, e);

    if (rc < 0)
        return rc;
    if (o->load)
        trace_stretch(&r->trace, strtod(o->load, NULL));
    trace_shake(&r->trace, (uint32_t)o->shake, (uint64_t)o->seed);
    if (o->compare.n == 2)
        return compare(r, e);
    if (o->seeds > 1)
        return play_seeds(r, e);
    rc = play_once(r, o->conf, e);
    if (rc < 0)
        return rc;
    if (o->svg && (rc = draw_svg(&r->trace, &r->sum, o->svg, e)) < 0)
        return rc;
    if (o->json)
        summary_json(&r->sum, &r->played, stdout);
    else
        summary_print(&r->sum, &r->played, stdout);
    return 0;
}

int word_simulate(int argc, char **argv)
{
    static const struct args spec = {
        "sluice simulate", "TRACE", "Plays a job trace (SWF, plain or .gz) through the scheduler.",
        rows, sizeof rows / sizeof *rows
    };
    struct options o = { 0 };
    CLEANUP(arena_fini) struct arena a = { 0 };
    CLEANUP(run_fini) struct run r = { .o = &o };
    struct err e = { 0 };
    int first = args_parse(&spec, argc, argv, &a, &o);

    if (first < 0)
        return first == ARGS_DONE ? 0 : 1;
    if (first + 1 != argc || (o.compare.n != 0 && o.compare.n != 2)) {
        fprintf(stderr, "sluice simulate: expected one TRACE%s\n",
                o.compare.n ? ", and two files after --compare" : "");
        return 1;
    }
    if (simulate(&r, argv[first], &e) < 0) {
        fprintf(stderr, "sluice simulate: %s\n", e.text);
        return 1;
    }
    return 0;
}
