/* Snapshots: the whole state as facts, written by a forked child beside the running journal. */
#include "journal/wal_impl.h"

#include "base/cleanup.h"
#include "base/crc32c.h"
#include "base/xalloc.h"
#include "wire/wire.h"
#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#define CHUNK (1u << 20)

/* The child's side: records gather in a buffer, the buffer goes to the file. */
struct writer {
    struct place *place;
    int fd;
    int64_t at;
    uint64_t count;
    struct buf bytes;
    int code; /* the first failure sticks */
};

/* Rotates, so that the snapshot is the state before the first record of segment *ret_number. */
int wal_snapshot_begin(struct wal *w, uint64_t *ret_number, struct err *e)
{
    assert(w->batch.len == 0);
    int r = wal_rotate(w, e);
    if (r < 0)
        return r;
    *ret_number = w->number;
    w->since_bytes = 0;
    w->since_segments = 0;
    return 0;
}

static void flush(struct writer *out)
{
    if (out->code == 0)
        out->code = place_write(out->place, out->fd, out->bytes.data, out->bytes.len, out->at);
    out->at += (int64_t)out->bytes.len;
    buf_reset(&out->bytes);
}

static void emit(void *ctx, const struct fact *f)
{
    struct writer *out = ctx;
    const struct desc *d = fact_desc(f->kind);

    assert(d);
    size_t at = record_begin(&out->bytes, f->kind, ++out->count);
    wire_pack(d, f->body, &out->bytes);
    record_end(&out->bytes, at, 0);
    if (out->bytes.len >= CHUNK)
        flush(out);
}

static int write_file(struct wal *w, struct writer *out, uint64_t number, wal_dump_fn *dump,
                      void *source)
{
    struct disk *d = &w->place.disk;
    struct record_numbers head = { { number, w->epoch } };

    record_put_numbers(&out->bytes, RECORD_FILE, w->next, head);
    dump(source, emit, out);
    record_put_numbers(&out->bytes, RECORD_END, out->count + 1,
                       (struct record_numbers){ { out->count } });
    flush(out);
    if (out->code == 0 && d->fdatasync(d->ctx, out->fd) < 0)
        out->code = -errno;
    return out->code;
}

int wal_snapshot_write(struct wal *w, uint64_t number, wal_dump_fn *dump, void *source,
                       struct err *e)
{
    struct disk *d = &w->place.disk;
    struct writer out = { .place = &w->place };
    CLEANUP(freep) char *path = place_path(&w->place, "snap", number);
    CLEANUP(freep) char *aside = place_path(&w->place, "snapnew", number);
    CLEANUP(closep) int fd = place_create(&w->place, "snapnew", number);

    out.fd = fd;
    int r = fd < 0 ? fd : write_file(w, &out, number, dump, source);
    buf_fini(&out.bytes);
    if (r == 0 && d->rename(d->ctx, aside, path) < 0)
        r = -errno;
    if (r == 0 && d->fsync_dir(d->ctx, w->place.dir) < 0)
        r = -errno;
    return r < 0 ? err_set(e, -r, "snapshot %s: %s", path, strerror(-r)) : 0;
}

static void remove_below(struct wal *w, const char *stem, uint64_t keep)
{
    struct numbers have = { 0 };
    struct err ignored;

    if (place_list(&w->place, stem, &have, &ignored) < 0)
        return;
    for (unsigned i = 0; i < have.n && have.v[i] < keep; i++)
        place_remove(&w->place, stem, have.v[i]);
    free(have.v);
}

/* Keeps this snapshot, the one before it, and every segment since that one.  What cannot be removed
 * stays until the next time: that is no failure. */
int wal_snapshot_done(struct wal *w, uint64_t number, struct err *e)
{
    unsigned long long n = number;
    char text[64];
    uint64_t older = w->snapshot;

    int len = snprintf(text, sizeof text, "%llu %08x\n", n, crc32c(0, &n, sizeof n));
    int r = place_replace(&w->place, "CURRENT", text, (size_t)len, e);
    if (r < 0)
        return r;
    w->snapshot = number;
    remove_below(w, "snapnew", number + 1);
    if (older == 0)
        return 0;
    remove_below(w, "snap", older);
    remove_below(w, "wal", older);
    return 0;
}

/* ---- reading */

/* Whether every record is sound and the end is there.  A snapshot counts as a whole or not at all.
 */
static bool is_whole(const struct buf *b, uint64_t number, uint64_t *ret_next, uint64_t *ret_epoch)
{
    struct record rec;
    struct record_numbers n;
    uint64_t count = 0;

    if (!record_read(b->data, b->len, &rec) || rec.kind != RECORD_FILE ||
        !record_get_numbers(&rec, &n) || n.v[0] != number)
        return false;
    *ret_next = rec.number;
    *ret_epoch = n.v[1];
    for (size_t at = rec.size; record_read(b->data + at, b->len - at, &rec); at += rec.size) {
        if (rec.number != ++count)
            return false;
        if (rec.kind == RECORD_END)
            return record_get_numbers(&rec, &n) && n.v[0] == count - 1 && at + rec.size == b->len;
    }
    return false;
}

static int apply_facts(struct replay *r, const struct buf *b, struct err *e)
{
    struct record rec;

    for (size_t at = 0; record_read(b->data + at, b->len - at, &rec); at += rec.size) {
        if (rec.kind == RECORD_FILE || rec.kind == RECORD_END)
            continue;
        int code = replay_record(r, &rec, e);
        if (code < 0)
            return code;
    }
    return 0;
}

int snapshot_read(struct replay *r, uint64_t number, uint64_t *ret_next, struct err *e)
{
    CLEANUP(buf_fini) struct buf bytes = { 0 };
    CLEANUP(freep) char *path = place_path(&r->wal->place, "snap", number);
    uint64_t next;
    uint64_t epoch;

    int code = file_read(path, &bytes, e);
    if (code < 0)
        return code;
    if (!is_whole(&bytes, number, &next, &epoch))
        return err_set(e, EBADMSG, "snap.%llu is damaged", (unsigned long long)number);
    code = apply_facts(r, &bytes, e);
    if (code < 0)
        return err_at(e, code, "%s", path);
    if (epoch > r->wal->epoch)
        r->wal->epoch = epoch;
    *ret_next = next;
    return 0;
}
