/* A queue in files of bounded size; see outbox.h.
 *
 * A file opens with a record that holds the instance and the sequence before its first event.
 * Nothing is synced but at snapshots, so a crash may tear any file's tail: the last one is cut at
 * the last sound record when opened. */
#include "journal/outbox.h"

#include "base/cleanup.h"
#include "base/xalloc.h"
#include "journal/record.h"
#include "wire/wire.h"
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/random.h>

#define OUTBOX_FILE_BYTES (16u << 20)
#define OUTBOX_BUFFER (256u << 10)
#define READ_CHUNK (1u << 20)
#define OUTBOX_KIND 1u

struct outbox_file {
    uint64_t number;
    uint64_t before; /* sequence before its first event */
};

struct outbox {
    struct place place;
    struct outbox_file *files; /* ascending; the last is written */
    unsigned n;
    int fd;         /* of the last */
    uint64_t bytes; /* written to it */
    struct buf pending;
    uint64_t instance, last;

    /* Where the last read stopped: the next one usually goes on there. */
    struct {
        int fd;
        uint64_t file; /* its number; 0: none */
        uint64_t next; /* sequence expected at `at` */
        uint64_t base; /* offset of the window in the file */
        struct buf window;
        size_t at; /* in the window */
    } reader;
};

static void push_file(struct outbox *o, uint64_t number, uint64_t before)
{
    o->files = xrealloc(o->files, o->n + 1, sizeof *o->files);
    o->files[o->n++] = (struct outbox_file){ number, before };
}

static int start_file(struct outbox *o, struct err *e)
{
    uint64_t number = o->n ? o->files[o->n - 1].number + 1 : 1;
    CLEANUP(buf_fini) struct buf head = { 0 };
    struct disk *d = &o->place.disk;

    record_put_numbers(&head, RECORD_FILE, number,
                       (struct record_numbers){ { o->instance, o->last } });
    CLEANUP(closep) int fd = place_create(&o->place, "outbox", number);
    int r = fd < 0 ? fd : place_write(&o->place, fd, head.data, head.len, 0);
    /* The instance must never be told to slurmdbd and then forgotten. */
    if (r == 0 && (d->fdatasync(d->ctx, fd) < 0 || d->fsync_dir(d->ctx, o->place.dir) < 0))
        r = -errno;
    if (r < 0)
        return err_set(e, -r, "start %s/outbox.%llu: %s", o->place.dir, (unsigned long long)number,
                       strerror(-r));
    if (o->fd >= 0)
        close(o->fd);
    o->fd = TAKE_FD(fd);
    o->bytes = head.len;
    push_file(o, number, o->last);
    return 0;
}

/* ---- opening */

/* False: a file whose head was not yet written when the daemon died. */
static bool load_head(struct outbox *o, uint64_t number)
{
    uint8_t head[RECORD_HEAD + sizeof(struct record_numbers) + RECORD_TAIL];
    CLEANUP(freep) char *path = place_path(&o->place, "outbox", number);
    CLEANUP(closep) int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct record rec;
    struct record_numbers n;

    if (fd < 0 || pread(fd, head, sizeof head, 0) != sizeof head ||
        !record_read(head, sizeof head, &rec) || !record_get_numbers(&rec, &n))
        return false;
    o->instance = n.v[0];
    push_file(o, number, n.v[1]);
    return true;
}

static int open_last(struct outbox *o, struct err *e)
{
    struct outbox_file *f = &o->files[o->n - 1];
    CLEANUP(freep) char *path = place_path(&o->place, "outbox", f->number);
    CLEANUP(buf_fini) struct buf bytes = { 0 };
    struct record rec;

    int r = file_read(path, &bytes, e);
    if (r < 0)
        return r;
    o->last = f->before;
    for (size_t at = 0; record_read(bytes.data + at, bytes.len - at, &rec); at += rec.size) {
        if (rec.kind == OUTBOX_KIND)
            o->last = rec.number;
        o->bytes = at + rec.size;
    }
    o->fd = o->place.disk.open(o->place.disk.ctx, path, O_RDWR, 0);
    if (o->fd < 0)
        return err_errno(e, "open %s", path);
    if (o->place.disk.ftruncate(o->place.disk.ctx, o->fd, (int64_t)o->bytes) < 0)
        return err_errno(e, "ftruncate %s", path);
    return 0;
}

static int load(struct outbox *o, struct err *e)
{
    struct numbers have = { 0 };

    int r = place_list(&o->place, "outbox", &have, e);
    for (unsigned i = 0; r == 0 && i < have.n; i++)
        if (!load_head(o, have.v[i]))
            place_remove(&o->place, "outbox", have.v[i]);
    free(have.v);
    if (r < 0 || o->n > 0)
        return r < 0 ? r : open_last(o, e);
    while (o->instance == 0)
        if (getrandom(&o->instance, sizeof o->instance, 0) != sizeof o->instance)
            return err_errno(e, "getrandom");
    return start_file(o, e);
}

int outbox_open(const char *dir, const struct disk *disk, struct outbox **ret, struct err *e)
{
    struct outbox *o = xcalloc(1, sizeof *o);

    o->fd = o->reader.fd = -1;
    int r = place_init(&o->place, dir, disk, e);
    if (r == 0)
        r = load(o, e);
    if (r < 0) {
        outbox_close(o);
        return r;
    }
    *ret = o;
    return 0;
}

/* ---- writing */

static int write_pending(struct outbox *o, struct err *e)
{
    if (o->pending.len == 0)
        return 0;
    int r = place_write(&o->place, o->fd, o->pending.data, o->pending.len, (int64_t)o->bytes);
    if (r < 0)
        return err_set(e, -r, "write %s/outbox.%llu: %s", o->place.dir,
                       (unsigned long long)o->files[o->n - 1].number, strerror(-r));
    o->bytes += o->pending.len;
    buf_reset(&o->pending);
    return o->bytes < OUTBOX_FILE_BYTES ? 0 : start_file(o, e);
}

void outbox_close(struct outbox *o)
{
    struct err ignored;

    if (!o)
        return;
    /* What cannot be written now is made again by replay. */
    write_pending(o, &ignored);
    if (o->fd >= 0)
        close(o->fd);
    free(o->files);
    buf_fini(&o->pending);
    if (o->reader.fd >= 0)
        close(o->reader.fd);
    buf_fini(&o->reader.window);
    place_fini(&o->place);
    free(o);
}

uint64_t outbox_instance(const struct outbox *o)
{
    return o->instance;
}

uint64_t outbox_last(const struct outbox *o)
{
    return o->last;
}

void outbox_append(struct outbox *o, const struct acct_event *ev)
{
    if (ev->seq <= o->last)
        return;
    size_t at = record_begin(&o->pending, OUTBOX_KIND, ev->seq);
    wire_pack(&desc_acct_event, ev, &o->pending);
    record_end(&o->pending, at, 0);
    o->last = ev->seq;
}

int outbox_flush(struct outbox *o, struct err *e)
{
    return o->pending.len < OUTBOX_BUFFER ? 0 : write_pending(o, e);
}

int outbox_sync(struct outbox *o, struct err *e)
{
    int r = write_pending(o, e);

    if (r == 0 && o->place.disk.fdatasync(o->place.disk.ctx, o->fd) < 0)
        r = err_errno(e, "fdatasync %s/outbox", o->place.dir);
    return r;
}

/* ---- reading */

static int load_window(struct outbox *o, size_t len, struct err *e)
{
    o->reader.base += o->reader.at;
    o->reader.at = 0;
    buf_reset(&o->reader.window);
    buf_reserve(&o->reader.window, len);
    ssize_t n = pread(o->reader.fd, o->reader.window.data, len, (off_t)o->reader.base);
    if (n < 0)
        return err_errno(e, "read %s/outbox.%llu", o->place.dir,
                         (unsigned long long)o->reader.file);
    o->reader.window.len = (size_t)n;
    return 0;
}

static bool in_window(const struct outbox *o, struct record *ret)
{
    const struct buf *w = &o->reader.window;

    return record_read(w->data + o->reader.at, w->len - o->reader.at, ret);
}

/* The record at the cursor, which stays.  1, 0 at the end of what was written, or negative. */
static int peek(struct outbox *o, struct record *ret, struct err *e)
{
    if (in_window(o, ret))
        return 1;
    int r = load_window(o, READ_CHUNK, e);
    if (r < 0 || in_window(o, ret))
        return r < 0 ? r : 1;
    /* One that is larger than a chunk. */
    if (!record_read_head(o->reader.window.data, o->reader.window.len, ret) ||
        ret->size <= READ_CHUNK)
        return 0;
    r = load_window(o, ret->size, e);
    return r < 0 ? r : in_window(o, ret);
}

static const struct outbox_file *file_of(const struct outbox *o, uint64_t seq)
{
    unsigned i = o->n - 1;

    while (i > 0 && o->files[i].before >= seq)
        i--;
    return &o->files[i];
}

/* Puts the cursor on the first event >= from of its file. */
static int seek(struct outbox *o, const struct outbox_file *f, uint64_t from, struct err *e)
{
    CLEANUP(freep) char *path = place_path(&o->place, "outbox", f->number);
    struct record rec;

    if (o->reader.fd >= 0)
        close(o->reader.fd);
    o->reader.file = 0;
    o->reader.fd = open(path, O_RDONLY | O_CLOEXEC);
    if (o->reader.fd < 0)
        return err_errno(e, "open %s", path);
    o->reader.base = 0;
    o->reader.at = 0;
    buf_reset(&o->reader.window);
    int r = peek(o, &rec, e);
    while (r > 0 && (rec.kind == RECORD_FILE || rec.number < from)) {
        o->reader.at += rec.size;
        r = peek(o, &rec, e);
    }
    o->reader.next = from;
    o->reader.file = f->number;
    return r < 0 ? r : 0;
}

static int take_events(struct outbox *o, unsigned max, struct arena *a, struct acct_events *ret,
                       struct err *e)
{
    struct record rec;
    int r = 0;

    ret->events.v = arena_calloc(a, max, sizeof *ret->events.v);
    ret->events.n = 0;
    while (ret->events.n < max && (r = peek(o, &rec, e)) > 0) {
        r = wire_unpack(&desc_acct_event, rec.body, rec.len, a, &ret->events.v[ret->events.n], e);
        if (r < 0)
            return err_at(e, r, "outbox.%llu, event %llu", (unsigned long long)o->reader.file,
                          (unsigned long long)rec.number);
        ret->events.n++;
        o->reader.at += rec.size;
        o->reader.next = rec.number + 1;
    }
    return r < 0 ? r : 0;
}

/* Fewer than max at the end of a file too: the reader asks again until there are none. */
int outbox_read(struct outbox *o, uint64_t from, unsigned max, struct arena *a,
                struct acct_events *ret, struct err *e)
{
    int r = write_pending(o, e);

    if (r < 0)
        return r;
    const struct outbox_file *f = file_of(o, from);
    if (o->reader.file != f->number || o->reader.next != from)
        r = seek(o, f, from, e);
    if (r == 0)
        r = take_events(o, max, a, ret, e);
    ret->instance = o->instance;
    return r;
}

void outbox_acked(struct outbox *o, uint64_t seq)
{
    unsigned gone = 0;

    while (o->n - gone > 2 && o->files[gone + 1].before <= seq) {
        place_remove(&o->place, "outbox", o->files[gone].number);
        gone++;
    }
    o->n -= gone;
    memmove(o->files, o->files + gone, o->n * sizeof *o->files);
}
