/* The journal as its users see it: what was committed comes back, in order and once. */
#include "test.h"

#include "base/cleanup.h"
#include "base/crc32c.h"
#include "base/xalloc.h"
#include "journal/blob.h"
#include "journal/outbox.h"
#include "journal/record.h"
#include "journal/wal.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

struct seen {
    int64_t last;
    unsigned n;
};

static char *make_dir(void)
{
    char *dir = xstrdup("/tmp/sluice-journal-XXXXXX");

    assert_non_null(mkdtemp(dir));
    return dir;
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

static void append(struct wal *w, int64_t i)
{
    struct core_conf conf = { .cluster = "test" };
    struct fact_configured body = { .conf = &conf, .now = i };

    wal_append(w, &(struct fact){ FACT_configured, &body });
}

static int see(void *ctx, const struct fact *f, struct err *e)
{
    struct seen *seen = ctx;
    const struct fact_configured *body = f->body;

    assert_int_equal(f->kind, FACT_configured);
    seen->last = body->now;
    seen->n++;
    return 0;
}

static struct wal *open_wal(const char *dir, struct seen *seen, struct wal_report *report)
{
    struct wal_options o = { .dir = dir, .segment_bytes = 4096, .ballast_bytes = 4096 };
    struct err e = { 0 };
    struct wal *w = NULL;

    *seen = (struct seen){ 0 };
    if (wal_open(&o, see, seen, &w, report, &e) < 0)
        fail_msg("%s", e.text);
    return w;
}

static void crc32c_agrees_with_the_published_check_value(void **state)
{
    assert_int_equal(crc32c(0, "123456789", 9), 0xE3069283u);
    assert_int_equal(crc32c(crc32c(0, "1234", 4), "56789", 5), 0xE3069283u);
}

static void what_was_committed_comes_back_and_the_epoch_rises(void **state)
{
    char *dir = make_dir();
    struct wal_report report;
    struct seen seen;
    struct err e;

    struct wal *w = open_wal(dir, &seen, &report);
    uint64_t epoch = wal_epoch(w);
    for (int i = 1; i <= 500; i++) {
        append(w, i);
        if (i % 7 == 0)
            assert_int_equal(wal_commit(w, &e), 0);
    }
    wal_close(w); /* the last three are not committed */

    w = open_wal(dir, &seen, &report);
    assert_int_equal(seen.n, 497);
    assert_int_equal(seen.last, 497);
    assert_int_equal(report.facts, 497);
    assert_int_equal(report.torn_bytes, 0);
    assert_int_equal(report.damaged, 0);
    assert_int_equal(wal_epoch(w), epoch + 1);
    assert_int_equal(wal_sequence(w), 498);
    wal_close(w);
    remove_dir(dir);
}

/* The state is the number of the last fact; a snapshot is that one fact. */
static void dump_last(void *source, wal_emit_fn *emit, void *ctx)
{
    struct core_conf conf = { .cluster = "test" };
    struct fact_configured body = { .conf = &conf, .now = *(int64_t *)source };

    emit(ctx, &(struct fact){ FACT_configured, &body });
}

static void take_snapshot(struct wal *w, int64_t last)
{
    struct err e;
    uint64_t number;

    assert_int_equal(wal_snapshot_begin(w, &number, &e), 0);
    assert_int_equal(wal_snapshot_write(w, number, dump_last, &last, &e), 0);
    assert_int_equal(wal_snapshot_done(w, number, &e), 0);
}

static unsigned count_files(const char *dir, const char *stem)
{
    struct place p;
    struct numbers n;

    assert_int_equal(place_init(&p, dir, NULL, NULL), 0);
    assert_int_equal(place_list(&p, stem, &n, NULL), 0);
    free(n.v);
    place_fini(&p);
    return n.n;
}

static void snapshots_shorten_replay_and_two_are_kept(void **state)
{
    char *dir = make_dir();
    struct wal_report report;
    struct seen seen;
    struct err e;

    struct wal *w = open_wal(dir, &seen, &report);
    for (int i = 1; i <= 900; i++) {
        append(w, i);
        assert_int_equal(wal_commit(w, &e), 0);
        if (i % 200 == 0) {
            assert_true(wal_wants_snapshot(w));
            take_snapshot(w, i);
            assert_false(wal_wants_snapshot(w));
        }
    }
    wal_close(w);
    assert_int_equal(count_files(dir, "snap"), 2);

    w = open_wal(dir, &seen, &report);
    assert_int_equal(seen.last, 900);
    assert_int_equal(seen.n, 101);
    assert_int_equal(wal_sequence(w), 901);
    wal_close(w);
    remove_dir(dir);
}

static void a_second_writer_is_refused(void **state)
{
    char *dir = make_dir();
    struct seen seen;
    struct wal *w = open_wal(dir, &seen, NULL);
    int status;

    pid_t pid = fork();
    if (pid == 0) {
        struct wal_options o = { .dir = dir };
        struct wal *second = NULL;
        struct err e;
        int r = wal_open(&o, see, &seen, &second, NULL, &e);
        _exit(r == -EBUSY && strstr(e.text, "in use by process") ? 0 : 1);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    wal_close(w);
    remove_dir(dir);
}

static void a_directory_that_everybody_writes_to_is_refused(void **state)
{
    char *dir = make_dir();
    struct wal_options o = { .dir = dir };
    struct wal *w = NULL;
    struct err e;

    assert_int_equal(chmod(dir, 0777), 0);
    assert_int_equal(wal_open(&o, see, NULL, &w, NULL, &e), -EPERM);
    assert_non_null(strstr(e.text, "chmod o-w"));
    assert_null(w);
    remove_dir(dir);
}

static void blobs_are_stored_once_and_survive(void **state)
{
    char *dir = make_dir();
    struct arena a = { 0 };
    struct blobs *b = NULL;
    struct bytes got;
    struct err e;
    uint64_t script, again, other, empty;

    assert_int_equal(blobs_open(dir, NULL, &b, &e), 0);
    assert_int_equal(blobs_put(b, "#!/bin/sh\n", 10, &script, &e), 0);
    assert_int_equal(blobs_put(b, "A=1", 3, &other, &e), 0);
    assert_int_equal(blobs_put(b, "", 0, &empty, &e), 0);
    assert_int_equal(blobs_get(b, other, &a, &got, &e), 0);
    assert_memory_equal(got.p, "A=1", 3);
    assert_int_equal(blobs_commit(b, &e), 0);
    assert_int_equal(blobs_put(b, "#!/bin/sh\n", 10, &again, &e), 0);
    assert_true(script == again && script != other && script != 0);
    blobs_close(b);

    assert_int_equal(blobs_open(dir, NULL, &b, &e), 0);
    assert_int_equal(blobs_get(b, script, &a, &got, &e), 0);
    assert_int_equal(got.len, 10);
    assert_memory_equal(got.p, "#!/bin/sh\n", 10);
    assert_int_equal(blobs_get(b, script + 77, &a, &got, &e), -ENOENT);
    assert_int_equal(blobs_put(b, "A=1", 3, &again, &e), 0);
    assert_true(again == other);
    blobs_sweep(b); /* one of the file's three is in use */
    assert_int_equal(blobs_get(b, script, &a, &got, &e), 0);
    blobs_drop(b, other);
    blobs_sweep(b);
    assert_int_equal(blobs_get(b, script, &a, &got, &e), -ENOENT);
    assert_int_equal(count_files(dir, "blob"), 0);
    blobs_close(b);
    arena_fini(&a);
    remove_dir(dir);
}

static void a_damaged_blob_is_noticed_and_its_content_stored_anew(void **state)
{
    char *dir = make_dir();
    CLEANUP(freep) char *path = xasprintf("%s/blob.1", dir);
    struct arena a = { 0 };
    struct blobs *b = NULL;
    struct bytes got;
    struct err e;
    uint64_t key, again;

    assert_int_equal(blobs_open(dir, NULL, &b, &e), 0);
    assert_int_equal(blobs_put(b, "content", 7, &key, &e), 0);
    assert_int_equal(blobs_commit(b, &e), 0);
    blobs_close(b);
    int fd = open(path, O_WRONLY);
    assert_int_equal(pwrite(fd, "X", 1, RECORD_HEAD + 3), 1);
    close(fd);

    assert_int_equal(blobs_open(dir, NULL, &b, &e), 0);
    assert_int_equal(blobs_get(b, key, &a, &got, &e), -EBADMSG);
    assert_int_equal(blobs_put(b, "content", 7, &again, &e), 0);
    assert_true(again != key);
    assert_int_equal(blobs_get(b, again, &a, &got, &e), 0);
    blobs_close(b);
    arena_fini(&a);
    remove_dir(dir);
}

static void put_events(struct outbox *o, uint64_t from, uint64_t to)
{
    for (uint64_t i = from; i <= to; i++) {
        struct acct_node_event node = { .node = "n1", .state = "DOWN", .reason = "", .time = 7 };
        outbox_append(o, &(struct acct_event){ .seq = i, .time = (int64_t)i, .node = &node });
    }
}

static uint64_t drain(struct outbox *o, uint64_t from, unsigned max)
{
    struct arena a = { 0 };
    struct acct_events got = { 0 };
    struct err e;

    do {
        assert_int_equal(outbox_read(o, from, max, &a, &got, &e), 0);
        for (uint32_t i = 0; i < got.events.n; i++)
            assert_int_equal(got.events.v[i].seq, from++);
        arena_reset(&a);
    } while (got.events.n > 0);
    arena_fini(&a);
    return from - 1;
}

static void the_outbox_gives_every_event_once_and_in_order(void **state)
{
    char *dir = make_dir();
    struct outbox *o = NULL;
    struct err e;

    assert_int_equal(outbox_open(dir, NULL, &o, &e), 0);
    uint64_t instance = outbox_instance(o);
    assert_true(instance != 0);
    put_events(o, 1, 1000);
    assert_int_equal(drain(o, 1, 300), 1000);
    put_events(o, 990, 1010); /* ten of them are known */
    assert_int_equal(drain(o, 1001, 500), 1010);
    assert_int_equal(drain(o, 5, 64), 1010);
    outbox_close(o);

    assert_int_equal(outbox_open(dir, NULL, &o, &e), 0);
    assert_true(outbox_instance(o) == instance);
    assert_int_equal(outbox_last(o), 1010);
    put_events(o, 1, 1020);
    assert_int_equal(drain(o, 1, 1000), 1020);
    outbox_close(o);
    remove_dir(dir);
}

static void acknowledged_files_of_the_outbox_go_but_for_two(void **state)
{
    char *dir = make_dir();
    struct outbox *o = NULL;
    struct err e;
    static char reason[100000];

    memset(reason, 'x', sizeof reason - 1);
    assert_int_equal(outbox_open(dir, NULL, &o, &e), 0);
    for (uint64_t i = 1; i <= 700; i++) {
        struct acct_node_event node = { .node = "n1", .state = "", .reason = reason };
        outbox_append(o, &(struct acct_event){ .seq = i, .node = &node });
        assert_int_equal(outbox_flush(o, &e), 0);
    }
    unsigned before = count_files(dir, "outbox");
    assert_true(before > 3);
    assert_int_equal(drain(o, 1, 100), 700);
    outbox_acked(o, 10);
    assert_int_equal(count_files(dir, "outbox"), before);
    outbox_acked(o, 700);
    assert_int_equal(count_files(dir, "outbox"), 2);
    assert_int_equal(drain(o, 690, 100), 700);
    outbox_close(o);
    remove_dir(dir);
}

static void a_torn_outbox_is_cut_and_filled_again(void **state)
{
    char *dir = make_dir();
    CLEANUP(freep) char *path = xasprintf("%s/outbox.1", dir);
    struct outbox *o = NULL;
    struct err e;
    struct stat s;

    assert_int_equal(outbox_open(dir, NULL, &o, &e), 0);
    put_events(o, 1, 10);
    outbox_close(o);
    assert_int_equal(stat(path, &s), 0);
    assert_int_equal(truncate(path, s.st_size - 5), 0);

    assert_int_equal(outbox_open(dir, NULL, &o, &e), 0);
    assert_int_equal(outbox_last(o), 9);
    put_events(o, 1, 11);
    assert_int_equal(drain(o, 1, 4), 11);
    outbox_close(o);
    remove_dir(dir);
}

int main(void)
{
    return RUN(T(crc32c_agrees_with_the_published_check_value),
               T(what_was_committed_comes_back_and_the_epoch_rises),
               T(snapshots_shorten_replay_and_two_are_kept), T(a_second_writer_is_refused),
               T(a_directory_that_everybody_writes_to_is_refused),
               T(blobs_are_stored_once_and_survive),
               T(a_damaged_blob_is_noticed_and_its_content_stored_anew),
               T(the_outbox_gives_every_event_once_and_in_order),
               T(acknowledged_files_of_the_outbox_go_but_for_two),
               T(a_torn_outbox_is_cut_and_filled_again));
}
