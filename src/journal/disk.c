/* The real disk, and the few compound moves every file of the journal is made with. */
#include "journal/disk.h"

#include "base/cleanup.h"
#include "base/xalloc.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/vfs.h>

static int real_open(void *ctx, const char *path, int flags, int mode)
{
    return open(path, flags | O_CLOEXEC, mode);
}

static ssize_t real_pwrite(void *ctx, int fd, const void *p, size_t len, int64_t at)
{
    return pwrite(fd, p, len, at);
}

static int real_fdatasync(void *ctx, int fd)
{
    return fdatasync(fd);
}

static int real_fallocate(void *ctx, int fd, int64_t len)
{
    return fallocate(fd, 0, 0, len);
}

static int real_ftruncate(void *ctx, int fd, int64_t len)
{
    return ftruncate(fd, len);
}

static int real_rename(void *ctx, const char *from, const char *to)
{
    return rename(from, to);
}

static int real_unlink(void *ctx, const char *path)
{
    return unlink(path);
}

static int real_fsync_dir(void *ctx, const char *path)
{
    CLEANUP(closep) int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    return fd < 0 ? -1 : fsync(fd);
}

static int64_t real_free_bytes(void *ctx, const char *path)
{
    struct statvfs s;

    return statvfs(path, &s) < 0 ? -1 : (int64_t)(s.f_bavail * s.f_frsize);
}

#define OR_REAL(name) (d && d->name ? d->name : real_##name)

static struct disk complete(const struct disk *d)
{
    return (struct disk){
        .open = OR_REAL(open),
        .pwrite = OR_REAL(pwrite),
        .fdatasync = OR_REAL(fdatasync),
        .fallocate = OR_REAL(fallocate),
        .ftruncate = OR_REAL(ftruncate),
        .rename = OR_REAL(rename),
        .unlink = OR_REAL(unlink),
        .fsync_dir = OR_REAL(fsync_dir),
        .free_bytes = OR_REAL(free_bytes),
        .ctx = d ? d->ctx : NULL,
    };
}

/* A directory that anybody may write to would let anybody replace the queue. */
int place_init(struct place *p, const char *dir, const struct disk *disk, struct err *e)
{
    struct stat s;

    if (mkdir(dir, 0700) < 0 && errno != EEXIST)
        return err_errno(e, "mkdir %s", dir);
    if (stat(dir, &s) < 0)
        return err_errno(e, "stat %s", dir);
    if (!S_ISDIR(s.st_mode))
        return err_set(e, ENOTDIR, "%s is not a directory", dir);
    if ((s.st_mode & S_IWOTH) && !(s.st_mode & S_ISVTX))
        return err_set(e, EPERM, "%s may be written to by everybody (mode %04o): chmod o-w %s", dir,
                       s.st_mode & 07777u, dir);
    p->dir = xstrdup(dir);
    p->disk = complete(disk);
    return 0;
}

void place_fini(struct place *p)
{
    free(p->dir);
    p->dir = NULL;
}

char *place_path(const struct place *p, const char *stem, uint64_t number)
{
    return xasprintf("%s/%s.%llu", p->dir, stem, (unsigned long long)number);
}

bool place_is_volatile(const struct place *p)
{
    struct statfs s;

    return statfs(p->dir, &s) == 0 && (s.f_type == TMPFS_MAGIC || s.f_type == RAMFS_MAGIC);
}

static int by_number(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a;
    uint64_t y = *(const uint64_t *)b;

    return (x > y) - (x < y);
}

/* The N of "stem.N"; 0 for every other name.  Numbers start at 1. */
static uint64_t number_of(const char *name, const char *stem)
{
    size_t len = strlen(stem);
    char *end;

    if (strncmp(name, stem, len) != 0 || name[len] != '.' || name[len + 1] < '1' ||
        name[len + 1] > '9')
        return 0;
    uint64_t n = strtoull(name + len + 1, &end, 10);
    return *end == '\0' ? n : 0;
}

int place_list(const struct place *p, const char *stem, struct numbers *ret, struct err *e)
{
    struct dirent *entry;
    struct numbers found = { 0 };
    unsigned cap = 0;

    CLEANUP(closedirp) DIR *d = opendir(p->dir);
    if (!d)
        return err_errno(e, "opendir %s", p->dir);
    while ((entry = readdir(d))) {
        uint64_t n = number_of(entry->d_name, stem);
        if (n == 0)
            continue;
        if (found.n == cap) {
            cap = cap ? cap * 2 : 16;
            found.v = xrealloc(found.v, cap, sizeof *found.v);
        }
        found.v[found.n++] = n;
    }
    if (found.n > 0)
        qsort(found.v, found.n, sizeof *found.v, by_number);
    *ret = found;
    return 0;
}

int place_write(const struct place *p, int fd, const void *data, size_t len, int64_t at)
{
    const uint8_t *from = data;

    while (len > 0) {
        ssize_t n = p->disk.pwrite(p->disk.ctx, fd, from, len, at);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return n < 0 ? -errno : -EIO;
        from += n;
        at += n;
        len -= (size_t)n;
    }
    return 0;
}

int place_create(const struct place *p, const char *stem, uint64_t number)
{
    CLEANUP(freep) char *path = place_path(p, stem, number);
    int fd = p->disk.open(p->disk.ctx, path, O_RDWR | O_CREAT | O_TRUNC, 0600);

    return fd < 0 ? -errno : fd;
}

int place_remove(const struct place *p, const char *stem, uint64_t number)
{
    CLEANUP(freep) char *path = place_path(p, stem, number);

    return p->disk.unlink(p->disk.ctx, path) < 0 ? -errno : 0;
}

int place_replace(const struct place *p, const char *name, const void *data, size_t len,
                  struct err *e)
{
    CLEANUP(freep) char *path = xasprintf("%s/%s", p->dir, name);
    CLEANUP(freep) char *aside = xasprintf("%s/%s.new", p->dir, name);
    CLEANUP(closep) int fd = p->disk.open(p->disk.ctx, aside, O_RDWR | O_CREAT | O_TRUNC, 0600);

    if (fd < 0)
        return err_errno(e, "open %s", aside);
    int r = place_write(p, fd, data, len, 0);
    if (r < 0)
        return err_set(e, -r, "write %s: %s", aside, strerror(-r));
    if (p->disk.fdatasync(p->disk.ctx, fd) < 0)
        return err_errno(e, "fdatasync %s", aside);
    if (p->disk.rename(p->disk.ctx, aside, path) < 0)
        return err_errno(e, "rename %s", aside);
    if (p->disk.fsync_dir(p->disk.ctx, p->dir) < 0)
        return err_errno(e, "fsync %s", p->dir);
    return 0;
}

/* Where the last data of a file ends.  A file system that cannot tell says: at its size. */
static off_t data_end(int fd, off_t size)
{
    off_t end = 0;

    while (end < size) {
        off_t data = lseek(fd, end, SEEK_DATA);
        if (data < 0)
            return errno == ENXIO ? end : size;
        end = lseek(fd, data, SEEK_HOLE);
        if (end < 0)
            return size;
    }
    return end;
}

int file_read(const char *path, struct buf *ret, struct err *e)
{
    struct stat s;

    CLEANUP(closep) int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &s) < 0)
        return err_errno(e, "open %s", path);
    size_t size = (size_t)data_end(fd, s.st_size);
    buf_reset(ret);
    buf_reserve(ret, size);
    while (ret->len < size) {
        ssize_t n = pread(fd, ret->data + ret->len, size - ret->len, (off_t)ret->len);
        if (n < 0)
            return err_errno(e, "read %s", path);
        if (n == 0)
            break;
        ret->len += (size_t)n;
    }
    return 0;
}
