/* What the journal promises about crashes, tried at every place (issue 2, point 4; reliability F6
 * to F9).
 *
 * The state is a count of facts and a hash over all of them, so that two states are equal only if
 * the same facts were applied in the same order.  A snapshot is one fact that holds both. */
#include "../unit/test.h"
#include "bad_disk.h"

#include "base/cleanup.h"
#include "base/xalloc.h"
#include "journal/wal.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define COMMITS 40
#define SEGMENT 1024

struct state {
    uint64_t count, hash;
};

/* What the workload did before it died. */
struct history {
    struct state after[COMMITS + 1]; /* each commit; [0]: nothing */
    unsigned tried, acked;           /* commits */
};

static char *make_dir(void)
{
    /* In memory where that can be had: what a power cut loses is made by bad_disk, not by the
     * machine. */
    char *dir = xstrdup(access("/dev/shm", W_OK) == 0 ? "/dev/shm/sluice-crash-XXXXXX"
                                                      : "/tmp/sluice-crash-XXXXXX");

    assert_non_null(mkdtemp(dir));
    return dir;
}

static void empty_dir(const char *dir)
{
    struct dirent *entry;

    CLEANUP(closedirp) DIR *d = opendir(dir);
    while ((entry = readdir(d)))
        unlinkat(dirfd(d), entry->d_name, 0);
}

static void remove_dir(char *dir)
{
    empty_dir(dir);
    rmdir(dir);
    free(dir);
}

/* ---- the state machine */

static int apply(void *ctx, const struct fact *f, struct err *e)
{
    struct state *s = ctx;
    const struct fact_configured *body = f->body;
    unsigned long long count, hash;

    if (sscanf(body->conf->cluster, "snapshot %llu %llu", &count, &hash) == 2) {
        *s = (struct state){ count, hash };
        return 0;
    }
    s->count++;
    s->hash = hash_u64(s->hash ^ (uint64_t)body->now);
    return 0;
}

static void dump(void *source, wal_emit_fn *emit, void *ctx)
{
    const struct state *s = source;
    char text[80];

    snprintf(text, sizeof text, "snapshot %llu %llu", (unsigned long long)s->count,
             (unsigned long long)s->hash);
    struct core_conf conf = { .cluster = text };
    struct fact_configured body = { .conf = &conf };
    emit(ctx, &(struct fact){ FACT_configured, &body });
}

static void append(struct wal *w, struct state *s)
{
    char padding[64] = { 0 };
    struct core_conf conf = { .cluster = padding };
    struct fact_configured body = { .conf = &conf, .now = (int64_t)s->count * 31 + 7 };
    struct fact f = { FACT_configured, &body };

    memset(padding, 'p', s->count * 13 % sizeof padding);
    wal_append(w, &f);
    assert_int_equal(apply(s, &f, NULL), 0);
}

static struct wal_options options(const char *dir, const struct disk *disk)
{
    return (struct wal_options){
        .dir = dir, .disk = disk, .segment_bytes = SEGMENT, .ballast_bytes = 4096
    };
}

static int open_wal(const struct wal_options *o, struct state *s, struct wal **ret,
                    struct wal_report *report, struct err *e)
{
    *s = (struct state){ 0 };
    *ret = NULL;
    return wal_open(o, apply, s, ret, report, e);
}

/* A snapshot that fails is no reason to stop; a commit that fails is. */
static void snapshot(struct wal *w, struct state *s)
{
    uint64_t number;
    struct err e;

    if (wal_snapshot_begin(w, &number, &e) == 0 && wal_snapshot_write(w, number, dump, s, &e) == 0)
        wal_snapshot_done(w, number, &e);
}

static void work(const struct wal_options *o, unsigned commits, unsigned snapshot_every,
                 struct history *h)
{
    struct wal *w;
    struct state s;
    struct err e;

    *h = (struct history){ 0 };
    if (open_wal(o, &s, &w, NULL, &e) < 0)
        return;
    while (h->tried < commits) {
        for (unsigned i = 0; i <= h->tried % 3; i++)
            append(w, &s);
        h->after[++h->tried] = s;
        if (wal_commit(w, &e) < 0)
            break;
        h->acked = h->tried;
        if (h->tried % snapshot_every == 0)
            snapshot(w, &s);
    }
    wal_close(w);
}

static bool equal(struct state a, struct state b)
{
    return a.count == b.count && a.hash == b.hash;
}

/* Everything acknowledged is there, and nothing is half there. */
static void check_recovered(struct state s, const struct history *h, unsigned n)
{
    for (unsigned k = h->acked; k <= h->tried; k++)
        if (equal(s, h->after[k]))
            return;
    fail_msg("call %u failed: %llu facts came back, %llu were acknowledged", n,
             (unsigned long long)s.count, (unsigned long long)h->after[h->acked].count);
}

/* ---- the tests */

struct trial {
    const char *what;
    int code;
    bool is_sticky, tears, cuts_power;
    uint32_t segment; /* 0: small ones */
};

/* The next life reads what may be in the page cache only.  What it accepted must outlive a power
 * cut that follows at once. */
static void survive_two_lives(const struct wal_options *o, struct bad_disk *disk,
                              const struct history *h, unsigned n)
{
    struct wal_options sound = options(o->dir, NULL);
    struct state accepted;
    struct state s;
    struct wal *w;
    struct err e;

    if (open_wal(o, &accepted, &w, NULL, &e) < 0)
        fail_msg("call %u: cannot start again: %s", n, e.text);
    check_recovered(accepted, h, n);
    wal_close(w);
    bad_disk_power_cut(disk);
    if (open_wal(&sound, &s, &w, NULL, &e) < 0)
        fail_msg("call %u: cannot start after the power cut: %s", n, e.text);
    wal_close(w);
    if (!equal(s, accepted))
        fail_msg("call %u: what the second life accepted was not durable", n);
}

static bool try_failure(const char *dir, const struct trial *t, unsigned n)
{
    struct bad_disk disk;
    struct wal_options broken = options(dir, &disk.ops);
    struct wal_options sound = options(dir, NULL);
    struct history h;
    struct wal_report report;
    struct wal *w;
    struct state s;
    struct err e = { 0 };

    empty_dir(dir);
    bad_disk_init(&disk);
    disk.fail_at = n;
    disk.code = t->code;
    disk.is_sticky = t->is_sticky;
    disk.tears = t->tears;
    disk.seed = n;
    if (t->segment)
        broken.segment_bytes = t->segment;
    work(&broken, COMMITS, 9, &h);
    if (t->cuts_power)
        bad_disk_power_cut(&disk);
    bool has_failed = disk.has_failed;
    disk.fail_at = 0;
    survive_two_lives(&broken, &disk, &h, n);
    bad_disk_fini(&disk);

    if (open_wal(&sound, &s, &w, &report, &e) < 0)
        fail_msg("%s, call %u: cannot start again: %s", t->what, n, e.text);
    check_recovered(s, &h, n);
    if (report.damaged > 0)
        fail_msg("%s, call %u: taken for bit rot: %s", t->what, n, report.text);
    wal_close(w);

    /* What was accepted once stays accepted. */
    struct state again;
    assert_int_equal(open_wal(&sound, &again, &w, &report, &e), 0);
    assert_true(equal(s, again) && report.damaged == 0 && report.torn_bytes == 0);
    wal_close(w);
    return has_failed;
}

static void a_call_that_fails_anywhere_loses_nothing_acknowledged(void **state)
{
    static const struct trial trials[] = {
        { "one error", EIO, false, false, false },
        { "errors from then on", EIO, true, false, false },
        { "one torn write", EIO, false, true, false },
        { "torn, then dead", EIO, true, true, true },
        { "full once", ENOSPC, false, true, false },
        { "full from then on", ENOSPC, true, true, true },
        { "one error, one segment", EIO, false, false, false, 1 << 20 },
        { "full once, one segment", ENOSPC, false, true, true, 1 << 20 },
    };
    char *dir = make_dir();

    for (unsigned i = 0; i < sizeof trials / sizeof trials[0]; i++) {
        unsigned n = 1;
        while (try_failure(dir, &trials[i], n))
            n++;
        assert_true(n > 100); /* the workload makes more calls than that */
    }
    remove_dir(dir);
}

/* The journal as files in memory, to be laid out again and again. */
struct files {
    struct {
        char name[64];
        struct buf content;
    } v[64];
    unsigned n;
};

static void load_files(struct files *f, const char *dir)
{
    struct dirent *entry;

    CLEANUP(closedirp) DIR *d = opendir(dir);
    f->n = 0;
    while ((entry = readdir(d))) {
        CLEANUP(freep) char *path = xasprintf("%s/%s", dir, entry->d_name);
        struct stat s;
        if (stat(path, &s) < 0 || !S_ISREG(s.st_mode) || strcmp(entry->d_name, "ballast") == 0)
            continue;
        snprintf(f->v[f->n].name, sizeof f->v[0].name, "%.60s", entry->d_name);
        f->v[f->n].content = (struct buf){ 0 };
        assert_int_equal(file_read(path, &f->v[f->n].content, NULL), 0);
        f->n++;
    }
}

static void lay_out(const struct files *f, const char *dir)
{
    empty_dir(dir);
    for (unsigned i = 0; i < f->n; i++) {
        CLEANUP(freep) char *path = xasprintf("%s/%s", dir, f->v[i].name);
        CLEANUP(closep) int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
        assert_true(write(fd, f->v[i].content.data, f->v[i].content.len) >= 0);
    }
}

static void free_files(struct files *f)
{
    for (unsigned i = 0; i < f->n; i++)
        buf_fini(&f->v[i].content);
}

static int no_sync(void *ctx, int fd)
{
    return 0;
}

static int no_sync_dir(void *ctx, const char *path)
{
    return 0;
}

static const struct disk fast = { .fdatasync = no_sync, .fsync_dir = no_sync_dir };

static void every_prefix_gives_the_state_of_its_last_commit(void **state)
{
    char *dir = make_dir();
    struct wal_options o = options(dir, &fast);
    struct files files;
    struct history h;

    work(&o, COMMITS, 1000, &h);
    load_files(&files, dir);
    unsigned last = 0;
    for (unsigned i = 0; i < files.n; i++)
        if (strncmp(files.v[i].name, "wal.", 4) == 0 &&
            (strncmp(files.v[last].name, "wal.", 4) != 0 ||
             atoi(files.v[i].name + 4) > atoi(files.v[last].name + 4)))
            last = i;
    uint64_t before = UINT64_MAX;
    for (size_t len = files.v[last].content.len; len > 0; len--) {
        struct wal_report report;
        struct wal *w;
        struct state s;
        files.v[last].content.len = len;
        lay_out(&files, dir);
        assert_int_equal(open_wal(&o, &s, &w, &report, NULL), 0);
        wal_close(w);
        assert_true(s.count <= before && report.damaged == 0);
        before = s.count;
        unsigned k = 0;
        while (k < COMMITS && !equal(s, h.after[k]))
            k++;
        assert_true(equal(s, h.after[k]));
    }
    assert_true(before < h.after[COMMITS].count);
    free_files(&files);
    remove_dir(dir);
}

/* Nothing may come back different without a word about it. */
static void every_flipped_bit_is_noticed(void **state)
{
    char *dir = make_dir();
    struct wal_options o = options(dir, &fast);
    struct files files;
    struct history h;
    unsigned differed = 0;

    work(&o, 16, 6, &h);
    struct wal *w;
    struct state full;
    assert_int_equal(open_wal(&o, &full, &w, NULL, NULL), 0);
    wal_close(w); /* cuts the last segment to its length */
    assert_true(equal(full, h.after[16]));
    load_files(&files, dir);
    for (unsigned i = 0; i < files.n; i++) {
        struct buf *content = &files.v[i].content;
        for (size_t bit = 0; bit < content->len * 8; bit++) {
            struct wal_report report;
            struct state s;
            struct err e;
            content->data[bit / 8] ^= (uint8_t)(1u << bit % 8);
            lay_out(&files, dir);
            content->data[bit / 8] ^= (uint8_t)(1u << bit % 8);
            if (open_wal(&o, &s, &w, &report, &e) < 0)
                fail_msg("%s, bit %zu: blocks the start: %s", files.v[i].name, bit, e.text);
            wal_close(w);
            bool is_noticed = report.damaged > 0 || report.torn_bytes > 0;
            if (!equal(s, full) && !is_noticed)
                fail_msg("%s, bit %zu: unnoticed", files.v[i].name, bit);
            bool is_mended = strncmp(files.v[i].name, "wal.", 4) != 0;
            if (!equal(s, full) && is_mended)
                fail_msg("%s, bit %zu: not mended: %s", files.v[i].name, bit, report.text);
            differed += !equal(s, full);
        }
    }
    /* A snapshot is mended by the older one and the log since; in the log itself facts were lost,
     * with a word. */
    assert_true(differed > 0);
    free_files(&files);
    remove_dir(dir);
}

/* A disk that is full until the ballast goes. */
static int full_fallocate(void *ctx, int fd, int64_t len)
{
    bool *is_full = ctx;

    errno = ENOSPC;
    return *is_full ? -1 : ftruncate(fd, len);
}

static ssize_t full_pwrite(void *ctx, int fd, const void *p, size_t len, int64_t at)
{
    bool *is_full = ctx;

    errno = ENOSPC;
    return *is_full ? -1 : pwrite(fd, p, len, at);
}

static int full_unlink(void *ctx, const char *path)
{
    bool *is_full = ctx;

    if (strstr(path, "/ballast"))
        *is_full = false;
    return unlink(path);
}

static int64_t free_for_others(void *ctx, const char *path)
{
    return *(bool *)ctx ? 0 : 1 << 20;
}

static void a_full_disk_refuses_new_work_and_still_writes_the_rest(void **state)
{
    char *dir = make_dir();
    bool is_full = false;
    struct disk disk = { .fallocate = full_fallocate,
                         .pwrite = full_pwrite,
                         .unlink = full_unlink,
                         .free_bytes = free_for_others,
                         .ctx = &is_full };
    struct wal_options o = options(dir, &disk);
    struct wal_options sound = options(dir, NULL);
    struct wal *w;
    struct state s;
    struct err e;

    assert_int_equal(open_wal(&o, &s, &w, NULL, &e), 0);
    assert_true(wal_has_space(w, 1000));
    is_full = true;
    assert_false(wal_has_space(w, 1000));
    for (int i = 0; i < 100; i++) {
        append(w, &s);
        assert_int_equal(wal_commit(w, &e), 0);
    }
    assert_false(is_full);               /* the ballast was given up */
    assert_true(wal_has_space(w, 1000)); /* and is taken again when there is room */
    is_full = true;
    assert_false(wal_has_space(w, 1000));
    wal_close(w);

    struct state back;
    assert_int_equal(open_wal(&sound, &back, &w, NULL, &e), 0);
    assert_true(equal(s, back));
    wal_close(w);
    remove_dir(dir);
}

int main(void)
{
    return RUN(T(a_call_that_fails_anywhere_loses_nothing_acknowledged),
               T(every_prefix_gives_the_state_of_its_last_commit), T(every_flipped_bit_is_noticed),
               T(a_full_disk_refuses_new_work_and_still_writes_the_rest));
}
