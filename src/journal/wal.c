/* Writing the journal: one batch for each turn, one write and one sync for each batch.
 *
 * A segment belongs to one life of the daemon: opening never writes into an old file, so what
 * replay accepted stays what it was, and the first sequence of the next segment says where the
 * former one ends. */
#include "journal/wal_impl.h"

#include "base/xalloc.h"
#include "base/cleanup.h"
#include "wire/wire.h"
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#define ZERO_AHEAD (256u << 10)

/* A crash loop makes small segments; this many ask for a snapshot that clears them away. */
#define SEGMENTS_MAX 32u
#define SEGMENT_HEAD (RECORD_HEAD + sizeof(struct record_numbers) + RECORD_TAIL)

static int lock_dir(struct wal *w, struct err *e);
static void take_ballast(struct wal *w);
static void drop_ballast(struct wal *w);

int wal_open(const struct wal_options *o, wal_fact_fn *fn, void *ctx, struct wal **ret,
             struct wal_report *report, struct err *e)
{
    struct wal_report ignored;
    struct wal *w = xcalloc(1, sizeof *w);
    struct replay replay = { w, fn, ctx, report ? report : &ignored, { 0 } };

    w->fd = w->lock_fd = -1;
    w->next = 1;
    w->segment_bytes = o->segment_bytes ? o->segment_bytes : WAL_SEGMENT_BYTES;
    w->ballast_bytes = o->ballast_bytes ? o->ballast_bytes : WAL_BALLAST_BYTES;
    *replay.report = (struct wal_report){ 0 };

    int r = place_init(&w->place, o->dir, o->disk, e);
    if (r == 0)
        r = lock_dir(w, e);
    if (r == 0 && o->locked)
        r = o->locked(ctx, e);
    if (r == 0)
        r = replay_all(&replay, e);
    arena_fini(&replay.arena);
    if (r == 0) {
        w->epoch = (w->epoch > o->epoch_above ? w->epoch : o->epoch_above) + 1;
        take_ballast(w);
        r = wal_rotate(w, e);
    }
    if (r < 0) {
        wal_close(w);
        return r;
    }
    *ret = w;
    return 0;
}

void wal_close(struct wal *w)
{
    if (!w)
        return;
    if (w->fd >= 0)
        close(w->fd);
    if (w->lock_fd >= 0)
        close(w->lock_fd);
    buf_fini(&w->batch);
    place_fini(&w->place);
    free(w);
}

void wal_append(struct wal *w, const struct fact *f)
{
    const struct desc *d = fact_desc(f->kind);

    assert(d);
    uint16_t flags = w->batch.len == 0 ? RECORD_FIRST : 0;
    w->last_at = record_begin(&w->batch, f->kind, w->next++);
    wire_pack(d, f->body, &w->batch);
    record_end(&w->batch, w->last_at, flags);
}

static bool is_full(int code)
{
    return code == -ENOSPC || code == -EDQUOT;
}

/* A block that was only reserved costs its first sync a write of metadata (ext4: 149 against 94
 * us), so zeros for many commits go out behind the batch that reaches new ground.  Returns how much
 * to write; replay passes over zeros anyway. */
static size_t zero_ahead(struct wal *w)
{
    size_t len = w->batch.len;
    uint64_t end = w->at + len;
    uint64_t upto = end + ZERO_AHEAD < w->segment_bytes ? end + ZERO_AHEAD : w->segment_bytes;

    if (!w->is_allocated || end <= w->zeroed || upto <= end)
        return len;
    buf_reserve(&w->batch, upto - end);
    memset(w->batch.data + len, 0, upto - end);
    w->zeroed = upto;
    return len + (upto - end);
}

/* On a full disk the ballast is given up and the write tried once more: a write may be repeated, a
 * sync may not. */
static int write_batch(struct wal *w)
{
    size_t len = zero_ahead(w);
    int r = place_write(&w->place, w->fd, w->batch.data, len, (int64_t)w->at);

    if (is_full(r) && w->has_ballast) {
        drop_ballast(w);
        r = place_write(&w->place, w->fd, w->batch.data, len, (int64_t)w->at);
    }
    return r;
}

int wal_commit(struct wal *w, struct err *e)
{
    if (w->batch.len == 0)
        return 0;
    if (w->is_dead)
        return err_set(e, EIO, "%s: an unfinished segment could not be taken back", w->place.dir);
    record_flag(w->batch.data + w->last_at, RECORD_LAST);
    if (w->at + w->batch.len > w->segment_bytes && w->at > SEGMENT_HEAD) {
        int r = wal_rotate(w, e);
        if (r < 0)
            return r;
    }

    int r = write_batch(w);
    if (r < 0)
        return err_set(e, -r, "write %s/wal.%llu: %s", w->place.dir, (unsigned long long)w->number,
                       strerror(-r));
    if (w->place.disk.fdatasync(w->place.disk.ctx, w->fd) < 0) {
        r = err_errno(e, "fdatasync %s/wal.%llu", w->place.dir, (unsigned long long)w->number);
        /* The kernel may call pages clean that never reached the disk.  The next life must not read
         * them. */
        posix_fadvise(w->fd, 0, 0, POSIX_FADV_DONTNEED);
        return r;
    }
    w->at += w->batch.len;
    w->since_bytes += w->batch.len;
    buf_reset(&w->batch);
    return 0;
}

/* Space for a whole segment, so that commits only overwrite.  A file system that cannot, or a full
 * disk once the ballast is gone, leaves the segment to grow as it is written. */
static int preallocate(struct wal *w, int fd)
{
    struct disk *d = &w->place.disk;

    w->is_allocated = d->fallocate(d->ctx, fd, w->segment_bytes) == 0;
    if (!w->is_allocated && is_full(-errno) && w->has_ballast) {
        drop_ballast(w);
        w->is_allocated = d->fallocate(d->ctx, fd, w->segment_bytes) == 0;
    }
    if (w->is_allocated)
        return 0;
    return is_full(-errno) || errno == EOPNOTSUPP ? 0 : -errno;
}

static int fill_new_segment(struct wal *w, int fd, const struct buf *head)
{
    struct disk *d = &w->place.disk;
    int r = preallocate(w, fd);

    if (r == 0)
        r = place_write(&w->place, fd, head->data, head->len, 0);
    if (r == 0 && (d->fdatasync(d->ctx, fd) < 0 || d->fsync_dir(d->ctx, w->place.dir) < 0))
        r = -errno;
    return r;
}

/* The segment must not be found by the next life: its first sequence would cut off what the old one
 * is still given.  When that cannot be had, nothing more may be written. */
static void take_back(struct wal *w, uint64_t number)
{
    struct disk *d = &w->place.disk;
    int r = place_remove(&w->place, "wal", number);

    if ((r < 0 && r != -ENOENT) || d->fsync_dir(d->ctx, w->place.dir) < 0)
        w->is_dead = true;
}

static int new_segment(struct wal *w, uint64_t number, const struct buf *head)
{
    CLEANUP(closep) int fd = place_create(&w->place, "wal", number);
    int r = fd < 0 ? fd : fill_new_segment(w, fd, head);

    if (r < 0) {
        take_back(w, number);
        return r;
    }
    return TAKE_FD(fd);
}

/* Starts the next segment.  The batch is untouched; its first sequence goes into the new head. */
int wal_rotate(struct wal *w, struct err *e)
{
    CLEANUP(buf_fini) struct buf head = { 0 };
    uint64_t number = w->number + 1;
    uint64_t first = w->next;
    struct record r;

    if (w->batch.len > 0 && record_read_head(w->batch.data, w->batch.len, &r))
        first = r.number;
    record_put_numbers(&head, RECORD_FILE, first, (struct record_numbers){ { number, w->epoch } });
    int fd = new_segment(w, number, &head);
    if (is_full(fd) && w->has_ballast && !w->is_dead) {
        drop_ballast(w);
        fd = new_segment(w, number, &head);
    }
    if (fd < 0)
        return err_set(e, -fd, "start %s/wal.%llu: %s", w->place.dir, (unsigned long long)number,
                       strerror(-fd));
    if (w->fd >= 0)
        close(w->fd);
    w->fd = fd;
    w->number = number;
    w->at = w->zeroed = head.len;
    w->since_segments++;
    return 0;
}

bool wal_wants_snapshot(const struct wal *w)
{
    return w->since_bytes >= w->segment_bytes || w->since_segments > SEGMENTS_MAX;
}

uint64_t wal_sequence(const struct wal *w)
{
    return w->next;
}

uint64_t wal_epoch(const struct wal *w)
{
    return w->epoch;
}

bool wal_is_volatile(const struct wal *w)
{
    return place_is_volatile(&w->place);
}

/* A record lock and not flock: it is not inherited by the child that writes a snapshot, which may
 * outlive us. */
static int lock_dir(struct wal *w, struct err *e)
{
    struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
    CLEANUP(freep) char *path = xasprintf("%s/lock", w->place.dir);

    w->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (w->lock_fd < 0)
        return err_errno(e, "open %s", path);
    if (fcntl(w->lock_fd, F_SETLK, &lock) == 0)
        return 0;
    if (fcntl(w->lock_fd, F_GETLK, &lock) == 0 && lock.l_type != F_UNLCK)
        return err_set(e, EBUSY, "%s is in use by process %d", w->place.dir, (int)lock.l_pid);
    return err_set(e, EBUSY, "%s is in use by another process", w->place.dir);
}

/* ---- space */

uint64_t wal_free_bytes(const struct wal *w)
{
    int64_t n = w->place.disk.free_bytes(w->place.disk.ctx, w->place.dir);

    return n < 0 ? UINT64_MAX : (uint64_t)n;
}

/* True as long as the ballast lies there whole and `bytes` are free besides.  The ballast comes
 * back by itself when there is room again. */
bool wal_has_space(struct wal *w, uint64_t bytes)
{
    uint64_t room = wal_free_bytes(w);

    if (!w->has_ballast && room > bytes + w->ballast_bytes) {
        take_ballast(w);
        room -= w->ballast_bytes;
    }
    return w->has_ballast && room >= bytes;
}

/* Failure only means that there is none: wal_has_space tells. */
static void take_ballast(struct wal *w)
{
    struct disk *d = &w->place.disk;
    CLEANUP(freep) char *path = xasprintf("%s/ballast", w->place.dir);
    CLEANUP(closep) int fd = d->open(d->ctx, path, O_RDWR | O_CREAT, 0600);

    if (fd < 0)
        return;
    w->has_ballast = d->fallocate(d->ctx, fd, w->ballast_bytes) == 0 || errno == EOPNOTSUPP;
    if (!w->has_ballast)
        d->unlink(d->ctx, path);
}

static void drop_ballast(struct wal *w)
{
    CLEANUP(freep) char *path = xasprintf("%s/ballast", w->place.dir);

    w->place.disk.unlink(w->place.disk.ctx, path);
    w->has_ballast = false;
}
