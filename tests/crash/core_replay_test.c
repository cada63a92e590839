/* The real core through the real journal: whatever happens to a cluster, a restart at any commit
 * brings back the state that was, from the log alone and from snapshots (issue 2, point 4;
 * invariant I10). */
#include "../unit/test.h"

#include "base/cleanup.h"
#include "base/map.h"
#include "base/xalloc.h"
#include "core/core.h"
#include "journal/wal.h"
#include "schema/states.h"
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define NODES 3
#define STEPS 400

struct world {
    char *dir;
    struct core *core;
    struct wal *wal;
    struct arena arena;
    struct facts facts;
    struct effects effects;
    int64_t now;
    uint64_t seed, first_seed;
    uint32_t last_job;
};

static uint64_t next_random(struct world *w, uint64_t below)
{
    w->seed = hash_u64(w->seed + 1);
    return w->seed % below;
}

static void remove_dir(char *dir)
{
    struct dirent *entry;

    DIR *d = opendir(dir);
    while (d && (entry = readdir(d)))
        unlinkat(dirfd(d), entry->d_name, 0);
    closedir(d);
    rmdir(dir);
    free(dir);
}

/* ---- the journal's side */

static int apply(void *ctx, const struct fact *f, struct err *e)
{
    struct world *w = ctx;

    int r = core_apply(w->core, f, NULL, e);
    if (r < 0)
        fail_msg("replay: %s: %s", fact_name(f->kind), e->text);
    return r;
}

static void open_world(struct world *w)
{
    struct wal_options o = { .dir = w->dir, .segment_bytes = 8192, .ballast_bytes = 4096 };
    struct wal_report report;
    struct err e;

    w->core = core_new();
    if (wal_open(&o, apply, w, &w->wal, &report, &e) < 0)
        fail_msg("%s", e.text);
    assert_int_equal(report.damaged + report.torn_bytes, 0);
}

static void close_world(struct world *w)
{
    wal_close(w->wal);
    core_free(w->core);
}

static void dump(void *source, wal_emit_fn *emit, void *ctx)
{
    core_dump(source, emit, ctx);
}

static void commit(struct world *w)
{
    uint64_t number;
    struct err e;

    for (unsigned i = 0; i < w->facts.n; i++)
        wal_append(w->wal, &w->facts.v[i]);
    assert_int_equal(wal_commit(w->wal, &e), 0);
    if (core_check(w->core, &e) < 0)
        fail_msg("seed %llu: %s", (unsigned long long)w->first_seed, e.text);
    if (!wal_wants_snapshot(w->wal))
        return;
    assert_int_equal(wal_snapshot_begin(w->wal, &number, &e), 0);
    assert_int_equal(wal_snapshot_write(w->wal, number, dump, w->core, &e), 0);
    assert_int_equal(wal_snapshot_done(w->wal, number, &e), 0);
}

/* The end of one life and the beginning of the next. */
static void restart(struct world *w)
{
    uint64_t before = core_hash(w->core);

    close_world(w);
    open_world(w);
    if (core_hash(w->core) != before)
        fail_msg("seed %llu: the state after replay differs", (unsigned long long)w->first_seed);
}

/* ---- what happens to a cluster */

static void input(struct world *w, uint16_t kind, const void *body, uint32_t node)
{
    struct input in = {
        .kind = kind,
        .now = w->now,
        .body = body,
        .node = node,
        .script = 1,
        .environment = 2,
        .who = { .uid = 1000, .gid = 1000, .user_name = "ann", .role = ROLE_SLURM },
        .cold = { (const uint8_t *)"cold", 4 },
        .reply_to = 1,
    };

    arena_reset(&w->arena);
    w->facts = (struct facts){ .arena = &w->arena };
    w->effects = (struct effects){ .arena = &w->arena };
    core_step(w->core, &in, &w->facts, &w->effects);
    while (core_schedule(w->core, w->now, 3, &w->facts, &w->effects))
        ;
    for (unsigned i = 0; i < w->effects.n; i++) {
        const struct effect *ef = &w->effects.v[i];
        if (ef->kind == EFFECT_REPLY && ef->desc == &desc_job_submitted)
            w->last_job = ((const struct job_submitted *)ef->body)->job_id;
    }
    commit(w);
}

static void configure(struct world *w)
{
    struct conf_node nodes[NODES];
    char names[NODES][8];
    struct part_info part = { .name = "main",
                              .nodes = "n[0-2]",
                              .state = "UP",
                              .is_default = true,
                              .max_time_min = 60,
                              .max_nodes = UINT32_MAX,
                              .min_nodes = 1 };
    struct core_conf conf = { .cluster = "c",
                              .select_type = "cons_tres",
                              .select_params = "CR_CPU_Memory",
                              .max_job_count = 1000,
                              .max_array_size = 1001,
                              .min_job_age_s = 120,
                              .kill_wait_s = 30,
                              .slurmd_timeout_s = 60,
                              .job_requeue = true,
                              .acct_enabled = true,
                              .return_to_service = 1 };

    for (unsigned i = 0; i < NODES; i++) {
        snprintf(names[i], sizeof names[i], "n%u", i);
        nodes[i] = (struct conf_node){ .name = names[i],
                                       .cpus = 4,
                                       .sockets = 1,
                                       .cores = 4,
                                       .threads = 1,
                                       .real_memory_mb = 4000,
                                       .weight = 1,
                                       .state = "UNKNOWN" };
    }
    conf.nodes.v = nodes;
    conf.nodes.n = NODES;
    conf.parts.v = &part;
    conf.parts.n = 1;
    input(w, INPUT_CONFIGURE, &conf, 0);
}

static void happens_hello(struct world *w)
{
    char name[8];
    struct node_register reg = { .name = name,
                                 .boot_id = next_random(w, 8) ? "boot1" : "boot2",
                                 .cpus = 4,
                                 .real_memory_mb = 4000 };
    uint32_t node = (uint32_t)next_random(w, NODES);

    snprintf(name, sizeof name, "n%u", node);
    input(w, OP_node_hello, &reg, node);
}

static void happens_submit(struct world *w)
{
    char array[24], depend[32];
    struct job_spec spec = {
        .batch = true, .name = "job", .work_dir = "/", .array = "", .dependency = ""
    };

    spec.ntasks = (struct opt_u32){ true, 1 + (uint32_t)next_random(w, 6) };
    spec.time_limit_min =
        (struct opt_u32){ next_random(w, 2) == 0, 1 + (uint32_t)next_random(w, 5) };
    spec.hold = next_random(w, 8) == 0;
    spec.request_key = next_random(w, 4) ? next_random(w, 1000) : 0;
    if (next_random(w, 4) == 0) {
        snprintf(array, sizeof array, "0-%u%%2", (unsigned)next_random(w, 9));
        spec.array = array;
    }
    if (w->last_job && next_random(w, 4) == 0) {
        snprintf(depend, sizeof depend, "%s:%u", next_random(w, 2) ? "afterok" : "afterany",
                 w->last_job);
        spec.dependency = depend;
    }
    input(w, OP_job_submit, &spec, 0);
}

static const struct job_info *any_job(struct world *w, bool is_running, struct job_infos *all)
{
    const char *states[] = { is_running ? "RUNNING" : "all" };
    struct job_query q = { .states = { states, 1 } };
    struct who root = { .role = ROLE_SLURM };

    core_list_jobs(w->core, &q, &root, w->now, &w->arena, all);
    return all->jobs.n ? &all->jobs.v[next_random(w, all->jobs.n)] : NULL;
}

static void happens_end(struct world *w)
{
    struct job_infos all = { 0 };
    const struct job_info *job = any_job(w, true, &all);

    if (!job)
        return;
    struct usage used = { .user_us = 5 };
    struct step_done done = { .job_id = job->job_id,
                              .step_id = STEP_BATCH,
                              .restart = job->restarts,
                              .wait_status = next_random(w, 3) ? 0 : 3 << 8,
                              .used = &used,
                              .start_time = w->now,
                              .end_time = w->now,
                              .error = "",
                              .is_clean = next_random(w, 2),
                              .node = "" };
    input(w, OP_step_ended, &done, (uint32_t)core_node_index(w->core, job->batch_host));
}

static void happens_clean(struct world *w)
{
    struct job_infos all = { 0 };
    const struct job_info *job = any_job(w, false, &all);

    if (!job)
        return;
    struct job_clean clean = {
        .job_id = job->job_id, .restart = job->restarts, .node = "", .error = ""
    };
    input(w, OP_job_cleaned, &clean, (uint32_t)next_random(w, NODES));
}

static void happens_request(struct world *w)
{
    static const uint16_t ops[] = { OP_job_hold, OP_job_release, OP_job_requeue,
                                    OP_job_requeuehold };
    char id[16];
    const char *ids[] = { id };
    struct job_infos all = { 0 };
    const struct job_info *job = any_job(w, false, &all);

    if (!job)
        return;
    snprintf(id, sizeof id, "%u", job->job_id);
    struct job_kill kill = { .jobs = { ids, 1 },
                             .name = "",
                             .partition = "",
                             .account = "",
                             .qos = "",
                             .nodes = "",
                             .wckey = "",
                             .reservation = "" };
    struct job_op op = { .jobs = { ids, 1 }, .state = "", .name = "" };
    if (next_random(w, 2))
        input(w, OP_job_cancel, &kill, 0);
    else
        input(w, ops[next_random(w, 4)], &op, 0);
}

static void happens_time(struct world *w)
{
    w->now += (int64_t)next_random(w, 90);
    while (core_next_timer(w->core) <= w->now)
        input(w, INPUT_TICK, NULL, 0);
}

static void happens_loss(struct world *w)
{
    input(w, INPUT_NODE_LOST, NULL, (uint32_t)next_random(w, NODES));
}

static void (*const events[])(struct world *) = {
    happens_hello, happens_hello, happens_submit,  happens_submit, happens_submit,
    happens_end,   happens_end,   happens_end,     happens_clean,  happens_clean,
    happens_clean, happens_time,  happens_request, happens_loss,
};

static void live_and_die(uint64_t seed)
{
    struct world w = { .dir = xstrdup("/tmp/sluice-replay-XXXXXX"),
                       .now = 1000000,
                       .seed = seed,
                       .first_seed = seed };

    assert_non_null(mkdtemp(w.dir));
    open_world(&w);
    configure(&w);
    for (unsigned i = 0; i < STEPS; i++) {
        events[next_random(&w, sizeof events / sizeof events[0])](&w);
        if (next_random(&w, 3) == 0)
            restart(&w);
    }
    assert_true(w.last_job > 0);
    close_world(&w);
    arena_fini(&w.arena);
    remove_dir(w.dir);
}

static void a_restart_at_any_commit_brings_the_state_back(void **state)
{
    for (uint64_t seed = 1; seed <= 5; seed++)
        live_and_die(seed * 1000);
}

int main(void)
{
    return RUN(T(a_restart_at_any_commit_brings_the_state_back));
}
