/* What survives: opening it, keeping it short by snapshots, and starting without it. */
#include "slurmctld/ctld.h"

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/xalloc.h"

#include <assert.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define SNAPSHOT_RETRY_NS (60ll * 1000000000ll)

static int open_journal(struct ctld *c, uint64_t epoch_above, struct err *e);
static int discard(struct ctld *c, struct err *e);

int state_open(struct ctld *c, struct err *e)
{
    int r = open_journal(c, 0, e);

    if (r < 0 && c->clean_start)
        log_error("the state that is discarded cannot be read: %s", e->text);
    if (c->clean_start)
        r = discard(c, e);
    if (r == 0 && wal_is_volatile(c->wal))
        log_error("StateSaveLocation=%s is in memory: a reboot loses every job",
                  conf_str(c->conf, "StateSaveLocation"));
    return r;
}

void state_close(struct ctld *c)
{
    if (c->snapshot) {
        loop_kill_child(c->snapshot, SIGKILL);
        loop_remove_child(c->snapshot);
    }
    c->snapshot = NULL;
    blobs_close(c->blobs);
    outbox_close(c->outbox);
    wal_close(c->wal);
    core_free(c->core);
    c->blobs = NULL;
    c->outbox = NULL;
    c->wal = NULL;
    c->core = NULL;
}

/* ---- replay */

/* What lies beside the journal is opened under its lock: the outbox cuts its own torn tail. */
static int open_beside(void *ctx, struct err *e)
{
    struct ctld *c = ctx;
    const char *dir = conf_str(c->conf, "StateSaveLocation");

    int r = blobs_open(dir, NULL, &c->blobs, e);
    return r < 0 ? r : outbox_open(dir, NULL, &c->outbox, e);
}

static void note_ids(struct ctld *c, const struct fact *f)
{
    uint32_t end = 0;

    if (f->kind == FACT_ids_reserved)
        end = ((const struct fact_ids *)f->body)->end;
    else if (f->kind == FACT_snap_counters)
        end = ((const struct fact_counters *)f->body)->ids_end;
    if (end > c->ids_end)
        c->ids_end = end;
}

/* A fact that no longer fits, because a damaged one before it is missing, is left out: a start is
 * never blocked by one record. */
static int replay_fact(void *ctx, const struct fact *f, struct err *e)
{
    struct ctld *c = ctx;
    struct effects effects = { .arena = &c->arena };

    note_ids(c, f);
    if (core_apply(c->core, f, &effects, e) < 0) {
        log_error("replay: %s left out: %s", fact_name(f->kind), e->text);
        return 0;
    }
    turn_account(c, &effects, 0);
    turn_note_fact(c, f);
    for (unsigned i = 0; i < effects.n; i++) {
        if (effects.v[i].kind == EFFECT_DROP_BLOBS) {
            blobs_drop(c->blobs, effects.v[i].script);
            blobs_drop(c->blobs, effects.v[i].environment);
        }
    }
    arena_reset(&c->arena);
    return 0;
}

/* SlurmctldParameters=journal_segment_mb=N,journal_ballast_mb=N; 0: the usual size. */
static uint32_t size_param(const struct ctld *c, const char *name)
{
    const char *text = conf_param(c->conf, "SlurmctldParameters", name);
    unsigned long mb = text ? strtoul(text, NULL, 10) : 0;

    return mb > 0 && mb <= 1024 ? (uint32_t)mb << 20 : 0;
}

static int open_journal(struct ctld *c, uint64_t epoch_above, struct err *e)
{
    struct wal_options o = {
        .dir = conf_str(c->conf, "StateSaveLocation"),
        .locked = open_beside,
        .epoch_above = epoch_above,
        .segment_bytes = size_param(c, "journal_segment_mb"),
        .ballast_bytes = size_param(c, "journal_ballast_mb"),
    };
    struct wal_report report;
    int64_t start = clock_mono_ns();

    c->core = core_new();
    int r = wal_open(&o, replay_fact, c, &c->wal, &report, e);
    if (r < 0)
        return r;
    blobs_sweep(c->blobs);
    log_info("state of %s: %llu facts replayed in %lld ms, epoch %llu", o.dir,
             (unsigned long long)report.facts, (long long)(clock_mono_ns() - start) / 1000000,
             (unsigned long long)wal_epoch(c->wal));
    if (report.torn_bytes > 0)
        log_info("the journal ended in %llu bytes that were never acknowledged",
                 (unsigned long long)report.torn_bytes);
    if (report.damaged > 0)
        log_error("the journal is damaged in %llu places, first: %s%s",
                  (unsigned long long)report.damaged, report.text,
                  report.used_older_snapshot ? "; the older snapshot was used" : "");
    return 0;
}

/* ---- slurmctld -c */

/* Nothing is deleted: the old state goes to a folder of its own. */
static int move_aside(struct ctld *c, struct err *e)
{
    const char *dir = conf_str(c->conf, "StateSaveLocation");
    CLEANUP(freep) char *aside = xasprintf("%s/discarded.%lld", dir, (long long)ctld_now(c));
    static const char *const stems[] = {
        "wal.", "snap.", "snapnew.", "blob.", "outbox.", "CURRENT"
    };
    struct dirent *entry;

    if (mkdir(aside, 0700) < 0)
        return err_errno(e, "mkdir %s", aside);
    CLEANUP(closedirp) DIR *d = opendir(dir);
    while (d && (entry = readdir(d))) {
        for (unsigned i = 0; i < sizeof stems / sizeof stems[0]; i++) {
            if (strncmp(entry->d_name, stems[i], strlen(stems[i])) != 0)
                continue;
            CLEANUP(freep) char *from = xasprintf("%s/%s", dir, entry->d_name);
            CLEANUP(freep) char *to = xasprintf("%s/%s", aside, entry->d_name);
            if (rename(from, to) < 0)
                return err_errno(e, "rename %s", from);
        }
    }
    log_info("clean start: the old state is in %s", aside);
    return 0;
}

/* Ids that were given out stay given out (turn_start writes that down), and so does the epoch. */
static int discard(struct ctld *c, struct err *e)
{
    uint64_t epoch = c->wal ? wal_epoch(c->wal) : 0;

    state_close(c);
    int r = move_aside(c, e);
    if (r == 0)
        r = open_journal(c, epoch, e);
    return r;
}

/* ---- snapshots */

static void dump(void *source, wal_emit_fn *emit, void *ctx)
{
    core_dump(source, emit, ctx);
}

static void snapshot_ended(void *ctx, pid_t pid, int status)
{
    struct ctld *c = ctx;
    struct err e = { 0 };

    c->snapshot = NULL;
    if (status != 0)
        err_set(&e, EIO, "its process ended with status 0x%x", (unsigned)status);
    if (status == 0 && wal_snapshot_done(c->wal, c->snapshot_number, &e) == 0) {
        log_debug("snapshot %llu is complete", (unsigned long long)c->snapshot_number);
        return;
    }
    c->snapshot_retry_ns = clock_mono_ns() + SNAPSHOT_RETRY_NS;
    log_error("snapshot %llu failed: %s; the journal goes on without",
              (unsigned long long)c->snapshot_number, e.text);
}

/* The child holds a frozen copy of the state; it dies with us, and never touches what the parent is
 * doing. */
static void write_and_exit(struct ctld *c, pid_t parent) __attribute__((noreturn));

static void write_and_exit(struct ctld *c, pid_t parent)
{
    struct err e = { 0 };

    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent || nice(10) < 0)
        _exit(1);
    if (wal_snapshot_write(c->wal, c->snapshot_number, dump, c->core, &e) < 0) {
        log_error("%s", e.text);
        _exit(1);
    }
    _exit(0);
}

void state_snapshot(struct ctld *c)
{
    struct err e = { 0 };
    pid_t parent = getpid();

    if (c->snapshot || !wal_wants_snapshot(c->wal) || clock_mono_ns() < c->snapshot_retry_ns)
        return;
    c->snapshot_retry_ns = clock_mono_ns() + SNAPSHOT_RETRY_NS;
    /* Replay begins at the snapshot, so events before it must not need replay any more. */
    if (outbox_sync(c->outbox, &e) < 0 || wal_snapshot_begin(c->wal, &c->snapshot_number, &e) < 0) {
        log_error("snapshot: %s", e.text);
        return;
    }
    pid_t pid = fork();
    if (pid == 0)
        write_and_exit(c, parent);
    if (pid < 0) {
        log_error("snapshot: fork: %m");
        return;
    }
    c->snapshot = loop_add_child(c->loop, pid, snapshot_ended, c);
}
