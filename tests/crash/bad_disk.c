/* A disk that fails; see bad_disk.h.  Files are real, so reading them back needs no seam; beside
 * each lies an image of what would be there after a power cut. */
#include "bad_disk.h"

#include "base/cleanup.h"
#include "base/xalloc.h"
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#define BLOCK 512

struct image {
    char *path;
    int fd;             /* -1 once the descriptor number was used again */
    struct buf durable; /* content at the last sync */
};

static uint64_t next_random(struct bad_disk *b)
{
    b->seed = hash_u64(b->seed + 1);
    return b->seed;
}

/* True: this call shall fail. */
static bool fails(struct bad_disk *b)
{
    b->calls++;
    if (b->fail_at == 0 || b->calls < b->fail_at || (b->calls > b->fail_at && !b->is_sticky))
        return false;
    b->has_failed = true;
    errno = b->code;
    return true;
}

static struct image *image_of(struct bad_disk *b, int fd)
{
    for (unsigned i = 0; i < b->n; i++)
        if (b->images[i].fd == fd)
            return &b->images[i];
    return NULL;
}

static struct image *image_at(struct bad_disk *b, const char *path)
{
    for (unsigned i = 0; i < b->n; i++)
        if (strcmp(b->images[i].path, path) == 0)
            return &b->images[i];
    return NULL;
}

static int bad_open(void *ctx, const char *path, int flags, int mode)
{
    struct bad_disk *b = ctx;

    if (fails(b))
        return -1;
    int fd = open(path, flags | O_CLOEXEC, mode);
    if (fd < 0)
        return -1;
    struct image *old = image_of(b, fd);
    if (old)
        old->fd = -1;
    struct image *im = image_at(b, path);
    if (!im) {
        b->images = xrealloc(b->images, b->n + 1, sizeof *b->images);
        im = &b->images[b->n++];
        *im = (struct image){ .path = xstrdup(path) };
        if (!(flags & O_TRUNC))
            assert(file_read(path, &im->durable, NULL) == 0);
    }
    im->fd = fd;
    return fd;
}

static ssize_t bad_pwrite(void *ctx, int fd, const void *p, size_t len, int64_t at)
{
    struct bad_disk *b = ctx;

    if (!fails(b))
        return pwrite(fd, p, len, at);
    if (b->tears && len > 1)
        assert(pwrite(fd, p, len / 2, at) >= 0);
    errno = b->code;
    return -1;
}

static int bad_fdatasync(void *ctx, int fd)
{
    struct bad_disk *b = ctx;
    struct image *im = image_of(b, fd);

    if (fails(b))
        return -1;
    return im && file_read(im->path, &im->durable, NULL) < 0 ? -1 : 0;
}

static int bad_fallocate(void *ctx, int fd, int64_t len)
{
    return fails(ctx) ? -1 : ftruncate(fd, len);
}

static int bad_ftruncate(void *ctx, int fd, int64_t len)
{
    return fails(ctx) ? -1 : ftruncate(fd, len);
}

static int bad_rename(void *ctx, const char *from, const char *to)
{
    struct bad_disk *b = ctx;

    if (fails(b))
        return -1;
    struct image *target = image_at(b, to);
    struct image *source = image_at(b, from);
    if (target)
        target->path[0] = '\0';
    if (source) {
        free(source->path);
        source->path = xstrdup(to);
    }
    return rename(from, to);
}

static int bad_unlink(void *ctx, const char *path)
{
    struct bad_disk *b = ctx;

    if (fails(b))
        return -1;
    struct image *im = image_at(b, path);
    if (im)
        im->path[0] = '\0';
    return unlink(path);
}

static int bad_fsync_dir(void *ctx, const char *path)
{
    return fails(ctx) ? -1 : 0;
}

static int64_t bad_free_bytes(void *ctx, const char *path)
{
    return 1 << 30;
}

void bad_disk_init(struct bad_disk *b)
{
    *b = (struct bad_disk){
        .ops = { bad_open, bad_pwrite, bad_fdatasync, bad_fallocate, bad_ftruncate, bad_rename,
                 bad_unlink, bad_fsync_dir, bad_free_bytes, b },
        .code = EIO,
    };
}

/* The file as it is, with each block that differs from the synced one reverted by a coin. */
static void cut(struct bad_disk *b, struct image *im)
{
    CLEANUP(buf_fini) struct buf now = { 0 };

    if (im->path[0] == '\0' || file_read(im->path, &now, NULL) < 0)
        return;
    CLEANUP(closep) int fd = open(im->path, O_WRONLY | O_CLOEXEC);
    for (size_t at = 0; at < now.len; at += BLOCK) {
        char zero[BLOCK] = { 0 };
        size_t len = now.len - at < BLOCK ? now.len - at : BLOCK;
        size_t had = im->durable.len > at ? im->durable.len - at : 0;
        if (had > 0)
            memcpy(zero, im->durable.data + at, had < len ? had : len);
        if (next_random(b) & 1)
            assert(pwrite(fd, zero, len, (off_t)at) == (ssize_t)len);
    }
}

void bad_disk_power_cut(struct bad_disk *b)
{
    for (unsigned i = 0; i < b->n; i++)
        cut(b, &b->images[i]);
}

void bad_disk_fini(struct bad_disk *b)
{
    for (unsigned i = 0; i < b->n; i++) {
        free(b->images[i].path);
        buf_fini(&b->images[i].durable);
    }
    free(b->images);
}
