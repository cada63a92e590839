/* Content by key; see blob.h.  A file belongs to one life of the daemon, like a segment of the
 * journal: what a crash tore is behind the last sound head, is named by no fact, and stays where it
 * is. */
#include "journal/blob.h"

#include "base/cleanup.h"
#include "base/map.h"
#include "base/slab.h"
#include "base/xalloc.h"
#include "journal/record.h"
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#define BLOB_FILE_BYTES (64u << 20)
#define BLOB_KIND 1u

struct blob_file {
    uint64_t number;
    int fd;
    uint32_t used;  /* blobs in it with a use */
    uint64_t bytes; /* on disk; the last file may have more pending */
};

struct blob {
    struct slab_ref ref;
    struct blob_file *file;
    uint64_t at; /* of the record */
    uint32_t len;
    uint32_t uses;
};

struct blobs {
    struct place place;
    struct blob_file **files; /* ascending; the last is written when is_writing */
    unsigned n;
    bool is_writing;
    uint64_t last_number; /* of any file that was ever there */
    struct map index;     /* key -> struct blob */
    struct slab blobs;
    struct buf pending; /* behind the last file's bytes */
};

static struct blob *add_blob(struct blobs *b, uint64_t key, struct blob_file *f, uint64_t at,
                             uint32_t len)
{
    struct slab_ref ref;
    struct blob *blob = slab_new(&b->blobs, &ref);

    *blob = (struct blob){ .ref = ref, .file = f, .at = at, .len = len };
    map_put(&b->index, key, blob);
    return blob;
}

static struct blob_file *add_file(struct blobs *b, uint64_t number, int fd)
{
    struct blob_file *f = xcalloc(1, sizeof *f);

    *f = (struct blob_file){ .number = number, .fd = fd };
    b->files = xrealloc(b->files, b->n + 1, sizeof *b->files);
    b->files[b->n++] = f;
    if (number > b->last_number)
        b->last_number = number;
    return f;
}

/* Heads only: the bodies are read when they are needed, and checked then. */
static int scan_file(struct blobs *b, uint64_t number, struct err *e)
{
    CLEANUP(freep) char *path = place_path(&b->place, "blob", number);
    uint8_t head[RECORD_HEAD];
    struct record rec;

    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return err_errno(e, "open %s", path);
    struct blob_file *f = add_file(b, number, fd);
    off_t size = lseek(fd, 0, SEEK_END);
    while (pread(fd, head, sizeof head, (off_t)f->bytes) == sizeof head &&
           record_read_head(head, sizeof head, &rec) && f->bytes + rec.size <= (uint64_t)size) {
        add_blob(b, rec.number, f, f->bytes, rec.len);
        f->bytes += rec.size;
    }
    return 0;
}

int blobs_open(const char *dir, const struct disk *disk, struct blobs **ret, struct err *e)
{
    struct blobs *b = xcalloc(1, sizeof *b);
    struct numbers have = { 0 };

    slab_init(&b->blobs, sizeof(struct blob));
    int r = place_init(&b->place, dir, disk, e);
    if (r == 0)
        r = place_list(&b->place, "blob", &have, e);
    for (unsigned i = 0; r == 0 && i < have.n; i++)
        r = scan_file(b, have.v[i], e);
    free(have.v);
    if (r < 0) {
        blobs_close(b);
        return r;
    }
    *ret = b;
    return 0;
}

void blobs_close(struct blobs *b)
{
    if (!b)
        return;
    for (unsigned i = 0; i < b->n; i++) {
        close(b->files[i]->fd);
        free(b->files[i]);
    }
    free(b->files);
    map_fini(&b->index);
    slab_fini(&b->blobs);
    buf_fini(&b->pending);
    place_fini(&b->place);
    free(b);
}

/* The record of a blob, from the file or from what is not yet written. */
static int read_blob(struct blobs *b, const struct blob *blob, struct buf *ret, struct err *e)
{
    size_t size = (size_t)blob->len + RECORD_HEAD + RECORD_TAIL;

    buf_reset(ret);
    if (blob->at >= blob->file->bytes) {
        buf_put(ret, b->pending.data + (blob->at - blob->file->bytes), size);
        return 0;
    }
    buf_reserve(ret, size);
    ssize_t n = pread(blob->file->fd, ret->data, size, (off_t)blob->at);
    if (n < 0)
        return err_errno(e, "read %s/blob.%llu", b->place.dir,
                         (unsigned long long)blob->file->number);
    ret->len = (size_t)n;
    return 0;
}

int blobs_get(struct blobs *b, uint64_t key, struct arena *a, struct bytes *ret, struct err *e)
{
    CLEANUP(buf_fini) struct buf raw = { 0 };
    const struct blob *blob = map_get(&b->index, key);
    struct record rec;

    if (!blob)
        return err_set(e, ENOENT, "no blob %016llx in %s", (unsigned long long)key, b->place.dir);
    int r = read_blob(b, blob, &raw, e);
    if (r < 0)
        return r;
    if (!record_read(raw.data, raw.len, &rec) || rec.number != key)
        return err_set(e, EBADMSG, "blob %016llx in %s/blob.%llu is damaged",
                       (unsigned long long)key, b->place.dir,
                       (unsigned long long)blob->file->number);
    *ret = (struct bytes){ .p = arena_memdup(a, rec.body, rec.len), .len = rec.len };
    return 0;
}

static bool has_content(struct blobs *b, const struct blob *blob, const void *p, size_t len)
{
    CLEANUP(buf_fini) struct buf raw = { 0 };
    struct record rec;

    return blob->len == len && read_blob(b, blob, &raw, NULL) == 0 &&
           record_read(raw.data, raw.len, &rec) && (len == 0 || memcmp(rec.body, p, len) == 0);
}

static void count_use(struct blob *blob)
{
    if (blob->uses++ == 0)
        blob->file->used++;
}

/* The file that is written; a new one when there is none yet in this life, or the last is full. */
static int file_for_writing(struct blobs *b, struct err *e)
{
    if (b->is_writing && b->files[b->n - 1]->bytes < BLOB_FILE_BYTES)
        return 0;
    assert(b->pending.len == 0);
    uint64_t number = b->last_number + 1;
    int fd = place_create(&b->place, "blob", number);
    if (fd < 0)
        return err_set(e, -fd, "create %s/blob.%llu: %s", b->place.dir, (unsigned long long)number,
                       strerror(-fd));
    if (b->place.disk.fsync_dir(b->place.disk.ctx, b->place.dir) < 0) {
        int r = err_errno(e, "fsync %s", b->place.dir);
        place_remove(&b->place, "blob", number);
        close(fd);
        return r;
    }
    add_file(b, number, fd);
    b->is_writing = true;
    return 0;
}

int blobs_put(struct blobs *b, const void *p, size_t len, uint64_t *ret_key, struct err *e)
{
    uint64_t key = hash_bytes(p, len, 0);
    struct blob *blob;

    /* 0 means "none" to the core.  A damaged or torn blob holds another content, so it is passed
     * over. */
    for (;; key++) {
        blob = key ? map_get(&b->index, key) : NULL;
        if (key && (!blob || has_content(b, blob, p, len)))
            break;
    }
    if (!blob) {
        if (b->pending.len == 0) {
            int r = file_for_writing(b, e);
            if (r < 0)
                return r;
        }
        struct blob_file *f = b->files[b->n - 1];
        size_t at = record_begin(&b->pending, BLOB_KIND, key);
        buf_put(&b->pending, p, len);
        record_end(&b->pending, at, 0);
        blob = add_blob(b, key, f, f->bytes + at, (uint32_t)len);
    }
    count_use(blob);
    *ret_key = key;
    return 0;
}

int blobs_commit(struct blobs *b, struct err *e)
{
    if (b->pending.len == 0)
        return 0;
    struct blob_file *f = b->files[b->n - 1];
    int r = place_write(&b->place, f->fd, b->pending.data, b->pending.len, (int64_t)f->bytes);
    if (r < 0)
        return err_set(e, -r, "write %s/blob.%llu: %s", b->place.dir, (unsigned long long)f->number,
                       strerror(-r));
    if (b->place.disk.fdatasync(b->place.disk.ctx, f->fd) < 0)
        return err_errno(e, "fdatasync %s/blob.%llu", b->place.dir, (unsigned long long)f->number);
    f->bytes += b->pending.len;
    buf_reset(&b->pending);
    return 0;
}

void blobs_use(struct blobs *b, uint64_t key)
{
    struct blob *blob = map_get(&b->index, key);

    if (blob)
        count_use(blob);
}

void blobs_drop(struct blobs *b, uint64_t key)
{
    struct blob *blob = map_get(&b->index, key);

    if (blob && blob->uses > 0 && --blob->uses == 0)
        blob->file->used--;
}

static void forget_file(struct blobs *b, struct blob_file *f)
{
    uint64_t key;
    void *value;

    for (uint32_t at = 0; map_next(&b->index, &at, &key, &value);) {
        struct blob *blob = value;
        if (blob->file != f)
            continue;
        map_del(&b->index, key);
        slab_free(&b->blobs, blob->ref);
    }
    place_remove(&b->place, "blob", f->number);
    close(f->fd);
    free(f);
}

void blobs_sweep(struct blobs *b)
{
    unsigned kept = 0;

    assert(b->pending.len == 0);
    for (unsigned i = 0; i < b->n; i++) {
        bool is_written = b->is_writing && i + 1 == b->n;
        if (b->files[i]->used == 0 && !is_written)
            forget_file(b, b->files[i]);
        else
            b->files[kept++] = b->files[i];
    }
    b->n = kept;
}
